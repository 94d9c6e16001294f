"""Named points at which a test may kill the process: design.md section 10, S3.

A kill is a real SIGKILL of the real process: no handler runs, no buffer is written.
`common.settings` refuses `kill_at` in production, so there every point is a no-op.
"""

import os
import signal

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_armed: list[str] = []


def arm(point: str | None) -> None:
    """Say once, in `main`, at which point this process dies. None: at none."""
    _armed.clear()
    if point:
        _armed.append(point)
        log.warning("fault_armed", point=point)


def reach(point: str) -> None:
    """Die here, if this is the point."""
    if point in _armed:
        os.kill(os.getpid(), signal.SIGKILL)
