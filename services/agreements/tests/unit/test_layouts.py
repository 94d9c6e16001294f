"""The published layouts: odd lines are left out and named, contradictions refuse the file."""

from datetime import date
from pathlib import Path

import pytest

from agreements.records.adapters.reference import load
from agreements.records.domain.errors import ImportContradicts, ImportRefused
from agreements.records.domain.lists.layouts import dspt, maps, ods, reading
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.maps import MapSnapshot, governing
from agreements.records.domain.parties.assurance import NO_EDITION, Status
from agreements.records.domain.parties.organisation import OrganisationKind
from services.agreements.tests.facts import new_id

PUBLISHED = Path(__file__).parents[5] / "shared" / "data"
ICBS_FROM = load().icbs_from

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published files are not on this machine"
)


def read(text, layout):
    return ods.read(text.encode(), layout, icbs_from=ICBS_FROM)


def organisations(text, layout):
    return read(text, layout).listed


def eccg(
    code="02P", name="NHS SOUTH YORKSHIRE ICB - 02P", icb="QF7", begin="20130401", end="", kind="C"
):
    cells = [code, name, "Y63", icb, *[""] * 6, begin, end, "", kind, *[""] * 13]
    return ",".join(f'"{cell}"' for cell in cells)


def mistakes(refusal):
    return [(e["line"], e["column"], e["detail"]) for e in refusal.value.members["errors"]]


def places(left_out):
    return [(place.line, place.column, place.detail) for place in left_out.named]


# Organisations


def test_a_location_was_a_ccg_until_the_icbs_came():
    before, since = organisations(eccg(), ods.OdsLayout.ECCG)

    assert (before.kind, before.legal_entity) == (OrganisationKind.CCG, "02P")
    assert before.valid_to == date(2022, 6, 30)
    assert (since.kind, since.legal_entity, since.parent) == (
        OrganisationKind.SUB_ICB_LOCATION,
        "QF7",
        "QF7",
    )
    assert (since.valid_from, since.valid_to) == (date(2022, 7, 1), None)


def test_a_location_that_began_later_was_never_a_ccg_and_one_that_closed_before_never_a_location():
    [late] = organisations(eccg(begin="20230401"), ods.OdsLayout.ECCG)
    [early] = organisations(eccg(end="20200331"), ods.OdsLayout.ECCG)

    assert (late.kind, late.valid_from) == (OrganisationKind.SUB_ICB_LOCATION, date(2023, 4, 1))
    assert (early.kind, early.valid_to) == (OrganisationKind.CCG, date(2020, 3, 31))


def test_a_hub_is_nhs_englands_and_q99_is_no_icb():
    [hub] = organisations(
        eccg("13Q", "NATIONAL COMMISSIONING HUB 1", "Q99", kind="H"), ods.OdsLayout.ECCG
    )

    assert (hub.kind, hub.legal_entity) == (OrganisationKind.NHS_ENGLAND_HUB, "X26")


def test_trusts_are_read_from_their_list():
    [trust] = organisations(eccg("R0A", "A TRUST", "QOP", "20171001", kind=""), ods.OdsLayout.ETR)

    assert (trust.kind, trust.legal_entity, trust.parent) == (
        OrganisationKind.NHS_TRUST,
        "R0A",
        "QOP",
    )


PRACTICES = (
    '"","Code","Name","Start","Close","Prac_Status","Prescribing_Setting",'
    '"validedition","open_at"\n'
)


def test_of_a_practice_the_latest_edition_is_kept():
    text = PRACTICES + (
        '"1","A81001","OLD NAME",1974-04-01,NA,"A",4,"18/19","2019-03-31"\n'
        '"2","A81001","NEW NAME",1974-04-01,2020-12-31,"C",4,"20/21","2021-03-31"\n'
        '"3","A81001","MIDDLE NAME",1974-04-01,NA,"A",4,"19/20","2020-03-31"\n'
    )
    [practice] = organisations(text, ods.OdsLayout.PRACTICES)

    assert (practice.name, practice.valid_to) == ("NEW NAME", date(2020, 12, 31))


