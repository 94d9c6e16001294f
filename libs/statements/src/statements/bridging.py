"""What a bridging file leads to: a line of an agreement with a pseudonym domain of its own.

A bridging file has which token of one domain is whose in another: of people who are in both, of
one recipient environment, by a clause of both agreements (docs/adr/0195). What is permitted and
attested of it can be read from the side of either line, so that both agreements judge all of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from statements.form import CLOSED
from statements.vocabulary import LineKey

OTHER_TOKEN: Final = "Other_Token"  # noqa: S105  a column's name
"""The column of a bridging file that has the tokens of the other domain."""
BRIDGING_FILE: Final = "bridging_file"
"""The `key` of a linkage that is by a bridging file, and not by equal tokens."""
BRIDGE: Final = frozenset({"data_sets", "key", "mitigation", "agreement", "from", "to"})
"""The parts of such a linkage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedLine:
    """The other line, whose domain is to be bridged with that of the one that is asked by."""

    __pydantic_config__ = CLOSED

    agreement: str
    purpose: str
    data_set: str
    classification: str

    @property
    def line(self) -> LineKey:
        return LineKey(self.purpose, self.data_set, self.classification)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTerm:
    """That a bridging file may pair people of these data sets with those of another agreement."""

    agreement: str
    """The other one; of two lines of one agreement, that one itself."""
    data_sets: frozenset[str]
    first_day: date
    last_day: date | None
    """None: as long as the agreement is in force."""

    def allows(self, agreement: str, data_sets: Iterable[str], day: date) -> bool:
        return (
            self.agreement == agreement
            and self.data_sets.issuperset(data_sets)
            and self.first_day <= day
            and (self.last_day is None or day <= self.last_day)
        )


def is_bridge(linkage: Mapping[str, Any]) -> bool:
    """Say whether a linkage of an agreement's document is by a bridging file."""
    return linkage.get("key") == BRIDGING_FILE


def bridge_of(linkage: Mapping[str, Any]) -> BridgeTerm | None:
    """Read such a linkage; None where it does not say what it must."""
    last = linkage.get("to")
    try:
        return BridgeTerm(
            agreement=str(linkage["agreement"]),
            data_sets=frozenset(map(str, linkage["data_sets"])),
            first_day=date.fromisoformat(linkage["from"]),
            last_day=None if last is None else date.fromisoformat(last),
        )
    except (KeyError, TypeError, ValueError):
        return None
