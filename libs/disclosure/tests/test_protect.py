"""What is hidden stays hidden: worked examples of 7.8, and attacks on tables made by chance."""

import time
from dataclasses import replace

import numpy as np
import pytest

from disclosure import (
    Certificate,
    Dimension,
    DisclosureProblem,
    Earlier,
    Hierarchy,
    Profile,
    Protected,
    Table,
    Verdict,
    attack,
    protect,
    rule,
    verify,
)
from disclosure.problems import CertificateInvalid, TableInvalid, TableUnprovable
from disclosure.protecting import shown_of, tells_the_strict
from disclosure.search import Search
from disclosure.starting import start
from disclosure.system import build
from libs.disclosure.tests.generated import by_chance, tree, units

SHMI, CSDS = rule("SHMI"), rule("CSDS")
OLD = rule("HES_PRE2018")


def published(table: Table, code: str) -> Protected:
    return protect(table, rule(code), profile=Profile.AS_PUBLISHED)


def ranges(shown: Protected) -> set[tuple[int, int | None]]:
    return {(f.low, f.high) for f in attack(shown.view(), exact=True)}


ALL_SMALL = {(1,) * 6, (1,) * 7}
"""Nothing is shown, and still who can tell that all are small can tell that each is 1 or 2."""


@pytest.mark.parametrize(
    ("code", "counts", "nation", "printed", "possible"),
    [
        ("HES_PRE2018", (3, 20, 30), False, "53 * 20 30", {(3, 3)}),
        ("SHMI", (3, 20, 30), False, "55 * 20 30", {(1, 7)}),
        ("SHMI", (40, 57, 3), True, "100 40 55 *", {(1, 7)}),
        ("SHMI", (3,), True, "3 *", {(3, 3)}),
        ("SHMI", (7, 97), True, "104 * 95", {(7, 7)}),
        ("SHMI", (3, 97), True, "100 * 95", {(3, 7)}),
        ("SHMI", (1, 18), True, "19 * 20", {(1, 1)}),
        ("SHMI", (7, 22), False, "30 * 20", {(6, 7)}),
        ("CSDS", (2, 0, 30), False, "30 * * 30", {(0, 4)}),
        ("CSDS", (4, 16), False, "20 * 15", {(1, 4)}),
        ("CSDS", (4, 22), True, "26 * 20", {(4, 4)}),
        ("SHMI", (2, 6), False, "10 * *", {(1, 7)}),
        ("SHMI", (1, 1, 1, 1, 1, 1), False, "* * * * * * *", {(1, 2), (6, 7)}),
        ("SHMI", (1,) * 7, False, "* * * * * * * *", {(1, 1), (7, 7)}),
        ("SHMI", (1, 2), True, "3 * *", {(1, 2)}),
    ],
)
def test_what_a_published_table_gives_away_is_found_and_protected(
    code: str, counts: tuple[int, ...], nation: bool, printed: str, possible: set[tuple[int, int]]
) -> None:
    table = units(*counts, nation=nation)
    shown = published(table, code)

    assert " ".join(shown.texts) == printed
    assert ranges(shown) == possible
    given = any(high - low < 2 for low, high in possible)
    assert bool(shown.findings) == given

    if counts in ALL_SMALL:
        with pytest.raises(TableUnprovable, match="coarser"):
            protect(table, rule(code))
        return
    ours = protect(table, rule(code))
    assert all(f.verdict is Verdict.SAFE for f in attack(ours.view(), exact=True))
    if not given:
        assert ours.texts.tolist() == shown.texts.tolist() or nation


@pytest.mark.scenario("D04")
def test_an_exact_nation_that_gives_a_unit_away_is_not_exact() -> None:
    shown = protect(units(7, 97, nation=True), SHMI)
    assert shown.texts[0] != "104"
    assert shown.reasons["nation_not_exact"] == 1
    assert any("national" in note for note in shown.footnotes)
    assert verify(shown) == int(shown.guarded.sum())


