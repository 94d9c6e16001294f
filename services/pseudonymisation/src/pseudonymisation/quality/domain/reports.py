"""The report that goes back to a provider: one file, held against the months before and others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from pseudonymisation.intake.domain.measures import EditionMeasures, FieldMeasure
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.rates import FieldTotals
from pseudonymisation.quality.domain.substantiation import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodOfField:
    """A field in one period: of the provider, and of all providers together."""

    period: str
    own: FieldTotals
    national: FieldTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    measure: FieldMeasure
    own: FieldTotals
    national: FieldTotals
    """In the period of the file; of editions in force, this file's among them if it is one."""
    own_found: int
    """Cells of text with the person's own identifiers in them."""
    others_found: int
    """Cells of text with identifiers that are not the record's own person's."""
    periods: tuple[PeriodOfField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    submission: Submission
    title: str
    """Of the data set."""
    counts: Mapping[str, JsonValue]
    """What landing counted, as far as the reader may see it."""
    measures: EditionMeasures
    fields: tuple[FieldReport, ...]
    differences: tuple[Difference, ...] | None = None
    """Where patient level and aggregate differ; None: nothing is held against it."""

    @property
    def periods(self) -> tuple[str, ...]:
        """Return the periods that are in force, in their order."""
        return tuple(one.period for one in self.fields[0].periods) if self.fields else ()


def compared(
    measures: EditionMeasures,
    counts: Mapping[str, JsonValue],
    *,
    period: str,
    trend: Sequence[MeasuredEdition],
    national: Mapping[tuple[str, str], FieldTotals],
) -> tuple[FieldReport, ...]:
    """Hold each field against the months before it and against all providers."""
    by_field = [
        (edition.period, {one.field: FieldTotals.of(one) for one in edition.fields})
        for edition in trend
    ]
    found = _found(counts)
    return tuple(
        FieldReport(
            measure=one,
            own=FieldTotals.of(one),
            national=national.get((period, one.field), FieldTotals()),
            own_found=found.get(one.field, (0, 0))[0],
            others_found=found.get(one.field, (0, 0))[1],
            periods=tuple(
                PeriodOfField(
                    period=of,
                    own=totals.get(one.field, FieldTotals()),
                    national=national.get((of, one.field), FieldTotals()),
                )
                for of, totals in by_field
            ),
        )
        for one in measures.fields
    )


def _found(counts: Mapping[str, JsonValue]) -> dict[str, tuple[int, int]]:
    columns = counts.get("columns")
    found: dict[str, tuple[int, int]] = {}
    for column in columns if isinstance(columns, list) else []:
        if isinstance(column, dict):
            own, others = column.get("own_found", 0), column.get("others_found", 0)
            found[str(column["column"])] = (_number(own), _number(others))
    return found


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0
