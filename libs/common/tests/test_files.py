"""What we write is for ourselves alone, whatever the umask that we were started with."""

import os
import subprocess
import sys
from stat import S_IMODE

import pytest

from common import files


@pytest.fixture(autouse=True)
def _generous_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return S_IMODE(path.stat().st_mode)


def test_directories_and_those_above_them_are_ours(tmp_path):
    made = files.directory(tmp_path / "a" / "b")

    assert {mode(made), mode(made.parent)} == {0o700}
    files.directory(made)  # again is as once


def test_a_file_that_is_added_to_is_ours_and_keeps_what_it_had(tmp_path):
    for word in (b"one", b"two"):
        with files.append_to(tmp_path / "file") as file:
            file.write(word)

    assert mode(tmp_path / "file") == 0o600
    assert (tmp_path / "file").read_bytes() == b"onetwo"


def test_what_an_earlier_version_left_open_is_closed(tmp_path):
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d" / "f").touch(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "d" / "f")

    files.tighten(tmp_path)

    assert (mode(tmp_path / "d"), mode(tmp_path / "d" / "f")) == (0o700, 0o600)


def test_a_process_that_keeps_private_makes_nothing_for_others(tmp_path):
    code = (
        "import pathlib, sqlite3; from common import files; files.keep_private();"
        "pathlib.Path('f').touch(); pathlib.Path('d').mkdir();"
        "c = sqlite3.connect('x.db'); c.execute('pragma journal_mode=wal');"
        "c.execute('create table t (a)'); c.commit();"
        "print(*[oct(p.stat().st_mode & 0o777) for p in sorted(pathlib.Path().iterdir())])"
    )

    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )

    assert set(told.stdout.split()) == {"0o600", "0o700"}
