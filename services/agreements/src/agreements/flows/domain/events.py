"""What others are told of a local flow: which one it is, and how it stands. Nothing of its file."""

from uuid import UUID

from common.events import DomainEvent, event_type

LOCAL_FLOW = "agreements.local-flow"


@event_type("agreements.local-flow-changed.v1", topic=LOCAL_FLOW)
class LocalFlowChanged(DomainEvent):
    """A layout was registered, decided on, withdrawn, or named by an agreement first."""

    flow_id: UUID
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    category: str
    dscro: str
    state: str

    @property
    def reference(self) -> str:
        return self.data_set
