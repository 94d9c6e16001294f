"""A disclosure rule whose parameters are an agreement's: what a line says of GP Workforce.

A line says them, a permit passes them on, attestation and manifest say by which a table was made
(docs/domain/7-disclosure.md 7.7). What has none is written as it always was, without the member.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from statements.form import CLOSED, Form

SMALL_MAX, BASE_MAX, PRACTICES_MAX = 1000, 1000, 10_000
AMOUNT = r"^\d{1,3}(\.\d{1,2})?$"
CountedStaff = Literal["headcount", "fte"]

Small = Annotated[int, Field(strict=True, ge=0, le=SMALL_MAX)]
Base = Annotated[int, Field(strict=True, ge=1, le=BASE_MAX)]
Practices = Annotated[int, Field(strict=True, ge=0, le=PRACTICES_MAX)]
Amount = Annotated[str, Field(pattern=AMOUNT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleParameters:
    """What is hidden, how the rest is rounded, and what may be counted at all."""

    __pydantic_config__ = CLOSED

    suppress_min: Small
    suppress_max: Small
    round_base: Base
    zero_shown: bool = True
    """Of no meaning where `suppress_min` is 0: then a zero is hidden."""
    national_exempt: bool = False
    measures: tuple[CountedStaff, ...] = ()
    """None: every measure of the data set."""
    min_practices: Practices = 0
    fte_base: Amount | None = None

    @property
    def hides_zero(self) -> bool:
        return self.suppress_min == 0 or not self.zero_shown

    def problems(self) -> Iterator[str]:
        """Name members that make no rule: nothing could be protected by them."""
        if self.suppress_min > 1 or self.suppress_min > self.suppress_max:
            yield "suppress_min"
        first_shown = self.suppress_max + 1
        if 2 * first_shown < self.round_base:
            yield "round_base"  # a number that is shown would be rounded to 0
        if len(set(self.measures)) != len(self.measures):
            yield "measures"
        if self.fte_base is not None and not Decimal(self.fte_base):
            yield "fte_base"

    def as_told(self) -> Mapping[str, Any]:
        """Write them as the library of disclosure rules reads them."""
        told: dict[str, Any] = {
            "suppress_min": self.suppress_min,
            "suppress_max": self.suppress_max,
            "round_base": self.round_base,
            "zero_shown": not self.hides_zero,
            "national_exempt": self.national_exempt,
            "min_practices": self.min_practices,
        }
        if self.measures:
            told["measures"] = sorted(self.measures)
        if self.fte_base is not None:
            told["fte_base"] = self.fte_base
        return told


PARAMETERS: Final = Form(RuleParameters)
NAMES: Final = frozenset(RuleParameters.__dataclass_fields__)


def _is_none(value: object) -> bool:
    return value is None


def _is_false(value: object) -> bool:
    return value is False


def _is_true(value: object) -> bool:
    return value is True


def _is_empty(value: object) -> bool:
    return value in ((), 0)


class WantedParameters(BaseModel):
    """Parameters as an applicant writes them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, from_attributes=True
    )

    suppress_min: Annotated[
        Small, Field(description="Smallest headcount that is hidden: 1, or 0 where zeros are too.")
    ]
    suppress_max: Annotated[Small, Field(description="Largest headcount that is hidden.")]
    round_base: Annotated[
        Base,
        Field(description="Headcounts that are shown are rounded to the nearest multiple; 1: not."),
    ]
    zero_shown: Annotated[
        bool, Field(strict=True, description="Whether a 0 is shown.", exclude_if=_is_true)
    ] = True
    national_exempt: Annotated[
        bool,
        Field(strict=True, description="Whether England is exact.", exclude_if=_is_false),
    ] = False
    measures: Annotated[
        tuple[CountedStaff, ...],
        Field(max_length=2, description="What may be counted; none: all.", exclude_if=_is_empty),
    ] = ()
    min_practices: Annotated[
        Practices,
        Field(description="A number is of so many practices at least.", exclude_if=_is_empty),
    ] = 0
    fte_base: Annotated[
        Amount | None,
        Field(
            description="Full-time equivalents are rounded to the nearest multiple of it, as `0.5`;"
            " left out: not.",
            examples=["0.5"],
            exclude_if=_is_none,
        ),
    ] = None

    @property
    def said(self) -> RuleParameters:
        return RuleParameters(**self.model_dump())
