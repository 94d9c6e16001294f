"""Relationships, with the consents that belong to them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, or_
from sqlmodel import Session

from agreements.db.epoch import stamp
from agreements.db.events import enqueue
from agreements.db.read.facts import current_rows, facts_of, rows_found
from agreements.db.relationship_tables import RelationshipConsentRow, RelationshipRow
from agreements.db.store import SqlFacts, cut, put
from agreements.records.domain.errors import RelationshipNotFound
from agreements.records.domain.parties.relationship import PublicationConsent, Relationship
from agreements.records.use_cases.ports import Scope, Slice
from common import audit as audit_log
from common.audit import Entry
from common.db import reading
from common.db.tables import table_of
from common.grouping import grouped

RELATIONSHIP: Any = table_of(RelationshipRow)
CONSENT_TO = "relationship_id"


@dataclass(frozen=True, slots=True)
class SqlRelationships:
    session: Session

    def get(self, relationship_id: UUID, *, scope: Scope) -> Relationship:
        found = self._of(self._rows(scope).where(RELATIONSHIP.c.id == relationship_id))
        if not found:
            raise RelationshipNotFound(f"There is no relationship {relationship_id}.")
        return found[0]

    def find(self, *, commissioner: str | None = None) -> Sequence[Relationship]:
        query = self._rows(None).order_by(RELATIONSHIP.c.id)
        if commissioner is not None:
            query = query.where(RELATIONSHIP.c.commissioner == commissioner)
        return self._of(query)

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Relationship]:
        query = cut(self._rows(scope), RELATIONSHIP, part)
        return reading.page_by(self.session, query, self._of, key=RELATIONSHIP.c.id)

    def save(self, relationship: Relationship, *, audit: Entry) -> Relationship:
        epoch = stamp(self.session, at=audit.at)
        known = {c.id: c for c in self._consents([relationship.id])[relationship.id]}
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
        return replace(stored, pending=(), consents=self._consents([stored.id])[stored.id])

    def _rows(self, scope: Scope) -> Select[Any]:
        query, of = current_rows(self.session, RelationshipRow).current(), RELATIONSHIP.c
        if scope is None:
            return query
        codes = sorted(scope)
        # A JSON list of codes, compared as text: a code is quoted in it and holds no quote.
        listed = cast(of.processors, Text)
        return query.where(
            or_(
                of.commissioner.in_(codes),
                of.csu.in_(codes),
                of.requested_by_organisation.in_(codes),
                *(listed.contains(json.dumps(code), autoescape=True) for code in codes),
            )
        )

    def _of(self, query: Select[Any]) -> list[Relationship]:
        of = current_rows(self.session, RelationshipRow).of
        found = facts_of(Relationship, of, rows_found(self.session, query))
        consents = self._consents([one.id for one in found])
        return [replace(one, consents=consents[one.id]) for one in found]

    def _consents(
        self, relationships: Collection[UUID]
    ) -> Mapping[UUID, tuple[PublicationConsent, ...]]:
        """Return the consents of each, in order of id."""
        rows = current_rows(self.session, RelationshipConsentRow)
        found = rows.among(self.session, CONSENT_TO, relationships)
        at = rows.of.position(CONSENT_TO)
        by = grouped(found, lambda row: rows.of.value(CONSENT_TO, row[at]))
        return {
            one: tuple(facts_of(PublicationConsent, rows.of, by.get(one, ())))
            for one in relationships
        }


class SqlListedRelationships(SqlFacts[Relationship]):
    """Relationships as facts alone; what became of each is told."""

    def save(self, *facts: Relationship, audit: Entry) -> tuple[Relationship, ...]:
        stored = SqlFacts.save(self, *facts, audit=audit)
        for one in stored:
            enqueue(self.session, one.pending, aggregate_id=one.id, aggregate_version=one.version)
        return tuple(replace(one, pending=()) for one in stored)
