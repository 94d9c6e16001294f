"""What one can do with a submission: open it, send its content, look at what became of it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from uuid import UUID

import structlog

from catalogue import DataSet, LandingRules, UnknownDataSet
from common.audit import require_as_logged
from common.audit.entries import entry_for
from common.clock import legal_day
from common.errors import AppError, TransitionRefused
from common.ids import new_id
from common.security.roles import Role
from pseudonymisation.engine.errors import KeyDestroyed, ObjectDamaged
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import QuarantineEntry
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import (
    UNDECLARED,
    BulkPart,
    Content,
    ContentForm,
    Declaration,
    quarantine_of,
)
from pseudonymisation.intake.use_cases import rights
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import Transaction
from pseudonymisation.intake.use_cases.uploads.ports import Upload

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def open_(
    *,
    data_set: str,
    period: str,
    provider: str | None,
    key: str | None,
    fingerprint: str,
    ctx: IntakeContext,
    declared: Declaration = UNDECLARED,
) -> Submission:
    """Announce a file.

    Raises:
        DataSetUnknown, CollectionNotInForce, PeriodInvalid, PeriodOverlaps, ProviderRefused
        PeriodFinal
        DeclarationRefused: where the data set does not take what was declared
        Unavailable: where rights or codes cannot be asked for

    """
    principal, at = ctx.principal, ctx.clock.now()
    wanted = asked(data_set=data_set, period=period, provider=provider, declared=declared, ctx=ctx)
    with ctx.uow.reading() as tx:
        repeated = tx.idempotency.find(actor=principal.key_owner, key=key, fingerprint=fingerprint)
        if repeated is not None:
            return tx.submissions.get(UUID(repeated), ctx.scope)
    submission = announced(wanted, ctx=ctx)
    with ctx.uow.writing() as tx:
        repeated = tx.idempotency.find(actor=principal.key_owner, key=key, fingerprint=fingerprint)
        if repeated is not None:
            return tx.submissions.get(UUID(repeated), ctx.scope)
        require_no_overlap(submission, tx.editions.of(data_set, submission.provider))
        stored = tx.submissions.save(
            submission,
            audit=entry_for(
                principal,
                at=at,
                action="submission-opened",
                resource=f"submissions/{submission.id}",
                on_behalf_of=submission.provider,
                detail={"data_set": data_set, "period": str(submission.period)},
            ),
        )
        tx.idempotency.remember(
            actor=principal.key_owner,
            key=key,
            fingerprint=fingerprint,
            resource=str(submission.id),
        )
    log.info("submission_opened", submission_id=str(submission.id), data_set=data_set)
    return stored


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to send: of which data set and period, and whose records."""

    data_set: DataSet
    period: Period
    provider: str
    declared: Declaration


def asked(
    *,
    data_set: str,
    period: str,
    provider: str | None,
    declared: Declaration,
    ctx: IntakeContext,
) -> Asked:
    """Read what somebody wants to send.

    Raises:
        DataSetUnknown, CollectionNotInForce, PeriodInvalid, ProviderNotOwn, DeclarationRefused

    """
    described, today = _described(data_set, Period.parse(period).first, ctx=ctx), ctx.clock.now()
    require_collected(described, legal_day(today), ctx=ctx)
    declared.require_taken(ctx.catalogue.intake_of(described, legal_day(today))[0])
    return Asked(described, _period(period, described), _named(provider, ctx=ctx), declared)


def announced(wanted: Asked, *, ctx: IntakeContext) -> Submission:
    """Make the submission, where whoever asks may send it.

    Raises:
        ProviderRefused, PeriodFinal, Unavailable

    """
    principal = ctx.principal
    is_office = principal.role is Role.DSCRO_OPERATOR
    standing = rights.provider_standing(
        principal.organisation,
        wanted.provider,
        wanted.period,
        basis=Basis.DSCRO if is_office else None,
        rights=ctx.rights,
    )
    sender, declared = ctx.codes.known(principal.organisation), wanted.declared
    submission = Submission(
        id=new_id(),
        data_set=wanted.data_set.data_set,
        catalogue_version=wanted.data_set.version,
        catalogue_digest=wanted.data_set.digest,
        period=wanted.period,
        provider=standing.entity,
        submitted_by=sender,
        basis=Basis.DSCRO if is_office else standing.basis,
        created_at=ctx.clock.now(),
        dialect=declared.dialect,
        protocol=declared.protocol,
        part=_part(declared, sender, ctx=ctx),
        left_out_at_source=declared.left_out_at_source,
    )
    with ctx.uow.reading() as tx:
        in_force = tx.editions.of(submission.data_set, submission.provider)
    rights.require_not_final(wanted.data_set, submission.place, in_force, ctx=ctx)
    return submission


def _part(declared: Declaration, sender: str, *, ctx: IntakeContext) -> BulkPart | None:
    """Return which part a file in bulk replaces, its codes in normal form."""
    if declared.recipient is None or declared.group is None:
        return None
    if declared.by_token:
        return BulkPart(sender, declared.recipient, declared.group)
    return BulkPart(sender, ctx.codes.known(declared.recipient), declared.group)


