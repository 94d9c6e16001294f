"""Values are brought into their normal form, and placeholders taken out, column by column."""

import random
from datetime import date

import pyarrow as pa
import pytest

import catalogue
from pseudonymisation.intake.adapters.landing.judged.signals import Signals
from pseudonymisation.intake.adapters.landing.judged.values import REMEMBERED_MAX, ValueReader

RULES, SUS = catalogue.load().intake_of(catalogue.load().get("SUS_APC"), date(2018, 6, 1))
COLUMNS = [field.name for field in SUS.fields if field.name not in RULES.controls]
ODD = [
    *(None, "", " ", "N/A", "not known", "NULL", "0", "000", "yyy", "yy", "ééé", "é", "ſpill"),
    *("1.5E+15", "1900-01-01", "2018-04-30", "9990000018", "999 000 0018", "9999999999", "N" * 12),
    *("S70 1AA", "s701aa", "\ufeffA81001", "A81001\u00a0", "z31.2", "x\u2010ray", "REF", "1", "Z"),
]


def values() -> ValueReader:
    return ValueReader(SUS, RULES, COLUMNS, Signals(RULES, SUS, COLUMNS).read)


def read(made: ValueReader, rows) -> list[dict]:
    columns = [pa.array(list(column), pa.string()) for column in zip(*rows, strict=True)]
    return made(*columns).to_pylist()


def one(column: str, value: str) -> tuple[str | None, str | None]:
    """What becomes of a value, and what is said of it."""
    place = COLUMNS.index(column)
    (row,) = read(values(), [[value if name == column else None for name in COLUMNS]])
    return row[ValueReader.value(place)], row[ValueReader.VOIDS] and row[ValueReader.VOIDS].split(
        ":"
    )[1]


@pytest.mark.parametrize(
    ("column", "value", "normal", "code"),
    [
        ("Local_Patient_ID", "\ufeff L1\u200b ", "L1", None),
        ("Local_Patient_ID", "N/A", None, "VALUE_VOID"),
        ("Local_Patient_ID", "1.5e+15", None, "VALUE_VOID"),
        ("Local_Patient_ID", "ééé", None, "VALUE_VOID"),
        ("Local_Patient_ID", "éé", "éé", None),
        ("Local_Patient_ID", "ſpill", None, "VALUE_VOID"),
        ("Local_Patient_ID", "  ", None, None),
        ("NHS_Number", " 9990000018", "9990000018", None),
        ("NHS_Number", "0000000000", None, "VALUE_VOID"),
        ("NHS_Number", "9999999999", "9999999999", None),
        ("Date_of_Birth", "1900-01-01", None, "VALUE_VOID"),
        ("Date_of_Birth", "1970-02-30", "1970-02-30", None),
        ("Postcode", " s70\u00a01aa", "S701AA", None),
        ("Ethnic_Group", "NA", "NA", None),
        ("Ethnic_Group", "N/A", None, "VALUE_VOID"),
        ("Der_Spell_LoS", "unknown", None, "VALUE_VOID"),
        ("Der_Spell_LoS", "000", "000", None),
    ],
)
def test_a_value_is_brought_into_its_normal_form_or_is_none(column, value, normal, code):
    assert one(column, value) == (normal, code)


@pytest.mark.parametrize("share", [1, 40])
def test_what_becomes_of_a_value_is_the_same_however_often_it_comes(share):
    """Where few differ they are remembered, and where many do, each is looked at again."""
    chosen = random.Random(share)
    rows = [
        [
            value and (value if share == 1 or chosen.random() < 0.3 else f"{value}{row % 300}")
            for value in chosen.choices(ODD, k=len(COLUMNS))
        ]
        for row in range(600)
    ]
    made = values()
    told = read(made, rows[:300]) + read(made, rows[300:])

    assert told[::50] == [alone for row in rows[::50] for alone in read(values(), [row])]


def test_what_is_remembered_has_an_end(monkeypatch):
    """Guard: `_Column._learnt`: else a file of ever other values would be held in memory."""
    made, module = values(), "pseudonymisation.intake.adapters.landing.judged.values"
    monkeypatch.setattr(f"{module}.REMEMBERED_MAX", 8)
    for start in range(0, 30, 10):
        rows = [[f"{start + place}"] * len(COLUMNS) for place in range(10)]
        read(made, rows)

    assert max(len(column._known) for column in made._columns) <= 8 < REMEMBERED_MAX
