"""No text has personal data in it (docs/adr/0028), and each one says something.

What has personal data in it is refused today when it is sent; this finds what was stored before
that rule. A placeholder may stand in a draft, and not in what is handed in.
"""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections import free_texts
from common.field.placeholders import is_placeholder
from common.personal_data import find_personal_data
from common.texts import found_in

PARTED_CHARACTERS = 30
"""So much of the end of one text, and of the beginning of the next, is read together."""


def are_clean(case: Case) -> Iterator[Finding]:
    for place in found_in({"title": case.title}):
        yield refuse("PERSONAL_DATA_IN_TEXT", None, place.pointer, place.detail)
    for number, section in case.answers.sections.items():
        answered = section.model_dump(mode="json", by_alias=True)
        for place in found_in(answered, f"/sections/{number}"):
            yield refuse("PERSONAL_DATA_IN_TEXT", number, place.pointer, place.detail)
    for position, query in enumerate(case.queries):
        asked = {"text": query.text, "answer": query.answer}
        for place in found_in(asked, f"/queries/{position}"):
            yield refuse("PERSONAL_DATA_IN_TEXT", query.standard, place.pointer, place.detail)
    yield from _parted(case)


def _parted(case: Case) -> Iterator[Finding]:
    """Find what stands in two neighbouring texts, a part in each."""
    before = case.title
    for number, section in case.answers.sections.items():
        for pointer, text in free_texts(section, f"/sections/{number}"):
            left = before[-PARTED_CHARACTERS:]
            if any(
                found.start < len(left) < found.end
                for found in find_personal_data(f"{left} {text[:PARTED_CHARACTERS]}")
            ):
                yield refuse(
                    "PERSONAL_DATA_IN_TEXT",
                    number,
                    pointer,
                    "With the end of the text before it, this begins with what identifies a "
                    "person; leave it out.",
                )
            before = text or before


def say_something(case: Case) -> Iterator[Finding]:
    """Check that no title, reason or reference is "tbc", "n/a" or "xxx"."""
    written: list[tuple[int | None, str, str]] = [(None, "/title", case.title)]
    for number, section in case.answers.sections.items():
        written += [(number, at, text) for at, text in free_texts(section, f"/sections/{number}")]
    for standard, pointer, text in written:
        if is_placeholder(text, day=case.day):
            yield refuse(
                "PLACEHOLDER",
                standard,
                pointer,
                "This stands in for a text that is still to be written. Say what it is, or leave "
                "an optional field empty.",
            )
