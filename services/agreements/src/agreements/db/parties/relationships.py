"""Relationships, with the consents that belong to them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Select, Text, cast, or_, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.events import enqueue
from agreements.db.relationship_tables import RelationshipConsentRow, RelationshipRow
from agreements.db.store import SqlFacts, part_of, put, to_fact
from agreements.records.domain.errors import RelationshipNotFound
from agreements.records.domain.parties.relationship import PublicationConsent, Relationship
from agreements.records.use_cases.ports import Scope, Slice
from common import audit as audit_log
from common.audit import Entry
from common.db import reading


@dataclass(frozen=True, slots=True)
class SqlRelationships:
    session: Session

    def get(self, relationship_id: UUID, *, scope: Scope) -> Relationship:
        query = self._rows(scope).where(col(RelationshipRow.id) == relationship_id)
        found = self._of(query)
        if not found:
            raise RelationshipNotFound(f"There is no relationship {relationship_id}.")
        return found[0]

    def find(self, *, commissioner: str | None = None) -> Sequence[Relationship]:
        query = self._rows(None).order_by(col(RelationshipRow.id))
        if commissioner is not None:
            query = query.where(col(RelationshipRow.commissioner) == commissioner)
        return self._of(query)

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Relationship]:
        query = part_of(self._rows(scope), RelationshipRow, part)
        return reading.page(self.session, query, self._one, key=col(RelationshipRow.id))

    def save(self, relationship: Relationship, *, audit: Entry) -> Relationship:
        epoch = stamp(self.session, at=audit.at)
        known = {c.id: c for c in self._consents(relationship.id)}
        [stored] = put(self.session, RelationshipRow, [relationship], epoch=epoch, audit=audit)
        put(
            self.session,
            RelationshipConsentRow,
            [c for c in relationship.consents if known.get(c.id) != c],
            epoch=epoch,
            audit=audit,
            relationship_id=relationship.id,
        )
        enqueue(
            self.session,
            relationship.pending,
            aggregate_id=stored.id,
            aggregate_version=stored.version,
        )
        audit_log.append(self.session, [audit])
        return replace(stored, pending=(), consents=self._consents(stored.id))

    def _rows(self, scope: Scope) -> Select[RelationshipRow]:
        query = select(RelationshipRow).where(col(RelationshipRow.superseded_epoch).is_(None))
        if scope is None:
            return query
        codes = sorted(scope)
        # A JSON list of codes, compared as text: a code is quoted in it and holds no quote.
        listed = cast(col(RelationshipRow.processors), Text)
        return query.where(
            or_(
                col(RelationshipRow.commissioner).in_(codes),
                col(RelationshipRow.csu).in_(codes),
                col(RelationshipRow.requested_by_organisation).in_(codes),
                *(listed.contains(json.dumps(code), autoescape=True) for code in codes),
            )
        )

    def _of(self, query: Select[RelationshipRow]) -> list[Relationship]:
        rows = list(self.session.execute(query).scalars())
        return [self._one(row) for row in rows]

    def _one(self, row: RelationshipRow) -> Relationship:
        return to_fact(Relationship, row, consents=self._consents(row.id))

    def _consents(self, relationship_id: UUID) -> tuple[PublicationConsent, ...]:
        rows = self.session.execute(
            select(RelationshipConsentRow)
            .where(col(RelationshipConsentRow.relationship_id) == relationship_id)
            .where(col(RelationshipConsentRow.superseded_epoch).is_(None))
            .order_by(col(RelationshipConsentRow.id))
        ).scalars()
        return tuple(to_fact(PublicationConsent, row) for row in rows)


class SqlListedRelationships(SqlFacts[Relationship]):
    """Relationships as facts alone; what became of each is told."""

    def save(self, *facts: Relationship, audit: Entry) -> tuple[Relationship, ...]:
        stored = SqlFacts.save(self, *facts, audit=audit)
        for one in stored:
            enqueue(self.session, one.pending, aggregate_id=one.id, aggregate_version=one.version)
        return tuple(replace(one, pending=()) for one in stored)
