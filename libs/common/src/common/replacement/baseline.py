"""Against what many small changes in a row are held, all together."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from common.replacement.standing import Standing, State

T = TypeVar("T")


def baseline(
    found: Iterable[T],
    *,
    standing: Callable[[T], Standing],
    rows: Callable[[T], int],
    at: datetime,
    days: int,
) -> T | None:
    """Return the largest of those in force since the window began; None where there was none.

    `found` are all that are or were in force. What was in force when the window began counts, for
    what came since replaced it; and what two people looked at ends what was before it.
    """
    start = at - timedelta(days=days)
    ordered = sorted(found, key=lambda one: _since(standing(one)))
    before = [one for one in ordered if _since(standing(one)) <= start]
    window = [*before[-1:], *(one for one in ordered if _since(standing(one)) > start)]
    seen = [n for n, one in enumerate(window) if standing(one).was_confirmed]
    return max(window[seen[-1] if seen else 0 :], key=rows, default=None)


def _since(standing: Standing) -> datetime:
    """Say from when on it is in force."""
    is_decided = standing.state in {State.CONFIRMED, State.LEAVING} or standing.was_confirmed
    return (standing.decided_at if is_decided else None) or standing.proposed_at
