"""Editions of our own register of relationships: written, left out of, taken back (ruling 20).

What is published is kept as lists that were sent are (`imports`), so that it waits for a second
person and can be taken back like them. Editions are only ever added: the newest is in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agreements.records.domain.lists import register
from agreements.records.domain.lists.imports import Import, Plan
from agreements.records.domain.lists.register import RelationshipEdition, Row
from agreements.records.domain.parties import organisation
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.ports import Transaction
from common.clock import legal_day
from common.ids import digest_of, new_id
from common.replacement import ReplacementOutdated


@dataclass(frozen=True, slots=True)
class EditionList:
    """The register, as `import_kinds.Kind` is of a list."""

    def planned(self, tx: Transaction, sent: Import, _ctx: Context) -> Plan[Any]:
        return _plan([n.reference for n in sent.named], tx.editions.latest(), tx)

    def planned_against(
        self, tx: Transaction, sent: Import, epoch: int, _ctx: Context
    ) -> Plan[Any]:
        """Say what it changes of what was published at an epoch."""
        return _plan([n.reference for n in sent.named], tx.editions.at_epoch(epoch), tx)

    def held_against(self, _tx: Transaction, _sent: Import, plan: Plan[Any]) -> str:
        """Name what is to be published."""
        return digest_of([*plan.changed])

    def require_shown(self, _tx: Transaction, sent: Import, plan: Plan[Any]) -> None:
        """Refuse to say of a relationship what was not shown; to leave one out is not refused.

        Raises:
            ReplacementOutdated: a relationship that it names says something else by now.

        """
        shown = {n.reference: n.said for n in sent.named}
        if any(register.named(row).said != shown.get(str(row["lcr_ref"])) for row in plan.changed):
            raise ReplacementOutdated(
                "A relationship says something else by now than was to be published of it; publish"
                " again."
            )

    def planned_undo(self, tx: Transaction, sent: Import) -> Plan[Any]:
        """Name again what was named before, as far as it may still be published."""
        former = tx.editions.at_epoch((sent.applied_epoch or 0) - 1)
        return _plan([] if former is None else [*former.said()], tx.editions.latest(), tx)

    def apply(
        self, tx: Transaction, _sent: Import, plan: Plan[Any], _action: str, ctx: Context
    ) -> None:
        _publish(tx, plan.changed, ctx)

    def while_undecided(self, tx: Transaction, sent: Import, plan: Plan[Any], ctx: Context) -> None:
        """Leave out at once what the plan does not name: nobody waits for what only takes away.

        What is being taken back is shown no more, so that another takes its place in any case.
        """
        latest = tx.editions.latest()
        said = {} if latest is None else latest.said()
        named = {row["lcr_ref"] for row in plan.changed}
        left = [row for reference, row in said.items() if reference in named]
        if len(left) < len(said) or sent.applied_epoch is not None:
            _publish(tx, left, ctx)


def may_be_published(tx: Transaction) -> dict[str, Row]:
    relationships = tx.relationships.find()
    return register.publishable(relationships, names=_names(tx, relationships), at=tx.at)


def _plan(
    references: Sequence[str], before: RelationshipEdition | None, tx: Transaction
) -> Plan[Any]:
    said = {} if before is None else before.said()
    planned = register.plan_register(references, said, may_be_published(tx))
    differing = planned.change.added + planned.change.changed
    return Plan(
        changed=planned.rows,  # an edition is written whole
        gone=(),
        unchanged=len(planned.rows) - differing,
        change=planned.change,
        new=planned.change.added,
    )


def _publish(tx: Transaction, rows: Sequence[Row], ctx: Context) -> None:
    latest = tx.editions.latest()
    number = 1 if latest is None else latest.number + 1
    edition = RelationshipEdition.of(rows, id_=new_id(), number=number, at=tx.at)
    tx.editions.add(
        edition,
        audit=ctx.entry(
            "relationships-published",
            f"registers/relationships/{number}",
            at=tx.at,
            digest=edition.digest,
        ),
    )


def _names(tx: Transaction, relationships: Sequence[Relationship]) -> dict[str, str]:
    day = legal_day(tx.at)
    codes = {code for r in relationships for code in r.parties()}
    found = {code: organisation.on(day, tx.organisations.find(ods=code)) for code in codes}
    return {code: o.name for code, o in found.items() if o is not None}
