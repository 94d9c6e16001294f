"""The 20 Standards as they were published, and what a draft is told of later versions."""

from datetime import date, timedelta

import pytest

from applications.domain import standards
from applications.domain.rules import on
from applications.domain.sections import SECTIONS
from applications.domain.sections.forms import Territory
from applications.domain.standards import Change
from services.applications.tests.answers import RULES

SEED = date(2021, 5, 24)
"""Day of the seed document."""

AS_PUBLISHED = {
    1: ("Data Sharing Agreement Length", "v1.0", "2019-07-24"),
    2: ("Data Controllers", "v1.0", "2019-07-24"),
    3: ("Data Processors", "v1.0", "2019-07-24"),
    4: ("Processing and Storage Locations", "v1.0", "2019-07-24"),
    5: ("Security Assurance", "v2.0", "2021-04-16"),
    6: ("Data Protection Act Registration", "v1.0", "2019-07-24"),
    7: ("Data Minimisation", "v1.0", "2019-07-24"),
    8: ("Patient Objections", "v1.0", "2019-07-24"),
    9: ("Objective for Processing", "v1.0", "2019-07-24"),
    10: ("Processing Activities", "v1.0", "2019-08-14"),
    11: ("Expected Outcomes", "v1.0", "2019-08-14"),
    12: ("Expected Measurable Benefits", "v1.0", "2019-07-24"),
    13: ("Commercial Purpose", "v2.0", "2021-03-25"),
    14: ("Special Conditions", "v1.0", "2019-07-24"),
    15: ("Ethical Approval", "v1.0", "2019-07-24"),
    16: ("Duty of Confidentiality", "v1.0", "2019-09-26"),
    17: ("GDPR Consent", "v1.0", "2019-07-24"),
    18: ("Sub-Licencing and Onward Sharing", "v1.0", "2019-07-24"),
    19: ("Transparency (fair processing)", "v1.0", "2019-07-24"),
    20: ("Territory of Use", "v1.0", "2019-07-24"),
}
"""domain.md 2.4, written off by hand."""


def test_on_the_day_of_the_seed_the_twenty_hold_as_it_says():
    found = standards.in_force(RULES.standards, SEED)

    assert {
        s.number: (s.version.title, s.version.version, s.version.valid_from.isoformat())
        for s in found
    } == AS_PUBLISHED
    assert all(s.version.source == "seed" and s.section == s.number for s in found)


def test_every_section_answers_a_standard():
    sections = {s.section for s in RULES.standards if s.section is not None}

    assert sections == set(SECTIONS) == set(range(1, 21))


def test_before_they_were_published_there_are_none():
    assert standards.in_force(RULES.standards, date(2019, 7, 23)) == ()
    assert len(standards.in_force(RULES.standards, date(2019, 7, 24))) == 17


def test_later_versions_take_their_predecessors_place_without_gap_or_overlap():
    for standard in RULES.standards:
        for before, after in zip(standard.versions, standard.versions[1:], strict=False):
            assert before.valid_to is not None
            assert after.valid_from == before.valid_to + timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2022, 8, 8), {}),
        (
            date(2022, 8, 9),
            {1: (Change.REPLACED, "v1.0", "v2.1"), 4: (Change.NO_LONGER_LISTED, "v1.0", None)},
        ),
        (
            date(2023, 9, 12),
            {
                1: (Change.REPLACED, "v1.0", "v2.1"),
                4: (Change.NO_LONGER_LISTED, "v1.0", None),
                13: (Change.REPLACED, "v2.0", "v3.0"),
                21: (Change.ADDED, None, "v1.0"),
            },
        ),
    ],
)
def test_a_draft_is_shown_what_changed_since_it_was_begun(day, expected):
    kept = standards.kept(RULES.standards, SEED)

    found = standards.differences(RULES.standards, kept, day)

    assert {d.number: (d.change, d.kept, d.in_force) for d in found} == expected
    assert all(d.title for d in found)


def test_the_length_rule_changes_with_its_standard_and_holds_for_all_time_before():
    versions = {
        day: rule.version if (rule := on(day, RULES.lengths)) else None
        for day in (date(2000, 1, 1), date(2022, 8, 8), date(2022, 8, 9), date(2099, 1, 1))
    }

    assert list(versions.values()) == ["v1.0", "v1.0", "v2.1", "v2.1"]


def test_each_territory_covers_those_before_it_and_the_world_has_no_list():
    england, uk, eea = (
        RULES.territories[t] for t in (Territory.ENGLAND_AND_WALES, Territory.UK, Territory.EEA)
    )

    assert england < uk < eea
    assert "NO" in eea  # Norway, which YAML would read as a refusal
    assert Territory.WORLDWIDE not in RULES.territories
