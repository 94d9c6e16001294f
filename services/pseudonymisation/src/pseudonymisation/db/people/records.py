"""One transaction of people in a relational database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, func, or_
from sqlmodel import Session, col, select

from common import audit as audit_log
from common.audit import Entry, LoggedRows, telling
from common.db import replacement as columns
from common.db.idempotency import SqlIdempotencyKeys
from common.db.saving import put, record
from common.db.turns import take_turns
from common.db.unit_of_work import UnitOfWork
from common.messaging import schemas
from common.messaging.envelope import Event
from common.replacement import EFFECTIVE, State
from common.unreadable import from_row
from pseudonymisation.db.held.kept import REGISTRATIONS, REIDENTIFICATIONS
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.landed import SqlLanded
from pseudonymisation.db.people.invoice_matches import SqlInvoiceMatches
from pseudonymisation.db.people.subject_access import SqlSubjectAccess, prepared_extracts
from pseudonymisation.db.people.tables import (
    RegistrationListRow,
    ReidentificationRow,
    ToldOfRow,
)
from pseudonymisation.db.preparations import find_domain
from pseudonymisation.people.domain.asked import AskedState
from pseudonymisation.people.domain.errors import RegistrationsNotFound, ReidentificationNotFound
from pseudonymisation.people.domain.events import OfReidentification
from pseudonymisation.people.domain.registration import OVER, RegistrationList
from pseudonymisation.people.domain.reidentification import (
    Outcome,
    Reidentification,
    ToldOf,
)
from pseudonymisation.people.domain.subject_access import PreparedExtract
from pseudonymisation.people.use_cases.ports import WantedTold
from pseudonymisation.preparations.domain.preparation import PinnedEdition, PinnedOptOutList
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.vocabulary import LineKey

STANDING: Final = [state.value for state in (*EFFECTIVE, State.WAITING)]
TURNS: Final = 2_207_145_903_318_664_071
"""Lists are put in force one after another, also by several replicas (PostgreSQL's own lock)."""
DAYS: Final = 2_207_145_903_318_664_073
"""What a practice asked in a day is counted one request after another, in the same way."""


@dataclass(frozen=True, slots=True)
class SqlRegistrations:
    session: Session
    rows: LoggedRows

    def get(self, list_id: UUID) -> RegistrationList:
        row = self.session.get(RegistrationListRow, list_id, populate_existing=True)
        if row is None:
            raise RegistrationsNotFound("The list of registrations does not exist.")
        return _to_list(row)

    def standing(self, *, locked: bool = False) -> Sequence[RegistrationList]:
        if locked:
            take_turns(self.session, TURNS)
        query = (
            select(RegistrationListRow)
            .where(col(RegistrationListRow.state).in_(STANDING))
            .order_by(col(RegistrationListRow.id))
        )
        return [_to_list(row) for row in self.session.exec(query)]

    def came_since(self, since: datetime) -> Sequence[RegistrationList]:
        imported, decided = (
            col(RegistrationListRow.imported_at),
            col(RegistrationListRow.decided_at),
        )
        query = (
            select(RegistrationListRow)
            .where(or_(imported >= since, decided >= since))
            .order_by(col(RegistrationListRow.id))
        )
        return [_to_list(row) for row in self.session.exec(query)]

    def to_destroy(self) -> Sequence[RegistrationList]:
        query = (
            select(RegistrationListRow)
            .where(col(RegistrationListRow.state).in_([state.value for state in OVER]))
            .where(col(RegistrationListRow.object_key).is_not(None))
        )
        return [_to_list(row) for row in self.session.exec(query)]

    def object_keys(self) -> Sequence[str]:
        column = RegistrationListRow.object_key
        named = self.session.exec(select(column).where(col(column).is_not(None)))
        return [key for key in named if key is not None]

    def page(self, *, after: UUID | None, limit: int) -> Sequence[RegistrationList]:
        query = select(RegistrationListRow)
        return self.rows.page(
            self.session,
            REGISTRATIONS,
            query,
            _to_list,
            key=col(RegistrationListRow.id),
            after=after,
            limit=limit,
        )

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, REGISTRATIONS, ids)

    def save(self, listed: RegistrationList, *, audit: Entry) -> RegistrationList:
        stored = replace(listed, version=listed.version + 1)
        values = {
            "id": stored.id,
            "list_date": stored.list_date,
            "people": stored.people,
            "digest": stored.digest,
            "object_key": stored.object_key,
            "imported_at": stored.imported_at,
            "imported_by": stored.imported_by,
            "version": stored.version,
            **columns.values_of(stored.standing),
        }
        put(self.session, RegistrationListRow, values, version=listed.version)
        told_of = telling(self.session, audit, (REGISTRATIONS, stored.id))
        record(self.session, events=(), audit=told_of)
        return stored


