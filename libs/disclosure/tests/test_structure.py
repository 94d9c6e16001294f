"""What is no hierarchy and no table is refused, each with its code."""

import numpy as np
import pytest

from disclosure import Dimension, Hierarchy, Table, problems

AGES = Dimension.flat("age", ["0-64", "65+"])
TREE = Dimension(
    "place",
    (Hierarchy.from_pairs([("N", "E"), ("S", "E"), ("N1", "N"), ("N2", "N"), ("S1", "S")]),),
)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(problems.HierarchyCycle):
        Hierarchy.from_pairs([("a", "b"), ("b", "c"), ("c", "a")])
    with pytest.raises(problems.HierarchyCycle):
        Hierarchy.from_pairs([("a", "a")])


def test_a_child_of_two_parents_is_refused() -> None:
    with pytest.raises(problems.HierarchyTwoParents):
        Hierarchy.from_pairs([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])


@pytest.mark.parametrize("pairs", [[], [("a", "b"), ("c", "d")]])
def test_a_hierarchy_has_one_root(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(problems.HierarchyInvalid):
        Hierarchy.from_pairs(pairs)


def test_two_hierarchies_have_the_same_categories() -> None:
    kinds = Hierarchy.from_pairs(
        [("acute", "E"), ("other", "E"), ("N1", "acute"), ("N2", "other"), ("S1", "acute")]
    )
    both = Dimension("place", (*TREE.hierarchies, kinds))
    table = Table(dimensions=(both,), counts=np.array([1, 2, 4]))
    assert table.cells[both.index["acute"]] == 5
    assert table.cells[both.index["N"]] == 3
    with pytest.raises(problems.HierarchyInvalid):
        Dimension("place", (*TREE.hierarchies, Hierarchy.from_pairs([("X", "E")])))


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ([[1, -1]], problems.CountNegative),
        ([[1.5, 1]], problems.CountFractional),
        ([["1", "2"]], problems.CountFractional),
        ([[1, 2, 3]], problems.TableInvalid),
        ([[1 << 41, 1]], problems.TableInvalid),
        ([[float("nan"), 1]], problems.CountFractional),
    ],
)
def test_counts_are_whole_and_not_negative(
    counts: list[list[object]], problem: type[problems.DisclosureProblem]
) -> None:
    with pytest.raises(problem):
        Table(dimensions=(Dimension.flat("a", ["x"]), AGES), counts=np.array(counts))


def test_ten_million_cells_are_too_many() -> None:
    wide = [Dimension.flat(name, [str(n) for n in range(2200)]) for name in "ab"]
    with pytest.raises(problems.TableTooLarge):
        Table(dimensions=(*wide, AGES), counts=np.zeros((2200, 2200, 2), np.int64))


def test_totals_are_checked() -> None:
    cells: dict[tuple[str, ...], object] = {("N1",): 9, ("N2",): 4, ("S1",): 6, ("E",): 19}
    assert Table.from_cells([TREE], cells).cells[TREE.index["N"]] == 13
    with pytest.raises(problems.TotalIsNotTheSum) as refused:
        Table.from_cells([TREE], cells | {("N",): 12})
    assert "N" in refused.value.detail
    assert "12" not in refused.value.detail
    with pytest.raises(problems.TableInvalid):
        Table.from_cells([TREE], {("X",): 1})
    with pytest.raises(problems.CountNegative):
        Table.from_cells([TREE], {("N1",): -1})


def test_what_is_protected_already_is_not_protected_again() -> None:
    with pytest.raises(problems.AlreadyProtected):
        Table.from_cells([TREE], {("N1",): 10, ("N2",): 15, ("S1",): 10, ("E",): 30})
    with pytest.raises(problems.AlreadyProtected):
        Table.from_cells([TREE], {("N1",): "*", ("S1",): 10})


def test_a_dimension_of_many_categories_takes_no_memory_of_their_square() -> None:
    many = Dimension.flat("practice", [f"P{n}" for n in range(100_000)])
    table = Table(dimensions=(many,), counts=np.full(100_000, 3))
    assert table.cells[0] == 300_000
    assert many.above.nbytes + table.cells.nbytes < 10_000_000


def test_a_table_of_multiples_of_five_alone_is_rounded_though_it_has_no_totals() -> None:
    units = Dimension.flat("unit", [f"U{at}" for at in range(20)])
    rounded = {(f"U{at}",): 5 * (at + 2) for at in range(12)}

    with pytest.raises(problems.AlreadyProtected, match="All 12 numbers are multiples of 5"):
        Table.from_cells([units], rounded)
    assert Table.from_cells([units], rounded | {("U3",): 27}).cells[0] > 0
    assert Table.from_cells([units], dict(list(rounded.items())[:11])).cells[0] > 0
