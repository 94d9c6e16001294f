"""No two files of one environment tell who opted out, where scores come back as well (R09, R14).

Scores are of just the people whose records were given for them: whoever had opted out by then is
in none. They are landed as editions of their own and given to the commissioner by token, and to a
practice of its own patients. The worlds are those of `test_who_opted_out`, with another oracle
beside it: of records and scores in which a person has one token, whoever is in the records alone
opted out, unless nobody can be scored without a practice.
"""

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

import catalogue
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.domain import held
from agreements.decision.domain.clauses import file_clauses
from agreements.decision.use_cases.decider import Decider
from catalogue import Uses
from services.agreements.tests.integration.test_who_opted_out import People
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed

SCORES = "RISK_SCORES"
MONTH = "2018-04"
STEPS = 30
UNREGISTERED = frozenset(range(36, 40))
"""Of whom no practice is known: they are never scored."""
OF_THE_PRACTICE = frozenset(range(0, 36, 2))
WEIGHTS = {"ask": 8, "release": 3, "fetch": 4, "list": 2, "records": 1, "scores": 3}
KINDS = {"records": "SUS_APC", "scores": SCORES, "practice": SCORES}
"""What is asked for, and of which data set."""

QUICK = 3
"""A world in which something would have told, and everything is held."""
TELLING = {"linking": 4, "lists": 3, "editions": 3}
"""A world each in which scores would betray somebody without that guard."""

Rows = dict[str, People]
"""By edition."""


def world_of(*, linked: bool) -> dict[str, Any]:
    """Three lines for risk stratification: records and scores by token, scores for a practice."""
    world = on_the_catalogue(plain.with_line_for_a_practice(plain.sound()))
    world["listed"] = []
    world["approvals"].append(
        {
            "reference": plain.RISK_CAG,
            "purposes": ["RS"],
            "controllers": None,
            "start": date(2013, 4, 1),
            "end": date(2020, 9, 30),
        }
    )
    (version,) = world["agreement"]["versions"]
    snapshot = version["snapshot"]
    upheld = {"opt_out": {"applied": True, "reason": None}}
    first = plain.copied(snapshot["lines"][0]) | upheld | {"purpose": "RS", "number": 6}
    first["fields"] = [f for f in first["fields"] if f["name"] == "Sex"]
    of_scores = {
        "data_set": SCORES,
        "catalogue_version": "1.0",
        "catalogue_digest": catalogue.load().get(SCORES, "1.0").digest,
        "fields": [{"name": "SCORE", "treatment": "as_is", "reason": "to find who needs care"}],
    }
    (of_a_practice,) = (line for line in snapshot["lines"] if line["number"] == 5)
    of_a_practice |= of_scores | upheld
    snapshot["lines"] += [first, plain.copied(first) | of_scores | {"number": 7}]
    if linked:
        snapshot["linkage"] = [
            {"data_sets": ["SUS_APC", SCORES], "key": "person", "mitigation": "one team"}
        ]
    return world


