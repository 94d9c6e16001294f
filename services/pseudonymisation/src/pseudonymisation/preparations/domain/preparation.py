"""A preparation: from an accepted permit to attested files, once.

It is known by its permit's id. A worker claims it; a claim that is not renewed may be taken
over, under a new attempt, whose objects have keys of their own. The row names the attempt that
won, and nobody reads the objects of another (design.md section 6, S3).
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from pydantic import JsonValue

from common.errors import ClaimLost
from common.ids import digest_of
from common.lives import Life, Move
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.preparations.domain.errors import FailureCode
from pseudonymisation.preparations.domain.events import (
    ExtractPrepared,
    FilePrepared,
    PreparationFailed,
)
from statements.attestation import Edition, RulesVersion
from statements.permit import Permit
from statements.vocabulary import Format

ATTEMPTS_MAX: Final = 3
"""A preparation that ends its worker so often is given up."""


class PreparationState(StrEnum):
    ACCEPTED = "accepted"
    RUNNING = "running"
    PREPARED = "prepared"
    FAILED = "failed"


PREPARATION = Life(
    name="Preparation",
    begins=frozenset({PreparationState.ACCEPTED}),
    moves={
        PreparationState.ACCEPTED: (Move(to=PreparationState.RUNNING, why="a worker takes it"),),
        PreparationState.RUNNING: (
            Move(to=PreparationState.RUNNING, why="its worker was lost, and another begins anew"),
            Move(to=PreparationState.PREPARED, why="its files are made and attested"),
            Move(to=PreparationState.FAILED, why="its files cannot be made, or must not be"),
        ),
        PreparationState.PREPARED: (),
        PreparationState.FAILED: (),
    },
    otherwise={},
)
"""Dissemination asks for it again under the same permit, and is told how it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedEdition:
    """An edition that the preparation reads, as it stood when the permit was accepted."""

    id: UUID
    provider: str
    period: str
    number: int
    status: str
    object_key: str
    practice_map: str | None
    postcode_map: str | None
    catalogue_digest: str = ""
    """Of the published version of the data set that was landed."""
    landing_rules_version: int | None = None
    landing_rules_digest: str | None = None
    """By which it was taken in; None: by none."""
    organisation_map: str | None = None
    """By which its codes of organisations were read; None: as text."""
    further_maps: tuple[tuple[str, str], ...] = ()
    """Kind and id of what its areas were told by besides."""

    areas_untold: tuple[str, ...] = ()
    """What its maps did not tell of postcodes."""

    @property
    def digest(self) -> str:
        """The digest of all that it is read and judged by: the log has it of each edition."""
        said = asdict(self) | {"id": str(self.id)}
        said["further_maps"] = [[*one] for one in self.further_maps]
        said["areas_untold"] = [*self.areas_untold]
        return digest_of({name: value for name, value in said.items() if value})

    def maps_of(self, kind: str) -> tuple[str, ...]:
        """Return the ids of those of a kind."""
        return tuple(id_ for known, id_ in self.further_maps if known == kind)

    def covers(self, month: str) -> bool:
        """Return whether the month is in its period: a month, or two with a slash between."""
        period = Period.parse(self.period)
        return period.first <= month <= period.last

    @property
    def attested(self) -> Edition:
        """Return it as the attestation names it."""
        digest = self.landing_rules_digest
        return Edition(
            landing_rules=None
            if digest is None
            else RulesVersion(version=self.landing_rules_version, digest=digest),
            id=str(self.id),
            provider=self.provider,
            period=self.period,
            number=self.number,
            status=self.status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedOptOutList:
    id: UUID
    list_date: date
    digest: str
    object_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedRegistrations:
    """A list of who is registered with which practice, as it is read for one file."""

    id: UUID
    list_date: date
    object_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile:
    """One file in the release store, closed, and what the haven attests of it."""

    id: UUID
    format: str
    object_key: str
    bytes: int
    digest: str
    rows: int
    attestation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    id: UUID
    """The permit's."""
    permit_digest: str
    caller: str
    """The client that put it: dissemination."""
    permit: Permit
    editions: tuple[PinnedEdition, ...]
    created_at: datetime
    state: PreparationState = PreparationState.ACCEPTED
    attempt: UUID | None = None
    attempts: int = 0
    claimed_until: datetime | None = None
    rows_done: int = 0
    rows_total: int | None = None
    code: str | None = None
    subject: str | None = None
    """What the code is about: a column, or releases of the same recipient."""
    files: tuple[PreparedFile, ...] = ()
    finished_at: datetime | None = None
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""
    pending: tuple[ExtractPrepared | PreparationFailed, ...] = ()
    """Events not yet stored."""

    def claim(self, attempt: UUID, *, until: datetime) -> Self:
        """Raise ClaimLost where it is over."""
        if PreparationState.RUNNING not in PREPARATION.follows(self.state):
            raise ClaimLost(f"The preparation is {self.state} already.")
        return replace(
            self,
            state=PreparationState.RUNNING,
            attempt=attempt,
            attempts=self.attempts + 1,
            claimed_until=until,
            rows_done=0,
        )

    @property
    def is_exhausted(self) -> bool:
        """Return whether it ended its worker as often as it may."""
        return self.attempts >= ATTEMPTS_MAX

    def object_key(self, file_id: UUID, format_: str) -> str:
        """Return the key of a file of the present attempt. Nobody but the server makes keys."""
        return f"{OBJECTS}/{self.id}/{self.attempt}/{file_id}.{format_}"

    def finish(self, attempt: UUID, files: tuple[PreparedFile, ...], *, at: datetime) -> Self:
        """Raise ClaimLost where another attempt has begun."""
        self._require_mine(attempt)
        rows = max((file.rows for file in files), default=0)
        done = replace(
            self,
            state=PreparationState.PREPARED,
            files=files,
            rows_done=rows,
            rows_total=rows,
            claimed_until=None,
            finished_at=at,
        )
        event = ExtractPrepared(
            preparation_id=self.id,
            extract_id=UUID(self.permit.extract_id),
            files=[
                FilePrepared(id=f.id, format=Format(f.format), rows=f.rows, bytes=f.bytes)
                for f in files
            ],
        )
        return replace(done, pending=(*self.pending, event))

    def fail(
        self,
        attempt: UUID | None,
        code: FailureCode,
        *,
        at: datetime,
        subject: str | None = None,
    ) -> Self:
        """Raise ClaimLost where another attempt has begun."""
        self._require_mine(attempt)
        failed = replace(
            self,
            state=PreparationState.FAILED,
            code=code.value,
            subject=subject,
            claimed_until=None,
            finished_at=at,
        )
        event = PreparationFailed(
            preparation_id=self.id, extract_id=UUID(self.permit.extract_id), code=code.value
        )
        return replace(failed, pending=(*self.pending, event))

    def _require_mine(self, attempt: UUID | None) -> None:
        if self.state is not PreparationState.RUNNING or self.attempt != attempt:
            raise ClaimLost("Another worker took the preparation over.")

    def is_the_same(self, *, permit_digest: str, caller: str, request_digest: str) -> bool:
        """Return whether this very permit, request and caller made it."""
        return (
            self.permit_digest == permit_digest
            and self.caller == caller
            and self.permit.request_digest == request_digest
        )


OBJECTS: Final = "preparations"
"""The first part of every key in the release store."""


def attempt_of(object_key: str) -> tuple[str, str] | None:
    """Read preparation and attempt out of a key; None where it is not one of ours."""
    parts = object_key.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and parts[0] == OBJECTS else None


def is_of(object_key: str, attempts: Collection[str]) -> bool:
    """Say whether an object is of one of these attempts."""
    found = attempt_of(object_key)
    return found is not None and found[1] in attempts


def progress(preparation: Preparation) -> Mapping[str, JsonValue]:
    return {"rows_done": preparation.rows_done, "rows_total": preparation.rows_total}
