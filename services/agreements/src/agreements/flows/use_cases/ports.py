"""What the use cases of local flows need of the outside."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from agreements.flows.domain.local_flow import LocalFlow
from agreements.records.use_cases.ports import FactStore
from common.idempotency import IdempotencyKeys


class FlowFiles(Protocol):
    """The files of local flows, as canonical JSON by their digest."""

    def keep(self, digest: str, content: bytes, *, at: datetime) -> None:
        """Keep a file; where it is there, nothing is changed."""

    def find(self, digest: str) -> bytes | None:
        """Return the bytes with this digest; None where there are none, or others stand there."""


class FlowTransaction(Protocol):
    @property
    def at(self) -> datetime: ...
    @property
    def once(self) -> IdempotencyKeys: ...
    @property
    def local_flows(self) -> FactStore[LocalFlow]: ...
    @property
    def flow_files(self) -> FlowFiles: ...


class FlowUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[FlowTransaction]: ...

    def writing(self) -> AbstractContextManager[FlowTransaction]: ...
