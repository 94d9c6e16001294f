"""Pages in order of id: keyset on UUIDv7, so that nothing is skipped or shown twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

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

    @classmethod
    def of(
        cls,
        found: Sequence[Item],
        page: PageParameters,
        *,
        show: Callable[[Item], T],
        key: Callable[[Item], UUID],
    ) -> Self:
        """Make a page of what was found when `page.rows` were asked for."""
        shown = found[: page.limit]
        return cls(
            items=[show(item) for item in shown],
            next=key(shown[-1]) if len(found) > page.limit else None,
        )
