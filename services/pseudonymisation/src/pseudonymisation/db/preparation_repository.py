"""Preparations and domains in a relational database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from common.audit import log as audit_log
from common.audit.entries import Entry
from common.db import claims, outbox
from common.db.overwriting import overwrite
from common.db.unit_of_work import UnitOfWork
from common.errors import ClaimLost, EditedMeanwhile
from common.jobs import SignOfLife
from common.messaging.schemas import event
from pseudonymisation.db.opt_out_repository import answered_checks, standing
from pseudonymisation.db.preparation_tables import (
    PreparationRow,
    PreparedFileRow,
    PseudonymDomainRow,
)
from pseudonymisation.db.tables import EditionRow, is_in_force
from pseudonymisation.intake.domain.opt_out import upheld
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.preparations.domain.permit import read
from pseudonymisation.preparations.domain.preparation import (
    OptOutList,
    PinnedEdition,
    Preparation,
    PreparationNotFound,
    PreparedFile,
    State,
)
from pseudonymisation.preparations.domain.tokens import DomainState, PseudonymDomain
from pseudonymisation.preparations.use_cases.ports import AcceptedMeanwhile, LandedMonth
from statements.permit import DomainFacts, Permit

_EDITIONS: TypeAdapter[tuple[PinnedEdition, ...]] = TypeAdapter(tuple[PinnedEdition, ...])


@dataclass(frozen=True, slots=True)
class SqlPreparations:
    session: Session

    def find(self, preparation_id: UUID) -> Preparation | None:
        row = self.session.get(PreparationRow, preparation_id)
        return None if row is None else self._to_domain(row)

    def get(self, preparation_id: UUID) -> Preparation:
        """:raises PreparationNotFound:"""
        preparation = self.find(preparation_id)
        if preparation is None:
            raise PreparationNotFound("There is no such preparation.")
        return preparation

    def claimable(self, *, at: datetime) -> Preparation | None:
        """Give the oldest that nobody works on, locked until the transaction ends."""
        query = (
            select(PreparationRow)
            .where(col(PreparationRow.state).in_([State.ACCEPTED, State.RUNNING]))
            .where(claims.is_free(col(PreparationRow.claimed_until), at=at))
            .order_by(col(PreparationRow.created_at), col(PreparationRow.id))
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite's writer lock has the same effect
        )
        row = self.session.exec(query).first()
        return None if row is None else self._to_domain(row)

    def add(self, preparation: Preparation, *, permit: dict[str, Any], audit: Entry) -> Preparation:
        """:raises AcceptedMeanwhile: where there is one of that id"""
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
        audit_log.append(self.session, [audit])
        return stored

    def save(self, preparation: Preparation, *, audit: Entry) -> Preparation:
        """Store state, files, events and audit together.

        :raises ClaimLost: where it was changed meanwhile
        """
        stored = replace(preparation, version=preparation.version + 1, pending=())
        try:
            overwrite(self.session, PreparationRow, _columns(stored), version=preparation.version)
        except EditedMeanwhile as edited:
            raise ClaimLost("The preparation was changed meanwhile.") from edited
        if preparation.state is State.PREPARED:
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
        self.session.flush()
        audit_log.append(self.session, [audit])
        return stored

    def extend_claim(self, preparation_id: UUID, attempt: UUID, sign: SignOfLife) -> None:
        claims.extend(
            self.session,
            PreparationRow,
            preparation_id,
            attempt,
            state=State.RUNNING.value,
            values=asdict(sign),
        )

    def named_objects(self) -> set[str]:
        return set(self.session.exec(select(PreparedFileRow.object_key)))

    def attempts_alive(self, *, at: datetime) -> set[UUID]:
        """Give the attempts whose workers were heard of lately."""
        query = select(PreparationRow.attempt).where(
            col(PreparationRow.state) == State.RUNNING, col(PreparationRow.claimed_until) > at
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
            state=State(row.state),
            attempt=row.attempt,
            attempts=row.attempts,
            claimed_until=row.claimed_until,
            rows_done=row.rows_done,
            rows_total=row.rows_total,
            code=row.code,
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

    def find(self, domain_id: str) -> PseudonymDomain | None:
        row = self.session.get(PseudonymDomainRow, domain_id)
        return None if row is None else _domain(row)

    def of_agreement(self, agreement: str) -> Sequence[PseudonymDomain]:
        query = (
            select(PseudonymDomainRow)
            .where(col(PseudonymDomainRow.agreement) == agreement)
            .order_by(col(PseudonymDomainRow.created_at), col(PseudonymDomainRow.id))
        )
        return [_domain(row) for row in self.session.exec(query)]

    def save(self, domain: PseudonymDomain, *, audit: Entry) -> PseudonymDomain:
        """:raises AcceptedMeanwhile: where somebody else made it, or changed it, meanwhile"""
        stored = replace(domain, version=domain.version + 1)
        values: dict[str, Any] = {
            "id": stored.id,
            "version": stored.version,
            "state": stored.state.value,
            "closed_at": stored.closed_at,
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
        audit_log.append(self.session, [audit])
        return stored


def _domain(row: PseudonymDomainRow) -> PseudonymDomain:
    return PseudonymDomain(
        id=row.id,
        facts=DomainFacts.stored(row.facts),
        created_at=row.created_at,
        state=DomainState(row.state),
        closed_at=row.closed_at,
        version=row.version,
    )


@dataclass(frozen=True, slots=True)
class SqlLanded:
    """What landing left to be read: editions and lists."""

    session: Session

    def current_editions(self, data_set: str) -> Sequence[PinnedEdition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(is_in_force())
            .order_by(col(EditionRow.period_first), col(EditionRow.provider), col(EditionRow.id))
        )
        return [
            PinnedEdition(
                id=row.id,
                provider=row.provider,
                period=row.period,
                number=row.number,
                status=row.status,
                object_key=row.object_key,
                practice_map=_text(row.practice_map_id),
                postcode_map=_text(row.postcode_map_id),
                catalogue_digest=row.catalogue_digest,
                landing_rules_version=row.landing_rules_version,
                landing_rules_digest=row.landing_rules_digest,
                organisation_map=row.organisation_map_id,
            )
            for row in self.session.exec(query)
        ]

    def months(self, data_set: str) -> Sequence[LandedMonth]:
        query = (
            select(EditionRow.id, EditionRow.period, EditionRow.provider, EditionRow.landed_at)
            .where(col(EditionRow.data_set) == data_set)
            .where(is_in_force())
            .order_by(col(EditionRow.id))
        )
        found: dict[str, list[tuple[UUID, str, datetime]]] = {}
        for id_, period, provider, landed_at in self.session.exec(query):
            for month in Period.parse(period):
                found.setdefault(month, []).append((id_, provider, landed_at))
        return [
            LandedMonth(
                month=month,
                providers=len({provider for _, provider, _ in read}),
                landed_at=max(landed_at for _, _, landed_at in read),
                editions=tuple(id_ for id_, _, _ in read),
            )
            for month, read in sorted(found.items())
        ]

    def checks(self, permit: Permit, editions: Sequence[PinnedEdition]) -> Sequence[OptOutList]:
        return [
            OptOutList(
                id=check.reply.id,
                list_date=check.opened_on,
                digest=check.reply.digest,
                object_key=check.reply.object_key,
            )
            for check in answered_checks(self.session, permit.line.data_set)
            if check.reply is not None
            and check.serves(
                data_set=permit.line.data_set,
                purpose=permit.line.purpose,
                periods=permit.periods,
                editions=[edition.id for edition in editions],
            )
        ]

    def opt_out_lists(self) -> tuple[OptOutList, ...]:
        return tuple(
            OptOutList(id=o.id, list_date=o.list_date, digest=o.digest, object_key=o.object_key)
            for o in upheld(standing(self.session))
        )


def _text(id_: UUID | str | None) -> str | None:
    return None if id_ is None else str(id_)


@dataclass(frozen=True, slots=True)
class SqlPreparationTransaction:
    preparations: SqlPreparations
    domains: SqlDomains
    landed: SqlLanded


def unit_of_work(engine: Engine) -> UnitOfWork[SqlPreparationTransaction]:
    """Make the unit of work of preparations."""
    return UnitOfWork(
        engine,
        lambda session: SqlPreparationTransaction(
            SqlPreparations(session), SqlDomains(session), SqlLanded(session)
        ),
    )
