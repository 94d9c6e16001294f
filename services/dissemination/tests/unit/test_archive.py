"""A zip that is made while it is sent is one that any tool opens, whatever its size."""

import io
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dissemination.domain.zips import archive
from dissemination.domain.zips.archive import Archive, Member

CONTENT = b"PAR1" + bytes(range(256)) * 40 + b"PAR1"


def made(content=CONTENT, **texts):
    members = [Member.of(f"{name}.txt", text) for name, text in texts.items()]
    data = Member(name="é.parquet", size=len(content), crc=zlib.crc32(content))
    return Archive((*members, data), "sha256:" + "1" * 64)


def written(packed, content=CONTENT):
    return b"".join(content if s.content is None else s.content for s in packed.segments)


def test_python_reads_what_was_written_and_nothing_is_compressed():
    packed = made(readme="Read me.\r\n", empty="")

    with zipfile.ZipFile(io.BytesIO(written(packed))) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["readme.txt", "empty.txt", "é.parquet"]
        assert opened.read("é.parquet") == CONTENT
        assert opened.read("readme.txt") == b"Read me.\r\n"
        assert {i.compress_type for i in opened.infolist()} == {zipfile.ZIP_STORED}
    assert packed.size == len(written(packed))


def test_it_is_the_same_each_time_and_another_for_anything_else():
    packed = made(readme="a")

    assert (packed.etag, written(packed)) == (made(readme="a").etag, written(made(readme="a")))
    others = {made(readme="b").etag, made(other="a").etag, made(CONTENT[1:], readme="a").etag}
    assert len(others | {packed.etag}) == 4


@pytest.mark.parametrize("large", [0, 100, len(CONTENT), len(CONTENT) + 1])
def test_sizes_and_places_above_32_bits_stand_in_the_extension(monkeypatch, large):
    """The border is put low: four gigabytes are not written to see it."""
    monkeypatch.setattr(archive, "LARGE", large)
    packed = made(readme="a" * 200)

    directory = packed.segments[-2]

    assert directory.content is not None
    assert packed.segments[-1].content[-22:-18] == b"PK\5\6"
    assert (b"PK\6\6" in packed.segments[-1].content) == (directory.start >= large)


def test_a_zip_with_places_above_32_bits_is_opened(tmp_path):
    """A sparse file of five gigabytes in it, which takes no room."""
    size = 5 * 1024**3
    packed = Archive(
        (
            Member.of("README.txt", "first"),
            Member(name="data.parquet", size=size, crc=0),
            Member.of("last.txt", "behind"),
        ),
        "sha256:" + "1" * 64,
    )
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for segment in packed.segments:
            file.seek(segment.start)
            file.write(segment.content or b"")
        assert file.tell() == packed.size

    with zipfile.ZipFile(path) as opened:
        assert opened.getinfo("data.parquet").file_size == size
        assert opened.read("last.txt") == b"behind"


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_segments_follow_one_another_without_a_gap(first, second):
    packed = made(b"x" * first, one="a" * second)
    starts = [segment.start for segment in packed.segments]
    ends = [segment.end for segment in packed.segments]

    assert starts == [0, *ends[:-1]]
    assert ends[-1] == packed.size == len(written(packed, b"x" * first))
