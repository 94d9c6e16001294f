"""The repositories: the one place that knows rows and domain.

State, events and audit are stored by one `save()`, in the transaction of the use case.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlmodel import Session, col

from common import audit
from common.audit.entries import Entry
from common.audit.tree import leaf_hash, written
from common.clock import Clock
from common.db import idempotency, inbox, outbox, unit_of_work
from common.db import tables as shared
from common.db.overwriting import changed, overwrite
from common.messaging import schemas
from common.messaging.envelope import Event as Envelope
from dissemination.db.tables import (
    AgreementStandingRow,
    AuditSubjectRow,
    DeliveryRow,
    ExtractRow,
    PinnedEditionRow,
    RegisterLineRow,
    ReleaseRow,
    SupersededEditionRow,
    VoidFileRow,
)
from dissemination.domain.delivery import Delivery, Outcome
from dissemination.domain.errors import ExtractNotFound, FileNotFound
from dissemination.domain.events import Event, ExtractDelivered
from dissemination.domain.extract import (
    OPEN_TO_FETCH,
    UNFINISHED,
    Extract,
    Failure,
    Permit,
    PreparedFile,
    Requester,
    State,
)
from dissemination.domain.register import Listed, RegisterLine
from dissemination.domain.release import LeafPosition, Release, ReleaseDecision
from dissemination.domain.standing import FILE_VOID, Standing, Withdrawal, status
from dissemination.use_cases.ports import Logged, Progress
from statements.line import AgreementVersion
from statements.request import ExtractRequest
from statements.vocabulary import Format, LineKey

CONSUMER = "dissemination"

_FILES: TypeAdapter[tuple[PreparedFile, ...]] = TypeAdapter(tuple[PreparedFile, ...])
_FAILURE: TypeAdapter[Failure] = TypeAdapter(Failure)
_WITHDRAWAL: TypeAdapter[Withdrawal] = TypeAdapter(Withdrawal)
_SINCE: TypeAdapter[datetime] = TypeAdapter(datetime)
_LINE_COLUMNS = tuple(field.name for field in fields(RegisterLine))


@dataclass(frozen=True, slots=True)
class SqlExtracts:
    session: Session
    timer: Clock

    def get(
        self, extract_id: UUID, *, own: frozenset[str] | None = None, locked: bool = False
    ) -> Extract:
        row = self.session.get(
            ExtractRow, extract_id, with_for_update=locked or None, populate_existing=locked
        )
        if row is None or (own is not None and row.organisation not in own):
            raise ExtractNotFound(f"There is no extract {extract_id}.")
        return _extract(row)

    def page(
        self, *, own: frozenset[str] | None, agreement: str | None, after: UUID | None, limit: int
    ) -> Sequence[Extract]:
        query = select(ExtractRow).order_by(col(ExtractRow.id)).limit(limit)
        if own is not None:
            query = query.where(col(ExtractRow.organisation).in_(own))
        if agreement is not None:
            query = query.where(col(ExtractRow.agreement) == agreement)
        if after is not None:
            query = query.where(col(ExtractRow.id) > after)
        return [_extract(row) for row in self.session.scalars(query)]

    def save(self, extract: Extract, *, audit: Entry) -> Extract:
        stored = replace(extract, version=extract.version + 1, pending=())
        values = _extract_columns(stored)
        if extract.version == 0:
            # Its turn is now. What follows is for whoever has claimed it to say.
            self.session.add(ExtractRow(**values, due_at=self.timer.now()))
            self.session.flush()
        else:
            overwrite(self.session, ExtractRow, values, version=extract.version)
        _enqueue(
            self.session,
            extract.pending,
            at=extract.changed_at,
            aggregate_id=extract.id,
            version=stored.version,
            state=stored.state.value,
        )
        _append(self.session, extract.request.agreement, audit)
        return stored

    def released_from(self, edition_id: str) -> Sequence[Extract]:
        query = (
            select(ExtractRow)
            .join(PinnedEditionRow, col(PinnedEditionRow.extract_id) == col(ExtractRow.id))
            .where(col(PinnedEditionRow.edition_id) == edition_id)
            .order_by(col(ExtractRow.id))
        )
        return [_extract(row) for row in self.session.scalars(query)]

    def released_under(self, agreement: str, *, until: datetime) -> Sequence[Extract]:
        by_then = select(col(ReleaseRow.extract_id)).where(
            col(ReleaseRow.agreement) == agreement, col(ReleaseRow.released_at) <= until
        )
        query = (
            select(ExtractRow)
            .where(
                col(ExtractRow.agreement) == agreement,
                col(ExtractRow.state).in_([state.value for state in sorted(OPEN_TO_FETCH)]),
                col(ExtractRow.id).in_(by_then),
            )
            .order_by(col(ExtractRow.id))
        )
        return [_extract(row) for row in self.session.scalars(query)]

    def progress(self, extract_id: UUID) -> Progress | None:
        row = self.session.get(ExtractRow, extract_id)
        if row is None or row.rows_done is None:
            return None
        return Progress(rows_done=row.rows_done, rows_total=row.rows_total)

    def note_progress(self, extract_id: UUID, progress: Progress) -> None:
        self._set(extract_id, rows_done=progress.rows_done, rows_total=progress.rows_total)

    def due(self, *, at: datetime, limit: int) -> Sequence[UUID]:
        query = (
            select(col(ExtractRow.id))
            .where(_is_unfinished(), _is_free(at))
            .order_by(col(ExtractRow.due_at))
            .limit(limit)
        )
        return list(self.session.scalars(query))

    def claim(self, extract_id: UUID, *, at: datetime, until: datetime) -> bool:
        return self._set(extract_id, _is_unfinished(), _is_free(at), claimed_until=until)

    def keep(self, extract_id: UUID, *, until: datetime) -> None:
        self._set(extract_id, claimed_until=until)

    def rest(
        self, extract_id: UUID, *, looked_at: datetime, until: datetime, attempts: int
    ) -> None:
        # Whoever woke it since then knows more than what was seen: its turn stays now.
        not_woken = col(ExtractRow.due_at) <= looked_at
        if not self._set(
            extract_id, not_woken, due_at=until, attempts=attempts, claimed_until=None
        ):
            self._set(extract_id, claimed_until=None)

    def wake(self, extract_id: UUID, *, at: datetime) -> None:
        self._set(extract_id, due_at=at, attempts=0)

    def attempts(self, extract_id: UUID) -> int:
        row = self.session.get(ExtractRow, extract_id)
        return 0 if row is None else row.attempts

    def _set(self, extract_id: UUID, *where: ColumnElement[bool], **values: object) -> bool:
        """Set what is not the extract's state, and so counts as no version of it."""
        statement = update(ExtractRow).where(col(ExtractRow.id) == extract_id, *where)
        return changed(self.session, statement.values(values)) == 1


