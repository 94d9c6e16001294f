"""What is read of data quality and of the landing board, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.errors import EditedMeanwhile
from common.ids import new_id
from common.replacement import State as Replacement
from pseudonymisation.db.intake import intake_unit_of_work
from pseudonymisation.db.quality.records import quality_unit_of_work
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.measures import EditionMeasures, FieldMeasure
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.editions import EditionStanding
from pseudonymisation.quality.domain.errors import ExpectationNotFound
from pseudonymisation.quality.domain.rates import Rate
from pseudonymisation.quality.domain.schedule import Expectation
from pseudonymisation.quality.use_cases.ports import OfBoard, OfEditions
from services.pseudonymisation.tests.integration.test_intake_repository import (
    ALL,
    AT,
    AUDIT,
    edition,
    submission,
)

DIGEST = "sha256:00"
APRIL, MAY = Period("2018-04", "2018-04"), Period("2018-05", "2018-05")


@pytest.fixture
def engine(migrated):
    return migrated("pseudonymisation")


@pytest.fixture
def intake_uow(engine):
    return intake_unit_of_work(engine)


@pytest.fixture
def uow(engine):
    return quality_unit_of_work(engine)


def measures(missing: int = 10) -> EditionMeasures:
    sex = FieldMeasure(
        field="Sex",
        is_submitted=True,
        judged=100,
        valid=100 - missing,
        missing=missing,
        invalid=0,
        default=0,
        withheld=0,
        duplicate=None,
    )
    key = replace(sex, field="Unique_CDS_Identifier", missing=0, valid=100, duplicate=4)
    return EditionMeasures(
        records=100, landed=100, set_aside=0, repeated=4, withheld=0, fields=(sex, key)
    )


def landed(intake_uow, missing: int = 10, **changes: Any) -> Edition:
    """An edition with its submission, measured."""
    sent = submission(provider=changes.get("provider", "RR8"))
    made = edition(**{"submission_id": sent.id, **changes})
    with intake_uow.writing() as tx:
        tx.submissions.save(replace(sent, report={"totals": {}}), audit=AUDIT)
        stored = tx.editions.save(made, audit=AUDIT)
        tx.measures.add(stored, measures(missing), at=AT)
    return stored


def test_measures_are_read_as_they_were_written_in_the_order_of_the_data_set(intake_uow, uow):
    made = landed(intake_uow)

    with uow.reading() as tx:
        [found] = tx.records.page(OfEditions(), ALL, after=None, limit=5)

    assert found.edition_id == made.id
    assert found.standing is EditionStanding.IN_FORCE
    assert found.fields == measures().fields


def test_superseded_editions_stay_and_are_in_no_rate_of_today(intake_uow, uow):
    first = landed(intake_uow, missing=90)
    second = landed(intake_uow, missing=10, number=2)
    landed(intake_uow, missing=30, provider="R0A")
    with intake_uow.writing() as tx:
        tx.editions.save(first.supersede(second, at=AT), audit=AUDIT)

    with uow.reading() as tx:
        history = tx.records.page(OfEditions(provider="RR8"), ALL, after=None, limit=5)
        national = tx.records.national("SUS_APC", {"2018-04"})
        coverage = tx.records.coverage({("SUS_APC", "2018-04"), ("DIDS", "2018-04")})
        trend = tx.records.trend("SUS_APC", "RR8", limit=5)

    assert [one.standing for one in history] == [
        EditionStanding.SUPERSEDED,
        EditionStanding.IN_FORCE,
    ]
    assert national["2018-04", "Sex"].completeness == Rate(160, 200)
    assert [(one.period, one.providers) for one in coverage] == [("2018-04", 2)]
    assert [one.edition_id for one in trend] == [second.id]


def test_a_trend_is_of_the_newest_periods_in_their_order(intake_uow, uow):
    landed(intake_uow, period=MAY)
    landed(intake_uow, period=APRIL)
    landed(intake_uow, period=Period("2018-03", "2018-03"))

    with uow.reading() as tx:
        found = tx.records.trend("SUS_APC", "RR8", limit=2)

    assert [one.period for one in found] == ["2018-04", "2018-05"]


def test_who_sent_an_edition_sees_it_as_its_provider_does_and_nobody_else(intake_uow, uow):
    landed(intake_uow)

    with uow.reading() as tx:
        seen = {
            own: len(tx.records.page(OfEditions(), Scope(frozenset({own})), after=None, limit=5))
            for own in ("RR8", "R0A")
        }

    assert seen == {"RR8": 1, "R0A": 0}


def test_only_editions_with_a_report_wait_to_be_measured(intake_uow):
    with_report, without = submission(), submission()
    with intake_uow.writing() as tx:
        tx.submissions.save(replace(with_report, report={"totals": {}}), audit=AUDIT)
        tx.submissions.save(without, audit=AUDIT)
        wanted = tx.editions.save(edition(submission_id=with_report.id), audit=AUDIT)
        tx.editions.save(edition(submission_id=without.id, period=MAY), audit=AUDIT)

    with intake_uow.reading() as tx:
        assert [one.id for one in tx.measures.unmeasured(of={DIGEST}, limit=5)] == [wanted.id]
        assert tx.measures.unmeasured(of={"sha256:01"}, limit=5) == []
        assert tx.measures.is_missing(wanted.id)


# --- the board ------------------------------------------------------------------------------------


def expectation(**changes: Any) -> Expectation:
    made = Expectation(
        id=new_id(),
        data_set="SUS_APC",
        provider="RR8",
        first="2018-04",
        last=None,
        every=1,
        recorded_at=AT,
        recorded_by="somebody",
        reason="A contract.",
    )
    return replace(made, **changes)


def test_an_expectation_is_stored_found_and_changed_by_who_read_its_newest_version(uow):
    with uow.writing() as tx:
        made = tx.board.save(expectation(), audit=AUDIT)
        tx.board.save(expectation(provider="R0A"), audit=AUDIT)
    with uow.writing() as tx:
        ended = tx.board.save(made.end("2018-06", reason="Over."), audit=AUDIT)

    with uow.reading() as tx:
        assert tx.board.expectation(made.id) == ended
        assert tx.board.expectations(OfBoard(provider="RR8"), ALL, after=None, limit=None) == [
            ended
        ]
        assert len(tx.board.expectations(OfBoard(), ALL, after=made.id, limit=5)) == 1
        own = Scope(frozenset({"R0A"}))
        assert len(tx.board.expectations(OfBoard(), own, after=None, limit=None)) == 1
        with pytest.raises(ExpectationNotFound):
            tx.board.expectation(new_id())
    with pytest.raises(EditedMeanwhile), uow.writing() as tx:
        tx.board.save(made.end("2018-05", reason="Over."), audit=AUDIT)


def test_the_board_looks_at_what_is_or_was_in_force_in_its_months(intake_uow, uow):
    first = landed(intake_uow)
    second = landed(intake_uow, number=2, landed_at=AT + timedelta(days=1))
    landed(intake_uow, period=Period("2017-04", "2017-04"))
    taken = landed(intake_uow, period=MAY)
    with intake_uow.writing() as tx:
        tx.editions.save(first.supersede(second, at=AT), audit=AUDIT)
        gone = replace(taken.standing, state=Replacement.TAKEN_BACK)
        tx.editions.save(replace(taken, standing=gone), audit=AUDIT)

    with uow.reading() as tx:
        found = tx.board.editions(OfBoard(), ALL, first="2018-04", last="2018-05")

    assert [(one.id, one.is_in_force) for one in found] == [(first.id, False), (second.id, True)]


def test_the_board_finds_files_of_months_of_ranges_and_of_weeks(intake_uow, uow):
    sent = [
        submission(),
        submission(period=Period("2018-03", "2018-06")),
        submission(period=Period.parse("2018-W15"), data_set="CIVIL_DEATHS"),
        submission(period=Period.parse("2018-W40"), data_set="CIVIL_DEATHS"),
        submission(period=Period("2018-09", "2018-09")),
    ]
    with intake_uow.writing() as tx:
        for one in sent:
            tx.submissions.save(one, audit=AUDIT)

    with uow.reading() as tx:
        found = tx.board.sent(OfBoard(), ALL, first="2018-04", last="2018-05")

    assert [one.id for one in found] == [one.id for one in sent[:3]]
