"""What can be found wrong with a log, and how it is told."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

FINDINGS_MAX = 100


class FindingKind(StrEnum):
    """What can be wrong with a log."""

    EDITED = "LEAF_EDITED"
    DELETED = "LEAF_DELETED"
    INSERTED = "LEAF_INSERTED"
    REORDERED = "LEAF_REORDERED"
    FORKED = "LOG_FORKED"
    TRUNCATED = "LOG_TRUNCATED"
    FRONTIER = "FRONTIER_DIFFERS"
    INDEX = "INDEX_DIFFERS"
    TIME = "TIME_WENT_BACK"
    CHECKPOINT = "CHECKPOINT_NOT_GENUINE"
    MISSING = "CHECKPOINT_MISSING"
    SEAL = "SEAL_BROKEN"


@dataclass(frozen=True, slots=True)
class LogFinding:
    """One thing that is wrong, and the first leaf that it touches."""

    kind: FindingKind
    index: int
    detail: str

    def as_json(self) -> dict[str, JsonValue]:
        """Write it for programs."""
        return {"kind": str(self.kind), "index": self.index, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Head:
    """A head known from elsewhere: a manifest carries the one of its release."""

    size: int
    root: str
    source: str

    line: str | None = None
    """The checkpoint itself, where it is one: the service's own file must have it too."""


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What was looked at, and what is wrong with it, in the order of the leaves."""

    log: str
    leaves: int
    root: str
    checkpoints: int
    signed_size: int
    """How many of the leaves a checkpoint vouches for."""

    findings: tuple[LogFinding, ...]

    kept: int = 0
    """How many heads that somebody else kept it was held against."""

    unchecked: tuple[str, ...] = ()
    """What could not be judged, and what would be needed for it."""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.findings

    @property
    def first(self) -> LogFinding | None:
        """Return what is wrong with the first broken leaf."""
        return self.findings[0] if self.findings else None

    def as_json(self) -> dict[str, JsonValue]:
        """Write it for programs."""
        return {
            "log": self.log,
            "whole": self.is_whole,
            "leaves": self.leaves,
            "root": self.root,
            "checkpoints": self.checkpoints,
            "signed_size": self.signed_size,
            "kept": self.kept,
            "unchecked": list(self.unchecked),
            "findings": [finding.as_json() for finding in self.findings],
        }
