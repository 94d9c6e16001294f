"""Forms of a content: gzip and Parquet as they stream in, and lines quoted in other ways."""

import io
import tracemalloc
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import catalogue
from pseudonymisation.intake.adapters.uploads import quoting
from pseudonymisation.intake.adapters.uploads.inflating import Inflater
from pseudonymisation.intake.adapters.uploads.pages import PagesMalformed, pages
from pseudonymisation.intake.adapters.uploads.parquet import Table
from pseudonymisation.intake.domain import errors
from services.pseudonymisation.tests.submitting import sus_row, written, zipped

SUS = catalogue.load().get("SUS_APC")
ROWS = [sus_row(), sus_row(NHS_Number="9990000026", Local_Patient_ID="")]
CSV = written(ROWS)


def inflated(content: bytes, size: int) -> bytes:
    inflater, found = Inflater(), b""
    for start in range(0, len(content), size):
        found += b"".join(inflater(content[start : start + size]))
    inflater.finish()
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    "content",
    [
        zipped(CSV),
        zipped(CSV[:100]) + zipped(b"") + zipped(CSV[100:]),
        zipped(CSV) + b"\0" * 512,
    ],
)
def test_gzip_of_one_member_or_several_or_padded_is_opened(content, size):
    assert inflated(content, size) == CSV


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", errors.FileEmpty),
        (b"\x1f", errors.ContentTypeMismatch),
        (CSV, errors.ContentTypeMismatch),
        (zipped(CSV)[:-1], errors.ContentDamaged),
        (zipped(CSV)[:30], errors.ContentDamaged),
        (zipped(CSV) + b"garbage", errors.ContentDamaged),
        (zipped(CSV) + b"\0\0" + zipped(CSV), errors.ContentDamaged),
        (zipped(CSV) + b"\x1f", errors.ContentDamaged),
        (zipped(CSV)[:-8] + b"\0" * 8, errors.ContentDamaged),
    ],
)
def test_gzip_that_is_none_or_damaged_or_followed_by_something_is_refused(content, refusal, size):
    with pytest.raises(refusal):
        inflated(content, size)


def bomb(megabytes: int) -> bytes:
    """Zeros, compressed a thousand times."""
    compressor = zlib.compressobj(9, wbits=31)
    megabyte = b"0" * (1 << 20)
    parts = [compressor.compress(megabyte) for _ in range(megabytes)]
    return b"".join(parts) + compressor.flush()


def test_a_gzip_bomb_is_refused_within_bounded_memory():
    content, given = bomb(96), 0
    pieces = Inflater()(content)
    tracemalloc.start()
    with pytest.raises(errors.ContentExpands):  # noqa: PT012 - it is somewhere among the pieces
        for piece in pieces:
            given += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert given < 96 << 20
    assert peak < 32 << 20


def parquet(table: pa.Table, **options) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def lines_of(content: bytes, data_set=SUS) -> bytes:
    return b"".join(Table.of(io.BytesIO(content), data_set).lines())


TABLE = pa.Table.from_pylist([{k: v or None for k, v in row.items()} for row in ROWS])


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4"])
@pytest.mark.parametrize("dictionaries", [True, False])
def test_a_parquet_file_of_text_is_the_csv_that_it_was_made_of(compression, dictionaries):
    content = parquet(TABLE, compression=compression, use_dictionary=dictionaries, row_group_size=1)

    assert lines_of(content) == CSV


def test_types_of_a_parquet_file_become_the_national_forms_of_text():
    days = pa.array(["2018-04-10", None]).cast(pa.date32())
    typed = {
        "NHS_Number": pa.array([9990000018, 9990000026]),
        "Date_of_Birth": pa.array(["1970-01-31", "1971-02-28"]).cast(pa.timestamp("ns")),
        "Episode_Number": pa.array([1.0, None]),
        "Der_Spell_LoS": pa.array([2, 3], pa.int8()),
        "Sex": pa.array(["1", "2"]).dictionary_encode(),
        "Discharge_Date": days,
        "Site_Code_of_Treatment": pa.array([b"RR801", b"RR801"], pa.binary()),
    }
    table = TABLE
    for name, column in typed.items():
        table = table.set_column(table.schema.names.index(name), name, column)

    header, first, second = lines_of(parquet(table)).decode().splitlines()
    found = [dict(zip(header.split(","), one.split(","), strict=True)) for one in (first, second)]

    assert [found[0][name] for name in typed] == [
        *("9990000018", "1970-01-31", "1", "2", "1", "2018-04-10", "RR801"),
    ]
    assert [found[1][name] for name in typed] == [
        *("9990000026", "1971-02-28", "", "3", "2", "", "RR801"),
    ]


