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
from pathlib import Path

from common.ids import new_id
from tests.benchmarks import load
from tests.benchmarks.load import Load
from tests.benchmarks.measure import Result
from tests.benchmarks.scene import CLIENT, CLIENT_CORE, SERVER_CORE, Scene, pin, scene

ROUNDS = 7
SECONDS = 4.0
SECONDS_MIN = 0.5
QUESTIONS = 8_000
"""Written before a round; each is put once in a turn, unless it is quicker than that."""
PATH = "/access/v1/evaluation"


def run(scale: float, scratch: Path) -> list[Result]:
    seconds = max(SECONDS * scale, SECONDS_MIN)
    with scene(scratch, ("applications", "agreements")) as played, hello() as floor:
        pin(played.suite.process("agreements").pid, SERVER_CORE)
        # It was needed to get here; now it would only take time from the others.
        played.suite.stop_service("applications")
        port = int(played.suite.urls["agreements"].rpartition(":")[2])
        holding = played.holding()
        asked: dict[str, Callable[[], Load]] = {
            "hello": lambda: ask([load.encoded("GET", "/hello")], floor, lambda _: True),
            "fetch": lambda: ask(fetches(played, holding), port, is_yes),
            "request": lambda: ask(requests(played), port, is_permitted),
        }

        def ask(questions: list[bytes], to: int, accepts: Callable[[bytes], bool]) -> Load:
            return load.put(questions, to, seconds=seconds, accepts=accepts, core=CLIENT_CORE)

        for put in asked.values():
            put()
        rounds = [{name: put() for name, put in asked.items()} for _ in range(ROUNDS)]
    return [result(name, rounds) for name in ("fetch", "request")]


def result(name: str, rounds: list[dict[str, Load]]) -> Result:
    ratios = [turn[name].rate / turn["hello"].rate for turn in rounds]
    told = "; ".join(
        f"{each} {statistics.median(t[each].rate for t in rounds):,.0f}/s, p50"
        f" {statistics.median(t[each].percentile(0.5) for t in rounds):.2f} ms, p99"
        f" {statistics.median(t[each].percentile(0.99) for t in rounds):.2f} ms"
        for each in (name, "hello")
    )
    return Result(
        name="decision" if name == "fetch" else f"decision {name}",
        ratio=statistics.median(ratios),
        goal=0.25,
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


def is_yes(body: bytes) -> bool:
    return body.startswith(b'{"decision":true')


def is_permitted(body: bytes) -> bool:
    return is_yes(body) and b'"permit":"' in body


@contextmanager
def hello() -> Iterator[int]:
    """The floor in a process of its own, on the server's core; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with subprocess.Popen([sys.executable, "-m", "tests.benchmarks.hello", str(port)]) as process:
        try:
            _wait_for(port)
            pin(process.pid, SERVER_CORE)
            yield port
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