def test_our_own_layout_names_the_rest():
    text = (
        "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
        "QF7,NHS South Yorkshire ICB,ICB,,Y63,2022-07-01,\n"
        "0DF,SCW CSU,CSU,X26,,2013-04-01,2030-01-01\n"
    )
    icb, csu = organisations(text, ods.OdsLayout.DSFC)

    assert (icb.legal_entity, icb.parent, icb.valid_to) == ("QF7", "Y63", None)
    assert (csu.legal_entity, csu.parent, csu.valid_to) == ("X26", None, date(2030, 1, 1))


@pytest.mark.parametrize(
    ("text", "layout", "found"),
    [
        ("a,b\n", "eccg", (1, "", "2 columns instead of 27")),
        (eccg(begin="2013"), "eccg", (1, "open date", "not a date")),
        (eccg(begin="20131301"), "eccg", (1, "open date", "not a date")),
        (eccg(end="never"), "eccg", (1, "close date", "not a date")),
        (eccg(code="x"), "eccg", (1, "code", "not a code")),
        (eccg(name=""), "eccg", (1, "name", "empty or too long")),
        (eccg(kind="X"), "eccg", (1, "sub-type", "not C with an ICB, nor H")),
        (eccg(icb=""), "eccg", (1, "sub-type", "not C with an ICB, nor H")),
        (eccg(begin="20140101", end="20130101"), "eccg", (1, "close date", "before the first day")),
        ("a,b\n", "etr", (1, "", "2 columns instead of 27")),
        (
            PRACTICES + '"1","A81001","N",x,NA,"A",4,"1","2019-03-31"',
            "practices",
            (2, "Start", "not a date"),
        ),
        (
            PRACTICES + '"1","A81001","N",1974-04-01,x,"A",4,"1","2019-03-31"',
            "practices",
            (2, "Close", "not a date"),
        ),
        (
            PRACTICES + '"1","A81001","N",1974-04-01,NA,"A",4,"1","x"',
            "practices",
            (2, "open_at", "not a date"),
        ),
        (
            PRACTICES + '"1","?","N",1974-04-01,NA,"A",4,"1","2019-03-31"',
            "practices",
            (2, "code", "not a code"),
        ),
        (PRACTICES + '"1","A81001"', "practices", (2, "", "2 columns instead of 9")),
        ("Code\nA81001", "practices", (1, "Name", "missing")),
    ],
)
def test_what_is_wrong_is_named_by_its_place(text, layout, found):
    with pytest.raises(ImportRefused) as refusal:
        organisations(text, ods.OdsLayout(layout))

    assert found in mistakes(refusal)


DSFC = "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("QF7,N,ICB,,,x,", "valid_from"),
        ("QF7,N,ICB,,,2022-07-01,x", "valid_to"),
        ("QF7,N,CLUB,,,2022-07-01,", "kind"),
        ("QF7,N,ICB,?,,2022-07-01,", "legal_entity"),
        ("QF7,N,ICB,,?,2022-07-01,", "parent"),
        ("?,N,ICB,,,2022-07-01,", "code"),
    ],
)
def test_what_is_wrong_in_our_own_layout_is_named_too(row, column):
    with pytest.raises(ImportRefused) as refusal:
        organisations(DSFC + row, ods.OdsLayout.DSFC)

    assert [where for _, where, _ in mistakes(refusal)] == [column]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"a,\x00",
        b"\xff\xfe",
        eccg().encode("utf-16"),
        eccg().encode("utf-16-le"),
        b'a,"b\nc',
        b"a," + b"x" * 11_000,
    ],
)
def test_what_is_no_list_at_all_is_refused(content):
    with pytest.raises(ImportRefused):
        ods.read(content, ods.OdsLayout.ETR, icbs_from=ICBS_FROM)


def test_a_file_full_of_mistakes_is_not_answered_in_full():
    with pytest.raises(ImportRefused) as refusal:
        organisations("a,b\n" * 1_000, ods.OdsLayout.ETR)

    assert len(mistakes(refusal)) == reading.NAMED_MAX
    assert refusal.value.members["errors_total"] == 1_000


TRUST = eccg("R0A", "A TRUST", "QOP", "20171001", kind="")


