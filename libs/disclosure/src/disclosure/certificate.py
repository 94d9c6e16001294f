"""The proof that a table is protected, and the short separate code that verifies it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from disclosure.problems import CertificateInvalid
from disclosure.structure import Bools, Ints

if TYPE_CHECKING:
    from disclosure.protecting import Protected
    from disclosure.search import Search

VALUES: Final = 3
"""Possible raw counts that every hidden cell keeps."""


@dataclass(frozen=True)
class Certificate:
    """Witness tables, as what each adds to and takes from raw counts of categories.

    Secret: with the raw table it tells nothing new, but it is computed from it. It stays where
    the raw table is.
    """

    offsets: Ints
    """Where each witness begins in the other two; one more than there are witnesses."""
    atoms: Ints
    """Flat places in `Table.counts`."""
    by: Ints

    @classmethod
    def of(cls, search: "Search") -> "Certificate":
        """Keep of a search the witnesses that its hidden cells need."""
        have: dict[int, set[int]] = {int(c): set() for c in np.nonzero(search.target)[0]}
        kept = []
        for witness in search.witnesses:
            new = False
            for cell, by in zip(witness.cells.tolist(), witness.cells_by.tolist(), strict=True):
                values = have.get(cell)
                if values is not None and len(values) < VALUES - 1 and by not in values:
                    values.add(by)
                    new = True
            if new:
                kept.append(witness)
        sizes = [len(w.atoms) for w in kept]
        none = np.zeros(0, np.int64)
        return cls(
            np.cumsum([0, *sizes]),
            np.concatenate([w.atoms for w in kept] or [none]),
            np.concatenate([w.by for w in kept] or [none]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[tuple[Ints, Ints]]:
        for begin, end in pairwise(self.offsets.tolist()):
            yield self.atoms[begin:end], self.by[begin:end]


def verify(shown: "Protected") -> int:
    """Check the certificate against the printed table; return how many cells it protects.

    Every witness is a table of counts (none negative) that would be printed just so, and every
    hidden cell has at least three counts among the raw table and the witnesses. Shares no code
    with the search: cells are computed from hierarchies, knowledge from the printed texts.

    Raises:
        CertificateInvalid: it does not.

    """
    reader = _Reader(shown)
    for atoms, by in shown.certificate:
        reader.look_at(atoms, by)
    return reader.protected()


class _Reader:
    """Looks at witnesses one after another, and keeps the counts that they give to hidden cells."""

    def __init__(self, shown: "Protected") -> None:
        table, view = shown.table, shown.view()
        self.shape, self.nodes = table.counts.shape, table.cells.shape
        self.counts, self.cells = table.counts.ravel(), table.cells.ravel()
        self.low, self.high = view.low.ravel(), view.high.ravel()
        if (self.cells < self.low).any() or (self.cells > self.high).any():
            raise CertificateInvalid("The raw table would not be printed so.")
        self.ups = [
            [np.array([n for n in line if n < len(d.nodes)]) for line in d.above.tolist()]
            for d in table.dimensions
        ]
        self.values: dict[int, set[int]] = {
            int(c): {int(self.cells[c])} for c in np.nonzero(shown.guarded.ravel())[0]
        }
        self.earlier = [
            (known, mask, {int(self.counts[mask].sum())})
            for known in shown.earlier
            for mask in (_mask(shown, known.members),)
        ]
        self.above: dict[int, Ints] = {}

    def look_at(self, atoms: Ints, by: Ints) -> None:
        """Raise CertificateInvalid where a witness would be printed otherwise; keep its counts."""
        if not len(atoms):
            return
        if (self.counts[atoms] + by < 0).any():
            raise CertificateInvalid("A witness has a negative count.")
        changed = [self._above(atom) for atom in atoms.tolist()]
        cells, place = np.unique(np.concatenate(changed), return_inverse=True)
        change = np.zeros(len(cells), np.int64)
        np.add.at(change, place.ravel(), np.repeat(by, [len(c) for c in changed]))
        value = self.cells[cells] + change
        if (value < self.low[cells]).any() or (value > self.high[cells]).any():
            raise CertificateInvalid("A witness would be printed otherwise.")
        for cell, now in zip(cells.tolist(), value.tolist(), strict=True):
            if cell in self.values:
                self.values[cell].add(now)
        for known, mask, seen in self.earlier:
            total = int(self.counts[mask].sum()) + int(by[mask[atoms]].sum())
            if not known.low <= total <= known.high:
                raise CertificateInvalid(f"A witness is not what {known.release} told.")
            seen.add(total)

    def protected(self) -> int:
        """Return how many cells are protected; raise CertificateInvalid where one is not."""
        for known, _, seen in self.earlier:
            if known.is_hidden and known.high - known.low >= VALUES - 1 and len(seen) < VALUES:
                raise CertificateInvalid(f"A cell that {known.release} hid has too few values.")
        lacking = sum(len(of) < VALUES for of in self.values.values())
        if lacking:
            raise CertificateInvalid(f"{lacking} hidden cells have fewer than {VALUES} values.")
        return len(self.values)

    def _above(self, atom: int) -> Ints:
        """Return the cells that a category's count is in, by hierarchies."""
        if atom not in self.above:
            place = np.unravel_index(atom, self.shape)
            axes = np.ix_(*(up[int(i)] for up, i in zip(self.ups, place, strict=True)))
            self.above[atom] = np.ravel_multi_index(axes, self.nodes).ravel()
        return self.above[atom]


def _mask(shown: "Protected", members: tuple[tuple[str, frozenset[str]], ...]) -> Bools:
    named = dict(members)
    mask = np.ones(shown.table.counts.shape, np.bool_)
    for axis, dimension in enumerate(shown.table.dimensions):
        if dimension.name in named:
            inside = np.array([leaf in named[dimension.name] for leaf in dimension.leaves])
            mask &= inside.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
    return mask.ravel()
