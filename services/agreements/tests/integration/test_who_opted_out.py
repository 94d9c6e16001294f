"""No two files that one environment may hold tell who opted out, whatever happens between them.

Populations, editions, lists and what is asked are generated; agreements decides each request,
release and fetch, on a real database. The haven is told in a few lines from the domain pages: a
file has the rows of the editions in force, less whoever is on the list where opt-outs are upheld;
and it says beside which other editions the records lost or gained nobody (docs/adr/0171).
The oracle knows no rule: it looks at the files side by side, provider by provider, and asks whether
whoever is in one of them alone could have come or gone by the records.
"""

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
from agreements.decision.domain.clauses import LINE_CLAUSES, Clause, file_clauses
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.use_cases.asking import Answer
from agreements.decision.use_cases.decider import Decider
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed

MONTHS = ("2018-04", "2018-05")
PROVIDERS = ("RR8", "R0A")
COMMISSIONING, UPHELD = ("COM", 1), ("RS", 4)
"""Purpose and number of two lines that land in one environment: who opted out is in one of them."""
STEPS = 40
WEIGHTS = {"ask": 4, "release": 4, "fetch": 4, "list": 2, "land": 2}
"""How often what happens."""
QUICK = (2, 8, 9, 12)
"""Worlds in which something would have told."""
TELLING = {"lists": 12, "treatments": 3, "editions": 9}
"""A world each in which files would betray somebody without that guard."""

People = frozenset[int]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """What is in a file, as only the test knows it."""

    rows: Mapping[tuple[str, str], People]
    """By month and edition."""


