"""By lists that are tried in order no two files of linked data sets tell who objected (adr/0249).

Populations, lists and what is asked are generated; a recipient fetches every file that is made. The
oracle knows no rule: who is in one file and not in the other could be so by the records, or nobody.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from pseudonymisation.preparations.domain import standing
from pseudonymisation.preparations.domain.preparation import PinnedOptOutList
from pseudonymisation.preparations.domain.standing import candidates, tells

PEOPLE = range(12)
MADE_MAX = 8
WORLDS = 400


@dataclass(frozen=True)
class Made:
    records: frozenset[int]
    """Whom the records of the month have, of this data set."""
    lists: tuple[PinnedOptOutList, ...]
    file: frozenset[int]


class World:
    def __init__(self, seed_of: int) -> None:
        self.chance = random.Random(seed_of)
        everybody = frozenset(self.chance.sample(PEOPLE, 9))
        some = frozenset(self.chance.sample(sorted(everybody), 6))
        others = frozenset(self.chance.sample(PEOPLE, 6))
        self.data_sets = [everybody, everybody, some, others]
        self.objectors: dict[str, frozenset[int]] = {}
        self.newest = self.next_list(frozenset(self.chance.sample(PEOPLE, 2)))
        self.held: list[Made] = []
        self.by: list[int] = []
        """How many lists were tried for each; of what is refused none tells nothing."""
        self.refused = 0

    def next_list(self, objectors: frozenset[int]) -> PinnedOptOutList:
        number = len(self.objectors)
        digest = f"list-{number}"
        self.objectors[digest] = objectors
        return PinnedOptOutList(
            id=UUID(int=number),
            list_date=date(2018, 5, 1) + timedelta(days=number),
            digest=digest,
            object_key="",
        )

    def out(self, lists) -> frozenset[int]:
        return frozenset().union(*(self.objectors[one.digest] for one in lists))

    def ask(self) -> None:
        records = self.chance.choice(self.data_sets)
        newest = (self.newest,)
        for tried, lists in enumerate(
            (newest, *candidates(newest, [one.lists for one in self.held])), start=1
        ):
            file = records - self.out(lists)
            if not any(self.is_told(records, lists, file, one) for one in self.held):
                self.held.append(Made(records, lists, file))
                self.by.append(tried)
                return
        self.refused += 1

    def is_told(self, records, lists, file, other) -> bool:
        """What the haven reads of both: whom the records have, and whom the files would."""
        if not records & other.records:
            return False
        return standing.tells(
            lists,
            other.lists,
            lost=bool(other.file - records),
            gained=bool(file - other.records),
        )

    def play(self) -> None:
        for _ in range(MADE_MAX):
            if self.chance.random() < 0.5:
                changed = frozenset(self.chance.sample(PEOPLE, 2))
                now = self.out((self.newest,)) ^ changed
                self.newest = self.next_list(now)
            self.ask()

    def betrayed(self):
        for one, other in permutations(self.held, 2):
            alone = one.file - other.file
            if alone & other.records and not alone - other.records:
                yield one, other


def played(seed_of: int) -> World:
    world = World(seed_of)
    world.play()
    return world


@pytest.mark.scenario("R09")
@pytest.mark.scenario("R14")
def test_no_two_files_of_linked_data_sets_tell_who_opted_out():
    worlds = [played(seed_of) for seed_of in range(WORLDS)]

    assert [list(world.betrayed()) for world in worlds] == [[]] * WORLDS
    tried = {number for world in worlds for number in world.by}
    assert {1, 2, 3} <= tried, "the newest, that with all of before, and one of before were used"
    assert any(world.refused for world in worlds)


@pytest.mark.parametrize("guard", ["all", "lost", "gained"])
def test_without_the_rule_they_do(monkeypatch, guard):
    """Else it would hold of worlds in which nobody could be betrayed anyway."""

    def weaker(ours, theirs, *, lost, gained):
        match guard:
            case "all":
                return False
            case "lost":
                return tells(ours, theirs, lost=True, gained=gained)
        return tells(ours, theirs, lost=lost, gained=True)

    monkeypatch.setattr(standing, "tells", weaker)

    assert any(any(played(seed_of).betrayed()) for seed_of in range(WORLDS))


def test_a_list_that_says_the_same_is_tried_once_and_the_newest_comes_first():
    world = World(1)
    first = world.newest
    again = PinnedOptOutList(
        id=UUID(int=99), list_date=date(2018, 5, 2), digest=first.digest, object_key=""
    )
    newest = world.next_list(frozenset({1}))

    assert list(candidates((first,), [(again,)])) == []
    assert list(candidates((newest,), [(first,), (again, newest)])) == [
        (newest, first),
        (first,),
    ]