@dataclass(frozen=True, slots=True)
class SqlReleases:
    session: Session

    def add(
        self,
        *,
        extract: Extract,
        line: RegisterLine,
        edition_ids: Sequence[str],
        audit: Entry,
        seal: Callable[[LeafPosition], Release],
    ) -> Release:
        release = seal(_append(self.session, extract.request.agreement, audit))
        self.session.add(_release_row(release))
        self.session.flush()
        self.session.add(RegisterLineRow(**{name: getattr(line, name) for name in _LINE_COLUMNS}))
        for edition_id in sorted(set(edition_ids)):
            self.session.merge(PinnedEditionRow(edition_id=edition_id, extract_id=extract.id))
        self.session.flush()
        return release

    def get(self, file_id: UUID, *, own: frozenset[str] | None = None) -> Release:
        row = self.session.get(ReleaseRow, file_id)
        if row is None or (own is not None and row.organisation not in own):
            raise FileNotFound(f"There is no file {file_id}.")
        return _release(row)

    def instants(self, extract_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        query = (
            select(col(ReleaseRow.extract_id), func.min(col(ReleaseRow.released_at)))
            .where(col(ReleaseRow.extract_id).in_(list(extract_ids)))
            .group_by(col(ReleaseRow.extract_id))
        )
        return {row[0]: row[1] for row in self.session.execute(query)}

    def of(self, extract_id: UUID) -> Sequence[Release]:
        query = (
            select(ReleaseRow)
            .where(col(ReleaseRow.extract_id) == extract_id)
            .order_by(col(ReleaseRow.leaf_index))
        )
        return [_release(row) for row in self.session.scalars(query)]


@dataclass(frozen=True, slots=True)
class SqlEditions:
    session: Session

    def supersede(self, edition_id: str, *, by: str, at: datetime) -> None:
        self.session.merge(
            SupersededEditionRow(edition_id=edition_id, superseded_by=by, superseded_at=at)
        )
        self.session.flush()

    def superseded(self, edition_ids: Sequence[str]) -> bool:
        query = (
            select(col(SupersededEditionRow.edition_id))
            .where(col(SupersededEditionRow.edition_id).in_(list(edition_ids)))
            .limit(1)
        )
        return self.session.scalar(query) is not None


@dataclass(frozen=True, slots=True)
class SqlVoids:
    session: Session

    def put(self, file_id: UUID, void: Withdrawal) -> None:
        self.session.merge(VoidFileRow(file_id=file_id, since=void.since))
        self.session.flush()

    def of(self, file_ids: Collection[UUID]) -> Withdrawal | None:
        query = select(func.min(col(VoidFileRow.since))).where(
            col(VoidFileRow.file_id).in_(list(file_ids))
        )
        since = self.session.scalar(query)
        if since is None:
            return None
        return Withdrawal(agreement_state=None, since=since, code=FILE_VOID)


@dataclass(frozen=True, slots=True)
class SqlRegister:
    session: Session

    def page(self, *, after: UUID | None, limit: int) -> Sequence[Listed]:
        query = (
            select(RegisterLineRow, ExtractRow, AgreementStandingRow)
            .join(ReleaseRow, col(ReleaseRow.file_id) == col(RegisterLineRow.file_id))
            .join(ExtractRow, col(ExtractRow.id) == col(ReleaseRow.extract_id))
            .join(
                AgreementStandingRow,
                col(AgreementStandingRow.agreement) == col(ReleaseRow.agreement),
                isouter=True,
            )
            .order_by(col(RegisterLineRow.id))
            .limit(limit)
        )
        if after is not None:
            query = query.where(col(RegisterLineRow.id) > after)
        return [
            Listed(
                line=RegisterLine(**{name: getattr(line, name) for name in _LINE_COLUMNS}),
                status=status(
                    ExtractRequest.read(extract.request).line,
                    withdrawal=_withdrawal(extract),
                    standing=None if standing is None else _standing(standing),
                    superseded_at=(
                        extract.changed_at if extract.state == State.SUPERSEDED.value else None
                    ),
                ),
            )
            for line, extract, standing in self.session.execute(query)
        ]


@dataclass(frozen=True, slots=True)
class SqlStandings:
    session: Session

    def get(self, agreement: str, *, locked: bool = False) -> Standing | None:
        query = select(AgreementStandingRow).where(col(AgreementStandingRow.agreement) == agreement)
        if locked:
            query = query.with_for_update()
        row = self.session.scalar(query)
        return None if row is None else _standing(row)

    def of(self, agreements: Collection[str]) -> Mapping[str, Standing]:
        query = select(AgreementStandingRow).where(
            col(AgreementStandingRow.agreement).in_(sorted(set(agreements)))
        )
        return {row.agreement: _standing(row) for row in self.session.scalars(query)}

    def put(self, standing: Standing) -> None:
        self.session.merge(
            AgreementStandingRow(
                agreement=standing.agreement,
                state=standing.state,
                since=standing.since,
                held=[
                    {"line": list(line), "since": since.isoformat()}
                    for line, since in standing.held.items()
                ],
            )
        )
        self.session.flush()


@dataclass(frozen=True, slots=True)
class SqlDeliveries:
    session: Session

    def get(self, delivery_id: UUID) -> Delivery:
        return _delivery(self.session.get_one(DeliveryRow, delivery_id))

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        file_id: UUID | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Delivery]:
        query = select(DeliveryRow).order_by(col(DeliveryRow.id)).limit(limit)
        if own is not None:
            query = query.where(col(DeliveryRow.organisation).in_(own))
        for column, wanted in (
            (col(DeliveryRow.agreement), agreement),
            (col(DeliveryRow.file_id), file_id),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if after is not None:
            query = query.where(col(DeliveryRow.id) > after)
        return [_delivery(row) for row in self.session.scalars(query)]

    def save(self, delivery: Delivery, *, audit: Entry, alive_at: datetime) -> Delivery:
        stored = replace(delivery, version=delivery.version + 1, pending=())
        values = _delivery_columns(stored) | {"alive_at": alive_at}
        if delivery.version == 0:
            self.session.add(DeliveryRow(**values))
            self.session.flush()
        else:
            overwrite(self.session, DeliveryRow, values, version=delivery.version)
        _enqueue(
            self.session,
            delivery.pending,
            at=delivery.ended_at or delivery.begun_at,
            aggregate_id=delivery.id,
            version=stored.version,
            state=stored.outcome.value,
        )
        _append(self.session, delivery.agreement, audit)
        return stored

    def note_alive(self, delivery_id: UUID, *, bytes_: int, at: datetime) -> None:
        statement = (
            update(DeliveryRow)
            .where(
                col(DeliveryRow.id) == delivery_id,
                col(DeliveryRow.outcome) == Outcome.UNDER_WAY.value,
            )
            .values(bytes=bytes_, alive_at=at)
        )
        changed(self.session, statement)

    def silent_since(self, instant: datetime, *, limit: int) -> Sequence[Delivery]:
        query = (
            select(DeliveryRow)
            .where(
                col(DeliveryRow.outcome) == Outcome.UNDER_WAY.value,
                col(DeliveryRow.alive_at) < instant,
            )
            .order_by(col(DeliveryRow.alive_at))
            .limit(limit)
        )
        return [_delivery(row) for row in self.session.scalars(query)]


@dataclass(frozen=True, slots=True)
class SqlLog:
    session: Session

    def append(self, entry: Entry) -> LeafPosition:
        return _append(self.session, str(entry.detail.get("agreement", "")), entry)

    def page(self, *, agreement: str, after: int | None, limit: int) -> Sequence[Logged]:
        leaf = shared.audit_leaf
        query = (
            select(leaf.c.index, leaf.c.hash, leaf.c.entry)
            .join(AuditSubjectRow, col(AuditSubjectRow.leaf_index) == leaf.c.index)
            .where(col(AuditSubjectRow.agreement) == agreement)
            .order_by(leaf.c.index)
            .limit(limit)
        )
        if after is not None:
            query = query.where(leaf.c.index > after)
        return [
            Logged(index=index, hash=hash_, entry=_as_written(agreement, index, hash_, entry))
            for index, hash_, entry in self.session.execute(query)
        ]


@dataclass(frozen=True, slots=True)
class SqlIdempotencyKeys:
    session: Session

    def find(self, *, actor: str, key: str, fingerprint: str) -> str | None:
        return idempotency.find(self.session, actor=actor, key=key, fingerprint=fingerprint)

    def remember(self, *, actor: str, key: str, fingerprint: str, resource: str) -> None:
        idempotency.remember(
            self.session, actor=actor, key=key, fingerprint=fingerprint, resource=resource
        )


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    session: Session
    timer: Clock

    @property
    def extracts(self) -> SqlExtracts:
        return SqlExtracts(self.session, self.timer)

    @property
    def releases(self) -> SqlReleases:
        return SqlReleases(self.session)

    @property
    def editions(self) -> SqlEditions:
        return SqlEditions(self.session)

    @property
    def voids(self) -> SqlVoids:
        return SqlVoids(self.session)

    @property
    def register(self) -> SqlRegister:
        return SqlRegister(self.session)

    @property
    def standings(self) -> SqlStandings:
        return SqlStandings(self.session)

    @property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self.session)

    @property
    def log(self) -> SqlLog:
        return SqlLog(self.session)

    @property
    def idempotency(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)

    def accept(self, event: Envelope) -> bool:
        return inbox.accept(self.session, consumer=CONSUMER, event=event)


