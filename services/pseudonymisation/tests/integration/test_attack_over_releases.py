"""An enemy of the tables: ten requests of one recipient, attacked together by exact arithmetic.

Every other table is of exact numbers, which the recipient has by right; what follows of these alone
is no reveal to it.

The attacker shares no code with the library: it has the printed files, knows which months,
practices, providers and ages there are, and asks HiGHS for the least and the most that a number can
be in whole records. It is the strict reader: it knows of each `*` whether a small number is behind.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import highspy
import pytest

from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.domain.shown import Whose
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_shown_tables import elsewhere, of
from services.pseudonymisation.tests.integration.test_tables import ask, cells_of
from services.pseudonymisation.tests.landed import day

MONTHS = ("2018-04", "2018-05", "2018-06")
PRACTICES = {"B82001": "02P", "B82002": "02P", "B82003": "03N", "B82004": "03N"}
PROVIDERS = ("RH8", "RJE")
BANDS = ("40-44", "45-49", "50-54")
SEXES = ("0", "1", "2", "9")
COLUMNS = ("Period_Month", "GP_Practice_Code", "Provider_Code", "Der_Age_Band", "Sex")
DOMAINS = (MONTHS, tuple(PRACTICES), PROVIDERS, BANDS, SEXES)
SMALL = range(1, 8)
LEAST = 3
MANY = 10_000

Atom = tuple[str, ...]
"""Of each column one category."""
ATOMS = tuple(product(*DOMAINS))
Atoms = frozenset[int]


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def people_of(chance: random.Random) -> dict[Atom, int]:
    """How many records there are of each combination: many of none, some of few, few of many."""
    found = {}
    for atom in product(MONTHS, PRACTICES, PROVIDERS, BANDS, ("1", "2")):
        number = chance.choice((0, 0, 0, 0, 0, 1, 1, 2, 4, 7))
        if number:
            found[atom] = number
    return found


def land(haven, counts: Mapping[Atom, int]) -> None:
    for month in MONTHS:
        rows = [atom for atom, n in counts.items() if atom[0] == month for _ in range(n)]
        landed = [
            {
                "NHS_Number": "9990000018",
                "Local_Patient_ID": f"L{month}{i}",
                "GP_Practice_Code": practice,
                "Provider_Code": provider,
                "Der_Age_Band": band,
                "Sex": sex,
                "Admission_Date": day(f"{month}-03"),
                "Hospital_Spell_No": f"S{month}{i}",
                "Unique_CDS_Identifier": f"{provider}-{month}-{i:06d}",
                "period": month,
                "reasons": {"G": PRACTICES[practice]},
            }
            for i, (_, practice, provider, band, sex) in enumerate(rows)
        ]
        haven.land(landed, period=month)


@dataclass(frozen=True)
class Asked:
    """One request: whose records, of which months, by what, and which rows alone."""

    commissioners: tuple[str, ...]
    months: tuple[str, ...]
    columns: tuple[str, ...]
    only: tuple[str, tuple[str, ...]] | None
    is_by_right: bool
    """Whether its numbers are exact, small ones too."""

    @classmethod
    def of_totals(cls, chance: random.Random) -> "Asked":
        """Exact numbers of months and sexes, as a line with a right to small ones gives."""
        return replace(
            cls.by_chance(chance),
            columns=chance.choice([("Sex",), ("Period_Month",)]),
            is_by_right=True,
        )

    @classmethod
    def by_chance(cls, chance: random.Random) -> "Asked":
        months = chance.choice([MONTHS[:1], MONTHS[:2], MONTHS, MONTHS[1:], (MONTHS[1],)])
        only = None
        if chance.random() < 0.5:
            at = chance.choice((1, 2, 3, 4))
            some = DOMAINS[at] if at < 4 else ("1", "2")
            only = COLUMNS[at], tuple(sorted(chance.sample(some, len(some) - 1)))
        return cls(
            commissioners=chance.choice([("02P",), ("03N",), ("02P", "03N")]),
            months=months,
            columns=tuple(chance.sample(COLUMNS, chance.choice((1, 2, 2)))),
            only=only,
            is_by_right=False,
        )

    def made(self, haven, recipient: str):
        more = {}
        if self.only is not None:
            more["filters"] = [{"column": self.only[0], "any_of": list(self.only[1])}]
        return ask(
            haven,
            *({"column": column} for column in self.columns),
            periods=self.months,
            population=of(*self.commissioners),
            disclosure="exact" if self.is_by_right else "protected",
            **more,
            **elsewhere(recipient),
        )

    def atoms(self, labels: Sequence[str]) -> Atoms:
        """The combinations that a printed number counts."""
        wanted = dict(zip(self.columns, labels, strict=True))
        return frozenset(
            at
            for at, atom in enumerate(ATOMS)
            if atom[0] in self.months
            and PRACTICES[atom[1]] in self.commissioners
            and (self.only is None or atom[COLUMNS.index(self.only[0])] in self.only[1])
            and all(
                label in {"Total", atom[COLUMNS.index(column)]} for column, label in wanted.items()
            )
        )


@dataclass
class Enemy:
    """Everything that was printed for one recipient, and what follows of it."""

    counts: Mapping[Atom, int]
    told: list[tuple[Atoms, int, int]] = field(default_factory=list)
    by_right: list[tuple[Atoms, int, int]] = field(default_factory=list)
    """Exact numbers: what follows of these alone is no reveal to whoever may have them."""
    secret: set[Atoms] = field(default_factory=set)
    """Small numbers: those hidden, and those that are the difference of two that were printed."""

    def raw(self, atoms: Atoms) -> int:
        return sum(self.counts.get(ATOMS[at], 0) for at in atoms)

    def read(self, asked: Asked, cells: Mapping[tuple[str, ...], str]) -> None:
        for labels, text in cells.items():
            atoms = asked.atoms(labels)
            raw = self.raw(atoms)
            if asked.is_by_right:
                assert text == str(raw)
                self.told.append((atoms, raw, raw))
                self.by_right.append((atoms, raw, raw))
                continue
            if text != "*":
                number = int(text)
                assert abs(number - raw) <= 2
                assert number not in SMALL
                low, high = (0, 0) if number == 0 else (max(8, number - 2), number + 2)
            elif raw in SMALL:
                low, high = SMALL[0], SMALL[-1]
            else:
                low, high = 0, MANY
            self.told.append((atoms, low, high))
            if raw in SMALL:
                self.secret.add(atoms)

    def differences(self) -> None:
        """Take what two printed numbers leave of one another, where it is a small number."""
        printed = {atoms for atoms, _, _ in self.told if atoms}
        for one, other in product(printed, repeat=2):
            if one < other and self.raw(other - one) in SMALL:
                self.secret.add(other - one)

    def narrowed(self) -> Iterator[tuple[int, list[int]]]:
        """Yield each small number of which fewer than three are possible, and these."""
        solver, rightly = Solver(self.told), Solver(self.by_right)
        for atoms in sorted(self.secret, key=sorted):
            possible = solver.possible(atoms, self.raw(atoms))
            if len(possible) < LEAST <= len(rightly.possible(atoms, self.raw(atoms))):
                yield self.raw(atoms), sorted(possible)


class Solver:
    """HiGHS over all tables in whole records that would have been printed just so."""

    def __init__(self, told: Sequence[tuple[Atoms, int, int]]) -> None:
        size = len(ATOMS)
        self._of: dict[Atoms, tuple[int, int]] = {}
        for atoms, low, high in told:
            least, most = self._of.get(atoms, (0, MANY))
            self._of[atoms] = max(low, least), min(high, most)
        self._found: list[Sequence[int]] = []
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        self._model.setOptionValue("threads", 1)
        self._model.addVars(size, [0.0] * size, [float(MANY)] * size)
        for at in range(size):
            self._model.changeColIntegrality(at, highspy.HighsVarType.kInteger)
        for atoms, (low, high) in self._of.items():
            self._bound(atoms, low, high)

    def possible(self, atoms: Atoms, raw: int) -> set[int]:
        """Numbers that it can be; some of them, where there are three."""
        found = {raw, *(sum(one[at] for at in atoms) for one in self._found)}
        for sense in (1.0, -1.0):
            if len(found) < LEAST:
                found |= self._solved(atoms, sense, 0, MANY)
        if len(found) < LEAST and max(found) - min(found) >= LEAST - 1:
            found |= self._solved(atoms, 1.0, min(found) + 1, max(found) - 1)
        return found

    def _solved(self, atoms: Atoms, sense: float, low: int, high: int) -> set[int]:
        row = self._model.getNumRow()
        self._bound(atoms, low, high)
        costs = [sense if at in atoms else 0.0 for at in range(len(ATOMS))]
        self._model.changeColsCost(len(ATOMS), list(range(len(ATOMS))), costs)
        self._model.run()
        status = self._model.getModelStatus()
        values = [round(value) for value in self._model.getSolution().col_value]
        self._model.deleteRows(1, [row])
        if status == highspy.HighsModelStatus.kInfeasible:
            return set()
        assert status == highspy.HighsModelStatus.kOptimal, status
        self._found.append(values)
        return {sum(values[at] for at in atoms)}

    def _bound(self, atoms: Atoms, low: int, high: int) -> None:
        places = sorted(atoms)
        self._model.addRow(float(low), float(high), len(places), places, [1.0] * len(places))


REQUESTS = 10


def attacked(haven, seed: int) -> tuple[Enemy, list[str]]:
    """Let one recipient ask so often; what it has, and how each request ended."""
    chance = random.Random(seed)
    counts = people_of(chance)
    land(haven, counts)
    enemy, ends = Enemy(counts), []
    for at in range(REQUESTS):
        asked = Asked.by_chance(chance) if at % 2 else Asked.of_totals(chance)
        made = asked.made(haven, f"environment-{seed}")
        ends.append(made.code or "PREPARED")
        if made.state is PreparationState.PREPARED:
            enemy.read(asked, cells_of(haven, made))
    enemy.differences()
    return enemy, ends


REFUSALS = {"TABLE_WOULD_REVEAL", "TABLE_UNPROVABLE"}


@pytest.mark.parametrize(
    "seed", [33, *(pytest.param(seed, marks=pytest.mark.long) for seed in (34, 35, 36, 38))]
)
def test_no_small_number_is_narrowed_to_fewer_than_three_by_all_releases_together(haven, seed):
    """Each of these recipients would know some, were its tables not held against one another."""
    enemy, ends = attacked(haven, seed)

    assert ends.count("PREPARED") > len(ends) / 2, ends
    assert set(ends) <= {"PREPARED", *REFUSALS}
    assert enemy.secret
    assert list(enemy.narrowed()) == []


def test_tables_that_are_each_protected_alone_tell_small_numbers_together(haven, monkeypatch):
    """The guard is taken out: no table is held against another."""
    monkeypatch.setattr(Whose, "meets", lambda self, other: False)

    enemy, ends = attacked(haven, 33)

    assert set(ends) == {"PREPARED"}
    assert list(enemy.narrowed())
