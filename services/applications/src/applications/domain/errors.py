"""What can go wrong, in the words of the applicant and of those who decide.

* NotFound
  + ApplicationNotFound
  + SectionNotFound
  + SnapshotNotFound
* Conflict
  + SnapshotAltered           somebody wrote into the database past the service
  + TransitionRefused         the state does not allow the verb
  + EditedMeanwhile           somebody else changed it first
  + AdviceRequired            an advisory body has to see it
  + AdviceNotNeeded           no advisory body wants to see it
  + ReasonRequired            what was advised against needs a reason
  + Redirected                another service answers that need
  + AgreementOver             the agreement that it amends was ended meanwhile
* Forbidden
  + OwnApplication            nobody decides on their own application
  + OwnOrganisation           nor on that of the organisation they belong to
  + SameHands                 nor twice on the same one
  + NotYours                  the verb belongs to another role in this state
* Refused
  + FindingsRefuse            the machine checks say no, with every finding
* Unprocessable
  + ConditionRefused          a condition is unknown, named twice, or nobody's
  + AsPublishedRefused        a line that has no suppressed tables is to have them as published
  + KindContradicts           a new application amends nothing, every other kind something
* Unavailable
  + AgreementsUnavailable     facts that the checks need cannot be looked up
"""

from collections.abc import Sequence

from pydantic import JsonValue

from applications.domain.findings import Finding
from common.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Refusal,
    Refused,
    Unavailable,
    Unprocessable,
)


class ApplicationNotFound(NotFound):
    code = "APPLICATION_NOT_FOUND"
    title = "No such application"


class SectionNotFound(NotFound):
    code = "SECTION_NOT_FOUND"
    title = "The section is not answered yet"


class SnapshotNotFound(NotFound):
    code = "SNAPSHOT_NOT_FOUND"
    title = "No such snapshot"


class SnapshotAltered(Conflict):
    """What is stored under a hash is not what the hash is of. Nobody may build on it."""

    code = "SNAPSHOT_ALTERED"
    title = "The snapshot is not the one of that hash"


class AdviceRequired(Conflict):
    code = "ADVICE_REQUIRED"
    title = "Advice from the advisory body is required first"


class AdviceNotNeeded(Conflict):
    code = "ADVICE_NOT_NEEDED"
    title = "This application does not go to an advisory body"


class ReasonRequired(Conflict):
    code = "REASON_REQUIRED"
    title = "A reason is required to approve against the advice"


class Redirected(Conflict):
    code = "REDIRECTED"
    title = "Another service provides these data"


class AgreementOver(Conflict):
    """Nothing could be drafted of what would be approved."""

    code = "AGREEMENT_OVER"
    title = "The agreement was ended, and has no further versions"


class OwnApplication(Forbidden):
    code = "OWN_APPLICATION"
    title = "Nobody decides on their own application"


class OwnOrganisation(Forbidden):
    code = "OWN_ORGANISATION"
    title = "Nobody decides on an application of their own organisation"


class SameHands(Forbidden):
    code = "SAME_HANDS"
    title = "The same person cannot take both steps"


class NotYours(Forbidden):
    code = "NOT_YOURS"
    title = "Your role may not take this step in this state"


class FindingsRefuse(Refused):
    """The submission is refused with every finding, warnings too (ruling 1)."""

    title = "The application did not pass the automatic checks"

    def __init__(self, findings: Sequence[Finding]) -> None:
        refusing = [finding for finding in findings if finding.refuses]
        super().__init__(
            f"{len(refusing)} findings refuse the application.",
            [Refusal(code=f.code, detail=f.detail, subject=f.pointer) for f in refusing],
        )
        listed: list[JsonValue] = [finding.as_json() for finding in findings]
        self.members["findings"] = listed


class ConditionRefused(Unprocessable):
    code = "CONDITION_REFUSED"
    title = "The condition is not valid"


class AsPublishedRefused(Unprocessable):
    code = "AS_PUBLISHED_REFUSED"
    title = "Only a line of tables with small numbers suppressed can have them as published"


class KindContradicts(Unprocessable):
    code = "KIND_CONTRADICTS"
    title = "`kind` and `amends` contradict each other"


class AgreementsUnavailable(Unavailable):
    code = "AGREEMENTS_UNAVAILABLE"
    title = "The agreements service is temporarily unavailable"
