"""Rows that are set aside: reasons in the open, the rows themselves sealed.

Lines come from the feed's thread and from the engine's; each call brings many.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import DataSet
from pseudonymisation.engine.objects import SealedWriter
from pseudonymisation.intake.adapters.landing.feed import Numbered
from pseudonymisation.intake.adapters.landing.quotes import QUOTE
from pseudonymisation.intake.adapters.uploads.header import DELIMITERS, NAMES_MIN, names_in
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.quality import QuarantineEntry

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


def miscounted(
    block: Numbered, columns: int, delimiter: str
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Say which lines have more values, or fewer, than the header has columns, and why.

    Each quote of them stands where it may (`feed`), so that a delimiter behind an odd one is part
    of a value. The engine would say so of each line by itself, and hold all that it said.
    """
    values = _delimiters(block, delimiter) + 1
    many, few = values > columns, values < columns
    if few.any():
        lines = block.lines.filter(pa.array(few))
        otherwise = np.zeros(len(block.numbers), dtype=np.bool_)
        for other in DELIMITERS:
            if other != delimiter:
                otherwise[few] |= pc.count_substring(lines, other).to_numpy() == columns - 1
        yield "DELIMITER_WRONG", otherwise
        yield "TOO_FEW_VALUES", few & ~otherwise
    if many.any():
        indexed = many & (values == columns + 1)
        indexed[indexed] = _are_indices(block.only(indexed), delimiter)
        yield "INDEX_COLUMN", indexed
        yield "TOO_MANY_VALUES", many & ~indexed


def _delimiters(block: Numbered, delimiter: str) -> npt.NDArray[np.int64]:
    """Count in each line the delimiters that are between values."""
    characters, starts = block.characters, block.offsets[:-1]
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    between = characters == ord(delimiter)
    if (quotes := characters == QUOTE).any():
        between &= np.cumsum(quotes, dtype=np.int64) % 2 == 0
    counts: npt.NDArray[np.int64] = np.add.reduceat(between, starts, dtype=np.int64)
    return counts


def _are_indices(block: Numbered, delimiter: str) -> npt.NDArray[np.bool_]:
    """Say which lines begin with the number of their row, counted from nought or from one."""
    first = pc.extract_regex(
        block.lines.cast(pa.string()),
        rf'^[ "]*(?P<number>[0-9]{{1,18}})[ "]*{re.escape(delimiter)}',
    )
    found = pc.struct_field(first, "number").cast(pa.int64()).fill_null(0).to_numpy()
    rows: npt.NDArray[np.bool_] = (block.numbers - found == 1) | (block.numbers - found == 2)
    rows &= first.is_valid().to_numpy(zero_copy_only=False)
    return rows


