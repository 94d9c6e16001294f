"""Asking who may send whose records: when a file is announced, and again when it is landed."""

from pseudonymisation.intake.domain import errors, right
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.right import Basis, OrganisationStatus, ProviderStanding
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.use_cases.context import IntakeContext


def provider_standing(
    submitter: str, provider: str, period: Period, *, basis: Basis | None, ctx: IntakeContext
) -> ProviderStanding:
    """Return for whom a file is, where its submitter may send it.

    A provider that opened within the period sends from then on.

    Raises:
        ProviderUnknown, ProviderNotOpen, ProviderNotOwn, Unavailable

    """
    sender = provider if basis is Basis.DSCRO else submitter
    [found] = ctx.rights.of(sender, provider, period.first_day)
    if found.standing in {OrganisationStatus.NOT_YET, OrganisationStatus.UNKNOWN}:
        [later] = ctx.rights.of(sender, provider, period.last_day)
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
        submission.submitted_by, submission.provider, period, basis=basis, ctx=ctx
    )
    if own.entity != submission.provider:
        # The lists were corrected in between: an edition would stand under another's name.
        raise errors.ProviderUnknown(
            "The provider's code belongs to another organisation now. Open a new submission.",
            field="provider",
        )
    sender = submission.provider if basis is Basis.DSCRO else submission.submitted_by
    return right.permitted_providers(own, ctx.rights.of(sender, None, period.first_day))
