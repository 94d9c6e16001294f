"""What others attest: assurance, ICO registrations, section 251 approvals, publications."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import structlog

from agreements.records.domain.errors import EvidenceInFuture
from agreements.records.domain.lists.layouts.publications import unknown_in
from agreements.records.domain.parties import assurance as domain
from agreements.records.domain.parties.assurance import Assurance, Judgement
from agreements.records.domain.parties.errors import PublicationUnknown
from agreements.records.domain.parties.organisation import require_listed_within
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Publication,
    Section251Approval,
)
from agreements.records.use_cases.context import Compared, Context, compared
from agreements.records.use_cases.contracts import standing_codes
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.lists.names import as_listed
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice
from common.clock import legal_day
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def record_assurance(evidence: Assurance, *, ctx: Context) -> Assurance:
    """Record one party's evidence; for the same reference it takes the place of the former.

    Raises:
        OrganisationUnknown
        EvidenceInFuture: nobody has seen it yet.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        code = codes.own(tx, evidence.organisation, legal_day(at), ctx.reference)
        require_known(tx, [code], legal_day(at))
        if evidence.seen_on > legal_day(at):
            raise EvidenceInFuture("`seen_on` is still to come. Record it on the day.")
        evidence = replace(evidence, organisation=code)
        former = tx.assurance.one(
            organisation=evidence.organisation, kind=evidence.kind, reference=evidence.reference
        )
        if former is not None:
            evidence = replace(evidence, id=former.id, version=former.version)
        if evidence == former:
            return evidence
        [stored] = tx.assurance.save(
            evidence,
            audit=ctx.entry(
                "assurance-recorded",
                f"assurance/{evidence.organisation}",
                at=at,
                kind=evidence.kind.value,
                reference=evidence.reference,
            ),
        )
    log.info("assurance_recorded", organisation=evidence.organisation, kind=evidence.kind.value)
    return stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Assured:
    """An organisation's evidence, and what it is worth on a day."""

    items: tuple[Compared[Assurance], ...]
    judgement: Judgement


def assurance_of(code: str, *, as_at: date | None, identifiable: bool, ctx: Context) -> Assured:
    """Return the evidence that counts for an organisation: its legal entity's (ruling 4)."""
    day = as_at or legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        codes = dict.fromkeys([code, *standing_codes(tx, code, day, ctx)])
        items = tuple(a for one in codes for a in tx.assurance.find(organisation=one))
    return Assured(
        items=tuple(compared(items, by=lambda one: [one], ctx=ctx)),
        judgement=domain.judge(
            items, day=day, identifiable=identifiable, rules=ctx.reference.assurance
        ),
    )


def record_ico(registration: IcoRegistration, *, ctx: Context) -> IcoRegistration:
    """Record a registration; of the same number it is a renewal, and a gap stays one.

    Raises:
        OrganisationUnknown, NameDiffers, ExtensionIsPast

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        today = legal_day(at)
        code = codes.own(tx, registration.organisation, today, ctx.reference)
        require_known(tx, [code], today)
        listed = tx.organisations.find(ods=code)
        name = as_listed(registration.name, today, listed, field="name", former=True)
        registration = replace(registration, organisation=code, name=name)
        former = tx.ico_registrations.one(
            organisation=registration.organisation, number=registration.number
        )
        if former is not None:
            registration = replace(
                registration.after(former, today=legal_day(at)),
                id=former.id,
                version=former.version,
            )
        if registration == former:
            return registration
        [stored] = tx.ico_registrations.save(
            registration,
            audit=ctx.entry(
                "ico-registration-recorded",
                f"ico-registrations/{registration.number}",
                at=at,
                valid_to=registration.valid_to.isoformat(),
            ),
        )
    return stored


def ico_of(code: str, as_at: date | None, *, ctx: Context) -> Sequence[Compared[IcoRegistration]]:
    day = as_at or legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        codes = dict.fromkeys([code, *standing_codes(tx, code, day, ctx)])
        found = [i for one in codes for i in tx.ico_registrations.find(organisation=one)]
    return compared(found, by=lambda one: [one], ctx=ctx)


def record_section_251(approval: Section251Approval, *, ctx: Context) -> Section251Approval:
    """Record an approval, or an extension: what was in force before stays so, and so do gaps.

    Raises:
        ExtensionIsPast: it had lapsed, and the extension would be over before it was recorded.
        SupportWithdrawn: it was withdrawn under that reference.
        OrganisationUnknown: a controller is not in the loaded list on any of its days.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        for code in approval.controllers or ():
            listed = tx.organisations.find(ods=code)
            require_listed_within(code, approval.valid_from, approval.valid_to, listed)
        former = tx.section_251_approvals.one(reference=approval.reference)
        if former is not None:
            approval = replace(
                approval.after(former, today=legal_day(at)), id=former.id, version=former.version
            )
        if approval == former:
            return approval
        [stored] = tx.section_251_approvals.save(
            approval,
            audit=ctx.entry(
                "section-251-recorded",
                f"section-251-approvals/{approval.id}",
                at=at,
                reference=approval.reference,
                valid_to=approval.valid_to.isoformat(),
            ),
        )
    return stored


def section_251_approvals(part: Slice, *, ctx: Context) -> Sequence[Compared[Section251Approval]]:
    with ctx.uow.reading() as tx:
        found = tx.section_251_approvals.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


def record_publication(
    data_set: str, period: str, published_on: date, *, ctx: Context
) -> Publication:
    """Record on which day a data set's period was published.

    Raises:
        PublicationUnknown

    """
    if (field := unknown_in(data_set, period)) is not None:
        raise PublicationUnknown(
            f"`{field}` is not in the catalogue. GET /v1/catalogue of dissemination says which data"
            " sets there are, and of which months.",
            field=field,
        )
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.publications.one(data_set=data_set, period=period)
        publication = Publication(
            id=former.id if former else new_id(),
            data_set=data_set,
            period=period,
            published_on=published_on,
            version=former.version if former else 0,
        )
        if publication == former:
            return publication
        [stored] = tx.publications.save(
            publication,
            audit=ctx.entry("publication-recorded", f"publications/{data_set}/{period}", at=at),
        )
    return stored


def publications(part: Slice, *, ctx: Context) -> Sequence[Compared[Publication]]:
    with ctx.uow.reading() as tx:
        found = tx.publications.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)
