"""What agreements hears: applications that were handed in, approved, declined, withdrawn.

Only approval makes an agreement. The others matter for renewals alone: one handed in before the
end keeps the agreement open, without releases, until it is signed or dropped (ruling 8).

Of dissemination it hears which extracts came to nothing, so that the preview of a hold does not
count them as under way. No decision looks at it.

Of the haven it hears what was taken back after files had been made with it: these are void.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from agreements.db.repository import SqlTransaction
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.recalls import Source
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases import drafting, recalls
from agreements.records.use_cases.agreements import IsNew
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.ports import Snapshots, Transaction
from common.db import inbox
from common.messaging.envelope import Event

CONSUMER = "agreements"
TOPICS = ("applications.application", "dissemination.extract", "pseudonymisation.source")
RENEWAL = "renewal"
APPROVED = "applications.application-approved.v1"
SUBMITTED = "applications.application-submitted.v1"
DECLINED = "applications.application-declined.v1"
WITHDRAWN = "applications.application-withdrawn.v1"
ENDED = ("dissemination.extract-failed.v1", "dissemination.extract-withdrawn.v1")
TAKEN_BACK = "pseudonymisation.source-taken-back.v1"
RECEIVES = (APPROVED, SUBMITTED, DECLINED, WITHDRAWN, *ENDED, TAKEN_BACK)

Handler = Callable[[Event], None]


class ApplicationEventData(BaseModel):
    """As much of an application's event as agreements reads; more may come with it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    application_id: UUID
    reference: str | None
    snapshot_hash: str | None = None


class ExtractEnded(BaseModel):
    """As much of an extract's event as agreements reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    extract_id: UUID
    state: Literal["failed", "withdrawn"]


class SourceTakenBack(BaseModel):
    """As much of what the haven took back as agreements reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Source
    source_id: UUID
    replaced_by: UUID | None


def handlers(ctx: Context, snapshots: Snapshots) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    def when_approved(event: Event) -> None:
        data = _read(event)
        if data.snapshot_hash is None:
            raise SnapshotRefused("An approval names no snapshot.")
        # Fetched before the transaction begins: nobody waits for another service with it open.
        approved = snapshots.fetch(data.snapshot_hash)
        if approved.application_id != data.application_id:
            raise SnapshotRefused("The snapshot is of another application.")
        drafting.draft(approved, is_new=_is_new(event, "approvals"), ctx=ctx)

    def when_submitted(event: Event) -> None:
        data = _read(event)
        if data.reference is None or data.snapshot_hash is None:
            return
        if snapshots.fetch(data.snapshot_hash).kind == RENEWAL:
            use_cases.await_renewal(
                data.reference,
                data.application_id,
                event.time,
                is_new=_is_new(event, "renewals"),
                ctx=ctx,
            )

    def when_dropped(event: Event) -> None:
        data = _read(event)
        if data.reference is not None:
            use_cases.drop_renewal(
                data.reference,
                data.application_id,
                is_new=_is_new(event, "renewals"),
                ctx=ctx,
            )

    def when_ended(event: Event) -> None:
        told = ExtractEnded.model_validate(dict(event.data))
        use_cases.note_ended(
            str(told.extract_id),
            told.state,
            event.time,
            is_new=_is_new(event, "extracts"),
            ctx=ctx,
        )

    return {
        **dict.fromkeys(ENDED, when_ended),
        TAKEN_BACK: partial(_when_taken_back, ctx=ctx),
        APPROVED: when_approved,
        SUBMITTED: when_submitted,
        DECLINED: when_dropped,
        WITHDRAWN: when_dropped,
    }


def _when_taken_back(event: Event, *, ctx: Context) -> None:
    told = SourceTakenBack.model_validate(dict(event.data))
    recalls.record_recall(
        told.kind,
        str(told.source_id),
        None if told.replaced_by is None else str(told.replaced_by),
        event.time,
        is_new=_is_new(event, "recalls"),
        ctx=ctx,
    )


def _read(event: Event) -> ApplicationEventData:
    return ApplicationEventData.model_validate(dict(event.data))


def _is_new(event: Event, what: str) -> IsNew:
    """Ask the inbox in the use case's own transaction.

    Approvals and the rest are counted apart: an approval that had to wait, and was replayed after
    something newer had been heard, must still be drafted.
    """

    def is_new(tx: Transaction) -> bool:
        if not isinstance(tx, SqlTransaction):
            raise TypeError("the inbox is in the database")
        return inbox.accept(tx.session, consumer=f"{CONSUMER}.{what}", event=event)

    return is_new
