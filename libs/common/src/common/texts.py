"""Texts that people write: taken only where no personal data stand in them (ruling 25, ADR 28).

`Scanned()` stands last in the type of every text of a request that is of no closed form,
`Scanned(code=True)` in that of codes and references whose form leaves room for a number. Both say
so in the OpenAPI document (`MARK`), and `tests/architecture` wants every text of every request to
be of a closed form or scanned.

What is stored already is read with `STORED` as context of the validation, so that a text which
was taken before this rule neither stops its owner nor is lost: the checks find it (`found_in`), and
what is shown to the public withholds it (`shown`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from common.personal_data import (
    OPAQUE,
    PersonalDataFound,
    PersonalDataKind,
    find_personal_data,
)

KIND: Final = "personal_data"
"""Of the validation error."""
CODE: Final = "PERSONAL_DATA_IN_TEXT"
TITLE: Final = "A text has personal data in it"
MARK: Final = "x-personal-data"
"""In a schema: such a text is refused where it has personal data in it."""
STORED: Final = {"dsfc_stored": True}
"""Context of a validation that reads what was stored before."""
WITHHELD: Final = "[withheld: personal data were found in this text]"
"""What the public reads in place of such a text, until it is mended."""

NAMES: Final[Mapping[PersonalDataKind, str]] = {
    PersonalDataKind.NHS_NUMBER: "an NHS number",
    PersonalDataKind.POSTCODE: "a person's postcode",
    PersonalDataKind.DATE_OF_BIRTH: "a date of birth",
}
DIGITS_OF_A_NUMBER: Final = 10


class Place(NamedTuple):
    """Where personal data stand: a JSON pointer, what, and between which characters."""

    pointer: str
    kind: PersonalDataKind
    start: int
    end: int

    @property
    def detail(self) -> str:
        return detail_of(PersonalDataFound(self.kind, self.start, self.end))


def detail_of(finding: PersonalDataFound) -> str:
    """Say what stands where, and what to do. The value is never repeated."""
    return (
        f"It has {NAMES[finding.kind]} in characters {finding.start + 1} to {finding.end}; "
        "leave out what identifies a person."
    )


def find_in_code(code: str) -> tuple[PersonalDataFound, ...]:
    """Find an NHS number in a code or reference; ids and digests of our own making have none."""
    # Most are names, or ids; to count digits takes longer than the rest of the question.
    if len(code) < DIGITS_OF_A_NUMBER or code.replace("_", "").isalpha() or OPAQUE.fullmatch(code):
        return ()
    if sum(map(str.isdigit, code)) < DIGITS_OF_A_NUMBER:
        return ()
    return find_personal_data(code)


@dataclass(frozen=True, slots=True)
class Scanned:
    """Refuses a text in which personal data stand, and says so in the schema."""

    code: bool = False
    """Whether it is a code or a reference, and not a text."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._taken, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        described[MARK] = "refused"
        return described

    def _taken(self, text: str, info: ValidationInfo) -> str:
        if info.context and info.context.get("dsfc_stored"):
            return text
        found = find_in_code(text) if self.code else find_personal_data(text)
        if found:
            details = " ".join(map(detail_of, found))
            raise PydanticCustomError(KIND, "{details}", {"details": details})
        return text


def found_in(value: Any, pointer: str = "") -> Iterator[Place]:
    """Find personal data in every text of a value of JSON, with a pointer to each."""
    match value:
        case str():
            for finding in _find(value):
                yield Place(pointer, *finding)
        case Mapping():
            for name, entry in value.items():
                yield from found_in(entry, f"{pointer}/{_escaped(str(name))}")
        case Sequence() if not isinstance(value, bytes | bytearray):
            for number, entry in enumerate(value):
                yield from found_in(entry, f"{pointer}/{number}")
        case _:
            return


def shown(text: str) -> str:
    """Return a text as the public may read it: whole, or not at all."""
    return WITHHELD if _find(text) else text


def shown_in(value: Any) -> Any:
    """Return a value of JSON with each of its texts as the public may read it."""
    match value:
        case str():
            return shown(value)
        case dict():
            return {name: shown_in(entry) for name, entry in value.items()}
        case list() | tuple():
            return [shown_in(entry) for entry in value]
        case _:
            return value


@lru_cache(maxsize=2048)
def _find(text: str) -> tuple[PersonalDataFound, ...]:
    return () if OPAQUE.fullmatch(text) else find_personal_data(text)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
