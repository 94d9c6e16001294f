"""What is asked for: an extract under one line of an agreement."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from common.ids import digest_of
from dissemination.domain.errors import InvalidPeriods
from dissemination.domain.standing import LineKey

MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")
MONTHS_MAX = 120
"""Ten years in one extract is more than any agreement's line."""


class Purpose(StrEnum):
    """What the data are used for. An agreement's line is for one purpose."""

    RISK_STRATIFICATION = "RS"
    INVOICE_VALIDATION = "IV"
    COMMISSIONING = "COM"
    OTHER = "OTHER"


class Classification(StrEnum):
    """Form of the data, from identifiable to suppressed aggregates."""

    IDENTIFIABLE = "IDENTIFIABLE"
    PSEUDO_ANONYMISED = "PSEUDO_ANONYMISED"
    AGGREGATE_NOT_SUPPRESSED = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
    AGGREGATE_SUPPRESSED = "AGGREGATE_SUPPRESSED"


class Format(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractRequest:
    agreement: str
    purpose: Purpose
    data_set: str
    classification: Classification
    periods: tuple[str, ...]
    fields: tuple[str, ...]
    formats: tuple[Format, ...]

    @property
    def line(self) -> LineKey:
        return self.purpose.value, self.data_set, self.classification.value

    def as_json(self, extract_id: UUID) -> dict[str, JsonValue]:
        """What the permit's request digest is over; the haven is handed exactly this."""
        return {
            "extract_id": str(extract_id),
            "agreement": self.agreement,
            "purpose": self.purpose.value,
            "data_set": self.data_set,
            "classification": self.classification.value,
            "periods": list(self.periods),
            "fields": list(self.fields),
            "formats": [format_.value for format_ in self.formats],
        }

    def digest(self, extract_id: UUID) -> str:
        return digest_of(self.as_json(extract_id))

    @classmethod
    def from_json(cls, value: dict[str, JsonValue]) -> Self:
        """Read back what `as_json` wrote."""
        return cls(
            agreement=str(value["agreement"]),
            purpose=Purpose(str(value["purpose"])),
            data_set=str(value["data_set"]),
            classification=Classification(str(value["classification"])),
            periods=_texts(value["periods"]),
            fields=_texts(value["fields"]),
            formats=tuple(Format(name) for name in _texts(value["formats"])),
        )


def months(first: str, last: str) -> tuple[str, ...]:
    """Every month from `first` to `last`, both included. Raises InvalidPeriods."""
    start, end = _ordinal(first), _ordinal(last)
    if end < start:
        raise InvalidPeriods(f"{last} is before {first}.")
    if end - start >= MONTHS_MAX:
        raise InvalidPeriods(f"More than {MONTHS_MAX} months were asked for at once.")
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(start, end + 1))


def listed(periods: Sequence[str]) -> tuple[str, ...]:
    """The months in order, each once. Raises InvalidPeriods."""
    for month in periods:
        _ordinal(month)
    return tuple(sorted(set(periods)))


def _ordinal(month: str) -> int:
    if MONTH.fullmatch(month) is None:
        raise InvalidPeriods("A period is a month, written YYYY-MM.")
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list was stored here")
    return tuple(str(item) for item in value)