@pytest.mark.scenario("D03")
def test_a_national_3_is_shown_where_three_units_make_it_and_none_is_given_away() -> None:
    dimension = Dimension.flat("trust", ["A", "B", "C"], total="England", is_geography=True)
    nation_only = np.array([True, False, False, False])
    three = Table(dimensions=(dimension,), counts=np.array([1, 1, 1]), printed=nation_only)
    two = replace(three, counts=np.array([1, 2, 0]))
    with_units = replace(three, printed=None)

    assert protect(three, SHMI).texts.tolist() == ["3", "", "", ""]
    assert protect(two, SHMI).texts.tolist() == ["*", "", "", ""]
    shown = protect(with_units, SHMI)
    assert all(f.verdict is Verdict.SAFE for f in attack(shown.view(), exact=True))
    assert published(with_units, "SHMI").findings


@pytest.mark.scenario("D10")
def test_totals_are_computed_and_then_rounded() -> None:
    assert protect(units(8, 8, 8), rule("HES")).texts.tolist() == ["25", "10", "10", "10"]


@pytest.mark.scenario("D09")
def test_learning_disability_has_no_exempt_nation() -> None:
    dimension = Dimension.flat("provider", ["A", "B", "C"], total="England", is_geography=True)
    only = np.array([True, False, False, False])
    ld = frozenset({"LEARNING_DISABILITY"})
    table = Table(dimensions=(dimension,), counts=np.array([1, 1, 1]), printed=only, topics=ld)
    assert protect(table, rule("NCDR04")).texts[0] == "*"
    assert protect(replace(table, topics=frozenset()), rule("NCDR04")).texts[0] == "3"


def test_a_zero_that_cannot_be_otherwise_is_no_count() -> None:
    table = replace(units(0, 0, 30), structural=np.array([True, False, False]))
    assert protect(table, CSDS).texts.tolist() == ["30", "-", "*", "30"]
    away = replace(units(0, 0, 30), not_submitted=np.array([True, False, False]))
    assert protect(away, SHMI).texts.tolist() == ["30", "-", "0", "30"]
    with pytest.raises(TableInvalid):
        replace(units(1, 2), structural=np.array([True, False]))


def test_a_companion_that_tells_the_exact_count_is_what_a_reader_has() -> None:
    """Percentages from raw counts, or a ratio beside its expected, tell a rounded count exactly."""
    table = units(3, 20, 30)
    assert ranges(published(table, "SHMI")) == {(1, 7)}
    told = replace(table, exact=np.array([True, False, True, True]))
    assert ranges(published(told, "SHMI")) == {(3, 3)}
    ours = protect(told, SHMI)
    assert all(f.verdict is Verdict.SAFE for f in attack(ours.view(), exact=True))


def test_what_earlier_releases_told_by_what_cannot_be_is_not_guarded() -> None:
    """Sectors were told exactly: of the districts that they lie in, all is known."""
    sectors = Dimension.flat("sector", ["A1", "A2", "B1"])
    districts = Dimension.flat("district", ["A", "B"])
    counts = np.array([[12, 0], [4, 0], [0, 30]])
    printed = np.zeros((4, 3), np.bool_)
    printed[0] = True
    table = Table(
        dimensions=(sectors, districts), counts=counts, structural=counts == 0, printed=printed
    )
    told = [
        Earlier("r1", (("sector", frozenset({one})),), n, n)
        for one, n in (("A1", 12), ("A2", 4), ("B1", 30))
    ]

    shown = protect(table, SHMI, earlier=told)

    assert shown.texts[0].tolist() == ["45", "15", "30"]
    assert not shown.guarded.any()


@pytest.mark.parametrize("least", [False, True])
def test_a_national_number_that_something_tells_exactly_is_hidden_and_not_rounded(
    least: bool,
) -> None:
    """Rounding it would hide nothing: observed and expected deaths of units and of England."""
    told = replace(units(10, 5, 41, 33), exact=np.ones(5, np.bool_))

    ours = protect(told, SHMI, least=least)

    assert ours.guarded.sum() > 0
    assert all(f.verdict is Verdict.SAFE for f in attack(ours.view(), exact=True))


AB = (("unit", frozenset({"U0", "U1"})),)
"""A sum that no cell of the table is."""


