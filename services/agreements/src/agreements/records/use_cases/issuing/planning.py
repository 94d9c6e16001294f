"""From the rows of a spreadsheet, or from documents that are in force, to what will be drafted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pydantic import JsonValue

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract
from agreements.records.domain.drafting import ApprovedApplication, next_version, numbers_of
from agreements.records.domain.errors import NotAParty, OrganisationUnknown, SnapshotRefused
from agreements.records.domain.issuing.batch import (
    PaperSignature,
    PlannedAgreement,
    signed_on_paper,
)
from agreements.records.domain.issuing.errors import AgreementKnown, FactNotRecorded, NotInForce
from agreements.records.domain.issuing.template import (
    AgreementTemplate,
    Commissioner,
    Particulars,
    filled,
    kinds_of_evidence,
)
from agreements.records.domain.lists.layouts.bulk_issue import BulkIssueList, ListedAgreement
from agreements.records.domain.lists.layouts.reading import Remainder
from agreements.records.domain.parties.assurance import Assurance
from agreements.records.domain.parties.organisation import on, require_legal_entity
from agreements.records.domain.terms.snapshots import approved
from agreements.records.domain.version import IMPORTED, ISSUED_FROM, Capacity
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.drafting import require_true
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.ports import Transaction
from common.clock import end_of, legal_day
from common.errors import AgreementNotFound, AppError
from common.ids import canonical, dars_reference, digest, new_id
from common.security.principal import BODY
from statements.document import read_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """An agreement that is in force already, with what was signed elsewhere."""

    snapshot: Mapping[str, JsonValue]
    signed_document: str
    signatures: tuple[PaperSignature, ...]


# From a template


def from_template(
    tx: Transaction, template: AgreementTemplate, read: BulkIssueList, ctx: Context
) -> tuple[PlannedAgreement, ...]:
    """Plan an agreement for each row.

    Raises:
        ImportRefused: it names every row that cannot be issued, with its code.

    """
    planned = []
    for row in read.listed:
        try:
            planned.append(_issued(tx, template, row, ctx))
        except AppError as error:
            read.remainder.add(row.line, "", _said(error))
    read.remainder.require_none()
    return tuple(planned)


def _issued(
    tx: Transaction, template: AgreementTemplate, row: ListedAgreement, ctx: Context
) -> PlannedAgreement:
    today = legal_day(tx.at)
    if row.end < today:
        raise NotInForce(f"It would end on {row.end}, which is over.")
    commissioner = _commissioner(tx, template, row, ctx)
    known = None if row.reference is None else _known(tx, row, commissioner.ods)
    particulars = Particulars(
        reference=dars_reference() if row.reference is None else row.reference,
        application_id=new_id(),
        title=row.title,
        first_day=row.start,
        last_day=row.end,
        **_numbered(known, row),
    )
    content = filled(template, commissioner, particulars)
    plan = _planned(tx, content, row.line, today)
    return replace(plan, without_contract=commissioner.contract is None)


def _known(tx: Transaction, row: ListedAgreement, controller: str) -> Agreement:
    known = tx.agreements.find(row.reference or "")
    if known is None:
        raise AgreementNotFound(f"There is no agreement {row.reference}.")
    known.require_under_way()
    latest = max(known.versions, key=lambda v: v.sequence)
    if latest.controllers() != (controller,):
        raise NotAParty(f"{controller} is not the one controller of {row.reference}.")
    return known


def _numbered(known: Agreement | None, row: ListedAgreement) -> dict[str, str]:
    """Say which version and kind it is: after the former end a renewal, within it an amendment."""
    if known is None:
        return {"version": "v0.0", "kind": "new"}
    latest = max(known.versions, key=lambda v: v.sequence)
    major, minor = max(numbers_of(v.number) for v in known.versions)
    if row.start > latest.valid_to:
        return {"version": f"v{major + 1}.0", "kind": "renewal"}
    return {"version": f"v{major}.{minor + 1}", "kind": "amendment"}


def _commissioner(
    tx: Transaction, template: AgreementTemplate, row: ListedAgreement, ctx: Context
) -> Commissioner:
    """Gather what is on record of whom an agreement is issued to, as at its first day."""
    today = legal_day(tx.at)
    day = max(row.start, today)
    ods = codes.own(tx, row.controller, day, ctx.reference)
    listed = tx.organisations.find(ods=ods)
    require_legal_entity(ods, day, listed)
    paid = [r for r in tx.ico_registrations.find(organisation=ods) if r.valid_to >= today]
    if not paid:
        raise FactNotRecorded(f"No registration of {ods} with the ICO is paid today.")
    registration = max(paid, key=lambda r: r.valid_to)
    evidence = {
        one.kind.value: one.reference
        for one in sorted(tx.assurance.find(organisation=ods), key=_newest)
        if one.reference
    }
    if missing := sorted(kinds_of_evidence(template) - evidence.keys()):
        raise FactNotRecorded(f"No {', '.join(missing)} of {ods} is recorded.")
    contract = _contract(tx.contracts.find(organisation=ods), row)
    entry = on(day, listed)
    if entry is None:
        raise OrganisationUnknown(f"{ods} is not in the loaded list on {day}.")
    return Commissioner(
        ods=ods,
        legal_name=entry.name,
        contract=None if contract is None else contract.reference,
        evidence=evidence,
        registration=registration.number,
        registered_until=registration.valid_to,
    )


def _newest(one: Assurance) -> tuple[date, date, str]:
    return (one.published_on or date.min, one.seen_on, one.reference)


def _contract(found: Sequence[Contract], row: ListedAgreement) -> Contract | None:
    """Return the framework contract that is in force on the first day."""
    last = end_of(row.start)
    in_force = [
        one
        for one in found
        if (begin := one.in_force_from()) is not None
        and begin < last
        and ((end := one.in_force_until()) is None or end >= last)
    ]
    return in_force[-1] if in_force else None


# In force already


def in_force(tx: Transaction, handed_in: Sequence[InForce]) -> tuple[PlannedAgreement, ...]:
    """Plan each agreement as it was signed elsewhere.

    Raises:
        ImportRefused: it names every agreement that cannot be taken, with its code.

    """
    remainder = Remainder("agreements in force", named_max=len(handed_in))
    planned: list[PlannedAgreement] = []
    for position, one in enumerate(handed_in, start=1):
        try:
            plan = _imported(tx, one, position)
            _require_new(plan, planned)
            planned.append(plan)
        except AppError as error:
            remainder.add(position, "", _said(error))
    remainder.require_none()
    return tuple(planned)


def _imported(tx: Transaction, one: InForce, position: int) -> PlannedAgreement:
    today = legal_day(tx.at)
    if {IMPORTED, ISSUED_FROM} & one.snapshot.keys():
        raise SnapshotRefused("The snapshot says already how it came here.")
    late = [s.party for s in one.signatures if s.signed_on > today]
    if late:
        raise NotInForce(f"The signature of {', '.join(late)} is of a day that is still to come.")
    content = canonical(
        {
            **one.snapshot,
            IMPORTED: {
                "document_hash": one.signed_document,
                "signed_on": max(s.signed_on for s in one.signatures).isoformat(),
            },
        }
    )
    plan = replace(
        _planned(tx, content, position, today),
        signatures=one.signatures,
        signed_document=one.signed_document,
    )
    if tx.agreements.find(plan.reference) is not None:
        raise AgreementKnown(f"{plan.reference} is here already. Apply for an amendment.")
    _require_in_force(tx, plan)
    return plan


def _require_new(plan: PlannedAgreement, planned: Sequence[PlannedAgreement]) -> None:
    for other in planned:
        if plan.reference == other.reference:
            raise AgreementKnown(f"Agreement {other.line} has the same reference.")
        if plan.signed_document == other.signed_document:
            raise AgreementKnown(f"Agreement {other.line} has the same signed document.")


def _require_in_force(tx: Transaction, plan: PlannedAgreement) -> None:
    """Demand that all have signed it on paper, and that it governs today."""
    outside = NotInForce(f"It runs from {plan.start} to {plan.end}, and not today.")
    if tx.at >= end_of(plan.end):
        raise outside
    version = next_version(read_back(plan), new_id=new_id)
    named = {*version.named_parties(), BODY}
    said = [BODY if s.for_body else s.party for s in plan.signatures]
    wrong = sorted({one for one in said if said.count(one) > 1 or one not in named})
    if wrong:
        raise NotAParty(f"{', '.join(wrong)} is not named in it, or is said to sign twice.")
    if missing := sorted(named - set(said)):
        raise NotInForce(f"No signature of {', '.join(missing)} is handed in.")
    agreement = signed_on_paper(
        Agreement(id=new_id(), reference=plan.reference, versions=(version,)),
        version,
        plan.signatures,
    )
    if agreement.governing(tx.at) is None:
        raise outside


# Both


def _planned(tx: Transaction, content: bytes, line: int, today: date) -> PlannedAgreement:
    read = approved(content, digest(content))
    _require_known(json.loads(content))
    require_true(tx, read, today)
    return PlannedAgreement(
        line=line,
        reference=read.reference,
        version=read.version,
        kind=read.kind,
        title=read.title,
        controllers=tuple(p.ods for p in read.parties if p.capacity is Capacity.CONTROLLER),
        start=read.start,
        end=read.end,
        snapshot_hash=read.snapshot_hash,
        snapshot=content.decode(),
    )


def _require_known(snapshot: Mapping[str, JsonValue]) -> None:
    """Refuse a clause that no decision could evaluate: the agreement would be denied for ever."""
    found = read_snapshot(snapshot)
    lines = [f"{name} of line {line.number}" for line in found.lines for name in line.unknown]
    if unknown := [*found.unknown, *lines]:
        raise SnapshotRefused(f"Nobody can evaluate {', '.join(unknown)}. Leave it out.")


def read_back(plan: PlannedAgreement) -> ApprovedApplication:
    """Return what was planned, as what an agreement is drafted of."""
    return approved(plan.snapshot.encode(), plan.snapshot_hash)


def _said(error: AppError) -> str:
    return f"{error.code}: {error.detail}"
