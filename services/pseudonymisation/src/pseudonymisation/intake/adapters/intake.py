"""The haven as the intake uses it: uploads, landing, lists of opt-outs, and what is taken away.

Object keys and key names are made here and nowhere else (LAYOUT.md section 2).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import numpy as np

from catalogue import DataSet
from common.ids import new_id
from common.jobs import Report
from common.replacement import Change, Reach
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.objects import Objects, SealedReader
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.session import EngineLimits, clear_scratch
from pseudonymisation.intake.adapters import lists, previews
from pseudonymisation.intake.adapters.landed_files import LandedFiles, base_of, key_of_list
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.judged.statement import (
    DatedMap,
    LandingTask,
)
from pseudonymisation.intake.adapters.landing.quarantine import handed_back
from pseudonymisation.intake.adapters.landing.related import landing as related
from pseudonymisation.intake.adapters.uploads.header import columns_of
from pseudonymisation.intake.adapters.uploads.parts import SealedUploadPart
from pseudonymisation.intake.adapters.uploads.receiving import receiver
from pseudonymisation.intake.adapters.uploads.trial import Trial
from pseudonymisation.intake.domain.edition import Edition, Replaced
from pseudonymisation.intake.domain.errors import ReplyInvalid
from pseudonymisation.intake.domain.opt_out import ListContent, ListKind, OptOutList
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck
from pseudonymisation.intake.domain.partial_upload import Part
from pseudonymisation.intake.domain.quality import LandingOutcome
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import (
    RELATED,
    ContentForm,
    quarantine_of,
    quarantines_of,
)
from pseudonymisation.intake.use_cases.ports import (
    DatedMapFile,
    LandingOrder,
    MapFile,
)
from pseudonymisation.intake.use_cases.uploads.ports import Uploaded

UPLOADS, QUARANTINE, EDITIONS, OPT_OUTS = "uploads", "quarantine", "editions", "opt-outs"
FOLDERS: Final = (UPLOADS, QUARANTINE, EDITIONS, OPT_OUTS)
TRIAL_MEMORY_BYTES: Final = 400_000_000
"""Of the engine, for a file that is only looked at in the process that serves."""
OF_CELLS: Final = "haven/"
"""How the names of keys begin by which cells are sealed."""
WITH_OWN_KEY: Final = (UPLOADS, QUARANTINE)
"""Folders whose objects each have a key of the object's own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedHaven:
    objects: Objects
    keys: KeyStore
    scratch: Path
    limits: EngineLimits
    quarantine_entries_max: int

    def upload(
        self, submission_id: UUID, attempt: UUID, data_set: DataSet, form: ContentForm
    ) -> "SealedUpload":
        return SealedUpload(self, f"{UPLOADS}/{submission_id}/{attempt}", data_set, form)

    def judge_start(self, block: bytes, data_set: DataSet, form: ContentForm) -> None:
        receiver(form, data_set, lambda _: None).take(block)

    def part(self, submission_id: UUID, upload_id: UUID) -> SealedUploadPart:
        key = f"{UPLOADS}/{submission_id}/{upload_id}/{new_id()}"
        return SealedUploadPart(key, self.objects, self.keys)

    def read_part(self, part: Part) -> Iterator[bytes]:
        return self.objects.read(part.key, self.keys.get(part.key))

    def land(self, order: LandingOrder, report: Report) -> LandingOutcome:
        resources = landing.LandingResources(
            objects=self.objects,
            key=self.keys.ensure,
            scratch=self.scratch,
            limits=self.limits,
            quarantine_entries_max=self.quarantine_entries_max,
            report=report,
        )
        with self.files() as files:
            if order.tables:
                return related.land(self._tables_of(order, files), resources)
            return landing.land(self.task_of(order, files), resources)

    def _tables_of(self, order: LandingOrder, files: LandedFiles) -> related.TablesTask:
        """Say to the engine what an order of several tables says."""
        submission = order.submission
        tables = {}
        for name, table in order.tables.items():
            of_table = replace(submission, content=table.content)
            task = self.task_of(
                replace(
                    order,
                    submission=of_table,
                    data_set=table.data_set,
                    rules=table.rules,
                    tables={},
                ),
                files,
            )
            tables[name] = replace(
                task, quarantine_key=quarantine_of(self.quarantine_key(submission), name)
            )
        return related.TablesTask(
            data_set=order.data_set, tables=tables, object_key=self.edition_key(submission)
        )

    @contextmanager
    def files(self) -> Iterator[LandedFiles]:
        """Have what was landed as files inside the block."""
        self.objects.check()  # before a scratch in it is made: one that is away is not made anew
        with self.objects.at_hand(self.scratch) as at_hand:
            yield LandedFiles(at_hand, self.keys)

    def task_of(self, order: LandingOrder, files: LandedFiles) -> LandingTask:
        """Say to the engine what an order says."""
        submission = order.submission
        content, edition_id = submission.content, submission.edition_id
        if content is None or edition_id is None:
            raise LookupError("a submission that was received has content")
        return LandingTask(
            data_set=order.data_set,
            rules=order.rules,
            header=content.header,
            first=order.data_set.periods.first_day(submission.period.first_day),
            last=submission.period.last_day,
            today=order.today,
            provider=submission.provider,
            providers=order.providers,
            edition_id=edition_id,
            attempt=str(submission.attempt),
            content_key=content.key,
            content_form=content.form,
            quarantine_key=self.quarantine_key(submission),
            object_key=self.edition_key(submission),
            practice_map=_path(order.practice_map),
            postcode_map=_path(order.postcode_map),
            organisation_map=order.organisation_map.path,
            protocol=submission.protocol,
            base=None if order.base is None else base_of(order.base, files),
            later_postcode_maps=_dated(order.later_postcode_maps),
            deprivation_maps=_dated(order.deprivation_maps),
        )

    def trial(self, data_set: DataSet, form: ContentForm) -> "HavenTrial":
        memory = min(self.limits.memory_bytes, TRIAL_MEMORY_BYTES)
        limits = replace(self.limits, memory_bytes=memory)
        trial = Trial(data_set, form, scratch=self.checks, limits=limits, of_cells=self._of_cells)
        return HavenTrial(self, trial, limits)

    def _of_cells(self, name: str) -> bytes | None:
        """Give a key by which cells were sealed; none is made for a file that is only looked at."""
        return self.keys.find(name) if name.startswith(OF_CELLS) else None

    def edition_key(self, submission: Submission) -> str:
        return f"{EDITIONS}/{submission.edition_id}/{submission.attempt}.parquet"

    def deleted_key(self, submission: Submission) -> str:
        return f"{EDITIONS}/{submission.edition_id}/{submission.attempt}.deleted.parquet"

    def quarantine_key(self, submission: Submission) -> str:
        return f"{QUARANTINE}/{submission.id}/{submission.attempt}"

    def quarantined(self, object_key: str, header: str, data_set: DataSet) -> Iterator[bytes]:
        columns = columns_of(header, data_set)
        yield from handed_back(self.objects.read(object_key, self.keys.get(object_key)), columns)
        # Of one of several tables: rows that others are the reason for, behind those, if any.
        beside = f"{object_key}{RELATED}"
        if (key := self.keys.find(beside)) is not None:
            rows = handed_back(self.objects.read(beside, key), columns)
            next(rows)  # its header was written
            yield from rows

    @property
    def checks(self) -> Path:
        """Where files are looked at before they are sent: of each a directory of its own."""
        return self.scratch / "checks"

    def discard_attempt(self, submission: Submission) -> None:
        self.objects.delete(self.edition_key(submission))
        self.objects.delete(self.deleted_key(submission))
        for key in quarantines_of(self.quarantine_key(submission), submission.tables):
            self.destroy(key)

    def discard_edition(self, edition_id: UUID) -> None:
        self.keys.destroy(f"edition/{edition_id}")
        for key in list(self.objects.keys(f"{EDITIONS}/{edition_id}", older_than=np.inf)):
            self.objects.delete(key)

    def destroy(self, object_key: str) -> None:
        # The key first: without it what may be left of the object is nothing.
        self.keys.destroy(object_key)
        self.objects.delete(object_key)

    def opt_outs(self, list_id: UUID) -> "SealedList":
        numbers = lists.Numbers(self.keys.ensure(PERSON), kind=ListKind.OBJECTORS)
        return SealedList(self, list_id, numbers)

    def change_of_editions(
        self, before: Edition, edition_id: UUID, object_key: str, rows: int
    ) -> Change:
        try:
            with self.files() as files:
                return lists.compare_editions(
                    files.edition(before.id, before.object_key),
                    files.edition(edition_id, object_key),
                    scratch=self.scratch / f"{before.id.hex}-{edition_id.hex}",
                    limits=self.limits,
                )
        except (KeyDestroyed, KeyClosed, duckdb.Error):
            return Change(before=before.rows, after=rows, added=rows, removed=before.rows)

    def replaced_by(
        self,
        before: Edition,
        edition_id: UUID,
        object_key: str,
        rows: int,
        *,
        measures: Sequence[str],
    ) -> Replaced:
        with self.files() as files:
            return self.replaced_by_file(
                before,
                files.edition(edition_id, object_key),
                rows,
                files=files,
                measures=measures,
                scratch=self.scratch / f"{before.id.hex}-{edition_id.hex}",
                limits=self.limits,
            )

    def replaced_by_file(
        self,
        before: Edition,
        after: lists.SealedFile,
        rows: int,
        *,
        files: LandedFiles,
        measures: Sequence[str],
        scratch: Path,
        limits: EngineLimits,
    ) -> Replaced:
        """Count what gives way to what was landed in that file, which a trial has elsewhere."""
        try:
            return previews.replaced(
                files.edition(before.id, before.object_key),
                after,
                measures=measures,
                scratch=scratch,
                limits=limits,
            )
        except (KeyDestroyed, KeyClosed, duckdb.Error):
            # What cannot be read changes wholly, and nothing more can be said of it.
            change = Change(before=before.rows, after=rows, added=rows, removed=before.rows)
            return Replaced(rows=change, people=None, totals=())

    def change_of_lists(self, *before: OptOutList, after: OptOutList) -> Change:
        try:
            with self.files() as files:
                return lists.compare(
                    [files.list(one.id, one.object_key) for one in before],
                    files.list(after.id, after.object_key),
                    scratch=self.scratch / f"{before[0].id.hex}-{after.id.hex}",
                    limits=self.limits,
                )
        except (KeyDestroyed, KeyClosed, duckdb.Error):
            # What cannot be compared changes wholly.
            return max(before, key=lambda one: one.people).all_go(after)

    def reach_of_list(self, opt_outs: OptOutList, editions: Sequence[Edition]) -> Reach:
        if not editions:
            return Reach(rows=0, of=0)
        try:
            with self.files() as files:
                return lists.reach(
                    files.list(opt_outs.id, opt_outs.object_key),
                    [files.edition(edition.id, edition.object_key) for edition in editions],
                    scratch=self.scratch / f"{opt_outs.id.hex}-reach",
                    limits=self.limits,
                )
        except (KeyDestroyed, KeyClosed, duckdb.Error):
            return Reach(rows=0, of=0)  # what cannot be compared is as if nothing were there

    def ask_about(self, check_id: UUID, editions: Sequence[Edition]) -> tuple[str, int]:
        object_key = f"{OPT_OUTS}/{check_id}/{new_id()}.parquet"
        if not editions:
            return object_key, 0
        with self.files() as files, self.made(object_key) as path:
            people = lists.gather(
                [files.edition(edition.id, edition.object_key) for edition in editions],
                to=lists.SealedFile(
                    path,
                    lists.named("o", check_id),
                    lambda: self.keys.ensure(key_of_list(check_id)),
                ),
                scratch=self.scratch / check_id.hex,
                limits=self.limits,
            )
        return object_key, people

    @contextmanager
    def made(self, object_key: str) -> Iterator[Path]:
        """Give the path to which the engine writes an object inside the block."""
        self.objects.check()
        self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.objects.made(object_key, self.scratch) as path:
            yield path

    def asked(self, check_id: UUID, object_key: str) -> Iterator[bytes]:
        with self.files() as files:
            yield from lists.opened(
                files.list(check_id, object_key),
                self.keys.get(PERSON),
                scratch=self.scratch / f"{check_id.hex}-{new_id().hex}",
                limits=self.limits,
            )

    def cleared(self, reply_id: UUID) -> "SealedList":
        numbers = lists.Numbers(
            self.keys.ensure(PERSON),
            kind=ListKind.CLEARED,
            invalid=lambda detail, line: ReplyInvalid(detail, line=line),
        )
        return SealedList(self, reply_id, numbers)

    def not_asked(self, check: OptOutCheck, reply_id: UUID, reply_key: str) -> int:
        with self.files() as files:
            return lists.beyond(
                files.list(reply_id, reply_key),
                files.list(check.id, check.object_key),
                scratch=self.scratch / f"{check.id.hex}-{reply_id.hex}",
                limits=self.limits,
            )

    def change_of_replies(self, *before: OptOutCheck, after: OptOutCheck) -> Change:
        try:
            with self.files() as files:
                return lists.compare_replies(
                    [files.answered(check) for check in before],
                    files.answered(after),
                    scratch=self.scratch / f"{before[0].id.hex}-{after.id.hex}",
                    limits=self.limits,
                )
        except (KeyDestroyed, KeyClosed, duckdb.Error):
            # What cannot be compared changes wholly: every objector of before could be cleared.
            had, has = max(map(_objectors, before)), _objectors(after)
            return Change(before=had, after=has, added=has, removed=had)

    def destroy_list(self, list_id: UUID, object_key: str) -> None:
        self.keys.destroy(key_of_list(list_id))
        self.objects.delete(object_key)

    def sweep(self, named: Callable[[], Iterable[str]], *, older_than: float) -> int:
        left = sum(clear_scratch(one, older_than=older_than) for one in (self.checks, self.scratch))
        old = set[str]()
        for folder in FOLDERS:
            old.update(self.objects.keys(folder, older_than=older_than))
        # Asked after the objects were listed: what is named later is not among them.
        orphans = old - set(named())
        for key in orphans:
            if key.startswith(WITH_OWN_KEY):
                self.keys.destroy(key.removesuffix(".part"))
            self.objects.delete(key)
        return len(orphans) + left


