"""S7 and S5 of design.md section 10 in the haven: what no file, event, error or log line holds."""

import logging

import pytest

from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.landed import day

PEOPLE = [
    ("9990000018", "1951-02-11", "AB2 1CD", "LOCAL-A1"),
    ("9990000026", "1962-03-12", "AB3 4EF", "LOCAL-B2"),
]
BAD_NUMBER = "9990000019"


def record(i, person, **more):
    number, born, postcode, local = person
    return {
        "NHS_Number": number,
        "Date_of_Birth": born,
        "Postcode": postcode,
        "Local_Patient_ID": local,
        "Provider_Code": "RH8",
        "Sex": "1",
        "Admission_Date": day("2018-04-03"),
        "Hospital_Spell_No": f"SPELL-{number}",
        "period": "2018-04",
        "reasons": {"G": "02P"},
    } | more


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def test_no_identifier_is_at_rest_or_said_by_a_preparation_that_succeeds_or_fails(
    haven, tmp_path, capfd, caplog
):
    caplog.set_level(logging.INFO)  # whatever an earlier test made of the root logger
    given = [record(i, person) for i, person in enumerate(PEOPLE * 3)]
    given.append(record(9, (BAD_NUMBER, *PEOPLE[0][1:])))
    haven.land(given)
    haven.prepare(request=haven.request(formats=["parquet", "csv"]))
    haven.land([record(1, PEOPLE[0], Sex=PEOPLE[1][0])], provider="RJE")
    failed = haven.prepare()

    said, wrote = capfd.readouterr()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    at_rest = {str(path.relative_to(tmp_path)): path.read_bytes() for path in files}
    at_rest["output"] = (said + wrote + caplog.text).encode()
    secrets = [text for person in PEOPLE for text in person] + [
        BAD_NUMBER,
        PEOPLE[0][2].replace(" ", ""),
        PEOPLE[0][1].replace("-", ""),
    ]
    found = [(name, s) for name, data in at_rest.items() for s in secrets if s.encode() in data]

    assert failed.code == "PCD_LEAK"
    assert any(name.endswith(".csv") for name in at_rest)
    assert any(name.startswith("service.db") for name in at_rest)
    assert b"preparation_failed" in at_rest["output"]
    assert found == []


def test_no_key_is_at_rest_or_said(haven, tmp_path, capfd, caplog):
    haven.land([record(i, person) for i, person in enumerate(PEOPLE)])
    haven.prepare()

    names = [
        str(path.relative_to(haven.directory / "keys")).removesuffix(".key")
        for path in (haven.directory / "keys").rglob("*.key")
    ]
    keys = {name: haven.keys.get(name) for name in names}
    said, wrote = capfd.readouterr()
    output = said + wrote + caplog.text
    assert {name.split("/")[0] for name in names} == {"haven", "edition", "domain"}
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [n for n, key in keys.items() if key in data or key.hex().encode() in data]
    assert not [n for n, key in keys.items() if key.hex() in output or repr(key) in output]
