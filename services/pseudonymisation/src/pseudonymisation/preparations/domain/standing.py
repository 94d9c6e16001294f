"""Whether an extract waits for its next edition (docs/adr/0171, docs/adr/0214)."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from catalogue import next_edition_in_words
from pseudonymisation.preparations.domain.attestation import lists_of
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.preparation import PinnedOptOutList
from statements.attestation import StandingEdition
from statements.permit import Permit


def waiting(
    permit: Permit, beside: Collection[StandingEdition], opt_outs: Sequence[PinnedOptOutList]
) -> Iterator[str]:
    """Name the months that would tell who objected beside what the environment was given of them.

    Whether or not anybody did: a refusal where somebody objected alone would tell it.
    """
    made_with = frozenset(lists_of(opt_outs))
    told = frozenset((one.month, one.edition) for one in beside)
    for held in permit.held_beside:
        is_told = not told.isdisjoint((held.month, edition) for edition in held.editions)
        if is_told and made_with != frozenset(held.lists):
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
