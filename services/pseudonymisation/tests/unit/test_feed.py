"""Lines get their numbers, and what would lead a CSV reader astray is set aside."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.intake.adapters.landing.feed import BLOCK_BYTES, Lines


def feed(
    content: bytes, chunk: int = 1 << 20, **options
) -> tuple[bytes, list[tuple[int, str]], int]:
    aside: list[tuple[int, str]] = []

    def set_aside(numbers, code, lines):
        assert len(numbers) == len(lines)
        aside.extend((int(number), code) for number in numbers)

    lines, out = Lines(set_aside, **options), b""
    for start in range(0, len(content), chunk):
        block = lines.of(content[start : start + chunk])
        out += block.text(options.get("delimiter", ",")).to_pybytes() if block is not None else b""
    last = lines.last()
    return (
        out + (last.text(options.get("delimiter", ",")).to_pybytes() if last is not None else b""),
        sorted(aside),
        (lines.records),
    )


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_each_record_gets_the_number_of_its_line(chunk):
    out, aside, records = feed(b"a,b\n1,2\n\n3,4\r\n5,6", chunk)

    assert out == b"2,1,2\n4,3,4\n5,5,6\n"
    assert aside == []
    assert records == 3


def test_a_line_that_would_swallow_the_next_ones_is_set_aside():
    out, aside, records = feed(b'a,b\n"1,2\n3,4\n"5 ""x""",6\n7,8"\n9,0\n')

    assert out == b'3,3,4\n4,"5 ""x""",6\n6,9,0\n'
    assert aside == [(2, "QUOTE_NOT_CLOSED"), (5, "QUOTE_NOT_CLOSED")]
    assert records == 5


@pytest.mark.parametrize("chunk", [1, 5, 1000])
@pytest.mark.parametrize(
    ("content", "fed", "aside"),
    [
        (b'1,"x\ny"\n2,z\n', b"4,2,z\n", {2: "LINE_BREAK_IN_VALUE", 3: "LINE_BREAK_IN_VALUE"}),
        (
            b'1,"x\r\n\r\nsee ""A"", b\r\ny"\r\n2,z\r\n',
            b"6,2,z\n",
            dict.fromkeys((2, 4, 5), "LINE_BREAK_IN_VALUE"),
        ),
        (b'1,"x\n2,z', b"3,2,z\n", {2: "QUOTE_NOT_CLOSED"}),
        # Two lines of a record each, and each has one quote: not one of two lines.
        (b'1,"x\n2,"y\n', b"", dict.fromkeys((2, 3), "QUOTE_NOT_CLOSED")),
        (
            b'1,"x\n' + b"2,z\n" * 50 + b'3,y"\n',
            b"".join(b"%d,2,z\n" % n for n in range(3, 53)),
            {2: "QUOTE_NOT_CLOSED", 53: "QUOTE_NOT_CLOSED"},
        ),
    ],
)
def test_a_line_break_in_a_value_is_told_from_a_quote_that_is_not_closed(
    content, fed, aside, chunk
):
    out, found, _ = feed(b"a,b\n" + content, chunk, columns=2)

    assert (out, dict(found)) == (fed, aside)


@pytest.mark.parametrize("empty", [b",", b" , ", b'"",""', b"\t", b";;;;", b"\x1a", b'" ",\r'])
def test_lines_with_nothing_but_delimiters_are_no_records(empty):
    out, aside, records = feed(b"a,b\n1,2\n" + empty + b"\n3,4\n" + empty)

    assert (out, aside, records) == (b"2,1,2\n4,3,4\n", [], 2)


def test_a_value_of_one_letter_among_empty_ones_is_a_record():
    assert feed(b"a,b,c,d,e\n,,,,1\n,,0,,\n-,,,,\n")[2] == 3


def test_a_delimiter_behind_the_last_value_is_seen_and_not_passed_over():
    content = b'a,b,c\n1,2,\n1,2,3,\n1,x,y,\n"1,2",,\n"1,2",3,4,\n'
    out, aside, _ = feed(content, columns=3)

    assert out == b'2,1,2,\n5,"1,2",,\n'
    assert aside == [(line, "TRAILING_DELIMITER") for line in (3, 4, 6)]


def test_the_number_of_a_line_is_delimited_as_its_values_are():
    assert feed(b"a;b\n1;2,5\n", delimiter=";")[0] == b"2;1;2,5\n"


def test_control_characters_set_a_line_aside_and_tabs_do_not():
    out, aside, _ = feed(b"a,b\n1\x1f,2\n3\t,4\n5,\r6\n")

    assert out == b"3,3\t,4\n"
    assert aside == [(2, "CONTROL_CHARACTER"), (4, "CONTROL_CHARACTER")]


def test_a_byte_order_mark_is_no_part_of_the_header():
    assert feed(b"\xef\xbb\xbfa,b\n1,2\n")[0] == b"2,1,2\n"


@pytest.mark.parametrize("content", [b"", b"a,b", b"a,b\n", b"a,b\n\n\r\n"])
def test_a_file_without_records_feeds_nothing(content):
    assert feed(content) == (b"", [], 0)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 20))
def test_where_chunks_end_makes_no_difference(content, chunk):
    assert feed(b"h\n" + content, chunk) == feed(b"h\n" + content)


@pytest.mark.parametrize(
    ("line", "is_record"),
    [
        (b'"1","x,y"', True),
        (b'1,"say ""A"", b"', True),
        (b'"x",""', True),
        (b'"1","x,"y"",""', False),
        (b'"1","x"y', False),
        (b'1,x"y"', False),
        (b'1, "y"', False),
        (b'"1" ,y', False),
        (b'1,"x" "y"', False),
    ],
)
def test_a_quote_stands_at_the_edge_of_a_value_or_twice_inside_one(line, is_record):
    """The engine's reader loses its place at another, and the records after it."""
    out, aside, records = feed(b"a,b\n0,0\n" + line + b"\n9,9\n")

    assert aside == ([] if is_record else [(3, "QUOTE_MISPLACED")])
    assert out == b"2,0,0\n" + (b"3," + line + b"\n" if is_record else b"") + b"4,9,9\n"
    assert records == 3


def test_a_landing_that_may_take_less_has_smaller_blocks():
    """Of a file beside another each thread holds what it makes of a block on its way."""
    line = b"123456789\n"
    chunks = [b"header\n", *[line * 100] * 40]
    size = len(line) * 100

    def blocks(block_bytes):
        lines = Lines(lambda *_: pytest.fail("set aside"), block_bytes=block_bytes)
        return [len(block.data) for block in lines.blocks(iter(chunks))]

    assert blocks(None) == [40 * size]
    assert blocks(BLOCK_BYTES * 2) == [40 * size]
    assert blocks(10 * size) == [10 * size] * 4
