"""The public register of what was passed on, as it crosses the wire."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import Outgoing, SealedView
from agreements.records.domain.terms.onward import Ground
from agreements.records.use_cases.passing.onward import PublicShare


class RegisteredShareView(SealedView):
    """Data that went on to another organisation by a clause of the agreement."""

    id: Annotated[UUID, Field(description="Names the line; a link by it stays.")]
    reference: Annotated[str, Field(description="The agreement's, without a version.")]
    version: Annotated[str, Field(description="The version whose clause allowed it.")]
    line: Annotated[int, Field(description="The number of the line in that version.")]
    level: Annotated[str, Field(description="What kind of data: the line's classification.")]
    recipient: Annotated[str, Field(description="Who has them since, by its ODS code.")]
    shared_on: Annotated[date, Field(description="The day, in Europe/London.")]
    shared_by: Annotated[str, Field(description="Who passed them on, by its ODS code.")]
    ground: Annotated[Ground | None, Field(description="The clause: a party, or a sub-licence.")]

    @classmethod
    def of(cls, one: PublicShare) -> Self:
        return cls.model_validate(asdict(one.line))


class RegisteredSharePage(Outgoing):
    as_of: Annotated[datetime, Field(description="When it was read, in UTC.")]
    items: Annotated[list[RegisteredShareView], Field(description="In the order of logging.")]
    next: Annotated[
        UUID | None, Field(description="Pass as `after` for the next page; null on the last.")
    ]


COLUMNS = (
    ("reference", "DARS-NIC reference"),
    ("version", "Version"),
    ("line", "Line"),
    ("level", "Type of data"),
    ("recipient", "Passed on to"),
    ("shared_on", "On"),
    ("shared_by", "Passed on by"),
    ("ground", "By"),
    ("id", "Line in the register"),
)
"""The names of a line in JSON and CSV, and over its columns in XLSX."""
