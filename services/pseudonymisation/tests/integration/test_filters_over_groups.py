"""Rows of several groups, filtered by what they are and by what they belong to (docs/adr/0202).

The oracle looks at each row that was sent, and at what it names, in Python.
"""

from typing import Any

import pytest

from common.errors import Refused
from pseudonymisation.preparations.domain.errors import FailureCode
from pseudonymisation.preparations.domain.preparation import PreparationState
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_bridging_files import VISITS, bridge_to
from services.pseudonymisation.tests.integration.test_change_sets_of_landed import files
from services.pseudonymisation.tests.integration.test_several_tables import (
    CODES,
    CSDS,
    asked,
    prepared,
    read,
    submit,
    without,
)
from services.pseudonymisation.tests.integration.test_tables_of_groups import (
    ask,
    counts,
    frame,
    lines,
    of,
)
from services.pseudonymisation.tests.several_tables import (
    ACTIVE,
    ASKED,
    MONTH,
    REFERRED,
    WHO,
    Expected,
    Row,
    activity,
    contact,
    tables,
)

__all__ = ["dissemination"]

MEN = {"column": "Referrals.Gender", "any_of": ["1"]}
ADULTS = {"column": "Referrals.AgeYr_RP_StartDate", "at_least": 18}
OLDEST = {"column": "Referrals.AgeYr_RP_StartDate", "at_least": 95}
AT_THE_CAP = {"column": "Referrals.AgeYr_RP_StartDate", "at_least": 90}
SOON = {"column": "Referrals.Priority_Type", "any_of": ["1"]}
FACE_TO_FACE = {"column": "Care_Activities.Consultation_Type", "any_of": ["01"]}
LARGE = {"column": "Group_Sessions.NumberOfParticipants", "at_least": 8}
BELOW = [name for name in ASKED if name != "Group_Sessions"]
ACTIVITIES = ["Care_Activities", "Assessments"]
NEAR = ["Referrals", "Care_Activities"]
CHOSEN = [
    ([SOON, MEN], BELOW),
    ([OLDEST], NEAR),
    ([AT_THE_CAP], NEAR),
    ([FACE_TO_FACE, MEN, SOON], ACTIVITIES),
    ([FACE_TO_FACE], ACTIVITIES),
    ([LARGE], ["Group_Sessions"]),
]


def sent() -> dict[str, list[Row]]:
    """Both sexes, one of the oldest, referrals with two kinds of contact and with none."""
    found = tables()
    for who, gender in zip(found["CYP001"], "121", strict=True):
        who["Gender"] = gender
    found["CYP001"][2]["DateOfBirth"] = "1920-03-02"
    found["CYP101"][1]["Priority_Type"] = "2"
    found["CYP201"] += [contact("C5", "R1", Consultation_Type="02"), contact("C6", "R4")]
    found["CYP202"] += [activity("A5", "C5"), activity("A6", "C6")]
    found["CYP612"].append(found["CYP612"][0] | {ACTIVE: "RR8A5"})
    found["CYP301"][1]["NumberOfParticipants"] = "12"
    return found


def test_rows_of_each_group_are_those_whose_own_and_what_they_belong_to_pass(
    intake, dissemination
) -> None:
    """And nobody's row is there whose parent is left out; a change set is of the same rows."""
    rows = sent()
    assert submit(intake, rows)["state"] == "accepted"
    expected, left_out = Expected(rows, CODES), set()
    for filters, groups in CHOSEN:
        fields = {n: t for n, t in asked().items() if n.partition(".")[0] in groups}
        found = read(dissemination, prepared(dissemination, fields, filters=filters))

        assert set(found) == set(groups)
        for group in groups:
            told = list(expected.chosen(group, ASKED[group], filters))
            assert without(found[group], WHO, REFERRED, ACTIVE) == without(
                told, WHO, REFERRED, ACTIVE
            ), (filters, group)
            whole = list(expected.rows(group, ASKED[group]))
            left_out |= {group} if 0 < len(told) < len(whole) else set()
    assert left_out >= {"Referrals", *ACTIVITIES, "Group_Sessions"}

    fields = {n: t for n, t in asked().items() if not n.startswith("Group_Sessions.")}
    first = prepared(dissemination, fields, filters=[MEN])
    rows["CYP101"][2]["Priority_Type"] = "3"  # of a woman, whom the filter leaves out
    rows["CYP101"][0]["Priority_Type"] = "3"
    assert submit(intake, rows)["state"] == "accepted"
    since = {"changes_since": first.permit.extract_id}
    made = files(dissemination, prepared(dissemination, fields, filters=[MEN], **since))
    assert [one["Change"] for one in made["Referrals", True][1]] == ["changed"]
    assert made["Care_Activities", True][1] == []


