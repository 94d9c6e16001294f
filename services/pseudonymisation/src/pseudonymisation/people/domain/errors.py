"""How registrations and re-identifications are refused. No detail says of whom."""

from common.errors import (
    Conflict,
    NotFound,
    TooLarge,
    TransitionRefused,
    Unavailable,
    Unprocessable,
)


class RegistrationsInvalid(Unprocessable):
    code = "REGISTRATIONS_INVALID"
    title = "The list of registrations cannot be read"


class RegistrationsCountDiffers(Unprocessable):
    code = "REGISTRATIONS_COUNT_DIFFERS"
    title = "The list has another number of people than was declared"


class RegistrationsNotFound(NotFound):
    code = "REGISTRATIONS_NOT_FOUND"
    title = "No such list of registrations"


class RegistrationsOutOfDate(Conflict):
    """Nobody knows who is whose patient at this moment, so nobody is told."""

    code = "REGISTRATIONS_OUT_OF_DATE"
    title = "No list of registrations is in force and recent enough"


class TooManyPeople(TooLarge):
    code = "TOO_MANY_PEOPLE"
    title = "The request is about more people than one may be"


class ReasonUnknown(Unprocessable):
    code = "REASON_UNKNOWN"
    title = "The rule of today has no such reason"


class TokensOfAnotherDomain(Conflict):
    """Whose tokens they are is not looked at; that they are not this line's is seen without."""

    code = "DOMAIN_MISMATCH"
    title = "The tokens were not made in this line's pseudonym domain"


class RiskScoresInvalid(Unprocessable):
    code = "RISK_SCORES_INVALID"
    title = "The scores cannot be read"


class RiskScoresNotFound(NotFound):
    code = "RISK_SCORES_NOT_FOUND"
    title = "No such scores"


class TokensUnknown(Conflict):
    """They look like this line's, and lead back to nobody: none of the file is taken."""

    code = "TOKENS_UNKNOWN"
    title = "Some tokens are of nobody in this line's files"


class ReidentificationNotFound(NotFound):
    code = "RE_IDENTIFICATION_NOT_FOUND"
    title = "No such re-identification"


class ReidentificationWaiting(TransitionRefused):
    code = "RE_IDENTIFICATION_WAITING"
    title = "The re-identification waits for a second person"


class ReidentificationOver(TransitionRefused):
    """Its time is over, and with it the tokens are gone."""

    code = "RE_IDENTIFICATION_OVER"
    title = "The time within which the answer could be fetched is over"


class ReidentificationDecided(TransitionRefused):
    code = "RE_IDENTIFICATION_DECIDED"
    title = "The re-identification does not wait for a second person"


class SubjectAccessNotFound(NotFound):
    code = "SUBJECT_ACCESS_NOT_FOUND"
    title = "No such subject access request"


class SubjectAccessWaiting(TransitionRefused):
    code = "SUBJECT_ACCESS_WAITING"
    title = "The subject access request waits for a second person"


class SubjectAccessOver(TransitionRefused):
    """Its time is over: what lay in the files then is not told any more."""

    code = "SUBJECT_ACCESS_OVER"
    title = "The time within which the answer could be fetched is over"


class SubjectAccessDecided(TransitionRefused):
    code = "SUBJECT_ACCESS_DECIDED"
    title = "The subject access request does not wait for a second person"


class NumberInvalid(Unprocessable):
    """The number itself is never repeated."""

    code = "NHS_NUMBER_INVALID"
    title = "That is no valid NHS number"


class ReleasesUnavailable(Unavailable):
    """Which files left cannot be said, so nothing is."""

    code = "RELEASES_UNAVAILABLE"
    title = "What was released cannot be learned from agreements"


class DailyLimitReached(TooLarge):
    """Whoever asks about everybody, a little at a time, is stopped as well."""

    code = "DAILY_LIMIT_REACHED"
    title = "So many people may not be asked about in one day"


class OptOutsNotKnown(Conflict):
    """Nobody knows who objected, so nobody is said to be there."""

    code = "OPT_OUT_NOT_APPLIED"
    title = "No list of opt-outs is in force and recent enough"
