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


def require_may_submit(found: ProviderStanding) -> ProviderStanding:
    """Let only a provider's own, or who has a right, submit, and only for one that is open.

    Raises:
        ProviderUnknown, ProviderNotOpen, ProviderNotOwn

    """
    if found.standing is OrganisationStatus.UNKNOWN:
        raise errors.ProviderUnknown(
            "`provider` is not in the organisation reference data at the start of the period. Check"
            " the code; a default code stands for no organisation.",
            field="provider",
        )
    if found.standing is not OrganisationStatus.OPEN:
        raise errors.ProviderNotOpen(
            "`provider` closed before the period or opened after it. Send its successor's code, or"
            " another period.",
            field="provider",
        )
    if found.basis is None:
        raise errors.ProviderNotOwn(
            "`provider` is another organisation, and no right to submit for it is recorded at the"
            " start of the period. Have the right recorded in agreements, or submit your own"
            " records.",
            field="provider",
        )
    return found


def permitted_providers(
    own: ProviderStanding, others: Iterable[ProviderStanding]
) -> frozenset[str]:
    """Return whose records a file may hold: the provider's, and whom its submitter may send for."""
    sent = {
        s.entity for s in others if s.basis is not None and s.standing is OrganisationStatus.OPEN
    }
    return frozenset(sent | {own.entity})