@dataclass(frozen=True, slots=True)
class SqlReidentifications:
    session: Session
    rows: LoggedRows

    def get(self, id_: UUID, *, practice: Collection[str] | None) -> Reidentification:
        row = self.session.get(ReidentificationRow, id_, populate_existing=True)
        if row is None or (practice is not None and row.practice not in practice):
            raise ReidentificationNotFound("The re-identification does not exist.")
        return _to_reidentification(row)

    def page(
        self, *, practice: Collection[str] | None, after: UUID | None, limit: int
    ) -> Sequence[Reidentification]:
        query = select(ReidentificationRow)
        if practice is not None:
            query = query.where(col(ReidentificationRow.practice).in_(practice))
        return self.rows.page(
            self.session,
            REIDENTIFICATIONS,
            query,
            _to_reidentification,
            key=col(ReidentificationRow.id),
            after=after,
            limit=limit,
            is_all=practice is None,
        )

    def asked_since(self, since: datetime, *, practice: Collection[str]) -> int:
        take_turns(self.session, DAYS)
        people = select(func.coalesce(func.sum(ReidentificationRow.people), 0)).where(
            col(ReidentificationRow.practice).in_(practice),
            col(ReidentificationRow.asked_at) >= since,
        )
        return int(self.session.exec(people).one())

    def past(self, at: datetime) -> Sequence[Reidentification]:
        query = (
            select(ReidentificationRow)
            .where(col(ReidentificationRow.ends_at) <= at)
            .where(col(ReidentificationRow.state) != AskedState.OVER.value)
            .order_by(col(ReidentificationRow.id))
        )
        return [_to_reidentification(row) for row in self.session.exec(query)]

    def told(
        self, wanted: WantedTold, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[ToldOf, Reidentification]]:
        query = (
            select(ToldOfRow, ReidentificationRow)
            .join(
                ReidentificationRow,
                col(ReidentificationRow.id) == col(ToldOfRow.reidentification_id),
            )
            .order_by(col(ToldOfRow.id))
            .limit(limit)
        )
        if wanted.person is not None:
            query = query.where(col(ToldOfRow.person) == wanted.person)
        if wanted.practice is not None:
            query = query.where(col(ReidentificationRow.practice) == wanted.practice)
        if wanted.told_to is not None:
            query = query.where(col(ToldOfRow.told_to) == wanted.told_to)
        if after is not None:
            query = query.where(col(ToldOfRow.id) > after)
        found = [(_to_told(t), _to_reidentification(r)) for t, r in self.session.exec(query)]
        # All of them: a row that was cut off from its request is in no answer that could tell it.
        self.hold(list(self.session.exec(select(ReidentificationRow.id))))
        self.rows.look_for_gone(self.session, REIDENTIFICATIONS, after=None, last=None)
        return found

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, REIDENTIFICATIONS, ids)

    def save(
        self, one: Reidentification, *, audit: Entry, told: Sequence[ToldOf] = ()
    ) -> Reidentification:
        stored = replace(one, version=one.version + 1, pending=())
        put(self.session, ReidentificationRow, _of_reidentification(stored), version=one.version)
        for each in told:
            self.session.add(
                ToldOfRow(
                    id=each.id,
                    reidentification_id=each.reidentification_id,
                    person=each.person,
                    outcome=each.outcome.value,
                    told_to=each.told_to,
                    told_at=each.told_at,
                    decision_id=each.decision_id,
                )
            )
        told_of = telling(self.session, audit, (REIDENTIFICATIONS, stored.id))
        events = (_event(stored, event) for event in one.pending)
        record(self.session, events=events, audit=told_of)
        return stored


