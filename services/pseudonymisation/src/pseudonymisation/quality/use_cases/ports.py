"""What the use cases of data quality need from outside."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.rates import FieldTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class OfEditions:
    """Which measured editions are wanted; None: whichever."""

    data_set: str | None = None
    data_sets: Collection[str] | None = None
    """One of these."""
    provider: str | None = None
    month: str | None = None
    """Of which the period has a part."""
    only_in_force: bool = False


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


class QualityTransaction(Protocol):
    @property
    def records(self) -> QualityRecords: ...


class QualityUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[QualityTransaction]: ...

    def writing(self) -> AbstractContextManager[QualityTransaction]:
        """Commit when the block ends, roll back when it raises."""
