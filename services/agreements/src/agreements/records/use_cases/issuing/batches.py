"""Batches of agreements: handed in by one person, drafted when a second one confirms them."""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from pydantic import JsonValue

from agreements.records.domain.drafting import first_version, next_version
from agreements.records.domain.issuing.batch import (
    AgreementBatch,
    BatchKind,
    BatchState,
    PlannedAgreement,
    signed_on_paper,
)
from agreements.records.domain.issuing.errors import (
    AgreementBatchNotFound,
    AgreementKnown,
    BatchRefused,
)
from agreements.records.domain.lists.layouts import bulk_issue
from agreements.records.use_cases.agreements import save
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    remember,
    require_as_sealed,
)
from agreements.records.use_cases.drafting import require_true, use_files
from agreements.records.use_cases.issuing import planning, templates
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.errors import AppError
from common.ids import canonical, digest, digest_of, new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def issue_from_template(
    name: str,
    number: int,
    content: bytes,
    *,
    is_dry_run: bool,
    once: OnceKey | None,
    ctx: Context,
) -> AgreementBatch:
    """Hand in a spreadsheet of those to whom agreements are issued from a template.

    Nothing is drafted before a second person confirms it; of a dry run nothing is kept.

    Raises:
        TemplateNotFound, TemplateReplaced, UnlikeSeal
        ImportRefused: it names every row that cannot be issued.

    """
    template = templates.newest(name, number, ctx=ctx)
    read = bulk_issue.read(content)

    def planned(tx: Transaction) -> tuple[PlannedAgreement, ...]:
        return planning.from_template(tx, template, read, ctx)

    source, kind = f"{name} {number}", BatchKind.FROM_TEMPLATE
    return _hand_in(
        kind, source, digest(content), planned, is_dry_run=is_dry_run, once=once, ctx=ctx
    )


def import_in_force(
    handed_in: Sequence[planning.InForce],
    *,
    is_dry_run: bool,
    once: OnceKey | None,
    ctx: Context,
) -> AgreementBatch:
    """Hand in agreements that are in force already, with what was signed elsewhere.

    Raises:
        ImportRefused: it names every agreement that cannot be taken.

    """
    sent = digest_of([one.signed_document for one in handed_in])

    def planned(tx: Transaction) -> tuple[PlannedAgreement, ...]:
        return planning.in_force(tx, handed_in)

    return _hand_in(
        BatchKind.IN_FORCE, "", sent, planned, is_dry_run=is_dry_run, once=once, ctx=ctx
    )


def _hand_in(
    kind: BatchKind,
    source: str,
    sent: str,
    planned: Callable[[Transaction], tuple[PlannedAgreement, ...]],
    *,
    is_dry_run: bool,
    once: OnceKey | None,
    ctx: Context,
) -> AgreementBatch:
    with ctx.uow.writing() as tx:
        if (known := created_before(tx, once, ctx)) is not None:
            return _get(tx, UUID(known))
        batch = AgreementBatch(
            id=new_id(),
            kind=kind,
            source=source,
            digest=sent,
            planned=planned(tx),
            state=BatchState.WAITING,
            proposed_by=ctx.principal.subject,
            proposed_at=tx.at,
        )
        if is_dry_run:
            return batch
        remember(tx, once, str(batch.id), ctx)
        [stored] = tx.batches.save(
            batch,
            audit=ctx.entry(
                "agreement-batch-handed-in",
                f"agreement-batches/{batch.id}",
                at=tx.at,
                kind=kind.value,
                source=source,
                digest=sent,
                agreements=str(len(batch.planned)),
                snapshots=digest(canonical([one.snapshot_hash for one in batch.planned])),
            ),
        )
    log.info("agreement_batch_handed_in", batch_id=str(stored.id), agreements=len(stored.planned))
    return stored


