"""Takes a content as it streams in: judged by its declared form, and given on to be sealed."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from catalogue import DataSet
from pseudonymisation.engine.objects import SealedReader
from pseudonymisation.intake.adapters.uploads.inflating import Inflater
from pseudonymisation.intake.adapters.uploads.inspector import InspectedUpload, Inspector
from pseudonymisation.intake.adapters.uploads.parquet import MAGIC, Table
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import ContentForm

Seal = Callable[[bytes], None]
Reopen = Callable[[], AbstractContextManager[SealedReader]]
"""Closes what was sealed, and opens it to be read."""


class Receiver(Protocol):
    """Takes chunks with `take`, and at the end `finish`."""

    def take(self, chunk: bytes) -> None:
        """Raise ContentRefused, Unavailable."""

    def finish(self, reopen: Reopen) -> InspectedUpload:
        """Raise ContentRefused, Unavailable."""


def receiver(form: ContentForm, data_set: DataSet, seal: Seal) -> Receiver:
    match form:
        case ContentForm.CSV:
            return _Csv(data_set, seal)
        case ContentForm.GZIP:
            return _Gzip(data_set, seal)
        case ContentForm.PARQUET:
            return _Parquet(data_set, seal)


class _Csv:
    def __init__(self, data_set: DataSet, seal: Seal) -> None:
        self._inspector = Inspector(data_set)
        self._seal = seal

    def take(self, chunk: bytes) -> None:
        self._inspector.see(chunk)
        self._seal(chunk)

    def finish(self, _: Reopen) -> InspectedUpload:
        return self._inspector.finish()


class _Sent:
    """What is sent is not what is read: it is counted for itself."""

    def __init__(self, data_set: DataSet) -> None:
        self._data_set = data_set
        self._digest = hashlib.sha256()
        self._bytes = 0

    def count(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        if self._bytes > self._data_set.file.file_bytes_max:
            raise errors.FileTooLarge(
                f"The file has more than {self._data_set.file.file_bytes_max} bytes."
            )
        self._digest.update(chunk)

    def of(self, header: str, lines: int) -> InspectedUpload:
        return InspectedUpload(
            bytes=self._bytes,
            digest=f"sha256:{self._digest.hexdigest()}",
            header=header,
            lines=lines,
        )


class _Gzip:
    def __init__(self, data_set: DataSet, seal: Seal) -> None:
        self._sent = _Sent(data_set)
        self._inflate = Inflater()
        self._inspector = Inspector(data_set)
        self._seal = seal

    def take(self, chunk: bytes) -> None:
        self._sent.count(chunk)
        for piece in self._inflate(chunk):
            self._inspector.see(piece)
            self._seal(piece)

    def finish(self, _: Reopen) -> InspectedUpload:
        self._inflate.finish()
        inside = self._inspector.finish()
        return self._sent.of(inside.header, inside.lines)


class _Parquet:
    def __init__(self, data_set: DataSet, seal: Seal) -> None:
        self._data_set = data_set
        self._sent = _Sent(data_set)
        self._start = b""
        self._seal = seal

    def take(self, chunk: bytes) -> None:
        self._sent.count(chunk)
        if len(self._start) < len(MAGIC):
            self._start += chunk[: len(MAGIC)]
            if not MAGIC.startswith(self._start[: len(MAGIC)]):
                raise errors.ContentTypeMismatch(
                    "The file was declared as Parquet (`application/vnd.apache.parquet`) and is"
                    " none that can be read. Declare what it is, for example `text/csv`; Parquet is"
                    " sent without encryption of its own."
                )
        self._seal(chunk)

    def finish(self, reopen: Reopen) -> InspectedUpload:
        if not self._start:
            raise errors.FileEmpty("The file is empty.")
        with reopen() as file:
            table = Table.of(file, self._data_set)
        return self._sent.of(table.header, table.rows + 1)
