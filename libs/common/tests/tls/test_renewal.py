"""A service over TLS, real sockets: certificates change while it runs, and nobody notices."""

import socket
import ssl
import threading
from contextlib import ExitStack, asynccontextmanager, suppress

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from common import http
from common.clock import SystemClock
from common.db import engine as engines
from common.db import tables
from common.settings import ServiceSettings
from common.tls.files import served, trusted
from common.web import app as web
from common.web import auth, connections, server

OPEN = auth.public("A test.")
PIECE, PIECES = bytes(1 << 16), 40

pytestmark = pytest.mark.timeout(120)


def make_app(database_url, go_on, **limits):
    settings = ServiceSettings(environment="development", **limits)

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(database_url)
        tables.metadata.create_all(engine)
        yield {"settings": settings, "clock": SystemClock(), "engine": engine, "verifier": None}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)

    @app.post("/upload", dependencies=[OPEN])
    async def upload(request: Request) -> dict[str, int | str]:
        received = 0
        async for part in request.stream():
            received += len(part)
        return {"received": received, "scheme": request.url.scheme}

    @app.get("/long", dependencies=[OPEN])
    def long() -> StreamingResponse:
        def body():
            yield PIECE
            assert go_on.wait(60)
            yield from [PIECE] * (PIECES - 1)

        return StreamingResponse(body())

    return app


@pytest.fixture
def go_on():
    return threading.Event()


@pytest.fixture
def serving(sqlite_url, place, go_on, monkeypatch):
    """Return `serving(**limits)`: the address of a server that shows what is in `place`."""
    monkeypatch.setattr(connections, "LOOKS_EVERY_SECONDS", 0.1)
    with ExitStack() as stack:

        def start(**limits):
            app = make_app(sqlite_url, go_on, **limits)
            shown = served(place.certificate, place.key)
            running = server.in_background([(app, "127.0.0.1", 0)], shown=shown)
            return stack.enter_context(running)[0]

        yield start
        go_on.set()


def shown_to_a_new_connection(url):
    """The certificate that a service shows now."""
    host, _, port = url.removeprefix("https://").partition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=30)


def test_a_service_over_tls_is_asked_as_any_other(serving, place):
    url = serving()
    assert url.startswith("https://")

    with http.client(url, authority=place.authority) as remote:
        answer = http.call(remote, "POST", "/upload", content=bytes(1_000_000)).json()

    assert answer == {"received": 1_000_000, "scheme": "https"}


def test_new_connections_get_the_new_certificate_and_what_runs_goes_on(
    serving, place, authorities, go_on
):
    """Guards: `Renewed.context`, asked by `_over_tls` at each connection."""
    url = serving()
    first = shown_to_a_new_connection(url)
    with (
        http.client(url, authority=place.authority, timeout_seconds=60) as remote,
        remote.stream("GET", "/long") as running,
    ):
        pieces = running.iter_raw()
        received = len(next(pieces))

        place.take(authorities[1])
        second = shown_to_a_new_connection(url)
        asked = http.call(remote, "POST", "/upload", content=b"x").json()

        go_on.set()
        received += sum(map(len, pieces))

    assert first != second
    assert second == place.certificate.read_text()
    assert asked["received"] == 1
    assert received == PIECES * len(PIECE)


def test_a_certificate_without_its_key_is_not_shown_until_the_key_is_there(
    serving, place, authorities
):
    """Guard: `Renewed` keeps the former. Files come one after the other."""
    url = serving()
    before = shown_to_a_new_connection(url)
    former_key = place.key.read_bytes()
    authorities[0].issue(["127.0.0.1"], place.certificate, place.key)
    new_key = place.key.read_bytes()
    place.key.write_bytes(former_key)

    assert shown_to_a_new_connection(url) == before
    place.key.write_bytes(b"not yet written")
    assert shown_to_a_new_connection(url) == before
    place.key.unlink()
    assert shown_to_a_new_connection(url) == before

    place.key.write_bytes(new_key)
    assert shown_to_a_new_connection(url) == place.certificate.read_text() != before


