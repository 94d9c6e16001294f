"""Signing: one document, or many as one act, each by its own hash (ruling 19)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.errors import NotAParty
from agreements.records.domain.issuing.errors import BatchRefused
from agreements.records.domain.task import Task, TaskKind
from agreements.records.domain.version import AgreementVersion, Signature
from agreements.records.use_cases.agreements import AgreementWithState, save, show
from agreements.records.use_cases.context import (
    Context,
    OnceKey,
    created_before,
    own,
    remember,
    scope,
)
from agreements.records.use_cases.ports import Scope, Transaction
from common.errors import AppError
from common.ids import digest_of, new_id
from common.security.principal import BODY
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSign:
    """A document by its agreement and hash."""

    reference: str
    document_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTogether:
    """What was signed as one act."""

    act: str
    """Over all that was signed, for whom and in which role: each audit entry names it."""
    signed: tuple[AgreementWithState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signatory:
    party: str
    for_body: bool
    role: str
    scope: Scope
    at: datetime


def sign(
    reference: str,
    *,
    party: str,
    document_hash: str,
    role: str,
    ctx: Context,
    once: OnceKey | None = None,
) -> AgreementWithState:
    """Sign a version's document for one's own organisation, or for the Body.

    Raises:
        AgreementNotFound, NotAParty, DocumentHashDiffers, AlreadySigned, VersionSuperseded,
        VersionLapsed, TransitionRefused

    """
    document = ToSign(reference=reference, document_hash=document_hash)
    with ctx.uow.writing() as tx:
        who = _signatory(tx, party, role, ctx)
        if created_before(tx, once, ctx) is not None:
            return _found(tx, document, who, ctx)
        remember(tx, once, reference, ctx)
        shown = _sign(tx, document, who, ctx)
    log.info("agreement_signed", reference=reference, party=party, state=shown.state.value)
    return shown


def sign_together(
    documents: Sequence[ToSign],
    *,
    party: str,
    role: str,
    ctx: Context,
    once: OnceKey | None = None,
) -> SignedTogether:
    """Sign many documents as one act: all of them, or none.

    Raises:
        NotAParty: the caller does not sign for that organisation.
        BatchRefused: names each document that cannot be signed, with its code.

    """
    act = digest_of(
        {
            "party": party,
            "name_of_role": role,
            "documents": [[one.reference, one.document_hash] for one in documents],
        }
    )
    signed: list[AgreementWithState] = []
    errors: list[dict[str, str]] = []
    with ctx.uow.writing() as tx:
        who = _signatory(tx, party, role, ctx)
        if created_before(tx, once, ctx) is not None:
            found = tuple(_found(tx, document, who, ctx) for document in documents)
            return SignedTogether(act=act, signed=found)
        remember(tx, once, act, ctx)
        for document in documents:
            try:
                signed.append(_sign(tx, document, who, ctx, act=act))
            except AppError as error:
                errors.append(
                    {
                        "reference": document.reference,
                        "document_hash": document.document_hash,
                        "code": error.code,
                        "detail": error.detail,
                    }
                )
        if errors:
            raise BatchRefused(
                f"{len(errors)} of {len(documents)} cannot be signed, so none was. Take them out,"
                " or put them right, and sign again.",
                errors=[{**one} for one in errors],
            )
    log.info("agreements_signed_together", act=act, party=party, documents=len(signed))
    return SignedTogether(act=act, signed=tuple(signed))


def _signatory(tx: Transaction, party: str, role: str, ctx: Context) -> _Signatory:
    for_body = party == BODY and ctx.principal.role is Role.DARS_APPROVER
    if not for_body and party not in own(tx, ctx):
        raise NotAParty(f"You do not sign for {party}.")
    return _Signatory(party=party, for_body=for_body, role=role, scope=scope(tx, ctx), at=tx.at)


def _sign(
    tx: Transaction, document: ToSign, who: _Signatory, ctx: Context, **detail: str
) -> AgreementWithState:
    agreement = tx.agreements.get(document.reference, scope=who.scope)
    signed = agreement.sign(
        Signature(
            id=new_id(),
            party=who.party,
            for_body=who.for_body,
            document_hash=document.document_hash,
            name_of_role=who.role,
            signed_at=who.at,
        )
    )
    entry = ctx.entry(
        "agreement-signed",
        f"agreements/{document.reference}",
        at=who.at,
        party=who.party,
        document_hash=document.document_hash,
        **detail,
    )
    signed = save(tx, signed, entry, ctx)
    _finish_tasks(tx, signed, who.at, ctx)
    return show(tx, signed, who.at, ctx)


def _found(tx: Transaction, document: ToSign, who: _Signatory, ctx: Context) -> AgreementWithState:
    """Show what was signed before, to whoever sends the same act with the same key again."""
    return show(tx, tx.agreements.get(document.reference, scope=who.scope), who.at, ctx)


def _finish_tasks(tx: Transaction, agreement: Agreement, at: datetime, ctx: Context) -> None:
    """Mark tasks as done where an amendment no longer names the processor (L05)."""
    governing = agreement.governing(at)
    if governing is None:
        return
    done = [
        replace(task, done_at=at)
        for task in tx.tasks.find(agreement_id=agreement.id)
        if task.done_at is None and _is_done(task, governing)
    ]
    if done:
        entry = ctx.entry("amendment-task-done", f"agreements/{agreement.reference}", at=at)
        tx.tasks.save(*done, audit=entry)


def _is_done(task: Task, governing: AgreementVersion) -> bool:
    if task.kind is TaskKind.AMEND_PROCESSORS:
        return task.subject not in governing.processors()
    begin = governing.effective_from()
    return begin is not None and begin > task.raised_at