def build(engine: Engine, timer: Clock) -> unit_of_work.UnitOfWork[SqlTransaction]:
    """Make the service's unit of work."""
    return unit_of_work.UnitOfWork(engine, lambda session: SqlTransaction(session, timer))


def _as_written(agreement: str, index: int, hashed: str, entry: str) -> dict[str, Any]:
    """Return what a leaf says, if it is what its hash says and about that agreement.

    Raises:
        AuditLogBroken: the row is not what was written.

    """
    found: dict[str, Any] = json.loads(entry)
    is_right = written(leaf_hash(entry.encode())) == hashed and found["index"] == index
    if not is_right or found["detail"].get("agreement") != agreement:
        raise audit.AuditLogBroken(f"Leaf {index} is not what was written: see dsfc audit verify.")
    return found


MENDABLE: Mapping[str, frozenset[str]] = {
    "register_line": frozenset(
        {
            *("controllers", "project_title", "opt_outs_reason", "advisory_minutes"),
            *("objectives", "processing"),
            *("expected_outputs", "expected_benefits", "yielded_benefits"),
        }
    )
}
"""What the register publishes of people's texts. Manifests are signed, and never published."""


def log_mending(session: Session, row: Mapping[str, Any], entry: Entry) -> None:
    """Write down that a line of the register was mended, under the agreement that it tells of."""
    agreement = str(row["reference"])
    _append(session, agreement, replace(entry, detail={**entry.detail, "agreement": agreement}))


