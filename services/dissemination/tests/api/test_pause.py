"""A pause is a pause at every speed, and S1 holds all the same (docs/adr/0019, 0025).

What is injected: agreements away, a loop that is held, a process that is stopped and continued, a
kernel that keeps the last bytes. Each test names the guard that it fails without.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from common.clock import boottime
from common.ids import digest
from dissemination.api.stream import leased_connection, leased_response
from dissemination.api.stream.kernel import Kernel
from services.dissemination.tests.api.test_leased_response import in_own_kernel

MIB = 1_048_576
TICK_SECONDS = 0.02
RECEIVE_BYTES = MIB
AWAY_SECONDS = 2.5
BUSY_PER_CORE = 10
RENEWALS = 5

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", params=["plain", pytest.param("tls", marks=pytest.mark.long)])
def is_encrypted(request):
    return request.param == "tls"


class Paced(threading.Thread):
    """A client that takes so many bytes a second, until it is told to take all."""

    def __init__(self, client, bytes_per_second):
        super().__init__(daemon=True)
        self.client = client
        self.bytes_per_tick = max(int(bytes_per_second * TICK_SECONDS), 1)
        self.hurry = threading.Event()
        self.error = None

    def run(self):
        try:
            while self._take(65_536 if self.hurry.is_set() else self.bytes_per_tick):
                self.hurry.wait(TICK_SECONDS)
        except OSError as error:
            self.error = error

    def _take(self, most):
        length = int(self._header("content-length"))
        if len(self.client.body) >= length:
            return False
        got = self.client.sock.recv(most)
        self.client.body += got
        return bool(got)

    def _header(self, name):
        lines = self.client.head.decode().lower().split("\r\n")
        return next(line.split(":")[1] for line in lines if line.startswith(name))

    def received(self):
        """All that has come over the network."""
        return self.client.sock.received()


def paced(house, download, file, *speeds):
    """Clients at these speeds, whose buffers are full: from now on only their pace counts."""
    clients = []
    for speed in speeds:
        client = download(house, file["id"], receive_bytes=RECEIVE_BYTES)
        client.read_head()
        clients.append(Paced(client, speed))
        clients[-1].start()
    return clients


def is_full(client):
    return in_own_kernel(client.client.sock) > RECEIVE_BYTES // 2


def test_no_client_is_cut_while_agreements_is_away_however_slow_it_is(
    house, download, until, monkeypatch
):
    """Guards: `Kernel.window` in `LeasedConnection._opened`, `LeasedConnection.hand_over` in
    place of a buffer."""
    # Where this machine is busy agreements is away for longer than this test means it to be.
    monkeypatch.setattr(leased_connection, "STALLED_SECONDS", 30.0)
    file = house.big(8 * MIB)
    clients = paced(house, download, file, 20_000, 60_000, 350_000, 1_000_000)
    until(lambda: all(is_full(client) for client in clients))

    house.agreements.broken = 503
    away = boottime()
    until(lambda: boottime() > away + house.agreements.lease_seconds + 0.2)
    at_the_end_of_the_lease = [client.received() for client in clients]
    until(lambda: boottime() > away + AWAY_SECONDS)
    when_it_comes_back = [client.received() for client in clients]
    house.agreements.broken = None
    for client in clients:
        client.hurry.set()
    for client in clients:
        client.join(60)

    assert [client.error for client in clients] == [None] * len(clients)
    assert {digest(client.client.body) for client in clients} == {file["digest"]}
    assert when_it_comes_back == at_the_end_of_the_lease  # S1: nothing lay in our kernel
    until(lambda: {d["outcome"] for d in house.deliveries(file)} == {"complete"})


@pytest.fixture
def streams(monkeypatch):
    """The leased connections of streams as they begin."""
    found = []

    class Known(leased_response.LeasedConnection):
        def __init__(self, *given):
            super().__init__(*given)
            found.append(self)

    monkeypatch.setattr(leased_response, "LeasedConnection", Known)
    return found


def test_a_loop_that_is_held_over_the_end_of_the_lease_lets_no_byte_pass(
    house, download, until, streams
):
    """Guard: no buffer of the transport, which the loop would empty before any timer fires."""
    file = house.big(8 * MIB)
    (client,) = paced(house, download, file, 350_000)
    until(lambda: is_full(client))
    held, go_on = threading.Event(), threading.Event()

    def hold():
        held.set()
        go_on.wait(60)

    streams[0]._loop.call_soon_threadsafe(hold)
    assert held.wait(30)
    house.agreements.refuse("fetch", "BREACH_OPEN")
    end = boottime() + house.agreements.lease_seconds + 0.2
    until(lambda: boottime() > end)
    received = client.received()
    go_on.set()
    client.join(60)

    assert house.ended(file)["code"] == "BREACH_OPEN"
    assert len(client.client.body) <= received < file["bytes"]
    assert isinstance(client.error, ConnectionResetError)


def test_a_held_loop_alone_cuts_nobody(house, download, until, streams):
    file = house.big(6 * MIB)
    (client,) = paced(house, download, file, 350_000)
    until(lambda: is_full(client))

    streams[0]._loop.call_soon_threadsafe(time.sleep, 2 * house.agreements.lease_seconds)
    client.hurry.set()
    client.join(60)

    assert client.error is None
    assert digest(client.client.body) == file["digest"]


def test_the_end_of_a_stream_is_under_its_lease(house, download, until, monkeypatch):
    """Guard: `LeasedConnection.finished`. What is unsent at the end can still be withheld."""
    taken = threading.Event()
    take, unsent = Kernel.take, Kernel.unsent

    def keep(kernel, data):
        taken.set()
        return take(kernel, data)

    monkeypatch.setattr(Kernel, "take", keep)
    monkeypatch.setattr(Kernel, "unsent", lambda k: 1 if taken.is_set() else unsent(k))
    file = house.big(1000)
    client = download(house, file["id"])
    client.read_head()
    assert taken.wait(30)

    asked = house.agreements.count("fetch", file)
    until(lambda: house.agreements.count("fetch", file) > asked)  # its lease is kept up
    assert house.deliveries(file)[0]["outcome"] == "under_way"
    house.agreements.refuse("fetch", "BREACH_OPEN")

    ended = house.ended(file)
    assert (ended["outcome"], ended["code"]) == ("cut", "BREACH_OPEN")
    assert client.read_until_reset()


def test_a_client_without_a_lease_that_takes_nothing_at_all_is_cut(house, download, until):
    """Guard: `LeasedConnection._judge_stall`. Nothing is unsent, so the timer has nothing to
    withhold."""
    file = house.big(8 * MIB)
    client = download(house, file["id"], receive_bytes=4096)
    client.read_head()
    client.read(1000)

    house.agreements.broken = 503

    assert house.ended(file)["code"] == "LEASE_ENDED"
    assert client.read_until_reset()


STREAM = """
import asyncio, sys
sys.path[:0] = {path!r}
from uuid import UUID
from common.clock import boottime
from dissemination.api.stream.leased_response import Limits, StreamClosed, LeasedConnection
from dissemination.domain.lease import Lease
from services.dissemination.tests.integration.test_leased_connection import Served

