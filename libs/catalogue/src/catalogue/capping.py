"""Caps that go together over all columns of a line, as dated data: what is done to which column."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import Field

from catalogue.model import DataSet, Derivation, DerivedField, Identifier, Strict, Treatment

EXACT_DATE = "exact_date"


class Cap(StrEnum):
    """What is done to a column."""

    CAPPED = "capped"
    """Of the oldest: what somebody has who is just as old as the cap."""
    WITHHELD_OF_OLDEST = "withheld_of_oldest"
    """Of the oldest: null."""
    WITHHELD = "withheld"
    """Of everybody: null, because a coarser form of the same is on the line."""


class Together(Strict):
    """Forms of one source of which the finer is withheld where a coarser one is on the line too."""

    coarse: Annotated[tuple[Derivation, ...], Field(min_length=1)]
    finer: Derivation | Literal["exact_date"]


class Caps(Strict):
    """One version of the rule."""

    rule: Annotated[str, Field(pattern=r"^caps/[0-9]+$")]
    valid_from: date
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    oldest: Annotated[int, Field(ge=1, le=120)]
    """Years from which on nobody's age is told exactly."""
    of_birth: Mapping[Derivation, Literal["capped", "withheld"]]
    together: tuple[Together, ...]

    def on_line(self, data_set: DataSet, columns: Mapping[str, Treatment]) -> dict[str, Cap]:
        """Say what is done to which of a line's columns; what is not named is left as it is."""
        derived = {d.name: d for d in data_set.derived if d.name in columns}
        found = {
            name: Cap.CAPPED if self.of_birth[d.derivation] == "capped" else Cap.WITHHELD_OF_OLDEST
            for name, d in derived.items()
            if d.derivation in self.of_birth and is_of_birth(data_set, d)
        }
        for pair in self.together:
            sources = {d.source for d in derived.values() if d.derivation in pair.coarse}
            if pair.finer == EXACT_DATE:
                finer = {s for s in sources if columns.get(s) is Treatment.AS_IS}
            else:
                finer = {
                    name
                    for name, d in derived.items()
                    if d.derivation is pair.finer and d.source in sources
                }
            found |= dict.fromkeys(finer, Cap.WITHHELD)
        return found


def is_of_birth(data_set: DataSet, derived: DerivedField) -> bool:
    """Say whether a derived column is made from a date of birth."""
    return data_set.by_name[derived.source].identifier is Identifier.DATE_OF_BIRTH


@cache
def caps() -> Caps:
    """Give the newest rule: what protects people is not waited for."""
    texts = (
        path.read_text(encoding="utf-8")
        for path in files("catalogue").joinpath("caps").iterdir()
        if path.name.endswith(".yaml")
    )
    rules = [Caps.model_validate(yaml.safe_load(text)) for text in texts]
    return max(rules, key=lambda rule: rule.valid_from)