@pytest.mark.parametrize(
    ("fields", "filters", "named"),
    [
        (["Referrals.Gender", "Care_Activities.Activity_Type"], [FACE_TO_FACE], FACE_TO_FACE),
        (["Referrals.Gender", "Group_Sessions.GroupSession_Type"], [MEN], MEN),
        (["Referrals.Gender"], [LARGE], LARGE),
    ],
)
def test_a_permit_for_a_group_whose_rows_a_filter_cannot_choose_is_not_taken(
    dissemination, fields: list[str], filters: list[dict[str, Any]], named: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        prepared(dissemination, dict.fromkeys(fields, "as_is"), filters=filters)

    assert [(one.code, one.subject) for one in refused.value.refusals] == [
        ("FILTER_NOT_ALLOWED", named["column"])
    ]


@pytest.mark.scenario("D05")
def test_rows_that_are_counted_are_chosen_by_what_they_belong_to(intake, dissemination) -> None:
    """Against pandas; and beside tables of other rows, as a flat table is."""
    rows = sent()
    assert submit(intake, rows)["state"] == "accepted"

    def protected(measure: str, *filters: dict[str, Any]) -> Any:
        return ask(
            dissemination,
            measure,
            "Referrals.Priority_Type",
            disclosure="protected",
            filters=list(filters),
        )

    every = protected("Care_Activities.records")
    assert lines(dissemination, every)[("Total",)]
    some = protected("Care_Activities.records", MEN)
    assert (some.state, some.code) == (PreparationState.PREPARED, None)
    assert protected("Care_Activities.people", MEN).state is PreparationState.PREPARED
    # Rows to which activities belong are no more than these: of other rows nobody can say it.
    having = protected("Referrals.with_care_activities", MEN)
    assert (having.state, having.code) == (
        PreparationState.FAILED,
        FailureCode.TABLE_WOULD_REVEAL,
    )
    assert having.subject == every.permit.extract_id
    # Of people, other rows are no part of the same people: neither in a group, nor in two.
    for measure in ("Care_Activities.people", "Referrals.people"):
        other = protected(measure)
        assert (other.state, other.code) == (
            PreparationState.FAILED,
            FailureCode.TABLE_WOULD_REVEAL,
        ), measure
    assert protected("Referrals.people", MEN).state is PreparationState.PREPARED
    # Whoever has a right to small numbers is told exact ones.
    men = [one["LocalPatientID"] for one in rows["CYP001"] if one["Gender"] == "1"]
    of_men = {one[REFERRED] for one in rows["CYP101"] if one["LocalPatientID"] in men}
    acted = frame(rows, "Care_Activities", REFERRED, "Consultation_Type")
    referred = frame(rows, "Referrals", REFERRED, "Priority_Type", "Gender")

    assert counts(
        dissemination, "Care_Activities.records", "Care_Activities.Consultation_Type", filters=[MEN]
    ) == of(acted[acted[REFERRED].isin(of_men)].Consultation_Type.value_counts())
    assert counts(dissemination, "Referrals.records", "Referrals.Gender", filters=[ADULTS]) == of(
        referred[referred[REFERRED].isin(["RR8R3", "RR8R4"])].Gender.value_counts()
    )


def test_nobody_is_chosen_for_a_bridging_file_by_a_column_of_one_group(dissemination) -> None:
    """Its people are those of all groups together."""
    with pytest.raises(Refused) as refused:
        dissemination.prepare(
            CSDS,
            {},
            periods=[MONTH],
            codes=CODES,
            reasons="GHC",
            formats=("parquet",),
            filters=[MEN],
            bridge=bridge_to(VISITS),
        )

    assert [(one.code, one.subject) for one in refused.value.refusals] == [
        ("FILTER_NOT_ALLOWED", MEN["column"])
    ]