def _append(session: Session, agreement: str, entry: Entry) -> LeafPosition:
    """Append one leaf, and note which agreement it is about."""
    (leaf,) = audit.append(session, [entry])
    session.add(AuditSubjectRow(agreement=agreement, leaf_index=leaf.index))
    session.flush()
    return LeafPosition(index=leaf.index, size=leaf.size, root=leaf.root)


def _enqueue(
    session: Session,
    pending: Sequence[Event],
    *,
    at: datetime,
    aggregate_id: UUID,
    version: int,
    state: str,
) -> None:
    for event in pending:
        of = "deliveries" if isinstance(event, ExtractDelivered) else "extracts"
        outbox.enqueue(
            session,
            schemas.event(
                event,
                subject=f"{of}/{aggregate_id}",
                time=at,
                aggregate_id=aggregate_id,
                aggregate_version=version,
                state=state,
            ),
        )


def _is_unfinished() -> ColumnElement[bool]:
    return col(ExtractRow.state).in_([state.value for state in sorted(UNFINISHED)])


def _is_free(at: datetime) -> ColumnElement[bool]:
    """Whether its turn has come, and no worker has it."""
    claimed_until = col(ExtractRow.claimed_until)
    return (col(ExtractRow.due_at) <= at) & (claimed_until.is_(None) | (claimed_until <= at))


