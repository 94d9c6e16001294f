"""Checks say in SQL what the catalogue says."""

from datetime import date

import duckdb
import pyarrow as pa
import pytest

import catalogue
from catalogue import CatalogueField
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.intake.adapters.landing.judged import checks
from pseudonymisation.intake.adapters.landing.judged.checks import Checks, shape_of
from services.pseudonymisation.tests.submitting import sus_row

SUS = catalogue.load().get("SUS_APC")


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        yield connection


def judge_all(engine, rows) -> list[list[str]]:
    """Why each row is bad: column and code."""
    columns = list(rows[0])
    made = Checks(
        data_set=SUS,
        columns=columns,
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        today=date(2018, 6, 1),
    )
    table = pa.table(
        {name: pa.array([r[name] or None for r in rows], "string") for name in columns}
    )
    numbers = table["NHS_Number"].combine_chunks()
    valid = pa.array(valid_numbers(numbers), mask=numbers.is_null().to_numpy(False))
    engine.register("given", table.append_column("NHS_Number__valid", valid))
    dates = ", ".join(
        f'TRY_CAST("{field.name}" AS DATE) AS "{field.name}__date"'
        for field in SUS.fields
        if field.type == "date" and field.name in columns
    )
    reasons = list(made.reasons())
    judged = ", ".join(reason.holds for reason in reasons)
    found = engine.execute(f"SELECT {judged} FROM (SELECT *, {dates} FROM given)").fetchall()
    engine.unregister("given")
    return [
        [f"{one.column}:{one.code}" for one, holds in zip(reasons, row, strict=True) if holds]
        for row in found
    ]


def judge(engine, **changes) -> list[str]:
    (found,) = judge_all(engine, [sus_row(**changes)])
    return found


def test_a_good_row_is_good(engine):
    assert judge(engine) == []


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("NHS_Number", "9990000019", checks.NUMBER),
        ("NHS_Number", "9999999999", checks.NUMBER),
        ("NHS_Number", "999 000 0018", checks.NUMBER),
        ("NHS_Number", "999000001", checks.NUMBER),
        ("NHS_Number", "99900000180", checks.NUMBER),
        ("Postcode", "S70", checks.POSTCODE),
        ("Postcode", "70S 1AA", checks.POSTCODE),
        ("Date_of_Birth", "1970-02-30", checks.DATE),
        ("Date_of_Birth", "1970-2-3", checks.DATE),
        ("Date_of_Birth", "1970/02/03", checks.DATE),
        ("Date_of_Birth", "03/02/1970", checks.DATE),
        ("Date_of_Birth", "2018-06-02", checks.FUTURE),
        ("CDS_Activity_Date", "2018-03-31", checks.PERIOD),
        ("CDS_Activity_Date", "2018-05-01", checks.PERIOD),
        ("CDS_Activity_Date", "", checks.MISSING),
        ("Provider_Code", "", checks.MISSING),
        ("Sex", "7", checks.CODE),
        ("Sex", "11", checks.CODE),
        ("Sex", " 1", checks.CODE),
        ("GP_Practice_Code", "A8100", checks.PATTERN),
        ("GP_Practice_Code", "XA81001", checks.PATTERN),
        ("GP_Practice_Code", "A810012", checks.PATTERN),
        ("Ethnic_Group", "é", checks.PATTERN),
        ("Der_Spell_LoS", "two", checks.INTEGER),
        ("Der_Spell_LoS", "1.5", checks.INTEGER),
        ("Local_Patient_ID", "L" * 21, checks.LENGTH),
    ],
)
def test_a_bad_value_makes_the_row_bad_and_is_named(engine, column, value, code):
    assert f"{column}:{code}" in judge(engine, **{column: value})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("NHS_Number", ""),
        ("NHS_Number", "9990000026"),
        ("Postcode", "s701aa"),
        ("Postcode", "GIR 0AA"),
        ("Postcode", "ZZ99 3VZ"),
        ("Date_of_Birth", "2018-06-01"),
        ("Date_of_Birth", "2000-02-29"),
        ("CDS_Activity_Date", "2018-04-30"),
        ("Der_Spell_LoS", "-1"),
        ("Local_Patient_ID", "Ünïcode, quoted"),
        ("GP_Practice_Code", ""),
    ],
)
def test_what_the_catalogue_allows_is_good(engine, column, value):
    assert judge(engine, **{column: value}) == []


def test_all_reasons_are_named_and_not_only_the_first(engine):
    reasons = judge(engine, NHS_Number="1", Sex="7", Provider_Code="", Admission_Date="x")

    assert reasons == [
        f"NHS_Number:{checks.NUMBER}",
        f"Sex:{checks.CODE}",
        f"Admission_Date:{checks.DATE}",
        f"Provider_Code:{checks.MISSING}",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^[A-Z][0-9]{5}$|^V8199[789]$", "[A-Z][0-9]{5}|V8199[789]"),
        (r"^\^a\$$", r"\^a\$"),
        ("^[^a]$", "[^a]"),
        ("^[$^]$", "[$^]"),
        ("[0-9]", "[0-9]"),
    ],
)
def test_patterns_mean_the_whole_value_with_or_without_anchors(pattern, expected):
    field = CatalogueField.model_validate({"name": "F", "class": "QI", "pattern": pattern})

    assert shape_of(field) == f"(?:{expected})"
