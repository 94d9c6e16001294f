"""Commands that create may be sent twice with one `Idempotency-Key`: what use cases ask."""

from typing import Protocol


class IdempotencyKeys(Protocol):
    """The keys of one transaction; where a command came without one nothing is found or noted."""

    def find(self, *, actor: str, key: str | None, fingerprint: str) -> str | None:
        """Return what this command created when it came the first time.

        Raises:
            IdempotencyKeyReused: it was another command.

        """

    def remember(self, *, actor: str, key: str | None, fingerprint: str, resource: str) -> None:
        """Note what the command created."""
