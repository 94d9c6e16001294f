"""Tells the journey in numbered sentences, checks each claim, and keeps what was observed."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

from dsfc_client import Problem, Refused

Found = TypeVar("Found")


class ClaimFailed(AssertionError):
    """What was observed is not what the story says. The demo ends here."""


@dataclass(frozen=True, slots=True)
class Step:
    """A line of `journey.json`."""

    step: str
    claim: str
    expected: Any
    observed: Any
    holds: bool


@dataclass(slots=True)
class Journey:
    """The story as it is told."""

    console: Console
    steps: list[Step] = field(default_factory=list)
    _chapter: int = 0
    _sentence: int = 0

    def chapter(self, title: str) -> None:
        """Begin the next numbered part."""
        self._chapter += 1
        self._sentence = 0
        self.console.print(f"\n[bold]{self._chapter}. {escape(title)}[/bold]")

    def say(self, sentence: str) -> None:
        """Tell what happens, where there is nothing to check."""
        self._print(self._number(), " ", sentence)

    def claim(self, sentence: str, expected: Any, observed: Any) -> None:
        """Say it, and raise ClaimFailed unless both are equal."""
        holds = bool(expected == observed)
        number = self._number()
        self.steps.append(Step(number, sentence, expected, observed, holds))
        self._print(number, "[green]✓[/green]" if holds else "[red]✗[/red]", sentence)
        if not holds:
            raise ClaimFailed(f"{number} {sentence}\nexpected {expected!r}\nobserved {observed!r}")

    def refused(self, sentence: str, code: str | Sequence[str], ask: Callable[[], object]) -> None:
        """Say it, and expect a problem with `code`, or with each of several codes."""
        wanted = [code] if isinstance(code, str) else sorted(code)
        self.claim(f"{sentence} ({', '.join(wanted)})", wanted, codes_of(ask, wanted))

    def write(self, path: Path) -> None:
        """Write `journey.json`."""
        content = [asdict(step) for step in self.steps]
        path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")

    @contextmanager
    def progress(self, what: str, total: int, *, in_bytes: bool = False) -> Iterator[Any]:
        """A bar for what takes long; yields a function that takes what was done since."""
        column = DownloadColumn() if in_bytes else MofNCompleteColumn()
        bar = Progress(
            TextColumn("      {task.description}"),
            BarColumn(),
            column,
            console=self.console,
            transient=True,
        )
        with bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)

    def _number(self) -> str:
        self._sentence += 1
        return f"{self._chapter}.{self._sentence}"

    def _print(self, number: str, mark: str, sentence: str) -> None:
        self.console.print(f"  {number:>5} {mark} {escape(sentence)}", highlight=False)


def codes_of(ask: Callable[[], object], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` by which `ask` is refused; all its codes where none is wanted."""
    try:
        ask()
    except Refused as refusal:
        found = set(refusal.codes) | {refusal.code}
    except Problem as problem:
        found = {problem.code}
    else:
        return ["permitted"]
    return sorted(found & set(wanted)) or sorted(found)
