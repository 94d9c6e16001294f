"""Whatever a local flow may say is a name or a value to the engine, and never a statement."""

import json

import pytest

import catalogue
from catalogue.flows import CatalogueWithFlows, read_flow
from pseudonymisation import main
from services.pseudonymisation.tests.submitting import PROVIDER, written

STATEMENT = "'; DROP TABLE t; --"
HOSTILE = {
    "data_set": "LPF_SELECT",
    "version": "1.0",
    "title": "'); SELECT 1; --",
    "description": "Names and values that are statements elsewhere.",
    "category": "OTHER_NEC",
    "source": "this test",
    "valid_from": "2018-04-01",
    "grain": "visit",
    "sensitivity": "NON_SENSITIVE",
    "periods": {"unit": "month", "from": "2018-04", "field": "order"},
    "refresh": "replaced",
    "publication_gate": False,
    "disclosure_rule": "CSDS",
    "person": {"nhs_number": "NHS_Number", "date_of_birth": "union"},
    "population": {"S": {"source": "submitter"}, "G": {"source": "practice", "field": "from"}},
    "lookups": {"drop": {"source": "this test", "values": {'O\'Neill "House"; --': "02P"}}},
    "fields": [
        {"name": "NHS_Number", "class": "DI", "identifier": "nhs_number", "check": "nhs_number"},
        {"name": "union", "class": "DI", "identifier": "date_of_birth", "type": "date"},
        {"name": "order", "class": "QI", "type": "date", "mandatory": True},
        {"name": "from", "class": "QI", "pattern": "^[A-Z][0-9]{5}$"},
        {"name": "select", "header": STATEMENT, "class": "CLIN", "codes": ["'", '"', "'; --"]},
        {"name": "table", "class": "CLIN", "pattern": "^(a*)*['\"%;-]{0,9}$", "length_max": 20},
        {"name": "where", "class": "ORG", "lookup": "drop"},
        {"name": "group", "class": "ADM", "recode": {"''": "'"}, "pattern": "^[x']$"},
    ],
    "derived": [{"name": "limit", "from": "union", "at": "order", "derivation": "age_band"}],
}
GOOD = {
    "NHS_Number": "9990000018",
    "union": "1970-01-31",
    "order": "2018-04-03",
    "from": "A81001",
    STATEMENT: "'; --",
    "table": "aaaa'\"%;-",
    "where": 'o\'neill  "HOUSE"; --',
    "group": "''",
}


@pytest.fixture
def hostile(request, monkeypatch):
    """The intake of a haven that had such a flow from agreements."""
    fixed, flow = catalogue.load(), read_flow(json.dumps(HOSTILE))
    known = CatalogueWithFlows((*fixed.data_sets, flow.data_set), fixed.landing_rules)
    monkeypatch.setattr(main.fetching, "with_flows", lambda *_: known)
    return request.getfixturevalue("intake")


def test_a_name_or_a_value_that_is_sql_elsewhere_is_landed_as_what_it_is(hostile):
    rows = [GOOD, GOOD | {STATEMENT: STATEMENT}, GOOD | {"table": "a" * 19 + "b"}]
    rows += [GOOD | {"order": day} for day in ("2018-04-04", "2018-04-05")]

    submission = hostile.submit(written(rows), data_set="LPF_SELECT")

    assert submission["state"] == "accepted", submission
    landed, *others = hostile.landed(submission["edition_id"])
    assert len(others) == 2
    assert landed["select"] == "'; --"
    assert landed["table"] == "aaaa'\"%;-"
    assert (landed["where"], landed["group"]) == ("02P", "'")
    assert (landed["limit"], landed["reason_s"]) == ("45-49", PROVIDER)
    quarantined = hostile.get(f"/v1/submissions/{submission['id']}/quarantine").json()["items"]
    assert [(q["line"], q["column"], q["code"]) for q in quarantined] == [
        (3, "select", "CODE_UNKNOWN"),
        (4, "table", "PATTERN_MISMATCH"),
    ]