class SealedUpload:
    """A file that streams in: judged, sealed, and gone again if it is not finished."""

    def __init__(self, haven: SealedHaven, key: str, data_set: DataSet, form: ContentForm) -> None:
        self.key = key
        self._haven = haven
        self._stack = ExitStack()
        writer = self._stack.enter_context(haven.objects.writer(key, haven.keys.ensure(key)))
        self._receiver = receiver(form, data_set, writer.write)

    def take(self, chunk: bytes) -> None:
        self._receiver.take(chunk)

    def finish(self) -> Uploaded:
        inspected = self._receiver.finish(self._reopened)
        self._stack.close()
        return Uploaded(inspected.bytes, inspected.digest, inspected.header, inspected.lines - 1)

    @contextmanager
    def _reopened(self) -> Iterator[SealedReader]:
        self._stack.close()
        with self._haven.objects.opened(self.key, self._haven.keys.get(self.key)) as file:
            yield file

    def abandon(self) -> None:
        error = _Abandoned()
        # Leaving by an error, the object is never closed under its name.
        self._stack.__exit__(type(error), error, None)
        self._haven.destroy(self.key)


class HavenTrial:
    """A file that is only looked at, landed by what this haven lands by."""

    def __init__(self, haven: SealedHaven, trial: Trial, limits: EngineLimits) -> None:
        self._limits = limits
        self.key = trial.key
        self.take, self.finish, self.close = trial.take, trial.finish, trial.close
        self._haven = haven
        self._trial = trial

    def land(self, order: LandingOrder) -> LandingOutcome:
        with self._haven.files() as files:
            return self._trial.land(self._haven.task_of(order, files))

    def replaced(
        self, before: Edition, edition_id: UUID, rows: int, *, measures: Sequence[str]
    ) -> Replaced:
        with self._haven.files() as files:
            return self._haven.replaced_by_file(
                before,
                self._trial.landed(edition_id),
                rows,
                files=files,
                measures=measures,
                scratch=self._trial.scratch,
                limits=self._limits,
            )


