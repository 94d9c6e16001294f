"""Landing anew what was taken in by rules that let somebody through who is not to be identified.

Such an edition is not released any more (`EDITION_UNSAFE`). Where its upload is still kept, the
submission hands it over to another, which is landed by the present rules, and whose edition
supersedes the old one; where it is not, the provider submits the period again.
"""

from typing import Final

import structlog

from common.audit.entries import Entry, entry_for
from common.clock import legal_day
from common.errors import EditedMeanwhile, TransitionRefused
from common.ids import new_id
from pseudonymisation.intake.use_cases.context import ITSELF, IntakeContext
from pseudonymisation.intake.use_cases.ports import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH: Final = 100


def mark_unsafe(*, ctx: IntakeContext) -> int:
    """Mark editions whose rules have become unsafe, and say so to who released of them.

    Whether they are in force, superseded, or can be landed anew: what was released of them is
    given no more from that day on, and has to show it. Say how many.
    """
    at = ctx.clock.now()
    today = legal_day(at)
    known = ctx.catalogue
    safe = [r.digest for r in known.landing_rules if known.is_safe(r.data_set, r.digest, today)]
    ruled = {r.data_set for r in known.landing_rules if known.rules_of(r.data_set, today)}
    with ctx.uow.reading() as tx:
        found = tx.editions.unmarked_unsafe(data_sets=ruled, but_made_by=safe, limit=BATCH)
    count = 0
    for edition in found:
        try:
            with ctx.uow.writing() as tx:
                tx.editions.save(
                    edition.become_unsafe(at=at),
                    audit=_entry("edition-unsafe", f"editions/{edition.id}", edition.provider, ctx),
                )
        except EditedMeanwhile:
            continue  # another worker was quicker
        count += 1
    if count:
        log.warning("editions_unsafe", editions=count)
        ctx.wake()
    return count


def land_again(*, ctx: IntakeContext) -> int:
    """Send back the submissions of unsafe editions in force; return how many."""
    at = ctx.clock.now()
    today = legal_day(at)
    known = ctx.catalogue
    safe = [r.digest for r in known.landing_rules if known.is_safe(r.data_set, r.digest, today)]
    with ctx.uow.reading() as tx:
        found = tx.editions.in_force(but_made_by=safe, limit=BATCH)
    count = 0
    for edition in found:
        digest = edition.landing_rules.digest if edition.landing_rules else None
        if known.is_safe(edition.data_set, digest, today):
            continue  # a data set without rules
        try:
            with ctx.uow.writing() as tx:
                submission = tx.submissions.get(edition.submission_id, Scope(None))
                former, anew = submission.land_anew(new_id(), edition_id=new_id(), at=at)
                for changed, action in (
                    (former, "submission-handed-over"),
                    (anew, "submission-landed-anew"),
                ):
                    tx.submissions.save(
                        changed,
                        audit=_entry(
                            action,
                            f"submissions/{changed.id}",
                            changed.provider,
                            ctx,
                            edition=str(edition.id),
                            submission=str(anew.id),
                        ),
                    )
        except (TransitionRefused, EditedMeanwhile):
            continue  # another worker was quicker
        count += 1
    if count:
        log.info("submissions_landed_anew", submissions=count)
        ctx.wake()
    return count


def _entry(action: str, resource: str, provider: str, ctx: IntakeContext, **detail: str) -> Entry:
    return entry_for(
        ITSELF,
        at=ctx.clock.now(),
        action=action,
        resource=resource,
        on_behalf_of=provider,
        detail=dict(detail),
    )
