"""Templates, as they cross the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from agreements.records.api.schemas.shared import Incoming, SealedView, Words
from agreements.records.domain.issuing.template import AgreementTemplate

TEMPLATE_NAME = r"^[a-z][a-z0-9-]{1,62}[a-z0-9]$"
AGREEMENT_VERSION = r"^v[0-9]{1,6}\.[0-9]{1,6}$"


class MakeTemplate(Incoming):
    """A version of an agreement that becomes the next version of a template."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agreement": "DARS-NIC-123456-A1B2C",
                    "version": "v0.0",
                    "reason": "Every commissioner that the CSU supports commissions by the same"
                    " data.",
                }
            ]
        }
    )

    agreement: Annotated[
        str,
        Field(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="The agreement's reference, without a version. All have signed it.",
        ),
    ]
    version: Annotated[
        str, Field(pattern=AGREEMENT_VERSION, description="Of which version of the agreement.")
    ]
    reason: Annotated[Words, Field(description="Why it is fit for every commissioner.")]


class TemplateView(SealedView):
    """A version of a template."""

    id: Annotated[UUID, Field(description="Names this version.")]
    name: Annotated[str, Field(description="The template's name.")]
    number: Annotated[
        int, Field(description="Which version of it; agreements are issued from the newest.")
    ]
    agreement: Annotated[str, Field(description="Of which agreement it was made.")]
    agreement_version: Annotated[str, Field(description="Of which version of the agreement.")]
    controller: Annotated[
        str, Field(description="The ODS code of whom others are put in the place of.")
    ]
    snapshot_hash: Annotated[str, Field(description="`sha256:` and the hash of its content.")]
    snapshot: Annotated[
        dict[str, JsonValue],
        Field(description="Its content, as the controller's own approved snapshot has it."),
    ]
    reason: Annotated[str, Field(description="Why it is fit for every commissioner.")]
    made_by: Annotated[str, Field(description="The subject that made it.")]
    made_at: Annotated[datetime, Field(description="When it was made.")]

    @classmethod
    def of(cls, one: AgreementTemplate) -> Self:
        return cls(
            id=one.id,
            name=one.name,
            number=one.number,
            agreement=one.agreement,
            agreement_version=one.agreement_version,
            controller=one.controller[0],
            snapshot_hash=one.snapshot_hash,
            snapshot=one.snapshot(),
            reason=one.reason,
            made_by=one.made_by,
            made_at=one.made_at,
        )
