"""Tells the journey in numbered sentences, checks each claim, and keeps what was observed."""

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dsfc_client import Problem, Refused
from dsfc_client import Progress as Rows

INDENT = len("   1.1 ✓ ")


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

    def refused(
        self,
        sentence: str,
        code: str | Sequence[str],
        ask: Callable[[], object],
        *,
        status: int = 403,
    ) -> None:
        """Say it, and expect a problem with `code`, or with each of several codes."""
        wanted = [code] if isinstance(code, str) else sorted(code)
        expected = [str(status), *wanted]
        self.claim(f"{sentence} ({' '.join(expected)})", expected, _answer(ask, wanted))

    def write(self, path: Path) -> None:
        """Write `journey.json`."""
        content = [asdict(step) for step in self.steps]
        path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[Rows], None]]:
        """Yield a bar for what takes long; yields a function that takes how far it is."""
        bar = Progress(
            TextColumn("      {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with bar:
            task = bar.add_task(what, total=None)
            yield lambda rows: bar.update(task, completed=rows.rows_done, total=rows.rows_total)

    def _number(self) -> str:
        self._sentence += 1
        return f"{self._chapter}.{self._sentence}"

    def _print(self, number: str, mark: str, sentence: str) -> None:
        first, *rest = textwrap.wrap(sentence, max(20, self.console.width - INDENT))
        lines = [f"  {number:>4} {mark} {escape(first)}"]
        lines += [" " * INDENT + escape(line) for line in rest]
        self.console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _answer(ask: Callable[[], object], wanted: Sequence[str]) -> list[str]:
    """The status and those of `wanted` by which `ask` is refused; all codes where it is none."""
    try:
        ask()
    except Refused as refusal:
        status, found = refusal.status, set(refusal.codes) | {refusal.code}
    except Problem as problem:
        status, found = problem.status, {problem.code}
    else:
        return ["permitted"]
    return [str(status), *(sorted(found & set(wanted)) or sorted(found))]
