"""Writes what landing counted of an edition, in the transaction that names the edition."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import String, cast, exists, insert
from sqlmodel import Session, col, select

from common.audit import Entry as AuditEntry
from common.audit import telling
from common.db.saving import record
from pseudonymisation.db.editions import edition_of_row
from pseudonymisation.db.held.kept import FIELDS, QUALITIES
from pseudonymisation.db.quality.tables import EditionQualityRow, FieldQualityRow
from pseudonymisation.db.tables import EditionRow, SubmissionRow
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.measures import EditionMeasures


@dataclass(frozen=True, slots=True)
class SqlMeasures:
    session: Session

    def add(self, edition: Edition, measures: EditionMeasures, *, at: datetime) -> None:
        self.session.flush()  # the edition first: it is referred to
        self.session.execute(
            insert(EditionQualityRow),
            [
                {
                    "edition_id": edition.id,
                    "data_set": edition.data_set,
                    "provider": edition.provider,
                    "period": str(edition.period),
                    "period_first": edition.period.first,
                    "period_last": edition.period.last,
                    "records": measures.records,
                    "landed": measures.landed,
                    "set_aside": measures.set_aside,
                    "repeated": measures.repeated,
                    "withheld": measures.withheld,
                    "measured_at": at,
                }
            ],
        )
        if measures.fields:
            self.session.execute(
                insert(FieldQualityRow),
                [
                    {
                        "edition_id": edition.id,
                        "field": one.field,
                        "position": position,
                        "is_submitted": one.is_submitted,
                        "judged": one.judged,
                        "valid": one.valid,
                        "missing": one.missing,
                        "invalid": one.invalid,
                        "defaulted": one.default,
                        "withheld": one.withheld,
                        "duplicate": one.duplicate,
                    }
                    for position, one in enumerate(measures.fields)
                ],
            )

    def log(self, edition_id: UUID, *, audit: AuditEntry) -> None:
        told = telling(self.session, audit, (QUALITIES, edition_id), (FIELDS, edition_id))
        record(self.session, events=(), audit=told)

    def is_missing(self, edition_id: UUID) -> bool:
        return self.session.get(EditionQualityRow, edition_id) is None

    def unmeasured(self, *, of: Collection[str], limit: int) -> Sequence[Edition]:
        is_measured = exists().where(col(EditionQualityRow.edition_id) == col(EditionRow.id))
        query = (
            select(EditionRow)
            .join(SubmissionRow, col(SubmissionRow.id) == col(EditionRow.submission_id))
            .where(~is_measured)
            .where(col(EditionRow.catalogue_digest).in_(of))
            .where(cast(col(SubmissionRow.report), String) != "null")
            .order_by(col(EditionRow.id))
            .limit(limit)
        )
        return [edition_of_row(row) for row in self.session.exec(query)]
