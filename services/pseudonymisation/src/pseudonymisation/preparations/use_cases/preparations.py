"""Accepting a permit, and telling how its preparation stands. What works on it: `preparing`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from catalogue import Catalogue, DataSet, Derivation, UnknownDataSet
from common.audit import require_as_logged
from common.audit.entries import entry_for
from common.clock import Clock, legal_day
from common.errors import NoEdition, Refusal, Refused
from common.ids import digest
from common.security.jws import NotGenuine
from pseudonymisation.intake.use_cases.context import CallerContext
from pseudonymisation.preparations.domain.attestation import lists_of
from pseudonymisation.preparations.domain.errors import (
    AcceptedMeanwhile,
    AreasUntold,
    BridgingFileMade,
    CatalogueUnknown,
    FailureCode,
    NotPrepared,
    PermitInvalid,
    PermitMismatch,
    PermitUsed,
    PreparationNotFound,
    UnsafeEditions,
    said,
)
from pseudonymisation.preparations.domain.permit import read, require_releasable, require_same
from pseudonymisation.preparations.domain.preparation import PinnedEdition, Preparation
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from pseudonymisation.preparations.use_cases.ports import (
    LandedData,
    PreparationTransaction,
    PreparationUnitOfWork,
)
from statements.handed import RequestedExtract
from statements.permit import Permit

log: structlog.stdlib.BoundLogger = structlog.get_logger()

USED: Final = (
    "The permit was already used for another request or by another client. Ask for a new permit."
)
ROUNDS: Final = 3
"""Two callers may store the same at once; whoever came second reads and decides again."""


class PermitVerifier(Protocol):
    """Knows agreements' keys (`common.security.keys.PERMIT`)."""

    def verify(self, compact: str) -> dict[str, Any]:
        """Raise NotGenuine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationContext(CallerContext):
    """What these use cases are given: the outside world, as `main` made it, and the caller."""

    uow: PreparationUnitOfWork
    clock: Clock
    catalogue: Catalogue
    permits: PermitVerifier
    previews: PermitVerifier
    """Of what is asked dry: judged as a permit would be, and good for nothing else."""
    judge: Callable[[Preparation], None]
    """Raises NotPrepared where it would wait for its next edition."""
    wake: Callable[[], None] = lambda: None
    """Wakes the workers when there is something to do."""


def accept(
    permit_id: UUID, compact: str, request: RequestedExtract, *, ctx: PreparationContext
) -> tuple[Preparation, bool]:
    """Accept a permit, once; return whether it is new.

    The same permit, request and caller again is the same preparation, also after the permit
    has expired. Id and job are stored together.

    Raises:
        PermitInvalid, PermitMismatch, PermitUsed, CatalogueUnknown, NoEdition, UnsafeEditions,
            Refused, DomainClosed, DomainTransferred, BridgingFileMade
        RecordNotAsLogged: the row of its pseudonym domain was written past the service.

    """
    asked = _AcceptedAs(digest(compact.encode()), ctx.principal.client_id, request.digest)
    with ctx.uow.reading() as tx:
        known = tx.preparations.find(permit_id)
    if known is not None and asked.made(known):
        return known, False
    permit, claims = _genuine(permit_id, compact, ctx.permits, ctx=ctx)
    if known is not None:
        raise PermitUsed(USED)
    require_same(permit, request)
    for side in _sides(permit):
        require_releasable(side, _data_set(side, ctx=ctx), on=legal_day(ctx.clock.now()))
        with ctx.uow.reading() as tx:
            if (domain := tx.domains.find(side.domain.id)) is not None:
                tx.domains.hold(domain.id)
        if domain is not None:
            require_as_logged(f"domains/{domain.id}")
    for _ in range(ROUNDS):
        try:
            with ctx.uow.writing() as tx:
                answer = _store(permit, claims, asked, ctx=ctx, tx=tx)
        except AcceptedMeanwhile:
            continue
        ctx.wake()
        return answer
    raise PermitUsed("The permit is being accepted by another call. Try again.")


def judge(
    permit_id: UUID, compact: str, request: RequestedExtract, *, ctx: PreparationContext
) -> None:
    """Say whether a preparation would wait for its next edition. The permit stays unused.

    A preview of a permit is judged as well. What else it may fail of it says itself.

    Raises:
        PermitInvalid, PermitMismatch, CatalogueUnknown, NoEdition, UnsafeEditions
        Refused: with OPT_OUT_DIFFERENCING and the months, and until when they wait

    """
    permit, _ = _genuine(permit_id, compact, ctx.permits, ctx.previews, ctx=ctx)
    require_same(permit, request)
    with ctx.uow.reading() as tx:
        editions = _editions(permit, _data_set(permit, ctx=ctx), ctx=ctx, tx=tx)
    asked = Preparation(
        id=permit.id,
        permit_digest=digest(compact.encode()),
        caller=ctx.principal.client_id,
        permit=permit,
        editions=editions,
        created_at=ctx.clock.now(),
    )
    try:
        ctx.judge(asked)
    except NotPrepared as failure:
        if failure.code is FailureCode.OPT_OUT_DIFFERENCING:
            detail = said(failure.code, failure.subject)
            raise Refused(detail, [Refusal(failure.code, detail)]) from None
        log.info("preparation_not_judged", permit_id=str(permit_id), code=failure.code.value)


def get(permit_id: UUID, *, ctx: PreparationContext) -> Preparation:
    """Return how a caller's own preparation stands.

    Raises:
        PreparationNotFound

    """
    with ctx.uow.reading() as tx:
        preparation = tx.preparations.get(permit_id)
        tx.preparations.hold(permit_id)
    if preparation.caller != ctx.principal.client_id:
        raise PreparationNotFound("The preparation does not exist.")
    return preparation


def landed(data_set: str, *, ctx: PreparationContext) -> LandedData:
    """Return what can be read of a data set today, before anything is asked for.

    Which editions and which lists that is tells agreements, before anything is prepared, whether a
    file would lay open who objected.
    """
    with ctx.uow.reading() as tx:
        months, lists = tuple(tx.landed.months(data_set)), tx.landed.opt_out_lists()
        tx.landed.hold(months, lists)
        return LandedData(months=months, opt_out_lists=lists_of(lists))


@dataclass(frozen=True, slots=True)
class _AcceptedAs:
    permit_digest: str
    caller: str
    request_digest: str

    def made(self, known: Preparation) -> bool:
        return known.is_the_same(
            permit_digest=self.permit_digest,
            caller=self.caller,
            request_digest=self.request_digest,
        )


def _genuine(
    permit_id: UUID, compact: str, *kinds: PermitVerifier, ctx: PreparationContext
) -> tuple[Permit, dict[str, Any]]:
    claims = _verified(compact, kinds)
    if claims.get("azp") != ctx.principal.client_id:
        raise PermitInvalid("The permit was issued to another client.")
    permit = read(claims)
    if permit.id != permit_id:
        raise PermitMismatch("The id in the path is not the permit's `jti`.")
    return permit, claims


def _verified(compact: str, kinds: Sequence[PermitVerifier]) -> dict[str, Any]:
    """Return what is said by a statement of one of the kinds. Raise PermitInvalid."""
    why = ""
    for kind in kinds:
        try:
            return kind.verify(compact)
        except NotGenuine as error:
            why = error.detail
    raise PermitInvalid(f"The permit could not be verified. {why}")


def _data_set(permit: Permit, *, ctx: PreparationContext) -> DataSet:
    line = permit.line
    try:
        data_set = ctx.catalogue.by_digest(line.catalogue_digest)
    except LookupError:
        raise CatalogueUnknown(
            "The catalogue has no data set with the digest of the permit's line."
        ) from None
    if (data_set.data_set, data_set.version) != (line.data_set, line.catalogue_version):
        raise CatalogueUnknown(
            "The catalogue digest in the permit's line belongs to another data set or version."
        )
    return data_set


def _store(
    permit: Permit,
    claims: dict[str, Any],
    asked: _AcceptedAs,
    *,
    ctx: PreparationContext,
    tx: PreparationTransaction,
) -> tuple[Preparation, bool]:
    known = tx.preparations.find(permit.id)
    if known is not None:
        if asked.made(known):
            return known, False
        raise PermitUsed(USED)
    both = _sides(permit)
    read_by = [_editions(one, _data_set(one, ctx=ctx), ctx=ctx, tx=tx) for one in both]
    editions = tuple({one.id: one for some in read_by for one in some}.values())
    if permit.bridge is not None and tx.preparations.is_bridged(
        permit.domain.id, permit.bridge.domain.id
    ):
        raise BridgingFileMade("It is given once. Fetch the file that was released.")
    for one in both:
        _open_domain(one, ctx=ctx, tx=tx)
    now = ctx.clock.now()
    preparation = Preparation(
        id=permit.id,
        permit_digest=asked.permit_digest,
        caller=asked.caller,
        permit=permit,
        editions=editions,
        created_at=now,
    )
    stored = tx.preparations.add(
        preparation,
        permit=claims,
        audit=entry_for(
            ctx.principal,
            at=now,
            action="preparation-accepted",
            resource=f"preparations/{permit.id}",
            on_behalf_of=",".join(permit.domain.controllers),
            decision_id=str(permit.decision_id),
            detail={
                "extract_id": permit.extract_id,
                "client_id": permit.client_id,
                "agreement": permit.agreement.reference,
                "line": permit.line.number,
                "editions": [str(edition.id) for edition in editions],
                "domain": permit.domain.id,
                **({} if permit.bridge is None else {"bridged": permit.bridge.domain.id}),
            },
        ),
    )
    log.info("preparation_accepted", preparation_id=str(stored.id), editions=len(editions))
    return stored, True


def _sides(permit: Permit) -> tuple[Permit, ...]:
    """Return it as either of its lines has it: of a bridging file there are two."""
    return (permit,) if permit.bridge is None else (permit, permit.of_the_other())


def _editions(
    permit: Permit, data_set: DataSet, *, ctx: PreparationContext, tx: PreparationTransaction
) -> tuple[PinnedEdition, ...]:
    """Pin what was landed of any version of the data set that has the line's columns in it."""
    landed = tx.landed.current_editions(permit.line.data_set)
    wanted = [
        edition
        for edition in landed
        if any(edition.covers(month) for month in permit.periods)
        and _serves(edition, permit, data_set, ctx=ctx)
    ]
    missing = [m for m in permit.periods if not any(e.covers(m) for e in wanted)]
    if missing:
        there = [e for e in landed if any(e.covers(month) for month in missing)]
        raise _no_edition(missing, _lacking(there, permit, data_set, ctx=ctx))
    untold = {area for e in wanted for area in e.areas_untold} & asked_areas(permit, data_set)
    if untold:
        raise AreasUntold(
            f"Editions of these periods were landed with postcode maps that do not tell"
            f" {', '.join(sorted(untold))}. Have the postcode directory, and the deciles of"
            " deprivation, imported in agreements, and the files submitted again; or ask without"
            " these columns.",
            areas=[*sorted(untold)],
        )
    today = legal_day(ctx.clock.now())
    known = ctx.catalogue
    unsafe = sorted(
        edition.period
        for edition in wanted
        if not known.is_safe(data_set.data_set, edition.landing_rules_digest, today)
    )
    if unsafe:
        raise UnsafeEditions(
            f"The editions of {', '.join(unsafe)} were made by landing rules that let withheld"
            " people through. They are landed again where their uploads are kept; otherwise the"
            " provider must submit them again.",
            periods=[*unsafe],
        )
    return tuple(wanted)


