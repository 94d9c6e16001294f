"""No two files that one environment may hold tell who opted out, whatever happens between them.

Populations, editions, lists and what is asked are generated: records of two groups, tables, change
sets, and a bridging file, under two agreements. Agreements decides each request, release and fetch,
on a real database. The haven is told in a few lines from the domain pages: a file has the rows of
the editions in force, less whoever is on the list where opt-outs are upheld; and it says beside
which other editions the records lost or gained nobody (docs/adr/0171, docs/adr/0214).
The oracle knows no rule: it looks at the files side by side, provider by provider, and asks whether
whoever is in one of them alone could have come or gone by the records.
"""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.domain import held
from agreements.decision.domain.clauses import LINE_CLAUSES, Clause, bridging_clauses, file_clauses
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.use_cases.asking import Answer
from agreements.decision.use_cases.decider import Decider
from services.agreements.tests.integration.test_bridging_files import (
    OTHER,
    clause,
    second_agreement,
)
from services.agreements.tests.integration.test_bridging_files import attested as attested_pairs
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.giving import Rehearsing
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed
from statements.bridging import BridgedLine
from statements.tables import TableDimension, TableRequest

MONTHS = ("2018-04", "2018-05")
PROVIDERS = ("RR8", "R0A")
COMMISSIONING, UPHELD = ("COM", 1), ("RS", 4)
"""Purpose and number of two lines that land in one environment: who opted out is in one of them."""
COUNTED = ("RS", 5)
"""A line of exact tables with opt-outs upheld, of the same environment."""
BY_RIGHT = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
COUNTED_BY = {"rule": "HES", "rule_version": 1, "certificate": "none", "cells": 2}
KINDS = {"records": 8, "table": 3, "changes": 3, "bridge": 4}
"""How often what is asked for with opt-outs upheld."""
WHOLE, PART = "Referrals", "Care_Activities"
"""Two groups of one submission: whoever has an activity has a referral."""
STEPS = 50
WEIGHTS = {"ask": 5, "release": 5, "fetch": 5, "list": 1, "land": 2}
"""How often what happens."""

QUICK = {
    12: {"table", "changes", "bridge"},
    14: {"table", "changes"},
    25: {"table", "bridge"},
}
"""Worlds in which something would have told, and what is held in them besides records."""
TELLING = {"lists": 10, "treatments": 14, "editions": 32, "pairs": 35, "groups": 163}
"""A world each in which files would betray somebody without that guard."""

People = frozenset[int]
Rows = Mapping[tuple[str, str], People]
"""By month and edition."""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """What is in a file, or counted, changed or paired in it, as only the test knows it."""

    kind: str
    group: str
    rows: Rows


