"""What people read of 1,000 agreements, 10,000 lines and 10,000 files: how long one in 20 waits.

The real app with its real routes, in this process, on SQLite and then on PostgreSQL; what is asked
takes turns with a probe, which touches no record, and a list is asked for page after page. All
agreements are in force, of a hundred controllers and one CSU, so that this party sees as many as
staff do; one in 34 ends each month, so that the calendar of the next 90 days has a tenth of them.
The goal is 50 ms: a ratio of 1. Issuing 200 agreements, and signing them as one act, is to take no
more than 30 s.
"""

import logging
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog
from fastapi.testclient import TestClient

from agreements import main
from agreements.records.domain.parties.organisation import Organisation, OrganisationKind
from agreements.records.use_cases import agreements as use_cases
from common.db import engine as engines
from common.db import migrate
from common.ids import new_id
from common.security.roles import Role
from common.web.server import keep_for_good
from dsfc_testing import postgresql
from dsfc_testing.clock import FakeClock
from dsfc_testing.postgresql import Server
from dsfc_testing.tokens import LocalIssuer
from services.agreements.tests import bulk, facts
from services.agreements.tests.held import file, hold
from services.agreements.tests.service import Service, settings
from tests.benchmarks.measure import Result

AGREEMENTS = 1_000
AT_ONCE = 100
GOAL_MS = 50.0
GOAL_SECONDS = 30.0
ROUNDS = 100
ROUNDS_OF_FILES = 5
"""A register as a file is made whole each time."""
CONTROLLERS = 100
FILES = 10
"""Of each agreement, one a line."""
ISSUED = 200
DATA_SETS = (
    *("SUS_APC", "DIDS", "SUS_OP", "SUS_AE", "MHSDS"),
    *("CSDS", "MSDS", "IAPT", "ECDS", "NCDR"),
)
MONTHS = 34
"""In as many of them agreements end, from the first quarter of the year on."""
PROBE = "/livez"


@dataclass(frozen=True, slots=True)
class Asked:
    name: str
    paths: Sequence[str]
    """One after the other, and again."""
    role: Role = Role.CONTRACT_MANAGER


