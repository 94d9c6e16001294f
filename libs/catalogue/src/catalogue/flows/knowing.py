"""The catalogue with local flows: the fixed files first, and whoever keeps the flows second."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from catalogue.flows.rules import is_local_flow
from catalogue.model import DataSet
from catalogue.store import Catalogue, UnknownDataSet

Versions = Mapping[str, str]
"""The digest of each version of one local flow that is approved."""


class LocalFlows(Protocol):
    """Where local flows are had from: agreements, and what was had from there before."""

    def versions(self, name: str) -> Versions:
        """Ask which versions are approved now; none where nobody knows the flow.

        Raises Unavailable where agreements does not answer: nothing is guessed.
        """
        ...

    def by_digest(self, digest: str) -> DataSet | None:
        """Return the flow with this digest, or None where it is not, or no more, approved.

        What was had before is kept, and had again without asking.
        """
        ...

    def kept(self) -> Iterable[DataSet]:
        """Return those that were had before."""
        ...


@dataclass(frozen=True, slots=True)
class AtHand:
    """Local flows that were had before, whatever became of them: for what was landed by them."""

    flows: LocalFlows

    def versions(self, name: str) -> Versions:
        return {one.version: one.digest for one in self.kept() if one.data_set == name}

    def by_digest(self, digest: str) -> DataSet | None:
        return self.flows.by_digest(digest)

    def kept(self) -> Iterable[DataSet]:
        return self.flows.kept()


@dataclass(frozen=True, slots=True)
class CatalogueWithFlows(Catalogue):
    """Every fixed file, and beside them the local flows that two people stand for."""

    flows: LocalFlows | None = None

    def __iter__(self) -> Iterator[DataSet]:
        yield from self.data_sets
        if self.flows is not None:
            yield from self.flows.kept()

    def get(self, name: str, version: str | None = None) -> DataSet:
        return self.having([name]).fixed().get(name, version)

    def for_period(self, name: str, month: str) -> DataSet:
        return self.having([name]).fixed().for_period(name, month)

    def by_digest(self, digest: str) -> DataSet:
        known = next((one for one in self.data_sets if one.digest == digest), None)
        if known is None and self.flows is not None:
            known = self.flows.by_digest(digest)
        if known is None:
            raise UnknownDataSet("The catalogue has no file of that digest")
        return known

    def having(self, names: Iterable[str]) -> "CatalogueWithFlows":
        """Return the catalogue with these flows, as they are approved now, among its files.

        For whoever asks often of the same names, or must not ask anybody.
        """
        flows = self.flows
        wanted = sorted({name for name in names if is_local_flow(name)})
        if flows is None or not wanted:
            return self
        digests = [digest for name in wanted for digest in flows.versions(name).values()]
        found = [one for digest in digests if (one := flows.by_digest(digest)) is not None]
        return replace(self, data_sets=(*self.data_sets, *found))

    def at_hand(self) -> "CatalogueWithFlows":
        """Return the catalogue by which what is there is read, also when agreements is away."""
        return self if self.flows is None else replace(self, flows=AtHand(self.flows))

    def fixed(self) -> Catalogue:
        return Catalogue(self.data_sets, self.landing_rules)
