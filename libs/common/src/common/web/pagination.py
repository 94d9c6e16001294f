"""Pages in order of id: keyset on UUIDv7, so that nothing is skipped or shown twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from common import unreadable
from common.audit import gone

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageParameters:
    """Which part of the list is wanted."""

    after: UUID | None = None
    limit: int = LIMIT_DEFAULT

    @property
    def rows(self) -> int:
        """Return how many to read: one more than is shown tells whether there are more."""
        return self.limit + 1


def page_parameters(
    after: Annotated[UUID | None, Query(description="The `next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> PageParameters:
    """Read the parameters from the query string."""
    return PageParameters(after=after, limit=limit)


Paging = Annotated[PageParameters, Depends(page_parameters)]


class Page(BaseModel, Generic[T]):
    """One page, and where the next one begins."""

    items: list[T]
    next: Annotated[
        UUID | None, Field(description="Pass as `after` for the next page; null on the last.")
    ] = None
    unreadable: Annotated[
        list[UUID],
        Field(
            description="Ids of records of this page that cannot be read and so are not among"
            " `items`: somebody wrote into the database past the service. Empty: there are none.",
        ),
    ] = []
    gone: Annotated[
        list[UUID],
        Field(
            description="Ids of records of which the audit log tells in this part of the list,"
            " whatever it was filtered by, and that are not there any more: somebody wrote into the"
            " database past the service. Told to whoever sees everybody's. Empty: there are none.",
        ),
    ] = []

    @classmethod
    def of(
        cls,
        found: Sequence[Item],
        page: PageParameters,
        *,
        show: Callable[[Item], T],
        key: Callable[[Item], UUID],
    ) -> Self:
        """Make a page of what was found when `page.rows` were asked for.

        What could not be read, or cannot be shown, is named and has its place in the order.
        """
        shown = [(key(item), item) for item in found]
        missing, lost = unreadable.noted(), gone()
        in_order = sorted([*(i for i, _ in shown), *missing])
        last = in_order[page.limit - 1] if len(in_order) > page.limit else None
        items = unreadable.each(
            (pair for pair in shown if last is None or pair[0] <= last),
            lambda pair: show(pair[1]),
            key=lambda pair: pair[0],
        )
        return cls(
            items=items,
            next=last,
            unreadable=[
                i for i in sorted({*missing, *unreadable.noted()}) if last is None or i <= last
            ],
            gone=[i for i in lost if last is None or i <= last],
        )
