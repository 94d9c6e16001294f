"""What stands beside rows of a group: whatever the fan-out, each row stands there once."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import catalogue
from catalogue.relations.counting import countable
from pseudonymisation.preparations.adapters.selection import Selection
from pseudonymisation.preparations.adapters.tables.related import RowsBeside, related
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import Whose
from pseudonymisation.preparations.domain.tables.beside import Beside
from pseudonymisation.preparations.domain.tables.parts import NO, YES, Selected, never_of_two
from statements.tables import PermittedTable

MHSDS, MSDS = (catalogue.load().get(name) for name in ("MHSDS", "MSDS"))
PATIENTS, REFERRALS, CONTACTS = "Patients", "Referrals", "Care_Contacts"
SQL = (
    "CREATE OR REPLACE TABLE edition (landed__group VARCHAR, line INTEGER,"
    " LocalPatientID__0 UBIGINT, LocalPatientID__1 UBIGINT,"
    " UniqServReqID__0 UBIGINT, UniqServReqID__1 UBIGINT,"
    " Gender VARCHAR, PrimReasonReferralMH VARCHAR)"
)
Row = tuple[Any, ...]
keys = st.none() | st.integers(0, 4)


@st.composite
def editions(draw: st.DrawFn) -> list[Row]:
    """Patients and referrals each once by their key; contacts as many as there are."""
    rows: list[Row] = []

    def put(group: str, person: int | None, referral: int | None, said: str) -> None:
        about = said if group == PATIENTS else None
        why = said if group == REFERRALS else None
        rows.append((group, len(rows), person, person, referral, referral, about, why))

    said = st.sampled_from("12")
    for person in draw(st.sets(st.integers(0, 4))):
        put(PATIENTS, person, None, draw(said))
    for referral in draw(st.sets(st.integers(0, 4))):
        put(REFERRALS, draw(keys), referral, draw(said))
    for _ in range(draw(st.integers(0, 8))):
        put(CONTACTS, None, draw(keys), "")
    return rows


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(":memory:") as found:
        yield found


def found(connection: Any, beside: RowsBeside, rows: list[Row], *columns: str) -> Counter[Row]:
    connection.execute(SQL)
    _insert(connection, rows)
    assert beside.repeating(connection, "edition") is None
    named = ", ".join(f'"{name}"' for name in ("line", *columns))
    return Counter(connection.sql(f"SELECT {named} FROM {beside.around('edition')}").fetchall())


def _insert(connection: Any, rows: list[Row]) -> None:
    """In one statement: a prepared one for each row takes longer than all the rest."""
    if rows:
        written = (", ".join("NULL" if v is None else repr(v) for v in row) for row in rows)
        connection.execute(f"INSERT INTO edition VALUES ({'), ('.join(written)})")


FANNED_OUT: list[Row] = [
    (PATIENTS, 0, 1, 1, None, None, "2", None),
    (REFERRALS, 1, 1, 1, 7, 7, None, "1"),
    *((CONTACTS, 2 + n, None, None, 7, 7, None, None) for n in range(5)),
    (CONTACTS, 9, None, None, None, None, None, None),
]


@settings(max_examples=30)
@given(rows=editions())
@example(rows=FANNED_OUT)
def test_each_row_stands_there_once_with_what_it_belongs_to(connection, rows) -> None:
    """Two steps up, in loops over the rows; a row that belongs to nothing stays."""
    columns = ("Patients.Gender", "Referrals.PrimReasonReferralMH")
    people = {r[2]: r[6] for r in rows if r[0] == PATIENTS}
    referrals = {r[4]: r for r in rows if r[0] == REFERRALS}
    expected = Counter(
        (r[1], people.get(to[2]) if to else None, to[7] if to else None)
        for r in rows
        if r[0] == CONTACTS
        for to in [referrals.get(r[4])]
    )

    assert found(connection, related(MHSDS, CONTACTS, columns), rows, *columns) == expected
    assert max(expected.values(), default=1) == 1


@settings(max_examples=30)
@given(rows=editions())
@example(rows=FANNED_OUT)
def test_a_row_to_which_many_belong_stands_there_once(connection, rows) -> None:
    named = {r[4] for r in rows if r[0] == CONTACTS}
    expected = Counter((r[1], True if r[4] in named else None) for r in rows if r[0] == REFERRALS)

    beside = related(MHSDS, REFERRALS, ["Care_Contacts."])

    assert found(connection, beside, rows, "Care_Contacts.") == expected


def test_a_key_that_is_there_twice_is_told_before_anything_is_counted(connection) -> None:
    beside = related(MHSDS, CONTACTS, ["Referrals.PrimReasonReferralMH"])
    connection.execute(SQL)
    twice = [FANNED_OUT[1], (REFERRALS, 8, 1, 1, 7, 7, None, "2")]
    _insert(connection, twice)

    assert beside.repeating(connection, "edition") == REFERRALS
    plan: Any = SimpleNamespace(
        editions=(SimpleNamespace(sql="edition"),),
        layout={},
        gathered=(),
        record=None,
        reasons=(),
        others=(),
        related=beside,
    )
    with pytest.raises(NotPrepared) as refused:
        Selection(plan, connection)
    assert (refused.value.code, refused.value.subject) == (FailureCode.JOIN_FANS_OUT, REFERRALS)


def test_no_column_leads_down_and_only_what_is_asked_for_is_joined() -> None:
    view = countable(MHSDS, REFERRALS)
    groups = {name.partition(".")[0] for name in view.releasables if "." in name}

    assert groups == {PATIENTS}
    assert related(MHSDS, REFERRALS, ["PrimReasonReferralMH"]).above == ()
    assert [one.group for one in related(MHSDS, CONTACTS, ["Patients.Gender"]).above] == [
        REFERRALS,
        PATIENTS,
    ]


def test_an_age_of_what_rows_belong_to_is_the_same_persons_age() -> None:
    """Held together with the group's own: or one would tell what the other hides."""
    view = countable(MHSDS, REFERRALS)
    rules = catalogue.tabulating()

    assert view.forms["Patients.AgeRepPeriodStart"].source == view.person.date_of_birth
    assert rules.are_related(view, "Patients.AgeRepPeriodStart", "Patients.AgeBandRepPeriodStart")
    assert rules.topics(view, ["Patients.LDAFlag"]) == {"LEARNING_DISABILITY"}