def begin_upload(
    submission_id: UUID, form: ContentForm, *, ctx: IntakeContext, table: str | None = None
) -> tuple[Submission, Upload]:
    """Prepare to take a submission's content, or that of one of several tables.

    Raises:
        SubmissionNotFound, TransitionRefused, TableUnknown, TableNotNamed

    """
    with ctx.uow.reading() as tx:
        submission = tx.submissions.get(submission_id, ctx.scope)
    if submission.state is not SubmissionState.OPEN:
        raise TransitionRefused(f"The submission is {submission.state} and accepts no content.")
    data_set = as_read(submission, ctx=ctx, table=table)
    return submission, ctx.haven.upload(submission_id, new_id(), data_set, form)


def finish_upload(
    submission: Submission,
    upload: Upload,
    form: ContentForm,
    *,
    announced: Collection[str],
    ctx: IntakeContext,
) -> Submission:
    """Take the content that has arrived in whole; it is landed next.

    Raises:
        ContentRefused, DigestMismatch, TransitionRefused, EditedMeanwhile

    """
    content = whole(upload, form, announced)
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(submission.id, ctx.scope)
        require_new(tx, present, content.digest)
        stored = tx.submissions.save(
            present.receive(content, edition_id=new_id(), at=at, by=ctx.principal.subject),
            audit=entry_for(
                ctx.principal,
                at=at,
                action="submission-received",
                resource=f"submissions/{submission.id}",
                on_behalf_of=submission.provider,
                detail={"bytes": content.bytes, "digest": content.digest},
            ),
        )
    log.info("submission_received", submission_id=str(submission.id), bytes=content.bytes)
    ctx.wake()
    return stored


def whole(upload: Upload, form: ContentForm, announced: Collection[str]) -> Content:
    """Say what came, when all of it did. Raise ContentRefused, DigestMismatch."""
    uploaded = upload.finish()
    if any(digest != uploaded.digest for digest in announced):
        raise errors.DigestMismatch(
            "The received content does not have the announced digest. Send it again."
        )
    return Content(
        key=upload.key,
        bytes=uploaded.bytes,
        digest=uploaded.digest,
        header=uploaded.header,
        records=uploaded.records,
        form=form,
    )


def require_new(tx: Transaction, submission: Submission, digest: str) -> None:
    """Raise DuplicateUpload where another submission has the same content."""
    other = tx.submissions.same_content(submission, digest)
    if other is not None:
        raise errors.DuplicateUpload(
            f"Submission {other} has the same content.", submission_id=str(other)
        )


def refuse_upload(submission_id: UUID, refusal: AppError, *, ctx: IntakeContext) -> None:
    """Reject a submission for what was sent: it is not what the catalogue says."""
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        present = tx.submissions.get(submission_id, ctx.scope)
        if present.state is not SubmissionState.OPEN:
            return  # another upload of the same submission was quicker
        tx.submissions.save(
            present.reject(
                code=refusal.code, detail=refusal.detail, refusal=refusal.members, at=at
            ),
            audit=entry_for(
                ctx.principal,
                at=at,
                action="submission-rejected",
                resource=f"submissions/{submission_id}",
                on_behalf_of=present.provider,
                detail={"code": refusal.code},
            ),
        )
    log.info("submission_rejected", submission_id=str(submission_id), code=refusal.code)


