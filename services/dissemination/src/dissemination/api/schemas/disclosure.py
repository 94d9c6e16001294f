"""A table that is to be checked or protected, and what is answered."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.texts import Scanned

CELLS_MAX = 5_000

Label = Annotated[str, Field(min_length=1, max_length=120), Scanned(code=True)]
Value = Annotated[str, Field(pattern=r"^(\*|-|-?[0-9]{1,9}(\.[0-9]{1,4})?)$")]


RuleCode = Annotated[str, Field(pattern=r"^[A-Z]{2,6}[0-9]{0,2}(_[A-Z0-9]{1,8})?$")]


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CheckAction(StrEnum):
    CHECK = "check"
    PROTECT = "protect"


class Branch(Incoming):
    child: Annotated[Label, Field(description="A category, or a total below another.")]
    parent: Annotated[Label, Field(description="The total that it is a part of.")]


class CheckedDimension(Incoming):
    name: Annotated[Label, Field(description="What the table is cut by.", examples=["trust"])]
    categories: Annotated[
        list[Label],
        Field(max_length=CELLS_MAX, description="Under one total; instead of `hierarchies`."),
    ] = []
    total: Annotated[Label, Field(description="The label of the total over `categories`.")] = (
        "Total"
    )
    hierarchies: Annotated[
        list[Annotated[list[Branch], Field(min_length=1, max_length=CELLS_MAX)]],
        Field(
            max_length=8,
            description="Trees over the same categories with the same total, as pairs of child and"
            " parent; instead of `categories`.",
        ),
    ] = []
    is_geography: Annotated[
        bool, Field(description="Whether its total is the nation, which a rule may show exactly.")
    ] = False


class CheckedCell(Incoming):
    labels: Annotated[
        list[Label],
        Field(min_length=1, max_length=8, description="One a dimension, in their order."),
    ]
    value: Annotated[
        Value,
        Field(
            description="A count as it is printed. To be checked: `*` where it is hidden, `-` where"
            " there can be none; to be protected: a raw count.",
            examples=["104"],
        ),
    ]


class Topic(StrEnum):
    LEARNING_DISABILITY = "LEARNING_DISABILITY"
    AUTISM = "AUTISM"


class RuleParameters(Incoming):
    """Of GP Workforce, as its agreement has them."""

    suppress_min: Annotated[int, Field(ge=0, le=1, description="Least count that is hidden.")]
    suppress_max: Annotated[int, Field(ge=0, le=1000, description="Greatest count hidden.")]
    round_base: Annotated[int, Field(ge=1, le=1000, description="Others are rounded to it.")]
    national_exempt: Annotated[bool, Field(description="The nation is exact.")] = False
    zero_shown: Annotated[
        bool | None, Field(description="0 is shown; null: if it is not hidden.")
    ] = None


class TableToCheck(Incoming):
    """A table of counts with its rule. Nothing of it is kept."""

    action: Annotated[
        CheckAction,
        Field(
            description="`check`: say what can be worked out of a table that is protected already."
            " `protect`: apply the rule to raw counts, and hide what else has to be."
        ),
    ]
    rule: Annotated[
        RuleCode,
        Field(
            description="Its code: that of the product, as the catalogue names it.",
            examples=["SHMI"],
        ),
    ]
    linked_rules: Annotated[
        list[RuleCode],
        Field(
            max_length=7,
            description="Of a linked output: codes of the rules of the other data sets that it is"
            " made from. The strictest of all holds.",
            examples=[["CSDS"]],
        ),
    ] = []
    on: Annotated[
        date | None, Field(description="The day on which the rule is in force; null: the newest.")
    ] = None
    parameters: Annotated[
        RuleParameters | None, Field(description="For GPW alone, as its agreement has them.")
    ] = None
    topics: Annotated[
        list[Topic], Field(max_length=2, description="What the table is about, where a rule asks.")
    ] = []
    dimensions: Annotated[
        list[CheckedDimension], Field(min_length=1, max_length=8, description="In their order.")
    ]
    cells: Annotated[
        list[CheckedCell],
        Field(
            min_length=1,
            max_length=CELLS_MAX,
            description="Totals too. A cell that is not told is open where a table is checked, and"
            " a count of 0 or a computed total where it is protected.",
        ),
    ]


class FindingView(BaseModel):
    cell: Annotated[list[str], Field(description="Its labels.")]
    low: Annotated[int, Field(description="Least count that it can be.")]
    high: Annotated[int | None, Field(description="Greatest; null: no limit is known.")]
    verdict: Annotated[
        Literal["recovered", "undecided"],
        Field(
            description="`recovered`: fewer than three counts are possible. `undecided`: not known;"
            " treat it as recovered."
        ),
    ]
    because: Annotated[list[str], Field(description="The sums that tell it, in order.")]


class CellView(BaseModel):
    labels: Annotated[list[str], Field(description="One a dimension.")]
    value: Annotated[str, Field(description="As it is to be printed.")]


class TableCheckView(BaseModel):
    """What was found, or the table as it may be shown."""

    rule: Annotated[
        str, Field(description="Code and version; of a linked output the codes, joined by `+`.")
    ]
    is_safe: Annotated[bool, Field(description="Whether nothing hidden can be worked out.")]
    hidden: Annotated[int, Field(description="How many cells are hidden.")]
    shown_against_the_rule: Annotated[
        list[list[str]],
        Field(description="Cells that show what the rule hides, or are not rounded as it says."),
    ]
    findings: Annotated[
        list[FindingView], Field(description="Hidden cells that can be worked out, how, from what.")
    ]
    cells: Annotated[list[CellView], Field(description="Of `protect`: every cell, totals too.")]
    reasons: Annotated[
        dict[str, int], Field(description="Of `protect`: cells by what became of them.")
    ]
    footnotes: Annotated[list[str], Field(description="To be printed beneath the table.")]
