"""What a check of a file says."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from pseudonymisation.intake.api.schemas.submissions import QuarantineEntryView, ReplacedView
from pseudonymisation.intake.use_cases.uploads.checking import Checked


class FileCheckView(BaseModel):
    """What the intake would say of a file."""

    would_be_accepted: Annotated[bool, Field(description="Whether it would become an edition.")]
    code: Annotated[str | None, Field(description="Why it would be rejected.")]
    detail: Annotated[str | None, Field(description="The same in words, with what mends it.")]
    report: Annotated[
        dict[str, Any],
        Field(description="The data quality report, as `GET /v1/submissions/{id}/report` has it."),
    ]
    entries: Annotated[
        list[QuarantineEntryView],
        Field(description="The first 1,000 reasons: lines, columns and codes, never values."),
    ]

    replaced: Annotated[
        ReplacedView | None,
        Field(
            description="What is in force that it would take the place of, or be merged with: the"
            " rows, people and totals of before, and of after. Null: nothing is, or it would be"
            " rejected."
        ),
    ]

    @classmethod
    def of(cls, checked: Checked) -> Self:
        refusal = checked.refusal
        return cls(
            would_be_accepted=refusal is None,
            code=None if refusal is None else refusal.code,
            detail=None if refusal is None else refusal.detail,
            report=checked.report,
            entries=[QuarantineEntryView.of(entry) for entry in checked.entries],
            replaced=None
            if checked.replaced is None
            else ReplacedView.model_validate(checked.replaced),
        )
