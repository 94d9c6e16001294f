"""The Body's internal instructions, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from agreements.records.api.schemas.shared import Day, Incoming, Label, SealedView
from agreements.records.domain.oversight.instructions import InternalInstruction
from common.errors import Invalid
from common.ids import new_id
from common.security.roles import Role
from statements.request import AgreementReference
from statements.vocabulary import Digest


class RecordInternalInstruction(Incoming):
    """What two people of the Body are to sign in place of a contract."""

    reference: Annotated[Label, Field(description="By which the instruction is found again.")]
    agreement: Annotated[
        AgreementReference,
        Field(description="For whose lines it is: an agreement of which the Body is a controller."),
    ]
    valid_from: Annotated[Day, Field(description="The first day on which it counts.")]
    valid_to: Annotated[Day, Field(description="The last day on which it counts.")]
    document_digest: Annotated[
        Digest, Field(description="SHA-256 of what is signed, as the Body keeps it.")
    ]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.valid_to < self.valid_from:
            raise Invalid("valid_to lies before valid_from")
        return self

    def fact(self, *, by: str) -> InternalInstruction:
        return InternalInstruction(id=new_id(), **self.model_dump(), recorded_by=by)


class InternalInstructionView(SealedView):
    id: Annotated[UUID, Field(description="Names the record.")]
    reference: Annotated[str, Field(description="Of the instruction.")]
    agreement: Annotated[str, Field(description="For whose lines it is.")]
    valid_from: Annotated[date, Field(description="The first day on which it counts.")]
    valid_to: Annotated[date, Field(description="The last day on which it counts.")]
    document_digest: Annotated[str, Field(description="SHA-256 of what is signed.")]
    missing: Annotated[
        list[Role], Field(description="Roles that have not signed; none: it counts on its days.")
    ]
    manager_signed_at: Annotated[
        datetime | None, Field(description="When the contract manager signed; null: not yet.")
    ]
    approver_signed_at: Annotated[
        datetime | None, Field(description="When the approver signed; null: not yet.")
    ]
    withdrawn_at: Annotated[
        datetime | None, Field(description="When it was withdrawn; null: it was not.")
    ]
    reason: Annotated[str | None, Field(description="Why it was; null: it was not.")]
