"""How long to wait before trying again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Twice as long each time, up to a limit, less up to half of it at random.

    Those who failed together do not come back together.
    """

    base_seconds: float
    max_seconds: float

    def seconds(self, attempt: int) -> float:
        """After that many failures in a row, the first being 1."""
        doubled = self.base_seconds * 2.0 ** min(attempt - 1, 30)
        return min(doubled, self.max_seconds) * random.uniform(0.5, 1.0)  # noqa: S311  no secret
