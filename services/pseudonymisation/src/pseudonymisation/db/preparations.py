"""Preparations and domains in a relational database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Engine, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from common.audit import LoggedRows, telling
from common.audit import log as audit_log
from common.audit.entries import Entry
from common.db import claims, outbox
from common.db.saving import overwrite
from common.db.unit_of_work import UnitOfWork
from common.errors import ClaimLost, EditedMeanwhile
from common.jobs import SignOfLife
from common.messaging.schemas import event
from pseudonymisation.db.held.kept import DOMAINS, PREPARATIONS
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.landed import SqlLanded
from pseudonymisation.db.preparation_tables import (
    PreparationRow,
    PreparedFileRow,
    PseudonymDomainRow,
)
from pseudonymisation.db.shown import SqlShownTables
from pseudonymisation.preparations.domain.errors import AcceptedMeanwhile, PreparationNotFound
from pseudonymisation.preparations.domain.permit import read
from pseudonymisation.preparations.domain.preparation import (
    PinnedEdition,
    Preparation,
    PreparationState,
    PreparedFile,
)
from pseudonymisation.preparations.domain.tokens import DomainState, PseudonymDomain
from statements.permit import DomainFacts, Permit

_EDITIONS: TypeAdapter[tuple[PinnedEdition, ...]] = TypeAdapter(tuple[PinnedEdition, ...])


@dataclass(frozen=True, slots=True)
class SqlPreparations:
    session: Session
    rows: LoggedRows

    def find(self, preparation_id: UUID) -> Preparation | None:
        row = self.session.get(PreparationRow, preparation_id)
        return None if row is None else self._to_domain(row)

    def get(self, preparation_id: UUID) -> Preparation:
        """Raise PreparationNotFound."""
        preparation = self.find(preparation_id)
        if preparation is None:
            raise PreparationNotFound("The preparation does not exist.")
        return preparation

    def of_extract(self, extract_id: UUID) -> Preparation | None:
        query = (
            select(PreparationRow)
            .where(col(PreparationRow.extract_id) == extract_id)
            .where(col(PreparationRow.state) == PreparationState.PREPARED)
        )
        row = self.session.exec(query).first()
        return None if row is None else self._to_domain(row)

    def beside(self, permit: Permit) -> Sequence[Preparation]:
        wanted = permit.domain.environment
        began = col(PseudonymDomainRow.facts)["environment"].as_string()
        # A domain that went on elsewhere (docs/adr/0163) is looked at by all that it was.
        alike = or_(
            began == wanted,
            col(PseudonymDomainRow.environment) == wanted,
            col(PseudonymDomainRow.id) == permit.domain.id,
        )
        names_people = bool(permit.identified) and not permit.registered_with
        if names_people:  # by a number two files are compared wherever they lie (docs/adr/0215)
            alike = or_(alike, col(PreparationRow.permit)["route"].as_string().is_not(None))
        query = (
            select(PreparationRow)
            .join(PseudonymDomainRow, col(PseudonymDomainRow.id) == col(PreparationRow.domain_id))
            .where(alike)
            .where(col(PreparationRow.state) != PreparationState.FAILED)
            .where(col(PreparationRow.extract_id) != UUID(permit.extract_id))
            .order_by(col(PreparationRow.created_at), col(PreparationRow.id))
        )
        found = map(self._to_domain, self.session.exec(query).all())
        return [
            one
            for one in found
            if one.permit.bridge is None
            and one.permit.opt_out.applied
            and (
                one.permit.line.data_set == permit.line.data_set
                or (
                    one.permit.domain.id == permit.domain.id
                    and one.permit.line.data_set in permit.domain.data_sets
                )
            )
            and not set(one.permit.periods).isdisjoint(permit.periods)
            and not (names_people and one.permit.registered_with)
        ]

    def is_bridged(self, one: str, other: str) -> bool:
        domains = [one, other]
        query = (
            select(PreparationRow.id)
            .where(col(PreparationRow.domain_id).in_(domains))
            .where(col(PreparationRow.permit)["bridge"]["domain"]["id"].as_string().in_(domains))
            .where(col(PreparationRow.state) != PreparationState.FAILED)
            .limit(1)
        )
        return self.session.exec(query).first() is not None

    def claimable(self, *, at: datetime) -> Preparation | None:
        """Return the oldest that nobody works on, locked until the transaction ends."""
        query = (
            select(PreparationRow)
            .where(
                col(PreparationRow.state).in_([PreparationState.ACCEPTED, PreparationState.RUNNING])
            )
            .where(claims.is_free(col(PreparationRow.claimed_until), at=at))
            .order_by(col(PreparationRow.created_at), col(PreparationRow.id))
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite's writer lock has the same effect
        )
        row = self.session.exec(query).first()
        return None if row is None else self._to_domain(row)

    def add(self, preparation: Preparation, *, permit: dict[str, Any], audit: Entry) -> Preparation:
        """Raise AcceptedMeanwhile where there is one of that id."""
        stored = replace(preparation, version=1, pending=())
        row = PreparationRow(
            extract_id=UUID(stored.permit.extract_id),
            request_digest=stored.permit.request_digest,
            permit=permit,
            editions=_EDITIONS.dump_python(stored.editions, mode="json"),
            domain_id=stored.permit.domain.id,
            **_columns(stored),
        )
        self.session.add(row)
        try:
            self.session.flush()
        except IntegrityError as error:
            raise AcceptedMeanwhile from error
        told = telling(self.session, audit, (PREPARATIONS, stored.id))
        audit_log.append(self.session, [told])
        return stored

    def hold(self, preparation_id: UUID) -> None:
        self.rows.compare(self.session, PREPARATIONS, [preparation_id])

    def save(self, preparation: Preparation, *, audit: Entry) -> Preparation:
        """Store state, files, events and audit together.

        Raises:
            ClaimLost: where it was changed meanwhile

        """
        stored = replace(preparation, version=preparation.version + 1, pending=())
        try:
            overwrite(self.session, PreparationRow, _columns(stored), version=preparation.version)
        except EditedMeanwhile as edited:
            raise ClaimLost("The preparation was changed meanwhile.") from edited
        if preparation.state is PreparationState.PREPARED:
            self.session.add_all(_file_rows(stored))
        for data in preparation.pending:
            outbox.enqueue(
                self.session,
                event(
                    data,
                    subject=str(stored.id),
                    time=audit.at,
                    aggregate_id=stored.id,
                    aggregate_version=stored.version,
                    state=stored.state.value,
                ),
            )
        told = telling(self.session, audit, (PREPARATIONS, stored.id))
        audit_log.append(self.session, [told])
        return stored

    def extend_claim(self, preparation_id: UUID, attempt: UUID, sign: SignOfLife) -> None:
        claims.extend(
            self.session,
            PreparationRow,
            preparation_id,
            attempt,
            state=PreparationState.RUNNING.value,
            values=asdict(sign),
        )

    def named_objects(self) -> set[str]:
        return set(self.session.exec(select(PreparedFileRow.object_key)))

    def attempts_alive(self, *, at: datetime) -> set[UUID]:
        """Return the attempts whose workers were heard of lately."""
        query = select(PreparationRow.attempt).where(
            col(PreparationRow.state) == PreparationState.RUNNING,
            col(PreparationRow.claimed_until) > at,
        )
        return {attempt for attempt in self.session.exec(query) if attempt is not None}

    def _to_domain(self, row: PreparationRow) -> Preparation:
        files = self.session.exec(
            select(PreparedFileRow)
            .where(col(PreparedFileRow.preparation_id) == row.id)
            .order_by(col(PreparedFileRow.position))
        )
        return Preparation(
            id=row.id,
            permit_digest=row.permit_digest,
            caller=row.caller,
            permit=read(row.permit),
            editions=_EDITIONS.validate_python(row.editions),
            created_at=row.created_at,
            state=PreparationState(row.state),
            attempt=row.attempt,
            attempts=row.attempts,
            claimed_until=row.claimed_until,
            rows_done=row.rows_done,
            rows_total=row.rows_total,
            code=row.code,
            subject=row.subject,
            files=tuple(
                PreparedFile(**file.model_dump(exclude={"preparation_id", "position"}))
                for file in files
            ),
            finished_at=row.finished_at,
            version=row.version,
        )


def _columns(preparation: Preparation) -> dict[str, Any]:
    return {
        "id": preparation.id,
        "version": preparation.version,
        "permit_digest": preparation.permit_digest,
        "caller": preparation.caller,
        "state": preparation.state.value,
        "attempt": preparation.attempt,
        "attempts": preparation.attempts,
        "claimed_until": preparation.claimed_until,
        "rows_done": preparation.rows_done,
        "rows_total": preparation.rows_total,
        "code": preparation.code,
        "subject": preparation.subject,
        "created_at": preparation.created_at,
        "finished_at": preparation.finished_at,
    }


def _file_rows(preparation: Preparation) -> list[PreparedFileRow]:
    return [
        PreparedFileRow(preparation_id=preparation.id, position=position, **asdict(file))
        for position, file in enumerate(preparation.files)
    ]


@dataclass(frozen=True, slots=True)
class SqlDomains:
    session: Session
    rows: LoggedRows

    def find(self, domain_id: str) -> PseudonymDomain | None:
        return find_domain(self.session, domain_id)

    def hold(self, domain_id: str) -> None:
        self.rows.compare(self.session, DOMAINS, [domain_id])

    def of_agreement(self, agreement: str) -> Sequence[PseudonymDomain]:
        query = (
            select(PseudonymDomainRow)
            .where(col(PseudonymDomainRow.agreement) == agreement)
            .order_by(col(PseudonymDomainRow.created_at), col(PseudonymDomainRow.id))
        )
        return [_domain(row) for row in self.session.exec(query)]

    def settled(self) -> Sequence[PseudonymDomain]:
        query = (
            select(PseudonymDomainRow)
            .where(col(PseudonymDomainRow.settled_at).is_not(None))
            .where(col(PseudonymDomainRow.state) == DomainState.CLOSED.value)
            .order_by(col(PseudonymDomainRow.id))
        )
        return [_domain(row) for row in self.session.exec(query)]

    def save(self, domain: PseudonymDomain, *, audit: Entry) -> PseudonymDomain:
        """Raise AcceptedMeanwhile where somebody else made it, or changed it, meanwhile."""
        stored = replace(domain, version=domain.version + 1)
        values: dict[str, Any] = {
            "id": stored.id,
            "version": stored.version,
            "state": stored.state.value,
            "closed_at": stored.closed_at,
            "settled_at": stored.settled_at,
            "destroyed_at": stored.destroyed_at,
            "environment": stored.environment if stored.times else None,
            "times": stored.times,
        }
        if domain.version == 0:
            row = PseudonymDomainRow(
                agreement=stored.facts.agreement,
                facts=stored.facts.as_json(),
                created_at=stored.created_at,
                **values,
            )
            self.session.add(row)
            try:
                self.session.flush()
            except IntegrityError as error:
                raise AcceptedMeanwhile from error
        else:
            try:
                overwrite(self.session, PseudonymDomainRow, values, version=domain.version)
            except EditedMeanwhile as edited:
                raise AcceptedMeanwhile from edited
        told = telling(self.session, audit, (DOMAINS, stored.id))
        audit_log.append(self.session, [told])
        return stored


def find_domain(session: Session, domain_id: str) -> PseudonymDomain | None:
    """Return the domain of that id, as its row has it."""
    row = session.get(PseudonymDomainRow, domain_id)
    return None if row is None else _domain(row)


def _domain(row: PseudonymDomainRow) -> PseudonymDomain:
    facts = DomainFacts.stored(row.facts)
    return PseudonymDomain(
        id=row.id,
        facts=facts,
        environment=row.environment or facts.environment,
        times=row.times,
        created_at=row.created_at,
        state=DomainState(row.state),
        closed_at=row.closed_at,
        settled_at=row.settled_at,
        destroyed_at=row.destroyed_at,
        version=row.version,
    )


@dataclass(frozen=True, slots=True)
class SqlPreparationTransaction:
    preparations: SqlPreparations
    domains: SqlDomains
    landed: SqlLanded
    shown: SqlShownTables


def preparation_unit_of_work(
    engine: Engine, held_against: Logged | None = None
) -> UnitOfWork[SqlPreparationTransaction]:
    """Make the unit of work of preparations; what it rests on is held against what was logged."""
    logged = held_against or Logged()
    return UnitOfWork(
        engine,
        lambda session: SqlPreparationTransaction(
            SqlPreparations(session, logged.rows),
            SqlDomains(session, logged.rows),
            SqlLanded(session, logged),
            SqlShownTables(session),
        ),
    )
