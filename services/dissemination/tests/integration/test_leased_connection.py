"""A leased connection alone, on a real connection whose other end does not read.

Each test names the guard that it is about; without it the test fails.
"""

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from common.clock import boottime
from common.tls.files import served
from common.tls.transport import TlsProtocol
from dissemination.api.stream import leased_connection, patience
from dissemination.api.stream.leased_response import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MIN,
    EXTENSION,
    LeasedConnection,
    Limits,
    StreamClosed,
    connection_of,
)
from dissemination.domain.errors import StreamNotControlled
from dissemination.domain.lease import Lease
from dsfc_testing.certificates import Authority
from services.dissemination.tests.recipient import Encrypted, Network

LONG, SHORT = 3600.0, 0.05
LIMITS = Limits(pause_seconds_max=30, stall_seconds_max=30)
MORE_THAN_A_KERNEL_TAKES = bytes(64 * 1024 * 1024)
DEADLINE_SECONDS = 20


class Served(asyncio.Protocol):
    """Flow control as uvicorn's protocol has it."""

    at_loss = None

    def connection_made(self, transport):
        self.transport = transport
        self.flow = FlowControl(transport)

    def connection_lost(self, exc):
        if self.at_loss is not None:
            self.at_loss()
        self.flow.resume_writing()

    def pause_writing(self):
        self.flow.pause_writing()

    def resume_writing(self):
        self.flow.resume_writing()


@dataclass
class Ends:
    connection: Served
    peer: socket.socket | Encrypted


TLS = {"is_on": False}
"""Whether the ends speak it; the authority that signed, and what is shown, once for all tests."""


@pytest.fixture(scope="module", autouse=True, params=["plain", "tls"])
def _encrypted(request, tmp_path_factory):
    TLS["is_on"] = request.param == "tls"
    if TLS["is_on"] and "shown" not in TLS:
        place = tmp_path_factory.mktemp("tls")
        authority, certificate, key = place / "ca.crt", place / "tls.crt", place / "tls.key"
        signing = Authority.new()
        authority.write_bytes(signing.pem)
        signing.issue(["127.0.0.1"], certificate, key)
        TLS.update(authority=authority, shown=served(certificate, key))
    yield
    TLS["is_on"] = False


@asynccontextmanager
async def connected():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    loop, protocol = asyncio.get_running_loop(), Served()
    if TLS["is_on"]:
        await loop.connect_accepted_socket(
            lambda: TlsProtocol(protocol, TLS["shown"].context()), accepted
        )
        peer = await loop.run_in_executor(None, Encrypted, Network(peer), TLS["authority"])
    else:
        await loop.connect_accepted_socket(lambda: protocol, accepted)
    try:
        yield Ends(protocol, peer)
    finally:
        protocol.transport.abort()
        peer.close()
        await asyncio.sleep(0)


def lease(seconds):
    return Lease(decision_id=UUID(int=1), asked_at=boottime(), seconds=seconds)


def run(scenario):
    async def bounded():
        async with asyncio.timeout(DEADLINE_SECONDS), connected() as ends:
            await scenario(ends)

    asyncio.run(bounded())


async def shut(leased):
    """Why it was shut, when it is."""
    with pytest.raises(StreamClosed):
        await leased.finished()
    return leased.code


async def come_true(condition):
    """Wait for it; bounded by `run`."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.001)


def read_to_the_end(peer):
    while peer.recv(1 << 20):
        pass


def test_what_the_kernel_has_not_taken_at_the_end_of_the_lease_never_leaves():
    """Guard: `LeasedConnection._at_lease_end`."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(SHORT), LIMITS)
        ends.connection.transport.write(MORE_THAN_A_KERNEL_TAKES)

        assert await shut(leased) == "LEASE_ENDED"
        assert leased.withheld > 0
        with pytest.raises(ConnectionResetError):
            read_to_the_end(ends.peer)

    run(scenario)


def test_a_newer_lease_counts_also_where_it_ends_sooner():
    """Guard: `LeasedConnection.extend` arms the timer anew."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        ends.connection.transport.write(MORE_THAN_A_KERNEL_TAKES)

        leased.extend(lease(SHORT))

        assert await shut(leased) == "LEASE_ENDED"

    run(scenario)


def test_a_renewed_lease_keeps_a_slow_stream_open():
    """Guard: `LeasedConnection._at_lease_end` looks at the newest lease."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(SHORT), LIMITS)
        ends.connection.transport.write(MORE_THAN_A_KERNEL_TAKES)
        leased.extend(lease(LONG))

        await asyncio.sleep(SHORT * 3)

        assert leased.code is None

    run(scenario)


