"""The release: asked for once more, then written down whole in one transaction, or not at all.

design.md section 10, S2: every released file has exactly one release decision, one
manifest, one audit leaf and one register line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from common import faults
from common.errors import AppError
from common.ids import new_id
from common.security.jws import unverified
from dissemination.domain import register
from dissemination.domain.agreement_status import (
    EDITION_UNSAFE,
    FILE_DESTROYED,
    FILE_VOID,
    Withdrawal,
)
from dissemination.domain.attestation import SignedAttestation
from dissemination.domain.errors import ExtractNotFound, ObjectDiffers
from dissemination.domain.extract import OPEN_TO_FETCH, Extract, PreparedFile, State
from dissemination.domain.release import LeafPosition, Release, ReleaseDecision, manifest
from dissemination.use_cases import agreement_statuses
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Released, Transaction
from statements.attestation import assumed_in_words
from statements.decision import RegisterTerms
from statements.tables import grains_in_words

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A file with all that its release needs."""

    file: PreparedFile
    attestation: SignedAttestation
    decision: ReleaseDecision
    terms: RegisterTerms
    """What the version that was judged says for the register."""


def release(extract: Extract, *, ctx: Context) -> Extract:
    """Release all files of a prepared extract.

    Raises:
        Refused: agreements says no to one of them; then none is released.
        AttestationMalformed, ObjectMissing, ObjectDiffers: it is not what was attested.
        EditedMeanwhile: it was withdrawn or moved meanwhile; nothing is released.
        Unavailable: something could not be asked; nothing is released yet.

    """
    # What takes long comes before the decisions, so that these are new when they are used.
    attestations = [_checked(extract, file, ctx) for file in extract.files]
    decided = [
        _decided(extract, file, attestation, ctx)
        for file, attestation in zip(extract.files, attestations, strict=True)
    ]
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        judging = sorted(name for name, _ in extract.request.lines)
        standings = [tx.agreement_statuses.get(name, locked=True) for name in judging]
        over = [s.withdrawal for s in standings if s is not None and s.withdrawal is not None]
        # First, since it fails where another has released or withdrawn it meanwhile.
        stored = tx.extracts.save(
            extract.release(at=at),
            audit=ctx.audited_of(
                extract, "extract-released", files=[str(file.id) for file in extract.files]
            ),
        )
        written = [_write(tx, extract, one, at, ctx) for one in decided]
        # A manifest names the leaf of its release, so that another one has to tell of it.
        tx.releases.log(
            written,
            audit=ctx.audited_of(
                extract, "manifests-signed", files=[str(one.file.id) for one in written]
            ),
        )
        edition_ids = [id_ for one in decided for id_ in one.attestation.edition_ids]
        for replaced in tx.editions.replacements(edition_ids):
            # Replaced while it was being prepared: released, and marked at once.
            stored = _supersede(tx, stored, replaced.edition_id, replaced.by, at, ctx)
        if (void := tx.voids.of([file.id for file in extract.files])) is not None:
            # What it was made with was taken back since it was decided: withdrawn at once.
            stored = agreement_statuses.end(stored, void, ctx=ctx, tx=tx)
        elif over:
            # Over since it was decided: released, and withdrawn at once.
            stored = agreement_statuses.end(stored, over[0], ctx=ctx, tx=tx)
    faults.reach("K7")
    log.info("extract_released", extract_id=str(extract.id), files=len(extract.files))
    _checkpoint(ctx)
    return stored


def under(agreement: str, *, after: UUID | None, limit: int, ctx: Context) -> Sequence[Released]:
    """Say which files were released under an agreement, whoever holds them."""
    with ctx.uow.reading() as tx:
        return tx.releases.under(agreement, after=after, limit=limit)


def supersede(edition_id: str, *, by: str, ctx: Context, tx: Transaction) -> Sequence[UUID]:
    """Mark what was released from an edition that is replaced; the files stay as they are."""
    at = ctx.clock.now()
    tx.editions.supersede(edition_id, by=by, at=at)
    read_it = [e for e in tx.extracts.released_from(edition_id) if e.state in OPEN_TO_FETCH]
    marked = [extract.id for extract in read_it if extract.state is State.RELEASED]
    for extract in read_it:
        _supersede(tx, extract, edition_id, by, at, ctx)
    return marked


def make_void(
    file_id: UUID, extract_id: UUID, *, at: datetime, ctx: Context, tx: Transaction
) -> Extract | None:
    """Withdraw what was released and is void; what is not released yet is marked at its release."""
    void = Withdrawal(agreement_state=None, since=at, code=FILE_VOID)
    tx.voids.put(file_id, void)
    try:
        extract = tx.extracts.get(extract_id, locked=True)
    except ExtractNotFound:
        return None
    return (
        agreement_statuses.end(extract, void, ctx=ctx, tx=tx)
        if extract.state in OPEN_TO_FETCH
        else None
    )


