"""Which groups that are asked for together nobody could join."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from catalogue.model import DataSet
from catalogue.relations.words import qualified, split


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Two groups that are asked for without all columns by which their rows are joined."""

    group: str
    other: str
    missing: tuple[str, ...]

    @property
    def detail(self) -> str:
        return (
            f"{self.group} and {self.other} lack fields that link them: their rows can be joined by"
            " person only."
        )


def unlinked(data_set: DataSet, names: Collection[str]) -> Iterator[Unlinked]:
    """Find groups of which columns are asked for, and not those that link them."""
    chosen = {split(name)[0] for name in names}
    for at, group in enumerate(data_set.groups):
        for other, by in group.links.items():
            both = (group.group, other)
            said_before = any(
                one.group == other and group.group in one.links for one in data_set.groups[:at]
            )
            if not chosen.issuperset(both) or said_before:
                continue
            wanted = [qualified(part, column) for column in by for part in both]
            missing = tuple(name for name in wanted if name not in names)
            if missing:
                yield Unlinked(*both, missing)
