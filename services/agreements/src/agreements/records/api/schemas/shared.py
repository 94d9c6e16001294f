"""What all schemas share."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from agreements.records.use_cases.context import Compared
from common.errors import Invalid
from common.texts import Scanned

T = TypeVar("T")

Notices = Annotated[
    tuple[Literal["SPELLING_CORRECTED"], ...],
    Field(
        description="SPELLING_CORRECTED: the name was written in another spelling than the loaded"
        " lists have, and is recorded as they have it."
    ),
]


def noticed(written: str, recorded: str) -> tuple[Literal["SPELLING_CORRECTED"], ...]:
    """Say what became of a name that was written."""
    return () if written == recorded else ("SPELLING_CORRECTED",)


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class Outgoing(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def _in_range(day: date) -> date:
    # London's rules cannot be computed for the very ends of the calendar.
    if not date(1900, 1, 1) <= day <= date(2999, 12, 31):
        raise Invalid("the date must lie between 1900-01-01 and 2999-12-31")
    return day


def _utc(instant: datetime) -> datetime:
    _in_range(instant.date())
    return instant.astimezone(UTC)


def _printable(text: str) -> str:
    # A database may not take them, and a reader may be misled by them.
    if any(unicodedata.category(c) in {"Cc", "Cf"} and c not in "\n\t" for c in text):
        raise Invalid("control characters are not taken")
    return text


Day = Annotated[date, AfterValidator(_in_range)]
Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,9}$", description="An ODS code.")]
ClientId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="A client's `azp`."),
    Scanned(code=True),
]
Name = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=200), Scanned()]
Label = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=100), Scanned()]
Words = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=4_000), Scanned()]
Hash = Annotated[
    str,
    Field(pattern=r"^sha256:[0-9a-f]{64}$", description="`sha256:` and the hash in hexadecimal."),
]
RoleName = Annotated[
    Label,
    Field(
        description="The role in which one signs, such as SIRO; never a person's name.",
        examples=["Senior Information Risk Owner"],
    ),
]
Instant = Annotated[
    AwareDatetime, AfterValidator(_utc), Field(description="RFC 3339, with a zone.")
]


NotAsSealed = Annotated[
    list[str] | None,
    Field(
        description="Tables whose rows about it are not those that were sealed: what is shown here"
        " may have been written past the service, and every decision that rests on it is"
        " `SEAL_BROKEN`. Empty: all are as sealed. Null in the answer to a command: not compared.",
    ),
]


class SealedView(Outgoing):
    """What is shown with whether it is what this service wrote (docs/adr/0024)."""

    not_as_sealed: NotAsSealed = None


V = TypeVar("V", bound=SealedView)


def told(show: Callable[[T], V]) -> Callable[[Compared[T]], V]:
    """Show what was held against its seal, by the view of what it is."""

    def tell(shown: Compared[T]) -> V:
        view = show(shown.one)
        view.not_as_sealed = [*shown.not_as_sealed]
        return view

    return tell
