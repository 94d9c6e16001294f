"""A haven of the benchmarks' own: real keys, sealed objects, real landing, the one engine."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import catalogue
from catalogue import Treatment
from dsfc_cli.demo.material import FIELDS, SEED
from dsfc_cli.synthetic import World, generate
from dsfc_cli.synthetic.world import PEOPLE_MAX, PROVIDERS
from pseudonymisation.engine.keystore import FileWrapping, KeyStore, generate_key_encryption_key
from pseudonymisation.engine.objects import DirectoryObjects, Objects
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.session import EngineLimits, identifier, literal, session
from pseudonymisation.intake.adapters.landing.judged.statement import LandingTask, parquet_key_name
from pseudonymisation.intake.adapters.landing.landing import LandingResources, land
from pseudonymisation.intake.adapters.landing.layout import TYPES, left_out
from pseudonymisation.intake.adapters.landing.writing import ROW_GROUP
from pseudonymisation.intake.adapters.uploads.receiving import receiver
from pseudonymisation.intake.domain.quality import LandingOutcome
from pseudonymisation.intake.domain.written import ContentForm
from pseudonymisation.preparations.adapters import preparation
from pseudonymisation.preparations.adapters.plan import ExtractColumn, ExtractKeys, Plan, Source
from pseudonymisation.preparations.adapters.preparation import COMPRESSION_LEVEL

DATA_SET: Final = catalogue.load().get("SUS_APC")
RULES, AS_READ = catalogue.load().intake_of(DATA_SET, date(2019, 5, 1))
LIMITS: Final = EngineLimits()
"""What the service gives one landing or preparation unless told otherwise: 1 GB, two threads."""
FIRST, LAST, TODAY = date(2018, 4, 1), date(2019, 3, 31), date(2019, 5, 1)
ROWS_A_PERSON: Final = 2.25
COMMISSIONER: Final = "02P"
PERIODS: Final = tuple(f"2018-{month:02}" for month in range(4, 12))
"""With the commissioner by any of four letters, a quarter of all rows."""
REASONS: Final = ("G", "H", "R", "C")
DOMAIN: Final = "sha256:" + "5c" * 32

LINE: Final[Mapping[str, str]] = FIELDS[DATA_SET.data_set]
"""The demo's line: three of its fields are pseudonyms of sealed cells, one and more a row."""
PERSONS_ONLY: Final = {name: how for name, how in LINE.items() if how != "pseudonym"}
"""The same with no pseudonym but the person's: the case of the first measurements."""

Edition = tuple[UUID, Path]


