"""A running suite with agreements in force and data landed: where end-to-end tests begin.

The story up to there takes a while. So it is played once a test run, the state that it leaves is
kept, and every module that asks for a scene gets a copy of it, with processes of its own.
"""

import csv
import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from common.clock import SystemClock, legal_day
from common.db import engine as engines
from common.db import migrate
from common.ids import new_id
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.material import COMMISSIONER, FIELDS, SEED
from dsfc_cli.demo.stage import ORGANISATIONS, Stage
from dsfc_cli.house.suite import SERVICES, Suite
from dsfc_cli.synthetic import World, generate
from dsfc_client import ConnectionLost, Dsfc, Extract, Problem, Submission
from dsfc_testing.postgresql import Server
from tests.forking import ForkingSuite

CSU, OTHER_CSU = "0DF", "0CX"
DATA_SET, PROVIDER = "SUS_APC", "R0A"
PEOPLE = 2_000
APRIL, MAY = "2018-04", "2018-05"
DAYS: Mapping[str, tuple[date, date]] = {
    APRIL: (date(2018, 4, 1), date(2018, 4, 30)),
    MAY: (date(2018, 5, 1), date(2018, 5, 31)),
}
ROWS: Mapping[str, int] = {APRIL: 2_000, MAY: 60_000}
"""May is long: a download of it is still under way when something is to happen meanwhile."""

PATIENT = {"REMOTE_TIMEOUT_SECONDS": "30"}
QUICK: Mapping[str, Mapping[str, str]] = {
    "applications": PATIENT,
    "agreements": PATIENT,
    "pseudonymisation": {**PATIENT, "JOB_POLL_SECONDS": "0.2"},
    "dissemination": {
        **PATIENT,
        "DECISION_TIMEOUT_SECONDS": "30",
        "CLAIM_SECONDS": "1",
        "DRIVER_POLL_SECONDS": "0.2",
    },
}
"""A test does not wait for a worker that is known to be dead as long as an operator would; and a
service waits longer for another on a machine that is busy with tests."""

DEADLINE_SECONDS = 120.0
"""Only a failure takes so long; the machine may be busy."""

PATIENCE_SECONDS_MAX = 300.0

HEARD: Mapping[str, Sequence[str]] = {
    "agreements": ["applications.application"],
    "applications": ["agreements.agreement"],
    "pseudonymisation": [
        "agreements.agreement",
        "agreements.holding",
        "agreements.domain-transfer",
    ],
    "dissemination": [
        "agreements.agreement",
        "agreements.holding",
        "agreements.domain-transfer",
        "pseudonymisation.preparation",
        "pseudonymisation.submission",
    ],
}
"""Whose events a service handles."""

Found = TypeVar("Found")


def until(look: Callable[[], Found], *, seconds: float = DEADLINE_SECONDS, what: str = "") -> Found:
    """Look until there is something; return it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"it did not come to pass in {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found


def patiently(ask: Callable[[], Found], *, seconds: float = PATIENCE_SECONDS_MAX) -> Found:
    """Ask until there is an answer, as a recipient's system does: what is away comes back."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except ConnectionLost:
            if time.monotonic() > end:
                raise
        except Problem as problem:
            if problem.status < httpx.codes.INTERNAL_SERVER_ERROR or time.monotonic() > end:
                raise
        time.sleep(0.5)


def files_under(root: Path) -> frozenset[Path]:
    """All files below a directory of which files and directories may go meanwhile."""
    return frozenset(Path(at, name) for at, _, names in os.walk(root) for name in names)


