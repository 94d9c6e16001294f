"""Assurance: what Standard 5 accepts on a day (domain.md 2.6)."""

from datetime import date

import pytest

from agreements.records.adapters.reference import load
from agreements.records.domain.parties.assurance import (
    NO_EDITION,
    Assurance,
    AssuranceKind,
    AssuranceRules,
    Status,
    ends,
    judge,
)
from services.agreements.tests.facts import CSU, new_id

RULES = load().assurance
DAY = date(2023, 11, 16)


def evidence(**changes):
    values = {
        "id": new_id(),
        "organisation": CSU,
        "kind": AssuranceKind.DSPT,
        "reference": "23/24",
        "status": Status.MET,
        "published_on": date(2023, 10, 1),
        "expires_on": None,
        "seen_on": DAY,
    }
    return Assurance(**values | changes)


def judged(*items, day=DAY, identifiable=False, rules=RULES):
    return judge(items, day=day, identifiable=identifiable, rules=rules)


@pytest.mark.parametrize("status", [Status.MET, Status.EXCEEDED])
def test_the_latest_edition_met_or_exceeded_is_accepted(status):
    assert judged(evidence(status=status)).accepted


@pytest.mark.scenario("A13")
def test_what_is_not_published_is_refused():
    blank = evidence(
        reference=NO_EDITION, status=Status.NOT_PUBLISHED, published_on=date(2022, 3, 31)
    )

    assert judged(blank).reason == "not published"
    assert not judged(blank).accepted


@pytest.mark.scenario("A15")
@pytest.mark.parametrize(
    ("published", "accepted"),
    [(date(2022, 9, 16), False), (date(2022, 11, 15), False), (date(2022, 11, 16), True)],
)
def test_a_former_edition_is_accepted_for_twelve_months(published, accepted):
    former = evidence(reference="22/23", published_on=published)

    assert judged(former).accepted is accepted


def test_the_end_of_a_former_edition_is_told():
    former = evidence(reference="22/23", published_on=date(2023, 6, 29))

    assert judged(former).until == date(2024, 6, 29)
    assert judged(evidence(), evidence(reference="22/23")).until == date(2024, 10, 1)
    newest = evidence(reference="27/28", published_on=date(2027, 7, 2))
    assert judged(newest, day=date(2027, 8, 1)).until is None, "of the next one no day is known"


def test_the_latest_edition_that_was_published_long_ago_ends_when_the_next_is_opened():
    """19/20 was the latest for fifteen months: more than the twelve of a former one."""
    early = evidence(reference="19/20", published_on=date(2019, 7, 2))

    assert judged(early, day=date(2020, 9, 30)).accepted
    assert not judged(early, day=date(2020, 10, 1)).accepted
    assert judged(early, day=date(2020, 1, 1)).until == date(2020, 9, 30)


ISO = {"kind": AssuranceKind.ISO27001, "status": Status.CERTIFIED, "published_on": None,
       "reviewed_by_body": True, "locations_covered": True}  # fmt: skip


def ended(*items, first, today):
    found = ends(items, first, today, identifiable=False, rules=RULES)
    return [(one.reference, last) for one, last in found]


def test_what_ended_while_nobody_looked_is_found_with_its_last_day():
    first, today = date(2023, 11, 16), date(2024, 2, 1)
    gone = evidence(**ISO, reference="A", expires_on=date(2024, 1, 10))

    assert ended(gone, first=first, today=today) == [("A", date(2024, 1, 10))]
    follows = evidence(**ISO, reference="B", expires_on=date(2024, 1, 20))
    assert ended(gone, follows, first=first, today=today) == [("B", date(2024, 1, 20))]
    again = evidence(**ISO, reference="C", seen_on=date(2024, 1, 25), expires_on=date(2024, 3, 1))
    assert ended(gone, follows, again, first=first, today=today) == [
        ("B", date(2024, 1, 20)),
        ("C", date(2024, 3, 1)),
    ]
    came_and_went = evidence(
        **ISO, reference="D", seen_on=date(2024, 1, 12), expires_on=date(2024, 1, 15)
    )
    assert ended(gone, came_and_went, first=first, today=today) == [
        ("A", date(2024, 1, 10)),
        ("D", date(2024, 1, 15)),
    ]
    assert ended(gone, first=date(2024, 1, 11), today=today) == []
    assert ended(again, first=date(2024, 2, 10), today=today) == [("C", date(2024, 3, 1))]


