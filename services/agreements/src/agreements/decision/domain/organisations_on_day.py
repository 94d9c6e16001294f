"""Who stands for whom on a legal day (domain.md section 0, ruling 4).

A code may be a part of another legal entity; nothing passes to a successor but by a transfer
instrument. Both are dated, so the answers are for one day.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from agreements.records.domain.parties.codes import NO_RULES, CodeRules, Codes
from agreements.records.domain.parties.organisation import (
    Organisation,
    TransferInstrument,
    holders,
    on,
    predecessors,
)


class OrganisationsOnDay:
    """Answers for one day, each found once."""

    def __init__(
        self,
        day: date,
        organisations: Mapping[str, tuple[Organisation, ...]],
        instruments: Sequence[TransferInstrument],
        code_rules: CodeRules = NO_RULES,
    ) -> None:
        self._codes = Codes(day, organisations, code_rules)
        self._own: dict[str, str] = {}
        self._day = day
        self._organisations = organisations
        self._effective = tuple(i for i in instruments if i.valid_from <= day)
        self._family: dict[str, frozenset[str]] = {}
        self._holders: dict[str, tuple[str, ...]] = {}

    def own(self, code: str) -> str:
        """Return the code in the form in which codes are compared (ruling 23)."""
        found = self._own.get(code)
        if found is None:
            found = self._own[code] = self._codes.own(code)
        return found

    def counted(self, code: str) -> frozenset[str]:
        """Return the codes under which rows of this one may be counted."""
        return self._codes.counts_as(code)

    def is_known(self, code: str) -> bool:
        """Whether the loaded lists have the code on any day."""
        return bool(self._organisations.get(code))

    def organisation(self, code: str) -> Organisation | None:
        """Return what the code means on the day; None where it means nothing."""
        return on(self._day, self._organisations.get(code, ()))

    def entity(self, code: str) -> str | None:
        """Return the legal entity behind the code."""
        found = self.organisation(code)
        return None if found is None else found.legal_entity

    def closed(self, code: str) -> str | None:
        """Return which code is not open on the day: this one, or the legal entity behind it.

        A code that no list has is unknown, and not closed: who needs it says so.
        """
        if not self.is_known(code):
            return None
        entity = self.entity(code)
        if entity is None:
            return code
        return entity if self.is_known(entity) and self.organisation(entity) is None else None

    def holders(self, code: str) -> tuple[str, ...]:
        """Return who holds what was the code's: itself, or those to whom it was transferred."""
        if code not in self._holders:
            self._holders[code] = holders(code, self._day, self._effective)
        return self._holders[code]

    def family(self, code: str) -> frozenset[str]:
        """Return the codes that count for this one: itself and its predecessors by transfer."""
        if code not in self._family:
            former = predecessors(code, self._day, self._effective)
            self._family[code] = frozenset({code, *former})
        return self._family[code]

    def owns(self, owner: str, code: str) -> bool:
        """Whether the people of `code` are the owner's own."""
        return code in self.family(owner) or self.entity(code) in self.family(owner)