@pytest.mark.parametrize(
    "odd",
    [
        b"a,b",
        b'"R0B","broken',
        eccg("R0B", "A TRUST", "QOP", "never", kind="").encode(),
        eccg("R0B", "A TRUST", "QOP", "20181001", "20171001", kind="").encode(),
        eccg("R0B", "CAF\u00c9", "QOP", "20171001", kind="").encode("latin-1"),
        eccg("R0B", "A\x01TRUST", "QOP", "20171001", kind="").encode(),
        b"x" * 20_000,
    ],
)
def test_one_odd_line_is_left_out_and_named_and_the_rest_is_taken(odd):
    content = b"\n".join([TRUST.encode(), b"", odd, TRUST.replace("R0A", "R0D").encode(), b",,,"])

    found = ods.read(content, ods.OdsLayout.ETR, icbs_from=ICBS_FROM)

    assert [o.ods for o in found.listed] == ["R0A", "R0D"]
    assert found.left_out.lines == 1
    assert [place.line for place in found.left_out.named] == [3]
    assert not any("R0B" in place.detail for place in found.left_out.named)


def test_what_is_left_out_is_counted_in_full_and_named_up_to_a_limit():
    found = read(f"{TRUST}\n" + "a,b\n" * 1_000, ods.OdsLayout.ETR)

    assert found.left_out.lines == 1_000
    assert len(found.left_out.named) == reading.NAMED_MAX
    assert places(found.left_out)[0] == (2, "", "2 columns instead of 27")


def test_the_same_line_again_is_taken_once():
    found = read(f"{TRUST}\n{TRUST}\n{TRUST}", ods.OdsLayout.ETR)

    assert len(found.listed) == 1
    assert (found.left_out.lines, found.left_out.repeated) == (0, 2)


def test_a_code_that_is_two_things_refuses_the_file_and_every_line_of_it_is_named():
    other, third = TRUST.replace("A TRUST", "B TRUST"), TRUST.replace("R0A", "R0D")
    with pytest.raises(ImportContradicts) as refusal:
        read(f"{TRUST}\n{third}\n{other}\n{TRUST}", ods.OdsLayout.ETR)

    assert [line for line, _, _ in mistakes(refusal)] == [1, 3, 4]
    assert refusal.value.members["errors_total"] == 3
    assert "TRUST" not in str(refusal.value.members)


def test_a_practice_that_is_two_things_in_one_edition_refuses_the_file():
    row = '"1","A81001","{}",1974-04-01,NA,"A",4,"18/19","2019-03-31"\n'
    with pytest.raises(ImportContradicts) as refusal:
        read(PRACTICES + row.format("ONE") + row.format("OTHER"), ods.OdsLayout.PRACTICES)

    assert [line for line, _, _ in mistakes(refusal)] == [2, 3]


def test_codes_are_read_in_either_case_and_with_padding():
    [practice] = organisations(
        PRACTICES + '"1"," gue01 ","N",1974-04-01,NA,"A",4,"18/19","2019-03-31"\n',
        ods.OdsLayout.PRACTICES,
    )
    [trust] = organisations(TRUST.replace("R0A", " r0a "), ods.OdsLayout.ETR)

    assert (practice.ods, trust.ods) == ("GUE01", "R0A")


def test_sites_are_read_as_parts_of_their_trust():
    cells = ["RH802", "A SITE", "Y58", "QJK", *[""] * 6, "19910401", "", "", "", "RH8"]
    row = ",".join(f'"{cell}"' for cell in [*cells, *[""] * 12])
    [site] = organisations(row, ods.OdsLayout.ETS)

    assert (site.kind, site.legal_entity, site.parent) == (OrganisationKind.SITE, "RH8", "RH8")
    with pytest.raises(ImportRefused):
        organisations(row.replace('"RH8"', '""'), ods.OdsLayout.ETS)


def test_a_byte_order_mark_and_empty_lines_do_no_harm():
    content = b"\xef\xbb\xbf" + eccg().encode() + b"\n\n"

    assert len(ods.read(content, ods.OdsLayout.ECCG, icbs_from=ICBS_FROM).listed) == 2


