"""Residents of a local authority are a population, alone or beside a commissioner (ruling 30)."""

from collections import Counter

import duckdb
import pytest

import catalogue
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import sus_row, written

SUS = catalogue.load().get("SUS_APC")
PEOPLE = numbers(2000, 2040)
BARNSLEY, IPSWICH, SUFFOLK = "E08000016", "E07000202", "E10000029"
HOMES = {"A": "S70 1AA", "B": "IP1 1AA", "C": "NE61 1AA", "D": "ZZ99 3VZ", "E": ""}
"""Barnsley; Ipswich in Suffolk; Northumberland; nowhere; unknown. C has another practice."""


def rows():
    return [
        sus_row(
            NHS_Number=PEOPLE[at],
            Unique_CDS_Identifier=f"BRR8{at:09}",
            Ethnic_Group=home,
            Postcode=HOMES[home],
            GP_Practice_Code="A81002" if home == "C" else "A81001",
            Commissioner_Code="00L",
            Org_Code_Res_Resp="00L",
        )
        for at, home in enumerate("AAABBCCDE")
    ]


@pytest.fixture
def dissemination(intake, clock):
    sent = intake.submit(written(rows()))
    assert sent["state"] == "accepted", sent
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def told(dissemination, codes, reasons):
    """Whose records are in an extract, with the reasons that are told of each."""
    done = dissemination.prepare(
        SUS, {"Ethnic_Group": "as_is"}, periods=["2018-04"], codes=codes, reasons=reasons
    )
    parquet = next(file for file in done.files if file.format == "parquet")
    found = duckdb.sql(
        f"SELECT Ethnic_Group, Reason_For_Access FROM '{dissemination.path(parquet)}'"
    )
    return Counter(found.fetchall())


def test_an_authority_has_its_residents_alone_or_beside_a_commissioner(dissemination):
    assert told(dissemination, [BARNSLEY], "L") == {("A", f"L:{BARNSLEY}"): 3}
    # A district counts for its county, and is told as the one that was asked for.
    assert told(dissemination, [SUFFOLK], "L") == {("B", f"L:{SUFFOLK}"): 2}
    assert told(dissemination, [IPSWICH], "L") == {("B", f"L:{IPSWICH}"): 2}
    # Jointly: each row for every reason that it has, and nobody for whom there is none.
    assert told(dissemination, ["02P", BARNSLEY], "GL") == {
        ("A", f"G:02P;L:{BARNSLEY}"): 3,
        ("B", "G:02P"): 2,
        ("D", "G:02P"): 1,
        ("E", "G:02P"): 1,
    }
