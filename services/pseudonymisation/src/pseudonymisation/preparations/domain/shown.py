"""What was shown of tables, and to whom: what an attacker who has them knows (docs/adr/0057).

Printed cells alone: what each tells of the count behind it, never a raw or a hidden count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from pseudonymisation.preparations.domain.preparation import PinnedEdition
from statements.filters import Filters
from statements.permit import Permit
from statements.tables import Disclosure

PUBLIC: Final[Disclosure] = "as_published"
"""A table of this profile equals the national publication, which everybody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAxis:
    column: str
    nodes: tuple[tuple[str, ...] | None, ...]
    """Categories that each node counts; None: all that the table counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCells:
    axes: tuple[ShownAxis, ...]
    cells: tuple[tuple[int, ...], ...]
    """Of each: its node on every axis, the least and the most that it can be, 1 where hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose records are counted: all, or those that a reason gives to one of some commissioners."""

    is_national: bool
    codes: frozenset[str]
    reasons: frozenset[str]
    opt_outs_applied: bool

    @classmethod
    def of(cls, permit: Permit) -> "Whose":
        return cls(
            is_national=permit.population.is_national,
            codes=frozenset(permit.population.codes),
            reasons=frozenset(permit.population.reasons),
            opt_outs_applied=permit.opt_out.applied,
        )

    def meets(self, other: "Whose") -> bool:
        """Say whether both count somebody by one commissioner."""
        return self.is_national or other.is_national or bool(self.codes & other.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """One table that was made for a recipient."""

    preparation_id: UUID
    extract_id: str
    """The release, as whoever has it knows it."""
    recipient: str
    """The environment that it was made for."""
    data_set: str
    measure: str
    whose: Whose
    editions: Mapping[str, tuple[str, ...]]
    """By month those that were read, in order."""
    filters: Filters
    told: ShownCells
    at: datetime
    is_public: bool = False
    """Whether it equals a publication: then everybody knows it."""

    @property
    def months(self) -> frozenset[str]:
        return frozenset(self.editions)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTable:
    """A table that was shown, and which of its files there still are."""

    preparation_id: UUID
    controllers: tuple[str, ...]
    files: frozenset[UUID]
    destroyed: frozenset[UUID]
    is_public: bool

    @property
    def is_over(self) -> bool:
        """Say whether nobody has it any more: what was public, everybody has."""
        return self.files <= self.destroyed and not self.is_public

    def destroy(self, file_id: UUID) -> "HeldTable":
        return replace(self, destroyed=self.destroyed | {file_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBefore:
    """All that a recipient has of a data set, and what of it is public."""

    tables: Sequence[ShownTable] = ()
    number: int = 0
    """Of the newest that was made for the recipient: who is next has the next."""


def recipient_of(permit: Permit) -> str:
    return permit.environment


def read_of(editions: Iterable[PinnedEdition], month: str) -> tuple[str, ...]:
    """Name the editions that a month is read from, in order."""
    return tuple(sorted(str(edition.id) for edition in editions if edition.covers(month)))


def shown_table(
    permit: Permit,
    editions: Sequence[PinnedEdition],
    measure: str,
    told: ShownCells,
    *,
    preparation_id: UUID,
    at: datetime,
) -> ShownTable:
    """Say what was shown of one measure of a table that was made.

    Raises:
        ValueError: it is of records

    """
    if permit.table is None:
        raise ValueError("no table")
    return ShownTable(
        preparation_id=preparation_id,
        extract_id=permit.extract_id,
        recipient=recipient_of(permit),
        data_set=permit.line.data_set,
        measure=measure,
        whose=Whose.of(permit),
        editions={month: read_of(editions, month) for month in permit.periods},
        filters=permit.filters,
        told=told,
        at=at,
        is_public=permit.table.disclosure == PUBLIC,
    )
