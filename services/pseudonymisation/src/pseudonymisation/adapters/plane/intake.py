"""The haven as the intake uses it: uploads, landing, lists of opt-outs, and what is taken away.

Object keys and key names are made here and nowhere else (LAYOUT.md section 2).
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import DataSet
from common.ids import new_id
from pseudonymisation.adapters.keystore import KeyStore
from pseudonymisation.adapters.plane import kernel, landing
from pseudonymisation.adapters.plane.header import columns_of
from pseudonymisation.adapters.plane.objects import ObjectDamaged, Objects
from pseudonymisation.adapters.plane.quarantine import handed_back
from pseudonymisation.adapters.plane.sealing import PERSON
from pseudonymisation.adapters.plane.session import Limits, literal, session
from pseudonymisation.adapters.plane.statement import Order
from pseudonymisation.adapters.plane.upload import Inspector
from pseudonymisation.domain.errors import ListInvalid
from pseudonymisation.domain.quality import Outcome
from pseudonymisation.domain.submission import Submission
from pseudonymisation.use_cases.ports import (
    ContentDamaged,
    EngineFailed,
    LandingOrder,
    MapFile,
    Uploaded,
)

UPLOADS, QUARANTINE, EDITIONS, OPT_OUTS = "uploads", "quarantine", "editions", "opt-outs"
LIST_LINE_BYTES_MAX: Final = 64
WITH_OWN_KEY: Final = (UPLOADS, QUARANTINE)
"""Folders whose objects each have a key of the object's own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedHaven:
    objects: Objects
    keys: KeyStore
    scratch: Path
    limits: Limits
    quarantine_entries_max: int

    def upload(self, submission_id: UUID, attempt: UUID, data_set: DataSet) -> "SealedUpload":
        return SealedUpload(self, f"{UPLOADS}/{submission_id}/{attempt}", data_set)

    def land(self, order: LandingOrder, report: Callable[[int], None]) -> Outcome:
        submission = order.submission
        content, edition_id = submission.content, submission.edition_id
        if content is None or edition_id is None:
            raise LookupError("a submission that was received has content")
        try:
            return landing.land(
                Order(
                    data_set=order.data_set,
                    header=content.header,
                    first=submission.period.first_day,
                    last=submission.period.last_day,
                    today=order.today,
                    provider=submission.provider,
                    edition_id=edition_id,
                    attempt=str(submission.attempt),
                    content_key=content.key,
                    quarantine_key=self.quarantine_key(submission),
                    object_key=self.edition_key(submission),
                    practice_map=_path(order.practice_map),
                    postcode_map=_path(order.postcode_map),
                ),
                landing.Plane(
                    objects=self.objects,
                    key=self.keys.ensure,
                    scratch=self.scratch,
                    limits=self.limits,
                    quarantine_entries_max=self.quarantine_entries_max,
                    report=report,
                ),
            )
        except landing.EngineFailed:
            raise EngineFailed from None
        except ObjectDamaged:
            raise ContentDamaged from None

    def edition_key(self, submission: Submission) -> str:
        return f"{EDITIONS}/{submission.edition_id}/{submission.attempt}.parquet"

    def quarantine_key(self, submission: Submission) -> str:
        return f"{QUARANTINE}/{submission.id}/{submission.attempt}"

    def quarantined(self, object_key: str, header: str, data_set: DataSet) -> Iterator[bytes]:
        rows = handed_back(
            self.objects.read(object_key, self.keys.get(object_key)),
            columns_of(header, data_set),
        )
        try:
            yield from rows
        except ObjectDamaged:
            raise ContentDamaged from None

    def discard_attempt(self, submission: Submission) -> None:
        self.objects.delete(self.edition_key(submission))
        self.destroy(self.quarantine_key(submission))

    def discard_edition(self, edition_id: UUID) -> None:
        self.keys.destroy(f"edition/{edition_id}")
        for key in list(self.objects.keys(f"{EDITIONS}/{edition_id}", older_than=np.inf)):
            self.objects.delete(key)

    def destroy(self, object_key: str) -> None:
        # The key first: without it what may be left of the object is nothing.
        self.keys.destroy(object_key)
        self.objects.delete(object_key)

    def opt_outs(self, list_id: UUID) -> "SealedOptOuts":
        return SealedOptOuts(self, list_id)

    def sweep(self, named: Callable[[], Iterable[str]], *, older_than: float) -> int:
        folders = (UPLOADS, QUARANTINE, EDITIONS, OPT_OUTS)
        old = set[str]()
        for folder in folders:
            old.update(self.objects.keys(folder, older_than=older_than))
        # Asked after the objects were listed: what is named later is not among them.
        orphans = old - set(named())
        for key in orphans:
            if key.startswith(WITH_OWN_KEY):
                self.keys.destroy(key.removesuffix(".part"))
            self.objects.delete(key)
        return len(orphans)


