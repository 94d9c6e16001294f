"""Which version of each Standard held on a day, and what changed since a draft was begun.

A draft keeps its versions; a submission is judged by the set in force on that day, and the
difference is shown before (domain.md section 0, ruling 17).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from applications.domain.rules import Standard, StandardVersion, on

Kept = Mapping[int, str]
"""Version by number of the Standard."""


class Change(StrEnum):
    REPLACED = "replaced"
    ADDED = "added"
    NO_LONGER_LISTED = "no_longer_listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One Standard as it holds on a day."""

    number: int
    section: int | None
    version: StandardVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    number: int
    title: str
    change: Change
    kept: str | None
    """The version that the draft was begun under."""
    in_force: str | None
    since: date | None
    """From when the version in force holds."""


def in_force(standards: Sequence[Standard], day: date) -> tuple[InForce, ...]:
    found = []
    for standard in standards:
        version = on(day, standard.versions)
        if version is not None:
            found.append(InForce(number=standard.number, section=standard.section, version=version))
    return tuple(found)


def kept(standards: Sequence[Standard], day: date) -> dict[int, str]:
    """Return what a draft that is begun on that day keeps."""
    return {s.number: s.version.version for s in in_force(standards, day)}


def differences(standards: Sequence[Standard], mine: Kept, day: date) -> tuple[Difference, ...]:
    """Return what an applicant has to know before the application is judged on `day`."""
    current = {s.number: s.version for s in in_force(standards, day)}
    found = []
    for standard in standards:
        number = standard.number
        before, now = mine.get(number), current.get(number)
        if before == (now.version if now else None):
            continue
        if now is None:
            change, title = Change.NO_LONGER_LISTED, _title(standard, before)
        else:
            change = Change.ADDED if before is None else Change.REPLACED
            title = now.title
        found.append(
            Difference(
                number=number,
                title=title,
                change=change,
                kept=before,
                in_force=now.version if now else None,
                since=now.valid_from if now else None,
            )
        )
    return tuple(found)


def _title(standard: Standard, version: str | None) -> str:
    return next((v.title for v in standard.versions if v.version == version), "")
