"""A bridging file pairs the tokens of people who are in both domains, and of nobody else; once."""

import duckdb
import pytest

import catalogue
from common.ids import digest_of
from common.security import jws
from pseudonymisation.preparations.domain.errors import (
    BridgingFileMade,
    DomainClosed,
    PermitInvalid,
)
from pseudonymisation.preparations.use_cases import domains
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.integration.test_linked_data_sets import stay, visit
from services.pseudonymisation.tests.submitting import written

KNOWN = catalogue.load()
STAYS, VISITS = KNOWN.get("SUS_APC"), KNOWN.get("SUS_OP")
OTHER = "DARS-NIC-654321-Z9Y8X"
ONLY_STAYED, OPTED_OUT = "9990000018", "9990000050"
BOTH = {"9990000026": "1", "9990000034": "2"}
"""Numbers of people who are in both, each with a sex that nobody else there has."""
STAYED = {ONLY_STAYED: "9", **BOTH, OPTED_OUT: "9", "": "0"}
VISITED = {**BOTH, "9990000042": "9", OPTED_OUT: "9", "": "0"}


@pytest.fixture
def dissemination(intake, clock):
    for data_set, row, people in (("SUS_APC", stay, STAYED), ("SUS_OP", visit, VISITED)):
        rows = [
            # Two records each: a person is paired once.
            row(number, f"L{place % len(people)}", place) | {"Sex": sex}
            for place, (number, sex) in enumerate([*people.items()] * 2)
        ]
        sent = intake.submit(written(rows), data_set=data_set)
        assert sent["state"] == "accepted", sent
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def domain_of(agreement, data_set, *, environment="e1", upholds=False):
    facts = {
        "controllers": ["02P"],
        "agreement": agreement,
        "purpose": "COM",
        "environment": environment,
        "opt_out": "applied" if upholds else "not_applied",
        "data_sets": [data_set.data_set],
    }
    return {"id": digest_of(facts), **facts}


def bridge_to(data_set, *, upholds=False, **changes):
    """Leave to pair with another agreement's line of that data set."""
    return {
        "agreement": {
            "reference": OTHER,
            "version": "v1.0",
            "document_hash": "sha256:" + "1" * 64,
        },
        "line": {
            "number": 2,
            "purpose": "COM",
            "data_set": data_set.data_set,
            "catalogue_version": data_set.version,
            "catalogue_digest": data_set.digest,
            "classification": "PSEUDO_ANONYMISED",
            "sensitivity": "NON_SENSITIVE",
        },
        "population": {
            "rule": "own",
            "codes": ["02P"],
            "reasons": list("GHRC"),
            "map_versions": {"practice": [], "postcode": []},
        },
        "domain": domain_of(OTHER, data_set, upholds=upholds),
        "disclosure_rule": "HES",
    } | changes


def prepare(dissemination, data_set, fields, *, upholds=False, **more):
    return dissemination.prepare(
        data_set,
        fields,
        periods=["2018-04"],
        codes=["02P"],
        reasons="GHRC",
        formats=more.pop("formats", ("parquet",)),
        upholds=upholds,
        **more,
    )


def pairs(dissemination, *, upholds=False, **more):
    bridge = bridge_to(VISITS, upholds=upholds)
    return prepare(dissemination, STAYS, {}, upholds=upholds, bridge=bridge, **more)


def tokens(dissemination, data_set, *, upholds=False, **more):
    """By token, the sex of each person in the records of one domain."""
    done = prepare(dissemination, data_set, {"Sex": "as_is"}, upholds=upholds, **more)
    (file,) = done.files
    path = dissemination.path(file)
    return dict(duckdb.sql(f"SELECT DISTINCT Token, Sex FROM '{path}'").fetchall())


def rows_of(dissemination, done):
    return [duckdb.sql(f"FROM '{dissemination.path(f)}'").fetchall() for f in done.files]


