"""Which agreements have a version that says what is searched for."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, Select, or_, select
from sqlmodel import col

from agreements.db.tables import (
    AgreementLineRow,
    AgreementPartyRow,
    AgreementRow,
    AgreementVersionRow,
)
from agreements.records.domain.terms.search import AgreementSearch
from agreements.records.domain.version import Capacity


def narrowed(query: Select[AgreementRow], search: AgreementSearch) -> Select[AgreementRow]:
    """Leave of a query of agreements those that are searched for."""
    if search.states:
        states = sorted(state.value for state in search.states)
        query = query.where(col(AgreementRow.announced_state).in_(states))
    if said := list(_of_version(search)):
        query = query.where(col(AgreementRow.id).in_(_with_version(said)))
    return query


def _with_version(said: Collection[ColumnElement[bool]]) -> Select[UUID]:
    # Its reference stands in the row of the agreement, which a text is looked for in as well.
    return (
        select(col(AgreementVersionRow.agreement_id))
        .join(AgreementRow, col(AgreementRow.id) == col(AgreementVersionRow.agreement_id))
        .where(*said)
    )


def _of_version(search: AgreementSearch) -> list[ColumnElement[bool]]:
    version = AgreementVersionRow
    said: list[ColumnElement[bool]] = []
    if search.text is not None:
        said.append(
            or_(
                col(AgreementRow.reference).icontains(search.text, autoescape=True),
                col(version.title).icontains(search.text, autoescape=True),
                _party(col(AgreementPartyRow.legal_name).icontains(search.text, autoescape=True)),
            )
        )
    for capacity, codes in (
        (Capacity.CONTROLLER, search.controllers),
        (Capacity.PROCESSOR, search.processors),
    ):
        if codes is not None:
            is_it = col(AgreementPartyRow.ods).in_(sorted(codes))
            said.append(_party(is_it, col(AgreementPartyRow.capacity) == capacity.value))
    of_line = [
        column == value
        for column, value in (
            (col(AgreementLineRow.data_set), search.data_set),
            (col(AgreementLineRow.purpose), search.purpose),
        )
        if value is not None
    ]
    if of_line:
        belongs = col(AgreementLineRow.agreement_version_id) == col(version.id)
        # Its version alone is asked for: the index of lines has all that this looks at.
        of = col(AgreementLineRow.agreement_version_id)
        said.append(select(of).where(belongs, *of_line).exists())
    if search.ends_from is not None:
        said.append(col(version.valid_to) >= search.ends_from)
    if search.ends_until is not None:
        said.append(col(version.valid_to) <= search.ends_until)
    return said


def _party(*said: ColumnElement[bool]) -> Exists:
    belongs = col(AgreementPartyRow.agreement_version_id) == col(AgreementVersionRow.id)
    return select(col(AgreementPartyRow.ods)).where(belongs, *said).exists()