class World:
    """One commissioner's environment and a practice's, which ask for all that there is."""

    def __init__(self, decider: Decider, seed_of: int) -> None:
        self.decider, self.chance = decider, random.Random(seed_of)
        self.people: dict[str, People] = {}
        """By edition, of records and of scores."""
        self.current: dict[str, str] = {}
        """The edition in force, by data set."""
        self.objectors: People = frozenset(self.some(6))
        self.lists = 0
        self.made: list[tuple[str, Rows]] = []
        self.waiting: list[tuple[str, str, Rows, Any]] = []
        self.released: dict[Any, tuple[str, str, Rows]] = {}
        self.held: list[tuple[str, str, Rows]] = []
        """Kind, pseudonym domain and rows of each file that was fetched."""
        self.refused: list[str] = []
        self.land_records()
        self.land_scores()

    def some(self, number: int) -> list[int]:
        return self.chance.sample(range(40), number)

    def land_records(self) -> None:
        before = self.people.get(self.current.get("SUS_APC", ""), frozenset(self.some(26)))
        one = frozenset(self.some(2))
        self._land("SUS_APC", self.chance.choice([before, before | one, before - one]))

    def land_scores(self) -> None:
        """Let a supplier send them again: of the records, without whoever had opted out then."""
        given = self.people[self.current["SUS_APC"]] - self.objectors - UNREGISTERED
        self._land(SCORES, given)

    def _land(self, data_set: str, people: People) -> None:
        edition = f"edition-{len(self.people)}"
        self.people[edition], self.current[data_set] = people, edition

    def change_list(self) -> None:
        self.lists += 1
        self.objectors ^= frozenset(self.some(self.chance.randint(1, 5)))

    def ask(self) -> None:
        kind = self.chance.choice(list(KINDS))
        wanted: dict[str, Any] = {"purpose": "RS", "data_set": KINDS[kind], "periods": (MONTH,)}
        wanted["fields"] = ("Sex",) if kind == "records" else ("SCORE",)
        if kind == "practice":
            proof = asking.evidence(client=plain.PRACTICE_CLIENT, ods=plain.PRACTICE)
            wanted |= {"classification": "IDENTIFIABLE", "evidence": proof}
        answer = self.decider.ask_and_wait(asking.request(**wanted))
        if answer.permit is None:
            self.refused += [one.code for one in answer.refusals]
            return
        edition = self.current[KINDS[kind]]
        there = self.people[edition]
        if kind == "practice":
            there &= OF_THE_PRACTICE
        rows = {edition: there - self.objectors}
        self.waiting.append((kind, answer.permit.said.domain.id, rows, self.attested(answer, rows)))
        self.made.append((kind, rows))
        if self.chance.random() < 0.6:
            self.release(-1)

    def attested(self, answer: Any, rows: Rows) -> Any:
        permit, (edition,) = answer.permit, rows
        said = permit.said
        kind_of = {"Sex": "QI", "SCORE": "CLIN"}
        own = [
            {"name": f.name, "treatment": f.treatment, "class": kind_of[f.name]}
            for f in said.fields
        ]
        made = catalogue.load().rules_of(said.line.data_set, plain.NOON.date())
        landing = {"version": made.version, "digest": made.digest}
        told = asking.edition(edition, period=MONTH, landing_rules=landing)
        derived = {"treatment": "derived", "class": "DER"}
        claims = asking.attested(
            permit,
            editions=[told],
            columns=[
                {"name": "Token", "treatment": "pseudonym", "class": "DER"},
                {"name": "Reason_For_Access", **derived},
                *own,
            ],
            scan={"rule": "pcd-scan/2", "columns": [one["name"] for one in own], "hits": 0},
        )
        name = f"list-{self.lists}"
        claims["opt_out"] |= {"list_id": name, "list_date": "2018-06-01"}
        if said.opt_out.by != "list":
            claims["opt_out"]["by"] = said.opt_out.by
        if said.registered_with:
            told_by = {"list_date": "2018-06-01", "lists": ["registrations-1"]}
            claims["registered"] = {"codes": list(said.registered_with), **told_by}
        claims["standing_beside"] = self.standing_beside(said.line.data_set, edition)
        return asking.release(claims)

    def standing_beside(self, data_set: str, edition: str) -> list[dict[str, str]]:
        found = set()
        for kind, rows in self.made:
            for other, there in rows.items():
                if KINDS[kind] == data_set and other != edition:
                    was, are = self.people[other], self.people[edition]
                    lost, gained = (was - are) & there, (are - was) - self.objectors
                    if was & are and not (lost and gained):
                        found.add(other)
        return [{"month": MONTH, "edition": other} for other in sorted(found)]

    def release(self, at: int | None = None) -> None:
        """Let one out of those that wait, perhaps long after it was made."""
        if self.waiting:
            *file, ask = self.waiting.pop(
                self.chance.randrange(len(self.waiting)) if at is None else at
            )
            answer = self.decider.ask_and_wait(ask)
            if answer.holding_id is None:
                self.refused += [one.code for one in answer.refusals]
            else:
                self.released[answer.holding_id] = tuple(file)
                if at is not None and self.chance.random() < 0.6:
                    self.fetch(answer.holding_id)

    def fetch(self, holding: Any = None) -> None:
        if not self.released:
            return
        holding = holding or self.chance.choice(sorted(self.released))
        who = {}
        if self.released[holding][0] == "practice":
            proof = asking.evidence(client=plain.PRACTICE_CLIENT, ods=plain.PRACTICE)
            who = {"client_id": plain.PRACTICE_CLIENT, "evidence": proof}
        answer = self.decider.ask_and_wait(asking.fetch(holding, **who))
        if answer.permitted:
            self.held.append(self.released.pop(holding))
        else:
            self.refused += [one.code for one in answer.refusals]

    def play(self) -> None:
        for _ in range(STEPS):
            match self.chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]:
                case "ask":
                    self.ask()
                case "release":
                    self.release()
                case "fetch":
                    self.fetch()
                case "list":
                    self.change_list()
                case "records":
                    self.land_records()
                case "scores":
                    self.land_scores()

    def betrayed(self) -> Iterator[tuple[str, str, People]]:
        """Whom two files of one environment tell."""
        for one, domain, mine in self.held:
            for other, theirs_domain, theirs in self.held:
                if (one == "practice") != (other == "practice"):
                    continue  # each environment has its own
                for edition, rows in mine.items():
                    for later, more in theirs.items():
                        gone = rows - more
                        if KINDS[one] != KINDS[other]:
                            # Whoever has no practice may be known by that.
                            is_known = domain == theirs_domain and one == "records"
                            gone, lost = gone - UNREGISTERED, frozenset()
                        else:
                            is_known = True
                            lost = self.people[edition] - self.people[later]
                        if is_known and gone and not gone & lost:
                            yield one, other, gone


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def database_kind():
    return "sqlite"


