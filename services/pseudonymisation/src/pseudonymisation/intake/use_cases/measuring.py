"""Measures editions that were landed before measures were kept, by the reports of their landing."""

from typing import Final

import structlog

from catalogue import LandingRules
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.measures import measured
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.landing_results import audit_entry
from pseudonymisation.intake.use_cases.ports import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH: Final = 100


def fill_in(*, ctx: IntakeContext) -> int:
    """Measure what is not measured yet; return how many editions."""
    known = {described.digest for described in ctx.catalogue}
    with ctx.uow.reading() as tx:
        found = tx.measures.unmeasured(of=known, limit=BATCH)
    return sum(_measure(edition, ctx=ctx) for edition in found)


def _measure(edition: Edition, *, ctx: IntakeContext) -> bool:
    data_set = ctx.catalogue.by_digest(edition.catalogue_digest)
    with ctx.uow.writing() as tx:
        submission = tx.submissions.get(edition.submission_id, Scope(None))
        if submission.report is None or not tx.measures.is_missing(edition.id):
            return False
        measures = measured(submission.report, data_set=data_set, rules=_rules(edition, ctx=ctx))
        tx.measures.add(edition, measures, at=edition.landed_at)
        tx.measures.log(
            edition.id,
            audit=audit_entry(
                "edition-measured", f"editions/{edition.id}", submission, ctx.clock.now()
            ),
        )
    log.info("edition_measured", edition_id=str(edition.id))
    return True


def _rules(edition: Edition, *, ctx: IntakeContext) -> LandingRules | None:
    """Return the rules by which it was landed, where this server has them."""
    digest = None if edition.landing_rules is None else edition.landing_rules.digest
    known = (rules for rules in ctx.catalogue.landing_rules if rules.digest == digest)
    return next(known, None)
