"""Counts in what was landed what the quality report tells its sender."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

import catalogue
from catalogue import DataSet, Derivation, FieldClass
from pseudonymisation.engine import repeats
from pseudonymisation.engine.session import identifier
from pseudonymisation.intake.adapters.landing import organisations
from pseudonymisation.intake.adapters.landing.judged.reading import FINDINGS, WITHHELD
from pseudonymisation.intake.adapters.landing.judged.statement import LandingTask
from pseudonymisation.intake.adapters.sums import exact_sum
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.intake.domain.quality import Contradiction

CONTRADICTIONS_MAX: Final = 100
"""So many are named with their lines; all are counted."""
BITS: Final = 32
PAIRS_MAX: Final = 1 << 20
"""So many words are sorted at a time: 8 MiB."""
SEXES: Final = "('1', '2')"
"""Of which one contradicts the other; not known, not specified and X contradict nothing."""


def counted(
    connection: duckdb.DuckDBPyConnection, order: LandingTask, columns: Sequence[str], source: str
) -> dict[str, Any]:
    """Count landed rows, by what is known of their people and by what was found in them.

    `source` is what was landed, as SQL, with all columns of the layout. Keys of records are sorted
    by a thread of its own meanwhile, as the engine counts.
    """
    with connection.cursor() as cursor, ThreadPoolExecutor(1, thread_name_prefix="count") as pool:
        of_records = pool.submit(_of_records, cursor, order, source)
        counts = _of_rows(connection, order, columns, source)
        return counts | of_records.result()


def _of_records(
    connection: duckdb.DuckDBPyConnection, order: LandingTask, source: str
) -> dict[str, Any]:
    """Count what is said of records: those that are there again have to be known for their sums."""
    repeated = _repeated(connection, order, source)
    return {"repeated": repeated, "sums": _sums(connection, order, source)}


def _of_rows(
    connection: duckdb.DuckDBPyConnection, order: LandingTask, columns: Sequence[str], source: str
) -> dict[str, Any]:
    data_set = order.data_set
    defaults = [d.name for d in data_set.derived if d.derivation is Derivation.DEFAULT_POSTCODE]
    default = identifier(defaults[0]) if defaults else "false"
    (totals,) = connection.execute(
        f"SELECT count(*) FILTER (person_kind = 2), count(*) FILTER ({default}),"
        " count(*) FILTER (coalesce(reason_g, reason_h, reason_r, reason_c) IS NULL),"
        f" count(*) FILTER ({WITHHELD}) FROM {source}"
    ).fetchall()
    without_number, default_postcodes, without_commissioner, withheld = totals
    status = data_set.person.nhs_number_status
    by_status: dict[str, int] = {}
    if status is not None:
        found = connection.execute(
            f"SELECT coalesce({identifier(status)}, ''), count(*) FROM {source}"
            " GROUP BY 1 ORDER BY 1"
        )
        by_status = dict(found.fetchall())
    number, lines = _contradictions(connection, data_set, source, columns)
    return {
        "without_number": without_number,
        "default_postcodes": default_postcodes,
        "without_commissioner": without_commissioner,
        "withheld": withheld,
        "number_status": by_status,
        "findings": findings(connection, source, columns),
        "contradictions": number,
        "contradicting": lines,
        "default_codes": organisations.counted(
            connection, _of_organisations(order, columns), source
        ),
    }


def _repeated(connection: duckdb.DuckDBPyConnection, order: LandingTask, source: str) -> int:
    """Count records that are in the file again; of each one is released (`repeats`)."""
    key = repeats.RecordKey.of(order.rules, order.data_set)
    return 0 if key is None else repeats.find(connection, key, [source])


def _sums(
    connection: duckdb.DuckDBPyConnection, order: LandingTask, source: str
) -> tuple[Sums, ...]:
    """Sum what is held against another data set, of different records, after they were counted."""
    data_set = order.data_set
    rule = catalogue.substantiations().of(data_set.data_set, order.first)
    if rule is None:
        return ()
    # A commissioner by its code in normal form, as providers are.
    normal = {
        reason.field: f"coalesce(reason_{letter.lower()}, {identifier(str(reason.field))})"
        for letter, reason in data_set.population.items()
        if reason.source == "commissioner" and reason.field
    }
    keys = [normal.get(name, identifier(name)) for name in rule.keys]
    measures = rule.measures_of(data_set.data_set)
    summed = [exact_sum(identifier(name)) for name in measures]
    has_keys = repeats.RecordKey.of(order.rules, data_set) is not None
    different = f" WHERE {repeats.without(0)}" if has_keys else ""
    found = connection.execute(
        f"SELECT {repeats.PROVIDER} AS provider, period, {', '.join([*keys, *summed])}"
        f" FROM {source}{different} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    end = 2 + len(keys)
    return tuple(
        Sums(
            provider=row[0],
            month=row[1],
            key=tuple(row[2:end]),
            totals=dict(zip(measures, row[end:], strict=True)),
        )
        for row in found
        if row[0] and row[1]
    )


def _of_organisations(order: LandingTask, columns: Sequence[str]) -> list[str]:
    """Columns with codes of organisations: by the format of the rules, practices among them."""
    return [
        name
        for name in columns
        if (rule := order.rules.rule_of(name)) is not None
        and rule.format in {"organisation", "practice"}
    ]


def findings(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[str]
) -> dict[tuple[str, str], int]:
    """Count what the landing rules found, by column and code."""
    found = connection.execute(
        f"SELECT finding, count(*) FROM (SELECT unnest(string_split({FINDINGS}, ' ')) AS finding"
        f" FROM {source} WHERE {FINDINGS} IS NOT NULL) GROUP BY 1 ORDER BY 1"
    )
    counts: dict[tuple[str, str], int] = {}
    for finding, rows in found.fetchall():
        place, _, code = finding.partition(":")
        counts[columns[int(place)], code] = rows
    return counts


def _contradictions(
    connection: duckdb.DuckDBPyConnection, data_set: DataSet, source: str, columns: Sequence[str]
) -> tuple[int, list[Contradiction]]:
    """Find local identifiers of one provider that are given to people who differ.

    Compared are sealed cells: equal words are equal values.
    """
    person = data_set.person
    local, birth = person.local_id, person.date_of_birth
    if local not in columns or data_set.by_name[str(local)].class_ is not FieldClass.LI:
        return 0, []
    sealed = [name for name in (birth,) if name in columns]
    # The first word of a sealed cell tells it from all others, but one in 2**64.
    differ = [(identifier(f"{name}__0"), "true") for name in sealed]
    differ += [
        (identifier(name), f"{identifier(name)} IN {SEXES}") for name in _sexes(data_set, columns)
    ]
    if not differ:
        return 0, []
    key = identifier(f"{local}__0")
    if person.provider in columns:
        key += f", {identifier(str(person.provider))}"
    known_people = f"{source} WHERE {identifier(f'{local}__0')} IS NOT NULL"
    suspected = _told_differently(connection, f"hash({key})", differ, known_people)
    if not len(suspected):
        return 0, []
    connection.register("differing", pa.table({"number": suspected}))
    # Of this connection alone: records that are there again are looked for at the same time.
    connection.execute("CREATE OR REPLACE TEMP TABLE told_apart AS SELECT number FROM differing")
    connection.unregister("differing")
    tests = (
        f"coalesce(min({value}) FILTER ({known}) <> max({value}) FILTER ({known}), false)"
        for value, known in differ
    )
    rows = connection.execute(
        "SELECT count(*) OVER () AS number, first_line, last_line FROM ("
        f" SELECT min(line) AS first_line, max(line) AS last_line FROM {known_people}"
        f" AND (hash({key}) >> {BITS})::UINTEGER IN (SELECT number FROM told_apart)"
        f" GROUP BY hash({key})"
        f" HAVING {' OR '.join(tests)}) ORDER BY first_line LIMIT {CONTRADICTIONS_MAX}"
    ).fetchall()
    return (rows[0][0] if rows else 0), [Contradiction(first, last) for _, first, last in rows]


def _told_differently(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    differ: Sequence[tuple[str, str]],
    rows: str,
) -> npt.NDArray[np.uint32]:
    """Return the numbers of keys of which any value differs: half of the key's word.

    Of most files there are none: grouping by a million identifiers to learn that took ten times
    as long as sorting words, of which each is half of a key and half of its value.
    """
    counted = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
    bits = max(0, int(counted[0] if counted else 0) // PAIRS_MAX).bit_length()
    found = [np.zeros(0, dtype=np.uint32)]
    for value, known in differ:
        pairs = f"((({key} >> {BITS}) << {BITS}) | (hash({value}) >> {BITS})) AS pair"
        for part in range(1 << bits):
            chosen = f" AND {key} >> {2 * BITS - bits} = {part}" if bits else ""
            told = connection.execute(
                f"SELECT {pairs} FROM {rows} AND {known} AND {value} IS NOT NULL{chosen}"
            ).fetchnumpy()
            words = np.sort(np.asarray(told["pair"], dtype=np.uint64))
            is_new = np.diff(words, prepend=~words[:1]) != 0
            keys = (words[is_new] >> np.uint64(BITS)).astype(np.uint32)
            found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
    return np.unique(np.concatenate(found))


def _sexes(data_set: DataSet, columns: Sequence[str]) -> list[str]:
    """Columns whose codes are those of a person's sex: 1, 2 and 9 among them, and few others."""
    return [
        field.name
        for field in data_set.fields
        if field.name in columns
        and field.codes is not None
        and {"1", "2", "9"} <= set(field.codes) <= {"0", "1", "2", "9", "X"}
    ]
