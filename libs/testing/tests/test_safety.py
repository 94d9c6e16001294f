"""What looks at every answer of the services' tests has to see what is missing."""

import httpx
import pytest

from common.web.app import SAFETY
from dsfc_testing import safety

WHOLE = {str(name, "ascii"): str(value, "ascii") for name, value in SAFETY}


def answer(headers: dict[str, str], path: str = "/v1/extracts") -> httpx.Response:
    return httpx.Response(200, headers=headers, request=httpx.Request("GET", f"http://test{path}"))


def test_what_every_answer_has_is_enough():
    safety.look_at(answer(WHOLE))


@pytest.mark.parametrize("name", WHOLE)
def test_each_of_its_headers_is_missed(name):
    with pytest.raises(safety.Unsafe, match=name):
        safety.look_at(answer({k: v for k, v in WHOLE.items() if k != name}))


@pytest.mark.parametrize(
    "weaker",
    [
        {"cache-control": "private"},
        {"cache-control": "max-age=60"},
        {"strict-transport-security": "max-age=60"},
        {"content-security-policy": "default-src 'none'"},
        {"content-security-policy": "default-src 'none'; frame-ancestors *"},
        {
            "content-security-policy": "default-src 'none'; frame-ancestors 'none';"
            " style-src 'unsafe-inline'"
        },
        {"set-cookie": "a=b"},
        {"access-control-allow-origin": "https://example.org"},
        {"server": "uvicorn"},
    ],
)
def test_what_is_weaker_is_seen(weaker):
    with pytest.raises(safety.Unsafe):
        safety.look_at(answer(WHOLE | weaker))


def test_files_of_the_interactive_pages_may_be_kept():
    safety.look_at(answer(WHOLE | {"cache-control": "max-age=3600"}, "/docs/swagger-ui.js"))
