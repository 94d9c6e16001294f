"""Rows of a data set, in chunks, with the edge cases of domain.md section 10 planted.

Everything that is planted is told in `Planted`, so that a test or the demo can count on it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

import catalogue
from catalogue import Catalogue, LandingRules, Protocol
from dsfc_cli.synthetic.columns import as_text as _text
from dsfc_cli.synthetic.columns import left_out
from dsfc_cli.synthetic.described import recipe_of
from dsfc_cli.synthetic.recipe import Columns, Days, Rare, Recipe, Strings
from dsfc_cli.synthetic.world import DEFAULT_POSTCODE, PREDECESSOR, SUCCESSOR, World

CHUNK_ROWS = 100_000
SMALL_COUNTS = (8, 7, 5, 4, 1, 0)
"""So many rows of what is rare has each of six, the first of whom has most rows."""
RARE_DIAGNOSIS = "Q898"
NAMELESS, HOMELESS, OWN, ANOTHERS, MOVED, OPTED_OUT = (38,), (39,), (40,), (41,), (43, 44), (45, 46)
"""Rows, counted from the first, in which something is planted of a person."""
PEOPLE_FROM, PEOPLE_UNTIL = 38, 47
ROWS_MIN = 60
"""In fewer rows nothing is planted but what shares of all rows have."""
SPELL_EVERY, SPELLS_FROM = 5, 60
"""One episode in so many is the second of a spell, behind the rows that have something planted."""
DELETES_EVERY = 20
"""One row in so many of a net change takes a record back."""
NO_NUMBER_SHARE, DEFAULT_POSTCODE_SHARE = 0.004, 0.002


@dataclass(slots=True)
class SmallCounts:
    """So many rows have a value that no other row has, by who sent or gave the record."""

    column: str
    value: str
    by: str
    counts: dict[str, int]


@dataclass(slots=True)
class Planted:
    """What was put in on purpose. A line is one of the file; the header is line 1.

    What a data set has no column for is not there: empty, nought or null.
    """

    data_set: str = ""
    rows: int = 0
    without_number: int = 0
    default_postcodes: int = 0
    personal_data_in_text: dict[int, str] = field(default_factory=dict)
    """Line to what is in its text."""
    moved_practice: tuple[str, ...] = ()
    """The practices of one person, in the order of the lines."""
    moved_practice_lines: tuple[int, ...] = ()
    opted_out: tuple[str, ...] = ()
    """A pair of NHS numbers."""
    opted_out_lines: tuple[int, ...] = ()
    """Where the pair stands; elsewhere they may be by chance."""
    merged_commissioner: dict[str, str] = field(default_factory=dict)
    """One that was merged to the one that it went into; a practice still has its code."""
    small_counts: SmallCounts | None = None
    taken_back: int = 0
    """Rows of a net change that take a record back."""
    left_out_at_source: int | None = None
    """People whom the file has not, as its sender says of it; None: nobody is left out."""
    disagreements: list[dict[str, str]] = field(default_factory=list)
    """Sums of an aggregate that are not those of the files of patient level."""
    bad_rows: dict[int, str] = field(default_factory=dict)
    """Line of the file (the header is line 1) to what is wrong with it."""

    def write(self, *, beside: Path) -> Path:
        """Write it as JSON beside the file that it is of, and say where."""
        path = beside.with_suffix(".planted.json")
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def generate(
    data_set: str,
    *,
    rows: int,
    seed: int,
    first: date,
    last: date,
    world: World,
    path: Path,
    bad_rows: int = 0,
    on: date | None = None,
    known: Catalogue | None = None,
    protocol: Protocol = Protocol.WHOLE_PERIOD,
    progress: Callable[[int], None] = lambda _: None,
) -> Planted:
    """Write a CSV in the published layout and tell what was planted.

    `first` and `last` bound the dates, both inclusive; `on` is the day by whose landing rules rows
    are good or bad; `known` is a catalogue in place of the published one. A net change holds from
    the last day on, and takes one record in so many back. Memory does not grow with `rows`. Raises
    UnknownDataSet where the catalogue has no such data set.
    """
    known = known or catalogue.load()
    recipe = RECIPES.get(data_set) or recipe_of(known, data_set, on or last, f"{last:%Y-%m}")
    change = _change_of(known.rules_of(data_set, on or last), protocol)
    planted = Planted(data_set=data_set, rows=rows)
    if recipe.practice is not None:
        planted.merged_commissioner = {PREDECESSOR: SUCCESSOR}
    if recipe.has_left_out:
        planted.left_out_at_source = int(left_out(len(world.nhs_numbers)).sum())
    writer: csv.CSVWriter | None = None
    with ExitStack() as stack:
        for start, columns in _chunks(recipe, world, rows, seed, first, last):
            _plant(recipe, world, columns, start, planted)
            if change is not None:
                columns.update(_changes(change, _count(columns), last))
                planted.taken_back += int((columns[change.deletes] == change.says).sum())
            if recipe.rare is not None:
                _make_rare(recipe.rare, columns)
            if start == 0:
                _spoil(recipe, columns, bad_rows, planted)
                if recipe.rare is not None and _count(columns) >= ROWS_MIN:
                    stays = _stay(columns, change, bad_rows)
                    planted.small_counts = _plant_rare(recipe.rare, columns, stays)
            table = pa.table({name: pa.array(values) for name, values in columns.items()})
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(path.open("wb"))
                file.write((",".join(map(_quoted, columns)) + "\n").encode())
                options = csv.WriteOptions(include_header=False, quoting_style=_quoting(columns))
                writer = csv.CSVWriter(file, table.schema, write_options=options)
                stack.callback(writer.close)
            writer.write_table(table)
            progress(table.num_rows)
    return planted


@dataclass(frozen=True, slots=True)
class _Change:
    """By which columns a row of a net change says from when it holds, and that it deletes."""

    applicable: str
    deletes: str
    says: str
    else_: str


def _change_of(rules: LandingRules | None, protocol: Protocol) -> _Change | None:
    if protocol is not Protocol.NET_CHANGE:
        return None
    ways = None if rules is None else rules.protocols
    cancels = [when for when in rules.adds_nothing if when.cancels] if rules else []
    if ways is None or ways.net_change is None or not cancels:
        raise ValueError("The data set takes no net changes.")
    when = cancels[0]
    others = [code for code in when.known if code not in when.values]
    return _Change(ways.net_change.applicable, when.columns[0], when.values[0], others[0])


def _changes(change: _Change, count: int, day: date) -> Columns:
    deletes = np.arange(count) % DELETES_EVERY == DELETES_EVERY - 1
    return {
        change.applicable: np.full(count, day.isoformat()),
        change.deletes: np.where(deletes, change.says, change.else_),
    }


def _quoted(name: str) -> str:
    """Write a column's name; pyarrow would quote each."""
    return f'"{name}"' if "," in name else name


