"""One table of all that lapses: what of it ends between two days, and is not followed by more."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from agreements.records.domain.oversight.audits import AuditKind
from agreements.records.domain.oversight.lapses import Lapse, LapseKind
from agreements.records.domain.oversight.staff import StaffRecordKind
from agreements.records.domain.parties import assurance
from agreements.records.domain.parties.assurance import months_later
from agreements.records.domain.parties.registration import Section251Approval
from agreements.records.domain.parties.relationship import Step
from agreements.records.domain.parties.submission_right import RightState
from agreements.records.use_cases.context import World
from agreements.records.use_cases.contracts import standing_of
from agreements.records.use_cases.ports import FactStore, Transaction
from common import unreadable
from common.clock import legal_day
from common.grouping import grouped
from common.security.principal import BODY

log: structlog.stdlib.BoundLogger = structlog.get_logger()

FOREVER = datetime(2999, 12, 31, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days between which something ends, both inclusive."""

    first: date
    last: date

    def has(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last


Ending = Callable[[Transaction, Window, World], Iterable[Lapse]]


def _always(_fact: Any) -> bool:
    return True


def _is_not_withdrawn(approval: Section251Approval) -> bool:
    return approval.withdrawn_on is None


def _own(fact: Any) -> tuple[str, ...]:
    return (fact.organisation,)


def _by_reference(fact: Any) -> str:
    return str(fact.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedFacts:
    """Facts with a last day. One that another with the same key goes on from does not lapse."""

    kind: LapseKind
    facts: Callable[[Transaction], FactStore[Any]]
    ends: str = "valid_to"
    key: tuple[str, ...]
    counts: Callable[[Any], bool] = _always
    reference: Callable[[Any], str] = _by_reference
    organisations: Callable[[Any], tuple[str, ...]] = _own

    def __call__(self, tx: Transaction, window: Window, _ctx: World) -> Iterator[Lapse]:
        store = self.facts(tx)
        found = [
            fact
            for fact in store.between(self.ends, window.first, window.last)
            if self.counts(fact)
        ]
        # All with the same key have the first part of it in common, and so a seal.
        first = self.key[0]
        there = store.among(first, {getattr(fact, first) for fact in found})
        others = grouped(filter(self.counts, there), self._key)
        for fact in found:
            if not self._is_followed(fact, others.get(self._key(fact), ())):
                yield Lapse(
                    kind=self.kind,
                    subject_id=fact.id,
                    reference=self.reference(fact),
                    organisations=self.organisations(fact),
                    ends_on=getattr(fact, self.ends),
                    facts=(fact,),
                )

    def _key(self, fact: Any) -> tuple[object, ...]:
        return tuple(getattr(fact, name) for name in self.key)

    def _is_followed(self, fact: Any, others: Iterable[Any]) -> bool:
        end = getattr(fact, self.ends)
        return any(
            other.valid_from <= end + DAY
            and ((last := getattr(other, self.ends)) is None or last > end)
            for other in others
        )


def _agreements(tx: Transaction, window: Window, ctx: World) -> Iterator[Lapse]:
    now = ctx.clock.now()
    for agreement in tx.agreements.ending(window.first, window.last):
        last = agreement.governing(FOREVER)
        if last is None or agreement.closed_at is not None or agreement.terminated_at is not None:
            continue
        parties = tuple(dict.fromkeys(party.ods for party in last.parties))
        due = [
            (LapseKind.SPECIAL_CONDITION, c.id, f"{agreement.reference}/{c.condition}", c.due)
            for c in agreement.shown(now).conditions
            if c.fulfilled_at is None
        ]
        term = (LapseKind.AGREEMENT, agreement.id, agreement.reference, last.valid_to)
        for kind, subject_id, reference, ends_on in (term, *due):
            if ends_on is not None and window.has(ends_on):
                yield Lapse(
                    kind=kind,
                    subject_id=subject_id,
                    reference=reference,
                    organisations=parties,
                    ends_on=ends_on,
                    facts=(agreement,),
                )


def _assurance(tx: Transaction, window: Window, ctx: World) -> Iterator[Lapse]:
    """Say of each party until when what it has is accepted, or was (domain.md 2.6)."""
    today = legal_day(ctx.clock.now())
    parties = tx.agreements.parties()
    standing = standing_of(tx, parties, today, ctx)
    every = {*parties, *(code for codes in standing.values() for code in codes)}
    handed_in = grouped(tx.assurance.among("organisation", every), lambda one: one.organisation)
    for ods in parties:
        known = dict.fromkeys([ods, *standing[ods]])
        evidence = [found for code in known for found in handed_in.get(code, ())]
        for found, last in assurance.ends(
            evidence, window.first, today, identifiable=False, rules=ctx.reference.assurance
        ):
            if window.has(last):
                yield Lapse(
                    kind=LapseKind.ASSURANCE,
                    subject_id=found.id,
                    reference=f"{found.kind.value} {found.reference}",
                    organisations=(ods,),
                    ends_on=last,
                    facts=(*evidence,),
                )


def _audit_actions(tx: Transaction, window: Window, _ctx: World) -> Iterator[Lapse]:
    for audit in tx.audits.find():
        for action in audit.actions_open() if audit.closed_at is None else ():
            if window.has(action.due):
                yield Lapse(
                    kind=LapseKind.AUDIT_ACTION,
                    subject_id=audit.id,
                    reference=f"{audit.reference}/{action.number}",
                    organisations=(action.owner,),
                    ends_on=action.due,
                    facts=(audit,),
                )


def _yearly_audit(tx: Transaction, window: Window, ctx: World) -> Iterator[Lapse]:
    done = [a for a in tx.audits.find(kind=AuditKind.SERVICE) if a.performed_on is not None]
    newest = max(done, key=lambda audit: audit.performed_on or date.min, default=None)
    if newest is None or newest.performed_on is None:
        return
    rules = [r for r in ctx.reference.yearly_audit if r.valid_from <= newest.performed_on]
    if not rules:
        return
    due = months_later(newest.performed_on, max(rules, key=lambda r: r.valid_from).months)
    if window.has(due):
        yield Lapse(
            kind=LapseKind.YEARLY_AUDIT,
            subject_id=newest.id,
            reference=newest.reference,
            organisations=(BODY,),
            ends_on=due,
            facts=(*done,),
        )


def _directions(tx: Transaction, window: Window, _ctx: World) -> Iterator[Lapse]:
    """Say it of each that leaves a data set without another one on the next day."""
    known = tx.directions.find()
    for one in known:
        if one.valid_to is None or not window.has(one.valid_to):
            continue
        following = [other for other in known if other.is_in_force_on(one.valid_to + DAY)]
        if {*one.data_sets} - {name for other in following for name in other.data_sets}:
            yield Lapse(
                kind=LapseKind.DIRECTION,
                subject_id=one.id,
                reference=one.reference,
                organisations=(),
                ends_on=one.valid_to,
                facts=(one,),
            )


def _waivers(tx: Transaction, window: Window, _ctx: World) -> Iterator[Lapse]:
    """Say it of each letter after whose last day opt-outs are upheld where they were waived."""
    known = tx.opt_out_waivers.find()
    for one in known:
        if one.valid_to is None or not window.has(one.valid_to) or not one.holds_on(one.valid_to):
            continue
        following = [
            other
            for other in known
            if other.purpose is one.purpose and other.holds_on(one.valid_to + DAY)
        ]
        if not _covers(one.data_sets, [other.data_sets for other in following]):
            yield Lapse(
                kind=LapseKind.OPT_OUT_WAIVER,
                subject_id=one.id,
                reference=one.reference,
                organisations=(),
                ends_on=one.valid_to,
                facts=(one,),
            )


def _covers(wanted: Sequence[str], following: Iterable[Sequence[str]]) -> bool:
    """Check whether letters go on for these data sets; a letter without any is of every one."""
    every = list(following)
    if not all(every):
        return True
    return bool(wanted) and set(wanted) <= {name for names in every for name in names}


def _staff(lapse: LapseKind, kind: StaffRecordKind) -> DatedFacts:
    # A person is never named: the record's id leads whoever may know to it.
    return DatedFacts(
        kind=lapse,
        facts=lambda tx: tx.staff_records,
        key=("subject", "kind") if kind is StaffRecordKind.SECONDMENT
        else ("subject", "kind", "reference"),
        counts=lambda record: record.kind is kind,
        reference=lambda record: str(record.id),
    )  # fmt: skip


ENDINGS: Mapping[LapseKind, Ending] = {
    LapseKind.CONTRACT: DatedFacts(
        kind=LapseKind.CONTRACT,
        facts=lambda tx: tx.contracts,
        key=("organisation",),
        counts=lambda c: c.in_force_from() is not None and c.terminated_at is None,
    ),
    LapseKind.AGREEMENT: _agreements,
    LapseKind.SECTION_251: DatedFacts(
        kind=LapseKind.SECTION_251,
        facts=lambda tx: tx.section_251_approvals,
        key=("reference",),
        counts=_is_not_withdrawn,
        organisations=lambda approval: approval.controllers or (),
    ),
    LapseKind.SECTION_251_REVIEW: DatedFacts(
        kind=LapseKind.SECTION_251_REVIEW,
        facts=lambda tx: tx.section_251_approvals,
        ends="review_on",
        key=("reference",),
        counts=_is_not_withdrawn,
        organisations=lambda approval: approval.controllers or (),
    ),
    LapseKind.ASSURANCE: _assurance,
    LapseKind.ICO_REGISTRATION: DatedFacts(
        kind=LapseKind.ICO_REGISTRATION,
        facts=lambda tx: tx.ico_registrations,
        key=("organisation",),
        reference=lambda registration: str(registration.number),
    ),
    LapseKind.LISTED_ENVIRONMENT: DatedFacts(
        kind=LapseKind.LISTED_ENVIRONMENT,
        facts=lambda tx: tx.listed_environments,
        key=("kind", "organisation", "hosted_for"),
        reference=lambda entry: f"{entry.kind.value}/{entry.organisation}",
        organisations=lambda entry: tuple(
            code for code in (entry.organisation, entry.hosted_for) if code is not None
        ),
    ),
    LapseKind.SUBMISSION_RIGHT: DatedFacts(
        kind=LapseKind.SUBMISSION_RIGHT,
        facts=lambda tx: tx.submission_rights,
        key=("submitter", "provider"),
        counts=lambda right: right.state is RightState.CONFIRMED,
        reference=lambda right: f"{right.submitter}/{right.provider}",
        organisations=lambda right: (right.submitter, right.provider),
    ),
    LapseKind.RELATIONSHIP: DatedFacts(
        kind=LapseKind.RELATIONSHIP,
        facts=lambda tx: tx.listed_relationships,
        key=("commissioner", "service", "csu"),
        counts=lambda relationship: relationship.state is Step.ACTIVE,
        organisations=lambda relationship: relationship.parties(),
    ),
    LapseKind.POLICY: _staff(LapseKind.POLICY, StaffRecordKind.POLICY),
    LapseKind.TRAINING: _staff(LapseKind.TRAINING, StaffRecordKind.TRAINING),
    LapseKind.SECONDMENT: _staff(LapseKind.SECONDMENT, StaffRecordKind.SECONDMENT),
    LapseKind.DIRECTION: _directions,
    LapseKind.OPT_OUT_WAIVER: _waivers,
    LapseKind.INTERNAL_INSTRUCTION: DatedFacts(
        kind=LapseKind.INTERNAL_INSTRUCTION,
        facts=lambda tx: tx.internal_instructions,
        key=("agreement",),
        counts=lambda instruction: not instruction.missing and instruction.withdrawn_at is None,
        organisations=lambda _: (),
    ),
    LapseKind.AUDIT_ACTION: _audit_actions,
    LapseKind.YEARLY_AUDIT: _yearly_audit,
}
"""By kind: how what ends is found."""

FOUND_WITH: Mapping[LapseKind, Collection[LapseKind]] = {
    LapseKind.AGREEMENT: {LapseKind.SPECIAL_CONDITION}
}
"""Kinds that have no question of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What ends between two days."""

    lapses: tuple[Lapse, ...]
    """By the day and then by what it is."""
    incomplete: tuple[LapseKind, ...]
    """Of which something cannot be read: not all that ends of them is told."""


def ending(
    tx: Transaction, window: Window, ctx: World, kinds: Collection[LapseKind] = ()
) -> Calendar:
    """Return all that ends between two days, by default of each kind.

    What somebody wrote past the service, so that it cannot be read, hides nothing of other kinds.
    """
    found: list[Lapse] = []
    incomplete: list[LapseKind] = []
    for kind, end in ENDINGS.items():
        # Special conditions are found with their agreements.
        if kinds and not {kind, *FOUND_WITH.get(kind, ())} & {*kinds}:
            continue
        try:
            found += [one for one in end(tx, window, ctx) if not kinds or one.kind in kinds]
        except unreadable.INCOMPLETE as error:
            log.critical("calendar_incomplete", kind=kind.value, error=type(error).__name__)
            incomplete.append(kind)
            continue
        if noted := unreadable.noted():
            log.critical("calendar_incomplete", kind=kind.value, records=len(noted))
            incomplete.append(kind)
    return Calendar(
        lapses=tuple(sorted(found, key=lambda one: (one.ends_on, one.kind, one.reference))),
        incomplete=tuple(incomplete),
    )
