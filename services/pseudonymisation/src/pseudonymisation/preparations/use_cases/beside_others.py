"""What else an environment has of the months of an extract, in other editions (docs/adr/0171).

Or in other data sets with equal tokens (docs/adr/0249).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from catalogue import Catalogue, DataSet
from common.errors import KeyUnavailable
from common.security.jws import unverified
from pseudonymisation.engine.errors import KeyClosed, KeyDestroyed
from pseudonymisation.preparations.domain.groups import FileOf, files_of
from pseudonymisation.preparations.domain.preparation import (
    PinnedEdition,
    PinnedOptOutList,
    Preparation,
)
from pseudonymisation.preparations.use_cases.ports import (
    ExtractOrder,
    HavenKeys,
    OtherExtract,
    PreparationUnitOfWork,
)
from statements.attestation import Attestation, OptOut


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherExtracts:
    """What else the environment has, or may come to have, of the months of one preparation."""

    uow: PreparationUnitOfWork
    keys: HavenKeys
    catalogue: Catalogue
    today: date

    def beside(self, preparation: Preparation, one: FileOf, order: ExtractOrder) -> ExtractOrder:
        """Return the order with those that were made of other editions.

        Of a linked data set those alone that were not made with the very lists.
        """
        permit = preparation.permit
        if not permit.opt_out.applied or one.data_set.is_about_nobody or permit.bridge:
            return order
        pinned = {edition.id for edition in preparation.editions}
        found: dict[tuple[object, ...], OtherExtract] = {}
        with self.uow.reading() as tx:
            for other in tx.preparations.beside(permit):
                months = tuple(m for m in permit.periods if m in other.permit.periods)
                editions = tuple(
                    edition
                    for edition in other.editions
                    if edition.id not in pinned and any(map(edition.covers, months))
                )
                if not editions:
                    continue
                said = opt_outs_of(other)
                names = None if said is None else ids_of(said)
                lists = () if names is None else tx.landed.lists_named(names)
                known = names is not None and len(lists) == len(names)
                is_linked = other.permit.line.data_set != permit.line.data_set
                if is_linked and known and _are_alike(lists, order.upheld):
                    continue
                whole = self.catalogue.by_digest(other.permit.line.catalogue_digest)
                extract = OtherExtract(
                    permit=other.permit,
                    data_set=one.data_set,
                    months=months,
                    editions=tuple((edition, self._key(edition)) for edition in editions),
                    upheld=self._opened(lists) if known else None,
                    lists=() if said is None else tuple(sorted(said.lists)),
                    rules=self.catalogue.rules_of(whole.data_set, self.today),
                )
                for inside in _files(other, whole):
                    held = replace(
                        extract,
                        permit=inside.inside,
                        data_set=inside.data_set,
                        whole=whole if inside.group else None,
                    )
                    found[_told_by(held, names)] = held
        return order.beside_others(tuple(found.values()))

    def _key(self, edition: PinnedEdition) -> bytes | None:
        with suppress(KeyClosed, KeyDestroyed, KeyUnavailable):
            return self.keys.get(f"edition/{edition.id}")
        return None

    def _opened(
        self, lists: Sequence[PinnedOptOutList]
    ) -> tuple[tuple[PinnedOptOutList, bytes], ...] | None:
        try:
            return tuple((one, self.keys.get(f"opt_out/{one.id}")) for one in lists)
        except (KeyClosed, KeyDestroyed, KeyUnavailable):
            return None


def opt_outs_of(other: Preparation) -> OptOut | None:
    """Return what is attested of who was left out of it; None: it is not made yet."""
    if not other.files:
        return None
    return Attestation.read(unverified(other.files[0].attestation)).opt_out


def ids_of(said: OptOut) -> tuple[UUID, ...]:
    """Name the lists, or replies, that a file was made with, the one in force first."""
    return tuple(UUID(id_) for id_ in (said.list_id, *(said.besides or ())) if id_)


def _files(other: Preparation, whole: DataSet) -> Iterator[FileOf]:
    """Return what the other permit is leave for, of whatever group.

    Whoever has rows in one group has rows in another: that is known of how they are joined.
    """
    yield from (of for of in files_of(other.permit, whole) if not of.data_set.is_about_nobody)


def _are_alike(some: Sequence[PinnedOptOutList], others: Sequence[PinnedOptOutList]) -> bool:
    """Say whether by both the same people are left out."""
    return {one.digest for one in some} == {one.digest for one in others}


def _told_by(extract: OtherExtract, names: tuple[UUID, ...] | None) -> tuple[object, ...]:
    """Return what decides whose rows it has: of several that are alike one is looked at."""
    permit = extract.permit
    return (
        permit.line.data_set,
        permit.extract_id if names is None else "",
        permit.population,
        permit.filters,
        permit.registered_with,
        extract.data_set.part,
        extract.months,
        tuple(edition.id for edition, _ in extract.editions),
        names,
    )
