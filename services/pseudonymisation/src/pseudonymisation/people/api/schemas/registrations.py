"""Lists of registrations, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from common.web.replacement import StandingView
from pseudonymisation.people.domain.registration import RegistrationList


class RegistrationListView(StandingView):
    """A list of registrations: that it is there, how it stands, never who is on it."""

    id: UUID
    list_date: Annotated[date, Field(description="The day whose registrations it holds.")]
    people: Annotated[int, Field(description="How many people are on it.")]
    digest: Annotated[str, Field(description="Of what was sent: `sha256:` and the hash.")]
    imported_at: Annotated[datetime, Field(description="When it came, RFC 3339, in UTC.")]
    is_destroyed: Annotated[
        bool, Field(description="Its content is gone: it was taken back, or another is in force.")
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of_list(cls, listed: RegistrationList) -> Self:
        return cls(
            **StandingView.of(listed.standing).model_dump(),
            id=listed.id,
            list_date=listed.list_date,
            people=listed.people,
            digest=listed.digest,
            imported_at=listed.imported_at,
            is_destroyed=listed.object_key is None,
            is_as_logged=is_as_logged(f"practice-registrations/{listed.id}"),
        )
