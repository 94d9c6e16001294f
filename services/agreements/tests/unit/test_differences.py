"""What differs between two versions, in sentences."""

import pytest

from agreements.records.domain.drafting import next_version
from agreements.records.domain.terms.differences import differences
from services.agreements.tests.facts import CSU, approved, line, new_id, snapshot

GONE = "no line any more: what was released under it has to be destroyed."
PLACE = {
    "address": "1 High Street",
    "postcode": "SO53 3YA",
    "country": "GB-ENG",
    "operator": CSU,
    "kinds": ["storage", "backup"],
}
CONDITION = {"id": "c1", "text": "Publish the notice", "due": "2018-07-01", "owner": "02P"}


def said(**changes):
    former, later = (
        next_version(approved(**some), new_id=new_id)
        for some in ({}, {"version": "v0.1", **changes})
    )
    return [(one.annex.value, one.sentence) for one in differences(former, later)]


def test_of_the_same_nothing_is_said():
    assert said() == []


@pytest.mark.parametrize(
    ("changes", "annex", "sentence"),
    [
        ({"end": "2020-03-31"}, "header", "The last day is 2020-03-31; it was 2021-03-31."),
        ({"sub_licence": True}, "header", "Sub licence is yes; it was no."),
        (
            {"processors": []},
            "parties",
            "South Central and West CSU (0DF) is no processor any more.",
        ),
        (
            {"sections": snapshot()["sections"] | {"12": {"benefits": []}}},
            "A",
            "Section 12, the benefits, is written anew.",
        ),
        (
            {"lines": [line(1)]},
            "B",
            f"DIDS for COM (PSEUDO_ANONYMISED) is {GONE}",
        ),
        (
            {"lines": [line(1), line(2, "DIDS"), line(3, "SUS_OP")]},
            "B",
            "SUS_OP for COM (PSEUDO_ANONYMISED) is a line now, number 3.",
        ),
        (
            {"lines": [line(1) | {"fields": [{"name": "Age"}]}, line(2, "DIDS")]},
            "B",
            "In SUS_APC for COM (PSEUDO_ANONYMISED), fields: Age added; Sex taken out.",
        ),
        (
            {"lines": [line(1) | {"frequency": "yearly"}, line(2, "DIDS")]},
            "B",
            "In SUS_APC for COM (PSEUDO_ANONYMISED), frequency is yearly; it was monthly.",
        ),
        (
            {"locations": [PLACE]},
            "D",
            "1 High Street, SO53 3YA, GB-ENG (storage and backup), of 0DF, is a place now.",
        ),
        ({"linkage": []}, "E", "SUS_APC and DIDS by person is no linkage any more."),
        ({"special_conditions": [CONDITION]}, "F", "Condition c1 is added, due 2018-07-01."),
    ],
)
def test_a_change_is_one_sentence_of_its_annex(changes, annex, sentence):
    assert said(**changes) == [(annex, sentence)]
