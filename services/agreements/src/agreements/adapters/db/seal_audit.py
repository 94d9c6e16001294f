"""Is what agreements recorded what it sealed? Asked of a whole database, with public keys alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, inspect, select
from sqlmodel import Session, col

from agreements.adapters.db.seal_tables import SealRow
from agreements.adapters.db.sealed import SEALED, digest_of_rows, read_all, table_of
from agreements.adapters.db.seals import SEALED_ACTION, Book, SealBroken, Sealer
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.db.unit_of_work import translated
from common.ids import digest

SEAL = table_of(SealRow).name


def wrong(engine: Engine, jwks: Mapping[str, Any]) -> Sequence[str]:
    """Name everything that is not as it was sealed; nothing where there are no facts."""
    with translated(), Session(engines.reading(engine)) as session:
        there = set(inspect(session.connection()).get_table_names())
        if not there & {sealed.table.name for sealed in SEALED.values()}:
            return []
        if SEAL not in there:
            return ["There are no seals: the database awaits a migration."]
        book = Book(Sealer(None, jwks["keys"]))
        try:
            book.refresh(session)
        except SealBroken as error:
            return [f"The chain of seals is broken: {error}."]
        return [*_unlike_the_tree(session), *broken_registers(session, book)]


def broken_registers(session: Session, book: Book) -> Iterator[str]:
    """Compare every register of every table with the newest digest that was sealed."""
    judged = set()
    for sealed in SEALED.values():
        for value, rows in read_all(session, sealed).items():
            register = sealed.register(value)
            judged.add(register)
            if digest_of_rows(one.record() for one in rows) != book.expected(register):
                yield f"{register} does not have the rows that were sealed."
    for register in sorted(book.registers() - judged):
        yield f"{register} had rows when it was sealed, and has none."


def _unlike_the_tree(session: Session) -> Iterator[str]:
    """Compare every link with the leaf of the audit tree that tells of it."""
    links = {
        number: digest(statement.encode())
        for number, statement in session.execute(
            select(col(SealRow.number), col(SealRow.statement))
        )
    }
    told: dict[int, str] = {}
    entries = session.execute(
        select(audit_leaf.c.entry).where(audit_leaf.c.entry.contains(f'"{SEALED_ACTION}"'))
    ).scalars()
    for entry in entries:
        found = json.loads(entry)
        if found["action"] == SEALED_ACTION:
            told[int(found["detail"]["number"])] = str(found["detail"]["seal"])
    for number in sorted(links.keys() | told.keys()):
        if links.get(number) != told.get(number):
            yield f"Seal {number} is not the one that the audit log names."
