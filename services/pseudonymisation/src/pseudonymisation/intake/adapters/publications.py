"""Which periods were published, as agreements says: asked now and then, and never guessed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from common import http
from common.clock import legal_day
from common.errors import AppError, Unavailable
from common.security.client import ServiceTokens
from pseudonymisation.intake.adapters.agreements import AUDIENCE
from pseudonymisation.intake.domain.errors import PublicationsUnavailable

KEPT: Final = timedelta(seconds=30)
"""Everybody may ask for the public statement; agreements is asked for it once in so long."""
PAGE: Final = 200
PAGES_MAX: Final = 100


class _Publication(BaseModel):
    model_config = ConfigDict(extra="ignore")

    data_set: str
    period: str
    published_on: date
    not_as_sealed: list[str] | None = None


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: list[_Publication]
    next: UUID | None = None
    unreadable: list[UUID] = []


@dataclass(slots=True)
class HttpPublications:
    """`intake.use_cases.ports.Publications`."""

    remote: http.Client
    tokens: ServiceTokens
    now: Callable[[], datetime]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: tuple[datetime, Mapping[str, frozenset[str]] | Unavailable] | None = None

    def by_data_set(self, *, anew: bool = False) -> Mapping[str, frozenset[str]]:
        with self._lock:
            now = self.now()
            if anew or self._kept is None or not timedelta(0) <= now - self._kept[0] < KEPT:
                try:
                    self._kept = now, self._asked(legal_day(now))
                except Unavailable as refusal:
                    self._kept = now, refusal
            found = self._kept[1]
        if isinstance(found, Unavailable):
            raise found
        return found

    def _asked(self, today: date) -> Mapping[str, frozenset[str]]:
        published: dict[str, set[str]] = {}
        after: UUID | None = None
        for _ in range(PAGES_MAX):
            page = self._page(after)
            for one in page.items:
                # What somebody wrote past agreements is no publication.
                if one.published_on <= today and not one.not_as_sealed:
                    published.setdefault(one.data_set, set()).add(one.period)
            if page.next is None:
                return {name: frozenset(periods) for name, periods in published.items()}
            after = page.next
        raise PublicationsUnavailable("The agreements service has more publications than are read.")

    def _page(self, after: UUID | None) -> _Page:
        params = {"limit": str(PAGE)} | ({} if after is None else {"after": str(after)})
        try:
            answer = http.call(
                self.remote,
                "GET",
                "/v1/publications",
                token=self.tokens.token(AUDIENCE),
                params=params,
            )
            return _Page.model_validate_json(answer.content)
        except Unavailable:
            raise
        except AppError as refusal:
            raise PublicationsUnavailable(
                f"The agreements service answered {refusal.code}."
            ) from refusal
        except ValidationError:
            raise PublicationsUnavailable(
                "The agreements service returned publications that could not be parsed."
            ) from None
