"""The facts as they would be if what waits for a second person were in force (ruling 20)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from uuid import UUID

from agreements.domain.assurance import Assurance
from agreements.domain.decision.facts import Alternative, Facts
from agreements.domain.imports import (
    Import,
    ImportKind,
    applied,
    plan_assurance,
    plan_organisations,
)
from agreements.domain.organisation import Organisation

NOBODY = UUID(int=0)
"""The id of what is not stored."""


def added(
    facts: Facts, waiting: Iterable[Import], *, codes: Collection[str], parties: Collection[str]
) -> Facts:
    """Return the facts with an alternative for each list that waits and changes any of them.

    `codes` are those whose meaning the agreement rests on, `parties` those who need evidence.
    """
    found = tuple(_alternatives(facts, waiting, codes, parties))
    return replace(facts, alternatives=found, _standing={}) if found else facts


def _alternatives(
    facts: Facts, waiting: Iterable[Import], codes: Collection[str], parties: Collection[str]
) -> Iterator[Alternative]:
    for sent in waiting:
        other = (
            _with_organisations(facts, sent, {*codes, *facts.organisations})
            if sent.kind is ImportKind.ORGANISATIONS
            else _with_assurance(facts, sent, parties)
        )
        if other is not None:
            yield Alternative(waiting=f"A list ({sent.kind}, {sent.layout})", facts=other)


def _with_organisations(facts: Facts, sent: Import, codes: Collection[str]) -> Facts | None:
    known = [o for rows in facts.organisations.values() for o in rows]
    listed = [row for row in sent.organisations if row.ods in codes]
    plan = plan_organisations(listed, sent.layout, known, lambda: NOBODY)
    if not plan.changed and not plan.gone:
        return None
    rows: defaultdict[str, list[Organisation]] = defaultdict(list)
    for one in applied(known, plan):
        rows[one.ods].append(one)
    return replace(
        facts, organisations={code: tuple(of) for code, of in rows.items()}, _standing={}
    )


def _with_assurance(facts: Facts, sent: Import, parties: Collection[str]) -> Facts | None:
    if sent.snapshot_on is None:
        return None
    known = [a for rows in facts.assurance.values() for a in rows]
    entries = [e for e in sent.entries if e.organisation in parties]
    plan = plan_assurance(entries, sent.snapshot_on, known, lambda: NOBODY)
    if not plan.changed:
        return None
    rows: defaultdict[str, list[Assurance]] = defaultdict(list)
    for one in applied(known, plan):
        rows[one.organisation].append(one)
    return replace(facts, assurance={code: tuple(of) for code, of in rows.items()}, _standing={})
