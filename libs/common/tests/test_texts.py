"""Texts that people write: refused with their place, never repeated; withheld where stored."""

from typing import Annotated

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.texts import STORED, WITHHELD, Scanned, found_in, shown, shown_in
from common.web import problems
from dsfc_testing.said import without_ids

NUMBER = "9990000018"


class Report(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    reason: Annotated[str, Field(max_length=200), Scanned()]
    reference: Annotated[str | None, Field(pattern="^[A-Za-z0-9-]+$")] = None
    codes: list[Annotated[str, Scanned(code=True)]] = []


@pytest.fixture
def client():
    app = FastAPI()
    problems.install(app)

    @app.post("/reports")
    def report(body: Report) -> Report:
        return body

    return TestClient(app)


SPELLINGS = [
    NUMBER,
    "999 000 0018",
    "999-000-0018",
    "999\N{NO-BREAK SPACE}000\N{THIN SPACE}0018",
    "999\N{ZERO WIDTH SPACE}000\N{ZERO WIDTH SPACE}0018",
    "\uff19\uff19\uff19\uff10\uff10\uff10\uff10\uff10\uff11\uff18",
    "\u0669\u0669\u0669\u0660\u0660\u0660\u0660\u0660\u0661\u0668",
    "9.9.9.0.0.0.0.0.1.8",
    "999/000/0018",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_number_in_any_spelling_is_refused_with_its_place_and_not_repeated(client, spelling):
    answer = client.post("/reports", json={"reason": f"Seen in {spelling}, by mistake."})

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "PERSONAL_DATA_IN_TEXT"
    (error,) = problem["errors"]
    assert (error["pointer"], error["kind"]) == ("#/body/reason", "personal_data")
    assert "NHS number" in error["detail"]
    assert "characters 9 to" in error["detail"]
    assert spelling not in answer.text
    assert NUMBER not in answer.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Mrs A, born 31 January 1970, complained", "a date of birth"),
        ("DOB: 31/01/1970", "a date of birth"),
        ("the patient lives at 1 High Street, S70 1AA", "a person's postcode"),
    ],
)
def test_births_and_homes_are_refused_too(client, text, said):
    answer = client.post("/reports", json={"reason": text})

    assert answer.json()["code"] == "PERSONAL_DATA_IN_TEXT"
    assert said in answer.json()["errors"][0]["detail"]
    assert "1970" not in without_ids(answer.text)
    assert "S70" not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "Call the desk: 0300 303 5678 or +44 1226 433712",
        "DARS-NIC-123456-A1B2C and CON-338307-D8Z0G-v2.01",
        "from 2018-04-01 to 2019-03-31, born before 1950 are left out",
        "our data centre at SO50 5PB",
        "GMC 1234567, company 01234567, 12,345,678,901 rows",
        "0DF, 02P, A81001 and E38000006",
    ],
)
def test_harmless_texts_are_taken(client, text):
    assert client.post("/reports", json={"reason": text}).status_code == 200


def test_another_error_of_the_same_request_repeats_nothing_either(client):
    body = {"reason": f"x {NUMBER}", "reference": f"{NUMBER} {NUMBER}", "codes": [f"A{NUMBER}"]}

    answer = client.post("/reports", json=body)

    assert answer.json()["code"] == "PERSONAL_DATA_IN_TEXT"
    assert len(answer.json()["errors"]) == 3
    assert NUMBER not in answer.text


def test_the_error_that_is_raised_does_not_quote_the_text():
    with pytest.raises(ValidationError) as caught:
        Report(reason=f"x {NUMBER}")

    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    "code", ["019a0000-0000-7000-8000-999000001800", "02P", "Sex", "DARS-NIC-123456-A1B2C"]
)
def test_ids_and_codes_are_no_texts(code):
    assert Report(reason="x", codes=[code]).codes == [code]


def test_what_is_stored_is_read_as_it_is():
    read = Report.model_validate({"reason": NUMBER, "codes": [NUMBER]}, context=STORED)

    assert read.reason == NUMBER


def test_places_are_pointers_and_never_values():
    value = {"a/b": ["fine", {"c~d": f"x {NUMBER}"}], "n": 9990000018, "id": "sha256:" + "9" * 64}

    (place,) = found_in(value)

    assert place.pointer == "/a~1b/1/c~0d"
    assert (place.kind.value, place.start, place.end) == ("nhs_number", 2, 12)
    assert NUMBER not in place.detail


def test_the_public_reads_a_text_whole_or_not_at_all():
    assert shown("Plan care.") == "Plan care."
    assert shown(f"Plan care for {NUMBER}.") == WITHHELD
    assert shown_in([{"name": NUMBER, "n": 1, "l": ["x", None]}]) == [
        {"name": WITHHELD, "n": 1, "l": ["x", None]}
    ]
    assert list(found_in(WITHHELD)) == []
