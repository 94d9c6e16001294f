"""Tables as tests need them: small ones by hand, many by chance."""

from collections.abc import Sequence

import numpy as np

from disclosure import Dimension, Hierarchy, Table


def units(*counts: int, nation: bool = False, total: str = "All") -> Table:
    """A table of one dimension; its total is the nation's where `nation`."""
    names = [f"U{at}" for at in range(len(counts))]
    dimension = Dimension.flat("unit", names, total=total, is_geography=nation)
    return Table(dimensions=(dimension,), counts=np.array(counts))


def tree(name: str, fans: Sequence[int], *, geography: bool = False) -> Dimension:
    """A dimension of which every node of a level has as many parts."""
    pairs, level = [], ["T"]
    for fan in fans:
        below = [(f"{above}.{at}", above) for above in level for at in range(fan)]
        pairs, level = pairs + below, [child for child, _ in below]
    return Dimension(name, (Hierarchy.from_pairs(pairs),), geography)


def by_chance(seed: int) -> Table:
    """A small table of one to four dimensions, some with two levels, with many small numbers."""
    rng = np.random.default_rng(seed)
    while True:
        count = int(rng.integers(1, 5))
        dimensions = []
        for axis in range(count):
            if rng.random() < 0.4:
                fans = [2, 2] if count == 4 else rng.integers(2, 4, 2).tolist()
            else:
                fans = [int(rng.integers(2, 6 if count < 3 else 4))]
            dimensions.append(tree(f"d{axis}", fans, geography=axis == 0 and rng.random() < 0.5))
        if np.prod([len(d.nodes) for d in dimensions]) <= 500:
            break
    shape = tuple(len(d.leaves) for d in dimensions)
    rate = np.exp(rng.normal(1.2, 1.4, shape))
    return Table(dimensions=tuple(dimensions), counts=rng.poisson(rate))
