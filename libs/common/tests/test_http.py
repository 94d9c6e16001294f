"""Calls to other services: what answers is a response, a problem, or away."""

import ssl

import httpx
import pytest
from asgi_correlation_id.context import correlation_id

from common import http
from common.errors import Unavailable


def remote(handle):
    return http.client("http://agreements.test", transport=httpx.MockTransport(handle))


def test_what_succeeds_is_returned_and_says_who_asks():
    seen = {}

    def handle(request: httpx.Request) -> httpx.Response:
        seen.update(request.headers)
        return httpx.Response(201, json={"id": 1})

    token = correlation_id.set("01a202d8-0f0b-7619-8ba5-9a96d3d40f7b")
    try:
        response = http.call(remote(handle), "POST", "/v1/x", token="t", json={"a": 1})
    finally:
        correlation_id.reset(token)

    assert response.json() == {"id": 1}
    assert seen["authorization"] == "Bearer t"
    assert seen["x-request-id"] == "01a202d8-0f0b-7619-8ba5-9a96d3d40f7b"


def test_a_problem_becomes_an_error_with_its_code():
    problem = {"type": "urn:x", "status": 409, "code": "PERMIT_USED", "detail": "d", "epoch": 4}

    with pytest.raises(http.RemoteProblem) as refused:
        http.call(
            remote(
                lambda _: httpx.Response(
                    409, json=problem, headers={"content-type": "application/problem+json"}
                )
            ),
            "PUT",
            "/v1/x",
        )

    assert (refused.value.status, refused.value.code) == (409, "PERMIT_USED")
    assert refused.value.remote_members == {"epoch": 4}
    assert http.RemoteProblem.code == "REMOTE_PROBLEM"


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_what_is_neither_success_nor_problem_is_refused_too(status):
    with pytest.raises(http.RemoteProblem) as refused:
        http.call(remote(lambda _: httpx.Response(status, text="<html>")), "GET", "/v1/x")

    assert refused.value.code == f"HTTP_{status}"
    assert "<html>" not in refused.value.detail


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateways_regret_means_that_the_service_is_away(status):
    with pytest.raises(Unavailable):
        http.call(remote(lambda _: httpx.Response(status)), "GET", "/v1/x")


def test_a_service_that_does_not_answer_is_away():
    with (
        http.client("http://127.0.0.1:1", timeout_seconds=1) as nobody,
        pytest.raises(http.RemoteUnavailable) as away,
    ):
        http.call(nobody, "GET", "/v1/secret")

    assert "secret" not in away.value.detail


def test_whom_the_public_trusts_is_read_once_for_all_clients(monkeypatch):
    read, create = [], ssl.create_default_context
    monkeypatch.setattr(
        ssl, "create_default_context", lambda **named: (read.append(named), create(**named))[1]
    )
    http._public.cache_clear()

    for name in ("agreements", "applications"):
        with http.client(f"https://{name}.test") as client:
            assert client.base_url.host == f"{name}.test"

    assert len(read) == 1
    context = http._public()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
