"""What a chapter is given: the sandbox in a suite that runs, and whom to act as."""

import csv
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dsfc_cli.demo.journey import Journey
from dsfc_cli.demo.sandbox import INPUT, Sandbox, body_of
from dsfc_cli.demo.stage import Stage
from dsfc_cli.house.suite import Suite
from dsfc_client import Dsfc, Extract


@dataclass(frozen=True, slots=True)
class Scene:
    """A copy of the sandbox, of this chapter's own."""

    journey: Journey
    suite: Suite
    sandbox: Sandbox
    output: Path

    @property
    def stage(self) -> Stage:
        return Stage(self.suite, date.fromisoformat(self.sandbox.today))

    def actor(self, identity: str, role: str | None = None) -> Dsfc:
        return self.suite.client(identity, role)

    @property
    def submitted(self) -> Path:
        """The file from which the sandbox's month was landed."""
        return self.suite.directory / INPUT / "corrected.csv"

    def ask(self, **changes: object) -> Extract:
        """Ask for an extract as the CSU's own client."""
        csu = self.actor("csu-0df-analytics").dissemination
        return csu.request(body_of(self.sandbox.agreement, **changes))

    def rows_of(self, file: Path) -> Sequence[Mapping[str, str]]:
        with file.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def written(self, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
        """Write rows as a provider would, in the columns of the first."""
        path = self.output / name
        with path.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    @contextmanager
    def database(self, service: str) -> Iterator[sqlite3.Connection]:
        """Yield a service's database as somebody with its password has it; kept at the end."""
        path = self.suite.directory / f"{service}.db"
        with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            yield connection

    def refusals(self, **changes: object) -> Any:
        """Return a function that asks, for `Journey.refused`."""
        return lambda: self.ask(**changes)
