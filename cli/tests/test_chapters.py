"""What the chapters are about, before any service is started."""

from datetime import date

import pytest

import catalogue
from dsfc_cli.demo.answers import Wanted, sections_of
from dsfc_cli.demo.chapters import CHAPTERS, data_sets
from dsfc_cli.demo.chapters.data_sets import Walk

KNOWN = catalogue.load()
NAMES = sorted({data_set.data_set for data_set in KNOWN if not data_set.tables})


@pytest.mark.parametrize("name", NAMES)
def test_each_data_set_is_walked_in_a_period_that_it_has_and_by_columns_that_hide_nothing(name):
    data_set = KNOWN.get(name)
    walk = Walk.of(data_set)
    flow = walk.flow

    assert 0 < len(flow.fields) <= data_sets.COLUMNS_MAX
    assert data_set.periods.earliest <= walk.month
    assert (walk.sent != walk.month) == (data_set.periods.unit == "week")
    assert set(flow.reasons) <= set(data_set.population)
    assert bool(flow.reasons) == bool(data_set.population)
    assert data_set.sensitivity == flow.sensitivity


def test_there_is_a_chapter_of_them():
    assert CHAPTERS["data-sets"].tell is data_sets.tell


@pytest.mark.parametrize(
    ("today", "end"),
    [
        (date(2028, 2, 29), "2030-02-28"),
        (date(2028, 2, 28), "2030-02-27"),
        (date(2027, 1, 1), "2028-12-31"),
        (date(2026, 11, 27), "2028-11-26"),
    ],
)
def test_an_application_can_be_written_on_any_day_also_on_a_leap_day(today, end):
    asked = Wanted(
        controller="02P",
        controller_name="A CCG",
        processor="0DF",
        processor_name="A CSU",
        flows=[Walk.of(KNOWN.get(NAMES[0])).flow],
        today=today,
    )

    assert sections_of(asked)[1]["end"] == end
