"""What a replacement changes, in rows. Counts only: never whose rows they are."""

from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from pydantic import JsonValue

K = TypeVar("K", bound=Hashable)


class ReplacementKind(StrEnum):
    """What is replaced. Each has a row in `rules.yaml`."""

    OPT_OUTS = "opt_outs"
    EDITION = "edition"
    PRACTICE_MAP = "practice_map"
    POSTCODE_MAP = "postcode_map"
    DEPRIVATION_MAP = "deprivation_map"
    ORGANISATION_MAP = "organisation_map"
    ORGANISATIONS = "organisations"
    ASSURANCE = "assurance"
    RELATIONSHIPS = "relationships"
    PUBLICATIONS = "publications"
    REGISTER = "register"
    REGISTRATIONS = "registrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How much of what is there already a first list is about, having none to differ from."""

    rows: int
    of: int
    """0: nothing is there yet that it could be held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How many rows there were, will be, come, go, and say something else."""

    before: int
    after: int
    added: int
    removed: int
    changed: int = 0

    def __post_init__(self) -> None:
        counts = (self.before, self.after, self.added, self.removed, self.changed)
        if min(counts) < 0 or self.before + self.added - self.removed != self.after:
            raise ValueError("the counts of a change contradict each other")

    @classmethod
    def between(cls, before: Mapping[K, object], after: Mapping[K, object]) -> Self:
        """Compare rows by their keys."""
        kept = before.keys() & after.keys()
        return cls(
            before=len(before),
            after=len(after),
            added=len(after) - len(kept),
            removed=len(before) - len(kept),
            changed=sum(1 for key in kept if before[key] != after[key]),
        )

    @classmethod
    def of_sets(cls, before: AbstractSet[K], after: AbstractSet[K]) -> Self:
        """Compare what only is there or is not."""
        return cls(
            before=len(before),
            after=len(after),
            added=len(after - before),
            removed=len(before - after),
        )

    @property
    def total(self) -> int:
        """Count every row that differs."""
        return self.added + self.removed + self.changed

    @property
    def is_first(self) -> bool:
        """Say whether it replaces nothing."""
        return self.before == 0

    def as_json(self) -> dict[str, JsonValue]:
        """Write it as it stands in audit entries."""
        return {
            "before": self.before,
            "after": self.after,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
        }
