"""No test takes away the power, so none waits until the disk has what was written.

What a process wrote that is killed is with the kernel, and the next one finds it. That the services
do wait is said by `common.db.engine` and `common.files`; a disk that many share takes milliseconds
for each of tens of thousands of times.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.db import engine as engines

DURABLE = engines.SQLITE_PRAGMAS
SWIFT = tuple(
    "synchronous = OFF" if pragma.startswith("synchronous") else pragma for pragma in DURABLE
)


def spare(patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let this process wait for no disk any more."""
    from common.messaging import embedded

    connect = embedded._connect  # noqa: SLF001 - nothing else opens the log's file

    def swiftly(path: Path, *, synchronous: str) -> sqlite3.Connection:
        assert synchronous in {"FULL", "NORMAL"}
        return connect(path, synchronous="OFF")

    patch(os, "fsync", _done)
    patch(engines, "SQLITE_PRAGMAS", SWIFT)
    patch(embedded, "_connect", swiftly)


def _done(_descriptor: object) -> None:
    """Wait for nothing."""