@dataclass(slots=True)
class Population:
    """People, what was landed of them, and who objects by now."""

    chance: random.Random
    editions: dict[tuple[str, str], str] = field(default_factory=dict)
    """In force, by month and provider."""
    place: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By edition: month and provider."""
    people: dict[str, People] = field(default_factory=dict)
    """By edition: who has rows in it."""
    made_of: list["MadeFile"] = field(default_factory=list)
    """All files with opt-outs upheld, whatever became of them."""
    objectors: People = frozenset()
    lists: int = 0

    def land(self, month: str, provider: str) -> None:
        """Land a month: for the first time, or more, less or other people than before."""
        edition = f"edition-{len(self.people)}"
        before = self.people.get(self.editions.get((month, provider), ""))
        some = frozenset(self.chance.sample(range(40), 20))
        one = frozenset(self.chance.sample(range(40), 2))
        self.editions[month, provider] = edition
        self.place[edition] = month, provider
        if before is None:
            self.people[edition] = some
        else:
            self.people[edition] = self.chance.choice(
                [some, before, before | one, before - one, before ^ one]
            )

    def change_list(self) -> None:
        """Let some opt out, and some change their minds."""
        self.lists += 1
        changed = self.chance.sample(range(40), self.chance.randint(1, 6))
        self.objectors = self.objectors ^ frozenset(changed)

    def made(self, months: Sequence[str], *, upheld: bool) -> MadeFile:
        out = self.objectors if upheld else frozenset()
        return MadeFile(
            {
                (month, edition): self.people[edition] - out
                for (month, _), edition in self.editions.items()
                if month in months
            }
        )

    def standing_beside(self, made: MadeFile) -> list[dict[str, str]]:
        """Name the editions of other files beside which the records lost or gained nobody."""
        told = set()
        for other in self.made_of:
            for (month, theirs), (_, ours) in self.replaced(other, made):
                was, are = self.people[theirs], self.people[ours]
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
    """One environment that asks for what it can think of."""

    decider: Decider
    population: Population
    waiting: list[tuple[MadeFile, Any]] = field(default_factory=list)
    """Prepared, not released."""
    released: dict[UUID, MadeFile] = field(default_factory=dict)
    held: list[MadeFile] = field(default_factory=list)
    refused: int = 0

    def ask(self, line: tuple[str, int], months: Sequence[str]) -> None:
        answer = self.decider.ask_and_wait(asking.request(purpose=line[0], periods=tuple(months)))
        if answer.permit is None:
            self._refused(answer)
            return
        made = self.population.made(months, upheld=line == UPHELD)
        self.waiting.append((made, self._attested(answer.permit, made)))
        if line == UPHELD:
            self.population.made_of.append(made)

    def _attested(self, permit: GivenPermit, made: MadeFile) -> Any:
        population = self.population
        said = asking.attested(
            permit,
            editions=[
                asking.edition(edition, provider=provider, period=month)
                for (month, provider), edition in population.editions.items()
                if month in permit.said.periods
            ],
        )
        if permit.said.opt_out.applied:
            name = f"list-{population.lists}"
            said["opt_out"] |= {"list_id": name, "list_date": "2018-06-01"}
            said["standing_beside"] = population.standing_beside(made)
        return asking.release(said)

    def release(self) -> None:
        """Let one of those that wait out, perhaps long after it was made."""
        if not self.waiting:
            return
        made, ask = self.waiting.pop(self.population.chance.randrange(len(self.waiting)))
        answer = self.decider.ask_and_wait(ask)
        if answer.holding_id is None:
            self._refused(answer)
        else:
            self.released[answer.holding_id] = made

    def fetch(self) -> None:
        if not self.released:
            return
        holding = self.population.chance.choice(sorted(self.released))
        answer = self.decider.ask_and_wait(asking.fetch(holding))
        if answer.permitted:
            self.held.append(self.released.pop(holding))
        else:
            self._refused(answer)

    def _refused(self, answer: Answer) -> None:
        codes = {r.code for r in answer.refusals}
        assert codes <= {"OPT_OUT_DIFFERENCING", "FILE_VOID"}, answer.refusals
        self.refused += 1


def play(engine: Engine, clock: Any, seed_of: int) -> World:
    clock.set(plain.NOON)
    world = on_the_catalogue(plain.sound())
    lines = world["agreement"]["versions"][0]["snapshot"]["lines"]
    fields = [f for f in lines[0]["fields"] if f["name"] in ("Sex", "Hospital_Spell_No")]
    fields.append({"name": "Der_Diagnosis_All", "treatment": "as_is", "reason": "case mix"})
    upheld = {"purpose": UPHELD[0], "number": UPHELD[1], "fields": fields}
    lines.append(lines[0] | upheld | {"opt_out": {"applied": True, "reason": None}})
    seed(engine, world)
    chance = random.Random(seed_of)
    decider = Decider(SqlDecisionLogs(engine, SEALER), clock)
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
    favourite = chance.choice([COMMISSIONING, UPHELD, UPHELD])
    for _ in range(STEPS):
        match chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]:
            case "ask":
                line = favourite if chance.random() < 0.7 else COMMISSIONING
                played.ask(line, chance.choice([MONTHS, MONTHS[:1], MONTHS[1:]]))
            case "release":
                played.release()
            case "fetch":
                played.fetch()
            case "list":
                population.change_list()
            case "land":
                population.land(chance.choice(MONTHS), chance.choice(PROVIDERS))


def betrayed(played: World) -> Iterator[People]:
    """Whom two files tell: who is in one of them alone, where no record explains it.

    Of one edition nothing does; of two editions of a provider, whoever the records lost or gained.
    """
    population = played.population
    for one, other in combinations(played.held, 2):
        for same in one.rows.keys() & other.rows.keys():
            if differing := one.rows[same] ^ other.rows[same]:
                yield differing
        for mine, theirs in population.replaced(one, other):
            was, are = population.people[mine[1]], population.people[theirs[1]]
            gone, come = one.rows[mine] - other.rows[theirs], other.rows[theirs] - one.rows[mine]
            for differing, explained in ((gone, was - are), (come, are - was)):
                if differing and not differing & explained:
                    yield differing


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.mark.scenario("R09")
@pytest.mark.scenario("R14")
@pytest.mark.parametrize("seed_of", QUICK)
def test_no_two_files_of_one_environment_tell_who_opted_out(engine, clock, seed_of):
    played = play(engine, clock, seed_of)

    assert list(betrayed(played)) == []
    assert played.refused  # of these worlds something would have told; of others nothing may
    assert played.held


@pytest.mark.long
@pytest.mark.parametrize("seed_of", [seed for seed in range(60) if seed not in QUICK])
def test_no_two_files_of_one_environment_tell_who_opted_out_in_many_worlds(engine, clock, seed_of):
    assert list(betrayed(play(engine, clock, seed_of))) == []


@pytest.mark.parametrize("guard", list(TELLING))
def test_without_its_guards_a_world_tells_them(engine, clock, monkeypatch, guard):
    """Else the property would hold of worlds in which nobody could be betrayed anyway."""
    match guard:
        case "lists":
            monkeypatch.setattr(file_clauses, "told_apart", lambda *_: ())
        case "treatments":
            monkeypatch.setitem(LINE_CLAUSES, Clause.DIFFERENCING, lambda _: iter(()))
        case "editions":
            monkeypatch.setattr(held, "_is_all_by_objection", lambda *_: False)

    assert any(betrayed(play(engine, clock, TELLING[guard])))
