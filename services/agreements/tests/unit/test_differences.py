"""What differs between two versions, in sentences."""

import copy
import json
from pathlib import Path

import pytest

from agreements.records.domain.drafting import next_version
from agreements.records.domain.terms.differences import SECTIONS, differences
from services.agreements.tests.facts import CSU, approved, line, new_id, snapshot

ROOT = Path(__file__).parents[4]
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


FLOW = {"from": CSU, "to": "RFF", "level": "PSEUDO_ANONYMISED", "onward": True}
BRIDGING = {
    "key": "bridging_file",
    "agreement": "DARS-NIC-654321-Z9Y8X",
    "data_sets": ["SUS_APC"],
    "mitigation": "One team.",
    "from": "2018-04-01",
}
FILTER = {"column": "Sex", "any_of": ["1"]}


@pytest.mark.parametrize(
    ("changes", "annex", "sentence"),
    [
        (
            {"controllers": [snapshot()["controllers"][0] | {"gdpr_article_6": ["6(1)(c)"]}]},
            "parties",
            "Of 02P, gdpr article 6 is 6(1)(c); it was 6(1)(e).",
        ),
        (
            {"assurance": []},
            "parties",
            "DSPT 17/18 of 0DF is no evidence of security any more.",
        ),
        (
            {"ico_registrations": []},
            "parties",
            "Z1234567 of 02P, until 2019-03-31, is no registration any more.",
        ),
        (
            {"lines": [line(1) | {"filters": [FILTER]}, line(2, "DIDS")]},
            "B",
            (
                "In SUS_APC for COM (PSEUDO_ANONYMISED), filters is column Sex, any of 1; it was"
                " not given."
            ),
        ),
        (
            {"linkage": [*snapshot()["linkage"], BRIDGING]},
            "E",
            (
                "SUS_APC by bridging_file with DARS-NIC-654321-Z9Y8X, from 2018-04-01 to the end"
                " is a linkage now."
            ),
        ),
        (
            {"linkage": [snapshot()["linkage"][0] | {"mitigation": "A separate team."}]},
            "E",
            "SUS_APC and DIDS by person is written anew.",
        ),
    ],
)
def test_every_kind_of_content_is_told(changes, annex, sentence):
    assert said(**changes) == [(annex, sentence)]


def test_what_may_go_on_is_told_as_a_flow():
    flows = {"activities": "Counting admissions", "flows": [FLOW]}

    assert said(sections=snapshot()["sections"] | {"10": flows}) == [
        ("A", "Section 10, the processing, is written anew."),
        ("E", "PSEUDO_ANONYMISED from 0DF to RFF, onward, is a flow now."),
    ]


WHOLE = snapshot(
    locations=[PLACE],
    linkage=[*snapshot()["linkage"], BRIDGING],
    special_conditions=[CONDITION],
    lines=[line(1) | {"filters": [FILTER], "min_group_size": 5}, line(2, "DIDS")],
    sections={
        **{str(number): {"said": "x"} for number in range(1, 21)},
        "10": {"activities": "Counting", "flows": [FLOW]},
    },
)
NAMES = {"schema", "application_id", "reference", "version", "revision", "kind"}


def leaves(value, at=()):
    """Each value of a snapshot that is none of several, with the way to it."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*at, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from leaves(one, (*at, place))
    else:
        yield at


def otherwise(value):
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return "given"
        case str() if len(value) == 10 and value[4:8:3] == "--":
            return f"{int(value[:4]) + 1}{value[4:]}"
        case _:
            return f"{value}x"


def test_no_value_of_a_snapshot_is_otherwise_without_a_sentence():
    """Guard: `TOLD_APART`; what is added to a snapshot is told, and not passed over."""
    former = next_version(approved(**WHOLE), new_id=new_id)
    for at in leaves(WHOLE):
        if at[0] in NAMES or (at[0] == "lines" and at[-1] == "number"):
            continue
        changed = copy.deepcopy(WHOLE)
        place = changed
        for step in at[:-1]:
            place = place[step]
        place[at[-1]] = otherwise(place[at[-1]])
        later = next_version(approved(**changed | {"version": "v0.1"}), new_id=new_id)

        assert differences(former, later), at


def test_the_snapshot_has_no_member_that_is_not_known_here():
    schema = json.loads((ROOT / "contracts/applications/snapshot.v1.schema.json").read_text())

    assert set(schema["properties"]) == set(WHOLE)
    sections = schema["$defs"]["Sections"]["properties"]
    assert set(sections) == {*SECTIONS}
