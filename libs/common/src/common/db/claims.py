"""How a claim on a job (`common.jobs`) stands in the job's row."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from common.db.saving import changed
from common.errors import ClaimLost


def is_free(claimed_until: Any, *, at: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody works on the job: no claim, or one that has ended."""
    return or_(claimed_until.is_(None), claimed_until <= at)


def extend(
    session: Session,
    table: type[SQLModel],
    job_id: UUID,
    attempt: UUID,
    *,
    state: str,
    values: Mapping[str, object],
) -> None:
    """Store a sign of life of an attempt, which is no new version of the job.

    Raises:
        ClaimLost: another attempt has begun, or the job is no longer in that state.

    """
    statement = (
        update(table).filter_by(id=job_id, attempt=attempt, state=state).values(dict(values))
    )
    if not changed(session, statement):
        raise ClaimLost("Another worker took the job over.")
