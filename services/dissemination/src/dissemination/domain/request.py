"""What is asked for: an extract under one line of an agreement."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from dissemination.domain.errors import InvalidPeriods
from statements import request as statement
from statements.vocabulary import Classification, Format, LineKey, Purpose

MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")
MONTHS_MAX = 120
"""Ten years in one extract is more than any agreement's line."""


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

    def statement(self, extract_id: UUID) -> statement.ExtractRequest:
        """Return what the permit's request digest is over; the haven is handed exactly this."""
        return statement.ExtractRequest(
            extract_id=str(extract_id),
            agreement=self.agreement,
            purpose=self.purpose.value,
            data_set=self.data_set,
            classification=self.classification.value,
            periods=self.periods,
            fields=self.fields,
            formats=tuple(format_.value for format_ in self.formats),
        )

    def as_json(self, extract_id: UUID) -> dict[str, JsonValue]:
        return self.statement(extract_id).claims()

    @classmethod
    def from_json(cls, value: dict[str, JsonValue]) -> Self:
        """Read back what `as_json` wrote. Raises Malformed."""
        said = statement.ExtractRequest.read(value)
        return cls(
            agreement=said.agreement,
            purpose=Purpose(said.purpose),
            data_set=said.data_set,
            classification=Classification(said.classification),
            periods=said.periods,
            fields=said.fields,
            formats=tuple(Format(name) for name in said.formats),
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
