"""Templates: made of what was approved and signed once, in versions that never change."""

from collections.abc import Sequence

import structlog

from agreements.records.domain.issuing.errors import TemplateNotFound, TemplateReplaced
from agreements.records.domain.issuing.template import AgreementTemplate, content_of
from agreements.records.use_cases.context import (
    Compared,
    Context,
    compared,
    require_as_sealed,
    scope,
)
from agreements.records.use_cases.ports import Slice, Transaction
from common.ids import digest, new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def make(
    name: str, *, reference: str, agreement_version: str, reason: str, ctx: Context
) -> AgreementTemplate:
    """Make the next version of a template of a version of an agreement that all have signed.

    The same content again is the same version.

    Raises:
        AgreementNotFound, TemplateNotFit
        UnlikeSeal: what would be issued to others was written past the service.

    """
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
    require_as_sealed("What is recorded of the agreement is", agreement, ctx=ctx)
    version = agreement.numbered(agreement_version)
    content = content_of(agreement, version)
    with ctx.uow.writing() as tx:
        former = _versions(tx, name)
        if former and former[-1].content == content:
            return former[-1]
        template = AgreementTemplate(
            id=new_id(),
            name=name,
            number=len(former) + 1,
            agreement=reference,
            agreement_version=agreement_version,
            snapshot_hash=digest(content.encode()),
            content=content,
            reason=reason,
            made_by=ctx.principal.subject,
            made_at=tx.at,
        )
        [stored] = tx.templates.save(
            template,
            audit=ctx.entry(
                "agreement-template-made",
                f"agreement-templates/{name}",
                at=tx.at,
                number=str(template.number),
                snapshot_hash=template.snapshot_hash,
            ),
        )
    log.info("agreement_template_made", template=name, number=stored.number)
    return stored


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[AgreementTemplate]]:
    with ctx.uow.reading() as tx:
        found = tx.templates.page(part)
    return compared(found, by=lambda one: [one], ctx=ctx)


def newest(name: str, number: int, *, ctx: Context) -> AgreementTemplate:
    """Return a version of a template, to issue agreements from it.

    Raises:
        TemplateNotFound
        TemplateReplaced: it is not the newest.
        UnlikeSeal

    """
    with ctx.uow.reading() as tx:
        versions = _versions(tx, name)
    found = next((one for one in versions if one.number == number), None)
    if found is None:
        raise TemplateNotFound(f"There is no version {number} of that template.")
    if found is not versions[-1]:
        raise TemplateReplaced(
            f"Version {versions[-1].number} has taken its place: issue from that one.",
            number=versions[-1].number,
        )
    require_as_sealed("What is recorded of the template is", found, ctx=ctx)
    return found


def _versions(tx: Transaction, name: str) -> Sequence[AgreementTemplate]:
    return sorted(tx.templates.find(name=name), key=lambda one: one.number)
