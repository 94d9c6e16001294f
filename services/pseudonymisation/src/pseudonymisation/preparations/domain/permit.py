"""What a permit allows (design.md section 5), and whether the haven can do it.

The signature was verified before anything here is called. Agreements decided; the haven does
what the permit says and nothing besides, and refuses what its own catalogue never lets out,
whatever a permit says (domain.md R03).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from catalogue import DataSet, filterable, not_chosen, uses
from catalogue.relations import split
from common.errors import Refusal, Refused
from pseudonymisation.preparations.domain.errors import PermitInvalid, PermitMismatch
from statements.form import Malformed
from statements.handed import RequestedExtract
from statements.permit import Permit
from statements.vocabulary import Classification


def read(claims: Mapping[str, Any]) -> Permit:
    """Read verified claims.

    Raises:
        PermitInvalid: where it does not say what a permit says, or contradicts itself

    """
    try:
        permit = Permit.read(claims)
    except Malformed as wrong:
        members = ", ".join(wrong.members)
        raise PermitInvalid(
            f"These members of the permit are missing or malformed: {members}."
        ) from None
    if contradictions := ", ".join(permit.contradictions()):
        raise PermitInvalid(f"The permit contradicts itself: {contradictions}.")
    return permit


def require_same(permit: Permit, request: RequestedExtract) -> None:
    """Raise PermitMismatch unless the permit was given for this very request."""
    same = request.digest == permit.request_digest and (
        request.extract_id == permit.extract_id
        and request.agreement == permit.agreement.reference
        and request.purpose == permit.line.purpose
        and request.data_set == permit.line.data_set
        and request.classification == permit.line.classification
    )
    if not same:
        raise PermitMismatch("The permit was given for another request than `request`.")


def require_releasable(permit: Permit, data_set: DataSet, *, on: date) -> None:
    """Hold the fields against the catalogue's ceiling; all refusals are named.

    Raises:
        Refused: with FIELD_NOT_IN_CATALOGUE, FORM_NOT_ALLOWED, IDENTITY_WITHOUT_ROUTE or
            FILTER_NOT_ALLOWED for each

    """
    refusals = []
    has_identity = bool(permit.identified)
    prepared = Classification.IDENTIFIABLE if has_identity else Classification.PSEUDO_ANONYMISED
    if permit.table is None and permit.line.classification != prepared:
        detail = "Records are prepared pseudonymised, or with columns of identity; and tables."
        refusals.append(Refusal("FORM_NOT_ALLOWED", detail, permit.line.classification))
    if permit.identified and not _has_route(permit, data_set, on):
        detail = "The data set gives no identity for the permit's purpose by its legal route."
        refusals += [Refusal("IDENTITY_WITHOUT_ROUTE", detail, n) for n in permit.identified]
    for field in permit.fields:
        column = data_set.releasables.get(field.name)
        if column is None:
            detail = "The data set has no such field."
            refusals.append(Refusal("FIELD_NOT_IN_CATALOGUE", detail, field.name))
        elif field.treatment not in column.treatments:
            detail = f"The catalogue does not allow the field as {field.treatment}."
            refusals.append(Refusal("FORM_NOT_ALLOWED", detail, field.name))
    refusals += _of_filters(permit, data_set)
    if refusals:
        raise Refused("The catalogue does not allow all requested fields.", refusals)


def _of_filters(permit: Permit, data_set: DataSet) -> Iterator[Refusal]:
    for one in permit.filters:
        allowed = filterable(data_set, one.column)
        if allowed is None:
            detail = "Rows are not filtered by this column."
            yield Refusal("FORM_NOT_ALLOWED", detail, one.column)
        elif allowed.problem(one.any_of, one.at_least, one.at_most) is not None:
            yield Refusal("FILTER_NOT_ALLOWED", "The column has no such values.", one.column)
    if not data_set.groups or not permit.filters:
        return
    columns = [one.column for one in permit.filters]
    if permit.bridge is not None:
        detail = "People of several groups together are not chosen by a column of one."
        yield from (Refusal("FILTER_NOT_ALLOWED", detail, name) for name in columns)
    names = (
        [field.name for field in permit.fields] if permit.table is None else [permit.table.measure]
    )
    groups = dict.fromkeys(split(name)[0] for name in names)
    for name, group in not_chosen(columns, groups, data_set.relations.joined):
        detail = f"Rows of {group} belong to none that have the column."
        yield Refusal("FILTER_NOT_ALLOWED", detail, name)


def _has_route(permit: Permit, data_set: DataSet, on: date) -> bool:
    """Say whether the data set's own file and its rules of use know the route (docs/adr/0064)."""
    route, purpose = permit.route, permit.line.purpose
    return route is not None and (
        route in data_set.identified_by
        and uses().knows_route(data_set.data_set, purpose, route, on)
    )