@dataclass(frozen=True, slots=True)
class Bench:
    """One directory with everything in it."""

    directory: Path
    keys: KeyStore
    objects: Objects

    @classmethod
    def create(cls, directory: Path) -> "Bench":
        for name in ("keys", "objects", "scratch", "made"):
            (directory / name).mkdir(parents=True)
        generate_key_encryption_key(directory / "kek")
        keys = KeyStore(directory / "keys", FileWrapping(directory / "kek"))
        return cls(directory, keys, DirectoryObjects(directory / "objects"))

    @classmethod
    def found(cls, directory: Path) -> "Bench":
        """The one that another process made."""
        keys = KeyStore(directory / "keys", FileWrapping(directory / "kek"))
        return cls(directory, keys, DirectoryObjects(directory / "objects"))

    @property
    def csv(self) -> Path:
        return self.directory / "submission.csv"

    @property
    def header(self) -> str:
        with self.csv.open("r", encoding="utf-8") as file:
            return file.readline().rstrip("\n")

    def submission(self, rows: int) -> None:
        """A year of a provider's admissions, and the maps; sealed as an upload is."""
        people = min(PEOPLE_MAX, max(60, int(rows / ROWS_A_PERSON)))
        world = World.create(people=people, seed=SEED)
        world.write_maps(self.directory / "maps")
        organisations = "".join(
            f"{code},{code},,open\n{code}00,{code},,open\n" for code in PROVIDERS
        )
        (self.directory / "maps" / "organisations.csv").write_text(
            f"code,entity,meaning,standing\n{organisations}"
        )
        generate(
            DATA_SET.data_set,
            rows=rows,
            seed=SEED,
            first=FIRST,
            last=LAST,
            world=world,
            path=self.csv,
        )
        self.receive()

    def receive(self) -> None:
        """What the service does with a file as it comes: looked at, digested and sealed."""
        with (
            self.objects.writer("uploads/1/1", self.keys.ensure("uploads/1/1")) as writer,
            self.csv.open("rb") as file,
        ):
            taken = receiver(ContentForm.CSV, AS_READ, writer.write)
            while chunk := file.read(1 << 20):
                taken.take(chunk)
            taken.finish(lambda: self.objects.opened("uploads/1/1", b""))

    def spoil(self, column: str, value: str) -> None:
        """Write the submission again with this value in a column of every row, and receive it."""
        spoilt = self.csv.with_suffix(".spoilt")
        with (
            self.csv.open("r", encoding="utf-8", newline="") as given,
            spoilt.open("w", encoding="utf-8", newline="") as made,
        ):
            rows = csv.reader(given)
            written = csv.writer(made, lineterminator="\n")
            header = next(rows)
            written.writerow(header)
            place = header.index(column)
            for row in rows:
                row[place] = value
                written.writerow(row)
        spoilt.replace(self.csv)
        self.receive()

    def land(self) -> tuple[UUID, LandingOutcome]:
        """What the service does with an upload."""
        edition, attempt = uuid4(), str(uuid4())
        order = LandingTask(
            data_set=AS_READ,
            rules=RULES,
            header=self.header,
            first=FIRST,
            last=LAST,
            today=TODAY,
            provider="R0A",
            providers=frozenset(PROVIDERS),
            edition_id=edition,
            attempt=attempt,
            content_key="uploads/1/1",
            quarantine_key=f"quarantine/1/{attempt}",
            object_key=f"editions/{edition}/1.parquet",
            practice_map=self.directory / "maps" / "practices.csv",
            postcode_map=self.directory / "maps" / "postcodes.csv",
            organisation_map=self.directory / "maps" / "organisations.csv",
        )
        plane = LandingResources(
            objects=self.objects,
            key=self.keys.ensure,
            scratch=self.directory / "scratch",
            limits=LIMITS,
        )
        return edition, land(order, plane)

    def copy_csv(self) -> None:
        """The same file, the same columns and types, by the same engine: nothing else done."""
        columns = self.header.split(",")
        typed = {name: TYPES[DATA_SET.by_name[name].type] for name in columns}
        target = self.directory / "made" / "plain.parquet"
        with session(
            directories=[self.directory],
            temp_directory=self.directory / "scratch",
            keys={},
            limits=LIMITS,
        ) as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_csv({literal(self.csv)}, auto_detect = false,"
                f" header = true, columns = {_struct(typed)}, delim = ',', quote = '\"',"
                f" escape = '\"')) TO {literal(target)}"
                f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
            )

    # --- editions, and an extract of them ---------------------------------------------------------

    def source(self, edition: UUID) -> Source:
        return Source(
            self.objects.path(f"editions/{edition}/1.parquet"),
            parquet_key_name(edition),
            self.keys.ensure(f"edition/{edition}"),
        )

    def replicate(self, edition: UUID, copies: int) -> list[UUID]:
        """Further editions with the rows of a landed one, of other people.

        The engine writes them, encrypted, each under a key of its own. The words of each person
        and of each sealed cell become others, the same ones wherever they stand in an edition:
        what is under the haven's key is a block like any other, and the kernel does not look
        into it. They are hashed, so that the copies of a person do not stand together when they
        are sorted: rows that are all but equal would be written far too easily.
        """
        first = self.source(edition)
        made = []
        for copy in range(1, copies + 1):
            id_ = uuid4()
            target = self.source(id_)
            target.path.parent.mkdir(parents=True)
            with session(
                directories=[first.path.parent, target.path.parent],
                temp_directory=self.directory / "scratch",
                keys={first.key_name: first.key, target.key_name: target.key},
                limits=LIMITS,
            ) as connection:
                described = connection.sql(f"DESCRIBE SELECT * FROM {first.sql}").fetchall()
                replaced = ", ".join(
                    f"CASE WHEN {identifier(name)} IS NOT NULL"
                    f" THEN hash({identifier(name)}, {copy}) END AS {identifier(name)}"
                    for name, *_ in described
                    if name in {"person_0", "person_1"} or name.endswith(("__0", "__1"))
                )
                connection.execute(
                    f"COPY (SELECT * REPLACE ({replaced}) FROM {first.sql})"
                    f" TO {literal(target.path)} (FORMAT parquet, COMPRESSION zstd,"
                    f" ROW_GROUP_SIZE {ROW_GROUP},"
                    f" ENCRYPTION_CONFIG {{footer_key: {literal(target.key_name)}}})"
                )
            made.append(id_)
        return made

    def plan(
        self,
        editions: Sequence[UUID],
        fields: Mapping[str, str] = LINE,
        record: RecordKey | None = None,
    ) -> Plan:
        """An extract of these fields; opt-outs do not apply. With `record` none comes twice."""
        return Plan(
            editions=tuple(map(self.source, editions)),
            periods=PERIODS,
            codes=(COMMISSIONER,),
            reasons=REASONS,
            is_national=False,
            columns=tuple(
                ExtractColumn(name, Treatment(treatment)) for name, treatment in fields.items()
            ),
            opt_outs_apply=False,
            opted_out=(),
            cleared=(),
            domain_id=DOMAIN,
            keys=ExtractKeys(
                haven=self.keys.ensure("haven/nhs_number"),
                date_of_birth=self.keys.ensure("haven/date_of_birth"),
                postcode=self.keys.ensure("haven/postcode"),
                domain=self.keys.ensure("domain/benchmark"),
            ),
            date_of_birth=DATA_SET.person.date_of_birth,
            postcode=DATA_SET.person.postcode,
            layout=left_out(AS_READ, ()),
            record=record,
        )

    def copy_rows(
        self, editions: Sequence[UUID], target: Path, fields: Mapping[str, str] = LINE
    ) -> int:
        """The same rows and columns as they stand in the haven, sorted by person, plain."""
        sources = list(map(self.source, editions))
        columns = ["person_0", "person_1", *(f"reason_{letter.lower()}" for letter in REASONS)]
        for name, treatment in fields.items():
            columns += [f"{name}__0", f"{name}__1"] if treatment == "pseudonym" else [name]
        selected = ", ".join(map(identifier, columns))
        months = ", ".join(map(literal, PERIODS))
        letters = " OR ".join(
            f"reason_{letter.lower()} = {literal(COMMISSIONER)}" for letter in REASONS
        )
        rows = " UNION ALL ".join(
            f"SELECT {selected} FROM {source.sql} WHERE period IN ({months}) AND ({letters})"
            for source in sources
        )
        with session(
            directories=[self.objects.root, target.parent],
            temp_directory=self.directory / "scratch",
            keys={source.key_name: source.key for source in sources},
            limits=LIMITS,
        ) as connection:
            written = connection.execute(
                # Gathered before they are sorted, as the extract is: it would not spill otherwise.
                f"COPY (WITH unsorted AS MATERIALIZED ({rows})"
                f" SELECT * FROM unsorted ORDER BY person_0, person_1) TO {literal(target)}"
                f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {COMPRESSION_LEVEL},"
                f" ROW_GROUP_SIZE {preparation.ROW_GROUP})"
            ).fetchone()
        return int(written[0]) if written else 0


def _struct(typed: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{literal(n)}: {literal(t)}" for n, t in typed.items()) + "}"
