"""What is answered from the public register of data uses."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue

from common.web.pagination import LIMIT_MAX, Page
from dissemination.api.schemas.extracts import Outgoing
from dissemination.domain.agreement_status import Availability
from dissemination.domain.register import (
    STATUS_COLUMNS,
    Completeness,
    Listed,
    RegisterStatement,
)

CHANGING = {name for name, _ in STATUS_COLUMNS}
"""What is said of a line besides what was frozen at the release."""


class MissingLineView(Outgoing):
    """A file that was released, as the audit log says, and of which the register has no line."""

    file_id: Annotated[UUID, Field(description="The released file.")]
    reference: Annotated[str, Field(description="Of the agreement.", examples=["DARS-NIC-1-A"])]
    released_at: Annotated[datetime, Field(description="When it was released, in UTC.")]


class RegisterLineView(Outgoing):
    """A line of the public register of data uses, with the present status of the file."""

    controllers: str
    controller_type: str
    project_title: str
    reference: str
    agreement_start: date
    agreement_end: date
    data_set: str
    classification: str
    sensitivity: str
    legal_basis: str
    opt_outs_applied: str
    opt_outs_reason: str
    commercial_purpose: str
    access_method: str
    sub_licensing: str
    released_at: datetime
    objectives: str
    processing: str
    expected_outputs: str
    expected_benefits: str
    yielded_benefits: str
    advisory_minutes: str
    file_id: UUID
    filters: Annotated[
        str,
        Field(description="Which rows are in the file, in words; empty: all of the line."),
    ]
    assumed: Annotated[
        str,
        Field(
            description="Columns, and rules by which the file was made, that nobody published;"
            " empty: none.",
            examples=["columns: Age; landing rules SUS_APC 5: LEGALLY_RESTRICTED"],
        ),
    ]
    changes: Annotated[
        str,
        Field(
            description="Of a change set: the extract that its changes lead from; empty: the file"
            " has the records themselves, or a table.",
            examples=["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a12"],
        ),
    ]
    counted: Annotated[
        str,
        Field(
            description="Of a table of a data set that is supplied in groups: what is counted, and"
            " what one of it is; empty: the file is no such table.",
            examples=["Referrals.people: one is a person whom rows are about"],
        ),
    ]
    bridged: Annotated[
        str,
        Field(
            description="Of a bridging file: the line of the same recipient with whose pseudonyms"
            " those of this one are paired; empty: the file pairs none.",
            examples=["SUS_OP for COM under DARS-NIC-654321-Z9Y8X"],
        ),
    ]
    status: Annotated[
        Availability,
        Field(
            description="`superseded`: may be fetched, and a newer edition is there; ask again to"
            " have it. `suspended`: not now. `withdrawn`: never again, since the agreement is over"
            " or an edition in it was landed by unsafe rules (`EDITION_UNSAFE`)."
        ),
    ]
    status_code: Annotated[
        str | None,
        Field(
            description="What the decision would say. `FILE_VOID`: what it was made with was taken"
            " back, or another file took its place before it was fetched."
        ),
    ]
    status_since: datetime | None
    is_as_released: Annotated[
        bool | None,
        Field(
            description="Whether the line says what it said at the release, by the audit log; null:"
            " it was released before the log said it. `false`: somebody wrote into the database"
            " past the service."
        ),
    ]
    is_status_as_logged: Annotated[
        bool | None,
        Field(
            description="Whether the status is as the audit log tells; null: it is from before the"
            " log told of it. `false`: somebody wrote into the database past the service."
        ),
    ]

    @classmethod
    def of(cls, listed: Listed) -> "RegisterLineView":
        return cls.model_validate(listed.told)


class RegisterPage(Page[RegisterLineView]):
    """Lines of the register, and whether it has all."""

    as_of: Annotated[datetime | None, Field(description="To when its statuses apply, in UTC.")] = (
        None
    )
    is_complete: Annotated[
        bool,
        Field(
            description="Whether the register has a line for every file that the audit log says was"
            " released. If not, somebody wrote into the database past the service."
        ),
    ] = True
    missing: Annotated[
        list[MissingLineView],
        Field(
            description="Files of which the line is gone, the first 200 of the whole register.",
            default_factory=list,
        ),
    ]

    def told(self, found: Completeness, at: datetime) -> Self:
        """Say with it whether the register is complete, and of what instant it is."""
        missing = [MissingLineView.model_validate(one) for one in found.missing[:LIMIT_MAX]]
        return self.model_copy(
            update={"is_complete": found.is_complete, "missing": missing, "as_of": at}
        )


def frozen_row(listed: Listed) -> JsonValue:
    """Return what a line of the register says, without what changes after the release."""
    row: JsonValue = RegisterLineView.of(listed).model_dump(mode="json", exclude=CHANGING)
    return row


class RegisterStatementView(Outgoing):
    """How the register of data uses stands to the audit log at an instant, signed."""

    register_: Annotated[
        Literal["data-uses"], Field(alias="register", description="Which register.")
    ]
    as_of: Annotated[datetime, Field(description="When it was compared, in UTC.")]
    is_complete: Annotated[
        bool,
        Field(
            description="Whether every released file has its line, and every line says what it said"
            " at the release."
        ),
    ]
    rows: Annotated[int, Field(ge=0, description="Lines of the register.")]
    digest: Annotated[
        str,
        Field(
            description="SHA-256 over its lines in order, without the members that change after the"
            " release (`status`, `status_code`, `status_since`, `is_as_released`,"
            " `is_status_as_logged`), in canonical JSON (RFC 8785): `items` of all pages, one"
            " after another.",
            examples=["sha256:" + "0" * 64],
        ),
    ]
    missing: Annotated[
        list[MissingLineView],
        Field(description="Files that were released, and of which the line is gone."),
    ]
    not_as_released: Annotated[
        list[UUID],
        Field(description="Files of which the line says something else than at the release."),
    ]
    unreadable: Annotated[list[UUID], Field(description="Lines that cannot be read.")]
    log_is_whole: Annotated[
        bool, Field(description="Whether the audit log has each leaf, and its newest checkpoint.")
    ]
    log_size: Annotated[int, Field(ge=0, description="Leaves of the audit log.")]
    log_root: Annotated[str, Field(description="Its root (RFC 6962), in hexadecimal.")]
    statement: Annotated[
        str,
        Field(
            description="All of this as a JWS of `typ` `dsfc-data-uses-statement+jws`; the key is"
            " in `/.well-known/jwks.json`."
        ),
    ]

    @classmethod
    def claims(cls, found: RegisterStatement) -> dict[str, JsonValue]:
        """Return what is signed."""
        missing = [MissingLineView.model_validate(one) for one in found.completeness.missing]
        return {
            "register": "data-uses",
            "as_of": found.as_of.isoformat(),
            "is_complete": found.is_complete,
            "rows": found.rows,
            "digest": found.digest,
            "missing": [one.model_dump(mode="json") for one in missing],
            "not_as_released": [str(one) for one in found.not_as_released],
            "unreadable": [str(one) for one in found.unreadable],
            "log_is_whole": found.completeness.log_is_whole,
            "log_size": found.head.size,
            "log_root": found.head.root,
        }
