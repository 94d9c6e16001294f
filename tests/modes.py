"""What a run leaves to others on the same machine."""

import os
from pathlib import Path
from stat import S_IMODE


def left_to_others(root: Path) -> set[tuple[str, str]]:
    """What others than its owner may read, write or enter: files, directories, sockets, pipes."""
    found = set()
    for path in (root, *(Path(at, n) for at, ds, fs in os.walk(root) for n in (*ds, *fs))):
        try:
            mode = S_IMODE(path.lstat().st_mode)
        except FileNotFoundError:
            continue  # a temporary file, gone since
        if mode & 0o077 and not path.is_symlink():
            found.add((path.relative_to(root).as_posix(), oct(mode)))
    return found
