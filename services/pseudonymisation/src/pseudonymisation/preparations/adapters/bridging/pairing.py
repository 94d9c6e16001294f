"""Which token of one domain is whose in another: of people who are in the records of both lines.

Each line's people are selected as its extracts select them, less who opted out, and are minted in
its own domain. Who has no valid NHS number is paired with nobody: a local id is somebody's at one
provider, and nobody vouches that it is the same person's elsewhere (docs/adr/0169).
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from pseudonymisation.engine import scan
from pseudonymisation.engine.session import (
    EngineLimits,
    add_function,
    identifier,
    in_order,
    literal,
    session,
)
from pseudonymisation.engine.tokens import RowTokeniser
from pseudonymisation.preparations.adapters.people import PEOPLE, People
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.preparation import (
    COMPRESSION_LEVEL,
    ROW_GROUP,
    without_engine_words,
)
from pseudonymisation.preparations.adapters.selection import Selection
from pseudonymisation.preparations.domain.attestation import TOKEN_COLUMN, ExtractOutcome
from statements.attestation import Groups
from statements.bridging import OTHER_TOKEN

WITH_A_NUMBER: Final = "s.person_kind = 1"
OWN, OTHER = "own", "other"
MINTED: Final = ("minted__head", "minted__0", "minted__1")
PLACES: Final = ("place_0", "place_1")
WORDS: Final = "person_0, person_1"


def write_pairs(
    own: Plan, other: Plan, *, target: Path, scratch: Path, limits: EngineLimits
) -> ExtractOutcome:
    """Write the pairs as Parquet to `target`, in the order of the own domain's tokens.

    Raises:
        EngineFailed: where the engine gave up

    """
    mine, mine_left_out = _people(own, scratch, limits)
    theirs, theirs_left_out = _people(other, scratch, limits)
    with (
        without_engine_words(),
        session(
            directories=[target.parent],
            temp_directory=scratch,
            keys={},
            limits=limits,
        ) as connection,
    ):
        for name, people, plan in ((OWN, mine, own), (OTHER, theirs, other)):
            # Of its own: a filter that is pushed down to these columns overflows in Arrow.
            connection.register(f"{name}_told", people)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_told")
            connection.unregister(f"{name}_told")
            _add_tokens(connection, name, plan)
        written = connection.execute(
            f"COPY ({_pairs()}) TO {literal(target)} (FORMAT PARQUET, COMPRESSION ZSTD,"
            f" COMPRESSION_LEVEL {COMPRESSION_LEVEL}, ROW_GROUP_SIZE {ROW_GROUP})"
        ).fetchone()
    rows = int(written[0]) if written else 0
    return ExtractOutcome(
        rows=rows,
        people=rows,
        people_left_out=mine_left_out + theirs_left_out,
        rows_left_out=0,
        rows_without_person_left_out=0,
        rows_without_reason=0,  # of people who were found by their rows' reasons
        rows_repeated_left_out=0,
        scan_rule=scan.RULE,
        scanned_columns=(),
        scan_hits=0,
        # It tells nothing by which people could be grouped: they are one group.
        groups=Groups(columns=(), people=rows, smallest=rows or None, unique=int(rows == 1)),
    )


def _people(plan: Plan, scratch: Path, limits: EngineLimits) -> tuple[pa.Table, int]:
    """Return the people of a line's records, with their tokens' words, and how many opted out."""
    wanted = replace(plan, conditions=(*plan.conditions, WITH_A_NUMBER), columns=())
    with (
        without_engine_words(),
        session(
            directories=sorted({source.path.parent for source in wanted.sources}),
            temp_directory=scratch,
            keys={source.key_name: source.key for source in wanted.sources},
            limits=limits,
        ) as connection,
    ):
        selection = Selection(wanted, connection)
        people = People(wanted, connection, selection)
        people.build_map()
        columns = (*WORDS.split(", "), *PLACES, *MINTED)
        told = ", ".join(f"m.{name}" for name in columns)
        source = f"{PEOPLE} AS m"
        if wanted.other is not None:
            # A row leaves only where neither of its two people is left out.
            source = f"({selection.rows()}) AS s {people.beside}"
        return connection.sql(
            f"SELECT DISTINCT {told} FROM {source}"
        ).to_arrow_table(), people.left_out


def _pairs() -> str:
    columns = [f"{side}.{name} AS {side}__{name}" for side in (OWN, OTHER) for name in MINTED]
    columns += [f"{OWN}.{name}" for name in PLACES]
    paired = f"SELECT {', '.join(columns)} FROM {OWN} JOIN {OTHER} USING ({WORDS})"
    tokens = ", ".join(
        f"{side}_token({', '.join(f'{side}__{name}' for name in MINTED)}) AS {identifier(column)}"
        for side, column in ((OWN, TOKEN_COLUMN), (OTHER, OTHER_TOKEN))
    )
    return f"SELECT {tokens} FROM ({in_order(paired, PLACES)})"


def _add_tokens(connection: duckdb.DuckDBPyConnection, side: str, plan: Plan) -> None:
    """Make the engine's function from a person's words to its token in the side's domain."""

    def token(head: pa.Array, first: pa.Array, second: pa.Array) -> pa.Array:
        # One a call: its buffers are not to be shared by the engine's threads.
        tokeniser = RowTokeniser(domain_key=plan.keys.domain, domain_id=plan.domain_id)
        return tokeniser.tokens([head], [(first, second)])[0]

    add_function(connection, f"{side}_token", token, ["USMALLINT", "UBIGINT", "UBIGINT"], "VARCHAR")
