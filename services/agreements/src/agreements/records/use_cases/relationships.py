"""Commissioning relationships: asked for, verified, agreed, active, published, ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.errors import NotAParty
from agreements.records.domain.parties import organisation
from agreements.records.domain.parties.organisation import predecessors
from agreements.records.domain.parties.relationship import (
    ChangeKind,
    Relationship,
    Step,
    leaving_supporters,
    require_dscro,
)
from agreements.records.domain.parties.relationship_life import RelationshipState
from agreements.records.domain.task import Task, TaskKind
from agreements.records.use_cases.context import (
    KNOWS_ALL,
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    own,
    remember,
    scope,
)
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.oversight.staff import require_cleared
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day
from common.ids import new_id, new_reference

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipWithState:
    relationship: Relationship
    state: RelationshipState


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipRequest:
    """What somebody asks for."""

    change_kind: ChangeKind
    commissioner: str
    area_team: str | None
    dscro: str
    csu: str | None
    processors: tuple[str, ...]
    service: str
    valid_from: date
    valid_to: date | None
    service_contract_reference: str | None
    contract_signed_on: date | None
    changes: UUID | None = None
    """The relationship that it takes the place of."""


def request(
    asked: RelationshipRequest, *, once: OnceKey | None, ctx: Context
) -> RelationshipWithState:
    """Ask for a relationship. Nothing of it is in operation yet.

    Raises:
        DscroUnknown, OrganisationUnknown: one of those named is not known.
        ServiceContractMissing: there is no signed service contract (L01), or none with the new CSU.
        RelationshipOverlaps: another DSCRO serves the commissioner in that time (L04).
        RelationshipNotFound, ChangeNotOfItsKind: it does not change the one that it names as its
            kind says.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        if (known := created_before(tx, once, ctx)) is not None:
            return _show(tx, tx.relationships.get(UUID(known), scope=None), at)
        relationship = _asked_for(tx, asked, at, ctx)
        relationship.require_service_contract(at)
        _changed(tx, relationship, ctx)
        others = tx.relationships.find(commissioner=relationship.commissioner)
        relationship.require_no_overlap(others)
        relationship.require_contract_of_change(others)
        remember(tx, once, str(relationship.id), ctx)
        stored = _save(tx, relationship.announce(at), "relationship-requested", at, ctx)
        shown = _show(tx, stored, at)
    log.info("relationship_requested", relationship_id=str(stored.id))
    return shown


def _changed(tx: Transaction, relationship: Relationship, ctx: Context) -> Relationship | None:
    """Return the relationship whose place it takes, which it changes as its kind says."""
    if relationship.changes is None:
        return None
    former = tx.relationships.get(relationship.changes, scope=scope(tx, ctx))
    before = predecessors(relationship.commissioner, relationship.valid_from, tx.instruments.all())
    relationship.require_kind(former, succeeds=former.commissioner in before)
    return former


def _asked_for(
    tx: Transaction, asked: RelationshipRequest, at: datetime, ctx: Context
) -> Relationship:
    require_dscro(asked.dscro)
    day = max(asked.valid_from, legal_day(at))

    def named(code: str) -> str:
        return codes.own(tx, code, day, ctx.reference)

    asked = replace(
        asked,
        commissioner=named(asked.commissioner),
        area_team=named(asked.area_team) if asked.area_team else asked.area_team,
        csu=named(asked.csu) if asked.csu else asked.csu,
        processors=tuple(dict.fromkeys(named(code) for code in asked.processors)),
    )
    others = [code for code in (asked.csu, asked.area_team) if code]
    involved = [asked.commissioner, *others, *asked.processors]
    require_known(tx, involved, day)
    require_known(tx, involved, asked.valid_from)
    commissioner = organisation.on(day, tx.organisations.find(ods=asked.commissioner))
    relationship = Relationship(
        id=new_id(),
        reference=new_reference("LCR"),
        change_kind=asked.change_kind,
        commissioner=asked.commissioner,
        commissioner_type=commissioner.kind.value if commissioner else "",
        area_team=asked.area_team,
        dscro=asked.dscro,
        csu=asked.csu,
        processors=asked.processors,
        service=asked.service,
        valid_from=asked.valid_from,
        valid_to=asked.valid_to,
        service_contract_reference=asked.service_contract_reference,
        contract_signed_on=asked.contract_signed_on,
        state=Step.REQUESTED,
        requested_at=at,
        requested_by_organisation=ctx.principal.organisation,
        changes=asked.changes,
    )
    if ctx.principal.role not in KNOWS_ALL and not own(tx, ctx) & set(relationship.parties()):
        raise NotAParty("Only an organisation that is involved asks for a relationship.")
    return relationship


def verify_contract(
    relationship_id: UUID, *, reference: str | None, signed_on: date | None, ctx: Context
) -> RelationshipWithState:
    """Record that the signed service contract was seen."""
    return _change(
        relationship_id,
        lambda r, at: r.verify_contract(reference=reference, signed_on=signed_on, at=at),
        "relationship-contract-verified",
        ctx,
    )


def agree(relationship_id: UUID, *, ctx: Context) -> RelationshipWithState:
    """Record that the DSCRO agrees, by somebody whose policies and training are in date.

    Raises:
        StaffNotCleared

    """
    require_cleared(ctx)
    return _change(relationship_id, lambda r, at: r.agree(at=at), "relationship-agreed", ctx)


def refuse(relationship_id: UUID, *, ctx: Context) -> RelationshipWithState:
    return _change(relationship_id, lambda r, at: r.refuse(at=at), "relationship-refused", ctx)


