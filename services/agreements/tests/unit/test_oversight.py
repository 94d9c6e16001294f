"""Clearances, audits and warnings, without anything around them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from agreements.records.domain.errors import (
    AuditActionsOpen,
    AuditDates,
    DscroNotProved,
    StaffNotCleared,
    StaffRecordEnds,
)
from agreements.records.domain.oversight.audits import (
    Audit,
    AuditAction,
    AuditArea,
    AuditFinding,
    AuditKind,
    AuditState,
    Grade,
)
from agreements.records.domain.oversight.lapses import (
    OVER,
    Lapse,
    LapseKind,
    LapseWarning,
    WarningRule,
    due,
    rule_of_warnings,
)
from agreements.records.domain.oversight.staff import (
    StaffRecord,
    StaffRecordKind,
    StaffRequirement,
    clearance,
    dscro_of,
)
from common.errors import TransitionRefused
from services.agreements.tests.facts import CSU, NOW, OTHER_CSU, new_id

DAY = timedelta(days=1)
TODAY = date(2018, 6, 1)
POLICY, TRAINING, SECONDMENT = StaffRecordKind
NEEDS = tuple(
    StaffRequirement(kind=kind, reference=ref, title="", source="", valid_from=date(2013, 4, 1))
    for kind, ref in ((POLICY, "RULES"), (TRAINING, "AWARENESS"))
)


def record(kind, reference, valid_to=None, *, valid_from=date(2018, 1, 1), organisation="X26"):
    return StaffRecord(
        id=new_id(),
        subject="somebody",
        organisation=organisation,
        kind=kind,
        reference=reference,
        valid_from=valid_from,
        valid_to=valid_to,
    )


SIGNED = record(POLICY, "RULES")
TRAINED = record(TRAINING, "AWARENESS", TODAY)


def judged(*records, organisation="X26", day=TODAY):
    return clearance(records, NEEDS, organisation=organisation, day=day)


def test_policies_and_training_clear_until_the_last_day_of_the_first_that_ends():
    found = judged(SIGNED, TRAINED)

    assert (found.is_cleared, found.until) == (True, TODAY)
    found.require()


@pytest.mark.parametrize(
    ("records", "missing"),
    [
        ((), [(POLICY, None), (TRAINING, None)]),
        ((SIGNED,), [(TRAINING, None)]),
        ((TRAINED,), [(POLICY, None)]),
        ((SIGNED, record(TRAINING, "ANOTHER", TODAY)), [(TRAINING, None)]),
        ((SIGNED, replace(TRAINED, valid_to=TODAY - DAY)), [(TRAINING, TODAY - DAY)]),
        ((SIGNED, replace(TRAINED, valid_from=TODAY + DAY)), [(TRAINING, None)]),
    ],
)
def test_what_is_missing_or_lapsed_is_named_all_of_it(records, missing):
    found = judged(*records)

    assert [(one.kind, one.lapsed_on) for one in found.missing] == missing
    assert found.until is None
    with pytest.raises(StaffNotCleared) as refused:
        found.require()
    assert [one["kind"] for one in refused.value.members["missing"]] == [k for k, _ in missing]
    assert "somebody" not in refused.value.detail


def test_staff_of_another_organisation_need_a_secondment_from_there():
    seconded = record(SECONDMENT, "yorkshire", TODAY, organisation=CSU)

    assert judged(SIGNED, TRAINED, seconded, organisation=CSU).is_cleared
    for records, employer, day in (
        ((SIGNED, TRAINED), CSU, TODAY),
        ((SIGNED, TRAINED, seconded), OTHER_CSU, TODAY),
        ((SIGNED, replace(TRAINED, valid_to=None), seconded), CSU, TODAY + DAY),
    ):
        found = judged(*records, organisation=employer, day=day)
        assert [one.kind for one in found.missing] == [SECONDMENT]


def test_a_record_is_ended_not_put_off_and_not_before_it_begins():
    assert TRAINED.end(TODAY + DAY) is TRAINED
    assert TRAINED.end(TODAY - DAY).valid_to == TODAY - DAY
    with pytest.raises(StaffRecordEnds):
        TRAINED.end(date(2017, 12, 31))


# Audits

PLANNED = Audit(
    id=new_id(),
    reference="AUD-A1",
    kind=AuditKind.RECIPIENT,
    organisation=CSU,
    agreement=None,
    auditor="Audit South LLP",
    areas=(AuditArea.ACCESS_CONTROL,),
    planned_for=TODAY,
)
FOUND = AuditFinding(number=1, area=AuditArea.ACCESS_CONTROL, grade=Grade.MINOR, text="A leaver.")
WANTED = AuditAction(number=1, finding=1, text="Close it.", owner=CSU, due=TODAY + DAY)


def reported(audit=PLANNED, *, performed_on=TODAY, actions=(WANTED,), summary="One."):
    return audit.report(
        performed_on=performed_on,
        summary=summary,
        findings=(FOUND,),
        actions=actions,
        at=NOW,
        today=TODAY,
    )


def done(audit, day=TODAY):
    return audit.complete(1, done_on=day, evidence="Seen.", today=TODAY)


def reviewed(audit, *reopened):
    return audit.review(reviewed_on=TODAY, outcome="Done.", reopened=reopened, at=NOW)


def test_an_audit_goes_from_its_plan_to_its_follow_up():
    published = reported().publish(at=NOW)

    assert [a.state for a in (PLANNED, reported(), published)] == [
        AuditState.PLANNED,
        AuditState.REPORTED,
        AuditState.PUBLISHED,
    ]
    with pytest.raises(AuditActionsOpen) as refused:
        reviewed(published)
    assert refused.value.members["actions"] == [1]
    assert reviewed(done(published)).state is AuditState.CLOSED


def test_an_action_that_was_not_done_well_is_asked_for_again_and_keeps_the_audit_open():
    again = reviewed(done(reported().publish(at=NOW)), 1)

    assert (again.state, again.actions_open()) == (AuditState.PUBLISHED, (WANTED,))
    assert reviewed(done(again)).state is AuditState.CLOSED


def test_what_is_said_again_changes_nothing_and_what_is_said_otherwise_is_refused():
    once = reported()
    published = done(once.publish(at=NOW))
    closed = reviewed(published)

    assert reported(once) is once
    assert reported(done(once)).actions == done(once).actions
    assert published.publish(at=NOW) is published
    assert done(published) is published
    assert reviewed(closed) is closed
    for refused in (
        lambda: reported(once, summary="Another."),
        lambda: published.complete(1, done_on=TODAY, evidence="Otherwise.", today=TODAY),
        lambda: reviewed(closed, 1),
        lambda: PLANNED.publish(at=NOW),
        lambda: reviewed(once),
        lambda: done(PLANNED),
    ):
        with pytest.raises(TransitionRefused):
            refused()


def test_the_dates_of_an_audit_follow_one_another():
    for refused in (
        lambda: reported(performed_on=TODAY + DAY),
        lambda: reported(actions=(replace(WANTED, due=TODAY - DAY),)),
        lambda: done(reported(), TODAY + DAY),
        lambda: done(reported(), TODAY - DAY),
        lambda: (
            reported()
            .publish(at=NOW)
            .review(reviewed_on=TODAY + DAY, outcome="-", reopened=(), at=NOW)
        ),
    ):
        with pytest.raises(AuditDates):
            refused()


# Warnings

DAYS = (90, 30, 7)
CONTRACT = Lapse(
    kind=LapseKind.CONTRACT,
    subject_id=new_id(),
    reference="CON-1",
    organisations=("02P",),
    ends_on=TODAY + 100 * DAY,
)


def walk(*steps, lapse=CONTRACT):
    """Which warnings are given when somebody looks on these days, counted before the end."""
    given, said = [], []
    for left in steps:
        today = lapse.ends_on - left * DAY
        for one, days in due([lapse], given, today=today, days=DAYS):
            said.append((left, days))
            given.append(warning(one, days))
    return said


def warning(lapse, days):
    return LapseWarning(
        id=new_id(),
        kind=lapse.kind,
        subject_id=lapse.subject_id,
        reference=lapse.reference,
        organisations=lapse.organisations,
        ends_on=lapse.ends_on,
        days=days,
        warned_at=NOW,
    )


def test_who_looks_each_day_is_warned_three_times_and_told_that_it_is_over():
    assert walk(*range(100, -3, -1)) == [(90, 90), (30, 30), (7, 7), (-1, OVER)]


@pytest.mark.parametrize(
    ("looked", "warned"),
    [
        ((100, 5, 4), [(5, 7)]),
        ((100, 20, 5), [(20, 30), (5, 7)]),
        ((100, 89, 0), [(89, 90), (0, 7)]),
        ((100, -1, -2), [(-1, OVER)]),
        ((95, -5, -6), [(-5, OVER)]),
        ((95, 5, 0, -90), [(5, 7), (-90, OVER)]),
        ((91,), []),
        ((90, 90, 60), [(90, 90)]),
    ],
)
def test_after_a_standstill_what_is_still_true_is_said_once(looked, warned):
    assert walk(*looked) == warned


def test_an_end_that_was_put_off_is_warned_of_anew_and_nothing_else_is():
    given = [warning(CONTRACT, 7)]
    later = replace(CONTRACT, ends_on=CONTRACT.ends_on + 60 * DAY)
    today = CONTRACT.ends_on

    assert list(due([CONTRACT], given, today=today, days=DAYS)) == []
    assert list(due([later], given, today=today, days=DAYS)) == [(later, 90)]
    other = replace(CONTRACT, subject_id=new_id())
    assert list(due([other], given, today=today, days=DAYS)) == [(other, 7)]


def test_before_the_first_rule_nobody_is_warned():
    rules = (
        WarningRule(valid_from=date(2013, 4, 1), days=DAYS, told_for=90),
        WarningRule(valid_from=date(2020, 1, 1), days=(14,), told_for=5),
    )

    assert rule_of_warnings(rules, date(2013, 3, 31)) is None
    assert rule_of_warnings(rules, TODAY) is rules[0]
    assert rule_of_warnings(rules, date(2020, 1, 1)) is rules[1]
    assert rules[1].window(date(2020, 1, 6)) == (date(2020, 1, 1), date(2020, 1, 20))


def seconded(**changes):
    return record(SECONDMENT, "yorkshire", date(2018, 6, 30), organisation=CSU, **changes)


@pytest.mark.parametrize(
    ("organisation", "day", "dscro"),
    [
        ("0CN", TODAY, "0CN"),
        (CSU, TODAY, "yorkshire"),
        (CSU, date(2018, 6, 30), "yorkshire"),
        (CSU, date(2018, 7, 1), None),
        (OTHER_CSU, TODAY, None),
        ("X26", TODAY, None),
    ],
)
def test_a_dscro_is_proved_by_the_token_or_by_a_secondment_of_that_day(organisation, day, dscro):
    records = [seconded(), record(TRAINING, "south"), record(POLICY, "south")]

    if dscro is not None:
        assert dscro_of(records, organisation=organisation, day=day) == dscro
        return
    with pytest.raises(DscroNotProved) as refused:
        dscro_of(records, organisation=organisation, day=day)
    assert day.isoformat() in refused.value.detail
