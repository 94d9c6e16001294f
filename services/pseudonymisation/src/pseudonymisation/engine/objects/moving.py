"""Moves what is in one landing store into another: sealed as it is, read back, and counted.

Nothing is opened, so no key is needed. It can be ended at any moment and begun again: what is
there and is the same is not written again. Nothing is taken from where it was before every object
is where it goes, read back whole.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.errors import NotMoved
from pseudonymisation.engine.objects.sealed import ByteSource
from pseudonymisation.engine.objects.store import UNFINISHED, Objects

BLOCK_BYTES: Final = 1 << 20
EVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did."""

    written: int
    there: int
    """Were there already, the same."""
    deleted: int
    bytes: int


def move(
    source: Objects,
    target: Objects,
    folders: tuple[str, ...],
    *,
    delete: bool,
    report: Callable[[str], object] = lambda _: None,
) -> Moved:
    """Copy every finished object of the folders; with `delete`, empty the source after it.

    No service may write to either meanwhile. `report` is told each key that was written.

    Raises:
        NotMoved: where what was read back differs
        ObjectStoreUnavailable: where one of them cannot be read or written

    """
    source.check()
    target.check()
    there = [key for folder in folders for key in source.keys(folder, older_than=EVER)]
    keys = [key for key in there if not key.endswith(UNFINISHED)]
    there_before = {key for folder in folders for key in target.keys(folder, older_than=EVER)}
    written = size = 0
    for key in keys:
        digest, length = _digest(source, key)
        size += length
        if key in there_before and _digest(target, key)[0] == digest:
            continue
        _copy(source, target, key)
        written += 1
        if _digest(target, key)[0] != digest:
            raise NotMoved(key)
        report(key)
    if delete:
        for key in there:
            source.delete(key)
    return Moved(written, len(keys) - written, len(keys) if delete else 0, size)


def _copy(source: Objects, target: Objects, key: str) -> None:
    with source.stored(key) as file, target.created(key) as to:
        while block := _read(file):
            to.write(block)


def _digest(objects: Objects, key: str) -> tuple[str, int]:
    digest, length = hashlib.sha256(), 0
    with objects.stored(key) as file:
        while block := _read(file):
            digest.update(block)
            length += len(block)
    return digest.hexdigest(), length


def _read(file: ByteSource) -> bytes:
    try:
        return file.read(BLOCK_BYTES)
    except OSError as error:
        raise ObjectStoreUnavailable("An object cannot be read; try again.") from error
