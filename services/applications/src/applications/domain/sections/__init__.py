"""The answers to the 20 Standards, one typed section each (domain.md 2.4).

A section's type says what can be said at all; whether what was said is enough is for the
machine checks (`applications.domain.checks`). So a field's reason may be empty here and
refuses there, with its name: an applicant can save what is not finished.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import (
    JsonValue,
)

from applications.domain.sections.data import Confidentiality, LineAnswer, Minimisation, Objections
from applications.domain.sections.forms import (
    OWN,
    Answer,
    Section,
)
from applications.domain.sections.parties import (
    Controllers,
    Length,
    Locations,
    Processors,
    Registrations,
    Security,
)
from applications.domain.sections.purposes import (
    Benefits,
    Commercial,
    Objective,
    Outcomes,
    Processing,
)
from applications.domain.sections.terms import (
    Consent,
    Ethics,
    SpecialConditions,
    SubLicence,
    TerritoryOfUse,
    Transparency,
)
from common.texts import STORED, Scanned

SECTIONS: Mapping[int, type[Section]] = {
    kind.standard: kind
    for kind in (
        Length,
        Controllers,
        Processors,
        Locations,
        Security,
        Registrations,
        Minimisation,
        Objections,
        Objective,
        Processing,
        Outcomes,
        Benefits,
        Commercial,
        SpecialConditions,
        Ethics,
        Confidentiality,
        Consent,
        SubLicence,
        Transparency,
        TerritoryOfUse,
    )
}


def free_texts(answer: Answer, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield every text of no closed form that people wrote, with its pointer."""
    for name, described in type(answer).model_fields.items():
        at = f"{pointer}/{described.alias or name}"
        match getattr(answer, name):
            case str() as text if any(
                isinstance(m, Scanned) and not m.code for m in described.metadata
            ):
                yield at, text
            case Answer() as part:
                yield from free_texts(part, at)
            case tuple() as parts:
                for position, part in enumerate(parts):
                    if isinstance(part, Answer):
                        yield from free_texts(part, f"{at}/{position}")
            case _:
                pass


S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Answers:
    """The sections that were answered so far, by number."""

    sections: Mapping[int, Section] = field(default_factory=dict)

    def of(self, kind: type[S]) -> S | None:
        """Return the section of that type, or None while it is not answered."""
        found = self.sections.get(kind.standard)
        return found if isinstance(found, kind) else None

    def with_(self, section: Section) -> "Answers":
        return Answers({**self.sections, section.standard: section})

    def codes(self) -> frozenset[str]:
        """Return every organisation's code that an answer names."""
        found: set[str] = set()

        def note(code: str) -> str:
            found.add(code)
            return code

        self.read_by(note)
        return frozenset(found)

    def read_by(self, own: Callable[[str], str]) -> "Answers":
        """Return the same answers with every organisation under the code that `own` gives."""
        context = {**STORED, OWN: own}
        return Answers(
            {
                number: type(section).model_validate(
                    section.model_dump(by_alias=True), context=context
                )
                for number, section in self.sections.items()
            }
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Return the sections by number, as they are sent."""
        return {
            str(number): section.model_dump(mode="json", by_alias=True)
            for number, section in self.sections.items()
        }

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(number for number in SECTIONS if number not in self.sections)

    @property
    def parties(self) -> tuple[str, ...]:
        """Codes of controllers, then processors, each once."""
        return tuple(dict.fromkeys([*self.controllers, *self.processors]))

    @property
    def controllers(self) -> tuple[str, ...]:
        section = self.of(Controllers)
        return tuple(c.ods for c in section.controllers) if section else ()

    @property
    def processors(self) -> tuple[str, ...]:
        section = self.of(Processors)
        return tuple(p.ods for p in section.processors) if section else ()

    @property
    def lines(self) -> tuple[LineAnswer, ...]:
        section = self.of(Minimisation)
        return section.lines if section else ()

    def numbered_lines(self) -> Iterator[tuple[str, LineAnswer]]:
        """Yield each line with its pointer."""
        for position, line in enumerate(self.lines):
            yield f"/sections/7/lines/{position}", line
