"""Headers that every answer of every service has: tests' clients look at each answer they get."""

from typing import Any, Protocol

NO_DATA = "/docs/"
"""Below it are files of Swagger UI, which may be kept."""
YEAR_SECONDS = 31_536_000


class Answer(Protocol):
    """A response of httpx, or of what Starlette's client is made of."""

    @property
    def headers(self) -> Any: ...
    @property
    def request(self) -> Any: ...


class Unsafe(AssertionError):
    """An answer lacks what keeps a browser, a cache or a proxy from misusing it."""


def look_at(answer: Answer) -> None:
    """Raise Unsafe where a header is missing, or is weaker than it may be. A response hook."""
    headers, path = answer.headers, answer.request.url.path
    policy = headers.get("content-security-policy", "")
    transport = headers.get("strict-transport-security", "")
    said = {
        "x-content-type-options": headers.get("x-content-type-options") == "nosniff",
        "referrer-policy": headers.get("referrer-policy") == "no-referrer",
        "cross-origin-resource-policy": headers.get("cross-origin-resource-policy")
        == "same-origin",
        "strict-transport-security": _seconds(transport) >= YEAR_SECONDS,
        "content-security-policy": "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and "unsafe" not in policy
        and "*" not in policy,
        "cache-control": headers.get("cache-control") == "no-store" or path.startswith(NO_DATA),
        "no cookie": "set-cookie" not in headers,
        "no other origin": "access-control-allow-origin" not in headers,
        "no product's name": "server" not in headers and "x-powered-by" not in headers,
    }
    missing = sorted(name for name, holds in said.items() if not holds)
    if missing:
        raise Unsafe(f"{answer.request.method} {path}: {', '.join(missing)}")


def _seconds(transport: str) -> int:
    """Return for how long a browser is to use TLS only."""
    given = dict(part.strip().partition("=")[::2] for part in transport.split(";"))
    return int(given.get("max-age", "0") or 0)
