"""What runs beside the API, and who closes the parts that the workers share."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from common.service.parts import Parts
from common.workers import Worker


class _Closed(Protocol):
    def close(self) -> None: ...


def workers(
    parts: Parts, *, consumers: Sequence[Worker], jobs: Sequence[Worker]
) -> Sequence[Worker]:
    """Return all that runs beside the API; the last of them that ends closes the parts."""
    return beside(parts, [parts.relay(), *consumers, *jobs, parts.checkpoints()])


def beside(parts: _Closed, running: Sequence[Worker]) -> Sequence[Worker]:
    """Let the last of these workers that ends close the parts."""
    shares = _Shares(parts)
    return [_Sharing(worker, shares) for worker in (*running, _UntilTheEnd())]


class _Shares:
    """Counts who uses the parts; once all are told to stop, the last to end closes them."""

    def __init__(self, parts: _Closed) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._held = 0
        self._closed = False

    @contextmanager
    def held(self, stop: threading.Event) -> Iterator[None]:
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                # A worker that failed lets go too, and may be started again until all stop.
                if stop.is_set() and self._held == 0 and not self._closed:
                    self._closed = True
                    self._parts.close()


class _Sharing:
    """A worker that holds the parts as long as it runs."""

    def __init__(self, worker: Worker, shares: _Shares) -> None:
        self.name = worker.name
        self._worker = worker
        self._shares = shares

    def run(self, stop: threading.Event) -> None:
        with self._shares.held(stop):
            self._worker.run(stop)


class _UntilTheEnd:
    """Holds the parts until all are told to stop, also where every other worker fails."""

    name = "parts"

    def run(self, stop: threading.Event) -> None:
        stop.wait()
