"""What waits for whom: signatures, consents, second persons, certificates (docs/adr/0139).

Nothing is kept of it: it is read out of the facts, so that what was done waits no more at once, and
what was never asked cannot be forgotten.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Protocol
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.breach import BreachState
from agreements.records.domain.contract import ContractState
from agreements.records.domain.destruction.certificate import (
    PEOPLE_TO_ACCEPT,
    Destruction,
    DestructionState,
)
from agreements.records.domain.destruction.ledger import may_be_due
from agreements.records.domain.issuing.batch import BatchState
from agreements.records.domain.parties.domain_transfer import DomainTransfer, DomainTransferState
from agreements.records.domain.parties.relationship import Relationship, Step
from agreements.records.domain.parties.submission_right import RightState
from agreements.records.use_cases.context import Compared, Context, compared_by, own, scope
from agreements.records.use_cases.destruction.ledgers import destruction_of, grounds_of
from agreements.records.use_cases.ports import Scope, Slice, Transaction
from common import unreadable
from common.clock import legal_day
from common.replacement import is_same_person
from common.security.principal import BODY
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()

READ_AT_ONCE = 200


class Duty(StrEnum):
    """What somebody is to do."""

    SIGN_AGREEMENT = "sign_agreement"
    SIGN_CONTRACT = "sign_contract"
    CONSENT_TO_PUBLICATION = "consent_to_publication"
    VERIFY_SERVICE_CONTRACT = "verify_service_contract"
    AGREE_TO_RELATIONSHIP = "agree_to_relationship"
    ACTIVATE_RELATIONSHIP = "activate_relationship"
    CONFIRM_IMPORT = "confirm_import"
    CONFIRM_AGREEMENTS = "confirm_agreements"
    CONFIRM_SUBMISSION_RIGHTS = "confirm_submission_rights"
    LIFT_HOLD = "lift_hold"
    JUDGE_BREACH = "judge_breach"
    AMEND_AGREEMENT = "amend_agreement"
    CERTIFY_DESTRUCTION = "certify_destruction"
    ACCEPT_DESTRUCTION = "accept_destruction"
    AGREE_TO_DOMAIN_TRANSFER = "agree_to_domain_transfer"
    PUT_DOMAIN_TRANSFER_INTO_EFFECT = "put_domain_transfer_into_effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that waits."""

    duty: Duty
    reference: str
    """Of what it is about: an agreement, a contract, a relationship, an id."""
    path: str
    """Where it is shown."""
    said: str
    since: datetime | None = None
    by: date | None = None
    """The last day, where there is one."""
    facts: tuple[object, ...] = ()
    """What is read, to be held against its seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    at: datetime
    items: tuple[Compared[Waiting], ...]
    counts: Mapping[Duty, int]
    """Of all that waits, also of what is not among the items."""
    incomplete: tuple[Duty, ...] = ()
    """Of which something cannot be read: what waits of them is not told."""


class DutySource(Protocol):
    def __call__(self, desk: "_Desk") -> Iterator[Waiting]: ...


@dataclass(frozen=True)
class _Desk:
    """Whose inbox it is, and what several duties are read out of, read once."""

    tx: Transaction
    ctx: Context
    at: datetime
    own: frozenset[str]
    scope: Scope

    @property
    def today(self) -> date:
        return legal_day(self.at)

    @cached_property
    def relationships(self) -> Sequence[Relationship]:
        return self.tx.relationships.find()

    @cached_property
    def _destructions(self) -> dict[UUID, Destruction]:
        return {}

    def destruction(self, agreement: Agreement) -> Destruction:
        found = self._destructions.get(agreement.id)
        if found is None:
            found = destruction_of(self.tx, agreement, self.at, self.ctx)
            self._destructions[agreement.id] = found
        return found

    @property
    def signs_for_body(self) -> bool:
        return self.ctx.principal.role is Role.DARS_APPROVER

    def is_other_than(self, subject: str) -> bool:
        """Check whether the caller may be the second person after this one."""
        return not is_same_person(self.ctx.principal.subject, subject)


def get(duties: Collection[Duty], most: int, *, ctx: Context) -> Inbox:
    """Return what waits for the caller of these duties, what is due soonest first."""
    at = ctx.clock.now()
    found: list[Waiting] = []
    incomplete: list[Duty] = []
    with ctx.uow.reading() as tx:
        desk = _Desk(tx, ctx, at, own(tx, ctx), scope(tx, ctx))
        for duty in Duty:
            if duty in duties:
                try:
                    found += list(SOURCES[duty](desk))
                except unreadable.UNREADABLE as error:
                    log.critical("inbox_incomplete", duty=duty.value, kind=type(error).__name__)
                    incomplete.append(duty)
        found.sort(key=lambda one: (one.by or date.max, one.since or at, one.reference))
        items = compared_by(tx, found[:most], by=lambda one: one.facts)
    return Inbox(
        at=at,
        items=tuple(items),
        counts={duty: sum(one.duty is duty for one in found) for duty in Duty if duty in duties},
        incomplete=tuple(incomplete),
    )


# Signatures


def _agreements_to_sign(desk: _Desk) -> Iterator[Waiting]:
    wanted = None if desk.signs_for_body else desk.own
    for agreement in desk.tx.agreements.lacking_signatures(desk.today, parties=wanted):
        for version in agreement.versions:
            missing = set(version.missing_signatures())
            ours = missing & ({BODY} if desk.signs_for_body else desk.own)
            if not ours or not agreement.is_signable(version, desk.at):
                continue
            others = len(missing - ours)
            yield Waiting(
                duty=Duty.SIGN_AGREEMENT,
                reference=agreement.reference,
                path=f"/v1/agreements/{agreement.reference}/document?version={version.number}",
                said=f"{agreement.reference} {version.number} waits for the signature of"
                f" {', '.join(sorted(ours))}; {_others(others)}.",
                by=version.valid_to,
                facts=(agreement,),
            )


def _others(number: int) -> str:
    return "nobody else's is missing" if not number else f"of others {number} are missing"


def _contracts_to_sign(desk: _Desk) -> Iterator[Waiting]:
    state = ContractState.SIGNED_BY_ORGANISATION if desk.signs_for_body else ContractState.ISSUED
    for contract in desk.tx.contracts.find(body_signed_at=None):
        is_ours = desk.signs_for_body or contract.organisation in desk.own
        if is_ours and contract.state_at(desk.at) is state:
            yield Waiting(
                duty=Duty.SIGN_CONTRACT,
                reference=contract.reference,
                path=f"/v1/contracts/{contract.reference}",
                said=f"{contract.reference} of {contract.organisation} waits for the signature of"
                f" {BODY if desk.signs_for_body else contract.organisation}.",
                since=contract.organisation_signed_at or contract.issued_at,
                facts=(contract,),
            )


# Relationships


def _consents(desk: _Desk) -> Iterator[Waiting]:
    for one in desk.relationships:
        missing = sorted(desk.own & set(one.consents_missing()))
        if missing and one.is_active(desk.at):
            yield Waiting(
                duty=Duty.CONSENT_TO_PUBLICATION,
                reference=one.reference,
                path=f"/v1/relationships/{one.id}",
                said=f"{one.reference} is in operation and is not published without the consent of"
                f" {', '.join(missing)}.",
                since=one.activated_at,
                facts=(one,),
            )


def _relationships_in(step: Step, duty: Duty, what: str) -> DutySource:
    def found(desk: _Desk) -> Iterator[Waiting]:
        for one in desk.relationships:
            if one.state is step:
                yield Waiting(
                    duty=duty,
                    reference=one.reference,
                    path=f"/v1/relationships/{one.id}",
                    said=f"{one.reference} of {one.commissioner} {what}.",
                    since=one.requested_at,
                    facts=(one,),
                )

    return found


# Second persons


def _imports(desk: _Desk) -> Iterator[Waiting]:
    for sent in desk.tx.imports.waiting():
        if desk.is_other_than(sent.standing.proposed_by):
            yield Waiting(
                duty=Duty.CONFIRM_IMPORT,
                reference=str(sent.id),
                path="/v1/imports?state=waiting",
                said=f"A list of {sent.kind} waits for a second person.",
                since=sent.standing.proposed_at,
                facts=(sent,),
            )


def _batches(desk: _Desk) -> Iterator[Waiting]:
    for batch in desk.tx.batches.find(state=BatchState.WAITING):
        if desk.is_other_than(batch.proposed_by):
            yield Waiting(
                duty=Duty.CONFIRM_AGREEMENTS,
                reference=str(batch.id),
                path=f"/v1/agreement-batches/{batch.id}",
                said=f"{len(batch.planned)} agreements ({batch.kind}) wait for a second person.",
                since=batch.proposed_at,
                facts=(batch,),
            )


def _rights(desk: _Desk) -> Iterator[Waiting]:
    seen: set[UUID] = set()
    for right in desk.tx.submission_rights.find(state=RightState.WAITING):
        if right.batch not in seen and desk.is_other_than(right.proposed_by):
            seen.add(right.batch)
            yield Waiting(
                duty=Duty.CONFIRM_SUBMISSION_RIGHTS,
                reference=str(right.batch),
                path="/v1/submission-rights/recorded?state=waiting",
                said=f"Rights of {right.submitter} to submit wait for a second person.",
                since=right.proposed_at,
                facts=(right,),
            )


def _holds(desk: _Desk) -> Iterator[Waiting]:
    for agreement in desk.tx.agreements.with_lifts_begun():
        for hold in agreement.holds:
            first = hold.lifts[0] if hold.lifts else None
            is_begun = first is not None and hold.lifted_at is None
            if first is not None and is_begun and desk.is_other_than(first.approved_by):
                yield Waiting(
                    duty=Duty.LIFT_HOLD,
                    reference=agreement.reference,
                    path=f"/v1/agreements/{agreement.reference}",
                    said=f"One person wants the hold {hold.id} of {agreement.reference} lifted.",
                    since=first.approved_at,
                    facts=(agreement,),
                )


# Breaches and amendments


def _breaches(desk: _Desk) -> Iterator[Waiting]:
    after: UUID | None = None
    while found := desk.tx.breaches.page(Slice(after=after, rows=READ_AT_ONCE), scope=None):
        for breach in found:
            if breach.state is not BreachState.CLOSED:
                lacks = "a finding" if breach.finding is None else "its end"
                yield Waiting(
                    duty=Duty.JUDGE_BREACH,
                    reference=breach.reference,
                    path=f"/v1/breaches/{breach.id}",
                    said=f"{breach.reference} about {breach.agreement} waits for {lacks}.",
                    since=breach.reported_at,
                    facts=(breach,),
                )
        after = found[-1].id


def _amendments(desk: _Desk) -> Iterator[Waiting]:
    for task in desk.tx.tasks.find(done_at=None):
        agreement = desk.tx.agreements.by_id(task.agreement_id)
        if agreement.is_party(desk.own) or desk.scope is None:
            yield Waiting(
                duty=Duty.AMEND_AGREEMENT,
                reference=agreement.reference,
                path=f"/v1/agreements/{agreement.reference}",
                said=f"{agreement.reference} needs an amendment: {task.kind}, {task.subject}.",
                since=task.raised_at,
                facts=(agreement,),
            )


# Destruction


def _certificates(desk: _Desk) -> Iterator[Waiting]:
    wanted = {DestructionState.DUE, DestructionState.OVERDUE, DestructionState.PARTLY_CERTIFIED}
    for agreement in _with_files_out(desk):
        shown = desk.destruction(agreement)
        if shown.state in wanted:
            dues = [line.due.by for line in shown.lines if line.due is not None]
            yield Waiting(
                duty=Duty.CERTIFY_DESTRUCTION,
                reference=agreement.reference,
                path=f"/v1/agreements/{agreement.reference}/destruction/certificate",
                said=f"Copies of {agreement.reference} must be destroyed and certified:"
                f" {len(shown.missing())} are not.",
                by=min(dues, default=None),
                facts=(agreement, shown),
            )


def _acceptances(desk: _Desk) -> Iterator[Waiting]:
    for agreement_id in sorted({c.agreement_id for c in desk.tx.certificates.find()}):
        agreement = desk.tx.agreements.by_id(agreement_id)
        shown = desk.destruction(agreement)
        if shown.state is not DestructionState.CERTIFIED:
            continue
        accepted = [a for a in shown.acceptances if a.covers == shown.covers]
        if all(desk.is_other_than(one.accepted_by) for one in accepted):
            yield Waiting(
                duty=Duty.ACCEPT_DESTRUCTION,
                reference=agreement.reference,
                path=f"/v1/agreements/{agreement.reference}/destruction",
                said=f"All copies of {agreement.reference} are certified;"
                f" {PEOPLE_TO_ACCEPT - len(accepted)} more must accept it.",
                since=max(one.handed_in_at for one in shown.certificates),
                facts=(agreement, shown),
            )


def _with_files_out(desk: _Desk) -> Iterator[Agreement]:
    """Return the caller's agreements of whose files one may have to go, or is certified."""
    references = desk.tx.holdings.agreements_with_files_out()
    for start in range(0, len(references), READ_AT_ONCE):
        some = desk.tx.agreements.named(references[start : start + READ_AT_ONCE])
        ours = [agreement for agreement in some if agreement.is_party(desk.own)]
        ids = [agreement.id for agreement in ours]
        certified = {c.agreement_id for c in desk.tx.certificates.among("agreement_id", ids)}
        rests_on = grounds_of(desk.tx, ours, desk.at, desk.ctx)
        for agreement in sorted(ours, key=lambda one: one.reference):
            is_certified = agreement.id in certified
            if is_certified or may_be_due(agreement, rests_on[agreement.id], desk.at):
                yield agreement


