"""Which categories have no count at all: nothing was sent, or the data set was not about them."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date

from catalogue import DataSet, members
from pseudonymisation.preparations.domain.preparation import PinnedEdition


def not_submitted(
    editions: Sequence[PinnedEdition], months: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """Name providers who sent something of the months, and those of which they sent nothing."""
    return frozenset(
        (provider, month)
        for provider in {edition.provider for edition in editions}
        for month in months
        if not any(e.provider == provider and e.covers(month) for e in editions)
    )


def not_members(data_set: DataSet, months: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name organisations and months in which the data set was not about them."""
    lists = [members(field.members) for field in data_set.fields if field.members]
    for found in filter(None, lists):
        codes = {one.code for one in found.organisations}
        for month in months:
            first = date.fromisoformat(f"{month}-01")
            last = first.replace(day=monthrange(first.year, first.month)[1])
            yield from ((code, month) for code in codes.difference(found.codes(first, last)))