def get(submission_id: UUID, *, ctx: IntakeContext) -> Submission:
    """Raise SubmissionNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.submissions.get(submission_id, ctx.scope)
        tx.submissions.hold([submission_id])
        return found


def page(
    *, data_set: str | None, after: UUID | None, limit: int, ctx: IntakeContext
) -> Sequence[Submission]:
    with ctx.uow.reading() as tx:
        return tx.submissions.page(ctx.scope, data_set=data_set, after=after, limit=limit)


def quarantine(
    submission_id: UUID, *, after: int, limit: int, ctx: IntakeContext
) -> Sequence[tuple[int, QuarantineEntry]]:
    """Return which lines were set aside and why.

    Raises:
        SubmissionNotFound

    """
    with ctx.uow.reading() as tx:
        tx.submissions.get(submission_id, ctx.scope)
        tx.submissions.hold([submission_id])
        tx.submissions.hold_entries(submission_id)
        return tx.submissions.entries(submission_id, after=after, limit=limit)


def quarantined_rows(
    submission_id: UUID, *, ctx: IntakeContext, table: str | None = None
) -> Iterator[bytes]:
    """Give the rows back that were set aside, to the organisation that sent them.

    They identify people, and nobody but their sender has a use for them. That they were asked
    for is written down before the first of them is read.

    Raises:
        SubmissionNotFound, QuarantineGone, RecordNotAsLogged, Unavailable
        TableUnknown, TableNotNamed: of several tables, each has rows of its own

    """
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        tx.submissions.hold([submission_id])
    require_as_logged(f"submissions/{submission_id}")  # its row says whose rows are handed out
    with ctx.uow.writing() as tx:
        submission = tx.submissions.sent_by(submission_id, ctx.own)
        if submission.declared.by_token:
            raise errors.QuarantineGone(
                "What came by token has NHS numbers in it now, which its sender is not to have."
            )
        data_set = as_read(submission, ctx=ctx, table=table)
        key, content = submission.quarantine_key, submission.content
        if table is not None:
            key, content = key and quarantine_of(key, table), submission.tables.get(table)
        if key is None or content is None or submission.is_over(ctx.limits.keep_uploads, at=at):
            raise errors.QuarantineGone("No quarantined rows of this submission are stored.")
        tx.log(
            entry_for(
                ctx.principal,
                at=at,
                action="quarantined-rows-read",
                resource=f"submissions/{submission_id}",
                on_behalf_of=submission.provider,
            )
        )
    rows = ctx.haven.quarantined(key, content.header, data_set)
    try:
        # What cannot be opened is said now: once an answer has begun it can only be cut.
        first = next(rows)
    except (KeyDestroyed, ObjectDamaged):
        raise errors.QuarantineGone("The stored quarantined rows cannot be read.") from None
    log.info("quarantined_rows_read", submission_id=str(submission_id))
    return chain([first], rows)


def require_no_overlap(submission: Submission, editions: Sequence[Edition]) -> None:
    """Raise PeriodOverlaps where an edition has some of the same records, and is not replaced."""
    for edition in editions:
        if not edition.place.clashes_with(submission.place):
            continue
        if (edition.part is None) != (submission.part is None):
            has, comes = (
                ("was sent in bulk", "a file of the whole period")
                if edition.part is not None
                else ("is of the whole period", "a file in bulk")
            )
            raise errors.PeriodOverlaps(
                f"The edition of {edition.period} {has}, and {comes} would have its records again."
                " Send it as it was sent before, or have the haven's staff take that edition back.",
                period=str(edition.period),
            )
        raise errors.PeriodOverlaps(
            f"{submission.period} overlaps the edition of {edition.period}. Submit exactly"
            f" {edition.period}, or a period that does not overlap it.",
            period=str(edition.period),
        )


def _described(data_set: str, month: str, *, ctx: IntakeContext) -> DataSet:
    try:
        return ctx.catalogue.for_period(data_set, month)
    except UnknownDataSet:
        raise errors.DataSetUnknown("`data_set` is not in the catalogue. Check its name.") from None


def require_collected(data_set: DataSet, on: date, *, ctx: IntakeContext) -> None:
    """Ask agreements whether something is in force to collect it by (ruling 32).

    Raises:
        CollectionNotInForce: nothing is.
        Unavailable: agreements does not say.

    """
    if ctx.rights.may_collect(data_set.data_set, on):
        return
    raise errors.CollectionNotInForce(
        f"No direction or provision notice under which {data_set.data_set} is collected is in"
        f" force on {on.isoformat()}; ask the Body for the one in force.",
        data_set=data_set.data_set,
    )


def as_read(submission: Submission, *, ctx: IntakeContext, table: str | None = None) -> DataSet:
    """Return the data set as the file is read today: by the landing rules, as it is written.

    Of several tables each is read by itself.

    Raises:
        TableUnknown, TableNotNamed

    """
    published = ctx.catalogue.by_digest(submission.catalogue_digest)
    today = legal_day(ctx.clock.now())
    rules, taken_in = ctx.catalogue.intake_of(published, today, submission.protocol)
    if table is None and taken_in.by_table:
        raise errors.TableNotNamed(
            f"{submission.data_set} has the tables {', '.join(taken_in.by_table)}; name one.",
            tables=[*taken_in.by_table],
        )
    if table is None:
        return submission.dialect.of(taken_in)
    if table not in taken_in.by_table:
        there = ", ".join(taken_in.by_table) or "one alone, and is sent to `/content`"
        raise errors.TableUnknown(f"The tables of {submission.data_set} are {there}.")
    return table_as_read(submission, taken_in.by_table[table], rules)


def table_as_read(submission: Submission, table: DataSet, rules: LandingRules) -> DataSet:
    """Return one of several tables as its file is read."""
    return submission.dialect.of(rules.of_table(table).taken_in(table))


def _period(text: str, data_set: DataSet) -> Period:
    period = Period.parse(text)
    period.require_of(data_set)
    period.require_sent(data_set)
    return period


def _named(provider: str | None, *, ctx: IntakeContext) -> str:
    """Return whose records these are to be: one's own, unless another is named."""
    if provider is not None:
        return provider
    if ctx.principal.role is Role.DSCRO_OPERATOR:
        raise errors.ProviderNotOwn(
            "Name the provider of the records in `provider`.", field="provider"
        )
    return ctx.principal.organisation
