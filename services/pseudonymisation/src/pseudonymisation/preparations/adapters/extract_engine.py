"""Makes the files of one extract on this machine, and leaves nothing of them behind."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import structlog

from catalogue import DataSet, FieldClass, Treatment, caps
from common.errors import ObjectStoreUnavailable
from common.jobs import Report
from pseudonymisation.engine.errors import EngineFailed
from pseudonymisation.engine.objects import AtHand, Objects
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.session import EngineLimits, literal
from pseudonymisation.intake.adapters.landing.layout import GROUP, left_out
from pseudonymisation.intake.adapters.lists import named
from pseudonymisation.preparations.adapters.bridging.pairing import write_pairs
from pseudonymisation.preparations.adapters.caps import capped_columns
from pseudonymisation.preparations.adapters.changes.comparing import (
    has_removals,
    write_changes,
)
from pseudonymisation.preparations.adapters.changes.standing_still import (
    Side,
    Workspace,
    compared,
)
from pseudonymisation.preparations.adapters.filters import conditions
from pseudonymisation.preparations.adapters.gathering import gathered
from pseudonymisation.preparations.adapters.plan import (
    ExtractColumn,
    ExtractKeys,
    Other,
    Plan,
    Source,
)
from pseudonymisation.preparations.adapters.preparation import prepare, write_csv
from pseudonymisation.preparations.adapters.tables.related import related
from pseudonymisation.preparations.domain.capping import capping, filtered, told
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared, PcdLeak
from pseudonymisation.preparations.domain.groups import as_known
from pseudonymisation.preparations.domain.preparation import PinnedEdition, PinnedOptOutList
from pseudonymisation.preparations.domain.standing import tells
from pseudonymisation.preparations.use_cases.ports import (
    ChangeFiles,
    EarlierExtract,
    ExtractOrder,
    OtherExtract,
    PreparedFiles,
)
from statements.attestation import StandingEdition

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CSV = "csv"
PARQUET = "parquet"


class DuckDbExtractEngine:
    """`use_cases.ports.ExtractEngine`: the locked engine on landed editions.

    `scratch` holds one directory per attempt, with its encrypted spills and unfinished files.
    """

    def __init__(self, *, landing: Objects, scratch: Path, limits: EngineLimits) -> None:
        self._landing = landing
        self._scratch = scratch
        self._limits = limits

    @contextmanager
    def make(self, work: ExtractOrder, *, attempt: UUID, report: Report) -> Iterator[PreparedFiles]:
        """Raise NotPrepared."""
        place = self._scratch / str(attempt)
        try:
            yield self._files(work, place, report)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def changes(
        self,
        work: ExtractOrder,
        made: PreparedFiles,
        earlier: EarlierExtract,
        *,
        attempt: UUID,
    ) -> ChangeFiles:
        """See `use_cases.ports.ExtractEngine.changes`."""
        place = self._scratch / str(attempt)
        spill, before = place / "spill", place / "earlier.parquet"
        parquet, csv = place / "changes.parquet", place / "changes.csv"
        with _engine_failures():
            earlier.bring(before)
            earlier.require_told_safely(
                lambda: self._has_removals(work, before, earlier.key, place)
            )
            rows = write_changes(
                before,
                made.files[PARQUET],
                key=earlier.key,
                target=parquet,
                scratch=spill,
                limits=self._limits,
            )
            if CSV in work.permit.formats:
                write_csv(parquet, target=csv, scratch=spill, limits=self._limits)
        return ChangeFiles(rows, {PARQUET: parquet, CSV: csv})

    def _has_removals(
        self, work: ExtractOrder, earlier: Path, key: Sequence[str], place: Path
    ) -> bool:
        """Say whether records were removed by what was landed alone: with nobody left out."""
        everybody = place / "everybody.parquet"
        spill = place / "spill"
        with self.at_hand(place) as landed:
            plan = replace(self.plan(work, landed), opt_outs_apply=False, opted_out=(), cleared=())
            prepare(
                plan,
                target=everybody,
                scratch=spill,
                limits=self._limits,
                report=_untold,
            )
        try:
            return has_removals(earlier, everybody, key=key, scratch=spill, limits=self._limits)
        finally:
            everybody.unlink()

    def sweep(self, alive: set[UUID]) -> None:
        if self._scratch.is_dir():
            for place in self._scratch.iterdir():
                if place.name not in {str(attempt) for attempt in alive}:
                    shutil.rmtree(place, ignore_errors=True)

    def _files(self, work: ExtractOrder, place: Path, report: Report) -> PreparedFiles:
        spill = place / "spill"
        parquet, csv = place / "extract.parquet", place / "extract.csv"
        with _engine_failures():
            spill.mkdir(parents=True, mode=0o700)
            with self.at_hand(place) as landed:
                plan = self.plan(work, landed)
                outcome = (
                    prepare(plan, target=parquet, scratch=spill, limits=self._limits, report=report)
                    if work.bridged is None
                    else write_pairs(
                        plan,
                        self.plan(work.bridged, landed),
                        target=parquet,
                        scratch=spill,
                        limits=self._limits,
                    )
                )
            if CSV in work.permit.formats:
                write_csv(parquet, target=csv, scratch=spill, limits=self._limits)
        return PreparedFiles(outcome, {PARQUET: parquet, CSV: csv})

    def standing_beside(self, work: ExtractOrder, *, attempt: UUID) -> tuple[StandingEdition, ...]:
        """Name the editions of others beside which this file, of records or a table, betrays."""
        if not work.others:
            return ()
        place = self._scratch / str(attempt)
        spill = place / "spill"
        try:
            with _engine_failures():
                spill.mkdir(parents=True, mode=0o700)
                with self.at_hand(place) as landed:
                    workspace = Workspace(spill, self._limits)
                    return tuple(self._standing_beside(work, landed, workspace))
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _standing_beside(
        self, work: ExtractOrder, landed: AtHand, place: Workspace
    ) -> Iterator[StandingEdition]:
        """Name the editions of others beside which this one, with another list, betrays somebody.

        Of what nobody can read any more the worst is said.
        """
        linked = [other for other in work.others if not other.is_of(work.permit.line.data_set)]
        # Alike of several groups, or filters: said once.
        yield from dict.fromkeys(self._linked(linked, work, landed, place))
        for other in (one for one in work.others if one.is_of(work.permit.line.data_set)):
            for edition, key in other.editions:
                for month in filter(edition.covers, other.months):
                    current = tuple(
                        (own, own_key)
                        for own, own_key in work.editions
                        if own.provider == edition.provider and own.covers(month)
                    )
                    if not current:
                        continue  # the provider's rows are gone, all of them
                    # Rows of a group that are cut by what they belong to are not compared.
                    is_known = (
                        key is not None
                        and other.upheld is not None
                        and not _is_joined(work, other)
                        and not _is_cut_otherwise(work, other)
                    )
                    if not is_known or self._stands_still(
                        other,
                        (edition, key or b""),
                        replace(work, editions=current),
                        month,
                        landed,
                        place,
                    ):
                        yield StandingEdition(month=month, edition=str(edition.id))

    def _linked(
        self, others: Sequence[OtherExtract], work: ExtractOrder, landed: AtHand, place: Workspace
    ) -> Iterator[StandingEdition]:
        """Name what there is of linked data sets beside which this one betrays somebody."""
        for other in others:
            for month in other.months:
                if self._is_told_by(other, work, month, landed, place):
                    yield StandingEdition(
                        month=month,
                        data_set=other.permit.line.data_set,
                        lists=other.lists,
                        extract="" if other.lists else other.permit.extract_id,
                    )

    def _is_told_by(
        self,
        other: OtherExtract,
        work: ExtractOrder,
        month: str,
        landed: AtHand,
        place: Workspace,
    ) -> bool:
        """Say whether a linked data set and this one would tell who objected between their lists.

        In all, and of each provider that both have rows of, since a row says whose it is.
        """
        theirs = [(edition, key) for edition, key in other.editions if edition.covers(month)]
        ours = [(edition, key) for edition, key in work.editions if edition.covers(month)]
        known = [(edition, key) for edition, key in theirs if key is not None]
        if not theirs or not ours:
            return False
        if other.upheld is None or known != theirs or not _can_be_compared(work, other):
            return True
        both = {one.provider for one, _ in theirs} & {one.provider for one, _ in ours}
        parts = [(known, ours)]
        if len({one.provider for one, _ in (*theirs, *ours)}) > 1:
            parts += [
                (
                    [(one, key) for one, key in known if one.provider == provider],
                    [(one, key) for one, key in ours if one.provider == provider],
                )
                for provider in sorted(both)
            ]
        return any(
            self._tell(other, replace(work, editions=tuple(mine)), tuple(has), month, landed, place)
            for has, mine in parts
        )

    def _tell(
        self,
        other: OtherExtract,
        work: ExtractOrder,
        editions: tuple[tuple[PinnedEdition, bytes], ...],
        month: str,
        landed: AtHand,
        place: Workspace,
    ) -> bool:
        theirs = replace(
            _of_other(work, other, editions),
            rules=other.rules,
            whole=other.whole,
            registered=work.registered if other.permit.registered_with else (),
        )
        one, this = self.plan(theirs, landed), self.plan(work, landed)
        found = compared(
            Side(one, _whose(this, of_another_group=True), is_linked=True),
            Side(this, _whose(one, of_another_group=True), is_linked=True),
            month,
            place,
        )
        # Whom the filters of one would not let into the other hides nobody.
        mine, had = ({*as_known(x.data_set.part, x.permit.filters)} for x in (work, theirs))
        return found.stayed and tells(
            work.upheld,
            theirs.upheld,
            lost=found.lost and mine <= had,
            gained=found.gained and had <= mine,
        )

    def _stands_still(
        self,
        other: OtherExtract,
        edition: tuple[PinnedEdition, bytes],
        work: ExtractOrder,
        month: str,
        landed: AtHand,
        place: Workspace,
    ) -> bool:
        theirs = _of_other(work, other, (edition,))
        one, this = self.plan(theirs, landed), self.plan(work, landed)
        found = compared(
            Side(one, _whose(this, of_another_group=_is_of_another_group(work, other))),
            Side(this, _whose(one, of_another_group=_is_of_another_group(work, other))),
            month,
            place,
        )
        return found.stayed and not (found.lost and found.gained)

    @contextmanager
    def at_hand(self, place: Path) -> Iterator[AtHand]:
        """Have what was landed as files inside the block. Raise NotPrepared."""
        try:
            with self._landing.at_hand(place) as landed:
                yield landed
        except ObjectStoreUnavailable:
            raise NotPrepared(FailureCode.LANDING_STORE_UNAVAILABLE) from None

    def plan(self, work: ExtractOrder, landed: AtHand) -> Plan:
        """Say what the engine is to read, keep and write."""
        permit, person = work.permit, work.data_set.person
        treatments = told(permit)
        capped = capped_columns(
            caps(),
            work.data_set,
            {**filtered(permit, work.data_set), **treatments},
            capping(permit, work.data_set),
        )
        plan = Plan(
            editions=tuple(
                Source(landed.path(edition.object_key), f"e{edition.id.hex}", key)
                # In the order in which they were landed: the ids begin with the time.
                for edition, key in sorted(work.editions, key=lambda pair: pair[0].id)
            ),
            periods=permit.periods,
            codes=permit.population.codes,
            reasons=permit.population.reasons,
            is_national=permit.population.is_national,
            columns=tuple(
                ExtractColumn(f.name, treatments[f.name], _codes_of(f.name, work.data_set))
                for f in permit.fields
            ),
            # Of rows that are about nobody nobody can object.
            opt_outs_apply=permit.opt_out.applied and not work.data_set.is_about_nobody,
            has_token=not work.data_set.is_about_nobody,
            opted_out=tuple(_list(landed, *listed) for listed in work.opted_out),
            cleared=tuple(_list(landed, *listed) for listed in work.cleared),
            registered=tuple(
                Source(landed.path(one.object_key), f"r{one.id.hex}", key)
                for one, key in work.registered
            ),
            registered_with=permit.registered_with,
            domain_id=permit.domain.id,
            linked_data_set=permit.line.data_set if len(permit.domain.data_sets) > 1 else "",
            keys=ExtractKeys(
                haven=work.haven_key,
                date_of_birth=work.date_of_birth_key,
                postcode=work.postcode_key,
                domain=work.domain_key,
                staff=work.staff_key,
                identity=work.identity_keys,
            ),
            capped=capped,
            conditions=(
                *conditions(permit.filters, work.data_set, capped),
                *of_group(work.data_set.part),
            ),
            nhs_number=person.nhs_number,
            other=other_of(work.data_set, permit.domain.data_sets),
            date_of_birth=person.date_of_birth,
            postcode=person.postcode,
            layout=left_out(work.data_set, (), work.rules.controls if work.rules else ()),
            gathered=gathered(filtered(permit, work.data_set) | treatments, work.data_set),
            record=RecordKey.of(work.rules, work.data_set) if work.rules else None,
            quasi_identifiers=tuple(
                f.name
                for f in permit.fields
                if work.data_set.releasable(f.name).class_ is FieldClass.QI
                and treatments[f.name] is not Treatment.PSEUDONYM
            ),
        )
        return plan if work.whole is None else with_beside(plan, work, work.whole)


def with_beside(
    plan: Plan, work: ExtractOrder, whole: DataSet, named: Collection[str] = ()
) -> Plan:
    """Have beside the rows of a group what they are filtered by, and these columns besides."""
    asked = {*named, *(one.column for one in work.permit.filters)}
    if plan.capped:  # whoever is among the oldest is told by any form of the birth date
        forms = work.data_set.forms.values()
        asked |= {name for form in forms for name in (form.name, form.at or "")}
    group, controls = work.data_set.part, work.rules.controls if work.rules else ()
    beside = related(whole, group, asked)
    layout: dict[str, str] = {}
    for name in (group, *(one.group for one in beside.above)):
        layout |= left_out(whole.by_group[name], (), controls)
    return replace(plan, related=beside, layout=layout)


def _of_other(
    work: ExtractOrder, other: OtherExtract, editions: tuple[tuple[PinnedEdition, bytes], ...]
) -> ExtractOrder:
    """Return the order by which the other was made, of these of its editions."""
    lists = other.upheld or ()
    by_check = other.permit.opt_out.by == "check"
    return replace(
        work,
        permit=other.permit,
        data_set=other.data_set,
        editions=editions,
        opted_out=() if by_check else lists,
        cleared=lists if by_check else (),
    )


def _can_be_compared(work: ExtractOrder, other: OtherExtract) -> bool:
    """Say whether it is known whose rows both have, of two data sets.

    Rows of a group that a table cuts by what they belong to are not; nor a practice's own patients
    where no list says who is registered.
    """
    counted = [(work.permit.table, work.whole), (other.permit.table, other.whole)]
    is_practice = bool(other.permit.registered_with)
    return not any(table and whole for table, whole in counted) and is_practice <= bool(
        work.registered
    )


def _is_joined(work: ExtractOrder, other: OtherExtract) -> bool:
    """Say whether either is a table of a group, whose rows other groups' columns may choose."""
    return work.whole is not None and (
        work.permit.table is not None or other.permit.table is not None
    )


