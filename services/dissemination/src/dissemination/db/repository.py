"""The repositories: the one place that knows rows and domain.

State, events and audit are stored by one `save()`, in the transaction of the use case.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, and_, func, or_, select, update
from sqlmodel import Session, col

from common import unreadable
from common.audit import LoggedRows, is_as_logged, telling
from common.audit.entries import Entry
from common.audit.log import read_frontier
from common.clock import Clock
from common.db import inbox, reading, unit_of_work
from common.db.idempotency import SqlIdempotencyKeys
from common.db.saving import changed, put
from common.messaging.envelope import Event as Envelope
from dissemination.db.completeness import ReleasedFiles
from dissemination.db.deliveries import SqlDeliveries
from dissemination.db.editions import SqlDestroyedFiles, SqlEditions, SqlVoids
from dissemination.db.kept import EXTRACTS, FILES, STANDINGS
from dissemination.db.log import SqlLog, append, enqueue
from dissemination.db.orders import SqlOrders
from dissemination.db.rows import (
    LINE_COLUMNS,
    extract_columns,
    extract_of,
    line_of,
    release_of,
    release_row,
    standing_of,
    withdrawal_of,
)
from dissemination.db.tables import (
    AgreementStandingRow,
    DeliveryRow,
    ExtractRow,
    PinnedEditionRow,
    RegisterLineRow,
    ReleaseRow,
)
from dissemination.domain.agreement_status import AgreementStatus, status
from dissemination.domain.delivery import Outcome
from dissemination.domain.errors import ExtractNotFound, FileNotFound
from dissemination.domain.extract import (
    OPEN_TO_FETCH,
    UNFINISHED,
    Extract,
    Kind,
    State,
)
from dissemination.domain.register import Completeness, Listed, LogHead, RegisterLine
from dissemination.domain.release import LeafPosition, Release
from dissemination.use_cases.ports import Progress, Released
from statements.request import ExtractRequest

CONSUMER = "dissemination"


@dataclass(frozen=True, slots=True)
class SqlExtracts:
    session: Session
    timer: Clock
    rows: LoggedRows

    def get(
        self, extract_id: UUID, *, own: frozenset[str] | None = None, locked: bool = False
    ) -> Extract:
        row = self.session.get(
            ExtractRow, extract_id, with_for_update=locked or None, populate_existing=locked
        )
        if row is None or (own is not None and row.organisation not in own):
            raise ExtractNotFound(f"There is no extract {extract_id}.")
        return extract_of(row)

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        edition: str | None = None,
        after: UUID | None,
        limit: int,
        kind: Kind = Kind.EXTRACT,
    ) -> Sequence[Extract]:
        query = select(ExtractRow).order_by(col(ExtractRow.id)).limit(limit)
        # A kind that is none of ours is no reason not to name the row.
        known = [one.value for one in Kind]
        query = query.where(
            or_(col(ExtractRow.kind) == kind.value, col(ExtractRow.kind).not_in(known))
        )
        if own is not None:
            query = query.where(col(ExtractRow.organisation).in_(own))
        if agreement is not None:
            query = query.where(col(ExtractRow.agreement) == agreement)
        if edition is not None:
            read_it = select(col(PinnedEditionRow.extract_id))
            read_it = read_it.where(col(PinnedEditionRow.edition_id) == edition)
            query = query.where(col(ExtractRow.id).in_(read_it))
        if after is not None:
            query = query.where(col(ExtractRow.id) > after)
        found = reading.page(self.session, query, extract_of, key=col(ExtractRow.id))
        if own is None:
            last = found[-1].id if len(found) == limit else None
            self.rows.look_for_gone(self.session, EXTRACTS, after=after, last=last)
        return found

    def hold(self, extracts: Sequence[Extract]) -> None:
        self.rows.compare(self.session, EXTRACTS, [one.id for one in extracts])
        files = [file.id for one in extracts for file in one.files]
        self.rows.compare(self.session, FILES, files)
        agreements = {one.request.agreement for one in extracts}
        self.rows.compare(self.session, STANDINGS, agreements)

    def save(self, extract: Extract, *, audit: Entry) -> Extract:
        stored = replace(extract, version=extract.version + 1, pending=())
        values = extract_columns(stored)
        if extract.version == 0:
            # Its turn is now. What follows is for whoever has claimed it to say.
            values["due_at"] = self.timer.now()
        put(self.session, ExtractRow, values, version=extract.version)
        enqueue(
            self.session,
            extract.pending,
            at=extract.changed_at,
            aggregate_id=extract.id,
            version=stored.version,
            state=stored.state.value,
        )
        if stored.standing_order is not None and stored.state not in UNFINISHED:
            SqlOrders(self.session, self.timer, self.rows).look_at(stored.standing_order)
        told = telling(self.session, audit, (EXTRACTS, extract.id))
        append(self.session, extract.request.agreement, told)
        return stored

    def released_from(self, edition_id: str) -> Sequence[Extract]:
        query = (
            select(ExtractRow)
            .join(PinnedEditionRow, col(PinnedEditionRow.extract_id) == col(ExtractRow.id))
            .where(col(PinnedEditionRow.edition_id) == edition_id)
            .order_by(col(ExtractRow.id))
        )
        return [extract_of(row) for row in self.session.scalars(query)]

    def named(self, ids: Collection[UUID]) -> Sequence[Extract]:
        query = select(ExtractRow).where(col(ExtractRow.id).in_(list(ids)))
        return [extract_of(row) for row in self.session.scalars(query)]

    def of_order(self, order_id: UUID) -> Sequence[Extract]:
        query = (
            select(ExtractRow)
            .where(col(ExtractRow.standing_order) == order_id)
            .order_by(col(ExtractRow.id))
        )
        return [extract_of(row) for row in self.session.scalars(query)]

    def released_under(self, agreement: str, *, until: datetime) -> Sequence[Extract]:
        by_then = select(ReleaseRow).where(
            col(ReleaseRow.extract_id) == col(ExtractRow.id), col(ReleaseRow.released_at) <= until
        )
        is_paired = and_(
            col(ExtractRow.kind) == Kind.BRIDGING_FILE.value,
            col(ExtractRow.request)["bridge"]["agreement"].as_string() == agreement,
        )
        query = (
            select(ExtractRow)
            .where(
                or_(col(ExtractRow.agreement) == agreement, is_paired),
                col(ExtractRow.state).in_([state.value for state in sorted(OPEN_TO_FETCH)]),
                by_then.exists(),
            )
            .order_by(col(ExtractRow.id))
        )
        return [extract_of(row) for row in self.session.scalars(query)]

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
    rows: LoggedRows

    def add(
        self,
        *,
        extract: Extract,
        line: RegisterLine,
        edition_ids: Sequence[str],
        audit: Entry,
        seal: Callable[[LeafPosition], Release],
    ) -> Release:
        release = seal(append(self.session, extract.request.agreement, audit))
        self.session.add(release_row(release))
        self.session.flush()
        self.session.add(RegisterLineRow(**{name: getattr(line, name) for name in LINE_COLUMNS}))
        for edition_id in sorted(set(edition_ids)):
            self.session.merge(PinnedEditionRow(edition_id=edition_id, extract_id=extract.id))
        self.session.flush()
        return release

    def get(self, file_id: UUID, *, own: frozenset[str] | None = None) -> Release:
        row = self.session.get(ReleaseRow, file_id)
        if row is None or (own is not None and row.organisation not in own):
            raise FileNotFound(f"There is no file {file_id}.")
        return release_of(row)

    def under(self, agreement: str, *, after: UUID | None, limit: int) -> Sequence[Released]:
        under_way = (
            select(DeliveryRow)
            .where(col(DeliveryRow.file_id) == col(ReleaseRow.file_id))
            .where(col(DeliveryRow.outcome) == Outcome.UNDER_WAY.value)
            .exists()
        )
        query = (
            select(
                col(ReleaseRow.file_id),
                col(ReleaseRow.extract_id),
                col(ReleaseRow.holding_id),
                col(ReleaseRow.released_at),
                under_way.label("being_delivered"),
            )
            .where(col(ReleaseRow.agreement) == agreement)
            .order_by(col(ReleaseRow.file_id))
            .limit(limit)
        )
        if after is not None:
            query = query.where(col(ReleaseRow.file_id) > after)
        return [Released(**row) for row in self.session.execute(query).mappings()]

    def instants(self, extracts: Sequence[Extract]) -> Mapping[UUID, datetime]:
        files = [file.id for extract in extracts for file in extract.files]
        query = (
            select(col(ReleaseRow.extract_id), func.min(col(ReleaseRow.released_at)))
            .where(col(ReleaseRow.file_id).in_(files))
            .group_by(col(ReleaseRow.extract_id))
        )
        return {row[0]: row[1] for row in self.session.execute(query)}

    def log(self, releases: Sequence[Release], *, audit: Entry) -> None:
        files = [(FILES, one.file.id) for one in releases]
        append(self.session, releases[0].agreement, telling(self.session, audit, *files))

    def hold(self, releases: Sequence[Release]) -> None:
        self.rows.compare(self.session, FILES, [one.file.id for one in releases])

    def of(self, extract_id: UUID) -> Sequence[Release]:
        query = (
            select(ReleaseRow)
            .where(col(ReleaseRow.extract_id) == extract_id)
            .order_by(col(ReleaseRow.leaf_index))
        )
        return [release_of(row) for row in self.session.scalars(query)]


@dataclass(frozen=True, slots=True)
class SqlRegister:
    session: Session
    released: ReleasedFiles

    def completeness(self) -> Completeness:
        return self.released.compare(self.session)

    def log_head(self) -> LogHead:
        head = read_frontier(self.session)
        return LogHead(size=head.size, root=head.root().hex())

    def page(self, *, after: UUID | None, limit: int) -> Sequence[Listed]:
        query = (
            select(RegisterLineRow, ExtractRow)
            # A line of which the release or the extract is gone cannot be read: it is named.
            .join(ReleaseRow, col(ReleaseRow.file_id) == col(RegisterLineRow.file_id), isouter=True)
            .join(ExtractRow, col(ExtractRow.id) == col(ReleaseRow.extract_id), isouter=True)
            .order_by(col(RegisterLineRow.id))
            .limit(limit)
        )
        if after is not None:
            query = query.where(col(RegisterLineRow.id) > after)
        lines = reading.page(self.session, query, _line_of_extract, key=col(RegisterLineRow.id))
        found = unreadable.together(lines, self._listed, key=lambda one: one.line.id)
        judging = {one.line.file_id: [name for name, _ in one.request.lines] for one in lines}
        told = {one.line.file_id: one.line.digest for one in found}
        judged = self.released.as_released(self.session, told) if told else {}
        self.released.rows.compare(self.session, EXTRACTS, {one.extract_id for one in found})
        agreements = {name for one in found for name in judging[one.line.file_id]}
        self.released.rows.compare(self.session, STANDINGS, agreements)
        return [
            replace(
                one,
                is_as_released=judged[one.line.file_id],
                is_status_as_logged=is_as_logged(
                    EXTRACTS.named(one.extract_id),
                    *(STANDINGS.named(name) for name in judging[one.line.file_id]),
                ),
            )
            for one in found
        ]

    def _listed(self, lines: Sequence["_LineOfExtract"]) -> list[Listed]:
        agreements = {name for one in lines for name, _ in one.request.lines}
        standings = SqlAgreementStatuses(self.session).of(agreements)
        return [one.listed(standings) for one in lines]


@dataclass(frozen=True, slots=True)
class _LineOfExtract:
    """A line, and what its status is read from."""

    line: RegisterLine
    extract: ExtractRow
    request: ExtractRequest

    def listed(self, standings: Mapping[str, AgreementStatus]) -> Listed:
        extract, is_replaced = self.extract, self.extract.state == State.SUPERSEDED.value
        return Listed(
            extract_id=extract.id,
            line=self.line,
            status=status(
                self.request,
                withdrawal=withdrawal_of(extract),
                standings=standings,
                superseded_at=extract.changed_at if is_replaced else None,
            ),
        )


def _line_of_extract(row: Row[RegisterLineRow, ExtractRow | None]) -> _LineOfExtract:
    line, extract = row
    if extract is None:
        raise LookupError("extract")
    return _LineOfExtract(line_of(line), extract, ExtractRequest.read(extract.request))


@dataclass(frozen=True, slots=True)
class SqlAgreementStatuses:
    session: Session

    def get(self, agreement: str, *, locked: bool = False) -> AgreementStatus | None:
        query = select(AgreementStandingRow).where(col(AgreementStandingRow.agreement) == agreement)
        if locked:
            query = query.with_for_update()
        row = self.session.scalar(query)
        return None if row is None else standing_of(row)

    def of(self, agreements: Collection[str]) -> Mapping[str, AgreementStatus]:
        query = select(AgreementStandingRow).where(
            col(AgreementStandingRow.agreement).in_(sorted(set(agreements)))
        )
        return {row.agreement: standing_of(row) for row in self.session.scalars(query)}

    def put(self, standing: AgreementStatus, *, audit: Entry) -> None:
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
        told = telling(self.session, audit, (STANDINGS, standing.agreement))
        append(self.session, standing.agreement, told)


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    session: Session
    timer: Clock
    released: ReleasedFiles

    @property
    def extracts(self) -> SqlExtracts:
        return SqlExtracts(self.session, self.timer, self.released.rows)

    @property
    def releases(self) -> SqlReleases:
        return SqlReleases(self.session, self.released.rows)

    @property
    def editions(self) -> SqlEditions:
        return SqlEditions(self.session)

    @property
    def destroyed(self) -> SqlDestroyedFiles:
        return SqlDestroyedFiles(self.session)

    @property
    def voids(self) -> SqlVoids:
        return SqlVoids(self.session)

    @property
    def register(self) -> SqlRegister:
        return SqlRegister(self.session, self.released)

    @property
    def agreement_statuses(self) -> SqlAgreementStatuses:
        return SqlAgreementStatuses(self.session)

    @property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self.session, self.released.rows)

    @property
    def orders(self) -> SqlOrders:
        return SqlOrders(self.session, self.timer, self.released.rows)

    @property
    def log(self) -> SqlLog:
        return SqlLog(self.session)

    @property
    def idempotency(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)

    def accept(self, event: Envelope) -> bool:
        return inbox.accept(self.session, consumer=CONSUMER, event=event)


def build(
    engine: Engine, timer: Clock, checkpoints: Path | None = None
) -> unit_of_work.UnitOfWork[SqlTransaction]:
    """Make the service's unit of work; the register is held against `checkpoints`."""
    released = ReleasedFiles(checkpoints)
    return unit_of_work.UnitOfWork(engine, lambda session: SqlTransaction(session, timer, released))


def _is_unfinished() -> ColumnElement[bool]:
    return col(ExtractRow.state).in_([state.value for state in sorted(UNFINISHED)])


def _is_free(at: datetime) -> ColumnElement[bool]:
    """Whether its turn has come, and no worker has it."""
    claimed_until = col(ExtractRow.claimed_until)
    return (col(ExtractRow.due_at) <= at) & (claimed_until.is_(None) | (claimed_until <= at))
