"""What asking would be answered, and what it should be warned of: nothing is asked for by it."""

from typing import Annotated, Self

from pydantic import Field

from catalogue import Catalogue
from dissemination.api.schemas.extracts import Outgoing, RefusalView, WarningView
from dissemination.use_cases.wanted import Preview


class ExtractPreviewView(Outgoing):
    """What asking for an extract would be answered now."""

    is_permitted: Annotated[
        bool, Field(description="Whether the decision would be a yes at this moment.")
    ]
    refusals: Annotated[
        list[RefusalView], Field(description="Every reason of a no; empty where it is a yes.")
    ]
    periods: Annotated[list[str], Field(description="The months that would be asked for.")]
    fields: Annotated[list[str], Field(description="The columns that would be asked for.")]
    periods_without_records: Annotated[
        list[str] | None,
        Field(
            description="Months of which nothing was landed: such a request is refused with"
            " `NO_EDITION`. Null: it would be refused anyway, or the safe haven cannot be asked."
        ),
    ]
    warnings: Annotated[
        list[WarningView], Field(description="Of what is wanted; none of them is a refusal.")
    ]

    @classmethod
    def of(cls, found: Preview, known: Catalogue) -> Self:
        request = found.request
        return cls(
            is_permitted=not found.refusals,
            refusals=[RefusalView.model_validate(one) for one in found.refusals],
            periods=list(request.periods),
            fields=list(request.fields),
            periods_without_records=None
            if found.without_records is None
            else [*found.without_records],
            warnings=WarningView.of(request.data_set, request.fields, known),
        )
