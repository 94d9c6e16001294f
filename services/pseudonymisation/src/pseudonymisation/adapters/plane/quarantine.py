"""Rows that are set aside: reasons in the open, the rows themselves sealed.

Lines come from the feed's thread and from the engine's; each call brings many.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.adapters.plane.objects import SealedWriter
from pseudonymisation.domain.quality import Entry

LINE: Final = ""
"""In place of a column: the reason is about the line as a whole."""


def handed_back(chunks: Iterator[bytes], columns: Sequence[str]) -> Iterator[bytes]:
    """Make of what a `Quarantine` wrote what its sender can work with: columns by their names.

    A record has its values as they came, each in quotes; a line that is none is as it came.
    """
    rest = b""
    for number, chunk in enumerate(chunks):
        *lines, rest = (rest + chunk).split(b"\n")
        if number == 0:
            yield ",".join(("line", "reasons", *columns)).encode() + b"\n"
            del lines[0]  # the object's own header
        yield b"".join(_named(line, columns) for line in lines)


def _named(line: bytes, columns: Sequence[str]) -> bytes:
    number, why, record = line.split(b",", 2)
    reasons = b" ".join(_reason(reason, columns) for reason in why.split(b" "))
    return b",".join((number, reasons, record)) + b"\n"


def _reason(reason: bytes, columns: Sequence[str]) -> bytes:
    place, colon, code = reason.partition(b":")
    return columns[int(place)].encode() + b":" + code if colon else reason


class Quarantine:
    """Writes `line,"reasons",record` into a sealed object, and remembers the first reasons."""

    NAME: Final = "set_aside"

    def __init__(
        self, writer: SealedWriter, columns: Sequence[str], *, header: str, entries_max: int
    ) -> None:
        self._writer = writer
        self._columns = columns
        self._entries_max = entries_max
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.lines = 0
        writer.write(f"line,reasons,{header}\n".encode())

    @property
    def entries(self) -> list[Entry]:
        """The reasons that are kept one by one, in order of the lines."""
        return sorted(self._entries)[: self._entries_max]

    def __call__(self, line: pa.Array, why: pa.Array, record: pa.Array) -> pa.Array:
        """Set rows aside. `why` is `column number:code` for each reason, a space between.

        The engine calls this as the condition on which a row is kept: the answer is no.
        """
        reasons = pc.split_pattern(why.cast(pa.string()), " ")
        flat = reasons.flatten()
        counts = {item["values"]: item["counts"] for item in pc.value_counts(flat).to_pylist()}
        named = {reason: self._named(reason) for reason in counts}
        numbers = line.cast(pa.int64())
        with self._lock:
            for reason, count in counts.items():
                self.reasons[named[reason]] += count
            room = self._entries_max - len(self._entries)
            if room > 0:
                rows = numbers.take(pc.list_parent_indices(reasons))[:room].to_pylist()
                self._entries += [
                    Entry(row, *named[reason])
                    for row, reason in zip(rows, flat[:room].to_pylist(), strict=True)
                ]
            self._write(numbers, why.cast(pa.string()), record.cast(pa.string()))
        return pa.array(np.zeros(len(line), dtype=np.bool_))

    def whole_lines(self, numbers: npt.NDArray[np.int64], code: str, lines: pa.Array) -> None:
        """Set lines aside that are no records."""
        with self._lock:
            self.reasons[LINE, code] += len(numbers)
            room = self._entries_max - len(self._entries)
            self._entries += [Entry(int(number), LINE, code) for number in numbers[:room]]
            why = pa.array([code]).take(pa.array(np.zeros(len(numbers), dtype=np.int64)))
            records = pc.ascii_rtrim(lines.cast(pa.string()), "\r\n")
            self._write(pa.array(numbers), why, records)

    def _named(self, reason: str) -> tuple[str, str]:
        place, _, code = reason.partition(":")
        return self._columns[int(place)], code

    def _write(self, numbers: pa.Array, why: pa.Array, records: pa.Array) -> None:
        self.lines += len(numbers)
        joined = pc.binary_join_element_wise(numbers.cast(pa.string()), why, records, ",")
        ended = pc.binary_join_element_wise(joined, "", "\n")
        self._writer.write(ended.buffers()[2] or b"")