@dataclass(frozen=True, slots=True)
class Scene:
    """The suite, two agreements of one commissioner with two CSUs, and two landed months."""

    suite: Suite
    stage: Stage
    world: World
    inputs: Path
    """A file a month, as the provider sent it."""
    reference: str
    other_reference: str
    """The same data, for the other CSU."""
    contracts: Mapping[str, str]

    @property
    def csu(self) -> Dsfc:
        """The CSU's own system."""
        return self.stage.actor("csu-0df-analytics")

    @property
    def other_csu(self) -> Dsfc:
        return self.stage.actor("csu-0cx-analytics")

    @property
    def numbers(self) -> frozenset[bytes]:
        """Every NHS number that was sent in."""
        return frozenset(str(number).encode() for number in self.world.nhs_numbers)

    @property
    def state(self) -> Path:
        return self.suite.directory

    def input_of(self, month: str) -> Path:
        return self.inputs / f"{month}.csv"

    def people_sent(self, month: str) -> set[tuple[str, ...]]:
        """Who the commissioner may have, row by row from the input: domain.md 6.11, by hand.

        By NHS number; without one by provider and local identifier.
        """
        world = self.world
        of_practice = dict(zip(world.practices, world.practice_commissioners, strict=True))
        of_postcode = dict(zip(world.postcodes, world.postcode_commissioners, strict=True))
        with self.input_of(month).open(encoding="utf-8", newline="") as lines:
            return {
                (row["NHS_Number"],)
                if row["NHS_Number"]
                else (row["Provider_Code"], row["Local_Patient_ID"])
                for row in csv.DictReader(lines)
                if COMMISSIONER
                in {
                    of_practice.get(row["GP_Practice_Code"]),
                    of_postcode.get(row["Postcode"]),
                    row["Org_Code_Res_Resp"],
                    row["Commissioner_Code"],
                }
            }

    def body(self, **changes: Any) -> dict[str, Any]:
        """A request for all that the line opens of the short month."""
        return {
            "agreement": self.reference,
            "purpose": "COM",
            "data_set": DATA_SET,
            "classification": "PSEUDO_ANONYMISED",
            "periods": [APRIL],
            "fields": list(FIELDS[DATA_SET]),
            "formats": ["csv"],
        } | changes

    def wanted(self, controller: str, processor: str, *flows: Flow) -> Wanted:
        """What an agreement of these two is to be about."""
        return Wanted(
            controller=controller,
            controller_name=ORGANISATIONS[controller][0],
            processor=processor,
            processor_name=ORGANISATIONS[processor][0],
            flows=flows,
            today=self.stage.today,
        )

    def ask(self, **changes: Any) -> Extract:
        """Ask; and again, where agreements was too busy to answer."""
        return self.csu.dissemination.request(self.body(**changes), key=str(new_id()))

    def released(self, **changes: Any) -> Extract:
        done = self.csu.dissemination.wait(self.ask(**changes).id, timeout_seconds=DEADLINE_SECONDS)
        assert done.state.upper() == "RELEASED", done
        return done

    def token(self, audience: str = "dissemination", who: Dsfc | None = None) -> str:
        tokens = (who or self.csu).tokens
        assert tokens is not None
        return tokens.token(audience)

    def url(self, service: str, path: str) -> str:
        return f"{self.suite.urls[service]}{path}"

    def rows(self, service: str, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """What a service's database holds, also while the service is down."""
        path = self.state / f"{service}.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def leaves(self, service: str) -> Sequence[dict[str, Any]]:
        """The entries of a service's audit log, in order."""
        found = self.rows(service, 'SELECT entry FROM audit_leaf ORDER BY "index"')
        return [json.loads(entry) for (entry,) in found]

    def events(self, query: str) -> Sequence[tuple[Any, ...]]:
        """What the event log holds."""
        with closing(sqlite3.connect(self.state / "events.db", timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def all_heard(self, *, of: Sequence[str] = SERVICES) -> bool:
        """Whether all that was said is in the log, and each of these services has handled it.

        A service goes on by itself where an event is still on its way to it: that a test saw the
        end of something says nothing of the event that tells of it.
        """
        said = dict(self.events("SELECT topic, max(position) FROM message GROUP BY topic"))
        cursors = self.events("SELECT consumer_group, topic, position FROM cursor")
        reached = {(group, topic): position for group, topic, position in cursors}
        if any(
            reached.get((service, topic), 0) < said.get(topic, 0)
            for service in of
            for topic in HEARD[service]
        ):
            return False
        # What a handler stored is in the outbox by now, or in the log already.
        unsaid = "SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1"
        if any(self.rows(service, unsaid) for service in SERVICES):
            return False
        return said == dict(self.events("SELECT topic, max(position) FROM message GROUP BY topic"))

    def objects(self) -> frozenset[str]:
        """Keys of all objects in the release store, unfinished ones too."""
        root = self.state / "objects" / "release"
        return frozenset(path.relative_to(root).as_posix() for path in files_under(root))

    def submit(self, file: Path, *, period: str = APRIL) -> Submission:
        """Let the provider send a file, and wait for what becomes of it."""
        provider = self.stage.actor("provider-r0a").pseudonymisation
        opened = provider.submit(DATA_SET, period, file)
        return provider.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)


@contextmanager
def scene(
    factory: pytest.TempPathFactory,
    name: str,
    *,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    clock_file: Path | None = None,
    data_sets: Path | None = None,
    suite_of: type[ForkingSuite] = ForkingSuite,
) -> Iterator[Scene]:
    """A suite of its own for a module, from a copy of what was played once."""
    kept = _played(factory)
    directory = factory.mktemp(name)
    shutil.copytree(kept / "state", directory / "state")
    suite = suite_of(
        directory / "state",
        settings=quick(settings),
        clock_file=clock_file,
        data_sets=data_sets,
    )
    facts = json.loads((kept / "facts.json").read_text("utf-8"))
    with suite:
        yield scene_of(suite, kept / "input", facts)


@contextmanager
def scene_on_postgresql(
    factory: pytest.TempPathFactory, server: Server, name: str
) -> Iterator[tuple[Scene, str]]:
    """One agreement and the long month, on PostgreSQL, with two replicas of agreements.

    Everybody speaks to the first one, only dissemination to the second, whose URL comes beside.
    """
    directory = factory.mktemp(name)
    suite = ForkingSuite(
        directory / "state",
        server=server,
        settings=quick(None),
        services=[service for service in SERVICES if service != "dissemination"],
    )
    engine = engines.create(suite.database_url("dissemination"))
    migrate.upgrade(engine, "dissemination")  # the others are migrated by the suite
    engine.dispose()
    with suite:
        facts = play(suite, directory / "input", csus=[CSU], months=[MAY])
        with suite.replica("agreements") as second:
            urls = json.dumps(suite.urls | {"agreements": second})
            suite.start_service("dissemination", SERVICE_URLS=urls)
            suite.wait_ready(["dissemination"])
            yield scene_of(suite, directory / "input", facts), second


def play(
    suite: Suite,
    directory: Path,
    *,
    csus: Sequence[str] = (CSU, OTHER_CSU),
    months: Sequence[str] = (APRIL, MAY),
) -> dict[str, Any]:
    """Play the story in a suite that runs, up to agreements in force and landed files.

    Returns what a scene has to know of it.
    """
    world = _world()
    maps = world.write_maps(directory)
    stage = Stage(suite, legal_day(SystemClock().now()))
    contracts = stage.set_up(*maps, maps_from=f"{APRIL}-01")
    stage.relate(COMMISSIONER, CSU, [OTHER_CSU])
    references = [
        stage.in_force(wanted(stage.today, csu), f"Planned care, with {csu}") for csu in csus
    ]
    provider = stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    opened = []
    for month in months:
        first, last = DAYS[month]
        path = directory / f"{month}.csv"
        generate(
            DATA_SET,
            rows=ROWS[month],
            seed=SEED,
            first=first,
            last=last,
            world=world,
            path=path,
        )
        opened.append(provider.submit(DATA_SET, month, path))
    for submission in opened:
        done = provider.wait(submission.id, timeout_seconds=DEADLINE_SECONDS)
        assert done.state.lower() == "accepted", done
    return {"today": stage.today.isoformat(), "contracts": contracts, "references": references}


def _played(factory: pytest.TempPathFactory) -> Path:
    """Where the played state lies; played by whoever comes first, of all xdist workers."""
    root = factory.getbasetemp()
    if root.name.startswith("popen-"):
        root = root.parent
    kept = root / "played"
    with (root / "played.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "facts.json").exists():
            shutil.rmtree(kept, ignore_errors=True)
            with ForkingSuite(kept / "state", settings=quick(None)) as suite:
                facts = play(suite, kept / "input")
            shutil.rmtree(kept / "state" / "logs")
            (kept / "facts.json").write_text(json.dumps(facts), "utf-8")
    return kept


def scene_of(suite: Suite, inputs: Path, facts: Mapping[str, Any]) -> Scene:
    return Scene(
        suite=suite,
        stage=Stage(suite, date.fromisoformat(facts["today"])),
        world=_world(),
        inputs=inputs,
        reference=facts["references"][0],
        other_reference=facts["references"][-1],
        contracts=facts["contracts"],
    )


def _world() -> World:
    return World.create(people=PEOPLE, seed=SEED)


def wanted(today: date, csu: str) -> Wanted:
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=csu,
        processor_name=ORGANISATIONS[csu][0],
        flows=[Flow(data_set=DATA_SET, fields=FIELDS[DATA_SET], first_month=APRIL, last_month=MAY)],
        today=today,
    )


def quick(
    settings: Mapping[str, Mapping[str, str]] | None,
) -> Mapping[str, Mapping[str, str]]:
    return {
        service: {**QUICK.get(service, {}), **(settings or {}).get(service, {})}
        for service in SERVICES
    }
