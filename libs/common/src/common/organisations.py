"""Codes of organisations in the form in which they are compared (domain.md ruling 23).

One organisation comes as its code, as a longer form of it, or as a site. Which code stands for
itself is for the lists to say, which agreements has; the others ask it. Codes that are compared,
counted or joined by go through `own` on both sides.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from common import http
from common.errors import AppError, Unavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AUDIENCE = "agreements"
KEPT_SECONDS = 300.0
"""Lists change at most once a day."""
KEPT_MAX = 4096
AWAY_SECONDS = 2.0
"""So long agreements is not asked again, by who can do without, after it did not answer."""
NO_SUCH_CODE = frozenset({404, 422})


class CodesUnavailable(Unavailable):
    code = "ORGANISATION_CODES_UNAVAILABLE"
    title = "Organisation codes are temporarily unavailable"


class Codes(Protocol):
    def own(self, code: str) -> str:
        """Return the code that stands for itself; what no list has stays as it is.

        Raises:
            Unavailable: the lists cannot be asked.

        """

    def known(self, code: str) -> str:
        """Return the same; where the lists cannot be asked what was known, or the code itself.

        For what may only show less, or is written down beside a fact that was judged elsewhere.
        """


def spellings(codes: Codes, code: str) -> frozenset[str]:
    """Return under which codes an organisation's own rows may be stored."""
    return frozenset({code, codes.known(code)})


class Tokens(Protocol):
    def token(self, audience: str) -> str: ...


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    own: str


class RemoteCodes:
    """Asks agreements, and keeps what it said for a while."""

    def __init__(
        self, remote: http.Client, tokens: Tokens, *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._remote = remote
        self._tokens = tokens
        self._timer = timer
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._away_until = float("-inf")
        self._lock = threading.Lock()

    def own(self, code: str) -> str:
        text = code.strip().upper()
        now = self._timer()
        with self._lock:
            since, known = self._kept.get(text, (float("-inf"), text))
        if now - since < KEPT_SECONDS:
            return known
        try:
            found = self._ask(text)
        except Unavailable:
            with self._lock:
                self._away_until = self._timer() + AWAY_SECONDS
            raise
        with self._lock:
            self._kept[text] = (now, found)
            self._kept.move_to_end(text)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return found

    def known(self, code: str) -> str:
        text = code.strip().upper()
        with self._lock:
            is_away = self._timer() < self._away_until
        if not is_away:
            try:
                return self.own(text)
            except Unavailable as away:
                log.warning("organisation_code_unknown", code=away.code)
        with self._lock:
            return self._kept.get(text, (0.0, text))[1]

    def _ask(self, code: str) -> str:
        try:
            answer = http.call(
                self._remote,
                "GET",
                f"/v1/organisations/{quote(code, safe='')}",
                token=self._tokens.token(AUDIENCE),
            )
            return _Listed.model_validate_json(answer.content).own
        except http.RemoteProblem as problem:
            if problem.status in NO_SUCH_CODE:
                return str(problem.remote_members.get("own") or code)
            raise CodesUnavailable(f"Agreements answered {problem.code}.") from problem
        except Unavailable:
            raise
        except AppError as error:
            raise CodesUnavailable(f"Agreements answered {error.code}.") from error
        except ValidationError:
            raise CodesUnavailable("Agreements did not say what the code stands for.") from None
