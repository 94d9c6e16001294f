"""Which periods were published is asked of agreements over HTTP, and never guessed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from common import http
from common.errors import Unavailable
from pseudonymisation.intake.adapters.publications import KEPT, HttpPublications

NOW = datetime(2019, 8, 20, 12, tzinfo=UTC)
NEXT = UUID(int=7)


class Tokens:
    def token(self, audience: str) -> str:
        assert audience == "agreements"
        return "a.b.c"


def line(period: str, on: str = "2019-08-15", data_set: str = "SHMI", **more):
    return {"data_set": data_set, "period": period, "published_on": on} | more


class Agreements:
    def __init__(self, *pages: object, status: int = 200) -> None:
        self.pages, self.status = pages, status
        self.asked: list[str] = []
        self.now = NOW

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        if self.status != 200:
            problem = {"code": "ROLE_NOT_PERMITTED", "status": self.status}
            headers = {"content-type": "application/problem+json"}
            return httpx.Response(self.status, json=problem, headers=headers)
        return httpx.Response(200, json=self.pages["after" in request.url.params])

    def publications(self) -> HttpPublications:
        remote = http.client("http://agreements.test", transport=httpx.MockTransport(self))
        return HttpPublications(remote, Tokens(), lambda: self.now)


def test_what_is_published_by_today_and_is_as_it_was_recorded_is_told_from_every_page():
    later, altered = line("2019-04", on="2019-09-15"), line("2019-02", not_as_sealed=["period"])
    first = {"items": [line("2019-03"), later, altered], "next": str(NEXT)}
    second = {"items": [line("2019-06", data_set="GPW", not_as_sealed=[])], "next": None}
    agreements = Agreements(first, second)

    found = agreements.publications().by_data_set()

    assert found == {"SHMI": {"2019-03"}, "GPW": {"2019-06"}}
    assert agreements.asked == [
        "/v1/publications?limit=200",
        f"/v1/publications?limit=200&after={NEXT}",
    ]


def test_agreements_is_asked_once_in_a_while_whoever_asks():
    agreements = Agreements({"items": [line("2019-03")], "next": None})
    publications = agreements.publications()

    for _ in range(3):
        assert publications.by_data_set() == {"SHMI": {"2019-03"}}
    assert len(agreements.asked) == 1
    agreements.now += KEPT
    publications.by_data_set()
    assert len(agreements.asked) == 2
    agreements.now -= timedelta(days=1)  # a clock that was put right
    publications.by_data_set()
    assert len(agreements.asked) == 3


def test_where_a_decision_rests_on_it_agreements_is_asked_anew():
    agreements = Agreements({"items": [line("2019-03")], "next": None})
    publications = agreements.publications()
    publications.by_data_set()
    agreements.pages = ({"items": [line("2019-04")], "next": None},)

    assert publications.by_data_set() == {"SHMI": {"2019-03"}}
    assert publications.by_data_set(anew=True) == {"SHMI": {"2019-04"}}
    assert publications.by_data_set() == {"SHMI": {"2019-04"}}
    assert len(agreements.asked) == 2


@pytest.mark.parametrize(
    "agreements",
    [
        Agreements({"items": [{"data_set": "SHMI"}]}),
        Agreements({}),
        Agreements(status=403),
        Agreements(status=503),
        Agreements(*[{"items": [], "next": str(NEXT)}] * 2),
    ],
)
def test_what_cannot_be_asked_is_known_by_nobody(agreements):
    with pytest.raises(Unavailable):
        agreements.publications().by_data_set()
