"""Postcode directories of any size on their way in: sorted in runs on the disk, in flat memory.

What is in them is published, so that it may lie there in clear.
"""

import csv
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from agreements.records.domain.lists.layouts.directories import (
    LAYOUT,
    AreaLayouts,
    DirectoryReader,
    lines_of,
)
from agreements.records.domain.lists.layouts.reading import LeftOut, contradict, refused

RUN_LINES = 200_000
PIECE_LINES = 10_000


@dataclass(frozen=True, slots=True)
class SpooledDirectory:
    """A directory in canonical form on the disk, for as long as it is taken in."""

    path: Path
    digest: str
    entries: int
    size: int
    left_out: LeftOut

    def pieces(self) -> Iterator[bytes]:
        """Yield it in pieces of whole lines."""
        with self.path.open("rb") as file:
            while piece := file.readlines(1 << 20):
                yield b"".join(piece)


@contextmanager
def spooled(blocks: Iterable[bytes], layouts: AreaLayouts) -> Iterator[SpooledDirectory]:
    """Bring a directory into canonical form, in a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="postcode-directory-") as directory:
        yield spool(blocks, layouts, Path(directory))


def spool(blocks: Iterable[bytes], layouts: AreaLayouts, directory: Path) -> SpooledDirectory:
    """Read a directory and write it down in canonical form.

    Raises:
        ImportRefused: it is not what its layout says; a message never quotes a postcode.
        ImportContradicts: a postcode is in two places; every line that says so is named.

    """
    numbered = lines_of(blocks)
    _, first = next(numbered, (1, ""))
    try:
        header = [name.strip() for name in next(csv.reader([first], strict=True), [])]
    except csv.Error:
        raise refused("The header cannot be read: broken quoting.") from None
    reader = DirectoryReader(header, layouts.directory)
    runs = list(_runs(numbered, reader, directory))
    target = directory / "canonical.csv"
    hashed, entries, size = sha256(), 0, 0
    contradicted: list[list[int]] = []
    with target.open("wb") as file:
        pieces = _pieces(reader, _merged(runs, reader, contradicted))
        for count, piece in pieces:
            file.write(piece)
            hashed.update(piece)
            entries += count
            size += len(piece)
    contradict(LAYOUT, contradicted)
    left_out = reader.remainder.left_out(taken=entries)
    return SpooledDirectory(target, f"sha256:{hashed.hexdigest()}", entries, size, left_out)


def _runs(
    numbered: Iterator[tuple[int, str]], reader: DirectoryReader, directory: Path
) -> Iterator[Path]:
    """Write sorted runs of entries, each with its line."""
    run: list[tuple[str, str, int]] = []
    for line, text in numbered:
        entry = reader.entry(line, text)
        if entry is not None:
            run.append((*entry, line))
        if len(run) == RUN_LINES:
            yield _write(run, directory)
            run = []
    if run:
        yield _write(run, directory)


def _write(run: list[tuple[str, str, int]], directory: Path) -> Path:
    run.sort()
    with tempfile.NamedTemporaryFile(
        "w", dir=directory, suffix=".run", delete=False, encoding="ascii"
    ) as file:
        file.writelines(f"{key}\t{value}\t{line}\n" for key, value, line in run)
    return Path(file.name)


Entry = tuple[str, str, int]


def _entries(path: Path) -> Iterator[Entry]:
    with path.open(encoding="ascii") as file:
        for text in file:
            key, value, line = text.split("\t")
            yield key, value, int(line)


def _merged(
    runs: list[Path], reader: DirectoryReader, contradicted: list[list[int]]
) -> Iterator[str]:
    """Yield each entry once, in order of the keys; note lines that say different things of one."""
    last: Entry | None = None
    group: list[int] = []
    differs = False
    for entry in heapq.merge(*map(_entries, runs)):
        if last is not None and entry[0] == last[0]:
            group.append(entry[2])
            if entry[1] == last[1]:
                reader.remainder.repeated += 1
            else:
                differs = True
            continue
        if differs:
            contradicted.append(sorted(group))
        last, group, differs = entry, [entry[2]], False
        yield f"{entry[0]}{entry[1]}\n"
    if differs:
        contradicted.append(sorted(group))


def _pieces(reader: DirectoryReader, entries: Iterator[str]) -> Iterator[tuple[int, bytes]]:
    yield 0, (",".join(reader.columns) + "\n").encode()
    piece: list[str] = []
    for entry in entries:
        piece.append(entry)
        if len(piece) == PIECE_LINES:
            yield len(piece), "".join(piece).encode()
            piece = []
    if piece:
        yield len(piece), "".join(piece).encode()
