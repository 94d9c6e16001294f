"""Uploads over a real socket: cut off, stalled, endless; and what is left of them."""

import os
import resource
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from common.web.server import in_background
from pseudonymisation import main
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

GOOD = written([sus_row(), sus_row(NHS_Number="9990000026")])
HEADER = GOOD.partition(b"\n")[0] + b"\n"
WAIT_SECONDS = 30.0
ENDLESS_BYTES = 2_000_000_000


@pytest.fixture
def served(intake, monkeypatch):
    """The intake behind a real server; yields it and the server's address."""
    app = main.create_app(intake.settings, parts=lambda: intake.parts)
    monkeypatch.setattr(main.Parts, "close", lambda _self: None)  # the test client's too
    with in_background([(app, "127.0.0.1", 0)]) as (url,):
        yield intake, urlsplit(url)


@contextmanager
def connect(served, submission_id: str, *headers: str):
    intake, url = served
    token = intake.headers()["Authorization"]
    lines = [
        f"PUT /v1/submissions/{submission_id}/content HTTP/1.1",
        f"Host: {url.netloc}",
        f"Authorization: {token}",
        "Content-Type: text/csv",
        *headers,
    ]
    address = (url.hostname, url.port)
    with socket.create_connection(address, timeout=WAIT_SECONDS) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield connection


def left(intake: Intake) -> list[str]:
    """What is left of uploads, objects and keys."""
    roots = (intake.directory / "landing" / "uploads", intake.directory / "haven-keys" / "uploads")
    found = [Path(name) for root in roots for _, _, names in os.walk(root) for name in names]
    return [path.name for path in found if path.suffix != ".destroyed"]


def wait_for_begin(intake: Intake) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not left(intake) and time.monotonic() < deadline:
        time.sleep(0.01)


def gone(intake: Intake) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while left(intake):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_an_upload_that_was_cut_off_leaves_the_submission_open_and_nothing_behind(served):
    intake, _ = served
    opened = intake.open().json()
    with connect(served, opened["id"], f"Content-Length: {len(GOOD)}") as connection:
        connection.sendall(GOOD[:-50])
        wait_for_begin(intake)

    assert gone(intake)
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "open"
    assert intake.put(opened["id"], GOOD).status_code == 202


def test_an_upload_in_chunks_is_taken_like_any_other(served):
    intake, _ = served
    opened = intake.open().json()
    chunked = ("Transfer-Encoding: chunked", "Connection: close")
    with connect(served, opened["id"], *chunked) as connection:
        for start in range(0, len(GOOD), 100):
            piece = GOOD[start : start + 100]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(12).decode() == "HTTP/1.1 202"

    intake.work()
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "accepted"


def test_chunks_that_never_end_are_a_cut_off_upload(served):
    intake, _ = served
    opened = intake.open().json()
    with connect(served, opened["id"], "Transfer-Encoding: chunked") as connection:
        connection.sendall(f"{len(GOOD):x}\r\n".encode() + GOOD + b"\r\n")
        wait_for_begin(intake)

    assert gone(intake)
    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "open"


def test_a_line_of_two_gigabytes_takes_no_memory_and_is_refused_long_before_its_end(served):
    intake, _ = served
    opened = intake.open().json()
    length = len(HEADER) + ENDLESS_BYTES
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connect(served, opened["id"], f"Content-Length: {length}") as connection:
        connection.sendall(HEADER)
        sent = pour(connection)

    assert sent < 100_000_000
    assert gone(intake)
    submission = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (submission["state"], submission["code"]) == ("rejected", "LINE_TOO_LONG")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000  # kilobytes


def pour(connection: socket.socket) -> int:
    """Send without end until the server answers or stops reading; return how much it was."""
    connection.setblocking(False)
    sent, block = 0, b"x" * (1 << 20)
    deadline = time.monotonic() + WAIT_SECONDS
    while sent < ENDLESS_BYTES and time.monotonic() < deadline:
        try:
            sent += connection.send(block)
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            return sent
        try:
            if connection.recv(4096):
                return sent
        except BlockingIOError:
            continue
        except OSError:
            return sent
    return sent


def test_an_upload_that_stalls_is_cut(intake, monkeypatch):
    monkeypatch.setattr(main.Parts, "close", lambda _self: None)
    object.__setattr__(intake.settings, "upload_stall_seconds", 0.2)
    app = main.create_app(intake.settings, parts=lambda: intake.parts)
    with in_background([(app, "127.0.0.1", 0)]) as (url,):
        opened = intake.open().json()
        stalling = (intake, urlsplit(url))
        with connect(stalling, opened["id"], "Content-Length: 10000") as connection:
            connection.sendall(HEADER)
            answer = connection.recv(65_536).decode()

        assert answer.startswith("HTTP/1.1 422")
        assert "UPLOAD_INCOMPLETE" in answer
        assert gone(intake)


def test_only_so_many_uploads_are_taken_at_a_time(intake, monkeypatch):
    monkeypatch.setattr(main.Parts, "close", lambda _self: None)
    object.__setattr__(intake.settings, "uploads_max", 1)
    app = main.create_app(intake.settings, parts=lambda: intake.parts)
    length = f"Content-Length: {len(GOOD)}"
    with in_background([(app, "127.0.0.1", 0)]) as (url,):
        served = (intake, urlsplit(url))
        first, second = intake.open().json(), intake.open(period="2018-05").json()
        with connect(served, first["id"], length) as holding:
            holding.sendall(GOOD[:-1])
            wait_for_begin(intake)
            with connect(served, second["id"], length) as refused:
                refused.sendall(GOOD)
                answer = refused.recv(65_536).decode()
            assert answer.startswith("HTTP/1.1 503")
            assert "TOO_MANY_UPLOADS" in answer
            holding.sendall(GOOD[-1:])
            assert holding.recv(12).decode() == "HTTP/1.1 202"
