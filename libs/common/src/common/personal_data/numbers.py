"""NHS numbers in text: a person's own by its digits, anybody's by the check digit (domain.md 8.1).

Every eleventh number of ten digits passes the check, so that telephone numbers, sums and long
codes would be taken for somebody's. A stranger's number is therefore one that stands for itself:
ten digits of an issued range, not part of a longer unbroken number, and not written as one
writes something else. Numbers of the range for tests are found inside longer ones too: three
digits more tell them, and chance makes one of ten thousand. Of a person's own digits none of this
is asked.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from common.personal_data.normal_form import NormalForm
from common.personal_data.snomed import is_snomed

DIGITS: Final = 10
MODULUS: Final = 11
GAP_MAX: Final = 3
"""So many separators may stand between two digits of a stranger's number."""
RANGES: Final = (
    ("3200000010", "3999999999"),
    ("4000000000", "4999999999"),
    ("6000000000", "7999999999"),
    ("9990000000", "9999999999"),
)
"""Numbers that are issued: Northern Ireland, England and Wales (two), and those for tests.

Source: domain.md 8.1 and the ranges of the `nhs-number` library. Scotland's begin with a birth
date and look like times of day (`DDMMYYhhmm`); a person's own is found by its digits.
"""
FOR_TESTS: Final = "999"
REFUSED: Final = frozenset(
    [str(digit) * DIGITS for digit in range(10)]
    + [f"{digit}00000000{digit}" for digit in range(1, 10)]
)
TELEPHONE_PREFIXES: Final = frozenset({"0", "44", "044", "0044"})
"""What stands as a group of its own before a telephone number without its nought."""
MOBILES: Final = frozenset({(4, 6), (4, 3, 3), (5, 5)})
"""How mobile telephone numbers are written, with the nought lost."""
MONEY: Final = "£$€"
PENCE, THOUSAND = 2, 3
"""Digits."""
ADDRESS_PARTS, ADDRESS_MAX = 4, 255


def is_nhs_number(digits: str) -> bool:
    """Say whether text is an NHS number: ten digits, its check digit, no refused pattern."""
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()) or digits in REFUSED:
        return False
    weighted = sum(int(digit) * (DIGITS - place) for place, digit in enumerate(digits))
    return weighted % MODULUS == 0


