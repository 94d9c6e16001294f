"""Asking agreements what may be sent: when a file is announced, and again when it is landed.

Who may send whose records, and whether the period was published as final.
"""

from collections.abc import Sequence
from datetime import date

from catalogue import DataSet
from common.clock import legal_day
from pseudonymisation.intake.domain import errors, right
from pseudonymisation.intake.domain.edition import Edition, Place
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.right import Basis, OrganisationStatus, ProviderStanding
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.ports import SubmissionRights


def provider_standing(
    submitter: str, provider: str, period: Period, *, basis: Basis | None, rights: SubmissionRights
) -> ProviderStanding:
    """Return for whom a file is, where its submitter may send it.

    A provider that opened within the period sends from then on.

    Raises:
        ProviderUnknown, ProviderNotOpen, ProviderNotOwn, Unavailable

    """
    sender = provider if basis is Basis.DSCRO else submitter
    [found] = rights.of(sender, provider, period.first_day)
    if found.standing in {OrganisationStatus.NOT_YET, OrganisationStatus.UNKNOWN}:
        [later] = rights.of(sender, provider, period.last_day)
        found = later if later.standing is OrganisationStatus.OPEN else found
    return right.require_may_submit(found)


def providers(submission: Submission, *, ctx: IntakeContext) -> frozenset[str]:
    """Return whose records a submission may hold, as agreements says now.

    Raises:
        ProviderUnknown, ProviderNotOpen, ProviderNotOwn, Unavailable

    """
    period, basis = submission.period, submission.basis
    if basis is None and ctx.codes.known(submission.submitted_by) != submission.provider:
        basis = Basis.DSCRO  # announced before it was written down: nobody else could
    own = provider_standing(
        submission.submitted_by, submission.provider, period, basis=basis, rights=ctx.rights
    )
    if own.entity != submission.provider:
        # The lists were corrected in between: an edition would stand under another's name.
        raise errors.ProviderUnknown(
            "The provider's code belongs to another organisation now. Open a new submission.",
            field="provider",
        )
    sender = submission.provider if basis is Basis.DSCRO else submission.submitted_by
    return right.permitted_providers(own, ctx.rights.of(sender, None, period.first_day))


def require_not_final(
    data_set: DataSet, place: Place, in_force: Sequence[Edition], *, ctx: IntakeContext
) -> None:
    """Refuse what would refresh a period that was published as final (domain.md ruling 10).

    An edition that may not be released is none that was published: it is landed anew, or sent
    again. Nobody is asked where nothing would give way.

    Raises:
        PeriodFinal, Unavailable

    """
    if data_set.refresh != "final_at_publication":
        return
    today = legal_day(ctx.clock.now())
    if not any(one.place == place and _may_be_released(one, today, ctx=ctx) for one in in_force):
        return
    published = ctx.publications.by_data_set(anew=True).get(data_set.data_set, ())
    if found := [month for month in place.period if month in published]:
        raise errors.PeriodFinal(
            f"{data_set.data_set} is final at publication, and {', '.join(found)} is published."
            " What is in force stays. Where it must not stay, ask the safe haven to take the"
            " edition back; then the period can be submitted again.",
            field="period",
        )


def _may_be_released(edition: Edition, on: date, *, ctx: IntakeContext) -> bool:
    rules = None if edition.landing_rules is None else edition.landing_rules.digest
    return edition.unsafe_at is None and ctx.catalogue.is_safe(edition.data_set, rules, on)