def asked_areas(permit: Permit, data_set: DataSet) -> frozenset[str]:
    """Return what of the directory the permitted columns, filters and reasons rest on."""
    fields = {*_asked(permit)}
    found = {d.derivation.value for d in data_set.derived if d.name in fields}
    if "L" in permit.population.reasons and "L" in data_set.population:
        found |= {Derivation.LOCAL_AUTHORITY.value, Derivation.UPPER_LOCAL_AUTHORITY.value}
    return frozenset(found)


def _no_edition(missing: Sequence[str], lacking: Sequence[str]) -> NoEdition:
    """Say of which months nothing is there; or which columns what is there was landed without."""
    if lacking:
        return NoEdition(
            f"What was landed for {', '.join(missing)} was read by a version of the data set that"
            f" has no {', '.join(lacking)}. Ask without these columns, or have the month submitted"
            " again.",
            periods=[*missing],
            columns=[*lacking],
        )
    return NoEdition(
        f"No edition is in force for {', '.join(missing)}. Ask for other periods, or again later.",
        periods=[*missing],
    )


def _lacking(
    editions: Sequence[PinnedEdition],
    permit: Permit,
    data_set: DataSet,
    *,
    ctx: PreparationContext,
) -> list[str]:
    """Name the columns that are asked for and that editions were landed without."""
    found: set[str] = set()
    for version in {edition.catalogue_digest for edition in editions}:
        try:
            landed = ctx.catalogue.by_digest(version)
        except UnknownDataSet:
            continue
        found |= {name for name in _asked(permit) if not landed.serves(data_set, [name])}
    return sorted(found)


