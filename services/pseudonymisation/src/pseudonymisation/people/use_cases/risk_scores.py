"""Scores of risk stratification come back: decided by agreements, led back, and landed as a file.

They are landed by what lands every other file, so that they leave as every other data set does: by
a permit, less who opted out, with a manifest and a line in the register. Nobody is told whose they
are, the supplier least of all. Of a file in which a token is unknown nothing is taken.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from pydantic import JsonValue

from common.audit import require_as_logged
from common.audit.entries import entry_for
from common.clock import legal_day
from common.ids import digest_of, new_id
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import ContentForm, Declaration
from pseudonymisation.intake.use_cases import submissions
from pseudonymisation.people.domain import errors, registration
from pseudonymisation.people.domain.risk_scores import ScoredPeople, ScoresDeclaration
from pseudonymisation.people.use_cases.context import PeopleContext
from pseudonymisation.people.use_cases.ports import Scores, ScoresImport
from pseudonymisation.people.use_cases.refusals import refusals_logged

log: structlog.stdlib.BoundLogger = structlog.get_logger()

DATA_SET: Final = "RISK_SCORES"


@dataclass(frozen=True, slots=True)
class ReturnedScores:
    """What was taken, and how it stands."""

    submission: Submission
    counted: ScoredPeople | None
    """None: the same was sent before, and nothing was taken again."""


def begin(declared: ScoresDeclaration, *, ctx: PeopleContext) -> ScoresImport:
    """Prepare to take scores. Raise RiskScoresInvalid where their day is still to come."""
    today = legal_day(ctx.clock.now())
    if declared.as_at > today:
        raise errors.RiskScoresInvalid("`as_at` must not be in the future.", field="as_at")
    return ctx.haven.scores(ctx.risk_scores_rule(today).people_max)


def finish(
    declared: ScoresDeclaration, coming: ScoresImport, *, key: str | None, ctx: PeopleContext
) -> ReturnedScores:
    """Take the scores that have arrived in whole; they are landed next.

    Raises:
        RiskScoresInvalid, TooManyPeople, Refused, AgreementNotFound, DecisionUnavailable
        TokensOfAnotherDomain, TokensUnknown, DomainClosed, KeyDestroyed, KeyUnavailable
        RegistrationsOutOfDate, ProviderRefused, TransitionRefused, IdempotencyKeyReused

    """
    id_ = new_id()
    people = coming.finish()
    with refusals_logged(
        "risk-scores-refused",
        f"risk-scores/{id_}",
        agreement=declared.agreement,
        people=people,
        ctx=ctx,
    ):
        allowed = ctx.agreements.decide_scores(
            declared, request_id=id_, people=people, principal=ctx.principal, token=ctx.token
        )
        scores = _known(coming, allowed.domain, ctx=ctx)
        submission = _opened(declared, coming.digest, key, ctx=ctx)
        if submission.state is not SubmissionState.OPEN:
            return ReturnedScores(submission, None)
        received = _received(submission, declared, scores, ctx=ctx)
    counted = scores.counted
    with ctx.uow.writing() as tx:
        tx.log(
            entry_for(
                ctx.principal,
                at=ctx.clock.now(),
                action="risk-scores-returned",
                resource=f"submissions/{submission.id}",
                on_behalf_of=None,
                decision_id=allowed.decision_id,
                detail={
                    "agreement": declared.agreement,
                    "model": declared.model,
                    "people": counted.people,
                    "without_number": counted.without_number,
                    "without_practice": counted.without_practice,
                },
            )
        )
    log.info("risk_scores_returned", submission_id=str(submission.id), people=counted.people)
    return ReturnedScores(received, counted)


def get(submission_id: UUID, *, ctx: PeopleContext) -> ReturnedScores:
    """Return how scores of one's own organisation stand. Raise SubmissionNotFound."""
    found = submissions.get(submission_id, ctx=ctx.intake.on_behalf_of(ctx.principal))
    if found.data_set != DATA_SET:
        raise errors.RiskScoresNotFound("There are no such scores.")
    return ReturnedScores(found, None)


def _known(coming: ScoresImport, domain_id: str, *, ctx: PeopleContext) -> Scores:
    today = legal_day(ctx.clock.now())
    with ctx.uow.reading() as tx:
        domain = tx.domain(domain_id)
        standing = tx.registrations.standing()
        tx.registrations.hold([one.id for one in standing])
    if domain is None:
        raise errors.TokensOfAnotherDomain(
            "No file of this line has been made, so the tokens are from elsewhere. Name the line"
            " of the agreement under which they were supplied."
        )
    domain.require_open()
    for one in standing:
        require_as_logged(f"practice-registrations/{one.id}")
    lists = registration.asked(standing, today=today, days_max=ctx.rule(today).list_days_max)
    return coming.known(domain, lists=lists)


def _opened(
    declared: ScoresDeclaration, digest: str, key: str | None, *, ctx: PeopleContext
) -> Submission:
    said: dict[str, JsonValue] = {
        "operation": "return_risk_scores",
        "agreement": declared.agreement,
        "line": [*declared.key],
        "as_at": declared.as_at.isoformat(),
        "model": declared.model,
        "model_version": declared.model_version,
        "digest": digest,
    }
    return submissions.open_(
        data_set=DATA_SET,
        period=declared.month,
        provider=None,
        key=key,
        fingerprint=digest_of(said),
        declared=Declaration(by_token=True, recipient=declared.agreement, group=declared.part),
        ctx=ctx.intake.on_behalf_of(ctx.principal),
    )


def _received(
    submission: Submission, declared: ScoresDeclaration, scores: Scores, *, ctx: PeopleContext
) -> Submission:
    """Write the file that is landed, sealed block by block."""
    intake, form = ctx.intake.on_behalf_of(ctx.principal), ContentForm.CSV
    present, upload = submissions.begin_upload(submission.id, form, ctx=intake)
    try:
        for block in scores.blocks(declared):
            upload.take(block)
        return submissions.finish_upload(present, upload, form, announced=(), ctx=intake)
    except BaseException:
        upload.abandon()
        raise
