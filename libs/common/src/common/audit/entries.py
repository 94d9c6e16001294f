"""What is written down: who did what to what, when, in whose name, by which decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from common.audit.tree import Frontier, written
from common.clock import instant_text
from common.security.principal import Principal

SCHEMA = "dsfc-audit/1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log. Holds identifiers of staff and clients, never of patients."""

    at: datetime
    action: str
    """`extract-released`; the verb of the use case, or the event that it caused."""

    resource: str
    """`extracts/<id>`."""

    subject: str
    client_id: str
    organisation: str
    role: str
    on_behalf_of: str | None = None
    """The controller in whose name, where a processor acts (design.md section 8)."""

    decision_id: str | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)

    def as_json(self, index: int) -> dict[str, JsonValue]:
        """Return the leaf; its own index is in it, so that a leaf that was moved shows it."""
        return {
            "schema": SCHEMA,
            "index": index,
            "at": instant_text(self.at),
            "action": self.action,
            "resource": self.resource,
            "subject": self.subject,
            "client_id": self.client_id,
            "organisation": self.organisation,
            "role": self.role,
            "on_behalf_of": self.on_behalf_of,
            "decision_id": self.decision_id,
            "detail": dict(self.detail),
        }


MEMBERS = frozenset(
    {
        *("schema", "index", "at", "action", "resource", "subject", "client_id"),
        *("organisation", "role", "on_behalf_of", "decision_id", "detail"),
    }
)
"""What every leaf has, and nothing besides."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where an entry stands, and the tree of which it is the last leaf."""

    index: int
    hash: str
    tree: Frontier = field(repr=False)

    @property
    def size(self) -> int:
        return self.tree.size

    @property
    def root(self) -> str:
        """The head of the tree, for those few who tell it on: hashed only then."""
        return written(self.tree.root())


def entry_for(
    principal: Principal,
    *,
    at: datetime,
    action: str,
    resource: str,
    on_behalf_of: str | None,
    decision_id: str | None = None,
    detail: Mapping[str, JsonValue] | None = None,
) -> Entry:
    """Return the entry of what this caller did.

    In whose name has no default: whoever logs a decision, a refusal or a delivery has to say it.
    """
    return Entry(
        at=at,
        action=action,
        resource=resource,
        subject=principal.subject,
        client_id=principal.client_id,
        organisation=principal.organisation,
        role=str(principal.role),
        on_behalf_of=on_behalf_of,
        decision_id=decision_id,
        detail=detail or {},
    )