def _extract(row: ExtractRow) -> Extract:
    return Extract(
        id=row.id,
        request=ExtractRequest.read(row.request),
        requester=Requester(
            subject=row.subject,
            client_id=row.client_id,
            organisation=row.organisation,
            role=row.role,
        ),
        permit=Permit(
            id=row.permit_id,
            compact=row.permit,
            expires_at=row.permit_expires_at,
            decision_id=row.decision_id,
            epoch=row.epoch,
        ),
        requested_at=row.requested_at,
        changed_at=row.changed_at,
        state=State(row.state),
        files=_FILES.validate_python(row.files),
        failure=None if row.failure is None else _FAILURE.validate_python(row.failure),
        withdrawal=_withdrawal(row),
        version=row.version,
    )


def _withdrawal(row: ExtractRow) -> Withdrawal | None:
    return None if row.withdrawal is None else _WITHDRAWAL.validate_python(row.withdrawal)


def _standing(row: AgreementStandingRow) -> Standing:
    return Standing(
        agreement=row.agreement,
        state=row.state,
        since=row.since,
        held={LineKey(*held["line"]): _SINCE.validate_python(held["since"]) for held in row.held},
    )


def _extract_columns(extract: Extract) -> dict[str, Any]:
    return {
        "id": extract.id,
        "state": extract.state.value,
        "version": extract.version,
        "agreement": extract.request.agreement,
        "request": extract.request.claims(),
        **asdict(extract.requester),
        "permit_id": extract.permit.id,
        "permit": extract.permit.compact,
        "permit_expires_at": extract.permit.expires_at,
        "decision_id": extract.permit.decision_id,
        "epoch": extract.permit.epoch,
        "files": _FILES.dump_python(extract.files, mode="json"),
        "failure": None
        if extract.failure is None
        else _FAILURE.dump_python(extract.failure, mode="json"),
        "withdrawal": None
        if extract.withdrawal is None
        else _WITHDRAWAL.dump_python(extract.withdrawal, mode="json"),
        "requested_at": extract.requested_at,
        "changed_at": extract.changed_at,
    }


