"""Registers: what the public may read of contracts and relationships (domain.md 5.3, 9.2).

Never a person's name, never a service contract, a consent or who asked.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from agreements.domain.relationship import DSCRO_CODES, Relationship
from common.ids import canonical

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipEdition:
    """One published spreadsheet; it never changes afterwards. `content`: canonical JSON rows."""

    id: UUID
    number: int
    published_at: datetime
    digest: str
    content: str

    def rows(self) -> list[dict[str, JsonValue]]:
        rows: list[dict[str, JsonValue]] = json.loads(self.content)
        return rows

    def names(self, reference: str) -> bool:
        """Whether a relationship is in this edition."""
        return any(row["lcr_ref"] == reference for row in self.rows())


def relationship_rows(
    relationships: Iterable[Relationship],
    *,
    names: Mapping[str, str],
    number: int,
    published_at: datetime,
    published_on: str,
) -> bytes:
    """Return the rows of an edition: the active ones to which everybody involved consented."""
    rows: list[JsonValue] = [
        {
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
            "publication_version": number,
            "published_on": published_on,
        }
        for r in sorted(relationships, key=lambda r: (r.commissioner, r.reference))
        if r.can_be_published(published_at)
    ]
    return canonical(rows)
