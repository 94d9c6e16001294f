"""Local flows in the database: their files, and what agreements that name them rest on."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from agreements.db.events import enqueue
from agreements.db.flows.tables import LocalFlowRow
from agreements.db.store import SqlFacts
from agreements.db.tables import Row
from agreements.flows.adapters.catalogue import facts_of, title_of
from agreements.flows.domain.local_flow import FlowState, LocalFlow
from agreements.records.domain.terms.data_sets import DataSetFacts
from agreements.records.use_cases.lists.data_set_files import EntryFor
from catalogue import InvalidDataSet
from common.audit import Entry
from common.db import catalogue_files
from common.db.tables import catalogue_file
from statements.document import Terms


@dataclass(frozen=True, slots=True)
class SqlFlowFiles:
    session: Session

    def keep(self, digest: str, content: bytes, *, at: datetime) -> None:
        catalogue_files.keep(self.session.connection(), digest, content, at=at)

    def find(self, digest: str) -> bytes | None:
        return catalogue_files.find(self.session.connection(), digest)


class SqlLocalFlows(SqlFacts[LocalFlow]):
    """Local flows as facts; what became of each is told."""

    def save(self, *facts: LocalFlow, audit: Entry) -> tuple[LocalFlow, ...]:
        stored = SqlFacts.save(self, *facts, audit=audit)
        for one in stored:
            enqueue(self.session, one.pending, aggregate_id=one.id, aggregate_version=one.version)
        return stored


@dataclass(frozen=True, slots=True)
class SqlDataSetFiles:
    """What a draft needs of the local flows that its lines name."""

    flows: SqlLocalFlows
    files: SqlFlowFiles

    def facts(self, digests: Iterable[str]) -> Mapping[str, DataSetFacts]:
        found = {}
        for flow in self._served(set(digests)):
            content = self.files.find(flow.digest)
            if content is not None:
                found[flow.digest] = read(flow.digest, content)
        return {digest: facts for digest, facts in found.items() if facts is not None}

    def titles(self) -> Mapping[str, str]:
        """Read them of the files themselves, which have the digest that an agreement names."""
        found: dict[str, str] = {}
        for digest in catalogue_files.digests(self.files.session.connection()):
            if (content := self.files.find(digest)) is not None:
                with suppress(InvalidDataSet):
                    found[digest] = title_of(digest, content)
        return found

    def use(self, digests: Iterable[str], entry: EntryFor, *, at: datetime) -> None:
        for flow in self._served(set(digests)):
            if flow.state is not FlowState.IN_USE:
                audit = entry("local-flow-used", f"local-flows/{flow.id}", digest=flow.digest)
                self.flows.save(flow.use(at=at), audit=audit)

    def _served(self, digests: Collection[str]) -> list[LocalFlow]:
        found = (one for digest in sorted(digests) for one in self.flows.find(digest=digest))
        return [one for one in found if one.is_served]


def read(digest: str, content: bytes) -> DataSetFacts | None:
    """Read a file as decisions rest on it; None where it is none, which opens nothing."""
    try:
        return facts_of(digest, content)
    except InvalidDataSet:
        return None


class Judging(Protocol):
    """Whoever loads facts for a decision, and names what is not as it was sealed."""

    @property
    def session(self) -> Session: ...
    @property
    def broken(self) -> set[str]: ...


def with_flows(
    known: Mapping[str, DataSetFacts],
    lines: Iterable[Terms],
    about: Callable[[type[Row], type[LocalFlow], Collection[object]], Iterable[LocalFlow]],
    judging: Judging,
) -> Mapping[str, DataSetFacts]:
    """Add the local flows that lines name, where two people stand for them, to what is built in."""
    wanted = {line.catalogue_digest for line in lines} - known.keys()
    if not wanted:
        return known
    found, files = {}, SqlFlowFiles(judging.session)
    for flow in (one for one in about(LocalFlowRow, LocalFlow, wanted) if one.is_served):
        content = files.find(flow.digest)
        described = None if content is None else read(flow.digest, content)
        if described is None:
            judging.broken.add(catalogue_file.name)
        else:
            found[flow.digest] = described
    return {**known, **found}