def test_a_sum_that_an_earlier_release_hid_stays_hidden_though_no_cell_is_it() -> None:
    """1 and 4 beside 20 and an exact 25 are safe; that they are 5 together was hidden."""
    table, exact = units(1, 4, 20), rule("HES_PRE2018")
    assert protect(table, exact).texts.tolist() == ["25", "*", "*", "20"]

    shown = protect(table, exact, earlier=[Earlier("r1", AB, 1, 5, is_hidden=True)])

    assert shown.texts.tolist() != ["25", "*", "*", "20"]
    assert all(f.verdict is Verdict.SAFE for f in attack(shown.view(), exact=True))


def test_a_sum_that_was_hidden_and_told_later_is_not_guarded_any_more() -> None:
    told = [Earlier("r1", AB, 1, 5, is_hidden=True), Earlier("r2", AB, 5, 5)]

    shown = protect(units(1, 4, 20), rule("HES_PRE2018"), earlier=told)

    assert shown.texts.tolist() == ["25", "*", "*", "20"]


def test_a_small_difference_of_what_was_told_exactly_is_not_guarded() -> None:
    """By right a recipient has all units, and all but two: what these are together is known."""
    told = [
        Earlier("r1", (), 27, 27),
        Earlier("r2", (("unit", frozenset({"U2", "U3"})),), 22, 22),
    ]

    shown = protect(units(2, 3, 9, 13), SHMI, earlier=told)

    assert shown.texts.tolist()[1:3] == ["*", "*"]
    assert all(f.verdict is Verdict.SAFE for f in attack(shown.view(), exact=True))


def test_what_counts_no_people_is_shown() -> None:
    assert protect(replace(units(3, 20), measure="other"), SHMI).texts.tolist() == ["23", "3", "20"]


# -- exact counts by right


def by_right(table: Table, *cells: str) -> Table:
    (dimension,) = table.dimensions
    return replace(table, by_right=np.array([node in cells for node in dimension.nodes]))


def test_what_a_recipient_has_by_right_is_exact_and_no_reveal() -> None:
    shown = protect(by_right(units(3, 21, 30), "All", "U0", "U1", "U2"), SHMI)

    assert shown.texts.tolist() == ["54", "3", "21", "30"]
    assert not shown.guarded.any()
    assert shown.reasons["by_right"] == 3
    assert any("by right" in note for note in shown.footnotes)
    assert attack(shown.view()) == ()


def test_what_a_recipient_has_by_right_gives_nothing_else_away() -> None:
    """With the total and a sibling exact, the other unit's number is what is left."""
    told = by_right(units(3, 21), "U1")
    assert protect(units(3, 21), SHMI).texts.tolist() == ["25", "*", "20"]
    shown = protect(told, SHMI)
    assert shown.texts.tolist()[1:] == ["*", "21"]
    assert {f.verdict for f in attack(shown.view(), exact=True)} == {Verdict.SAFE}
    assert shown.view().low[2] == shown.view().high[2] == 21
    assert verify(shown) == int(shown.guarded.sum())

    with pytest.raises(TableUnprovable):
        protect(by_right(units(3, 21), "All", "U1"), SHMI)


def test_what_a_recipient_has_by_right_is_known_also_where_it_is_not_printed() -> None:
    table = replace(by_right(units(3, 21), "All", "U1"), printed=np.array([False, True, False]))
    with pytest.raises(TableUnprovable):
        protect(table, SHMI)


def test_what_a_recipient_has_by_right_is_told_to_nobody_else() -> None:
    shown = protect(by_right(units(3, 21, 30), "U0"), SHMI)
    own = {(e.low, e.high) for e in shown.shown("r")}
    others = {(e.low, e.high) for e in shown.shown("r", by_right=False)}
    assert (3, 3) in own
    assert (3, 3) not in others
    assert len(others) == len(shown.texts) - 1


def test_a_cell_by_right_before_hides_nothing_else_for_that_recipient() -> None:
    before = protect(by_right(units(3, 21, 30), "U0"), SHMI).shown("r1")
    again = protect(units(3, 21, 30), SHMI, earlier=before)
    assert not again.guarded[1]


