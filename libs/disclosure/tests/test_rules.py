"""Every worked example of docs/domain/7-disclosure.md 7.3 to 7.7, and what rules refuse."""

from datetime import date
from decimal import Decimal

import pytest

from disclosure import Profile, codes, problems, rule, rule_for, strictest

SHMI, CSDS, HES = rule("SHMI"), rule("CSDS"), rule("HES")
AS_PUBLISHED = Profile.AS_PUBLISHED


def gpw(low: int, high: int, base: int = 5, **more: object):
    told = {"suppress_min": low, "suppress_max": high, "round_base": base} | more
    return rule("GPW", parameters=told)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (0, "0"),
        (1, "*"),
        (4, "*"),
        (5, "*"),
        (7, "*"),
        (8, "10"),
        (12, "10"),
        (13, "15"),
        (1234, "1235"),
        (1232, "1230"),
        (998, "1000"),
    ],
)
@pytest.mark.scenario("D01")
def test_shmi_hides_1_to_7_and_rounds_the_rest(raw: int, shown: str) -> None:
    assert SHMI.count(raw) == shown


@pytest.mark.parametrize("raw", [3, 1234])
def test_the_nation_is_exact_under_shmi(raw: int) -> None:
    assert SHMI.count(raw, national=True) == str(raw)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (0, "*"),
        (1, "*"),
        (4, "*"),
        (5, "5"),
        (7, "5"),
        (8, "10"),
        (12, "10"),
        (13, "15"),
        (122, "120"),
        (123, "125"),
    ],
)
@pytest.mark.scenario("D02")
def test_csds_hides_0_to_4_and_rounds_the_rest(raw: int, shown: str) -> None:
    assert CSDS.count(raw) == shown


@pytest.mark.parametrize("raw", [2, 1234])
def test_the_nation_is_exact_under_csds(raw: int) -> None:
    assert CSDS.count(raw, national=True) == str(raw)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 40, "*"),
        (3, 40, "*"),
        (4, 40, "*"),
        (5, 40, "13%"),
        (7, 40, "18%"),
        (10, 80, "13%"),
        (2, 4, "*"),
        (13, 40, "33%"),
        (40, 40, "100%"),
        (38, 40, "95%"),
        (0, 0, "*"),
        (5, 5, "100%"),
    ],
)
@pytest.mark.scenario("D05")
def test_csds_percentages_are_made_from_raw_counts(part: int, whole: int, shown: str) -> None:
    assert CSDS.percentage(part, whole, profile=AS_PUBLISHED) == shown
    few_missing = whole - part <= 4
    assert CSDS.percentage(part, whole) == ("*" if few_missing else shown)


def test_a_national_percentage_is_exempt() -> None:
    assert CSDS.percentage(1, 8, national=True) == "13%"


@pytest.mark.parametrize(
    ("raw", "shown"), [(0, "0"), (1, "*"), (7, "*"), (8, "10"), (22, "20"), (23, "25")]
)
def test_hes_counts(raw: int, shown: str) -> None:
    assert HES.count(raw) == shown
    assert HES.count(4, national=True) == "4"
    assert HES.count(3, measure="other") == "3"


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(8, 40, "25%"), (13, 40, "38%"), (5, 40, "*"), (0, 40, "0%"), (38, 40, "100%")],
)
@pytest.mark.scenario("D06")
def test_hes_percentages_are_made_from_rounded_counts(part: int, whole: int, shown: str) -> None:
    assert HES.percentage(part, whole, profile=AS_PUBLISHED) == shown
    assert HES.percentage(part, whole) == ("*" if (part, whole) == (38, 40) else shown)


def test_a_percentage_that_looks_certain_is_explained() -> None:
    """38 of 40 is 40 of 40 when rounded."""
    assert HES.percentage(38, 40, profile=AS_PUBLISHED) == "100%"
    assert any("100%" in note and "rounded" in note for note in HES.footnotes)


def test_means_and_medians_are_hidden_by_their_n() -> None:
    assert HES.statistic("12.4", 6) == "*"
    assert HES.statistic(Decimal("12.4"), 8) == "12.4"
    assert HES.statistic("12.4", 0) == "-"
    assert HES.rate("104.2") == "104.2"


@pytest.mark.scenario("D10")
def test_a_total_is_computed_and_then_rounded() -> None:
    raw = [8, 8, 8]
    assert [HES.count(n) for n in raw] == ["10", "10", "10"]
    assert HES.count(sum(raw)) == "25"


@pytest.mark.scenario("D12")
def test_halves_go_up() -> None:
    assert CSDS.percentage(5, 40) == "13%"
    tenth = gpw(1, 4, base=1, fte_base="1")
    assert tenth.fte("2.5", 30) == "3"
    assert CSDS.percentage(50, 2000) == "3%"  # 2.5


@pytest.mark.scenario("D11")
def test_expected_ratio_and_band_are_hidden_with_their_observed() -> None:
    assert SHMI.with_observed(SHMI.count(5), "4.2", "1.19", "2") == ("*", "*", "*")
    assert SHMI.with_observed(SHMI.count(50), "42", "1.19", None) == ("42", "1.19", "-")


@pytest.mark.scenario("D08")
def test_gp_workforce_without_parameters_is_refused() -> None:
    with pytest.raises(problems.RuleMissing) as refused:
        rule("GPW")
    assert refused.value.code == "DISCLOSURE_RULE_MISSING"
    with pytest.raises(problems.RuleMissing):
        rule("GPW", parameters={})


