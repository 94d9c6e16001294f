"""On whose behalf a request is made: what a verified access token says, and no more."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from common.security.roles import Role

BODY: Final = "X26"
"""The Body: HSCIC, NHS Digital, NHS England since 2023-02-01 (domain.md 1.3). The services are its
own, and so are operators; its staff decide, and it may be a party too (ruling 14)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller.

    Acting for another organisation is never in here: the request names the agreement, and
    agreements decides (design.md section 8).
    """

    subject: str
    """`sub`: the person or the client. Separation of duties compares these."""

    client_id: str
    """`azp`: the client that asked for the token."""

    organisation: str
    """`ods`: the organisation that the subject belongs to."""

    role: Role
    """One role at a time, also for seconded staff."""

    token_id: str
    """`jti`."""

    expires_at: datetime
    audience: str

    @property
    def key_owner(self) -> str:
        """Return to whom an `Idempotency-Key` belongs: client, subject and organisation."""
        return key_owner(self.client_id, self.subject, self.organisation)


def of_service(client_id: str, role: Role, *, audience: str) -> Principal:
    """Return as whom a service acts by itself: on an event, or by the passing of time."""
    return Principal(
        subject=client_id,
        client_id=client_id,
        organisation=BODY,
        role=role,
        token_id="",  # nobody's token: nothing of it came over HTTP
        expires_at=datetime.max.replace(tzinfo=UTC),
        audience=audience,
    )


def key_owner(client_id: str, subject: str, organisation: str) -> str:
    """Return the owner of the idempotency keys that are sent with such a token."""
    return "/".join(quote(part, safe="") for part in (client_id, subject, organisation))