@dataclass(frozen=True, slots=True)
class SqlPeople:
    """One transaction of people."""

    session: Session
    logged: Logged

    @property
    def rows(self) -> LoggedRows:
        return self.logged.rows

    @property
    def registrations(self) -> SqlRegistrations:
        return SqlRegistrations(self.session, self.rows)

    @property
    def reidentifications(self) -> SqlReidentifications:
        return SqlReidentifications(self.session, self.rows)

    @property
    def invoice_matches(self) -> SqlInvoiceMatches:
        return SqlInvoiceMatches(self.session, self.rows)

    def current_editions(self, data_set: str) -> Sequence[PinnedEdition]:
        return SqlLanded(self.session, self.logged).current_editions(data_set)

    def are_as_logged(self, editions: Sequence[PinnedEdition]) -> bool:
        return self.logged.have(self.session, editions)

    def opt_out_lists(self) -> tuple[PinnedOptOutList, ...]:
        landed = SqlLanded(self.session, self.logged)
        return landed.opt_out_lists() if landed.are_lists_as_logged() else ()

    @property
    def subject_access(self) -> SqlSubjectAccess:
        return SqlSubjectAccess(self.session, self.rows)

    def prepared_extracts(self) -> Sequence[PreparedExtract]:
        return prepared_extracts(self.session, self.rows)

    def domain(self, domain_id: str) -> PseudonymDomain | None:
        return find_domain(self.session, domain_id)

    def log(self, audit: Entry) -> None:
        audit_log.append(self.session, [audit])

    @property
    def idempotency(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)


def people_unit_of_work(engine: Engine, logged: Logged | None = None) -> UnitOfWork[SqlPeople]:
    """Make the unit of work of people; what is shown is held against what was `logged`."""
    held_against = logged or Logged()
    return UnitOfWork(engine, lambda session: SqlPeople(session, held_against))


def _event(one: Reidentification, event: OfReidentification) -> Event:
    return schemas.event(
        event,
        subject=f"re-identifications/{one.id}",
        aggregate_id=one.id,
        aggregate_version=one.version,
        state=one.state.value,
    )


@from_row
def _to_list(row: RegistrationListRow) -> RegistrationList:
    return RegistrationList(
        id=row.id,
        list_date=row.list_date,
        people=row.people,
        digest=row.digest,
        object_key=row.object_key,
        imported_at=row.imported_at,
        imported_by=row.imported_by,
        standing=columns.standing_of(row),
        version=row.version,
    )


def _of_reidentification(one: Reidentification) -> dict[str, Any]:
    return {
        "id": one.id,
        "version": one.version,
        "practice": one.practice,
        "client_id": one.client_id,
        "asked_by": one.asked_by,
        "agreement": one.agreement,
        "purpose": one.key.purpose,
        "data_set": one.key.data_set,
        "classification": one.key.classification,
        "domain": one.domain,
        "reason_code": one.reason_code,
        "reason": one.reason,
        "people": one.people,
        "tokens": list(one.tokens),
        "asked_at": one.asked_at,
        "ends_at": one.ends_at,
        "state": one.state.value,
        "confirmed_by": one.confirmed_by,
        "confirmed_at": one.confirmed_at,
        "confirmation": one.confirmation,
        "answers": one.answers,
    }


@from_row
def _to_reidentification(row: ReidentificationRow) -> Reidentification:
    return Reidentification(
        id=row.id,
        practice=row.practice,
        client_id=row.client_id,
        asked_by=row.asked_by,
        agreement=row.agreement,
        key=LineKey(row.purpose, row.data_set, row.classification),
        domain=row.domain,
        reason_code=row.reason_code,
        reason=row.reason,
        people=row.people,
        tokens=tuple(str(token) for token in row.tokens),
        asked_at=row.asked_at,
        ends_at=row.ends_at,
        state=AskedState(row.state),
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        confirmation=row.confirmation,
        answers=row.answers,
        version=row.version,
    )


@from_row
def _to_told(row: ToldOfRow) -> ToldOf:
    return ToldOf(
        id=row.id,
        reidentification_id=row.reidentification_id,
        person=row.person,
        outcome=Outcome(row.outcome),
        told_to=row.told_to,
        told_at=row.told_at,
        decision_id=row.decision_id,
    )