def test_what_a_recipient_has_by_right_is_in_the_view_also_where_it_is_not_printed() -> None:
    table = replace(by_right(units(3, 21, 30), "U0"), printed=np.array([True, False, True, True]))
    view = protect(table, SHMI).view()
    assert (view.low[1], view.high[1]) == (3, 3)


# -- other releases


def earlier(*leaves: str, low: int, high: int, hidden: bool = False) -> Earlier:
    return Earlier("the release of May", (("unit", frozenset(leaves)),), low, high, hidden)


def test_a_practice_less_is_safe_by_rounding_and_not_by_exact_numbers() -> None:
    """The difference of two totals is a cell that nobody printed."""
    total_only = np.array([True, False, False])
    table = replace(units(9, 3), printed=total_only)
    rounded = protect(table, SHMI, earlier=[earlier("U0", low=8, high=12)])
    assert rounded.texts[0] == "10"

    exact = [earlier("U0", low=9, high=9)]
    assert protect(table, OLD, earlier=exact).texts[0] == "*"
    assert protect(table, OLD).texts[0] == "12"


@pytest.mark.parametrize(("before", "now"), [(9, 12), (8, 9)])
def test_what_two_rounded_numbers_differ_by_keeps_five_counts(before: int, now: int) -> None:
    """A practice less (12, then 9) and a cumulative month (8, then 9): 10 and 10, 0 to 4 between.

    Exact figures would show 3, and 1.
    """
    table = replace(units(before, now - before), printed=np.array([True, False, False]))
    shown = protect(table, SHMI, earlier=[earlier("U0", low=8, high=12)])
    assert shown.texts[0] == "10"
    (found,) = attack(shown.view(), exact=True)
    assert (found.cell, found.low, found.high) == (("U1",), 0, 4)

    exact = protect(table, OLD, earlier=[earlier("U0", low=before, high=before)])
    assert exact.texts[0] == "*"


def test_a_cell_hidden_before_stays_hidden() -> None:
    table = replace(units(3, 20, 31), printed=np.array([True, False, False, True]))
    before = [earlier("U0", low=1, high=5, hidden=True), earlier("U1", low=20, high=20)]
    assert protect(table, OLD).texts.tolist() == ["54", "", "", "31"]
    assert "*" in protect(table, OLD, earlier=before).texts.tolist()


def test_a_small_number_that_nobody_printed_is_not_given_away_either() -> None:
    table = replace(units(3, 20, 31), printed=np.array([True, False, True, True]))
    assert published(table, "HES_PRE2018").texts.tolist() == ["54", "", "20", "31"]
    assert "*" in protect(table, OLD).texts.tolist()


def test_what_everybody_knows_already_hides_nothing_else() -> None:
    table = units(3, 20, 30)
    shown = protect(table, SHMI, earlier=[earlier("U0", low=3, high=3)])
    assert shown.texts.tolist() == ["55", "*", "20", "30"]
    assert not shown.guarded.any()


def test_a_number_hidden_before_for_others_is_not_given_away_now() -> None:
    """It is not small: this table alone would not guard it."""
    table = replace(units(30, 20, 31), printed=np.array([True, True, False, True]))
    assert protect(table, OLD).texts.tolist() == ["81", "30", "", "31"]
    before = [earlier("U1", low=0, high=1 << 40, hidden=True)]
    shown = protect(table, OLD, earlier=before)
    assert "*" in shown.texts.tolist()
    assert verify(shown) == int(shown.guarded.sum())


def test_a_small_sum_that_two_releases_differ_by_is_not_given_away() -> None:
    """Two units of 1: each keeps three counts, and together they would be told to be 2."""
    pairs = [("R1", "T"), ("R2", "T"), ("U4", "R2"), *((f"U{at}", "R1") for at in range(4))]
    dimension = Dimension("unit", (Hierarchy.from_pairs(pairs),))
    counts = [{"U0": 9, "U1": 12, "U2": 1, "U3": 1, "U4": 40}[leaf] for leaf in dimension.leaves]
    only = np.array([node == "R1" for node in dimension.nodes])
    table = Table(dimensions=(dimension,), counts=np.array(counts), printed=only)
    assert "23" in protect(table, OLD).texts.tolist()
    shown = protect(table, OLD, earlier=[earlier("U0", "U1", low=21, high=21)])
    assert "*" in shown.texts.tolist()


