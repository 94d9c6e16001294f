"""What an edition of relationships and a list of publications would change (ruling 20).

Both replace as a whole: what an edition brought before and this one does not name has ended, and
of each data set that a list names the periods become what it says. A relationship that was asked
for here and is in no edition stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from agreements.records.domain.lists.imports import MakeId, Plan
from agreements.records.domain.lists.layouts import publications, relationships
from agreements.records.domain.parties.registration import Publication
from agreements.records.domain.parties.relationship import Relationship, Step

SERVICE = "commissioning"
"""What the published spreadsheet is about; it has no column for it."""

OF_A_LINE = (
    "change_kind",
    "commissioner",
    "commissioner_type",
    "area_team",
    "dscro",
    "csu",
    "processors",
    "valid_from",
    "valid_to",
)
SAID = (*OF_A_LINE, "source", "state")
"""What of a relationship an edition of the list may change, and what decides whether it does."""


def plan_relationships(
    listed: Iterable[relationships.ListedRelationship],
    published_on: date,
    known: Sequence[Relationship],
    make_id: MakeId,
    *,
    by: str,
    at: datetime,
) -> Plan[Relationship]:
    """Return the plan by which relationships become what the edition says, or end."""
    before = {r.reference: r for r in known}
    rows = {row.reference: row for row in listed}
    facts = {
        reference: _relationship(row, before.get(reference), make_id, by=by, at=at)
        for reference, row in rows.items()
    }
    ended = (
        r.end(last_day=published_on - timedelta(days=1), at=at)
        for reference, r in before.items()
        if r.source == relationships.LAYOUT and reference not in facts and _goes_on(r, published_on)
    )
    replaces = sum(
        r.source == relationships.LAYOUT or reference in facts for reference, r in before.items()
    )
    return Plan.of(facts, before, replaces=replaces, ended=ended)


def _goes_on(relationship: Relationship, day: date) -> bool:
    return relationship.valid_to is None or relationship.valid_to >= day


def _relationship(
    row: relationships.ListedRelationship,
    former: Relationship | None,
    make_id: MakeId,
    *,
    by: str,
    at: datetime,
) -> Relationship:
    said = {name: getattr(row, name) for name in OF_A_LINE} | {"source": relationships.LAYOUT}
    if former is None:
        return Relationship(
            id=make_id(),
            reference=row.reference,
            service=SERVICE,
            service_contract_reference=None,
            contract_signed_on=None,
            state=Step.ACTIVE,
            requested_at=at,
            requested_by_organisation=by,
            activated_at=at,
            **said,
        ).announce(at)
    if all(getattr(former, name) == value for name, value in said.items()):
        return former
    return replace(former, **said).announce(at)


def served_twice(
    listed: Sequence[relationships.ListedRelationship],
) -> Iterator[tuple[int, int]]:
    """Yield the lines by which two DSCROs would serve a commissioner on a day (L04).

    Each such line is in a pair; not each pair is told, of which a list can have millions.
    """
    rows: defaultdict[str, list[relationships.ListedRelationship]] = defaultdict(list)
    for row in sorted(listed, key=lambda row: (row.valid_from, row.line)):
        rows[row.commissioner].append(row)
    for of_one in rows.values():
        longest: dict[str, relationships.ListedRelationship] = {}
        following: dict[str, relationships.ListedRelationship] = {}
        for row in of_one:
            yield from _shared(row, longest)
            former = longest.get(row.dscro)
            if former is None or _end(former) < _end(row):
                longest[row.dscro] = row
        for row in reversed(of_one):
            yield from _shared(row, following)
            following[row.dscro] = row


def _shared(
    row: relationships.ListedRelationship, others: Mapping[str, relationships.ListedRelationship]
) -> Iterator[tuple[int, int]]:
    for dscro, other in others.items():
        if dscro != row.dscro and _share_a_day(
            row.valid_from, row.valid_to, other.valid_from, other.valid_to
        ):
            yield min(row.line, other.line), max(row.line, other.line)


def _end(row: relationships.ListedRelationship) -> date:
    return row.valid_to or date.max


def is_served_otherwise(row: relationships.ListedRelationship, other: Relationship) -> bool:
    """Say whether what was asked for here has another DSCRO for the commissioner on a day."""
    return (
        other.source is None
        and other.state is Step.ACTIVE
        and other.reference != row.reference
        and (other.commissioner, other.service) == (row.commissioner, SERVICE)
        and other.dscro != row.dscro
        and _share_a_day(row.valid_from, row.valid_to, other.valid_from, other.valid_to)
    )


def _share_a_day(a: date, a_to: date | None, b: date, b_to: date | None) -> bool:
    return a <= (b_to or date.max) and b <= (a_to or date.max)


def plan_publications(
    listed: Iterable[publications.ListedPublication], known: Sequence[Publication], make_id: MakeId
) -> Plan[Publication]:
    """Return the plan by which of each data set named the periods become those listed."""
    rows = {(row.data_set, row.period): row for row in listed}
    named = {data_set for data_set, _ in rows}
    before = {(p.data_set, p.period): p for p in known if p.data_set in named}
    facts = {
        key: Publication(
            id=before[key].id if key in before else make_id(),
            data_set=row.data_set,
            period=row.period,
            published_on=row.published_on,
            version=before[key].version if key in before else 0,
        )
        for key, row in rows.items()
    }
    gone = (p for key, p in before.items() if key not in facts)
    return Plan.of(facts, before, replaces=len(before), gone=gone)
