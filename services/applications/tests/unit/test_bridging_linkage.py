"""Section 10 may say that pseudonyms are paired with those of another agreement."""

import pytest
from pydantic import ValidationError

from applications.domain.sections.purposes import Linkage
from services.applications.tests.unit.test_checks import edited, examine, refusing

PAIRED = {
    "data_sets": ["SUS_APC", "DIDS"],
    "key": "bridging_file",
    "agreement": "DARS-NIC-654321-Z9Y8X",
    "from": "2018-04-01",
    "mitigation": "One team, one environment.",
}


def paired(**changes):
    return edited([10, "linkage"], [PAIRED | changes])


def test_the_data_sets_of_the_other_agreement_need_no_line_here():
    assert examine(paired()) == ()
    assert examine(paired(data_sets=["SUS_APC"])) == ()
    assert refusing(paired(data_sets=["DIDS"])) == ["LINKED_DATA_SET_NOT_ASKED_FOR"]
    assert refusing(paired(mitigation="")) == ["MITIGATION_MISSING"]


@pytest.mark.parametrize(
    "changes",
    [
        {"agreement": None},
        {"from": None},
        {"to": "2018-03-31"},
        {"agreement": "the other one"},
        {"key": "person"},
        {"key": "person", "agreement": None, "from": None, "data_sets": ["SUS_APC"]},
        {"key": "person", "agreement": None, "from": None, "to": "2019-03-31"},
    ],
)
def test_a_linkage_says_what_its_key_needs_and_nothing_else(changes):
    said = {name: value for name, value in (PAIRED | changes).items() if value is not None}

    with pytest.raises(ValidationError):
        Linkage.model_validate(said)


def test_what_is_linked_by_equal_pseudonyms_is_written_as_ever():
    by_person = Linkage.model_validate({"data_sets": ["SUS_APC", "DIDS"], "mitigation": "x"})

    assert by_person.model_dump(mode="json", by_alias=True) == {
        "data_sets": ["SUS_APC", "DIDS"],
        "key": "person",
        "mitigation": "x",
    }
    assert Linkage.model_validate(PAIRED).model_dump(mode="json", by_alias=True) == PAIRED
