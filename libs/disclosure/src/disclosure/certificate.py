"""The proof that a table is protected, and the short separate code that verifies it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from disclosure.problems import CertificateInvalid
from disclosure.structure import Bools, Ints

if TYPE_CHECKING:
    from disclosure.protecting import Protected
    from disclosure.search import Search
    from disclosure.system import Earlier

VALUES: Final = 3
"""Possible raw counts that every hidden cell keeps."""
BATCH: Final = 4096
"""Witnesses that are looked at together."""
SPAN: Final = 1 << 42
"""More than any count: a cell and a count are one number."""
NONE: Final = -(10**7)
"""Of no node: stays negative whatever is added on the way to a cell's number."""


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


def verify(shown: "Protected") -> int:
    """Check the certificate against the printed table; return how many cells it protects.

    Every witness is a table of counts (none negative) that would be printed just so, and every
    hidden cell has at least three counts among the raw table and the witnesses. Shares no code
    with the search: cells are computed from hierarchies, knowledge from the printed texts.

    Raises:
        CertificateInvalid: it does not.

    """
    reader, proof = _Reader(shown), shown.certificate
    sizes, atoms = np.diff(proof.offsets), proof.atoms
    if (
        (sizes < 0).any()
        or proof.offsets[0] != 0
        or not proof.offsets[-1] == len(atoms) == len(proof.by)
        or (len(atoms) and not 0 <= atoms.min() <= atoms.max() < reader.counts.size)
    ):
        raise CertificateInvalid("It is not a list of witnesses.")
    for first in range(0, len(proof), BATCH):
        last = min(first + BATCH, len(proof))
        part = slice(int(proof.offsets[first]), int(proof.offsets[last]))
        which = np.repeat(np.arange(last - first), sizes[first:last])
        reader.look_at(which, atoms[part], proof.by[part], last - first)
    return reader.protected()


@dataclass
class _SaidBefore:
    """What all other releases together told of one cell."""

    release: str
    mask: Bools
    """The categories that it counts."""
    seen: set[int]
    """Counts that it can have: the raw one, and those of witnesses."""
    low: int = 0
    high: int = SPAN
    is_hidden: bool = False

    def add(self, known: "Earlier") -> None:
        self.low, self.high = max(self.low, known.low), min(self.high, known.high)
        if known.is_hidden:
            self.release, self.is_hidden = known.release, True


class _Reader:
    """Looks at witnesses, many at once, and keeps the counts that they give to hidden cells."""

    def __init__(self, shown: "Protected") -> None:
        table, view = shown.table, shown.view()
        self.shape, self.nodes = table.counts.shape, table.cells.shape
        self.counts, self.cells = table.counts.ravel(), table.cells.ravel()
        self.low, self.high = view.low.ravel(), view.high.ravel()
        if (self.cells < self.low).any() or (self.cells > self.high).any():
            raise CertificateInvalid("The raw table would not be printed so.")
        self.lines = [d.above for d in table.dimensions]
        self.guarded = shown.guarded.ravel()
        hidden = np.nonzero(self.guarded)[0]
        self.seen = [hidden * SPAN + self.cells[hidden]]
        """Cells with counts that they can have, each pair as one number."""
        self.earlier: dict[bytes, _SaidBefore] = {}
        """What other releases told of cells, by what these count."""
        for known in shown.earlier:
            mask = _mask(shown, known.members)
            begun = _SaidBefore(known.release, mask, {int(self.counts[mask].sum())})
            self.earlier.setdefault(mask.tobytes(), begun).add(known)

    def look_at(self, which: Ints, atoms: Ints, by: Ints, witnesses: int) -> None:
        """Raise CertificateInvalid where one would be printed otherwise; keep the counts.

        `which` says of which witness each atom is.
        """
        if (self.counts[atoms] + by < 0).any():
            raise CertificateInvalid("A witness has a negative count.")
        above = self._above(atoms)
        inside = above >= 0
        keys = (which[:, None] * len(self.cells) + above)[inside]
        gains = np.broadcast_to(by[:, None], above.shape)[inside]
        places, where = np.unique(keys, return_inverse=True)
        change = np.zeros(len(places), np.int64)
        np.add.at(change, where.ravel(), gains)
        cells = places % len(self.cells)
        value = self.cells[cells] + change
        if (value < self.low[cells]).any() or (value > self.high[cells]).any():
            raise CertificateInvalid("A witness would be printed otherwise.")
        kept = self.guarded[cells]
        self.seen.append(np.unique(cells[kept] * SPAN + value[kept]))
        for told in self.earlier.values():
            total = np.full(witnesses, int(self.counts[told.mask].sum()), np.int64)
            np.add.at(total, which, by * told.mask[atoms])
            if (total < told.low).any() or (total > told.high).any():
                raise CertificateInvalid(f"A witness is not what {told.release} told.")
            told.seen.update(total.tolist())

    def protected(self) -> int:
        """Return how many cells are protected; raise CertificateInvalid where one is not."""
        for told in self.earlier.values():
            is_known = told.high - told.low < VALUES - 1
            if told.is_hidden and not is_known and len(told.seen) < VALUES:
                raise CertificateInvalid(f"A cell that {told.release} hid has too few values.")
        cells = np.unique(np.concatenate(self.seen)) // SPAN
        counts = np.bincount(cells, minlength=len(self.cells))
        lacking = int((self.guarded & (counts < VALUES)).sum())
        if lacking:
            raise CertificateInvalid(f"{lacking} hidden cells have fewer than {VALUES} values.")
        return int(self.guarded.sum())

    def _above(self, atoms: Ints) -> Ints:
        """Return the cells that each category's count is in, by hierarchies; -1 is none."""
        found = np.zeros((len(atoms), 1), np.int64)
        places = np.unravel_index(atoms, self.shape)
        for place, line, nodes in zip(places, self.lines, self.nodes, strict=True):
            step = np.where(line < nodes, line, NONE)[place]
            found = (found[:, :, None] * nodes + step[:, None, :]).reshape(len(atoms), -1)
        return np.where(found < 0, -1, found)


def _mask(shown: "Protected", members: tuple[tuple[str, frozenset[str]], ...]) -> Bools:
    named = dict(members)
    mask = np.ones(shown.table.counts.shape, np.bool_)
    for axis, dimension in enumerate(shown.table.dimensions):
        if dimension.name in named:
            inside = np.array([leaf in named[dimension.name] for leaf in dimension.leaves])
            mask &= inside.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
    return mask.ravel()
