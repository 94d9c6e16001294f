"""Landing of CSDS: sixteen tables to the eight groups, against the same joins on plain files.

Landing opens each upload, judges its lines, seals, masks, derives, looks tables through beside one
another, and flattens. The floor reads the same files by the same engine, joins them for the same
groups by the same keys, and writes the same columns: nothing is judged, sealed, masked or derived.

At a scale of 1 each table has a sixteenth of a million rows, so that all have a million together;
at `--scale 16` a million referrals, and sixteen million rows in all.

    python -m tests.benchmarks.csds <haven>      # land what was received, and tell the memory
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from uuid import uuid4

import catalogue
from catalogue.relations import Group, Part, Table
from dsfc_cli.demo.material import SEED
from dsfc_cli.synthetic import World, generate_tables
from dsfc_cli.synthetic.world import PEOPLE_MAX, PROVIDERS
from pseudonymisation.engine.session import identifier, literal, session
from pseudonymisation.intake.adapters.landing.judged.statement import LandingTask
from pseudonymisation.intake.adapters.landing.landing import LandingResources
from pseudonymisation.intake.adapters.landing.layout import TYPES
from pseudonymisation.intake.adapters.landing.related.landing import TablesTask, land
from pseudonymisation.intake.adapters.landing.writing import ROW_GROUP
from pseudonymisation.intake.domain.quality import LandingOutcome
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.memory import MEGABYTE, Peak, peak_bytes
from tests.benchmarks.plane import LIMITS, Bench

DATA_SET: Final = catalogue.load().get("CSDS")
FIRST, LAST, TODAY = date(2018, 4, 1), date(2018, 4, 30), date(2019, 5, 1)
RULES, AS_READ = catalogue.load().intake_of(DATA_SET, TODAY)
ROWS: Final = 1_000_000 // len(DATA_SET.tables)
ROWS_A_PERSON: Final = 2.25
ROUNDS: Final = 3
GROWN: Final = 10
"""So many times as much is landed for the second figure of memory."""


def run(scale: float, scratch: Path) -> list[Result]:
    """Measure time in turns, and memory in processes of their own."""
    few = Submission.made(scratch / "few", int(ROWS * scale))
    joined = turns(few.landed, few.joined, rounds=ROUNDS)
    seconds, plain = statistics.median(joined.contender), statistics.median(joined.floor)
    many = Submission.made(scratch / "many", int(ROWS * scale) * GROWN)
    peaks = [one.peak() for one in (few, many)]
    return [
        Result(
            name="csds",
            ratio=joined.ratio,
            goal=3,
            better="lower",
            told=f"{len(few.tables)} tables of {few.rows:,} rows to {len(DATA_SET.groups)} groups"
            f" in {seconds:.1f} s, plain joins {plain:.1f} s; {joined.spread};"
            f" {joined.cpu_ratio:.2f} of its CPU",
        ),
        Result(
            name="memory csds",
            ratio=peaks[1].bytes / peaks[0].bytes,
            goal=1.1,
            better="lower",
            told=", ".join(
                f"{one.rows:,} rows {peak.bytes / MEGABYTE:,.0f} MB"
                for one, peak in zip((few, many), peaks, strict=True)
            ),
        ),
    ]


@dataclass(frozen=True)
class Submission:
    """The tables of one month, as they were sent and as they were received."""

    bench: Bench
    tables: Mapping[str, Path]
    rows: int

    @classmethod
    def made(cls, directory: Path, rows_a_table: int) -> "Submission":
        bench = Bench.create(directory)
        world = World.create(
            people=min(PEOPLE_MAX, max(60, int(rows_a_table / ROWS_A_PERSON))), seed=SEED
        )
        world.write_maps(directory / "maps")
        codes = "".join(f"{code},{code},,open\n" for code in PROVIDERS)
        organisations = directory / "maps" / "organisations.csv"
        organisations.write_text(f"code,entity,meaning,standing\n{codes}")
        tables = generate_tables(
            DATA_SET,
            rows=rows_a_table,
            seed=SEED,
            first=FIRST,
            last=LAST,
            world=world,
            directory=directory / "sent",
        )
        made = cls(bench, tables, 0)
        rows = 0
        for name, path in tables.items():
            key = made.upload(name)
            with bench.objects.writer(key, bench.keys.ensure(key)) as writer:
                content = path.read_bytes()
                writer.write(content)
            rows += content.count(b"\n") - 1
        return cls(bench, tables, rows)

    @classmethod
    def found(cls, directory: Path) -> "Submission":
        """The one that another process made."""
        tables = {path.stem: path for path in sorted((directory / "sent").glob("*.csv"))}
        return cls(Bench.found(directory), tables, 0)

    @staticmethod
    def upload(table: str) -> str:
        return f"uploads/1/{table.lower()}"

    def land(self) -> tuple[str, LandingOutcome]:
        """What the service does with the uploads of a submission that is closed."""
        edition, attempt, bench = uuid4(), str(uuid4()), self.bench
        object_key, maps = f"editions/{edition}/1.parquet", bench.directory / "maps"
        tasks = {}
        for name, path in self.tables.items():
            view = AS_READ.by_table[name]
            with path.open("r", encoding="utf-8") as file:
                header = file.readline().rstrip("\n")
            tasks[name] = LandingTask(
                data_set=RULES.of_table(view).taken_in(view),
                rules=RULES.of_table(view),
                header=header,
                first=FIRST,
                last=LAST,
                today=TODAY,
                provider=PROVIDERS[0],
                providers=frozenset(PROVIDERS),
                edition_id=edition,
                attempt=attempt,
                content_key=self.upload(name),
                quarantine_key=f"quarantine/{attempt}/{name.lower()}",
                object_key=object_key,
                practice_map=maps / "practices.csv",
                postcode_map=maps / "postcodes.csv",
                organisation_map=maps / "organisations.csv",
            )
        outcome = land(
            TablesTask(data_set=AS_READ, tables=tasks, object_key=object_key),
            LandingResources(
                objects=bench.objects,
                key=bench.keys.ensure,
                scratch=bench.directory / "scratch",
                limits=LIMITS,
            ),
        )
        return object_key, outcome

    def landed(self) -> None:
        object_key, outcome = self.land()
        assert outcome.landed == self.rows, outcome.reasons
        self.bench.objects.delete(object_key)

    def joined(self) -> None:
        """The same tables by the same engine to the same groups: nothing else done."""
        made = self.bench.directory / "made"
        with session(
            directories=[self.bench.directory, made],
            temp_directory=self.bench.directory / "scratch",
            keys={},
            limits=LIMITS,
        ) as connection:
            plain = {}
            for name, path in self.tables.items():
                view = DATA_SET.by_table[name]
                columns = ", ".join(
                    f"{literal(field.label)}: {literal(TYPES[field.type])}" for field in view.fields
                )
                plain[name] = made / f"{name}.parquet"
                connection.execute(
                    _copied(
                        f"SELECT row_number() OVER () AS line, * FROM read_csv({literal(path)},"
                        f" auto_detect = false, header = true, columns = {{{columns}}},"
                        " delim = ',', quote = '\"', escape = '\"')",
                        plain[name],
                    )
                )
            for group in DATA_SET.groups:
                parts = " UNION ALL BY NAME ".join(_rows(group, plain))
                connection.execute(_copied(parts, made / f"{group.group}.parquet"))

    def peak(self) -> Peak:
        """Land it in a process of its own; tell the most of memory that it took, and its rows."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.csds", str(self.bench.directory)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = json.loads(done.stdout)
        return Peak(told["peak_bytes"], told["rows"])


