"""Tables over data sets of several tables: counted, held against pandas, protected, refused."""

import csv
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import catalogue
from common.security.keys import ATTESTATION, SignedVerifier
from dsfc_testing.clock import FakeClock
from pseudonymisation.preparations.domain.errors import FailureCode
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.domain.tables import across
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_several_tables import CSDS, submit
from services.pseudonymisation.tests.integration.test_two_people import BABIES, MOTHERS, MSDS, land
from services.pseudonymisation.tests.integration.test_two_people import MONTH as BIRTHS
from services.pseudonymisation.tests.several_tables import (
    ACTIVE,
    MONTH,
    PERSONS,
    REFERRED,
    WHO,
    Expected,
    Row,
    activity,
    contact,
    diagnosis,
    person,
    referral,
    score,
    tables,
)
from statements.attestation import Attestation

__all__ = ["dissemination"]

SUPPRESSED, BY_RIGHT = "AGGREGATE_SUPPRESSED", "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
EVERYBODY = ["02P", "00L", "26A"]


def ask(
    dissemination: Any,
    measure: str,
    *columns: str,
    disclosure: str = "exact",
    data_set: catalogue.DataSet = CSDS,
    period: str = MONTH,
    codes: Sequence[str] = ("02P",),
    **more: Any,
) -> Any:
    """Have a table made; return its preparation."""
    table: dict[str, Any] = {
        "measure": measure,
        "dimensions": [{"column": column, "within": []} for column in columns],
        "disclosure": disclosure,
    }
    table |= {name: more.pop(name) for name in ("further_measures",) if name in more}
    return dissemination.prepare(
        data_set,
        {
            name: data_set.releasable(name).treatments[0].value
            for name in columns
            if not name.startswith("Period_")
        },
        periods=[period],
        codes=list(codes),
        reasons="SPGHRC",
        formats=("csv",),
        classification=BY_RIGHT if disclosure == "exact" else SUPPRESSED,
        disclosure_rule=data_set.disclosure_rule,
        table=table,
        **more,
    )


