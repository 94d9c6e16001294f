"""Each flat data set of the catalogue: made, sent, landed, asked for, released, opened."""

import csv
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

import catalogue
from catalogue import DataSet, FieldClass, Treatment
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER, PEOPLE, SEED
from dsfc_cli.demo.sandbox import CSU, PROVIDER, body_of
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_cli.synthetic import World, generate

ROWS: Final = 300
COLUMNS_MAX: Final = 8
AT_ONCE: Final = 4
MONTH: Final = ("2018-05", "2018-05", date(2018, 5, 1), date(2018, 5, 31))
WEEK: Final = ("2018-W19", "2018-05", date(2018, 5, 7), date(2018, 5, 13))
LATER: Final = ("2021-06", "2021-06", date(2021, 6, 1), date(2021, 6, 30))
"""As it is sent, the month in which it is asked for, and its days."""
RISK_STRATIFICATION: Final = frozenset({"GP_RS", "RISK_SCORES"})
"""Data sets that are for that purpose alone."""
REASONS: Final = "GHRC"
BESIDES: Final = ("Token", "Reason_For_Access")
"""Columns that every released file has."""
PLAIN: Final = frozenset({FieldClass.QI, FieldClass.CLIN, FieldClass.ORG, FieldClass.ADM})


@dataclass(frozen=True, slots=True)
class Walk:
    """One data set, and the period of it."""

    data_set: DataSet
    sent: str
    month: str
    first: date
    last: date

    @classmethod
    def of(cls, data_set: DataSet) -> "Walk":
        periods = data_set.periods
        sent, month, first, last = WEEK if periods.unit == "week" else MONTH
        if month < periods.earliest:
            sent, month, first, last = LATER
        return cls(data_set, sent, month, first, last)

    @property
    def name(self) -> str:
        return self.data_set.data_set

    @property
    def flow(self) -> Flow:
        data_set = self.data_set
        return Flow(
            data_set=self.name,
            fields=_columns(data_set),
            first_month=self.month,
            last_month=self.month,
            purpose="RS" if self.name in RISK_STRATIFICATION else "COM",
            reasons=tuple(letter for letter in REASONS if letter in data_set.population),
            sensitivity=data_set.sensitivity,
        )


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of it."""

    columns: tuple[str, ...]
    rows: int
    found: int
    """NHS numbers of people who were sent, in what left."""
    announced: int | None


def tell(scene: Scene) -> None:
    """Walk them all, one line each. Raises ClaimFailed at the first that does not arrive."""
    known = catalogue.load()
    flat = sorted({d.data_set for d in known if not d.tables})
    today = scene.stage.today
    # What comes by token no provider sends: the chapter of the purposes has it.
    walks = [Walk.of(known.get(name)) for name in flat if not known.is_by_token(name, today)]
    journey = scene.journey
    journey.chapter("Each data set goes from a provider's file to an extract")
    agreement = scene.stage.in_force(_wanted(scene, walks), "Every data set of the catalogue")
    publisher = scene.actor("body-register").agreements
    for walk in walks:
        if walk.data_set.publication_gate:
            published = {
                "data_set": walk.name,
                "period": walk.month,
                "published_on": scene.stage.today.isoformat(),
            }
            publisher.post("/v1/publications", published)
    journey.say(
        f"One agreement has a line for each of the {len(walks)} data sets;"
        f" {PROVIDER} sends {ROWS} synthetic records of each."
    )
    world = World.create(people=PEOPLE, seed=SEED)
    for walk, walked in _all(scene, walks, agreement, world):
        columns = (*BESIDES, *walk.flow.fields)
        journey.claim(
            f"{walk.name}: {ROWS} records sent for {walk.sent}, {walked.rows} rows of"
            f" {len(columns)} columns in the extract. {walk.data_set.title}",
            {"columns": columns, "rows": walked.announced, "some": True, "numbers": 0},
            {
                "columns": walked.columns,
                "rows": walked.rows,
                "some": walked.rows > 0,
                "numbers": walked.found,
            },
        )


def _wanted(scene: Scene, walks: list[Walk]) -> Wanted:
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[walk.flow for walk in walks],
        today=scene.stage.today,
    )


def _all(
    scene: Scene, walks: list[Walk], agreement: str, world: World
) -> Iterator[tuple[Walk, Walked]]:
    """Several are under way at once, and told of in order."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        jobs = [(w, threads.submit(_walk, scene, w, agreement, world)) for w in walks]
        for walk, job in jobs:
            yield walk, job.result()


def _walk(scene: Scene, walk: Walk, agreement: str, world: World) -> Walked:
    file = scene.output / "sent" / f"{walk.name}.csv"
    planted = generate(
        walk.name,
        rows=ROWS,
        seed=SEED,
        first=walk.data_set.periods.first_day(walk.first),
        last=walk.last,
        world=world,
        path=file,
        on=scene.stage.today,
    )
    haven = scene.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    sent = haven.submit(walk.name, walk.sent, file, left_out_at_source=planted.left_out_at_source)
    haven.wait(sent.id)
    csu = scene.actor("csu-0df-analytics").dissemination
    asked = body_of(
        agreement,
        purpose=walk.flow.purpose,
        data_set=walk.name,
        periods=[walk.month],
        fields=list(walk.flow.fields),
    )
    extract = csu.wait(csu.request(asked).id)
    released = extract.files[0]
    target = scene.output / "extracts" / f"{walk.name}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    csu.download(released.id, target)
    return _opened(target, released.rows, _numbers(file, walk.data_set))


def _opened(file: Path, announced: int | None, numbers: frozenset[str]) -> Walked:
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(file))
        columns, rows = tuple(found.columns), found.fetchall()
    values = {str(value) for row in rows for value in row}
    return Walked(columns, len(rows), len(values & numbers), announced)


def _numbers(file: Path, data_set: DataSet) -> frozenset[str]:
    """NHS numbers in what was sent."""
    number = data_set.person.nhs_number
    if number is None:
        return frozenset()
    label = data_set.by_name[number].label
    with file.open(encoding="utf-8", newline="") as lines:
        return frozenset(row[label] for row in csv.DictReader(lines)) - {""}


def _columns(data_set: DataSet) -> Mapping[str, str]:
    """Some columns of it that tell nothing which another column of them hides."""
    found = {
        name: Treatment.AS_IS.value
        for name, column in data_set.releasables.items()
        if Treatment.AS_IS in column.treatments
        and column.class_ in PLAIN
        and name not in data_set.forms
        and catalogue.filterable(data_set, name) is not None
    }
    return dict(list(found.items())[:COLUMNS_MAX])
