"""The registers of controlled environments and risk-stratification suppliers (ruling 31)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from agreements.records.domain.errors import OrganisationUnknown
from agreements.records.domain.lists.environments import plan_register
from agreements.records.domain.lists.layouts import environments
from agreements.records.domain.lists.layouts.reading import FilePosition, refused
from agreements.records.domain.parties.environment import ListedEnvironment
from agreements.records.use_cases.context import Compared, Context, compared
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import digest, new_id
from statements.vocabulary import EnvironmentKind

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRegister:
    """What a register changed."""

    kind: EnvironmentKind
    listed_on: date
    listed: int
    added: int
    ended: int
    unchanged: int


def import_register(
    content: bytes, kind: EnvironmentKind, listed_on: date, *, ctx: Context
) -> ImportedRegister:
    """Take in a register, whole or not at all: what it names no more ended before its day.

    Raises:
        ImportRefused: it names all lines that cannot be taken; also a register of a day to come,
            or of before the newest one.
        ImportContradicts

    """
    read = environments.read(content)
    with ctx.uow.writing() as tx:
        if listed_on > legal_day(tx.at):
            raise refused("The register is of a day that is still to come.")
        known = tx.listed_environments.find(kind=kind)
        _require_newest(listed_on, known)
        for one in read.listed:
            _require_known(tx, one, read)
        read.remainder.require_none()
        plan = plan_register(kind, read.listed, listed_on, known, new_id)
        entry = ctx.entry(
            "environment-register-imported",
            f"environment-registers/{kind.value}",
            at=tx.at,
            listed_on=listed_on.isoformat(),
            digest=digest(content),
        )
        if plan.gone:
            tx.listed_environments.retract(*plan.gone, audit=entry)
        if plan.changed:
            tx.listed_environments.save(*plan.changed, audit=entry)
    log.info("environment_register_imported", kind=kind.value, added=plan.added, ended=plan.ended)
    return ImportedRegister(
        kind=kind,
        listed_on=listed_on,
        listed=len(read.listed),
        added=plan.added,
        ended=plan.ended,
        unchanged=plan.unchanged,
    )


def _require_newest(listed_on: date, known: Sequence[ListedEnvironment]) -> None:
    newest = max((one.listed_on for one in known), default=listed_on)
    if listed_on < newest:
        raise refused(
            f"A register of {newest} is in force, and this one is older.",
            [FilePosition(line=1, column="", detail="before the register in force")],
        )


def _require_known(
    tx: Transaction,
    one: environments.RegisteredEnvironment,
    read: environments.EnvironmentRegister,
) -> None:
    for column, code in (("organisation", one.organisation), ("hosted_for", one.hosted_for)):
        if code is None:
            continue
        try:
            require_known(tx, [code], one.valid_from)
        except OrganisationUnknown:
            read.remainder.add(one.line, column, "not in the loaded lists on the first day")


def page(
    kind: EnvironmentKind, part: Slice, *, ctx: Context
) -> Sequence[Compared[ListedEnvironment]]:
    with ctx.uow.reading() as tx:
        found = tx.listed_environments.page(part, kind=kind)
    return compared(found, by=lambda one: [one], ctx=ctx)
