"""A submission's life, its period and what its report counts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogue
from common.errors import TransitionRefused
from common.replacement import Change, ReplacementStatus
from common.replacement import State as Replacement
from pseudonymisation.intake.domain import events
from pseudonymisation.intake.domain.edition import Edition, Status
from pseudonymisation.intake.domain.errors import PeriodInvalid
from pseudonymisation.intake.domain.lives.submission import SUBMISSION, SubmissionState
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import (
    QUARANTINE_REASONS,
    LandingOutcome,
    QuarantineEntry,
    report,
)
from pseudonymisation.intake.domain.submission import ATTEMPTS_MAX, Content, Submission, next_try

AT = datetime(2018, 6, 1, 9, tzinfo=UTC)
SUS = catalogue.load().get("SUS_APC")
CONTENT = Content(key="uploads/a/1", bytes=10, digest="sha256:00", header="a,b", records=7)
OUTCOME = LandingOutcome(
    columns=("NHS_Number",), records=10, landed=8, withheld=1, quarantined=1,
    entries=(QuarantineEntry(3, "Sex", "CODE_UNKNOWN"),),
    reasons={("Sex", "CODE_UNKNOWN"): 1, ("CDS_Activity_Date", "OUTSIDE_PERIOD"): 1},
    missing={"Sex": 2}, personal_data={"Der_Diagnosis_All": 3, "Hospital_Spell_No": 4},
    number_status={"01": 8}, without_number=2, default_postcodes=1, without_commissioner=1,
)  # fmt: skip


def opened() -> Submission:
    return Submission(
        id=uuid4(),
        data_set="SUS_APC",
        catalogue_version="1.0",
        catalogue_digest=SUS.digest,
        period=Period("2018-04", "2018-04"),
        provider="RR8",
        submitted_by="RR8",
        created_at=AT,
    )


def received() -> Submission:
    return opened().receive(CONTENT, edition_id=uuid4(), at=AT)


def landing() -> tuple[Submission, object]:
    attempt = uuid4()
    return received().claim(attempt, until=AT + timedelta(seconds=60)), attempt


def test_every_state_says_where_it_may_go():
    assert set(SUBMISSION.moves) == set(SubmissionState)
    assert {s for s in SubmissionState if not SUBMISSION.moves[s]} == {
        SubmissionState.ACCEPTED,
        SubmissionState.REJECTED,
    }


@pytest.mark.parametrize("state", list(SubmissionState))
def test_only_what_the_table_allows_is_possible(state):
    submission = replace(opened(), state=state, attempt=uuid4(), edition_id=uuid4())
    attempt = submission.attempt
    verbs = {
        SubmissionState.RECEIVED: lambda: submission.receive(CONTENT, edition_id=uuid4(), at=AT),
        SubmissionState.LANDING: lambda: submission.claim(uuid4(), until=AT),
        SubmissionState.REJECTED: lambda: submission.reject(code="X", detail="x", at=AT),
        SubmissionState.WAITING: lambda: submission.hold_back(
            attempt, OUTCOME, {}, quarantine_key="q"
        ),
        SubmissionState.ACCEPTED: lambda: submission.accept(
            attempt, OUTCOME, {}, quarantine_key="q", at=AT
        ),
    }
    if state is SubmissionState.WAITING:
        verbs[SubmissionState.ACCEPTED] = lambda: submission.confirm(rows=8, rows_repeated=0, at=AT)
    for target, verb in verbs.items():
        # Back from LANDING to RECEIVED is by waiting, not by another content.
        waits = (state, target) == (SubmissionState.LANDING, SubmissionState.RECEIVED)
        if target in SUBMISSION.follows(state) and not waits:
            assert verb().state is target
        else:
            with pytest.raises(TransitionRefused):
                verb()


def test_what_was_accepted_says_so_with_its_counts():
    submission, attempt = landing()
    accepted = submission.accept(attempt, OUTCOME, {"schema": "x"}, quarantine_key="q", at=AT)

    (event,) = accepted.pending
    assert isinstance(event, events.SubmissionAccepted)
    assert event.rows_accepted == 8
    assert event.rows_quarantined == 1
    assert event.edition_id == submission.edition_id
    assert accepted.entries == OUTCOME.entries


def test_what_waits_is_told_only_once_it_is_decided():
    submission, attempt = landing()
    waiting = submission.hold_back(
        attempt, OUTCOME, {"totals": {"quarantined": 1}}, quarantine_key="q"
    )
    confirmed = waiting.confirm(rows=8, rows_repeated=0, at=AT)
    refused = waiting.reject_waiting(code="SUBMISSION_TAKEN_BACK", detail="x", at=AT)

    assert waiting.pending == ()
    assert waiting.decided_at is None
    assert waiting.entries == OUTCOME.entries
    (event,) = confirmed.pending
    assert (event.rows_accepted, event.rows_quarantined) == (8, 1)
    assert event.edition_id == submission.edition_id
    (event,) = refused.pending
    assert (event.rows_accepted, event.rows_quarantined, event.edition_id) == (0, 1, None)
    assert refused.report == waiting.report
    for verb in (
        lambda: submission.confirm(rows=8, rows_repeated=0, at=AT),
        lambda: confirmed.reject_waiting(code="X", detail="x", at=AT),
    ):
        with pytest.raises(TransitionRefused):
            verb()


def test_what_was_rejected_has_no_edition_and_no_accepted_rows():
    submission, attempt = landing()
    rejected = submission.reject(
        code="QUARANTINE_SHARE_EXCEEDED", detail="x", at=AT, attempt=attempt, outcome=OUTCOME
    )

    (event,) = rejected.pending
    assert isinstance(event, events.SubmissionRejected)
    assert (event.edition_id, event.rows_accepted, event.rows_quarantined) == (None, 0, 1)
    assert event.code == "QUARANTINE_SHARE_EXCEEDED"


def test_a_worker_whose_claim_was_taken_over_decides_nothing():
    submission, attempt = landing()
    taken_over = submission.claim(uuid4(), until=AT)

    for verb in (
        lambda: taken_over.accept(attempt, OUTCOME, {}, quarantine_key="q", at=AT),
        lambda: taken_over.reject(code="X", detail="x", at=AT, attempt=attempt),
        lambda: taken_over.wait(attempt, code="X", until=AT, counts=True),
    ):
        with pytest.raises(TransitionRefused):
            verb()


def test_an_attempt_that_met_only_what_was_away_does_not_count():
    submission, attempt = landing()

    assert submission.wait(attempt, code="X", until=AT, counts=False).attempts == 0
    assert submission.wait(attempt, code="X", until=AT, counts=True).attempts == 1
    assert not replace(submission, attempts=ATTEMPTS_MAX - 1).is_exhausted
    assert replace(submission, attempts=ATTEMPTS_MAX).is_exhausted


def test_tries_are_ever_further_apart_up_to_five_minutes():
    waits = [(next_try(AT, attempts) - AT).total_seconds() for attempts in range(10)]

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (5, 300)


@pytest.mark.parametrize(
    ("text", "first", "last", "months"),
    [
        ("2018-04", "2018-04-01", "2018-04-30", 1),
        ("2016-07/2017-03", "2016-07-01", "2017-03-31", 9),
    ],
)
def test_a_period_is_a_month_or_a_closed_range(text, first, last, months):
    period = Period.parse(text)

    assert str(period) == text
    assert (period.first_day, period.last_day) == tuple(map(date.fromisoformat, (first, last)))
    assert period.months == months
    assert (next(iter(period)), list(period)[-1], len(list(period))) == (
        first[:7],
        last[:7],
        months,
    )


@pytest.mark.parametrize(
    "text", ["", "2018", "2018-13", "2018-00", "2018-4", "2018-04/2018-03", "2000-01/2018-04", "x"]
)
def test_what_is_no_period_is_refused(text):
    with pytest.raises(PeriodInvalid):
        Period.parse(text)


def test_a_period_before_the_data_set_is_refused():
    with pytest.raises(PeriodInvalid):
        Period.parse("2001-01").require_of(SUS)


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ("2018-04", "2018-04", True),
        ("2018-04", "2018-05", False),
        ("2018-01/2018-04", "2018-04/2018-06", True),
        ("2018-01/2018-12", "2018-04", True),
    ],
)
def test_periods_overlap_where_they_share_a_month(one, other, overlaps):
    assert Period.parse(one).overlaps(Period.parse(other)) is overlaps
    assert Period.parse(other).overlaps(Period.parse(one)) is overlaps


def test_an_edition_that_gives_way_names_its_successor():
    def edition(number: int) -> Edition:
        return Edition(
            id=uuid4(), data_set="SUS_APC", catalogue_version="1.0", catalogue_digest="d",
            period=Period("2018-04", "2018-04"), provider="RR8", number=number,
            status=Status.of(SUS, Period.parse("2018-04"), AT),
            submission_id=uuid4(), object_key="k", rows=1, bytes=1,
            practice_map=None, postcode_map=None, landed_at=AT,
            standing=ReplacementStatus(
                state=Replacement.ACCEPTED,
                change=Change(before=0, after=1, added=1, removed=0),
                proposed_by="RR8",
                proposed_at=AT,
            ),
        )  # fmt: skip

    former, new = edition(1), edition(2)
    superseded = former.supersede(new, at=AT)

    assert superseded.superseded_by == new.id
    (event,) = superseded.pending
    assert event.model_dump(mode="json")["superseded_by"] == str(new.id)
    assert former.status is Status.FREEZE


def test_the_report_counts_by_column_and_reason():
    found = report(OUTCOME, data_set=SUS)

    assert found["totals"] == {
        "records": 10,
        "landed": 8,
        "quarantined": 1,
        "withheld": 1,
        "adds_nothing": 0,
        "repeated": 0,
        "different": 8,
    }
    columns = {column["column"]: column for column in found["columns"]}
    assert columns["Sex"] == {
        "column": "Sex", "submitted": False, "valid": 0, "missing": 8, "invalid": 1,
        "set_aside": 0, "personal_data_found": 0, "own_found": 0, "others_found": 0,
    }  # fmt: skip
    assert found["nhs_number"] == {"present": 6, "missing": 2, "invalid": 0, "status": {"01": 8}}
    assert found["outside_period"] == 1
    assert found["without_commissioner"] == 1
    assert found["default_postcodes"] == 1
    assert found["masked_cells"] == 3  # of text; identifiers are sealed whole
    assert {reason["detail"] for reason in found["reasons"]} <= set(QUARANTINE_REASONS.values())


@given(
    good=st.integers(0, 50),
    quarantined=st.integers(0, 50),
    withheld=st.integers(0, 50),
    missing=st.integers(0, 50),
    nameless=st.integers(0, 50),
    found=st.integers(0, 50),
    of_others=st.integers(0, 50),
    is_rejected=st.booleans(),
)
def test_all_sums_of_a_report_agree_in_accepted_and_rejected_files(
    good, quarantined, withheld, missing, nameless, found, of_others, is_rejected
):
    outcome = LandingOutcome(
        columns=("Sex", "Der_Diagnosis_All"),
        records=good + quarantined + withheld,
        landed=good,
        withheld=withheld,
        quarantined=quarantined,
        missing={"Sex": min(missing, good)},
        personal_data={"Der_Diagnosis_All": max(found, of_others)},
        personal_data_of_others={"Der_Diagnosis_All": of_others},
        without_number=min(nameless, good),
    )

    told = report(outcome, data_set=SUS, is_rejected=is_rejected)

    totals = told["totals"]
    parts = ("landed", "not_landed", "quarantined", "withheld")
    assert totals["records"] == sum(totals.get(part, 0) for part in parts)
    assert ("not_landed" in totals) == is_rejected
    assert not (is_rejected and totals["landed"])
    assert told["nhs_number"]["present"] + told["nhs_number"]["missing"] == good
    for column in told["columns"]:
        assert column["valid"] + column["missing"] == good
        assert column["submitted"] or column["valid"] == 0
        assert column["own_found"] + column["others_found"] == column["personal_data_found"]


def sent(*when):
    return datetime(*when, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data_set", "period", "sent_at", "status"),
    [
        # 5 pm in London is 4 pm in summer
        ("SUS_APC", "2019-04", sent(2019, 5, 20, 15, 59), Status.FLEX),
        ("SUS_APC", "2019-04", sent(2019, 5, 20, 16, 0), Status.FREEZE),
        ("SUS_OP", "2019-04", sent(2019, 6, 20, 15, 59), Status.FREEZE),
        ("ECDS", "2019-04", sent(2019, 6, 20, 16, 0), Status.AFTER_FREEZE),
        ("SUS_APC", "2019-11", sent(2019, 12, 20, 16, 59), Status.FLEX),
        ("SUS_APC", "2019-04/2019-06", sent(2019, 7, 1), Status.FLEX),
        ("HES_APC", "2019-03", sent(2019, 8, 31, 22, 59), Status.PROVISIONAL),
        ("HES_APC", "2019-03", sent(2019, 8, 31, 23, 0), Status.FINAL),
        ("HES_APC", "2019-04", sent(2020, 8, 31, 22, 59), Status.PROVISIONAL),
        ("HES_OP", "2019-04/2020-03", sent(2020, 9, 1), Status.FINAL),
        ("MHSDS", "2020-03", sent(2020, 4, 27), Status.PRIMARY),
        ("MHSDS", "2020-03", sent(2020, 4, 28), Status.REFRESH),
        ("MHSDS", "2020-04", sent(2021, 4, 28), Status.RESUBMISSION),
        ("MHSDS", "2023-11", sent(2024, 1, 1), Status.SINGLE_WINDOW),
        ("MHSDS", "2023-11", sent(2024, 2, 1), Status.AFTER_WINDOWS),
        ("DIDS", "2019-04", sent(2019, 5, 1), Status.CURRENT),
        ("GPW", "2020-03", sent(2020, 5, 1), Status.FINAL),
        ("GPW", "2021-06", sent(2021, 8, 1), Status.PROVISIONAL),
    ],
)
def test_how_final_an_edition_is_goes_by_the_day_on_which_its_file_came(
    data_set, period, sent_at, status
):
    asked = Period.parse(period)
    described = catalogue.load().for_period(data_set, asked.first)

    assert Status.of(described, asked, sent_at) is status


def test_what_is_landed_anew_is_as_final_as_when_it_was_sent():
    later = AT + timedelta(days=400)

    found, attempt = landing()
    sent_by = replace(found, received_by="a person", received_at=AT, created_at=AT)
    accepted = sent_by.accept(attempt, OUTCOME, {}, quarantine_key="q", at=AT)
    former, anew = accepted.land_anew(uuid4(), edition_id=uuid4(), at=later)
    again = replace(anew, state=SubmissionState.ACCEPTED)
    _, once_more = again.land_anew(uuid4(), edition_id=uuid4(), at=later + timedelta(days=9))

    assert former.sent_at == anew.sent_at == once_more.sent_at == AT
    assert anew.received_at == later
