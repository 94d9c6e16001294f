"""Whether an extract waits for its next edition (docs/adr/0171, docs/adr/0214).

And with which lists it does not have to, beside linked data sets (docs/adr/0249).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from catalogue import next_edition_in_words
from pseudonymisation.preparations.domain.attestation import lists_of
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.preparation import PinnedOptOutList
from statements.attestation import StandingEdition
from statements.permit import Permit


def candidates(
    newest: tuple[PinnedOptOutList, ...], held: Sequence[tuple[PinnedOptOutList, ...]]
) -> Iterator[tuple[PinnedOptOutList, ...]]:
    """Name by which lists besides the newest a file may be made, in the order to try them.

    Whoever is on any list of a candidate is left out. The newest with all that the recipient has
    files of: then nobody is new in this file by a changed mind. Those of a file that it has, the
    latest first: then nobody is missing from this one who is in that. Those of all of them.
    """
    of_all = tuple(one for lists in held for one in lists)
    latest_first = sorted(held, key=lambda lists: lists[0].list_date, reverse=True)
    tried = [_digests(newest)]
    for lists in ((*newest, *of_all), *latest_first, tuple(x for h in latest_first for x in h)):
        if lists and _digests(lists) not in tried:
            tried.append(_digests(lists))
            yield tuple(_each_once(lists))


def tells(
    ours: Collection[PinnedOptOutList],
    theirs: Collection[PinnedOptOutList],
    *,
    lost: bool,
    gained: bool,
) -> bool:
    """Say whether two files of people with equal tokens tell who objected between their lists.

    Args:
        ours: Lists of the file that is to be made; whoever is on any is left out.
        theirs: Those of the other file.
        lost: Whether somebody of their file is not in our records.
        gained: Whether somebody of our file would not be in their records.

    Who is missing from ours objected by a list that theirs was not made with, or is one of those
    who are lost; who is new, the other way round (docs/adr/0171).

    """
    by_ours, by_theirs = _digests(ours), _digests(theirs)
    return not ((lost or by_ours <= by_theirs) and (gained or by_theirs <= by_ours))


def _each_once(lists: Iterable[PinnedOptOutList]) -> Iterator[PinnedOptOutList]:
    """Leave out what says the same as one before it."""
    seen: set[str] = set()
    for one in lists:
        if one.digest not in seen:
            seen.add(one.digest)
            yield one


def _digests(lists: Collection[PinnedOptOutList]) -> frozenset[str]:
    return frozenset(one.digest for one in lists)


def waiting(
    permit: Permit, beside: Collection[StandingEdition], opt_outs: Sequence[PinnedOptOutList]
) -> Iterator[str]:
    """Name the months that would tell who objected beside what the environment was given of them.

    Whether or not anybody did: a refusal where somebody objected alone would tell it.
    """
    made_with = frozenset(lists_of(opt_outs))
    told = frozenset((one.month, one.edition) for one in beside if not one.data_set)
    linked = frozenset((one.month, one.data_set, frozenset(one.lists)) for one in beside)
    for held in permit.held_beside:
        lists = frozenset(held.lists)
        is_told = (
            (held.month, held.data_set, lists) in linked
            if held.data_set
            else not told.isdisjoint((held.month, edition) for edition in held.editions)
        )
        if is_told and made_with != lists:
            yield held.month


def require_no_wait(
    permit: Permit,
    beside: Collection[StandingEdition],
    opt_outs: Sequence[PinnedOptOutList],
    *,
    at: datetime,
) -> None:
    """Raise NotPrepared, with until when each month waits."""
    months = sorted(set(waiting(permit, beside, opt_outs)))
    if months:
        data_set = permit.line.data_set
        subject = "; ".join(f"{m}, {next_edition_in_words(data_set, m, at)}" for m in months)
        raise NotPrepared(FailureCode.OPT_OUT_DIFFERENCING, subject)