def _quoting(columns: Columns) -> str:
    """Say how values are quoted: all of them, where one of the first has a comma in it."""
    has_comma = any((np.char.find(values, ",") >= 0).any() for values in columns.values())
    return "needed" if has_comma else "none"


def _chunks(
    recipe: Recipe, world: World, rows: int, seed: int, first: date, last: date
) -> Iterator[tuple[int, Columns]]:
    days = (last - first).days + 1
    for start in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - start)
        rng = np.random.default_rng([seed, 1, start])
        seen = np.datetime64(first) + rng.integers(0, days, count).astype("timedelta64[D]")
        yield start, recipe.columns(world, rng, start, count, seen)


def _plant(recipe: Recipe, world: World, columns: Columns, start: int, planted: Planted) -> None:
    count = _count(columns)
    rng = np.random.default_rng([start, 2])
    odd = rng.random(count)
    if start == 0 and count >= ROWS_MIN:  # of a small file too there is one of each
        odd[list(NAMELESS)], odd[list(HOMELESS)] = 0, 1
    if recipe.number is not None and not recipe.is_number_needed:
        nameless = odd < NO_NUMBER_SHARE
        columns[recipe.number] = np.where(nameless, "", columns[recipe.number])
        planted.without_number += int(nameless.sum())
    if recipe.postcode is not None:
        homeless = odd > 1 - DEFAULT_POSTCODE_SHARE
        columns[recipe.postcode] = np.where(homeless, DEFAULT_POSTCODE, columns[recipe.postcode])
        planted.default_postcodes += int(homeless.sum())
    if start or count < ROWS_MIN or recipe.number is None:
        return
    _plant_people(recipe, recipe.number, world, columns, planted)


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _lines(rows: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(row + 2 for row in rows)


def _plant_people(
    recipe: Recipe, number: str, world: World, columns: Columns, planted: Planted
) -> None:
    """Into the first rows: personal data in text, a person who moved, a pair who opted out."""
    own = columns[number]
    own[list(MOVED)] = world.nhs_numbers[5]
    if recipe.practice is not None:
        planted.moved_practice = (str(world.practices[0]), str(world.practices[-2]))
        planted.moved_practice_lines = _lines(MOVED)
        columns[recipe.practice][list(MOVED)] = planted.moved_practice
    own[list(OPTED_OUT)] = world.opted_out
    planted.opted_out, planted.opted_out_lines = world.opted_out, _lines(OPTED_OUT)
    if recipe.text is not None:
        planted.personal_data_in_text = dict(_plant_text(recipe.text, own, world, columns))


def _plant_text(
    name: str, own: Strings, world: World, columns: Columns
) -> Iterator[tuple[int, str]]:
    text = columns[name].astype("U80")
    own[[*OWN, *ANOTHERS]] = world.nhs_numbers[:2]
    text[list(OWN)] = f"RAX{world.nhs_numbers[0]}-2"
    text[list(ANOTHERS)] = f"MUM {world.nhs_numbers[2]}"
    columns[name] = text
    yield from ((line, "the NHS number of the person of the row") for line in _lines(OWN))
    yield from ((line, "the NHS number of another person") for line in _lines(ANOTHERS))


def _make_rare(rare: Rare, columns: Columns) -> None:
    """Take a value out of all rows."""
    if rare.otherwise is not None:
        found = columns[rare.column]
        columns[rare.column] = np.where(found == rare.value, rare.otherwise, found)


def _stay(columns: Columns, change: _Change | None, bad_rows: int) -> npt.NDArray[np.bool_]:
    """Say which rows are landed as what they are, and have nothing of a person planted."""
    rows = np.arange(_count(columns))
    stays = (rows < PEOPLE_FROM) | (rows >= PEOPLE_UNTIL)
    stays &= rows < len(rows) - bad_rows
    if change is not None:
        stays &= columns[change.deletes] != change.says
    return stays


def _plant_rare(rare: Rare, columns: Columns, stays: npt.NDArray[np.bool_]) -> SmallCounts:
    """Give as many rows of each as are wanted, as far as there are so many."""
    by, values = columns[rare.by], columns[rare.column]
    values = values.astype(f"U{max(values.dtype.itemsize // 4, len(rare.value))}")
    named, sizes = np.unique(by[stays & (by != "")], return_counts=True)
    counts = {}
    for place, wanted in zip(np.argsort(-sizes, kind="stable"), SMALL_COUNTS, strict=False):
        found = np.flatnonzero(stays & (by == named[place]))[:wanted]
        values[found] = rare.value
        counts[str(named[place])] = len(found)
    columns[rare.column] = values
    return SmallCounts(rare.column, rare.value, rare.by, counts)


def _spoil(recipe: Recipe, columns: Columns, bad_rows: int, planted: Planted) -> None:
    count = _count(columns)
    if bad_rows > count // 2:
        raise ValueError("more than half of the first rows cannot be bad")
    for i in range(bad_rows):
        kind, (column, value) = list(recipe.spoil.items())[i % len(recipe.spoil)]
        position = count - 1 - i
        columns[column] = columns[column].astype(f"U{max(80, len(value))}")
        columns[column][position] = value
        for name in recipe.withheld_by:
            if name in columns and name != column:
                columns[name][position] = ""
        planted.bad_rows[position + 2] = kind


def _of_month(seen: Days, serial: Strings) -> Strings:
    """Make numbers that no other month has: a record is known again by its key."""
    months = seen.astype("datetime64[M]").astype(np.int64)
    letters = np.array(list("ABCDEFGHIJKL"))[months % 12]
    years = (months // 12 + 1970).astype(str)
    return np.char.add(np.char.add(years, letters), serial)


def _sus_apc(world: World, rng: np.random.Generator, start: int, count: int, seen: Days) -> Columns:
    person = rng.integers(0, len(world.nhs_numbers), count)
    practice, postcode = world.practice_of[person], world.postcode_of[person]
    stay = rng.integers(0, 15, count).astype("timedelta64[D]")
    provider = rng.choice(np.array(world.providers), count)
    serial = np.char.zfill((np.arange(start, start + count)).astype(str), 9)
    diagnosis = rng.choice(np.array(["I21", "J440", "K359", "S720", "N390", "A419"]), count)
    procedure = rng.choice(np.array(["", "W371", "H011", "K401", "E489"]), count)
    hrg = rng.choice(np.array(["EB10A", "DZ65A", "FF37A", "HE11A", "LA04H"]), count)
    hour = rng.choice(np.array(["21", "22", "11", "12", "81"]), count)
    unknown = rng.random(count) < 0.002
    commissioner = np.where(unknown, "X24", world.practice_commissioners[practice])
    # A spell is several episodes: some rows are of the same stay as the one before.
    again = np.arange(count) % SPELL_EVERY == SPELL_EVERY - 1
    again &= np.arange(start, start + count) >= SPELLS_FROM
    first = np.arange(count) - again
    person, practice, postcode = person[first], practice[first], postcode[first]
    stay, provider, seen, hour = stay[first], provider[first], seen[:count][first], hour[first]
    commissioner, spell = commissioner[first], serial[first]
    is_followed = np.append(again[1:], False)
    moved = seen + np.where(again | is_followed, stay // 2, stay)
    return {
        "NHS_Number": world.nhs_numbers[person].astype("U10"),
        "NHS_Number_Status": np.full(count, "01"),
        "Local_Patient_ID": np.char.add("L", np.char.zfill(person.astype(str), 7)),
        "Date_of_Birth": _text(world.births[person]),
        "Postcode": world.postcodes[postcode].astype("U8"),
        "Sex": world.sexes[person],
        "Ethnic_Group": world.ethnic_groups[person],
        "GP_Practice_Code": world.practices[practice].astype("U6"),
        "Unique_CDS_Identifier": np.char.add(np.char.add("B", provider), _of_month(seen, serial)),
        "CDS_Type": np.full(count, "130"),
        "Hospital_Spell_No": np.char.add("SP", spell),
        "CDS_Activity_Date": _text(seen),
        "Admission_Date": _text(seen),
        "Discharge_Date": _text(seen + stay),
        "Episode_Start_Date": _text(np.where(again, moved, seen)),
        "Episode_End_Date": _text(np.where(is_followed, moved, seen + stay)),
        "Episode_Number": np.where(again, "2", "1"),
        "Admission_Method": hour,
        "Source_of_Admission": np.full(count, "19"),
        "Discharge_Method": np.full(count, "1"),
        "Discharge_Destination": np.full(count, "19"),
        "Patient_Classification": rng.choice(np.array(["1", "2"]), count),
        "Administrative_Category": np.full(count, "01"),
        "Der_Spell_LoS": stay.astype(np.int64).astype(str),
        "Main_Specialty_Code": rng.choice(np.array(["100", "300", "420"]), count),
        "Treatment_Function_Code": rng.choice(np.array(["100", "300", "420"]), count),
        "Der_Primary_Diagnosis_Code": diagnosis.astype("U6"),
        "Der_Secondary_Diagnosis_Code_1": rng.choice(np.array(["", "I10", "E119"]), count),
        "Der_Diagnosis_All": diagnosis.astype("U80"),
        "Der_Primary_Procedure_Code": procedure,
        "FCE_HRG": hrg,
        "Spell_Core_HRG": hrg,
        "Provider_Code": provider,
        "Site_Code_of_Treatment": np.char.add(provider, "01"),
        "Commissioner_Code": commissioner.astype("U5"),
        "Org_Code_Res_Resp": world.postcode_commissioners[postcode].astype("U5"),
        "Consultant_Code": np.char.add("C", np.char.zfill((person % 997).astype(str), 7)),
    }


def _dids(world: World, rng: np.random.Generator, start: int, count: int, seen: Days) -> Columns:
    person = rng.integers(0, len(world.nhs_numbers), count)
    practice = world.practices[world.practice_of[person]].astype("U6")
    serial = np.char.zfill((np.arange(start, start + count)).astype(str), 7)
    wait = rng.integers(0, 42, count).astype("timedelta64[D]")
    return {
        "NHS_NUMBER": world.nhs_numbers[person].astype("U10"),
        "NHS_NUMBER_STATUS_IND": np.full(count, "01"),
        "PERSON_BIRTH_DATE": _text(world.births[person]),
        "ETHNIC_CATEGORY": world.ethnic_groups[person],
        "PERSON_GENDER_CODE": world.sexes[person],
        "POSTCODE": world.postcodes[world.postcode_of[person]].astype("U8"),
        "PRACTICE_CODE": practice,
        "PATIENT_SOURCE_SETTING": rng.choice(np.array(["01", "02", "03", "04"]), count),
        "REFERRER": np.char.add("G", np.char.zfill((person % 997).astype(str), 7)),
        "REFERRING_ORG_CODE": practice.copy(),
        "DIAGNOSTIC_TEST_REQUEST_DATE": _text(seen - wait),
        "DIAG_TEST_REQUEST_REC_DATE": _text(seen - wait),
        "DIAGNOSTIC_TEST_DATE": _text(seen),
        "IMAGING_CODE_NICIP": rng.choice(np.array(["XHDXR", "CSKUH", "MKNEL"]), count),
        "IMAGING_CODE_SNOMED": np.full(count, "XHDXR"),
        "SERVICE_REPORT_DATE": _text(seen),
        "SITE_CODE_IMAGING": np.char.add(rng.choice(np.array(world.providers), count), "01"),
        "RADIOLOGICAL_ACCESSION_NUM": np.char.add("ACC", _of_month(seen, serial)),
    }


RECIPES: Mapping[str, Recipe] = {
    "SUS_APC": Recipe(
        columns=_sus_apc,
        spoil={
            "a date that does not exist": ("Admission_Date", "2018-02-30"),
            "a code that is not in the list": ("Sex", "7"),
            "a mandatory value missing": ("Provider_Code", ""),
            "a check digit that does not fit": ("NHS_Number", "9990000019"),
            "a date outside the period": ("CDS_Activity_Date", "2001-01-01"),
        },
        number="NHS_Number",
        postcode="Postcode",
        practice="GP_Practice_Code",
        text="Der_Diagnosis_All",
        rare=Rare("Der_Primary_Diagnosis_Code", RARE_DIAGNOSIS, "Provider_Code"),
    ),
    "DIDS": Recipe(
        columns=_dids,
        spoil={
            "a date that does not exist": ("SERVICE_REPORT_DATE", "2018-02-30"),
            "a code that is not in the list": ("PATIENT_SOURCE_SETTING", "77"),
            "a mandatory value missing": ("SITE_CODE_IMAGING", ""),
            "a check digit that does not fit": ("NHS_NUMBER", "9990000019"),
            "a date outside the period": ("DIAGNOSTIC_TEST_DATE", "2013-01-01"),
        },
        number="NHS_NUMBER",
        postcode="POSTCODE",
        practice="PRACTICE_CODE",
        text="RADIOLOGICAL_ACCESSION_NUM",
        rare=Rare("IMAGING_CODE_NICIP", "CCHAP", "SITE_CODE_IMAGING"),
    ),
}
"""Data sets that are made more like real ones than their descriptions alone would say."""
