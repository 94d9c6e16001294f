"""Taking a list back that was in force: what it wrote goes, what it replaced is true again.

Facts are never overwritten, so what a list changed is told by the epoch under which it was written.
What somebody has changed since then is not touched.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic
from uuid import UUID

from agreements.records.domain.lists.imports import (
    F,
    ImportKind,
    MakeId,
    Plan,
    applied,
    counted,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Generic[F]):
    """What was written under one epoch."""

    written: tuple[F, ...]
    """What it said and is still held true."""
    replaced: tuple[F, ...]
    """What was held true until then."""


def plan_undo(
    undo: Undo[F],
    known: Sequence[F],
    *,
    key: Callable[[F], Hashable],
    make_id: MakeId,
) -> Plan[F]:
    """Say what is to be put in place of what is known."""
    written = {fact.id: fact for fact in undo.written}
    held = {fact.id for fact in known}
    former = {fact.id: fact for fact in undo.replaced}
    back = tuple(
        _as(former[id_], version=_version(fact)) for id_, fact in written.items() if id_ in former
    )
    gone = tuple(fact for id_, fact in written.items() if id_ not in former)
    taken: set[Hashable] = {key(fact) for fact in known if fact.id not in {g.id for g in gone}}
    again = tuple(
        _as(fact, id=make_id(), version=0)
        for id_, fact in former.items()
        if id_ not in held and key(fact) not in taken
    )
    return Plan(
        changed=(*back, *again),
        gone=gone,
        unchanged=len(known) - len(written),
        change=counted(before=len(known), added=len(again), removed=len(gone), changed=len(back)),
        new=len(again),
    )


def undone(known: Sequence[F], undo: Undo[F], *, key: Callable[[F], Hashable]) -> tuple[F, ...]:
    """Return the facts as they would be with it taken back."""
    return applied(known, plan_undo(undo, known, key=key, make_id=lambda: NOBODY))


NOBODY = UUID(int=0)
"""The id of what is not stored."""
KEYS: Mapping[ImportKind, Callable[[Any], Hashable]] = {
    ImportKind.ORGANISATIONS: lambda o: (o.ods, o.valid_from),
    ImportKind.ASSURANCE: lambda a: (a.organisation, a.kind, a.reference),
    ImportKind.RELATIONSHIPS: lambda r: r.reference,
    ImportKind.PUBLICATIONS: lambda p: (p.data_set, p.period),
}
"""Two facts of one key are not held true together."""


def _version(fact: Any) -> int:
    version: int = fact.version
    return version


def _as(fact: F, **values: object) -> F:
    changed: F = replace(fact, **values)  # type: ignore[type-var]  # all facts are dataclasses
    return changed
