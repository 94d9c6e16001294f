"""Record that the haven took back what files were made with: those are void from now on."""

from collections.abc import Callable
from datetime import datetime

import structlog

from agreements.records.domain.events import FileVoided, VoidCause
from agreements.records.domain.recalls import Recall, Source
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.ports import Transaction
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def record_recall(
    kind: Source,
    source: str,
    replaced_by: str | None,
    at: datetime,
    *,
    is_new: Callable[[Transaction], bool],
    ctx: Context,
) -> None:
    """Hold it true under a new epoch, so that no answer of before goes on; tell of each file."""
    with ctx.uow.writing() as tx:
        if not is_new(tx):
            return
        recall = Recall(
            id=new_id(), kind=kind, source=source, replaced_by=replaced_by, taken_back_at=at
        )
        void = tx.holdings.made_with(recall)
        tx.recalls.save(
            recall,
            audit=ctx.entry("source-recalled", f"{kind}/{source}", at=tx.at, files=str(len(void))),
        )
        tx.holdings.tell(
            *(
                FileVoided(
                    holding_id=holding.id,
                    file_id=holding.file_id,
                    extract_id=holding.extract_id,
                    agreement=holding.agreement,
                    cause=VoidCause(kind.value),
                    at=tx.at,
                )
                for holding in void
            )
        )
    log.info("source_recalled", source_kind=kind.value, source=source, files=len(void))
