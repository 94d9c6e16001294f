"""By which lists who objected is left out: the newest, or others that tell nothing (adr/0249).

Of two data sets with equal tokens one may have everybody of the other. What was given of one month
of it, made with another list, and a file made with the newest would tell who objected between. So
further lists are tried, until one tells nothing beside what the recipient was given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from catalogue import Catalogue, DataSet
from common.clock import Clock, legal_day
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.groups import FileOf, files_of
from pseudonymisation.preparations.domain.preparation import PinnedOptOutList, Preparation
from pseudonymisation.preparations.domain.standing import candidates, require_no_wait
from pseudonymisation.preparations.use_cases.beside_others import (
    OtherExtracts,
    ids_of,
    opt_outs_of,
)
from pseudonymisation.preparations.use_cases.opening import available_key
from pseudonymisation.preparations.use_cases.ports import (
    ExtractEngine,
    ExtractOrder,
    HavenKeys,
    PreparationUnitOfWork,
)
from statements.attestation import StandingEdition
from statements.permit import Permit

Lists = tuple[PinnedOptOutList, ...]
"""Whoever is on any of them is left out; the first is the one that has to be new enough."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """By which lists files are made, and what is to be made with them."""

    opt_outs: Lists
    work: ExtractOrder
    files: tuple[tuple[FileOf, ExtractOrder, tuple[StandingEdition, ...]], ...]
    """Each with what it would tell beside what else there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upholding:
    uow: PreparationUnitOfWork
    clock: Clock
    keys: HavenKeys
    catalogue: Catalogue
    engine: ExtractEngine

    def choose(
        self,
        preparation: Preparation,
        data_set: DataSet,
        work_by: Callable[[Lists], ExtractOrder],
        attempt: UUID,
    ) -> Chosen:
        """Find lists with which the files tell nothing beside what the recipient was given.

        Before a file is made. Where there are none it is said of the newest, which is tried first.

        Raises:
            NotPrepared

        """
        others = OtherExtracts(
            uow=self.uow,
            keys=self.keys,
            catalogue=self.catalogue,
            today=legal_day(self.clock.now()),
        )
        waits: NotPrepared | None = None
        for opt_outs in self._to_try(preparation):
            work = work_by(opt_outs)
            files: list[tuple[FileOf, ExtractOrder, tuple[StandingEdition, ...]]] = []
            try:
                for one in files_of(preparation.permit, data_set):
                    order = others.beside(preparation, one, work.of(one))
                    beside = self.engine.standing_beside(order, attempt=attempt)
                    require_no_wait(preparation.permit, beside, opt_outs, at=self.clock.now())
                    files.append((one, order, beside))
            except NotPrepared as no:
                if no.code is not FailureCode.OPT_OUT_DIFFERENCING:
                    raise
                waits = waits or no
                continue
            return Chosen(opt_outs, work, tuple(files))
        raise waits or NotPrepared(FailureCode.OPT_OUT_NOT_APPLIED)

    def _to_try(self, preparation: Preparation) -> Iterator[Lists]:
        """Name the lists, the newest first; of what upholds nothing that there are none.

        Raises:
            NotPrepared: where none is in force, or it is too old, or not what was logged

        """
        permit = preparation.permit
        if not permit.opt_out.applied:
            yield ()
            return
        newest = self._newest(preparation)
        yield newest
        for lists in candidates(newest, self._of_what_is_held(permit)):
            if self._is_usable(lists, permit):
                yield lists

    def opened(self, lists: Lists) -> tuple[tuple[PinnedOptOutList, bytes], ...]:
        """Return each with what opens it. Raise NotPrepared."""
        return tuple((one, self._key(one)) for one in lists)

    def _newest(self, preparation: Preparation) -> Lists:
        opt_out = preparation.permit.opt_out
        with self.uow.reading() as tx:
            if not tx.landed.are_lists_as_logged():
                raise NotPrepared(FailureCode.LISTS_NOT_AS_LOGGED)
            lists = (
                tx.landed.checks(preparation.permit, preparation.editions)
                if opt_out.by == "check"
                else tx.landed.opt_out_lists()
            )
        if not lists or not self._is_new_enough(lists, preparation.permit):
            # Missing or late: never "release all" (domain.md 4.3).
            raise NotPrepared(FailureCode.OPT_OUT_NOT_APPLIED)
        return lists

    def _of_what_is_held(self, permit: Permit) -> Sequence[Lists]:
        """Return the lists with which was made what was fetched of linked data sets.

        A reply to a national check is about the people who were asked about, and serves no other.
        """
        wanted = {
            (held.data_set, frozenset(held.lists)) for held in permit.held_beside if held.data_set
        }
        if not wanted or permit.opt_out.by == "check":
            return ()
        found: dict[frozenset[str], Lists] = {}
        with self.uow.reading() as tx:
            for other in tx.preparations.beside(permit):
                said = opt_outs_of(other)
                if said is None or (other.permit.line.data_set, said.lists) not in wanted:
                    continue
                ids = ids_of(said)
                named = {one.id: one for one in tx.landed.lists_named(ids)}
                if other.permit.opt_out.by == "list" and named.keys() == {*ids}:
                    found[said.lists] = tuple(named[id_] for id_ in ids)
        return tuple(found.values())

    def _is_usable(self, lists: Lists, permit: Permit) -> bool:
        """Say whether they are new enough, none of them was taken back, and each can be read."""
        if not self._is_new_enough(lists, permit):
            return False
        with self.uow.reading() as tx:
            if any(tx.landed.is_taken_back([one]) for one in lists):
                return False
        try:
            self.opened(lists)
        except NotPrepared as no:
            if no.code is not FailureCode.OPT_OUT_NOT_APPLIED:
                raise
            return False
        return True

    def _is_new_enough(self, lists: Lists, permit: Permit) -> bool:
        return permit.opt_out.accepts(lists[0].list_date, today=legal_day(self.clock.now()))

    def _key(self, listed: PinnedOptOutList) -> bytes:
        try:
            return available_key(lambda: self.keys.get(f"opt_out/{listed.id}"))
        except (KeyClosed, KeyDestroyed):
            raise NotPrepared(FailureCode.OPT_OUT_NOT_APPLIED) from None
