"""Checks of tables, each in a process of its own that ends with it: nothing is kept.

Not in a thread: arithmetic would hold up the loop by which streams are stopped. The process has a
lower priority, and bounds on memory and time; what passes them is ended.
"""

import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final

from dissemination.domain.errors import CheckOutOfBounds, TableRefused, TooManyChecks

SPARE_SECONDS: Final = 5
"""For starting, reading and writing, beside the time for searching."""
CELLS_MAX: Final = 5_000
ASKED: Final = "disclosure.asked"
ALONE: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
"""All that the process is told of where it runs: no address and no secret."""


@cache
def _library() -> str:
    """Return where the library is, without loading it: a container has it in a path of its own."""
    found = find_spec("disclosure")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("disclosure is not installed")
    return str(Path(found.origin).parents[1])


class TableChecks:
    """Answers questions about tables, so many at once."""

    def __init__(self, *, at_once: int, seconds: float, memory_bytes: int) -> None:
        self._room = BoundedSemaphore(at_once)
        self._at_once, self._seconds, self._memory = at_once, seconds, memory_bytes

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a question of `disclosure.asked`.

        Raises:
            TooManyChecks: as many as there may be are under way.
            CheckOutOfBounds: it took too much time or memory.
            TableRefused: what the library says is wrong with the table or its rule.

        """
        if not self._room.acquire(blocking=False):
            raise TooManyChecks(f"{self._at_once} checks are under way; try again soon.")
        try:
            told = self._asked(question | {"seconds": self._seconds, "cells_max": CELLS_MAX})
        finally:
            self._room.release()
        if "problem" in told:
            raise TableRefused(**told["problem"])
        answer: dict[str, Any] = told["answer"]
        return answer

    def _asked(self, question: dict[str, Any]) -> dict[str, Any]:
        cpu = int(2 * self._seconds + SPARE_SECONDS)
        command = [sys.executable, "-P", "-s", "-m", ASKED, str(self._memory), str(cpu)]
        try:
            done = subprocess.run(  # noqa: S603 — the command has nothing that was sent
                command,
                input=json.dumps(question).encode("ascii"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a traceback would quote the table
                timeout=3 * self._seconds + SPARE_SECONDS,
                env=ALONE | {"PYTHONPATH": _library()},
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            raise CheckOutOfBounds(
                "`cells`: the check took more time or memory than this server gives it. Make a "
                "dimension coarser, or run `dsfc protect` on a machine of your own."
            ) from None
        told: dict[str, Any] = json.loads(done.stdout)
        return told
