"""Months by which what was measured is asked for: one, or a range."""

from typing import Annotated, Final

from fastapi import Query

MONTH: Final = r"^\d{4}-(0[1-9]|1[0-2])$"

OfMonth = Annotated[str | None, Query(pattern=MONTH, description="Of which the period has a part.")]
FromMonth = Annotated[
    str | None,
    Query(alias="from", pattern=MONTH, description="Periods with a part in it or later."),
]
ToMonth = Annotated[
    str | None,
    Query(alias="to", pattern=MONTH, description="Periods with a part in it or earlier."),
]
