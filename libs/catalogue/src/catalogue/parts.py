"""The parts of a data set file besides its columns: people, reasons, names, the file's form."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from catalogue.words import Name, Strict, Text, without


class Person(Strict):
    """Where a row says whom it is about."""

    nhs_number: Name | None = None
    """Where absent, people are known by a local identifier only, or by none."""
    nhs_number_status: Name | None = None
    local_id: Name | None = None
    provider: Name | None = None
    """Where absent, the provider of the submission."""
    date_of_birth: Name | None = None
    postcode: Name | None = None


class Reason(Strict):
    """How one letter of Reasons for Access (domain.md 6.11) is found."""

    source: Literal[
        "submitter", "organisation", "practice", "postcode", "local_authority", "commissioner"
    ]
    field: Name | None = None

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if (self.source == "submitter") != (self.field is None):
            raise ValueError("every source but the submitter names a field")
        return self


class Confidentiality(Strict):
    """Rows that are withheld as a whole (domain.md 6.3, R23)."""

    field: Name
    withheld: Annotated[tuple[str, ...], Field(min_length=1)]


class Lookup(Strict):
    """Names by which organisations are called in files, and their codes.

    Case does not count, nor how much white space stands between words.
    """

    source: Text
    values: Annotated[
        Mapping[Text, Annotated[str, Field(pattern=r"^[A-Z0-9]{3,12}$")]], Field(min_length=1)
    ]

    @cached_property
    def by_folded(self) -> Mapping[str, str]:
        """Codes by the name as it is compared."""
        return {folded(name): code for name, code in self.values.items()}

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        names = [folded(name) for name in self.values]
        twice = sorted({name for name in names if names.count(name) > 1})
        return without(self, [f"names that are the same: {', '.join(twice)}"] if twice else [])


def folded(name: str) -> str:
    """Give a name as it is compared: in upper case, one space between words."""
    return " ".join(name.upper().split())


class FileFormat(Strict):
    format: Literal["csv"] = "csv"
    encoding: Literal["utf-8"] = "utf-8"
    delimiter: Literal[",", ";", "|", "\t"] = ","
    quoting: Literal["standard", "backslash", "none"] = "standard"
    """How a value has a delimiter in it, where its sender declares nothing else.

    `standard` is RFC 4180; `backslash`: a backslash before a quote, a delimiter or itself; `none`:
    never, a quote is a character like any other.
    """
    date_format: Literal["%Y-%m-%d"] = "%Y-%m-%d"
    line_bytes_max: Annotated[int, Field(ge=100, le=1_048_576)] = 65_536
    file_bytes_max: Annotated[int, Field(ge=1)] = 64 * 1024**3
    quarantine_share_max: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A file of which more than this share is bad is refused as a whole."""


def with_codes(field: object, content: Mapping[str, Any]) -> object:
    """Give a column whose names are looked up the codes that they become."""
    if not isinstance(field, dict) or "lookup" not in field or "codes" in field:
        return field
    lookups = content.get("lookups")
    found = lookups.get(field["lookup"]) if isinstance(lookups, dict) else None
    values = found.get("values") if isinstance(found, dict) else None
    codes = sorted({str(code) for code in values.values()}) if isinstance(values, dict) else []
    return field | {"codes": codes} if codes else field
