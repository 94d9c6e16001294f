"""What the use cases of data quality need from outside."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from common.audit.entries import Entry as AuditEntry
from common.idempotency import IdempotencyKeys
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.preparations.domain.preparation import Preparation
from pseudonymisation.quality.domain.board import LandedEdition, SentFile
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.errors import WindowInvalid
from pseudonymisation.quality.domain.rates import FieldTotals
from pseudonymisation.quality.domain.schedule import Expectation
from pseudonymisation.quality.domain.statement import Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class OfEditions:
    """Which measured editions are wanted; None: whichever."""

    data_set: str | None = None
    data_sets: Collection[str] | None = None
    """One of these."""
    provider: str | None = None
    month: str | None = None
    """Of which the period has a part."""
    first: str | None = None
    last: str | None = None
    """A range of months, both included, of which the period has a part."""
    only_in_force: bool = False
    published: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Data sets of which only these periods are wanted."""

    def require_window(self) -> None:
        """Raise WindowInvalid where the range ends before it begins."""
        if self.first is not None and self.last is not None and self.first > self.last:
            raise WindowInvalid("`from` is after `to`.", field="from")


class QualityRecords(Protocol):
    def page(
        self, wanted: OfEditions, scope: Scope, *, after: UUID | None, limit: int
    ) -> Sequence[MeasuredEdition]:
        """In order of id, which is the order of landing."""

    def trend(self, data_set: str, provider: str, *, limit: int) -> Sequence[MeasuredEdition]:
        """Return the editions in force of a provider, the newest periods, in their order."""

    def national(
        self, data_set: str, periods: Collection[str]
    ) -> Mapping[tuple[str, str], FieldTotals]:
        """Return the counts of all providers' editions in force, by period and field."""

    def submission(self, submission_id: UUID, scope: Scope) -> Submission:
        """Raise SubmissionNotFound also where the caller may not know of it."""

    def sums(
        self, data_sets: Collection[str], provider: str, period: Period, *, instead: UUID | None
    ) -> Mapping[str, Sequence[Sums]]:
        """Return what a provider's editions in force of these months add up to, by data set.

        One that waits is taken `instead` of the one whose place it would take.
        """

    def preparation(self, permit_id: UUID) -> Preparation:
        """Raise PreparationNotFound."""

    def of(self, edition_ids: Collection[UUID]) -> Sequence[MeasuredEdition]:
        """Return these editions as far as they are measured, in order of id."""

    def coverage(self, periods: Collection[tuple[str, str]]) -> Sequence[Coverage]:
        """Count the providers with an edition in force of each of these data sets and periods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfBoard:
    """Which part of the landing board is wanted; None: whichever."""

    data_set: str | None = None
    provider: str | None = None


class Board(Protocol):
    def expectation(self, expectation_id: UUID) -> Expectation:
        """Raise ExpectationNotFound."""

    def expectations(
        self, wanted: OfBoard, scope: Scope, *, after: UUID | None, limit: int | None
    ) -> Sequence[Expectation]:
        """In order of id; without a limit all of them."""

    def editions(
        self, wanted: OfBoard, scope: Scope, *, first: str, last: str
    ) -> Sequence[LandedEdition]:
        """Return what is or was in force of periods that have a part of these months."""

    def sent(self, wanted: OfBoard, scope: Scope, *, first: str, last: str) -> Sequence[SentFile]:
        """Return the submissions of these months."""

    def save(self, expectation: Expectation, *, audit: AuditEntry) -> Expectation:
        """Raise EditedMeanwhile where the stored version is not the one that was read."""


class QualityTransaction(Protocol):
    @property
    def records(self) -> QualityRecords: ...
    @property
    def board(self) -> Board: ...

    @property
    def idempotency(self) -> IdempotencyKeys: ...


class QualityUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[QualityTransaction]: ...

    def writing(self) -> AbstractContextManager[QualityTransaction]:
        """Commit when the block ends, roll back when it raises."""
