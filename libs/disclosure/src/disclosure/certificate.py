"""The proof that a table is protected, and the short separate code that verifies it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from disclosure.problems import CertificateInvalid
from disclosure.structure import Bools, Ints

if TYPE_CHECKING:
    from disclosure.protecting import Protected
    from disclosure.search import Search

VALUES: Final = 3
"""Possible raw counts that every hidden cell keeps."""
BATCH: Final = 2048


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


def verify(shown: "Protected") -> int:  # noqa: C901, PLR0912
    """Check the certificate against the printed table; return how many cells it protects.

    Every witness is a table of counts (none negative) that would be printed just so, and every
    hidden cell has at least three counts among the raw table and the witnesses. Shares no code
    with the search: cells are computed from membership, knowledge from the printed texts.

    Raises:
        CertificateInvalid: it does not.

    """
    table, proof = shown.table, shown.certificate
    view = shown.view()
    shape, cells = table.counts.shape, table.cells.ravel()
    low, high = view.low.ravel(), view.high.ravel()
    if (cells < low).any() or (cells > high).any():
        raise CertificateInvalid("The raw table would not be printed so.")
    ups = [[np.nonzero(column)[0] for column in d.membership.T] for d in table.dimensions]
    extra = [_mask(shown, known.members) for known in shown.earlier]
    values: dict[int, set[int]] = {
        int(c): {int(cells[c])} for c in np.nonzero(shown.guarded.ravel())[0]
    }
    before: list[set[int]] = [set() for _ in shown.earlier]
    cache: dict[int, Ints] = {}
    for at in range(len(proof)):
        part = slice(int(proof.offsets[at]), int(proof.offsets[at + 1]))
        change: dict[int, int] = {}
        for atom, by in zip(proof.atoms[part].tolist(), proof.by[part].tolist(), strict=True):
            if table.counts.ravel()[atom] + by < 0:
                raise CertificateInvalid("A witness has a negative count.")
            if atom not in cache:
                place = np.unravel_index(atom, shape)
                axes = np.ix_(*(up[int(i)] for up, i in zip(ups, place, strict=True)))
                cache[atom] = np.ravel_multi_index(axes, table.cells.shape).ravel()
            for cell in cache[atom].tolist():
                change[cell] = change.get(cell, 0) + by
        for cell, by in change.items():
            value = int(cells[cell]) + by
            if not low[cell] <= value <= high[cell]:
                raise CertificateInvalid("A witness would be printed otherwise.")
            if cell in values:
                values[cell].add(value)
        for known, mask, values_before in zip(shown.earlier, extra, before, strict=True):
            now = int(table.counts.ravel()[mask].sum())
            values_before.add(now)
            now += int(proof.by[part][mask[proof.atoms[part]]].sum())
            if not known.low <= now <= known.high:
                raise CertificateInvalid(f"A witness is not what {known.release} told.")
            values_before.add(now)
    for known, values_before in zip(shown.earlier, before, strict=True):
        if known.is_hidden and known.high - known.low >= VALUES - 1 and len(values_before) < VALUES:
            raise CertificateInvalid(f"A cell that {known.release} hid has too few values.")
    lacking = sum(len(of) < VALUES for of in values.values())
    if lacking:
        raise CertificateInvalid(f"{lacking} hidden cells have fewer than {VALUES} values.")
    return len(values)


def _mask(shown: "Protected", members: tuple[tuple[str, frozenset[str]], ...]) -> Bools:
    named = dict(members)
    mask = np.ones(shown.table.counts.shape, np.bool_)
    for axis, dimension in enumerate(shown.table.dimensions):
        if dimension.name in named:
            inside = np.array([leaf in named[dimension.name] for leaf in dimension.leaves])
            mask &= inside.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
    return mask.ravel()
