"""Feeds a file to the engine, a line a record, without its ever being on a disk in clear.

The upload is opened chunk by chunk and written into a named pipe, from which the engine reads
as if it were a file. On the way each line gets its number as a first column, which the engine
would lose when it reads with several threads; and lines by which a CSV reader would lose its
place are set aside: a quote that is not closed would swallow the records after it. Lines with
nothing but delimiters, which spreadsheets leave behind, are no records.
"""

import csv
import io
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.intake.adapters.landing import quotes
from pseudonymisation.intake.adapters.landing.quotes import LINE_FEED, QUOTE, Mask
from pseudonymisation.intake.adapters.uploads.header import cells_of
from pseudonymisation.intake.adapters.uploads.inspector import BLANK

PIPE_BYTES: Final = 1 << 20
BLOCK_BYTES: Final = 8 << 20
"""At once, at most. More is hardly faster (docs/performance.md), and what is made of a block on its
way takes some 35 times as much (docs/adr/0200)."""
MEMORY_OF_A_BLOCK: Final = 125
"""Of the memory that a landing may take a block is so small a part: 8 MiB of a gigabyte."""
PAUSE_SECONDS: Final = 0.002
TAB, SPACE = 9, 32
NOT_CLOSED: Final = "QUOTE_NOT_CLOSED"
TRAILING: Final = "TRAILING_DELIMITER"
LINE_BREAK: Final = "LINE_BREAK_IN_VALUE"
BROKEN_LINES_MAX: Final = 40
"""Over so many lines at most a value with line breaks is looked for."""
_IS_BLANK: Final = np.isin(np.arange(256), np.frombuffer(BLANK + b"\n", dtype=np.uint8))

SetAside = Callable[[npt.NDArray[np.int64], str, pa.Array], None]
"""Takes the numbers of lines, a code, and the lines themselves."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Whole lines with the numbers that they have in the file."""

    numbers: npt.NDArray[np.int64]
    lines: pa.Array
    """As bytes, a line feed at the end of each."""

    def text(self, delimiter: str) -> pa.Buffer:
        """Give the lines with their numbers as a first value."""
        numbers = pc.cast(pc.cast(pa.array(self.numbers), pa.string()), pa.binary())
        joined = pc.binary_join_element_wise(numbers, self.lines, delimiter.encode())
        return joined.buffers()[2]

    def only(self, which: Mask) -> "Numbered":
        return Numbered(self.numbers[which], self.lines.filter(pa.array(which)))

    @property
    def offsets(self) -> npt.NDArray[np.int32]:
        """Where each line begins in `characters`, and where the last one ends."""
        offsets = np.frombuffer(self.lines.buffers()[1], dtype=np.int32)
        offsets = offsets[self.lines.offset : self.lines.offset + len(self.lines) + 1]
        begins: npt.NDArray[np.int32] = offsets - offsets[0]
        return begins

    @property
    def data(self) -> pa.Buffer:
        """All lines, one behind the other."""
        offsets = np.frombuffer(self.lines.buffers()[1], dtype=np.int32)
        first, last = offsets[self.lines.offset], offsets[self.lines.offset + len(self.lines)]
        return self.lines.buffers()[2].slice(int(first), int(last - first))

    @property
    def characters(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)


class FeedFailed(Exception):
    """The file could not be read to its end; what the engine made of the rest is void."""


