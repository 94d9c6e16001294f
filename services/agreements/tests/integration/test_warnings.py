"""Warnings of what lapses, and that it did: each once, by two processes, whatever the clock did."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlmodel import Session

from agreements import main
from agreements.records.adapters.workers import Announcer
from agreements.records.domain.oversight.lapses import OVER, LapseKind
from common.clock import legal_day
from common.db import outbox
from common.security.roles import Role
from services.agreements.tests.facts import NOW, contract, new_id
from services.agreements.tests.reference.seeding import SEALER
from services.agreements.tests.service import settings

STEPS = (7, 30, 90)
DAYS_LEFT = (3, 7, 8, 29, 31, 61, 95, 118)
JUMPS = (1, 1, 2, 6, 9, 24, 31, 45)
TOLD_FOR = 90

pytestmark = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)


@pytest.fixture
def replicas(migrated, clock, tmp_path):
    """Two processes of the service on one database."""
    url = migrated("agreements").url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        contexts = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            parts = main.Parts(settings(url, tmp_path / name), clock)
            vars(parts)["sealer"] = SEALER  # replicas of one service have one key
            stack.callback(parts.close)
            contexts.append(parts.context(Role.SYSTEM_CLOCK))
        yield contexts


def ending(ctx):
    """Contracts of as many organisations, each with its last day."""
    today = legal_day(NOW)
    made = [
        replace(
            contract(),
            id=new_id(),
            reference=f"CON-{100_000 + left}-A1B2C",
            organisation=f"Q{left:03d}",
            valid_to=today + timedelta(days=left),
            version=0,
        )
        for left in DAYS_LEFT
    ]
    with ctx.uow.writing() as tx:
        entry = ctx.entry("contract-issued", "contracts", at=tx.at)
        tx.contracts.save(*made, audit=entry)
    return {one.reference: one.valid_to for one in made}


def at_once(announcers):
    barrier = threading.Barrier(len(announcers))

    def turn(announcer):
        barrier.wait(60)
        announcer.turn()

    threads = [threading.Thread(target=turn, args=(one,)) for one in announcers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for one in announcers:  # whoever gave way to the other looks again
        one.turn()


def given(ctx):
    with ctx.uow.reading() as tx:
        found = [one for one in tx.lapse_warnings.find() if one.kind is LapseKind.CONTRACT]
    return sorted((one.reference, one.days) for one in found)


def told(ctx):
    with Session(ctx.uow._inner.engine) as session:
        events = [pending.event for pending in outbox.pending(session, 1_000)]
    return sorted(
        (event.data["reference"], event.data["days"])
        for event in events
        if event.type == "agreements.lapse-ahead.v1"
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_two_processes_warn_once_of_each_step_that_is_reached_however_the_clock_jumps(
    replicas, clock, seed
):
    random, ends = Random(seed), ending(replicas[0])
    announcers = [Announcer(ctx, every_seconds=1) for ctx in replicas]
    expected = []

    for jump in random.sample(JUMPS, k=5):
        clock.advance(timedelta(days=jump))
        if random.random() < 0.3:  # one of them was down, and starts anew
            announcers[random.randrange(2)] = Announcer(replicas[0], every_seconds=1)
        at_once(announcers)
        today = legal_day(clock.now())
        for reference, last in ends.items():
            left = (last - today).days
            step = next((days for days in STEPS if 0 <= left <= days), None)
            if -TOLD_FOR <= left < 0:
                step = OVER
            narrower = [days for known, days in expected if known == reference]
            if step is not None and step < min(narrower, default=1_000):
                expected.append((reference, step))
        assert given(replicas[0]) == sorted(expected)

    assert told(replicas[0]) == sorted(expected)
    assert expected


def test_one_process_that_was_down_over_a_step_gives_the_one_that_is_still_true(replicas, clock):
    """A week in which both were down: the thirtieth day has passed, and is said on the next."""
    ends = ending(replicas[0])
    late = next(
        reference for reference, last in ends.items() if last == legal_day(NOW) + timedelta(31)
    )
    clock.advance(timedelta(days=7))

    at_once([Announcer(ctx, every_seconds=1) for ctx in replicas])

    assert [days for reference, days in given(replicas[0]) if reference == late] == [30]
