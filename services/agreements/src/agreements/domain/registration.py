"""Dated facts that others attest: ICO registrations, section 251 approvals, publications."""

import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

ICO_NUMBER = re.compile(r"Z[A-Z0-9]{7}")
"""The shape of Standard 6's machine check (domain.md 2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcoRegistration:
    """`valid_to`: paid until, inclusive."""

    id: UUID
    organisation: str
    number: str
    name: str
    valid_from: date
    valid_to: date
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section251Approval:
    """Its end closes the gate for the lines that rely on it; its review date warns (ruling 5)."""

    id: UUID
    reference: str
    purposes: tuple[str, ...]
    controllers: tuple[str, ...] | None
    valid_from: date
    valid_to: date
    review_on: date | None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    id: UUID
    data_set: str
    period: str
    published_on: date
    version: int = 0