def test_what_was_given_away_before_is_refused_with_the_release() -> None:
    table = replace(units(3, 20, 31), printed=np.array([True, False, True, False]))
    told = [earlier("U0", "U1", low=23, high=23), earlier("U1", low=20, high=20)]
    with pytest.raises(TableUnprovable) as refused:
        protect(table, OLD, earlier=[*told, earlier("U0", low=1, high=5, hidden=True)])
    assert "the release of May" in refused.value.detail
    assert refused.value.members["coarsen"] == "unit"


def test_releases_of_other_data_are_not_compared() -> None:
    with pytest.raises(TableInvalid):
        protect(units(3, 20), SHMI, earlier=[earlier("U0", low=8, high=12)])
    with pytest.raises(TableInvalid):
        protect(units(3, 20), SHMI, earlier=[earlier("U9", low=0, high=12)])


def test_a_release_tells_what_it_showed_and_no_raw_count() -> None:
    shown = protect(units(3, 21, 30), SHMI).shown("r1")
    assert {(e.low, e.high, e.is_hidden) for e in shown} == {
        (1, 7, True), (18, 22, False), (28, 32, False), (53, 57, False)
    }  # fmt: skip
    again = protect(units(3, 21, 30), SHMI, earlier=shown)
    assert again.texts.tolist() == ["55", "*", "20", "30"]


@pytest.mark.parametrize("seed", [0])
def test_year_to_date_tables_do_not_give_months_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.exp(rng.normal(1.2, 1.2, (6, 5))))
    places, months = tree("place", [2, 3]), Dimension.flat("month", [f"M{m}" for m in range(5)])
    table = Table(dimensions=(places, months), counts=counts)
    before = []
    for upto in (2, 3, 4):
        for at, leaf in enumerate(places.leaves):
            n = int(counts[at, :upto].sum())
            low, high = (1, 7) if SHMI.hides(n) else SHMI.behind(SHMI.rounded(n))
            of = (("place", frozenset({leaf})), ("month", frozenset(months.leaves[:upto])))
            before.append(Earlier(f"YTD{upto}", of, low, high, SHMI.hides(n)))
    try:
        shown = protect(table, SHMI, earlier=before, seconds=20)
    except TableUnprovable:
        return
    cells = np.nonzero(shown.guarded.ravel())[0]
    some = rng.choice(cells, min(10, len(cells)), replace=False).tolist()
    found = attack(shown.view(), exact=True, cells=some, seconds=60)
    assert [f for f in found if f.verdict is Verdict.RECOVERED] == []


# -- the proof


def test_a_certificate_that_another_release_contradicts_proves_nothing() -> None:
    shown = protect(units(3, 20, 30), SHMI)
    known = earlier("U0", low=3, high=3)
    with pytest.raises(CertificateInvalid):
        verify(replace(shown, earlier=(known,)))


def test_a_rule_that_hides_two_counts_keeps_three_possible() -> None:
    narrow = rule("GPW", parameters={"suppress_min": 1, "suppress_max": 2, "round_base": 1})
    shown = protect(units(1, 30, 40), narrow)
    assert shown.wide[shown.hidden].all()
    assert {f.verdict for f in attack(shown.view(), exact=True)} == {Verdict.SAFE}


def test_a_certificate_of_another_table_proves_nothing() -> None:
    shown = protect(by_chance(0), SHMI)
    assert shown.hidden.any()
    assert verify(shown) == int(shown.guarded.sum())
    none = np.zeros(0, np.int64)
    with pytest.raises(CertificateInvalid):
        verify(replace(shown, certificate=Certificate(np.zeros(1, np.int64), none, none)))
    with pytest.raises(CertificateInvalid):
        verify(replace(shown, certificate=replace(shown.certificate, by=shown.certificate.by * 90)))
    proof = shown.certificate
    for forged in (
        replace(proof, offsets=proof.offsets[::-1].copy()),
        replace(proof, offsets=proof.offsets[:-1]),
        replace(proof, atoms=proof.atoms + shown.table.counts.size),
        replace(proof, atoms=-proof.atoms - 1),
        replace(proof, by=proof.by[:-1]),
    ):
        with pytest.raises(CertificateInvalid):
            verify(replace(shown, certificate=forged))
    open_cell = np.argwhere(shown.hidden)[0]
    texts = shown.texts.copy()
    texts[tuple(open_cell)] = "1000"
    with pytest.raises(CertificateInvalid):
        verify(replace(shown, texts=texts))