def _transfers_to_agree_to(desk: _Desk) -> Iterator[Waiting]:
    for one, agreement in _transfers(desk, DomainTransferState.PROPOSED):
        if ours := sorted(desk.own & set(one.waiting_for)):
            yield Waiting(
                duty=Duty.AGREE_TO_DOMAIN_TRANSFER,
                reference=agreement.reference,
                path=f"/v1/domain-transfers/{one.id}",
                said=f"The pseudonym domains of {agreement.reference} are to go on with another"
                f" processor: {', '.join(ours)} has not agreed.",
                since=one.proposed_at,
                facts=(one, agreement),
            )


def _transfers_to_effect(desk: _Desk) -> Iterator[Waiting]:
    for one, agreement in _transfers(desk, DomainTransferState.AGREED):
        if one.valid_from <= desk.today:
            yield Waiting(
                duty=Duty.PUT_DOMAIN_TRANSFER_INTO_EFFECT,
                reference=agreement.reference,
                path=f"/v1/domain-transfers/{one.id}",
                said=f"The day of the transfer of {agreement.reference}'s domains has come: put it"
                " into effect once the former environment holds nothing.",
                since=one.agreed_at,
                facts=(one, agreement),
            )


def _transfers(
    desk: _Desk, state: DomainTransferState
) -> Iterator[tuple[DomainTransfer, Agreement]]:
    for one in desk.tx.domain_transfers.find(effective_at=None, withdrawn_at=None):
        if one.state is state:
            yield one, desk.tx.agreements.by_id(one.agreement_id)


