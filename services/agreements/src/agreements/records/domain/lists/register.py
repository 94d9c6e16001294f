"""Registers: what the public may read of contracts and relationships (domain.md 5.3, 9.2).

Never a person's name, never a service contract, a consent or who asked.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from agreements.records.domain.contract import Contract
from agreements.records.domain.parties.relationship import DSCRO_CODES, Relationship
from common.clock import legal_day
from common.ids import canonical, digest, digest_of
from common.replacement import Change

CONTRACT_COLUMNS = (
    ("con_ref", "Contract reference"),
    ("legal_entity", "Legal entity"),
    ("ods_code", "ODS code"),
    ("status", "Status"),
    ("signed_on", "Signed on"),
    ("start", "Start"),
    ("end", "End"),
    ("terminated_on", "Terminated on"),
)
"""The names of a line in JSON, and over its columns in XLSX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredContract:
    """A framework contract as the public may read it: no signatory, no reason."""

    con_ref: str
    legal_entity: str
    ods_code: str
    status: str
    signed_on: date | None
    start: date
    end: date | None
    terminated_on: date | None

    @classmethod
    def of(cls, contract: Contract, state: str) -> Self:
        signed, ended = contract.body_signed_at, contract.terminated_at
        return cls(
            con_ref=contract.reference,
            legal_entity=contract.legal_name,
            ods_code=contract.organisation,
            status=state,
            signed_on=None if signed is None else legal_day(signed),
            start=contract.valid_from,
            end=contract.valid_to,
            terminated_on=None if ended is None else legal_day(ended),
        )


LAYOUT = "relationships-register"
"""The name under which what is published is kept, as lists that were sent are."""
Row = dict[str, JsonValue]

RELATIONSHIP_COLUMNS = (
    "lcr_ref",
    "commissioner_ods",
    "commissioner_name",
    "commissioner_type",
    "nhse_area_team",
    "csu_ods",
    "csu_name",
    "dscro_name",
    "dscro_ods",
    "other_processors",
    "effective_from",
    "effective_to",
    "change_kind",
    "publication_version",
    "published_on",
)


NUMBERS = ("publication_version",)
"""Columns in which a spreadsheet may have a number in place of a text."""

OF_THE_EDITION = ("publication_version", "published_on")
"""What of a row says nothing of the relationship."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedForPublication:
    """A relationship that is to be published."""

    reference: str
    said: str = ""
    """The digest of what was to be said of it; nothing else is said of it when it is let in."""


def named(row: Row) -> ListedForPublication:
    return ListedForPublication(reference=str(row["lcr_ref"]), said=digest_of(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipEdition:
    """One published spreadsheet; it never changes afterwards. `content`: canonical JSON rows."""

    id: UUID
    number: int
    published_at: datetime
    digest: str
    content: str
    is_taken_back: bool = False
    """What it says is not shown any more."""

    @classmethod
    def of(cls, rows: Iterable[Row], *, id_: UUID, number: int, at: datetime) -> Self:
        """Write the next one."""
        of_it: Row = {
            "publication_version": number,
            "published_on": legal_day(at).isoformat(),
        }
        said: list[JsonValue] = [row | of_it for row in rows]
        content = canonical(said)
        return cls(
            id=id_,
            number=number,
            published_at=at,
            digest=digest(content),
            content=content.decode(),
        )

    def said(self) -> dict[str, Row]:
        """Return what it says of each relationship, in its order."""
        return {
            str(row["lcr_ref"]): {k: v for k, v in row.items() if k not in OF_THE_EDITION}
            for row in self.rows()
        }

    def rows(self) -> list[dict[str, JsonValue]]:
        rows: list[dict[str, JsonValue]] = json.loads(self.content)
        return rows

    def shown(self) -> list[Row]:
        """Return its rows, or none where it was taken back."""
        return [] if self.is_taken_back else self.rows()

    def supporting(self, ods: str, day: date) -> list[Row]:
        """Return the rows in force on a day that name an organisation, whichever its part is."""
        parts = ("commissioner_ods", "csu_ods", "nhse_area_team", "dscro_ods")
        return [
            row
            for row in self.shown()
            if ods in {*(row.get(part) for part in parts), *_texts(row.get("other_processors"))}
            and str(row["effective_from"]) <= day.isoformat() <= str(row["effective_to"] or "9999")
        ]

    def names(self, reference: str) -> bool:
        """Check whether a relationship is in this edition."""
        return any(row["lcr_ref"] == reference for row in self.rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRow:
    """What two editions say of one relationship, as far as they differ, column by column."""

    reference: str
    before: Row
    after: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionDifference:
    """How a later edition differs from an earlier one."""

    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changed: tuple[ChangedRow, ...]


def difference(earlier: RelationshipEdition, later: RelationshipEdition) -> EditionDifference:
    """Compare what two editions say; one that was taken back says nothing."""
    before = {} if earlier.is_taken_back else earlier.said()
    after = {} if later.is_taken_back else later.said()
    return EditionDifference(
        added=tuple(row for reference, row in after.items() if reference not in before),
        removed=tuple(row for reference, row in before.items() if reference not in after),
        changed=tuple(
            ChangedRow(
                reference=reference,
                before={n: v for n, v in before[reference].items() if v != row.get(n)},
                after={n: v for n, v in row.items() if v != before[reference].get(n)},
            )
            for reference, row in after.items()
            if reference in before and row != before[reference]
        ),
    )


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def publishable(
    relationships: Iterable[Relationship], *, names: Mapping[str, str], at: datetime
) -> dict[str, Row]:
    """Return what may be published: the active ones to which everybody involved consented."""
    return {
        r.reference: {
            "lcr_ref": r.reference,
            "commissioner_ods": r.commissioner,
            "commissioner_name": names.get(r.commissioner),
            "commissioner_type": r.commissioner_type,
            "nhse_area_team": r.area_team,
            "csu_ods": r.csu,
            "csu_name": names.get(r.csu) if r.csu is not None else None,
            "dscro_name": None if r.dscro in DSCRO_CODES else r.dscro,
            "dscro_ods": r.dscro if r.dscro in DSCRO_CODES else None,
            "other_processors": list(r.processors),
            "effective_from": r.valid_from.isoformat(),
            "effective_to": None if r.valid_to is None else r.valid_to.isoformat(),
            "change_kind": r.change_kind.value,
        }
        for r in sorted(relationships, key=lambda r: (r.commissioner, r.reference))
        if r.can_be_published(at)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPlan:
    """The rows of the next edition, and what it changes of the one in force."""

    rows: tuple[Row, ...]
    change: Change


def plan_register(
    references: Iterable[str], before: Mapping[str, Row], now: Mapping[str, Row]
) -> RegisterPlan:
    """Name these, as they are now; what may not be published any more is not named."""
    named = frozenset(references)
    rows = {reference: row for reference, row in now.items() if reference in named}
    return RegisterPlan(rows=tuple(rows.values()), change=Change.between(before, rows))
