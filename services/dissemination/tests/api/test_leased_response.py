"""S1: no byte leaves after the answer to whatever forbids it (design.md sections 6 and 10).

Real sockets, a real uvicorn, a client that reads as it likes. Each test names the guard that
it is about: take that out of `dissemination.api.stream.leased_response` and the test fails.
"""

import array
import asyncio
import fcntl
import ssl
import termios
import threading
import time

import pytest

from common.ids import digest
from dissemination.api.stream.leased_connection import LeasedConnection

MIB = 1_048_576
TINY = 4096


@pytest.fixture(scope="module", params=["plain", "tls"])
def is_encrypted(request):
    return request.param == "tls"


def in_own_kernel(sock):
    """Bytes that the client's kernel holds and the client has not read."""
    count = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.FIONREAD, count)
    return count[0]


def stalled(house, download, file, **more):
    """A download whose client has read a little and then nothing, its buffers full."""
    client = download(house, file["id"], receive_bytes=TINY, **more)
    client.read_head()
    client.read(1000)
    return client


def test_a_hold_resets_a_stalled_client_and_only_its_own_kernel_keeps_bytes(house, download, until):
    """Guards: `LeasedConnection.reset` on a refused renewal, `_reset` with SO_LINGER 0."""
    file = house.big(8 * MIB)
    client = stalled(house, download, file)
    assert client.status == 200

    house.agreements.refuse("fetch", "BREACH_OPEN")
    ended = house.ended(file)
    held = in_own_kernel(client.sock) + client.unread
    before = len(client.body)

    assert client.read_until_reset()
    assert len(client.body) - before <= held
    assert len(client.body) <= ended["bytes"] < file["bytes"]
    assert (ended["outcome"], ended["code"]) == ("cut", "BREACH_OPEN")


def test_a_hold_in_the_middle_of_a_zip_ends_it_as_it_ends_the_file(house, download):
    """Guard: the zip goes out through the same `LeasedResponse` as the file."""
    file = house.big(8 * MIB)
    client = stalled(house, download, file, headers={"Accept": "application/zip"})
    assert (client.status, b"application/zip" in client.head) == (200, True)

    house.agreements.refuse("fetch", "BREACH_OPEN")
    ended = house.ended(file)
    held = in_own_kernel(client.sock) + client.unread
    before = len(client.body)

    assert client.read_until_reset()
    assert len(client.body) - before <= held
    assert len(client.body) <= ended["bytes"] < file["bytes"]
    assert (ended["outcome"], ended["code"]) == ("cut", "BREACH_OPEN")
    again = house.call("GET", file["content"], headers={"Accept": "application/zip"})
    assert (again.status_code, again.json()["code"]) == (403, "BREACH_OPEN")


def test_the_next_request_after_a_hold_is_refused_with_its_code(house):
    file = house.big(1000)
    house.agreements.refuse("fetch", "BREACH_OPEN")

    answer = house.call("GET", file["content"])

    assert answer.status_code == 403
    assert answer.json()["code"] == "BREACH_OPEN"
    assert house.deliveries(file) == []
    assert house.actions(file["id"])[-1] == "fetch-refused"


def test_a_lease_that_ends_while_the_client_stalls_cuts_the_stream(house, download, until):
    """Guard: the watchdog, `LeasedConnection._at_lease_end`: nobody writes, so nobody else
    looks."""
    file = house.big(8 * MIB)
    client = stalled(house, download, file)

    asked = house.agreements.count("fetch", file)
    until(lambda: house.agreements.count("fetch", file) > asked)
    house.agreements.broken = 503
    began = time.monotonic()
    ended = house.ended(file)

    # One lease, and what a busy machine needs to write the end down.
    assert time.monotonic() - began < house.agreements.lease_seconds + 20.0
    assert (ended["outcome"], ended["code"]) == ("cut", "LEASE_ENDED")
    assert client.read_until_reset()
    assert len(client.body) <= ended["bytes"] < file["bytes"]