def test_gp_workforce_by_its_agreement() -> None:
    assert gpw(1, 4).count(4, measure="headcount") == "*"
    assert gpw(1, 4).count(5) == "5"
    assert gpw(1, 4, zero_shown=True).count(0) == "0"
    assert gpw(0, 4).count(0) == "*"
    assert gpw(1, 7).count(6) == "*"
    assert gpw(1, 7).count(8) == "10"
    assert gpw(1, 4, base=1).count(6) == "6"
    assert gpw(1, 4, national_exempt=True).count(3, national=True) == "3"
    assert gpw(1, 4).count(3, national=True) == "*"
    assert gpw(1, 4).fte("1.8", 2) == "*"
    assert gpw(1, 4).fte("9.4", 11) == "9.4"
    assert gpw(1, 4, fte_base="5").fte("9.4", 11) == "10"
    assert gpw(1, 4, zero_shown=False).count(0) == "*"
    assert gpw(1, 4).count(None) == "-"
    with pytest.raises(problems.LevelNotAllowed):
        gpw(1, 4, min_practices=5).require_practices(1)
    with pytest.raises(problems.MeasureWithoutRule):
        gpw(1, 4, measures=["headcount"]).count(9, measure="events")


@pytest.mark.parametrize(
    "told",
    [
        {"suppress_min": 1},
        {"suppress_min": 1, "suppress_max": 4, "round_base": 5, "suppres_max": 4},
        {"suppress_min": 4, "suppress_max": 1, "round_base": 5},
        {"suppress_min": 3, "suppress_max": 4, "round_base": 5},
        {"suppress_min": -1, "suppress_max": 4, "round_base": 5},
        {"suppress_min": 1, "suppress_max": 4, "round_base": 0},
        {"suppress_min": 1, "suppress_max": True, "round_base": 5},
        {"suppress_min": 1, "suppress_max": 1, "round_base": 5},
        {"suppress_min": 0, "suppress_max": 4, "round_base": 5, "zero_shown": True},
        {"suppress_min": 1, "suppress_max": 4, "round_base": 20},
    ],
)
def test_parameters_that_are_no_rule_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(problems.RuleInvalid):
        rule("GPW", parameters=told)


@pytest.mark.scenario("D07")
def test_a_linked_output_takes_the_strictest() -> None:
    linked = strictest([HES, CSDS])
    assert [linked.count(n) for n in (0, 6, 8)] == ["*", "*", "10"]
    assert linked.count(3, national=True) == "3"
    assert strictest([HES, gpw(1, 4)]).count(3, national=True) == "*"
    assert linked.percentage(20, 40) == "50%"


def test_the_rule_of_a_linked_output_is_asked_for_by_its_codes() -> None:
    told = {"suppress_min": 0, "suppress_max": 9, "round_base": 10}

    assert rule_for(["SHMI"]) == SHMI
    assert rule_for(["HES", "CSDS", "HES"]) == strictest([HES, CSDS])
    assert rule_for(["HES", "GPW"], parameters=told) == strictest([HES, gpw(0, 9, base=10)])
    with pytest.raises(problems.RuleMissing):
        rule_for(["HES", "GPW"])
    with pytest.raises(problems.RuleMissing):
        rule_for([])
    with pytest.raises(problems.RuleInvalid, match="HES and CSDS take none"):
        rule_for(["HES", "CSDS"], parameters=told)


@pytest.mark.scenario("D09")
def test_learning_disability_is_not_exempt_nationally() -> None:
    ncdr = rule("NCDR04")
    assert ncdr.count(3, national=True, topics=frozenset({"LEARNING_DISABILITY"})) == "*"
    assert ncdr.count(3, national=True) == "3"


def test_a_rule_of_another_date_is_refused_with_those_in_force() -> None:
    assert rule("HES_PRE2018", on=date(2018, 8, 31)).count(6) == "6"
    with pytest.raises(problems.RuleNotInForce) as refused:
        rule("HES_PRE2018", on=date(2018, 9, 1))
    assert "HES" in refused.value.members["in_force"]
    with pytest.raises(problems.RuleNotInForce):
        rule("HES", on=date(2018, 8, 31))


@pytest.mark.parametrize("code", ["", None])
def test_no_rule_is_refused(code: str | None) -> None:
    with pytest.raises(problems.RuleMissing):
        rule(code)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(problems.RuleUnknown):
        rule("shmi")


@pytest.mark.parametrize("odd", [1.5, float("nan"), float("inf"), "3", True])
def test_a_count_is_a_whole_number(odd: object) -> None:
    with pytest.raises(problems.CountFractional):
        SHMI.count(odd)
    with pytest.raises(problems.CountNegative):
        SHMI.count(-1)
    assert SHMI.count(None) == "-"


@pytest.mark.parametrize("code", [code for code in codes() if code != "GPW"])
def test_what_stands_behind_a_shown_number_is_what_rounds_to_it(code: str) -> None:
    known = rule(code)
    behind: dict[str, list[int]] = {}
    for raw in range(60):
        behind.setdefault(known.count(raw), []).append(raw)
    hidden = behind.pop("*")
    assert hidden == list(range(known.small_from, known.small_to + 1))
    for shown, raws in list(behind.items())[:-1]:
        assert known.behind(int(shown)) == (raws[0], raws[-1])
    with pytest.raises(problems.RuleInvalid):
        known.behind(3)


@pytest.mark.parametrize("code", [code for code in codes() if code != "GPW"])
def test_a_rule_tells_its_source_and_its_footnotes(code: str) -> None:
    assert "7.1" in rule(code).source
    assert "`*`" in rule(code).footnotes[0]
