"""What a register of environments changes of what is held true: it is whole as of its day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from agreements.records.domain.lists.imports import MakeId
from agreements.records.domain.lists.layouts.environments import RegisteredEnvironment
from agreements.records.domain.parties.environment import ListedEnvironment
from statements.vocabulary import EnvironmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    changed: tuple[ListedEnvironment, ...]
    """What is new, says something else, or has ended because the register names it no more."""
    gone: tuple[ListedEnvironment, ...]
    """What was to begin and is named no more."""
    added: int
    ended: int
    unchanged: int


def plan_register(
    kind: EnvironmentKind,
    listed: Iterable[RegisteredEnvironment],
    listed_on: date,
    known: Sequence[ListedEnvironment],
    make_id: MakeId,
) -> EnvironmentChange:
    """Say what becomes of the known ones of a kind by the register of a day.

    What it names is as it says. What it does not name any more ended before its day; what had
    ended by itself stays in the history, since it was true on its days.
    """
    before = {(k.organisation, k.hosted_for, k.valid_from): k for k in known}
    changed, unchanged, added, named = [], 0, 0, set()
    for one in listed:
        key = (one.organisation, one.hosted_for, one.valid_from)
        named.add(key)
        former = before.get(key)
        if former is None:
            added += 1
        elif former.valid_to == one.valid_to:
            unchanged += 1
            continue
        changed.append(
            ListedEnvironment(
                id=make_id() if former is None else former.id,
                kind=kind,
                organisation=one.organisation,
                hosted_for=one.hosted_for,
                valid_from=one.valid_from,
                valid_to=one.valid_to,
                listed_on=listed_on,
                version=0 if former is None else former.version,
            )
        )
    last_day = listed_on - timedelta(days=1)
    left = [k for key, k in before.items() if key not in named]
    gone = tuple(k for k in left if k.valid_from > last_day)
    ended = [
        replace(k, valid_to=last_day, listed_on=listed_on)
        for k in left
        if k.valid_from <= last_day and (k.valid_to is None or k.valid_to > last_day)
    ]
    return EnvironmentChange(
        changed=(*changed, *ended),
        gone=gone,
        added=added,
        ended=len(ended) + len(gone),
        unchanged=unchanged,
    )
