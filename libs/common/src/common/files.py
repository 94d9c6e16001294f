"""What a service or a command writes is its own: files 0600, directories 0700."""

import os
import secrets
from pathlib import Path
from typing import IO

OTHERS = 0o077
FILE, DIRECTORY = 0o600, 0o700


def keep_private() -> None:
    """Leave nothing to others of all that this process makes from now on; begin with it."""
    os.umask(OTHERS)


def directory(path: Path) -> Path:
    """Make a directory, and those above it that are missing, for ourselves alone."""
    for missing in [p for p in (path, *path.parents) if not p.exists()][::-1]:
        missing.mkdir(mode=DIRECTORY, exist_ok=True)
    return path


def append_to(path: Path) -> IO[bytes]:
    """Open a file to read it and to add to it; what is made new is for ourselves alone."""
    return open(path, "a+b", opener=_private)


def write_private(path: Path, text: str) -> None:
    """Write a file for ourselves alone, durable when this returns.

    A reader finds the former text or the new one, and so does who comes after a power cut.

    Raises:
        OSError: it cannot be written; then the former text is there, and nothing beside it

    """
    # Not by the process's number: containers that share a disk have the same.
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(staged, "x", encoding="utf-8", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Write the names in a directory to the disk, so that they outlast a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE)


def tighten(root: Path) -> None:
    """Take from others what an earlier version left to them, below a directory of our own."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink() and path.stat().st_mode & OTHERS:
            path.chmod(path.stat().st_mode & ~OTHERS & 0o7777)
