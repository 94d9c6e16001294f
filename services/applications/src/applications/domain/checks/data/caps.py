"""Standard 7: columns that together tell what each of them alone hides (domain.md 8.3 and 7.9)."""

from collections.abc import Iterator, Mapping, Sequence

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.data import LineAnswer, Objections
from applications.domain.sections.forms import Kind
from catalogue import Cap, Capped, Shown, Treatment, caps, shown
from statements.vocabulary import Classification

LEAVES_LINES_AS_THEY_ARE = frozenset({Kind.EXTENSION, Kind.SIMPLE_CHANGE})
"""Kinds of application by which nobody can mend a line (domain.md 2.3)."""


def columns(case: Case) -> Iterator[Finding]:
    """Check that no line asks for a column of which nobody would be told anything.

    What is hidden of the oldest alone is said, and so is what is withheld where the line cannot be
    changed now: an agreement that has such a line goes on being served, and the file says so.
    """
    lines = tuple(case.answers.numbered_lines())
    told = {line.number: _shown(case, line) for _, line in lines}
    for pointer, line in lines:
        beside = [
            column
            for _, other in lines
            if other is not line and _share(case, line, other)
            for column in told[other.number]
        ]
        found = caps().on_columns(told[line.number], beside)
        yield from _withheld(case, line, pointer, [c for c in found if c.cap is Cap.WITHHELD])
        yield from _of_the_oldest(line, pointer, [c for c in found if c.cap is not Cap.WITHHELD])


def _withheld(
    case: Case, line: LineAnswer, pointer: str, found: Sequence[Capped]
) -> Iterator[Finding]:
    positions = {field.name: at for at, field in enumerate(line.fields)}
    may_stay = (
        case.kind in LEAVES_LINES_AS_THEY_ARE or line.classification is Classification.IDENTIFIABLE
    )
    for capped in found:
        name = capped.column.name
        others = ", ".join(_named(other, line) for other in capped.because_of)
        detail = (
            f"{name} in line {line.number} tells more of a person beside {others} than either "
            "alone; it is empty in every file."
        )
        at, offer = f"{pointer}/fields/{positions[name]}", f"Leave out {name}, or {others}."
        if may_stay:
            yield warn("COLUMN_WITHHELD", 7, at, detail, offer=offer)
        else:
            yield refuse("CAP_UNDONE", 7, at, detail, offer=offer)


def _of_the_oldest(line: LineAnswer, pointer: str, found: Sequence[Capped]) -> Iterator[Finding]:
    """Say what is hidden, unless it is one age alone: that ages end at 90+ says the catalogue."""
    if not any(c.because_of or c.column.form != "age_years" for c in found):
        return
    oldest = caps().oldest
    ways: Mapping[str, list[str]] = {
        f"told as if they were just {oldest}": [
            c.column.name for c in found if c.cap is not Cap.WITHHELD_OF_OLDEST
        ],
        "empty": [c.column.name for c in found if c.cap is Cap.WITHHELD_OF_OLDEST],
    }
    said = "; ".join(f"{', '.join(names)}: {way}" for way, names in ways.items() if names)
    yield warn(
        "OLDEST_CAPPED",
        7,
        f"{pointer}/fields",
        f"Of people of {oldest} and over in line {line.number}: {said}.",
        offer="An age band says as much, and needs no other column.",
    )


def _named(other: Shown, line: LineAnswer) -> str:
    own = {field.name for field in line.fields}
    is_own = other.data_set == line.data_set and other.name in own
    return other.name if is_own else f"{other.name} of {other.data_set}"


def _shown(case: Case, line: LineAnswer) -> tuple[Shown, ...]:
    data_set = case.data_set(line)
    if data_set is None:
        return ()  # DATA_SET_UNKNOWN says so
    known = set(Treatment)
    treatments = {f.name: Treatment(f.treatment) for f in line.fields if f.treatment in known}
    return shown(data_set, treatments)


def _share(case: Case, one: LineAnswer, other: LineAnswer) -> bool:
    """Say whether a person has the same token in both lines (domain.md 8.2; ruling 11)."""
    return (
        one.purpose is other.purpose
        and one.recipient_environment == other.recipient_environment
        and _upheld(case, one) == _upheld(case, other)
        and other.data_set in case.linked_with(one.data_set)
    )


def _upheld(case: Case, line: LineAnswer) -> bool:
    section = case.answers.of(Objections)
    answered = section.lines if section else ()
    return next((answer.applied for answer in answered if answer.line == line.number), True)