def _is_of_another_group(work: ExtractOrder, other: OtherExtract) -> bool:
    return work.data_set.part != other.data_set.part


def _is_cut_otherwise(work: ExtractOrder, other: OtherExtract) -> bool:
    """Say whether they are of two groups of which rows are chosen otherwise.

    By the same filters they are a part of both, in which rows belong to one another as in all.
    """
    own, theirs = ({*as_known(one.data_set.part, one.permit.filters)} for one in (work, other))
    return _is_of_another_group(work, other) and own != theirs


def _whose(plan: Plan, *, of_another_group: bool) -> Plan:
    """Leave of a plan, for rows of another group, whose people it selects."""
    if not of_another_group:
        return plan
    return replace(plan, conditions=(), gathered=(), related=None, layout={})


def other_of(data_set: DataSet, linked: Sequence[str]) -> Other | None:
    """Say who is the second person of each row, where rows have two."""
    other = data_set.other
    if other.nhs_number is None:
        return None
    return Other(other.nhs_number, other.date_of_birth, other.postcode, len(linked) > 1)


def _untold(rows_done: int, rows_total: int | None = None) -> None:
    """Tell nobody how far it is: how many rows there are is an answer already."""


@contextmanager
def _engine_failures() -> Iterator[None]:
    """Say why nothing was made."""
    try:
        yield
    except PcdLeak as leak:
        log.warning("personal_data_found", columns=list(leak.columns))
        raise NotPrepared(FailureCode.PCD_LEAK) from None
    except EngineFailed as failure:
        log.warning("engine_failed", kind=str(failure))
        raise NotPrepared(FailureCode.ENGINE_FAILED) from None
    except OSError as failure:
        log.warning("working_files_failed", errno=failure.errno)
        raise NotPrepared(FailureCode.ENGINE_FAILED) from None


def of_group(group: str) -> tuple[str, ...]:
    """Select the rows of one group, in SQL, where an edition has several."""
    return (f"{GROUP} = {literal(group)}",) if group else ()


def _list(landed: AtHand, listed: PinnedOptOutList, key: bytes) -> Source:
    return Source(landed.path(listed.object_key), named("o", listed.id), key)


def _codes_of(name: str, data_set: DataSet) -> tuple[str, ...]:
    """Return the closed list of a column's codes, where it has one."""
    field = data_set.by_name.get(name)
    return (field.codes or ()) if field else ()