def test_twelve_months_after_the_end_of_february_is_the_end_of_february():
    former = evidence(reference="22/23", published_on=date(2024, 2, 29))

    assert judged(former, day=date(2025, 2, 28)).until == date(2025, 2, 28)


def test_what_has_expired_is_refused_on_the_day_after():
    expiring = evidence(expires_on=DAY)

    assert judged(expiring).accepted
    assert judged(expiring).until == DAY
    assert judged(expiring, day=date(2023, 11, 17)).reason == "expired"


@pytest.mark.scenario("A14")
@pytest.mark.parametrize("status", [Status.APPROACHING, Status.NOT_MET])
def test_below_the_standard_an_accepted_plan_is_needed_and_its_time_is_an_end(status):
    without = evidence(status=status)
    with_plan = evidence(status=status, plan_accepted=True, plan_until=date(2024, 3, 31))

    assert judged(without).reason == status.value
    assert judged(with_plan).accepted
    assert judged(with_plan).until == date(2024, 3, 31)
    assert judged(with_plan, day=date(2024, 4, 1)).reason == "the plan's time is over"
    assert judged(evidence(status=status, plan_accepted=True)).until == date(2024, 10, 1)


def test_identifiable_data_need_a_review_by_the_body():
    assert judged(evidence(), identifiable=True).needs_review
    assert not judged(evidence(reviewed_by_body=True), identifiable=True).needs_review
    assert not judged(evidence()).needs_review


def test_what_was_published_later_is_not_known_then():
    later = evidence(published_on=date(2023, 12, 1), seen_on=date(2023, 12, 2))

    assert judged(later).reason == "no evidence"
    announced = evidence(published_on=date(2023, 12, 1), seen_on=DAY)
    assert judged(announced).reason == "not published yet"


def test_what_was_published_before_a_later_list_counts_from_its_publication():
    assert judged(evidence(seen_on=date(2023, 12, 1))).accepted


def test_a_later_list_without_a_publication_overrules_what_was_seen_before():
    earlier = evidence(seen_on=date(2023, 11, 1))
    blank = evidence(reference=NO_EDITION, status=Status.NOT_PUBLISHED, published_on=None)
    policy = evidence(
        kind=AssuranceKind.SLSP,
        status=Status.CERTIFIED,
        reviewed_by_body=True,
        published_on=None,
        seen_on=date(2023, 1, 1),
    )

    assert not judged(earlier, blank).accepted
    assert judged(earlier, blank, policy).accepted


@pytest.mark.parametrize(
    ("kind", "changes", "accepted"),
    [
        (AssuranceKind.SLSP, {"reviewed_by_body": True}, True),
        (AssuranceKind.SLSP, {}, False),
        (AssuranceKind.ISO27001, {"reviewed_by_body": True, "locations_covered": True}, True),
        (AssuranceKind.ISO27001, {"reviewed_by_body": True}, False),
        (AssuranceKind.ISO27001, {"locations_covered": True}, False),
        (
            AssuranceKind.ISO27001,
            {
                "reviewed_by_body": True,
                "locations_covered": True,
                "expires_on": date(2023, 11, 15),
            },
            False,
        ),
    ],
)
def test_policies_and_certificates_are_accepted_when_the_body_has_reviewed_them(
    kind, changes, accepted
):
    item = evidence(kind=kind, reference="X-1", status=Status.CERTIFIED, **changes)

    assert judged(item).accepted is accepted


def test_one_accepted_piece_of_evidence_suffices_and_the_best_is_named():
    refused = evidence(status=Status.NOT_MET)
    short = evidence(reference="22/23", published_on=date(2023, 6, 29), reviewed_by_body=True)

    assert judged(refused, short).evidence is short
    assert judged(short, evidence(), identifiable=True).evidence is short


def test_before_the_first_rule_and_without_evidence_nothing_is_accepted():
    empty = AssuranceRules(editions=(), rules=())

    assert judged(evidence(), rules=empty).reason == "not published"
    assert judged().reason == "no evidence"
    assert RULES.latest_edition(date(2010, 1, 1)) is None
    assert RULES.latest_edition(date(2018, 6, 1)) == "18/19"
