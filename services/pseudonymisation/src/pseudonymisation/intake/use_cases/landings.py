"""Landing: what workers do with submissions that were received, and cleaning up behind them.

A worker claims a submission, lands it under an attempt of its own, and names the result in one
transaction with the decision. Whatever is away in the meantime (agreements, a key, the object
store), the submission waits, and nothing half-written is named.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Final, Literal

import structlog

from catalogue import AREAS, DataSet, Derivation, Protocol, UnknownDataSet
from common.clock import legal_day
from common.errors import ClaimLost, EditedMeanwhile, Unavailable
from common.ids import new_id
from common.jobs import Claim, Report, SignOfLife, holding
from pseudonymisation.engine.errors import EngineFailed, KeyDestroyed, ObjectDamaged
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.quality import report
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import TableAsSent
from pseudonymisation.intake.use_cases import landing_results, measuring, relanding, rights
from pseudonymisation.intake.use_cases.context import IntakeContext
from pseudonymisation.intake.use_cases.edition_replacements import base_of
from pseudonymisation.intake.use_cases.landing_results import EVERYTHING, audit_entry
from pseudonymisation.intake.use_cases.ports import (
    DatedMapFile,
    LandingOrder,
    MapFile,
    MapKind,
)
from pseudonymisation.intake.use_cases.submissions import require_collected, table_as_read
from pseudonymisation.intake.use_cases.uploads import resumable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

REFUSALS: Final = (
    errors.ContentRefused,
    errors.CollectionNotInForce,
    errors.DeclarationRefused,
    errors.PeriodFinal,
    errors.PeriodOverlaps,
    errors.ProviderRefused,
)
"""By which a submission is rejected for good."""
BATCH: Final = 100
MAPPED: Final = frozenset({*AREAS, Derivation.RESIDENCE_COMMISSIONER})


@dataclass(frozen=True, slots=True)
class LandingJobs:
    """The work of landing, as a runner asks for it."""

    ctx: IntakeContext

    def claim(self) -> Claim[Submission] | None:
        """Take the oldest submission that nobody works on, if there is one."""
        at = self.ctx.clock.now()
        with self.ctx.uow.writing() as tx:
            for found in tx.submissions.claimable(at, limit=1):
                attempt, until = new_id(), at + self.ctx.limits.claims.duration
                if found.attempt is not None:
                    # What a lost worker has written is nobody's; it may not finish any more.
                    self.ctx.haven.discard_attempt(found)
                if found.is_exhausted:
                    landing_results.give_up(found, tx, ctx=self.ctx)
                    return None  # what comes next is found the next time
                claimed = tx.submissions.keep_claim(found.claim(attempt, until=until))
                return Claim(claimed, attempt)
        return None

    def run(self, claim: Claim[Submission]) -> None:
        """Land it, and say what became of it."""
        log_ = log.bind(submission_id=str(claim.job.id), attempt=str(claim.attempt))
        extend = partial(self._extend, claim)
        with holding(extend, self.ctx.limits.claims, clock=self.ctx.clock, log_=log_) as report:
            try:
                self._try_to_land(claim, report, log_)
            except KeyDestroyed:
                # Whoever took the submission over has discarded what this attempt had begun.
                raise ClaimLost("Another worker took the submission over.") from None

    def sweep(self) -> None:
        """Land anew what has to be, destroy what was kept long enough, and what no row names."""
        relanding.mark_unsafe(ctx=self.ctx)
        relanding.land_again(ctx=self.ctx)
        measuring.fill_in(ctx=self.ctx)
        expired = resumable.expire(ctx=self.ctx)
        destroyed = _destroy_decided(ctx=self.ctx)
        older_than = self.ctx.clock.now() - self.ctx.limits.orphans
        orphans = self.ctx.haven.sweep(
            lambda: _named(ctx=self.ctx), older_than=older_than.timestamp()
        )
        if destroyed or orphans or expired:
            log.info("haven_swept", destroyed=destroyed, orphans=orphans, expired=expired)

    def _extend(self, claim: Claim[Submission], sign: SignOfLife) -> None:
        with self.ctx.uow.writing() as tx:
            tx.submissions.extend_claim(claim.job.id, claim.attempt, sign)

    def _try_to_land(
        self, claim: Claim[Submission], report: Report, log_: structlog.stdlib.BoundLogger
    ) -> None:
        try:
            self._land(claim, report)
        except REFUSALS as refusal:
            landing_results.reject(claim, refusal, ctx=self.ctx)
            log_.info("submission_rejected", code=refusal.code)
        except ObjectDamaged:
            refused = errors.LandingFailed("The stored upload is damaged. Submit the file again.")
            landing_results.reject(claim, refused, ctx=self.ctx)
            log_.warning("upload_damaged")
        except EngineFailed:
            landing_results.wait(claim, code=errors.LandingFailed.code, counts=True, ctx=self.ctx)
            log_.warning("landing_failed", attempts=claim.job.attempts)
        except (Unavailable, EditedMeanwhile) as away:
            landing_results.wait(claim, code=away.code, counts=False, ctx=self.ctx)
            log_.warning("landing_waits", code=away.code)

    def _land(self, claim: Claim[Submission], progress: Report) -> None:
        ctx, submission = self.ctx, claim.job
        order = self.order_of(submission)
        outcome = ctx.haven.land(order, progress)
        refusal = landing_results.judge(outcome, order.data_set)
        quality = report(
            outcome,
            data_set=order.data_set,
            is_rejected=refusal is not None,
            left_out_at_source=submission.left_out_at_source,
        )
        if refusal is not None:
            landing_results.reject(claim, refusal, ctx=ctx, outcome=outcome, quality=quality)
            log.info("submission_rejected", submission_id=str(submission.id), code=refusal.code)
            return
        landing_results.accept(claim, order, outcome, quality, ctx=ctx)

    def order_of(self, submission: Submission) -> LandingOrder:
        """Gather what a submission is landed by.

        Raises:
            CatalogueOutdated, CollectionNotInForce, DeclarationRefused, MapMissing, PeriodFinal
            Unavailable
            NetChangeBaseUnsuitable, NetChangeBlocked: where a change has nothing to be merged with

        """
        ctx = self.ctx
        try:
            data_set = ctx.catalogue.by_digest(submission.catalogue_digest)
        except UnknownDataSet:
            raise errors.CatalogueOutdated(
                "This server does not have the catalogue of the submission yet."
            ) from None
        received = legal_day(submission.received_at or ctx.clock.now())
        require_collected(data_set, received, ctx=ctx)
        rules, taken_in = ctx.catalogue.intake_of(
            data_set, legal_day(ctx.clock.now()), submission.protocol
        )
        submission.declared.require_taken(rules)
        landing_results.require_not_final(submission, data_set, ctx=ctx)
        data_set = data_set.as_sent
        order = LandingOrder(
            submission=submission,
            data_set=submission.dialect.of(taken_in),
            rules=rules,
            today=received,
            providers=rights.providers(submission, ctx=ctx),
            practice_map=self._map("practice", submission, data_set),
            postcode_map=self._map("postcode", submission, data_set),
            later_postcode_maps=self._later(submission, data_set),
            deprivation_maps=self._deciles(submission, data_set),
            organisation_map=self._governing("organisation", submission, data_set),
            tables={
                name: TableAsSent(
                    data_set=table_as_read(submission, taken_in.by_table[name], rules),
                    rules=rules.of_table(taken_in.by_table[name]),
                    content=content,
                )
                for name, content in submission.tables.items()
            },
        )
        if submission.protocol is not Protocol.NET_CHANGE:
            return order
        return replace(order, base=base_of(order, ctx=ctx))

    def _map(
        self, kind: Literal["practice", "postcode"], submission: Submission, data_set: DataSet
    ) -> MapFile | None:
        """Return the map as at the beginning of the period (domain.md 6.11), where one is needed.

        Raises:
            MapMissing: where none governs that day

        """
        if kind not in needed_maps(data_set):
            return None
        return self._governing(kind, submission, data_set)

    def _governing(self, kind: MapKind, submission: Submission, data_set: DataSet) -> MapFile:
        return self._on(kind, data_set.periods.first_day(submission.period.first_day))

    def _on(self, kind: MapKind, day: date) -> MapFile:
        found = self.ctx.maps.governing(kind, day)
        if found is None:
            raise errors.MapMissing(
                f"No {kind} map covers {day.isoformat()}. Have one imported in agreements, and"
                " submit the file again.",
                kind=kind,
            )
        return found

    def _later(self, submission: Submission, data_set: DataSet) -> tuple[DatedMapFile, ...]:
        """Return the directories that come into force within the period.

        Areas are told by the one in force on the day of the record; whose people they are, by the
        one in force at the period's beginning.
        """
        if all(d.derivation not in AREAS for d in data_set.derived):
            return ()
        return self._during("postcode", submission, data_set)[1:]

    def _deciles(self, submission: Submission, data_set: DataSet) -> tuple[DatedMapFile, ...]:
        if all(d.derivation is not Derivation.DEPRIVATION_DECILE for d in data_set.derived):
            return ()
        day = data_set.periods.first_day(submission.period.first_day)
        if self.ctx.maps.governing("deprivation", day) is None:
            return ()
        return self._during("deprivation", submission, data_set)

    def _during(
        self, kind: MapKind, submission: Submission, data_set: DataSet
    ) -> tuple[DatedMapFile, ...]:
        """Return the map of the period's first day, and each that takes its place later in it."""
        day = data_set.periods.first_day(submission.period.first_day)
        last, in_force = submission.period.last_day, self._on(kind, day)
        found = [DatedMapFile(day, in_force)]
        at_the_end = self._on(kind, last)
        while in_force.version != at_the_end.version:
            day, in_force = self._next(kind, day, last, in_force)
            found.append(DatedMapFile(day, in_force))
        return tuple(found)

    def _next(self, kind: MapKind, day: date, last: date, before: MapFile) -> tuple[date, MapFile]:
        """Find by halving the first day on which another map than before is in force."""
        same, other = day, last
        found = self._on(kind, last)
        while (other - same).days > 1:
            middle = same + timedelta(days=(other - same).days // 2)
            there = self._on(kind, middle)
            if there.version == before.version:
                same = middle
            else:
                other, found = middle, there
        return other, found


def needed_maps(data_set: DataSet) -> frozenset[str]:
    """Return which maps landing looks commissioners and areas up in."""
    sources = {r.source for r in data_set.population.values()}
    by_reason = sources & {"practice", "postcode"}
    if "local_authority" in sources:
        by_reason.add("postcode")
    by_derivation = {"postcode" for d in data_set.derived if d.derivation in MAPPED}
    return frozenset(by_reason | by_derivation)


def _destroy_decided(*, ctx: IntakeContext) -> int:
    """Destroy uploads and quarantines that were kept as long as they are to be kept."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        old = tx.submissions.decided_before(at - ctx.limits.keep_uploads, limit=BATCH)
    for submission in old:
        for key in (*submission.content_keys, *submission.quarantine_keys):
            ctx.haven.destroy(key)
        with ctx.uow.writing() as tx:
            present = tx.submissions.get(submission.id, EVERYTHING)
            tx.submissions.save(
                present.forget_content(),
                audit=audit_entry(
                    "submission-content-destroyed", f"submissions/{present.id}", present, at
                ),
            )
    return len(old)


def _named(*, ctx: IntakeContext) -> list[str]:
    with ctx.uow.reading() as tx:
        return list(tx.object_keys())
