"""A version of an agreement: what was drafted from one approved snapshot, and who signed it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from pydantic import JsonValue

from common.clock import end_of, start_of
from common.security.principal import BODY
from statements.vocabulary import LineKey

NEEDS_NO_CONTRACT = "AGGREGATE_SUPPRESSED"
"""Aggregates with small numbers suppressed need no framework contract (domain.md 3.1)."""


ISSUED_FROM = "issued_from"
IMPORTED = "imported"
"""Members of a snapshot that did not come from an application of its own: how it came about."""


class Capacity(StrEnum):
    CONTROLLER = "controller"
    PROCESSOR = "processor"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    ods: str
    capacity: Capacity
    legal_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementLine:
    """A line of Annex B. `content` is the line of the approved snapshot, whole."""

    number: int
    key: LineKey
    content: Mapping[str, object]

    def commissioners(self) -> tuple[str, ...]:
        """Return the codes of the line's population (ruling 7); national names none."""
        population = self.content.get("population")
        named = population.get("commissioners") if isinstance(population, Mapping) else None
        return tuple(named) if isinstance(named, Sequence) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A special condition; overdue from the day after `due` (Standard 14)."""

    id: UUID
    condition: str
    text: str
    due: date | None
    owner: str
    fulfilled_at: datetime | None = None
    evidence: str | None = None
    version: int = 0

    def is_overdue(self, at: datetime) -> bool:
        if self.due is None or at < end_of(self.due):
            return False
        return self.fulfilled_at is None or at < self.fulfilled_at

    def is_same_as(self, other: "Condition") -> bool:
        """Check whether another version carries it over unchanged."""
        return (self.condition, self.text) == (other.condition, other.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    id: UUID
    party: str
    for_body: bool
    document_hash: str
    name_of_role: str
    signed_at: datetime


@dataclass(frozen=True, kw_only=True)
class AgreementVersion:
    """What was drafted from one approved snapshot. Immutable but for its signatures.

    It has no slots: what follows from it is asked many times of each, and worked out once.
    """

    id: UUID
    number: str
    sequence: int
    application_id: UUID
    kind: str
    title: str
    valid_from: date
    valid_to: date
    snapshot_hash: str
    document_hash: str
    document: str
    parties: tuple[Party, ...]
    lines: tuple[AgreementLine, ...]
    conditions: tuple[Condition, ...] = ()
    signatures: tuple[Signature, ...] = ()

    def snapshot(self) -> Mapping[str, JsonValue]:
        """Return the approved snapshot, as the document carries it."""
        content: Mapping[str, JsonValue] = json.loads(self.document)["snapshot"]
        return content

    @cached_property
    def locations(self) -> tuple[Mapping[str, JsonValue], ...]:
        """Return the places that the snapshot names, as far as they are of the usual form."""
        found = self.snapshot().get("locations")
        places = found if isinstance(found, list) else ()
        return tuple(place for place in places if isinstance(place, dict))

    @cached_property
    def origin(self) -> str:
        """Say how it came about: by its application, from a template, or signed elsewhere."""
        content = self.snapshot()
        if IMPORTED in content:
            return "imported"
        return "template" if ISSUED_FROM in content else "application"

    def missing_signatures(self) -> tuple[str, ...]:
        """Return the codes of the parties, and the Body's, that have not signed."""
        return self._missing_signatures

    @cached_property
    def _missing_signatures(self) -> tuple[str, ...]:
        signed = {s.party for s in self.signatures if not s.for_body}
        missing = [ods for ods in self.named_parties() if ods not in signed]
        if not any(s.for_body for s in self.signatures):
            missing.append(BODY)
        return tuple(missing)

    def named_parties(self) -> tuple[str, ...]:
        """Return each organisation that signs for itself, once, in the document's order."""
        return tuple(dict.fromkeys(p.ods for p in self.parties if p.capacity is not Capacity.BODY))

    def effective_from(self) -> datetime | None:
        """Return max(first day, last signature); None while a signature is missing."""
        return self._effective_from

    @cached_property
    def _effective_from(self) -> datetime | None:
        if self._missing_signatures:
            return None
        return max(start_of(self.valid_from), *(s.signed_at for s in self.signatures))

    def controllers(self) -> tuple[str, ...]:
        return self._controllers

    @cached_property
    def _controllers(self) -> tuple[str, ...]:
        return tuple(p.ods for p in self.parties if p.capacity is Capacity.CONTROLLER)

    def processors(self) -> tuple[str, ...]:
        return tuple(p.ods for p in self.parties if p.capacity is Capacity.PROCESSOR)

    def needs_contract(self) -> bool:
        return any(line.key.classification != NEEDS_NO_CONTRACT for line in self.lines)
