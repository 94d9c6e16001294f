"""Supports under section 251 that are withdrawn or given otherwise, as they cross the wire."""

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from agreements.records.api.schemas.registrations import Purposes
from agreements.records.api.schemas.shared import Code, Day, Incoming, Outgoing, Words
from agreements.records.use_cases.oversight.supports import Conditions, SupportPreview

CONTROLLERS_MAX, CONDITIONS_MAX = 500, 50


class ChangeConditions(Incoming):
    """For what a support is given from today on; what is left out is not as it was, but none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "purposes": ["IV"],
                    "controllers": ["02P"],
                    "conditions": ["Opt-outs are upheld, unless a letter of the CAG waives them."],
                    "review_on": "2019-09-30",
                    "reason": "Letter of the CAG of 14 May 2018.",
                }
            ]
        }
    )

    purposes: Annotated[Purposes, Field(description="For which purposes it is given.")]
    controllers: Annotated[
        Annotated[list[Code], Field(min_length=1, max_length=CONTROLLERS_MAX)] | None,
        Field(description="For whom alone; null: not limited to named controllers."),
    ] = None
    conditions: Annotated[
        list[Words],
        Field(
            max_length=CONDITIONS_MAX,
            description="Its conditions in the words of whoever gave it; none: none are recorded.",
        ),
    ] = []  # noqa: RUF012  pydantic copies it
    review_on: Annotated[
        Day | None, Field(description="The day of its review, which warns; null: none is set.")
    ] = None
    reason: Annotated[Words, Field(description="By what it is given otherwise.")]

    def wanted(self) -> Conditions:
        return conditions_of(self.purposes, self.controllers, self.conditions, self.review_on)


def conditions_of(
    purposes: Sequence[str],
    controllers: Sequence[str] | None,
    conditions: Sequence[str] | None = None,
    review_on: Day | None = None,
) -> Conditions:
    """Return what a support is given for, each thing once."""
    return Conditions(
        purposes=tuple(dict.fromkeys(purposes)),
        controllers=None if not controllers else tuple(dict.fromkeys(controllers)),
        conditions=tuple(conditions or ()),
        review_on=review_on,
    )


class AffectedView(Outgoing):
    """An agreement in force of which lines rely on the support."""

    reference: Annotated[str, Field(description="Of the agreement.")]
    stops: Annotated[
        list[int], Field(description="Numbers of its lines that get nothing from then on.")
    ]
    begins: Annotated[
        list[int], Field(description="Numbers of its lines that are covered then, and are not now.")
    ]
    files_due: Annotated[
        int,
        Field(ge=0, description="Files that are held, and must be destroyed then for want of it."),
    ]


class SupportPreviewView(Outgoing):
    """What would stop, and begin."""

    agreements: Annotated[
        list[AffectedView], Field(description="Those for which something changes.")
    ]
    text: Annotated[
        str,
        Field(
            description="The counts in words.",
            examples=["stops 3 lines of 2 agreements, and 41 files become due for destruction"],
        ),
    ]
    not_as_sealed: Annotated[
        list[str],
        Field(
            description="Tables whose rows about it are not those that were sealed; what is shown"
            " may be wrong."
        ),
    ]
    unreadable: Annotated[list[UUID], Field(description="Agreements of which it cannot be told.")]

    @classmethod
    def of(cls, found: SupportPreview) -> Self:
        return cls(
            agreements=[AffectedView.model_validate(one) for one in found.agreements],
            text=_in_words(found),
            not_as_sealed=[*found.not_as_sealed],
            unreadable=[*found.unreadable],
        )


def _in_words(found: SupportPreview) -> str:
    stopped = [one for one in found.agreements if one.stops]
    begun = [one for one in found.agreements if one.begins]
    files = sum(one.files_due for one in found.agreements)
    said = [f"stops {_lines([len(one.stops) for one in stopped])}"]
    if begun:
        said.append(f"opens {_lines([len(one.begins) for one in begun])}")
    said.append(f"{_counted(files, 'file')} become{'s' * (files == 1)} due for destruction")
    return ", ".join(said[:-1]) + f", and {said[-1]}"


def _lines(of_each: list[int]) -> str:
    return f"{_counted(sum(of_each), 'line')} of {_counted(len(of_each), 'agreement')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