def confirm(batch_id: UUID, reason: str, *, ctx: Context) -> AgreementBatch:
    """Draft all of a batch, as the second person: all of it, or nothing.

    Raises:
        AgreementBatchNotFound, SecondPersonNeeded, ReplacementDecided
        UnlikeSeal: what was shown may have been written past the service.
        BatchRefused: meanwhile one cannot be drafted any more; names each with its code.

    """
    with ctx.uow.reading() as tx:
        shown = _get(tx, batch_id)
    require_as_sealed("What is recorded of the batch is", shown, ctx=ctx)
    with ctx.uow.writing() as tx:
        batch = _get(tx, batch_id)
        decided = batch.confirm(by=ctx.principal.subject, reason=reason, at=tx.at)
        errors: list[JsonValue] = []
        for plan in batch.planned:
            try:
                _draft(tx, plan, batch, ctx)
            except AppError as error:
                errors.append(
                    {"reference": plan.reference, "code": error.code, "detail": error.detail}
                )
        if errors:
            raise BatchRefused(
                f"{len(errors)} of {len(batch.planned)} cannot be drafted any more, so none was."
                " Withdraw the batch and hand it in anew.",
                errors=errors,
            )
        stored = _save_decision(tx, decided, ctx)
    log.info("agreement_batch_confirmed", batch_id=str(batch_id), agreements=len(stored.planned))
    return stored


def _draft(tx: Transaction, plan: PlannedAgreement, batch: AgreementBatch, ctx: Context) -> None:
    read = planning.read_back(plan)
    require_true(tx, read, legal_day(tx.at))
    known = tx.agreements.find(plan.reference)
    if known is None:
        agreement = first_version(read, new_id=new_id)
    elif batch.kind is BatchKind.IN_FORCE or plan.kind == "new":
        raise AgreementKnown(f"{plan.reference} is here already.")
    else:
        agreement = known.add_version(next_version(read, new_id=new_id))
    if plan.signatures:
        agreement = signed_on_paper(agreement, agreement.versions[-1], plan.signatures)
    use_files(tx, read, ctx)
    entry = ctx.entry(
        "agreement-imported" if plan.signatures else "agreement-drafted",
        f"agreements/{plan.reference}",
        at=tx.at,
        version=plan.version,
        snapshot_hash=plan.snapshot_hash,
        batch=str(batch.id),
        **({} if plan.signed_document is None else {"signed_document": plan.signed_document}),
    )
    save(tx, agreement, entry, ctx)


def withdraw(batch_id: UUID, reason: str, *, ctx: Context) -> AgreementBatch:
    """Give up a batch that waits.

    Raises:
        AgreementBatchNotFound, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        batch = _get(tx, batch_id)
        decided = batch.withdraw(by=ctx.principal.subject, reason=reason, at=tx.at)
        return _save_decision(tx, decided, ctx)


def _save_decision(tx: Transaction, decided: AgreementBatch, ctx: Context) -> AgreementBatch:
    entry = ctx.entry(
        f"agreement-batch-{decided.state}", f"agreement-batches/{decided.id}", at=tx.at
    )
    [stored] = tx.batches.save(decided, audit=entry)
    return stored


def page(
    part: Slice, state: BatchState | None, *, ctx: Context
) -> Sequence[Compared[AgreementBatch]]:
    wanted = {} if state is None else {"state": state}
    with ctx.uow.reading() as tx:
        found = tx.batches.page(part, **wanted)
    return compared(found, by=lambda one: [one], ctx=ctx)


def get(batch_id: UUID, *, ctx: Context) -> Compared[AgreementBatch]:
    with ctx.uow.reading() as tx:
        found = _get(tx, batch_id)
    return compared([found], by=lambda one: [one], ctx=ctx)[0]


def _get(tx: Transaction, batch_id: UUID) -> AgreementBatch:
    found = tx.batches.one(id=batch_id)
    if found is None:
        raise AgreementBatchNotFound(f"There is no batch {batch_id}.")
    return found
