"""Stores in buckets of a real S3 server, against directories of the same disk.

`bucket landing` is the way of a file from its upload to an edition, both in the bucket, against the
same in a directory; `bucket fetch` what a preparation waits for before it reads an edition, against
a copy of the file; `bucket release` an extract's file put into the release store, against the same
into a directory, which waits for its disk. The server (versitygw) runs on the same cores and the
same disk: a network and a store of several machines are not in it.
"""

import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from common.buckets import bucket
from dsfc_testing.s3_gateway import gateway
from pseudonymisation.engine.objects import Objects
from pseudonymisation.engine.objects.bucket import BucketObjects
from pseudonymisation.preparations.adapters.release_store import BucketStore, DirectoryStore
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import DATA_SET, Bench

ROWS = 1_000_000
ROUNDS = 5


def run(scale: float, scratch: Path) -> list[Result]:
    with _buckets(scratch / "s3"):
        return _measured(int(ROWS * scale), scratch)


@contextmanager
def _buckets(directory: Path) -> Iterator[None]:
    """A server with the two buckets, which this process reaches by its environment."""
    with gateway(directory) as server:
        for name in ("landing", "release"):
            (directory / name).mkdir()
        before = dict(os.environ)
        os.environ.update(server.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _measured(rows: int, scratch: Path) -> list[Result]:
    here = Bench.create(scratch / "haven")
    here.submission(rows)
    there = replace(here, objects=BucketObjects(bucket("s3://landing/haven")))
    landing = turns(
        lambda: _received_and_landed(there, rows),
        lambda: _received_and_landed(here, rows),
        rounds=ROUNDS,
    )

    edition, _ = there.land()
    key = f"editions/{edition}/1.parquet"
    size = _fetched(there.objects, key, scratch)
    file = scratch / "edition.parquet"
    with there.objects.stored(key) as stored:
        file.write_bytes(stored.read())
    copied = scratch / "copied.parquet"
    fetch = turns(
        lambda: _fetched(there.objects, key, scratch),
        lambda: shutil.copyfile(file, copied),
        rounds=ROUNDS,
    )

    stores = BucketStore(bucket("s3://release/extracts")), DirectoryStore(here.directory / "made")
    put, kept = (lambda store=store: _released(store, here.csv) for store in stores)
    release = turns(put, kept, rounds=ROUNDS)
    bytes_ = here.csv.stat().st_size
    return [
        Result(
            name="bucket landing",
            ratio=landing.ratio,
            goal=None,
            better="lower",
            told=f"{DATA_SET.data_set} x {rows:,}, upload to edition"
            f" {statistics.median(landing.contender):.1f} s, in a directory"
            f" {statistics.median(landing.floor):.1f} s; {landing.spread};"
            f" {landing.cpu_ratio:.2f} of its CPU",
        ),
        Result(
            name="bucket fetch",
            ratio=fetch.ratio,
            goal=None,
            better="lower",
            told=f"{size / 1e6:.0f} MB at {_rate(size, fetch.contender)},"
            f" copied at {_rate(size, fetch.floor)}; {fetch.spread}",
        ),
        Result(
            name="bucket release",
            ratio=release.ratio,
            goal=None,
            better="lower",
            told=f"{bytes_ / 1e6:.0f} MB at {_rate(bytes_, release.contender)},"
            f" into a directory at {_rate(bytes_, release.floor)}; {release.spread}",
        ),
    ]


def _received_and_landed(bench: Bench, rows: int) -> None:
    bench.receive()
    edition, outcome = bench.land()
    assert outcome.landed + sum(outcome.left_out.values()) + outcome.quarantined == rows
    bench.objects.delete(f"editions/{edition}/1.parquet")


def _fetched(objects: Objects, key: str, scratch: Path) -> int:
    with objects.at_hand(scratch / "at-hand") as files:
        return files.path(key).stat().st_size


def _released(store: BucketStore | DirectoryStore, file: Path) -> None:
    store.put("1/2/3.csv", file, halfway=lambda: None)
    store.delete("1/2/3.csv")


def _rate(bytes_: int, seconds: list[float]) -> str:
    return f"{bytes_ / 1e6 / statistics.median(seconds):,.0f} MB/s"