def test_an_agreement_that_ends_in_mid_stream_ends_the_stream_at_that_instant(
    house, download, until
):
    """Guards: `LeasedConnection._at_lease_end` and `LeasedConnection.extend`, which goes by the
    newest lease also where it ends sooner than the one before."""
    file = house.big(8 * MIB)
    client = stalled(house, download, file)

    end = time.monotonic() + 0.6
    house.agreements.lease_until = end
    ended = house.ended(file)

    assert ended["code"] in {"DSA_NOT_ACTIVE", "LEASE_ENDED"}
    assert time.monotonic() - end < 20.0
    assert client.read_until_reset()
    assert len(client.body) <= ended["bytes"] < file["bytes"]


def test_without_a_fresh_lease_not_one_byte_of_the_file_leaves(build_house, download):
    """Guard: `LeasedConnection.ready` looks at the lease before every write."""
    house = build_house(pause_seconds_max=0.5)
    file = house.big(MIB)
    house.agreements.lease_seconds = 0.0

    client = download(house, file["id"])
    client.read_head()

    assert client.status == 200
    assert client.read_until_reset()
    assert client.body == b""


def test_a_stream_waits_for_a_lease_and_then_goes_on(house, download, until):
    """Guard: `LeasedConnection._renewed` pauses in place of cutting."""
    file = house.big(8 * MIB)
    house.agreements.lease_seconds = 0.0
    client = download(house, file["id"])
    client.read_head()
    asked = house.agreements.count("fetch", file)
    until(lambda: house.agreements.count("fetch", file) > asked + 2)
    assert in_own_kernel(client.sock) == 0

    house.agreements.lease_seconds = 1.0
    client.read(file["bytes"])

    assert digest(client.body) == file["digest"]
    assert house.ended(file)["outcome"] == "complete"


def test_a_restart_of_agreements_pauses_a_download_and_does_not_cut_it(house, download, until):
    """Guards: `Lease.may_write`, which stops early enough that nothing is buffered when the
    lease ends; `_keep_lease`, which goes on asking."""
    file = house.big(32 * MIB)
    house.agreements.lease_seconds = 2.0
    client = download(house, file["id"], receive_bytes=256 * 1024)
    client.read_head()
    house.stop_agreements()
    read_slowly_until_it_pauses(client)
    assert len(client.body) < file["bytes"]
    assert house.deliveries(file)[0]["outcome"] == "under_way"

    house.start_agreements()
    client.read(file["bytes"])

    assert digest(client.body) == file["digest"]
    assert house.ended(file)["outcome"] == "complete"


def read_slowly_until_it_pauses(client):
    """As a network of some ten megabytes a second would, until nothing comes for a while."""
    tick = threading.Event()
    client.sock.settimeout(0.3)
    try:
        while got := client.sock.recv(65536):
            client.body += got
            tick.wait(0.006)
    except TimeoutError:
        client.sock.settimeout(30)


def test_agreements_being_away_for_too_long_ends_the_stream(build_house, download):
    """Guard: the patience of `LeasedConnection._renewed`."""
    house = build_house(pause_seconds_max=0.3)
    file = house.big(MIB)
    house.agreements.lease_seconds = 0.0
    client = download(house, file["id"])
    client.read_head()

    house.stop_agreements()

    assert client.read_until_reset()
    ended = house.ended(file)
    assert (ended["outcome"], ended["code"], ended["bytes"]) == ("cut", "DECISION_UNAVAILABLE", 0)


def test_a_client_that_takes_nothing_for_too_long_is_cut(build_house, download):
    """Guard: the time limit of `LeasedConnection._drained`."""
    house = build_house(stall_seconds_max=0.3)
    file = house.big(8 * MIB)

    client = stalled(house, download, file)

    assert house.ended(file)["code"] == "CLIENT_STALLED"
    assert client.read_until_reset()


def test_a_client_that_goes_away_is_noted(house, download):
    file = house.big(8 * MIB)
    client = stalled(house, download, file)

    client.sock.close()

    ended = house.ended(file)
    assert (ended["outcome"], ended["code"]) == ("cut", "CLIENT_GONE")


def test_an_object_that_vanishes_in_mid_stream_cuts_it(house, download):
    file = house.big(24 * MIB)
    client = stalled(house, download, file)
    for path in house.haven.store.rglob(f"{file['id']}.*"):
        path.write_bytes(b"")

    assert not_clean(client, file)
    assert house.ended(file)["code"] == "OBJECT_UNREADABLE"


def not_clean(client, file):
    return client.read_until_reset() and len(client.body) < file["bytes"]


