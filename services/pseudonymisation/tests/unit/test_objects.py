"""Sealed objects: whole or not at all, and readable under their own key only."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ObjectStoreUnavailable
from pseudonymisation.engine.errors import ObjectDamaged
from pseudonymisation.engine.objects import CHUNK_BYTES, MAGIC, TAG_BYTES, Objects

KEY = b"k" * 32


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path)


def put(
    objects: Objects, content: bytes, *, key: str = "uploads/a/1", piece: int = 300_000
) -> None:
    with objects.writer(key, KEY) as writer:
        for start in range(0, len(content), piece):
            writer.write(content[start : start + piece])


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
def test_what_was_written_is_read(objects, size):
    content = os.urandom(size)
    put(objects, content)

    assert b"".join(objects.read("uploads/a/1", KEY)) == content


def test_nothing_of_the_content_is_in_the_file(objects):
    put(objects, b"9990000018" * 1000)

    assert b"9990000018" not in objects.path("uploads/a/1").read_bytes()


def test_another_key_does_not_open_it(objects):
    put(objects, b"content")

    with pytest.raises(ObjectDamaged):
        list(objects.read("uploads/a/1", b"x" * 32))


@pytest.mark.parametrize(
    "damage", ["cut", "cut to a chunk", "flipped", "swapped", "longer", "none"]
)
def test_a_damaged_object_is_no_object(objects, damage):
    put(objects, os.urandom(3 * CHUNK_BYTES))
    path = objects.path("uploads/a/1")
    content, start, size = path.read_bytes(), len(MAGIC), CHUNK_BYTES + TAG_BYTES
    first, second = content[start : start + size], content[start + size : start + 2 * size]
    path.write_bytes(
        {
            "cut": content[:-1],
            "cut to a chunk": content[: start + size],
            "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
            "swapped": content[:start] + second + first + content[start + 2 * size :],
            "longer": content + first,
            "none": b"",
        }[damage]
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

    assert not objects.path("uploads/a/1").exists()
    assert list(objects.keys("uploads", older_than=float("inf"))) == []


def test_a_store_that_is_away_is_not_made_anew(tmp_path):
    away = Objects(tmp_path / "not-mounted")

    with pytest.raises(ObjectStoreUnavailable), away.writer("uploads/a/1", KEY):
        pass
    assert not (tmp_path / "not-mounted").exists()


@pytest.mark.parametrize("key", ["../elsewhere", "/etc/passwd", "uploads/../../x"])
def test_no_key_leads_out_of_the_store(objects, key):
    with pytest.raises(ValueError, match="does not lead out"):
        objects.path(key)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_how_it_was_written_makes_no_difference(tmp_path_factory, pieces):
    objects = Objects(tmp_path_factory.mktemp("objects"))
    with objects.writer("uploads/a/1", KEY) as writer:
        for piece in pieces:
            writer.write(piece)

    assert b"".join(objects.read("uploads/a/1", KEY)) == b"".join(pieces)