SOURCES: Mapping[Duty, DutySource] = {
    Duty.SIGN_AGREEMENT: _agreements_to_sign,
    Duty.SIGN_CONTRACT: _contracts_to_sign,
    Duty.CONSENT_TO_PUBLICATION: _consents,
    Duty.VERIFY_SERVICE_CONTRACT: _relationships_in(
        Step.REQUESTED,
        Duty.VERIFY_SERVICE_CONTRACT,
        "was asked for: see its service contract",
    ),
    Duty.AGREE_TO_RELATIONSHIP: _relationships_in(
        Step.CONTRACT_VERIFIED, Duty.AGREE_TO_RELATIONSHIP, "waits for the DSCRO's agreement"
    ),
    Duty.ACTIVATE_RELATIONSHIP: _relationships_in(
        Step.DSCRO_AGREED, Duty.ACTIVATE_RELATIONSHIP, "is agreed and waits to be activated"
    ),
    Duty.CONFIRM_IMPORT: _imports,
    Duty.CONFIRM_AGREEMENTS: _batches,
    Duty.CONFIRM_SUBMISSION_RIGHTS: _rights,
    Duty.LIFT_HOLD: _holds,
    Duty.JUDGE_BREACH: _breaches,
    Duty.AMEND_AGREEMENT: _amendments,
    Duty.CERTIFY_DESTRUCTION: _certificates,
    Duty.ACCEPT_DESTRUCTION: _acceptances,
    Duty.AGREE_TO_DOMAIN_TRANSFER: _transfers_to_agree_to,
    Duty.PUT_DOMAIN_TRANSFER_INTO_EFFECT: _transfers_to_effect,
}
