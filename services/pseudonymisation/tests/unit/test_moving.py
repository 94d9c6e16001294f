"""A landing store is moved whole: verified, begun again, and nothing deleted before."""

import os
from contextlib import contextmanager

import pytest
from obstore.store import MemoryStore

from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.errors import NotMoved
from pseudonymisation.engine.objects import CHUNK_BYTES, DirectoryObjects
from pseudonymisation.engine.objects.bucket import BucketObjects
from pseudonymisation.engine.objects.moving import Moved, move

FOLDERS = ("uploads", "editions")
CONTENT = {
    "editions/e/1.parquet": os.urandom(CHUNK_BYTES + 1),
    "editions/e/2.parquet": b"",
    "uploads/s/a": os.urandom(3),
}
SIZE = sum(map(len, CONTENT.values()))


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    objects = DirectoryObjects(tmp_path / "source")
    for key, content in CONTENT.items():
        with objects.created(key) as file:
            file.write(content)
    (tmp_path / "source" / "uploads" / "s" / "b.part").write_bytes(b"unfinished")
    return objects


@pytest.fixture
def target():
    return BucketObjects(MemoryStore())


def held(objects) -> dict[str, bytes]:
    found = {}
    for folder in FOLDERS:
        for key in objects.keys(folder, older_than=float("inf")):
            with objects.stored(key) as file:
                found[key] = file.read()
    return found


def test_every_finished_object_is_there_afterwards_and_stays_where_it_was(source, target):
    assert move(source, target, FOLDERS, delete=False) == Moved(3, 0, 0, SIZE)

    assert held(target) == CONTENT
    assert held(source) == CONTENT | {"uploads/s/b.part": b"unfinished"}


def test_begun_again_only_what_is_missing_or_differs_is_written(source, target):
    for key, content in (
        ("editions/e/2.parquet", CONTENT["editions/e/2.parquet"]),
        ("uploads/s/a", b"another"),
    ):
        with target.created(key) as file:
            file.write(content)
    written = []

    moved = move(source, target, FOLDERS, delete=False, report=written.append)

    assert moved == Moved(2, 1, 0, SIZE)
    assert written == ["uploads/s/a", "editions/e/1.parquet"]
    assert held(target) == CONTENT


def test_it_is_emptied_when_all_is_there(source, target):
    assert move(source, target, FOLDERS, delete=True) == Moved(3, 0, 3, SIZE)

    assert held(target) == CONTENT
    assert held(source) == {}
    assert move(source, target, FOLDERS, delete=True) == Moved(0, 0, 0, 0)
    assert held(target) == CONTENT


class Altering(DirectoryObjects):
    """A disk that keeps other bytes than it was given, of one object."""

    @contextmanager
    def created(self, key):
        with super().created(key) as file:
            if key == "editions/e/1.parquet":
                file.write(b"!")
            yield file


def test_where_what_is_read_back_differs_nothing_is_deleted(source, tmp_path):
    (tmp_path / "target").mkdir()

    with pytest.raises(NotMoved, match=r"editions/e/1\.parquet"):
        move(source, Altering(tmp_path / "target"), FOLDERS, delete=True)

    assert CONTENT.items() <= held(source).items()


def test_out_of_or_into_a_store_that_is_away_nothing_is_moved(source, target, tmp_path):
    away = DirectoryObjects(tmp_path / "away")

    with pytest.raises(ObjectStoreUnavailable):
        move(source, away, FOLDERS, delete=True)
    with pytest.raises(ObjectStoreUnavailable):
        move(away, target, FOLDERS, delete=True)

    assert CONTENT.items() <= held(source).items()
    assert not (tmp_path / "away").exists()
