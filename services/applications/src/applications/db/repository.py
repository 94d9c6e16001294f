"""Applications in a relational database: the one place that knows rows and domain."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from applications.db.kept import APPLICATIONS, HISTORIES, KEPT
from applications.db.tables import ApplicationRow, SnapshotRow, StepRow
from applications.domain.application import Application
from applications.domain.errors import (
    ApplicationNotFound,
    SnapshotAltered,
    SnapshotNotFound,
)
from applications.domain.life import Actor, Advice, Decision, Query, State, Step
from applications.domain.routing import Triage
from applications.domain.sections import SECTIONS, Answers
from applications.domain.sections.forms import Kind
from applications.domain.sections.terms import Condition
from applications.use_cases.ports import HistoryLine, Scope, Summary
from common.audit import Entry, LoggedRows, telling
from common.db import idempotency, inbox, reading, saving
from common.db.unit_of_work import UnitOfWork
from common.ids import digest, new_id
from common.messaging import schemas
from common.messaging.envelope import Event
from common.security.roles import Role
from common.texts import STORED
from common.unreadable import from_row

CONSUMER = LOG = "applications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is stored of an application beside its columns and sections."""

    standards: Mapping[int, str]
    authors: tuple[str, ...]
    officers: tuple[str, ...]
    advisers: tuple[str, ...]
    triage: Triage | None
    advisory_body: str | None
    queries: tuple[Query, ...]
    advice: tuple[Advice, ...]
    decision: Decision | None
    conditions: tuple[Condition, ...]


RECORD = TypeAdapter(Record)

SUMMARY = (
    ApplicationRow.id,
    ApplicationRow.organisation,
    ApplicationRow.title,
    ApplicationRow.kind,
    ApplicationRow.state,
    ApplicationRow.reference,
    ApplicationRow.label,
    ApplicationRow.revision,
    ApplicationRow.version,
    ApplicationRow.created_at,
    ApplicationRow.submitted_at,
)