class SealedUpload:
    """A file that streams in: judged, sealed, and gone again if it is not finished."""

    def __init__(self, haven: SealedHaven, key: str, data_set: DataSet) -> None:
        self.key = key
        self._haven = haven
        self._inspector = Inspector(data_set)
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(haven.objects.writer(key, haven.keys.ensure(key)))

    def take(self, chunk: bytes) -> None:
        self._inspector.see(chunk)
        self._writer.write(chunk)

    def finish(self) -> Uploaded:
        inspected = self._inspector.finish()
        self._stack.close()
        return Uploaded(inspected.bytes, inspected.digest, inspected.header, inspected.lines - 1)

    def abandon(self) -> None:
        error = _Abandoned()
        # Leaving by an error, the object is never closed under its name.
        self._stack.__exit__(type(error), error, None)
        self._haven.destroy(self.key)


class _Abandoned(Exception):
    """The upload is not to be."""


class SealedOptOuts:
    """A list of opt-outs that streams in: a number a line, a comma behind it or not.

    A line that is no NHS number refuses the list: left out in silence, it could be somebody
    whose objection is then not upheld.
    """

    def __init__(self, haven: SealedHaven, list_id: UUID) -> None:
        self.key = f"{OPT_OUTS}/{list_id}/{new_id()}.parquet"
        self._haven = haven
        self._list_id = list_id
        self._cipher = kernel.Cipher(haven.keys.ensure(PERSON))
        self._rest = b""
        self._lines = 0
        self._digest = hashlib.sha256()
        self._blocks: list[kernel.Blocks] = []

    def take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._numbers(data[:end])
        if len(self._rest) > LIST_LINE_BYTES_MAX:
            raise ListInvalid(f"Line {self._lines + 1} is too long.", line=self._lines + 1)

    def finish(self) -> tuple[int, str]:
        if self._rest:
            self._numbers(self._rest)
        tokens = np.concatenate(self._blocks) if self._blocks else np.zeros((0, 16), np.uint8)
        people = self._write(*kernel.words_of(tokens))
        return people, f"sha256:{self._digest.hexdigest()}"

    def abandon(self) -> None:
        self._haven.keys.destroy(f"opt_out/{self._list_id}")
        self._haven.objects.delete(self.key)

    def _numbers(self, data: bytes) -> None:
        lines = pa.array(data.decode("ascii", "replace").splitlines(), pa.string())
        numbers = pc.ascii_rtrim(lines, ", \r\t")
        held = pc.not_equal(numbers, "")
        blocks = kernel.views_of(numbers.filter(held).cast(pa.string_view()))
        valid = kernel.valid(blocks)
        if not valid.all():
            places = np.flatnonzero(held.to_numpy(zero_copy_only=False))
            line = self._lines + int(places[int(np.argmin(valid))]) + 1
            raise ListInvalid(f"Line {line} is no NHS number.", line=line)
        self._lines += len(lines)
        self._blocks.append(self._cipher.encrypt(blocks).copy())

    def _write(self, first: kernel.Words, second: kernel.Words) -> int:
        name, haven = f"o{self._list_id.hex}", self._haven
        path = haven.objects.prepare(self.key)
        scratch = haven.scratch / self._list_id.hex
        scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
        tokens = pa.table({"person_0": first, "person_1": second})
        with session(
            directories=[path.parent],
            temp_directory=scratch,
            keys={name: haven.keys.ensure(f"opt_out/{self._list_id}")},
            limits=haven.limits,
        ) as connection:
            connection.register("tokens", tokens)
            written = connection.execute(
                "COPY (SELECT DISTINCT person_0, person_1 FROM tokens ORDER BY ALL)"
                f" TO {literal(path)} (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: '{name}'}})"
            ).fetchone()
        shutil.rmtree(scratch, ignore_errors=True)
        haven.objects.finish(self.key)
        return int(written[0]) if written else 0


def _path(file: MapFile | None) -> Path | None:
    return None if file is None else file.path
