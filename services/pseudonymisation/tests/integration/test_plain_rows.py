"""Plain rows are made in columns, all others by the statement, and nobody can tell which was which.

Both ways are held against an oracle in `test_landing_oracle`; here against each other, by files in
which any cell may be spoilt.
"""

import random
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

import catalogue
from pseudonymisation.engine import repeats
from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.engine.session import EngineLimits, literal, session
from pseudonymisation.intake.adapters.landing import found as counting
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.feed import Lines
from pseudonymisation.intake.adapters.landing.judged.statement import LandingTask, parquet_key_name
from pseudonymisation.intake.adapters.landing.landing import LandingResources, land
from pseudonymisation.intake.adapters.landing.plain.judging import NotPlain
from services.pseudonymisation.tests.integration.test_landing_oracle import odd_rows, ruled_rows
from services.pseudonymisation.tests.submitting import (
    ORGANISATIONS,
    POSTCODES,
    PRACTICES,
    sus_row,
    written,
)

EDITION = UUID(int=7)
SPOILT = [
    *(" ", "\u00a0", "\u200b", "\ufeff", "é", "9990000018", "999 000 0018", "S70 1AA", "s701aa"),
    *("'", '"', '""', ',"', ";", "|", "\t", "E+15", "1.5E+15", "#REF!", "N/A", "n.a.", "NULL"),
    *("0", "00", "000", "yyy", "-", "--", ".", "9999-12-31", "1900-01-01", "2018-02-29", "0x1F"),
    *("\u0663", "\uff19", "Z31.2", "1e3", "-0", "007", "31/01/1970", "31 January", "310170"),
    "é" * 40,
]
"""What is put into cells, or in their place."""


