"""Subject access requests, as they cross the wire: a number in the body alone."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from common.web.replacement import Reason
from pseudonymisation.people.api.schemas.confirmed import (
    Answers,
    AskedAt,
    Confirmation,
    ConfirmedAt,
    ConfirmedBy,
    EndsAt,
)
from pseudonymisation.people.domain.subject_access import FoundIn, SubjectAccess
from pseudonymisation.people.use_cases.subject_access import Told

SearchedName = Literal["in_it", "cannot_be_told"]
StateName = Literal["waiting", "ready", "over"]


class WantedSubjectAccess(Reason):
    """Who asks to know, and why it is looked for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "nhs_number": "9990000018",
                    "reason": "Request of a data subject of 2018-06-01, identity checked.",
                }
            ]
        },
    )

    nhs_number: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{10}$",
            description="Ten digits, here in the body alone: it is turned into the haven's token at"
            " once, and neither kept nor logged.",
        ),
    ]


class SubjectAccessView(BaseModel):
    """A request, and how it stands; not of whom."""

    id: UUID
    asked_by: Annotated[str, Field(description="The subject who asked.")]
    reason: Annotated[str, Field(description="Why, in words.")]
    asked_at: AskedAt
    state: Annotated[
        StateName,
        Field(
            description="`waiting`: for another person of information governance. `ready`: the"
            " answer can be fetched. `over`: its time is over."
        ),
    ]
    ends_at: EndsAt
    confirmed_by: ConfirmedBy
    confirmed_at: ConfirmedAt
    confirmation: Confirmation
    answers: Answers
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, one: SubjectAccess, at: datetime) -> Self:
        return cls(
            id=one.id,
            asked_by=one.asked_by,
            reason=one.reason,
            asked_at=one.asked_at,
            state=one.standing(at).value,
            ends_at=one.ends_at,
            confirmed_by=one.confirmed_by,
            confirmed_at=one.confirmed_at,
            confirmation=one.confirmation,
            answers=one.answers,
            is_as_logged=is_as_logged(f"subject-access-requests/{one.id}"),
        )


class ReleaseOfPerson(BaseModel):
    """A released extract that has rows of the person, or of which that cannot be told any more."""

    extract_id: UUID
    files: Annotated[
        list[UUID], Field(description="What left of it, as the public register names it.")
    ]
    found: Annotated[
        SearchedName,
        Field(
            description="`in_it`: rows of the person are in it. `cannot_be_told`: the key of its"
            " tokens, or its files, are destroyed."
        ),
    ]
    agreement: str
    purpose: str
    data_set: str
    periods: Annotated[list[str], Field(description="Months of its records.")]
    recipients: Annotated[
        list[str], Field(description="Codes of the organisations that answer for its files.")
    ]
    environment: Annotated[UUID | str, Field(description="The recipient environment, by its id.")]
    released_at: Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
    identified: Annotated[
        bool, Field(description="Whether people's identity was in it, and not a pseudonym alone.")
    ]
    opt_outs_applied: Annotated[
        bool, Field(description="Whether people who opted out were left out of it.")
    ]
    opt_outs_by: Annotated[
        Literal["list", "check"] | None,
        Field(
            description="How it was known who opted out: a list of objectors, or the national"
            " check. Null where opt-outs did not apply."
        ),
    ]

    @classmethod
    def of(cls, one: FoundIn) -> Self:
        permit = one.extract.permit
        return cls(
            extract_id=UUID(permit.extract_id),
            files=sorted(release.file_id for release in one.releases),
            found=one.searched.value,
            agreement=permit.agreement.reference,
            purpose=permit.line.purpose,
            data_set=permit.line.data_set,
            periods=list(permit.periods),
            recipients=sorted({release.holder for release in one.releases}),
            environment=permit.environment,
            released_at=min(release.released_at for release in one.releases),
            identified=bool(permit.identified),
            opt_outs_applied=permit.opt_out.applied,
            opt_outs_by=permit.opt_out.by if permit.opt_out.applied else None,
        )


class SubjectAccessAnswer(BaseModel):
    """The answer. It is kept nowhere."""

    id: UUID
    searched: Annotated[int, Field(description="How many extracts of records were looked through.")]
    releases: Annotated[
        list[ReleaseOfPerson],
        Field(
            description="Oldest first. Records without the person's NHS number cannot be found, nor"
            " those of a second person (a baby beside its mother) in a file without their"
            " pseudonym; tables have no rows of anybody."
        ),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, told: Told) -> Self:
        return cls(
            id=told.asked.id,
            searched=told.searched,
            releases=[ReleaseOfPerson.of(one) for one in told.found],
            is_as_logged=is_as_logged(),
        )
