"""People of two groups of which one belongs to the other: what a subtraction would tell."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import catalogue
from disclosure import rule
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownAxis, ShownCells, Whose
from pseudonymisation.preparations.domain.tables.across import (
    UNKNOWNS_MAX,
    PeopleTold,
    counted_of,
    require_no_difference,
)
from statements.filters import Filters, RowFilter

MHSDS, CSDS, MSDS = (catalogue.load().get(name) for name in ("MHSDS", "CSDS", "MSDS"))
RULE = rule("NCDR04")
REVEALS = FailureCode.TABLE_WOULD_REVEAL
OURS = Whose(
    is_national=False, codes=frozenset({"02P"}), reasons=frozenset("GHR"), opt_outs_applied=True
)
THEIRS = replace(OURS, codes=frozenset({"00L"}))
APRIL = frozenset({"2018-04"})


def people(
    group: str,
    *cells: tuple[str | None, int, int],
    column: str = "",
    whose: Whose = OURS,
    months: frozenset[str] = APRIL,
    of: str = "",
    filters: Filters = (),
) -> PeopleTold:
    """Cells by one column: a category, or None for the total, with the least and the most."""
    names = [name for name, _, _ in cells]
    axis = ShownAxis(column=column, nodes=tuple(None if n is None else (n,) for n in names))
    told = tuple((at, low, high, 0) for at, (_, low, high) in enumerate(cells))
    return PeopleTold(
        group=group,
        of=of or group,
        release=f"release of {group}",
        whose=whose,
        months=months,
        filters=filters,
        cells=ShownCells(axes=(axis,), cells=told),
    )


def refused(now: PeopleTold, before: Sequence[PeopleTold]) -> str:
    """The releases that are named; nothing where it is not refused."""
    try:
        require_no_difference(now, before, MHSDS, RULE)
    except NotPrepared as no:
        return f"{no.code}: {no.subject}"
    return ""


EVERYBODY = people("Patients", (None, 100, 100), column="Gender")


@pytest.mark.parametrize(
    ("referred", "is_refused"),
    [
        ((97, 97), True),  # three people without a referral
        ((100, 100), True),  # none: a number that the rule hides as well
        ((95, 95), False),  # five: not small
        ((96, 97), True),  # three or four
        ((95, 97), False),  # three, four or five: as many as any hidden cell keeps
        ((90, 90), False),
    ],
)
def test_a_difference_of_few_possible_values_one_of_them_small_is_refused(
    referred: tuple[int, int], is_refused: bool
) -> None:
    now = people("Referrals", (None, *referred), column="Patients.Gender")
    later = people("Patients", (None, 100, 100), column="Gender")

    assert refused(now, [EVERYBODY]) == (f"{REVEALS}: release of Patients" if is_refused else "")
    assert refused(later, [now]) == (f"{REVEALS}: release of Referrals" if is_refused else "")


def test_cells_are_the_same_whichever_group_has_the_column() -> None:
    """Each group names the column otherwise: by itself, or with the group that it is of."""
    before = people("Patients", ("1", 60, 60), (None, 500, 520), column="Gender")

    assert refused(people("Referrals", ("1", 57, 57), column="Patients.Gender"), [before])
    assert refused(people("Care_Contacts", ("1", 57, 57), column="Patients.Gender"), [before])
    assert not refused(people("Referrals", ("2", 57, 57), column="Patients.Gender"), [before])
    both = people("Patients", ("RA1", 60, 60), column="OrgIDProv")
    assert refused(people("Referrals", ("RA1", 58, 58), column="OrgIDProv"), [both])


def test_other_people_months_and_cells_have_no_difference() -> None:
    may = frozenset({"2018-05"})

    for other in (
        people("Referrals", (None, 97, 97), column="Patients.Gender", whose=THEIRS),
        people("Referrals", (None, 97, 97), column="Patients.Gender", months=may),
    ):
        assert not refused(other, [EVERYBODY])


def test_people_chosen_by_other_filters_are_of_no_table_of_the_same_months() -> None:
    """By the same filter, whichever group names its column, they are held against one another."""
    may = frozenset({"2018-05"})
    men = (RowFilter(column="Patients.Gender", any_of=("1",)),)
    theirs = (RowFilter(column="Referrals.OrgIDProv", any_of=("RA1",)),)
    provider = (RowFilter(column="Patients.OrgIDProv", any_of=("RA1",)),)

    def referred(low: int, filters: Filters, **more: Any) -> PeopleTold:
        return people(
            "Referrals", (None, low, low), column="Patients.Gender", filters=filters, **more
        )

    def patients(filters: Filters, **more: Any) -> PeopleTold:
        return people("Patients", (None, 100, 100), column="Gender", filters=filters, **more)

    assert refused(referred(50, men), [patients(())]) == f"{REVEALS}: release of Patients"
    assert refused(referred(50, ()), [patients(men)]) == f"{REVEALS}: release of Patients"
    assert not refused(referred(50, men), [patients(men)])
    assert refused(referred(98, men), [patients(men)]) == f"{REVEALS}: release of Patients"
    assert not refused(referred(50, men), [patients((), months=may)])
    assert not refused(referred(50, men), [patients((), whose=THEIRS)])
    # A column that both have is of one table.
    assert not refused(referred(50, theirs), [patients(provider)])
    assert refused(referred(99, theirs), [patients(provider)])


def test_a_month_of_several_is_the_same_as_that_month_alone() -> None:
    both = frozenset({"2018-04", "2018-05"})
    axis = ShownAxis(column="Period_Month", nodes=(None, ("2018-04",)))
    cells = ShownCells(axes=(axis,), cells=((0, 180, 180, 0), (1, 100, 100, 0)))
    before = PeopleTold(
        group="Patients",
        of="Patients",
        release="months",
        whose=OURS,
        months=both,
        filters=(),
        cells=cells,
    )

    assert refused(people("Referrals", (None, 98, 98), column="Patients.Gender"), [before])


def by_two(group: str, columns: tuple[str, str], *cells: tuple[str, str, int, int]) -> PeopleTold:
    """Cells by two columns, without totals."""
    first, second = sorted({cell[0] for cell in cells}), sorted({cell[1] for cell in cells})
    axes = tuple(
        ShownAxis(column=column, nodes=tuple((name,) for name in names))
        for column, names in zip(columns, (first, second), strict=True)
    )
    told = tuple((first.index(a), second.index(b), low, high, 0) for a, b, low, high in cells)
    return PeopleTold(
        group=group,
        of=group,
        release=f"release of {group}",
        whose=OURS,
        months=APRIL,
        filters=(),
        cells=ShownCells(axes=axes, cells=told),
    )


HIDDEN_SEXES = people("Patients", (None, 100, 100), ("1", 80, 100), ("9", 0, 20), column="Gender")


@pytest.mark.parametrize(
    ("younger", "older", "is_refused"),
    [
        (50, 49, True),  # at most one person is left for the other category
        (50, 50, True),  # none is
        (50, 48, False),  # two at most: nought, one or two
        (40, 40, False),
    ],
)
def test_a_sum_of_cells_of_one_group_narrows_a_hidden_cell_of_another(
    younger: int, older: int, is_refused: bool
) -> None:
    """No cell of one table is a cell of the other: only their sums are held against them."""
    referred = by_two(
        "Referrals",
        ("Patients.Gender", "PrimReasonReferralMH"),
        ("1", "01", younger, younger),
        ("1", "02", older, older),
        ("9", "01", 0, 20),
    )

    told = f"{REVEALS}: release of Patients" if is_refused else ""
    assert refused(referred, [HIDDEN_SEXES]) == told
    assert bool(refused(HIDDEN_SEXES, [referred])) is is_refused


def test_a_difference_of_several_cells_together_is_refused() -> None:
    """One of each: three values are possible of each cell, of both together only one."""
    known = people(
        "Patients",
        (None, 100, 100),
        ("1", 30, 60),
        ("2", 30, 60),
        ("9", 10, 10),
        column="Gender",
    )
    referred = people("Referrals", ("1", 50, 50), ("2", 38, 38), column="Patients.Gender")
    far = people("Referrals", ("1", 40, 40), ("2", 38, 38), column="Patients.Gender")

    assert refused(referred, [known])
    assert not refused(far, [known])


def test_people_with_rows_of_a_group_are_the_people_of_that_group() -> None:
    """The same number by two measures: what one hides the other may not show."""
    with_referrals = people(
        "Patients", (None, 40, 40), ("1", 0, 40), ("2", 0, 40), column="Gender", of="Referrals"
    )
    hidden = ("2", 0, 40)
    shown = people("Referrals", ("1", 37, 37), hidden, column="Patients.Gender")
    few = people("Referrals", ("1", 20, 20), hidden, column="Patients.Gender")
    theirs = people("Referrals", ("1", 37, 37), hidden, column="Patients.Gender", whose=THEIRS)

    assert refused(shown, [with_referrals]) == f"{REVEALS}: release of Patients"
    assert refused(with_referrals, [shown]) == f"{REVEALS}: release of Referrals"
    assert not refused(few, [with_referrals])
    assert not refused(theirs, [with_referrals])


def test_three_tables_tell_together_what_no_two_do() -> None:
    everybody = people("Patients", (None, 100, 100), ("1", 0, 100), ("9", 0, 100), column="Gender")
    younger = people("Referrals", ("1", 60, 99), (None, 60, 99), column="Patients.Gender")
    seen = by_two(
        "Care_Contacts",
        ("Patients.Gender", "Referrals.PrimReasonReferralMH"),
        ("1", "01", 50, 50),
        ("1", "02", 49, 49),
    )

    assert not refused(younger, [everybody])
    assert refused(seen, [everybody, younger])


def test_tables_that_contradict_each_other_are_held_two_by_two() -> None:
    """An edition was replaced between them: nothing is told by all, and by two what is."""
    more = people("Referrals", (None, 120, 120), ("2", 5, 5), column="Patients.Gender")
    referred = by_two(
        "Referrals",
        ("Patients.Gender", "PrimReasonReferralMH"),
        ("1", "01", 50, 50),
        ("1", "02", 49, 49),
    )

    assert refused(referred, [HIDDEN_SEXES, more]) == f"{REVEALS}: release of Patients"
    assert not refused(referred, [more])


def test_the_records_of_the_table_that_says_who_people_are_are_people() -> None:
    measures = {one.name: one for one in catalogue.tabulating().measures_of(MHSDS)}

    def counts(name: str) -> str | None:
        return counted_of(measures[name], name.partition(".")[0], MHSDS)

    assert counts("Patients.records") == "Patients"
    assert counts("Referrals.people") == "Referrals"
    assert counts("Patients.with_referrals") == "Referrals"  # the same people
    # Rows are not people, and no fewer than those of them to which others belong.
    assert counts("Referrals.records") == "rows of Referrals"
    assert counts("Care_Contacts.records") == CONTACTS
    assert counts("Referrals.with_care_contacts") == WITH_CONTACTS
    assert counted_of(None, "Patients", MHSDS) is None
    sessions = catalogue.tabulating().measure(CSDS, "Group_Sessions.records")
    assert counted_of(sessions, "Group_Sessions", CSDS) == "rows of Group_Sessions"
    pairs = catalogue.tabulating().measure(MSDS, "Babies.pairs")
    assert counted_of(pairs, "Babies", MSDS) is None


CONTACTS, WITH_CONTACTS = "rows of Care_Contacts", "rows of Referrals Care_Contacts"
GENDER = "Patients.Gender"


@pytest.mark.parametrize(
    ("group", "of", "contacts", "is_refused"),
    [
        # Each referral has one contact: as many of each category as of contacts.
        ("Referrals", WITH_CONTACTS, 11, True),
        ("Referrals", WITH_CONTACTS, 14, False),
        # Each person has one: people, and those whose referrals have any.
        ("Care_Contacts", "Care_Contacts", 11, True),
        ("Referrals", "Referrals", 11, False),  # who was referred need not be seen
        ("Referrals", "rows of Referrals", 11, False),
    ],
)
def test_rows_to_which_others_belong_are_held_against_these(
    group: str, of: str, contacts: int, is_refused: bool
) -> None:
    """Two of eleven, of whom one table says at most two, and another one at least."""
    cells = (("1", 9, 12), ("2", 0, 4), (None, 11, 11))
    first = people(group, *cells, column=GENDER, of=of)
    told = (("1", 5, contacts - 1), ("2", 1, 4), (None, contacts, contacts))
    second = people("Care_Contacts", *told, column=GENDER, of=CONTACTS)
    other_rule = people("Referrals", *told, column=GENDER, of=WITH_CONTACTS)

    if group == "Care_Contacts":  # people of a group beside its rows are proved where they are made
        assert not refused(first, [second])
        second = other_rule
    for now, before in ((first, second), (second, first)):
        expected = f"{REVEALS}: {before.release}" if is_refused else ""
        assert refused(now, [before]) == expected


def of_many(group: str, column: str, count: int, month: str = "2018-04") -> PeopleTold:
    cells = [(str(n), 50, 70) for n in range(count)]
    return people(group, *cells, column=column, months=frozenset({month}))


def test_what_is_too_much_to_be_proved_together_is_refused_before_it_is_tried() -> None:
    """Guard: `UNKNOWNS_MAX`. The proof of three thousand parts took more than twenty minutes."""
    patients = of_many("Patients", "Gender", UNKNOWNS_MAX)
    referred = people("Referrals", ("1", 50, 70), column="Patients.Gender")

    with pytest.raises(NotPrepared) as no:
        require_no_difference(referred, [patients], MHSDS, RULE)

    assert no.value.code is FailureCode.TABLE_TOO_LARGE


def test_tables_of_months_that_nothing_joins_are_no_part_of_the_proof() -> None:
    each = UNKNOWNS_MAX // 4
    april = of_many("Patients", "Gender", each)
    later = [of_many("Patients", "Gender", each, f"2018-{month:02}") for month in range(5, 13)]
    referred = people("Referrals", ("1", 50, 70), column="Patients.Gender")

    require_no_difference(referred, [*later, april], MHSDS, RULE)

    year = frozenset(f"2018-{month:02}" for month in range(4, 13))
    nodes = (None, *((month,) for month in sorted(year)))
    cells = ShownCells(
        axes=(ShownAxis(column="Period_Month", nodes=nodes),),
        cells=tuple((at, 900, 990, 0) for at in range(len(nodes))),
    )
    joining = PeopleTold(
        group="Patients",
        of="Patients",
        release="year",
        whose=OURS,
        months=year,
        filters=(),
        cells=cells,
    )
    with pytest.raises(NotPrepared) as no:
        require_no_difference(referred, [*later, joining, april], MHSDS, RULE)
    assert no.value.code is FailureCode.TABLE_TOO_LARGE
