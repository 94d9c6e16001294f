"""Directions and provision notices: recorded, and asked for by the haven's intake (ruling 32)."""

from collections.abc import Sequence
from datetime import date

import structlog

import catalogue
from agreements.records.domain.errors import DirectionDataSetUnknown
from agreements.records.domain.oversight import directions as domain
from agreements.records.domain.oversight.directions import CollectedUnder, Direction
from agreements.records.use_cases.context import Compared, Context, compared, require_as_sealed
from agreements.records.use_cases.ports import Slice
from common.clock import legal_day

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def record(asked: Direction, *, ctx: Context) -> Direction:
    """Record one, or say when one ends; the same again changes nothing.

    Raises:
        DirectionDataSetUnknown
        DirectionRecorded: it would change what was in force on past days.

    """
    known_sets = {one.data_set for one in catalogue.load()}
    if unknown := sorted({*asked.data_sets} - known_sets):
        raise DirectionDataSetUnknown(
            f"`data_sets` has {len(unknown)} that the catalogue does not know.",
            positions=[n for n, one in enumerate(asked.data_sets) if one in unknown],
        )
    with ctx.uow.writing() as tx:
        former = tx.directions.one(reference=asked.reference)
        if former is not None:
            asked = asked.after(former, today=legal_day(tx.at))
        if asked == former:
            return asked
        [stored] = tx.directions.save(
            asked,
            audit=ctx.entry(
                "direction-recorded",
                f"directions/{asked.id}",
                at=tx.at,
                reference=asked.reference,
                valid_to="" if asked.valid_to is None else asked.valid_to.isoformat(),
            ),
        )
    log.info("direction_recorded", direction_id=str(stored.id))
    return stored


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[Direction]]:
    with ctx.uow.reading() as tx:
        found = tx.directions.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


def collected(data_set: str, day: date, *, ctx: Context) -> CollectedUnder:
    """Say under what a data set is collected on a day.

    Raises:
        UnlikeSeal: a record may have been written, or deleted, past the service.

    """
    with ctx.uow.reading() as tx:
        known = tx.directions.find()
    found = domain.recorded(data_set, day, known) or _shipped(data_set, day)
    require_as_sealed("The directions are", found, ctx=ctx)
    return found


def _shipped(data_set: str, day: date) -> CollectedUnder:
    rules = catalogue.load().rules_of(data_set, day)
    instruments = None if rules is None else rules.collection
    return CollectedUnder(
        data_set=data_set,
        day=day,
        is_asked_for=instruments is not None,
        is_recorded=False,
        titles=tuple(one.title for one in catalogue.in_force(instruments or (), day)),
    )
