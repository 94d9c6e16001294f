"""What can be refused of data quality and the landing board."""

from common.errors import Conflict, NotFound, Unprocessable
from pseudonymisation.intake.domain.errors import SubmissionNotFound


class ReportMissing(SubmissionNotFound):
    code = "REPORT_MISSING"
    title = "The submission has no report yet"


class ExpectationNotFound(NotFound):
    code = "EXPECTATION_NOT_FOUND"
    title = "No such expectation"


class ExpectationInvalid(Unprocessable):
    code = "EXPECTATION_INVALID"
    title = "The months of the expectation are not valid"


class ExpectationOverlaps(Conflict):
    """A provider's files of a data set are expected by one expectation at a time."""

    code = "EXPECTATION_OVERLAPS"
    title = "The file is expected already"


class WindowInvalid(Unprocessable):
    """The landing board cannot show these months at once."""

    code = "WINDOW_INVALID"
    title = "The months to be shown are not valid"
