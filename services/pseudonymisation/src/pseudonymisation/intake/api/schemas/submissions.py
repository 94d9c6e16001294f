"""What crosses the wire on the intake's port. Never a row, never a domain object."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from catalogue import Protocol
from common.audit import is_as_logged
from common.replacement import State
from common.texts import Scanned
from common.web.logged import IsAsLogged
from common.web.replacement import ChangeView, StandingView
from pseudonymisation.intake.domain.edition import Edition, Replaced
from pseudonymisation.intake.domain.opt_out import OptOutList
from pseudonymisation.intake.domain.quality import QuarantineEntry
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import Content, Declaration, Delimiter, Dialect, Quoting

ODS = r"^[A-Z0-9]{3,12}$"
DATA_SET = r"^[A-Z][A-Z0-9_]{1,31}$"
GROUP = r"^[0-9A-Z]{1,6}$"
LEFT_OUT_MAX = 10_000_000
PERIOD = r"^\d{4}-(W\d{2}|\d{2}(/\d{4}-\d{2})?)$"


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class OpenSubmission(RequestBody):
    data_set: Annotated[str, Field(pattern=DATA_SET, examples=["SUS_APC"]), Scanned(code=True)]
    period: Annotated[
        str,
        Field(
            pattern=PERIOD,
            examples=["2018-04"],
            description="A month, or a closed range of months such as `2016-07/2017-03`; a week"
            " `2019-W15` where the data set is sent week by week; of an edition of several months"
            " the last one that it covers.",
        ),
    ]
    provider: (
        Annotated[
            str,
            Field(
                pattern=ODS,
                description="Whose records these are: by default one's own. Another's need a right"
                " to submit that agreements has for the first day of the period; a DSCRO names it.",
            ),
            Scanned(code=True),
        ]
        | None
    ) = None
    delimiter: Annotated[
        Delimiter | None,
        Field(
            examples=[";"],
            description="What stands between values; by default as the catalogue says, mostly a"
            " comma. Of CSV and CSV.gz; a Parquet file has none.",
        ),
    ] = None
    quoting: Annotated[
        Quoting | None,
        Field(
            examples=["standard"],
            description="How a value has a delimiter in it: `standard` (RFC 4180: in quotes, a"
            " quote doubled; the default), `backslash` (a backslash before it), `none` (never: a"
            " quote is a character like any other).",
        ),
    ] = None

    protocol: Annotated[
        Protocol,
        Field(
            examples=["whole_period"],
            description="What the file replaces: `whole_period` all that the provider has in the"
            " period; `net_change` single records, by their identifier and the day from which each"
            " holds; `bulk` what the same sender sent for the same prime recipient, group and"
            " period. Which a data set takes is in its landing rules.",
        ),
    ] = Protocol.WHOLE_PERIOD
    recipient: (
        Annotated[
            str,
            Field(
                pattern=ODS,
                examples=["02P"],
                description="Of a file in bulk: the prime recipient, by its code.",
            ),
            Scanned(code=True),
        ]
        | None
    ) = None
    group: (
        Annotated[
            str,
            Field(
                pattern=GROUP,
                examples=["010"],
                description="Of a file in bulk: the bulk replacement group, by its code.",
            ),
            Scanned(code=True),
        ]
        | None
    ) = None
    left_out_at_source: Annotated[
        int | None,
        Field(
            ge=0,
            le=LEFT_OUT_MAX,
            examples=[12],
            description="How many people the sender has left out, where the data set asks for it"
            " (people with a Type 1 objection, of GP records); 0 where there is nobody.",
        ),
    ] = None

    @property
    def declared(self) -> Declaration:
        return Declaration(
            dialect=Dialect(self.delimiter, self.quoting),
            protocol=self.protocol,
            recipient=self.recipient,
            group=self.group,
            left_out_at_source=self.left_out_at_source,
        )


class TotalView(BaseModel):
    """The sum of a measure of the data set."""

    model_config = ConfigDict(from_attributes=True)

    field: Annotated[str, Field(description="As the catalogue calls it.")]
    before: Annotated[
        Decimal | None,
        Field(
            description="Of the edition in force, in the unit of the field, to six places; null"
            " where it has no such column, or a number that is too large to be summed exactly."
        ),
    ]
    after: Annotated[Decimal | None, Field(description="The same of what was sent.")]


class ReplacedView(BaseModel):
    """What gives way to an edition, and what comes in its place."""

    model_config = ConfigDict(from_attributes=True)

    rows: Annotated[ChangeView, Field(description="By person and month.")]
    people: Annotated[
        ChangeView | None,
        Field(
            description="People, each once, by their tokens; null where the edition in force"
            " cannot be read any more."
        ),
    ]
    totals: Annotated[list[TotalView], Field(description="Of each measure of the data set.")]
    emptied: Annotated[
        list[str],
        Field(
            description="Months at an end of the period of which the edition in force has rows,"
            " and the file none: it waits for a second person."
        ),
    ]


class CloseName(BaseModel):
    """A column that has almost the right name."""

    at: Annotated[int, Field(description="Its place in the header, from 1.")]
    column: Annotated[str, Field(description="What it was probably meant as.")]


class RefusalView(BaseModel):
    """Where a refused file is wrong: lines and columns, never a value."""

    model_config = ConfigDict(extra="ignore")

    line: Annotated[int | None, Field(description="Of the file; the header is line 1.")] = None
    column: Annotated[str | None, Field(description="By the catalogue's name.")] = None
    missing: Annotated[
        list[str], Field(description="Columns that the header must have and has not.")
    ] = []
    unknown_at: Annotated[
        list[int],
        Field(description="Places in the header, from 1, of columns that the data set has not."),
    ] = []
    twice: Annotated[list[str], Field(description="Columns that the header has twice.")] = []
    close: Annotated[
        list[CloseName], Field(description="Unknown columns with almost the right name.")
    ] = []
    looks_like: Annotated[
        list[str], Field(description="Data sets that have the columns of the header.")
    ] = []


class ProgressView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    rows_done: Annotated[int, Field(description="Records read so far.")]
    rows_total: int | None


class TableView(BaseModel):
    """What came of one of several tables."""

    table: Annotated[str, Field(description="As the catalogue names it.")]
    bytes: Annotated[int, Field(description="Of what was sent.")]
    digest: Annotated[str, Field(description="`sha256:` and the hash of what was sent.")]
    records: Annotated[int, Field(description="Lines behind the header.")]
    content_form: Annotated[
        Literal["csv", "csv.gz", "parquet"], Field(description="As what it was sent.")
    ]

    @classmethod
    def of(cls, table: str, content: Content) -> Self:
        return cls(
            table=table,
            bytes=content.bytes,
            digest=content.digest,
            records=content.records,
            content_form=content.form.value,
        )


class SubmissionView(BaseModel):
    id: UUID
    data_set: str
    catalogue_version: str
    period: str
    provider: str
    submitted_by: str
    state: Annotated[
        Literal["open", "received", "landing", "waiting", "accepted", "rejected"],
        Field(
            description="`waiting`: landed, and much of the edition in force would change; that"
            " one stays in force until a second person confirms this one."
        ),
    ]
    version: int
    created_at: datetime
    received_at: datetime | None
    decided_at: datetime | None
    bytes: int | None
    digest: Annotated[str | None, Field(description="Of the content, as it was received.")]
    content_form: Annotated[
        Literal["csv", "csv.gz", "parquet"] | None,
        Field(description="As what the content was sent; null before it was received."),
    ]
    delimiter: Annotated[
        Delimiter | None, Field(description="As declared; null: as the catalogue says.")
    ]
    quoting: Annotated[
        Quoting | None, Field(description="As declared; null: as the catalogue says.")
    ]
    protocol: Annotated[Protocol, Field(description="What the file replaces, as declared.")]
    recipient: Annotated[
        str | None, Field(description="Of a file in bulk: the prime recipient, in normal form.")
    ]
    group: Annotated[str | None, Field(description="Of a file in bulk: its group.")]
    left_out_at_source: Annotated[
        int | None,
        Field(description="People whom the sender left out, as it said; null: not asked for."),
    ]
    replaced: Annotated[
        ReplacedView | None,
        Field(
            description="What gives way to it, or would when it is confirmed; null before it was"
            " landed, and where nothing is there."
        ),
    ]
    progress: Annotated[
        ProgressView | None, Field(description="Null before the file was received whole.")
    ]
    edition_id: UUID | None
    code: Annotated[str | None, Field(description="Why it was rejected, or what it waits for.")]
    detail: str | None
    refusal: Annotated[
        RefusalView | None,
        Field(description="Of a refused file: where it is wrong; null where it is not said."),
    ]
    tables: Annotated[
        list[TableView],
        Field(description="Of several tables those that came; empty where the data set is one."),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, submission: Submission) -> Self:
        content = submission.content
        return cls(
            id=submission.id,
            data_set=submission.data_set,
            catalogue_version=submission.catalogue_version,
            period=str(submission.period),
            provider=submission.provider,
            submitted_by=submission.submitted_by,
            state=submission.state.value,
            version=submission.version,
            created_at=submission.created_at,
            received_at=submission.received_at,
            decided_at=submission.decided_at,
            bytes=None if content is None else content.bytes,
            digest=None if content is None else content.digest,
            content_form=None if content is None else content.form.value,
            tables=[TableView.of(name, one) for name, one in submission.tables.items()],
            delimiter=submission.dialect.delimiter,
            quoting=submission.dialect.quoting,
            protocol=submission.protocol,
            recipient=None if submission.part is None else submission.part.recipient,
            group=None if submission.part is None else submission.part.group,
            left_out_at_source=submission.left_out_at_source,
            replaced=_replaced(submission.replaced),
            progress=None
            if submission.progress is None
            else ProgressView.model_validate(submission.progress),
            edition_id=submission.edition_id
            if submission.state in {"waiting", "accepted"}
            else None,
            code=submission.code,
            detail=submission.detail,
            refusal=RefusalView.model_validate(submission.refusal) if submission.refusal else None,
            is_as_logged=is_as_logged(f"submissions/{submission.id}"),
        )


def _replaced(found: Replaced | None) -> ReplacedView | None:
    return None if found is None else ReplacedView.model_validate(found)


class QuarantineEntryView(BaseModel):
    line: Annotated[int, Field(description="Of the file; the header is line 1.")]
    column: Annotated[str | None, Field(description="Null where it is the line as a whole.")]
    code: str
    detail: str

    @classmethod
    def of(cls, entry: QuarantineEntry) -> Self:
        return cls(
            line=entry.line, column=entry.column or None, code=entry.code, detail=entry.detail
        )


class QuarantinePage(BaseModel):
    items: list[QuarantineEntryView]
    next: Annotated[
        int | None, Field(description="Pass as `after` for the next page; null on the last.")
    ] = None
    is_as_logged: IsAsLogged


class RulesVersionView(BaseModel):
    """A version of the landing rules, which say how a file of a data set is taken in."""

    model_config = ConfigDict(from_attributes=True)

    version: Annotated[int, Field(description="Counts the versions of a data set's rules from 1.")]
    digest: Annotated[str, Field(description="`sha256:` over the canonical JSON of the rules.")]


EditionStatus = Literal[
    "current", "provisional", "final", "flex", "freeze", "after_freeze", "primary", "refresh",
    "resubmission", "single_window", "after_windows", "superseded", "taken_back",
]  # fmt: skip


class EditionView(StandingView):
    id: UUID
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: str
    provider: str
    number: Annotated[int, Field(description="Counts the editions of this period from 1.")]
    status: Annotated[
        EditionStatus,
        Field(
            description="How final it is; of data sets that are agreed in two steps, by when it"
            " came: `flex`, `freeze` or `after_freeze`; of those that have windows, by the window:"
            " `primary`, `refresh`, `resubmission`, `single_window` or `after_windows`."
            " `superseded` once a later edition is in"
            " force, and `taken_back` where it was taken back: what was made with it is void."
        ),
    ]
    submission_id: UUID
    protocol: Annotated[
        Protocol,
        Field(description="How its file came; of a net change the edition before it was merged."),
    ]
    sender: Annotated[
        str | None, Field(description="Of what was sent in bulk: who sent it, in normal form.")
    ]
    recipient: Annotated[
        str | None, Field(description="Of what was sent in bulk: the prime recipient.")
    ]
    group: Annotated[str | None, Field(description="Of what was sent in bulk: its group.")]
    left_out_at_source: Annotated[
        int | None,
        Field(description="People whom the sender left out, as it said; null: not asked for."),
    ]
    replaced: Annotated[
        ReplacedView | None,
        Field(description="What gave way to it, or would when it is confirmed; null: nothing."),
    ]
    rows: Annotated[
        int,
        Field(description="Records that were landed, those that come again in it among them."),
    ]
    rows_repeated: Annotated[
        int | None,
        Field(
            description="Of `rows`: records that come again in the edition. Of each one is"
            " released, so that `rows` - `rows_repeated` are different records. Null: landed before"
            " they were counted."
        ),
    ]
    practice_map: UUID | None
    postcode_map: UUID | None
    landing_rules: Annotated[
        RulesVersionView | None,
        Field(description="By which its file was taken in; null: by none, before there were any."),
    ]
    landed_at: datetime
    superseded_by: Annotated[UUID | None, Field(description="Null: no later edition is in force.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of_edition(cls, edition: Edition) -> Self:
        practice, postcode = edition.practice_map, edition.postcode_map
        return cls(
            **StandingView.of(edition.standing).model_dump(),
            id=edition.id,
            data_set=edition.data_set,
            catalogue_version=edition.catalogue_version,
            catalogue_digest=edition.catalogue_digest,
            period=str(edition.period),
            provider=edition.provider,
            number=edition.number,
            status=_status(edition),
            submission_id=edition.submission_id,
            protocol=edition.protocol,
            sender=None if edition.part is None else edition.part.sender,
            recipient=None if edition.part is None else edition.part.recipient,
            group=None if edition.part is None else edition.part.group,
            left_out_at_source=edition.left_out_at_source,
            replaced=_replaced(edition.replaced),
            rows=edition.rows,
            rows_repeated=edition.rows_repeated,
            practice_map=None if practice is None else practice.id,
            postcode_map=None if postcode is None else postcode.id,
            landing_rules=None
            if edition.landing_rules is None
            else RulesVersionView.model_validate(edition.landing_rules),
            landed_at=edition.landed_at,
            superseded_by=edition.superseded_by,
            is_as_logged=is_as_logged(f"editions/{edition.id}"),
        )


def _status(
    edition: Edition,
) -> EditionStatus:
    if edition.standing.state is State.TAKEN_BACK:
        return "taken_back"
    return "superseded" if edition.superseded_by else edition.status.value


class OptOutListView(StandingView):
    """A list of objectors: that it is there, how it stands, never who is on it."""

    id: UUID
    list_date: Annotated[date, Field(description="The day whose opt-outs it holds.")]
    kind: Annotated[Literal["objectors"], Field(description="Who is on it: who is left out.")]
    people: Annotated[int, Field(description="How many people are on it.")]
    digest: Annotated[str, Field(description="Of what was sent: `sha256:` and the hash.")]
    imported_at: Annotated[datetime, Field(description="When it came, RFC 3339, in UTC.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of_list(cls, opt_outs: OptOutList) -> Self:
        return cls(
            **StandingView.of(opt_outs.standing).model_dump(),
            id=opt_outs.id,
            list_date=opt_outs.list_date,
            kind="objectors",
            people=opt_outs.people,
            digest=opt_outs.digest,
            imported_at=opt_outs.imported_at,
            is_as_logged=is_as_logged(f"opt-out-lists/{opt_outs.id}"),
        )
