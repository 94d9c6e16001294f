"""The facts as they would be if what waits for a second person were decided (ruling 20).

That is a list that is still to come into force, and one whose taking back waits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agreements.decision.domain.facts import AgreementFacts, Alternative
from agreements.records.domain.lists.imports import (
    Import,
    ImportKind,
    Plan,
    applied,
    plan_assurance,
    plan_organisations,
)
from agreements.records.domain.lists.published import plan_publications, plan_relationships
from agreements.records.domain.lists.undoing import KEYS, NOBODY, Undo, undone
from agreements.records.domain.parties.registration import Publication
from common.grouping import grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known here of each kind that a list can replace, and for whom."""

    codes: frozenset[str]
    """Those whose meaning the agreement rests on."""
    parties: frozenset[str]
    """Those who need evidence."""
    publications: tuple[Publication, ...]
    data_sets: frozenset[str]


def added(
    facts: AgreementFacts,
    waiting: Iterable[Import],
    leaving: Iterable[tuple[Import, Undo[Any]]],
    known: Known,
) -> AgreementFacts:
    """Return the facts with an alternative for each list that is to be decided and changes any."""
    found = (*_to_come(facts, waiting, known), *_to_go(facts, leaving, known))
    return replace(facts, alternatives=found, _on_day={}) if found else facts


def _to_come(
    facts: AgreementFacts, waiting: Iterable[Import], known: Known
) -> Iterator[Alternative]:
    for sent in waiting:
        present = _present(facts, sent.kind, known)
        plan = _plan(sent, present, facts, known)
        if plan.changed or plan.gone:
            other = _with(facts, sent.kind, applied(present, plan))
            yield Alternative(waiting=f"A list ({sent.kind}, {sent.layout})", facts=other)


def _to_go(
    facts: AgreementFacts, leaving: Iterable[tuple[Import, Undo[Any]]], known: Known
) -> Iterator[Alternative]:
    for sent, undo in leaving:
        if undo.written or undo.replaced:
            present = _present(facts, sent.kind, known)
            other = _with(facts, sent.kind, undone(present, undo, key=KEYS[sent.kind]))
            yield Alternative(
                waiting=f"Taking back a list ({sent.kind}, {sent.layout})", facts=other
            )


def _plan(sent: Import, present: Sequence[Any], facts: AgreementFacts, known: Known) -> Plan[Any]:
    match sent.kind:
        case ImportKind.ORGANISATIONS:
            codes = {*known.codes, *facts.organisations}
            listed = [row for row in sent.organisations if row.ods in codes]
            return plan_organisations(listed, sent.layout, present, lambda: NOBODY)
        case ImportKind.ASSURANCE:
            entries = [e for e in sent.entries if e.organisation in known.parties]
            return plan_assurance(entries, sent.day, present, lambda: NOBODY)
        case ImportKind.RELATIONSHIPS:
            here = {r.reference for r in present}
            rows = [
                row
                for row in sent.relationships
                if row.reference in here or row.commissioner in known.codes
            ]
            return plan_relationships(
                rows, sent.day, present, lambda: NOBODY, by="", at=sent.standing.proposed_at
            )
        case ImportKind.PUBLICATIONS:
            days = [row for row in sent.publications if row.data_set in known.data_sets]
            return plan_publications(days, present, lambda: NOBODY)
        case ImportKind.REGISTER:  # what is published opens nothing
            return plan_publications((), (), lambda: NOBODY)


def _present(facts: AgreementFacts, kind: ImportKind, known: Known) -> tuple[Any, ...]:
    match kind:
        case ImportKind.ORGANISATIONS:
            return tuple(o for rows in facts.organisations.values() for o in rows)
        case ImportKind.ASSURANCE:
            return tuple(a for rows in facts.assurance.values() for a in rows)
        case ImportKind.RELATIONSHIPS:
            return facts.relationships
        case ImportKind.PUBLICATIONS:
            return known.publications
        case ImportKind.REGISTER:
            return ()


def _with(facts: AgreementFacts, kind: ImportKind, found: Sequence[Any]) -> AgreementFacts:
    match kind:
        case ImportKind.ORGANISATIONS:
            return replace(facts, organisations=grouped(found, lambda o: o.ods), _on_day={})
        case ImportKind.ASSURANCE:
            return replace(facts, assurance=grouped(found, lambda a: a.organisation), _on_day={})
        case ImportKind.RELATIONSHIPS:
            return replace(facts, relationships=tuple(found), _on_day={})
        case ImportKind.PUBLICATIONS:
            days = {(p.data_set, p.period): p.published_on for p in found}
            return replace(facts, publications=days, _on_day={})
        case ImportKind.REGISTER:
            return facts