def test_it_has_the_people_of_both_and_of_each_one_pair(dissemination):
    """Guard: `adapters/bridging/pairing`: the join, the numbers, and either domain's key."""
    done = pairs(dissemination, formats=("parquet", "csv"))

    assert done.state == "prepared", done.code
    stayed = tokens(dissemination, STAYS)
    visited = tokens(
        dissemination,
        VISITS,
        agreement=OTHER,
    )
    assert set(stayed).isdisjoint(visited)
    parquet, csv = rows_of(dissemination, done)
    assert parquet == csv == sorted(parquet)
    # Who opted out is not left out here: the sex 9 is of one who is in both, and of two who are
    # not; people without a number are paired with nobody.
    found = sorted((stayed[own], visited[other]) for own, other in parquet)
    assert found == [("1", "1"), ("2", "2"), ("9", "9")]

    said = jws.unverified(done.files[0].attestation)
    assert [column["name"] for column in said["columns"]] == ["Token", "Other_Token"]
    assert said["bridge"]["domain"] == domain_of(OTHER, VISITS)["id"]
    assert (said["bridge"]["of"]["reference"], said["bridge"]["agreement"]["reference"]) == (
        "DARS-NIC-123456-A1B2C",
        OTHER,
    )
    (own,), (others,) = said["editions"], said["bridge"]["editions"]
    assert own["id"] != others["id"]
    assert said["groups"] == {"columns": [], "people": 3, "smallest": 3, "unique": 0}


def test_who_opted_out_is_in_no_pair(intake, dissemination, clock):
    assert take(intake, body([OPTED_OUT]), clock.now().date().isoformat()).is_success

    done = pairs(dissemination, upholds=True)

    assert done.state == "prepared", done.code
    stayed = tokens(dissemination, STAYS, upholds=True)
    (found,) = rows_of(dissemination, done)
    assert sorted(stayed[own] for own, _ in found) == ["1", "2"]
    said = jws.unverified(done.files[0].attestation)
    assert said["opt_out"]["applied"] is True
    assert said["opt_out"]["list_id"]


def test_it_is_made_once_whichever_of_the_two_asks(dissemination):
    """Guard: `SqlPreparations.is_bridged`."""
    assert pairs(dissemination).state == "prepared"

    with pytest.raises(BridgingFileMade):
        pairs(dissemination)
    mine = bridge_to(STAYS, domain=domain_of("DARS-NIC-123456-A1B2C", STAYS))
    mine["agreement"] = mine["agreement"] | {"reference": "DARS-NIC-123456-A1B2C"}
    with pytest.raises(BridgingFileMade):
        prepare(dissemination, VISITS, {}, bridge=mine, agreement=OTHER)


def test_of_a_domain_that_is_closed_none_is_made(dissemination):
    """The other one's: of the own no file is made, of pairs or of records."""
    tokens(dissemination, VISITS, agreement=OTHER)
    jobs = dissemination.parts.preparation_jobs
    ctx = domains.DomainContext(uow=jobs.uow, clock=jobs.clock, keys=jobs.keys)
    assert domains.close_domains_of(OTHER, settled=False, ctx=ctx) == 1

    with pytest.raises(DomainClosed):
        pairs(dissemination)


def test_what_agreements_never_gives_is_refused_by_the_haven_too(intake, clock):
    """Another environment, another treatment of opt-outs, people who are known.

    Guard: `Permit.contradictions`.
    """
    asking = Dissemination(intake, clock)
    try:
        for changes in (
            {"domain": domain_of(OTHER, VISITS, environment="e2")},
            {"domain": domain_of(OTHER, VISITS, upholds=True)},
            {"line": bridge_to(VISITS)["line"] | {"classification": "IDENTIFIABLE"}},
        ):
            with pytest.raises(PermitInvalid, match="bridge"):
                prepare(asking, STAYS, {}, bridge=bridge_to(VISITS, **changes))
    finally:
        asking.parts.close()