class _Abandoned(Exception):
    """The upload is not to be."""


class SealedList:
    """A list of people that streams in, and lies under a key of its own."""

    def __init__(self, haven: SealedHaven, list_id: UUID, numbers: lists.Numbers) -> None:
        self.key = f"{OPT_OUTS}/{list_id}/{new_id()}.parquet"
        self._haven = haven
        self.list_id = list_id
        self._numbers = numbers

    def take(self, chunk: bytes) -> None:
        self._numbers.take(chunk)

    def finish(self) -> ListContent:
        haven, tokens = self._haven, self._numbers.finish()
        with haven.made(self.key) as path:
            people = lists.write(
                tokens,
                to=path,
                key_name=lists.named("o", self.list_id),
                key=haven.keys.ensure(key_of_list(self.list_id)),
                scratch=haven.scratch / self.list_id.hex,
                limits=haven.limits,
            )
        return ListContent(numbers=len(tokens), people=people, digest=self._numbers.digest)

    def abandon(self) -> None:
        self._haven.keys.destroy(key_of_list(self.list_id))
        self._haven.objects.delete(self.key)


def _objectors(check: OptOutCheck) -> int:
    return check.people - (0 if check.reply is None else check.reply.cleared)


def _dated(maps: Sequence[DatedMapFile]) -> tuple[DatedMap, ...]:
    return tuple(DatedMap(one.valid_from, one.file.path) for one in maps)


def _path(file: MapFile | None) -> Path | None:
    return None if file is None else file.path
