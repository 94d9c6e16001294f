"""Files that are made with opt-out lists, released and fetched, by replicas on one database."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.seals.chain import Sealer
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Request
from agreements.decision.use_cases import dry_run
from agreements.decision.use_cases.asking import Answer, Ask, AskFetch, AskRelease, AskRequest
from agreements.decision.use_cases.decider import Decider
from agreements.decision.use_cases.ports import DecisionLogs
from common.clock import Clock
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed


class Rehearsing(Decider):
    """Asks dry first, and holds the answer against that of the act: the same codes, or a yes.

    For tests in which nobody else asks meanwhile.
    """

    def __init__(self, logs: DecisionLogs, clock: Clock) -> None:
        super().__init__(logs, clock)
        self._outside = logs, clock

    def ask_and_wait(self, ask: Ask, *, timeout_seconds: float = 30) -> Answer:
        dry = self._dry(ask)
        answer = super().ask_and_wait(ask, timeout_seconds=timeout_seconds)
        if dry is not None:
            assert (dry.permitted, dry.refusals) == (answer.permitted, answer.refusals)
            assert (dry.preview is None) == (answer.permit is None or not beside(answer.permit))
            if dry.preview is not None and answer.permit is not None:
                assert without_ids(dry.preview) == without_ids(answer.permit)
        return answer

    def _dry(self, ask: Ask) -> dry_run.DryAnswer | None:
        logs, clock = self._outside
        match ask:
            case AskRequest(evidence=proof) if proof is not None and not ask.places_order:
                question = Request(asker=proof.asker, request=ask.request, landed=ask.landed)
                return dry_run.request(question, logs=logs, clock=clock, extract_id=ask.extract_id)
            case AskFetch(evidence=proof) if proof is not None and ask.renews is None:
                return dry_run.fetch(ask.holding_id, proof.asker, logs=logs, clock=clock)
        return None


def beside(permit: GivenPermit) -> bool:
    """Say whether it names anything that could make its preparation wait."""
    return bool(permit.said.held_beside)


def without_ids(permit: GivenPermit) -> dict[str, Any]:
    own = {"jti", "decision_id", "epoch"}
    return {name: value for name, value in permit.said.claims().items() if name not in own}


@contextmanager
def replicas(
    engine: Engine, clock: Clock, sealer: Sealer = SEALER
) -> Iterator[Callable[..., Decider]]:
    """Replicas over an agreement whose line upholds opt-outs."""
    world = on_the_catalogue(plain.sound())
    world["listed"] = []  # of no matter here, and unknown to the versions that some go back to
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][0]["opt_out"] = {"applied": True, "reason": None}
    seed(engine, world, sealer=sealer)
    running: list[Decider] = []

    def start(kind: type[Decider] = Decider) -> Decider:
        running.append(kind(SqlDecisionLogs(engine, sealer), clock))
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