def test_with_nothing_buffered_the_end_of_a_lease_only_pauses():
    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(SHORT), LIMITS)
        waiting = asyncio.create_task(leased.ready())
        await asyncio.sleep(SHORT * 2)
        second = asyncio.create_task(leased.ready())
        await asyncio.sleep(SHORT * 2)
        assert leased.code is None
        assert not second.done()

        leased.extend(lease(LONG))

        await asyncio.gather(waiting, second)

    run(scenario)


def test_ready_means_that_nothing_is_buffered():
    """Guard: drained means empty (`set_write_buffer_limits(high=0)`)."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        assert ends.connection.transport.get_write_buffer_limits() == (0, 0)
        ends.connection.transport.write(MORE_THAN_A_KERNEL_TAKES)
        ready = asyncio.create_task(leased.ready())
        await asyncio.sleep(SHORT)
        assert not ready.done()
        got = 0
        loop = asyncio.get_running_loop()
        while not ready.done():
            got += len(await loop.run_in_executor(None, ends.peer.recv, 1 << 20))

        assert ends.connection.transport.get_write_buffer_size() == 0

    run(scenario)


def test_after_the_last_byte_nothing_resets_the_connection():
    """Guard: `LeasedConnection.finished` ends the lease's power; a peer that has all is not
    reset."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        ends.connection.transport.write(b"all")
        await leased.finished()

        leased.reset("CLIENT_GONE")
        leased.close()

        assert leased.code is None
        assert not ends.connection.transport.is_closing()
        assert ends.peer.recv(10) == b"all"

    run(scenario)


@pytest.mark.parametrize("why", ["CLIENT_GONE", "BREACH_OPEN", "SERVER_STOPPED"])
def test_a_client_that_hangs_up_with_all_that_there_is_has_all_of_it(why):
    """Guard: `LeasedConnection._is_delivered`. The end comes before the last turn of the event
    loop."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        assert leased.hand_over(memoryview(b"all")) == 3
        transport = ends.connection.transport
        our_side = transport.get_extra_info("socket")
        leased._kernel.unsent = lambda: int(not transport.is_closing())
        end = asyncio.create_task(leased.finished())
        await asyncio.sleep(0)

        assert ends.peer.recv(10) == b"all"
        ends.peer.close()
        await come_true(lambda: our_side.fileno() == -1)
        leased.reset(why)

        await end
        assert leased.code is None

    run(scenario)


@pytest.mark.parametrize("is_closed", [True, False])
def test_what_the_client_has_not_confirmed_is_not_delivered(is_closed):
    """Guard: `Kernel.unconfirmed`. All was handed over, and the client's kernel has a part."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        leased._kernel.limit_unsent(0)
        assert leased.hand_over(memoryview(MORE_THAN_A_KERNEL_TAKES)) > 0
        assert leased._kernel.unconfirmed() > 0
        end = asyncio.create_task(leased.finished())
        await asyncio.sleep(0)
        if is_closed:
            ends.peer.close()  # with something unread: a reset
            await asyncio.sleep(SHORT)
        leased.reset("CLIENT_GONE")

        with pytest.raises(StreamClosed):
            await end
        assert leased.code == "CLIENT_GONE"

    run(scenario)


def test_who_waits_to_write_when_the_connection_is_reset_writes_no_more():
    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(0), LIMITS)
        waiting = asyncio.create_task(leased.ready())
        await asyncio.sleep(0)

        leased.reset("BREACH_OPEN")
        leased.reset("LEASE_ENDED")

        with pytest.raises(StreamClosed):
            await waiting
        with pytest.raises(StreamClosed):
            await leased.finished()
        assert leased.code == "BREACH_OPEN"

    run(scenario)


def test_a_slow_peer_is_given_less_at_once_and_a_quick_one_more():
    """Guard: `LeasedConnection._drained` learns from how long it took."""

    async def scenario(ends):
        loop = asyncio.get_running_loop()
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        assert leased.chunk_bytes == CHUNK_BYTES_MIN  # nobody knows yet how slow the peer is

        while leased.chunk_bytes < CHUNK_BYTES_MAX:
            before = leased.chunk_bytes
            await leased.ready()
            assert leased.chunk_bytes == 2 * before

        ends.connection.transport.write(MORE_THAN_A_KERNEL_TAKES[: 8 * CHUNK_BYTES_MAX])
        ready = asyncio.create_task(leased.ready())
        await asyncio.sleep(SHORT * 2)
        while not ready.done():
            await loop.run_in_executor(None, ends.peer.recv, 1 << 20)
        assert leased.chunk_bytes == CHUNK_BYTES_MAX // 2

    run(scenario)


