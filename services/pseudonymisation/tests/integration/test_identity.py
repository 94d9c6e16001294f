"""People's identity leaves by a legal route that the data set names (docs/adr/0064)."""

import csv

import duckdb
import pytest

import catalogue
from catalogue import Uses
from common.errors import Refused
from common.security.keys import ATTESTATION, SignedVerifier
from pseudonymisation.preparations.domain import permit as permits
from pseudonymisation.preparations.domain.errors import PermitInvalid
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import written

DEATHS = catalogue.load().get("CIVIL_DEATHS")
IDENTITY = {"NHS_NUMBER": "identified", "PERSON_BIRTH_DATE": "identified", "POSTCODE": "identified"}
COLUMNS = IDENTITY | {"SEX": "as_is", "REGISTRATION_KEY": "pseudonym"}
BARNSLEY = "E08000016"
NUMBERS = ("9990000018", "9990000026", "9990000034", "")


def death(key: int, number: str, **changes: str) -> dict[str, str]:
    row = {
        "REGISTRATION_KEY": f"ENTRY-{key:014}",
        "NHS_NUMBER": number,
        "PERSON_BIRTH_DATE": f"194{key}-02-03",
        "POSTCODE": "S70 1AA",
        "SEX": "1",
        "DATE_OF_REGISTRATION": "2018-04-11",
        "DATE_OF_DEATH": "2018-04-09",
    }
    return row | changes


ROWS = [
    *(death(key, number) for key, number in enumerate(NUMBERS)),
    death(5, "9990000042", POSTCODE="IP1 1AA"),
    death(6, "9990000050", POSTCODE=""),
]


@pytest.fixture
def dissemination(intake, clock):
    sent = intake.submit(written(ROWS), data_set="CIVIL_DEATHS", period="2018-W15")
    assert sent["state"] == "accepted", sent
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def prepared(dissemination, **changes):
    asked = {
        "fields": COLUMNS,
        "periods": ["2018-04"],
        "codes": [BARNSLEY],
        "reasons": "L",
        "purpose": "OTHER",
        "classification": "IDENTIFIABLE",
        "route": "other_law",
    } | changes
    asked = {name: value for name, value in asked.items() if value is not None}
    return dissemination.prepare(DEATHS, asked.pop("fields"), **asked)


def test_a_local_authority_has_who_of_its_residents_died_and_of_nobody_else(dissemination):
    parquet, csv_file = prepared(dissemination).files

    found = duckdb.sql(
        f"SELECT NHS_NUMBER, PERSON_BIRTH_DATE, POSTCODE, SEX FROM '{dissemination.path(parquet)}'"
    ).fetchall()
    wanted = [
        (number or None, f"194{key}-02-03", "S70 1AA", "1") for key, number in enumerate(NUMBERS)
    ]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    with dissemination.path(csv_file).open(newline="") as lines:
        assert {row["NHS_NUMBER"] for row in csv.DictReader(lines)} == set(NUMBERS)
    said = SignedVerifier(
        ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
    ).verify(parquet.attestation)
    forms = {column["name"]: column["treatment"] for column in said["columns"]}
    assert forms | IDENTITY == forms
    assert said["line"]["classification"] == "IDENTIFIABLE"


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"fields": {"SEX": "as_is"}, "route": None}, {("FORM_NOT_ALLOWED", "IDENTIFIABLE")}),
        (
            {"fields": {"NHS_NUMBER": "as_is", "SEX": "as_is"}, "route": None},
            {("FORM_NOT_ALLOWED", "IDENTIFIABLE"), ("FORM_NOT_ALLOWED", "NHS_NUMBER")},
        ),
    ],
)
def test_without_columns_of_identity_nothing_identifiable_is_prepared(
    dissemination, changes, refused
):
    with pytest.raises(Refused) as told:
        prepared(dissemination, **changes)

    assert {(r.code, r.subject) for r in told.value.refusals} == refused


@pytest.mark.parametrize(
    "changes",
    [
        {"route": None},
        {"classification": "PSEUDO_ANONYMISED"},
        {"fields": {"SEX": "as_is"}},
        {"route": "because"},
    ],
)
def test_a_permit_says_its_route_where_it_has_identity_and_nowhere_else(dissemination, changes):
    with pytest.raises(PermitInvalid, match="route"):
        prepared(dissemination, **changes)


def test_the_haven_asks_its_own_rules_of_use_for_the_route(dissemination, monkeypatch):
    """Whatever agreements permits: where no rule gives the data set by a route, nothing is told."""
    monkeypatch.setattr(permits, "uses", lambda: Uses(rule="uses/9", valid_from="2026-01-01"))

    with pytest.raises(Refused) as told:
        prepared(dissemination)

    assert {(r.code, r.subject) for r in told.value.refusals} == {
        ("IDENTITY_WITHOUT_ROUTE", name) for name in IDENTITY
    }
