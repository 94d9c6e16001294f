"""How long somebody else has been waited for, in time that this process was there to see.

Whoever is late because this machine is busy, or this process was stopped, is not late by himself:
on a loaded machine the client, the network and agreements wait for their turn as we do. So of the
time between two looks no more counts than a few times what the look was asked to wait.
"""

from common.clock import boottime

OVERSLEPT_TIMES = 4
OVERSLEPT_SECONDS = 0.001
"""So much longer than it was asked for a wait may take and still count as a whole."""


class Patience:
    """Adds up observed time. Each `passed` counts what was waited since the one before."""

    def __init__(self) -> None:
        self._looked_at = boottime()

    def passed(self, asked_seconds: float) -> float:
        """Return how much counts of the time since the last look, which was to be so long."""
        now = boottime()
        waited, self._looked_at = now - self._looked_at, now
        return min(waited, OVERSLEPT_TIMES * asked_seconds + OVERSLEPT_SECONDS)
