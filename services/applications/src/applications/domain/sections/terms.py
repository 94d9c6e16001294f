"""Standards 14, 15 and 17 to 20: conditions, consent, notice and territory."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    Field,
    StrictBool,
)

from applications.domain.sections.forms import (
    NO_CONTROLS,
    Answer,
    Day,
    Ods,
    Section,
    Territory,
    Word,
    Words,
)
from common.texts import Scanned


class Condition(Answer):
    """A special condition of the agreement (Annex F)."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$"), Scanned(code=True)]
    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=NO_CONTROLS), Scanned()]
    due: Day
    owner: Ods


OURS = "assurance-"
"""Conditions that the security rule adds by itself have ids that begin so, and no others."""


class SpecialConditions(Section):
    """14. Extra restrictions, time-bound and auditable."""

    standard: ClassVar[int] = 14

    conditions: Annotated[tuple[Condition, ...], Field(max_length=200)] = ()


class Ethics(Section):
    """15. Ethical approval; where it is not required, that is recorded, never blank."""

    standard: ClassVar[int] = 15

    research: StrictBool = False
    outcome: Literal["not_required", "approved"]
    reference: Word = ""
    explanation: Words = ""


class Consent(Section):
    """17. Whether consent is the basis under data-protection law (not the common law's)."""

    standard: ClassVar[int] = 17

    relied_on: StrictBool
    form_version: Word = ""
    withdrawal_process: Words = ""


class SubLicence(Section):
    """18. Whether the data may go on to others under a sub-licence."""

    standard: ClassVar[int] = 18

    sub_licence: StrictBool = False
    legal_basis: Words = ""
    value_added: Words = ""
    volume: Words = ""
    template: Word = ""
    approval_group_terms: Word = ""
    criteria: Words = ""
    flow_down_terms: Words = ""


class Transparency(Section):
    """19. That a compliant public notice exists for the life of the agreement."""

    standard: ClassVar[int] = 19

    confirmed: StrictBool
    notice_url: Annotated[str, Field(max_length=500, pattern=NO_CONTROLS), Scanned()] = ""
    """Kept, never fetched: nothing here calls a URL that a user gave."""
    last_checked: Day | None = None


class TerritoryOfUse(Section):
    """20. Where in the world the data may be."""

    standard: ClassVar[int] = 20

    territory: Territory
    transfer_condition: Words = ""
    """Chapter 5 of the GDPR, where it is outside the EEA."""
