"""Agreements are found by what a version of them says, and by nobody whom they do not concern."""

import pytest

from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, line, snapshot

ONE, TWO, THREE = (f"DARS-NIC-12345{n}-A1B2C" for n in range(3))
PATH = "/v1/agreements"


def party(of, ods, name):
    """Another organisation with all else that the snapshot says of one."""
    return snapshot()[of][0] | {"ods": ods, "legal_name": name}


@pytest.fixture
def three(seeded):
    """One in force, two drafted; the third was amended to another processor and data set."""
    seeded.active(reference=ONE, title="Beds_in use", end="2020-03-31")
    seeded.draft(
        reference=TWO,
        title="100% of beds",
        lines=[line(1, "DIDS", purpose="RS"), line(2, "MHSDS")],
        controllers=[party("controllers", OTHER_CCG, "NHS Northumberland CCG")],
        end="2019-06-30",
    )
    seeded.draft(reference=THREE, title="Maternity", lines=[line(1, "MSDS")])
    seeded.draft(
        reference=THREE,
        version="v1.0",
        kind="amendment",
        title="Births",
        lines=[line(1, "CSDS")],
        processors=[party("processors", OTHER_CSU, "Midlands and Lancashire CSU")],
        end="2022-03-31",
    )
    return seeded


def found(service, role=Role.CONTRACT_MANAGER, ods=None, **params):
    answer = service.get(PATH, role, ods, **params)
    assert answer.status_code == 200, answer.text
    return [one["reference"] for one in answer.json()["items"]]


def test_each_question_is_answered_by_what_one_version_says(three):
    def all_of(**params):
        return found(three, **params)

    assert all_of() == [ONE, TWO, THREE]
    # A text: of the reference, the title or the name of a party, and a wildcard is itself.
    assert all_of(text="nic-123451") == [TWO]
    assert all_of(text="BEDS") == [ONE, TWO]
    assert all_of(text="Beds_") == [ONE]
    assert all_of(text="0% of") == [TWO]
    assert all_of(text="__") == all_of(text="%%") == []
    assert all_of(text="northumberland") == [TWO]
    assert all_of(text="maternity") == all_of(text="births") == [THREE]
    # Parties, each in its capacity.
    assert all_of(controller=OTHER_CCG) == [TWO]
    assert all_of(processor=OTHER_CCG) == []
    assert all_of(processor=OTHER_CSU) == [THREE]
    assert all_of(processor=CSU) == [ONE, TWO, THREE]
    # Lines: purpose and data set of the same one.
    assert all_of(data_set="DIDS") == [ONE, TWO]
    assert all_of(data_set="DIDS", purpose="RS") == [TWO]
    assert all_of(data_set="MHSDS", purpose="RS") == []
    # Days and states.
    assert all_of(ends_until="2020-03-31") == [ONE, TWO]
    assert all_of(ends_from="2020-03-31", ends_until="2021-03-31") == [ONE, THREE]
    assert all_of(ends_from="2022-04-01") == []
    assert all_of(state="ACTIVE") == [ONE]
    assert all_of(state=["ACTIVE", "AWAITING_SIGNATURE"]) == [ONE, TWO, THREE]
    # All of it is said by one version: the former processor is not that of the new data set.
    assert all_of(processor=CSU, data_set="MSDS") == [THREE]
    assert all_of(processor=CSU, data_set="CSDS") == []


def test_a_search_goes_on_from_page_to_page_and_says_what_is_as_sealed(three):
    query = {"data_set": "DIDS", "limit": 1}
    first = three.get(PATH, Role.CONTRACT_MANAGER, **query).json()
    second = three.get(PATH, Role.CONTRACT_MANAGER, **query, after=first["next"]).json()

    assert [one["reference"] for one in first["items"] + second["items"]] == [ONE, TWO]
    assert [one["not_as_sealed"] for one in first["items"] + second["items"]] == [[], []]
    assert second["next"] is None


def test_nobody_finds_what_does_not_concern_them(three):
    for role, ods in ((Role.CONTROLLER_SIGNATORY, CCG), (Role.CSU_ADVISER, OTHER_CSU)):
        own = found(three, role, ods)
        assert TWO not in own
        assert found(three, role, ods, controller=OTHER_CCG) == []
        assert found(three, role, ods, text="beds") == [one for one in own if one == ONE]
    assert found(three, Role.CSU_ADVISER, OTHER_CSU) == [THREE]


def test_an_organisation_is_found_under_its_longer_code_and_by_it(three):
    sub_icb = "02P00"
    assert found(three, controller=CCG) == [ONE, THREE]
    assert found(three, controller=sub_icb) == [ONE, THREE]


@pytest.mark.parametrize(
    "query",
    [
        {"text": "x"},
        {"text": "x" * 101},
        {"text": "about 999 000 0018"},
        {"controller": "02p"},
        {"data_set": "sus"},
        {"purpose": "MONEY"},
        {"state": "active"},
        {"ends_from": "tomorrow"},
        {"ends_until": "1066-10-14"},
    ],
)
def test_what_cannot_be_searched_for_is_refused(seeded, query):
    assert seeded.get(PATH, Role.CONTRACT_MANAGER, **query).status_code == 422
