"""What happened to stored aggregates of intake, as the outbox takes it."""

from common.messaging import schemas
from common.messaging.envelope import Event
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.events import (
    EditionSuperseded,
    EditionUnsafe,
    SourceTakenBack,
    SubmissionDecided,
)
from pseudonymisation.intake.domain.opt_out import OptOutList
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck
from pseudonymisation.intake.domain.submission import Submission


def of_submission(submission: Submission, event: SubmissionDecided) -> Event:
    return schemas.event(
        event,
        subject=f"submissions/{submission.id}",
        aggregate_id=submission.id,
        aggregate_version=submission.version,
        state=submission.state.value,
    )


def of_source(source: Edition | OptOutList, event: SourceTakenBack) -> Event:
    return schemas.event(
        event,
        subject=f"{event.kind}/{source.id}",
        aggregate_id=source.id,
        aggregate_version=source.version,
        state=source.standing.state.value,
    )


def of_check(check: OptOutCheck, event: SourceTakenBack) -> Event:
    return schemas.event(
        event,
        subject=f"opt-out-checks/{check.id}",
        aggregate_id=check.id,
        aggregate_version=check.version,
        state=check.state.value,
    )


def of_edition(
    edition: Edition, event: EditionSuperseded | SourceTakenBack | EditionUnsafe
) -> Event:
    if isinstance(event, SourceTakenBack):
        return of_source(edition, event)
    return schemas.event(
        event,
        subject=f"editions/{edition.id}",
        aggregate_id=edition.id,
        aggregate_version=edition.version,
        state="unsafe" if isinstance(event, EditionUnsafe) else "superseded",
    )
