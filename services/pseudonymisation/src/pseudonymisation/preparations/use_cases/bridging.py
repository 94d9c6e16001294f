"""The two sides of a bridging file: of either line what it reads (docs/adr/0195)."""

from dataclasses import dataclass, replace

from catalogue import Catalogue
from pseudonymisation.preparations.domain.preparation import PinnedEdition, Preparation


@dataclass(frozen=True, slots=True)
class Sides:
    """A preparation as each of its lines has it; of records and tables there is one line."""

    own: Preparation
    other: Preparation | None

    @property
    def bridged(self) -> tuple[PinnedEdition, ...]:
        """Return the editions in which the other domain's people are looked for."""
        return () if self.other is None else self.other.editions


def sides(preparation: Preparation, catalogue: Catalogue) -> Sides:
    """Tell apart which of the pinned editions are of which line's data set."""
    permit = preparation.permit
    if permit.bridge is None:
        return Sides(preparation, None)

    def of(data_set: str) -> tuple[PinnedEdition, ...]:
        return tuple(
            edition
            for edition in preparation.editions
            if catalogue.by_digest(edition.catalogue_digest).data_set == data_set
        )

    return Sides(
        replace(preparation, editions=of(permit.line.data_set)),
        replace(
            preparation,
            permit=permit.of_the_other(),
            editions=of(permit.bridge.line.data_set),
        ),
    )
