"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from catalogue import Catalogue
from common.security.keys import Signer
from common.web.auth import public
from common.web.context import from_state
from dissemination.api.stream.leased_response import Limits, Source
from dissemination.domain.errors import TooManyStreams

T = TypeVar("T")


class Store(Protocol):
    """Where the bytes are."""

    def source(self, key: str) -> Source: ...


class Streams:
    """The downloads of this process: how many there are, and where they wait for answers.

    Decisions have threads of their own: agreements hanging must not stop the rest.
    """

    def __init__(self, streams_max: int, store: Store, limits: Limits) -> None:
        self.limits = limits
        self._store = store
        self._max = streams_max
        self._count = 0
        self._asking = CapacityLimiter(streams_max)

    def require_room(self) -> None:
        """Raise TooManyStreams."""
        if self._count >= self._max:
            raise TooManyStreams(f"{self._max} downloads are under way; try again soon.")

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    def source(self, key: str) -> Source:
        return self._store.source(key)

    async def ask(self, question: Callable[[], T]) -> T:
        """Run what waits for agreements. Given up on when its stream is over."""
        return await anyio.to_thread.run_sync(
            question, limiter=self._asking, abandon_on_cancel=True
        )

    async def write(self, deed: Callable[[], T]) -> T:
        """Run what waits for the database, to its end."""
        return await anyio.to_thread.run_sync(deed)


class Checks(Protocol):
    """Who answers questions about tables."""

    def answer(self, question: dict[str, Any]) -> dict[str, Any]: ...


PUBLIC_REGISTER = public("The register of data uses is published.")
PUBLIC_CATALOGUE = public("The catalogue of data sets is published.")
PUBLIC_KEYS = public("Public keys, with which manifests are verified.")


ChecksOf = Annotated[Checks, from_state("checks")]
StreamsOf = Annotated[Streams, from_state("streams")]
CatalogueOf = Annotated[Catalogue, from_state("catalogue")]
SignerOf = Annotated[Signer, from_state("signer")]
