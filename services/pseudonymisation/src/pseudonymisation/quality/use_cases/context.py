"""What every use case of data quality is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from catalogue import Catalogue
from common.clock import Clock
from common.organisations import Codes, spellings
from common.security.principal import Principal
from pseudonymisation.intake.use_cases.context import SEE_ALL
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.disclosure import SmallNumbers
from pseudonymisation.quality.domain.schedule import DueRule, ShrinkRule
from pseudonymisation.quality.use_cases.ports import QualityUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityContext:
    uow: QualityUnitOfWork
    clock: Clock
    catalogue: Catalogue
    codes: Codes
    small_numbers: Sequence[SmallNumbers]
    """How small numbers are hidden, by disclosure rule and day."""
    due_rules: Sequence[DueRule]
    shrink_rule: Callable[[date], ShrinkRule]
    caller: Principal | None = None

    def on_behalf_of(self, principal: Principal, _token: str = "") -> Self:
        return replace(self, caller=principal)

    @property
    def principal(self) -> Principal:
        """Raise LookupError where anybody may ask, and nobody said who it is."""
        if self.caller is None:
            raise LookupError("nobody asks")
        return self.caller

    @property
    def scope(self) -> Scope:
        """A provider sees its own; the haven's staff and auditors see all."""
        return Scope(None if self.principal.role in SEE_ALL else self.own)

    @property
    def own(self) -> frozenset[str]:
        """The codes under which the caller's organisation may have sent something."""
        return spellings(self.codes, self.principal.organisation)