@pytest.mark.parametrize(
    ("text", "form", "read"),
    [
        ("20130401", "YYYYMMDD", date(2013, 4, 1)),
        ("31/03/2022", "DD/MM/YYYY", date(2022, 3, 31)),
        ("31-03-2022", "YYYY-MM-DD", None),
        ("2022-02-30", "YYYY-MM-DD", None),
        ("２０１３0401", "YYYYMMDD", None),
        ("", "YYYYMMDD", None),
    ],
)
def test_days_are_read_in_three_forms(text, form, read):
    assert reading.day(text, form) == read


@needs_published
@pytest.mark.parametrize(("layout", "listed"), [("eccg", 228), ("etr", 211), ("practices", 7259)])
def test_the_published_lists_are_read(layout, listed):
    content = (PUBLISHED / "ods" / f"{layout}.csv").read_bytes()

    found = ods.read(content, ods.OdsLayout(layout), icbs_from=ICBS_FROM)

    assert len(found.listed) == listed
    assert found.left_out.lines == 0


# Assurance

CSU_HEADER = "Code,Organisation Name,Status,Date Of Publication,Primary Sector\n"


def test_statuses_of_the_toolkit_are_read():
    text = CSU_HEADER + (
        "0AR,North,22/23 Standards Exceeded,29/06/2023,CSU\n"
        "0CX,Midlands,22/23 Approaching Standards,30/06/2023,CSU\n"
        "0DJ,NEL,Not Published,31/03/2022,CSU\n"
        "0DE,AGEM,Not Published,,CSU\n"
    )
    entries = dspt.read(text.encode(), dspt.DsptLayout.DSPT_CSU).entries

    assert [(e.organisation, e.edition, e.status) for e in entries] == [
        ("0AR", "22/23", Status.EXCEEDED),
        ("0CX", "22/23", Status.APPROACHING),
        ("0DJ", NO_EDITION, Status.NOT_PUBLISHED),
        ("0DE", NO_EDITION, Status.NOT_PUBLISHED),
    ]
    assert [e.published_on for e in entries][1:] == [date(2023, 6, 30), date(2022, 3, 31), None]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("?,N,Not Published,,x", "Code"),
        ("0AR,N,Splendid,29/06/2023,x", "Status"),
        ("0AR,N,22/23 Standards Met,soon,x", "Date Of Publication"),
        ("0AR,N,22/23 Standards Met,,x", "Date Of Publication"),
    ],
)
def test_what_is_no_export_of_the_toolkit_is_refused(row, column):
    with pytest.raises(ImportRefused) as refusal:
        dspt.read((CSU_HEADER + row).encode(), dspt.DsptLayout.DSPT_CSU)

    assert [where for _, where, _ in mistakes(refusal)] == [column]


def test_an_export_of_another_kind_is_refused():
    row = "0AR,N,Not Published,,x\n"
    for layout in (dspt.DsptLayout.DSPT_ICB, dspt.DsptLayout.DSPT_CCG):
        with pytest.raises(ImportRefused):
            dspt.read((CSU_HEADER + row).encode(), layout)


def test_an_organisation_with_two_statuses_refuses_the_export():
    row = "0AR,N,{},29/06/2023,x\n"
    one, other = row.format("22/23 Standards Met"), row.format("22/23 Standards Not Met")
    with pytest.raises(ImportContradicts) as refusal:
        dspt.read((CSU_HEADER + one + other + one).encode(), dspt.DsptLayout.DSPT_CSU)

    assert [line for line, _, _ in mistakes(refusal)] == [2, 3, 4]
    assert len(dspt.read((CSU_HEADER + one + one).encode(), dspt.DsptLayout.DSPT_CSU).entries) == 1


def test_a_status_that_nobody_knows_leaves_out_its_line_alone():
    text = CSU_HEADER + "0AR,N,23/24 Baseline,29/06/2023,x\n0cx,N,not published,,x\n"
    found = dspt.read(text.encode(), dspt.DsptLayout.DSPT_CSU)

    assert [e.organisation for e in found.entries] == ["0CX"]
    assert places(found.left_out) == [(2, "Status", "not a status of the toolkit")]


def published(name, layout):
    found = dspt.read((PUBLISHED / "dspt" / f"{name}.csv").read_bytes(), layout)
    assert found.left_out.lines == 0
    return found.entries


