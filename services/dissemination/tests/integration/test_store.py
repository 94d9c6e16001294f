"""Objects are read as they are, whatever is in memory, and nothing outside the store is."""

import asyncio
import os
import re
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from common.errors import ObjectStoreUnavailable
from dissemination.adapters import store as adapter
from dissemination.adapters.store import ObstoreReleases
from dissemination.domain.errors import ObjectMissing

CONTENT = os.urandom(3_000_000)
KEY = "preparations/p/1/f.parquet"


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "release" / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return tmp_path / "release"


@pytest.fixture
def store(directory):
    store = ObstoreReleases(str(directory))
    yield store
    store.close()


@pytest.fixture
def bucket(s3_gateway, s3_bucket):
    """The same objects, in a bucket, under a prefix."""
    path = s3_gateway.directory / s3_bucket.removeprefix("s3://") / "prefix" / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    store = ObstoreReleases(f"{s3_bucket}/prefix")
    yield store
    store.close()


S3 = pytest.param("bucket", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")])


@pytest.fixture(params=["store", S3])
def any_store(request):
    return request.getfixturevalue(request.param)


def read(store, *parts, key=KEY):
    async def go():
        source = store.source(key)
        try:
            return [bytes(await source.read(offset, length)) for offset, length in parts]
        finally:
            source.close()

    return asyncio.run(go())


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_blocks_are_what_the_object_has(any_store):
    first, middle, end = read(any_store, (0, 10), (1_000_000, 1_048_576), (2_999_999, 50))

    assert first == CONTENT[:10]
    assert middle == CONTENT[1_000_000 : 1_000_000 + 1_048_576]
    assert end == CONTENT[-1:]


@pytest.mark.parametrize("at_once", [adapter._AT_ONCE, None], ids=["from-memory", "by-a-thread"])
def test_blocks_are_what_the_file_has(store, monkeypatch, at_once):
    monkeypatch.setattr(adapter, "_AT_ONCE", at_once)

    first, middle, end = read(store, (0, 10), (1_000_000, 1_048_576), (2_999_999, 50))

    assert first == CONTENT[:10]
    assert middle == CONTENT[1_000_000 : 1_000_000 + 1_048_576]
    assert end == CONTENT[-1:]


def test_no_file_stays_open(store, until):
    read(store, (0, 10))
    before = open_files()
    for _ in range(5):
        read(store, (0, 10))

    until(lambda: open_files() <= before)


def test_size_and_digest_are_of_the_whole_object(any_store):
    from common.ids import digest

    any_store.check()
    assert any_store.size(KEY) == len(CONTENT)
    assert any_store.digest(KEY) == (len(CONTENT), digest(CONTENT))


@pytest.mark.parametrize("key", ["preparations/p/1/other", "../secret", "/etc/hostname", "a/../b"])
def test_what_is_not_in_the_store_is_missing(any_store, directory, key):
    (directory.parent / "secret").write_text("secret")

    for ask in (any_store.size, any_store.digest, lambda key: read(any_store, (0, 1), key=key)):
        with pytest.raises(ObjectMissing):
            ask(key)


def test_a_store_that_is_away_is_no_missing_object(tmp_path):
    store = ObstoreReleases(str(tmp_path / f"{uuid4()}"))

    for ask in (store.size, store.digest, store.source):
        with pytest.raises(ObjectStoreUnavailable):
            ask(KEY)
    with pytest.raises(ObjectStoreUnavailable):
        store.check()


class Slow(BaseHTTPRequestHandler):
    """A bucket that gives a megabyte a second."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._head(200, len(CONTENT))

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, len(CONTENT) - 1)
        self._head(206 if asked else 200, last + 1 - first, f"{first}-{last}")
        with suppress(OSError):
            for start in range(first, last + 1, 100_000):
                self.wfile.write(CONTENT[start : min(start + 100_000, last + 1)])
                time.sleep(0.1)

    def _head(self, status, length, part=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2018 00:00:00 GMT")
        if part:
            self.send_header("Content-Range", f"bytes {part}/{len(CONTENT)}")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_an_object_may_take_longer_than_a_request_to_its_bucket(monkeypatch):
    """A large extract could not be released: reading it was one request, which ends in time."""
    from common.ids import digest

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "of-tests-only",
        "AWS_SECRET_ACCESS_KEY": "of-tests-only",
        "AWS_TIMEOUT": "500ms",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(adapter, "DIGEST_BLOCK_BYTES", 100_000)
    store = ObstoreReleases("s3://bucket")
    try:
        assert store.digest(KEY) == (len(CONTENT), digest(CONTENT))
    finally:
        store.close()
        server.shutdown()
        server.server_close()


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_SECRET_ACCESS_KEY", "another"),
    ],
)
def test_a_bucket_that_is_away_is_no_missing_object(s3_bucket, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    store = ObstoreReleases(s3_bucket)

    for ask in (store.size, store.digest, lambda key: read(store, (0, 1), key=key)):
        with pytest.raises(ObjectStoreUnavailable):
            ask(KEY)
    with pytest.raises(ObjectStoreUnavailable):
        store.check()


def test_an_object_that_is_gone_when_it_is_opened_is_missing(store, directory):
    source = store.source(KEY)
    (directory / KEY).unlink()

    async def go():
        with pytest.raises(ObjectMissing):
            await source.read(0, 10)
        source.close()

    asyncio.run(go())