def withdraw(relationship_id: UUID, *, ctx: Context) -> RelationshipWithState:
    return _change(relationship_id, lambda r, at: r.withdraw(at=at), "relationship-withdrawn", ctx)


def activate(relationship_id: UUID, *, ctx: Context) -> RelationshipWithState:
    """Put a relationship in operation, and say which agreements it makes out of date.

    The one that it changes ends the day before it begins, by the same act: no day has two, and
    none is without.
    """
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.relationships.get(relationship_id, scope=scope(tx, ctx))
        others = tx.relationships.find(commissioner=former.commissioner)
        active = former.activate(others=others, at=at)
        if active is not former:
            changed = _changed(tx, active, ctx)
            active = _save(tx, active, "relationship-activated", at, ctx)
            if changed is not None:
                _save(tx, changed.give_way(active, at=at), "relationship-ended", at, ctx)
            raise_tasks(tx, active.commissioner, at, ctx)
        return _show(tx, active, at)


def end(relationship_id: UUID, last_day: date | None, *, ctx: Context) -> RelationshipWithState:
    """End a relationship after `last_day`, by default today: releases stop from then."""
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.relationships.get(relationship_id, scope=scope(tx, ctx))
        if ctx.principal.role not in KNOWS_ALL and former.commissioner not in own(tx, ctx):
            raise NotAParty("The commissioner ends its relationship, or the Body does.")
        ended = former.end(last_day=last_day or legal_day(at), at=at)
        if ended is not former:
            ended = _save(tx, ended, "relationship-ended", at, ctx)
            raise_tasks(tx, ended.commissioner, at, ctx)
        shown = _show(tx, ended, at)
    log.info("relationship_ended", relationship_id=str(relationship_id))
    return shown


def consent(
    relationship_id: UUID, *, party: str, given: bool, ctx: Context
) -> RelationshipWithState:
    """Give or withdraw one's own organisation's consent to publication."""
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.relationships.get(relationship_id, scope=scope(tx, ctx))
        if party not in own(tx, ctx):
            raise NotAParty(f"You do not consent for {party}.")
        changed = former.consent(consent_id=new_id(), organisation=party, given=given, at=at)
        if changed is not former:
            action = "relationship-consent-given" if given else "relationship-consent-withdrawn"
            changed = _save(tx, changed, action, at, ctx)
        return _show(tx, changed, at)


def get(relationship_id: UUID, *, ctx: Context) -> Compared[RelationshipWithState]:
    with ctx.uow.reading() as tx:
        found = tx.relationships.get(relationship_id, scope=scope(tx, ctx))
        shown = unreadable.read(found, lambda one: _show(tx, one, ctx.clock.now()))
    return _compared([shown], ctx)[0]


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[RelationshipWithState]]:
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        found = tx.relationships.page(part, scope=scope(tx, ctx))
        shown = unreadable.each(found, lambda one: _show(tx, one, at), key=lambda one: one.id)
    return _compared(shown, ctx)


def _compared(
    shown: Sequence[RelationshipWithState], ctx: Context
) -> Sequence[Compared[RelationshipWithState]]:
    return compared(shown, by=lambda one: [one.relationship], ctx=ctx)


def raise_tasks(tx: Transaction, commissioner: str, at: datetime, ctx: Context) -> None:
    """Ask for an amendment where a processor no longer supports the commissioner (L05)."""
    for ods in leaving_supporters(commissioner, tx.relationships.find(commissioner=commissioner)):
        for agreement in tx.agreements.with_processor(ods):
            if _concerns(agreement, commissioner, at) and not tx.tasks.find(
                agreement_id=agreement.id, kind=TaskKind.AMEND_PROCESSORS, subject=ods
            ):
                tx.tasks.save(
                    Task(
                        id=new_id(),
                        agreement_id=agreement.id,
                        kind=TaskKind.AMEND_PROCESSORS,
                        subject=ods,
                        raised_at=at,
                    ),
                    audit=ctx.entry(
                        "amendment-task-raised",
                        f"agreements/{agreement.reference}",
                        at=at,
                        processor=ods,
                    ),
                )


def _concerns(agreement: Agreement, commissioner: str, at: datetime) -> bool:
    """Check whether the agreement is about the commissioner's people, or has it as a controller."""
    version = agreement.shown(at)
    return commissioner in version.controllers() or any(
        commissioner in line.commissioners() for line in version.lines
    )


def _change(
    relationship_id: UUID,
    change: Callable[[Relationship, datetime], Relationship],
    action: str,
    ctx: Context,
) -> RelationshipWithState:
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.relationships.get(relationship_id, scope=scope(tx, ctx))
        changed = change(former, at)
        if changed != former:
            changed = _save(tx, changed, action, at, ctx)
        shown = _show(tx, changed, at)
    log.info(action.replace("-", "_"), relationship_id=str(relationship_id))
    return shown


def _save(
    tx: Transaction, relationship: Relationship, action: str, at: datetime, ctx: Context
) -> Relationship:
    return tx.relationships.save(
        relationship, audit=ctx.entry(action, f"relationships/{relationship.id}", at=at)
    )


def _show(tx: Transaction, relationship: Relationship, at: datetime) -> RelationshipWithState:
    latest = tx.editions.latest()
    published = latest is not None and latest.names(relationship.reference)
    return RelationshipWithState(
        relationship=relationship, state=relationship.state_at(at, published=published)
    )
