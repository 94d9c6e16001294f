"""The body by which a client asks for a bridging file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue import Catalogue
from common.errors import Invalid
from statements.bridging import BridgedLine
from statements.months import MONTHS_MAX, MonthRange, RequestedPeriod, Sent, months_of
from statements.request import (
    AgreementInForce,
    DataSetOfLine,
    FormatsOfRecords,
    OfOneLine,
    PurposeOfLine,
)
from statements.vocabulary import Classification, Format

OF_RECORDS = Classification.PSEUDO_ANONYMISED


class WantedBridgedLine(Sent):
    """The other line: of an agreement in which your organisation is a party as well."""

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine

    @property
    def said(self) -> BridgedLine:
        return BridgedLine(
            agreement=self.agreement,
            purpose=self.purpose.value,
            data_set=self.data_set,
            classification=OF_RECORDS.value,
        )


class WantedBridgingFile(OfOneLine):
    """Pairs of pseudonyms of two lines of pseudonymised records, for people who are in both."""

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine
    bridge: Annotated[
        WantedBridgedLine,
        Field(
            description="With whose pseudonyms those of this line are paired: a line that lands in"
            " the same recipient environment and has a pseudonym domain of its own. The linkage of"
            " both agreements has to allow it.",
            examples=[
                {"agreement": "DARS-NIC-654321-Z9Y8X", "purpose": "COM", "data_set": "SUS_OP"}
            ],
        ),
    ]
    periods: Annotated[
        Annotated[list[RequestedPeriod], Field(min_length=1, max_length=MONTHS_MAX)] | MonthRange,
        Field(
            description="In whose records of both lines people are looked for: periods by their"
            f" names, or a range of months; at most {MONTHS_MAX} months in all."
        ),
    ]
    formats: FormatsOfRecords = Field(default=[Format.PARQUET])

    @model_validator(mode="after")
    def _is_of_two_lines(self) -> Self:
        own = (self.agreement, self.purpose, self.data_set)
        if own == (self.bridge.agreement, self.bridge.purpose, self.bridge.data_set):
            raise Invalid("a bridging file is of two lines")
        return self

    def months_in(self, known: Catalogue) -> tuple[str, ...]:
        """Return the months in order, each once. Raises InvalidPeriods, PeriodNotOffered."""
        return months_of(self.periods, self.data_set, known, ())
