"""What is answered. Never a row, never a domain object; the body of a request is a statement."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from catalogue import Catalogue, UnknownDataSet
from catalogue.relations.linking import unlinked
from common.audit import is_as_logged
from common.security.jws import unverified
from common.unreadable import from_row
from common.web.logged import IsAsLogged
from dissemination.domain.agreement_status import Availability
from dissemination.domain.attestation import SignedAttestation
from dissemination.domain.delivery import Delivery, Outcome
from dissemination.domain.extract import Extract, Permit, PreparedFile, State
from dissemination.domain.landed import QualitySummary
from dissemination.use_cases.extracts import ExtractWithStatus, FilesOfExtract
from dissemination.use_cases.ports import Logged
from statements.filters import WantedFilter
from statements.permit import OptOut
from statements.vocabulary import Classification, Format, Purpose


class Outgoing(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RefusalView(Outgoing):
    code: str
    detail: str
    subject: str | None


class ProgressView(Outgoing):
    rows_done: int
    rows_total: int | None


class FileView(Outgoing):
    id: UUID
    format: Format
    bytes: int
    digest: Annotated[str, Field(description="Also the content's ETag.")]
    rows: Annotated[
        int,
        Field(
            description="Records in the file. Of those that come again, as the landing rules know"
            " them, one is in it; how many were left out is in the manifest"
            " (`population.rows_repeated_left_out`)."
        ),
    ]
    content: Annotated[str, Field(description="Where its bytes are asked for.")]
    manifest: str
    released_at: Annotated[
        datetime | None,
        Field(description="Null, with `is_as_logged` false, where the release itself is gone."),
    ]
    destroyed_at: Annotated[
        datetime | None,
        Field(
            description="When its destruction was accepted; from then on it is refused with"
            " `FILE_DESTROYED`. Null: it was not."
        ),
    ] = None
    changes_since: Annotated[
        str | None,
        Field(
            description="It is a change set: what was added, removed and changed since the extract"
            " of this id. Null: it has the records themselves, or a table."
        ),
    ] = None
    is_as_logged: IsAsLogged

    @classmethod
    def of(
        cls,
        file: PreparedFile,
        *,
        released_at: datetime | None,
        destroyed: Mapping[UUID, datetime],
    ) -> "FileView":
        return cls(
            id=file.id,
            format=file.format,
            bytes=file.bytes,
            digest=file.digest,
            rows=file.rows,
            content=f"/v1/files/{file.id}/content",
            manifest=f"/v1/files/{file.id}/manifest",
            released_at=released_at,
            destroyed_at=destroyed.get(file.id),
            changes_since=_since(file),
            is_as_logged=is_as_logged(f"files/{file.id}"),
        )


class ReleasedFileView(Outgoing):
    """A released file, as the ledger of holdings is held against it."""

    file_id: Annotated[UUID, Field(description="The file.")]
    extract_id: Annotated[UUID, Field(description="The extract or table that it is of.")]
    holding_id: Annotated[str, Field(description="How agreements knows it.")]
    released_at: Annotated[datetime, Field(description="When it was released.")]
    being_delivered: Annotated[bool, Field(description="Whether bytes of it are leaving now.")]


class FileList(Outgoing):
    items: list[FileView]
    gone: Annotated[
        list[UUID],
        Field(
            description="Ids of files that were released and are not there any more: somebody wrote"
            " into the database past the service. Empty: there are none."
        ),
    ]

    @classmethod
    def of(cls, found: FilesOfExtract) -> "FileList":
        return cls(
            items=[
                FileView.of(one.file, released_at=one.released_at, destroyed=found.destroyed)
                for one in found.releases
            ],
            gone=[*found.gone],
        )


class AvailabilityView(Outgoing):
    """How it stands; whether a byte leaves is decided at every fetch."""

    state: Annotated[Availability, Field(validation_alias="availability")]
    code: Annotated[
        str | None,
        Field(
            description="What the decision would say; `EDITION_SUPERSEDED` where it says yes, and"
            " a newer edition is there. `FILE_VOID`: what it was made with was taken back, or"
            " another file took its place; destroy what was fetched."
        ),
    ]
    agreement_state: str | None
    since: datetime | None


class ReadEditionView(Outgoing):
    """An edition that it was made of, and what took its place since."""

    id: Annotated[str, Field(description="As manifests and quality reports name it.")]
    replaced_by: Annotated[
        str | None, Field(description="The edition in force instead; null: it was not replaced.")
    ]
    replaced_at: datetime | None


class ExtractStanding(Outgoing):
    """What extracts and tables have alike: who asked for which line, and what became of it."""

    id: UUID
    agreement: str
    purpose: Purpose
    data_set: str
    classification: Classification
    periods: list[str]
    formats: list[Format]
    filters: Annotated[
        list[WantedFilter],
        Field(description="Which rows were asked for; those of the line hold besides."),
    ]
    state: State
    progress: ProgressView | None
    code: Annotated[str | None, Field(description="Why it failed.")]
    detail: Annotated[
        str | None, Field(description="The same in words, and what to do; null unless it failed.")
    ]
    refusals: list[RefusalView]
    files: Annotated[list[FileView], Field(description="Empty until it is released.")]
    availability: Annotated[
        AvailabilityView | None, Field(description="Null until it is released.")
    ]
    decision_id: UUID
    organisation: Annotated[str, Field(description="ODS code of whoever asked.")]
    client_id: str
    editions: Annotated[
        list[ReadEditionView],
        Field(
            description="Of the safe haven, that it was made of; empty until it is released. What"
            " was delivered stays what it is when one is replaced; ask again to have the newer one."
        ),
    ]
    standing_order: Annotated[
        UUID | None, Field(description="For which it was asked; null: it was asked for by itself.")
    ]
    opt_outs: Annotated[
        OptOut,
        Field(
            description="Whether opt-outs are upheld in it, and why: the rule of the day or the"
            " law, with its source. It says of nobody whether they opted out."
        ),
    ]
    requested_at: datetime
    changed_at: datetime
    is_as_logged: IsAsLogged

    @staticmethod
    def standing(shown: ExtractWithStatus) -> dict[str, Any]:
        """Return the members that both have."""
        extract, progress = shown.extract, shown.progress
        request, failure = extract.request, extract.failure
        files = () if shown.status is None else extract.files
        return {
            "id": extract.id,
            "agreement": request.agreement,
            "purpose": Purpose(request.purpose),
            "data_set": request.data_set,
            "classification": Classification(request.classification),
            "periods": list(request.periods),
            "formats": [Format(name) for name in request.formats],
            "filters": [WantedFilter.model_validate(one) for one in request.filters],
            "state": extract.state,
            "progress": None if progress is None else ProgressView.model_validate(progress),
            "code": None if failure is None else failure.code,
            "detail": None if failure is None else failure.said,
            "refusals": []
            if failure is None
            else [RefusalView.model_validate(refusal) for refusal in failure.refusals],
            "files": [
                FileView.of(file, released_at=shown.released_at, destroyed=shown.destroyed)
                for file in files
            ],
            "availability": None
            if shown.status is None
            else AvailabilityView.model_validate(shown.status),
            "decision_id": extract.permit.decision_id,
            "organisation": extract.requester.organisation,
            "client_id": extract.requester.client_id,
            "editions": [] if shown.status is None else _read_editions(extract),
            "standing_order": extract.standing_order,
            "opt_outs": _opt_outs(extract.permit),
            "requested_at": extract.requested_at,
            "changed_at": extract.changed_at,
            "is_as_logged": is_as_logged(
                f"extracts/{extract.id}",
                f"agreements/{request.agreement}",
                *(f"files/{file.id}" for file in files),
            ),
        }


@from_row
def _since(file: PreparedFile) -> str | None:
    """Say what a change set leads from, as the haven attested it (RecordUnreadable)."""
    changes = SignedAttestation.read(file.attestation, unverified(file.attestation)).said.changes
    return None if changes is None else changes.since


@from_row
def _opt_outs(permit: Permit) -> OptOut:
    """Say it as agreements permitted it (RecordUnreadable)."""
    return OptOut.read(unverified(permit.compact))


def _read_editions(extract: Extract) -> list[ReadEditionView]:
    """Say what the haven attested of its files; of each edition what came in its place."""
    attested = (
        SignedAttestation.read(f.attestation, unverified(f.attestation)) for f in extract.files
    )
    replaced = {one.edition_id: one for one in extract.replaced}
    found = []
    for id_ in dict.fromkeys(id_ for one in attested for id_ in one.edition_ids):
        by = replaced.get(id_)
        found.append(
            ReadEditionView(
                id=id_,
                replaced_by=None if by is None else by.by,
                replaced_at=None if by is None else by.at,
            )
        )
    return found


class WarningView(Outgoing):
    """What is asked for and may be had, and is probably not what is wanted."""

    code: Annotated[str, Field(examples=["GROUPS_NOT_LINKED"])]
    detail: str
    fields: Annotated[
        list[str],
        Field(
            description="That are missing; ask with them, where the line has them.",
            examples=[["Care_Activities.Unique_ServiceRequestID"]],
        ),
    ]

    @classmethod
    def of(cls, data_set: str, fields: Collection[str], known: Catalogue) -> "list[WarningView]":
        """Warn of groups whose rows nobody could join but by person (domain.md 6.6)."""
        try:
            described = known.get(data_set)
        except UnknownDataSet:
            return []  # of another release of this service
        return [
            cls(code="GROUPS_NOT_LINKED", detail=one.detail, fields=list(one.missing))
            for one in unlinked(described, fields)
        ]


class ExtractView(ExtractStanding):
    fields: list[str]
    warnings: Annotated[
        list[WarningView], Field(description="Of what was asked for; none of them is a refusal.")
    ]
    changes_since: Annotated[
        str | None,
        Field(description="The earlier extract of which the changes are wanted; null: of none."),
    ]

    @classmethod
    def of(cls, shown: ExtractWithStatus, known: Catalogue) -> "ExtractView":
        request = shown.extract.request
        return cls(
            **cls.standing(shown),
            fields=list(request.fields),
            warnings=WarningView.of(request.data_set, request.fields, known),
            changes_since=request.changes_since,
        )


class LandedMonthView(Outgoing):
    month: Annotated[str, Field(description="YYYY-MM.", examples=["2018-04"])]
    providers: Annotated[int, Field(description="How many providers' records can be read.")]
    landed_at: Annotated[datetime, Field(description="When the newest of them was landed.")]


class LandedMonths(Outgoing):
    items: Annotated[list[LandedMonthView], Field(description="In order of the months.")]


class ManifestView(Outgoing):
    jws: Annotated[
        str,
        Field(description="Signed (ES256, typ dsfc-manifest+jws); keys: /.well-known/jwks.json"),
    ]
    manifest: Annotated[dict[str, JsonValue], Field(description="What it says, decoded.")]
    is_as_logged: IsAsLogged


class DeliveryView(Outgoing):
    id: UUID
    file_id: UUID
    extract_id: UUID
    agreement: str
    organisation: str
    client_id: str
    decision_id: UUID
    start: Annotated[int, Field(description="First byte that was asked for.")]
    end: Annotated[int, Field(description="Before this byte.")]
    begun_at: datetime
    ended_at: datetime | None
    bytes: Annotated[int, Field(description="That left, at most.")]
    outcome: Outcome
    code: Annotated[str | None, Field(description="Why it was cut.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return cls(
            id=delivery.id,
            file_id=delivery.file_id,
            extract_id=delivery.extract_id,
            agreement=delivery.agreement,
            organisation=delivery.requester.organisation,
            client_id=delivery.requester.client_id,
            decision_id=delivery.decision_id,
            start=delivery.start,
            end=delivery.end,
            begun_at=delivery.begun_at,
            ended_at=delivery.ended_at,
            bytes=delivery.bytes,
            outcome=delivery.outcome,
            code=delivery.code,
            is_as_logged=is_as_logged(f"deliveries/{delivery.id}"),
        )


class LoggedView(Outgoing):
    index: Annotated[int, Field(description="Of the leaf, in the audit log.")]
    hash: str
    entry: dict[str, JsonValue]

    @classmethod
    def of(cls, logged: Logged) -> "LoggedView":
        return cls(index=logged.index, hash=logged.hash, entry=logged.entry)


class LogPage(Outgoing):
    items: list[LoggedView]
    next: Annotated[int | None, Field(description="Pass as `after` for the next page.")] = None


FIGURE = r"^([0-9]+|\*|-)$"


class ExtractFieldQuality(BaseModel):
    """How complete and valid one field is, in one edition."""

    model_config = ConfigDict(from_attributes=True)

    field: Annotated[str, Field(description="Of the data set.", examples=["Sex"])]
    is_submitted: Annotated[bool, Field(description="Whether the provider's file had it.")]
    completeness: Annotated[
        str,
        Field(
            pattern=FIGURE,
            description="Values that were given, of those that could be: in whole per cent; `*`:"
            " hidden, `-`: too few records for a rate.",
            examples=["98"],
        ),
    ]
    validity: Annotated[
        str,
        Field(pattern=FIGURE, description="Valid values, of those that were given: the same."),
    ]


class ExtractEditionQuality(BaseModel):
    """What one edition is like that the extract was made of."""

    model_config = ConfigDict(from_attributes=True)

    edition_id: UUID
    provider: Annotated[str, Field(description="Whose records: its code.", examples=["RR8"])]
    period: Annotated[str, Field(description="Of the edition.", examples=["2018-04"])]
    landed_on: Annotated[date, Field(description="The legal day on which it was landed.")]
    records: Annotated[
        str,
        Field(
            pattern=FIGURE,
            description="Landed records of everybody's, to the nearest 5; `*`: hidden.",
        ),
    ]
    fields: list[ExtractFieldQuality]


class ExtractQualityView(BaseModel):
    """The quality of what an extract was made of, in short."""

    model_config = ConfigDict(from_attributes=True)

    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    rule: Annotated[str, Field(description="The disclosure rule by which numbers are hidden.")]
    note: Annotated[str | None, Field(description="Why nothing is stated; null where it is.")]
    editions: list[ExtractEditionQuality]

    @classmethod
    def of(cls, summary: QualitySummary) -> Self:
        return cls.model_validate(summary)
