"""A decision over HTTP, written to the disk before it is answered, against a hello.

The real agreements in a process of its own, with its workers and the facts of a real journey;
SQLite commits with synchronous=FULL. `fetch`: may bytes of a released file leave now? `request`:
may this extract be prepared, and if so a signed permit. Each answer is a yes to one question,
logged and audited. A renewal goes on from a first fetch, as a download does every second. Hello is
an `async def` of FastAPI's on the same server code, in a process of its own too. The server has one
core, who asks the other; they take turns.
"""

import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.ids import new_id
from dsfc_testing import postgresql
from dsfc_testing.postgresql import Server
from tests.benchmarks import load
from tests.benchmarks.load import Load
from tests.benchmarks.measure import Result
from tests.benchmarks.scene import CLIENT, CLIENT_CORE, SERVER_CORE, Scene, cpu_seconds, pin, scene

ROUNDS = 7
ROUNDS_BESIDE = 3
"""On PostgreSQL, which is reported, and takes a part of the server's core for itself."""
SECONDS = 4.0
SECONDS_MIN = 0.5
QUESTIONS = 8_000
"""Written before a round; each is put once in a turn, unless it is quicker than that."""
STREAMS = 64
"""As many go on at a time; what one renews twice in a batch would be written once."""
PATH = "/access/v1/evaluation"


