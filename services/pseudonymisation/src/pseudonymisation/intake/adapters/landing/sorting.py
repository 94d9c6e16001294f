"""Sorts the lines of a file: those whose rows are plain, and others, which wait sealed on disk."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.intake.adapters.landing.feed import Numbered

SortedBlock = tuple[pa.RecordBatch | None, Numbered]
NAME: Final = "others"
JUDGED_FIRST: Final = 4
"""Blocks after which it is said whether it is worth while to look for plain rows."""


class Others:
    """Lines that are not plain, sealed under a key that only this object has."""

    def __init__(self, scratch: Path, delimiter: str) -> None:
        self._objects = DirectoryObjects(scratch)
        self._key = os.urandom(32)
        self._delimiter = delimiter
        self.are_there = False

    @contextmanager
    def kept(self) -> Iterator[Callable[[Numbered], None]]:
        """Take lines inside the block."""
        with self._objects.writer(NAME, self._key) as writer:

            def keep(lines: Numbered) -> None:
                if len(lines.numbers):
                    writer.write(lines.text(self._delimiter))
                    self.are_there = True

            yield keep

    def read(self) -> Iterator[bytes]:
        """Give the lines with their numbers, as they were kept."""
        return self._objects.read(NAME, self._key)


def sorted_out(
    blocks: Iterator[Numbered],
    plain: Callable[[Numbered], SortedBlock] | None,
    threads: int,
) -> Iterator[SortedBlock]:
    """Give the plain rows of each block, and its other lines, in the order of the blocks.

    Of a file of which most rows are not plain the rest is not looked at.
    """
    if plain is None:
        yield from ((None, block) for block in blocks)
        return
    seen = left = done = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="plain") as pool:
        waiting: deque[Future[SortedBlock]] = deque()

        def finished() -> SortedBlock:
            nonlocal seen, left, done
            rows, rest = waiting.popleft().result()
            done += 1
            left += len(rest.numbers)
            seen += len(rest.numbers) + (rows.num_rows if rows is not None else 0)
            return rows, rest

        try:
            for block in blocks:
                if done >= JUDGED_FIRST and left * 2 > seen:
                    while waiting:
                        yield finished()
                    yield None, block
                    continue
                waiting.append(pool.submit(plain, block))
                if len(waiting) > threads:
                    yield finished()
            while waiting:
                yield finished()
        finally:
            for future in waiting:
                future.cancel()
