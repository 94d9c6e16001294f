"""The short form of data quality, as it goes with an extract."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from pseudonymisation.quality.api.schemas.statement import StatedEditionView
from pseudonymisation.quality.use_cases.summaries import QualitySummary


class QualitySummaryView(BaseModel):
    """How complete and valid the fields of an extract are, in each edition that it read."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Annotated[Literal["dsfc-quality-summary/1"], Field(alias="schema")]
    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    rule: Annotated[str, Field(description="The disclosure rule by which numbers are hidden.")]
    note: Annotated[str | None, Field(description="Why nothing is stated; null where it is.")]
    editions: Annotated[
        list[StatedEditionView],
        Field(description="In the order in which they were landed, with the extract's fields."),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, summary: QualitySummary) -> Self:
        return cls(
            schema_="dsfc-quality-summary/1",
            data_set=summary.data_set,
            rule=summary.rule,
            note=summary.note,
            editions=[StatedEditionView.of(one) for one in summary.editions],
            is_as_logged=is_as_logged(),
        )