def asked(count: int, after: Sequence[str]) -> Sequence[Asked]:
    """Return the questions; `after` are the pages' beginnings, of 50 agreements each."""
    middle = reference(count // 2)

    def pages(path: str, limit: int = 50, more: str = "") -> list[str]:
        starts = after[: max(len(after) - len(after) % (limit // 50), 1) : limit // 50]
        return [f"{path}?limit={limit}{more}" + (f"&after={one}" if one else "") for one in starts]

    agreements, register = "/v1/agreements", "/v1/registers/agreements"
    csu = Role.CSU_ADVISER
    return (
        Asked("list", pages(agreements)),
        Asked("list of 200", pages(agreements, 200)),
        Asked("list of a party", pages(agreements), csu),
        Asked("list of a party of 200", pages(agreements, 200), csu),
        Asked("search of a text", [f"{agreements}?text={middle[9:15]}"]),
        Asked("search of a controller", [f"{agreements}?controller={controller(7)}"]),
        Asked("search of a data set", pages(agreements, 50, "&data_set=MHSDS&state=ACTIVE")),
        Asked("search of 200", pages(agreements, 200, "&data_set=MHSDS&state=ACTIVE")),
        Asked("read", [f"{agreements}/{reference(n)}" for n in range(0, count, 7)]),
        Asked("public register", pages(register)),
        Asked("public register of 200", pages(register, 200)),
        Asked("calendar", ["/v1/lapses"]),
        Asked("inbox", ["/v1/inbox"]),
        Asked("inbox of a party", ["/v1/inbox"], Role.PROCESSOR_CONTACT),
        Asked("holdings", ["/v1/holdings"]),
        Asked("holdings of 200", ["/v1/holdings?limit=200"]),
        Asked("holdings of a party", ["/v1/holdings"], csu),
        Asked("register as CSV", [f"{register}?format=csv"]),
        Asked("register as XLSX", [f"{register}?format=xlsx"]),
        Asked("statement of the register", ["/v1/registers/statements/agreements"]),
    )


WHOLE = frozenset({"register as CSV", "register as XLSX", "statement of the register"})
"""What is made of all agreements: no page, and without a goal."""


def run(scale: float, scratch: Path) -> list[Result]:
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet, cache_logger_on_first_use=False)
    results = measured(scale, scratch / "sqlite", None)
    with postgresql.server() as server:
        results += measured(scale, scratch / "postgresql", server)
    return results


def measured(scale: float, directory: Path, server: Server | None) -> list[Result]:
    """Measure on one database; `server`: of PostgreSQL."""
    directory.mkdir()
    (directory / "reading").mkdir()
    (directory / "issuing").mkdir()
    with service(directory / "reading", server) as served:
        results = read(served, max(int(AGREEMENTS * scale), AT_ONCE), scale)
    with service(directory / "issuing", server) as served:
        many = max(int(ISSUED * scale), 10)
        took = bulk.issued_and_signed(bulk.ready(served.with_organisations()), many)
    results += [
        Result(
            name=f"agreements {name}",
            ratio=seconds / GOAL_SECONDS,
            goal=1.0,
            better="lower",
            told=f"{many} agreements in {seconds:.1f} s",
        )
        for name, seconds in (
            (f"dry run of {many}", took.trying),
            (f"issue of {many}", took.issuing),
            (f"signing of {many}", took.signing),
        )
    ]
    if server is None:
        return results
    return [replace(one, name=f"{one.name} postgresql") for one in results]


def read(served: Service, count: int, scale: float) -> list[Result]:
    """Ask all that is read, in turns."""
    seed(served, count)
    questions = (Asked("probe", [PROBE]), *asked(count, beginnings(served)))
    keep_for_good()  # as a process that serves does when it has started
    waits: dict[str, list[float]] = {one.name: [] for one in questions}
    cpu: dict[str, list[float]] = {one.name: [] for one in questions}
    memory: dict[str, float] = {}
    rounds = max(int(ROUNDS * scale), 6)
    for turn in range(-1, rounds):
        for one in questions:
            if one.name in WHOLE and turn >= ROUNDS_OF_FILES:
                continue
            headers, path = served.headers(one.role), one.paths[turn % len(one.paths)]
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began, spent = time.perf_counter(), time.process_time()
            answer = served.client.get(path, headers=headers)
            took = time.perf_counter() - began, time.process_time() - spent
            assert answer.status_code == 200, answer.text
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
            memory[one.name] = max(memory.get(one.name, 0.0), grown / 1024)
            if turn >= 0:  # the first of a process reads what later ones know
                waits[one.name].append(took[0] * 1000)
                cpu[one.name].append(took[1] * 1000)
    return [
        Result(
            name=f"agreements {one.name}",
            ratio=percentile(waits[one.name]) / GOAL_MS,
            goal=None if one.name in WHOLE else 1.0,
            better="lower",
            told=f"{count} agreements: p95 {percentile(waits[one.name]):.1f} ms,"
            f" p50 {statistics.median(waits[one.name]):.1f} ms,"
            f" CPU {statistics.median(cpu[one.name]):.1f} ms,"
            f" memory up by {memory[one.name]:.0f} MB; {PROBE} p95"
            f" {percentile(waits['probe']):.1f} ms, CPU {statistics.median(cpu['probe']):.1f} ms",
        )
        for one in questions[1:]
    ]


def beginnings(served: Service) -> list[str]:
    """Return after what each page of 50 agreements begins; the first after nothing."""
    found = [""]
    while True:
        where = {"after": found[-1]} if found[-1] else {}
        page = served.get("/v1/agreements", Role.CONTRACT_MANAGER, **where).json()
        if page["next"] is None:
            return found
        found.append(page["next"])


def percentile(waits: Sequence[float], share: float = 0.95) -> float:
    return sorted(waits)[min(int(share * len(waits)), len(waits) - 1)]


@contextmanager
def service(directory: Path, server: Server | None) -> Iterator[Service]:
    """The service as its own tests have it."""
    url = f"sqlite:///{directory / 'agreements.db'}" if server is None else server.create()
    made = settings(url, directory)
    engine = engines.create(made.database_url)
    migrate.upgrade(engine, "agreements")
    engine.dispose()
    clock = FakeClock(facts.NOW)
    issuer = LocalIssuer(clock)
    parts = main.Parts(made, clock, issuer.verifier())

    async def pause(_seconds: float) -> None:
        """Wait for no lease: there is none."""

    with TestClient(main.create_app(made)) as client:
        client.app_state.clear()
        client.app_state.update({**parts.state(), "pause": pause})
        yield Service(client, clock, issuer, parts)
    parts.close()


def reference(number: int) -> str:
    return f"DARS-NIC-{100_000 + number}-A1B2C"


def controller(number: int) -> str:
    return f"Q{number % CONTROLLERS:03d}Z"


def seed(served: Service, count: int) -> None:
    """Agreements in force, each with ten lines and as many files."""
    served.with_organisations()
    seed_controllers(served)
    ctx = served.ctx
    environments = [new_id() for _ in range(CONTROLLERS)]
    for start in range(0, count, AT_ONCE):
        some = range(start, min(count, start + AT_ONCE))
        with ctx.uow.writing() as tx:
            of_state = partial(use_cases.facts_about, tx, at=tx.at, ctx=ctx)
            for number in some:
                agreement = facts.active(
                    reference=reference(number),
                    application_id=str(UUID(int=10**9 + number)),
                    end=(facts.START + timedelta(days=90 + 30 * (number % MONTHS))).isoformat(),
                    controllers=[named(controller(number))],
                    lines=[facts.line(n, name) for n, name in enumerate(DATA_SETS, start=1)],
                )
                stored = agreement.settle(tx.at, of_state(agreement))
                entry = ctx.entry("seeded", f"agreements/{agreement.reference}", at=tx.at)
                tx.agreements.save(replace(stored, pending=()), audit=entry)
        hold(
            served.parts.engine,
            served.parts.sealer,
            [
                file(reference(number), name, n, environments[number % CONTROLLERS], facts.NOW)
                for n, name in enumerate(DATA_SETS[:FILES], start=1)
                for number in some
            ],
            at=facts.NOW,
        )


def named(code: str) -> dict[str, object]:
    """A controller as the snapshot has it."""
    [one] = facts.snapshot()["controllers"]
    return {**one, "ods": code, "legal_name": f"NHS {code} CCG"}


def seed_controllers(served: Service) -> None:
    """A hundred commissioners with a framework contract each."""
    ctx, codes = served.ctx, [controller(number) for number in range(CONTROLLERS)]
    with ctx.uow.writing() as tx:
        entry = ctx.entry("seeded", "organisations", at=tx.at)
        organisations = (
            Organisation(
                id=new_id(),
                ods=code,
                name=f"NHS {code} CCG",
                kind=OrganisationKind.CCG,
                legal_entity=code,
                parent=None,
                valid_from=facts.START,
                valid_to=None,
                source="dsfc",
            )
            for code in codes
        )
        tx.organisations.save(*organisations, audit=entry)
        contracts = (
            facts.contract(
                id=new_id(),
                organisation=code,
                reference=f"CON-{number:06d}-A1B2C",
                legal_name=f"NHS {code} CCG",
            )
            for number, code in enumerate(codes)
        )
        tx.contracts.save(*(replace(one, version=0) for one in contracts), audit=entry)
