"""Is what agreements recorded what it sealed? Asked of a whole database, with public keys alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, inspect, select
from sqlmodel import Session, col

from agreements.db.decisions.registers import HOLDING, ROW_DIGEST, registers
from agreements.db.decisions.seal_first import unlike_the_tree
from agreements.db.decisions.seals import (
    CHAIN,
    PERMIT,
    digest_of_row,
    is_anything_there,
    is_genuine,
)
from agreements.db.errors import SealBroken
from agreements.db.seals.chain import FACTS, Book, Chain, Sealer
from agreements.db.seals.sealed import SEALED, columns_of, digest_of_rows, read_all
from common.db import engine as engines
from common.db.tables import audit_leaf, table_of
from common.db.unit_of_work import translated
from common.ids import digest


def wrong(engine: Engine, jwks: Mapping[str, Any]) -> Sequence[str]:
    """Name everything that is not as it was sealed; nothing where there are no facts."""
    sealer = Sealer(None, jwks["keys"])
    with translated(), Session(engines.reading(engine)) as session:
        there = set(inspect(session.connection()).get_table_names())
        if not there & {sealed.table.name for sealed in SEALED.values()}:
            return []
        if not {table_of(chain.row).name for chain in (FACTS, CHAIN)} <= there:
            return ["There are no seals: the database awaits a migration."]
        return [
            *_wrong_with_facts(session, Book(sealer)),
            *_wrong_with_decisions(session, Book(sealer, replace(CHAIN, whole_every=None))),
        ]


def _wrong_with_facts(session: Session, book: Book) -> Iterator[str]:
    try:
        book.refresh(session)
    except SealBroken as error:
        yield f"The chain of seals is broken: {error}."
        return
    yield from _unlike_the_tree(session, FACTS)
    yield from broken_registers(session, book)


def _wrong_with_decisions(session: Session, book: Book) -> Iterator[str]:
    try:
        book.refresh(session)
    except SealBroken as error:
        yield f"The chain of what decisions wrote is broken: {error}."
        return
    if book.number < 0 and is_anything_there(session):
        yield "What decisions wrote was never sealed: run `agreements seal` after the upgrade."
        return
    yield from _unlike_the_tree(session, CHAIN)
    yield from unlike_the_tree(session)
    judged = set()
    for register, rows in registers(session):
        judged.add(register.name)
        if rows.digest() != book.expected(register.name):
            yield f"{register.name} does not have the rows that were sealed."
    for name in sorted(book.registers() - judged):
        yield f"{name} had rows when it was sealed, and has none."
    for row in session.execute(select(*HOLDING.c)):
        if digest_of_row(columns_of(row)) != getattr(row, ROW_DIGEST):
            yield f"{HOLDING.name} {row.id} is not the row that was sealed."
    for row in session.execute(select(*PERMIT.c)):
        if not is_genuine(book.sealer, row):
            yield f"{PERMIT.name} {row.id} is not one that this service gave."


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


def _unlike_the_tree(session: Session, chain: Chain) -> Iterator[str]:
    """Compare every link with the leaf of the audit tree that tells of it."""
    links = {
        number: digest(statement.encode())
        for number, statement in session.execute(
            select(col(chain.row.number), col(chain.row.statement))
        )
    }
    told: dict[int, str] = {}
    entries = session.execute(
        select(audit_leaf.c.entry).where(audit_leaf.c.entry.contains(f'"{chain.action}"'))
    ).scalars()
    for entry in entries:
        found = json.loads(entry)
        if found["action"] == chain.action:
            told[int(found["detail"]["number"])] = str(found["detail"]["seal"])
    for number in sorted(links.keys() | told.keys()):
        if links.get(number) != told.get(number):
            name = table_of(chain.row).name
            yield f"Link {number} of {name} is not the one that the audit log names."
