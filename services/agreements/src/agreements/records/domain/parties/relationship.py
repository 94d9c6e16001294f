"""Legitimate commissioning relationships (LCR): commissioner, DSCRO, CSU, other processors.

Asked for, its service contract verified, agreed by the DSCRO, then active. Publication is a
matter of consent, operation is not (domain.md 5.1): release needs active, not published.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import (
    ChangeNotOfItsKind,
    DscroUnknown,
    RelationshipOverlaps,
    ServiceContractMissing,
)
from agreements.records.domain.events import RelationshipChanged
from agreements.records.domain.parties.relationship_life import (
    CONSENT,
    RELATIONSHIP,
    ConsentCommand,
    ConsentState,
    RelationshipCommand,
    RelationshipState,
)
from common.clock import end_of, is_between, legal_day
from common.errors import TransitionRefused

DSCROS = (
    "central-southern",
    "central-midlands",
    "greater-east-midlands",
    "north-and-east-london",
    "north-of-england",
    "north-west",
    "south",
    "south-london",
    "south-west",
    "yorkshire",
)
"""The ten of domain.md 1.2; our slugs, since which office owns which code was not found."""

DSCRO_CODES = ("0CL", "0CM", "0CN", "0CP", "0CT", "0CV")


class Step(StrEnum):
    """How far it has come by decisions; what follows from dates is in `RelationshipState`."""

    REQUESTED = "REQUESTED"
    CONTRACT_VERIFIED = "CONTRACT_VERIFIED"
    DSCRO_AGREED = "DSCRO_AGREED"
    ACTIVE = "ACTIVE"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class ChangeKind(StrEnum):
    NEW = "NEW"
    CHANGE_DSCRO = "CHANGE_DSCRO"
    CHANGE_CSU = "CHANGE_CSU"
    ADD_PARTY = "ADD_PARTY"
    REMOVE_PARTY = "REMOVE_PARTY"
    SUCCESSION = "SUCCESSION"
    CORRECTION = "CORRECTION"


DAY = timedelta(days=1)
SUPPORT = frozenset({"csu", "processors"})
CHANGED: Mapping[ChangeKind, tuple[frozenset[str], frozenset[str]]] = {
    ChangeKind.NEW: (frozenset(), frozenset()),
    ChangeKind.CHANGE_DSCRO: (frozenset({"dscro"}), frozenset()),
    ChangeKind.CHANGE_CSU: (frozenset(), SUPPORT),
    ChangeKind.ADD_PARTY: (frozenset(), SUPPORT),
    ChangeKind.REMOVE_PARTY: (frozenset(), SUPPORT),
    ChangeKind.SUCCESSION: (frozenset({"commissioner"}), frozenset({"area_team"})),
    ChangeKind.CORRECTION: (frozenset(), frozenset({"area_team", "service"})),
}
"""By kind: what is otherwise than in the former relationship, and what may be (domain.md 5.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationConsent:
    """One organisation's express consent to publication; it may be withdrawn."""

    id: UUID
    organisation: str
    given_at: datetime
    withdrawn_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    id: UUID
    reference: str
    change_kind: ChangeKind
    commissioner: str
    commissioner_type: str
    area_team: str | None
    dscro: str
    csu: str | None
    processors: tuple[str, ...]
    service: str
    valid_from: date
    valid_to: date | None
    service_contract_reference: str | None
    contract_signed_on: date | None
    state: Step
    requested_at: datetime
    requested_by_organisation: str
    activated_at: datetime | None = None
    source: str | None = None
    """The published list that brought it; None: it was asked for here."""
    changes: UUID | None = None
    """The relationship that it takes the place of, which ends the day before (domain.md 5.2)."""
    version: int = 0

    consents: tuple[PublicationConsent, ...] = ()
    pending: tuple[RelationshipChanged, ...] = ()

    # Questions

    def parties(self) -> tuple[str, ...]:
        """Return the organisations involved, whose consent publication needs.

        The DSCRO is a part of the Body, which publishes.
        """
        named = [self.commissioner, *([self.csu] if self.csu else []), *self.processors]
        return tuple(dict.fromkeys(named))

    def supporters(self) -> tuple[str, ...]:
        """Return who processes for the commissioner: the CSU and the other processors."""
        return tuple(p for p in self.parties() if p != self.commissioner)

    def consents_missing(self) -> tuple[str, ...]:
        given = {c.organisation for c in self.consents if c.withdrawn_at is None}
        return tuple(ods for ods in self.parties() if ods not in given)

    def can_be_published(self, at: datetime) -> bool:
        """Both conditions of domain.md 5.1: a service contract, and everybody's consent."""
        return self.is_active(at) and not self.consents_missing()

    def is_active(self, at: datetime) -> bool:
        day = legal_day(at)
        return (
            self.activated_at is not None
            and self.activated_at <= at
            and is_between(day, self.valid_from, self.valid_to)
        )

    def state_at(self, at: datetime, *, published: bool) -> RelationshipState:
        if self.state is not Step.ACTIVE:
            return RelationshipState(self.state.value)
        if self.valid_to is not None:
            ended = at >= end_of(self.valid_to)
            return RelationshipState.ENDED if ended else RelationshipState.ENDING
        return (
            RelationshipState.ACTIVE_PUBLISHED
            if published
            else RelationshipState.ACTIVE_UNPUBLISHED
        )

    def overlaps(self, other: "Relationship") -> bool:
        """Check whether a day belongs to both, for the same commissioner and service."""
        if (self.commissioner, self.service) != (other.commissioner, other.service):
            return False
        ends = [end for end in (self.valid_to, other.valid_to) if end is not None]
        return all(max(self.valid_from, other.valid_from) <= end for end in ends)

    # Changes

    def verify_contract(
        self, *, reference: str | None, signed_on: date | None, at: datetime
    ) -> Self:
        """Record that the signed service contract was seen (pre-condition 1).

        Raises:
            ServiceContractMissing: it has no reference, or is not signed yet.

        """
        verified = replace(
            self._become(Step.CONTRACT_VERIFIED, RelationshipCommand.VERIFY_CONTRACT, at),
            service_contract_reference=reference or self.service_contract_reference,
            contract_signed_on=signed_on or self.contract_signed_on,
        )
        verified.require_service_contract(at)
        return verified

    def require_service_contract(self, at: datetime) -> None:
        """Raise ServiceContractMissing unless a signed one is named (L01)."""
        signed_on = self.contract_signed_on
        if (
            self.service_contract_reference is None
            or signed_on is None
            or signed_on > legal_day(at)
        ):
            raise ServiceContractMissing(
                "There is no signed service contract for data processing services."
            )

    def require_contract_of_change(self, others: Iterable["Relationship"]) -> None:
        """Demand contract evidence of its own where the CSU changes (domain.md 5.2).

        Raises:
            ServiceContractMissing: it names the contract of a former CSU.

        """
        if self.change_kind is not ChangeKind.CHANGE_CSU:
            return
        for other in others:
            if (
                other.id != self.id
                and (other.commissioner, other.service) == (self.commissioner, self.service)
                and other.csu != self.csu
                and other.service_contract_reference is not None
                and other.service_contract_reference == self.service_contract_reference
            ):
                raise ServiceContractMissing(
                    f"`service_contract_reference` is that of {other.reference}, with another CSU:"
                    " name the contract with the new one.",
                    relationship=other.reference,
                )

    def require_kind(self, former: "Relationship", *, succeeds: bool) -> None:
        """Demand that it changes the former one as its kind says, and in nothing else.

        `succeeds`: whether its commissioner follows the former's by a transfer instrument.

        Raises:
            ChangeNotOfItsKind

        """
        if former.state is not Step.ACTIVE:
            raise ChangeNotOfItsKind(f"{former.reference} is not in operation: name one that is.")
        if former.valid_to is not None and self.valid_from > former.valid_to + DAY:
            raise ChangeNotOfItsKind(
                f"{former.reference} ends on {former.valid_to}: days would be without one. Begin"
                " the day after, or ask for a new one."
            )
        own, others = frozenset(self.supporters()), frozenset(former.supporters())
        differs = {
            "commissioner": self.commissioner != former.commissioner,
            "service": self.service != former.service,
            "area_team": self.area_team != former.area_team,
            "dscro": self.dscro != former.dscro,
            "csu": self.csu != former.csu,
            "processors": frozenset(self.processors) != frozenset(former.processors),
        }
        must, may = CHANGED[self.change_kind]
        wrong = sorted(
            name
            for name, is_other in differs.items()
            if (is_other and name not in must | may) or (not is_other and name in must)
        )
        grown = {ChangeKind.ADD_PARTY: others < own, ChangeKind.REMOVE_PARTY: own < others}
        if not grown.get(self.change_kind, True):
            wrong.append("processors")
        if self.change_kind is ChangeKind.CHANGE_CSU and own == others:
            wrong.append("csu")
        if self.change_kind is ChangeKind.SUCCESSION and not succeeds:
            wrong.append("commissioner")
        if self.change_kind is ChangeKind.CORRECTION and self.valid_from != former.valid_from:
            wrong.append("effective_from")
        if self.change_kind is ChangeKind.NEW:
            wrong.append("change_kind")
        if wrong:
            raise ChangeNotOfItsKind(
                f"{self.change_kind} of {former.reference} is not what it says:"
                f" {', '.join(sorted(set(wrong)))}.",
                differs=[*sorted(set(wrong))],
            )

    def give_way(self, following: "Relationship", *, at: datetime) -> Self:
        """End the day before the one that takes its place, and never before yesterday."""
        last = max(following.valid_from, legal_day(at)) - DAY
        return self.end(last_day=last, at=at)

    def agree(self, *, at: datetime) -> Self:
        """Record the DSCRO's agreement."""
        return self._become(Step.DSCRO_AGREED, RelationshipCommand.AGREE, at)

    def activate(self, *, others: Iterable["Relationship"], at: datetime) -> Self:
        """Put it in operation.

        Raises:
            RelationshipOverlaps: another DSCRO serves the commissioner in that time.
            ServiceContractMissing: the CSU changes, and its contract is that of the former one.

        """
        known = tuple(others)
        self.require_no_overlap(known)
        self.require_contract_of_change(known)
        active = self._become(Step.ACTIVE, RelationshipCommand.ACTIVATE, at)
        return active if active.activated_at is not None else replace(active, activated_at=at)

    def refuse(self, *, at: datetime) -> Self:
        return self._become(Step.REFUSED, RelationshipCommand.REFUSE, at)

    def withdraw(self, *, at: datetime) -> Self:
        return self._become(Step.WITHDRAWN, RelationshipCommand.WITHDRAW, at)

    def end(self, *, last_day: date, at: datetime) -> Self:
        """End it after `last_day`; an earlier end that stands is not put off."""
        RELATIONSHIP.permits(
            self.state_at(at, published=False),
            RelationshipCommand.END,
            f"{self.reference} is {self.state}, so it cannot end.",
        )
        if self.valid_to is not None and self.valid_to <= last_day:
            return self
        return replace(self, valid_to=last_day).announce(at)

    def consent(self, *, consent_id: UUID, organisation: str, given: bool, at: datetime) -> Self:
        """Give or withdraw one organisation's consent; the same again changes nothing.

        Raises:
            TransitionRefused: the organisation is not involved.

        """
        if organisation not in self.parties():
            raise TransitionRefused(f"{organisation} is not involved in {self.reference}.")
        former = next((c for c in self.consents if c.organisation == organisation), None)
        wanted = ConsentState.GIVEN if given else ConsentState.WITHDRAWN
        if wanted not in CONSENT.leads(_state_of(former), ConsentCommand.CONSENT):
            return self
        if former is None:
            new = PublicationConsent(id=consent_id, organisation=organisation, given_at=at)
        elif given:
            new = replace(former, given_at=at, withdrawn_at=None)
        else:
            new = replace(former, withdrawn_at=at)
        others = tuple(c for c in self.consents if c.organisation != organisation)
        return replace(self, consents=(*others, new))

    def require_no_overlap(self, others: Iterable["Relationship"]) -> None:
        """Check that one DSCRO per commissioner and service is active at any instant."""
        for other in others:
            if (
                other.id not in {self.id, self.changes}
                and other.state is Step.ACTIVE
                and other.dscro != self.dscro
                and self.overlaps(other)
            ):
                raise RelationshipOverlaps(
                    f"{other.reference} has {other.dscro} in that time.",
                    relationship=other.reference,
                )

    def _become(self, step: Step, command: RelationshipCommand, at: datetime) -> Self:
        state = self.state_at(at, published=False)
        is_new = RELATIONSHIP.permits(
            state,
            command,
            f"{self.reference} is {state} and cannot become {step}.",
            allowed=[*sorted({m.to.value for m in RELATIONSHIP.moves[state] if m.command})],
        )
        return replace(self, state=step).announce(at) if is_new else self

    def announce(self, at: datetime) -> Self:
        """Say how it stands."""
        event = RelationshipChanged(
            relationship_id=self.id,
            reference=self.reference,
            state=self.state_at(at, published=False).value,
            change_kind=self.change_kind.value,
            commissioner=self.commissioner,
            dscro=self.dscro,
            csu=self.csu,
            processors=self.processors,
            effective_from=self.valid_from,
            effective_to=self.valid_to,
            at=at,
        )
        return replace(self, pending=(*self.pending, event))


def _state_of(consent: PublicationConsent | None) -> ConsentState:
    if consent is None:
        return ConsentState.NOT_GIVEN
    return ConsentState.GIVEN if consent.withdrawn_at is None else ConsentState.WITHDRAWN


def require_dscro(dscro: str) -> None:
    """Accept one of the ten by slug, or one of the six codes that were found.

    Raises:
        DscroUnknown: it is neither.

    """
    if dscro not in DSCROS and dscro not in DSCRO_CODES:
        raise DscroUnknown(f"{_safe(dscro)} is not a DSCRO.", allowed=[*DSCROS, *DSCRO_CODES])


def leaving_supporters(commissioner: str, known: Iterable[Relationship]) -> tuple[str, ...]:
    """Return who supports the commissioner by ending relationships only.

    Where one of them is a processor of an agreement, that needs an amendment (L05).
    """
    own = [r for r in known if r.commissioner == commissioner and r.state is Step.ACTIVE]
    leaving = {ods for r in own if r.valid_to is not None for ods in r.supporters()}
    staying = {ods for r in own if r.valid_to is None for ods in r.supporters()}
    return tuple(sorted(leaving - staying))


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "", text)[:40] or "That"
