"""Two files of one period, made with two lists of objectors: their difference lists the objectors.

So a recipient environment never gets both (ruling 6, docs/adr/0022): a period that it holds is not
prepared again for a newer list alone. It *holds* a file when a byte of it may have left, which is
when a fetch was ever permitted. A file of which none was is made void for good, and the newer
one takes its place. Where the editions changed as well the rows are others, and the newer list
is right.
"""

from dataclasses import dataclass
from uuid import UUID

from statements.attestation import Attestation


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file that was released before to the same environment, of the same data set."""

    holding_id: UUID
    agreement: str
    """Under which it was released."""
    file: Attestation
    may_have_left: bool
    """A fetch of it was permitted once."""


def told_apart(one: Attestation, other: Attestation) -> tuple[str, ...]:
    """Name the months in which the two would tell who objected between their lists.

    People of other commissioners, and rows of other editions, tell nothing by their difference.
    Editions that nobody attested may be the same.
    """
    applied = one.opt_out.applied and other.opt_out.applied
    if not applied or one.opt_out.lists == other.opt_out.lists:
        return ()
    mine, theirs = frozenset(one.population.codes), frozenset(other.population.codes)
    if mine and theirs and not mine & theirs:
        return ()
    months = frozenset(one.periods) & frozenset(other.periods)
    return tuple(sorted(m for m in months if _shares_rows(one, other, m)))


def to_be_void(file: Attestation, held: tuple[HeldFile, ...]) -> tuple[UUID, ...]:
    """Name the holdings that nobody fetched and that a file, once released, makes void."""
    return tuple(h.holding_id for h in held if not h.may_have_left and told_apart(file, h.file))


def _shares_rows(one: Attestation, other: Attestation, month: str) -> bool:
    mine, theirs = one.editions_of(month), other.editions_of(month)
    return not mine or not theirs or bool(mine & theirs)
