"""What a recipient's own table gives away, how, and from what."""

import pytest

from disclosure import Dimension, Hierarchy, Verdict, attack, check, problems, protect, rule
from libs.disclosure.tests.generated import by_chance, units

SHMI, CSDS, OLD = rule("SHMI"), rule("CSDS"), rule("HES_PRE2018")
TRUSTS = Dimension.flat("trust", ["A", "B", "C"], total="England", is_geography=True)


def test_a_cell_that_a_total_gives_away_is_named_with_the_sum() -> None:
    texts = {("England",): "104", ("A",): "*", ("B",): "95", ("C",): "0"}
    found = check([TRUSTS], texts, SHMI)

    assert [(f.cell, f.low, f.high) for f in found.findings] == [(("A",), 7, 7)]
    assert "[England: 104] = [A: 1 to 7] + [B: 93 to 97] + [C: 0]" in found.findings[0].because
    assert not found.is_safe


def test_a_table_that_is_safe_is_said_to_be() -> None:
    texts = {("England",): "100", ("A",): "*", ("B",): "40", ("C",): "55"}
    assert check([TRUSTS], texts, SHMI).is_safe


def test_a_number_that_the_rule_hides_is_named() -> None:
    texts = {("England",): "100", ("A",): "3", ("B",): "41", ("C",): "55"}
    assert check([TRUSTS], texts, SHMI).shown_against_the_rule == (("A",), ("B",))


def test_a_second_hidden_cell_may_stand_for_more() -> None:
    flat = Dimension.flat("unit", ["A", "B", "C"])
    texts = {("Total",): "53", ("A",): "*", ("B",): "*", ("C",): "30"}
    assert check([flat], texts, OLD).is_safe
    one = check([flat], texts | {("B",): "20"}, OLD)
    assert [(f.cell, f.low, f.high) for f in one.findings] == [(("A",), 3, 3)]


def test_a_cell_that_only_several_sums_tell_is_found_with_the_way() -> None:
    place = Dimension("place", (Hierarchy.from_pairs([("N", "T"), ("S", "T")]),))
    sex = Dimension("sex", (Hierarchy.from_pairs([("F", "T"), ("M", "T")]),))
    texts = {
        ("T", "T"): "60", ("T", "F"): "28", ("T", "M"): "32",
        ("N", "T"): "24", ("S", "T"): "36",
        ("N", "F"): "*", ("N", "M"): "*", ("S", "F"): "*", ("S", "M"): "12",
    }  # fmt: skip
    found = check([place, sex], texts, OLD)
    assert {f.cell for f in found.findings} >= {("N", "F")}
    assert all(f.because for f in found.findings if f.verdict is Verdict.RECOVERED)


def test_ten_million_cells_are_too_many_to_check() -> None:
    wide = [Dimension.flat(name, [f"{name}{at}" for at in range(3200)]) for name in "ab"]
    with pytest.raises(problems.TableTooLarge):
        check(wide, {("a1", "b1"): "*"}, SHMI)


def test_what_adds_up_to_nothing_is_refused() -> None:
    texts = {("England",): "20", ("A",): "*", ("B",): "95", ("C",): "40"}
    with pytest.raises(problems.PublishedImpossible):
        check([TRUSTS], texts, SHMI)


@pytest.mark.parametrize("text", ["", "3.5", "-4", "<5", "twelve", "٣"])
def test_a_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(problems.TableInvalid):
        check([TRUSTS], {("A",): text}, SHMI)


@pytest.mark.parametrize("seed", range(3))
def test_what_we_protect_gives_nothing_away(seed: int) -> None:
    shown = protect(by_chance(seed), SHMI)
    assert {f.verdict for f in attack(shown.view())} <= {Verdict.SAFE}
    assert check([*units(3, 20, 30).dimensions], {("All",): "55", ("U0",): "*"}, CSDS).hidden == 1
