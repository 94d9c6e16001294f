"""The public register of data uses (domain.md 9.1)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from common import unreadable
from dissemination.domain.register import Completeness, Listed
from dissemination.use_cases.context import Context

LINES_AT_ONCE = 500


def page(*, after: UUID | None, limit: int, ctx: Context) -> Sequence[Listed]:
    """Lines in the order of their release."""
    with ctx.uow.reading() as tx:
        return tx.register.page(after=after, limit=limit)


def all_lines(*, ctx: Context) -> Iterator[Listed | UUID]:
    """Every line, some at a time: lines are only ever added, so this needs no long snapshot.

    Of one that cannot be read its id.
    """
    after: UUID | None = None
    while True:
        lines = page(after=after, limit=LINES_AT_ONCE, ctx=ctx)
        unread = unreadable.noted()
        passed = [*(listed.line.id for listed in lines), *unread]
        if not passed:
            return
        yield from lines
        yield from unread
        after = max(passed)


def completeness(*, ctx: Context) -> Completeness:
    """Say whether there is a line for every file that the audit log says was released."""
    with ctx.uow.reading() as tx:
        return tx.register.completeness()
