"""The request for an extract: the client's, agreements', the permit's, and as the haven gets it.

`WantedExtract` is the body that a client sends. `RequestQuestion` puts it to agreements, with the
client's own token as evidence (AuthZEN). `ExtractRequest` is what both judge and keep: the permit
is bound to its digest. `statements.handed` is the same as it crosses the wire to the haven,
which holds it against the permit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from catalogue import Catalogue
from common.errors import Invalid
from common.ids import digest_of
from common.texts import Scanned
from statements.bridging import BridgedLine
from statements.filters import FILTERS_MAX, Filters, WantedFilter, is_empty, is_false, of, repeated
from statements.form import CLOSED, Form
from statements.months import MONTHS_MAX, MonthRange, RequestedPeriod, Sent, months_of
from statements.tables import TableRequest, WantedTable, columns_of, is_none
from statements.tables import repeated as levels_repeated
from statements.vocabulary import (
    RECORD_FORMATS,
    Classification,
    Format,
    LineKey,
    Purpose,
    RecordFormat,
)

MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
FIELD = r"^([A-Z][A-Za-z0-9_]*\.)?[0-9_]*[A-Za-z][A-Za-z0-9_]*$"
"""A column; of several groups with the group before it, `Care_Activities.Contact_Date`."""
CODE = r"^[A-Z][A-Z0-9_]{0,63}$"
AGREEMENT = r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
CLIENT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
LIST = r"^(sha256:[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"

FIELDS_MAX = 1000

AgreementReference = Annotated[str, Field(pattern=AGREEMENT, examples=["DARS-NIC-123456-A1B2C"])]
Code = Annotated[str, Field(pattern=CODE), Scanned(code=True)]
Month = Annotated[str, Field(pattern=MONTH, examples=["2018-04"])]
FieldName = Annotated[
    str, Field(pattern=FIELD, max_length=64, examples=["Sex"]), Scanned(code=True)
]
ExternalId = Annotated[str, Field(pattern=REFERENCE), Scanned(code=True)]


# What is judged, kept and hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractRequest:
    """An extract under one line of an agreement: its months, fields and formats."""

    __pydantic_config__ = CLOSED

    extract_id: str
    agreement: str
    purpose: str
    data_set: str
    classification: str
    periods: tuple[str, ...]
    fields: tuple[str, ...]
    formats: tuple[str, ...]
    filters: Filters = ()
    """In order of their columns; none where all rows of the line are asked for."""
    table: TableRequest | None = None
    """What is to be counted; None: records are asked for."""
    changes_since: str | None = None
    """An earlier extract, of which the changes to this one are wanted besides; None: of none."""
    bridge: BridgedLine | None = None
    """Another line, with whose pseudonyms those of this one are to be paired; None: with none."""

    @property
    def line(self) -> LineKey:
        return LineKey(self.purpose, self.data_set, self.classification)

    @property
    def lines(self) -> tuple[tuple[str, LineKey], ...]:
        """Return the agreements that judge it, each with its line: of pairs there are two."""
        own, other = (self.agreement, self.line), self.bridge
        return (own,) if other is None else (own, (other.agreement, other.line))

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "ExtractRequest":
        """Read what `claims` wrote.

        Raises:
            Malformed: it does not have this form.

        """
        return FORM.of(claims)

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)

    @property
    def digest(self) -> str:
        return digest_of(self.claims())


FORM = Form(ExtractRequest)


# What a client sends to dissemination


AgreementInForce = Annotated[
    AgreementReference,
    Field(description="The agreement, without its version: the one in force is meant."),
]
PurposeOfLine = Annotated[Purpose, Field(description="Purpose of the agreement's line.")]
DataSetOfLine = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Z0-9_]{1,31}$",
        description="Data set of the line, by its catalogue name.",
        examples=["SUS_APC"],
    ),
    Scanned(code=True),
]


class OfOneLine(Sent):
    """What is asked for under one line of an agreement: records of it, or a table."""

    @field_validator("filters", check_fields=False)
    @classmethod
    def _each_column_once(cls, value: tuple[WantedFilter, ...]) -> tuple[WantedFilter, ...]:
        if any(repeated(value)):
            raise Invalid("each column may have one filter")
        return value

    @field_validator("fields", "formats", check_fields=False)
    @classmethod
    def _each_once(cls, value: Sequence[Any] | None) -> Sequence[Any] | None:
        if value is not None and len(set(value)) != len(value):
            raise Invalid("each may be named once")
        return value


FormatsOfRecords = Annotated[
    list[RecordFormat],
    Field(
        min_length=1,
        max_length=len(RECORD_FORMATS),
        description="File formats; one file for each.",
    ),
]
FiltersOfLine = Annotated[
    tuple[WantedFilter, ...],
    Field(
        max_length=FILTERS_MAX,
        description="Which rows; none: all of the line. They narrow the line's own filters and"
        " never widen them; a row has to pass each.",
        examples=[[{"column": "Provider_Code", "any_of": ["RR8"]}]],
    ),
]


class WantedExtract(OfOneLine):
    """One line of an agreement, or part of it."""

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine
    classification: Annotated[Classification, Field(description="Classification of the line.")]
    periods: Annotated[
        Annotated[list[RequestedPeriod], Field(min_length=1, max_length=MONTHS_MAX)] | MonthRange,
        Field(
            description="Periods by their names, or a range of months; at most"
            f" {MONTHS_MAX} months in all. The months are what is decided, permitted and released."
        ),
    ]
    fields: Annotated[
        list[FieldName] | None,
        Field(
            min_length=1,
            max_length=FIELDS_MAX,
            description="As the catalogue names them; null: all of the agreement's line.",
        ),
    ] = None
    formats: FormatsOfRecords = Field(default=[Format.PARQUET])
    filters: FiltersOfLine = ()
    changes_since: Annotated[
        UUID | None,
        Field(
            description="An earlier extract of the same line, columns, periods and filters that you"
            " hold: besides this one you get what was added, removed and changed since. Only where"
            " the line allows change sets; null: none is wanted."
        ),
    ] = None

    def months_in(self, known: Catalogue) -> tuple[str, ...]:
        """Return the months in order, each once.

        Of a data set that is not in the catalogue every name is taken for what it says: that there
        is no line for it is the decision's to say.

        Raises:
            InvalidPeriods: a name is none, the range ends before it begins, or there are too many.
            PeriodNotOffered: the data set has no period of a name.

        """
        return months_of(self.periods, self.data_set, known, self.filters)


# What dissemination asks of agreements (AuthZEN)


class Asked(BaseModel):
    """A part of a question. A member that the reader does not know may be a restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Proof(Asked):
    token: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=16_384,
            description="The client's own access token, of audience `dissemination`.",
            repr=False,
        ),
    ] = None
    decision: Annotated[
        UUID | None,
        Field(
            description="In place of a token, where a standing order of the client is carried out:"
            " a decision that agreements logged under the same agreement on a token of the client,"
            " not longer ago than the dated rule allows.",
        ),
    ] = None

    @cached_property
    def token_digest(self) -> str:
        """Return the SHA-256 of the token, in hexadecimal: what is logged of it."""
        return sha256((self.token or "").encode()).hexdigest()

    @model_validator(mode="after")
    def _is_one_proof(self) -> Self:
        if self.token is not None and self.decision is not None:
            raise ValueError("send `token` or `decision`, not both")
        return self


