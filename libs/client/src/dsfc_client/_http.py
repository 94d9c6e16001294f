"""One place that speaks HTTP: tokens, problems, retries of what may be repeated, pages."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import stamina
from pydantic import BaseModel, ConfigDict

from dsfc_client._errors import ConnectionLost, Problem
from dsfc_client._tokens import TokenSource

AGAIN = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS})
ATTEMPTS, RETRY_SECONDS_MAX = 4, 10.0
PAGE_ITEMS = 200
SHEETS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Wire(BaseModel):
    """Base of what arrives. A service may say more than this version of the client knows."""

    model_config = ConfigDict(extra="allow", frozen=True)


Model = TypeVar("Model", bound=Wire)


class Service:
    """A service's API: base address, audience, and the verbs in terms of typed models."""

    audience: str

    def __init__(
        self, base_url: str, http: httpx.Client, tokens: TokenSource | None, *, audience: str
    ) -> None:
        self._base = base_url.rstrip("/")
        self._http = http
        self._tokens = tokens
        self.audience = audience

    def get(self, path: str, **params: Any) -> Any:
        """Return the decoded JSON of a GET. Raise Problem or ConnectionLost."""
        return self.call("GET", path, params=params).json()

    def post(self, path: str, body: object = None, *, key: str | None = None, **params: Any) -> Any:
        """POST JSON; with `key`, an Idempotency-Key, the call may be repeated safely."""
        headers = {"Idempotency-Key": key} if key else {}
        response = self.call("POST", path, json=body, headers=headers, params=params)
        return response.json() if response.content else None

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send, and raise Problem for a 4xx or 5xx.

        Repeated, with back-off, where that does no harm: GET, HEAD, and what has a key.
        """
        sent = dict(headers or {})
        asked = {k: v for k, v in (params or {}).items() if v is not None}
        safe = method in {"GET", "HEAD"} or "Idempotency-Key" in sent
        attempts = ATTEMPTS if safe else 1
        response: httpx.Response | None = None
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, _Busy), attempts=attempts, timeout=RETRY_SECONDS_MAX
            ):
                with attempt:
                    response = self._http.request(
                        method, self.url(path), headers=self.headers(sent), params=asked, **options
                    )
                    if response.status_code in AGAIN and attempt.num < attempts:
                        raise _Busy
        except httpx.TransportError as error:
            raise ConnectionLost(f"{self.audience} does not answer.") from error
        except _Busy:
            pass  # for as long as we try; its last answer says why
        assert response is not None
        if response.is_error:
            raise Problem.of(response)
        return response

    def pages(self, path: str, model: type[Model], **params: Any) -> Iterator[Model]:
        """Yield every item of a list, page by page."""
        for item in self.items(path, **params):
            yield model.model_validate(item)

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """Yield the same as it came: a digest is over what was written."""
        after: str | None = None
        while True:
            page = self.get(path, limit=PAGE_ITEMS, after=after, **params)
            yield from page["items"]
            after = page.get("next")
            if after is None:
                return

    def spreadsheet(self, path: str, target: Path) -> Path:
        """Fetch a list as a spreadsheet, whole: CSV or XLSX by the ending of the target."""
        ending = target.suffix.removeprefix(".")
        if ending not in SHEETS:
            raise ValueError(f"{target} ends in neither .csv nor .xlsx.")
        answer = self.call(
            "GET", path, headers={"Accept": SHEETS[ending]}, params={"format": ending}
        )
        target.write_bytes(answer.content)
        return target

    def url(self, path: str) -> str:
        return f"{self._base}/{path.removeprefix('/')}"

    def headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """`extra` and, where this client has credentials, a bearer token."""
        headers = {"Accept": "application/json", **extra}
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {self._tokens.token(self.audience)}"
        return headers


class _Busy(Exception):
    """The service asks to come back later."""
