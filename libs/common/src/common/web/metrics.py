"""Metrics: what FastAPI's telemetry measures, and what we measure, for Prometheus.

Each app has a provider and a registry of its own, so that several apps in one process do
not count for one another. Labels are routes and codes, never what was in a request.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import structlog
from fastapi import Response
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from common.db import engine as engines
from common.db import outbox

log: structlog.stdlib.BoundLogger = structlog.get_logger()


LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one app. `app.state.metrics.meter` makes a service's own instruments."""

    def __init__(self, service: str) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        self.provider = MeterProvider(
            metric_readers=[reader],
            resource=Resource({"service.name": service}),
            shutdown_on_exit=False,
        )
        self.meter: Meter = self.provider.get_meter("dsfc")
        self._engine: Engine | None = None
        self._fast = Histogram(
            "fast_request_duration_seconds",
            "How long requests of fast routes took, which telemetry does not see",
            ["http_route", "http_response_status_code"],
            registry=self._registry,
        )
        self._counted: dict[tuple[str, int], Histogram] = {}
        """There are as many as fast routes have statuses."""

        self._lag = Histogram(
            "event_loop_lag_seconds",
            "By how much the event loop was late, looked at ten times a second",
            buckets=LAG_BUCKETS,
            registry=self._registry,
        )
        self._connections = Gauge(
            "connections_open", "How many connections there are", registry=self._registry
        )
        self._ended = Counter(
            "connections_ended",
            "Connections that were ended because of a limit, by status or reason",
            ["reason"],
            registry=self._registry,
        )

        self.meter.create_observable_gauge(
            "outbox_oldest_pending_seconds",
            callbacks=[self._oldest_pending],
            description="How long the oldest event that is not published has been waiting",
        )

    def observed(self, route: str, status: int, seconds: float) -> None:
        """Count an answer of a fast route."""
        counted = self._counted.get((route, status))
        if counted is None:
            counted = self._counted[route, status] = self._fast.labels(route, status)
        counted.observe(seconds)

    def loop_was_late(self, seconds: float, connections: int) -> None:
        """Note the lag of the event loop that this app runs on."""
        self._lag.observe(seconds)
        self._connections.set(connections)

    def connection_ended(self, reason: str) -> None:
        """Count a connection that was ended because of a limit."""
        self._ended.labels(reason).inc()

    def watch(self, engine: Engine | None) -> None:
        """Say whose outbox is measured; None at the end of the app's life."""
        self._engine = engine

    def response(self) -> Response:
        """Return what Prometheus scrapes."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _oldest_pending(self, _options: CallbackOptions) -> Iterable[Observation]:
        if self._engine is None:
            return []
        try:
            with Session(engines.reading(self._engine)) as session:
                seconds = outbox.oldest_pending_seconds(session, datetime.now(UTC))
        except SQLAlchemyError as error:
            # No value is the truth; /readyz says why.
            log.warning("outbox_not_measured", exc_info=error)
            return []
        return [Observation(seconds)]
