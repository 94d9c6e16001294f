"""What crosses the wire about a replacement: how it stands, why it is let in or taken back."""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from common.errors import Invalid
from common.replacement import ReplacementStatus, State
from common.texts import Scanned

StateName = Literal["accepted", "waiting", "confirmed", "leaving", "taken_back", "superseded"]

OfState = Annotated[
    StateName | None,
    Query(alias="state", description="Only those that stand so; `waiting`: for a second person."),
]


def filtered(name: StateName | None) -> State | None:
    return None if name is None else State(name)


def _printable(text: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Cf"} and c not in "\n\t" for c in text):
        raise Invalid("control characters are not taken")
    return text


class Reason(BaseModel):
    """Why something that replaces is let into force, or taken back."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [{"reason": "The provider confirmed by telephone that the month is whole."}]
        },
    )

    reason: Annotated[
        str,
        AfterValidator(_printable),
        Field(
            min_length=3,
            max_length=2_000,
            description="A sentence for whoever audits it, up to 2,000 characters; nothing about"
            " a person.",
        ),
        Scanned(),
    ]


class ChangeView(BaseModel):
    """What a replacement changes, in rows; the preview of whoever decides."""

    model_config = ConfigDict(from_attributes=True)

    before: Annotated[int, Field(description="Rows of what was in force when it came.")]
    after: Annotated[int, Field(description="Rows of what was sent.")]
    added: Annotated[int, Field(description="Rows that come.")]
    removed: Annotated[int, Field(description="Rows that go.")]
    changed: Annotated[int, Field(description="Rows that stay and say something else.")]


class StandingView(BaseModel):
    """How a replacement stands, and who decided it."""

    state: Annotated[
        StateName,
        Field(
            description="`accepted`: in force since it came. `waiting`: for a second person; the"
            " stricter of it and of what is in force holds. `confirmed`: in force since a second"
            " person said so. `leaving`: in force, and its withdrawal waits for a second person."
            " `taken_back`, `superseded`: in force no more."
        ),
    ]
    change: ChangeView
    proposed_by: Annotated[str, Field(description="The subject who sent it.")]
    proposed_at: Annotated[datetime, Field(description="When it was sent, RFC 3339, in UTC.")]
    decided_by: Annotated[
        str | None, Field(description="The subject who confirmed it or took it back.")
    ]
    decided_at: Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
    reason: Annotated[str | None, Field(description="Of whoever decided last.")]

    @classmethod
    def of(cls, standing: ReplacementStatus) -> Self:
        return cls(
            state=standing.state.value,
            change=ChangeView.model_validate(standing.change),
            proposed_by=standing.proposed_by,
            proposed_at=standing.proposed_at,
            decided_by=standing.decided_by,
            decided_at=standing.decided_at,
            reason=standing.reason,
        )
