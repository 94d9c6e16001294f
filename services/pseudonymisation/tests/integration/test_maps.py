"""Maps are asked of agreements over HTTP, fetched once, and only what their digest says."""

from datetime import date
from uuid import uuid4

import httpx
import pytest

from common import http
from common.errors import Unavailable
from common.ids import digest
from pseudonymisation.intake.adapters.agreements import (
    HttpMaps,
    HttpSubmissionRights,
)
from pseudonymisation.intake.domain.right import Basis, OrganisationStatus, ProviderStanding

CONTENT = b"practice,commissioner\nA81001,02P\n"
MAP_ID = str(uuid4())
DAY = date(2018, 4, 1)


class Tokens:
    def token(self, audience: str) -> str:
        assert audience == "agreements"
        return "a.b.c"


class Agreements:
    """Answers as agreements does; what it is asked is kept."""

    def __init__(self, *, content: bytes = CONTENT, listed: int = 1, status: int = 200) -> None:
        self.asked: list[str] = []
        self._content, self._listed, self._status = content, listed, status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer a.b.c"
        self.asked.append(request.url.raw_path.decode())
        if self._status != 200:
            problem = {"code": "ROLE_NOT_PERMITTED", "status": self._status}
            return httpx.Response(
                self._status, json=problem, headers={"content-type": "application/problem+json"}
            )
        if request.url.path.endswith("/entries"):
            return httpx.Response(200, content=self._content)
        item = {"id": MAP_ID, "kind": "practice", "digest": digest(CONTENT), "entries": 1}
        return httpx.Response(200, json={"items": [item] * self._listed})


@pytest.fixture
def maps(tmp_path):
    def make(answers) -> HttpMaps:
        remote = http.client("http://agreements.test", transport=httpx.MockTransport(answers))
        return HttpMaps(remote, Tokens(), tmp_path / "maps")

    return make


def test_the_map_that_governs_is_fetched_once_and_asked_for_each_time(maps):
    agreements = Agreements()
    asked = maps(agreements)
    first, second = asked.governing("practice", DAY), asked.governing("practice", DAY)

    assert first == second
    assert first.path.read_bytes() == CONTENT
    assert str(first.version.id) == MAP_ID
    assert agreements.asked == [
        "/v1/maps?kind=practice&as_at=2018-04-01",
        f"/v1/maps/{MAP_ID}/entries",
        "/v1/maps?kind=practice&as_at=2018-04-01",
    ]


def test_where_no_map_governs_there_is_none(maps):
    assert maps(Agreements(listed=0)).governing("practice", DAY) is None


@pytest.mark.parametrize(
    "agreements",
    [
        Agreements(content=b"practice,commissioner\nA81001,00L\n"),  # not what the digest says
        Agreements(listed=2),
        Agreements(status=403),
        Agreements(status=503),
    ],
)
def test_whatever_else_agreements_says_is_no_map(maps, agreements, tmp_path):
    with pytest.raises(Unavailable):
        maps(agreements).governing("practice", DAY)
    assert not list(tmp_path.rglob("*.csv"))


def test_silence_is_no_map(maps):
    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with pytest.raises(Unavailable):
        maps(away).governing("practice", DAY)


class Standings:
    """Answers as agreements does about rights to submit."""

    def __init__(self, status: int = 200, **changes) -> None:
        self.asked: list[str] = []
        self._status = status
        self._one = {
            "provider": "RJE00",
            "entity": "RJE",
            "standing": "open",
            "basis": "right",
            "right": MAP_ID,
            "may_submit": True,
        } | changes

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        body = {"submitter": "RFF", "as_at": "2018-04-01", "providers": [self._one]}
        return httpx.Response(self._status, json=body)


def rights(answers) -> HttpSubmissionRights:
    remote = http.client("http://agreements.test", transport=httpx.MockTransport(answers))
    return HttpSubmissionRights(remote, Tokens())


def test_it_is_asked_for_whom_one_may_submit_on_the_day():
    agreements = Standings()
    found = rights(agreements).of("RFF", "RJE00", DAY)

    assert found == [ProviderStanding("RJE00", "RJE", OrganisationStatus.OPEN, Basis.RIGHT)]
    rights(agreements).of("RFF", None, DAY)
    assert agreements.asked == [
        "/v1/submission-rights?submitter=RFF&as_at=2018-04-01&provider=RJE00",
        "/v1/submission-rights?submitter=RFF&as_at=2018-04-01",
    ]


@pytest.mark.parametrize(
    "agreements",
    [
        Standings(status=403),
        Standings(status=500),
        Standings(standing="perhaps"),
        Standings(entity=""),
        Standings(provider="RXX"),
    ],
)
def test_whatever_else_agreements_says_is_no_right(agreements):
    with pytest.raises(Unavailable):
        rights(agreements).of("RFF", "RJE00", DAY)


class Direction:
    """Agreements' answer to whether a data set may be taken in."""

    def __init__(self, status: int = 200, **changes) -> None:
        self.asked: list[str] = []
        self._status = status
        self._said = {"data_set": "SUS_APC", "day": "2018-04-01", "is_allowed": True} | changes

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        return httpx.Response(self._status, json=self._said)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_it_is_asked_whether_a_direction_is_in_force_on_the_day(is_allowed):
    agreements = Direction(is_allowed=is_allowed)

    assert rights(agreements).may_collect("SUS_APC", DAY) is is_allowed
    assert agreements.asked == ["/v1/directions/data-sets/SUS_APC?as_at=2018-04-01"]


@pytest.mark.parametrize(
    "agreements",
    [
        Direction(status=403),
        Direction(status=409),
        Direction(status=500),
        Direction(is_allowed="perhaps"),
        Direction(day="2018-04-02"),
        Direction(data_set="SUS_OP"),
    ],
)
def test_what_is_no_answer_about_the_data_set_and_the_day_takes_nothing_in(agreements):
    with pytest.raises(Unavailable):
        rights(agreements).may_collect("SUS_APC", DAY)
