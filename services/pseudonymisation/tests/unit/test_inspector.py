"""What is refused while it streams in, whatever the size of the chunks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from pseudonymisation.intake.adapters.uploads.inspector import (
    InspectedUpload,
    Inspector,
    columns_of,
)
from pseudonymisation.intake.domain import errors
from services.pseudonymisation.tests.submitting import sus_row, written

SUS = catalogue.load().get("SUS_APC")
GOOD = written([sus_row(), sus_row()])
HEADER = GOOD.partition(b"\n")[0]


def inspect(content: bytes, chunk: int = 1 << 20) -> InspectedUpload:
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


NAMES = HEADER.decode().split(",")


def delimited(delimiter: str) -> bytes:
    return GOOD.replace(b",", delimiter.encode())


def with_first(cell: str) -> bytes:
    header, *rows = GOOD.decode().splitlines()
    numbered = [f"{cell},{header}", *(f"{n},{row}" for n, row in enumerate(rows))]
    return "\n".join(numbered).encode()


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (GOOD.decode().encode("utf-16"), errors.EncodingNotUtf8),
        (GOOD.decode().encode("utf-16-le"), errors.EncodingNotUtf8),
        (GOOD.decode().encode("utf-16-be"), errors.EncodingNotUtf8),
        (GOOD.decode().encode("utf-32"), errors.EncodingNotUtf8),
        (GOOD.decode().encode("utf-32-be"), errors.EncodingNotUtf8),
        (b"N\0", errors.EncodingNotUtf8),
        (delimited(";"), errors.DelimiterWrong),
        (delimited("\t"), errors.DelimiterWrong),
        (delimited("|"), errors.DelimiterWrong),
        (b"sep=;\n" + delimited(";"), errors.SeparatorLine),
        (b'"sep=,"\r\n' + GOOD, errors.SeparatorLine),
        (with_first(""), errors.IndexColumn),
        (with_first("Unnamed: 0"), errors.IndexColumn),
        (with_first('""'), errors.IndexColumn),
        (with_first(",Unnamed: 0"), errors.IndexColumn),
        (GOOD.replace(b"\n", b",\n"), errors.TrailingDelimiter),
        (GOOD.replace(b"\n", b",,, \r\n"), errors.TrailingDelimiter),
        (GOOD.replace(b"\n", b"\r"), errors.LineEndsWrong),
        (GOOD.replace(b"\n", b"\r") * 500, errors.LineEndsWrong),
        (HEADER + b"\n" + GOOD.replace(b"\n", b"\r") * 500, errors.LineEndsWrong),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n", errors.ContentIsWebPage),
        (b"\n  <html>", errors.ContentIsWebPage),
        (b"\xef\xbb\xbf<table><tr><td>NHS_Number</td></tr></table>", errors.ContentIsWebPage),
        (b'<?xml version="1.0"?><Workbook/>', errors.ContentNotCsv),
        (b'[{"NHS_Number": "9990000018"}]', errors.ContentNotCsv),
        (b'{"records": []}', errors.ContentNotCsv),
        (b"{\\rtf1 NHS_Number}", errors.ContentNotCsv),
        (GOOD.partition(b"\n")[2], errors.ColumnsWrong),
        (b"Extract of April 2018\n\n" + GOOD, errors.HeaderNotFirst),
        (b"\n\n" + GOOD, errors.HeaderNotFirst),
        (b'"' + b'"\n"'.join(GOOD.splitlines()) + b'"\n', errors.LinesQuoted),
        (b"\n \n\r\n", errors.FileEmpty),
        (b",,,\n,,,\n", errors.FileEmpty),
        (b"\x1a", errors.FileEmpty),
        (HEADER + b"\n" + b"," * (len(NAMES) - 1) + b"\n", errors.FileEmpty),
        (HEADER + b'\r\n"","",\r\n\x1a', errors.FileEmpty),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_what_programs_make_of_a_file_is_told_by_its_name(content, refusal, chunk):
    with pytest.raises(errors.ContentRefused) as refused:
        inspect(content, chunk)

    assert type(refused.value) is refusal
    assert "9990000018" not in f"{refused.value.detail} {refused.value.members}"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD,
        b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r\r\n"),
        b'"' + HEADER.replace(b",", b'","') + b'"\n' + GOOD.partition(b"\n")[2],
        HEADER.replace(b",", b" , ").upper() + b"\n" + GOOD.partition(b"\n")[2],
        GOOD.rstrip(b"\n"),
        GOOD + b"," * (len(NAMES) - 1) + b"\n\x1a",
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_what_changes_nothing_of_the_meaning_is_taken(content, chunk):
    found = inspect(content, chunk)

    assert columns_of(found.header, SUS) == NAMES


def test_a_name_that_is_nearly_right_is_told_with_its_place():
    header = HEADER.decode().replace("NHS_Number,", "NHS Number,").replace("Sex", "'sex'")
    with pytest.raises(errors.ColumnsWrong) as refused:
        columns_of(header, SUS)

    assert refused.value.members["close"] == [
        {"at": 1, "column": "NHS_Number"},
        {"at": NAMES.index("Sex") + 1, "column": "Sex"},
    ]


def test_utf16_and_a_missing_header_are_said_in_words():
    with pytest.raises(errors.EncodingNotUtf8, match="UTF-16"):
        inspect(GOOD.decode().encode("utf-16-le"))
    with pytest.raises(errors.ColumnsWrong, match="no header"):
        inspect(GOOD.partition(b"\n")[2])


def test_the_line_of_a_header_that_is_not_first_and_of_a_zero_byte_is_named():
    with pytest.raises(errors.HeaderNotFirst) as late:
        inspect(b"April\n,,\n" + GOOD)
    with pytest.raises(errors.ContentNotText) as zero:
        inspect(GOOD + b"x\0\n", chunk=5)

    assert late.value.members == {"line": 3}
    assert zero.value.members == {"line": 4}


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
