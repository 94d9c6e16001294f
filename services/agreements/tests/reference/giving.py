"""Files that are made with opt-out lists, released and fetched, by replicas on one database."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.seals.chain import Sealer
from agreements.decision.use_cases.asking import Answer, AskRelease
from agreements.decision.use_cases.decider import Decider
from common.clock import Clock
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed


@contextmanager
def replicas(
    engine: Engine, clock: Clock, sealer: Sealer = SEALER
) -> Iterator[Callable[[], Decider]]:
    """Replicas over an agreement whose line upholds opt-outs."""
    world = on_the_catalogue(plain.sound())
    world["listed"] = []  # of no matter here, and unknown to the versions that some go back to
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][0]["opt_out"] = {"applied": True, "reason": None}
    seed(engine, world, sealer=sealer)
    running: list[Decider] = []

    def start() -> Decider:
        running.append(Decider(SqlDecisionLogs(engine, sealer), clock))
        return running[-1]

    yield start
    for replica in running:
        replica.stop()


def prepared(
    decider: Decider,
    made_with: str,
    *,
    editions: Sequence[str] = ("edition-1",),
    periods: Sequence[str] | None = None,
    standing_beside: Sequence[dict[str, str]] = (),
    **opt_out: Any,
) -> AskRelease:
    """A file that the haven made with a list, under a permit of its own.

    `standing_beside`: editions of others beside which its records lost or gained nobody.
    """
    asked = asking.request() if periods is None else asking.request(periods=periods)
    permit = decider.ask_and_wait(asked).permit
    assert permit is not None
    said = asking.attested(permit, editions=[asking.edition(id_) for id_ in editions])
    said["opt_out"] |= {"list_id": made_with, "list_date": "2018-06-01"} | opt_out
    if standing_beside:
        said["standing_beside"] = list(standing_beside)
    return asking.release(said)


def give(decider: Decider, made_with: str, **how: Any) -> Answer:
    return decider.ask_and_wait(prepared(decider, made_with, **how))


def fetched(decider: Decider, released: Answer, **changes: Any) -> Answer:
    return decider.ask_and_wait(asking.fetch(released.holding_id, **changes))


def codes(answer: Answer) -> Collection[tuple[str, str | None]]:
    return {(r.code, r.subject) for r in answer.refusals}
