"""The client goes on by itself where its connection breaks, over a real socket."""

import time
from contextlib import ExitStack

import httpx
import pytest

from common.web.server import in_background
from dsfc_client import Failed, Pseudonymisation, _uploads
from pseudonymisation import main
from services.pseudonymisation.tests.submitting import sus_row, written

ROWS = [sus_row(Unique_CDS_Identifier=f"BRR8{n:09}") for n in range(12_000)]
CSV = written(ROWS)
WAIT_SECONDS = 30.0


class Tokens:
    """The token of the tests' issuer, in place of an exchange."""

    def __init__(self, intake):
        self._token = intake.headers()["Authorization"].removeprefix("Bearer ")

    def token(self, _audience):
        return self._token


class Breaking(httpx.HTTPTransport):
    """Breaks the connection in the middle of the first parts."""

    def __init__(self, intake, breaks: int) -> None:
        super().__init__()
        self._uploads = intake.directory / "landing" / "uploads"
        self.breaks = breaks
        self.offsets: list[int] = []

    def handle_request(self, request):
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
            if self.breaks:
                self.breaks -= 1
                request.stream = Cut(request.stream, self._uploads)
        if request.method == "HEAD":
            return self._when_it_moved(request)
        return super().handle_request(request)

    def _when_it_moved(self, request):
        """The haven keeps what came when it sees that the line broke, which takes its time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = super().handle_request(request)
            moved = int(answer.headers["upload-offset"]) > self.offsets[-1]
            if moved or time.monotonic() > deadline:
                return answer
            answer.close()
            time.sleep(0.02)


class Cut(httpx.SyncByteStream):
    """The first mebibyte; the line breaks when the haven has begun to seal it."""

    def __init__(self, stream, uploads):
        self._stream, self._uploads = stream, uploads

    def __iter__(self):
        deadline = time.monotonic() + WAIT_SECONDS
        yield next(iter(self._stream))
        while not list(self._uploads.rglob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        raise httpx.WriteError("the line broke")


@pytest.fixture
def served(intake, monkeypatch):
    monkeypatch.setattr(main.Parts, "close", lambda _self: None)
    monkeypatch.setattr(_uploads, "PAUSE_SECONDS", 0.05)
    app = main.create_app(intake.settings, parts=lambda: intake.parts)
    with in_background([(app, "127.0.0.1", 0)]) as (url,):
        yield intake, url


@pytest.fixture
def connected(served):
    intake, url = served
    with ExitStack() as stack:

        def connect(transport):
            http = stack.enter_context(httpx.Client(transport=transport, timeout=WAIT_SECONDS))
            return Pseudonymisation(url, http, Tokens(intake), audience="pseudonymisation")

        yield connect


def test_a_file_arrives_whole_however_often_the_connection_breaks(served, connected, tmp_path):
    file = tmp_path / "april.csv"
    file.write_bytes(CSV)
    transport, told = Breaking(served[0], 2), []

    sent = connected(transport).submit(
        "SUS_APC", "2018-04", file, progress=lambda done, total: told.append((done, total))
    )

    assert (sent.state, sent.content_form) == ("received", "csv")
    assert transport.offsets == [0, 1 << 20, 2 << 20]
    assert told[-1] == (len(CSV), len(CSV))
    served[0].work()
    assert connected(transport).submission(sent.id).state == "accepted"


def test_a_second_call_goes_on_with_what_the_first_has_sent(
    served, connected, tmp_path, monkeypatch
):
    monkeypatch.setattr(_uploads, "FAILURES_MAX", 0)
    file = tmp_path / "april.csv"
    file.write_bytes(CSV)
    haven = connected(Breaking(served[0], 1))
    opened = haven.open_submission("SUS_APC", "2018-04")
    with pytest.raises(Exception, match="does not answer"):
        haven.upload(opened.id, file)

    again = Breaking(served[0], 0)
    sent = connected(again).upload(opened.id, file)

    assert sent.state == "received"
    assert again.offsets[-1] in {0, 1 << 20}  # it may ask before the haven saw that the line broke


def test_a_wrong_file_is_refused_in_the_words_of_the_haven(served, connected, tmp_path):
    file = tmp_path / "april.csv"
    file.write_bytes(b"PK\x03\x04" + CSV)

    with pytest.raises(Exception, match="CONTENT_IS_ARCHIVE") as refused:
        connected(Breaking(served[0], 0)).submit("SUS_APC", "2018-04", file)

    assert not isinstance(refused.value, Failed)


def test_a_file_can_be_checked_before_it_is_sent(served, connected, tmp_path):
    file = tmp_path / "april.csv"
    file.write_bytes(CSV)

    found = connected(Breaking(served[0], 0)).check_file("SUS_APC", "2018-04", file)

    assert found["would_be_accepted"] is True
