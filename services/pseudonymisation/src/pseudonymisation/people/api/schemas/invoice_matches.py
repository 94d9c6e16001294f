"""Matches of NHS numbers with an invoice, as they cross the wire: numbers in the body alone."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.texts import Scanned
from common.web.logged import IsAsLogged
from pseudonymisation.people.domain.invoice_match import Invoice, InvoiceMatch
from pseudonymisation.people.use_cases.invoice_matches import AnsweredMatch
from statements.request import MONTH, AgreementInForce, DataSetOfLine
from statements.vocabulary import Classification, LineKey, Purpose

ORGANISATION = r"^[A-Z0-9]{3,9}$"
INVOICE = r"^[A-Za-z0-9][A-Za-z0-9/._-]{0,39}$"
SENT_MAX = 1_000


class WantedMatch(BaseModel):
    """Whom a provider is to be paid for, by their NHS numbers, and by which invoice."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "agreement": "DARS-NIC-123456-A1B2C",
                    "data_set": "SUS_APC",
                    "invoice": "RR8-2018-0042",
                    "provider": "RR8",
                    "month": "2018-04",
                    "nhs_numbers": ["9990000018", "9990000026"],
                }
            ]
        },
    )

    agreement: AgreementInForce
    data_set: DataSetOfLine
    invoice: Annotated[
        Annotated[str, Field(pattern=INVOICE), Scanned(code=True)],
        Field(description="The invoice's reference; it stands in the log, so no number in it."),
    ]
    provider: Annotated[
        str, Field(pattern=ORGANISATION, description="Code of the provider that sent the invoice.")
    ]
    month: Annotated[str, Field(pattern=MONTH, description="Month of the activity, `YYYY-MM`.")]
    nhs_numbers: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9]{10}$")]],
        Field(
            min_length=1,
            max_length=SENT_MAX,
            description="Ten digits each, here in the body alone: they are turned into the haven's"
            " tokens at once, and neither kept nor logged. How many one question may have is a"
            " dated rule.",
        ),
    ]

    @property
    def line(self) -> LineKey:
        """Return the line's key: identifiable records for invoice validation."""
        return LineKey(Purpose.IV.value, self.data_set, Classification.IDENTIFIABLE.value)

    def of(self, provider: str) -> Invoice:
        return Invoice(
            agreement=self.agreement,
            key=self.line,
            reference=self.invoice,
            provider=provider,
            month=self.month,
        )


class MatchAnswer(BaseModel):
    """Yes or no of each number, in the order of the question; no number comes back."""

    id: UUID
    found: Annotated[
        list[bool],
        Field(
            description="True: the person was at the provider in the month, among the people of"
            " the line. False: not, or the number is not valid, or, where the line upholds"
            " opt-outs, the person opted out."
        ),
    ]

    @classmethod
    def of(cls, answered: AnsweredMatch) -> Self:
        return cls(id=answered.match.id, found=[one.is_there for one in answered.found])


class InvoiceMatchView(BaseModel):
    """That it was asked; not of whom."""

    id: UUID
    organisation: Annotated[str, Field(description="Code of whoever asked.")]
    client_id: str
    agreement: str
    data_set: str
    invoice: Annotated[str, Field(description="The invoice's reference.")]
    provider: str
    month: str
    asked_at: Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
    people: Annotated[int, Field(description="How many numbers were asked about.")]
    matched: Annotated[int, Field(description="How many of them were there.")]
    run_of_no: Annotated[
        int,
        Field(
            description="Answers of no in a row by then, over the organisation's questions under"
            " the agreement: whoever tries numbers gets many."
        ),
    ]
    alerts: Annotated[
        bool,
        Field(
            description="Whether by this question the run, or the answers of no of the day, became"
            " so many, or so many more, as to be looked at."
        ),
    ]
    decision_id: Annotated[UUID, Field(description="Agreements' decision that allowed it.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, one: InvoiceMatch) -> Self:
        return cls(
            id=one.id,
            organisation=one.organisation,
            client_id=one.client_id,
            agreement=one.invoice.agreement,
            data_set=one.invoice.key.data_set,
            invoice=one.invoice.reference,
            provider=one.invoice.provider,
            month=one.invoice.month,
            asked_at=one.asked_at,
            people=one.people,
            matched=one.matched,
            run_of_no=one.run_of_no,
            alerts=one.alerts,
            decision_id=UUID(one.decision_id),
            is_as_logged=is_as_logged(f"invoice-matches/{one.id}"),
        )
