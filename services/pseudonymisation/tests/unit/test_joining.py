"""What several tables stand beside is joined once, and only that."""

import duckdb
import pytest

from pseudonymisation.intake.adapters.landing.related.joining import (
    JoinedTable,
    Lot,
    branch_of,
    branches_in_common,
    source,
    written,
    written_in,
)

PATIENTS = JoinedTable("Patients", "patients", "Referrals", (("Number", "Patient"),))
PRACTICES = JoinedTable("Practices", "practices", "Patients", (("Patient", "Number"),))
REFERRALS = JoinedTable("Referrals", "referrals", "Contacts", (("Number", "Referral"),))
CONTACTS = JoinedTable("Contacts", "contacts")
DIAGNOSES = JoinedTable("Diagnoses", "diagnoses")
OF_CONTACTS = (CONTACTS, REFERRALS, PATIENTS, PRACTICES)
TO_DIAGNOSES = JoinedTable("Referrals", "referrals", "Diagnoses", (("Number", "Referral"),))
OF_DIAGNOSES = (DIAGNOSES, TO_DIAGNOSES, PATIENTS, PRACTICES)
BESIDE = branch_of(REFERRALS, OF_CONTACTS)
COLUMNS = {
    "Contacts": [("Contacts", "line"), ("Referrals", "line"), ("Practices", "Code")],
    "Diagnoses": [("Diagnoses", "line"), ("Patients", "Number")],
}


@pytest.fixture
def tables():
    with duckdb.connect(":memory:") as connection:
        for sql in (
            "patients AS SELECT n AS line, n AS Number FROM range(3) AS r(n)",
            "practices AS SELECT n AS line, n AS Patient, 'P' || n AS Code FROM range(2) AS r(n)",
            "referrals AS SELECT n AS line, n AS Number, n // 2 AS Patient FROM range(8) AS r(n)",
            "contacts AS SELECT n AS line, n // 2 AS Referral FROM range(20) AS r(n)",
            "diagnoses AS SELECT n AS line, n AS Referral FROM range(9) AS r(n)",
        ):
            connection.execute(f"CREATE TABLE {sql}")
        yield connection


def statements():
    return [
        (OF_CONTACTS, COLUMNS["Contacts"]),
        (OF_DIAGNOSES, COLUMNS["Diagnoses"]),
    ]


def test_what_two_tables_name_is_one_branch_whatever_names_it() -> None:
    assert branch_of(TO_DIAGNOSES, OF_DIAGNOSES) == BESIDE
    found = dict(branches_in_common(statements()))

    # Patients with their practices are named by referrals alone: they are joined within these.
    assert [*found] == [BESIDE]
    assert found[BESIDE] == [
        ("Patients", "Number"),
        ("Practices", "Code"),
        ("Practices", "Patient"),
        ("Referrals", "Number"),
        ("Referrals", "Patient"),
        ("Referrals", "line"),
    ]


def test_what_one_table_names_is_not_written_and_neither_is_a_single_table() -> None:
    alone = (CONTACTS, REFERRALS)
    assert not list(branches_in_common([(OF_CONTACTS, COLUMNS["Contacts"])]))
    assert not list(
        branches_in_common([(alone, ()), ((DIAGNOSES, TO_DIAGNOSES), ())]),
    )


@pytest.mark.parametrize("whole", [OF_CONTACTS, OF_DIAGNOSES])
def test_rows_are_the_same_beside_a_written_branch(tables, whole) -> None:
    """Also those beside which nothing stands; and no table of the branch is read again."""
    for branch, columns in branches_in_common(statements()):
        tables.execute(f"CREATE TABLE beside AS {written(branch, columns, {})}")
    columns = COLUMNS[whole[0].table]

    def rows(shared):
        found = source(whole, shared)
        selected = ", ".join(found.place(*column) for column in columns)
        return tables.sql(f"SELECT {selected} FROM {found.sql} ORDER BY ALL").fetchall(), found.sql

    once, sql = rows({BESIDE: "beside"})
    apart, _ = rows({})

    assert once == apart
    assert len(once) == len({row[0] for row in once})  # none lost, none twice
    assert any(None in row for row in once)
    assert sql.count("JOIN") == 1


@pytest.mark.parametrize("whole", [OF_CONTACTS, OF_DIAGNOSES])
def test_every_row_is_in_one_lot_also_where_nothing_stands_beside_it(tables, whole) -> None:
    for branch, columns in branches_in_common(statements()):
        tables.execute(f"CREATE TABLE beside AS {written(branch, columns, {})}")
    tables.execute(f"INSERT INTO {whole[0].rows} VALUES (99, NULL)")
    columns = COLUMNS[whole[0].table]

    def rows(lot):
        found = source(whole, {BESIDE: "beside"}, lot)
        selected = ", ".join(found.place(*column) for column in columns)
        return tables.sql(f"SELECT {selected} FROM {found.sql}").fetchall()

    lots = [rows(Lot(BESIDE, number, 3)) for number in range(3)]

    assert sorted(str(row) for lot in lots for row in lot) == sorted(map(str, rows(None)))
    assert sum(map(bool, lots)) > 1
    assert [*written_in(whole, {BESIDE: "beside"})] == [BESIDE]
    assert not [*written_in(whole, {})]
