"""What the use cases of local flows are given."""

from dataclasses import dataclass

from agreements.flows.use_cases.ports import FlowUnitOfWork
from agreements.records.use_cases import context as records
from common.security.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContext(records.Context):
    flows: FlowUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowWorld(records.World):
    flows: FlowUnitOfWork

    def on_behalf_of(self, principal: Principal, _token: str = "") -> FlowContext:
        return FlowContext(
            uow=self.uow,
            clock=self.clock,
            reference=self.reference,
            principal=principal,
            flows=self.flows,
        )
