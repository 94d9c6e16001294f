"""A list with an NHS number in each line as it streams in: read line by line, sealed at once."""

import hashlib
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import pyarrow as pa

from common.errors import AppError
from pseudonymisation.engine.blocks import Blocks, Cipher, words_of

LINE_BYTES_MAX: Final = 64


class StreamedLines(ABC):
    """Takes chunks, reads the lines that are whole, and keeps the token of each number."""

    def __init__(self, person_key: bytes) -> None:
        self._cipher = Cipher(person_key)
        self._rest = b""
        self._lines = 0
        self._digest = hashlib.sha256()
        self._blocks: list[Blocks] = []

    @property
    def digest(self) -> str:
        return f"sha256:{self._digest.hexdigest()}"

    def take(self, chunk: bytes) -> None:
        """Raise what says that a line is not of its form."""
        self._digest.update(chunk)
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._read(data[:end])
        if len(self._rest) > LINE_BYTES_MAX:
            raise self._too_long(self._lines + 1)

    def finish(self) -> pa.Table:
        """Return the people, as they came. Raise as `take` does."""
        if self._rest:
            self._read(self._rest)
            self._rest = b""
        tokens = np.concatenate(self._blocks) if self._blocks else np.zeros((0, 16), np.uint8)
        first, second = words_of(tokens)
        return pa.table({"person_0": first, "person_1": second})

    def _keep(self, blocks: Blocks, lines: int) -> None:
        """Seal the numbers of so many lines."""
        self._lines += lines
        self._blocks.append(self._cipher.encrypt(blocks).copy())

    @abstractmethod
    def _read(self, data: bytes) -> None:
        """Read whole lines, and keep their numbers."""

    @abstractmethod
    def _too_long(self, line: int) -> AppError:
        """Say that a line, counted from 1, has no end."""
