"""The public statement, as it crosses the wire."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from pseudonymisation.quality.domain.statement import StatedEdition
from pseudonymisation.quality.use_cases.statements import QualityStatement

FIGURE = r"^([0-9]+|\*|-)$"
PERCENTAGE = "in whole per cent; `*`: hidden, `-`: too few records for a rate."


class StatedFieldView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    field: Annotated[str, Field(description="As the catalogue calls it.", examples=["Sex"])]
    is_submitted: Annotated[bool, Field(description="Whether the file had the column.")]
    completeness: Annotated[
        str,
        Field(
            pattern=FIGURE,
            description=f"Values that were given, of those that could be: {PERCENTAGE}",
            examples=["98"],
        ),
    ]
    validity: Annotated[
        str,
        Field(
            pattern=FIGURE,
            description=f"Valid values, of those that were given: {PERCENTAGE}",
            examples=["*"],
        ),
    ]


class StatedEditionView(BaseModel):
    """How complete and valid one provider's records of one period are."""

    model_config = ConfigDict(from_attributes=True)

    edition_id: UUID
    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    period: Annotated[str, Field(description="Of the edition in force.", examples=["2018-04"])]
    provider: Annotated[str, Field(description="Its code.", examples=["RR8"])]
    landed_on: Annotated[date, Field(description="The legal day on which it was landed.")]
    records: Annotated[
        str,
        Field(
            pattern=FIGURE,
            description="Landed records, to the nearest 5; `*`: hidden.",
            examples=["12340"],
        ),
    ]
    rule: Annotated[str, Field(description="The disclosure rule by which numbers are hidden.")]
    fields: list[StatedFieldView]

    @classmethod
    def of(cls, edition: StatedEdition) -> Self:
        return cls.model_validate(edition)


class CoverageView(BaseModel):
    """How many providers' records of a period are in force."""

    model_config = ConfigDict(from_attributes=True)

    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    period: Annotated[str, Field(description="Of the editions.", examples=["2018-04"])]
    providers: Annotated[int, Field(description="Providers with an edition in force.")]
    expected: Annotated[
        int, Field(description="Providers who should send it, as far as that is recorded.")
    ]


class NotStatedView(BaseModel):
    """A data set of which nothing is stated."""

    model_config = ConfigDict(from_attributes=True)

    data_set: Annotated[str, Field(description="By its name.", examples=["SHMI"])]
    reason: Annotated[str, Field(description="Why not.")]


class StatementPage(BaseModel):
    """A page of the public statement of coverage and validity."""

    items: list[StatedEditionView]
    next: Annotated[
        UUID | None, Field(description="Pass as `after` for the next page; null on the last.")
    ] = None
    coverage: Annotated[
        list[CoverageView], Field(description="Of the data sets and periods on this page.")
    ]
    not_stated: Annotated[
        list[NotStatedView], Field(description="Data sets of which nothing is stated, and why.")
    ]
    is_as_logged: Annotated[
        bool | None,
        Field(
            description="Whether all that this page is made of is as the audit log tells; `false`:"
            " somebody wrote into the database past the service. Null: some of it is from before"
            " the log told of it, or there is nothing."
        ),
    ]

    @classmethod
    def of(cls, statement: QualityStatement, limit: int) -> Self:
        shown = statement.editions[:limit]
        return cls(
            items=[StatedEditionView.of(one) for one in shown],
            next=shown[-1].edition_id if len(statement.editions) > limit else None,
            coverage=[CoverageView.model_validate(one) for one in statement.coverage],
            not_stated=[NotStatedView.model_validate(one) for one in statement.not_stated],
            is_as_logged=is_as_logged(),
        )