class Lines:
    """Makes numbered lines out of chunks. The first line, the header, is left out."""

    def __init__(
        self,
        set_aside: SetAside,
        *,
        delimiter: str = ",",
        columns: int | None = None,
        block_bytes: int | None = None,
    ) -> None:
        """`columns`: how many values a record has; None where it is not known.

        `block_bytes`: of a block at most, where rows are made of the lines.
        """
        self._set_aside = set_aside
        self._delimiter = delimiter
        self._columns = columns
        self._block_bytes = block_bytes
        self._rest: list[bytes] = []
        """What is not numbered yet: the beginning of a line, and lines that a quote may join."""
        self._next_line = 1
        self.records = 0
        """Lines that hold something, the header not counted."""

    def blocks(self, chunks: Iterator[bytes]) -> Iterator[Numbered]:
        """Give the records of a file, some mebibytes at a time."""
        most, held = BLOCK_BYTES, list[bytes]()
        if self._block_bytes is not None:
            most = min(most, self._block_bytes)
        for chunk in chunks:
            held.append(chunk)
            if sum(map(len, held)) >= most:
                if (block := self.of(b"".join(held))) is not None:
                    yield block
                held = []
        for block in (self.of(b"".join(held)), self.last()):
            if block is not None:
                yield block

    def of(self, chunk: bytes) -> Numbered | None:
        """Give the records of the lines that end in this chunk."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest.append(chunk)
            return None
        whole = b"".join((*self._rest, chunk[:end]))
        self._rest = [chunk[end:]]
        return self._numbered(whole, is_last=False)

    def last(self) -> Numbered | None:
        """Give the line that had no line feed behind it."""
        rest, self._rest = b"".join(self._rest), []
        if not rest:
            return None
        return self._numbered(rest if rest.endswith(b"\n") else rest + b"\n", is_last=True)

    def _numbered(self, data: bytes, *, is_last: bool) -> Numbered | None:
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r\n", b"\n")
        characters = np.frombuffer(data, dtype=np.uint8)
        places = np.flatnonzero((characters < SPACE) | (characters == QUOTE))
        kinds = characters[places]
        ends = places[kinds == LINE_FEED]
        starts = np.concatenate([[0], ends + 1]).astype(np.int32)
        lines = pa.Array.from_buffers(
            pa.binary(), len(ends), [None, pa.py_buffer(starts), pa.py_buffer(data)]
        )
        found: list[tuple[str, Mask]] = []
        if len(places) > len(ends):
            found, kept = self._misleading(lines, places, kinds, is_last=is_last)
            found.append(self._misquoted(lines, characters, starts))
            if kept < len(lines):
                self._rest.insert(0, data[starts[kept] :])
                lines, starts = lines[:kept], starts[: kept + 1]
                found = [(code, bad[:kept]) for code, bad in found]
        numbers = np.arange(self._next_line, self._next_line + len(lines), dtype=np.int64)
        self._next_line += len(lines)
        if not len(numbers):
            return None
        held = _holds_something(lines, characters, starts)
        if numbers[0] == 1:
            held[0] = False
        self.records += int(np.count_nonzero(held))
        found += self._trailing(lines, characters, starts, held)
        for code, misleads in found:
            bad = misleads & held
            if bad.any():
                self._set_aside(numbers[bad], code, lines.filter(pa.array(bad)))
                held &= ~bad
        if not held.all():
            lines, numbers = lines.filter(pa.array(held)), numbers[held]
        if not len(numbers):
            return None
        return Numbered(numbers, lines)

    def _misleading(
        self,
        lines: pa.Array,
        places: npt.NDArray[np.int64],
        kinds: npt.NDArray[np.uint8],
        *,
        is_last: bool,
    ) -> tuple[list[tuple[str, Mask]], int]:
        """Say which lines would lead a reader astray, by what, and how many lines are judged.

        `places` are those of quotes and control characters, line feeds among them. Lines from
        one whose quote is not closed on are not judged before the lines that may close it came.
        """
        is_end = kinds == LINE_FEED
        ends = places[is_end]
        control = np.zeros(len(ends), dtype=np.bool_)
        strange = places[~is_end & (kinds != QUOTE) & (kinds != TAB)]
        control[np.searchsorted(ends, strange)] = True
        quotes_so_far = np.cumsum(kinds == QUOTE)[is_end]
        is_odd = np.diff(quotes_so_far, prepend=0) % 2 == 1
        if self._next_line == 1:
            is_odd[0] = False  # of the header, which was read before
        broken = np.zeros(len(ends), dtype=np.bool_)
        found = [(LINE_BREAK, broken), (NOT_CLOSED, is_odd), ("CONTROL_CHARACTER", control)]
        odd = deque(np.flatnonzero(is_odd).tolist())
        while odd:
            first = odd.popleft()
            if not odd:
                if not is_last and len(ends) - first <= BROKEN_LINES_MAX:
                    return found, first
            elif odd[0] - first < BROKEN_LINES_MAX and self._is_one(lines[first : odd[0] + 1]):
                broken[first : odd.popleft() + 1] = True
        return found, len(ends)

    def _trailing(
        self,
        lines: pa.Array,
        characters: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int32],
        held: Mask,
    ) -> list[tuple[str, Mask]]:
        """Say which records have a delimiter behind their last value.

        The engine takes no notice of it, and would move the values of a record that has one
        delimiter too many in its middle and nothing at its end.
        """
        last = characters[np.maximum(starts[1:] - 2, 0)]
        places = np.flatnonzero(held & (last == ord(self._delimiter)))
        if self._columns is None or not len(places):
            return []
        candidates = lines.take(pa.array(places))
        many = pc.count_substring(candidates, self._delimiter).to_numpy() >= self._columns
        bad = np.zeros(len(lines), dtype=np.bool_)
        for place in places[many].tolist():
            found = cells_of(lines[place].as_py().decode("utf-8", "replace"), self._delimiter)
            bad[place] = found is not None and len(found) > self._columns
        return [(TRAILING, bad)]

    def _misquoted(
        self, lines: pa.Array, characters: npt.NDArray[np.uint8], starts: npt.NDArray[np.int32]
    ) -> tuple[str, Mask]:
        """Say which lines have a quote where none may be."""
        bad = np.zeros(len(lines), dtype=np.bool_)
        unsure = quotes.inside(characters[: starts[-1]], starts, self._delimiter)
        if len(unsure):
            bad[unsure] = quotes.are_wrong(lines.take(pa.array(unsure)), self._delimiter)
        return quotes.MISPLACED, bad

    def _is_one(self, lines: pa.Array) -> bool:
        """Say whether lines are one record, of which a value has line breaks in it."""
        text = b"\n".join(line.rstrip(b"\n") for line in lines.to_pylist())
        try:
            unbroken = io.StringIO(text.decode("utf-8", "replace"), newline="")
            rows = list(csv.reader(unbroken, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return False
        return len(rows) == 1 and self._columns in {None, len(rows[0])}


def _holds_something(
    lines: pa.Array, characters: npt.NDArray[np.uint8], starts: npt.NDArray[np.int32]
) -> Mask:
    """Say which lines have more in them than delimiters and blanks.

    Nearly all are told by three of their characters, and only the others looked through.
    """
    begins, ends = starts[:-1], starts[1:]
    blank: Mask = _IS_BLANK[characters[begins]]
    for place in (np.minimum(begins + 1, ends - 1), (begins + ends) // 2):
        blank &= _IS_BLANK[characters[place]]
    if blank.any():
        candidates = lines.filter(pa.array(blank)).to_pylist()
        blank[np.flatnonzero(blank)] = [not line.strip(BLANK) for line in candidates]
    held: Mask = ~blank
    return held


class Feed:
    """A thread that writes numbered lines into a named pipe."""

    def __init__(self, pipe: Path, chunks: Iterator[bytes]) -> None:
        self._pipe = pipe
        self._chunks = chunks
        self._abandoned = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Let the engine read inside the block.

        :raises FeedFailed: where the file could not be read to its end
        """
        os.mkfifo(self._pipe, mode=0o600)
        self._thread.start()
        try:
            yield
        except BaseException:
            # Why the engine stopped may be that the file could not be read.
            self._finish(abandon=True)
            if self._failure is not None:
                raise FeedFailed from self._failure
            raise
        self._finish(abandon=False)
        if self._failure is not None:
            raise FeedFailed from self._failure

    def _finish(self, *, abandon: bool) -> None:
        if abandon:
            self._abandoned.set()
            self._release()
        self._thread.join()
        self._pipe.unlink(missing_ok=True)

    def _release(self) -> None:
        """Read the pipe empty, so that a write that waits for a reader comes back."""
        descriptor = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            while self._thread.is_alive():
                with suppress(BlockingIOError):
                    os.read(descriptor, PIPE_BYTES)
                self._thread.join(PAUSE_SECONDS)
        finally:
            os.close(descriptor)

    def _run(self) -> None:
        try:
            descriptor = self._open()
            if descriptor is None:
                return
            try:
                for chunk in self._chunks:
                    self._write(descriptor, chunk)
            finally:
                os.close(descriptor)
        except BrokenPipeError:
            return  # the engine stopped reading, and says why itself
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for it
            self._failure = error

    def _open(self) -> int | None:
        while not self._abandoned.is_set():
            try:
                descriptor = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                # Nobody reads yet. Waiting inside open() could not be called off.
                self._abandoned.wait(PAUSE_SECONDS)
                continue
            os.set_blocking(descriptor, True)
            _widen(descriptor)
            return descriptor
        return None

    def _write(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._abandoned.is_set():
            view = view[os.write(descriptor, view) :]


def _widen(descriptor: int) -> None:
    """Ask for a pipe that holds a whole chunk; the system may say no."""
    try:
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        return
