"""What people read of 1,000 agreements with 10,000 lines: how long one in twenty waits.

The real app with its real routes, in this process, on SQLite; what is asked takes turns with a
probe, which touches no record. All agreements are in force and of one controller, so that a party
sees as many as staff do; one in 34 ends each month, so that the calendar of the next 90 days has a
tenth of them. The goal is 50 ms: a ratio of 1.
"""

import logging
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
from agreements.records.use_cases import agreements as use_cases
from common.db import engine as engines
from common.db import migrate
from common.security.roles import Role
from common.web.server import keep_for_good
from dsfc_testing.clock import FakeClock
from dsfc_testing.tokens import LocalIssuer
from services.agreements.tests import facts
from services.agreements.tests.service import Service, settings
from tests.benchmarks.measure import Result

AGREEMENTS = 1_000
AT_ONCE = 100
GOAL_MS = 50.0
ROUNDS = 100
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
    path: str
    role: Role = Role.CONTRACT_MANAGER


def asked(count: int) -> Sequence[Asked]:
    middle = reference(count // 2)
    return (
        Asked("list", "/v1/agreements"),
        Asked("list of 200", "/v1/agreements?limit=200"),
        Asked("list of a party", "/v1/agreements", Role.CSU_ADVISER),
        Asked("search of a text", f"/v1/agreements?text={middle[9:15]}"),
        Asked("search of a data set", "/v1/agreements?controller=02P&data_set=MHSDS&state=ACTIVE"),
        Asked("read", f"/v1/agreements/{middle}"),
        Asked("public register", "/v1/registers/agreements"),
        Asked("calendar", "/v1/lapses"),
        Asked("inbox", "/v1/inbox"),
    )


def run(scale: float, scratch: Path) -> list[Result]:
    count = max(int(AGREEMENTS * scale), AT_ONCE)
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    with service(scratch) as served:
        structlog.configure(wrapper_class=quiet, cache_logger_on_first_use=False)
        seed(served, count)
        keep_for_good()  # as a process that serves does when it has started
        questions = (Asked("probe", PROBE), *asked(count))
        waits: dict[str, list[float]] = {one.name: [] for one in questions}
        cpu: dict[str, list[float]] = {one.name: [] for one in questions}
        for turn in range(max(int(ROUNDS * scale), 20) + 1):
            for one in questions:
                headers = served.headers(one.role)
                began, spent = time.perf_counter(), time.process_time()
                answer = served.client.get(one.path, headers=headers)
                took = time.perf_counter() - began, time.process_time() - spent
                assert answer.status_code == 200, answer.text
                if turn > 0:  # the first of a process reads what later ones know
                    waits[one.name].append(took[0] * 1000)
                    cpu[one.name].append(took[1] * 1000)
    return [
        Result(
            name=f"agreements {one.name}",
            ratio=percentile(waits[one.name]) / GOAL_MS,
            goal=1.0,
            better="lower",
            told=f"{count} agreements: p95 {percentile(waits[one.name]):.1f} ms,"
            f" p50 {statistics.median(waits[one.name]):.1f} ms,"
            f" CPU {statistics.median(cpu[one.name]):.1f} ms; {PROBE} p95"
            f" {percentile(waits['probe']):.1f} ms, CPU {statistics.median(cpu['probe']):.1f} ms",
        )
        for one in questions[1:]
    ]


def percentile(waits: Sequence[float], share: float = 0.95) -> float:
    return sorted(waits)[min(int(share * len(waits)), len(waits) - 1)]


@contextmanager
def service(directory: Path) -> Iterator[Service]:
    """The service as its own tests have it."""
    made = settings(f"sqlite:///{directory / 'agreements.db'}", directory)
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


def seed(served: Service, count: int) -> None:
    """Agreements in force, each with ten lines, whose controller has a contract."""
    served.with_organisations().contract()
    ctx = served.ctx
    for start in range(0, count, AT_ONCE):
        with ctx.uow.writing() as tx:
            of_state = partial(use_cases.facts_about, tx, at=tx.at, ctx=ctx)
            for number in range(start, min(count, start + AT_ONCE)):
                agreement = facts.active(
                    reference=reference(number),
                    application_id=str(UUID(int=10**9 + number)),
                    end=(facts.START + timedelta(days=90 + 30 * (number % MONTHS))).isoformat(),
                    lines=[facts.line(n, name) for n, name in enumerate(DATA_SETS, start=1)],
                )
                stored = agreement.settle(tx.at, of_state(agreement))
                entry = ctx.entry("seeded", f"agreements/{agreement.reference}", at=tx.at)
                tx.agreements.save(replace(stored, pending=()), audit=entry)