def _copied(rows: str, target: Path) -> str:
    return (
        f"COPY ({rows}) TO {literal(target)}"
        f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def _rows(group: Group, files: Mapping[str, Path]) -> Iterator[str]:
    """The rows of a group with what stands beside each, by the keys as they came."""
    for part in group.parts:
        joins, joined = (
            [f"read_parquet({literal(files[part.table])}) AS {part.table}"],
            [part.table],
        )
        for join in part.joins:
            other = DATA_SET.relations.by_name[join.table]
            rows = f"read_parquet({literal(files[join.table])})"
            child, by, parent, key = _pair(other, joined)
            if join.latest is not None:
                words = ", ".join(map(identifier, by))
                rows = (
                    f"(SELECT * FROM {rows} QUALIFY row_number() OVER (PARTITION BY {words}"
                    f" ORDER BY {identifier(join.latest)} DESC NULLS LAST, line DESC) = 1)"
                )
            same = " AND ".join(
                f"{child}.{identifier(a)} = {parent}.{identifier(b)}"
                for a, b in zip(by, key, strict=True)
            )
            joins.append(f"LEFT JOIN {rows} AS {join.table} ON {same}")
            joined.append(join.table)
        columns = ", ".join(
            f"{table}.{identifier(name)}" for name, table in _sent(group, part) if table in joined
        )
        yield f"SELECT {part.table}.line, {columns} FROM {' '.join(joins)}"


def _pair(other: Table, joined: list[str]) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
    """Which table names the key of which, and by which columns."""
    tables = DATA_SET.relations.by_name
    for name in joined:
        for parent in tables[name].parents:
            if parent.table == other.table:
                return name, tuple(parent.by), other.table, tuple(other.key)
    parent = next(parent for parent in other.parents if parent.table in joined)
    return other.table, tuple(parent.by), parent.table, tuple(tables[parent.table].key)


def _sent(group: Group, part: Part) -> Iterator[tuple[str, str]]:
    """The columns that were sent; what landing makes of them the floor has not."""
    for name, table in group.names(part):
        if name in DATA_SET.by_table[table].by_name:
            yield name, table


if __name__ == "__main__":
    _, found = Submission.found(Path(sys.argv[1])).land()
    json.dump({"peak_bytes": peak_bytes(), "rows": found.landed}, sys.stdout)