def test_a_reader_knows_that_the_first_of_either_person_is_in_a_first_pair() -> None:
    """Where no row lacks its second person: there are no more mothers than pairs."""
    whose = Whose(is_national=True, codes=frozenset(), reasons=frozenset(), opt_outs_applied=False)

    def first(of: str, *months: str) -> tuple[str, Selected]:
        made = Selected(months=frozenset(months), whose=whose, filters=(), of=of)
        return made.column, made

    april = [first(of, "2019-04") for of in ("people", "second_people", "pairs")]
    (mother, _), (baby, _), (pair, _) = april
    firsts = dict([*april, first("pairs", "2019-05")])
    told = list(never_of_two(firsts, dict.fromkeys(firsts, (YES, NO))))

    assert told == [{one: frozenset((YES,)), pair: frozenset((NO,))} for one in (mother, baby)]
    assert list(never_of_two(firsts, {mother: (YES, NO)})) == []
    for data_set, group, known in ((MSDS, "Babies", told), (MHSDS, REFERRALS, [])):
        beside = Beside(
            table=PermittedTable(measure="records", dimensions=(), disclosure="protected"),
            filters=(),
            periods=("2019-04",),
            whose=whose,
            used=(),
            data_set=countable(data_set, group),
            firsts=firsts,
        )
        assert list(beside.never(dict.fromkeys(firsts, (YES, NO)))) == known
