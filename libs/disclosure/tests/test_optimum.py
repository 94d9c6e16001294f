"""The least that has to be hidden, of small tables."""

import math

import pytest

from disclosure import Verdict, attack, protect, protecting, rule, tells_the_strict, verify
from disclosure.optimum import CELLS_MAX
from disclosure.search import Search
from libs.disclosure.tests.generated import by_chance, units

SHMI = rule("SHMI")


def test_the_least_of_a_table_by_hand_is_what_one_finds_by_hand() -> None:
    """7 and 22 under 30 are 6 to 7 for who knows that the hidden one is small: 22 is hidden too."""
    shown = protect(units(7, 22), SHMI, least=True)
    assert {f.verdict for f in attack(shown.view(), exact=True)} == {Verdict.SAFE}
    assert shown.loss == pytest.approx(1 + math.log2(1 + 22) / 2)


@pytest.mark.parametrize("seed", [24, 79, 95, 113])
def test_the_least_is_proved_and_never_more_than_the_search_found(seed: int) -> None:
    table = by_chance(seed)
    greedy = protect(table, SHMI)
    least = protect(table, SHMI, least=True, seconds=20)
    assert verify(least) == int(least.guarded.sum())
    assert least.loss <= greedy.loss
    assert greedy.loss > 0
    assert {f.verdict for f in attack(least.view(), exact=True)} <= {Verdict.SAFE}


@pytest.mark.parametrize("seed", [70, 153, 217])
def test_the_least_tells_nothing_to_who_knows_which_hidden_numbers_are_small(seed: int) -> None:
    assert not tells_the_strict(protect(by_chance(seed), SHMI, least=True, seconds=20))


def test_were_small_numbers_a_choice_the_least_would_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The guard is taken out: the reader would not know which hidden numbers are small."""
    monkeypatch.setattr(Search, "is_told_small", lambda search, cell: False)
    monkeypatch.setattr(protecting, "tells_the_strict", lambda shown: False)
    assert tells_the_strict(protect(by_chance(70), SHMI, least=True, seconds=20))


def test_what_the_search_hid_and_need_not_be_is_shown() -> None:
    table = by_chance(113)
    assert protect(table, SHMI).loss > 0
    least = protect(table, SHMI, least=True, seconds=20)
    assert (least.loss, least.loss_cells) == (0, 0)


def test_a_table_that_is_too_large_for_it_is_protected_as_ever() -> None:
    large = next(t for seed in range(9) if (t := by_chance(seed)).cells.size > CELLS_MAX)
    shown = protect(large, SHMI, least=True)
    assert shown.texts.tolist() == protect(large, SHMI).texts.tolist()


def test_a_solver_writes_nothing_where_a_table_may_be_written(
    capfd: pytest.CaptureFixture[str],
) -> None:
    attack(protect(units(7, 22), SHMI, least=True).view(), exact=True)
    assert capfd.readouterr().out == ""
