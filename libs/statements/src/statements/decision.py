"""The decision: what it answers with, besides yes or no."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field

from statements.form import OPEN
from statements.snapshot import NamedController


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLine:
    """The line of the agreement by which a file was judged."""

    __pydantic_config__ = OPEN

    number: Annotated[int, Field(description="In the version that was judged.")]
    purpose: str
    data_set: str
    classification: str
    sensitivity: str
    opt_outs_applied: Annotated[bool, Field(description="Whether objections are upheld.")]
    opt_out_reason: Annotated[str, Field(description="Why not; empty where they are.")]
    dissemination_power: Annotated[str, Field(description="The legal basis, by its code.")]
    access_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTerms:
    """What the version that was judged says, as far as the public register publishes it."""

    __pydantic_config__ = OPEN

    title: str
    start: Annotated[date, Field(description="The agreement's first day.")]
    end: Annotated[date, Field(description="Its last day, inclusive.")]
    controllers: Annotated[tuple[NamedController, ...], Field(min_length=1)]
    commercial: bool
    sub_licence: bool
    line: JudgedLine
    objectives: str
    processing: str
    outputs: str
    benefits: str
    yielded_benefits: str