@dataclass(slots=True)
class Population:
    """People, what was landed of them, and who objects by now."""

    chance: random.Random
    editions: dict[tuple[str, str], str] = field(default_factory=dict)
    """In force, by month and provider."""
    place: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By edition: month and provider."""
    people: dict[tuple[str, str], People] = field(default_factory=dict)
    """By edition and group: who has rows in it."""
    made_of: list[MadeFile] = field(default_factory=list)
    """All files with opt-outs upheld, whatever became of them; but none of pairs."""
    objectors: People = frozenset()
    lists: int = 0

    def land(self, month: str, provider: str) -> None:
        """Land a month: for the first time, or more, less or other people than before."""
        edition = f"edition-{len(self.place)}"
        former = self.editions.get((month, provider))
        some = frozenset(self.chance.sample(range(40), 20))
        one = frozenset(self.chance.sample(range(40), 2))
        self.editions[month, provider] = edition
        self.place[edition] = month, provider
        if former is None:
            whole, part = some, frozenset(n for n in some if n % 3)
        else:
            before, cut = self.people[former, WHOLE], self.people[former, PART]
            whole = self.chance.choice([some, before, before | one, before - one, before ^ one])
            part = self.chance.choice([cut, cut, cut ^ one, frozenset(n for n in some if n % 3)])
        self.people[edition, WHOLE], self.people[edition, PART] = whole, part & whole

    def change_list(self) -> None:
        """Let some opt out, and some change their minds."""
        self.lists += 1
        changed = self.chance.sample(range(40), self.chance.randint(1, 6))
        self.objectors = self.objectors ^ frozenset(changed)

    def made(self, kind: str, months: Sequence[str], *, upheld: bool) -> MadeFile:
        out = self.objectors if upheld else frozenset()
        group = WHOLE if kind == "bridge" else self.chance.choice([WHOLE, PART])
        rows = {
            (month, edition): self.people[edition, group] - out
            for (month, _), edition in self.editions.items()
            if month in months
        }
        return MadeFile(kind, group, rows)

    def standing_beside(self, made: MadeFile) -> list[dict[str, str]]:
        """Name the editions of other files beside which the records lost or gained nobody."""
        told = set()
        for other in self.made_of:
            for (month, theirs), (_, ours) in self.replaced(other, made):
                was, are = self.people[theirs, other.group], self.people[ours, made.group]
                lost = (was - are) & other.rows[month, theirs]
                gained = (are - was) & made.rows[month, ours]
                if was & are and not (lost and gained):
                    told.add((month, theirs))
        return [{"month": month, "edition": edition} for month, edition in sorted(told)]

    def replaced(
        self, one: MadeFile, other: MadeFile
    ) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
        """Pair the editions of one provider and month that two files have, where they differ."""
        for mine in one.rows:
            for theirs in other.rows:
                if mine != theirs and self.place[mine[1]] == self.place[theirs[1]]:
                    yield mine, theirs


@dataclass(slots=True)
class World:
    """One environment that asks for what it can think of, under either of its agreements."""

    decider: Decider
    population: Population
    waiting: list[tuple[MadeFile, Any]] = field(default_factory=list)
    """Prepared, not released."""
    released: dict[UUID, MadeFile] = field(default_factory=dict)
    held: list[MadeFile] = field(default_factory=list)
    fetched: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    """Agreement, months and extract of records that were fetched, opt-outs upheld."""
    extracts: dict[UUID, tuple[str, tuple[str, ...], str]] = field(default_factory=dict)
    refused: int = 0

    def ask(self, line: tuple[str, int], months: Sequence[str]) -> None:
        """Ask for records, or with opt-outs upheld for anything that there is."""
        chance, population = self.population.chance, self.population
        is_upheld = line == UPHELD
        agreement = chance.choice([plain.REFERENCE, OTHER]) if is_upheld else plain.REFERENCE
        kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
        wanted: dict[str, Any] = {"agreement": agreement, "purpose": line[0]}
        if not is_upheld:
            kind = "records"
        elif kind == "table":
            sex = TableRequest(measure="records", dimensions=(TableDimension(column="Sex"),))
            wanted |= {"classification": BY_RIGHT, "table": sex}
            wanted |= {"fields": ("Sex",), "formats": ("csv",)}
        elif kind == "changes" and self.fetched:
            agreement, months, since = chance.choice(self.fetched)
            wanted |= {"agreement": agreement, "changes_since": since}
        elif kind == "bridge":
            other = OTHER if agreement == plain.REFERENCE else plain.REFERENCE
            key = asking.KEY._asdict() | {"purpose": line[0]}
            wanted |= {"fields": (), "bridge": BridgedLine(agreement=other, **key)}
        else:
            kind = "records"
        answer = self.decider.ask_and_wait(asking.request(**wanted, periods=tuple(months)))
        if answer.permit is None:
            self._refused(answer)
            return
        made = population.made(kind, months, upheld=is_upheld)
        for asked in self._attested(answer.permit, made):
            self.waiting.append((made, asked))
        if is_upheld and kind != "bridge":
            population.made_of.append(made)

    def _attested(self, permit: GivenPermit, made: MadeFile) -> Iterator[Any]:
        """What the haven makes under a permit; of a change set, what it leads to besides."""
        population, said = self.population, permit.said
        editions = [
            asking.edition(edition, provider=provider, period=month)
            for (month, provider), edition in population.editions.items()
            if month in said.periods
        ]
        more: dict[str, Any] = {"editions": editions}
        if said.table is not None:
            sex = {"name": "Sex", "treatment": "as_is", "class": "QI"}
            counted = said.claims()["table"] | COUNTED_BY
            scan = {"rule": "pcd-scan/2", "columns": ["Sex"], "hits": 0}
            more |= {"columns": [sex], "scan": scan, "table": counted, "order": "category"}
        if made.kind == "bridge":
            claims = attested_pairs(permit, bridge={"editions": editions}, editions=())
            claims["editions"] = editions
        else:
            claims = asking.attested(permit, **more)
            claims["file"]["format"] = said.formats[0]
        if said.opt_out.applied:
            name = f"list-{population.lists}"
            claims["opt_out"] |= {"list_id": name, "list_date": "2018-06-01"}
            if made.kind != "bridge":
                claims["standing_beside"] = population.standing_beside(made)
        yield asking.release(claims)
        if made.kind == "changes":
            since = {
                "since": said.changes_since,
                "since_file": plain.sha(["file"]),
                "key": ["Token"],
            }
            change = {"name": "Change", "treatment": "derived", "class": "DER"}
            ids = asking.attested(permit)
            told = ids | claims | {n: ids[n] for n in ("sub", "file")} | {"changes": since}
            told["columns"] = [*claims["columns"], change]
            yield asking.release(told)

    def release(self) -> None:
        """Let one of those that wait out, perhaps long after it was made."""
        if not self.waiting:
            return
        made, ask = self.waiting.pop(self.population.chance.randrange(len(self.waiting)))
        answer = self.decider.ask_and_wait(ask)
        if answer.holding_id is None:
            self._refused(answer)
            return
        self.released[answer.holding_id] = made
        file = ask.file
        if made.kind in {"records", "changes"} and file.opt_out.applied and file.changes is None:
            agreement = answer.agreement.reference
            self.extracts[answer.holding_id] = agreement, file.periods, file.extract_id

    def fetch(self) -> None:
        if not self.released:
            return
        holding = self.population.chance.choice(sorted(self.released))
        answer = self.decider.ask_and_wait(asking.fetch(holding))
        if answer.permitted:
            self.held.append(self.released.pop(holding))
            if holding in self.extracts:
                self.fetched.append(self.extracts[holding])
        else:
            self._refused(answer)

    def _refused(self, answer: Answer) -> None:
        codes = {r.code for r in answer.refusals}
        assert codes <= REFUSALS, answer.refusals
        self.refused += 1


REFUSALS = {"OPT_OUT_DIFFERENCING", "FILE_VOID", "BRIDGING_FILE_GIVEN"}


def play(engine: Engine, clock: Any, seed_of: int, kind: type[Decider] = Decider) -> World:
    clock.set(plain.NOON)
    worlds = []
    for reference, other in ((plain.REFERENCE, OTHER), (OTHER, plain.REFERENCE)):
        world = on_the_catalogue(plain.sound())
        world["agreement"]["reference"] = reference
        snapshot = world["agreement"]["versions"][0]["snapshot"]
        snapshot["linkage"] = [clause(other)]
        lines = snapshot["lines"]
        fields = [f for f in lines[0]["fields"] if f["name"] in ("Sex", "Hospital_Spell_No")]
        fields.append({"name": "Der_Diagnosis_All", "treatment": "as_is", "reason": "case mix"})
        applied = {"opt_out": {"applied": True, "reason": None}, "change_sets": True}
        of_records = {"purpose": UPHELD[0], "number": UPHELD[1], "fields": fields} | applied
        of_tables = {"number": COUNTED[1], "classification": BY_RIGHT, "change_sets": False}
        upheld = copy.deepcopy(lines[0]) | of_records
        lines += [upheld, copy.deepcopy(upheld) | of_tables | {"fields": fields[:1]}]
        worlds.append(world)
    second_agreement(seed(engine, worlds[0]), worlds[1])
    chance = random.Random(seed_of)
    decider = kind(SqlDecisionLogs(engine, SEALER), clock)
    played = World(decider, Population(chance))
    try:
        _play(played, chance)
    finally:
        decider.stop()
    return played


def _play(played: World, chance: random.Random) -> None:
    population = played.population
    for month in MONTHS:
        for provider in PROVIDERS:
            population.land(month, provider)
    population.change_list()
    # Whoever asks first decides the treatment of a month: each world lets another begin.
    favourite = chance.choice([COMMISSIONING, UPHELD, UPHELD, UPHELD])
    for _ in range(STEPS):
        match chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]:
            case "ask":
                line = favourite if chance.random() < 0.8 else COMMISSIONING
                played.ask(line, chance.choice([MONTHS, MONTHS[:1], MONTHS[1:]]))
            case "release":
                played.release()
            case "fetch":
                played.fetch()
            case "list":
                population.change_list()
            case "land":
                population.land(chance.choice(MONTHS), chance.choice(PROVIDERS))


def betrayed(played: World) -> Iterator[tuple[str, str, People]]:
    """Whom two files tell: who is in one of them alone, where no record explains it.

    Of one edition nothing does, but that who is in the whole need not be in its part; of two
    editions of a provider, whoever the records lost or gained.
    """
    population = played.population
    for pair in combinations(played.held, 2):
        for one, other in (pair, pair[::-1]):
            for same in one.rows.keys() & other.rows.keys():
                alone = one.rows[same] - other.rows[same]
                if alone and (one.group, other.group) != (WHOLE, PART):
                    yield one.kind, other.kind, alone
            for mine, theirs in population.replaced(one, other):
                was = population.people[mine[1], one.group]
                are = population.people[theirs[1], other.group]
                gone = one.rows[mine] - other.rows[theirs]
                if gone and not gone & (was - are):
                    yield one.kind, other.kind, gone


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def database_kind():
    return "sqlite"


def take_out(monkeypatch, guard):
    """Take a guard out of agreements, or of what the haven is told to do."""
    match guard:
        case "lists":
            monkeypatch.setattr(file_clauses, "told_apart", lambda *_: ())
        case "treatments":
            monkeypatch.setitem(LINE_CLAUSES, Clause.DIFFERENCING, lambda _: iter(()))
        case "editions":
            monkeypatch.setattr(held, "_is_all_by_objection", lambda *_: False)
        case "pairs":
            monkeypatch.setattr(bridging_clauses, "_of_what_is_held", lambda _: iter(()))
        case "groups":
            look = Population.standing_beside

            def at_the_same_group(self, made):
                every = self.made_of
                self.made_of = [other for other in every if other.group == made.group]
                told, self.made_of = look(self, made), every
                return told

            monkeypatch.setattr(Population, "standing_beside", at_the_same_group)


@pytest.mark.scenario("R09")
@pytest.mark.scenario("R14")
@pytest.mark.parametrize("seed_of", QUICK)
def test_no_two_files_of_one_environment_tell_who_opted_out(engine, clock, seed_of):
    played = play(engine, clock, seed_of, Rehearsing)

    assert list(betrayed(played)) == []
    assert played.refused  # of these worlds something would have told; of others nothing may
    assert {one.kind for one in played.held} >= QUICK[seed_of]


@pytest.mark.long
@pytest.mark.parametrize("seed_of", [seed for seed in range(80) if seed not in QUICK])
def test_no_two_files_of_one_environment_tell_who_opted_out_in_many_worlds(engine, clock, seed_of):
    assert list(betrayed(play(engine, clock, seed_of))) == []


@pytest.mark.parametrize("guard", list(TELLING))
def test_without_its_guards_a_world_tells_them(engine, clock, monkeypatch, guard):
    """Else the property would hold of worlds in which nobody could be betrayed anyway."""
    take_out(monkeypatch, guard)

    assert any(betrayed(play(engine, clock, TELLING[guard])))
