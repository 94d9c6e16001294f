"""Taking turns: contender and floor, round by round, and the median of the ratios."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A ratio, its goal, and what it is a ratio of."""

    name: str
    ratio: float | None
    """None: what it is a ratio of is not on this machine."""
    goal: float | None
    """None where nothing was promised: the number is then to be watched."""
    better: Literal["higher", "lower"]
    told: str

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached, where there is one and it was measured."""
        if self.goal is None:
            return True
        if self.ratio is None:
            return False
        return self.ratio >= self.goal if self.better == "higher" else self.ratio <= self.goal

    def line(self) -> str:
        """`name: ratio (goal R)`."""
        if self.ratio is None:
            return f"{self.name}: not measured"
        if self.goal is None:
            return f"{self.name}: {self.ratio:.2f} (no goal, {self.better} is better)"
        sign = "at least" if self.better == "higher" else "at most"
        met = "" if self.is_met else "  NOT MET"
        return f"{self.name}: {self.ratio:.2f} (goal {sign} {self.goal:g}){met}"

    def as_json(self) -> dict[str, object]:
        """For the record."""
        return asdict(self) | {"is_met": self.is_met}


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of each round, contender and floor."""

    contender: list[float]
    floor: list[float]
    contender_cpu: list[float]
    floor_cpu: list[float]
    """Seconds of this process on any core: what the jobs took, however busy the machine is."""

    @property
    def ratio(self) -> float:
        """Median over the rounds of contender's seconds by floor's."""
        pairs = zip(self.contender, self.floor, strict=True)
        return statistics.median(c / f for c, f in pairs)

    @property
    def cpu_ratio(self) -> float:
        """The same of the cores' seconds."""
        pairs = zip(self.contender_cpu, self.floor_cpu, strict=True)
        return statistics.median(c / f for c, f in pairs)

    @property
    def spread(self) -> str:
        """The least and the greatest ratio."""
        ratios = [c / f for c, f in zip(self.contender, self.floor, strict=True)]
        return f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"


def turns(
    contender: Callable[[], object],
    floor: Callable[[], object],
    *,
    rounds: int,
    warm: bool = True,
) -> Turns:
    """Run them one after the other, `rounds` times; a first round is thrown away where `warm`."""
    if warm:
        contender()
        floor()
    found = Turns([], [], [], [])
    for _ in range(rounds):
        for job, walls, cpus in (
            (contender, found.contender, found.contender_cpu),
            (floor, found.floor, found.floor_cpu),
        ):
            wall, cpu = seconds(job)
            walls.append(wall)
            cpus.append(cpu)
    return found


def seconds(job: Callable[[], object]) -> tuple[float, float]:
    """Of the wall clock, and of the cores."""
    start, spent = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - start, time.process_time() - spent
