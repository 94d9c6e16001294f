"""The Body's internal instruction, in place of a contract with itself (ruling 14)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.oversight.instructions import (
    InternalInstructionView,
    RecordInternalInstruction,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import UnlikeSeal
from agreements.records.domain.oversight.errors import (
    AgreementOfAnotherController,
    InstructionDecided,
    InstructionNotFound,
    InstructionRecorded,
    InstructionSigned,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import instructions
from common.errors import AgreementNotFound
from common.replacement import SecondPersonNeeded
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/internal-instructions", tags=["oversight"])
removing = APIRouter(
    prefix="/v1/internal-instructions", tags=["oversight"], route_class=RemovesPermission
)

Signing = Annotated[Context, permitted(permissions.SIGN_INSTRUCTION)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(AgreementNotFound, AgreementOfAnotherController, InstructionRecorded),
)
def record_internal_instruction(
    body: RecordInternalInstruction, ctx: Signing
) -> InternalInstructionView:
    """Record an instruction of the Body, for two people of two roles to sign.

    What is recorded is never changed; the same again is the same record.
    """
    recorded = instructions.record(body.fact(by=ctx.principal.subject), ctx=ctx)
    return InternalInstructionView.model_validate(recorded)


@router.get("")
def list_internal_instructions(
    page: Paging, ctx: Annotated[Context, permitted(permissions.READ_FACTS)]
) -> Page[InternalInstructionView]:
    """List the internal instructions that are on record."""
    found = instructions.page(part(page), ctx=ctx)
    return Page[InternalInstructionView].of(
        found,
        page,
        show=told(InternalInstructionView.model_validate),
        key=lambda one: one.one.id,
    )


@router.post(
    "/{instruction_id}/signature",
    responses=responses(
        InstructionNotFound, InstructionSigned, InstructionDecided, SecondPersonNeeded, UnlikeSeal
    ),
)
def sign_internal_instruction(instruction_id: UUID, ctx: Signing) -> InternalInstructionView:
    """Sign it, in the role of one's token; the other role is another person's."""
    return InternalInstructionView.model_validate(instructions.sign(instruction_id, ctx=ctx))


@removing.post(
    "/{instruction_id}/withdrawal", responses=responses(InstructionNotFound, InstructionDecided)
)
def withdraw_internal_instruction(
    instruction_id: UUID, body: Reason, ctx: Signing
) -> InternalInstructionView:
    """Withdraw it: nothing is given by it any more, and one person is enough."""
    withdrawn = instructions.withdraw(instruction_id, body.reason, ctx=ctx)
    return InternalInstructionView.model_validate(withdrawn)
