"""The public statement: how complete and valid data are, of whom, without a small number."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from common.clock import legal_day
from pseudonymisation.quality.domain.disclosure import SmallNumbers
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.rates import FieldTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedField:
    field: str
    is_submitted: bool
    completeness: str
    """In whole per cent, `*` where hidden, `-` where there is none."""
    validity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEdition:
    """One provider's edition in force of one period."""

    edition_id: UUID
    data_set: str
    period: str
    provider: str
    landed_on: date
    records: str
    """To the nearest 5, `*` where hidden."""
    rule: str
    fields: tuple[StatedField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStated:
    """A data set of which nothing is stated, and why."""

    data_set: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many providers sent a period. Counts of providers are no counts of people."""

    data_set: str
    period: str
    providers: int
    expected: int = 0
    """Providers who should send it, as far as expectations are recorded."""


def stated(
    edition: MeasuredEdition, rule: SmallNumbers, only: Iterable[str] | None = None
) -> StatedEdition:
    """Say in public what an edition is like; of `only` these fields where they are named."""
    wanted = None if only is None else frozenset(only)
    return StatedEdition(
        edition_id=edition.edition_id,
        data_set=edition.data_set,
        period=edition.period,
        provider=edition.provider,
        landed_on=legal_day(edition.landed_at),
        records=rule.count(edition.landed),
        rule=rule.rule,
        fields=tuple(
            StatedField(
                field=one.field,
                is_submitted=one.is_submitted,
                completeness=rule.percentage(FieldTotals.of(one).completeness),
                validity=rule.percentage(FieldTotals.of(one).validity),
            )
            for one in edition.fields
            if wanted is None or one.field in wanted
        ),
    )
