"""The public register of data uses (domain.md 9.1)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from dissemination.domain.register import Listed
from dissemination.use_cases.context import Context

LINES_AT_ONCE = 500


def page(*, after: UUID | None, limit: int, ctx: Context) -> Sequence[Listed]:
    """Lines in the order of their release."""
    with ctx.uow.reading() as tx:
        return tx.register.page(after=after, limit=limit)


def all_lines(*, ctx: Context) -> Iterator[Listed]:
    """Every line, some at a time: lines are only ever added, so this needs no long snapshot."""
    after: UUID | None = None
    while lines := page(after=after, limit=LINES_AT_ONCE, ctx=ctx):
        yield from lines
        after = lines[-1].line.id
