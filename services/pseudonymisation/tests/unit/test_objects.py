"""Sealed objects: whole or not at all, readable under their own key only; in each kind of store."""

import os

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore

from common.buckets import bucket
from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.errors import ObjectDamaged
from pseudonymisation.engine.objects import CHUNK_BYTES, DirectoryObjects, Objects
from pseudonymisation.engine.objects.bucket import BLOCK_BYTES, BucketObjects
from pseudonymisation.engine.objects.sealed import MAGIC, TAG_BYTES

KEY = b"k" * 32
NAME = "uploads/a/1"
S3 = pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")])


@pytest.fixture(params=["directory", "local", "memory", S3])
def objects(request, tmp_path):
    if request.param == "s3":
        return BucketObjects(bucket(f"{request.getfixturevalue('s3_bucket')}/some/prefix"))
    (tmp_path / "store").mkdir()
    if request.param == "directory":
        return DirectoryObjects(tmp_path / "store")
    return BucketObjects(
        MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "store")
    )


@pytest.fixture
def scratch(tmp_path):
    path = tmp_path / "scratch"
    path.mkdir()
    return path


def stored(objects: Objects, key: str = NAME) -> bytes:
    with objects.stored(key) as file:
        return file.read()


def overwritten(objects: Objects, content: bytes) -> None:
    with objects.created(NAME) as file:
        file.write(content)


def all_of(objects: Objects) -> list[str]:
    return list(objects.keys("uploads", older_than=float("inf")))


def put(
    objects: Objects, content: bytes, *, key: str = "uploads/a/1", piece: int = 300_000
) -> None:
    with objects.writer(key, KEY) as writer:
        for start in range(0, len(content), piece):
            writer.write(content[start : start + piece])


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        3 * CHUNK_BYTES,
        BLOCK_BYTES + CHUNK_BYTES + 5,
    ],
)
def test_what_was_written_is_read(objects, size):
    content = os.urandom(size)
    put(objects, content)

    assert b"".join(objects.read("uploads/a/1", KEY)) == content


def test_nothing_of_the_content_is_in_the_file(objects):
    put(objects, b"9990000018" * 1000)

    assert b"9990000018" not in stored(objects)


def test_another_key_does_not_open_it(objects):
    put(objects, b"content")

    with pytest.raises(ObjectDamaged):
        list(objects.read("uploads/a/1", b"x" * 32))


@pytest.mark.parametrize(
    "damage", ["cut", "cut to a chunk", "flipped", "swapped", "longer", "none"]
)
def test_a_damaged_object_is_no_object(objects, damage):
    put(objects, os.urandom(3 * CHUNK_BYTES))
    content, start, size = stored(objects), len(MAGIC), CHUNK_BYTES + TAG_BYTES
    first, second = content[start : start + size], content[start + size : start + 2 * size]
    overwritten(
        objects,
        {
            "cut": content[:-1],
            "cut to a chunk": content[: start + size],
            "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
            "swapped": content[:start] + second + first + content[start + 2 * size :],
            "longer": content + first,
            "none": b"",
        }[damage],
    )

    with pytest.raises(ObjectDamaged):
        list(objects.read("uploads/a/1", KEY))


def test_an_object_that_was_not_finished_is_not_there(objects):
    def cut_off() -> None:
        with objects.writer("uploads/a/1", KEY) as writer:
            writer.write(b"half of it")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cut_off()

    assert all_of(objects) == []


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 4 * BLOCK_BYTES + 1])
def test_what_an_engine_wrote_is_an_object_and_at_hand_for_an_engine(objects, scratch, size):
    content = os.urandom(size)
    with objects.made(NAME, scratch) as path:
        path.write_bytes(content)
        assert NAME not in all_of(objects)

    assert stored(objects) == content
    with objects.at_hand(scratch) as at_hand:
        found = at_hand.path(NAME)
        assert found.read_bytes() == content
        assert at_hand.path(NAME) == found
    assert list(scratch.iterdir()) == []


def test_what_an_engine_did_not_finish_is_no_object(objects, scratch):
    def cut_off() -> None:
        with objects.made(NAME, scratch) as path:
            path.write_bytes(b"half of it")
            raise duckdb.Error

    with pytest.raises(duckdb.Error):
        cut_off()

    assert all_of(objects) == []
    assert list(scratch.iterdir()) == []


def test_where_an_engine_wrote_nothing_there_is_no_object(objects, scratch):
    with objects.made(NAME, scratch) as path:
        path.write_bytes(b"nobody is in it")
        path.unlink()

    assert all_of(objects) == []


def test_what_is_not_there_is_not_at_hand_either(objects, scratch):
    with objects.at_hand(scratch) as at_hand:
        assert not at_hand.path(NAME).exists()
    with pytest.raises(ObjectStoreUnavailable):
        list(objects.read(NAME, KEY))


def test_an_object_is_read_anywhere_in_it(objects):
    content = os.urandom(3 * CHUNK_BYTES + 5)
    put(objects, content)

    with objects.opened(NAME, KEY) as file:
        file.seek(-7, os.SEEK_END)
        assert file.read() == content[-7:]
        file.seek(CHUNK_BYTES - 2)
        assert file.read(4) == content[CHUNK_BYTES - 2 : CHUNK_BYTES + 2]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(objects):
    put(objects, b"content")
    put(objects, b"other", key="uploads/a/10")

    objects.delete(NAME)
    objects.delete(NAME)

    assert all_of(objects) == ["uploads/a/10"]


def test_objects_are_listed_by_folder_and_age(objects):
    for key in ("uploads/b/1", NAME, "uploads/ab/1"):
        put(objects, b"content", key=key)

    assert all_of(objects) == [NAME, "uploads/ab/1", "uploads/b/1"]
    assert list(objects.keys("uploads/a", older_than=float("inf"))) == [NAME]
    assert list(objects.keys("uploads", older_than=0)) == []


def test_of_a_writer_that_was_killed_nothing_stays_when_its_key_is_deleted(tmp_path):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "1.part").write_bytes(b"half")
    objects = DirectoryObjects(tmp_path)
    assert all_of(objects) == ["uploads/1.part"]

    objects.delete("uploads/1")

    assert all_of(objects) == []


def test_a_store_that_is_away_is_not_made_anew(tmp_path):
    away = DirectoryObjects(tmp_path / "not-mounted")

    with pytest.raises(ObjectStoreUnavailable), away.writer("uploads/a/1", KEY):
        pass
    with pytest.raises(ObjectStoreUnavailable), away.made(NAME, tmp_path):
        pass
    assert not (tmp_path / "not-mounted").exists()


@pytest.mark.parametrize("key", ["../elsewhere", "/etc/passwd", "uploads/../../x"])
def test_no_key_leads_out_of_the_store(objects, scratch, key):
    with pytest.raises(ValueError, match="does not lead out"), objects.created(key):
        pass
    with pytest.raises(ValueError, match="does not lead out"), objects.at_hand(scratch) as at_hand:
        at_hand.path(key)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_how_it_was_written_makes_no_difference(tmp_path_factory, pieces):
    objects = DirectoryObjects(tmp_path_factory.mktemp("objects"))
    with objects.writer("uploads/a/1", KEY) as writer:
        for piece in pieces:
            writer.write(piece)

    assert b"".join(objects.read("uploads/a/1", KEY)) == b"".join(pieces)
