"""What can be refused of data quality and the landing board."""

from pseudonymisation.intake.domain.errors import SubmissionNotFound


class ReportMissing(SubmissionNotFound):
    code = "REPORT_MISSING"
    title = "The submission has no report yet"