class Subject(Asked):
    type: Literal["client"] = "client"
    id: Annotated[
        str,
        Field(pattern=CLIENT, description="The client: `azp` of its token."),
        Scanned(code=True),
    ]
    properties: Proof = Proof()


class RequestAction(Asked):
    name: Literal["request"]


class WantedBridge(Asked):
    """The other line of a bridging file."""

    agreement: AgreementReference
    purpose: Code
    data_set: Code
    classification: Code

    @property
    def said(self) -> BridgedLine:
        return BridgedLine(**dict(self))


class Wanted(Asked):
    purpose: Code
    data_set: Code
    classification: Code
    periods: Annotated[tuple[Month, ...], Field(min_length=1, max_length=600)]
    fields: Annotated[tuple[FieldName, ...], Field(max_length=FIELDS_MAX)]
    formats: Annotated[
        tuple[Format, ...],
        Field(
            min_length=1,
            max_length=len(Format),
            description="Records are written as `parquet` or `csv`, tables in each of them.",
        ),
    ] = (Format.PARQUET,)
    filters: Annotated[
        tuple[WantedFilter, ...],
        Field(
            max_length=FILTERS_MAX,
            description="Which rows; none: all of the line.",
            exclude_if=is_empty,
        ),
    ] = ()
    table: Annotated[
        WantedTable | None,
        Field(
            description="What is to be counted; left out where records are asked for. `fields` are"
            " then the columns of its categories.",
            exclude_if=is_none,
        ),
    ] = None
    changes_since: Annotated[
        UUID | None,
        Field(
            description="An earlier extract that the recipient holds, of which the changes to this"
            " one are wanted besides; left out where none are.",
            exclude_if=is_none,
        ),
    ] = None

    bridge: Annotated[
        WantedBridge | None,
        Field(
            description="Another line of the same recipient, with whose pseudonyms those of this"
            " one are to be paired in a bridging file; left out where none are. `fields` are then"
            " none.",
            exclude_if=is_none,
        ),
    ] = None

    @field_validator("filters")
    @classmethod
    def _each_column_once(cls, value: tuple[WantedFilter, ...]) -> tuple[WantedFilter, ...]:
        if any(repeated(value)):
            raise ValueError("each column may have one filter")
        return value

    @model_validator(mode="after")
    def _is_of_pairs_alone(self) -> Self:
        if self.bridge is not None and (
            self.fields or self.filters or self.table or self.changes_since
        ):
            raise ValueError("`bridge`: a bridging file has pairs of pseudonyms and nothing else")
        return self

    @model_validator(mode="after")
    def _fields_are_those_of_the_table(self) -> Self:
        if self.table is None:
            if not self.fields and self.bridge is None:
                raise ValueError("`fields`: name at least one")
            if not RECORD_FORMATS.issuperset(self.formats):
                raise ValueError("`formats`: records are written as `parquet` or `csv`")
            return self
        if self.changes_since is not None:
            raise ValueError("`changes_since`: of tables there is no change set")
        asked = self.table.said
        if any(levels_repeated(asked.dimensions)):
            raise ValueError("`table`: each column may be named once")
        if self.fields != columns_of(asked.dimensions):
            raise ValueError("`fields`: those of the table's categories, in their order")
        return self


