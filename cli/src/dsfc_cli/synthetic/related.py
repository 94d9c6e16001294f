"""Several tables that belong together: keys that fit, and the same people as in flat data sets.

Each table is made as a flat file is, from what the catalogue says of it; then its rows are given
the keys of rows that they belong to, and the people of these.
"""

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from catalogue import DataSet
from catalogue.relations import Parent, Table
from dsfc_cli.synthetic.columns import Maker
from dsfc_cli.synthetic.recipe import Columns
from dsfc_cli.synthetic.world import World

Places = npt.NDArray[np.int64]
NAMED_SHARE: Final = 0.5
"""Of rows that may belong to a row of another table, those that do."""


class _Made:
    """The tables that are made already."""

    def __init__(self) -> None:
        self.columns: dict[str, Columns] = {}
        self.people: dict[str, Places] = {}
        """By table: of each row the number of its person in the world."""


def generate_tables(
    data_set: DataSet,
    *,
    rows: int,
    seed: int,
    first: date,
    last: date,
    world: World,
    directory: Path,
) -> dict[str, Path]:
    """Write a CSV for each table, of about so many rows, and say where each is.

    Every row belongs to rows that are there, and no key is there twice. The same seed makes the
    same bytes.
    """
    made = _Made()
    directory.mkdir(parents=True, exist_ok=True)
    written = {}
    for number, table in enumerate(data_set.relations.in_order()):
        rng = np.random.default_rng([seed, number])
        columns = _table(data_set, table, made, rows, rng, (first, last), world)
        path = directory / f"{table.table}.csv"
        labels = data_set.by_table[table.table].by_name
        arrays = {labels[name].label: pa.array(values) for name, values in columns.items()}
        csv.write_csv(pa.table(arrays), path)
        written[table.table] = path
    return written


def _table(
    data_set: DataSet,
    table: Table,
    made: _Made,
    rows: int,
    rng: np.random.Generator,
    days: tuple[date, date],
    world: World,
) -> Columns:
    view, people = data_set.by_table[table.table], len(world.nhs_numbers)
    if table.is_about_people:
        rows = min(rows, people)
    span = (days[1] - days[0]).days + 1
    seen = np.datetime64(days[0]) + rng.integers(0, span, rows).astype("timedelta64[D]")
    maker = Maker(view, world, rng, 0, seen, unique=_own_key(table))
    if table.is_about_people:
        maker.person = rng.permutation(people)[:rows]
    chosen = {}
    for parent in (p for p in table.parents if p.needed):
        there = len(next(iter(made.columns[parent.table].values())))
        chosen[parent.table] = rng.integers(0, there, rows)
        belonging = made.people[parent.table][chosen[parent.table]]
        if table.is_about_people:  # a second person, of whom each belongs to another one
            own = maker.person
            maker.person = np.where(own == belonging, (belonging + 1) % people, own)
        else:
            maker.person = belonging
    columns = maker.columns()
    for parent in table.parents:
        columns |= _named(parent, made, maker.person, chosen, rng, data_set)
    kept = _once(table, columns)
    made.columns[table.table] = {name: values[kept] for name, values in columns.items()}
    made.people[table.table] = maker.person[kept]
    return made.columns[table.table]


def _own_key(table: Table) -> frozenset[str]:
    """Name the columns of its key that are no other table's."""
    others = {name for parent in table.parents for name in parent.by}
    own = [name for name in table.key if name not in others and not table.is_about_people]
    return frozenset(name for name in own if table.by_name[name].identifier is not None)


def _named(
    parent: Parent,
    made: _Made,
    people: Places,
    chosen: dict[str, Places],
    rng: np.random.Generator,
    data_set: DataSet,
) -> Columns:
    """Give the columns by which rows belong to rows of another table, of the same person."""
    key = data_set.relations.by_name[parent.table].key
    if parent.table in chosen:
        place = chosen[parent.table]
        return {
            name: made.columns[parent.table][its][place]
            for name, its in zip(parent.by, key, strict=True)
        }
    order = np.argsort(made.people[parent.table], kind="stable")
    known = made.people[parent.table][order]
    at = np.minimum(np.searchsorted(known, people), len(known) - 1)
    is_named = (known[at] == people) & (rng.random(len(people)) < NAMED_SHARE)
    return {
        name: np.where(is_named, made.columns[parent.table][its][order[at]], "")
        for name, its in zip(parent.by, key, strict=True)
    }


def _once(table: Table, columns: Columns) -> Places:
    """Say which rows have a key that none before has."""
    count = len(next(iter(columns.values())))
    if not table.key:
        return np.arange(count)
    rows = zip(*(columns[name] for name in table.key), strict=True)
    keys = np.array(["\x1f".join(row) for row in rows])
    return np.sort(np.unique(keys, return_index=True)[1])