async def main():
    served = asyncio.get_running_loop().create_future()

    class Once(Served):
        def connection_made(self, transport):
            super().connection_made(transport)
            served.set_result(self)

    server = await asyncio.get_running_loop().create_server(Once, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    connection = await served
    lease = Lease(decision_id=UUID(int=1), asked_at=boottime(), seconds={seconds})
    leased = LeasedConnection(connection, lease, Limits(pause_seconds_max=60, stall_seconds_max=60))
    block = memoryview(bytes(1 << 20))
    while True:
        leased.hand_over(block[: await leased.room()])

asyncio.run(main())
"""


@pytest.mark.parametrize("stopped_after", [0.2, 0.9])
def test_a_process_that_is_stopped_and_continued_after_its_lease_sends_no_more(
    stopped_after, until
):
    """Guard: `LeasedConnection.hand_over` looks at a timer that goes on while the process stands
    still."""
    seconds = 1.0
    program = STREAM.format(path=sys.path, seconds=seconds)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as sock:
            got = len(sock.recv(65_536))
            began = boottime()  # its lease is older
            while boottime() < began + stopped_after:
                if select.select([sock], [], [], 0.05)[0]:
                    got += len(sock.recv(65_536))
            os.kill(process.pid, signal.SIGSTOP)
            until(lambda: boottime() > began + 2 * seconds)
            before = in_own_kernel(sock)
            os.kill(process.pid, signal.SIGCONT)
            after = 0
            while select.select([sock], [], [], 1.0)[0]:
                after += len(sock.recv(65_536))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert got > 0
    assert after == before  # what the client's own kernel held, and not a byte more


def test_a_client_that_offers_less_than_at_first_goes_on_getting_what_it_has_room_for(
    house, download
):
    """Guard: `SETTLED_SECONDS`. A small buffer is never as empty again as it first seemed."""
    file = house.big(MIB)
    for first_bytes in (1, 30_000, 200_000):
        client = download(house, file["id"], receive_bytes=32_768)
        client.read_head()
        client.sock.settimeout(20)  # it must not stand still for so long
        client.read(first_bytes)
        threading.Event().wait(0.3)
        while len(client.body) < file["bytes"]:
            client.read(len(client.body) + 1)

        assert digest(client.body) == file["digest"]


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"GET /livez HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
STRANGERS = {
    "headers without end, long lines, thousands of requests, tiny chunks": (
        (b"GET / HTTP/1.1\r\nX-Endless: ", b"a" * 65_536),
        (b"POST / HTTP/1.1\r\n" + CHUNKED, b"1\r\n \r\n" * 10_000),
        (b"", b"GET / HTTP/1.1\r\n\r\n" * 1_000),
        (b"GET /", b"a" * 65_536),
    ),
    "bodies that nobody reads, behind upgrades, trailers, another protocol": (
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", b"a" * 65_536),
        (UPGRADE + CHUNKED, b"1\r\n \r\n" * 10_000),
        (b"POST / HTTP/1.1\r\n" + CHUNKED + b"2\r\n[]\r\n0\r\n", b"X-Again: again\r\n" * 4_096),
        (bytes.fromhex("1603010200010001fc0303"), bytes(65_536)),
    ),
}


@pytest.mark.parametrize("strangers", STRANGERS)
def test_greedy_and_slow_strangers_hold_up_no_leased_stream(
    house, download, until, streams, strangers
):
    """Guard: `common.web.connections`. Leases are renewed and no byte is late meanwhile."""
    file = house.big(4 * MIB)
    (client,) = paced(house, download, file, 400_000)
    host, _, port = house.url.partition("://")[2].partition(":")
    stop = threading.Event()

    def stranger(first, more):
        while not stop.is_set():
            try:
                with socket.create_connection((host, int(port)), timeout=5) as sock:
                    sock.sendall(first)
                    while not stop.is_set():
                        sock.sendall(more)
            except OSError:
                stop.wait(0.02)  # it was refused, as it should be

    threads = [
        threading.Thread(target=stranger, args=one, daemon=True) for one in STRANGERS[strangers]
    ]
    for thread in threads:
        thread.start()
    fresh = set()

    def renewed():
        lease = streams[0].lease
        if lease.is_fresh(boottime()):
            fresh.add(lease.decision_id)
        return len(fresh) > RENEWALS

    try:
        until(renewed)
    finally:
        stop.set()
        client.hurry.set()
        for thread in threads:
            thread.join(30)
        client.join(60)

    assert client.error is None
    assert digest(client.client.body) == file["digest"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_under_ten_times_the_load_of_its_cores_no_paced_stream_is_cut(house, download, until):
    """Guard: nothing that is late cuts: not a renewal, not a timer, not a write."""
    file = house.big(12 * MIB)
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(BUSY_PER_CORE * (os.cpu_count() or 1))
    ]
    try:
        clients = paced(house, download, file, 60_000, 1_000_000, 1_000_000)
        end = boottime() + 15
        until(lambda: boottime() > end)
        for client in clients:
            client.hurry.set()
        end = boottime() + 15
        until(lambda: boottime() > end or not any(client.is_alive() for client in clients))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    for client in clients:
        client.join(90)  # where leases came too late to be used the rest comes now

    ended = [(d["outcome"], d["code"], d["bytes"]) for d in house.deliveries(file)]
    assert [client.error for client in clients] == [None] * len(clients), ended
    assert {digest(client.client.body) for client in clients} == {file["digest"]}, ended
