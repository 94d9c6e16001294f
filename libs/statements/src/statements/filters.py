"""Filters: which rows of a line's data, where not all are meant (docs/adr/0050).

A line may carry filters, a request may narrow them and add others, and permit, attestation and
manifest say the filters that result. What has none is written as it always was, without the member.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from common.texts import Scanned
from statements.form import CLOSED, Form

COLUMN = r"^(?:[A-Z][A-Za-z0-9_]*\.)?[0-9_]*[A-Za-z][A-Za-z0-9_]*$"
"""A column of a group has its group before it: `Referrals.Gender`."""
VALUE = r"^[^\x00-\x1f\x7f]+$"
FILTERS_MAX, VALUES_MAX = 20, 1000
NUMBER_MAX = 1_000_000_000

ColumnName = Annotated[
    str, Field(pattern=COLUMN, max_length=64, examples=["Provider_Code"]), Scanned(code=True)
]
Value = Annotated[str, Field(pattern=VALUE, max_length=64, examples=["RR8"]), Scanned()]
Bound = Annotated[int, Field(strict=True, ge=-NUMBER_MAX, le=NUMBER_MAX, examples=[18])]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """What a row has to have in one column: one of some values, or a number between bounds."""

    __pydantic_config__ = CLOSED

    column: Annotated[str, Field(pattern=COLUMN, max_length=64)]
    any_of: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field()] = ()
    at_least: int | None = None
    at_most: int | None = None

    @property
    def in_order(self) -> "RowFilter":
        """Return the same with each value once, in order: equal filters are written equally."""
        return RowFilter(
            column=self.column,
            any_of=tuple(sorted(set(self.any_of))),
            at_least=self.at_least,
            at_most=self.at_most,
        )

    def within(self, asked: "RowFilter") -> "RowFilter":
        """Return what both let through, where `asked` does not widen this one."""
        return RowFilter(
            column=self.column,
            any_of=asked.any_of or self.any_of,
            at_least=max(_known(self.at_least, asked.at_least), default=None),
            at_most=min(_known(self.at_most, asked.at_most), default=None),
        )

    def is_widened_by(self, asked: "RowFilter") -> bool:
        """Say whether `asked` names what this one leaves out."""
        return bool(
            (self.any_of and not set(asked.any_of) <= set(self.any_of))
            or (_is_below(asked.at_least, self.at_least))
            or (_is_below(self.at_most, asked.at_most))
        )

    def lets_out(self, other: "RowFilter | None") -> bool:
        """Say whether rows that `other` lets through may be such as this one leaves out."""
        if other is None:
            return True
        return bool(
            (self.any_of and not (other.any_of and set(other.any_of) <= set(self.any_of)))
            or (
                self.at_least is not None
                and (other.at_least is None or other.at_least < self.at_least)
            )
            or (
                self.at_most is not None and (other.at_most is None or other.at_most > self.at_most)
            )
        )

    def __str__(self) -> str:
        asked = [", ".join(self.any_of)] if self.any_of else []
        asked += [f"at least {self.at_least}"] if self.at_least is not None else []
        asked += [f"at most {self.at_most}"] if self.at_most is not None else []
        return f"{self.column}: {', '.join(asked)}"


FILTER = Form(RowFilter)


def is_false(value: bool) -> bool:  # noqa: FBT001 - pydantic hands it over so
    """Say that nothing is written: what does not say it means no."""
    return not value


def is_empty(values: tuple[object, ...]) -> bool:
    """Say that nothing is written: what was before there were filters stays as it was."""
    return not values


def is_none(bound: object) -> bool:
    return bound is None


class WantedFilter(BaseModel):
    """A filter as a client or an applicant writes it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        from_attributes=True,
    )

    column: Annotated[
        ColumnName,
        Field(
            description="A column that the line lists as it is or derived, of a data set of groups"
            " with its group: `Referrals.Gender` chooses referrals, and the rows of other groups"
            " that belong to one. Required."
        ),
    ]
    any_of: Annotated[
        tuple[Value, ...],
        Field(
            max_length=VALUES_MAX,
            description="Codes or texts, of which a row has one: providers, areas, diagnoses."
            " Whole values, written as the catalogue writes them.",
            exclude_if=is_empty,
        ),
    ] = ()
    at_least: Annotated[
        Bound | None,
        Field(
            description="Of a number, as an age in years: the least that a row has.",
            exclude_if=is_none,
        ),
    ] = None
    at_most: Annotated[
        Bound | None,
        Field(
            description="Of a number: the most that a row has; it counts itself.",
            exclude_if=is_none,
        ),
    ] = None

    @property
    def said(self) -> RowFilter:
        return RowFilter(
            column=self.column,
            any_of=self.any_of,
            at_least=self.at_least,
            at_most=self.at_most,
        ).in_order


Filters = tuple[RowFilter, ...]


def in_order(filters: Iterable[RowFilter]) -> Filters:
    """Return them in the order of their columns."""
    return tuple(sorted((f.in_order for f in filters), key=lambda f: f.column))


def of(wanted: Iterable[WantedFilter]) -> Filters:
    return in_order(one.said for one in wanted)


def narrowed(line: Iterable[RowFilter], asked: Iterable[RowFilter]) -> Filters:
    """Return the line's filters, narrowed by what is asked, and what is asked besides."""
    found = {one.column: one for one in line}
    for one in asked:
        of_line = found.get(one.column)
        found[one.column] = one if of_line is None else of_line.within(one)
    return in_order(found.values())


def repeated(filters: Iterable[RowFilter | WantedFilter]) -> Iterator[str]:
    """Name columns that have more than one filter."""
    columns = [one.column for one in filters]
    yield from sorted({column for column in columns if columns.count(column) > 1})


def in_words(filters: Iterable[RowFilter]) -> str:
    """Write them for people: `Age: at least 18; Provider_Code: R0A, RR8`."""
    return "; ".join(map(str, filters))


def _known(*bounds: int | None) -> list[int]:
    return [bound for bound in bounds if bound is not None]


def _is_below(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one < other
