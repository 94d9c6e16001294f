"""Takes a file in and lands it where nothing stays: sealed under keys that are forgotten.

Where something is in force that it would take the place of, its cells are sealed as those are, so
that both can be held against each other; the file that they are in has a key of its own.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import UUID

from catalogue import DataSet
from pseudonymisation.engine.objects import DirectoryObjects, SealedReader
from pseudonymisation.engine.session import EngineLimits
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.judged.statement import (
    LandingTask,
    parquet_key_name,
)
from pseudonymisation.intake.adapters.lists import SealedFile
from pseudonymisation.intake.adapters.uploads.receiving import receiver
from pseudonymisation.intake.domain.quality import LandingOutcome
from pseudonymisation.intake.domain.written import ContentForm

CONTENT: Final = "uploads/file"
LANDED: Final = "editions/file.parquet"
KEY_BYTES: Final = 32


class Trial:
    """A file that is only looked at. What is made of it is gone when it is closed."""

    key = CONTENT

    def __init__(
        self,
        data_set: DataSet,
        form: ContentForm,
        *,
        scratch: Path,
        limits: EngineLimits,
        of_cells: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        """`of_cells` gives the key by which cells are sealed that are there already, if any are."""
        self._of_cells = of_cells
        self._form = form
        self._limits = limits
        self._keys: dict[str, bytes] = {}
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory = tempfile.TemporaryDirectory(prefix="check-", dir=scratch)
        with ExitStack() as unless_made:
            self._place = Path(unless_made.enter_context(directory))
            self._objects = DirectoryObjects(self._place)
            self._sealing = unless_made.enter_context(ExitStack())
            writer = self._sealing.enter_context(self._objects.writer(CONTENT, self._key(CONTENT)))
            self._receiver = receiver(form, data_set, writer.write)
            self._stack = unless_made.pop_all()

    def take(self, chunk: bytes) -> None:
        self._receiver.take(chunk)

    def finish(self) -> str:
        """Judge the whole; give its header."""
        header = self._receiver.finish(self._reopened).header
        self._sealing.close()
        return header

    def land(self, task: LandingTask) -> LandingOutcome:
        """Land it by a task of a landing, whose objects and keys are this trial's."""
        plane = landing.LandingResources(
            objects=self._objects,
            key=self._key,
            scratch=self.scratch,
            limits=self._limits,
        )
        here = replace(
            task,
            content_key=CONTENT,
            content_form=self._form,
            quarantine_key="quarantine/file",
            object_key=LANDED,
        )
        return landing.land(here, plane)

    @property
    def scratch(self) -> Path:
        return self._place / "scratch"

    def landed(self, edition_id: UUID) -> SealedFile:
        """Give what was landed."""
        name = f"edition/{edition_id}"
        path = self._objects.path(LANDED)
        return SealedFile(path, parquet_key_name(edition_id), lambda: self._key(name))

    def close(self) -> None:
        """Leave nothing behind."""
        self._stack.close()
        self._keys.clear()

    @contextmanager
    def _reopened(self) -> Iterator[SealedReader]:
        self._sealing.close()
        with self._objects.opened(CONTENT, self._key(CONTENT)) as file:
            yield file

    def _key(self, name: str) -> bytes:
        if name not in self._keys:
            self._keys[name] = self._of_cells(name) or os.urandom(KEY_BYTES)
        return self._keys[name]
