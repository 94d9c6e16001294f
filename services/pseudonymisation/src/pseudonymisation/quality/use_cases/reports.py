"""The report of a file, and what was measured of editions."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from catalogue import DataSet, LandingRules, UnknownDataSet, substantiations
from common.clock import legal_day
from pseudonymisation.intake.domain.measures import measured
from pseudonymisation.intake.domain.quality import SENDER_ONLY
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.errors import ReportMissing
from pseudonymisation.quality.domain.reports import ProviderReport, compared
from pseudonymisation.quality.domain.substantiation import Difference, differences
from pseudonymisation.quality.use_cases.context import QualityContext
from pseudonymisation.quality.use_cases.ports import OfEditions, QualityTransaction

PERIODS_MAX: Final = 13
"""So many periods are compared: the same month of the year before is among them."""


def report(submission_id: UUID, *, ctx: QualityContext) -> ProviderReport:
    """Return the data quality report; who sent the file is shown all of it.

    Raises:
        SubmissionNotFound, ReportMissing

    """
    with ctx.uow.reading() as tx:
        submission = tx.records.submission(submission_id, ctx.scope)
        if submission.report is None:
            raise ReportMissing(
                "The file has not been validated yet, or was rejected while it was received."
            )
        trend = tx.records.trend(submission.data_set, submission.provider, limit=PERIODS_MAX)
        period = str(submission.period)
        periods = {period, *(edition.period for edition in trend)}
        national = tx.records.national(submission.data_set, periods)
        differing = _differing(submission, tx, ctx=ctx)
    is_sender = ctx.codes.known(submission.submitted_by) in ctx.own
    counts = {k: v for k, v in submission.report.items() if is_sender or k != SENDER_ONLY}
    data_set, rules = _described(submission, ctx=ctx)
    measures = measured(submission.report, data_set=data_set, rules=rules)
    return ProviderReport(
        submission=submission,
        title=data_set.title,
        counts=counts,
        measures=measures,
        fields=compared(measures, counts, period=period, trend=trend, national=national),
        differences=differing,
    )


def _differing(
    submission: Submission, tx: QualityTransaction, *, ctx: QualityContext
) -> tuple[Difference, ...] | None:
    """Hold what was sent against what the provider has in force of the other data sets.

    It is told to the provider and to who sees all, not to another who sent one file for it.
    """
    rule = substantiations().of(submission.data_set, submission.period.first_day)
    own = ctx.scope.own
    if rule is None or not (own is None or submission.provider in own):
        return None
    landed = tx.records.sums(
        rule.data_sets, submission.provider, submission.period, instead=submission.edition_id
    )
    return differences(rule, landed)


def page(
    wanted: OfEditions, *, after: UUID | None, limit: int, ctx: QualityContext
) -> Sequence[MeasuredEdition]:
    """Return what was measured of editions, superseded ones too, in the order of landing.

    Raises:
        WindowInvalid

    """
    wanted.require_window()
    with ctx.uow.reading() as tx:
        return tx.records.page(wanted, ctx.scope, after=after, limit=limit)


def _described(
    submission: Submission, *, ctx: QualityContext
) -> tuple[DataSet, LandingRules | None]:
    """Return the data set, and the rules of the day on which the file was judged."""
    try:
        data_set = ctx.catalogue.by_digest(submission.catalogue_digest)
    except UnknownDataSet:
        data_set = ctx.catalogue.get(submission.data_set)
    day = legal_day(submission.decided_at or ctx.clock.now())
    return data_set, ctx.catalogue.intake_of(data_set, day)[0]
