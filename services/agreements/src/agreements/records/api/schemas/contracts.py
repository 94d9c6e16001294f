"""Framework contracts, as they cross the wire."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from agreements.records.api.schemas.shared import (
    Code,
    Day,
    Hash,
    Incoming,
    Name,
    Notices,
    RoleName,
    SealedView,
    Words,
    noticed,
)
from agreements.records.domain.contract import ContractState
from agreements.records.domain.lists.register import RegisteredContract
from agreements.records.use_cases.contracts import ContractWithState
from common import texts
from common.errors import Invalid


class IssueContract(Incoming):
    organisation: Code
    legal_name: Name
    start: Day
    end: Annotated[Day | None, Field(description="Inclusive; null: until it is terminated.")] = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise Invalid("it ends before it starts")
        return self


class Sign(Incoming):
    party: Annotated[Code, Field(description="One's own organisation; X26 for the Body.")]
    document_hash: Hash
    name_of_role: RoleName


class StatedReason(Incoming):
    reason: Words


class ContractView(SealedView):
    reference: str
    organisation: str
    legal_name: str
    start: date
    end: date | None
    state: ContractState
    document_hash: str
    issued_at: datetime
    organisation_signed_at: datetime | None
    body_signed_at: datetime | None
    in_force_from: datetime | None
    terminated_at: datetime | None
    notices: Notices = ()

    @classmethod
    def of(cls, shown: ContractWithState, *, written: str | None = None) -> Self:
        contract = shown.contract
        return cls(
            notices=() if written is None else noticed(written, contract.legal_name),
            reference=contract.reference,
            organisation=contract.organisation,
            legal_name=contract.legal_name,
            start=contract.valid_from,
            end=contract.valid_to,
            state=shown.state,
            document_hash=contract.document_hash,
            issued_at=contract.issued_at,
            organisation_signed_at=contract.organisation_signed_at,
            body_signed_at=contract.body_signed_at,
            in_force_from=contract.in_force_from(),
            terminated_at=contract.terminated_at,
        )


class RegisteredContractView(SealedView):
    """A line of the public register of contracts. It names no signatory and no reason."""

    con_ref: Annotated[str, Field(examples=["CON-123456-A1B2C"])]
    legal_entity: str
    ods_code: Annotated[str, Field(examples=["02P"])]
    status: ContractState
    signed_on: Annotated[date | None, Field(description="By the Body: a legal day in England.")]
    start: date
    end: Annotated[date | None, Field(description="Inclusive; null: until it is terminated.")]
    terminated_on: date | None

    @classmethod
    def of(cls, shown: ContractWithState) -> Self:
        line = RegisteredContract.of(shown.contract, shown.state.value)
        named = replace(line, legal_entity=texts.shown(line.legal_entity))
        return cls.model_validate(named)
