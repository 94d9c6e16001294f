"""What files are made with and was taken back after it had been in force (docs/adr/0032).

A list of opt-outs that named too few, an edition by landing that let somebody through: whatever
was made with it exposes whoever it left in. Such a file is void: it is not released any more, and
not fetched, also where a byte of it has left already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from statements.attestation import Attestation


class Source(StrEnum):
    """What kind of thing was taken back."""

    OPT_OUT_LIST = "opt_out_list"
    EDITION = "edition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The haven said that something of its own was taken back."""

    id: UUID
    kind: Source
    source: str
    """Its id, as attestations name it."""
    replaced_by: str | None
    """What is in force in its place; a file that upholds this list as well is no worse for it."""
    taken_back_at: datetime
    version: int = 0

    def concerns(self, file: Attestation) -> bool:
        """Say whether the file rests on what was taken back."""
        if self.kind is Source.EDITION:
            return any(edition.id == self.source for edition in file.editions)
        opt_out = file.opt_out
        return (
            opt_out.applied
            and opt_out.list_id == self.source
            and (self.replaced_by is None or self.replaced_by not in opt_out.lists)
        )


def taken_back(file: Attestation, recalls: Iterable[Recall]) -> tuple[Source, ...]:
    """Say what of it was taken back, each kind once."""
    return tuple(sorted({recall.kind for recall in recalls if recall.concerns(file)}))
