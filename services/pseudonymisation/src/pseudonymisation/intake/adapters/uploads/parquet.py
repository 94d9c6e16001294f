"""Reads a Parquet file as the CSV that its sender would have written, some thousand rows at a time.

The file lies sealed and is opened where it is read, so that no byte of it is on a disk in clear.
Its footer is looked at as it comes in (`Table.of`); its values as it is landed (`Table.lines`).
Record number n is line n + 1, as in a file with a header.
"""

import csv
import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogue import ColumnType, DataSet
from pseudonymisation.intake.adapters.uploads import texts
from pseudonymisation.intake.adapters.uploads.header import columns_of
from pseudonymisation.intake.adapters.uploads.pages import PagesMalformed, Readable, pages
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import EXPANSION_MAX, is_bomb

MAGIC: Final = b"PAR1"
ENCRYPTED: Final = b"PARE"
LENGTH: Final = struct.Struct("<I")
TAIL_BYTES: Final = LENGTH.size + len(MAGIC)
FOOTER_BYTES_MAX: Final = 32 << 20
PAGES_BYTES_MAX: Final = 256 << 20
"""Of one page of each column together: so much a reader has to hold at a time."""
ROWS_AT_ONCE: Final = 8_192
BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """A Parquet file whose footer fits the data set."""

    file: Readable
    size: int
    data_set: DataSet
    header: str
    """Its columns, as the first line of a CSV would name them."""
    rows: int

    @classmethod
    def of(cls, file: Readable, data_set: DataSet) -> Self:
        """Look at a file's footer.

        Raises:
            ContentRefused

        """
        size = file.seek(0, io.SEEK_END)
        _require_footer(file, size)
        with _read():
            opened = pq.ParquetFile(file, pre_buffer=False)
            found = opened.schema_arrow
            rows = opened.metadata.num_rows
        header = _header(found.names, data_set)
        columns_of(header, data_set)
        for name, field in zip(found.names, found, strict=True):
            texts.require(field.type, data_set.by_header[name.strip().casefold()])
        if rows <= 0:
            raise errors.FileEmpty("The file has columns but no records.")
        if is_bomb(stored=size, opened=rows * len(found)):
            raise _expands()
        return cls(file, size, data_set, header, rows)

    def lines(self) -> Iterator[bytes]:
        """Give the file as CSV, the header first.

        Raises:
            ContentRefused

        """
        with _read():
            flat = pq.ParquetFile(self.file, pre_buffer=False).schema_arrow
            dictionaries = [f.name for f in flat if texts.is_text(f.type)]
            opened = pq.ParquetFile(
                self.file,
                pre_buffer=False,
                buffer_size=BUFFER_BYTES,
                read_dictionary=dictionaries,
            )
        yield self.header.encode() + b"\n"
        given, record = 0, 0
        for group in range(opened.num_row_groups):
            self._require_pages(opened.metadata.row_group(group))
            batches = opened.iter_batches(ROWS_AT_ONCE, row_groups=[group], use_threads=False)
            while True:
                with _read():
                    batch = next(batches, None)
                if batch is None:
                    break
                text = self._text(batch, record)
                record += batch.num_rows
                given += len(text)
                if is_bomb(stored=self.size, opened=given):
                    raise _expands()
                if given > self.data_set.file.file_bytes_max:
                    raise errors.FileTooLarge(
                        f"As CSV the file has more than {self.data_set.file.file_bytes_max} bytes."
                    )
                yield text
        if record != self.rows:
            raise _damaged()

    def _require_pages(self, group: Any) -> None:
        """Refuse a row group that takes too much memory to open: by its pages' own headers."""
        together = 0
        for place in range(group.num_columns):
            column = group.column(place)
            starts = (column.dictionary_page_offset, column.data_page_offset)
            start = min(at for at in starts if at is not None)
            end = start + column.total_compressed_size
            if not 0 < start <= end <= self.size:
                raise _damaged()
            try:
                opened = [page.opened_bytes for page in pages(self.file, start, end)]
            except PagesMalformed:
                raise _damaged() from None
            # A dictionary is held beside the page that refers to it.
            together += sum(sorted(opened)[-2:])
        if together > PAGES_BYTES_MAX:
            raise errors.ContentExpands(
                "The pages of a row group are too large to be opened together. Write the file with"
                " smaller row groups and pages."
            )

    def _kind(self, name: str) -> ColumnType:
        data_set = self.data_set
        return data_set.by_name[data_set.by_header[name.strip().casefold()]].type

    def _text(self, batch: pa.RecordBatch, before: int) -> bytes:
        file = self.data_set.file
        columns = [
            texts.of(column, self._kind(name), file.delimiter)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        lengths = np.full(batch.num_rows, len(columns), dtype=np.int64)
        for column in columns:
            lengths += column.lengths()
        longest = int(lengths.argmax()) if len(lengths) else 0
        if len(lengths) and lengths[longest] > file.line_bytes_max:
            line = before + longest + 2
            raise errors.LineTooLong(
                f"Line {line} has more than {file.line_bytes_max} bytes.", line=line
            )
        values = [column.values() for column in columns]
        joined = pc.binary_join_element_wise(
            *values, file.delimiter.encode(), null_handling="replace", null_replacement=b""
        )
        ended = pc.binary_join_element_wise(joined, b"", b"\n")
        text = b"".join(ended.to_pylist())
        _require_utf8(text, before)
        return text


def _require_utf8(text: bytes, before: int) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = before + text.count(b"\n", 0, error.start) + 2
        raise errors.EncodingNotUtf8(
            f"Line {line} is not UTF-8. Write text columns as UTF-8.", line=line
        ) from None


def _require_footer(file: Readable, size: int) -> None:
    file.seek(0)
    start = file.read(len(MAGIC))
    if start == ENCRYPTED:
        raise errors.ContentTypeMismatch(
            "The Parquet file is encrypted. Write it without encryption; the haven seals it."
        )
    if start != MAGIC:
        raise errors.ContentTypeMismatch(
            "The file was declared as Parquet (`application/vnd.apache.parquet`) and is none."
            " Declare what it is, for example `text/csv`."
        )
    if size < len(MAGIC) + TAIL_BYTES:
        raise _damaged()
    file.seek(size - TAIL_BYTES)
    tail = file.read(TAIL_BYTES)
    if tail[LENGTH.size :] != MAGIC:
        raise _damaged()
    if LENGTH.unpack(tail[: LENGTH.size])[0] > min(FOOTER_BYTES_MAX, size - TAIL_BYTES):
        raise _damaged()


def _header(names: Sequence[str], data_set: DataSet) -> str:
    text = io.StringIO()
    plain = ["".join(c if c.isprintable() else " " for c in name) for name in names]
    csv.writer(text, delimiter=data_set.file.delimiter, lineterminator="").writerow(plain)
    header = text.getvalue()
    if len(header.encode()) > data_set.file.line_bytes_max:
        raise errors.LineTooLong(
            f"The names of the columns have more than {data_set.file.line_bytes_max} bytes.", line=1
        )
    return header


class _read:  # noqa: N801 - reads as a statement: `with _read():`
    """Say of what the reader fails with only that the file is damaged: it may quote a value."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: object, __: object) -> None:
        if isinstance(error, pa.ArrowException | OSError | ValueError):
            raise _damaged() from None


def _damaged() -> errors.ContentDamaged:
    return errors.ContentDamaged(
        "The Parquet file is damaged or cut off. Write it again, and send it whole."
    )


def _expands() -> errors.ContentExpands:
    return errors.ContentExpands(
        f"As CSV the file becomes more than {EXPANSION_MAX} times as long. Send it as CSV."
    )
