"""What was released under an agreement: written by the decision, read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from agreements.domain.hold import LineKey
from agreements.use_cases.ports import Holding


@dataclass(frozen=True, slots=True)
class SqlHoldings:
    session: Session

    def of(self, agreement: str) -> Sequence[Holding]:
        return []

    def under_way(self, agreement: str, *, at: datetime) -> Sequence[LineKey]:
        return []
