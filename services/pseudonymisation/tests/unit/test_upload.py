"""What is refused while it streams in, whatever the size of the chunks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from pseudonymisation.adapters.plane.upload import Inspected, Inspector, columns_of
from pseudonymisation.domain import errors
from services.pseudonymisation.tests.submitting import sus_row, written

SUS = catalogue.load().get("SUS_APC")
GOOD = written([sus_row(), sus_row()])
HEADER = GOOD.partition(b"\n")[0]


def inspect(content: bytes, chunk: int = 1 << 20) -> Inspected:
    inspector = Inspector(SUS)
    for start in range(0, len(content), chunk):
        inspector.see(content[start : start + chunk])
    return inspector.finish()


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_a_good_file_is_measured_whatever_the_chunks(chunk):
    found = inspect(GOOD, chunk)

    assert found.bytes == len(GOOD)
    assert found.lines == 3
    assert found.header.encode() == HEADER
    assert found == inspect(GOOD)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", errors.FileEmpty),
        (HEADER + b"\n", errors.FileEmpty),
        (HEADER, errors.FileEmpty),
        (HEADER + b"\n\n \r\n", errors.FileEmpty),
        (b"PK\x03\x04rest of a zip", errors.ContentIsArchive),
        (b"\x1f\x8b\x08rest of a gzip", errors.ContentIsArchive),
        (b"PAR1 parquet", errors.ContentIsArchive),
        (b"\xff\xfeN\x00H\x00S\x00", errors.EncodingNotUtf8),
        (GOOD.replace(b"L0000001", b"L\xe9000001"), errors.EncodingNotUtf8),
        (GOOD + b"\xc3", errors.EncodingNotUtf8),
        (GOOD.replace(b"L0000001", b"L\x00000001"), errors.ContentNotText),
        (b"a,b\n1,2\n", errors.ColumnsWrong),
        (b'"NHS_Number\n1\n', errors.ColumnsWrong),
        (HEADER + b",NHS_Number\n", errors.ColumnsWrong),
        (HEADER + b"\n" + b"x" * 70_000 + b"\n", errors.LineTooLong),
        (HEADER + b"\n" + b"x" * 70_000, errors.LineTooLong),
        (b"x" * 70_000, errors.LineTooLong),
    ],
)
@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_what_is_not_the_catalogues_is_refused(content, refusal, chunk):
    with pytest.raises(refusal):
        inspect(content, chunk)


def test_a_file_larger_than_the_catalogue_allows_is_refused():
    small = SUS.model_copy(update={"file": SUS.file.model_copy(update={"file_bytes_max": 100})})

    with pytest.raises(errors.FileTooLarge):
        Inspector(small).see(GOOD)


def test_the_line_that_is_too_long_or_not_utf8_is_named():
    with pytest.raises(errors.LineTooLong) as too_long:
        inspect(GOOD + b"x" * 70_000)
    with pytest.raises(errors.EncodingNotUtf8) as encoding:
        inspect(GOOD + b"abc\xff\n", chunk=5)

    assert too_long.value.members == {"line": 4}
    assert encoding.value.members == {"line": 4}


def test_an_endless_line_is_refused_after_what_the_catalogue_allows():
    inspector = Inspector(SUS)
    inspector.see(HEADER + b"\n")
    pieces = iter(range(2_000_000_000 // 8192))

    def send() -> None:
        for _ in pieces:
            inspector.see(b"x" * 8192)

    with pytest.raises(errors.LineTooLong):
        send()

    assert next(pieces) * 8192 < 2 * SUS.file.line_bytes_max


def test_a_file_without_a_header_has_nothing_of_its_first_line_repeated():
    with pytest.raises(errors.ColumnsWrong) as refused:
        inspect(GOOD.partition(b"\n")[2])

    said = f"{refused.value.detail} {refused.value.members}"
    assert "9990000018" not in said
    assert "S70" not in said


def test_columns_are_known_in_any_order_and_case_and_after_a_byte_order_mark():
    names = HEADER.decode().split(",")
    turned = ",".join(reversed(names)).lower()

    assert columns_of(turned, SUS) == list(reversed(names))
    assert inspect(b"\xef\xbb\xbf" + GOOD).header == HEADER.decode()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_where_chunks_end_makes_no_difference(sizes):
    inspector, start = Inspector(SUS), 0
    for size in sizes:
        inspector.see(GOOD[start : start + size])
        start += size
    inspector.see(GOOD[start:])

    assert inspector.finish() == inspect(GOOD)
