"""Supports under section 251 that are withdrawn or given otherwise, and what stops by it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.destruction.ledger import approval_of, approvals_of, ledger
from agreements.records.domain.parties.errors import SupportNotFound
from agreements.records.domain.parties.organisation import require_listed_within
from agreements.records.domain.parties.registration import Section251Approval
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.contracts import standing_codes
from agreements.records.use_cases.destruction.ledgers import files_of, grounds
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AGREEMENTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """For what a support is given."""

    purposes: tuple[str, ...]
    controllers: tuple[str, ...] | None
    """None: it is not limited to named ones."""
    conditions: tuple[str, ...]
    review_on: date | None

    def of(self, approval: Section251Approval, reason: str, at: datetime) -> Section251Approval:
        """Return the support as it is given so from today on.

        Raises:
            SupportWithdrawn

        """
        return approval.changed(
            purposes=self.purposes,
            controllers=self.controllers,
            conditions=self.conditions,
            review_on=self.review_on,
            reason=reason,
            today=legal_day(at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """An agreement that is in force, of which lines rely on the support."""

    reference: str
    stops: tuple[int, ...]
    """Lines that it does not cover any more."""
    begins: tuple[int, ...]
    """Lines that it covers then, and did not before."""
    files_due: int
    """Files that are held, and are to be destroyed then for want of support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportPreview:
    agreements: tuple[Affected, ...]
    not_as_sealed: tuple[str, ...]
    unreadable: tuple[UUID, ...]
    """Agreements of which it cannot be told."""


def withdraw(approval_id: UUID, reason: str, *, ctx: Context) -> Section251Approval:
    """Take a support away at once: one person is enough. Again it changes nothing.

    Raises:
        SupportNotFound

    """
    return _changed(
        approval_id,
        lambda one, at: one.withdraw(reason, today=legal_day(at)),
        "withdrawn",
        ctx,
    )


def change(
    approval_id: UUID, wanted: Conditions, reason: str, *, ctx: Context
) -> Section251Approval:
    """Record that a support is given otherwise from today on.

    Raises:
        SupportNotFound, SupportWithdrawn
        OrganisationUnknown: a controller is not in the loaded list on any of its days.

    """
    return _changed(
        approval_id, lambda one, at: wanted.of(one, reason, at), "conditions-changed", ctx
    )


def preview_withdrawal(approval_id: UUID, *, ctx: Context) -> SupportPreview:
    """Say what stops once it is withdrawn; nothing is written.

    Raises:
        SupportNotFound

    """
    return _preview(approval_id, lambda one, at: one.withdraw("", today=legal_day(at)), ctx)


def preview_change(approval_id: UUID, wanted: Conditions, *, ctx: Context) -> SupportPreview:
    """Say what stops, and what begins, once it is given otherwise; nothing is written.

    Raises:
        SupportNotFound, SupportWithdrawn, OrganisationUnknown

    """
    return _preview(approval_id, lambda one, at: wanted.of(one, "", at), ctx)


_Change = Callable[[Section251Approval, datetime], Section251Approval]


def _changed(approval_id: UUID, change_of: _Change, verb: str, ctx: Context) -> Section251Approval:
    with ctx.uow.writing() as tx:
        known = _one(tx, approval_id)
        changed = change_of(known, tx.at)
        if changed == known:
            return known
        _require_listed(tx, changed)
        [stored] = tx.section_251_approvals.save(
            changed,
            audit=ctx.entry(
                f"section-251-{verb}",
                f"section-251-approvals/{known.id}",
                at=tx.at,
                reference=known.reference,
            ),
        )
    log.info("section_251_changed", approval_id=str(approval_id), verb=verb)
    return stored


def _preview(approval_id: UUID, change_of: _Change, ctx: Context) -> SupportPreview:
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        known = _one(tx, approval_id)
        changed = change_of(known, at)
        _require_listed(tx, changed)
        relying, missing = _relying(tx, known.reference, at)
        found = [_affected(tx, one, known, changed, at, ctx) for one in relying]
    [unlike] = ctx.uow.not_as_sealed([known, *relying])
    return SupportPreview(
        agreements=tuple(one for one in found if one.stops or one.begins or one.files_due),
        not_as_sealed=tuple(unlike),
        unreadable=missing,
    )


def _one(tx: Transaction, approval_id: UUID) -> Section251Approval:
    found = tx.section_251_approvals.one(id=approval_id)
    if found is None:
        raise SupportNotFound(f"There is no support {approval_id} on record.")
    return found


def _require_listed(tx: Transaction, approval: Section251Approval) -> None:
    for code in approval.controllers or ():
        listed = tx.organisations.find(ods=code)
        require_listed_within(code, approval.valid_from, approval.valid_to, listed)


def _relying(
    tx: Transaction, reference: str, at: datetime
) -> tuple[list[Agreement], tuple[UUID, ...]]:
    """Return the agreements that rely on a support, and those that cannot be read."""
    relying: list[Agreement] = []
    missing: list[UUID] = []
    after: UUID | None = None
    while True:
        found = tx.agreements.page(Slice(after=after, rows=AGREEMENTS_AT_ONCE), scope=None)
        unread = unreadable.noted()
        passed = [*(one.id for one in found), *unread]
        if not passed:
            return relying, tuple(missing)
        relying += [one for one in found if reference in approvals_of(one, at)]
        missing += unread
        after = max(passed)


def _affected(
    tx: Transaction,
    agreement: Agreement,
    known: Section251Approval,
    changed: Section251Approval,
    at: datetime,
    ctx: Context,
) -> Affected:
    version, day = agreement.shown(at), legal_day(at)
    codes = [{one, *standing_codes(tx, one, day, ctx)} for one in version.controllers()]
    governs = agreement.governing(at) is not None and agreement.terminated_at is None

    def covered(by: Section251Approval) -> set[int]:
        return {
            line.number
            for line in version.lines
            if approval_of(version, line.key) == by.reference
            and by.covers(line.key.purpose, codes, day)
        }

    before, after = (covered(one) if governs else set() for one in (known, changed))
    held, rests = files_of(tx, agreement), grounds(tx, agreement, at, ctx)

    def due(by: Section251Approval) -> set[str]:
        using = replace(rests, approvals={**rests.approvals, by.reference: by})
        return {
            line.file.file_id for line in ledger(agreement, held, using, at) if line.due is not None
        }

    return Affected(
        reference=agreement.reference,
        stops=tuple(sorted(before - after)),
        begins=tuple(sorted(after - before)),
        files_due=len(due(changed) - due(known)),
    )
