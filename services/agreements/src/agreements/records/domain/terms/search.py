"""What is searched for among agreements: what one and the same version says."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from agreements.records.domain.terms.agreement_life import AgreementState


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSearch:
    """All of it, as far as it is given. None, and nothing, ask for nothing."""

    text: str | None = None
    """Part of the reference, of the title, or of the name of a party."""
    controllers: Collection[str] | None = None
    """The codes of an organisation; one of them is named as a controller."""
    processors: Collection[str] | None = None
    data_set: str | None = None
    purpose: str | None = None
    """Of the same line as the data set, where both are given."""
    states: Collection[AgreementState] = ()
    """As it was last announced."""
    ends_from: date | None = None
    ends_until: date | None = None


EVERYTHING = AgreementSearch()
