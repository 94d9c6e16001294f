"""Filters in SQL ask for what the column would tell in the file, and hold any value as a value."""

import duckdb
import pytest

import catalogue
from pseudonymisation.preparations.adapters.filters import conditions
from statements.filters import RowFilter

ECDS = catalogue.load().get("ECDS")
SEVERAL = next(f for f in ECDS.fields if f.separator and catalogue.filterable(ECDS, f.name))


def through(value, one, capped=None, data_set=ECDS):
    where = " AND ".join(conditions((one,), data_set, {one.column: capped} if capped else {}))
    kind = "VARCHAR" if one.any_of else "INTEGER"
    rows = f'SELECT $1::{kind} AS "{one.column}"'
    return bool(duckdb.execute(f"SELECT 1 FROM ({rows}) AS s WHERE {where}", [value]).fetchall())


@pytest.mark.parametrize(
    ("age", "passes"), [(17, False), (18, True), (64, True), (65, False), (None, False)]
)
def test_both_bounds_count_themselves(age, passes):
    assert through(age, RowFilter(column="Age", at_least=18, at_most=64)) is passes


@pytest.mark.parametrize("value", ["O'Brien", '"; DROP', "%", "1) OR (1=1"])
def test_a_value_is_that_value_and_nothing_else(value):
    one = RowFilter(column="Code", any_of=(value,))

    assert through(value, one)
    assert not through("A", one)


def test_of_a_cell_with_several_values_one_is_enough_and_no_part_of_one():
    cell = SEVERAL.separator.join(["123", "4567"])

    assert through(cell, RowFilter(column=SEVERAL.name, any_of=("4567", "9")))
    assert not through(cell, RowFilter(column=SEVERAL.name, any_of=("456",)))


def test_of_a_capped_column_no_more_is_asked_than_it_tells():
    oldest = RowFilter(column="Age", at_least=95)
    capped = "CASE WHEN s.Age > 90 THEN 90 ELSE s.Age END"

    assert through(99, oldest)
    assert not through(99, oldest, capped)
    assert through(99, RowFilter(column="Age", at_least=90), capped)


def test_no_column_that_identifies_anybody_can_be_filtered_by_in_any_data_set():
    for data_set in catalogue.load():
        for name, column in data_set.releasables.items():
            if column.identifier is not None or not column.treatments:
                assert catalogue.filterable(data_set, name) is None, (data_set.data_set, name)
