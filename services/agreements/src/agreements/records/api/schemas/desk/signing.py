"""Many signatures as one act, as they cross the wire."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from agreements.records.api.schemas.agreements import AgreementSummary
from agreements.records.api.schemas.shared import Code, Hash, Incoming, Outgoing, RoleName
from agreements.records.use_cases.desk.signing import SignedTogether, ToSign
from common.errors import Invalid

TOGETHER_MAX = 500


class DocumentToSign(Incoming):
    """One document."""

    reference: Annotated[
        str,
        Field(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="The agreement's reference, without a version.",
        ),
    ]
    document_hash: Annotated[Hash, Field(description="Of the document that was read.")]


class SignTogether(Incoming):
    """Documents that one organisation signs as one act: all of them, or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "party": "0DF",
                    "name_of_role": "Senior Information Risk Owner",
                    "documents": [
                        {
                            "reference": "DARS-NIC-123456-A1B2C",
                            "document_hash": "sha256:2c26b46b68ffc68ff99b453c1d304134"
                            "13422d706483bfa0f98a5e886266e7ae",
                        }
                    ],
                }
            ]
        }
    )

    party: Annotated[Code, Field(description="One's own organisation; X26 for the Body.")]
    name_of_role: RoleName
    documents: Annotated[
        list[DocumentToSign],
        Field(min_length=1, max_length=TOGETHER_MAX, description="Each once, with its own hash."),
    ]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        hashes = [one.document_hash for one in self.documents]
        if len(set(hashes)) != len(hashes):
            raise Invalid("a document is named twice")
        return self

    def read(self) -> list[ToSign]:
        return [
            ToSign(reference=one.reference, document_hash=one.document_hash)
            for one in self.documents
        ]


class SignedTogetherView(Outgoing):
    """What was signed as one act."""

    act: Annotated[
        str,
        Field(
            description="`sha256:` over all that was signed, for whom and in which role; the audit"
            " entry of each signature names it."
        ),
    ]
    signed: Annotated[
        list[AgreementSummary], Field(description="The agreements, in the order of the documents.")
    ]

    @classmethod
    def of(cls, done: SignedTogether) -> Self:
        return cls(act=done.act, signed=[AgreementSummary.of(one) for one in done.signed])
