"""A leased download of 1 GiB through dissemination's door, against a socket that reads and sends.

The file was asked for, permitted, released and is fetched as in life; agreements gives the
lease and renews it. The floor is a process that reads a mebibyte of the same file and sends
it, until all is gone. Both senders have the same core, and the same reader the other one;
the file is in the page cache. Loopback, no TLS: it is the door that is measured, not a network.

    python -m tests.benchmarks.download <file>      # the floor: says its port, serves for ever
"""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.ids import new_id
from tests.benchmarks.load import encoded
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.scene import (
    CLIENT,
    CLIENT_CORE,
    MEBIBYTE,
    SERVER_CORE,
    Scene,
    cpu_seconds,
    pin,
    scene,
)

BYTES = 1 << 30
ROUNDS = 5
RELEASE_SECONDS_MAX = 300.0


def run(scale: float, scratch: Path) -> list[Result]:
    services = ("applications", "agreements", "dissemination")
    with scene(scratch, services) as played:
        file = played.haven.write(max(int(BYTES * scale) // MEBIBYTE, 1))
        size = file.stat().st_size
        path = _released(played)
        played.suite.stop_service("applications")
        door = played.suite.process("dissemination").pid
        pin(door, SERVER_CORE)
        pin(played.suite.process("agreements").pid, CLIENT_CORE)
        os.sched_setaffinity(0, {CLIENT_CORE})
        port = int(played.suite.urls["dissemination"].rpartition(":")[2])
        with _sender(file) as (floor, floor_port):

            def leased() -> float:
                token = played.token(CLIENT, "dissemination")
                before = cpu_seconds(door)
                _read(port, encoded("GET", path, token=token), size)
                return cpu_seconds(door) - before

            def raw() -> float:
                before = cpu_seconds(floor)
                _read(floor_port, b"\n", size)
                return cpu_seconds(floor) - before

            found = turns(leased, raw, rounds=ROUNDS)
            spent = [statistics.median(job() for _ in range(3)) for job in (leased, raw)]
    rate, plain = (size / statistics.median(s) / 1e6 for s in (found.contender, found.floor))
    return [
        Result(
            name="download",
            ratio=1 / found.ratio,
            goal=0.7,
            better="higher",
            told=f"{size / MEBIBYTE:,.0f} MiB: {rate:,.0f} MB/s, raw socket {plain:,.0f} MB/s;"
            f" its time is {found.spread}; CPU of the sender"
            f" {spent[0] * (1 << 30) / size:.2f} and {spent[1] * (1 << 30) / size:.2f} s/GiB",
        )
    ]


def _released(played: Scene) -> str:
    """Ask for the file, wait until it is released; return the path of its content."""
    csu = played.stage.actor(CLIENT).dissemination
    wanted = played.wanted(new_id())
    del wanted["extract_id"]
    extract = csu.request(wanted)
    done = csu.wait(extract.id, timeout_seconds=RELEASE_SECONDS_MAX)
    assert done.state.upper() == "RELEASED", done
    [file] = csu.get(f"/v1/extracts/{extract.id}/files")["items"]
    return f"/v1/files/{file['id']}/content"


def _read(port: int, question: bytes, size: int) -> None:
    """Ask, and read until so many bytes of a body have come; nothing is kept."""
    buffer = memoryview(bytearray(MEBIBYTE))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(question)
        received = 0
        if question != b"\n":
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200"), head
            received = len(head) - head.index(b"\r\n\r\n") - 4
        while received < size:
            count = connection.recv_into(buffer)
            assert count, f"it ended after {received} of {size} bytes"
            received += count


@contextmanager
def _sender(file: Path) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "tests.benchmarks.download", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            pin(process.pid, SERVER_CORE)
            yield process.pid, port
        finally:
            process.terminate()


def _send_for_ever(path: Path) -> None:
    buffer = memoryview(bytearray(MEBIBYTE))
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            with connection, path.open("rb", buffering=0) as file:
                connection.recv(1)
                with contextlib.suppress(ConnectionError):
                    while count := file.readinto(buffer):
                        connection.sendall(buffer[:count])


if __name__ == "__main__":
    _send_for_ever(Path(sys.argv[1]))