def test_a_client_that_trusts_another_authority_sends_nothing(serving, place, authorities):
    url = serving()
    place.authority.write_bytes(authorities[1].pem)

    with (
        http.client(url, authority=place.authority) as remote,
        pytest.raises(http.RemoteUnavailable) as refused,
    ):
        http.call(remote, "POST", "/upload", token="secret", content=b"x")

    assert "CERTIFICATE" not in refused.value.detail


def test_without_a_file_only_whom_the_public_trusts_is_believed(serving):
    with http.client(serving()) as remote, pytest.raises(http.RemoteUnavailable):
        http.call(remote, "POST", "/upload", content=b"x")


def test_a_name_that_the_certificate_does_not_have_is_not_believed(
    serving, place, authorities, tmp_path
):
    url = serving()
    authorities[0].issue(["agreements-api"], place.certificate, place.key)

    with (
        http.client(url, authority=place.authority) as remote,
        pytest.raises(http.RemoteUnavailable),
    ):
        http.call(remote, "POST", "/upload", content=b"x")


def test_a_client_that_was_made_before_trusts_whom_the_file_names_now(serving, place, authorities):
    """Guard: `_Trusting`: an authority that was taken out is not trusted any more."""
    url = serving()
    with http.client(url, authority=place.authority) as remote:
        http.call(remote, "POST", "/upload", content=b"x")
        place.authority.write_bytes(authorities[1].pem)
        with pytest.raises(http.RemoteUnavailable):
            http.call(remote, "POST", "/upload", content=b"x")
        place.authority.write_bytes(authorities[0].pem + authorities[1].pem)
        http.call(remote, "POST", "/upload", content=b"x")


def test_connections_of_a_former_authority_are_closed_when_their_last_answer_is_read(
    serving, place, authorities, go_on
):
    url = serving()
    with http.client(url, authority=place.authority, timeout_seconds=60) as remote:
        with remote.stream("GET", "/long") as running:
            former = remote._transport._newest
            place.authority.write_bytes(authorities[0].pem + authorities[1].pem)
            http.call(remote, "POST", "/upload", content=b"x")
            assert former is not remote._transport._newest
            assert former.transport._pool.connections  # it still brings the answer
            go_on.set()
            assert len(running.read()) == PIECES * len(PIECE)
        assert not former.transport._pool.connections


def test_who_never_shakes_hands_is_ended_as_whoever_never_asks(serving):
    url = serving(header_seconds_max=0.3)
    host, _, port = url.removeprefix("https://").partition(":")

    with socket.create_connection((host, int(port)), timeout=30) as silent:
        silent.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""


def test_who_speaks_plain_http_is_answered_nothing_and_counted(serving, place):
    url = serving()
    plain = url.replace("https://", "http://")

    with pytest.raises(httpx.TransportError):
        httpx.get(f"{plain}/livez", timeout=30)

    with http.client(url, authority=place.authority) as remote:
        metrics = http.call(remote, "GET", "/metrics").text
    assert 'connections_ended_total{reason="handshake"} 1.0' in metrics


def test_a_refusal_of_a_connection_is_received_over_tls_as_well(serving, place):
    """Guard: `TlsTransport.write_eof`: to close with something unread would reset the answer."""
    url = serving(header_bytes_max=1_024)

    with (
        http.client(url, authority=place.authority) as remote,
        pytest.raises(http.RemoteProblem) as refused,
    ):
        http.call(remote, "GET", "/livez", headers={"X-Long": "a" * 60_000})

    assert refused.value.status == 431


def test_what_cannot_be_read_at_the_start_is_told_at_the_start(place, tmp_path):
    place.key.write_bytes(b"no key")
    with pytest.raises(OSError, match="PEM"):
        served(place.certificate, place.key)
    with pytest.raises(FileNotFoundError):
        trusted(tmp_path / "absent.crt")
    (tmp_path / "empty.crt").write_bytes(b"")
    with pytest.raises(OSError, match="CERTIFICATE"):
        trusted(tmp_path / "empty.crt")
