"""Uploads in parts: begun, gone on with, completed, called off, and swept when abandoned.

Each part is sealed as it comes, and named when it is whole. What is kept of an upload is bytes
and nothing else: as a file it is judged when it is complete, by the way of every other upload.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import structlog

from common.audit.entries import Entry as AuditEntry
from common.audit.entries import entry_for
from common.errors import AppError, EditedMeanwhile, TransitionRefused, Unavailable
from common.ids import new_id
from pseudonymisation.engine.errors import KeyDestroyed, ObjectDamaged
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.partial_upload import Part, PartialUpload
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import ContentForm
from pseudonymisation.intake.use_cases import submissions
from pseudonymisation.intake.use_cases.context import ITSELF, IntakeContext
from pseudonymisation.intake.use_cases.ports import Transaction
from pseudonymisation.intake.use_cases.uploads.ports import SealedPart

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PART_BYTES: Final = 32 << 20
"""What a crash in mid-upload costs at most."""
BATCH: Final = 100


def begin(
    submission_id: UUID,
    form: ContentForm,
    *,
    length: int | None,
    digest: str | None,
    key: str | None,
    fingerprint: str,
    ctx: IntakeContext,
) -> PartialUpload:
    """Begin an upload, in the place of one that was begun before.

    Raises:
        SubmissionNotFound, TransitionRefused, FileTooLarge

    """
    at = ctx.clock.now()
    upload = PartialUpload(
        id=new_id(),
        submission_id=submission_id,
        form=form,
        begun_at=at,
        touched_at=at,
        length=length,
        digest=digest,
    )
    with ctx.uow.writing() as tx:
        repeated = tx.idempotency.find(
            actor=ctx.principal.key_owner, key=key, fingerprint=fingerprint
        )
        if repeated is not None:
            return tx.partial_uploads.get(submission_id, UUID(repeated))
        submission = _open(submission_id, tx, ctx=ctx)
        _require_size(upload, length or 0, submission, ctx=ctx)
        former = tx.partial_uploads.of(submission_id)
        for one in former:
            tx.partial_uploads.remove(one)
        stored = tx.partial_uploads.save(
            upload, audit=_entry("upload-begun", submission, upload, ctx=ctx)
        )
        tx.idempotency.remember(
            actor=ctx.principal.key_owner,
            key=key,
            fingerprint=fingerprint,
            resource=str(upload.id),
        )
    _destroy([part for one in former for part in one.parts], ctx=ctx)
    return stored


def get(submission_id: UUID, upload_id: UUID, *, ctx: IntakeContext) -> PartialUpload:
    """Raise SubmissionNotFound, UploadNotFound."""
    with ctx.uow.reading() as tx:
        tx.submissions.get(submission_id, ctx.scope)
        return tx.partial_uploads.get(submission_id, upload_id)


def of_submission(submission_id: UUID, *, ctx: IntakeContext) -> Sequence[PartialUpload]:
    """Raise SubmissionNotFound."""
    with ctx.uow.reading() as tx:
        tx.submissions.get(submission_id, ctx.scope)
        return tx.partial_uploads.of(submission_id)


class Appending:
    """What one request brings. Whatever has come of it when it breaks off is kept.

    Two that write at once: the first part that is named decides, and the other is told where
    the upload is now.
    """

    def __init__(
        self,
        submission_id: UUID,
        upload_id: UUID,
        offset: int,
        *,
        length: int | None,
        ctx: IntakeContext,
    ) -> None:
        """Raise SubmissionNotFound, UploadNotFound, UploadOffsetDiffers, TransitionRefused."""
        self._ctx = ctx
        with ctx.uow.writing() as tx:
            self._submission = _open(submission_id, tx, ctx=ctx)
            upload = tx.partial_uploads.get(submission_id, upload_id)
            upload.require_at(offset)
            declared = upload.declare(length)
            _require_size(declared, declared.length or 0, self._submission, ctx=ctx)
            self.upload = tx.partial_uploads.save(declared) if declared != upload else upload
        self._began_at = offset
        self._digest = hashlib.sha256()
        self._part: SealedPart | None = None

    def take(self, block: bytes) -> None:
        """Seal some bytes.

        Raises:
            ContentRefused: where the beginning is no such file
            UploadOffsetDiffers, UploadLengthDiffers, Unavailable

        """
        ctx, pending = self._ctx, 0 if self._part is None else self._part.size
        offset = self.upload.offset + pending
        if offset == 0:
            data_set = submissions.as_read(self._submission, ctx=ctx)
            ctx.haven.judge_start(block, data_set, self.upload.form)
        _require_size(self.upload, offset + len(block), self._submission, ctx=ctx)
        self._digest.update(block)
        if self._part is None:
            self._part = ctx.haven.part(self.upload.submission_id, self.upload.id)
        self._part.take(block)
        if self._part.size >= PART_BYTES:
            self.keep()

    def keep(self) -> PartialUpload:
        """Name what has come so far.

        Raises:
            UploadOffsetDiffers, UploadNotFound, UploadLengthDiffers

        """
        sealed, self._part = self._part, None
        if sealed is None or not sealed.size:
            return self.upload
        try:
            self.upload = self._named(sealed.finish())
        except Unavailable:
            raise  # it may be named all the same; if not, it is swept
        except BaseException:
            sealed.abandon()
            raise
        return self.upload

    def _named(self, part: Part) -> PartialUpload:
        ctx, upload = self._ctx, self.upload
        try:
            with ctx.uow.writing() as tx:
                _open(upload.submission_id, tx, ctx=ctx)
                present = tx.partial_uploads.get(upload.submission_id, upload.id)
                grown = present.append(part, at_offset=upload.offset, at=ctx.clock.now())
                return tx.partial_uploads.save(grown)
        except EditedMeanwhile:
            get(upload.submission_id, upload.id, ctx=ctx).require_at(upload.offset)
            raise

    def check(self, digests: Collection[str]) -> None:
        """Take back what this request brought where it is not what was announced.

        Raises:
            DigestMismatch

        """
        found = f"sha256:{self._digest.hexdigest()}"
        if all(digest == found for digest in digests):
            return
        ctx, upload = self._ctx, self.upload
        with ctx.uow.writing() as tx:
            present = tx.partial_uploads.get(upload.submission_id, upload.id)
            present.require_at(upload.offset)
            cut, gone = present.cut(self._began_at)
            self.upload = tx.partial_uploads.save(cut)
        _destroy(gone, ctx=ctx)
        raise errors.DigestMismatch(
            "The received part does not have the announced digest and was dropped. Send it again.",
            expected_offset=self.upload.offset,
        )

    def abandon(self) -> None:
        """Drop what was not named."""
        if self._part is not None:
            self._part.abandon()
            self._part = None


def complete(
    submission_id: UUID, upload_id: UUID, *, digests: Collection[str], ctx: IntakeContext
) -> Submission:
    """Make one content of the parts: judged and sealed as every other is; it is landed next.

    Raises:
        ContentRefused, DigestMismatch, UploadLengthDiffers, TransitionRefused

    """
    partial = get(submission_id, upload_id, ctx=ctx)
    if partial.is_complete:
        return submissions.get(submission_id, ctx=ctx)
    partial.require_whole()
    announced = {*digests, *([partial.digest] if partial.digest else [])}
    submission, upload = submissions.begin_upload(submission_id, partial.form, ctx=ctx)
    try:
        for part in partial.parts:
            for block in ctx.haven.read_part(part):
                upload.take(block)
        stored = submissions.finish_upload(
            submission, upload, partial.form, announced=announced, ctx=ctx
        )
    except errors.ContentRefused as refusal:
        upload.abandon()
        refuse(submission_id, upload_id, refusal, ctx=ctx)
        raise
    except errors.DigestMismatch:
        upload.abandon()
        call_off(submission_id, upload_id, ctx=ctx)
        raise
    except (KeyDestroyed, ObjectDamaged):
        upload.abandon()
        call_off(submission_id, upload_id, ctx=ctx)
        raise errors.UploadIncomplete(
            "What was kept of the upload cannot be read. Begin the upload again."
        ) from None
    except BaseException:
        upload.abandon()
        raise
    with ctx.uow.writing() as tx:
        present = tx.partial_uploads.get(submission_id, upload_id)
        tx.partial_uploads.save(present.complete(at=ctx.clock.now()))
    _destroy(partial.parts, ctx=ctx)
    return stored


def refuse(submission_id: UUID, upload_id: UUID, refusal: AppError, *, ctx: IntakeContext) -> None:
    """Reject the submission for what was sent, and destroy it."""
    submissions.refuse_upload(submission_id, refusal, ctx=ctx)
    call_off(submission_id, upload_id, ctx=ctx)


def call_off(submission_id: UUID, upload_id: UUID, *, ctx: IntakeContext) -> None:
    """Destroy what has come. The submission stays as it is.

    Raises:
        SubmissionNotFound, UploadNotFound

    """
    with ctx.uow.writing() as tx:
        submission = tx.submissions.get(submission_id, ctx.scope)
        upload = tx.partial_uploads.get(submission_id, upload_id)
        tx.partial_uploads.remove(
            upload, audit=_entry("upload-called-off", submission, upload, ctx=ctx)
        )
    _destroy(upload.parts, ctx=ctx)


def expire(*, ctx: IntakeContext) -> int:
    """Destroy uploads that nobody went on with."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        old = tx.partial_uploads.untouched_since(at - ctx.limits.keep_partial, limit=BATCH)
    for upload in old:
        with ctx.uow.writing() as tx:
            present = {one.id: one.version for one in tx.partial_uploads.of(upload.submission_id)}
            if present.get(upload.id) != upload.version:
                continue  # somebody went on with it, or called it off
            audit = entry_for(
                ITSELF,
                at=at,
                action="upload-expired",
                resource=f"submissions/{upload.submission_id}",
                on_behalf_of=None,
                detail={"upload": str(upload.id), "bytes": upload.offset},
            )
            tx.partial_uploads.remove(upload, audit=audit)
        _destroy(upload.parts, ctx=ctx)
    return len(old)


