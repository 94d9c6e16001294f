"""A leased download of 1 GiB through dissemination's door, against a socket that reads and sends.

The file was asked for, permitted, released and is fetched as in life; agreements gives the
lease and renews it. The floor is a process that reads a mebibyte of the same file and sends
it, until all is gone. Both senders have the same core, and the same reader the other one;
the file is in the page cache. Loopback: it is the door that is measured, not a network. Then the
same over TLS, against a sender that gives its mebibytes to OpenSSL on the socket.

    python -m tests.benchmarks.download <file> [<certificate> <key>]    # the floor: says its port
"""

import contextlib
import os
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.ids import new_id
from dsfc_testing.certificates import Authority
from tests.benchmarks.load import encoded
from tests.benchmarks.measure import Result, Turns, turns
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
START_SECONDS_MAX = 60.0


def run(scale: float, scratch: Path) -> list[Result]:
    services = ("applications", "agreements", "dissemination")
    shown = _certificate(scratch)
    with scene(scratch, services) as played:
        file = played.haven.write(max(int(BYTES * scale) // MEBIBYTE, 1))
        size = file.stat().st_size
        path = _released(played)
        played.suite.stop_service("applications")
        pin(played.suite.process("agreements").pid, CLIENT_CORE)
        os.sched_setaffinity(0, {CLIENT_CORE})
        plain = _measured(played, file, path, None)
        played.suite.stop_service("dissemination")
        played.suite.start_service(
            "dissemination",
            TLS_CERTIFICATE_FILE=str(shown.certificate),
            TLS_KEY_FILE=str(shown.key),
        )
        _wait_until_it_listens(played)
        encrypted = _measured(played, file, path, shown)
    return [
        _told("download", 0.7, plain, "raw socket", size),
        _told("download_tls", None, encrypted, "OpenSSL on a socket", size),
    ]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a sender shows over TLS, and whom its reader trusts."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """Turns, and seconds of a core that door and floor took for all of the file."""

    turns: Turns
    door_seconds: float
    floor_seconds: float


def _certificate(scratch: Path) -> Shown:
    place = scratch.absolute()
    shown = Shown(place / "tls.crt", place / "tls.key", place / "ca.crt")
    authority = Authority.new()
    authority.issue(["127.0.0.1"], shown.certificate, shown.key)
    shown.authority.write_bytes(authority.pem)
    return shown


def _measured(played: Scene, file: Path, path: str, shown: Shown | None) -> Measured:
    door = played.suite.process("dissemination").pid
    pin(door, SERVER_CORE)
    port, size = _port(played), file.stat().st_size
    with _sender(file, shown) as (floor, floor_port):

        def leased() -> float:
            token = played.token(CLIENT, "dissemination")
            before = cpu_seconds(door)
            _read(port, encoded("GET", path, token=token), size, shown)
            return cpu_seconds(door) - before

        def raw() -> float:
            before = cpu_seconds(floor)
            _read(floor_port, b"\n", size, shown)
            return cpu_seconds(floor) - before

        found = turns(leased, raw, rounds=ROUNDS)
        spent = [statistics.median(job() for _ in range(3)) for job in (leased, raw)]
    return Measured(found, *spent)


def _told(name: str, goal: float | None, found: Measured, floor: str, size: int) -> Result:
    seconds = (found.turns.contender, found.turns.floor)
    rate, other = (size / statistics.median(each) / 1e6 for each in seconds)
    door_cpu, floor_cpu = (
        each * (1 << 30) / size for each in (found.door_seconds, found.floor_seconds)
    )
    return Result(
        name=name,
        ratio=1 / found.turns.ratio,
        goal=goal,
        better="higher",
        told=f"{size / MEBIBYTE:,.0f} MiB: {rate:,.0f} MB/s, {floor} {other:,.0f} MB/s;"
        f" its time is {found.turns.spread}; CPU of the sender"
        f" {door_cpu:.2f} and {floor_cpu:.2f} s/GiB",
    )


def _port(played: Scene) -> int:
    return int(played.suite.urls["dissemination"].rpartition(":")[2])


def _wait_until_it_listens(played: Scene) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", _port(played))).close()
        except ConnectionError:
            assert time.monotonic() < end, "dissemination did not start over TLS"
            time.sleep(0.2)
        else:
            return


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


def _read(port: int, question: bytes, size: int, shown: Shown | None) -> None:
    """Ask, and read until so many bytes of a body have come; nothing is kept."""
    buffer = memoryview(bytearray(MEBIBYTE))
    with _connected(port, shown) as connection:
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


def _connected(port: int, shown: Shown | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    if shown is None:
        return connection
    context = ssl.create_default_context(cafile=shown.authority)
    return context.wrap_socket(connection, server_hostname="127.0.0.1")


@contextmanager
def _sender(file: Path, shown: Shown | None) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "tests.benchmarks.download", str(file)]
    command += [] if shown is None else [str(shown.certificate), str(shown.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            pin(process.pid, SERVER_CORE)
            yield process.pid, port
        finally:
            process.terminate()


def _send_for_ever(path: Path, *shown: str) -> None:
    buffer = memoryview(bytearray(MEBIBYTE))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if shown else None
    if context is not None:
        context.load_cert_chain(*shown)
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, path.open("rb", buffering=0) as file:
                connection.recv(1)
                with contextlib.suppress(ConnectionError):
                    while count := file.readinto(buffer):
                        connection.sendall(buffer[:count])


if __name__ == "__main__":
    _send_for_ever(Path(sys.argv[1]), *sys.argv[2:])
