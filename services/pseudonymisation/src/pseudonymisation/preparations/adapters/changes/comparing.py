"""Two extracts of one line, compared: what was added, removed and changed (docs/adr/0105).

Records are told apart by their key: the token, and the columns of the record's own key that the
extracts have. Of several rows that are alike in it all are taken together: where one differs, all
of them are told anew. Rows are compared by digests of 64 bits, added up for each key: that a change
is missed happens once in as many records.

Of a record that is gone the key alone is told, and never why it is gone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pseudonymisation.engine.session import EngineLimits, identifier, literal, session
from pseudonymisation.preparations.adapters.preparation import (
    COMPRESSION_LEVEL,
    ROW_GROUP,
    without_engine_words,
)
from pseudonymisation.preparations.domain.changes import Became
from statements.attestation import CHANGE

EARLIER: Final = 0
LATER: Final = 1


def write_changes(
    earlier: Path,
    later: Path,
    *,
    key: Sequence[str],
    target: Path,
    scratch: Path,
    limits: EngineLimits,
) -> int:
    """Write what leads from one extract to the other, in the order of its key; return the rows.

    Raises:
        EngineFailed: where the engine gave up, or the earlier one has other columns

    """
    with (
        without_engine_words(),
        session(
            directories=sorted({earlier.parent, later.parent, target.parent}),
            temp_directory=scratch,
            keys={},
            limits=limits,
            keeps_order=True,
        ) as connection,
    ):
        now = f"read_parquet({literal(later)})"
        described = connection.sql(f"DESCRIBE SELECT * FROM {now}").fetchall()
        types = {name: type_ for name, type_, *_ in described}
        names = [identifier(name) for name in types]
        # As the later one has them: equal values of two types have different digests.
        cast = ", ".join(f"{identifier(n)}::{t} AS {identifier(n)}" for n, t in types.items())
        before = f"(SELECT {cast} FROM read_parquet({literal(earlier)}))"
        by = [identifier(name) for name in key]
        differing = _differing(before, now, by, names)
        told = " AND ".join(f"r.{name} IS NOT DISTINCT FROM f.{name}" for name in by) or "true"
        gone = ", ".join(
            f"f.{identifier(n)}" if n in key else f"NULL::{t} AS {identifier(n)}"
            for n, t in types.items()
        )
        change = identifier(CHANGE)
        rows = (
            f"WITH fates AS MATERIALIZED ({differing}) "
            f"SELECT {', '.join(f'r.{name}' for name in names)}, f.{change} "
            f"FROM {now} AS r JOIN fates AS f ON {told} "
            f"WHERE f.{change} <> {literal(Became.REMOVED)} "
            f"UNION ALL SELECT {gone}, f.{change} FROM fates AS f "
            f"WHERE f.{change} = {literal(Became.REMOVED)}"
        )
        order = ", ".join([*by, change, *names])
        written = connection.execute(
            f"COPY (SELECT * FROM ({rows}) ORDER BY {order}) TO {literal(target)} "
            f"(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, "
            f"ROW_GROUP_SIZE {ROW_GROUP})"
        ).fetchone()
        return int(written[0]) if written else 0


def has_removals(
    earlier: Path, later: Path, *, key: Sequence[str], scratch: Path, limits: EngineLimits
) -> bool:
    """Say whether a record of the earlier one is not in the later one.

    Raises:
        EngineFailed: where the engine gave up

    """
    with (
        without_engine_words(),
        session(
            directories=sorted({earlier.parent, later.parent}),
            temp_directory=scratch,
            keys={},
            limits=limits,
        ) as connection,
    ):
        by = ", ".join(map(identifier, key))
        found = connection.execute(
            f"SELECT count(*) FROM (SELECT {by} FROM read_parquet({literal(earlier)}) "
            f"EXCEPT SELECT {by} FROM read_parquet({literal(later)}))"
        ).fetchone()
        return bool(found and found[0])


def _differing(before: str, now: str, by: Sequence[str], names: Sequence[str]) -> str:
    """Select the keys of which the rows differ, and what became of each."""
    digest = f"hash({', '.join(names)})::HUGEINT"
    keys = "".join(f"{name}, " for name in by)
    sides = " UNION ALL ".join(
        f"SELECT {keys}{side} AS side, {digest} AS digest FROM {rows}"
        for side, rows in ((EARLIER, before), (LATER, now))
    )
    were, are = (f"count(*) FILTER (side = {side})" for side in (EARLIER, LATER))
    moved = f"sum(CASE side WHEN {LATER} THEN digest ELSE -digest END)"
    became = (
        f"CASE WHEN {were} = 0 THEN {literal(Became.ADDED)} "
        f"WHEN {are} = 0 THEN {literal(Became.REMOVED)} ELSE {literal(Became.CHANGED)} END"
    )
    grouped = f"GROUP BY {', '.join(by)} " if by else ""
    return (
        f"SELECT {keys}{became} AS {identifier(CHANGE)} FROM ({sides}) {grouped}"
        f"HAVING {were} <> {are} OR {moved} <> 0"
    )
