"""No party holds, in two environments, people by name of whom one file leaves objectors out.

Guard: `file_clauses.other_environment`, judged when it is asked for, released and first fetched
(docs/adr/0215, ruling 6).
"""

from dataclasses import replace

import pytest

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.domain.facts import AgreementFacts
from agreements.decision.domain.question import Landed
from common.ids import new_id
from services.agreements.tests.api.test_invoice_files import (
    FIELDS,
    FINANCE,
    HAVEN_2_03,
    OWN_7_07,
    UNIT_7_07,
    world_of,
)
from services.agreements.tests.integration.test_bridging_files import OTHER, second_agreement
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.giving import Rehearsing, codes
from services.agreements.tests.reference.seeding import SEALER, seed
from services.agreements.tests.reference.world import CCG, CSU

MONTH = "2018-04"
REFUSED = {("OPT_OUT_DIFFERENCING", MONTH)}
FIRST = {"organisation": CSU, "kind": "ceff", "approval": UNIT_7_07}
SECOND = {
    "a safe haven of the same unit": {"organisation": CSU, "kind": "ash", "approval": HAVEN_2_03},
    "that of the commissioner": {"organisation": CCG, "kind": "ceff", "approval": OWN_7_07},
}
THERE = "finance-team-elsewhere"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def database_kind():
    return "sqlite"


class Parties:
    """Two agreements of one commissioner, each for an environment of its own."""

    def __init__(self, engine, clock, second):
        clock.set(plain.NOON)
        world, other = world_of(**FIRST), world_of(**second)
        environment = {**other["environments"][0], "clients": [THERE]}
        world["environments"].append({**environment, "id": plain.RISK_ENVIRONMENT})
        for named in ("approvals", "listed"):
            world[named] += other[named]
        other["agreement"]["reference"] = OTHER
        second_agreement(seed(engine, world), other)
        self.decider = Rehearsing(SqlDecisionLogs(engine, SEALER), clock)
        self.who = {
            plain.REFERENCE: asking.evidence(client=FINANCE, ods=CSU),
            OTHER: asking.evidence(client=THERE, ods=second["organisation"]),
        }

    def ask(self, agreement, **changes):
        landed = changes.pop("landed", None)
        asked = asking.request(
            agreement=agreement,
            purpose="IV",
            classification="IDENTIFIABLE",
            fields=tuple(changes.pop("fields", FIELDS)),
            periods=(MONTH,),
            evidence=self.who[agreement],
        )
        return self.decider.ask_and_wait(replace(asked, landed=landed))

    def release(self, agreement, made_with, *, edition="edition-1", **said):
        answer = self.ask(agreement)
        assert answer.permit is not None, answer.refusals
        claims = asking.attested(
            answer.permit,
            scan={"rule": "pcd-scan/2", "columns": [*FIELDS], "hits": 0},
            editions=[asking.edition(edition)],
            **said,
        )
        claims["opt_out"] |= {"list_id": made_with, "list_date": "2018-06-01"}
        return self.decider.ask_and_wait(asking.release(claims))

    def given(self, agreement, made_with):
        """Have it released and fetched."""
        released = self.release(agreement, made_with)
        assert not released.refusals
        assert self.fetch(agreement, released).permitted

    def fetch(self, agreement, released):
        who = self.who[agreement]
        client = who.principal.client_id
        return self.decider.ask_and_wait(
            asking.fetch(released.holding_id, client_id=client, evidence=who)
        )


@pytest.fixture
def of_parties(engine, clock):
    made = []

    def make(second):
        made.append(Parties(engine, clock, second))
        return made[-1]

    yield make
    for parties in made:
        parties.decider.stop()


def landed(made_with, edition="edition-1"):
    return Landed(editions=frozenset({(MONTH, frozenset({edition}))}), lists=frozenset({made_with}))


@pytest.mark.scenario("R14")
@pytest.mark.parametrize("second", SECOND.values(), ids=list(SECOND))
def test_with_another_list_no_party_has_it_in_a_second_environment(of_parties, second):
    parties = of_parties(second)
    first = parties.release(plain.REFERENCE, "list-1")
    assert parties.ask(OTHER, landed=landed("list-2")).permitted, "nobody fetched the first"
    assert parties.fetch(plain.REFERENCE, first).permitted

    assert codes(parties.ask(OTHER, landed=landed("list-2"))) == REFUSED
    assert codes(parties.release(OTHER, "list-2")) == REFUSED
    assert parties.ask(OTHER, landed=landed("list-1")).permitted
    assert parties.release(OTHER, "list-1").permitted
    assert parties.release(OTHER, "list-2", edition="edition-2").permitted


@pytest.mark.scenario("R13")
def test_it_waits_beside_another_environment_as_in_its_own(of_parties):
    parties = of_parties(SECOND["that of the commissioner"])
    parties.given(plain.REFERENCE, "list-1")

    (named,) = parties.ask(OTHER, landed=landed("list-2", "edition-2")).permit.said.held_beside
    assert (named.editions, named.lists) == (("edition-1",), ("list-1",))
    beside = [{"month": MONTH, "edition": "edition-1"}]
    again = parties.release(OTHER, "list-2", edition="edition-2", standing_beside=beside)
    assert codes(again) == REFUSED


def test_of_two_that_were_released_one_is_fetched(of_parties):
    parties = of_parties(SECOND["that of the commissioner"])
    first = parties.release(plain.REFERENCE, "list-1")
    second = parties.release(OTHER, "list-2")
    assert first.permitted
    assert second.permitted

    assert parties.fetch(OTHER, second).permitted
    assert codes(parties.fetch(plain.REFERENCE, first)) == REFUSED
    assert parties.fetch(OTHER, second).permitted


def test_what_names_nobody_is_held_against_its_own_environment_alone(of_parties):
    """Ruling 6: one treatment an environment. Of fields without a number nobody is known."""
    parties = of_parties(SECOND["that of the commissioner"])
    parties.given(plain.REFERENCE, "list-1")

    assert parties.ask(OTHER, fields=["FCE_HRG"], landed=landed("list-2")).permitted


def test_another_party_may_have_it(of_parties, monkeypatch):
    parties = of_parties(SECOND["that of the commissioner"])
    parties.given(plain.REFERENCE, "list-1")
    monkeypatch.setattr(
        AgreementFacts, "party", lambda self, *_: frozenset({f"party of {self.reference}"})
    )

    assert parties.release(OTHER, "list-2").permitted


def test_the_party_of_an_environment_is_whoever_its_owners_and_parties_became():
    """Also by succession; an organisation that is none of them is not among them."""
    world = plain.sound()
    facts = facts_of(world)
    (csu,) = {e.id for e in facts.environments if e.organisation == CSU and e.kind == "analytics"}
    assert facts.party(csu, plain.NOON) == {CCG, CSU}
    assert facts.party(new_id(), plain.NOON) == {CCG, CSU}, "controllers and processors, wherever"

    world["instruments"] = [
        {"predecessor": CSU, "successor": plain.OTHER_CSU, "from": plain.NOON.date()}
    ]
    assert facts_of(world).party(csu, plain.NOON) >= {CCG, plain.OTHER_CSU}
