"""What the service makes of others' events."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict

from common import faults
from common.messaging.envelope import Event as Envelope
from dissemination.use_cases import agreement_statuses, releases, standing_orders
from dissemination.use_cases.context import Context

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Handler = Callable[[Envelope], None]


class _Prepared(BaseModel):
    """What is read of extract-prepared and preparation-failed: only whom to look at."""

    model_config = ConfigDict(extra="ignore")
    extract_id: UUID


class _Superseded(BaseModel):
    model_config = ConfigDict(extra="ignore")
    edition_id: str
    superseded_by: str


class _Landed(BaseModel):
    """What is read of submission-accepted: of what there are new records."""

    model_config = ConfigDict(extra="ignore")
    data_set: str


class _Voided(BaseModel):
    """What is read of agreements' word that a file is never given again."""

    model_config = ConfigDict(extra="ignore")
    file_id: UUID
    extract_id: UUID


class _Destroyed(_Voided):
    """What is read of agreements' word that a file is destroyed wherever it was held."""

    agreement: str


class _Transferred(BaseModel):
    """What is read of agreements' word that pseudonym domains go on elsewhere: of which."""

    model_config = ConfigDict(extra="ignore")
    agreement: str


class _Unsafe(BaseModel):
    model_config = ConfigDict(extra="ignore")
    edition_id: str


class _Agreement(BaseModel):
    """What is read of an agreement's event: how it stands after it, whatever happened."""

    model_config = ConfigDict(extra="ignore")
    reference: str
    state: str
    lines_held: list[int]


AGREEMENT_EVENTS = tuple(
    f"agreements.agreement-{what}.v1"
    for what in (
        *("drafted", "signed", "activated", "amended", "held"),
        *("resumed", "lapsed", "expired", "terminated", "destruction-due", "closed"),
    )
)


def _of_editions(ctx: Context) -> Mapping[str, Handler]:
    def on_superseded(event: Envelope) -> None:
        told = _read(_Superseded, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                marked = releases.supersede(told.edition_id, by=told.superseded_by, ctx=ctx, tx=tx)
                faults.reach("S1")
                log.info("edition_superseded", edition_id=told.edition_id, marked=len(marked))

    def on_unsafe(event: Envelope) -> None:
        told = _read(_Unsafe, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                marked = releases.mark_unsafe(told.edition_id, at=event.time, ctx=ctx, tx=tx)
                log.warning("edition_unsafe", edition_id=told.edition_id, marked=len(marked))

    def on_landed(event: Envelope) -> None:
        told = _read(_Landed, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                tx.orders.wake(data_set=told.data_set, at=ctx.clock.now())
        ctx.wake_orders()

    return {
        "pseudonymisation.submission-accepted.v1": on_landed,
        "pseudonymisation.edition-superseded.v1": on_superseded,
        "pseudonymisation.edition-unsafe.v1": on_unsafe,
    }


def _of_agreements(ctx: Context) -> Mapping[str, Handler]:
    def on_agreement(event: Envelope) -> None:
        told = _read(_Agreement, event)
        # Asked before the transaction begins: nobody waits for another service with it open.
        held = agreement_statuses.lines_of(told.reference, told.lines_held, ctx=ctx)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                ended = agreement_statuses.record_status(
                    told.reference, told.state, held, at=event.time, ctx=ctx, tx=tx
                )
                standing_orders.after_agreement(told.reference, ctx=ctx, tx=tx)
                log.info("agreement_heard", agreement_state=told.state, withdrawn=len(ended))
        ctx.wake_orders()

    def on_transfer(event: Envelope) -> None:
        """Whoever waited for it, or waits because of it, is carried out again at once."""
        told = _read(_Transferred, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                standing_orders.after_agreement(told.agreement, ctx=ctx, tx=tx)
        ctx.wake_orders()

    return {
        **dict.fromkeys(AGREEMENT_EVENTS, on_agreement),
        "agreements.domain-transfer-changed.v1": on_transfer,
    }


def handlers(ctx: Context) -> Mapping[str, Handler]:
    """What is done about others' events. Doing it twice does no harm, nor doing it late."""

    def on_preparation(event: Envelope) -> None:
        """Only a wake-up: what is true is asked of the haven, and released by the driver."""
        told = _read(_Prepared, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                tx.extracts.wake(told.extract_id, at=ctx.timer.now())
        faults.reach("K5")
        ctx.wake()

    def on_voided(event: Envelope) -> None:
        told = _read(_Voided, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                ended = releases.make_void(
                    told.file_id, told.extract_id, at=event.time, ctx=ctx, tx=tx
                )
                log.info("file_voided", file_id=str(told.file_id), withdrawn=ended is not None)

    def on_destroyed(event: Envelope) -> None:
        told = _read(_Destroyed, event)
        with ctx.uow.writing() as tx:
            if tx.accept(event):
                releases.mark_destroyed(
                    told.file_id,
                    told.extract_id,
                    agreement=told.agreement,
                    at=event.time,
                    ctx=ctx,
                    tx=tx,
                )
                log.info("file_destroyed", file_id=str(told.file_id))

    return {
        "agreements.file-voided.v1": on_voided,
        "agreements.file-destroyed.v1": on_destroyed,
        "pseudonymisation.extract-prepared.v1": on_preparation,
        "pseudonymisation.preparation-failed.v1": on_preparation,
        **_of_agreements(ctx),
        **_of_editions(ctx),
    }


TOPICS = (
    "agreements.agreement",
    "agreements.holding",
    "agreements.domain-transfer",
    "pseudonymisation.preparation",
    "pseudonymisation.submission",
)
"""Where those are said."""


Model = TypeVar("Model", bound=BaseModel)


def _read(model: type[Model], event: Envelope) -> Model:
    return model.model_validate(dict(event.data))
