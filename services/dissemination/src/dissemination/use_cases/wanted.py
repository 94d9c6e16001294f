"""From what a client wants to the request that is judged, and what it would be answered.

Whether it is asked for or previewed, it is judged by the same: by agreements, and after a yes of
theirs by `not_begun`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from catalogue import Catalogue
from common.errors import (
    AgreementNotFound,
    AppError,
    LineNotInAgreement,
    NoEdition,
    Refusal,
    Refused,
)
from common.ids import new_id
from common.security.jws import unverified
from dissemination.domain.errors import (
    EarlierExtractDestroyed,
    HavenUnavailable,
    PreparationRefused,
)
from dissemination.domain.landed import Landed, LandedMonth
from dissemination.use_cases.context import Context
from statements import filters
from statements.bridging_file import OF_RECORDS, WantedBridgingFile
from statements.request import ExtractRequest, WantedExtract
from statements.tables import columns_of
from statements.tabulation import WantedTabulation
from statements.vocabulary import Classification, Format, LineKey, Purpose

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Wanted = WantedExtract | WantedTabulation | WantedBridgingFile

NO_LINE = ("Token",)
OPT_OUT_DIFFERENCING = "OPT_OUT_DIFFERENCING"
ANY_CLASSIFICATION = Classification.PSEUDO_ANONYMISED


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be answered now if it were asked for."""

    request: ExtractRequest
    refusals: Sequence[Refusal]
    """Empty: it would be permitted."""
    without_records: Sequence[str] | None
    """Months of it; None where it would be refused, or the haven cannot be asked."""


def preview(wanted: WantedExtract, *, known: Catalogue, ctx: Context) -> Preview:
    """Say what would be answered. Nothing is logged, permitted or written.

    Raises:
        InvalidPeriods, PeriodNotOffered, ExtractNotFound: as when it is asked for
        AgreementNotFound: there is none that the caller may know of.
        DecisionUnavailable: nobody could be asked.

    """
    request = request_of(wanted, new_id(), known)
    if wanted.fields is None:
        request = replace(request, fields=fields_of_line(request, ctx))
    has = what_is_landed(request, ctx)
    try:
        permit = ctx.agreements.ask_dry(request, evidence=ctx.evidence, landed=has)
    except Refused as refused:
        return Preview(request=request, refusals=refused.refusals, without_records=None)
    match not_begun(request, permit, has, ctx):
        case None | NoEdition():
            missing = None if has is None else _without_records(request, has)
            return Preview(request=request, refusals=(), without_records=missing)
        case Refused(refusals=refusals):
            pass
        case no:
            refusals = (Refusal(no.code, no.detail),)
    return Preview(request=request, refusals=refusals, without_records=None)


def request_of(wanted: Wanted, extract_id: UUID, known: Catalogue) -> ExtractRequest:
    """Say what is asked for, in months; of a table, the fields are those of its categories.

    Raises:
        InvalidPeriods: a name is none, the range ends before it begins, or there are too many.
        PeriodNotOffered: the data set has no period of a name.

    """
    bridge = wanted.bridge.said if isinstance(wanted, WantedBridgingFile) else None
    table = wanted.table.said if isinstance(wanted, WantedTabulation) else None
    named = wanted.fields or () if isinstance(wanted, WantedExtract) else ()
    return ExtractRequest(
        extract_id=str(extract_id),
        agreement=wanted.agreement,
        purpose=wanted.purpose.value,
        data_set=wanted.data_set,
        classification=OF_RECORDS.value
        if isinstance(wanted, WantedBridgingFile)
        else wanted.classification.value,
        periods=wanted.months_in(known),
        fields=tuple(named) if table is None else columns_of(table.dimensions),
        formats=tuple(format_.value for format_ in wanted.formats),
        filters=() if isinstance(wanted, WantedBridgingFile) else filters.of(wanted.filters),
        table=table,
        changes_since=_text(wanted.changes_since) if isinstance(wanted, WantedExtract) else None,
        bridge=bridge,
    )


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def fields_of_line(request: ExtractRequest, ctx: Context) -> tuple[str, ...]:
    """All fields of the line.

    Where there is no such line the decision is to say so, and a question needs a field: it is
    asked for the one column that every file has and no line lists.
    """
    try:
        lines = ctx.agreements.lines(request.agreement)
    except AgreementNotFound:
        return NO_LINE
    return next((line.fields for line in lines if line.key == request.line), NO_LINE)