@pytest.mark.parametrize("seed", range(3))
def test_no_time_hides_more_and_never_less(seed: int) -> None:
    table = by_chance(seed)
    try:
        hasty = protect(table, SHMI, seconds=0.0)
    except TableUnprovable:
        return
    calm = protect(table, SHMI)
    assert verify(hasty) == int(hasty.hidden.sum())
    assert hasty.hidden.sum() >= calm.hidden.sum()


def skewed() -> Table:
    """Four thousand cells of many small numbers and few large ones, as health records have them."""
    chance = np.random.default_rng(0)
    dimensions = (tree("d0", (4, 6), geography=True), tree("d1", (8,)), tree("d2", (4, 3)))
    shape = tuple(len(d.leaves) for d in dimensions)
    weight = np.exp(chance.normal(0, 0.8, shape))
    for axis, size in enumerate(shape):
        along = np.exp(chance.normal(0, 0.4, size))
        weight *= along.reshape([-1 if a == axis else 1 for a in range(3)])
    counts = chance.multinomial(20_000, (weight / weight.sum()).ravel()).reshape(shape)
    return Table(dimensions=dimensions, counts=counts)


@pytest.mark.parametrize("code", ["SHMI", "CSDS"])
def test_without_time_a_table_is_shown_with_more_hidden_and_not_refused(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few cells have no path from a single atom: from these it is walked on, so far."""
    shown = protect(skewed(), rule(code), seconds=0.0)

    assert shown.out_of_time
    assert verify(shown) == int(shown.guarded.sum())
    monkeypatch.setattr(Search, "walk_on", lambda search: None)
    with pytest.raises(TableUnprovable):
        protect(skewed(), rule(code), seconds=0.0)


def test_the_same_seed_gives_the_same_table() -> None:
    table = by_chance(8)
    first, second = protect(table, SHMI, seed=4), protect(table, SHMI, seed=4)
    assert first.texts.tolist() == second.texts.tolist()


def attacked(seeds: range) -> tuple[int, int, int, int]:
    """Protect tables by chance and attack them; count revealed before, hidden, tables, refused."""
    revealed = hidden = refused = 0
    for seed in seeds:
        table, code = by_chance(seed), ("SHMI", "CSDS")[seed % 2]
        plain = protect(table, rule(code), profile=Profile.AS_PUBLISHED)
        revealed, hidden = revealed + len(plain.findings), hidden + int(plain.hidden.sum())
        try:
            shown = protect(table, rule(code), seconds=20)
        except TableUnprovable:
            refused += 1
            continue
        assert verify(shown) == int(shown.guarded.sum())
        assert {f.verdict for f in attack(shown.view())} <= {Verdict.SAFE}
        cells, most = np.nonzero(shown.hidden.ravel())[0], 12 if table.cells.size <= 150 else 3
        some = np.random.default_rng(seed).choice(cells, min(most, len(cells)), replace=False)
        found = attack(shown.view(), exact=True, cells=some.tolist(), seconds=6)
        assert [f for f in found if f.verdict is Verdict.RECOVERED] == [], seed
    return revealed, hidden, len(seeds), refused


def test_no_hidden_cell_of_a_table_made_by_chance_can_be_worked_out() -> None:
    revealed, hidden, _, refused = attacked(range(6))
    assert revealed > hidden / 10  # by primary suppression alone
    assert refused <= 4


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(4))
def test_no_hidden_cell_of_a_thousand_tables_can_be_worked_out(part: int) -> None:
    revealed, hidden, tables, refused = attacked(range(1000 + 250 * part, 1250 + 250 * part))
    print(
        f"{tables} tables, {hidden} hidden: {revealed / hidden:.1%} revealed by primary alone;"
        f" protected: none, {refused} refused"
    )
    assert revealed > hidden / 10
    assert refused < tables / 3


def test_every_problem_has_a_code_of_its_own() -> None:
    kinds, seen = [DisclosureProblem], []
    while kinds:
        kind = kinds.pop()
        seen.append(kind.code)
        kinds += kind.__subclasses__()
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("seed", range(12))
def test_what_a_release_hid_for_another_stays_hidden_in_the_next(seed: int) -> None:
    """Noughts too: shown again, they would give away what they were hidden for."""
    units = Dimension.flat("unit", ["A", "B", "C"])
    sexes = Dimension.flat("sex", ["0", "1", "2", "9"])
    counts = np.array([[0, 40, 3, 0], [0, 25, 31, 0], [0, 22, 57, 0]])
    table = Table(dimensions=(units, sexes), counts=counts)
    first = protect(table, rule("HES"), seed=seed)

    again = protect(table, rule("HES"), earlier=first.shown("first"), seed=100 + seed)

    assert not (first.hidden & ~again.hidden).any()
    assert verify(again) >= first.hidden.sum()


def test_as_published_is_the_rule_alone_whatever_another_release_hid() -> None:
    table = units(1, 5, 8, 12)
    first = protect(table, SHMI)

    again = protect(table, CSDS, earlier=first.shown("first"), profile=Profile.AS_PUBLISHED)

    assert first.texts.tolist()[2] == "*"
    assert again.texts.tolist() == ["25", "*", "5", "10", "10"]


@pytest.mark.parametrize("seed", [3, 11, 17, 24])
def test_the_last_cells_are_mended_by_all_that_lies_around_them(seed: int) -> None:
    """Where walks found nothing, a programme of one cell finds what there is."""
    table = by_chance(seed)
    search = start(
        build(table), SHMI, Profile.PROTECTED, time.monotonic(), np.random.default_rng(seed)
    )
    for _ in range(4):
        for cell in search.open().tolist():
            search.mend(cell)

    assert search.witnesses
    assert not len(search.open())
    shown = shown_of(search, SHMI, Profile.PROTECTED, lost=0.0)
    assert verify(shown) == shown.guarded.sum() > 0
    assert not tells_the_strict(shown)


def test_a_cell_that_nothing_around_it_can_mend_stays_open() -> None:
    """Six units of one each are six whatever else is hidden."""
    search = start(
        build(units(1, 1, 1, 1, 1, 1)),
        SHMI,
        Profile.PROTECTED,
        time.monotonic(),
        np.random.default_rng(1),
    )

    for cell in search.open().tolist():
        search.mend(cell)

    assert len(search.open())


def large(records: int = 1_000_000) -> Table:
    """100,000 cells in four dimensions, as the benchmark has them."""
    chance = np.random.default_rng(0)
    fans = ((7, 6), (9,), (4, 3), (11,))
    dimensions = tuple(tree(f"d{at}", fan, geography=at == 0) for at, fan in enumerate(fans))
    shape = tuple(len(d.leaves) for d in dimensions)
    weight = np.exp(chance.normal(0, 0.8, shape))
    for axis, size in enumerate(shape):
        along = np.exp(chance.normal(0, 0.4, size))
        weight *= along.reshape([-1 if a == axis else 1 for a in range(4)])
    counts = chance.multinomial(records, (weight / weight.sum()).ravel()).reshape(shape)
    return Table(dimensions=dimensions, counts=counts)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_100_000_cells_in_four_dimensions_are_proved_also_without_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The choosing step always ends: what walks leave is mended by a programme for each cell."""
    table = large()
    shown = protect(table, SHMI, seconds=0.0)

    assert table.cells.size > 100_000
    assert verify(shown) == int(shown.guarded.sum())
    assert not tells_the_strict(shown)
    monkeypatch.setattr(Search, "mend", lambda search, cell: None)
    with pytest.raises(TableUnprovable):
        protect(table, SHMI, seconds=0.0)
