"""Editions in a relational database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from catalogue import Protocol
from common.audit import Entry as AuditEntry
from common.audit import LoggedRows, telling
from common.db import replacement as columns
from common.db.saving import overwrite, record
from common.errors import EditedMeanwhile, EditionNotFound
from common.replacement import State as Replacement
from common.unreadable import from_row
from pseudonymisation.db import events
from pseudonymisation.db.held.kept import EDITIONS
from pseudonymisation.db.landed import pinned
from pseudonymisation.db.submissions import UNDER_WAY
from pseudonymisation.db.tables import (
    EditionRow,
    SubmissionRow,
    is_in_force,
)
from pseudonymisation.intake.domain.edition import (
    Edition,
    FurtherMap,
    MapVersion,
    Place,
    Replaced,
    RulesVersion,
    Status,
)
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.domain.written import BulkPart
from pseudonymisation.intake.use_cases.ports import Scope


@dataclass(frozen=True, slots=True)
class SqlEditions:
    session: Session
    rows: LoggedRows

    def get(self, edition_id: UUID, scope: Scope) -> Edition:
        query = select(EditionRow).where(col(EditionRow.id) == edition_id)
        if scope.own is not None:
            query = query.where(_is_of(scope.own))
        row = self.session.exec(query).one_or_none()
        if row is None:
            raise EditionNotFound("The edition does not exist, or you may not see it.")
        return edition_of_row(row)

    def page(
        self,
        scope: Scope,
        *,
        data_set: str | None,
        period: Period | None,
        state: Replacement | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Edition]:
        query = select(EditionRow)
        if scope.own is not None:
            query = query.where(_is_of(scope.own))
        if data_set is not None:
            query = query.where(col(EditionRow.data_set) == data_set)
        if state is not None:
            query = query.where(col(EditionRow.state) == state.value)
        if period is not None:
            query = query.where(col(EditionRow.period_first) <= period.last)
            query = query.where(col(EditionRow.period_last) >= period.first)
        return self.rows.page(
            self.session,
            EDITIONS,
            query,
            edition_of_row,
            key=col(EditionRow.id),
            after=after,
            limit=limit,
            is_all=scope.own is None,
        )

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, EDITIONS, ids)

    def of(self, data_set: str, provider: str) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(is_in_force())
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def waiting(self, data_set: str, provider: str) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(col(EditionRow.state) == Replacement.WAITING.value)
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def in_force(self, *, but_made_by: Collection[str], limit: int) -> Sequence[Edition]:
        known, other = col(EditionRow.landing_rules_digest), aliased(SubmissionRow)
        # What comes after the edition's own upload would otherwise be superseded by it.
        has_successor = (
            exists()
            .where(col(other.data_set) == col(EditionRow.data_set))
            .where(col(other.provider) == col(EditionRow.provider))
            .where(col(other.state).in_([*UNDER_WAY, SubmissionState.WAITING.value]))
        )
        query = (
            select(EditionRow)
            .join(SubmissionRow, col(SubmissionRow.id) == col(EditionRow.submission_id))
            .where(is_in_force())
            # Of a net change the upload is no whole period.
            .where(col(EditionRow.protocol) != Protocol.NET_CHANGE.value)
            .where(or_(known.is_(None), known.not_in(but_made_by)))
            .where(col(SubmissionRow.state) == SubmissionState.ACCEPTED.value)
            .where(col(SubmissionRow.content_key).is_not(None))
            .where(~has_successor)
            .order_by(col(EditionRow.id))
            .limit(limit)
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def newest(self, limit: int) -> Sequence[Edition]:
        query = (
            select(EditionRow)
            .where(is_in_force())
            .order_by(col(EditionRow.landed_at).desc(), col(EditionRow.id).desc())
            .limit(limit)
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def former(self, data_set: str, provider: str, place: Place) -> Sequence[Edition]:
        gave_way = col(EditionRow.superseded_by).is_not(None)
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(*_is_at(place))
            .where(col(EditionRow.state) != Replacement.TAKEN_BACK.value)
            .where(or_(is_in_force(), gave_way))
            .order_by(col(EditionRow.number))
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def gave_way_to(self, edition_id: UUID) -> Edition | None:
        query = (
            select(EditionRow)
            .where(col(EditionRow.superseded_by) == edition_id)
            .where(col(EditionRow.state) == Replacement.SUPERSEDED.value)
            .order_by(col(EditionRow.number).desc())
            .limit(1)
        )
        row = self.session.exec(query).first()
        return None if row is None else edition_of_row(row)

    def unmarked_unsafe(
        self, *, data_sets: Collection[str], but_made_by: Collection[str], limit: int
    ) -> Sequence[Edition]:
        known = col(EditionRow.landing_rules_digest)
        query = (
            select(EditionRow)
            .where(col(EditionRow.unsafe_at).is_(None))
            .where(col(EditionRow.data_set).in_(data_sets))
            .where(or_(known.is_(None), known.not_in(but_made_by)))
            .order_by(col(EditionRow.id))
            .limit(limit)
        )
        return [edition_of_row(row) for row in self.session.exec(query)]

    def covering(self, data_set: str, months: Sequence[str]) -> Sequence[Edition]:
        if not months:
            return []
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.period_first) <= max(months))
            .where(col(EditionRow.period_last) >= min(months))
            .where(is_in_force())
            .order_by(col(EditionRow.id))
        )
        found = [edition_of_row(row) for row in self.session.exec(query)]
        return [e for e in found if any(e.period.first <= m <= e.period.last for m in months)]

    def count(self, data_set: str, provider: str, place: Place) -> int:
        query = (
            select(func.count())
            .select_from(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(col(EditionRow.provider) == provider)
            .where(*_is_at(place))
        )
        return self.session.exec(query).one()

    def save(self, edition: Edition, *, audit: AuditEntry) -> Edition:
        stored = replace(edition, version=edition.version + 1, pending=())
        values = _of_edition(stored)
        row = EditionRow.model_validate(values)
        audit = replace(audit, detail={**audit.detail, "row": pinned(row).digest})
        if edition.version == 0:
            self.session.add(row)
            try:
                self.session.flush()
            except IntegrityError:
                raise EditedMeanwhile("Another edition of the period was stored first.") from None
        else:
            overwrite(self.session, EditionRow, values, version=edition.version)
        told = (events.of_edition(stored, event) for event in edition.pending)
        told_of = telling(self.session, audit, (EDITIONS, stored.id))
        record(self.session, events=told, audit=told_of)
        return stored


def _is_at(place: Place) -> tuple[Any, Any]:
    part = "" if place.part is None else str(place.part)
    return (col(EditionRow.period) == str(place.period), col(EditionRow.part) == part)


def _is_of(own: frozenset[str]) -> Any:
    """Say of an edition that it is an organisation's, also where that goes by a longer code."""
    sent = select(SubmissionRow.id).where(
        col(SubmissionRow.submitted_by).in_(own), col(SubmissionRow.basis) == Basis.OWN.value
    )
    return or_(col(EditionRow.provider).in_(own), col(EditionRow.submission_id).in_(sent))


