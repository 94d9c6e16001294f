"""What the haven vouches for in one file (design.md sections 3 and 5).

Agreements judges the release on this and on its own facts, on nobody's word besides. So it
says what was done to the rows that were written, never what was meant to be done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import JsonValue

from catalogue import DataSet, caps
from pseudonymisation.domain.permit import Permit
from pseudonymisation.domain.preparation import OptOutList, PinnedEdition

ORDER: Final = "token"
"""Rows stand in the order of their tokens, because any other order could link extracts."""
TOKEN_COLUMN: Final = "Token"  # noqa: S105 - a column's name
REASON_COLUMN: Final = "Reason_For_Access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the engine did, counted while it did it."""

    rows: int
    people: int
    people_left_out: int
    """Opted-out people of whom the selection had rows."""
    rows_left_out: int
    rows_without_person_left_out: int
    """Rows without a valid NHS number, left out where opt-outs are upheld."""
    rows_without_reason: int
    """Counted in what was written. Anything but nought must not be released."""
    rows_repeated_left_out: int
    """Of records that were there again: in two months, from two submitters, or twice in a file."""
    scan_rule: str
    scanned_columns: tuple[str, ...]
    scan_hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedFile:
    id: UUID
    format: str
    object_key: str
    bytes: int
    digest: str
    rows: int

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "id": str(self.id),
            "format": self.format,
            "object_key": self.object_key,
            "bytes": self.bytes,
            "digest": self.digest,
            "rows": self.rows,
        }


def columns_of(permit: Permit, data_set: DataSet) -> list[JsonValue]:
    """Name all columns of the file in their order, with the two that every file has."""
    own: list[JsonValue] = [
        {"name": TOKEN_COLUMN, "treatment": "pseudonym", "class": "DER"},
        {"name": REASON_COLUMN, "treatment": "derived", "class": "DER"},
    ]
    return own + [
        {
            "name": field.name,
            "treatment": field.treatment.value,
            "class": data_set.releasable(field.name).class_.value,
        }
        for field in permit.fields
    ]


def claims(
    file: AttestedFile,
    *,
    permit: Permit,
    data_set: DataSet,
    editions: Sequence[PinnedEdition],
    opt_outs: Sequence[OptOutList],
    outcome: Outcome,
) -> dict[str, JsonValue]:
    """Say what is in one file; whoever signs adds issuer, audience and times."""
    population = permit.population
    return {
        "sub": str(file.id),
        "permit_id": str(permit.id),
        "preparation_id": str(permit.id),
        "extract_id": str(permit.extract_id),
        "file": file.as_json(),
        "line": permit.line.as_json(),
        "columns": columns_of(permit, data_set),
        "periods": list(permit.periods),
        "editions": [edition.as_json() for edition in editions],
        "population": {
            "codes": list(population.codes),
            "reasons": list(population.reasons),
            "map_versions": {
                "practice": _distinct(e.practice_map for e in editions),
                "postcode": _distinct(e.postcode_map for e in editions),
            },
            "rows_without_reason": outcome.rows_without_reason,
            # Said where there were any: most files have none, and say what they always said.
            **(
                {"rows_repeated_left_out": outcome.rows_repeated_left_out}
                if outcome.rows_repeated_left_out
                else {}
            ),
        },
        "domain": permit.domain.id,
        "opt_out": {
            "applied": permit.opt_out.applied,
            "list_id": str(opt_outs[0].id) if opt_outs else None,
            "list_date": opt_outs[0].list_date.isoformat() if opt_outs else None,
            "list_digest": opt_outs[0].digest if opt_outs else None,
            "besides": [str(other.id) for other in opt_outs[1:]],
            **({"by": "check"} if permit.opt_out.by == "check" else {}),
            "people_left_out": outcome.people_left_out,
            "rows_without_person_left_out": outcome.rows_without_person_left_out,
        },
        "scan": {
            "rule": outcome.scan_rule,
            "columns": list(outcome.scanned_columns),
            "hits": outcome.scan_hits,
        },
        "caps": _caps(permit, data_set),
        "disclosure_rule": permit.disclosure_rule,
        "order": ORDER,
    }


def _caps(permit: Permit, data_set: DataSet) -> dict[str, JsonValue]:
    """Say by which rule columns of the line cap each other, and what became of which."""
    rule = caps()
    done = rule.on_line(data_set, {field.name: field.treatment for field in permit.fields})
    return {"rule": rule.rule, "columns": {name: str(cap) for name, cap in sorted(done.items())}}


def _distinct(ids: Iterable[str | None]) -> list[JsonValue]:
    distinct: set[JsonValue] = {id_ for id_ in ids if id_ is not None}
    return sorted(distinct, key=str)
