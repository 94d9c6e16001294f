"""The postcode directory as the ONS publishes it, whatever its edition calls a column."""

# ruff: noqa: E501 - lines of a published file are as long as they are

import pytest

from agreements.records.adapters import directories, reference
from agreements.records.domain.errors import ImportContradicts, ImportRefused
from agreements.records.domain.lists import maps
from agreements.records.domain.lists.layouts import directories as layouts

AREAS = reference.load().areas
OLD = "pcd,pcd2,pcds,dointr,doterm,oscty,oslaua,osward,ctry,ccg,lsoa11,msoa11,imd"
NEW = "pcd7,pcd8,pcds,dointr,doterm,cty25cd,lad25cd,wd25cd,sicbl24cd,lsoa11cd,msoa11cd,lsoa21cd,msoa21cd"
UNITARY = "AB12CD,AB1 2CD,AB1 2CD,198001,,E99999999,E08000016,E05000993,E92000001,E38000006,E01007317,E02001513,12345"
TWO_TIERS = "AB12CE,AB1 2CE,AB1 2CE,198001,200106,E10000020,E07000104,E05000994,E92000001,E38000007,E01007318,E02001514,1"
JERSEY = "JE23AB,JE2 3AB,JE2 3AB,198001,,L99999999,L99999999,L99999999,L93000001,L99999999,L99999999,L99999999,"
FIRST = "AB1 2CD,E38000006,E01007317,E02001513,E05000993,E08000016,E08000016"
SECOND = "AB1 2CE,E38000007,E01007318,E02001514,E05000994,E07000104,E10000020"
COLUMNS = "postcode,commissioner,lsoa,msoa,ward,local_authority,upper_local_authority"


def read(tmp_path, *lines: str, header: str = OLD, end: str = "\n"):
    content = end.join((header, *lines, "")).encode()
    blocks = [content[at : at + 7] for at in range(0, len(content), 7)]
    found = directories.spool(blocks, AREAS, tmp_path)
    return found, b"".join(found.pieces()).decode().splitlines()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_areas_of_both_tiers_are_kept_and_an_ended_postcode_keeps_its_last_ones(tmp_path, end):
    found, lines = read(tmp_path, TWO_TIERS, UNITARY, end=end)

    assert lines == [COLUMNS, FIRST, SECOND]
    assert (found.entries, found.left_out.lines) == (2, 0)


def test_an_edition_that_names_columns_with_their_year_is_the_same(tmp_path):
    row = "AB12CD,AB1 2CD,AB1 2CD,198001,,E99999999,E08000016,E05000993,E38000006,E01007317,E02001513,E01034000,E02007000"

    _, lines = read(tmp_path, row, header=NEW)

    assert lines[0].split(",")[3] == "lsoa_2021"
    assert lines[1] == (
        "AB1 2CD,E38000006,E01007317,E01034000,E02001513,E02007000,E05000993,E08000016,E08000016"
    )


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (JERSEY, "has no areas: a crown dependency, or not yet placed"),
        (UNITARY.replace("AB1 2CD,198001", "ZZ99 3VZ,198001"), "stands for no place"),
        (UNITARY.replace("AB1 2CD,198001", "AB1 2C,198001"), "not a postcode"),
        (UNITARY.replace("E05000993", "ward 7"), "not a code"),
        (UNITARY + ",", "14 columns instead of 13"),
        (UNITARY.replace("198001", '"198001'), "broken quoting"),
        (UNITARY.replace("198001", "\x07"), "too long, control characters, or not UTF-8"),
    ],
)
def test_an_odd_line_costs_itself_alone_and_is_named_without_its_value(tmp_path, line, detail):
    found, lines = read(tmp_path, TWO_TIERS, line)

    assert lines == [COLUMNS, SECOND]
    assert [(p.line, p.detail) for p in found.left_out.named] == [(3, detail)]


def test_a_postcode_in_two_places_refuses_the_file_and_names_every_line(tmp_path, monkeypatch):
    monkeypatch.setattr(directories, "RUN_LINES", 2)
    other = UNITARY.replace("E01007317", "E01007399")

    with pytest.raises(ImportContradicts) as refused:
        read(tmp_path, UNITARY, TWO_TIERS, UNITARY, TWO_TIERS, other)

    assert [e["line"] for e in refused.value.members["errors"]] == [2, 4, 6]
    assert "AB1" not in str(refused.value.members)


def test_the_same_line_again_is_taken_once_over_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(directories, "RUN_LINES", 1)

    found, lines = read(tmp_path, UNITARY, TWO_TIERS, UNITARY)

    assert lines == [COLUMNS, FIRST, SECOND]
    assert found.left_out.repeated == 1


@pytest.mark.parametrize(
    "blocks", [[], [b""], ["pcds\n".encode("utf-16")], [b"pcds,ccg\nAB1 2CD,x\n"]]
)
def test_what_is_no_directory_is_refused(tmp_path, blocks):
    with pytest.raises(ImportRefused):
        directories.spool(blocks, AREAS, tmp_path)


def test_a_line_that_does_not_end_is_refused_before_it_fills_the_memory(tmp_path):
    endless = (b"x" * 1_000_000 for _ in range(10_000))

    with pytest.raises(ImportRefused):
        directories.spool(endless, AREAS, tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        "lsoa,decile",
        "LSOA code (2011),Index of Multiple Deprivation (IMD) Decile",
        "LSOA code (2011),Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOAs)",
    ],
)
def test_deciles_are_read_from_the_published_index(header):
    text = f"{header}\nE01007318,10\ne01007317,1\nE01007317,1\nE01007319,11\nx,1\n"

    content, entries, left_out = layouts.deciles(text.encode(), AREAS.deprivation)

    assert content == b"lsoa,decile\nE01007317,1\nE01007318,10\n"
    assert (entries, left_out.repeated) == (2, 1)
    assert [(p.line, p.column) for p in left_out.named] == [(5, "decile"), (6, "lsoa")]


def test_an_lsoa_with_two_deciles_refuses_the_index():
    with pytest.raises(ImportContradicts):
        layouts.deciles(b"lsoa,decile\nE01007317,1\nE01007317,2\n", AREAS.deprivation)


def test_whoever_loses_residents_by_a_directory_is_known_in_either_tier():
    before = f"{COLUMNS}\n{SECOND}\n".encode()
    after = before.replace(b"E10000020", b"E06000062").replace(b"E07000104", b"E06000062")

    assert maps.compare([before], [after]).takes_from == {"E10000020", "E07000104"}
    assert maps.compare([before], [b"postcode,commissioner,lsoa\n"]).takes_from == {
        "E38000007", "E07000104", "E10000020",
    }  # fmt: skip
    assert maps.compare([b"lsoa,decile\nE01007317,1\n"], []).takes_from == frozenset()
