"""What is said of every request that a second person may have to confirm."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

AskedAt = Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
EndsAt = Annotated[
    datetime,
    Field(
        description="Until when it can be confirmed where it waits, and else until when the"
        " answer can be fetched. RFC 3339, in UTC."
    ),
]
ConfirmedBy = Annotated[str | None, Field(description="The second person's subject.")]
ConfirmedAt = Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
Confirmation = Annotated[str | None, Field(description="The second person's reason.")]
Answers = Annotated[int, Field(description="How often the answer was fetched.")]