class AgreementResource(Asked):
    type: Literal["agreement"] = "agreement"
    id: AgreementReference
    properties: Wanted

    @cached_property
    def wanted(self) -> ExtractRequest:
        """Return what is judged of it, of no extract in particular."""
        asked = self.properties
        return ExtractRequest(
            extract_id="",
            agreement=self.id,
            purpose=asked.purpose,
            data_set=asked.data_set,
            classification=asked.classification,
            periods=asked.periods,
            fields=asked.fields,
            formats=tuple(form.value for form in asked.formats),
            filters=of(asked.filters),
            table=None if asked.table is None else asked.table.said,
            changes_since=None if asked.changes_since is None else str(asked.changes_since),
            bridge=None if asked.bridge is None else asked.bridge.said,
        )


class LandedEditions(Asked):
    """What the haven would read and leave out now, by its answer to `GET /v1/landed-months`."""

    opt_out_lists: Annotated[
        tuple[Annotated[str, Field(pattern=LIST)], ...],
        Field(
            min_length=1,
            max_length=100,
            description="What decides who is left out: the digest of the list in force, and the "
            "ids of those that are upheld beside it.",
            examples=[["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"]],
        ),
    ]
    editions: Annotated[
        dict[Month, tuple[UUID, ...]],
        Field(
            max_length=600,
            description="By month, the ids of the editions that are read.",
            examples=[{"2018-04": ["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"]}],
        ),
    ]


class RequestContext(Asked):
    extract_id: ExternalId | None = None
    request_digest: Annotated[str | None, Field(pattern=DIGEST)] = None
    dry_run: Annotated[bool, Field(strict=True)] = False
    landed: Annotated[
        LandedEditions | None,
        Field(
            description="Of the periods that are asked for, where the haven could be asked: what "
            "would be refused at the release for its opt-out list is refused now. Said by "
            "dissemination alone."
        ),
    ] = None

    places_order: Annotated[
        bool,
        Field(
            strict=True,
            description="A standing order for such extracts is placed or confirmed: it is decided"
            " and logged, and no permit is given.",
            exclude_if=is_false,
        ),
    ] = False

    @model_validator(mode="after")
    def _is_for_a_permit(self) -> Self:
        if self.dry_run and self.places_order:
            raise ValueError("`places_order` is logged, and `dry_run` is not; leave one out.")
        return self


class RequestQuestion(Asked):
    """May this extract be prepared? Yes comes with a permit."""

    subject: Subject
    action: RequestAction
    resource: AgreementResource
    context: RequestContext = RequestContext()

    @model_validator(mode="after")
    def _is_placed_by_a_token(self) -> Self:
        if self.context.places_order and self.subject.properties.decision is not None:
            raise ValueError("a standing order is placed on the client's own token; send `token`")
        return self
