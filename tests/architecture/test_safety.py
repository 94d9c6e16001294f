"""Every route of every service answers with the headers of safety, also what nobody can serve.

Here each route is asked with nothing behind it, so that most of the answers are refusals and
errors. What is answered where all is there is looked at by the clients of the services' tests,
which have the same hook.
"""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from common.web.auth import route_permissions
from dsfc_cli.contracts import apps_of
from dsfc_testing import safety
from tests.repository import ROOT, text_of

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
SOME = "019a0000-0000-7000-8000-000000000000"
CLIENTS_OF_TESTS = (
    "libs/common/tests/test_web.py",
    "services/applications/tests/api/conftest.py",
    "services/agreements/tests/api/conftest.py",
    "services/pseudonymisation/tests/submitting.py",
    "services/dissemination/tests/conftest.py",
)


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_the_headers_of_safety(service: str) -> None:
    for app in apps_of(service).values():
        app.openapi_schema = {"openapi": "3.1.0"}  # to make the document takes longer than all else
        asyncio.run(_ask_all(app))


async def _ask_all(app: FastAPI) -> None:
    routes = route_permissions(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path, _ in routes:
            safety.look_at(await client.request(method, re.sub(r"\{[^}]+\}", SOME, path)))
        unknown = await client.get("/no/such/route")
        not_so = await client.request("TRACE", "/livez")
    assert len(routes) > 10
    for answer, status in ((unknown, 404), (not_so, 405)):
        safety.look_at(answer)
        assert answer.status_code == status


@pytest.mark.parametrize("path", CLIENTS_OF_TESTS)
def test_every_answer_in_the_services_tests_is_looked_at(path: str) -> None:
    assert "safety.look_at" in text_of(ROOT / path)
