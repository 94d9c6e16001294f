"""A data set is a file: one that no line of code knows is taken in, checked, derived and kept."""

from datetime import date

import pytest

import catalogue
from services.pseudonymisation.tests.submitting import PROVIDER, written

TINY = """
data_set: TINY
version: "1.0"
title: Tiny
description: A data set that only this test knows.
source: this test
valid_from: 2018-04-01
grain: visit
sensitivity: NON_SENSITIVE
file: {delimiter: ","}
periods: {unit: month, from: "2018-04", field: SEEN}
refresh: replaced
publication_gate: false
disclosure_rule: HES
person: {nhs_number: NHS, local_id: LOCAL, date_of_birth: BORN, postcode: HOME}
population:
  S: {source: submitter}
  G: {source: practice, field: GP}
  H: {source: postcode, field: HOME}
fields:
  - {name: NHS, class: DI, identifier: nhs_number, check: nhs_number}
  - {name: LOCAL, class: LI, identifier: local_patient, treatments: [pseudonym]}
  - {name: BORN, class: DI, identifier: date_of_birth, type: date}
  - {name: HOME, class: DI, identifier: postcode, check: postcode}
  - {name: GP, class: QI, pattern: "^[A-Z][0-9]{5}$", treatments: [as_is]}
  - {name: SEEN, class: QI, type: date, mandatory: true, treatments: [as_is, month]}
  - {name: COST, class: ADM, type: decimal, treatments: [as_is]}
  - {name: NOTE, class: CLIN, scan: true, treatments: [as_is]}
derived:
  - {name: AGE, type: integer, from: BORN, at: SEEN, derivation: age_years}
  - {name: SECTOR, from: HOME, derivation: postcode_sector}
"""
GOOD = {
    "NHS": "9990000018",
    "LOCAL": "L1",
    "BORN": "1970-01-31",
    "HOME": "S70 1AA",
    "GP": "A81001",
    "SEEN": "2018-04-03",
    "COST": "12.5",
    "NOTE": "see 9990000018",
}


@pytest.fixture
def tiny(request, tmp_path, monkeypatch):
    """The intake of a machine whose catalogue has one file more."""
    file = tmp_path / "more" / "TINY-1.0.yaml"
    file.parent.mkdir()
    file.write_text(TINY, "utf-8")
    assert catalogue.check(file) == []
    known = catalogue.load(file.parent)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    return request.getfixturevalue("intake")


def test_a_file_of_a_data_set_that_the_code_does_not_know_is_landed(tiny):
    rows = [GOOD, GOOD | {"GP": "?"}, GOOD | {"NHS": "", "HOME": "", "COST": "", "NOTE": "well"}]

    submission = tiny.submit(written(rows), data_set="TINY")

    assert submission["state"] == "accepted", submission
    first, second = tiny.landed(submission["edition_id"])
    assert (first["SEEN"], first["COST"], first["AGE"]) == (date(2018, 4, 3), 12.5, 48)
    assert (first["SECTOR"], first["period"], first["pcd_masked"]) == ("S70 1", "2018-04", True)
    assert (first["reason_s"], first["reason_g"], first["reason_h"]) == (PROVIDER, "02P", "02P")
    assert (second["SECTOR"], second["COST"], second["NOTE"]) == (None, None, "well")
    assert (second["person_kind"], second["reason_h"]) == (2, None)
    assert not {"NHS", "LOCAL", "BORN", "HOME"} & set(first)
    assert "9990000018" not in str(first)
    quarantined = tiny.get(f"/v1/submissions/{submission['id']}/quarantine").json()["items"]
    assert [(q["line"], q["column"], q["code"]) for q in quarantined] == [
        (3, "GP", "PATTERN_MISMATCH")
    ]
