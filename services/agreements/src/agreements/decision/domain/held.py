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

Of data sets with equal tokens one may have everybody of the other. What was given of a month of
one is held against the month of the other; which lists tell nothing the haven finds out
(docs/adr/0249).
"""

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from uuid import UUID

from catalogue import Treatment
from statements.attestation import Attestation, StandingEdition
from statements.permit import HeldEditions

IDENTIFIED = Treatment.IDENTIFIED.value

EDITIONS_TOLD_MAX = 1000
"""Of more the permit tells nothing, and the release alone is judged by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file that was released before to the same environment, of the data set or a linked one."""

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
    data_set: str
    domain: str
    """Of its tokens."""
    extract: str = ""
    """Empty: of one that is only asked for."""
    standing_beside: frozenset[StandingEdition] = frozenset()
    """What there is of others, beside which its records lost or gained nobody."""


def rows_of(file: Attestation) -> FileRows:
    return FileRows(
        lists=file.opt_out.lists if file.opt_out.applied else None,
        codes=frozenset(file.population.codes),
        editions={month: file.editions_of(month) for month in file.periods},
        data_set=file.line.data_set,
        domain=file.domain,
        extract=file.extract_id,
        standing_beside=frozenset(file.standing_beside),
    )


def told_apart(one: FileRows, other: FileRows) -> tuple[str, ...]:
    """Name the months in which the two would tell who objected between their lists.

    People of other commissioners, and rows of other editions, tell nothing by their difference;
    but where the records of the editions lost or gained nobody, every difference is an objection
    (docs/adr/0171). Editions that nobody attested may be the same. Of two data sets whose tokens
    are equal the haven alone says it, of a file that it made.
    """
    if one.lists is None or other.lists is None or one.lists == other.lists:
        return ()
    if not _has_people_of(one, other.codes):
        return ()
    months = one.editions.keys() & other.editions.keys()
    if one.data_set != other.data_set:
        return tuple(sorted(m for m in months if _is_all_by_linkage(one, other, m)))
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
    held: Collection[HeldFile],
    landed: Mapping[str, frozenset[str]],
    *,
    codes: Collection[str],
    data_set: str,
    domain: str,
) -> tuple[HeldEditions, ...]:
    """Name what was fetched, for the haven to compare.

    Of the data set editions that are read no more: of those that are read still it is known already
    whether two files would tell. Of others in the domain what was made with which lists.
    """
    found: set[HeldEditions] = set()
    for one in held:
        rows = rows_of(one.file)
        if not one.may_have_left or one.file.bridge is not None or rows.lists is None:
            continue
        if not _has_people_of(rows, codes):
            continue
        lists, is_own = tuple(sorted(rows.lists)), rows.data_set == data_set
        for month in rows.editions.keys() & landed.keys():
            if not is_own and rows.domain == domain:
                of_other = HeldEditions(
                    month=month, editions=(), lists=lists, data_set=rows.data_set
                )
                found.add(of_other)
            elif is_own and (replaced := rows.editions[month] - landed[month]):
                found.add(HeldEditions(month=month, editions=tuple(sorted(replaced)), lists=lists))
    if sum(len(one.editions) for one in found) > EDITIONS_TOLD_MAX:
        return ()
    return tuple(sorted(found, key=astuple))


def _shares_rows(one: FileRows, other: FileRows, month: str) -> bool:
    mine, theirs = one.editions[month], other.editions[month]
    if not mine or not theirs or mine & theirs:
        return True
    return _is_all_by_objection(one, other, month)


def _is_all_by_objection(one: FileRows, other: FileRows, month: str) -> bool:
    """Say whether the records alone took nobody out, or brought nobody in."""
    return any(
        beside.month == month and beside.edition in theirs.editions[month]
        for mine, theirs in ((one, other), (other, one))
        for beside in mine.standing_beside
    )


def _is_all_by_linkage(one: FileRows, other: FileRows, month: str) -> bool:
    """Say whether one of two files with equal tokens was found to tell of the other's people.

    Of one that is only asked for nothing is known: the haven tries lists before it makes it.
    """
    if one.domain != other.domain or not (one.extract and other.extract):
        return False
    return any(
        (beside.month, beside.data_set) == (month, theirs.data_set)
        and (
            beside.extract == theirs.extract
            if beside.extract
            else frozenset(beside.lists) == theirs.lists
        )
        for mine, theirs in ((one, other), (other, one))
        for beside in mine.standing_beside
    )