class DigitGroup(NamedTuple):
    """Digits with nothing to be seen between them: places in the normal form."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def strangers(form: NormalForm, text: str) -> Iterator[tuple[int, int]]:
    """Find NHS numbers of anybody: places in the normal form."""
    for chain in _chains(form):
        if chain[-1].end - chain[0].start >= DIGITS:
            yield from _alone(chain, form, text)
            yield from _for_tests(chain, form)


def _chains(form: NormalForm) -> Iterator[list[DigitGroup]]:
    """Give groups of digits that belong together: few separators between them, and no letter."""
    chain: list[DigitGroup] = []
    for run in re.finditer("[0-9]+", form.text):
        starts = [run.start()]
        starts += [at for at in range(run.start() + 1, run.end()) if form.gaps[at]]
        ends = [*starts[1:], run.end()]
        chain = []
        for start, end in zip(starts, ends, strict=True):
            if chain and form.gaps[start] > GAP_MAX:
                yield chain
                chain = []
            chain.append(DigitGroup(start, end))
        yield chain


def _for_tests(chain: Sequence[DigitGroup], form: NormalForm) -> Iterator[tuple[int, int]]:
    """Find numbers of the range for tests, wherever they stand but in a SNOMED CT identifier."""
    last = chain[-1].end - DIGITS
    at = form.text.find(FOR_TESTS, chain[0].start, last + len(FOR_TESTS))
    while at >= 0:
        end = at + DIGITS
        if is_nhs_number(form.text[at:end]) and not any(
            group.start <= at and end <= group.end and is_snomed(form.text[group.start : group.end])
            for group in chain
        ):
            yield at, end
        at = form.text.find(FOR_TESTS, at + 1, last + len(FOR_TESTS))


def _alone(chain: Sequence[DigitGroup], form: NormalForm, text: str) -> Iterator[tuple[int, int]]:
    """Find numbers that stand for themselves."""
    whole = chain[-1].end - chain[0].start
    for first in range(len(chain)):
        for last in range(first, len(chain)):
            start, end = chain[first].start, chain[last].end
            if first == last:
                start = _past_noughts(chain[first], form)
            if end - start > DIGITS:
                break
            if end - start < DIGITS or not _is_issued(form.text[start:end]):
                continue
            sizes = tuple(group.size for group in chain[first : last + 1])
            stands_alone = first == last or sizes == (3, 3, 4) or whole == DIGITS
            if stands_alone and not _is_something_else(chain, first, last, form, text):
                yield start, end


def _past_noughts(group: DigitGroup, form: NormalForm) -> int:
    """Pass over noughts that fill a number up; one alone begins a telephone number."""
    filled = group.size - DIGITS
    if filled > 1 and form.text[group.start : group.start + filled] == "0" * filled:
        return group.start + filled
    return group.start


def _is_issued(digits: str) -> bool:
    return any(low <= digits <= high for low, high in RANGES) and is_nhs_number(digits)


def _is_something_else(
    chain: Sequence[DigitGroup], first: int, last: int, form: NormalForm, text: str
) -> bool:
    groups = chain[first : last + 1]
    sizes = tuple(group.size for group in groups)
    before = chain[first - 1] if first else None
    if before and form.text[before.start : before.end] in TELEPHONE_PREFIXES:
        return True
    if sizes in MOBILES and form.text[groups[0].start] == "7":
        return True
    behind = chain[last + 1] if last + 1 < len(chain) else None
    return (
        _is_sum(groups, behind, form, text)
        or _is_address(groups, form, text)
        or _has_date(groups, form.text)
    )


def _is_sum(
    groups: Sequence[DigitGroup], behind: DigitGroup | None, form: NormalForm, text: str
) -> bool:
    """Say whether digits are written as money is: with a sign, pence, or thousands parted."""
    ahead = text[: form.places[groups[0].start]].rstrip()
    if ahead and ahead[-1] in MONEY:
        return True
    whole = [*groups, behind] if behind and len(groups) == 1 else list(groups)
    has_pence = len(whole) > 1 and whole[-1].size == PENCE and _parted_by(whole[-1:], form, text)
    pounds = whole[:-1] if has_pence else list(groups)
    if len(pounds) == 1:
        return has_pence
    return pounds[0].size <= THOUSAND and all(group.size == THOUSAND for group in pounds[1:])


def _is_address(groups: Sequence[DigitGroup], form: NormalForm, text: str) -> bool:
    """Say whether it is the address of a computer."""
    if len(groups) != ADDRESS_PARTS or not _parted_by(groups[1:], form, text):
        return False
    return all(int(form.text[group.start : group.end]) <= ADDRESS_MAX for group in groups)


def _parted_by(groups: Sequence[DigitGroup], form: NormalForm, text: str) -> bool:
    """Say whether one full stop stands before each group."""
    return all(
        form.gaps[group.start] == 1 and text[form.places[group.start] - 1] == "."
        for group in groups
    )


def _has_date(groups: Sequence[DigitGroup], text: str) -> bool:
    """Say whether there is a day, month and year among the groups: a time beside a date."""
    for at in range(len(groups) - 2):
        sizes = tuple(group.size for group in groups[at : at + 3])
        if sizes not in {(2, 2, 4), (4, 2, 2)}:
            continue
        year, *others = sorted(groups[at : at + 3], key=lambda group: -group.size)
        values = [int(text[group.start : group.end]) for group in others]
        if (
            text[year.start : year.start + 2] in {"19", "20"}
            and min(values) in range(1, 13)
            and max(values) in range(1, 32)
        ):
            return True
    return False
