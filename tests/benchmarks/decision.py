"""A decision over HTTP, written to the disk before it is answered, against a hello.

The real agreements in a process of its own, with its workers and the facts of a real journey;
SQLite commits with synchronous=FULL. `fetch`: may bytes of a released file leave now? `request`:
may this extract be prepared, and if so a signed permit. Each answer is a yes to one question,
logged and audited. Hello is an `async def` of FastAPI's on the same server code, in a process
of its own too. The server has one core, who asks the other; they take turns.
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

from common.ids import new_id
from tests.benchmarks import load
from tests.benchmarks.load import Load
from tests.benchmarks.measure import Result
from tests.benchmarks.scene import CLIENT, CLIENT_CORE, SERVER_CORE, Scene, cpu_seconds, pin, scene

ROUNDS = 7
SECONDS = 4.0
SECONDS_MIN = 0.5
QUESTIONS = 8_000
"""Written before a round; each is put once in a turn, unless it is quicker than that."""
PATH = "/access/v1/evaluation"


def run(scale: float, scratch: Path) -> list[Result]:
    seconds = max(SECONDS * scale, SECONDS_MIN)
    with scene(scratch, ("applications", "agreements")) as played, hello() as floor:
        service = played.suite.process("agreements").pid
        pin(service, SERVER_CORE)
        # It was needed to get here; now it would only take time from the others.
        played.suite.stop_service("applications")
        port = int(played.suite.urls["agreements"].rpartition(":")[2])
        holding = played.holding()
        servers = {"hello": floor.process, "fetch": service, "request": service}

        def ask(name: str) -> Asked:
            match name:
                case "hello":
                    questions, to, accepts = [load.encoded("GET", "/hello")], floor.port, is_any
                case "fetch":
                    questions, to, accepts = fetches(played, holding), port, is_yes
                case _:
                    questions, to, accepts = requests(played), port, is_permitted
            before = cpu_seconds(servers[name])
            found = load.put(questions, to, seconds=seconds, accepts=accepts, core=CLIENT_CORE)
            return Asked(found, (cpu_seconds(servers[name]) - before) / found.answers)

        for name in servers:
            ask(name)
        rounds = [{name: ask(name) for name in servers} for _ in range(ROUNDS)]
    return [result(name, rounds) for name in ("fetch", "request")]


@dataclass(frozen=True, slots=True)
class Asked:
    load: Load
    cpu_seconds: float
    """Of the server, an answer."""


def result(name: str, rounds: list[dict[str, Asked]]) -> Result:
    ratios = [turn[name].load.rate / turn["hello"].load.rate for turn in rounds]

    def median(of: Callable[[Asked], float], each: str) -> float:
        return statistics.median(of(turn[each]) for turn in rounds)

    told = "; ".join(
        f"{each} {median(lambda a: a.load.rate, each):,.0f}/s,"
        f" p50 {median(lambda a: a.load.percentile(0.5), each):.2f} ms,"
        f" p99 {median(lambda a: a.load.percentile(0.99), each):.2f} ms,"
        f" CPU {1000 * median(lambda a: a.cpu_seconds, each):.3f} ms"
        for each in (name, "hello")
    )
    return Result(
        name="decision" if name == "fetch" else f"decision {name}",
        ratio=statistics.median(ratios),
        goal=0.25 if name == "fetch" else None,  # the other one is a signature more
        better="higher",
        told=f"{load.CONNECTIONS} connections: {told};"
        f" {min(ratios):.2f} to {max(ratios):.2f} in {len(rounds)} rounds",
    )


def fetches(played: Scene, holding: str) -> list[bytes]:
    """May bytes of this file leave now? Each for a delivery of its own."""
    own = played.token("dissemination", "agreements")
    evidence = played.token(CLIENT, "dissemination")
    question = {
        "subject": {"type": "client", "id": CLIENT, "properties": {"token": evidence}},
        "action": {"name": "fetch"},
        "resource": {"type": "holding", "id": holding},
    }
    return [
        load.encoded(
            "POST",
            PATH,
            token=own,
            body=json.dumps(question | {"context": {"delivery_id": str(new_id())}}).encode(),
        )
        for _ in range(QUESTIONS)
    ]


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