def test_a_value_with_a_delimiter_a_quote_or_a_line_break_stays_one_value_of_one_line():
    table = TABLE.set_column(0, "NHS_Number", pa.array(['a,"b', "c\nd"]))

    header, first, second, end = lines_of(parquet(table)).split(b"\n")

    assert (header, end) == (CSV.partition(b"\n")[0], b"")
    assert first.startswith(b'"a,""b",')
    assert second.startswith(b"c\x0bd,")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([True, False]), "true and false"),
        (pa.array([[1], [2]]), "text"),
        (pa.array([{"a": 1}, {"a": 2}]), "text"),
        (pa.array([1, 2], pa.timestamp("s", tz="UTC")), "time zone"),
    ],
)
def test_a_type_that_has_no_form_as_text_is_refused_with_its_column(column, kind):
    table = TABLE.set_column(5, "Sex", column)

    with pytest.raises(errors.ColumnTypeUnsupported, match=kind) as refused:
        lines_of(parquet(table))
    assert refused.value.members == {"column": "Sex"}


GOOD = parquet(TABLE)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (CSV, errors.ContentTypeMismatch),
        (b"PARE" + GOOD[4:], errors.ContentTypeMismatch),
        (GOOD[:-1], errors.ContentDamaged),
        (GOOD[: len(GOOD) // 2], errors.ContentDamaged),
        (b"PAR1", errors.ContentDamaged),
        (b"PAR1" + b"\xff" * 4 + b"PAR1", errors.ContentDamaged),
        (GOOD + b"x", errors.ContentDamaged),
        (parquet(TABLE.slice(0, 0)), errors.FileEmpty),
        (parquet(TABLE.drop_columns(["Sex"])), errors.ColumnsWrong),
        (parquet(TABLE.append_column("Remark", pa.array(["a", "b"]))), errors.ColumnsWrong),
    ],
)
def test_a_parquet_file_that_is_none_or_not_of_the_data_set_is_refused(content, refusal):
    with pytest.raises(refusal):
        lines_of(content)


def test_any_damage_of_a_parquet_file_is_a_refusal_and_nothing_else():
    for place in range(4, len(GOOD), 37):
        spoilt = GOOD[:place] + bytes([GOOD[place] ^ 0xFF]) + GOOD[place + 1 :]
        try:
            lines_of(spoilt)
        except errors.ContentRefused:
            continue


def test_a_record_that_is_too_long_is_named_by_its_line():
    long = TABLE.set_column(0, "NHS_Number", pa.array(["1", "x" * 70_000]))

    with pytest.raises(errors.LineTooLong) as refused:
        lines_of(parquet(long))

    assert refused.value.members == {"line": 3}


def test_a_value_that_is_not_utf8_is_named_by_its_line():
    table = TABLE.set_column(0, "NHS_Number", pa.array([b"1", b"\xff"], pa.binary()))

    with pytest.raises(errors.EncodingNotUtf8) as refused:
        lines_of(parquet(table))

    assert refused.value.members == {"line": 3}


def test_a_table_that_repeats_a_value_without_end_is_refused_before_it_is_written_out():
    one = pa.table({name: ["x" * 1_000] for name in TABLE.schema.names})
    many = one.take(pa.array([0] * 2_500))
    content = parquet(many, compression="zstd")

    with pytest.raises(errors.ContentExpands):
        for _ in Table.of(io.BytesIO(content), SUS).lines():
            pass


def test_pages_too_large_to_be_opened_are_refused_by_their_own_headers():
    wide = pa.table(
        {name: pa.array(["y" * 60_000] * 5_000) for name in TABLE.schema.names[:1]}
        | {name: pa.nulls(5_000, pa.string()) for name in TABLE.schema.names[1:]}
    )
    content = parquet(
        wide,
        compression="zstd",
        use_dictionary=False,
        data_page_size=1 << 30,
        write_batch_size=5_000,
    )

    with pytest.raises(errors.ContentExpands):
        lines_of(content)


def test_what_is_no_header_of_a_page_is_malformed():
    for content in (b"", b"\xff" * 40, b"\x15\x00", b"\x1c" * 100, b"\x00"):
        with pytest.raises(PagesMalformed):
            list(pages(io.BytesIO(content), 0, max(1, len(content))))


def rewritten(text: str, how: str, size: int = 5) -> str:
    file = SUS.file.model_copy(update={"quoting": how, "delimiter": ";"})
    content = text.encode()
    chunks = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(quoting.standard(chunks, file)).decode()


def test_lines_quoted_in_other_ways_become_standard_ones():
    assert rewritten('a;b\n5" pipe;x\r\n;"\n', "none") == 'a;b\n"5"" pipe";x\r\n;""""\n'
    assert rewritten('a;b\nx\\;y;"z\\"z"\n', "backslash") == 'a;b\n"x;y";"z""z"\n'
    assert rewritten('a;b\n"unclosed\\;\n', "backslash") == 'a;b\n"unclosed\\;\n'
    assert rewritten('a;"b;c"\n', "standard") == 'a;"b;c"\n'
    assert rewritten("a;b", "none") == "a;b"
