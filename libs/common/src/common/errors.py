"""What can go wrong, in the words of the domain.

* AppError
  + NotFound
  + Conflict
  + Forbidden
    - Refused                   (with the complete list of refusals)
  + Unprocessable
  + Unavailable
  + TooLarge
  + Unauthenticated
    - TokenMissing
  + UnsupportedMedia
  + NotAcceptable
  + RangeNotSatisfiable

Nothing here knows HTTP: `common.web.problems` alone turns these into responses.
A detail says which rule was broken, never which person it was about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue


class AppError(Exception):
    """An expected failure. Subclasses say what happened; `detail` says to whom."""

    code: ClassVar[str] = "ERROR"
    title: ClassVar[str] = "The request failed"

    def __init__(self, detail: str, **members: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class NotFound(AppError):
    """It does not exist, or this caller may not know that it does."""

    code = "NOT_FOUND"
    title = "Not found"


class Conflict(AppError):
    """The request is sound; the present state forbids it."""

    code = "CONFLICT"
    title = "Conflict with the current state"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"
    title = "Forbidden"


class Unprocessable(AppError):
    """The request is well formed and breaks a business rule."""

    code = "UNPROCESSABLE"
    title = "Unprocessable request"


class Unavailable(AppError):
    """Something we depend on is away. Trying again later may help."""

    code = "UNAVAILABLE"
    title = "Temporarily unavailable"


class TooLarge(AppError):
    """More was sent than the limit allows."""

    code = "TOO_LARGE"
    title = "The request is too large"


class Unauthenticated(AppError):
    """There is no token, or it proves nothing."""

    code = "UNAUTHENTICATED"
    title = "A valid access token is needed"


class TokenMissing(Unauthenticated):
    """Nothing was sent that could prove anything; RFC 6750 3.1 then names no error."""


class UnsupportedMedia(AppError):
    """The body is of a type that we do not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    title = "Unsupported media type"


class NotAcceptable(AppError):
    """The answer cannot be had in any media type that `Accept` allows."""

    code = "NOT_ACCEPTABLE"
    title = "The requested media type is not available"


class RangeNotSatisfiable(AppError):
    """The range lies outside the file."""

    code = "RANGE_NOT_SATISFIABLE"
    title = "The range lies outside the file"


class EditedMeanwhile(Conflict):
    """What was read is not the newest: somebody else stored a change first."""

    code = "EDITED_MEANWHILE"
    title = "The resource was changed since it was read"


class TransitionRefused(Conflict):
    """The command does not fit the state that it is in."""

    code = "TRANSITION_REFUSED"
    title = "The current state does not allow this"


class ClaimLost(TransitionRefused):
    """Another attempt at the job has begun; this one can store nothing more (`common.jobs`)."""

    code = "CLAIM_LOST"
    title = "Another worker took the job over"


class AgreementNotFound(NotFound):
    """There is none, or the caller is no party to it; the answer is the same."""

    code = "AGREEMENT_NOT_FOUND"
    title = "No such agreement"


class LineNotInAgreement(Unprocessable):
    """The agreement has no line with this number, or none for this data set."""

    code = "LINE_NOT_IN_DSA"
    title = "The agreement has no such line"


class EditionNotFound(NotFound):
    """There is no such edition, of a data set or of a register."""

    code = "EDITION_NOT_FOUND"
    title = "No such edition"


class NoEdition(Conflict):
    """No records have been landed for a month that was asked for; `periods` names all of them."""

    code = "NO_EDITION"
    title = "No edition has been landed for a period"


class InvalidPeriods(Unprocessable):
    code = "INVALID_PERIODS"
    title = "`periods` must be names of periods, or months in ascending order"


class PeriodNotOffered(Unprocessable):
    """The data set has no period of the name; `asked_by` says which names it has."""

    code = "PERIOD_NOT_OFFERED"
    title = "The data set has no such period"


class DecisionUnavailable(Unavailable):
    """There is no answer, so it is no (design.md section 10, S6)."""

    code = "DECISION_UNAVAILABLE"
    title = "The access decision is temporarily unavailable"


class KeyUnavailable(Unavailable):
    """A key of this service cannot be read."""

    code = "KEY_UNAVAILABLE"
    title = "A key is temporarily unavailable"


class ObjectStoreUnavailable(Unavailable):
    """The directory or bucket of objects cannot be read or written."""

    code = "OBJECT_STORE_UNAVAILABLE"
    title = "The object store is temporarily unavailable"


class Invalid(ValueError):
    """For validators of requests: a text that we wrote and that quotes nothing sent.

    The text of any other ValueError is left out of the answer, since it may quote input.
    """


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why not; domain.md section 0, ruling 1: all are named, not the first."""

    code: str
    detail: str
    subject: str | None = None
    """What the reason is about: a field, a period, an organisation's code."""

    def as_json(self) -> dict[str, JsonValue]:
        """Write it as it stands in problems, decisions and logs."""
        return {"code": self.code, "detail": self.detail, "subject": self.subject}


class Refused(Forbidden):
    """A decision said no. Its code is the first refusal's; `refusals` has them all."""

    code = "REFUSED"
    title = "Access was refused"

    def __init__(
        self, detail: str, refusals: Sequence[Refusal], *, on_behalf_of: str | None = None
    ) -> None:
        super().__init__(detail, refusals=[refusal.as_json() for refusal in refusals])
        self.refusals = tuple(refusals)
        self.on_behalf_of = on_behalf_of
        """In whose name the refused party asked: for our own log, not for the answer."""
        if refusals:
            vars(self)["code"] = refusals[0].code  # of this one refusal, not of the class
