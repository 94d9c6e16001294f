"""Two files of one period, made with two lists of objectors: their difference lists the objectors.

So a recipient environment never gets both (ruling 6, docs/adr/0022): a period that it holds is not
prepared again for a newer list alone. It *holds* a file when a byte of it may have left, which is
when a fetch was ever permitted. A file of which none was is made void for good, and the newer
one takes its place. Where the editions changed as well the rows are others, and the newer list
is right; unless objections would be all that the newer file lacks, or all that the older one did.

A release is judged by what the haven attests of the file. A request is judged by what the haven
would read at that moment, so that nothing is prepared in vain; the release is judged all the same.
Whether records lost or gained anybody the haven alone can see: its permit names what was fetched,
so that it looks before it prepares anything (docs/adr/0214).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from catalogue import Treatment
from statements.attestation import Attestation
from statements.permit import HeldEditions

IDENTIFIED = Treatment.IDENTIFIED.value

EDITIONS_TOLD_MAX = 1000
"""Of more the permit tells nothing, and the release alone is judged by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file that was released before to the same environment, of the same data set."""

    holding_id: UUID
    agreement: str
    """Under which it was released."""
    environment_id: UUID
    """Which was given it."""
    file: Attestation
    may_have_left: bool
    """A fetch of it was permitted once."""
    party: frozenset[str] = frozenset()
    """Of one in another environment: who has it by owning that, or as a party of its agreement."""

    @property
    def names_people(self) -> bool:
        """Say whether people's identity is in it, and of others than a practice's own patients."""
        columns = self.file.columns
        return self.file.registered is None and any(c.treatment == IDENTIFIED for c in columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """What decides which rows a file has, and whose of them are left out."""

    lists: frozenset[str] | None
    """Whoever is on one of them is left out; None where opt-outs are not upheld."""
    codes: frozenset[str]
    """Whose people they are; empty for the whole country."""
    editions: Mapping[str, frozenset[str]]
    """By month; none where nobody attested them."""
    standing_beside: frozenset[tuple[str, str]] = frozenset()
    """Month and edition of others, beside which its records lost or gained nobody."""


def rows_of(file: Attestation) -> FileRows:
    return FileRows(
        lists=file.opt_out.lists if file.opt_out.applied else None,
        codes=frozenset(file.population.codes),
        editions={month: file.editions_of(month) for month in file.periods},
        standing_beside=frozenset((one.month, one.edition) for one in file.standing_beside),
    )


def told_apart(one: FileRows, other: FileRows) -> tuple[str, ...]:
    """Name the months in which the two would tell who objected between their lists.

    People of other commissioners, and rows of other editions, tell nothing by their difference;
    but where the records of the editions lost or gained nobody, every difference is an objection
    (docs/adr/0171). Editions that nobody attested may be the same.
    """
    if one.lists is None or other.lists is None or one.lists == other.lists:
        return ()
    if not _has_people_of(one, other.codes):
        return ()
    months = one.editions.keys() & other.editions.keys()
    return tuple(sorted(m for m in months if _shares_rows(one, other, m)))


def told_between(one: FileRows, other: FileRows) -> tuple[str, ...]:
    """Name the months in which two files with people's identity, of two environments, would tell.

    With the two treatments they do whatever became of the editions, as in one environment.
    """
    if (one.lists is None) == (other.lists is None):
        return told_apart(one, other)
    if not _has_people_of(one, other.codes):
        return ()
    return tuple(sorted(one.editions.keys() & other.editions.keys()))


def to_be_void(file: Attestation, held: tuple[HeldFile, ...]) -> tuple[UUID, ...]:
    """Name the holdings that nobody fetched and that a file, once released, makes void."""
    rows = rows_of(file)
    return tuple(
        h.holding_id for h in held if not h.may_have_left and told_apart(rows, rows_of(h.file))
    )


def _has_people_of(one: FileRows, codes: Collection[str]) -> bool:
    return not one.codes or not codes or not one.codes.isdisjoint(codes)


def held_beside(
    held: Collection[HeldFile], landed: Mapping[str, frozenset[str]], *, codes: Collection[str]
) -> tuple[HeldEditions, ...]:
    """Name what was fetched of editions that are read no more, for the haven to compare.

    Of those that are read still it is known already whether two files would tell.
    """
    found = {
        (month, tuple(sorted(replaced)), tuple(sorted(rows.lists)))
        for one in held
        if one.may_have_left and one.file.bridge is None
        if (rows := rows_of(one.file)).lists is not None and _has_people_of(rows, codes)
        for month, editions in rows.editions.items()
        if month in landed and (replaced := editions - landed[month])
    }
    if sum(len(editions) for _, editions, _ in found) > EDITIONS_TOLD_MAX:
        return ()
    return tuple(
        HeldEditions(month=month, editions=editions, lists=lists)
        for month, editions, lists in sorted(found)
    )


def _shares_rows(one: FileRows, other: FileRows, month: str) -> bool:
    mine, theirs = one.editions[month], other.editions[month]
    if not mine or not theirs or mine & theirs:
        return True
    return _is_all_by_objection(one, other, month)


def _is_all_by_objection(one: FileRows, other: FileRows, month: str) -> bool:
    """Say whether the records alone took nobody out, or brought nobody in."""
    mine, theirs = one.editions[month], other.editions[month]
    return any((month, edition) in one.standing_beside for edition in theirs) or any(
        (month, edition) in other.standing_beside for edition in mine
    )
