"""What spreadsheets and `cat` do to a file, from the upload to what its sender is told."""

import pytest

from services.pseudonymisation.tests.submitting import sus_row, written

ROWS = [sus_row(Unique_CDS_Identifier=f"B{n}", Hospital_Spell_No=f"SP{n}") for n in range(1, 9)]
GOOD = written(ROWS)
HEADER, _, RECORDS = GOOD.partition(b"\n")
LINES = RECORDS.splitlines(keepends=True)
COLUMNS = len(ROWS[0])


def test_empty_rows_of_a_spreadsheet_are_no_records(intake):
    empty = b"," * (COLUMNS - 1) + b"\r\n"
    content = HEADER + b"\r\n" + LINES[0] + empty + b"".join(LINES[1:]) + empty * 500 + b"\x1a"
    done = intake.submit(content)

    assert done["state"] == "accepted"
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    totals = report["totals"]
    assert (totals["records"], totals["landed"], totals["quarantined"]) == (8, 8, 0)


@pytest.mark.parametrize(
    "again",
    [
        HEADER + b"\n",
        b"\xef\xbb\xbf" + HEADER + b"\r\n",
        b",".join(reversed(HEADER.split(b","))) + b"\n",
        HEADER.lower().replace(b",", b", ") + b"\n",
        b'"' + HEADER.replace(b",", b'","') + b'"\n',
        HEADER.replace(b",", b";") + b"\n",
        HEADER.rpartition(b",")[0] + b"\n",
        HEADER + b",GP_Code\n",
    ],
    ids=["same", "mark", "turned", "lower", "quoted", "semicolons", "fewer", "more"],
)
def test_a_second_header_stops_the_file_with_its_line(intake, again):
    done = intake.submit(GOOD + again + b"".join(LINES[:2]))

    assert (done["state"], done["code"]) == ("rejected", "HEADER_REPEATED")
    assert "Line 10 " in done["detail"]
    assert done["edition_id"] is None


def test_a_header_behind_a_line_with_an_open_quote_is_found_too(intake):
    done = intake.submit(GOOD + HEADER.replace(b"Sex", b'"Sex') + b"\n" + LINES[0])

    assert done["code"] == "HEADER_REPEATED"


def test_a_value_that_is_the_name_of_a_column_is_no_header(intake):
    done = intake.submit(GOOD + written([sus_row(Sex="Sex")]).partition(b"\n")[2])

    assert done["state"] == "accepted"
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert report["totals"]["quarantined"] == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LINES[0].replace(b"\n", b",\n"), "TRAILING_DELIMITER"),
        (b"10," + LINES[0], "TOO_MANY_VALUES"),
        (b"9," + LINES[0], "INDEX_COLUMN"),
        (b"8," + LINES[0], "INDEX_COLUMN"),
        (LINES[0].replace(b",", b";"), "DELIMITER_WRONG"),
        (b"half a line\n", "TOO_FEW_VALUES"),
        (LINES[0].replace(b"L0000001", b'"L000\n0001"'), "LINE_BREAK_IN_VALUE"),
    ],
)
def test_a_spoilt_line_is_set_aside_as_what_it_is(intake, line, code):
    done = intake.submit(GOOD + line)

    assert done["state"] == "accepted"
    entries = intake.get(f"/v1/submissions/{intake.last}/quarantine").json()["items"]
    assert {(entry["line"], entry["code"]) for entry in entries} <= {(10, code), (11, code)}
    assert entries


def test_a_file_that_is_refused_for_its_share_names_what_most_lines_have(intake):
    done = intake.submit(HEADER + b"\n" + RECORDS.replace(b"\n", b",\n"))

    assert done["code"] == "QUARANTINE_SHARE_EXCEEDED"
    assert "TRAILING_DELIMITER in 8 lines" in done["detail"]