def _of_edition(edition: Edition) -> dict[str, Any]:
    """Write an edition down as its row's values."""
    practice, postcode = edition.practice_map, edition.postcode_map
    organisation = edition.organisation_map
    rules = edition.landing_rules
    return {
        "id": edition.id,
        "version": edition.version,
        "data_set": edition.data_set,
        "catalogue_version": edition.catalogue_version,
        "catalogue_digest": edition.catalogue_digest,
        "period": str(edition.period),
        "period_first": edition.period.first,
        "period_last": edition.period.last,
        "provider": edition.provider,
        "part": "" if edition.part is None else str(edition.part),
        "protocol": edition.protocol.value,
        "left_out_at_source": edition.left_out_at_source,
        "replaced": None if edition.replaced is None else edition.replaced.as_json(),
        "number": edition.number,
        "status": edition.status.value,
        "submission_id": edition.submission_id,
        "superseded_by": edition.superseded_by,
        "object_key": edition.object_key,
        "columns": [*edition.columns] or None,
        "deleted_key": edition.deleted_key,
        "sums": [one.as_json() for one in edition.sums] or None,
        "rows": edition.rows,
        "rows_repeated": edition.rows_repeated,
        "bytes": edition.bytes,
        "practice_map_id": None if practice is None else str(practice.id),
        "practice_map_digest": None if practice is None else practice.digest,
        "postcode_map_id": None if postcode is None else str(postcode.id),
        "postcode_map_digest": None if postcode is None else postcode.digest,
        "further_maps": [
            {"kind": m.kind, "id": str(m.version.id), "digest": m.version.digest}
            for m in edition.further_maps
        ]
        or None,
        "areas_untold": [*edition.areas_untold] or None,
        "organisation_map_id": None if organisation is None else str(organisation.id),
        "organisation_map_digest": None if organisation is None else organisation.digest,
        "landing_rules_version": None if rules is None else rules.version,
        "landing_rules_digest": None if rules is None else rules.digest,
        "unsafe_at": edition.unsafe_at,
        "landed_at": edition.landed_at,
        **columns.values_of(edition.standing),
    }


@from_row
def edition_of_row(row: EditionRow) -> Edition:
    """Read an edition out of its row."""
    return Edition(
        id=row.id,
        data_set=row.data_set,
        catalogue_version=row.catalogue_version,
        catalogue_digest=row.catalogue_digest,
        period=Period.parse(row.period),
        provider=row.provider,
        part=BulkPart.stored(row.part),
        protocol=Protocol(row.protocol),
        left_out_at_source=row.left_out_at_source,
        replaced=None if row.replaced is None else Replaced.of_json(row.replaced),
        number=row.number,
        status=Status(row.status),
        submission_id=row.submission_id,
        object_key=row.object_key,
        columns=tuple(row.columns or ()),
        deleted_key=row.deleted_key,
        sums=sums_of_row(row),
        rows=row.rows,
        rows_repeated=row.rows_repeated,
        bytes=row.bytes,
        practice_map=_map(row.practice_map_id, row.practice_map_digest),
        postcode_map=_map(row.postcode_map_id, row.postcode_map_digest),
        organisation_map=_map(row.organisation_map_id, row.organisation_map_digest),
        further_maps=tuple(
            FurtherMap(
                "deprivation" if m["kind"] == "deprivation" else "postcode",
                MapVersion(id=UUID(m["id"]), digest=m["digest"]),
            )
            for m in row.further_maps or ()
        ),
        areas_untold=tuple(row.areas_untold or ()),
        landing_rules=_rules(row.landing_rules_version, row.landing_rules_digest),
        unsafe_at=row.unsafe_at,
        landed_at=row.landed_at,
        standing=columns.standing_of(row),
        superseded_by=row.superseded_by,
        version=row.version,
    )


def sums_of_row(row: EditionRow) -> tuple[Sums, ...]:
    """Read what an edition adds up to out of its row."""
    return tuple(map(Sums.of_json, row.sums or ()))


def _map(map_id: str | None, digest: str | None) -> MapVersion | None:
    return None if map_id is None else MapVersion(id=UUID(map_id), digest=digest or "")


def _rules(version: int | None, digest: str | None) -> RulesVersion | None:
    if version is None or digest is None:
        return None
    return RulesVersion(version=version, digest=digest)
