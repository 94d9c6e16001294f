"""Local flows as they cross the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from agreements.flows.domain.local_flow import FlowState, LocalFlow
from agreements.flows.use_cases.local_flows import Registration
from agreements.records.api.schemas.shared import Incoming, Outgoing, SealedView, Words
from catalogue.flows import example, flow_rules
from common.texts import Scanned

EXAMPLE = example()
DATA_SET = rf"^{flow_rules().name_begins_with}[A-Z0-9_]{{1,27}}$"
"""The name of a local flow."""
Digest = Annotated[str, Field(description="Of the file: `sha256:` and 64 hexadecimal digits.")]


class RegisterLocalFlow(Incoming):
    """The layout of a local flow, as the DSCRO and its providers agreed on it."""

    model_config = ConfigDict(
        str_strip_whitespace=False,
        json_schema_extra={
            "examples": [
                {
                    "content": EXAMPLE,
                    "evidence": "Contract schedule 6, agreed with the provider on 1 March 2018.",
                }
            ]
        },
    )

    content: Annotated[
        str,
        Field(
            min_length=1,
            max_length=flow_rules().bounds.bytes,
            description="The file in YAML: a data set of the catalogue of one table or several, a"
            f" `category`, and a name that begins with {flow_rules().name_begins_with}. At most"
            f" {flow_rules().bounds.bytes} bytes; no aliases and no tags. Comments are not kept.",
        ),
        Scanned(),
    ]
    evidence: Annotated[Words, Field(description="Where the agreement on the layout can be read.")]

    def asked(self) -> Registration:
        return Registration(content=self.content, evidence=self.evidence)


class LocalFlowView(SealedView):
    """A local flow, and how it stands."""

    id: Annotated[UUID, Field(description="Of the local flow, for decisions on it.")]
    data_set: Annotated[str, Field(description="The name of the data set.")]
    catalogue_version: Annotated[str, Field(description="Which version of it the file is.")]
    digest: Digest
    category: Annotated[str, Field(description="One of the categories of local provider flows.")]
    title: Annotated[str, Field(description="What people call it.")]
    dscro: Annotated[
        str,
        Field(
            description="Whose it is: of whoever registered it the organisation of the token, where"
            " that is a DSCRO, or the DSCRO that they are recorded as seconded to."
        ),
    ]
    evidence: Annotated[str, Field(description="Where the agreement on it can be read.")]
    state: Annotated[
        FlowState,
        Field(
            description="`registered`: it waits for a second person, and permits nothing."
            " `approved`: applications can name it, and its files are taken in. `in_use`: an"
            " agreement names it, so that it is not withdrawn any more. `refused`, `withdrawn`:"
            " nobody knows it."
        ),
    ]
    registered_by: Annotated[str, Field(description="The subject who registered it.")]
    registered_at: Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
    approved_by: Annotated[str | None, Field(description="The subject who approved it, if any.")]
    approved_at: Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
    ended_by: Annotated[
        str | None, Field(description="The subject who refused or withdrew it, if any.")
    ]
    ended_at: Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
    reason: Annotated[str | None, Field(description="Of whoever decided last.")]
    used_at: Annotated[
        datetime | None,
        Field(description="When an agreement named it first, RFC 3339, in UTC; null: none did."),
    ]


class LocalFlowWithFile(LocalFlowView):
    """A local flow with its file."""

    content: Annotated[
        str, Field(description="The file as canonical JSON (RFC 8785), over which its digest is.")
    ]


class FlowVersionView(Outgoing):
    """A version of a local flow that is approved."""

    catalogue_version: Annotated[str, Field(description="The version.")]
    digest: Digest


class FlowVersionsView(Outgoing):
    """What may be used of a local flow now."""

    data_set: Annotated[str, Field(description="The name of the data set.")]
    versions: Annotated[
        list[FlowVersionView],
        Field(description="Those that are approved or in use; none: nobody knows the flow."),
    ]

    @classmethod
    def of(cls, data_set: str, found: "list[LocalFlow]") -> Self:
        return cls(
            data_set=data_set, versions=[FlowVersionView.model_validate(one) for one in found]
        )
