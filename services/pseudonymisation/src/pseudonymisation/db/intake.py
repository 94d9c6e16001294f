"""One transaction of the intake in a relational database."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from common import audit as audit_log
from common.audit import Entry as AuditEntry
from common.audit import LoggedRows
from common.db.idempotency import SqlIdempotencyKeys
from common.db.unit_of_work import UnitOfWork
from pseudonymisation.db.editions import SqlEditions
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.opt_outs import SqlOptOutChecks, SqlOptOutLists
from pseudonymisation.db.partial_uploads import SqlPartialUploads
from pseudonymisation.db.quality.measures import SqlMeasures
from pseudonymisation.db.submissions import SqlSubmissions
from pseudonymisation.db.tables import (
    EditionRow,
    OptOutCheckRow,
    OptOutListRow,
    PartialUploadRow,
    SubmissionRow,
)
from pseudonymisation.intake.domain.written import quarantines_of


@dataclass(frozen=True, slots=True)
class SqlIntake:
    """One transaction of the intake."""

    session: Session
    rows: LoggedRows

    @property
    def submissions(self) -> SqlSubmissions:
        return SqlSubmissions(self.session, self.rows)

    @property
    def editions(self) -> SqlEditions:
        return SqlEditions(self.session, self.rows)

    @property
    def measures(self) -> SqlMeasures:
        return SqlMeasures(self.session)

    @property
    def opt_out_lists(self) -> SqlOptOutLists:
        return SqlOptOutLists(self.session, self.rows)

    @property
    def opt_out_checks(self) -> SqlOptOutChecks:
        return SqlOptOutChecks(self.session, self.rows)

    @property
    def partial_uploads(self) -> SqlPartialUploads:
        return SqlPartialUploads(self.session)

    def log(self, audit: AuditEntry) -> None:
        audit_log.append(self.session, [audit])

    @property
    def idempotency(self) -> SqlIdempotencyKeys:
        return SqlIdempotencyKeys(self.session)

    def object_keys(self) -> Iterator[str]:
        for parts in self.session.exec(select(PartialUploadRow.parts)):
            yield from (str(key) for key, _ in parts)
        of_tables = select(SubmissionRow.tables, SubmissionRow.quarantine_key)
        for tables, quarantine in self.session.exec(
            of_tables.where(col(SubmissionRow.tables).is_not(None))
        ):
            yield from (str(one["key"]) for one in (tables or {}).values())
            yield from quarantines_of(quarantine, tables or {}) if quarantine else ()
        for column in (
            SubmissionRow.content_key,
            SubmissionRow.quarantine_key,
            EditionRow.object_key,
            EditionRow.deleted_key,
            OptOutListRow.object_key,
            OptOutCheckRow.object_key,
            OptOutCheckRow.reply_key,
        ):
            named = self.session.exec(select(column).where(col(column).is_not(None)))
            yield from (key for key in named if key is not None)


def intake_unit_of_work(engine: Engine, logged: Logged | None = None) -> UnitOfWork[SqlIntake]:
    """Make the intake's unit of work; what is shown is held against what was `logged`."""
    rows = (logged or Logged()).rows
    return UnitOfWork(engine, lambda session: SqlIntake(session, rows))
