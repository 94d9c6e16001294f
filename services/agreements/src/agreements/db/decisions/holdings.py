"""What was released under an agreement, and what is under way: the decision writes, this reads."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from uuid import UUID

from sqlalchemy import ColumnElement, Dialect, Select, or_, select
from sqlmodel import Session, col

from agreements.db.agreements import party_to
from agreements.db.decisions.tables import (
    FETCHED,
    VOID,
    DecisionRow,
    EndedExtractRow,
    HoldingFateRow,
    HoldingRow,
    PermitRow,
)
from agreements.db.destruction.tables import DestroyedFileRow
from agreements.db.events import enqueue_of_holdings
from agreements.db.seals.stored import among, among_values
from agreements.db.tables import AgreementRow
from agreements.records.domain.destruction.recorded import RecordedHolding
from agreements.records.domain.events import HoldingEvent
from agreements.records.domain.recalls import Recall
from agreements.records.use_cases.ports import Scope, Slice
from common.db import reading
from common.db.prepared import Prepared
from common.db.tables import table_of
from statements import attestation
from statements.permit import Permit
from statements.vocabulary import LineKey

RECENTLY = timedelta(seconds=10)
"""A download whose lease was not renewed in this time has ended."""
READ_AT_ONCE = 500
"""Fates, or agreements, that are asked for at once."""
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
        query = select(HoldingRow).where(_concerns(agreement)).order_by(col(HoldingRow.id))
        if part is not None:
            query = _part(query, part)
        found = self._with_fates(
            reading.page(
                self.session, query, partial(_seen_from, agreement), key=col(HoldingRow.id)
            )
        )
        return found if part is None and not as_sealed else self._compared(found)

    def page(self, part: Slice, *, scope: Scope) -> Sequence[RecordedHolding]:
        query = _part(select(HoldingRow).order_by(col(HoldingRow.id)), part)
        if scope is not None:
            known = select(col(AgreementRow.reference)).where(
                col(AgreementRow.id).in_(party_to(scope))
            )
            query = query.where(
                or_(
                    col(HoldingRow.agreement).in_(known),
                    col(HoldingRow.bridged_agreement).in_(known),
                )
            )
        found = reading.page(self.session, query, _holding, key=col(HoldingRow.id))
        return self._compared(self._with_fates(found))

    def has_files_out(self, agreement: str) -> bool:
        return agreement in self.with_files_out([agreement])

    def with_files_out(self, agreements: Collection[str]) -> Collection[str]:
        if not agreements:
            return ()
        connection = self.session.connection()
        asked = among_values(connection.dialect, agreements)
        return {str(row[0]) for row in _with_files_out(connection.dialect).every(connection, asked)}

    def agreements_with_files_out(self) -> Sequence[str]:
        own = self.session.execute(_files_out().distinct()).scalars()
        bridged = self.session.execute(
            _files_out().with_only_columns(col(HoldingRow.bridged_agreement)).distinct()
        ).scalars()
        return sorted({*own, *filter(None, bridged)})

    def _compared(self, found: Sequence[RecordedHolding]) -> list[RecordedHolding]:
        genuine = frozenset(self.as_sealed(self.session, [one.id for one in found]))
        return [replace(one, is_as_sealed=one.id in genuine) for one in found]

    def _with_fates(self, found: Sequence[RecordedHolding]) -> list[RecordedHolding]:
        fates: dict[UUID, str] = {}
        for start in range(0, len(found), READ_AT_ONCE):
            some = [one.id for one in found[start : start + READ_AT_ONCE]]
            rows = self.session.execute(
                select(col(HoldingFateRow.holding_id), col(HoldingFateRow.fate)).where(
                    col(HoldingFateRow.holding_id).in_(some)
                )
            )
            fates |= {row.holding_id: row.fate for row in rows}
        return [
            replace(
                one,
                is_fetched=fates.get(one.id) == FETCHED,
                is_void=fates.get(one.id) == VOID,
            )
            for one in found
        ]

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

    def tell(self, *said: HoldingEvent) -> None:
        enqueue_of_holdings(self.session, said)

    def under_way(self, agreement: str, *, at: datetime) -> Sequence[LineKey]:
        return [*self._preparing(agreement, at), *self._downloading(agreement, at)]

    def note_ended(self, extract_id: str, *, state: str, at: datetime) -> None:
        self.session.merge(EndedExtractRow(extract_id=extract_id, state=state, ended_at=at))
        self.session.flush()

    def _preparing(self, agreement: str, at: datetime) -> list[LineKey]:
        released = select(col(HoldingRow.permit_id)).where(_concerns(agreement))
        # The text narrows it down; with whom it pairs is read out of what was permitted.
        may_pair = col(PermitRow.claims).contains(agreement, autoescape=True)
        ended = select(col(EndedExtractRow.extract_id))
        rows = self.session.execute(
            select(PermitRow)
            .where(or_(col(PermitRow.agreement) == agreement, may_pair))
            .where(col(PermitRow.issued_at) > at - PREPARED_WITHIN)
            .where(col(PermitRow.id).not_in(released))
            .where(col(PermitRow.extract_id).not_in(ended))
        ).scalars()
        return [key for row in rows if (key := _permitted(agreement, row)) is not None]

    def _downloading(self, agreement: str, at: datetime) -> list[LineKey]:
        files = self.session.execute(select(HoldingRow).where(_concerns(agreement))).scalars()
        held = {row.file_id: _seen_from(agreement, row).key for row in files}
        asked_by = select(col(HoldingRow.agreement)).where(_concerns(agreement))
        subjects = self.session.execute(
            select(col(DecisionRow.subject))
            .where(col(DecisionRow.agreement).in_(asked_by))
            .where(col(DecisionRow.action) == "fetch")
            .where(col(DecisionRow.permitted).is_(True))
            .where(col(DecisionRow.last_at) > at - RECENTLY)
        ).scalars()
        return [held[subject] for subject in subjects if subject in held]


def _part(query: Select[HoldingRow], part: Slice) -> Select[HoldingRow]:
    query = query.limit(part.rows)
    return query if part.after is None else query.where(col(HoldingRow.id) > part.after)


def _files_out() -> Select[str]:
    """Select the agreements of files that are neither void nor destroyed, once a file."""
    is_void = (
        select(HoldingFateRow)
        .where(col(HoldingFateRow.holding_id) == col(HoldingRow.id))
        .where(col(HoldingFateRow.fate) == VOID)
    )
    is_destroyed = (
        select(DestroyedFileRow)
        .where(col(DestroyedFileRow.id) == col(HoldingRow.id))
        .where(col(DestroyedFileRow.superseded_epoch).is_(None))
    )
    query = select(col(HoldingRow.agreement))
    return query.where(~is_void.exists()).where(~is_destroyed.exists())


@cache
def _with_files_out(dialect: Dialect) -> Prepared:
    """Ask which of these agreements have files out."""
    reference = col(AgreementRow.reference)
    is_out = (
        _files_out().where(col(column) == reference).correlate(AgreementRow).exists()
        for column in (HoldingRow.agreement, HoldingRow.bridged_agreement)
    )
    asked = select(reference).where(among(table_of(AgreementRow), "reference", dialect))
    return Prepared(asked.where(or_(*is_out)).distinct())


def _concerns(agreement: str) -> ColumnElement[bool]:
    """Select what was released under it; of bridging files, under the other agreement as well."""
    return or_(
        col(HoldingRow.agreement) == agreement, col(HoldingRow.bridged_agreement) == agreement
    )


def _seen_from(agreement: str, row: HoldingRow) -> RecordedHolding:
    """Show a holding to an agreement; a bridging file by the line of its own that it is of."""
    found = _holding(row)
    if row.agreement == agreement or row.bridged_agreement is None:
        return found
    bridge = attestation.FORM.read(row.file).bridge
    if bridge is None:
        return found
    return replace(
        found,
        agreement=agreement,
        bridges=row.agreement,
        version=bridge.agreement.version,
        line=bridge.line.number,
        key=bridge.line.key,
    )


def _holding(row: HoldingRow) -> RecordedHolding:
    return RecordedHolding(
        id=row.id,
        agreement=row.agreement,
        file_id=row.file_id,
        extract_id=row.extract_id,
        holder=row.holder,
        environment_id=row.environment_id,
        version=row.version,
        line=row.line,
        key=_key(row),
        periods=tuple(json.loads(row.periods)),
        file_format=row.format,
        bytes=row.bytes,
        digest=row.digest,
        released_at=row.released_at,
        bridges=row.bridged_agreement,
    )


def _permitted(agreement: str, row: PermitRow) -> LineKey | None:
    """Return the line of the agreement that a permit is of; of pairs, either side's own."""
    if row.agreement == agreement:
        return _key(row)
    bridge = Permit.read({**json.loads(row.claims), "jti": str(row.id)}).bridge
    is_of_it = bridge is not None and bridge.agreement.reference == agreement
    return bridge.line.key if bridge is not None and is_of_it else None


def _key(row: PermitRow | HoldingRow) -> LineKey:
    return LineKey(row.purpose, row.data_set, row.classification)
