"""Who may send whose records: what agreements says of it, as at the period (ruling 24)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pseudonymisation.intake.domain import errors


class OrganisationStatus(StrEnum):
    """How an organisation stands on a day."""

    OPEN = "open"
    CLOSED = "closed"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """By what a file came to be another's, or its own."""

    OWN = "own"
    RIGHT = "right"
    """One organisation submits for another: a dated fact of agreements."""
    DSCRO = "dscro"
    """The Body's regional office collects for its area (domain.md 1.1)."""


@dataclass(frozen=True, slots=True)
class ProviderStanding:
    """Whether a submitter may send a provider's records, and how the provider stands."""

    provider: str
    entity: str
    """In normal form on the day."""
    standing: OrganisationStatus
    basis: Basis | None


def demand(found: ProviderStanding) -> ProviderStanding:
    """Let only a provider's own, or who has a right, submit, and only for one that is open.

    :raises ProviderUnknown, ProviderNotOpen, ProviderNotOwn:
    """
    if found.standing is OrganisationStatus.UNKNOWN:
        raise errors.ProviderUnknown(
            "The lists of organisations have no such provider at the beginning of the period."
            " Check the code; a default code is nobody.",
            field="provider",
        )
    if found.standing is not OrganisationStatus.OPEN:
        raise errors.ProviderNotOpen(
            "The provider had closed before the period, or opened after it; name its successor,"
            " or the period.",
            field="provider",
        )
    if found.basis is None:
        raise errors.ProviderNotOwn(
            "A provider submits its own records, and another's only by a right that was recorded"
            " for the beginning of the period.",
            field="provider",
        )
    return found


def entities(own: ProviderStanding, others: Iterable[ProviderStanding]) -> frozenset[str]:
    """Say whose records a file may hold: the provider's, and whom its submitter may send for."""
    sent = {
        s.entity for s in others if s.basis is not None and s.standing is OrganisationStatus.OPEN
    }
    return frozenset(sent | {own.entity})
