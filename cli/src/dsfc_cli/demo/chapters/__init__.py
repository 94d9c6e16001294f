"""Chapters of the demonstration: each shows one thing, beginning with a copy of the sandbox.

The journey itself stays the one way from an application to a byte (`dsfc_cli.demo.story`).
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from dsfc_cli.demo import sandbox
from dsfc_cli.demo.chapters import (
    agreements,
    bridging,
    csds,
    data_sets,
    lists,
    purposes,
    tables,
)
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.journey import Journey
from dsfc_cli.demo.sandbox import Sandbox
from dsfc_cli.house.suite import Suite

ALL: Final = "all"
JOURNEY: Final = "journey.json"


@dataclass(frozen=True, slots=True)
class Chapter:
    """What it shows, and the telling of it."""

    title: str
    tell: Callable[[Scene], None]


CHAPTERS: Mapping[str, Chapter] = {
    "lists": Chapter("Nothing is believed because it was sent", lists.tell),
    "data-sets": Chapter(
        "Every data set of the catalogue, from a file to an extract", data_sets.tell
    ),
    "purposes": Chapter("Three purposes: the same 100 people", purposes.tell),
    "agreements": Chapter(
        "The life of an agreement: amended, supported, breached, passed on, destroyed",
        agreements.tell,
    ),
    "bridging": Chapter(
        "By two people: pairs of pseudonyms, a letter about opt-outs, the Body's instruction",
        bridging.tell,
    ),
    "tables": Chapter("Tables that protect people", tables.tell),
    "csds": Chapter("Eight groups, a correction, and months that come by themselves", csds.tell),
}


def play(name: str, *, root: Path, kept: Path, console: Console) -> None:
    """Play a chapter in a directory of its own under `root`, and leave its `journey.json` there.

    Raises ClaimFailed at the first claim that does not hold, DidNotStart, DsfcError.
    """
    chapter, directory = CHAPTERS[name], root / name
    shutil.rmtree(directory, ignore_errors=True)
    source = sandbox.prepared(kept)
    opened = Sandbox.read(source)
    assert opened is not None
    shutil.copytree(source, directory / "state", ignore=shutil.ignore_patterns("logs"))
    journey = Journey(console)
    console.print(f"\n[bold]{chapter.title}[/bold] (make demo CHAPTER={name})")
    began = time.monotonic()
    try:
        with Suite(directory / "state") as suite:
            chapter.tell(Scene(journey, suite, opened, directory))
    finally:
        journey.write(directory / JOURNEY)
    seconds = time.monotonic() - began
    console.print(f"\nAll {len(journey.steps)} claims hold; it took {seconds:.0f} seconds.")
    console.print(f"Left to look at: {directory / JOURNEY}", highlight=False, soft_wrap=True)
