"""Invoice validation as a file: who was treated, by NHS number, for whom one pays (ADR 167)."""

import csv

import duckdb
import pytest

import catalogue
from common.errors import Refused
from common.security.keys import ATTESTATION, SignedVerifier
from services.pseudonymisation.tests import oracle
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import (
    Dissemination,
    reasons_of,
    sus_rows,
)
from services.pseudonymisation.tests.submitting import written

SUS = catalogue.load().get("SUS_APC")
FIELDS = {"NHS_Number": "identified", "FCE_HRG": "as_is", "Provider_Code": "as_is"}
OBJECTOR = "9990000026"
ASKED = {
    "periods": ["2018-04"],
    "codes": ["02P"],
    "reasons": "GHRC",
    "purpose": "IV",
    "classification": "IDENTIFIABLE",
    "route": "section_251",
}
RESTRICTED = "1"
ROWS = [
    {**row, "Confidentiality_Category_SUS": RESTRICTED if at % 5 == 0 else "0"}
    for at, row in enumerate(sus_rows(200))
    if at % 5 or row["Commissioner_Code"] == "02P"
]
"""Some records are restricted by law: they stay by their commissioner, and identify nobody."""


def number_of(row):
    return "" if row["Confidentiality_Category_SUS"] == RESTRICTED else row["NHS_Number"]


@pytest.fixture
def dissemination(intake, clock):
    assert intake.submit(written(ROWS))["state"] == "accepted"
    assert take(intake, body([OBJECTOR])).status_code == 201
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def said_of(dissemination, file):
    jwks = dissemination.parts.signer.jwks
    return SignedVerifier(ATTESTATION, jwks, clock=dissemination.clock).verify(file.attestation)


def rows_of(dissemination, parquet, columns):
    listed = ", ".join(columns)
    return duckdb.sql(f"SELECT {listed} FROM '{dissemination.path(parquet)}'").fetchall()


@pytest.mark.scenario("R09")
@pytest.mark.scenario("R13")
@pytest.mark.scenario("R23")
def test_finance_has_the_numbers_of_its_own_people_and_commissioning_has_none(dissemination):
    """Guard: opt-outs are upheld until a letter waives them (ADR 149); then the permit says so."""
    parquet, csv_file = dissemination.prepare(SUS, FIELDS, upholds=True, **ASKED).files

    own = [row for row in ROWS if reasons_of(row)]
    assert OBJECTOR in {row["NHS_Number"] for row in own}
    wanted = sorted(
        (row["NHS_Number"], row["FCE_HRG"], row["Provider_Code"])
        for row in own
        if oracle.is_nhs_number(number_of(row)) and row["NHS_Number"] != OBJECTOR
    )
    assert 0 < len(wanted) < len(own) < len(ROWS)
    assert sorted(rows_of(dissemination, parquet, FIELDS)) == wanted
    with dissemination.path(csv_file).open(newline="") as lines:
        found = list(csv.DictReader(lines))
    assert list(found[0]) == ["Token", "Reason_For_Access", *FIELDS]
    assert sorted(tuple(row[name] for name in FIELDS) for row in found) == wanted

    other = {"Sex": "as_is", "Hospital_Spell_No": "pseudonym"}
    plan = ASKED | {"purpose": "COM", "classification": "PSEUDO_ANONYMISED"}
    del plan["route"]
    (commissioning, _) = dissemination.prepare(SUS, other, **plan).files
    told = rows_of(dissemination, commissioning, ["Token", *other])
    assert len(told) == len(own)
    tokens = {row["Token"] for row in found}
    assert tokens
    assert tokens.isdisjoint(row[0] for row in told)
    numbers = {row["NHS_Number"] for row in found}
    assert numbers.isdisjoint(cell for row in told for cell in row)
    first, second = (said_of(dissemination, file) for file in (parquet, commissioning))
    assert first["domain"] != second["domain"]
    assert (first["opt_out"]["applied"], second["opt_out"]["applied"]) == (True, False)


def refused(dissemination, data_set=SUS, **changes):
    with pytest.raises(Refused) as told:
        dissemination.prepare(data_set, FIELDS, upholds=True, **ASKED | changes)
    return {(one.code, one.subject) for one in told.value.refusals}


def test_a_letter_leaves_nobody_out_and_nothing_else_gives_the_number(dissemination):
    """What the letter is, agreements says; here the permit of then leaves opt-outs out."""
    ground = {
        "by": "rule",
        "reason": "waived for invoice validation",
        "source": "domain.md ruling 27",
        "since": "2018-05-01",
        "letter": "CAG 7-07, letter of 2018-05-01",
    }
    waived = {"applied": False, "list_age_days_max": 7, "ground": ground}

    parquet, _ = dissemination.prepare(SUS, FIELDS, opt_out=waived, **ASKED).files

    wanted = sorted(number_of(row) for row in ROWS if reasons_of(row))
    found = sorted(row[0] or "" for row in rows_of(dissemination, parquet, ["NHS_Number"]))
    assert found == wanted
    assert OBJECTOR in found
    assert said_of(dissemination, parquet)["opt_out"]["ground"] == ground
    # Whatever agreements permits: the haven's own rules of use know the route for invoices alone,
    # and a line that was signed for an earlier version gives no number.
    for purpose in ("COM", "RS", "OTHER"):
        assert refused(dissemination, purpose=purpose) == {("IDENTITY_WITHOUT_ROUTE", "NHS_Number")}
    for version in ("1.0", "1.4"):
        earlier = catalogue.load().get("SUS_APC", version)
        assert refused(dissemination, earlier) == {
            ("IDENTITY_WITHOUT_ROUTE", "NHS_Number"),
            ("FORM_NOT_ALLOWED", "NHS_Number"),
        }
