"""What can go wrong with what organisations may do for one another."""

from common.errors import Conflict, NotFound, Unprocessable


class SubmissionRightOverlaps(Conflict):
    """Each day is said by one right at most, so that who ends it has ended it."""

    code = "SUBMISSION_RIGHT_OVERLAPS"
    title = "A right of the same two organisations is recorded for some of these days"


class PublicationUnknown(Unprocessable):
    """Of what no catalogue has nothing is published, and a slip of the finger is not noticed."""

    code = "PUBLICATION_UNKNOWN"
    title = "The catalogue has no such data set, or the data set no such period"


class SupportNotFound(NotFound):
    code = "SUPPORT_NOT_FOUND"
    title = "There is no such support under section 251"


class SupportWithdrawn(Conflict):
    """What was withdrawn does not go on: what is given in its place has a reference of its own."""

    code = "SUPPORT_WITHDRAWN"
    title = "The support under section 251 was withdrawn"