def lines(dissemination: Any, made: Any) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The numbers of each line, by its labels."""
    assert (made.state, made.code) == (PreparationState.PREPARED, None), made.subject
    text = dissemination.path(made.files[0]).read_text("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    labels = len(attested(dissemination, made).table.dimensions)
    width = len(rows[0])
    return {tuple(r[:labels]): tuple(r[labels:]) for r in rows[1:] if len(r) == width}


def counts(dissemination: Any, *asked: str, **more: Any) -> dict[tuple[str, ...], int]:
    found = lines(dissemination, ask(dissemination, *asked, **more))
    return {labels: int(number) for labels, (number, *_) in found.items() if number != "0"}


def attested(dissemination: Any, made: Any) -> Attestation:
    verifier = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    )
    return Attestation.read(verifier.verify(made.files[0].attestation))


# --- CSDS, against pandas ---------------------------------------------------------------------


def many() -> dict[str, list[Row]]:
    """Referrals with no contact and with several, contacts with no activity and with several."""
    sent: dict[str, list[Row]] = {name: [] for name in tables()}
    genders = zip(PERSONS, "121", strict=True)
    sent["CYP001"] = [person(local) | {"Gender": gender} for local, gender in genders]
    sent["CYP002"] = tables()["CYP002"]
    for n in range(24):
        local = list(PERSONS)[n * n % 3]
        sent["CYP101"].append(
            referral(
                local,
                f"R{n}",
                Priority_Type=str(1 + n % 3),
                OrgID_Commissioner="02P" if n % 5 else "00L",
                OrgID_Referring="9990000018" if n == 1 else "R0A",
            )
        )
        for c in range(n % 4):
            way, met = str(1 + (n + c) % 2), f"C{n}x{c}"
            sent["CYP201"].append(
                contact(
                    met,
                    f"R{n}",
                    Consultation_Type=f"0{way}",
                    OrgID_Commissioner_Contact="" if c else "02P",
                    AttendanceStatus=str(5 + (n + c) % 3),
                )
            )
            for a in range((n + c) % 3):
                done = f"A{n}x{c}x{a}"
                sent["CYP202"].append(activity(done, met, Activity_Type=f"0{1 + (n + a) % 2}"))
                if a:
                    sent["CYP612"].append(score(Unique_CareActivityID=f"RR8{done}"))
        if n % 5 == 0:
            sent["CYP607"].append(diagnosis(f"R{n}", "Primary", "44054006"))
    return {name: rows for name, rows in sent.items() if rows}


def frame(
    sent: Mapping[str, Sequence[Row]], group: str, *columns: str, codes: Sequence[str] = ("02P",)
) -> pd.DataFrame:
    return pd.DataFrame(Expected(sent, list(codes)).rows(group, columns))


def of(found: "pd.Series[int]") -> dict[tuple[str, ...], int]:
    """Counts with totals over each of two dimensions, or of one, as a table has them."""
    told: dict[tuple[str, ...], int] = {}
    for labels, number in found.items():
        names = labels if isinstance(labels, tuple) else (labels,)
        for at in range(2 ** len(names)):
            cell = tuple("Total" if at >> i & 1 else str(n) for i, n in enumerate(names))
            told[cell] = told.get(cell, 0) + int(number)
    return told


@pytest.mark.long
def test_counts_over_groups_are_those_of_pandas_however_much_a_join_would_fan_out(
    intake, dissemination
) -> None:
    sent = many()
    assert submit(intake, sent)["state"] == "accepted"
    _is_held_against_the_same_group(dissemination)
    referred = frame(sent, "Referrals", REFERRED, "Gender", "Priority_Type")
    acted = frame(sent, "Care_Activities", REFERRED, ACTIVE, "Consultation_Type", "Activity_Type")
    scored = frame(sent, "Assessments", REFERRED, ACTIVE)
    everybody = [
        frame(sent, group, *columns, codes=EVERYBODY)
        for group, columns in {
            "Referrals": (REFERRED, "Gender", "Priority_Type"),
            "Care_Activities": (REFERRED, ACTIVE, "Consultation_Type"),
        }.items()
    ]
    # What a row belongs to may be another commissioner's: what it says of the row is the same.
    beside = acted.merge(everybody[0], on=REFERRED, how="left", validate="many_to_one")
    above = scored.merge(everybody[1], on=ACTIVE, how="left", validate="many_to_one")
    seen = referred[referred[REFERRED].isin(everybody[1][REFERRED])]
    assert not set(acted[REFERRED]) <= set(referred[REFERRED])
    assert len(acted) > len(seen) > 0
    assert len(referred) > len(seen)

    def counted(*asked: str) -> dict[tuple[str, ...], int]:
        return counts(dissemination, *asked)

    # Rows of the group, by columns of its own, and by those of what they belong to.
    assert counted("Referrals.records", "Referrals.Gender") == of(referred.Gender.value_counts())
    assert counted(
        "Care_Activities.records", "Care_Activities.Consultation_Type", "Referrals.Gender"
    ) == of(beside.groupby(["Consultation_Type", "Gender"]).size())
    assert counted("Care_Activities.records", "Referrals.Priority_Type") == of(
        beside.Priority_Type.value_counts()
    )
    assert counted("Assessments.records", "Care_Activities.Consultation_Type") == of(
        above.Consultation_Type.value_counts()
    )
    # Referrals once each, whatever belongs to them.
    assert counted("Referrals.with_care_activities", "Referrals.Priority_Type") == of(
        seen.Priority_Type.value_counts()
    )
    # People once each, in the whole; by what all rows of each have alike, in every category.
    assert counted("Referrals.people", "Referrals.Gender") == of(
        referred.drop_duplicates(WHO).Gender.value_counts()
    )
    assert counted("Care_Activities.people", "Referrals.Gender") == of(
        beside.drop_duplicates(f"{WHO}_x").Gender.value_counts()
    )
    assert counted("Group_Sessions.records", "Group_Sessions.GroupSession_Type") == {}
    _says_what_one_is(dissemination)
    referring = counted("Care_Activities.records", "Referrals.OrgID_Referring")
    assert {label for (label,) in referring} == {"R0A", "_<NHS_No>_", "Total"}
    for measure, column, further, code, subject in UNSUITABLE:
        made = ask(dissemination, measure, column, further_measures=further)
        assert (made.state, made.code, made.subject) == (
            PreparationState.FAILED,
            FailureCode(code),
            subject,
        ), measure


def _says_what_one_is(dissemination: Any) -> None:
    """In the file, and in what is vouched for: which is in the manifest as well."""
    made = ask(
        dissemination,
        "Referrals.records",
        "Referrals.Gender",
        further_measures=["Referrals.people", "Referrals.with_care_activities"],
    )

    said = attested(dissemination, made).table
    assert said.measure == "Referrals.records"
    assert said.further_measures == ("Referrals.people", "Referrals.with_care_activities")
    assert said.dimensions[0].column == "Referrals.Gender"
    first = "one record per referral, per person, per provider"
    assert said.grains == (
        first,
        f"person whom rows are about, by the first {first}",
        f"{first}, to which rows of Care_Activities belong",
    )
    text = dissemination.path(made.files[0]).read_text("utf-8-sig")
    assert "Referrals.people: one is a person whom rows are about" in text
    assert attested(dissemination, made).scan.columns == ("Referrals.Gender",)


def _is_held_against_the_same_group(dissemination: Any) -> None:
    """Referrals less those with an activity are those without: parts of the same records."""

    def protected(measure: str) -> Any:
        made = ask(dissemination, measure, "Referrals.Gender", disclosure="protected")
        assert (made.state, made.code) == (PreparationState.PREPARED, None), made.subject
        return made

    first = protected("Referrals.records")
    apart = protected("Care_Activities.records")
    second = protected("Referrals.with_care_activities")
    third = protected("Referrals.people")

    assert attested(dissemination, apart).table.earlier == ()
    assert attested(dissemination, second).table.earlier == (first.permit.extract_id,)
    assert set(attested(dissemination, third).table.earlier) == {
        first.permit.extract_id,
        second.permit.extract_id,
    }


def test_people_of_two_groups_are_held_against_one_another(
    intake, dissemination, monkeypatch
) -> None:
    """Twelve were referred and eleven seen: ten of each are shown, which leaves one to five."""
    sent = {name: tables()[name] for name in ("CYP001", "CYP101", "CYP201", "CYP202")}
    people = [f"Q{n}" for n in range(12)]
    sent["CYP001"] = [person("P3") | {"LocalPatientID": local} for local in people]
    sent["CYP101"] = [referral(local, local) for local in people]
    sent["CYP201"] = [contact(local, local) for local in people[1:]]
    sent["CYP202"] = [activity(local, local) for local in people[1:]]
    assert submit(intake, sent)["state"] == "accepted"

    def protected(measure: str) -> Any:
        return ask(dissemination, measure, "Referrals.Priority_Type", disclosure="protected")

    assert lines(dissemination, protected("Referrals.people"))[("Total",)] == ("10",)
    with monkeypatch.context() as stricter:
        stricter.setattr(across, "VALUES_MIN", 6)  # five are too few
        seen = protected("Care_Activities.people")
        assert (seen.state, seen.code) == (PreparationState.FAILED, FailureCode.TABLE_WOULD_REVEAL)
    assert lines(dissemination, protected("Care_Activities.people"))[("Total",)] == ("10",)


UNSUITABLE = [
    # A column of what belongs to the rows: a join would count them again.
    ("Referrals.records", "Care_Activities.Activity_Type", [], "JOIN_FANS_OUT",
     "Care_Activities.Activity_Type"),
    ("Group_Sessions.records", "Referrals.Gender", [], "JOIN_FANS_OUT", "Referrals.Gender"),
    ("Referrals.records", "Referrals.Gender", ["Care_Activities.records"], "JOIN_FANS_OUT",
     "Care_Activities.records"),
    ("Group_Sessions.people", "Group_Sessions.GroupSession_Type", [],
     "DISCLOSURE_RULE_MISSING", "people"),
    ("Referrals.pairs", "Referrals.Gender", [], "DISCLOSURE_RULE_MISSING", "pairs"),
    ("Nothing.records", "Referrals.Gender", [], "DISCLOSURE_RULE_MISSING", "Nothing.records"),
    ("records", "Referrals.Gender", [], "DISCLOSURE_RULE_MISSING", "records"),
]  # fmt: skip
"""What a permit may say, and no haven does: agreements refuses it before."""


@pytest.fixture
def later(clock: FakeClock) -> FakeClock:
    """A day on which the month of the births is over."""
    clock.advance(timedelta(days=700))
    return clock


def test_mothers_babies_and_pairs_are_each_counted_once(later, intake, dissemination) -> None:
    """Twins of one mother, a baby of another; the row of a baby names two people."""
    land(intake)

    def counted(measure: str, *, upholds: bool = False) -> int:
        found = counts(
            dissemination,
            measure,
            "Babies.PregOutcome",
            data_set=MSDS,
            period=BIRTHS,
            upholds=upholds,
        )
        return found.get(("Total",), 0)

    measures = ["Babies.records", "Babies.people", "Babies.second_people", "Babies.pairs"]
    assert [counted(one) for one in measures] == [3, 2, 3, 3]
    # By what the mother's booking says, two groups above: each baby once.
    by = counts(
        dissemination,
        "Babies.records",
        "Mothers.EthnicCategoryMother",
        "Bookings.LeadAnteProvider",
        data_set=MSDS,
        period=BIRTHS,
    )
    assert by["A", "RR8"] == 3
    # By her age at the booking, which is made of her row and of the booking's (docs/adr/0241).
    aged = counts(
        dissemination,
        "Babies.records",
        "Bookings.AgeBandAtBookingMother",
        "Bookings.AgeAtBookingMother",
        data_set=MSDS,
        period=BIRTHS,
    )
    assert aged["25-29", "28"] == 3
    # All four in one table, each protected against the others.
    made = ask(
        dissemination,
        measures[0],
        "Babies.PregOutcome",
        disclosure="protected",
        data_set=MSDS,
        period=BIRTHS,
        further_measures=measures[1:],
    )
    assert set(lines(dissemination, made)[("Total",)]) == {"*"}
    # A twin objects: the row stays away, and the mother is counted by the other twin's.
    today = later.now().date().isoformat()
    assert take(intake, body([BABIES["B1"]]), list_date=today).status_code == 201
    assert [counted(one, upholds=True) for one in measures] == [1, 1, 1, 1]
    assert take(intake, body([MOTHERS["M1"]]), list_date=today).status_code == 201
    assert [counted(one, upholds=True) for one in measures] == [0, 0, 0, 0]
