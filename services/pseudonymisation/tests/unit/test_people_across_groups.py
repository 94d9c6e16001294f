"""People of two groups of which one belongs to the other: what a subtraction would tell."""

from collections.abc import Sequence

import pytest

import catalogue
from disclosure import rule
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownAxis, ShownCells, Whose
from pseudonymisation.preparations.domain.tables.across import (
    PeopleTold,
    is_of_people,
    require_no_difference,
)

MHSDS, CSDS = (catalogue.load().get(name) for name in ("MHSDS", "CSDS"))
RULE = rule("NCDR04")
REVEALS = FailureCode.TABLE_WOULD_REVEAL
OURS = Whose(
    is_national=False, codes=frozenset({"02P"}), reasons=frozenset("GHR"), opt_outs_applied=True
)
APRIL = frozenset({"2018-04"})


def people(
    group: str,
    *cells: tuple[str | None, int, int],
    column: str = "",
    whose: Whose = OURS,
    months: frozenset[str] = APRIL,
) -> PeopleTold:
    """Cells by one column: a category, or None for the total, with the least and the most."""
    names = [name for name, _, _ in cells]
    axis = ShownAxis(column=column, nodes=tuple(None if n is None else (n,) for n in names))
    told = tuple((at, low, high, 0) for at, (_, low, high) in enumerate(cells))
    return PeopleTold(
        group=group,
        release=f"release of {group}",
        whose=whose,
        months=months,
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
    theirs = Whose(
        is_national=False, codes=frozenset({"00L"}), reasons=frozenset("GHR"), opt_outs_applied=True
    )
    may = frozenset({"2018-05"})

    for other in (
        people("Referrals", (None, 97, 97), column="Patients.Gender", whose=theirs),
        people("Referrals", (None, 97, 97), column="Patients.Gender", months=may),
    ):
        assert not refused(other, [EVERYBODY])


def test_a_month_of_several_is_the_same_as_that_month_alone() -> None:
    both = frozenset({"2018-04", "2018-05"})
    axis = ShownAxis(column="Period_Month", nodes=(None, ("2018-04",)))
    cells = ShownCells(axes=(axis,), cells=((0, 180, 180, 0), (1, 100, 100, 0)))
    before = PeopleTold(group="Patients", release="months", whose=OURS, months=both, cells=cells)

    assert refused(people("Referrals", (None, 98, 98), column="Patients.Gender"), [before])


def test_the_records_of_the_table_that_says_who_people_are_are_people() -> None:
    measures = {one.name: one for one in catalogue.tabulating().measures_of(MHSDS)}

    def counts_people(name: str) -> bool:
        return is_of_people(measures[name], name.partition(".")[0], MHSDS)

    assert counts_people("Patients.records")
    assert counts_people("Referrals.people")
    assert not counts_people("Referrals.records")
    assert not counts_people("Patients.with_referrals")
    assert not is_of_people(None, "Patients", MHSDS)
    sessions = catalogue.tabulating().measure(CSDS, "Group_Sessions.records")
    assert not is_of_people(sessions, "Group_Sessions", CSDS)
