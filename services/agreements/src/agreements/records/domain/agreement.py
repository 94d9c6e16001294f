"""Data sharing agreements (DSA): versions, signatures, holds, and the state at an instant.

A version takes effect at max(its first day, its last signature); of those in effect the latest
governs, so that an amendment changes nothing before all have signed it (domain.md 3.4). States
follow from dates and facts alone: no job has to run for an agreement to begin or to end.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import (
    AlreadySigned,
    ConditionNotFound,
    DocumentHashDiffers,
    DraftedOtherwise,
    HoldNotFound,
    NotAParty,
    VersionLapsed,
    VersionSuperseded,
)
from agreements.records.domain.events import AGREEMENT_EVENTS, AgreementEvent, Verb
from agreements.records.domain.hold import HeldLine, Hold
from agreements.records.domain.terms.agreement_life import (
    AGREEMENT,
    AgreementCommand,
    AgreementState,
)
from agreements.records.domain.version import AgreementVersion, Condition, Signature
from common.clock import end_of, instant_text
from common.errors import AgreementNotFound, LineNotInAgreement, TransitionRefused
from common.security.principal import BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A renewal handed in; until it is dropped or signed it keeps a lapsed agreement open."""

    id: UUID
    application_id: UUID
    submitted_at: datetime
    dropped_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LapseRule:
    """How long an agreement stays in LAPSED_HOLD at most (ruling 8): dated data."""

    valid_from: date
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an agreement's state rests on that is not its own.

    `without_contract`: the controllers that have no framework contract in force.
    `has_files_out`: whether a file was released of which no destruction is accepted.
    """

    without_contract: Collection[str] = frozenset()
    has_files_out: bool = False
    lapse_rules: tuple[LapseRule, ...] = ()

    def lapse_days(self, day: date) -> int:
        rules = [r for r in self.lapse_rules if r.valid_from <= day]
        return max(rules, key=lambda r: r.valid_from).days if rules else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    id: UUID
    reference: str
    versions: tuple[AgreementVersion, ...]
    holds: tuple[Hold, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    terminated_at: datetime | None = None
    termination_reason: str | None = None
    closed_at: datetime | None = None
    """Since when all that was released under it is destroyed."""
    announced_state: AgreementState | None = None
    version: int = 0

    happened: tuple[tuple[Verb, UUID | None], ...] = ()
    """What the changes so far mean, and of which version; `settle` turns it into events."""
    pending: tuple[AgreementEvent, ...] = ()
    """Events not yet stored."""

    # Questions

    def governing(self, at: datetime) -> AgreementVersion | None:
        """Return the version by which releases are judged at `at`, even if it has ended."""
        effective = [
            (begin, v.sequence, v)
            for v in self.versions
            if (begin := v.effective_from()) is not None and begin <= at
        ]
        return max(effective, key=lambda e: e[:2])[2] if effective else None

    def shown(self, at: datetime) -> AgreementVersion:
        """Return the version to show: the governing one, or the latest drafted."""
        return self.governing(at) or max(self.versions, key=lambda v: v.sequence)

    @property
    def is_under_way(self) -> bool:
        """Say whether it may have further versions: it was neither ended nor closed."""
        return self.closed_at is None and self.terminated_at is None

    def numbered(self, number: str) -> AgreementVersion:
        """Return the version of that number.

        Raises:
            AgreementNotFound: there is none.

        """
        for version in self.versions:
            if version.number == number:
                return version
        raise AgreementNotFound(f"{self.reference} has no such version.")

    def lines_held(self, at: datetime) -> tuple[int, ...]:
        """Return the numbers of the shown version's lines that an open hold stops."""
        held = [hold for hold in self.holds if hold.is_open(at)]
        if not held:
            return ()
        lines = self.shown(at).lines
        return tuple(line.number for line in lines if any(h.holds(line.key) for h in held))

    def is_signable(self, version: AgreementVersion, at: datetime) -> bool:
        """Check whether a signature that is missing under a version could still be given."""
        try:
            self.require_under_way()
            self._require_signable(version, at)
        except (TransitionRefused, VersionLapsed, VersionSuperseded):
            return False
        return True

    def is_party(self, ods: Collection[str]) -> bool:
        return any(p.ods in ods for v in self.versions for p in v.parties)

    def governed(self, at: datetime) -> tuple[tuple[datetime, AgreementVersion], ...]:
        """Return the versions that have governed by `at`, in order, and since when each did."""
        effective = sorted(
            (
                (begin, v.sequence, v)
                for v in self.versions
                if (begin := v.effective_from()) is not None and begin <= at
            ),
            key=lambda e: e[:2],
        )
        return tuple((begin, version) for begin, _, version in effective)

    def ended(self, at: datetime, facts: Circumstances) -> tuple[AgreementState, datetime] | None:
        """Return how it ended and since when; None where it did not, or a version is to come."""
        if (cut := self.terminated_at) is not None and cut <= at:
            before = replace(self, terminated_at=None).ended(cut, facts)
            return before or (AgreementState.TERMINATED, cut)
        version = self.governing(at)
        if version is None or self._by_dates(at, facts) is not AgreementState.EXPIRED:
            return None
        begins = (v.effective_from() for v in self.versions)
        if any(begin is not None and begin > at for begin in begins):
            return None
        return AgreementState.EXPIRED, self._lapsed_until(version, facts)

    def state_at(self, at: datetime, facts: Circumstances) -> AgreementState:
        if self.closed_at is not None and self.closed_at <= at:
            return AgreementState.CLOSED
        if facts.has_files_out and self.ended(at, facts) is not None:
            return AgreementState.DESTRUCTION_DUE
        return self._by_dates(at, facts)

    def _by_dates(self, at: datetime, facts: Circumstances) -> AgreementState:
        if self.terminated_at is not None and self.terminated_at <= at:
            return AgreementState.TERMINATED
        version = self.governing(at)
        if version is None:
            return self._state_before_effect(at)
        if at >= end_of(version.valid_to):
            return self._state_after_end(version, at, facts)
        return self._state_in_term(version, at, facts)

    def _state_before_effect(self, at: datetime) -> AgreementState:
        latest = max(self.versions, key=lambda v: v.sequence)
        if at >= end_of(latest.valid_to):
            return AgreementState.CLOSED
        if any(v.effective_from() is not None for v in self.versions):
            return AgreementState.SIGNED
        return AgreementState.AWAITING_SIGNATURE

    def _state_after_end(
        self, version: AgreementVersion, at: datetime, facts: Circumstances
    ) -> AgreementState:
        is_awaited = at < self._lapsed_until(version, facts)
        return AgreementState.LAPSED_HOLD if is_awaited else AgreementState.EXPIRED

    def _lapsed_until(self, version: AgreementVersion, facts: Circumstances) -> datetime:
        """Return until when a renewal that was handed in keeps it open; its end without one."""
        end = end_of(version.valid_to)
        last = end_of(version.valid_to + timedelta(days=facts.lapse_days(version.valid_to)))
        awaited = [
            last if r.dropped_at is None else min(last, r.dropped_at)
            for r in self.renewals
            if r.submitted_at < end
        ]
        return max([end, *awaited])

    def _state_in_term(
        self, version: AgreementVersion, at: datetime, facts: Circumstances
    ) -> AgreementState:
        uncovered = set(version.controllers()) & set(facts.without_contract)
        if uncovered and version.needs_contract():
            return AgreementState.SUSPENDED
        if len(self.lines_held(at)) == len(version.lines):
            return AgreementState.SUSPENDED
        return AgreementState.ACTIVE

    # Changes

    def add_version(self, version: AgreementVersion) -> Self:
        """Add what was approved next; the same again changes nothing.

        Raises:
            DraftedOtherwise: that number was drafted from another snapshot.

        """
        same = next((v for v in self.versions if v.number == version.number), None)
        if same is not None:
            if same.snapshot_hash != version.snapshot_hash:
                raise DraftedOtherwise(f"{self.reference}-{version.number} exists already.")
            return self
        self.require_under_way()
        met = [c for v in self.versions for c in v.conditions if c.fulfilled_at is not None]
        following = replace(
            version,
            sequence=max(v.sequence for v in self.versions) + 1,
            conditions=tuple(_carried_over(c, met) for c in version.conditions),
        )
        return replace(
            self,
            versions=(*self.versions, following),
            happened=(*self.happened, (Verb.DRAFTED, version.id)),
        )

    def sign(self, signature: Signature) -> Self:
        """Sign the version whose document has the signed hash.

        Raises:
            DocumentHashDiffers: no version's document has this hash.
            NotAParty: the document does not name that organisation.
            AlreadySigned: that organisation, or the Body, has signed it.
            VersionSuperseded: a later version of the same term is in effect.
            VersionLapsed: the version's term is over.
            TransitionRefused: the agreement has been terminated, or is closed.

        """
        version = self._of_document(signature.document_hash)
        self._require_named(version, signature)
        for given in version.signatures:
            if (given.party, given.for_body) == (signature.party, signature.for_body):
                raise AlreadySigned(
                    f"{signature.party} signed {self.reference}-{version.number} at"
                    f" {instant_text(given.signed_at)}, and signs it once. Nothing is to be done.",
                    signed_at=instant_text(given.signed_at),
                )
        self.require_under_way()
        self._require_signable(version, signature.signed_at)
        former = self.governing(signature.signed_at)
        signed = replace(version, signatures=(*version.signatures, signature))
        happened = [*self.happened, (Verb.SIGNED, version.id)]
        if signed.effective_from() is not None and former is not None:
            happened.append((Verb.AMENDED, version.id))
        return replace(
            self,
            versions=tuple(signed if v.id == signed.id else v for v in self.versions),
            happened=tuple(happened),
        )

    def hold(self, hold: Hold) -> Self:
        return replace(
            self, holds=(*self.holds, hold), happened=(*self.happened, (Verb.HELD, None))
        )

    def held_lines(self, numbers: Iterable[int], at: datetime) -> tuple[HeldLine, ...]:
        """Return the keys behind these numbers of the shown version.

        Raises:
            LineNotInAgreement: a number is not one of its lines.

        """
        lines = {line.number: line for line in self.shown(at).lines}
        wanted = sorted(set(numbers))
        if unknown := [n for n in wanted if n not in lines]:
            raise LineNotInAgreement(
                f"{self.reference} has no line {', '.join(map(str, unknown))}.",
                lines=list(unknown),
            )
        return tuple(HeldLine(key=lines[n].key, number=n) for n in wanted)

    def approve_lift(
        self, hold_id: UUID, *, lift_id: UUID, by: str, reason: str, at: datetime
    ) -> Self:
        """Add one person's reason to lift; the second person's lifts."""
        hold = next((h for h in self.holds if h.id == hold_id), None)
        if hold is None:
            raise HoldNotFound(f"There is no hold {hold_id}.")
        lifted = hold.approve_lift(lift_id=lift_id, by=by, reason=reason, at=at)
        is_new = lifted.lifted_at is not None and hold.lifted_at is None
        return replace(
            self,
            holds=tuple(lifted if h.id == hold_id else h for h in self.holds),
            happened=(*self.happened, (Verb.RESUMED, None)) if is_new else self.happened,
        )

    def terminate(self, *, reason: str, at: datetime) -> Self:
        """End it now; of what has expired, so that no renewal brings it back."""
        if self.terminated_at is not None or self.closed_at is not None:
            return self
        if self.governing(at) is None and self._state_before_effect(at) is AgreementState.CLOSED:
            return self
        return replace(
            self,
            terminated_at=at,
            termination_reason=reason,
            happened=(*self.happened, (Verb.TERMINATED, None)),
        )

    def close(self, *, at: datetime) -> Self:
        """Close it for good: all that was released is destroyed. Again changes nothing."""
        if self.closed_at is not None:
            return self
        return replace(self, closed_at=at, happened=(*self.happened, (Verb.CLOSED, None)))

    def await_renewal(self, renewal: Renewal) -> Self:
        """Remember a renewal that was handed in; the same again changes nothing."""
        if any(
            r.application_id == renewal.application_id and r.dropped_at is None
            for r in self.renewals
        ):
            return self
        return replace(self, renewals=(*self.renewals, renewal))

    def drop_renewal(self, application_id: UUID, *, at: datetime) -> Self:
        """Forget a renewal that was declined or withdrawn."""
        return replace(
            self,
            renewals=tuple(
                replace(r, dropped_at=at)
                if r.application_id == application_id and r.dropped_at is None
                else r
                for r in self.renewals
            ),
        )

    def fulfil(self, condition: str, *, evidence: str, at: datetime) -> Self:
        """Record that a special condition was met, in every version with the same words.

        Raises:
            ConditionNotFound: the shown version has no such condition.

        """
        of_shown = next((c for c in self.shown(at).conditions if c.condition == condition), None)
        if of_shown is None:
            raise ConditionNotFound(f"{self.reference} has no special condition {condition}.")
        return replace(
            self,
            versions=tuple(
                replace(
                    v,
                    conditions=tuple(
                        replace(c, fulfilled_at=at, evidence=evidence)
                        if c.is_same_as(of_shown) and c.fulfilled_at is None
                        else c
                        for c in v.conditions
                    ),
                )
                for v in self.versions
            ),
        )

    def settle(self, at: datetime, facts: Circumstances) -> Self:
        """Turn what happened, and what the passing of time changed, into events.

        Only what is announced depends on when this is called; no decision does.
        """
        state = self.state_at(at, facts)
        moved = ((verb, None) for verb in self._verbs_of_move(state, at))
        happened = list(dict.fromkeys((*self.happened, *moved)))
        return replace(
            self,
            announced_state=state,
            happened=(),
            pending=(
                *self.pending,
                *(self._event(verb, of, state=state, at=at) for verb, of in happened),
            ),
        )

    def _verbs_of_move(self, state: AgreementState, at: datetime) -> tuple[Verb, ...]:
        """Say what a change of its state means. That its files are due comes after its end."""
        former = self.announced_state
        if state is former:
            return ()
        if state is AgreementState.ACTIVE and former is AgreementState.SUSPENDED:
            return (Verb.RESUMED,)
        if state is not AgreementState.DESTRUCTION_DUE:
            return (_MOVES[state],) if state in _MOVES else ()
        if former in OVER:
            return (Verb.DESTRUCTION_DUE,)
        is_cut = self.terminated_at is not None and self.terminated_at <= at
        return (Verb.TERMINATED if is_cut else Verb.EXPIRED), Verb.DESTRUCTION_DUE

    def _event(
        self, verb: Verb, version_id: UUID | None, *, state: AgreementState, at: datetime
    ) -> AgreementEvent:
        version = next((v for v in self.versions if v.id == version_id), self.shown(at))
        return AGREEMENT_EVENTS[verb](
            reference=self.reference,
            version=version.number,
            state=state.value,
            application_id=version.application_id,
            document_hash=version.document_hash,
            lines_held=self.lines_held(at),
            at=at,
        )

    # Conditions of changes

    def require_under_way(self) -> None:
        """Demand that it may have further versions.

        Raises:
            TransitionRefused: it was ended, or closed.

        """
        for is_over, state, detail in (
            (self.closed_at, AgreementState.CLOSED, _CLOSED),
            (self.terminated_at, AgreementState.TERMINATED, "{} is terminated."),
        ):
            if is_over is not None:
                AGREEMENT.permits(state, AgreementCommand.SIGN, detail.format(self.reference))

    def _of_document(self, document_hash: str) -> AgreementVersion:
        for version in self.versions:
            if version.document_hash == document_hash:
                return version
        raise DocumentHashDiffers(f"No document of {self.reference} has this hash.")

    def _require_named(self, version: AgreementVersion, signature: Signature) -> None:
        named = (BODY,) if signature.for_body else version.named_parties()
        if signature.party not in named:
            raise NotAParty(f"{signature.party} is not named in {version.number}.")

    def _require_signable(self, version: AgreementVersion, at: datetime) -> None:
        if at >= end_of(version.valid_to):
            raise VersionLapsed(f"{version.number} ended on {version.valid_to}.")
        for later in self.versions:
            begin = later.effective_from()
            if (
                later.sequence > version.sequence
                and begin is not None
                and begin <= at
                and later.valid_from >= version.valid_from
            ):
                raise VersionSuperseded(f"{later.number} is in effect.", version=later.number)


_CLOSED = "{} is closed: what was released is destroyed. Apply anew."
_MOVES: Mapping[AgreementState, Verb] = {
    AgreementState.ACTIVE: Verb.ACTIVATED,
    AgreementState.SUSPENDED: Verb.HELD,
    AgreementState.LAPSED_HOLD: Verb.LAPSED,
    AgreementState.EXPIRED: Verb.EXPIRED,
    AgreementState.TERMINATED: Verb.TERMINATED,
}


OVER = frozenset({AgreementState.EXPIRED, AgreementState.TERMINATED})


def _carried_over(condition: Condition, met: Iterable[Condition]) -> Condition:
    same = next((c for c in met if c.is_same_as(condition)), None)
    if same is None:
        return condition
    return replace(condition, fulfilled_at=same.fulfilled_at, evidence=same.evidence)
