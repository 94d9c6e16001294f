"""Security assurance of a party: what is accepted on a day (domain.md 2.6).

Which edition of the toolkit (DSPT) is the latest on a day, and how long a former one is accepted,
is dated data (`reference/assurance.yaml`), never code.
"""

import calendar
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

DAY = timedelta(days=1)


class AssuranceKind(StrEnum):
    DSPT = "DSPT"
    SLSP = "SLSP"
    ISO27001 = "ISO27001"


class Status(StrEnum):
    """DSPT's own four, and for the other two whether there is a certificate or policy."""

    EXCEEDED = "STANDARDS_EXCEEDED"
    MET = "STANDARDS_MET"
    APPROACHING = "APPROACHING_STANDARDS"
    NOT_MET = "STANDARDS_NOT_MET"
    NOT_PUBLISHED = "NOT_PUBLISHED"
    CERTIFIED = "CERTIFIED"


NO_EDITION = ""
"""The reference of an entry that says that nothing is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    id: UUID
    organisation: str
    kind: AssuranceKind
    reference: str
    status: Status
    published_on: date | None
    expires_on: date | None
    seen_on: date
    reviewed_by_body: bool = False
    plan_accepted: bool = False
    plan_until: date | None = None
    locations_covered: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    name: str
    latest_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AssuranceRule:
    """What Standard 5 accepts from `valid_from` on."""

    valid_from: date
    former_edition_months: int
    accepted: frozenset[Status]
    with_plan: frozenset[Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssuranceRules:
    editions: tuple[Edition, ...]
    rules: tuple[AssuranceRule, ...]

    def on(self, day: date) -> AssuranceRule | None:
        """Return the rule in force; None, and so nothing is accepted, before the first."""
        return max(
            (r for r in self.rules if r.valid_from <= day),
            key=lambda r: r.valid_from,
            default=None,
        )

    def latest_edition(self, day: date) -> str | None:
        return max(
            ((e.latest_from, e.name) for e in self.editions if e.latest_from <= day),
            default=(day, None),
        )[1]

    def next_edition_from(self, day: date) -> date | None:
        """Return from which day on the latest edition of a day is a former one; None: not known."""
        return min((e.latest_from for e in self.editions if e.latest_from > day), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether one party's evidence suffices on a day, and why, or why not."""

    accepted: bool
    reason: str
    evidence: Assurance | None = None
    needs_review: bool = False
    """Accepted for identifiable data only with a special condition of later review."""
    until: date | None = None
    """The last day on which this very evidence is accepted; None: no end is known."""


def judge(
    evidence: Sequence[Assurance], *, day: date, identifiable: bool, rules: AssuranceRules
) -> Judgement:
    """Judge one party's evidence: one accepted entry suffices.

    Of several accepted the one that lasts longest is named; of none the latest seen.
    """
    known = _still_standing([e for e in evidence if e.seen_on <= day or _is_published(e, day)])
    judged = [_judge_one(e, day=day, identifiable=identifiable, rules=rules) for e in known]
    if accepted := [j for j in judged if j.accepted]:
        return max(accepted, key=lambda j: (not j.needs_review, j.until or date.max))
    if judged:
        return max(judged, key=_seen_on)
    return Judgement(accepted=False, reason="no evidence")


def ends(
    evidence: Sequence[Assurance],
    first: date,
    today: date,
    *,
    identifiable: bool,
    rules: AssuranceRules,
) -> Iterator[tuple[Assurance, date]]:
    """Yield what was accepted on a day from `first` to `today`, with its last day, in order.

    What other evidence went on from on the next day did not end; of what has not ended yet, that
    of today counts.
    """

    def judged(day: date) -> Judgement:
        return judge(evidence, day=day, identifiable=identifiable, rules=rules)

    changes = {
        *(day for one in evidence for day in (one.seen_on, one.published_on) if day is not None),
        *(edition.latest_from for edition in rules.editions),
        *(rule.valid_from for rule in rules.rules),
    }
    last: date | None = None
    for day in sorted({min(first, today), today} | {day for day in changes if first < day < today}):
        found = judged(day)
        # Evidence that lasts longer can end and leave another one that lasts less long.
        while found.accepted and found.until is not None and found.until < today:
            following = judged(found.until + DAY)
            if not following.accepted and (last is None or found.until > last):
                assert found.evidence is not None
                last = found.until
                yield found.evidence, last
            found = following
        if day == today and found.accepted and found.until is not None:
            assert found.evidence is not None
            yield found.evidence, found.until


def _still_standing(evidence: Sequence[Assurance]) -> list[Assurance]:
    """Leave out toolkit entries older than a list on which nothing was published."""
    blank = max((e.seen_on for e in evidence if e.status is Status.NOT_PUBLISHED), default=date.min)
    return [e for e in evidence if e.kind is not AssuranceKind.DSPT or e.seen_on >= blank]


def _is_published(evidence: Assurance, day: date) -> bool:
    return (
        evidence.status is not Status.NOT_PUBLISHED
        and evidence.published_on is not None
        and evidence.published_on <= day
    )


def _seen_on(judgement: Judgement) -> date:
    return judgement.evidence.seen_on if judgement.evidence is not None else date.min


def _judge_one(
    evidence: Assurance, *, day: date, identifiable: bool, rules: AssuranceRules
) -> Judgement:
    if evidence.expires_on is not None and evidence.expires_on < day:
        return Judgement(accepted=False, reason="expired", evidence=evidence)
    if evidence.kind is AssuranceKind.DSPT:
        return _judge_dspt(evidence, day=day, identifiable=identifiable, rules=rules)
    if not evidence.reviewed_by_body:
        return Judgement(accepted=False, reason="not reviewed by the Body", evidence=evidence)
    if evidence.kind is AssuranceKind.ISO27001 and not evidence.locations_covered:
        return Judgement(
            accepted=False, reason="its scope does not cover the locations", evidence=evidence
        )
    return Judgement(
        accepted=True, reason="reviewed by the Body", evidence=evidence, until=evidence.expires_on
    )


def _judge_dspt(
    evidence: Assurance, *, day: date, identifiable: bool, rules: AssuranceRules
) -> Judgement:
    rule = rules.on(day)
    if rule is None or evidence.status is Status.NOT_PUBLISHED or evidence.published_on is None:
        return Judgement(accepted=False, reason="not published", evidence=evidence)
    if evidence.published_on > day:
        return Judgement(accepted=False, reason="not published yet", evidence=evidence)
    ends = [evidence.expires_on]
    former_until = months_later(evidence.published_on, rule.former_edition_months)
    if evidence.reference != rules.latest_edition(day):
        if former_until < day:
            return Judgement(accepted=False, reason="former edition, too old", evidence=evidence)
        ends.append(former_until)
    elif (gives_way := rules.next_edition_from(day)) is not None:
        ends.append(max(former_until, gives_way - DAY))
    if evidence.status in rule.with_plan and evidence.plan_accepted:
        if evidence.plan_until is not None and evidence.plan_until < day:
            return Judgement(accepted=False, reason="the plan's time is over", evidence=evidence)
        ends.append(evidence.plan_until)
    elif evidence.status not in rule.accepted:
        return Judgement(accepted=False, reason=evidence.status.value, evidence=evidence)
    return Judgement(
        accepted=True,
        reason=evidence.status.value,
        evidence=evidence,
        needs_review=identifiable and not evidence.reviewed_by_body,
        until=_first(ends),
    )


def _first(ends: Iterable[date | None]) -> date | None:
    return min((end for end in ends if end is not None), default=None)


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last of a month that is shorter."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, calendar.monthrange(year, month0 + 1)[1]))
