"""What a transaction has changed of the facts, by its own account: the seal is over just that.

A row that is in a table of facts and was not written through here was slipped in by somebody else,
even if it carries the transaction's epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, insert, select, update
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from agreements.db.seals.sealed import SEALED, Key, key_of
from agreements.db.tables import Row, Versioned
from common.db.tables import table_of
from common.errors import EditedMeanwhile

KEY = "agreements.written"


@dataclass(slots=True)
class Changed:
    """What was changed of one table."""

    values: set[object] = field(default_factory=set)
    """By which its registers are named."""
    added: set[Key] = field(default_factory=set)
    superseded: set[Key] = field(default_factory=set)
    former: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    """Rows that were rewritten where they stand, as they were."""


@dataclass(slots=True)
class Stamped:
    """A transaction that changes facts."""

    transaction: SessionTransaction
    epoch: int
    at: datetime
    changes: dict[type[Row], Changed] = field(default_factory=dict)


def stamped(session: Session) -> Stamped | None:
    """Return what this very transaction has changed; None where it has taken no epoch."""
    held: Stamped | None = session.info.get(KEY)
    if held is None or held.transaction is not session.get_transaction():
        return None
    return held


def keep_stamp(session: Session, epoch: int, *, at: datetime) -> None:
    """Remember the epoch that this transaction took."""
    transaction = session.get_transaction()
    assert transaction is not None
    session.info[KEY] = Stamped(transaction, epoch, at)


def changes(session: Session) -> Mapping[type[Row], Changed]:
    """Return what this transaction has changed, by table."""
    held = stamped(session)
    return {} if held is None else held.changes


def add(session: Session, row: type[Row], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of a table of facts, or of a part of one."""
    if not rows:
        return
    session.execute(insert(row), list(rows))
    if row in SEALED:
        changed = _of(session, row)
        changed.added.update(key_of(columns) for columns in rows)
        changed.values.update(SEALED[row].value(columns) for columns in rows)


def supersede(
    session: Session, row: type[Versioned], id_: UUID, version: int, *, epoch: int
) -> None:
    """End our holding this very version true.

    Raises:
        EditedMeanwhile: it is not the current one.

    """
    table, sealed = table_of(row), SEALED[row]
    result = session.execute(
        update(table)
        .where(table.c.id == id_)
        .where(table.c.version == version)
        .where(table.c.superseded_epoch.is_(None))
        .values(superseded_epoch=epoch)
        .returning(*([table.c.id] if sealed.by is None else [table.c[sealed.by]]))
    ).all()
    if len(result) != 1:
        raise EditedMeanwhile(f"It was changed meanwhile: {table.name} {id_}.")
    changed = _of(session, row)
    changed.superseded.add((id_, version))
    changed.values.add(None if sealed.by is None else result[0][0])


def rewrite(session: Session, row: type[Row], id_: UUID, **values: object) -> None:
    """Change a row where it stands: only for what has no versions, such as a state it waits in.

    Raises:
        EditedMeanwhile: it is not there.

    """
    table = table_of(row)
    former = session.execute(select(*table.c).where(table.c.id == id_)).mappings().one_or_none()
    if former is None:
        raise EditedMeanwhile(f"It was changed meanwhile: {table.name} {id_}.")
    session.execute(update(table).where(table.c.id == id_).values(**values))
    columns, changed = dict(former), _of(session, row)
    if key_of(columns) not in changed.added:
        changed.former.setdefault(key_of(columns), columns)
    changed.values.update({SEALED[row].value(columns), SEALED[row].value(columns | values)})


def mend(
    session: Session, table: Table, row: Mapping[str, Any], column: Column[Any], value: object
) -> None:
    """Change a text in one version of a row, which stays what it was in all else."""
    kind = next(k for k in SEALED if table_of(k) is table)
    keys = [key == row[key.name] for key in table.primary_key.columns]
    session.execute(update(table).where(*keys).values({column.name: value}))
    changed = _of(session, kind)
    changed.former.setdefault(key_of(row), row)
    changed.values.add(SEALED[kind].value(row))


MENDABLE: Mapping[str, frozenset[str]] = {
    "agreement": frozenset({"termination_reason"}),
    "contract": frozenset({"termination_reason"}),
    "special_condition": frozenset({"evidence"}),
    "breach": frozenset({"description", "facts", "outcome", "lesson"}),
    "hold": frozenset({"reason"}),
    "hold_lift": frozenset({"reason"}),
    "transfer_instrument": frozenset({"evidence"}),
    "transfer_withdrawal": frozenset({"reason"}),
    "domain_transfer": frozenset({"evidence", "withdrawal_reason"}),
    "destruction_certificate": frozenset({"witness"}),
    "destruction_acceptance": frozenset({"reason"}),
    "submission_right": frozenset({"evidence", "reason"}),
    "audit": frozenset({"summary", "follow_up"}),
    "local_flow": frozenset({"evidence", "reason"}),
}
"""Texts that people wrote and nobody signed. Documents are signed: an amendment mends them."""


def _of(session: Session, row: type[Row]) -> Changed:
    held = stamped(session)
    assert held is not None, "take the epoch before you change facts"
    return held.changes.setdefault(row, Changed())
