"""What a machine can already tell of an application: a list, never the first only (ruling 1)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pydantic import JsonValue


class Severity(StrEnum):
    REFUSE = "refuse"
    """Stops the submission."""
    WARN = "warn"
    """Is shown to all who read the application, and stops nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    code: str
    standard: int | None
    """Number of the Standard (domain.md 2.4); none where it is about the whole."""
    pointer: str
    """JSON pointer into the application: `/sections/4/locations/0/operator`."""
    severity: Severity
    detail: str
    """Says which rule; names organisations by code and fields by name, never a person."""
    offer: str | None = None
    """What would be accepted instead, where the rule knows: the latest end, for example."""

    @property
    def refuses(self) -> bool:
        return self.severity is Severity.REFUSE

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "code": self.code,
            "standard": self.standard,
            "pointer": self.pointer,
            "severity": self.severity.value,
            "detail": self.detail,
            "offer": self.offer,
        }


def _found(
    severity: Severity,
    code: str,
    standard: int | None,
    pointer: str,
    detail: str,
    *,
    offer: str | None = None,
) -> Finding:
    return Finding(
        code=code,
        standard=standard,
        pointer=pointer,
        severity=severity,
        detail=detail,
        offer=offer,
    )


refuse = partial(_found, Severity.REFUSE)
warn = partial(_found, Severity.WARN)