def _release_row(release: Release) -> ReleaseRow:
    file = release.file
    return ReleaseRow(
        file_id=file.id,
        extract_id=release.extract_id,
        agreement=release.agreement,
        organisation=release.organisation,
        format=file.format.value,
        object_key=file.object_key,
        bytes=file.bytes,
        digest=file.digest,
        rows=file.rows,
        attestation=file.attestation,
        attestation_digest=release.attestation_digest,
        decision_id=release.decision.decision_id,
        holding_id=release.decision.holding_id,
        agreement_version=release.decision.agreement.version,
        document_hash=release.decision.agreement.document_hash,
        leaf_index=release.leaf.index,
        leaf_size=release.leaf.size,
        leaf_root=release.leaf.root,
        manifest=release.manifest,
        released_at=release.released_at,
    )


def _release(row: ReleaseRow) -> Release:
    return Release(
        file=PreparedFile(
            id=row.file_id,
            format=Format(row.format),
            object_key=row.object_key,
            bytes=row.bytes,
            digest=row.digest,
            rows=row.rows,
            attestation=row.attestation,
        ),
        extract_id=row.extract_id,
        agreement=row.agreement,
        organisation=row.organisation,
        decision=ReleaseDecision(
            decision_id=row.decision_id,
            holding_id=row.holding_id,
            agreement=AgreementVersion(
                reference=row.agreement,
                version=row.agreement_version,
                document_hash=row.document_hash,
            ),
        ),
        leaf=LeafPosition(index=row.leaf_index, size=row.leaf_size, root=row.leaf_root),
        manifest=row.manifest,
        attestation_digest=row.attestation_digest,
        released_at=row.released_at,
    )


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        file_id=row.file_id,
        extract_id=row.extract_id,
        agreement=row.agreement,
        decision_id=row.decision_id,
        requester=Requester(
            subject=row.subject,
            client_id=row.client_id,
            organisation=row.organisation,
            role=row.role,
        ),
        start=row.range_start,
        end=row.range_end,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        bytes=row.bytes,
        outcome=Outcome(row.outcome),
        code=row.code,
        version=row.version,
    )


def _delivery_columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "file_id": delivery.file_id,
        "extract_id": delivery.extract_id,
        "agreement": delivery.agreement,
        "decision_id": delivery.decision_id,
        **asdict(delivery.requester),
        "range_start": delivery.start,
        "range_end": delivery.end,
        "begun_at": delivery.begun_at,
        "ended_at": delivery.ended_at,
        "bytes": delivery.bytes,
        "outcome": delivery.outcome.value,
        "code": delivery.code,
        "version": delivery.version,
    }
