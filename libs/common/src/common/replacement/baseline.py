"""Against what many small changes in a row are held, all together."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from common.replacement.standing import ReplacementStatus

T = TypeVar("T")


def of_late(
    found: Iterable[T], *, standing: Callable[[T], ReplacementStatus], at: datetime, days: int
) -> tuple[T, ...]:
    """Return those that were in force in the window, in order; none where there was none.

    `found` are all that are or were in force. What was in force when the window began counts, for
    what came since replaced it; and what two people looked at ends what was before it.

    Each of them counts, not the largest alone: where every list adds a little more than it leaves
    out, the largest is always the last one, and hides what was lost before it.
    """
    start = at - timedelta(days=days)
    ordered = sorted(found, key=lambda one: standing(one).since)
    before = [one for one in ordered if standing(one).since <= start]
    window = [*before[-1:], *(one for one in ordered if standing(one).since > start)]
    seen = [n for n, one in enumerate(window) if standing(one).was_confirmed]
    return tuple(window[seen[-1] if seen else 0 :])