def mark_destroyed(
    file_id: UUID, extract_id: UUID, *, agreement: str, at: datetime, ctx: Context, tx: Transaction
) -> None:
    """Mark a file as destroyed: nothing of it is ever given again, whatever becomes of the rest."""
    tx.destroyed.put(
        file_id,
        at=at,
        agreement=agreement,
        audit=ctx.audited(
            "file-destroyed",
            f"files/{file_id}",
            agreement=agreement,
            on_behalf_of=None,  # agreements said it
            extract_id=str(extract_id),
        ),
    )
    try:
        extract = tx.extracts.get(extract_id, locked=True)
    except ExtractNotFound:
        return
    if extract.state in OPEN_TO_FETCH:
        gone = Withdrawal(agreement_state=None, since=at, code=FILE_DESTROYED)
        agreement_statuses.end(extract, gone, ctx=ctx, tx=tx)


def mark_unsafe(edition_id: str, *, at: datetime, ctx: Context, tx: Transaction) -> Sequence[UUID]:
    """Withdraw what was released from an edition that is not given any more."""
    unsafe = Withdrawal(agreement_state=None, since=at, code=EDITION_UNSAFE)
    return [
        agreement_statuses.end(extract, unsafe, ctx=ctx, tx=tx).id
        for extract in tx.extracts.released_from(edition_id)
        if extract.state in OPEN_TO_FETCH
    ]


def _checked(extract: Extract, file: PreparedFile, ctx: Context) -> SignedAttestation:
    """The attestation is about this file, and the store has the object that it is about."""
    attestation = SignedAttestation.read(file.attestation, unverified(file.attestation))
    attestation.require_about(file, extract_id=extract.id, permit_id=extract.permit.id)
    if ctx.store.digest(file.object_key) != (file.bytes, file.digest):
        raise ObjectDiffers("The object has another size or digest than the attestation says.")
    return attestation


def _decided(
    extract: Extract, file: PreparedFile, attestation: SignedAttestation, ctx: Context
) -> _Decided:
    decision, terms = ctx.agreements.release(
        file_id=file.id, attestation=file.attestation, extract_id=extract.id
    )
    faults.reach("K6")
    return _Decided(file=file, attestation=attestation, decision=decision, terms=terms)


def _write(tx: Transaction, extract: Extract, one: _Decided, at: datetime, ctx: Context) -> Release:
    """Write manifest, leaf and register line, all by the version that was judged."""
    file, decision = one.file, one.decision

    def seal(leaf: LeafPosition) -> Release:
        """Sign the manifest over the leaf's place in the log, which is known only now."""
        statement = manifest(
            extract,
            file,
            one.attestation,
            decision=one.decision,
            leaf=leaf,
            at=at,
        )
        return Release(
            file=file,
            extract_id=extract.id,
            agreement=extract.request.agreement,
            organisation=extract.requester.organisation,
            decision=one.decision,
            leaf=leaf,
            manifest=ctx.sealing.sign(statement, at=at),
            attestation_digest=one.attestation.digest,
            released_at=at,
        )

    said = one.attestation.said
    line = register.entry(
        one.terms,
        reference=decision.agreement.reference,
        line_id=new_id(),
        file_id=file.id,
        filters=said.filters,
        assumed=assumed_in_words(said.columns, said.assumed),
        changes="" if said.changes is None else said.changes.since,
        counted="" if said.table is None else grains_in_words(said.table),
        bridged="" if said.bridge is None else register.bridged_in_words(said.bridge),
        at=at,
    )
    return tx.releases.add(
        extract=extract,
        line=line,
        edition_ids=one.attestation.edition_ids,
        audit=ctx.audited(
            "file-released",
            f"files/{file.id}",
            agreement=extract.request.agreement,
            on_behalf_of=ctx.in_whose_name(extract),
            decision_id=str(one.decision.decision_id),
            extract_id=str(extract.id),
            line=one.terms.line.number,
            version=decision.agreement.version,
            bytes=file.bytes,
            digest=file.digest,
            rows=file.rows,
            attestation=one.attestation.digest,
            holding_id=one.decision.holding_id,
            recipient=extract.requester.organisation,
            register_line=line.digest,
        ),
        seal=seal,
    )


def _supersede(
    tx: Transaction, extract: Extract, edition_id: str, by: str, at: datetime, ctx: Context
) -> Extract:
    if extract.knows_replaced(edition_id):
        return extract
    is_first = extract.state is State.RELEASED
    change = extract.supersede if is_first else extract.note_replaced
    entry = ctx.audited_of(extract, "extract-superseded", edition_id=edition_id, superseded_by=by)
    return tx.extracts.save(change(edition_id, by=by, at=at), audit=entry)


def _checkpoint(ctx: Context) -> None:
    """At every release (S4). The release is committed: a full disk must not undo it."""
    try:
        ctx.sealing.checkpoint()
    except (AppError, OSError):
        log.exception("checkpoint_failed")