def run(scale: float, scratch: Path) -> list[Result]:
    seconds = max(SECONDS * scale, SECONDS_MIN)
    with hello() as floor:
        rounds = measured(scratch / "sqlite", floor, seconds, ROUNDS)
        with postgresql.server() as server:
            beside = measured(scratch / "postgresql", floor, seconds, ROUNDS_BESIDE, server)
    return [
        against_hello("decision", "fetch", rounds, goal=0.5),
        against_hello("decision request", "request", rounds, goal=0.25),
        renewal(rounds),
        *(longest(name, rounds) for name in ("fetch", "request")),
        against_hello("decision postgresql", "fetch", beside),
        against_hello("decision request postgresql", "request", beside),
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    load: Load
    cpu_seconds: float
    """Of the server, an answer."""


Round = dict[str, Asked]


def measured(
    directory: Path, floor: "Floor", seconds: float, rounds: int, server: Server | None = None
) -> list[Round]:
    """Let hello and each question take turns, on a service of their own."""
    with scene(directory, ("applications", "agreements"), server) as played:
        service = played.suite.process("agreements").pid
        pin(service, SERVER_CORE)
        # It was needed to get here; now it would only take time from the others.
        played.suite.stop_service("applications")
        port = int(played.suite.urls["agreements"].rpartition(":")[2])
        holding = played.holding()
        servers = {
            "hello": floor.process,
            **dict.fromkeys(("fetch", "renewal", "request"), service),
        }

        def ask(name: str) -> Asked:
            match name:
                case "hello":
                    questions, to, accepts = [load.encoded("GET", "/hello")], floor.port, is_any
                case "fetch":
                    questions, to, accepts = fetches(played, holding), port, is_yes
                case "renewal":
                    questions, to, accepts = renewals(played, holding), port, is_yes
                case _:
                    questions, to, accepts = requests(played), port, is_permitted
            before = cpu_seconds(servers[name])
            found = load.put(questions, to, seconds=seconds, accepts=accepts, core=CLIENT_CORE)
            return Asked(found, (cpu_seconds(servers[name]) - before) / found.answers)

        for name in servers:
            ask(name)
        return [{name: ask(name) for name in servers} for _ in range(rounds)]


def against_hello(name: str, asked: str, rounds: list[Round], goal: float | None = None) -> Result:
    """How many answers there are for each hello, by the clock; by the core in the text."""
    ratios = [turn[asked].load.rate / turn["hello"].load.rate for turn in rounds]
    of_cores = [turn["hello"].cpu_seconds / turn[asked].cpu_seconds for turn in rounds]
    return Result(
        name=name,
        ratio=statistics.median(ratios),
        goal=goal,
        better="higher",
        told=f"{load.CONNECTIONS} connections: {told(asked, rounds)}; {told('hello', rounds)};"
        f" {min(ratios):.2f} to {max(ratios):.2f} in {len(rounds)} rounds,"
        f" by CPU {statistics.median(of_cores):.2f}",
    )


def renewal(rounds: list[Round]) -> Result:
    """How much of a first fetch it costs to go on, by CPU."""
    shares = [turn["renewal"].cpu_seconds / turn["fetch"].cpu_seconds for turn in rounds]
    return Result(
        name="decision renewal",
        ratio=statistics.median(shares),
        goal=1.0,
        better="lower",
        told=f"{told('renewal', rounds)}; {told('fetch', rounds)}",
    )


def longest(asked: str, rounds: list[Round]) -> Result:
    """How much longer than usual one in a hundred waits."""
    waits = [turn[asked].load for turn in rounds]
    return Result(
        name=f"decision {asked} p99 by p50",
        ratio=statistics.median(one.percentile(0.99) / one.percentile(0.5) for one in waits),
        goal=10,
        better="lower",
        told=told(asked, rounds),
    )


def told(asked: str, rounds: list[Round]) -> str:
    def median(of: Callable[[Asked], float]) -> float:
        return statistics.median(of(turn[asked]) for turn in rounds)

    return (
        f"{asked} {median(lambda a: a.load.rate):,.0f}/s,"
        f" p50 {median(lambda a: a.load.percentile(0.5)):.2f} ms,"
        f" p99 {median(lambda a: a.load.percentile(0.99)):.2f} ms,"
        f" CPU {1000 * median(lambda a: a.cpu_seconds):.3f} ms"
    )


def fetches(played: Scene, holding: str) -> list[bytes]:
    """May bytes of this file leave now? Each for a delivery of its own."""
    own = played.token("dissemination", "agreements")
    question = fetch(played, holding)
    return [
        load.encoded(
            "POST",
            PATH,
            token=own,
            body=json.dumps(question | {"context": {"delivery_id": str(new_id())}}).encode(),
        )
        for _ in range(QUESTIONS)
    ]


def renewals(played: Scene, holding: str) -> list[bytes]:
    """May they still? Each goes on from a first fetch of its own, as streams do every second."""
    own = played.token("dissemination", "agreements")
    asks = played.stage.actor("dissemination").agreements
    question = fetch(played, holding)
    contexts = [{"delivery_id": str(new_id())} for _ in range(STREAMS)]
    begun = [asks.evaluate(question | {"context": one})["context"]["id"] for one in contexts]
    return [
        load.encoded(
            "POST",
            PATH,
            token=own,
            body=json.dumps(question | {"context": one | {"renews": first}}).encode(),
        )
        for one, first in zip(contexts, begun, strict=True)
    ]


def fetch(played: Scene, holding: str) -> dict[str, Any]:
    evidence = played.token(CLIENT, "dissemination")
    return {
        "subject": {"type": "client", "id": CLIENT, "properties": {"token": evidence}},
        "action": {"name": "fetch"},
        "resource": {"type": "holding", "id": holding},
    }


def requests(played: Scene) -> list[bytes]:
    """May this extract be prepared? Each for an extract of its own."""
    own = played.token("dissemination", "agreements")
    evidence = played.token(CLIENT, "dissemination")
    return [
        load.encoded("POST", PATH, token=own, body=json.dumps(played.question(evidence)).encode())
        for _ in range(QUESTIONS)
    ]


def is_any(body: bytes) -> bool:
    return bool(body)


def is_yes(body: bytes) -> bool:
    return body.startswith(b'{"decision":true')


def is_permitted(body: bytes) -> bool:
    return is_yes(body) and b'"permit":"' in body


@dataclass(frozen=True, slots=True)
class Floor:
    process: int
    port: int


@contextmanager
def hello() -> Iterator[Floor]:
    """The floor in a process of its own, on the server's core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with subprocess.Popen([sys.executable, "-m", "tests.benchmarks.hello", str(port)]) as process:
        try:
            _wait_for(port)
            pin(process.pid, SERVER_CORE)
            yield Floor(process.pid, port)
        finally:
            process.terminate()


def _wait_for(port: int, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except ConnectionRefusedError:
            assert time.monotonic() < end, "hello did not start"
            time.sleep(0.05)
