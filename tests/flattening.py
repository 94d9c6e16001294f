"""What the groups of several tables are, said by plain loops over the tables' own rows.

Nothing of landing is used: a row of a group is a row of a table, beside which stand the row that
it belongs to, the one that this belongs to, and of several that belong to one the latest
(docs/adr/0086).
"""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from catalogue import Catalogue, DataSet, Treatment
from catalogue.relations import Group, Part, Table, qualified, split
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_client import Extract
from pseudonymisation.engine.keystore import FileWrapping, KeyStore
from services.pseudonymisation.tests.landed import Haven, is_nhs_number, siv, token
from tests.expecting import Asked, Expected, known_of
from tests.running import Scene

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]


@dataclass
class Kept(Haven):
    """The keys of a haven that runs."""

    def key(self, name: str) -> bytes:
        wrapping = FileWrapping(self.directory / "keys" / "haven.kek")
        return KeyStore(self.directory / "haven-keys", wrapping).get(name)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Tables that a provider sent, and the edition that was made of them."""

    data_set: DataSet
    known: Catalogue
    tables: Tables
    edition: UUID


def as_its_tables_say(
    scene: Scene,
    extract: Extract,
    sent: Sent,
    *,
    columns: Mapping[str, Treatment],
    reasons: Collection[str],
    directory: Path,
) -> dict[str, Path]:
    """Fetch each group of a released extract, and hold it against its tables, row by row."""
    rules, _ = sent.known.intake_of(sent.data_set, scene.stage.today)
    keys, found = Kept(scene.state), {}
    for file in extract.files:
        if file.format != "parquet" or file.changes_since is not None:
            continue
        manifest = scene.csu.dissemination.manifest(file.id).manifest
        (name,) = {split(one["name"])[0] for one in manifest["file"]["columns"]} - {""}
        target = scene.csu.dissemination.download(
            file.id, directory / f"{extract.id}-{name}.parquet"
        )
        group = {one.group: one for one in sent.data_set.groups}[name]
        view = sent.data_set.by_group[name]
        expected = ExpectedOfGroup(
            keys,
            known_of(scene.world, sites={}),
            view,
            rules.of_table(view),
            edition=sent.edition,
            asked=Asked(
                columns={split(n)[1]: how for n, how in columns.items() if split(n)[0] == name},
                codes=frozenset({COMMISSIONER}),
                reasons=reasons,
                domain_key=keys.key(f"domain/{manifest['domain'].removeprefix('sha256:')}"),
                domain_id=manifest["domain"],
            ),
        )
        wanted = [*expected.of(group, sent.data_set, sent.tables)]
        if view.is_about_nobody:
            wanted = [row[1:] for row in wanted]
        left, right = Counter(duckdb.sql(f"FROM '{target}'").fetchall()), Counter(wanted)
        assert [*(left - right)] == [*(right - left)], name
        found[name] = target
        assert wanted, name
    return found


def rows_of(text: str, data_set: DataSet, table: str) -> list[Row]:
    """Read a table's file, its columns by their names."""
    view = data_set.by_table[table]
    return [
        {view.by_header[label.casefold()]: value for label, value in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


class ExpectedOfGroup(Expected):
    """The rows of one group: what landing made of a table it made of that table's own row."""

    is_linked = False
    """Whether the agreement links the data set with another."""

    def of(self, group: Group, data_set: DataSet, sent: Tables) -> Iterator[tuple[Any, ...]]:
        """Give the rows that leave."""
        found = [*joined(data_set, group, sent)]
        self._beside = [beside for _, beside in found]
        self._other = group.other
        self._made_of = {
            made.name: [qualified(table.table, name) for name in (made.source, made.at) if name]
            for table in data_set.tables
            for made in table.derived
            if made.name in group.columns.get(table.table, ())
        }
        self._across = {made.name: [] for made in group.derived}
        for made in group.derived:
            self._across[made.name].append((made.source, made.at))
        text = io.StringIO()
        labels = [field.label for field in self.data_set.fields]
        writer = csv.DictWriter(text, labels, lineterminator="\n")
        writer.writeheader()
        for values, _ in found:
            writer.writerow({f.label: values.get(f.name, "") for f in self.data_set.fields})
        yield from self.rows(text.getvalue(), without=())

    def row(self, line: int, value, every):
        self._own = self._beside[line - 2]
        yield from super().row(line, value, every)

    def cell(self, name: str, treatment: Treatment, value, dropped, every):
        """Give a second person's token: of a kind of its own, or as that of a first one."""
        if name != self.data_set.other.nhs_number:
            return super().cell(name, treatment, value, dropped, every)
        kinds = "PL" if self.is_linked else "BC"
        own = self._own.get(self._other or "")
        if own is None:
            return None
        if is_nhs_number(own[name]):
            block = (10).to_bytes(4, "little") + own[name].encode() + b"\0\0"
            return token(self.haven, kinds[0], block, self.asked)
        known = f"{self.world.provider}\x1f{own[self.data_set.other.local_id]}"
        sealer = siv(self.haven.key("haven/person_without_number"))
        return token(self.haven, kinds[1], sealer.encrypt(known.encode(), None)[:16], self.asked)

    def derived(self, made, value, every):
        """Make a form of one row's own columns, or of two rows' that stand side by side."""
        of = [self._made_of[made.name]] if made.name in self._made_of else self._across[made.name]
        for names in of:
            rows = [(self._own.get(split(one)[0]), split(one)[1]) for one in names]
            if all(row is not None for row, _ in rows):
                told = {name: row.get(name) or None for row, name in rows if row is not None}
                return super().derived(made, {**value, **told}, every)
        return None


def joined(
    data_set: DataSet, group: Group, sent: Tables
) -> Iterator[tuple[Row, Mapping[str, Row]]]:
    """Give the rows of a group, each with what stands beside it by table."""
    tables = {table.table: table for table in data_set.tables}
    for part in group.parts:
        for row in sent.get(part.table, ()):
            beside = dict(_beside(tables, part, row, sent))
            yield _values(data_set, group, part, tables, beside), beside


def _beside(
    tables: Mapping[str, Table], part: Part, row: Row, sent: Tables
) -> Iterator[tuple[str, Row]]:
    found = {part.table: row}
    for join in part.joins:
        other = tables[join.table]
        candidates = [
            one for one in sent.get(join.table, ()) if _belongs(tables, found, other, one)
        ]
        if candidates:
            latest = join.latest or ""
            found[join.table] = candidates[0]
            for one in candidates:  # of two with the same the later line
                if one.get(latest, "") >= found[join.table].get(latest, ""):
                    found[join.table] = one
    yield from found.items()


def _belongs(tables: Mapping[str, Table], found: Mapping[str, Row], other: Table, one: Row) -> bool:
    """Say whether a row belongs to what is there, or that to it: by its key, never an empty one."""
    above = [
        (row, parent.by, one, other.key)
        for name, row in found.items()
        for parent in tables[name].parents
        if parent.table == other.table
    ]
    below = [
        (one, parent.by, found[parent.table], tables[parent.table].key)
        for parent in other.parents
        if parent.table in found
    ]
    child, by, parent, key = (above or below)[0]
    named = [child.get(name, "") for name in by]
    return all(named) and named == [parent[name] for name in key]


def _values(
    data_set: DataSet,
    group: Group,
    part: Part,
    tables: Mapping[str, Table],
    beside: Mapping[str, Row],
) -> Row:
    view = data_set.by_group[group.group]
    said: dict[str, str] = {}
    for name in (part.table, *(join.table for join in part.joins)):
        for column, value in beside.get(name, {}).items():
            if column not in said or column in group.columns.get(name, ()):
                said[column] = value
    for letter, reason in view.population.items():
        if reason.field is not None and reason.field not in _shown(group):
            said[reason.field] = _first(tables, beside, letter)
    return said


def _shown(group: Group) -> Iterable[str]:
    return {name for names in group.columns.values() for name in names}


def _first(tables: Mapping[str, Table], beside: Mapping[str, Row], letter: str) -> str:
    for name, row in beside.items():
        reason = tables[name].population.get(letter)  # type: ignore[call-overload]
        if reason is not None and reason.field and row.get(reason.field):
            return row[reason.field]
    return ""
