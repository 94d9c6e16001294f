"""Making what was accepted: claimed, made, stored, attested, and named by its row at last.

A worker may die at any point. Before the row names the files nobody can fetch them, and what
a dead attempt left is swept; after it they are there once, attested (design.md section 10, S3).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypedDict

import structlog

from catalogue import Catalogue, DataSet, assumptions
from common import faults
from common.audit.entries import Entry, entry_for
from common.clock import Clock, legal_day
from common.errors import ClaimLost, Refused
from common.ids import new_id
from common.jobs import Claim, ClaimTimes, Report, SignOfLife, holding
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.preparations.domain import attestation
from pseudonymisation.preparations.domain.errors import (
    DomainClosed,
    DomainTransferred,
    FailureCode,
    NotPrepared,
    ReleaseStoreUnavailable,
    ShownMeanwhile,
)
from pseudonymisation.preparations.domain.groups import FileOf, require_large_groups
from pseudonymisation.preparations.domain.permit import require_releasable
from pseudonymisation.preparations.domain.preparation import (
    OBJECTS,
    PinnedEdition,
    PinnedOptOutList,
    Preparation,
    PreparedFile,
    is_of,
)
from pseudonymisation.preparations.domain.shown import ShownBefore, ShownCells, shown_table
from pseudonymisation.preparations.use_cases import domains
from pseudonymisation.preparations.use_cases.bridging import Sides, sides
from pseudonymisation.preparations.use_cases.change_sets import ChangeSet
from pseudonymisation.preparations.use_cases.opening import available_key, opens_staff_codes
from pseudonymisation.preparations.use_cases.ports import (
    Attester,
    ExtractEngine,
    ExtractOrder,
    HavenKeys,
    PracticeRegistrations,
    PreparationUnitOfWork,
    PreparedFiles,
    ReleaseStore,
)
from pseudonymisation.preparations.use_cases.upholding import Lists, Upholding
from statements.attestation import AttestedChanges, AttestedFile
from statements.permit import Permit

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NO_TOKENS: Final = bytes(32)
"""In place of a domain's key, where nothing is made."""
ROUNDS: Final = 3
"""So often a table is made anew where another of its recipient was made meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationJobs:
    """The preparations to be made, as a runner works them off."""

    uow: PreparationUnitOfWork
    clock: Clock
    catalogue: Catalogue
    keys: HavenKeys
    engine: ExtractEngine
    store: ReleaseStore
    attest: Attester
    registrations: PracticeRegistrations
    keys_kept: timedelta
    """How long the key of a domain is kept after all that was made in it was destroyed."""
    claims: ClaimTimes = field(default_factory=lambda: ClaimTimes(duration=timedelta(seconds=15)))

    def claim(self) -> Claim[Preparation] | None:
        """Take the oldest preparation that nobody works on."""
        with self.uow.writing() as tx:
            now = self.clock.now()
            preparation = tx.preparations.claimable(at=now)
            if preparation is None:
                return None
            if preparation.is_exhausted:
                failed = preparation.fail(preparation.attempt, FailureCode.ABANDONED, at=now)
                tx.preparations.save(failed, audit=self._entry("preparation-failed", failed))
                log.error("preparation_abandoned", preparation_id=str(preparation.id))
                return None
            attempt = new_id()
            claimed = preparation.claim(attempt, until=now + self.claims.duration)
            stored = tx.preparations.save(claimed, audit=self._entry("preparation-begun", claimed))
        log.info("preparation_begun", preparation_id=str(stored.id), attempts=stored.attempts)
        return Claim(stored, attempt)

    def judge(self, preparation: Preparation) -> None:
        """Raise NotPrepared where it would wait for its next edition. Nothing is made."""
        data_set = self._safe_data_set(preparation)
        work = partial(self._work, preparation, data_set, domain_key=NO_TOKENS)
        self._upholding.choose(preparation, data_set, work, new_id())

    def run(self, claim: Claim[Preparation]) -> None:
        """Make the files of one claim, or say why not."""
        log_ = log.bind(preparation_id=str(claim.job.id), attempt=str(claim.attempt))
        extend = partial(self._extend, claim)
        with holding(extend, self.claims, clock=self.clock, log_=log_) as report:
            try:
                self._clear_earlier_attempts(claim.job)
                for left in reversed(range(ROUNDS)):
                    done = self._made(claim, report)
                    try:
                        self._finish(claim, done)
                        break
                    except ShownMeanwhile:
                        log_.info("table_made_again", rounds_left=left)
                        if not left:
                            raise NotPrepared(FailureCode.ABANDONED) from None
            except NotPrepared as refused:
                self._fail(claim, refused)

    def sweep(self) -> None:
        """Clear away what is over: objects and working files of attempts, keys of domains."""
        with self.uow.reading() as tx:
            alive = tx.preparations.attempts_alive(at=self.clock.now())
        self.engine.sweep(alive)
        # Listed before the rows are read: what is named meanwhile is then in the rows.
        keys = list(self.store.keys(OBJECTS))
        with self.uow.reading() as tx:
            named = tx.preparations.named_objects()
            alive = tx.preparations.attempts_alive(at=self.clock.now())
        working = {str(attempt) for attempt in alive}
        orphans = [key for key in keys if key not in named and not is_of(key, working)]
        for key in orphans:
            self.store.delete(key)
        domains.destroy_keys(
            kept=self.keys_kept, ctx=domains.DomainContext(self.uow, self.clock, self.keys)
        )
        if orphans:
            log.info("orphans_swept", objects=len(orphans))

    # --- one attempt ------------------------------------------------------------------------------

    def _made(self, claim: Claim[Preparation], report: Report) -> "_Made":
        """Make the files, and say with which lists, and beside which tables.

        Raises:
            NotPrepared

        """
        preparation = claim.job
        both = sides(preparation, self.catalogue)
        data_set = self._safe_data_set(both.own)
        work_by = partial(self._work, both.own, data_set, domain_key=self._domain_key(both.own))
        chosen = self._upholding.choose(both.own, data_set, work_by, claim.attempt)
        work, opt_outs = chosen.work, chosen.opt_outs
        bridged: ExtractOrder | None = None
        if both.other is not None:
            key = self._domain_key(both.other)
            bridged = self._work(both.other, self._safe_data_set(both.other), opt_outs, key)
        change_set = ChangeSet.asked_for(
            preparation.permit, uow=self.uow, store=self.store, engine=self.engine
        )
        files: list[PreparedFile] = []
        shown: Mapping[str, ShownCells] = {}
        for one, unbridged, beside in chosen.files:
            order = replace(unbridged, bridged=bridged)
            with self.engine.make(order, attempt=claim.attempt, report=report) as bare:
                made = replace(bare, outcome=replace(bare.outcome, standing_beside=beside))
                report(made.outcome.rows, made.outcome.rows)
                require_large_groups(preparation.permit, one.attested(made.outcome))
                shown = {one.measure(name): told for name, told in made.shown.items()}
                try:
                    whats: list[tuple[PreparedFiles, AttestedChanges | None]] = [(made, None)]
                    if change_set is not None:
                        whats += [change_set.of(one, data_set, order, made, opt_outs, claim)]
                    files += [
                        self._file(both, one, what, format_, work, opt_outs, changes)
                        for what, changes in whats
                        for format_ in preparation.permit.formats
                    ]
                except ReleaseStoreUnavailable:
                    raise NotPrepared(FailureCode.RELEASE_STORE_UNAVAILABLE) from None
        return _Made(tuple(files), opt_outs, work.shown, shown)

    @property
    def _upholding(self) -> Upholding:
        return Upholding(
            uow=self.uow,
            clock=self.clock,
            keys=self.keys,
            catalogue=self.catalogue,
            engine=self.engine,
        )

    def _safe_data_set(self, preparation: Preparation) -> DataSet:
        """Refuse editions that became unsafe since they were pinned, or are not what was landed."""
        data_set = self.catalogue.by_digest(preparation.permit.line.catalogue_digest)
        today = legal_day(self.clock.now())
        for edition in preparation.editions:
            digest = edition.landing_rules_digest
            if not self.catalogue.is_safe(data_set.data_set, digest, today):
                raise NotPrepared(FailureCode.EDITION_UNSAFE)
        with self.uow.reading() as tx:
            if not tx.landed.are_as_logged(preparation.editions):
                raise NotPrepared(FailureCode.EDITIONS_NOT_AS_LOGGED)
        return data_set

    def _file(
        self,
        both: Sides,
        one: FileOf,
        made: PreparedFiles,
        format_: str,
        work: ExtractOrder,
        opt_outs: tuple[PinnedOptOutList, ...],
        changes: AttestedChanges | None = None,
    ) -> PreparedFile:
        file_id, preparation = new_id(), both.own
        digests = {edition.landing_rules_digest for edition in preparation.editions}
        rules = [one for one in self.catalogue.landing_rules if one.digest in digests]
        assumed = assumptions(work.data_set, rules, preparation.permit.periods)
        key = preparation.object_key(file_id, format_)
        stored = self.store.put(key, made.files[format_], halfway=lambda: faults.reach("K3"))
        faults.reach("K4")
        file = AttestedFile(
            id=str(file_id),
            format=format_,
            object_key=key,
            bytes=stored.bytes,
            digest=stored.digest,
            rows=made.outcome.rows,
        )
        signed = self.attest(
            attestation.claims(
                file,
                permit=one.permit,
                data_set=work.data_set,
                editions=preparation.editions,
                opt_outs=opt_outs,
                outcome=one.attested(made.outcome),
                has_token=not one.data_set.is_about_nobody,
                changes=changes,
                form=partial(attestation.form_by, rules),
                assumed={**assumed, **made.outcome.assumed},
                registrations=[listed for listed, _ in work.registered],
                bridged=both.bridged,
            )
        )
        return PreparedFile(
            id=file_id,
            format=file.format,
            object_key=file.object_key,
            bytes=file.bytes,
            digest=file.digest,
            rows=file.rows,
            attestation=signed,
        )

    def _work(
        self,
        preparation: Preparation,
        data_set: DataSet,
        opt_outs: Lists,
        domain_key: bytes,
    ) -> ExtractOrder:
        """Gather keys and lists; without any of them the answer is no."""
        permit, person = preparation.permit, data_set.person
        by_check = preparation.permit.opt_out.by == "check"
        opened = self._upholding.opened(opt_outs)
        return ExtractOrder(
            permit=permit,
            data_set=data_set,
            rules=self.catalogue.rules_of(data_set.data_set, legal_day(self.clock.now())),
            editions=tuple(
                (edition, self._edition_key(edition)) for edition in preparation.editions
            ),
            opted_out=() if by_check else opened,
            cleared=opened if by_check else (),
            haven_key=available_key(lambda: self.keys.ensure("haven/nhs_number")),
            date_of_birth_key=available_key(lambda: self.keys.ensure("haven/date_of_birth"))
            if person.date_of_birth
            else None,
            postcode_key=available_key(lambda: self.keys.ensure("haven/postcode"))
            if person.postcode
            else None,
            domain_key=domain_key,
            staff_key=available_key(lambda: self.keys.ensure("haven/staff"))
            if opens_staff_codes(permit, data_set)
            else None,
            identity_keys=self._identity_keys(permit, data_set),
            registered=self.registrations.lists() if permit.registered_with else (),
            **self._shown_before(preparation, data_set),
        )

    def _identity_keys(
        self, permit: Permit, data_set: DataSet
    ) -> Mapping[str, tuple[bytes, bytes]]:
        """Gather what opens the columns of identity; the permit is judged anew before.

        Raises:
            NotPrepared: where the data set gives no identity by its route any more

        """
        if not permit.identified:
            return {}
        try:
            require_releasable(permit, data_set, on=legal_day(self.clock.now()))
        except Refused:
            raise NotPrepared(FailureCode.IDENTITY_WITHOUT_ROUTE) from None
        kinds = {name: data_set.by_name[name].identifier for name in permit.identified}
        return {
            name: (self._cell_key(f"haven/{kind}"), self._cell_key(f"haven/{kind}_long"))
            for name, kind in kinds.items()
        }

    def _cell_key(self, name: str) -> bytes:
        return available_key(lambda: self.keys.ensure(name))

    def _shown_before(self, preparation: Preparation, data_set: DataSet) -> "_ShownParts":
        """Gather what a table's recipient has already, and what that was made of.

        An edition that is gone, or not safe any more, is left out: what was shown bounds it.
        """
        permit = preparation.permit
        if permit.table is None:
            return {}
        with self.uow.reading() as tx:
            before = tx.shown.before(permit)
            current = tx.landed.current_editions(permit.line.data_set)
        further = {m for one in before.tables for m in one.months} - set(permit.periods)
        pinned = {edition.id for edition in preparation.editions}
        today, beside = legal_day(self.clock.now()), []
        for edition in current:
            is_safe = self.catalogue.is_safe(data_set.data_set, edition.landing_rules_digest, today)
            if is_safe and edition.id not in pinned and any(map(edition.covers, further)):
                with suppress(NotPrepared):
                    beside.append((edition, self._edition_key(edition)))
        return {"shown": before, "beside": tuple(beside)}

    def _edition_key(self, edition: PinnedEdition) -> bytes:
        try:
            return available_key(lambda: self.keys.get(f"edition/{edition.id}"))
        except (KeyClosed, KeyDestroyed):
            raise NotPrepared(FailureCode.EDITION_DESTROYED) from None

    def _domain_key(self, preparation: Preparation) -> bytes:
        permit = preparation.permit
        with self.uow.reading() as tx:
            domain = tx.domains.find(permit.domain.id)
        if domain is None:
            raise NotPrepared(FailureCode.DOMAIN_CLOSED)
        times = 0 if permit.goes_on is None else permit.goes_on.times
        try:
            domain.require_open()
            domain.require_held_by(permit.environment, times)
            return available_key(lambda: self.keys.ensure(domain.key_name))
        except (DomainClosed, KeyClosed, KeyDestroyed):
            raise NotPrepared(FailureCode.DOMAIN_CLOSED) from None
        except DomainTransferred:
            raise NotPrepared(FailureCode.DOMAIN_TRANSFERRED) from None

    def _clear_earlier_attempts(self, preparation: Preparation) -> None:
        if preparation.attempts == 1:
            return
        try:
            for key in list(self.store.keys(f"{OBJECTS}/{preparation.id}")):
                if not is_of(key, {str(preparation.attempt)}):
                    self.store.delete(key)
        except ReleaseStoreUnavailable:
            raise NotPrepared(FailureCode.RELEASE_STORE_UNAVAILABLE) from None

    # --- how it ends ------------------------------------------------------------------------------

    def _finish(self, claim: Claim[Preparation], made: "_Made") -> None:
        """Let the row name the files, and remember what a table tells.

        Raises:
            NotPrepared: where a list was taken back while they were made (docs/adr/0032)
            ShownMeanwhile: another table of the recipient was made while this one was

        """
        files, opt_outs = made.files, made.opt_outs
        try:
            with self.uow.writing() as tx:
                now = self.clock.now()
                if opt_outs and tx.landed.is_taken_back(opt_outs):
                    raise NotPrepared(FailureCode.OPT_OUT_NOT_APPLIED)
                current = tx.preparations.get(claim.job.id)
                done = current.finish(claim.attempt, files, at=now)
                if made.told:
                    shown = [
                        shown_table(
                            current.permit,
                            current.editions,
                            measure,
                            told,
                            preparation_id=current.id,
                            at=now,
                        )
                        for measure, told in made.told.items()
                    ]
                    tx.shown.add(shown, before=made.before)
                tx.preparations.save(done, audit=self._entry("extract-prepared", done))
        except (ClaimLost, NotPrepared, ShownMeanwhile):
            # Of an attempt that lost its claim, or whose list is void, nothing is to be left.
            for file in files:
                self.store.delete(file.object_key)
            raise
        log.info("extract_prepared", preparation_id=str(done.id), rows=done.rows_done)

    def _fail(self, claim: Claim[Preparation], refused: NotPrepared) -> None:
        code = refused.code
        with self.uow.writing() as tx:
            now = self.clock.now()
            current = tx.preparations.get(claim.job.id)
            failed = current.fail(claim.attempt, code, at=now, subject=refused.subject)
            tx.preparations.save(failed, audit=self._entry("preparation-failed", failed))
        log.warning("preparation_failed", preparation_id=str(failed.id), code=code.value)

    def _entry(self, action: str, preparation: Preparation) -> Entry:
        permit = preparation.permit
        return entry_for(
            ITSELF,
            at=self.clock.now(),
            action=action,
            resource=f"preparations/{preparation.id}",
            on_behalf_of=",".join(permit.domain.controllers),
            decision_id=str(permit.decision_id),
            detail={
                "extract_id": permit.extract_id,
                "client_id": permit.client_id,
                "attempt": str(preparation.attempt),
                "code": preparation.code,
                "files": [
                    {"id": str(f.id), "format": f.format, "rows": f.rows, "digest": f.digest}
                    for f in preparation.files
                ],
            },
        )

    def _extend(self, claim: Claim[Preparation], sign: SignOfLife) -> None:
        with self.uow.writing() as tx:
            tx.preparations.extend_claim(claim.job.id, claim.attempt, sign)


@dataclass(frozen=True, slots=True)
class _Made:
    """What one attempt made, and what it was held against."""

    files: tuple[PreparedFile, ...]
    opt_outs: tuple[PinnedOptOutList, ...]
    before: ShownBefore
    told: Mapping[str, ShownCells]
    """Of a table, by measure."""


class _ShownParts(TypedDict, total=False):
    shown: ShownBefore
    beside: tuple[tuple[PinnedEdition, bytes], ...]