@needs_published
@pytest.mark.scenario("A13")
def test_the_published_exports_are_read():
    csus = published("csu_2023-11-16", dspt.DsptLayout.DSPT_CSU)
    icbs = published("icb_2023-11-16", dspt.DsptLayout.DSPT_ICB)
    ccgs = published("ccg_2023-10-17", dspt.DsptLayout.DSPT_CCG)

    assert (len(csus), len(icbs), len(ccgs)) == (5, 42, 106)
    assert {e.organisation for e in csus if e.status is Status.NOT_PUBLISHED} == {"0DJ"}


# Maps


def lines_of(text, kind):
    return maps.canonical(text.encode(), kind).content.decode().splitlines()[1:]


def test_equal_maps_have_equal_bytes():
    one = maps.canonical(b"practice,commissioner\nB82001,02P\na81001,00l\n", MapKind.PRACTICE)
    other = maps.canonical(
        b"commissioner,practice\r\n00L,A81001\r\n02P,B82001\r\n", MapKind.PRACTICE
    )

    assert one == other
    assert one.content == b"practice,commissioner\nA81001,00L\nB82001,02P\n"
    assert one.entries == 2


def test_postcodes_are_written_in_one_form():
    text = "postcode,commissioner,lsoa\ns752py,02P,E01007317\nNE61 6BL,00L,\n"

    assert lines_of(text, MapKind.POSTCODE) == ["NE61 6BL,00L,", "S75 2PY,02P,E01007317"]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("M1   1AE", "M1 1AE"),
        ("M1  1AE", "M1 1AE"),
        ("NE616BL", "NE61 6BL"),
        ("GIR 0AA", "GIR 0AA"),
        ("GIR0AA", "GIR 0AA"),
        ('" m1 1ae "', "M1 1AE"),
    ],
)
def test_postcodes_of_every_width_are_taken(written, normal):
    text = f"postcode,commissioner,lsoa\n{written},02P,\n"

    assert lines_of(text, MapKind.POSTCODE) == [f"{normal},02P,"]


