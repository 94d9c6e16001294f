"""Editions as rows, and rows as editions."""

from typing import Any
from uuid import UUID

from common.db import replacement as columns
from pseudonymisation.db.tables import EditionRow
from pseudonymisation.intake.domain.edition import Edition, MapVersion, RulesVersion, Status
from pseudonymisation.intake.domain.period import Period


def of_edition(edition: Edition) -> dict[str, Any]:
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
        "number": edition.number,
        "status": edition.status.value,
        "submission_id": edition.submission_id,
        "superseded_by": edition.superseded_by,
        "object_key": edition.object_key,
        "rows": edition.rows,
        "rows_repeated": edition.rows_repeated,
        "bytes": edition.bytes,
        "practice_map_id": None if practice is None else str(practice.id),
        "practice_map_digest": None if practice is None else practice.digest,
        "postcode_map_id": None if postcode is None else str(postcode.id),
        "postcode_map_digest": None if postcode is None else postcode.digest,
        "organisation_map_id": None if organisation is None else str(organisation.id),
        "organisation_map_digest": None if organisation is None else organisation.digest,
        "landing_rules_version": None if rules is None else rules.version,
        "landing_rules_digest": None if rules is None else rules.digest,
        "unsafe_at": edition.unsafe_at,
        "landed_at": edition.landed_at,
        **columns.values_of(edition.standing),
    }


def to_edition(row: EditionRow) -> Edition:
    """Read an edition out of its row."""
    return Edition(
        id=row.id,
        data_set=row.data_set,
        catalogue_version=row.catalogue_version,
        catalogue_digest=row.catalogue_digest,
        period=Period.parse(row.period),
        provider=row.provider,
        number=row.number,
        status=Status(row.status),
        submission_id=row.submission_id,
        object_key=row.object_key,
        rows=row.rows,
        rows_repeated=row.rows_repeated,
        bytes=row.bytes,
        practice_map=_map(row.practice_map_id, row.practice_map_digest),
        postcode_map=_map(row.postcode_map_id, row.postcode_map_digest),
        organisation_map=_map(row.organisation_map_id, row.organisation_map_digest),
        landing_rules=_rules(row.landing_rules_version, row.landing_rules_digest),
        unsafe_at=row.unsafe_at,
        landed_at=row.landed_at,
        standing=columns.standing_of(row),
        superseded_by=row.superseded_by,
        version=row.version,
    )


def _map(map_id: str | None, digest: str | None) -> MapVersion | None:
    return None if map_id is None else MapVersion(id=UUID(map_id), digest=digest or "")


def _rules(version: int | None, digest: str | None) -> RulesVersion | None:
    if version is None or digest is None:
        return None
    return RulesVersion(version=version, digest=digest)
