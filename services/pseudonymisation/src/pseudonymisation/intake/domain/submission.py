"""A submission: one file of one provider, from the first byte to an edition or a refusal.

Pure. What a change needs is handed in, what it causes is handed back in `pending`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from pydantic import JsonValue

from catalogue import Protocol
from common.errors import ClaimLost, TransitionRefused
from common.replacement import SecondPersonNeeded
from pseudonymisation.intake.domain.edition import Place, Replaced
from pseudonymisation.intake.domain.errors import TablesMissing
from pseudonymisation.intake.domain.events import (
    SubmissionAccepted,
    SubmissionDecided,
    SubmissionRejected,
)
from pseudonymisation.intake.domain.lives.submission import (
    SUBMISSION,
    SubmissionCommand,
    SubmissionState,
)
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import LandingOutcome, QuarantineEntry
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.domain.written import (
    AS_CATALOGUED,
    BulkPart,
    Content,
    Declaration,
    Dialect,
    quarantines_of,
)

ATTEMPTS_MAX: Final = 3
"""A file that ends its worker, or defeats the engine, so often is refused."""


DECIDED = frozenset({SubmissionState.ACCEPTED, SubmissionState.REJECTED})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is read."""

    rows_done: int
    rows_total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    id: UUID
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: Period
    provider: str
    """Whose records these are."""
    submitted_by: str
    """Which organisation sent them: the provider, one with a right, or a DSCRO for it."""
    basis: Basis | None = None
    """By what it may; None where it was not written down, before rights were."""
    dialect: Dialect = AS_CATALOGUED
    """How its values stand in lines, as its sender declared it."""
    protocol: Protocol = Protocol.WHOLE_PERIOD
    part: BulkPart | None = None
    """What it replaces in bulk; None: what its provider has in the whole period."""
    left_out_at_source: int | None = None
    """People whom its sender left out, as it said (ruling 28); None: nobody has to be counted."""
    created_at: datetime
    state: SubmissionState = SubmissionState.OPEN
    content: Content | None = None
    tables: Mapping[str, Content] = field(default_factory=dict)
    """Of several tables what came of each; `content` is then of all together."""
    received_at: datetime | None = None
    received_by: str | None = None
    """The subject who sent the content; null before it was received."""
    decided_at: datetime | None = None
    edition_id: UUID | None = None
    """Of the edition that it is to be, from reception on."""
    attempt: UUID | None = None
    attempts: int = 0
    claimed_until: datetime | None = None
    """While LANDING, the worker's claim; while RECEIVED, not to be tried before."""
    code: str | None = None
    """Why it was rejected, or why it waits."""
    detail: str | None = None
    refusal: Mapping[str, JsonValue] = field(default_factory=dict)
    """Of a refused file: where it is wrong, in lines and columns of the catalogue."""
    report: Mapping[str, JsonValue] | None = None
    quarantine_key: str | None = None
    replaced: Replaced | None = None
    """What would give way to it, and what comes; None: nothing does, or it is not landed."""
    rows_done: int = 0
    """How many records were read; while LANDING, as its worker noted last."""
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""
    pending: tuple[SubmissionDecided, ...] = ()
    """Events not yet stored."""
    entries: Sequence[QuarantineEntry] = field(default=())
    """Reasons for which lines were set aside, not yet stored."""

    def receive(
        self, content: Content, *, edition_id: UUID, at: datetime, by: str | None = None
    ) -> Self:
        """Take the whole content, once."""
        self._require_content()
        return replace(
            self,
            state=SubmissionState.RECEIVED,
            content=content,
            edition_id=edition_id,
            received_at=at,
            received_by=by,
            code=None,
            detail=None,
        )

    def put_table(self, table: str, content: Content) -> Self:
        """Take the content of one of several tables, in the place of what came of it before."""
        self._require_content()
        return replace(self, tables={**self.tables, table: content})

    def close(
        self, needed: Sequence[str], *, edition_id: UUID, at: datetime, by: str | None
    ) -> Self:
        """Be whole: all tables came that have to. Raise TablesMissing where one did not."""
        self._require_content("is not closed again")
        missing = [table for table in needed if table not in self.tables]
        if missing or not self.tables:
            named = ", ".join(missing) or "every table"
            raise TablesMissing(
                f"{named} did not come yet. Send what is missing, then close the submission.",
                tables=[*missing],
            )
        whole = Content.of_tables(self.tables)
        return self.receive(whole, edition_id=edition_id, at=at, by=by)

    @property
    def content_keys(self) -> tuple[str, ...]:
        """Name the objects of what was sent."""
        if self.tables:
            return tuple(one.key for one in self.tables.values())
        return () if self.content is None or not self.content.key else (self.content.key,)

    @property
    def quarantine_keys(self) -> tuple[str, ...]:
        """Name the objects of rows that were set aside: of several tables two for each."""
        if self.quarantine_key is None:
            return ()
        return quarantines_of(self.quarantine_key, self.tables)

    @property
    def place(self) -> Place:
        """Return what its edition takes the place of."""
        return Place(self.period, self.part)

    @property
    def declared(self) -> Declaration:
        """Return what was said of it before it came."""
        return Declaration(
            dialect=self.dialect,
            protocol=self.protocol,
            recipient=None if self.part is None else self.part.recipient,
            group=None if self.part is None else self.part.group,
            left_out_at_source=self.left_out_at_source,
            # No file of a whole period is of a part: what is, came by token.
            by_token=self.part is not None and self.protocol is Protocol.WHOLE_PERIOD,
        )

    def claim(self, attempt: UUID, *, until: datetime) -> Self:
        self._require_transition(SubmissionState.LANDING)
        return replace(
            self,
            state=SubmissionState.LANDING,
            attempt=attempt,
            attempts=self.attempts + 1,
            claimed_until=until,
            rows_done=0,
        )

    @property
    def progress(self) -> Progress | None:
        """How far it is, from reception on; of what was refused unread, nothing."""
        match self.state:
            case SubmissionState.RECEIVED | SubmissionState.LANDING if self.content is not None:
                return Progress(self.rows_done, self.content.records)
            case SubmissionState.WAITING | SubmissionState.ACCEPTED | SubmissionState.REJECTED if (
                self.report is not None
            ):
                return Progress(self.rows_done, self.rows_done)
            case _:
                return None

    @property
    def sent_at(self) -> datetime | None:
        """When its sender sent the content: of one that is landed anew, when it came first."""
        if self.received_at is not None and self.received_by is None:
            return self.created_at
        return self.received_at

    @property
    def is_exhausted(self) -> bool:
        """Return whether it was tried as often as it may be."""
        return self.attempts >= ATTEMPTS_MAX

    def wait(
        self, attempt: UUID, *, code: str, until: datetime, counts: bool, detail: str | None = None
    ) -> Self:
        """Give it back to be tried again later.

        An attempt that met nothing but a part that is away does not count.
        """
        self._require_mine(attempt)
        return replace(
            self,
            state=SubmissionState.RECEIVED,
            claimed_until=until,
            attempts=self.attempts if counts else self.attempts - 1,
            rows_done=0,
            code=code,
            detail=detail,
        )

    def accept(
        self,
        attempt: UUID,
        outcome: LandingOutcome,
        report: Mapping[str, JsonValue],
        *,
        quarantine_key: str,
        at: datetime,
        replaced: Replaced | None = None,
    ) -> Self:
        self._require_mine(attempt)
        accepted = replace(
            self._decided(SubmissionState.ACCEPTED, at),
            code=None,
            detail=None,
            report=report,
            quarantine_key=quarantine_key,
            replaced=replaced,
            rows_done=outcome.records,
            entries=outcome.entries,
        )
        return replace(
            accepted,
            pending=(*self.pending, _decided_event(SubmissionAccepted, accepted, outcome, at)),
        )

    def hold_back(
        self,
        attempt: UUID,
        outcome: LandingOutcome,
        report: Mapping[str, JsonValue],
        *,
        quarantine_key: str,
        replaced: Replaced | None = None,
    ) -> Self:
        """Wait for a second person: it is landed, and not in force."""
        self._require_mine(attempt)
        self._require_transition(SubmissionState.WAITING)
        return replace(
            self,
            state=SubmissionState.WAITING,
            claimed_until=None,
            code=SecondPersonNeeded.code,
            detail=_why_it_waits(replaced),
            report=report,
            quarantine_key=quarantine_key,
            replaced=replaced,
            rows_done=outcome.records,
            entries=outcome.entries,
        )

    def confirm(self, *, rows: int, rows_repeated: int | None, at: datetime) -> Self:
        """Become the edition in force, by a second person's word."""
        self._require_waiting()
        accepted = replace(self._decided(SubmissionState.ACCEPTED, at), code=None, detail=None)
        event = SubmissionAccepted(
            submission_id=self.id,
            data_set=self.data_set,
            period=str(self.period),
            provider=self.provider,
            edition_id=self.edition_id,
            code=None,
            rows_accepted=rows,
            rows_repeated=rows_repeated,
            rows_quarantined=self._quarantined,
            at=at,
        )
        return replace(accepted, pending=(*self.pending, event))

    def reject_waiting(self, *, code: str, detail: str, at: datetime) -> Self:
        """Refuse what waits: it was taken back, or a later file came. Its report stays."""
        self._require_waiting()
        rejected = replace(
            self._decided(SubmissionState.REJECTED, at), code=code, detail=detail, edition_id=None
        )
        event = SubmissionRejected(
            submission_id=self.id,
            data_set=self.data_set,
            period=str(self.period),
            provider=self.provider,
            edition_id=None,
            code=code,
            rows_accepted=0,
            rows_repeated=0,
            rows_quarantined=self._quarantined,
            at=at,
        )
        return replace(rejected, pending=(*self.pending, event))

    @property
    def _quarantined(self) -> int:
        totals = (self.report or {}).get("totals")
        counted = totals.get("quarantined") if isinstance(totals, Mapping) else None
        return counted if isinstance(counted, int) else 0

    def reject(
        self,
        *,
        code: str,
        detail: str,
        at: datetime,
        refusal: Mapping[str, JsonValue] | None = None,
        attempt: UUID | None = None,
        outcome: LandingOutcome | None = None,
        report: Mapping[str, JsonValue] | None = None,
        quarantine_key: str | None = None,
    ) -> Self:
        """Refuse the file: as it streamed in, or by the worker whose `attempt` it is."""
        if attempt is not None:
            self._require_mine(attempt)
        rejected = replace(
            self._decided(SubmissionState.REJECTED, at),
            code=code,
            detail=detail,
            refusal=refusal or {},
            report=report,
            edition_id=None,
            quarantine_key=quarantine_key,
            rows_done=0 if outcome is None else outcome.records,
            entries=() if outcome is None else outcome.entries,
        )
        return replace(
            rejected,
            pending=(*self.pending, _decided_event(SubmissionRejected, rejected, outcome, at)),
        )

    def land_anew(
        self, submission_id: UUID, *, edition_id: UUID, at: datetime
    ) -> tuple[Self, Self]:
        """Hand the upload over to another submission, which lands it by the present rules.

        Both are handed back: this one without its upload, and the other, received.
        """
        if self.state is not SubmissionState.ACCEPTED or self.content is None:
            raise TransitionRefused("The upload is not stored any more. Submit the file again.")
        if self.protocol is Protocol.NET_CHANGE:
            raise TransitionRefused("A net change is no whole period. Submit the period again.")
        other = replace(
            self,
            id=submission_id,
            created_at=self.sent_at or at,
            state=SubmissionState.OPEN,
            content=None,
            received_at=None,
            decided_at=None,
            edition_id=None,
            attempt=None,
            attempts=0,
            claimed_until=None,
            report=None,
            quarantine_key=None,
            replaced=None,
            rows_done=0,
            version=0,
        )
        received = other.receive(self.content, edition_id=edition_id, at=at)
        return replace(self, content=None, tables={}), received

    def is_over(self, kept: timedelta, *, at: datetime) -> bool:
        """Return whether its content was kept as long as it is to be kept after the decision."""
        return self.decided_at is not None and at >= self.decided_at + kept

    def forget_content(self) -> Self:
        """Drop the destroyed upload and quarantined rows; what was counted stays."""
        return replace(self, content=None, tables={}, quarantine_key=None)

    def _decided(self, state: SubmissionState, at: datetime) -> Self:
        self._require_transition(state)
        return replace(self, state=state, decided_at=at, claimed_until=None)

    def _require_transition(self, state: SubmissionState) -> None:
        if state not in SUBMISSION.follows(self.state):
            raise TransitionRefused(
                f"The submission is {self.state} and cannot become {state}.",
                allowed=[str(allowed) for allowed in sorted(SUBMISSION.follows(self.state))],
            )

    def _require_content(self, said: str = "accepts no content") -> None:
        SUBMISSION.permits(
            self.state,
            SubmissionCommand.PUT_CONTENT,
            f"The submission is {self.state} and {said}.",
        )

    def _require_waiting(self) -> None:
        if self.state is not SubmissionState.WAITING:
            raise TransitionRefused(
                f"The submission is {self.state} and does not wait for a confirmation."
            )

    def _require_mine(self, attempt: UUID) -> None:
        if self.state is not SubmissionState.LANDING or self.attempt != attempt:
            raise ClaimLost("Another worker took the submission over.")


def _why_it_waits(replaced: Replaced | None) -> str:
    if replaced is not None and replaced.emptied:
        return (
            f"The file has no rows of {' and '.join(replaced.emptied)}, and the edition in force"
            " has; a second person has to confirm that its period is right."
        )
    return "Much of the edition in force would change; a second person has to confirm it."


def _decided_event(
    kind: type[SubmissionDecided],
    submission: Submission,
    outcome: LandingOutcome | None,
    at: datetime,
) -> SubmissionDecided:
    is_accepted = submission.state is SubmissionState.ACCEPTED
    return kind(
        submission_id=submission.id,
        data_set=submission.data_set,
        period=str(submission.period),
        provider=submission.provider,
        edition_id=submission.edition_id,
        code=submission.code,
        rows_accepted=outcome.landed if outcome is not None and is_accepted else 0,
        rows_repeated=outcome.repeated if outcome is not None and is_accepted else 0,
        rows_quarantined=0 if outcome is None else outcome.quarantined,
        at=at,
    )


def next_try(at: datetime, attempts: int) -> datetime:
    """Return when to try again: ever more slowly, up to five minutes."""
    return at + timedelta(seconds=min(300, 5 * 2**attempts))
