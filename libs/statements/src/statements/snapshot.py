"""The approved snapshot: what was applied for and approved, frozen, and named by its hash.

Here is what the public register publishes of it. That part is read strictly: a text that is
missing, or has another name, is named, so that nothing is published blank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from statements.form import OPEN, Form, Malformed

T = TypeVar("T")

Words = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedController:
    __pydantic_config__ = OPEN

    ods: Name
    legal_name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeText:
    __pydantic_config__ = OPEN

    objective: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputText:
    __pydantic_config__ = OPEN

    title: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitText:
    __pydantic_config__ = OPEN

    description: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSection:
    __pydantic_config__ = OPEN

    purposes: Annotated[tuple[PurposeText, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingSection:
    __pydantic_config__ = OPEN

    activities: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsSection:
    __pydantic_config__ = OPEN

    outputs: tuple[OutputText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitsSection:
    __pydantic_config__ = OPEN

    benefits: tuple[BenefitText, ...]
    yielded: tuple[BenefitText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSections:
    """The texts of the Standards that the register shows, and nothing else of them."""

    __pydantic_config__ = OPEN

    objective: Annotated[ObjectiveSection, Field(alias="9")]
    processing: Annotated[ProcessingSection, Field(alias="10")]
    outputs: Annotated[OutputsSection, Field(alias="11")]
    benefits: Annotated[BenefitsSection, Field(alias="12")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    __pydantic_config__ = OPEN

    title: Name
    start: date
    end: date
    controllers: Annotated[tuple[NamedController, ...], Field(min_length=1)]
    commercial: bool
    sub_licence: bool


SUMMARY: Final = Form(Summary)
SECTIONS: Final = Form(PublishedSections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the register publishes of an agreement's version, besides its lines."""

    summary: Summary
    sections: PublishedSections


def published(snapshot: Mapping[str, Any]) -> Published:
    """Read what the register publishes.

    Raises:
        Malformed: with the place of every member that is missing or of another form.

    """
    wrong: list[str] = []
    summary = _read(SUMMARY, {n: snapshot[n] for n in _SUMMARY if n in snapshot}, "", wrong)
    found = snapshot.get("sections")
    if not isinstance(found, Mapping):
        raise Malformed([*wrong, "sections"])
    sections = _read(SECTIONS, {n: found[n] for n in _SECTIONS if n in found}, "sections.", wrong)
    if summary is None or sections is None:
        raise Malformed(wrong)
    return Published(summary=summary, sections=sections)


_SUMMARY: Final = ("title", "start", "end", "controllers", "commercial", "sub_licence")
_SECTIONS: Final = ("9", "10", "11", "12")


def _read(form: Form[T], part: dict[str, Any], place: str, wrong: list[str]) -> T | None:
    try:
        return form.of(part)
    except Malformed as error:
        wrong += [f"{place}{member}" for member in error.members]
        return None
