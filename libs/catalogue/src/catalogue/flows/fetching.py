"""Fetches local flows from agreements, checks them by their digest, and keeps them.

A service that is no agreements knows a flow by name only as agreements says at that moment; a file
it knows by the digest of its bytes alone. So what is kept can be had again without asking, and
what stands in the table otherwise opens nothing: other bytes have another digest.
"""

import re
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

import catalogue
from catalogue.flows.knowing import CatalogueWithFlows, Versions
from catalogue.flows.reading import of_canonical
from catalogue.flows.rules import is_local_flow
from catalogue.model import DataSet
from catalogue.store import InvalidDataSet
from common import faults
from common.db import catalogue_files
from common.errors import Unavailable
from common.http import Remote, RemoteProblem, RemoteUnavailable
from common.ids import DIGEST

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PATH: Final = "/v1/local-flows"
NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{1,31}")
VERSIONS_MAX: Final = 1_000


class LocalFlowDiffers(Unavailable):
    """What agreements sent is not what it was asked for."""

    code = "LOCAL_FLOW_DIFFERS"
    title = "The file of a local flow is not the one that its digest stands for"


class _Version(BaseModel):
    model_config = ConfigDict(extra="ignore")

    catalogue_version: str
    digest: Annotated[str, Field(pattern=DIGEST.pattern)]


class _Versions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    versions: Annotated[list[_Version], Field(max_length=VERSIONS_MAX)]


class FetchedFlows:
    """Local flows as agreements serves them; for all threads of a process."""

    def __init__(
        self, remote: Callable[[], Remote], engine: Engine, now: Callable[[], datetime]
    ) -> None:
        """Take `remote` when something is asked first: most of what is known needs nobody."""
        self._remote = cache(remote)
        self._engine = engine
        self._now = now
        self._read: dict[str, DataSet] = {}
        self._lock = threading.Lock()

    def versions(self, name: str) -> Versions:
        if not (is_local_flow(name) and NAME.fullmatch(name)):
            return {}
        answer = self._asked(f"{PATH}/versions", {"data_set": name})
        try:
            found = _Versions.model_validate_json(answer)
        except ValidationError:
            raise LocalFlowDiffers("Agreements names no versions of the local flow.") from None
        return {one.catalogue_version: one.digest for one in found.versions}

    def by_digest(self, digest: str) -> DataSet | None:
        if not DIGEST.fullmatch(digest):
            return None
        with self._lock:
            known = self._read.get(digest)
        return known or self._of_table(digest) or self._fetched(digest)

    def kept(self) -> Iterable[DataSet]:
        with self._engine.connect() as connection:
            digests = [*catalogue_files.digests(connection)]
        found = (self.by_digest_at_hand(digest) for digest in digests)
        return sorted((one for one in found if one), key=lambda d: (d.data_set, d.version))

    def by_digest_at_hand(self, digest: str) -> DataSet | None:
        """Return a flow that was had before, without asking anybody."""
        with self._lock:
            known = self._read.get(digest)
        return known or self._of_table(digest)

    def _of_table(self, digest: str) -> DataSet | None:
        with self._engine.connect() as connection:
            content = catalogue_files.find(connection, digest)
        return None if content is None else self._taken(content, digest)

    def _fetched(self, digest: str) -> DataSet | None:
        try:
            content = self._asked(f"{PATH}/files/{digest}", {})
        except _NotThere:
            return None
        found = self._taken(content, digest)
        if found is None:
            raise LocalFlowDiffers(
                "Agreements sent other bytes than those of the digest. Nothing is done by them."
            )
        faults.reach("F1")
        try:
            with self._engine.begin() as connection:
                catalogue_files.keep(connection, digest, content, at=self._now())
                faults.reach("F2")
        except SQLAlchemyError:  # it is asked for again when it is needed again
            log.warning("local_flow_not_kept", digest=digest, exc_info=True)
        log.info("local_flow_fetched", digest=digest, data_set=found.data_set)
        return found

    def _taken(self, content: bytes, digest: str) -> DataSet | None:
        try:
            found = of_canonical(content, digest)
        except InvalidDataSet:
            log.critical("local_flow_differs", digest=digest)
            return None
        with self._lock:
            return self._read.setdefault(digest, found)

    def _asked(self, path: str, params: dict[str, str]) -> Any:
        try:
            return self._remote().call("GET", path, params=params).content
        except RemoteProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                raise _NotThere from None
            raise RemoteUnavailable(
                "Agreements cannot say what the local flow is.", remote_code=problem.code
            ) from problem


class _NotThere(LookupError):
    """Agreements serves no such thing."""


def with_flows(
    remote: Callable[[], Remote], engine: Engine, now: Callable[[], datetime]
) -> CatalogueWithFlows:
    """Return the catalogue of a service: what is built in, and what agreements serves."""
    fixed = catalogue.load()
    flows = FetchedFlows(remote, engine, now)
    return CatalogueWithFlows(fixed.data_sets, fixed.landing_rules, flows)