def _open(submission_id: UUID, tx: Transaction, *, ctx: IntakeContext) -> Submission:
    submission = tx.submissions.get(submission_id, ctx.scope)
    if submission.state is not SubmissionState.OPEN:
        raise TransitionRefused(f"The submission is {submission.state} and accepts no content.")
    return submission


def _require_size(
    upload: PartialUpload, size: int, submission: Submission, *, ctx: IntakeContext
) -> None:
    limit = submissions.as_read(submission, ctx=ctx).file.file_bytes_max
    if size > limit:
        raise errors.FileTooLarge(f"The file has more than {limit} bytes.")
    if upload.length is not None and size > upload.length:
        raise errors.UploadLengthDiffers(
            f"More bytes came than the declared length, {upload.length}."
        )


def _destroy(parts: Sequence[Part], *, ctx: IntakeContext) -> None:
    for part in parts:
        ctx.haven.destroy(part.key)


def _entry(
    action: str, submission: Submission, upload: PartialUpload, *, ctx: IntakeContext
) -> AuditEntry:
    return entry_for(
        ctx.principal,
        at=ctx.clock.now(),
        action=action,
        resource=f"submissions/{submission.id}",
        on_behalf_of=submission.provider,
        detail={"upload": str(upload.id), "bytes": upload.offset},
    )