def test_the_kernel_takes_no_more_unsent_than_a_chunk_and_the_systems_own_again_at_the_end():
    """Guard: `TCP_NOTSENT_LOWAT` follows the size of a chunk."""

    def unsent_at_most(ends):
        return ends.connection.transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT
        )

    async def scenario(ends):
        before = unsent_at_most(ends)
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        assert unsent_at_most(ends) == leased.chunk_bytes == CHUNK_BYTES_MIN
        await leased.ready()
        assert unsent_at_most(ends) == leased.chunk_bytes > CHUNK_BYTES_MIN

        leased.close()
        assert unsent_at_most(ends) == before

    run(scenario)


def test_what_a_stalled_peer_does_not_take_is_not_taken_by_our_kernel_either():
    """Guard: `TCP_NOTSENT_LOWAT`. Without it the kernel takes megabytes that nobody wants yet."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        kernel = leased._kernel
        data = memoryview(MORE_THAN_A_KERNEL_TAKES)
        assert kernel.take(data) < len(data)
        for _ in range(1000):
            kernel.take(data)

        assert 0 < kernel.unsent() <= CHUNK_BYTES_MIN + 4 * 65_536

    run(scenario)


def offers(leased):
    """Up to which byte the peer has offered to take, as far as the stream has asked; kept up."""
    ask, up_to = leased._kernel.window, [0]

    def window():
        room = ask()
        up_to.append(max(up_to[-1], leased.written + room))
        return room

    leased._kernel.window = window
    return up_to


def test_a_stream_leaves_nothing_unsent_whatever_its_peer_takes():
    """Guard: `LeasedConnection._opened`: only what the peer's window takes is handed over.

    Linux takes back what it offered where small packets fill its memory: what is unsent then is cut
    with the lease, and is never sent without one.
    """

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(2.0), LIMITS)
        data, offered_up_to = memoryview(MORE_THAN_A_KERNEL_TAKES), offers(leased)

        async def pour():
            while True:
                leased.hand_over(data[: await leased.room()])

        pouring = asyncio.create_task(pour())
        await asyncio.sleep(leased.lease.seconds_left(boottime()) + SHORT)
        assert 0 < leased.written <= offered_up_to[-1]
        if leased.code is None:  # a pause
            assert leased._kernel.unsent() == 0
        else:
            assert leased.code == "LEASE_ENDED"
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)

    run(scenario)


@pytest.mark.parametrize(("room_of", "given"), [("window", ()), ("passage", (0.25,))])
def test_what_is_handed_over_fills_no_more_of_the_network_than_there_is_room_for(room_of, given):
    """Guard: `Kernel._plain`. What records add leaves too, and has to leave in time."""

    async def scenario(ends):
        kernel = LeasedConnection(ends.connection, lease(LONG), LIMITS)._kernel
        plain, rooms, handed = kernel._plain, [], []
        kernel._plain = lambda bytes_: rooms.append(bytes_) or plain(bytes_)
        kernel._hand = lambda data: handed.append(len(data)) or len(data)

        room = getattr(kernel, room_of)(*given)
        assert room > 0
        assert kernel.take(memoryview(bytes(room))) == room

        assert room <= handed[0] <= rooms[0]

    run(scenario)


def test_a_server_whose_encryption_keeps_bytes_starts_no_stream():
    """Guard: `connection_of`. asyncio's own TLS has a buffer that cannot be withheld."""

    class Hiding(asyncio.Transport):
        def get_extra_info(self, name, default=None):
            return object() if name == "sslcontext" else default

    class Connection:
        transport = Hiding()

    with pytest.raises(StreamNotControlled):
        connection_of({"extensions": {EXTENSION: Connection()}})

    async def scenario(ends):
        assert connection_of({"extensions": {EXTENSION: ends.connection}}) is ends.connection

    run(scenario)


def test_without_a_lease_nothing_is_handed_over():
    """Guard: `LeasedConnection.hand_over` looks once more, immediately before the kernel takes
    it."""

    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(0), LIMITS)

        assert leased.hand_over(memoryview(b"no")) == 0
        assert leased.written == 0

    run(scenario)


def test_a_peer_that_has_gone_ends_the_stream():
    async def scenario(ends):
        leased = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        ends.peer.close()

        async def pour():
            while True:
                leased.hand_over(memoryview(bytes(4096))[: await leased.room()])

        with pytest.raises(StreamClosed):
            await pour()

        assert leased.code == "CLIENT_GONE"

    run(scenario)


PACE = 400_000
SO_MAX_PACING_RATE = 47


