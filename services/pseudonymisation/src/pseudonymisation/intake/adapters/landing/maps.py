"""Maps of agreements in a session: practices, postcodes with their areas, deciles of deprivation.

Each is canonical CSV with a header, one line a key (agreements sees to it); only the columns that
a data set uses are read. Commissioners and local authorities are brought into their normal form.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from catalogue import AREAS, DataSet, Derivation
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.derivations import (
    MAP_AUTHORITY,
    MAP_COMMISSIONER,
    MAP_KEY,
    MAP_UPPER_AUTHORITY,
    POSTCODE_MAP,
    at_place,
    map_column,
)
from pseudonymisation.intake.adapters.landing.judged.statement import DatedMap, LandingTask
from pseudonymisation.intake.adapters.landing.organisations import MAP_ENTITY, TABLE

COMMISSIONER: Final = "commissioner"
AUTHORITIES: Final = {
    MAP_AUTHORITY: Derivation.LOCAL_AUTHORITY.value,
    MAP_UPPER_AUTHORITY: Derivation.UPPER_LOCAL_AUTHORITY.value,
}
DECILE: Final = "decile"


def columns_of(path: Path) -> Sequence[str]:
    """Return the columns that a map names."""
    with path.open(encoding="utf-8") as file:
        return file.readline().rstrip("\n").split(",")


def columns_for(data_set: DataSet) -> frozenset[str]:
    """Return the columns of the postcode map that the landing of a data set looks at."""
    areas = {d.derivation for d in data_set.derived if d.derivation in AREAS}
    wanted = {area.value for area in areas - {Derivation.DEPRIVATION_DECILE}}
    sources = {reason.source for reason in data_set.population.values()}
    by_home = {d.derivation for d in data_set.derived} & {Derivation.RESIDENCE_COMMISSIONER}
    if "postcode" in sources or by_home:
        wanted.add(COMMISSIONER)
    if "local_authority" in sources:
        wanted.update(AUTHORITIES.values())
    return frozenset(wanted)


def load(connection: duckdb.DuckDBPyConnection, order: LandingTask) -> None:
    """Put the maps of one landing into its session."""
    _practices(connection, order.practice_map)
    starts = [order.first, *order.area_starts]
    for place, start in enumerate(starts):
        _postcodes(connection, order, start, at_place(POSTCODE_MAP, place), is_first=place == 0)


def _practices(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    if path is None:
        connection.execute(
            f"CREATE TABLE practice_map ({MAP_KEY} VARCHAR, {MAP_COMMISSIONER} VARCHAR)"
        )
        return
    key = columns_of(path)[0]
    connection.execute(
        f"CREATE TABLE practice_map AS SELECT m.{identifier(key)} AS {MAP_KEY},"
        f" {_normal(COMMISSIONER)} AS {MAP_COMMISSIONER}"
        f" FROM {_read(path)} AS m {_join(COMMISSIONER)}"
    )


def _postcodes(
    connection: duckdb.DuckDBPyConnection,
    order: LandingTask,
    start: date,
    table: str,
    *,
    is_first: bool,
) -> None:
    """Make the table of what is said of postcodes from a day on.

    Whose people they are goes by the map in force when the period begins, which is the first.
    """
    wanted = columns_for(order.data_set)
    owners = [c for c in (COMMISSIONER, *AUTHORITIES.values()) if c in wanted] if is_first else []
    areas = [a for a in sorted(AREAS) if _is_told(a, order.data_set)]
    path = _in_force(start, order.later_postcode_maps, order.postcode_map)
    if path is None or not (owners or areas):  # of two million postcodes nothing is asked
        names = [MAP_KEY, *map(_owner, owners), *map(map_column, areas)]
        declared = ", ".join(f"{name} VARCHAR" for name in names)
        connection.execute(f"CREATE TABLE {table} ({declared})")
        return
    known = columns_of(path)
    deciles = _in_force(start, order.deprivation_maps, None)
    selected = [f"m.{identifier(known[0])} AS {MAP_KEY}"]
    joins = []
    for owner in owners:
        if owner in known:
            joins.append(_join(owner))
        value = _normal(owner) if owner in known else "NULL::VARCHAR"
        selected.append(f"{value} AS {_owner(owner)}")
    for area in areas:
        value = f"m.{identifier(area.value)}" if area.value in known else "NULL::VARCHAR"
        if area is Derivation.DEPRIVATION_DECILE and deciles is not None:
            lsoa = columns_of(deciles)[0]
            if lsoa in known:
                value = f"d.{DECILE}"
                on = f"d.{identifier(lsoa)} = m.{identifier(lsoa)}"
                joins.append(f"LEFT JOIN {_read(deciles)} AS d ON {on}")
        selected.append(f"{value} AS {map_column(area)}")
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {', '.join(selected)}"
        f" FROM {_read(path)} AS m {' '.join(joins)}"
    )


def _is_told(area: Derivation, data_set: DataSet) -> bool:
    return any(d.derivation is area for d in data_set.derived)


def _in_force(day: date, dated: Sequence[DatedMap], otherwise: Path | None) -> Path | None:
    """Return which of several maps is in force; they are in their order."""
    begun = [m.path for m in dated if m.valid_from <= day]
    return begun[-1] if begun else otherwise


def _owner(column: str) -> str:
    names = {said: name for name, said in AUTHORITIES.items()}
    return names.get(column, MAP_COMMISSIONER)


def _normal(column: str) -> str:
    entity = f"o_{column}"
    return (
        f"CASE WHEN {entity}.{MAP_KEY} IS NULL THEN m.{identifier(column)}"
        f" ELSE {entity}.{MAP_ENTITY} END"
    )


def _join(column: str) -> str:
    entity = f"o_{column}"
    return f"LEFT JOIN {TABLE} AS {entity} ON {entity}.{MAP_KEY} = m.{identifier(column)}"


def _read(path: Path) -> str:
    typed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns_of(path))
    return (
        f"read_csv({literal(path)}, auto_detect = false, header = true, delim = ',',"
        f" columns = {{{typed}}})"
    )


def directories(order: LandingTask) -> Iterator[Path]:
    """Yield where the maps are."""
    one = (order.practice_map, order.postcode_map, order.organisation_map)
    yield from (path.parent for path in one if path is not None)
    yield from (m.path.parent for m in (*order.later_postcode_maps, *order.deprivation_maps))
