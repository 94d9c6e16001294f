"""What is said of what could be linked under an agreement."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, Field

from agreements.decision.api.schemas.answers import refusal_of
from agreements.decision.use_cases import dry_run
from agreements.decision.use_cases.linkage import Apart, ApartFrom, Linkage, LinkedLines
from statements.decision import RefusalView
from statements.vocabulary import LineKey


class LineView(BaseModel):
    number: Annotated[int, Field(description="Of the line in the version.", examples=[1])]
    purpose: Annotated[str, Field(description="Of the line, by its code.", examples=["COM"])]
    data_set: Annotated[str, Field(description="Of the line.", examples=["SUS_APC"])]
    classification: Annotated[
        str, Field(description="In which its records leave.", examples=["PSEUDO_ANONYMISED"])
    ]


class LinkedLineView(LineView):
    environment: Annotated[
        str, Field(description="Kind of environment in which it lands.", examples=["analytics"])
    ]
    refusals: Annotated[
        list[RefusalView],
        Field(description="Why the linkage of its data set is refused; empty: it is not."),
    ]


class LinkedLinesView(BaseModel):
    """Lines in whose files a person has one pseudonym."""

    lines: Annotated[list[LinkedLineView], Field(description="One, or several.")]
    clauses: Annotated[
        list[list[str]],
        Field(
            description="By which clauses of the agreement's linkage: the data sets of each. Empty:"
            " no clause names the data set, which is linked with itself alone, month by month.",
            examples=[[["DIDS", "SUS_APC"]]],
        ),
    ]

    @classmethod
    def of(cls, one: LinkedLines) -> Self:
        return cls(
            lines=[
                LinkedLineView(
                    **_of_line(line.number, line.key),
                    environment=line.environment,
                    refusals=[
                        refusal_of(r, why) for r, why in dry_run.with_remedies(line.refusals)
                    ],
                )
                for line in one.lines
            ],
            clauses=[list(clause) for clause in one.clauses],
        )


class ApartView(LineView):
    """A line whose people have other pseudonyms than those of the line that was asked about."""

    because: Annotated[
        list[Apart],
        Field(
            description="Every reason. `NOT_LINKED_BY_THE_AGREEMENT`: no clause of the linkage"
            " leads from one data set to the other."
        ),
    ]


class LinkageView(BaseModel):
    """What could be linked under an agreement. Nothing is made, given or logged by asking."""

    agreement: Annotated[str, Field(description="Its reference.")]
    version: Annotated[str, Field(description="The version that is shown.", examples=["v1.0"])]
    is_in_effect: Annotated[
        bool, Field(description="Whether it governs now; else it is the latest drafted.")
    ]
    linked: Annotated[
        list[LinkedLinesView],
        Field(
            description="Lines of records by what links their people, who have a valid NHS number."
            " Records of people without one are linked by nothing."
        ),
    ]
    apart: Annotated[
        list[ApartView],
        Field(description="Of the line that was asked about: from which it is apart, and why."),
    ]

    @classmethod
    def of(cls, found: Linkage) -> Self:
        return cls(
            agreement=found.agreement,
            version=found.version,
            is_in_effect=found.is_governing,
            linked=[LinkedLinesView.of(one) for one in found.linked],
            apart=list(_apart(found.apart)),
        )


def _apart(found: Iterable[ApartFrom]) -> Iterable[ApartView]:
    return (ApartView(**_of_line(one.number, one.key), because=list(one.because)) for one in found)


def _of_line(number: int, key: LineKey) -> dict[str, object]:
    return {
        "number": number,
        "purpose": key.purpose,
        "data_set": key.data_set,
        "classification": key.classification,
    }
