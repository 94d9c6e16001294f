"""Which questions are decided together: all that came until the loop had looked (docs/adr/0182)."""

import asyncio
import threading
from contextlib import closing

import pytest

from agreements.decision.use_cases import decider as deciders
from agreements.decision.use_cases.decider import Decider
from services.agreements.tests.reference import asking

SECONDS_MAX = 30
ASK, ANSWER = asking.request(), LookupError("an answer, of whatever kind")


class Decisions:
    """Stands for the transaction: what is decided in it is another test's."""

    def __init__(self):
        self.sizes = []
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self, asks, **_):
        self.sizes.append(len(asks))
        self.begun.set()
        assert self.may_end.wait(SECONDS_MAX)
        return [ANSWER] * len(asks)

    def hold(self):
        self.begun.clear()
        self.may_end.clear()


@pytest.fixture
def decisions(monkeypatch):
    made = Decisions()
    monkeypatch.setattr(deciders, "decide_all", made)
    return made


@pytest.fixture
def decider(decisions):
    made = Decider(logs=None, clock=None)
    yield made
    decisions.may_end.set()
    made.stop()


async def put(decider, times):
    for _ in range(times):
        with pytest.raises(LookupError):
            await decider.ask(ASK)


def test_who_asks_again_at_once_is_decided_with_those_who_came_meanwhile(
    decider, decisions, monkeypatch
):
    monkeypatch.setattr(deciders, "HANDED_OVER_SECONDS_MAX", SECONDS_MAX)

    async def everybody():
        await put(decider, 1)  # the thread runs
        decisions.sizes.clear()
        decisions.hold()
        early = [asyncio.ensure_future(put(decider, 3)) for _ in range(4)]
        await asyncio.to_thread(decisions.begun.wait, SECONDS_MAX)
        late = [asyncio.ensure_future(put(decider, 2)) for _ in range(4)]
        await asyncio.sleep(0)
        decisions.may_end.set()
        await asyncio.gather(*early, *late)

    asyncio.run(everybody())

    assert decisions.sizes == [4, 8, 8]


def asked_in(loop, decider, told):
    """Put a question in a loop that runs no longer afterwards."""
    loop.call_soon(decider.ask_then, ASK, told.append, loop)
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))


def test_a_loop_that_stands_still_keeps_nobody_else_waiting(decider, decisions):
    with closing(asyncio.new_event_loop()) as loop:
        told = []
        asked_in(loop, decider, told)

        with pytest.raises(LookupError):
            decider.ask_and_wait(ASK, timeout_seconds=SECONDS_MAX)

        assert sum(decisions.sizes) == 2
        loop.run_until_complete(asyncio.sleep(0))
        assert told == [ANSWER]


def test_a_loop_that_is_closed_keeps_nobody_else_waiting(decider, decisions):
    decisions.hold()
    with closing(asyncio.new_event_loop()) as loop:
        asked_in(loop, decider, [])
        assert decisions.begun.wait(SECONDS_MAX)
    decisions.may_end.set()

    with pytest.raises(LookupError):
        decider.ask_and_wait(ASK, timeout_seconds=SECONDS_MAX)


def test_a_decider_ends_though_a_loop_has_not_looked(decider, decisions, monkeypatch):
    monkeypatch.setattr(deciders, "HANDED_OVER_SECONDS_MAX", SECONDS_MAX)
    with closing(asyncio.new_event_loop()) as loop:
        asked_in(loop, decider, [])
        assert decisions.begun.wait(SECONDS_MAX)

        decider.stop()

        assert not decider._thread.is_alive()
