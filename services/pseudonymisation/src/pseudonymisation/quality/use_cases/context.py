"""What every use case of data quality is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from catalogue import Catalogue
from common.clock import Clock
from pseudonymisation.intake.use_cases.context import ScopedContext
from pseudonymisation.intake.use_cases.ports import Publications, SubmissionRights
from pseudonymisation.quality.domain.disclosure import SmallNumbers
from pseudonymisation.quality.domain.schedule import DueRule, ShrinkRule
from pseudonymisation.quality.use_cases.ports import QualityUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityContext(ScopedContext):
    uow: QualityUnitOfWork
    clock: Clock
    catalogue: Catalogue
    publications: Publications
    rights: SubmissionRights
    small_numbers: Sequence[SmallNumbers]
    """How small numbers are hidden, by disclosure rule and day."""
    due_rules: Sequence[DueRule]
    shrink_rule: Callable[[date], ShrinkRule]
