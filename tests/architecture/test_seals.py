"""A table of facts that is not sealed opens the gate to whoever has the database's password."""

import ast
from pathlib import Path

from agreements.db import tables
from agreements.db.decisions import tables as decision_tables
from agreements.db.seals import tables as seal_tables
from agreements.db.seals.sealed import SEALED, UNSEALED, table_of

ADAPTERS = Path(tables.__file__).parent
WRITES = frozenset({"insert", "update", "delete"})
MAY_WRITE = {"written.py"}

assert decision_tables.metadata is seal_tables.metadata is tables.metadata


def test_every_table_is_sealed_or_a_part_of_a_sealed_one_or_says_why_not() -> None:
    sealed = {table_of(row).name for row in SEALED}
    parts = {table_of(p.row).name for one in SEALED.values() for p in one.parts}

    assert set(tables.metadata.tables) == sealed | parts | set(UNSEALED)
    assert not (sealed | parts) & set(UNSEALED)


def test_a_table_that_is_stamped_with_the_epoch_of_its_facts_is_sealed() -> None:
    stamped = {
        name
        for name, table in tables.metadata.tables.items()
        if {"id", "epoch", "recorded_at"} <= set(table.columns.keys())
    }

    assert stamped == {table_of(row).name for row in SEALED}


def test_rows_of_facts_are_written_only_where_the_seal_hears_of_it() -> None:
    watched = {row.__name__ for row in SEALED}
    watched |= {part.row.__name__ for one in SEALED.values() for part in one.parts}
    found = [
        f"{path.name}:{call.lineno}"
        for path in sorted(ADAPTERS.rglob("*.py"))
        if path.name not in MAY_WRITE and "migrations" not in path.parts
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in WRITES
        and any(isinstance(a, ast.Name) and a.id in watched for a in call.args)
    ]

    assert found == []
