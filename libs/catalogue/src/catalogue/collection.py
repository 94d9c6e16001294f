"""Under which directions and provision notices a data set is collected (ruling 32)."""

from collections.abc import Iterable
from datetime import date
from typing import Literal, Self

from pydantic import model_validator

from catalogue.words import Strict, Text, without


class Instrument(Strict):
    """One of them, and when it is in force; its last day counts."""

    kind: Literal["direction", "provision_notice"]
    title: Text
    valid_from: date
    valid_to: date | None = None
    source: Text
    assumed: bool = False
    """Its title or its dates are not from a published text."""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        ends_early = self.valid_to is not None and self.valid_to < self.valid_from
        return without(self, ["valid_to is before valid_from"] if ends_early else [])

    def is_in_force(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


def in_force(instruments: Iterable[Instrument], on: date) -> tuple[Instrument, ...]:
    """Give those that are in force on a day."""
    return tuple(instrument for instrument in instruments if instrument.is_in_force(on))