def test_a_cut_download_is_resumed_to_the_digest_of_the_manifest(house, download):
    file = house.big(16 * MIB)
    client = stalled(house, download, file)
    house.agreements.refuse("fetch", "BREACH_OPEN")
    house.ended(file)  # a lease is long enough for all of it, where the client reads again
    assert client.read_until_reset()
    house.agreements.refusals.clear()
    got = client.body

    answer = house.call(
        "GET",
        file["content"],
        headers={"Range": f"bytes={len(got)}-", "If-Range": f'"{file["digest"]}"'},
    )
    manifest = house.call("GET", file["manifest"]).json()["manifest"]

    assert answer.status_code == 206
    assert (
        answer.headers["content-range"] == f"bytes {len(got)}-{file['bytes'] - 1}/{file['bytes']}"
    )
    assert digest(got + answer.content) == manifest["file"]["digest"]


def test_a_connection_serves_one_download_after_another(house, until):
    """The stream lets go of the connection: nothing resets it on the next request."""
    import httpx

    file = house.big(3 * MIB)
    with httpx.Client(
        base_url=house.url,
        verify=ssl.create_default_context(cafile=house.authority),
        headers={"Authorization": f"Bearer {house.token()}"},
        timeout=60,
    ) as client:
        bodies = [client.get(file["content"]).content for _ in range(3)]

    assert {digest(body) for body in bodies} == {file["digest"]}
    until(lambda: [d["outcome"] for d in house.deliveries(file)] == ["complete"] * 3)


def test_a_client_that_closes_with_the_last_byte_has_had_a_whole_download(
    house, download, monkeypatch
):
    """Guards: `LeasedConnection._is_delivered`, `ConnectionInScope.connection_lost`. The last
    look at what is sent comes late, and the client is gone by then."""
    look = LeasedConnection._sent

    async def late(leased):
        await look(leased)
        if leased._is_whole:
            await asyncio.sleep(0.3)

    monkeypatch.setattr(LeasedConnection, "_sent", late)
    file = house.big(MIB)
    client = download(house, file["id"])
    client.read_head()
    client.read(MIB)
    client.sock.close()

    ended = house.ended(file)

    assert (ended["outcome"], ended["code"], ended["bytes"]) == ("complete", None, MIB)


def test_a_download_is_written_down_before_its_first_byte(house, download):
    """Guard: `deliveries.begin` comes before the response. Without a lease no byte has left,
    and the delivery is there already."""
    file = house.big(MIB)
    house.agreements.lease_seconds = 0.0
    client = download(house, file["id"])
    client.read_head()

    (delivery,) = house.deliveries(file)
    assert delivery["outcome"] == "under_way"
    assert house.actions(file["id"])[-1] == "delivery-begun"
    assert in_own_kernel(client.sock) == 0


def test_a_server_that_hides_its_connections_starts_no_stream(house):
    """Guard: `connection_of`. A stream that cannot be stopped is not begun."""
    from dissemination.api.stream import leased_response

    file = house.big(1000)
    known = leased_response.EXTENSION
    leased_response.EXTENSION = "not.there"
    try:
        answer = house.call("GET", file["content"])
    finally:
        leased_response.EXTENSION = known

    assert answer.status_code == 503
    assert answer.json()["code"] == "STREAM_NOT_CONTROLLED"
    assert house.agreements.count("fetch", file) == 0
    assert house.deliveries(file) == []


def test_no_more_streams_run_at_once_than_allowed(build_house, download):
    house = build_house(streams_max=1)
    file = house.big(8 * MIB)
    stalled(house, download, file)

    answer = house.call("GET", file["content"])

    assert answer.status_code == 503
    assert answer.json()["code"] == "TOO_MANY_STREAMS"
    assert answer.headers["retry-after"]


def test_the_renewals_of_a_stream_name_the_decision_that_they_renew(house, download, until):
    file = house.big(8 * MIB)
    stalled(house, download, file)

    until(lambda: house.agreements.count("fetch", file) >= 2)
    first, second = house.agreements.questions("fetch", file)[:2]

    assert "renews" not in first.context
    assert second.context["renews"] == house.deliveries(file)[0]["decision_id"]
    assert first.context["delivery_id"] == second.context["delivery_id"]
