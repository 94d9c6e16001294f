"""The end of what is known to have been shown: when all files of a table are destroyed.

Only then: who has a file has its numbers, whatever became of the agreement.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog

from common.audit.entries import entry_for
from common.clock import Clock
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.preparations.use_cases.ports import PreparationUnitOfWork

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ShownContext:
    uow: PreparationUnitOfWork
    clock: Clock


def file_destroyed(file_id: UUID, *, ctx: ShownContext) -> bool:
    """Note that a file is destroyed wherever it was held; say whether its table is forgotten.

    A public table is not: everybody has it.
    """
    with ctx.uow.writing() as tx:
        table = tx.shown.of_file(file_id)
        if table is None or file_id in table.destroyed:
            return False
        now = table.destroy(file_id)
        tx.shown.save(
            now,
            audit=entry_for(
                ITSELF,
                at=ctx.clock.now(),
                action="shown-table-forgotten" if now.is_over else "shown-table-file-destroyed",
                resource=f"preparations/{now.preparation_id}",
                on_behalf_of=",".join(now.controllers),
                detail={"file": str(file_id), "public": now.is_public},
            ),
        )
    log.info("table_file_destroyed", preparation_id=str(now.preparation_id), over=now.is_over)
    return now.is_over