@pytest.mark.parametrize("practice", ["GUE01", "JER02", "ALD01", "A1B2C", "Y00500", "V81999"])
def test_practice_codes_of_the_islands_and_of_the_new_form_are_taken(practice):
    assert lines_of(f"practice,commissioner\n{practice},02P\n", MapKind.PRACTICE) == [
        f"{practice},02P"
    ]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (MapKind.PRACTICE, ["B82001,02P", "a81001,00l", "A81,26A"]),
        (MapKind.POSTCODE, ["s752py,02P,E01007317", "NE61 6BL,00L,", "m1  1ae,14L,"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("piece", [1, 20, 1 << 20])
def test_a_plain_file_is_read_at_once_and_as_the_careful_reader_reads_it(
    kind, lines, end, piece, monkeypatch
):
    monkeypatch.setattr(maps, "PIECE_CHARACTERS", piece)
    header = ",".join(maps.COLUMNS[kind])
    plain = (end or "\n").join([header, *lines]) + end
    quoted = plain.replace(lines[0], '"' + lines[0].replace(",", '",', 1), 1)
    careful = []
    monkeypatch.setattr(
        maps, "cells_of", lambda line: careful.append(line) or reading.cells_of(line)
    )

    read_at_once = maps.canonical(plain.encode(), kind)
    assert len(careful) == 1, "the header alone"
    assert maps.canonical(quoted.encode(), kind) == read_at_once
    assert len(careful) > 2


@pytest.mark.parametrize("piece", [1, 20, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "row", "place"),
    [
        (MapKind.PRACTICE, "?,02P", (3, "practice", "not a practice")),
        (MapKind.PRACTICE, "A81001,?", (3, "commissioner", "not a code")),
        (MapKind.PRACTICE, "A81001,", (3, "commissioner", "none")),
        (MapKind.PRACTICE, "A81001", (3, "", "1 columns instead of 2")),
        (MapKind.PRACTICE, 'A81001,"02', (3, "", "broken quoting")),
        (MapKind.PRACTICE, "practice,commissioner", (3, "commissioner", "not a code")),
        (MapKind.POSTCODE, "S75 2P,02P,", (3, "postcode", "not a postcode")),
        (MapKind.POSTCODE, ",02P,", (3, "postcode", "not a postcode")),
        (MapKind.POSTCODE, "S75 2PY,02P,x", (3, "lsoa", "not a code")),
    ],
)
def test_an_odd_line_of_a_map_is_left_out_and_named_without_its_value(
    kind, row, place, piece, monkeypatch
):
    monkeypatch.setattr(maps, "PIECE_CHARACTERS", piece)
    keys = {MapKind.PRACTICE: ("B82001,02P", "C83001,00L")}
    first, last = keys.get(kind, ("M1 1AE,02P,", "M1 1AF,00L,"))
    header = ",".join(maps.COLUMNS[kind])
    text = f"{header}\n{first}\n{row}\n\n{last}\n,\n"

    found = maps.canonical(text.encode(), kind)

    assert found.entries == 2
    assert places(found.left_out) == [place]
    assert found.left_out.lines == 1
    assert "S75" not in str(found.left_out)


@pytest.mark.parametrize("piece", [1, 20, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "rows", "lines"),
    [
        (MapKind.PRACTICE, ["A81001,02P", "A81002,02P", "a81001,00L"], [2, 4]),
        (MapKind.PRACTICE, ["A81001,02P", "A81001,00L", "A81001,02P"], [2, 3, 4]),
        (MapKind.POSTCODE, ["S75 2PY,02P,", "S75 2PX,02P,", "s752py,00L,"], [2, 4]),
        (MapKind.POSTCODE, ["S75 2PY,02P,", "S75  2PY,02P,E01007317"], [2, 3]),
        (MapKind.POSTCODE, ["GIR0AA,02P,", "?,02P,", "GIR 0AA,00L,"], [2, 4]),
    ],
)
def test_a_key_with_two_values_refuses_the_map_and_names_every_line(
    kind, rows, lines, piece, monkeypatch
):
    monkeypatch.setattr(maps, "PIECE_CHARACTERS", piece)
    text = "\n".join([",".join(maps.COLUMNS[kind]), *rows])
    with pytest.raises(ImportContradicts) as refusal:
        maps.canonical(text.encode(), kind)

    assert [line for line, _, _ in mistakes(refusal)] == lines
    assert {column for _, column, _ in mistakes(refusal)} == {kind}
    assert "S75" not in str(refusal.value.members)


def test_many_contradictions_are_counted_in_full_and_named_up_to_a_limit():
    rows = [f"P{number:05d},{who}" for number in range(1_000) for who in ("02P", "00L")]
    with pytest.raises(ImportContradicts) as refusal:
        maps.canonical("\n".join(["practice,commissioner", *rows]).encode(), MapKind.PRACTICE)

    assert len(mistakes(refusal)) == reading.NAMED_MAX
    assert refusal.value.members["errors_total"] == 2_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "practice,commissioner",
        "practice,commissioner\n?,?\n",
        "practice;commissioner\nA81001;02P\n",
        "practice,practice,commissioner\nA81001,A81001,02P\n",
        "A81001,02P\n",
    ],
)
def test_a_map_without_a_line_of_use_is_refused(text):
    with pytest.raises(ImportRefused) as refusal:
        maps.canonical(text.encode(), MapKind.PRACTICE)

    assert type(refusal.value) is ImportRefused


def test_the_same_line_again_is_taken_once_in_a_map():
    rows = ["A81001,02P", "A81001,02P", "a81001, 02p "]
    found = maps.canonical("\n".join(["practice,commissioner", *rows]).encode(), MapKind.PRACTICE)

    assert (found.entries, found.left_out.repeated, found.left_out.lines) == (1, 2, 0)


def test_the_latest_begun_map_governs_and_of_those_the_latest_taken_in():
    def snapshot(day):
        return MapSnapshot(
            id=new_id(), kind=MapKind.PRACTICE, valid_from=day, digest="", entries=0, bytes=0
        )

    first, second, corrected = (
        snapshot(date(2018, 4, 1)),
        snapshot(date(2019, 4, 1)),
        snapshot(date(2019, 4, 1)),
    )
    known = [first, second, corrected]

    assert governing(known, date(2018, 3, 31)) is None
    assert governing(known, date(2019, 3, 31)) is first
    assert governing(known, date(2019, 4, 1)) is corrected
