"""Tokens and the domains in which they are minted (domain.md 8.2, design.md section 7).

Tokens of two domains cannot be linked without a key; inside one they are equal. How a token
is computed is the kernel's business; what may be computed with it, and when no more, is here.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from pydantic import JsonValue

from common.errors import Conflict
from common.ids import digest_of

TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{23}")
"""24 characters that begin with a letter: never ten digits (domain.md 8.2)."""


class DomainClosed(Conflict):
    code = "DOMAIN_CLOSED"
    title = "The pseudonym domain is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """What makes a domain: who sees it, by which agreement, for what, and where."""

    controllers: tuple[str, ...]
    agreement: str
    """Without its version: a new version keeps the domain."""
    purpose: str
    environment: str
    opt_out: str
    """`applied` or `not_applied`: siblings must not share tokens."""
    data_sets: tuple[str, ...]
    """Linked by the agreement: over these a person has one token."""

    @property
    def id(self) -> str:
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "controllers": list(self.controllers),
            "agreement": self.agreement,
            "purpose": self.purpose,
            "environment": self.environment,
            "opt_out": self.opt_out,
            "data_sets": list(self.data_sets),
        }


class DomainState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymDomain:
    """One domain and whether it takes new values. A closed one never opens again."""

    id: str
    facts: DomainFacts
    created_at: datetime
    state: DomainState = DomainState.OPEN
    closed_at: datetime | None = None
    version: int = 0

    @property
    def key_name(self) -> str:
        """Its one random key in the key store."""
        return f"domain/{self.id.removeprefix('sha256:')}"

    def demand_open(self) -> None:
        """:raises DomainClosed: once it was closed"""
        if self.state is DomainState.CLOSED:
            raise DomainClosed("The domain is closed: it makes no new tokens.")

    def close(self, *, at: datetime) -> Self:
        """Let it make nothing new. Closing it again changes nothing."""
        if self.state is DomainState.CLOSED:
            return self
        return replace(self, state=DomainState.CLOSED, closed_at=at)
