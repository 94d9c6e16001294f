"""The lists that replace facts: of each, which facts they are and what one would change of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from agreements.records.domain.lists import imports, published
from agreements.records.domain.lists.imports import Import, ImportKind, Plan
from agreements.records.domain.lists.undoing import KEYS, plan_undo
from agreements.records.domain.parties.assurance import AssuranceKind
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.lists.editions import EditionList
from agreements.records.use_cases.ports import FactStore, Transaction
from common.ids import digest_of, new_id

NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class FactList:
    facts: Callable[[Transaction], FactStore[Any]]
    plan: Callable[[Import, Sequence[Any], str, datetime], Plan[Any]]
    says: Callable[[Any], object]
    """Of a fact, what a list of this kind may change: all else may change while it waits."""
    equal: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    """Which of the table's facts it is about."""

    def known(self, tx: Transaction) -> Sequence[Any]:
        return self.facts(tx).find(**self.equal)

    def planned(self, tx: Transaction, sent: Import, ctx: Context) -> Plan[Any]:
        return self.plan(sent, self.known(tx), ctx.principal.organisation, tx.at)

    def planned_against(self, tx: Transaction, sent: Import, epoch: int, ctx: Context) -> Plan[Any]:
        """Say what it changes of what was held true at an epoch."""
        former = self.facts(tx).known_at(epoch, **self.equal)
        return self.plan(sent, former, ctx.principal.organisation, tx.at)

    def held_against(self, tx: Transaction, sent: Import, plan: Plan[Any]) -> str:
        """Name what a plan changes, as it is before: what it becomes then is what the list says."""
        key = KEYS[sent.kind]
        known = {fact.id: fact for fact in self.known(tx)}
        before: dict[str, JsonValue] = {
            repr(key(fact)): repr(self.says(known[fact.id])) if fact.id in known else ""
            for fact in (*plan.changed, *plan.gone)
        }
        return digest_of(before)

    def require_shown(self, tx: Transaction, sent: Import, plan: Plan[Any]) -> None:
        """Refuse a plan that is not the one of which a second person was shown the counts.

        Raises:
            ReplacementOutdated: what it changes was changed meanwhile.

        """
        sent.standing.require_shown(self.held_against(tx, sent, plan))

    def planned_undo(self, tx: Transaction, sent: Import) -> Plan[Any]:
        undo = self.facts(tx).undo(sent.applied_epoch or 0, **self.equal)
        return plan_undo(undo, self.known(tx), key=KEYS[sent.kind], make_id=new_id)

    def apply(
        self, tx: Transaction, sent: Import, plan: Plan[Any], action: str, ctx: Context
    ) -> None:
        entry = ctx.entry(
            f"{sent.kind}-{action}",
            sent.kind.value,
            at=tx.at,
            layout=sent.layout,
            digest=sent.digest,
            **({} if sent.snapshot_on is None else {"snapshot_on": str(sent.snapshot_on)}),
        )
        if plan.gone:
            self.facts(tx).retract(*plan.gone, audit=entry)
        if plan.changed:
            self.facts(tx).save(*plan.changed, audit=entry)

    def while_undecided(
        self, _tx: Transaction, _sent: Import, _plan: Plan[Any], _ctx: Context
    ) -> None:
        """Do nothing: the decision is made on the facts as they are, and as they would be."""


def _all(fact: Any) -> object:
    return replace(fact, version=0)


def _as_assured(fact: Any) -> object:
    return fact.status, fact.published_on


def _as_published(fact: Any) -> object:
    return tuple(getattr(fact, name) for name in published.SAID)


def _organisations(sent: Import, known: Sequence[Any], _by: str, _at: datetime) -> Plan[Any]:
    return imports.plan_organisations(sent.organisations, sent.layout, known, new_id)


def _assurance(sent: Import, known: Sequence[Any], _by: str, _at: datetime) -> Plan[Any]:
    return imports.plan_assurance(sent.entries, sent.day, known, new_id)


def _relationships(sent: Import, known: Sequence[Any], by: str, at: datetime) -> Plan[Any]:
    return published.plan_relationships(sent.relationships, sent.day, known, new_id, by=by, at=at)


def _publications(sent: Import, known: Sequence[Any], _by: str, _at: datetime) -> Plan[Any]:
    return published.plan_publications(sent.publications, known, new_id)


KINDS: Mapping[ImportKind, FactList | EditionList] = {
    ImportKind.ORGANISATIONS: FactList(
        facts=lambda tx: tx.organisations,
        plan=_organisations,
        says=_all,
    ),
    ImportKind.ASSURANCE: FactList(
        facts=lambda tx: tx.assurance,
        plan=_assurance,
        says=_as_assured,
        equal={"kind": AssuranceKind.DSPT},
    ),
    ImportKind.RELATIONSHIPS: FactList(
        facts=lambda tx: tx.listed_relationships,
        plan=_relationships,
        says=_as_published,
    ),
    ImportKind.PUBLICATIONS: FactList(
        facts=lambda tx: tx.publications,
        plan=_publications,
        says=_all,
    ),
    ImportKind.REGISTER: EditionList(),
}
