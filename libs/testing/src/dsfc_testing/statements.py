"""A statement is composed once in a process, and not again for each test's database.

An engine is made for nearly every test, and with it an empty cache of statements: a fifth of the
time of tests of an API went into composing again what the test before had composed. A service has
one engine as long as it lives, and so finds nearly all of them composed.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from common.db import engine as engines

STATEMENTS_MAX = 4000
"""More than all services have."""


def share(patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let the engines of this process share what is composed of statements.

    All of `common.db.engine` are made with the same options, so that the dialects of one kind are
    one for whoever keeps something by dialect: the engine, the mappers and `common.db.prepared`.
    """
    composed: LRUCache[Any, Any] = LRUCache(STATEMENTS_MAX)

    def sharing(*given: Any, **named: Any) -> Engine:
        engine = create_engine(*given, **named)
        engine._compiled_cache = composed  # noqa: SLF001 - it is given by no option of an engine
        return engine

    patch(engines, "create_engine", sharing)
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch(dialect, "__eq__", _is_one)
        patch(dialect, "__hash__", _hash)


def _is_one(self: Dialect, other: object) -> bool:
    return type(self) is type(other)


def _hash(self: Dialect) -> int:
    return hash(type(self))
