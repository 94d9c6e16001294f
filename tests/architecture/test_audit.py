"""The audit of dependencies: a vulnerability fails it, silence is said to be silence.

It is run whole, against a service on this machine that speaks OSV; what the real one says is for
`.ci/run`.
"""

import json
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jose.backends import ECKey, RSAKey

from tests.repository import ROOT

JUDGED = tomllib.loads((ROOT / ".ci/advisories.toml").read_text("utf-8"))["judged"]
NOWHERE = "http://127.0.0.1:1"
"""Nothing beyond this machine is asked: uv would have the registry tell of given up projects."""
OWN = {one["id"]: one["package"] for one in JUDGED}


class Advisories(ThreadingHTTPServer):
    """A service that speaks OSV, and what it knows: a package by an advisory's id."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.known = dict(OWN)
        self.fixed: dict[str, str] = {}
        self.status = HTTPStatus.OK
        self.asked: set[str] = set()

    def record(self, id_: str) -> dict[str, Any]:
        events = [{"introduced": "0"}]
        events += [{"fixed": self.fixed[id_]}] if id_ in self.fixed else []
        ranges = [{"type": "ECOSYSTEM", "events": events}]
        package = {"ecosystem": "PyPI", "name": self.known[id_]}
        return {"id": id_, "modified": "2026-01-01T00:00:00Z", "summary": "For a test."} | {
            "affected": [{"package": package, "ranges": ranges}]
        }


class _Answers(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        names = [query["package"]["name"] for query in queries]
        self.server.asked.update(names)
        of = {
            package: [{"id": i, "modified": "2026-01-01T00:00:00Z"}]
            for i, package in self.server.known.items()
        }
        self._say({"results": [{"vulns": of[name]} if name in of else {} for name in names]})

    def do_GET(self) -> None:
        self._say(self.server.record(self.path.rpartition("/")[2]))

    def _say(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    server = Advisories()
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    yield server
    server.shutdown()
    serving.join(timeout=10)
    server.server_close()


@pytest.fixture
def judged(tmp_path) -> Path:
    """What is judged here, and nothing said of machines without advisories."""
    text = (ROOT / ".ci/advisories.toml").read_text("utf-8")
    file = tmp_path / "advisories.toml"
    file.write_text(text.partition("[not_audited]")[0], encoding="utf-8")
    return file


def exempt(file: Path, since: int, until: int) -> None:
    """Say that nothing need be audited, from so many days from now to so many."""
    days = [datetime.now(UTC).date() + timedelta(days=day) for day in (since, until)]
    said = f'[not_audited]\nsince = {days[0]}\nuntil = {days[1]}\nwhy = "for a test"\n'
    file.write_text(file.read_text("utf-8") + said, encoding="utf-8")


def audit(advisories: Advisories, file: Path) -> tuple[int, str]:
    url = f"http://127.0.0.1:{advisories.server_port}"
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/audit", file],
        env={**os.environ, "ADVISORIES_URL": url, "HTTPS_PROXY": NOWHERE, "UV_HTTP_RETRIES": "0"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_judged_is_told_and_passes(advisories, judged):
    status, said = audit(advisories, judged)

    assert status == 0, said
    assert all(f"{one['package']} " in said and one["why"] in said for one in JUDGED)
    assert {"fastapi", "cryptography", "pytest"} <= advisories.asked  # development's too
    assert not any(name.startswith("dsfc") for name in advisories.asked)


def test_a_vulnerability_fails_it_and_is_named(advisories, judged):
    advisories.known["PYSEC-2999-1"] = "starlette"

    status, said = audit(advisories, judged)

    assert status == 1
    assert "VULNERABLE: starlette" in said
    assert "PYSEC-2999-1" in said


def test_what_is_judged_fails_it_once_there_is_a_fix(advisories, judged):
    advisories.fixed = dict.fromkeys(OWN, "9999.0")

    status, said = audit(advisories, judged)

    assert status == 1
    assert "fixed in 9999.0" in said


def test_where_advisories_cannot_be_had_it_fails_and_says_so(advisories, judged):
    advisories.status = HTTPStatus.FORBIDDEN

    status, said = audit(advisories, judged)

    assert status == 3
    assert said.splitlines()[-1].startswith("NOT AUDITED: advisories cannot be had")


@pytest.mark.parametrize(
    ("since", "until", "status"),
    [(0, 30, 0), (-30, 0, 0), (-40, -1, 3), (1, 30, 3), (-1, 100, 3)],
    ids=["from today", "to today", "over", "not yet", "for too long"],
)
def test_that_nothing_is_audited_is_said_beforehand_and_until_a_day(
    advisories, judged, since, until, status
):
    advisories.status = HTTPStatus.FORBIDDEN
    exempt(judged, since, until)

    ended, said = audit(advisories, judged)

    assert ended == status, said
    assert said.splitlines()[-1].startswith("NOT AUDITED: advisories cannot be had")


def test_where_nothing_need_be_audited_a_vulnerability_that_is_told_fails_it_all_the_same(
    advisories, judged
):
    advisories.known["PYSEC-2999-1"] = "starlette"
    exempt(judged, 0, 30)

    assert audit(advisories, judged)[0] == 1


def test_a_service_that_knows_nothing_is_not_good_news(advisories, judged):
    advisories.known.clear()

    status, said = audit(advisories, judged)

    assert status == 3
    assert said.splitlines()[-1].startswith("NOT AUDITED: the service does not know")


def test_signatures_are_made_and_judged_by_cryptography_and_not_by_ecdsa():
    """Why PYSEC-2026-1325 touches nothing here: python-jose falls back to ecdsa without a word."""
    assert ECKey.__module__ == RSAKey.__module__ == "jose.backends.cryptography_backend"
