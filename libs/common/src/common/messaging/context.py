"""In whose course an event happens: correlation id and trace, carried along with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from asgi_correlation_id.context import correlation_id
from opentelemetry import context as otel
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.messaging.envelope import Event

_PROPAGATOR = TraceContextTextMapPropagator()


def stamped(event: Event) -> Event:
    """Return the event with the correlation id and trace of the present request or message."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return replace(
        event,
        correlation_id=event.correlation_id or correlation_id.get(),
        traceparent=event.traceparent or carrier.get("traceparent"),
    )


@contextmanager
def bound(event: Event) -> Iterator[None]:
    """Handle an event in its course: logs, calls and further events carry its ids."""
    carrier = {"traceparent": event.traceparent} if event.traceparent else {}
    trace = otel.attach(_PROPAGATOR.extract(carrier))
    # Where nothing was given, the event's own id ties together what follows from it.
    given = correlation_id.set(event.correlation_id or str(event.id))
    try:
        with structlog.contextvars.bound_contextvars(
            correlation_id=correlation_id.get(), event_id=str(event.id), event_type=event.type
        ):
            yield
    finally:
        correlation_id.reset(given)
        otel.detach(trace)