def _quoted(values: pa.Array) -> pa.Array:
    """Give values in quotes, and nothing in the place of none."""
    text = values.cast(pa.string())
    doubled = pc.replace_substring(text, '"', '""')
    return pc.binary_join_element_wise('"', doubled, '"', "").fill_null("")


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
        self,
        writer: SealedWriter,
        columns: Sequence[str],
        *,
        header: str,
        data_set: DataSet,
        entries_max: int,
    ) -> None:
        self._writer = writer
        self._columns = columns
        self._data_set = data_set
        names = "|".join(map(re.escape, data_set.by_header))
        self._name = f'(?i)[,;|\t"]\\s*"*(?:{names})"*\\s*(?:$|[,;|\t"])'
        self._delimiter = data_set.file.delimiter
        self._entries_max = entries_max
        self._lock = threading.Lock()
        self._entries: list[QuarantineEntry] = []
        self._last: int | None = None
        """Reasons of a later line are none of the first so many."""
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.columns: Counter[str] = Counter()
        """Lines that were set aside because of a column, each once however many its reasons."""
        self.lines = 0
        writer.write(f"line,reasons,{header}\n".encode())

    @property
    def entries(self) -> list[QuarantineEntry]:
        """The reasons that are kept one by one, in order of the lines."""
        return sorted(self._entries)[: self._entries_max]

    def of_values(self, line: pa.Array, why: pa.Array, *values: pa.Array) -> pa.Array:
        """Set rows aside, with each of their values as it came.

        The engine calls this as the condition on which a row is kept: the answer is no.

        Raises:
            HeaderRepeated

        """
        self(line, why, pc.binary_join_element_wise(*map(_quoted, values), ","))
        return pa.array(np.zeros(len(line), dtype=np.bool_))

    def __call__(self, line: pa.Array, why: pa.Array, record: pa.Array) -> None:
        """Set rows aside. `why` is `column number:code` for each reason, a space between.

        Raises:
            HeaderRepeated

        """
        self._require_no_header(line, record)
        reasons = pc.split_pattern(why.cast(pa.string()), " ")
        flat = reasons.flatten()
        counts, columns = Counter[str](), Counter[str]()
        for item in pc.value_counts(why.cast(pa.string())).to_pylist():
            of_line = item["values"].split(" ")
            counts.update(dict.fromkeys(of_line, item["counts"]))
            columns.update(dict.fromkeys({self._named(r)[0] for r in of_line}, item["counts"]))
        named = {reason: self._named(reason) for reason in counts}
        numbers = line.cast(pa.int64())
        with self._lock:
            for reason, count in counts.items():
                self.reasons[named[reason]] += count
            self.columns.update(columns)
            rows = numbers.take(pc.list_parent_indices(reasons)).to_numpy()
            self._keep(rows, lambda at: [named[reason] for reason in flat.take(at).to_pylist()])
            self._write(numbers, why.cast(pa.string()), record.cast(pa.string()))

    def whole_lines(self, numbers: npt.NDArray[np.int64], code: str, lines: pa.Array) -> None:
        """Set lines aside that are no records.

        Raises:
            HeaderRepeated

        """
        self._require_no_header(pa.array(numbers), lines)
        with self._lock:
            self.reasons[LINE, code] += len(numbers)
            self._keep(numbers, lambda at: [(LINE, code)] * len(at))
            why = pa.array([code]).take(pa.array(np.zeros(len(numbers), dtype=np.int64)))
            records = pc.ascii_rtrim(lines.cast(pa.string()), "\r\n")
            self._write(pa.array(numbers), why, records)

    def records_of(self, block: Numbered) -> Numbered:
        """Set the lines aside that have another number of values than the header; give the others.

        Raises:
            HeaderRepeated

        """
        wrong = np.zeros(len(block.numbers), dtype=np.bool_)
        for code, lines in miscounted(block, len(self._columns), self._delimiter):
            if lines.any():
                found = block.only(lines)
                self.whole_lines(found.numbers, code, found.lines)
                wrong |= lines
        return block.only(~wrong) if wrong.any() else block

    def _keep(
        self,
        lines: npt.NDArray[np.int64],
        reasons: Callable[[pa.Array], list[tuple[str, str]]],
    ) -> None:
        """Keep what is told one by one: the reasons of the first lines, in whichever order."""
        at = np.arange(len(lines)) if self._last is None else np.flatnonzero(lines <= self._last)
        if not len(at):
            return
        self._entries += [
            QuarantineEntry(line, *reason)
            for line, reason in zip(lines[at].tolist(), reasons(pa.array(at)), strict=True)
        ]
        if len(self._entries) > 2 * self._entries_max:
            self._entries = self.entries
            self._last = self._entries[-1].line if self._entries else 0

    def _require_no_header(self, numbers: pa.Array, records: pa.Array) -> None:
        """Stop a file that has its header, or another of the data set's, among its records.

        A header is never a good row: its month is no date. So only what is set aside is looked at.
        """
        records = records.cast(pa.string())
        named = pc.match_substring_regex(pc.binary_join_element_wise("", records, ","), self._name)
        places = np.flatnonzero(named.fill_null(False).to_numpy(zero_copy_only=False))
        for place in places.tolist():
            if names_in(records[place].as_py().strip(), self._data_set) >= NAMES_MIN:
                line = int(numbers[place].as_py())
                raise errors.HeaderRepeated(
                    f"Line {line} is a header again: files were put together. Take the line out,"
                    " or send each file by itself.",
                    line=line,
                )

    def _named(self, reason: str) -> tuple[str, str]:
        place, _, code = reason.partition(":")
        return self._columns[int(place)], code

    def _write(self, numbers: pa.Array, why: pa.Array, records: pa.Array) -> None:
        self.lines += len(numbers)
        joined = pc.binary_join_element_wise(numbers.cast(pa.string()), why, records, ",")
        ended = pc.binary_join_element_wise(joined, "", "\n")
        self._writer.write(ended.buffers()[2] or b"")
