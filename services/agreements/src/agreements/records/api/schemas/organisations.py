"""Organisations, transfers, maps and recipient environments, as they cross the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import (
    ClientId,
    Code,
    Day,
    Incoming,
    Outgoing,
    SealedView,
    Words,
)
from agreements.records.domain.lists.imports import Import, ImportKind
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.maps import MapSnapshot
from agreements.records.domain.parties.organisation import OrganisationKind
from agreements.records.use_cases.lists.imports import Imported
from agreements.records.use_cases.lists.maps import ImportedMap
from agreements.records.use_cases.organisations import (
    EnvironmentWithClients,
    OrganisationWithSuccessor,
)
from agreements.records.use_cases.passing.succession import TransferPreview
from common.web.replacement import StandingView
from statements.vocabulary import EnvironmentKind


class PlaceView(Outgoing):
    """Where a line is of no use, without its value."""

    line: Annotated[int, Field(description="Line of the file, from 1.")]
    column: Annotated[str, Field(description="Column, or empty: the whole line.")]
    detail: Annotated[str, Field(description="What is wrong there.")]


class LeftOutView(Outgoing):
    """What of a file was not taken, although the rest was."""

    lines: Annotated[int, Field(description="Lines that were of no use here.")]
    repeated: Annotated[int, Field(description="Lines that say again what another one says.")]
    named: Annotated[
        list[PlaceView], Field(description="The first 100 of the lines that were of no use.")
    ]


class ImportView(Outgoing):
    """What an import changed."""

    layout: Annotated[str, Field(description="As which list the file was read.")]
    listed: Annotated[int, Field(description="Entries in the file that were of use.")]
    added: Annotated[int, Field(description="Entries that are new.")]
    changed: Annotated[int, Field(description="Entries that took the place of another.")]
    unchanged: Annotated[int, Field(description="Entries that were known just so.")]
    left_out: LeftOutView
    id: Annotated[UUID, Field(description="Of the import, for confirmation and withdrawal.")]
    standing: Annotated[
        StandingView,
        Field(description="`waiting`: much changes, so a second person has to look first."),
    ]

    @classmethod
    def of(cls, imported: Imported) -> Self:
        return cls(
            layout=imported.layout,
            listed=imported.listed,
            added=imported.added,
            changed=imported.changed,
            unchanged=imported.unchanged,
            left_out=LeftOutView.model_validate(imported.left_out),
            id=imported.id,
            standing=StandingView.of(imported.standing),
        )


class SentImportView(SealedView):
    """A list that was sent, and how it stands."""

    id: Annotated[UUID, Field(description="Of the import.")]
    kind: Annotated[ImportKind, Field(description="What it is a list of.")]
    layout: Annotated[str, Field(description="As which list the file was read.")]
    digest: Annotated[str, Field(description="Of the file that was sent.")]
    snapshot_on: Annotated[date | None, Field(description="Of which day the list is.")]
    standing: Annotated[StandingView, Field(description="How it stands, and what it changes.")]

    @classmethod
    def of(cls, sent: Import) -> Self:
        return cls(
            id=sent.id,
            kind=sent.kind,
            layout=sent.layout,
            digest=sent.digest,
            snapshot_on=sent.snapshot_on,
            standing=StandingView.of(sent.standing),
        )


class OrganisationView(SealedView):
    ods: str
    name: str
    kind: OrganisationKind
    legal_entity: Annotated[
        str, Field(description="Who stands behind the code in that time; itself, or another.")
    ]
    parent: str | None
    valid_from: date
    valid_to: date | None


class OrganisationOnDay(OrganisationView):
    own: Annotated[
        str,
        Field(
            description="The code in the form in which codes are compared: of a longer form or a"
            " site, whose it is.",
            examples=["02P"],
        ),
    ]
    successor: Annotated[
        str | None, Field(description="To whom its standing passed by a transfer instrument.")
    ]

    @classmethod
    def of(cls, found: OrganisationWithSuccessor) -> Self:
        view = OrganisationView.model_validate(found.organisation)
        return cls(**view.model_dump(), own=found.own, successor=found.successor)


class RecordTransfer(Incoming):
    predecessor: Code
    successor: Code
    effective_from: Day
    evidence: Annotated[Words, Field(description="Where the instrument can be read.")]


class TransferPreviewView(Outgoing):
    """What an instrument would move; the pseudonym domains go with their agreements."""

    contracts: Annotated[int, Field(description="Framework contracts in force on that day.")]
    agreements: Annotated[
        list[str], Field(description="Agreements that are not over, or of which files are out.")
    ]
    relationships: Annotated[int, Field(description="Relationships that have not ended by then.")]
    files: Annotated[int, Field(description="Files held under them that are not destroyed.")]
    domains: Annotated[
        int, Field(description="Pseudonym domains that go on: tokens stay what they were.")
    ]
    text: Annotated[
        str,
        Field(
            description="The counts in words.",
            examples=["moves 1 contract, 6 agreements, 9 relationships, 41 files held, 7 domains"],
        ),
    ]
    not_as_sealed: Annotated[
        list[str],
        Field(
            description="Tables whose rows about it are not those that were sealed; the counts may"
            " then be wrong."
        ),
    ]

    @classmethod
    def of(cls, found: TransferPreview) -> Self:
        counted = (
            (found.contracts, "contract", ""),
            (len(found.agreements), "agreement", ""),
            (found.relationships, "relationship", ""),
            (found.files, "file", " held"),
            (found.domains, "domain", ""),
        )
        words = ", ".join(f"{n} {what}{'s' * (n != 1)}{more}" for n, what, more in counted)
        return cls(
            contracts=found.contracts,
            agreements=list(found.agreements),
            relationships=found.relationships,
            files=found.files,
            domains=found.domains,
            text=f"moves {words}",
            not_as_sealed=list(found.not_as_sealed),
        )


class TransferView(SealedView):
    id: UUID
    predecessor: str
    successor: str
    effective_from: Annotated[date, Field(validation_alias="valid_from")]
    evidence: str
    withdrawn_at: Annotated[
        datetime | None, Field(description="Null: it stands. Else nothing passes by it.")
    ]
    withdrawal_reason: Annotated[str | None, Field(description="Why it was taken back.")]


class SentMap(StrEnum):
    """The maps that are sent. That of organisations is made of their lists."""

    PRACTICE = MapKind.PRACTICE.value
    POSTCODE = MapKind.POSTCODE.value
    DEPRIVATION = MapKind.DEPRIVATION.value


class MapView(SealedView):
    id: UUID
    kind: MapKind
    valid_from: date
    digest: Annotated[str, Field(description="Of the canonical CSV that `entries` streams.")]
    entries: int
    bytes: int
    standing: Annotated[
        StandingView | None,
        Field(
            description="How it stands; null: it was there before maps were guarded, or is made of"
            " the lists of organisations."
        ),
    ]

    @classmethod
    def of_map(cls, snapshot: MapSnapshot) -> Self:
        return cls(
            id=snapshot.id,
            kind=snapshot.kind,
            valid_from=snapshot.valid_from,
            digest=snapshot.digest,
            entries=snapshot.entries,
            bytes=snapshot.bytes,
            standing=None if snapshot.standing is None else StandingView.of(snapshot.standing),
        )


class ImportedMapView(MapView):
    """A map that was taken in, and what of its file was not."""

    left_out: LeftOutView

    @classmethod
    def of(cls, imported: ImportedMap) -> Self:
        view = MapView.of_map(imported.snapshot)
        left_out = LeftOutView.model_validate(imported.left_out)
        return cls(**view.model_dump(), left_out=left_out)


class OpenEnvironment(Incoming):
    organisation: Code
    kind: EnvironmentKind
    clients: Annotated[tuple[ClientId, ...], Field(max_length=100)] = ()


class AddClients(Incoming):
    clients: Annotated[list[ClientId], Field(min_length=1, max_length=100)]


class EnvironmentView(SealedView):
    id: UUID
    organisation: str
    kind: EnvironmentKind
    clients: list[str]

    @classmethod
    def of(cls, found: EnvironmentWithClients) -> Self:
        return cls(
            id=found.environment.id,
            organisation=found.environment.organisation,
            kind=found.environment.kind,
            clients=list(found.clients),
        )
