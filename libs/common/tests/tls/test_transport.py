"""TLS in memory: nothing is kept but what a stream keeps, and that goes nowhere by itself."""

import asyncio
import ssl

import pytest

from common.tls.files import served
from common.tls.transport import (
    RECORD_BYTES,
    TlsProtocol,
    encrypted_length,
    plain_length,
)


class Raw(asyncio.Transport):
    """A socket's transport of which a test sees everything."""

    def __init__(self):
        super().__init__()
        self.written, self.end = b"", None

    def write(self, data):
        assert self.end is None
        self.written += data

    def is_closing(self):
        return self.end is not None

    def close(self):
        self.end = self.end or "closed"

    def abort(self):
        self.end = self.end or "aborted"

    def get_write_buffer_size(self):
        return 0


class Behind(asyncio.Protocol):
    """What is behind TLS."""

    def __init__(self):
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data


class Client:
    def __init__(self, authority):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=authority)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def read(self):
        found = b""
        try:
            while piece := self.tls.read(65_536):
                found += piece
        except ssl.SSLWantReadError:
            pass
        return found


class Pair:
    """A server's protocol and a client, whose bytes are carried by `carry` alone."""

    def __init__(self, place, *, is_shaken=True):
        self.raw, self.inner = Raw(), Behind()
        self.failures = []
        context = served(place.certificate, place.key).context()
        self.protocol = TlsProtocol(self.inner, context, lambda: self.failures.append(1))
        self.protocol.connection_made(self.raw)
        self.client = Client(place.authority)
        if is_shaken:
            self.shake()

    def shake(self):
        while True:
            try:
                self.client.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.carry()
            else:
                self.carry()
                self.client.read()
                return

    def carry(self):
        if data := self.client.outgoing.read():
            self.protocol.data_received(data)
        self.client.incoming.write(self.raw.written)
        self.raw.written = b""

    @property
    def transport(self):
        return self.inner.transport


@pytest.fixture
def pair(place):
    return Pair(place)


def test_what_is_written_is_with_the_plain_transport_at_once(pair):
    pair.transport.write(b"an answer")

    assert pair.raw.written
    assert b"an answer" not in pair.raw.written
    pair.carry()
    assert pair.client.read() == b"an answer"


def test_what_the_kernel_did_not_take_stays_and_goes_nowhere_by_itself(pair):
    """Guard: `_rest`. A stream's lease ends with half a record taken: nobody can read it."""
    data = bytes(range(256)) * 200  # 51,200 bytes: four records
    network = bytearray()

    def hand(offered):
        took = bytes(offered[:20_000])
        network.extend(took)
        return len(took)

    whole = pair.transport.pass_on(memoryview(data), hand)
    pair.client.tls.write(b"a request")
    pair.carry()  # what comes meanwhile is read, and makes nothing go

    assert pair.inner.received == b"a request"
    assert pair.raw.written == b""
    assert whole == RECORD_BYTES
    pair.client.incoming.write(bytes(network))
    assert pair.client.read() == data[:RECORD_BYTES]
    network.clear()
    while whole < len(data):
        whole += pair.transport.pass_on(memoryview(data)[whole:], hand)
        pair.client.incoming.write(bytes(network))
        network.clear()
    assert whole == len(data)
    assert pair.client.read() == data[RECORD_BYTES:]


def test_no_more_is_handed_over_than_was_asked_for_of_what_stayed(pair):
    data, offered_lengths = bytes(50_000), []

    def hand(offered):
        offered_lengths.append(len(offered))
        return 0

    pair.transport.pass_on(memoryview(data), hand)
    pair.transport.pass_on(memoryview(data)[:100], hand)

    assert offered_lengths[0] <= encrypted_length(50_000)
    assert offered_lengths[1] == encrypted_length(100)


def test_half_a_record_never_ends_as_if_it_were_whole(pair):
    """Guard: `close` with something kept resets in place of saying goodbye."""
    pair.transport.pass_on(memoryview(b"x" * 1_000), lambda offered: 10)
    pair.transport.close()

    assert pair.raw.end == "aborted"
    assert pair.raw.written == b""


def test_what_comes_after_what_stayed_does_not_overtake_it(pair):
    pair.transport.pass_on(memoryview(b"x" * 1_000), lambda offered: 10)
    pair.transport.write(b"later")

    assert pair.raw.written == b""


def test_a_close_says_goodbye_and_the_client_is_told_that_it_was_the_end(pair):
    pair.transport.write(b"all")
    pair.transport.close()

    pair.client.incoming.write(pair.raw.written)
    assert pair.client.tls.read(10) == b"all"
    assert pair.client.tls.read(10) == b""  # not SSLEOFError, which a cut is
    assert pair.raw.end == "closed"


def test_what_was_written_before_the_handshake_comes_after_it(place):
    """Guard: `_early`: a connection over the limit is answered before anybody has shaken hands."""
    pair = Pair(place, is_shaken=False)
    pair.transport.write(b"no room")
    pair.transport.close()
    assert pair.raw.written == b""
    assert not pair.transport.is_closing()

    with pytest.raises(ssl.SSLWantReadError):
        pair.client.tls.do_handshake()
    pair.carry()
    pair.client.tls.do_handshake()
    pair.carry()

    assert pair.client.read() == b"no room"
    assert pair.raw.end == "closed"


def test_who_speaks_something_else_is_counted_and_ended(place):
    pair = Pair(place, is_shaken=False)
    pair.protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert pair.failures == [1]
    assert pair.raw.end == "closed"
    assert pair.inner.received == b""


def test_nothing_older_than_tls_1_2_is_spoken(place):
    pair = Pair(place, is_shaken=False)
    assert pair.protocol.session.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert pair.protocol.session.context.options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("length", [1, 2_048, RECORD_BYTES, RECORD_BYTES + 1, 1_048_576])
def test_what_is_encrypted_is_never_longer_than_is_counted_with(place, version, length):
    pair = Pair(place, is_shaken=False)
    pair.client.tls.context.maximum_version = version
    pair.shake()
    taken = []

    def hand(offered):
        taken.append(len(offered))
        return len(offered)

    assert pair.transport.pass_on(memoryview(bytes(length)), hand) == length
    assert length < taken[0] <= encrypted_length(length)
    assert encrypted_length(plain_length(taken[0])) <= taken[0]
