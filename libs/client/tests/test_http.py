"""What a caller sees of a service that is away, busy, or says no."""

import httpx
import pytest
import stamina

from dsfc_client._errors import ConnectionLost, Problem
from dsfc_client._http import ATTEMPTS, Service


@pytest.fixture(autouse=True)
def no_waiting():
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


def service(answer):
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Service("http://service.test", http, None, audience="dissemination")


def away(request):
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_is_away_is_a_lost_connection(method):
    with pytest.raises(ConnectionLost, match="dissemination does not answer"):
        service(away).call(method, "/v1/extracts")


def test_a_service_that_stays_busy_is_asked_again_and_then_believed():
    asked = []

    def busy(request):
        asked.append(request)
        return httpx.Response(503, json={"code": "TOO_MANY_STREAMS"})

    with pytest.raises(Problem) as caught:
        service(busy).get("/v1/extracts")

    assert caught.value.code == "TOO_MANY_STREAMS"
    assert len(asked) == ATTEMPTS


def test_a_command_without_a_key_is_sent_once():
    asked = []

    def busy(request):
        asked.append(request)
        return httpx.Response(503, json={"code": "DECISION_UNAVAILABLE"})

    with pytest.raises(Problem):
        service(busy).post("/v1/extracts", {})

    assert len(asked) == 1


def test_a_service_that_is_soon_back_is_no_problem():
    answers = iter([httpx.Response(503), httpx.Response(200, json={"items": []})])

    assert service(lambda _: next(answers)).get("/v1/extracts") == {"items": []}


def test_a_path_without_its_slash_is_one_all_the_same():
    """A reference that is taken for a path is asked for, and refused as what is not there."""
    asked = []

    def nothing(request):
        asked.append(str(request.url))
        return httpx.Response(404, json={"code": "NOT_FOUND"})

    for path in ("DARS-NIC-1-A", "/DARS-NIC-1-A"):
        with pytest.raises(Problem):
            service(nothing).get(path)

    assert set(asked) == {"http://service.test/DARS-NIC-1-A"}
