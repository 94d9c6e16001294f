"""Feeds a file to the engine, a line a record, without its ever being on a disk in clear.

The upload is opened chunk by chunk and written into a named pipe, from which the engine reads
as if it were a file. On the way each line gets its number as a first column, which the engine
would lose when it reads with several threads; and lines by which a CSV reader would lose its
place are set aside: a quote that is not closed would swallow the records after it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.adapters.plane.upload import BYTE_ORDER_MARK

PIPE_BYTES: Final = 1 << 20
PAUSE_SECONDS: Final = 0.002
TAB, LINE_FEED, SPACE, QUOTE = 9, 10, 32, 34
SEPARATOR: Final = b","

Mask = npt.NDArray[np.bool_]

SetAside = Callable[[npt.NDArray[np.int64], str, pa.Array], None]
"""Takes the numbers of lines, a code, and the lines themselves."""


class FeedFailed(Exception):
    """The file could not be read to its end; what the engine made of the rest is void."""


class Lines:
    """Makes numbered lines out of chunks. The first line, the header, is left out."""

    def __init__(self, set_aside: SetAside) -> None:
        self._set_aside = set_aside
        self._rest = b""
        self._next_line = 1
        self.records = 0
        """Lines that hold something, the header not counted."""

    def of(self, chunk: bytes) -> pa.Buffer | None:
        """Give what the engine may read of the lines that end in this chunk."""
        if self._next_line == 1 and not self._rest:
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest += chunk
            return None
        whole, self._rest = self._rest + chunk[:end], chunk[end:]
        return self._numbered(whole)

    def last(self) -> pa.Buffer | None:
        """Give the line that had no line feed behind it."""
        rest, self._rest = self._rest, b""
        return self._numbered(rest + b"\n") if rest else None

    def _numbered(self, data: bytes) -> pa.Buffer | None:
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        characters = np.frombuffer(data, dtype=np.uint8)
        places = np.flatnonzero((characters < SPACE) | (characters == QUOTE))
        kinds = characters[places]
        is_end = kinds == LINE_FEED
        ends = places[is_end]
        numbers = np.arange(self._next_line, self._next_line + len(ends), dtype=np.int64)
        self._next_line += len(ends)
        starts = np.concatenate([[0], ends + 1]).astype(np.int32)
        lines = pa.Array.from_buffers(
            pa.binary(), len(ends), [None, pa.py_buffer(starts), pa.py_buffer(data)]
        )
        held = np.diff(starts) > 1
        if numbers[0] == 1:
            held[0] = False
        self.records += int(np.count_nonzero(held))
        if len(places) > len(ends):
            for code, misleads in _misleading(places, kinds, is_end):
                bad = misleads & held
                if bad.any():
                    self._set_aside(numbers[bad], code, lines.filter(pa.array(bad)))
                    held &= ~bad
        if not held.all():
            lines, numbers = lines.filter(pa.array(held)), numbers[held]
        if not len(numbers):
            return None
        text = pc.cast(pc.cast(pa.array(numbers), pa.string()), pa.binary())
        return pc.binary_join_element_wise(text, lines, SEPARATOR).buffers()[2]


def _misleading(
    places: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8], is_end: Mask
) -> Iterator[tuple[str, Mask]]:
    """Say which lines would lead a reader astray, and by what.

    `places` are those of quotes and control characters, line feeds among them.
    """
    ends = places[is_end]
    strange = places[~is_end & (kinds != QUOTE) & (kinds != TAB)]
    if len(strange):
        bad = np.zeros(len(ends), dtype=np.bool_)
        bad[np.searchsorted(ends, strange)] = True
        yield "CONTROL_CHARACTER", bad
    quotes_so_far = np.cumsum(kinds == QUOTE)[is_end]
    yield "QUOTE_NOT_CLOSED", np.diff(quotes_so_far, prepend=0) % 2 == 1


class Feed:
    """A thread that writes a file's lines into a named pipe."""

    def __init__(
        self,
        pipe: Path,
        chunks: Iterator[bytes],
        lines: Lines,
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`report` is told how many records have gone in, after every chunk."""
        self._report = report
        self._pipe = pipe
        self._chunks = chunks
        self._lines = lines
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
                    self._write(descriptor, self._lines.of(chunk))
                    self._report(self._lines.records)
                self._write(descriptor, self._lines.last())
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

    def _write(self, descriptor: int, data: pa.Buffer | None) -> None:
        view = memoryview(data) if data is not None else memoryview(b"")
        while len(view) and not self._abandoned.is_set():
            view = view[os.write(descriptor, view) :]


def _widen(descriptor: int) -> None:
    """Ask for a pipe that holds a whole chunk; the system may say no."""
    try:
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        return
