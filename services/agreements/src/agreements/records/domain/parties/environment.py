"""Recipient environments: where data land, each with its own clients (ruling 6)."""

from dataclasses import dataclass
from uuid import UUID

from statements.vocabulary import EnvironmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientEnvironment:
    id: UUID
    organisation: str
    kind: EnvironmentKind
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentClient:
    id: UUID
    environment_id: UUID
    client_id: str
    version: int = 0