@pytest.mark.parametrize("end", range(4))
def test_what_our_own_kernel_would_keep_for_its_pace_is_not_handed_to_it(end):
    """Guard: `Kernel.passage`. The client has room; the sender's congestion control waits."""

    async def scenario(ends):
        ours = ends.connection.transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, PACE)
        ends.peer.setblocking(False)
        loop = asyncio.get_running_loop()
        stream = LeasedConnection(ends.connection, lease(0.7 + end / 10), LIMITS)
        data = memoryview(MORE_THAN_A_KERNEL_TAKES)

        async def pour():
            while True:
                stream.hand_over(data[: await stream.room()])

        async def take():
            while await loop.sock_recv(ends.peer, 1 << 20):
                pass

        tasks = [asyncio.create_task(pour()), asyncio.create_task(take())]
        await asyncio.sleep(stream.lease.seconds_left(boottime()) + SHORT)
        assert stream.written > 0
        assert stream.code is None  # a pause
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario)


@pytest.fixture
def hands(monkeypatch):
    """A clock for patience that goes only when `hands["at"]` is moved: the machine may be busy."""
    hands = {"at": 0.0}
    monkeypatch.setattr(patience, "boottime", lambda: hands["at"])
    return hands


@pytest.fixture
def starved(monkeypatch):
    """A machine on which everything takes thirty times as long as it should."""
    began = boottime()

    def slow():
        return began + 30 * (boottime() - began)

    monkeypatch.setattr(leased_connection, "boottime", slow)
    monkeypatch.setattr(patience, "boottime", slow)


def test_a_client_that_is_slow_because_the_machine_is_busy_has_not_stalled(starved):
    """Guard: `Patience`: a few times what was asked for, and not what has passed, counts."""

    async def scenario(ends):
        stream = LeasedConnection(ends.connection, lease(30), LIMITS)
        data = memoryview(MORE_THAN_A_KERNEL_TAKES)

        async def pour():
            while True:
                stream.hand_over(data[: await stream.room()])

        pouring = asyncio.create_task(pour())
        await asyncio.sleep(stream.lease.seconds_left(leased_connection.boottime()) / 30)
        await asyncio.sleep(0.4)  # its lease has ended: for twelve seconds of this machine
        assert stream.lease.seconds_left(leased_connection.boottime()) == 0
        assert stream.code is None
        pouring.cancel()

    run(scenario)


def test_an_answer_that_comes_too_late_to_be_used_shows_that_agreements_is_there(hands):
    """Guard: `LeasedConnection.extend`. What was answered in time and allowed nothing does not."""

    async def scenario(ends):
        limits = Limits(pause_seconds_max=0.3, stall_seconds_max=30)
        stream = LeasedConnection(ends.connection, lease(0), limits)
        waiting = asyncio.create_task(stream.ready())
        for _ in range(10):
            await asyncio.sleep(0.02)
            hands["at"] += 0.1
            await asyncio.sleep(0.02)
            stream.extend(Lease(decision_id=UUID(int=2), asked_at=boottime() - 5, seconds=1.0))
        assert stream.code is None
        while not waiting.done():
            await asyncio.sleep(0.02)
            hands["at"] += 0.02
            stream.extend(lease(0))

        assert stream.code == "DECISION_UNAVAILABLE"
        with pytest.raises(StreamClosed):
            await waiting

    run(scenario)


def test_a_process_that_stood_still_has_not_waited(hands):
    """Guard: `Patience` in `LeasedConnection._renewed`: the timer and the answer are both due at
    once."""

    async def scenario(ends):
        limits = Limits(pause_seconds_max=0.6, stall_seconds_max=30)
        stream = LeasedConnection(ends.connection, lease(0), limits)
        waiting = asyncio.create_task(stream.ready())
        await asyncio.sleep(0.05)

        def stand_still():
            time.sleep(0.2)  # longer than a look: its timer is due
            hands["at"] += 1000

        asyncio.get_running_loop().call_soon(stand_still)
        await asyncio.sleep(0.01)
        stream.extend(lease(LONG))

        await waiting

        assert stream.code is None

    run(scenario)


def test_a_part_of_the_client_s_room_stays_empty():
    """Guard: `HEADROOM`. Linux takes back what it offered where small packets fill its memory.

    So what is held against the guard is what was offered: what is left of it may be less.
    """

    async def scenario(ends):
        stream = LeasedConnection(ends.connection, lease(LONG), LIMITS)
        data, offered_up_to = memoryview(MORE_THAN_A_KERNEL_TAKES), offers(stream)

        async def pour():
            while True:
                stream.hand_over(data[: await stream.room()])

        pouring = asyncio.create_task(pour())
        await asyncio.sleep(0.5)
        await come_true(lambda: stream.written > stream._window_max // 2)
        assert (
            offered_up_to[-1] - stream.written >= stream._window_max // leased_connection.HEADROOM
        )
        pouring.cancel()

    run(scenario)
