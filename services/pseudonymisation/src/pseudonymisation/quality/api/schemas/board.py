"""The landing board, as it crosses the wire."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.texts import Scanned
from common.web.logged import IsAsLogged
from pseudonymisation.intake.api.schemas.submissions import DATA_SET, ODS, RequestBody
from pseudonymisation.quality.api.windows import MONTH
from pseudonymisation.quality.domain.board import BoardKey, BoardLine
from pseudonymisation.quality.domain.schedule import Expectation

PLACE = r"^\d{4}-(W\d{2}|\d{2}(/\d{4}-\d{2})?)~[A-Z][A-Z0-9_]{1,31}~[A-Z0-9]{3,12}$"
BoardStateName = Literal["due", "late", "rejected", "under_way", "waiting", "landed"]


class NewExpectation(RequestBody):
    """Who should send what, from which month on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data_set": "SUS_APC",
                    "provider": "RR8",
                    "from": "2018-04",
                    "to": None,
                    "every": 1,
                    "reason": "Acute contract of 2018/19.",
                }
            ]
        }
    )

    data_set: Annotated[
        str, Field(pattern=DATA_SET, description="By its name."), Scanned(code=True)
    ]
    provider: Annotated[
        str, Field(pattern=ODS, description="Whose records: its code."), Scanned(code=True)
    ]
    first: Annotated[
        str, Field(alias="from", pattern=MONTH, description="The first month, `YYYY-MM`.")
    ]
    last: Annotated[
        str | None,
        Field(alias="to", pattern=MONTH, description="The last month; null: until it is ended."),
    ] = None
    every: Annotated[
        int,
        Field(
            ge=1,
            le=12,
            description="Months from one file to the next; weeks, where it is sent by the week.",
        ),
    ] = 1
    reason: Annotated[
        str,
        Field(min_length=3, max_length=500, description="Why it is expected."),
        Scanned(),
    ]


class EndExpectation(RequestBody):
    """With which month files are expected no longer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "2019-03", "reason": "The contract ended."}]}
    )

    last: Annotated[
        str, Field(alias="to", pattern=MONTH, description="The last month that is expected.")
    ]
    reason: Annotated[
        str,
        Field(min_length=3, max_length=500, description="Why it ends."),
        Scanned(),
    ]


class ExpectationView(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    provider: Annotated[str, Field(description="Its code in normal form.", examples=["RR8"])]
    first: Annotated[str, Field(alias="from", description="The first month, `YYYY-MM`.")]
    last: Annotated[str | None, Field(alias="to", description="The last month; null: open.")]
    every: Annotated[int, Field(description="Months, or weeks, from one file to the next.")]
    recorded_at: Annotated[datetime, Field(description="RFC 3339, in UTC.")]
    reason: Annotated[str, Field(description="Why it is expected, or why it ended.")]
    version: Annotated[int, Field(description="Counts the changes from 1.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, one: Expectation) -> Self:
        return cls(
            id=one.id,
            data_set=one.data_set,
            provider=one.provider,
            first=one.first,
            last=one.last,
            every=one.every,
            recorded_at=one.recorded_at,
            reason=one.reason,
            version=one.version,
            is_as_logged=is_as_logged(f"expectations/{one.id}"),
        )


class BoardLineView(BaseModel):
    """One period of one provider's data set."""

    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    provider: Annotated[str, Field(description="Its code.", examples=["RR8"])]
    period: Annotated[str, Field(description="Which is expected, or came.", examples=["2018-04"])]
    is_expected: Annotated[bool, Field(description="Whether anybody expected it.")]
    due_on: Annotated[date, Field(description="The legal day until which it is due.")]
    state: Annotated[
        BoardStateName,
        Field(
            description="`due`: nothing came and need not have; `late`: it should have; `rejected`:"
            " what came last was refused or taken back; `under_way`; `waiting`: for a second"
            " person; `landed`: it is in force."
        ),
    ]
    is_late: Annotated[
        bool,
        Field(description="Expected, and not in force, or for the first time after it was due."),
    ]
    edition_id: Annotated[UUID | None, Field(description="What is in force.")]
    submission_id: Annotated[
        UUID | None, Field(description="What came last, where nothing is in force.")
    ]
    landed_at: Annotated[
        datetime | None, Field(description="When the period was landed first, in UTC.")
    ]
    rows: Annotated[int | None, Field(description="Different records in force.")]
    rows_of_period_before: Annotated[
        int | None, Field(description="Different records in force of the period before.")
    ]
    rows_of_edition_before: Annotated[
        int | None, Field(description="Different records of the edition that it replaced.")
    ]
    has_shrunk: Annotated[
        bool,
        Field(description="Fewer records than one of these had, by more than the dated share."),
    ]
    differences: Annotated[
        int | None,
        Field(
            description="Of contract monitoring: sums of the period by which patient level and"
            " aggregate differ by more than the tolerance; null: nothing is held against it."
        ),
    ] = None

    @classmethod
    def of(cls, line: BoardLine) -> Self:
        return cls(
            data_set=line.data_set,
            provider=line.provider,
            period=str(line.period),
            is_expected=line.is_expected,
            due_on=line.due_on,
            state=line.state.value,
            is_late=line.is_late,
            edition_id=line.edition_id,
            submission_id=line.submission_id,
            landed_at=line.landed_at,
            rows=line.rows,
            rows_of_period_before=line.rows_of_period_before,
            rows_of_edition_before=line.rows_of_edition_before,
            has_shrunk=line.has_shrunk,
            differences=line.differences,
        )


class BoardPage(BaseModel):
    """A page of the landing board, the newest periods first."""

    items: list[BoardLineView]
    next: Annotated[
        str | None,
        Field(
            description="Pass as `after` for the next page; null on the last.",
            examples=["2018-04~SUS_APC~RR8"],
        ),
    ] = None
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, lines: list[BoardLine], limit: int) -> Self:
        shown = lines[:limit]
        return cls(
            items=[BoardLineView.of(line) for line in shown],
            next=place_of(shown[-1].key) if len(lines) > limit else None,
            is_as_logged=is_as_logged(),
        )


def place_of(key: BoardKey) -> str:
    """Write where a page ends."""
    return f"{key.period}~{key.data_set}~{key.provider}"


def key_of(place: str) -> BoardKey:
    """Read where a page ends."""
    return BoardKey(*place.split("~"))
