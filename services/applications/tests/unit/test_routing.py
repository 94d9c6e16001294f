"""Who has to see an application before it is decided, on which day."""

from datetime import date

import pytest

from applications.domain.routing import Triage, route
from applications.domain.sections.forms import Kind
from services.applications.tests.answers import RULES
from statements.vocabulary import Classification

RECORDS, AGGREGATES = Classification.PSEUDO_ANONYMISED, Classification.AGGREGATE_SUPPRESSED
UNSUPPRESSED = Classification.AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED


def routed(day, *classifications, kind=Kind.NEW, commercial=False, **triage):
    found = route(
        RULES.advisory,
        day=day,
        kind=kind,
        classifications=classifications or (RECORDS,),
        commercial=commercial,
        triage=Triage(**triage),
    )
    return found.body, found.is_needed


@pytest.mark.parametrize(
    ("day", "body"),
    [
        (date(2010, 8, 31), None),
        (date(2010, 9, 1), "DAAG"),
        (date(2017, 1, 31), "DAAG"),
        (date(2017, 2, 1), "IGARD"),
        (date(2023, 1, 31), "IGARD"),
        (date(2023, 2, 1), "AGD"),
    ],
)
def test_the_body_is_that_of_the_day(day, body):
    assert routed(day, novel=True) == (body, body is not None)


@pytest.mark.scenario("A22")
def test_records_went_to_igard_and_go_to_agd_only_when_there_is_something_to_them():
    assert routed(date(2020, 6, 1)) == ("IGARD", True)

    assert routed(date(2024, 6, 1)) == ("AGD", False)
    for word in ("novel", "contentious", "complex"):
        assert routed(date(2024, 6, 1), **{word: True}) == ("AGD", True)


@pytest.mark.scenario("A23")
@pytest.mark.parametrize("day", [date(2020, 6, 1), date(2024, 6, 1)])
def test_suppressed_aggregates_need_nobody(day):
    assert routed(day, AGGREGATES) == (routed(day)[0], False)


def test_one_line_that_is_more_than_that_is_enough():
    assert routed(date(2020, 6, 1), AGGREGATES, UNSUPPRESSED) == ("IGARD", True)


def test_commercial_use_is_always_looked_at():
    assert routed(date(2024, 6, 1), AGGREGATES, commercial=True) == ("AGD", True)


def test_a_typo_needs_nobody():
    assert routed(date(2020, 6, 1), kind=Kind.SIMPLE_CHANGE) == ("IGARD", False)
