"""The release store's contract, on a directory and through obstore."""

import hashlib
import time
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from common.buckets import REACHED_SECONDS_MAX
from pseudonymisation.preparations.adapters.release_store import (
    BucketStore,
    DirectoryStore,
    release_store,
)
from pseudonymisation.preparations.domain.errors import ReleaseStoreUnavailable

KEY = "preparations/p/a/f.parquet"


S3 = pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")])


@pytest.fixture(params=["directory", "bucket", "memory", S3])
def store(request, tmp_path):
    if request.param == "s3":
        return release_store(f"{request.getfixturevalue('s3_bucket')}/some/prefix")
    (tmp_path / "store").mkdir()
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    if request.param == "bucket":
        return BucketStore(LocalStore(tmp_path / "store"))
    return BucketStore(MemoryStore())


@pytest.fixture
def source(tmp_path):
    def write(data):
        path = tmp_path / "source"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("size", [0, 1, 2, 1_000, 1_048_576, 3_000_001])
def test_what_was_put_is_there_whole_with_its_size_and_digest(store, source, size, tmp_path):
    data = bytes(i % 251 for i in range(size))
    halves = []

    stored = store.put(KEY, source(data), halfway=lambda: halves.append(list(store.keys(""))))

    assert stored.bytes == size
    assert stored.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert list(store.keys("preparations/p")) == [KEY]
    assert len(halves) == (size > 0)
    assert all(KEY not in keys for keys in halves)


def test_left_in_the_middle_there_is_no_object(store, source):
    class Killed(Exception):
        pass

    def halfway():
        raise Killed

    with pytest.raises(Killed):
        store.put(KEY, source(b"x" * 100_000), halfway=halfway)
    assert list(store.keys("preparations")) == []


def test_what_was_deleted_is_gone_and_others_stay(store, source):
    other = "preparations/p/b/f.csv"
    for key in (KEY, other):
        store.put(key, source(b"data"), halfway=lambda: None)

    store.delete(KEY)

    assert list(store.keys("preparations")) == [other]


def test_keys_do_not_lead_out_of_the_store(store, source):
    for key in ("../x", "/etc/x", ""):
        with pytest.raises(ValueError, match="lead out"):
            store.put(key, source(b"x"), halfway=lambda: None)


def test_a_directory_that_is_not_there_is_not_made(tmp_path, source):
    store = DirectoryStore(tmp_path / "away")

    with pytest.raises(ReleaseStoreUnavailable):
        store.put(KEY, source(b"x"), halfway=lambda: None)
    assert not (tmp_path / "away").exists()


def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path, source):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "preparations").write_text("in the way")

    with pytest.raises(ReleaseStoreUnavailable):
        DirectoryStore(tmp_path / "store").put(KEY, source(b"x"), halfway=lambda: None)


def test_a_directory_that_a_sweep_takes_for_an_empty_one_is_made_again(
    tmp_path, source, monkeypatch
):
    """Guard: `_opened`. A preparation would fail for good, with RELEASE_STORE_UNAVAILABLE."""
    (tmp_path / "store").mkdir()
    make, swept = Path.mkdir, []

    def made_and_swept(path, *arguments, **named):
        make(path, *arguments, **named)
        if not swept:
            swept.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", made_and_swept)
    store = DirectoryStore(tmp_path / "store")

    store.put(KEY, source(b"data"), halfway=lambda: None)

    assert swept
    assert list(store.keys("preparations")) == [KEY]


def test_a_directory_that_is_no_longer_empty_when_it_is_to_go_stays(tmp_path, source, monkeypatch):
    (tmp_path / "store").mkdir()
    store = DirectoryStore(tmp_path / "store")
    store.put(KEY, source(b"data"), halfway=lambda: None)
    remove = Path.rmdir

    def filled_and_removed(path):
        (path / "new.csv").touch()
        remove(path)

    monkeypatch.setattr(Path, "rmdir", filled_and_removed)

    store.delete(KEY)

    assert list(store.keys("preparations/p/a")) == ["preparations/p/a/new.csv"]


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
def test_in_a_bucket_objects_lie_under_the_prefix_of_the_setting(s3_gateway, s3_bucket, source):
    release_store(f"{s3_bucket}/prefix").put(KEY, source(b"data"), halfway=lambda: None)

    bucket = s3_gateway.directory / s3_bucket.removeprefix("s3://")
    assert (bucket / "prefix" / KEY).read_bytes() == b"data"


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
def test_what_was_deleted_twice_or_was_never_there_is_gone(store_in_bucket):
    store_in_bucket.delete(KEY)
    store_in_bucket.delete(KEY)
    assert list(store_in_bucket.keys("")) == []


@pytest.fixture
def store_in_bucket(s3_bucket):
    return release_store(s3_bucket)


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_SECRET_ACCESS_KEY", "another"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_unavailable_in_a_defined_time(
    s3_bucket, source, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    store = release_store(s3_bucket)
    begun = time.monotonic()

    with pytest.raises(ReleaseStoreUnavailable) as away:
        store.put(KEY, source(b"x"), halfway=lambda: None)
    with pytest.raises(ReleaseStoreUnavailable):
        list(store.keys(""))

    assert time.monotonic() - begun < 2 * REACHED_SECONDS_MAX
    assert "127.0.0.1" not in str(away.value)


def test_a_setting_names_a_directory_or_a_bucket(tmp_path):
    assert isinstance(release_store(str(tmp_path)), DirectoryStore)
    assert isinstance(release_store("memory:///"), BucketStore)


@pytest.mark.parametrize("size", [0, 1, 1_048_577, 3_000_001])
def test_an_object_is_read_anywhere_in_it(store, source, size):
    data = bytes(i % 251 for i in range(size))
    store.put(KEY, source(data), halfway=lambda: None)

    with store.opened(KEY) as file:
        assert file is not None
        assert file.seek(max(0, size - 7)) == max(0, size - 7)
        assert file.read() == data[-7:]
        file.seek(0)
        assert file.read() == data


def test_an_object_that_is_not_there_is_none(store, source):
    store.put(KEY, source(b"x"), halfway=lambda: None)

    with store.opened("preparations/p/a/other.parquet") as file:
        assert file is None
