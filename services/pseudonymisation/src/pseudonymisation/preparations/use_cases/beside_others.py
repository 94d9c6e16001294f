"""What else an environment has of the months of an extract, in other editions (docs/adr/0171)."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from catalogue import Catalogue
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
from statements.attestation import Attestation


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherExtracts:
    """What else the environment has, or may come to have, of the months of one preparation."""

    uow: PreparationUnitOfWork
    keys: HavenKeys
    catalogue: Catalogue

    def beside(self, preparation: Preparation, one: FileOf, order: ExtractOrder) -> ExtractOrder:
        """Return the order with those that were made of other editions."""
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
                names = _lists_of(other)
                lists = () if names is None else tx.landed.lists_named(names)
                known = names is not None and len(lists) == len(names)
                extract = OtherExtract(
                    permit=other.permit,
                    data_set=one.data_set,
                    months=months,
                    editions=tuple((edition, self._key(edition)) for edition in editions),
                    upheld=self._opened(lists) if known else None,
                )
                for inside in self._files(other):
                    held = replace(extract, permit=inside.inside, data_set=inside.data_set)
                    found[_told_by(held, names)] = held
        return order.beside_others(tuple(found.values()))

    def _files(self, other: Preparation) -> Iterator[FileOf]:
        """Return what the other permit is leave for, of whatever group.

        Whoever has rows in one group has rows in another: that is known of how they are joined.
        """
        data_set = self.catalogue.by_digest(other.permit.line.catalogue_digest)
        yield from (
            of for of in files_of(other.permit, data_set) if not of.data_set.is_about_nobody
        )

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


def _lists_of(other: Preparation) -> tuple[UUID, ...] | None:
    """Name the lists, or replies, that it was made with; None: it is not made yet."""
    if not other.files:
        return None
    said = Attestation.read(unverified(other.files[0].attestation)).opt_out
    return tuple(UUID(id_) for id_ in (said.list_id, *(said.besides or ())) if id_)


def _told_by(extract: OtherExtract, names: tuple[UUID, ...] | None) -> tuple[object, ...]:
    """Return what decides whose rows it has: of several that are alike one is looked at."""
    permit = extract.permit
    return (
        permit.population,
        permit.filters,
        permit.registered_with,
        extract.data_set.part,
        extract.months,
        tuple(edition.id for edition, _ in extract.editions),
        names,
    )