def _asked(permit: Permit) -> tuple[str, ...]:
    return (*(f.name for f in permit.fields), *(f.column for f in permit.filters))


def _serves(
    edition: PinnedEdition, permit: Permit, data_set: DataSet, *, ctx: PreparationContext
) -> bool:
    if edition.catalogue_digest == data_set.digest:
        return True
    try:
        landed = ctx.catalogue.by_digest(edition.catalogue_digest)
    except UnknownDataSet:
        return False
    return landed.serves(data_set, _asked(permit))


def _open_domain(permit: Permit, *, ctx: PreparationContext, tx: PreparationTransaction) -> None:
    """Open the domain of a permit, or let it go on where the permit says (docs/adr/0163).

    Raises:
        DomainClosed
        DomainTransferred: it went on in another environment than the permit's.

    """
    known, now = tx.domains.find(permit.domain.id), ctx.clock.now()
    if known is not None:
        known.require_open()
    domain = known or PseudonymDomain(
        id=permit.domain.id,
        facts=permit.domain,
        created_at=now,
        environment=permit.domain.environment,
    )
    times = 0 if permit.goes_on is None else permit.goes_on.times
    following = domain.go_on(permit.environment, times)
    if following is known:
        return
    tx.domains.save(
        following,
        audit=entry_for(
            ctx.principal,
            at=now,
            action="domain-opened" if known is None else "domain-transferred",
            resource=f"domains/{permit.domain.id}",
            on_behalf_of=",".join(permit.domain.controllers),
            decision_id=str(permit.decision_id),
            detail={
                "agreement": permit.agreement.reference,
                "environment": following.environment,
                "times": following.times,
            },
        ),
    )
