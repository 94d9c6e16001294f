"""The public register of data uses (domain.md 9.1)."""

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from pydantic import JsonValue

from common import unreadable
from common.ids import digest_of
from dissemination.domain.register import Completeness, Listed, RegisterStatement
from dissemination.use_cases.context import Context
from dissemination.use_cases.ports import Register

LINES_AT_ONCE = 500


def page(*, after: UUID | None, limit: int, ctx: Context) -> Sequence[Listed]:
    """Lines in the order of their release."""
    with ctx.uow.reading() as tx:
        return tx.register.page(after=after, limit=limit)


def all_lines(*, ctx: Context) -> Iterator[Listed | UUID]:
    """Every line, some at a time: lines are only ever added, so this needs no long snapshot.

    Of one that cannot be read its id.
    """

    def read(after: UUID | None) -> Sequence[Listed]:
        return page(after=after, limit=LINES_AT_ONCE, ctx=ctx)

    return _all(read)


def _all(read: Callable[[UUID | None], Sequence[Listed]]) -> Iterator[Listed | UUID]:
    after: UUID | None = None
    while True:
        lines = read(after)
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


def statement(row: Callable[[Listed], JsonValue], *, ctx: Context) -> RegisterStatement:
    """Compare the whole register with the audit log: what is gone, altered or unreadable.

    `row` says what is published of a line. All is read in one snapshot, so that no release falls
    between the lines and the log.
    """
    rows: list[JsonValue] = []
    altered: list[UUID] = []
    unread: list[UUID] = []
    with ctx.uow.reading() as tx:
        register: Register = tx.register
        as_of = ctx.clock.now()
        for one in _all(lambda after: register.page(after=after, limit=LINES_AT_ONCE)):
            if isinstance(one, UUID):
                unread.append(one)
                continue
            rows.append(row(one))
            if one.is_as_released is False:
                altered.append(one.line.file_id)
        return RegisterStatement(
            as_of=as_of,
            rows=len(rows),
            digest=digest_of(rows),
            completeness=register.completeness(),
            not_as_released=tuple(altered),
            unreadable=tuple(unread),
            head=register.log_head(),
        )
