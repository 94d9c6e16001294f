"""A synthetic postcode directory: same seed, same bytes, and agreements takes it in."""

import resource
import sys
from collections import Counter
from pathlib import Path

import pytest

from agreements.records.adapters import directories, reference
from dsfc_cli.synthetic import generate_directory

AREAS = reference.load().areas
MEGABYTE = 1 << 20


def blocks(path: Path):
    with path.open("rb") as file:
        while block := file.read(MEGABYTE):
            yield block


def test_the_same_seed_makes_the_same_bytes(tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for path, seed in ((one, 1), (same, 1), (other, 2)):
        generate_directory(path, rows=2_000, seed=seed)

    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_every_postcode_that_has_areas_is_taken_in(tmp_path):
    path = tmp_path / "directory.csv"
    generate_directory(path, rows=5_000, seed=1)

    found = directories.spool(blocks(path), AREAS, tmp_path)

    reasons = Counter(place.detail for place in found.left_out.named)
    assert (found.entries, found.left_out.lines, found.left_out.repeated) == (4_990, 10, 0)
    assert set(reasons) == {"has no areas: a crown dependency, or not yet placed"}


@pytest.mark.long
def test_a_real_edition_takes_flat_memory(tmp_path):
    """2.7 million lines: no more memory than a run of them takes."""
    path = tmp_path / "directory.csv"
    generate_directory(path, rows=300_000, seed=1)
    directories.spool(blocks(path), AREAS, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    generate_directory(path, rows=2_700_000, seed=1)

    found = directories.spool(blocks(path), AREAS, tmp_path)

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"grown by {grown} kB", file=sys.stderr)
    assert found.entries == 2_694_600
    assert grown < 150 * 1024