class Haven:
    """Keys, a store and maps, as a landing has them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("objects", "scratch", "maps"):
            (directory / name).mkdir()
        self.objects = DirectoryObjects(directory / "objects")
        self.keys: dict[str, bytes] = {}
        self.map("practices", "practice,commissioner", sorted(PRACTICES.items()))
        self.map(
            "postcodes",
            "postcode,commissioner,lsoa",
            sorted((postcode, *said) for postcode, said in POSTCODES.items()),
        )
        self.map(
            "organisations",
            "code,entity,meaning,standing",
            sorted((code, *said) for code, said in ORGANISATIONS.items()),
        )

    def map(self, name, header, rows) -> None:
        lines = "".join(",".join(row) + "\n" for row in rows)
        (self.directory / "maps" / f"{name}.csv").write_text(f"{header}\n{lines}")

    def key(self, name: str) -> bytes:
        return self.keys.setdefault(name, random.Random(name).randbytes(32))

    def land(self, content: bytes, way: str, data_set: str = "SUS_APC", reasons=None, changed=None):
        """`changed` says of columns what their file says otherwise."""
        upload = f"uploads/{way}"
        with self.objects.writer(upload, self.key(upload)) as writer:
            writer.write(content)
        rules, described = catalogue.load().intake_of(
            catalogue.load().get(data_set), date(2018, 6, 1)
        )
        if changed is not None:
            told = described.model_dump(by_alias=True, exclude_unset=True, mode="json")
            for field in told["fields"]:
                field.update(changed.get(field["name"], {}))
            described = type(described).model_validate(told)
        if reasons is not None:
            withhold = rules.withhold.model_copy(update={"reasons": reasons})
            rules = rules.model_copy(update={"withhold": withhold})
        order = LandingTask(
            data_set=described,
            rules=rules,
            header=content.split(b"\n", 1)[0].decode(),
            first=date(2018, 4, 1),
            last=date(2018, 4, 30),
            today=date(2018, 6, 1),
            provider="RR8",
            providers=frozenset({"RR8", "8J094"}),
            edition_id=EDITION,
            attempt=way,
            content_key=upload,
            quarantine_key=f"quarantine/{way}",
            object_key=f"editions/{way}.parquet",
            practice_map=self.directory / "maps" / "practices.csv",
            postcode_map=self.directory / "maps" / "postcodes.csv",
            organisation_map=self.directory / "maps" / "organisations.csv",
        )
        plane = LandingResources(
            objects=self.objects,
            key=self.key,
            scratch=self.directory / "scratch",
            limits=EngineLimits(memory_bytes=300_000_000, threads=2),
        )
        return land(order, plane)

    def table(self, way: str) -> list[tuple]:
        """Read what was landed, in order of the lines."""
        path = self.objects.path(f"editions/{way}.parquet")
        name = parquet_key_name(EDITION)
        key = self.key(f"edition/{EDITION}")
        with session(
            directories=[path.parent], temp_directory=self.directory, keys={name: key}
        ) as connection:
            config = f"encryption_config = {{footer_key: {literal(name)}}}"
            source = f"read_parquet({literal(path)}, {config})"
            described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            rows = connection.execute(f"SELECT * FROM {source} ORDER BY line").fetchall()
        return [tuple((name, kind) for name, kind, *_ in described), *rows]


@pytest.fixture
def haven(tmp_path) -> Haven:
    return Haven(tmp_path)


@pytest.fixture
def ways(monkeypatch):
    """Count the rows of each way, and return a function that closes the quick one."""
    counts: Counter[str] = Counter()
    sort = landing.sorted_out

    def counted(*given):
        for rows, rest in sort(*given):
            counts["plain"] += rows.num_rows if rows is not None else 0
            counts["others"] += len(rest.numbers)
            yield rows, rest

    def nothing_is_plain(*_):
        raise NotPlain

    monkeypatch.setattr(landing, "sorted_out", counted)
    return counts, lambda: monkeypatch.setattr(landing, "PlainRows", nothing_is_plain)


def spoilt_rows(rows: int, seed: int) -> list[dict[str, str]]:
    """Good records, of which nearly each has one cell that may be spoilt in any way."""
    chance = random.Random(seed)
    found = []
    for n in range(rows):
        row = sus_row(Local_Patient_ID=f"L{n:07}", Unique_CDS_Identifier=f"BRR8{n:09}")
        row |= {"Der_Diagnosis_All": chance.choice(["I21,E119", "", "chest pain"])}
        for name in chance.sample(list(row), k=chance.choice([0, 1, 1, 2])):
            spoil = chance.choice(SPOILT)
            value = row[name]
            at = chance.randrange(len(value) + 1)
            row[name] = chance.choice(
                [spoil, value + spoil, spoil + value, value[:at] + spoil + value[at:], ""]
            )
        found.append(row)
    return found


def mixed(seed: int) -> bytes:
    """A file of all kinds of records, values in quotes among them, and lines that are none."""
    chance = random.Random(seed)
    rows = [*odd_rows(150, seed), *ruled_rows(150, seed), *spoilt_rows(1200, seed)]
    names = list({name: None for row in rows for name in row})
    chance.shuffle(rows)
    lines = written([{name: row.get(name, "") for name in names} for row in rows]).split(b"\n")
    for place in chance.sample(range(1, len(lines) - 1), k=60):
        lines[place] = chance.choice(
            [
                b'"' + lines[place].replace(b",", b'","') + b'"',
                lines[place] + b",",
                lines[place] + b",x",
                lines[place].rpartition(b",")[0],
                lines[place].replace(b",", b',"', 1),
                lines[place].replace(b",", b", ", 1),
                lines[place].replace(b"RR8", b'R"R8'),
                lines[place].replace(b"21", b"\xff\xfe"),
                lines[place].replace(b"21", "é".encode("latin-1")),
                b"",
                b"," * len(names),
                lines[place] + b"\r",
                lines[place].replace(b"I21", b"I" * 70_000),
            ]
        )
    return b"\n".join(lines)


@pytest.mark.parametrize(
    "seed", [1, 2, *(pytest.param(n, marks=pytest.mark.long) for n in range(3, 23))]
)
def test_a_row_is_the_same_whichever_way_it_came(haven, ways, monkeypatch, seed):
    counts, close_the_quick_way = ways
    monkeypatch.setattr("pseudonymisation.intake.adapters.landing.feed.BLOCK_BYTES", 30_000)
    content = mixed(seed)

    both = haven.land(content, "both")
    assert counts["plain"] > 200
    assert counts["others"] > 200
    close_the_quick_way()
    counts.clear()
    by_statement = haven.land(content, "statement")
    assert counts["plain"] == 0

    assert both.landed == len(haven.table("both")) - 1
    for mine, its in zip(haven.table("both"), haven.table("statement"), strict=True):
        assert mine == its
    assert _said(both) == _said(by_statement)


def _said(outcome) -> dict:
    """What is counted, but the size of the file."""
    said = {name: getattr(outcome, name) for name in outcome.__slots__ if name != "bytes"}
    return said | {"entries": sorted(outcome.entries)}


def test_all_rows_of_a_good_file_are_plain(haven, ways):
    counts, _ = ways
    rows = [
        sus_row(Local_Patient_ID=f"L{n:07}", Unique_CDS_Identifier=f"BRR8{n:09}")
        for n in range(500)
    ]

    outcome = haven.land(written(rows), "good")

    assert outcome.landed == counts["plain"] == 500
    assert counts["others"] == 0


def test_who_submitted_is_the_reason_also_where_a_withheld_row_has_none(haven, ways):
    counts, close_the_quick_way = ways
    reasons = ("", "03")
    content = written([sus_row(Withheld_Identity_Reason=reason) for reason in reasons])

    haven.land(content, "both", reasons=("P", "R", "C"))
    assert counts["plain"] == 1
    close_the_quick_way()
    haven.land(content, "statement", reasons=("P", "R", "C"))

    assert haven.table("both") == haven.table("statement")
    names = [name for name, _ in haven.table("both")[0]]
    place = names.index("reason_s")
    assert [row[place] for row in haven.table("both")[1:]] == ["RR8", None]


ENDS = [
    ("Der_Diagnosis_All", None, " chest  pain\u200b", "chest  pain"),
    ("CDS_Type", {"pattern": "[0-9 ]{1,6}"}, "130 ", "130"),
    ("Discharge_Method", {"pattern": "[A-Za-z0-9]{1,6}", "normal": ["upper"]}, "1b0", "1B0"),
    ("Discharge_Destination", {"pattern": "[0-9 ]{1,6}", "normal": ["no_spaces"]}, "1 30", "130"),
    ("Source_of_Admission", {"pattern": "[0-9.]{1,6}", "normal": ["no_dots"]}, "13.0", "130"),
    ("Episode_Number", {"pattern": "[0-9-]{1,6}", "normal": ["no_dashes"]}, "1-30", "130"),
    ("Admission_Method", {"pattern": "[0-9-]{1,6}", "normal": []}, "1-30", "1-30"),
]
"""A column, what its file says of it, what came, and what is landed."""


def test_a_value_is_in_its_normal_form_whatever_else_its_row_holds(haven, ways):
    """A row that is plain otherwise kept what its own pattern allowed; one that was not did not."""
    _, close_the_quick_way = ways
    rows = [
        sus_row(Unique_CDS_Identifier=f"BRR8{number:08}{len(sex)}", Sex=sex) | {name: came}
        for number, (name, _, came, _) in enumerate(ENDS)
        for sex in ("1", " 1")
    ]
    said = {name: {"codes": None} | changed for name, changed, *_ in ENDS if changed}

    haven.land(written(rows), "both", changed=said)
    close_the_quick_way()
    haven.land(written(rows), "statement", changed=said)

    assert haven.table("both") == haven.table("statement")
    names = [column for column, _ in haven.table("both")[0]]
    landed = haven.table("both")[1:]
    found = {
        name: {row[names.index(name)] for row in landed[2 * place : 2 * place + 2]}
        for place, (name, *_) in enumerate(ENDS)
    }
    assert found == {name: {value} for name, _, _, value in ENDS}


def test_a_file_of_which_nothing_is_plain_is_landed_all_the_same(haven, ways, monkeypatch):
    counts, _ = ways
    monkeypatch.setattr("pseudonymisation.intake.adapters.landing.feed.BLOCK_BYTES", 5_000)
    rows = [sus_row(Local_Patient_ID=f" L{n:07}", Sex="x") for n in range(500)]

    outcome = haven.land(written(rows), "none")

    assert outcome.landed == counts["others"] == 500
    assert counts["plain"] == 0


def test_what_waits_for_the_statement_is_not_on_the_disk_in_clear(haven, monkeypatch):
    seen: list[bytes] = []
    read = landing.Others.read

    def looked_at(others):
        seen.extend(path.read_bytes() for path in haven.directory.rglob("*") if path.is_file())
        return read(others)

    monkeypatch.setattr(landing.Others, "read", looked_at)
    haven.land(written([sus_row(Local_Patient_ID=" L7777777")]), "waits")

    assert len(seen) > 3
    assert not [content for content in seen if b"L7777777" in content or b"9990000018" in content]
    assert not list((haven.directory / "scratch").iterdir())


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_failure_of_either_way_is_the_landings(haven, monkeypatch, fails_at):
    """The engine waits for batches in a thread of its own, and must not wait for ever."""
    monkeypatch.setattr("pseudonymisation.intake.adapters.landing.feed.BLOCK_BYTES", 1)

    def fail(*_):
        raise ArithmeticError

    target = (landing.PlainRows, "__call__") if fails_at == 0 else (landing.Sealing, "__call__")
    monkeypatch.setattr(*target, fail)

    with pytest.raises((ArithmeticError, landing.EngineFailed)):
        haven.land(written([sus_row(), sus_row(Local_Patient_ID=" L7777777")]), "fails")


@pytest.mark.parametrize("fails_at", ["_repeated", "_contradictions"])
def test_a_failure_of_either_half_of_the_report_is_the_landings(haven, monkeypatch, fails_at):
    """Records are counted in a thread of its own, whose failure is not to be passed over."""

    def fail(connection, *_):
        connection.execute("SELECT error('told')")

    monkeypatch.setattr(counting, fails_at, fail)

    with pytest.raises(landing.EngineFailed):
        haven.land(written([sus_row(), sus_row()]), "fails")
    assert not list((haven.directory / "scratch").iterdir())


def test_both_halves_of_the_report_are_made_at_once_and_share_nothing(haven, monkeypatch):
    """Guard: `found._contradictions`: its table is its own, whenever it is made."""
    looked, told = threading.Event(), threading.Event()
    any_alike, told_differently = repeats._any_alike, counting._told_differently
    contradictions = counting._contradictions

    def waits_for_the_other(*given):
        looked.set()
        assert told.wait(60)
        return any_alike(*given)

    def after_the_other_has_its_table(*given):
        assert looked.wait(60)
        return told_differently(*given)

    def and_says_so(*given):
        try:
            return contradictions(*given)
        finally:
            told.set()

    monkeypatch.setattr(repeats, "_any_alike", waits_for_the_other)
    monkeypatch.setattr(counting, "_told_differently", after_the_other_has_its_table)
    monkeypatch.setattr(counting, "_contradictions", and_says_so)
    row = {"Local_Patient_ID": "L7", "NHS_Number": "", "Unique_CDS_Identifier": "CDS7"}
    rows = [sus_row(**row), sus_row(**row), sus_row(**row | {"Sex": "2", "Hospital_Spell_No": "8"})]

    outcome = haven.land(written(rows), "at-once")

    assert (outcome.repeated, outcome.contradictions) == (2, 1)


def test_lines_are_given_in_blocks_of_a_size(monkeypatch):
    monkeypatch.setattr("pseudonymisation.intake.adapters.landing.feed.BLOCK_BYTES", 10)
    lines = Lines(lambda *_: None)

    blocks = list(lines.blocks(iter([b"a,b\n1,", b"2\n3,4\n5", b",6\n", b"7,8"])))

    assert [block.numbers.tolist() for block in blocks] == [[2, 3], [4], [5]]


def test_a_misplaced_quote_costs_no_other_record(haven):
    """The engine took the lines behind it for one value, and named the line before it as bad."""
    good, bad = (
        written([sus_row(Local_Patient_ID=f"L{n}") for n in range(3)]).split(b"\n")
        for _ in range(2)
    )
    bad[2] = b'"' + bad[2].replace(b",", b'","').replace(b"W371", b'"W371,X"') + b'"'

    outcome = haven.land(b"\n".join([*good[:3], *bad[2:3], *good[3:]]), "quote")

    assert outcome.landed == 3
    assert [(entry.line, entry.code) for entry in outcome.entries] == [(4, "QUOTE_MISPLACED")]


def test_a_landing_that_lost_a_record_is_none(haven, monkeypatch):
    monkeypatch.setattr(landing, "counted", lambda *_: {})
    keep = landing.Others.kept

    @contextmanager
    def forgetful(others):
        with keep(others):
            yield lambda _: None

    monkeypatch.setattr(landing.Others, "kept", forgetful)
    with pytest.raises(landing.EngineFailed):
        haven.land(written([sus_row(), sus_row(Local_Patient_ID=" L7")]), "lost")
