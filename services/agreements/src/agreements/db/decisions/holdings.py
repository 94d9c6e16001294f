"""What was released under an agreement, and what is under way: the decision writes, this reads."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import Session, col

from agreements.db.decisions.tables import DecisionRow, EndedExtractRow, HoldingRow, PermitRow
from agreements.db.events import enqueue_voided
from agreements.records.domain.events import FileVoided
from agreements.records.domain.recalls import Recall
from agreements.records.use_cases.ports import RecordedHolding, Slice
from common.db import reading
from statements import attestation
from statements.vocabulary import LineKey

RECENTLY = timedelta(seconds=10)
"""A download whose lease was not renewed in this time has ended."""
PREPARED_WITHIN = timedelta(days=1)
"""A permit that led to no release in this time will not."""


AsSealed = Callable[[Session, Collection[UUID]], Collection[UUID]]
"""Says of which holdings the rows are as they were sealed: the decision's own reading of them."""


def none_is_known(_session: Session, _ids: Collection[UUID]) -> Collection[UUID]:
    return ()


@dataclass(frozen=True, slots=True)
class SqlHoldings:
    session: Session
    as_sealed: AsSealed

    def of(
        self, agreement: str, part: Slice | None = None, *, as_sealed: bool = False
    ) -> Sequence[RecordedHolding]:
        query = (
            select(HoldingRow)
            .where(col(HoldingRow.agreement) == agreement)
            .order_by(col(HoldingRow.id))
        )
        if part is not None:
            query = query.limit(part.rows)
            if part.after is not None:
                query = query.where(col(HoldingRow.id) > part.after)
        found = reading.page(self.session, query, _holding, key=col(HoldingRow.id))
        if part is None and not as_sealed:
            return found
        genuine = frozenset(self.as_sealed(self.session, [one.id for one in found]))
        return [replace(one, is_as_sealed=one.id in genuine) for one in found]

    def made_with(self, recall: Recall) -> Sequence[RecordedHolding]:
        # The text narrows it down; what it rests on is read out of what was attested.
        query = (
            select(HoldingRow)
            .where(col(HoldingRow.file).contains(recall.source, autoescape=True))
            .order_by(col(HoldingRow.id))
        )
        return [
            _holding(row)
            for row in self.session.execute(query).scalars()
            if recall.concerns(attestation.FORM.read(row.file))
        ]

    def tell_void(self, *voided: FileVoided) -> None:
        enqueue_voided(self.session, voided)

    def under_way(self, agreement: str, *, at: datetime) -> Sequence[LineKey]:
        return [*self._preparing(agreement, at), *self._downloading(agreement, at)]

    def note_ended(self, extract_id: str, *, state: str, at: datetime) -> None:
        self.session.merge(EndedExtractRow(extract_id=extract_id, state=state, ended_at=at))
        self.session.flush()

    def _preparing(self, agreement: str, at: datetime) -> list[LineKey]:
        released = select(col(HoldingRow.permit_id)).where(col(HoldingRow.agreement) == agreement)
        ended = select(col(EndedExtractRow.extract_id))
        rows = self.session.execute(
            select(PermitRow)
            .where(col(PermitRow.agreement) == agreement)
            .where(col(PermitRow.issued_at) > at - PREPARED_WITHIN)
            .where(col(PermitRow.id).not_in(released))
            .where(col(PermitRow.extract_id).not_in(ended))
        ).scalars()
        return [_key(row) for row in rows]

    def _downloading(self, agreement: str, at: datetime) -> list[LineKey]:
        subjects = self.session.execute(
            select(col(DecisionRow.subject))
            .where(col(DecisionRow.agreement) == agreement)
            .where(col(DecisionRow.action) == "fetch")
            .where(col(DecisionRow.permitted).is_(True))
            .where(col(DecisionRow.last_at) > at - RECENTLY)
        ).scalars()
        files = select(HoldingRow).where(col(HoldingRow.agreement) == agreement)
        held = {row.file_id: _key(row) for row in self.session.execute(files).scalars()}
        return [held[subject] for subject in subjects if subject in held]


def _holding(row: HoldingRow) -> RecordedHolding:
    return RecordedHolding(
        id=row.id,
        agreement=row.agreement,
        file_id=row.file_id,
        extract_id=row.extract_id,
        holder=row.holder,
        line=row.line,
        key=_key(row),
        periods=tuple(json.loads(row.periods)),
        file_format=row.format,
        bytes=row.bytes,
        digest=row.digest,
        released_at=row.released_at,
    )


def _key(row: PermitRow | HoldingRow) -> LineKey:
    return LineKey(row.purpose, row.data_set, row.classification)
