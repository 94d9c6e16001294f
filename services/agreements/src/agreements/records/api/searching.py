"""What a list of agreements can be narrowed to."""

from typing import Annotated

from fastapi import Depends, Query

from agreements.records.api.schemas.oversight.directions import DataSetName
from agreements.records.api.schemas.shared import Code, Day
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.terms.search import AgreementSearch
from common.texts import Scanned
from statements.vocabulary import Purpose

OF_A_VERSION = "One version of the agreement says all that is asked for."


def agreement_search(
    text: Annotated[
        str | None,
        Query(
            min_length=2,
            max_length=100,
            description="Part of the reference, of the title or of the name of a party, in any case"
            f" of letters. {OF_A_VERSION}",
            examples=["barnsley"],
        ),
        Scanned(),
    ] = None,
    controller: Annotated[
        Code | None, Query(description="The ODS code of a controller.", examples=["02P"])
    ] = None,
    processor: Annotated[
        Code | None, Query(description="The ODS code of a processor.", examples=["0DF"])
    ] = None,
    data_set: Annotated[
        DataSetName | None, Query(description="A line is of this data set.")
    ] = None,
    purpose: Annotated[
        Purpose | None,
        Query(description="A line is for this purpose; the same line as of `data_set`."),
    ] = None,
    state: Annotated[
        list[AgreementState],
        Query(description="Only in these states, as last announced: within seconds of a change."),
    ] = [],  # noqa: B006  FastAPI copies it
    ends_from: Annotated[Day | None, Query(description="Ends on this day or later.")] = None,
    ends_until: Annotated[Day | None, Query(description="Ends on this day or before.")] = None,
) -> AgreementSearch:
    """Read what is searched for from the query string."""
    return AgreementSearch(
        text=text,
        controllers=None if controller is None else [controller],
        processors=None if processor is None else [processor],
        data_set=data_set,
        purpose=purpose,
        states=state,
        ends_from=ends_from,
        ends_until=ends_until,
    )


Searched = Annotated[AgreementSearch, Depends(agreement_search)]
