"""A file that is checked before it is sent: judged as by the intake, and nothing of it is kept.

No row, no event, no key, no count: whoever may submit a file may ask as often as the limits allow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from common.ids import new_id
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Replaced
from pseudonymisation.intake.domain.quality import LandingOutcome, QuarantineEntry, report
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import Content, ContentForm, Declaration
from pseudonymisation.intake.use_cases import landing_results, submissions
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.landings import LandingJobs
from pseudonymisation.intake.use_cases.ports import FileTrial, LandingOrder

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ENTRIES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What the intake would say of a file."""

    refusal: errors.ContentRefused | None
    report: dict[str, object]
    entries: Sequence[QuarantineEntry]
    replaced: Replaced | None
    """What is in force that it would take the place of, or would be merged with."""


@dataclass(frozen=True, slots=True)
class Checking:
    """A file that is being checked."""

    submission: Submission
    form: ContentForm
    trial: FileTrial
    bytes_max: int
    ctx: IntakeContext


def begin(
    *,
    data_set: str,
    period: str,
    provider: str | None,
    declared: Declaration,
    form: ContentForm,
    bytes_max: int,
    ctx: IntakeContext,
) -> Checking:
    """Judge whether such a file may be sent at all, as when a submission is opened.

    Raises:
        DataSetUnknown, CollectionNotInForce, PeriodInvalid, DeclarationRefused
        ProviderRefused, PeriodFinal, Unavailable

    """
    wanted = submissions.asked(
        data_set=data_set, period=period, provider=provider, declared=declared, ctx=ctx
    )
    submission = submissions.announced(wanted, ctx=ctx)
    as_read = submissions.as_read(submission, ctx=ctx)
    return Checking(submission, form, ctx.haven.trial(as_read, form), bytes_max, ctx)


def take(checking: Checking, block: bytes, before: int) -> None:
    """Raise ContentRefused, Unavailable. `before`: how many bytes came before."""
    if before + len(block) > checking.bytes_max:
        raise errors.FileTooLarge(
            f"Files of at most {checking.bytes_max} bytes are checked here. Check a larger one on"
            " your machine with `dsfc catalogue validate`, or send its first part."
        )
    checking.trial.take(block)


def finish(checking: Checking) -> Checked:
    """Land it, and say what the intake would say.

    Raises:
        ContentRefused, MapMissing, Unavailable
        NetChangeBaseUnsuitable, NetChangeBlocked: there is nothing that it can be merged with

    """
    ctx, at = checking.ctx, checking.ctx.clock.now()
    content = Content(
        key=checking.trial.key,
        bytes=0,
        digest="",
        header=checking.trial.finish(),
        records=0,
        form=checking.form,
    )
    received = checking.submission.receive(content, edition_id=new_id(), at=at)
    order = LandingJobs(ctx).order_of(received.claim(new_id(), until=at))
    outcome: LandingOutcome = checking.trial.land(order)
    refusal = landing_results.judge(outcome, order.data_set)
    log.info("file_checked", data_set=checking.submission.data_set, records=outcome.records)
    found = report(
        outcome,
        data_set=order.data_set,
        is_rejected=refusal is not None,
        left_out_at_source=received.left_out_at_source,
    )
    replaced = None if refusal else _replaced(checking, order, outcome)
    return Checked(refusal, dict(found), outcome.entries[:ENTRIES_MAX], replaced)


def _replaced(checking: Checking, order: LandingOrder, outcome: LandingOutcome) -> Replaced | None:
    submission = order.submission
    before, _ = landing_results.in_force_of(submission, ctx=checking.ctx)
    if before is None or submission.edition_id is None:
        return None
    found = checking.trial.replaced(
        before, submission.edition_id, outcome.landed, measures=order.rules.measures
    )
    return landing_results.as_declared(found, submission)