@dataclass(frozen=True, slots=True)
class SqlApplications:
    session: Session
    rows: LoggedRows

    def get(self, application_id: UUID, scope: Scope) -> Application:
        query = select(ApplicationRow).where(col(ApplicationRow.id) == application_id)
        if scope.own is not None:
            query = query.where(col(ApplicationRow.organisation).in_(scope.own))
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise ApplicationNotFound("There is no such application.")
        return _to_domain(row)

    def page(
        self, scope: Scope, *, state: State | None, after: UUID | None, limit: int
    ) -> Sequence[Summary]:
        query = select(*map(col, SUMMARY))
        if scope.own is not None:
            query = query.where(col(ApplicationRow.organisation).in_(scope.own))
        if state is not None:
            query = query.where(col(ApplicationRow.state) == state.value)
        return self.rows.page(
            self.session,
            APPLICATIONS,
            query,
            lambda row: _to_summary(row._asdict()),
            key=col(ApplicationRow.id),
            after=after,
            limit=limit,
            is_all=scope.own is None,
        )

    def labels_about(self, reference: str | None, *, but: UUID) -> Collection[str]:
        query = (
            select(ApplicationRow.label)
            .where(col(ApplicationRow.reference) == reference)
            .where(col(ApplicationRow.id) != but)
        )
        return {label for label in self.session.exec(query) if label is not None}

    def hold(self, application_id: UUID) -> None:
        self.rows.compare(self.session, APPLICATIONS, [application_id])
        self.rows.compare(self.session, HISTORIES, [application_id])

    def history(
        self, application_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[HistoryLine]:
        query = (
            select(StepRow)
            .where(col(StepRow.application_id) == application_id)
            .order_by(col(StepRow.id))
            .limit(limit)
        )
        if after is not None:
            query = query.where(col(StepRow.id) > after)
        return reading.page(self.session, query, _to_line, key=col(StepRow.id))

    def has_taken(self, application_id: UUID, *, version: int, verb: str, subject: str) -> bool:
        query = (
            select(StepRow.id)
            .where(col(StepRow.application_id) == application_id)
            .where(col(StepRow.version) == version)
            .where(col(StepRow.verb) == verb)
            .where(col(StepRow.subject) == subject)
        )
        return self.session.exec(query).first() is not None

    def save(self, application: Application, *, audit: Entry) -> Application:
        stored = replace(
            application, version=application.version + 1, events=(), steps=(), frozen=()
        )
        values = _to_columns(stored)
        saving.put(self.session, ApplicationRow, values, version=application.version)
        for step in application.steps:
            self.session.add(_to_step(stored.id, stored.version, step))
        for frozen in application.frozen:
            if self.session.get(SnapshotRow, frozen.hash) is None:
                self.session.add(
                    SnapshotRow(
                        hash=frozen.hash,
                        application_id=stored.id,
                        revision=frozen.revision,
                        frozen_at=audit.at,
                        content=frozen.content,
                    )
                )
        events = (
            schemas.event(
                event,
                subject=f"applications/{stored.id}",
                aggregate_id=stored.id,
                aggregate_version=stored.version,
                state=event.state,
            )
            for event in application.events
        )
        told = telling(self.session, audit, (APPLICATIONS, stored.id), (HISTORIES, stored.id))
        saving.record(self.session, events=events, audit=told)
        return stored

    def note(self, application_id: UUID, step: Step, *, audit: Entry) -> None:
        if self.session.get(ApplicationRow, application_id) is not None:
            self.session.add(_to_step(application_id, None, step))
            told = telling(self.session, audit, (HISTORIES, application_id))
            saving.record(self.session, events=(), audit=told)


@dataclass(frozen=True, slots=True)
class SqlSnapshots:
    session: Session

    def get(self, snapshot_hash: str) -> bytes:
        row = self.session.get(SnapshotRow, snapshot_hash)
        if row is None:
            raise SnapshotNotFound("There is no such snapshot.")
        return _content(row)


@dataclass(frozen=True, slots=True)
class SqlKeys:
    session: Session

    def find(self, *, actor: str, key: str, fingerprint: str) -> UUID | None:
        found = idempotency.find(self.session, actor=actor, key=key, fingerprint=fingerprint)
        return UUID(found) if found is not None else None

    def remember(self, *, actor: str, key: str, fingerprint: str, resource: UUID) -> None:
        idempotency.remember(
            self.session, actor=actor, key=key, fingerprint=fingerprint, resource=str(resource)
        )


@dataclass(frozen=True, slots=True)
class SqlInbox:
    session: Session

    def accept(self, event: Event) -> bool:
        return inbox.accept(self.session, consumer=CONSUMER, event=event)


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    applications: SqlApplications
    snapshots: SqlSnapshots
    keys: SqlKeys
    inbox: SqlInbox


def unit_of_work(engine: Engine, checkpoints: Path | None = None) -> UnitOfWork[SqlTransaction]:
    """Make the unit of work; what is shown is held against the log, and that against these."""
    rows = LoggedRows(LOG, KEPT, checkpoints)
    return UnitOfWork(
        engine,
        lambda session: SqlTransaction(
            SqlApplications(session, rows),
            SqlSnapshots(session),
            SqlKeys(session),
            SqlInbox(session),
        ),
    )


def log_mending(session: Session, row: Mapping[str, Any], entry: Entry) -> None:
    """Write down that a text was mended, and what its rows are since."""
    application_id = row.get("application_id", row["id"])
    records = ((APPLICATIONS, application_id), (HISTORIES, application_id))
    saving.record(session, events=(), audit=telling(session, entry, *records))


def _content(row: SnapshotRow) -> bytes:
    """Return a snapshot. Raise SnapshotAltered where it is not what its hash is of."""
    if digest(row.content) != row.hash:
        raise SnapshotAltered(
            "What is stored under the hash is not what the hash is of; an operator has to find out"
            " who wrote it."
        )
    return row.content


@from_row
def _to_domain(row: ApplicationRow) -> Application:
    record = RECORD.validate_python(row.record, context=STORED)
    sections = {
        int(number): SECTIONS[int(number)].model_validate(answers, context=STORED)
        for number, answers in row.sections.items()
    }
    return Application(
        id=row.id,
        organisation=row.organisation,
        title=row.title,
        kind=Kind(row.kind),
        amends=row.amends,
        created_at=row.created_at,
        state=State(row.state),
        standards=record.standards,
        answers=Answers(dict(sorted(sections.items()))),
        reference=row.reference,
        label=row.label,
        revision=row.revision,
        snapshot_hash=row.snapshot_hash,
        submitted_at=row.submitted_at,
        authors=record.authors,
        officers=record.officers,
        advisers=record.advisers,
        triage=record.triage,
        advisory_body=record.advisory_body,
        queries=record.queries,
        advice=record.advice,
        decision=record.decision,
        conditions=record.conditions,
        version=row.version,
    )


def _to_columns(application: Application) -> dict[str, Any]:
    record = Record(
        standards=application.standards,
        authors=application.authors,
        officers=application.officers,
        advisers=application.advisers,
        triage=application.triage,
        advisory_body=application.advisory_body,
        queries=application.queries,
        advice=application.advice,
        decision=application.decision,
        conditions=application.conditions,
    )
    return {
        "id": application.id,
        "version": application.version,
        "organisation": application.organisation,
        "title": application.title,
        "kind": application.kind.value,
        "amends": application.amends,
        "state": application.state.value,
        "reference": application.reference,
        "label": application.label,
        "revision": application.revision,
        "snapshot_hash": application.snapshot_hash,
        "created_at": application.created_at,
        "submitted_at": application.submitted_at,
        "sections": {
            str(number): section.model_dump(mode="json", by_alias=True)
            for number, section in application.answers.sections.items()
        },
        "record": RECORD.dump_python(record, mode="json"),
    }


def _to_summary(columns: Mapping[str, Any]) -> Summary:
    return Summary(**{**columns, "kind": Kind(columns["kind"]), "state": State(columns["state"])})


def _to_step(application_id: UUID, version: int | None, step: Step) -> StepRow:
    return StepRow(
        id=new_id(),
        application_id=application_id,
        version=version,
        verb=str(step.verb),
        at=step.at,
        subject=step.by.subject,
        organisation=step.by.organisation,
        role=step.by.role.value,
        state_before=step.before.value if step.before else None,
        state_after=step.after.value if step.after else None,
        revision=step.revision,
        detail=dict(step.detail),
    )


@from_row
def _to_line(row: StepRow) -> HistoryLine:
    return HistoryLine(
        id=row.id,
        version=row.version,
        step=Step(
            verb=row.verb,
            at=row.at,
            by=Actor(subject=row.subject, organisation=row.organisation, role=Role(row.role)),
            before=State(row.state_before) if row.state_before else None,
            after=State(row.state_after) if row.state_after else None,
            revision=row.revision,
            detail=row.detail,
        ),
    )