def played(engine, clock, seed_of: int, *, linked: bool = False) -> World:
    clock.set(plain.NOON)
    seed(engine, world_of(linked=linked))
    decider = Decider(SqlDecisionLogs(engine, SEALER), clock)
    try:
        world = World(decider, seed_of)
        world.play()
    finally:
        decider.stop()
    return world


@pytest.mark.scenario("R09")
@pytest.mark.scenario("R14")
@pytest.mark.parametrize(
    "seed_of",
    [QUICK, *(pytest.param(n, marks=pytest.mark.long) for n in range(8) if n != QUICK)],
)
def test_no_two_files_with_scores_tell_who_opted_out(engine, clock, seed_of):
    world = played(engine, clock, seed_of)

    assert list(world.betrayed()) == []
    assert set(world.refused) <= {"OPT_OUT_DIFFERENCING", "FILE_VOID"}
    if seed_of == QUICK:
        assert world.refused
        assert {kind for kind, *_ in world.held} == set(KINDS)


def test_with_equal_tokens_records_and_scores_would_tell_and_are_not_given(engine, clock):
    """Guard: `linking` of RISK_SCORES in the rules of use (docs/adr/0236)."""
    guarded = played(engine, clock, TELLING["linking"], linked=True)

    assert {one[0] for one in guarded.held} <= {"practice"}
    assert "LINKAGE_NOT_WITH_DATA_SET" in guarded.refused


@pytest.mark.parametrize(
    "guard", ["linking", "lists", pytest.param("editions", marks=pytest.mark.long)]
)
def test_without_its_guards_a_world_with_scores_tells_them(engine, clock, monkeypatch, guard):
    match guard:
        case "linking":
            monkeypatch.setattr(Uses, "_of_linking", lambda *_: iter(()))
        case "lists":
            monkeypatch.setattr(file_clauses, "told_apart", lambda *_: ())
        case "editions":
            monkeypatch.setattr(held, "_is_all_by_objection", lambda *_: False)

    world = played(engine, clock, TELLING[guard], linked=guard == "linking")

    assert any(SCORES in (KINDS[one], KINDS[other]) for one, other, _ in world.betrayed())
