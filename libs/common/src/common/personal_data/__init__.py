"""Personal data in texts (domain.md 8.1 and 8.6): one definition for all who look for it.

`find_personal_data` is for texts that people write, of which nobody knows whose data may stand
in them. `find_in_record` is for the cells of a record whose own number, postcode and date of
birth are known. Both compare normal forms (`normal_form`), so that no separator, no kind of digit
and no case hides anything.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from common.personal_data.births import own_birth
from common.personal_data.disguised import disguised
from common.personal_data.escapes import undo
from common.personal_data.normal_form import MARKERS, NormalForm, normal_form
from common.personal_data.numbers import is_nhs_number, strangers
from common.personal_data.told import told_births, told_homes

__all__ = [
    "MARKERS",
    "OPAQUE",
    "Own",
    "PersonalDataFound",
    "PersonalDataKind",
    "find_in_record",
    "find_personal_data",
    "is_nhs_number",
    "normal_form",
]


class PersonalDataKind(StrEnum):
    """What was found; where a place is several things, the first of them."""

    NHS_NUMBER = "nhs_number"
    POSTCODE = "postcode"
    DATE_OF_BIRTH = "date_of_birth"


KINDS: Final = tuple(PersonalDataKind)


class PersonalDataFound(NamedTuple):
    """Personal data in a text: what, and where it stands. Never the value itself."""

    kind: PersonalDataKind
    start: int
    """Characters from the beginning of the text to the first that belongs to it."""
    end: int
    """The same to behind the last."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a record says of its person, in whatever form; None where it has none."""

    number: str | None = None
    postcode: str | None = None
    birth: date | None = None


NOBODY: Final = Own()
OPAQUE: Final = re.compile(
    r"(?<![0-9A-Za-z])"
    r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|sha256:[0-9a-f]{64})"
    r"(?![0-9A-Za-z])"
)
"""An id or a digest of our own making, wherever it stands: what looks like a number in one is
chance, and in one of a thousand something does."""
POSTCODE_MIN: Final = 5
"""Letters and digits of the shortest postcode; less is no place where somebody lives."""


def find_in_record(text: str, own: Own = NOBODY) -> tuple[PersonalDataFound, ...]:
    """Find the record's own data in a cell, and anybody's NHS number (domain.md 8.6).

    What overlaps is one finding. Nothing is found any more in a text in which every finding was
    replaced by its marker.
    """
    form = normal_form(text)
    found = list(_own(form, own))
    return _findings(form, text, found)


def find_personal_data(text: str) -> tuple[PersonalDataFound, ...]:
    """Find what must not stand in a text that a person wrote.

    NHS numbers by their check digit; a date where words say that somebody was born then, and a
    postcode where words say that somebody lives there. Other dates and postcodes are those of
    projects and offices. What an escape hides is found as well. Ids and digests are passed over.
    """
    text = OPAQUE.sub(_unread, text)
    undone = undo(text)
    found = _stated(text)
    if undone is None:
        return found
    hidden = ((kind, *undone.span(start, end)) for kind, start, end in _stated(undone.text))
    return tuple(_merged([*found, *hidden]))


def _unread(opaque: re.Match[str]) -> str:
    return "x" * len(opaque[0])


def _stated(text: str) -> tuple[PersonalDataFound, ...]:
    form = normal_form(text)
    found = [(PersonalDataKind.DATE_OF_BIRTH, *span) for span in told_births(form)]
    found += [(PersonalDataKind.POSTCODE, *span) for span in told_homes(form)]
    found += [(PersonalDataKind.NHS_NUMBER, *span) for span in disguised(form, text)]
    return _findings(form, text, found)


def _findings(
    form: NormalForm, text: str, found: list[tuple[PersonalDataKind, int, int]]
) -> tuple[PersonalDataFound, ...]:
    # What is found changes what stands alone beside it, so that one look is not enough.
    rest = form
    spans = [(start, end) for _, start, end in found]
    while True:
        rest = rest.without(spans)
        spans = list(strangers(rest, text))
        if not spans:
            break
        found += [(PersonalDataKind.NHS_NUMBER, start, end) for start, end in spans]
    return tuple(_merged((kind, *form.span(start, end)) for kind, start, end in found))


def _own(form: NormalForm, own: Own) -> Iterator[tuple[PersonalDataKind, int, int]]:
    if own.number:
        needle = normal_form(own.number).text
        for at in form.find_all(needle):
            yield PersonalDataKind.NHS_NUMBER, at, at + len(needle)
    if own.postcode:
        needle = normal_form(own.postcode).text
        for at in form.find_all(needle) if len(needle) >= POSTCODE_MIN else ():
            yield PersonalDataKind.POSTCODE, at, at + len(needle)
    if own.birth:
        for start, end in own_birth(form, own.birth):
            yield PersonalDataKind.DATE_OF_BIRTH, start, end


def _merged(found: Iterable[tuple[PersonalDataKind, int, int]]) -> Iterator[PersonalDataFound]:
    current: PersonalDataFound | None = None
    for kind, start, end in sorted(found, key=lambda one: one[1:]):
        if current is None or start >= current.end:
            if current is not None:
                yield current
            current = PersonalDataFound(kind, start, end)
            continue
        first = min(current.kind, kind, key=KINDS.index)
        current = PersonalDataFound(first, current.start, max(current.end, end))
    if current is not None:
        yield current
