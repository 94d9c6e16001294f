"""What the haven measures of itself: how many files wait, and for how long."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from sqlalchemy import Engine, func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from common.clock import Clock
from common.db import engine as engines
from pseudonymisation.db.tables import SubmissionRow
from pseudonymisation.intake.domain.lives.submission import SubmissionState

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class IntakeMetrics:
    """Gauges over the intake's tables, read when they are scraped."""

    def __init__(self, meter: Meter) -> None:
        self._engine: Engine | None = None
        self._clock: Clock | None = None
        meter.create_observable_gauge(
            "submissions",
            callbacks=[self._by_state],
            description="Submissions by state",
        )
        meter.create_observable_gauge(
            "submission_oldest_waiting_seconds",
            callbacks=[self._oldest],
            description="How long the oldest file that was received has been waiting",
        )

    def watch(self, engine: Engine | None, clock: Clock | None) -> None:
        """Return whose tables are measured; None at the end of the app's life."""
        self._engine, self._clock = engine, clock

    def _by_state(self, _options: CallbackOptions) -> Iterable[Observation]:
        query = select(SubmissionRow.state, func.count()).group_by(col(SubmissionRow.state))
        counts = dict(self._rows(query))
        return [
            Observation(counts.get(state.value, 0), {"state": state.value})
            for state in SubmissionState
        ]

    def _oldest(self, _options: CallbackOptions) -> Iterable[Observation]:
        query = select(func.min(SubmissionRow.received_at), func.count()).where(
            col(SubmissionRow.state).in_(
                [SubmissionState.RECEIVED.value, SubmissionState.LANDING.value]
            )
        )
        rows = self._rows(query)
        if not rows or self._clock is None:
            return []
        oldest = rows[0][0]
        waiting = 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()
        return [Observation(max(0.0, waiting))]

    def _rows(self, query: Any) -> Sequence[tuple[Any, int]]:
        if self._engine is None:
            return []
        try:
            with Session(engines.reading(self._engine)) as session:
                return [(row[0], row[1]) for row in session.execute(query)]
        except SQLAlchemyError as error:
            # No value is the truth; /readyz says why.
            log.warning("submissions_not_measured", exc_info=error)
            return []
