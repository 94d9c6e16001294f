"""Linkage: an NHS number is one person in every data set of a domain; nothing else links people."""

from collections import defaultdict

import duckdb
import pytest

import catalogue
from common.ids import digest_of
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import sus_row, written

KNOWN = catalogue.load()
STAYS, VISITS = KNOWN.get("SUS_APC"), KNOWN.get("SUS_OP")
WHO = [("9990000018", "L1"), ("9990000026", "L2"), ("", "L3"), ("", "L4")]
"""NHS numbers and local ids, the same in both."""
LINKED = ("SUS_APC", "SUS_OP")


def visit(number, local, at):
    stay = sus_row()
    own = {
        "Ethnic_Category": "A",
        "Attendance_Identifier": f"AT{at:08}",
        "Appointment_Date": "2018-04-10",
        "Attendance_Status": "5",
        "First_Attendance": "1",
    }
    names = [f.name for f in VISITS.fields if f.name in stay or f.name in own]
    row = {name: (stay | own)[name] for name in names}
    return row | {
        "NHS_Number": number,
        "Local_Patient_ID": local,
        "Unique_CDS_Identifier": f"BRR8{at:010}",
    }


def stay(number, local, at):
    return sus_row(
        NHS_Number=number,
        Local_Patient_ID=local,
        Unique_CDS_Identifier=f"BRR9{at:010}",
        Hospital_Spell_No=f"SP{at:06}",
    )


@pytest.fixture
def dissemination(intake, clock):
    for data_set, row in (("SUS_APC", stay), ("SUS_OP", visit)):
        rows = [row(number, local, at) for at, (number, local) in enumerate(WHO * 2)]
        sent = intake.submit(written(rows), data_set=data_set)
        assert sent["state"] == "accepted", sent
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def tokens(dissemination, data_set, linked):
    """The tokens of a file of that domain, each with how many rows have it."""
    facts = {
        "controllers": ["02P"],
        "agreement": "DARS-NIC-123456-A1B2C",
        "purpose": "COM",
        "environment": "e1",
        "opt_out": "not_applied",
        "data_sets": list(linked),
    }
    done = dissemination.prepare(
        data_set,
        {"Sex": "as_is"},
        periods=["2018-04"],
        codes=["02P"],
        reasons="GHRC",
        formats=("parquet",),
        domain={"id": digest_of(facts), **facts},
    )
    (file,) = done.files
    path = dissemination.path(file)
    found = duckdb.sql(f"SELECT Token, count(*) FROM '{path}' GROUP BY ALL").fetchall()
    by_kind = defaultdict(dict)
    for token, rows in found:
        by_kind[token[0]][token] = rows
    return by_kind


@pytest.mark.scenario("R19")
def test_who_has_no_valid_number_is_linked_by_nothing(dissemination):
    """The same provider and local id in both files: in each one person, and in no two the same."""
    stays, visits = (tokens(dissemination, one, LINKED) for one in (STAYS, VISITS))

    assert set(stays["P"]) == set(visits["P"])
    assert set(stays["L"]).isdisjoint(visits["L"])
    for file in (stays, visits):  # within a data set somebody's rows stay together
        assert sorted(file["P"].values()) == [2, 2]
        assert sorted(file["L"].values()) == [2, 2]
    again = tokens(dissemination, STAYS, LINKED)
    assert again == stays
