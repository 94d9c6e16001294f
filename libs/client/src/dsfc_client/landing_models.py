"""What the haven says of files that landed: how they stand, how good they are, what is late."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from dsfc_client._http import Wire


class FieldQuality(Wire):
    """How good the values of one field are; every judged value is of exactly one kind."""

    field: str
    judged: int
    valid: int
    missing: int
    invalid: int
    default: int
    withheld: int
    duplicate: int | None = None
    completeness: float | None = None
    validity: float | None = None


class EditionQuality(Wire):
    """What was measured of an edition when it was landed; `standing`: whether it is read today."""

    edition_id: UUID
    submission_id: UUID
    data_set: str
    provider: str
    period: str
    number: int
    standing: str
    landed_at: datetime
    records: int
    fields: tuple[FieldQuality, ...]


class Edition(Wire):
    """A provider's period as it was landed; `state` says whether it is in force or waits."""

    id: UUID
    submission_id: UUID
    data_set: str
    provider: str
    period: str
    number: int
    rows: int
    state: str
    status: str
    landed_at: datetime
    superseded_by: UUID | None = None


class Expectation(Wire):
    """That a provider should send a data set, from one month to another."""

    id: UUID
    data_set: str
    provider: str
    every: int
    """Months, or weeks, from one file to the next."""
    reason: str


class QuarantinedRow(Wire):
    """Why a line was set aside: its number, the column and a code; never its values."""

    line: int
    column: str | None = None
    code: str
    detail: str | None = None


class StatedQuality(Wire):
    """What is public of an edition: figures are texts, `*` where small numbers are hidden."""

    edition_id: UUID
    data_set: str
    period: str
    provider: str
    landed_on: date
    records: str
    rule: str
    fields: tuple[dict[str, Any], ...]


class LandingLine(Wire):
    """One line of the landing board: a provider's period of a data set."""

    data_set: str
    provider: str
    period: str
    is_expected: bool
    due_on: date
    state: str
    is_late: bool
    rows: int | None = None
    has_shrunk: bool
