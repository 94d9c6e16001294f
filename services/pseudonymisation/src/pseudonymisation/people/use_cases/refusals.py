"""Logging what was refused: whoever tried is known, and of whom is not."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from pydantic import JsonValue

from common.audit.entries import entry_for
from common.errors import AppError, Refused
from pseudonymisation.people.use_cases.context import PeopleContext

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@contextmanager
def refusals_logged(
    action: str, resource: str, *, agreement: str, people: int, ctx: PeopleContext
) -> Iterator[None]:
    """Log an attempt that was refused, with its codes, and let the refusal go on."""
    try:
        yield
    except AppError as refused:
        codes: list[JsonValue] = [refused.code]
        if isinstance(refused, Refused):
            codes = [one.code for one in refused.refusals]
        with ctx.uow.writing() as tx:
            tx.log(
                entry_for(
                    ctx.principal,
                    at=ctx.clock.now(),
                    action=action,
                    resource=resource,
                    on_behalf_of=refused.on_behalf_of if isinstance(refused, Refused) else None,
                    detail={"agreement": agreement, "people": people, "codes": codes},
                )
            )
        log.warning("question_about_people_refused", resource=resource, code=refused.code)
        raise