def what_is_landed(request: ExtractRequest, ctx: Context) -> Landed | None:
    """What the haven would read of the data set; None where it cannot be asked.

    Then the extract is accepted and waits for it, as it always does; the haven itself refuses what
    it has no records of, and the release what would lay open who objected.
    """
    try:
        return ctx.preparations.landed(request.data_set)
    except (HavenUnavailable, PreparationRefused) as away:
        # The decision comes first: who may not have the data is not told how the haven is.
        log.warning("landed_months_unknown", code=away.code)
        return None


def not_begun(
    request: ExtractRequest, permit: str | None, has: Landed | None, ctx: Context
) -> AppError | None:
    """Return why what agreements allow is not begun; None where it is.

    `permit` is the permit, or the preview of one; None where nothing could make it wait.
    Raises ExtractNotFound where changes are to lead from an extract that is none of the caller's.
    """
    return (
        _nothing_landed(request, has)
        or _waits(request, permit, ctx)
        or _earlier_is_gone(request, ctx)
    )


def _nothing_landed(request: ExtractRequest, has: Landed | None) -> NoEdition | None:
    missing = [] if has is None else _without_records(request, has)
    if not missing:
        return None
    return NoEdition(
        f"Nothing was landed for {', '.join(missing)}. GET /v1/landed-months says what was.",
        periods=[*missing],
    )


def _waits(request: ExtractRequest, permit: str | None, ctx: Context) -> Refused | None:
    """Ask the haven whether it waits for its next edition (docs/adr/0214)."""
    if permit is None or not unverified(permit).get("held_beside"):
        return None
    try:
        ctx.preparations.judge(permit, request.claims())
    except (PreparationRefused, HavenUnavailable) as no:
        if no.code == OPT_OUT_DIFFERENCING:
            return Refused(no.detail, [Refusal(no.code, no.detail)])
        log.warning("preparation_not_judged", code=no.code)
    return None


def _without_records(request: ExtractRequest, has: Landed) -> list[str]:
    months = {month.month for month in has.months}
    return [month for month in request.periods if month not in months]


def _earlier_is_gone(request: ExtractRequest, ctx: Context) -> EarlierExtractDestroyed | None:
    """Say whether changes would lead from what nobody has any more.

    Agreements has said that the recipient once held it.
    """
    if request.changes_since is None:
        return None
    with ctx.uow.reading() as tx:
        earlier = tx.extracts.get(UUID(request.changes_since), own=ctx.scope)
        destroyed = tx.destroyed.of([file.id for file in earlier.files])
    if not destroyed and earlier.withdrawal is None:
        return None
    return EarlierExtractDestroyed(
        "The extract named in `changes_since` was destroyed, or withdrawn after its release."
        " Ask without `changes_since`."
    )


def landed(agreement: str, data_set: str, *, ctx: Context) -> Sequence[LandedMonth]:
    """Return the months of a data set that can be read, for whoever has a line for it.

    Raises:
        AgreementNotFound: there is none that the caller may know of.
        LineNotInAgreement: it has no line for the data set.
        DecisionUnavailable, HavenUnavailable:

    """
    lines = [line for line in ctx.agreements.lines(agreement) if line.data_set == data_set]
    # Agreements says who may know of it, by the caller's own token; also where it has no line.
    key = lines[0].key if lines else LineKey(Purpose.COM, data_set, ANY_CLASSIFICATION)
    asked = ExtractRequest(
        extract_id=str(new_id()),
        agreement=agreement,
        purpose=key.purpose,
        data_set=data_set,
        classification=key.classification,
        periods=(ctx.clock.now().strftime("%Y-%m"),),
        fields=NO_LINE,
        formats=(Format.PARQUET.value,),
    )
    with suppress(Refused):
        ctx.agreements.ask_dry(asked, evidence=ctx.evidence)
    if not lines:
        raise LineNotInAgreement(f"{agreement} has no line for {data_set}.")
    return ctx.preparations.landed(data_set).months
