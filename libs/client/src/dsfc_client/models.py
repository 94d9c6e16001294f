"""What the four APIs answer. A model names what a caller works with; services may say more."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from dsfc_client._http import Wire


class Application(Wire):
    """An application for data (DARS)."""

    id: UUID
    reference: str | None = None
    title: str
    state: str
    version: int
    organisation: str = ""


class Finding(Wire):
    """What a machine can already tell about an application."""

    code: str
    severity: str
    detail: str
    standard: int | None = None
    pointer: str | None = None


class Agreement(Wire):
    """A data sharing agreement."""

    reference: str
    version: str
    state: str
    title: str = ""
    start: date | None = None
    end: date | None = None
    document_hash: str
    application_id: UUID | None = None


class AbsentDataSet(Wire):
    """A data set that agreements name and of which the catalogue has no file yet."""

    title: str
    of: str
    reason: str


class Measure(Wire):
    """Something that tables under an aggregate line count: each one once."""

    name: str
    title: str
    grain: str
    """What one of it is."""
    cut_by: tuple[str, ...] = ()
    """Groups of whose columns a table of it can be cut by; none: the data set has no groups."""


class DataSet(Wire):
    """One version of a data set of the catalogue."""

    data_set: str
    version: str
    digest: str
    title: str
    description: str
    coverage: str | None = None
    fields: Sequence[Mapping[str, Any]] = ()
    derived: Sequence[Mapping[str, Any]] = ()
    measures: tuple[Measure, ...] = ()


class Contract(Wire):
    """A framework contract of one legal entity with the Body."""

    reference: str
    organisation: str
    state: str
    start: date
    end: date | None = None


class Hold(Wire):
    """What keeps lines of an agreement shut."""

    id: UUID
    lines: tuple[int, ...] = ()
    lifted_at: datetime | None = None


class HeldCopy(Wire):
    """A file at one holder's place, live or in its back-ups."""

    id: str
    file_id: str
    holder: str
    place: str
    kind: str
    certified: str | None = None


class DestructionDue(Wire):
    """Why a file must be destroyed, and by when."""

    trigger: str
    by: date
    back_ups_by: date
    overdue: bool


class HeldFile(Wire):
    """A released file: who has it where, and by when it must be destroyed."""

    file_id: str
    agreement: str
    data_set: str
    destroyed_at: datetime | None = None
    due: DestructionDue | None = None
    copies: tuple[HeldCopy, ...] = ()


class Destruction(Wire):
    """What is held under an agreement, and how far its destruction is."""

    agreement: str
    state: str
    files: tuple[HeldFile, ...] = ()
    missing: tuple[HeldCopy, ...] = ()


class TermChange(Wire):
    """What a version of an agreement says otherwise than another one."""

    annex: str
    sentence: str


class MayShare(Wire):
    """Whether data may go on to an organisation, and by which clause."""

    allowed: bool
    ground: str | None = None
    text: str = ""
    """Why, in a sentence."""


class OnwardShare(Wire):
    """What went on to whom; without a ground it is a breach."""

    id: UUID
    recipient: str
    line: int
    ground: str | None = None
    breach_id: UUID | None = None


class Progress(Wire):
    """How far something long is; how much it is in all may not be known yet."""

    rows_done: int
    rows_total: int | None = None


class Submission(Wire):
    """A provider's file on its way into the safe haven."""

    id: UUID
    data_set: str
    period: str
    provider: str
    state: str
    code: str | None = None
    detail: str | None = None
    progress: Progress | None = None
    content_form: str | None = None
    refusal: dict[str, Any] | None = None
    """Of a refused file: where it is wrong, in lines and columns."""
    protocol: str = "whole_period"
    recipient: str | None = None
    group: str | None = None
    left_out_at_source: int | None = None
    replaced: dict[str, Any] | None = None
    """What gives way to it, or would: rows, people and totals."""


class Change(Wire):
    """What something that replaces another changes, in rows."""

    before: int
    after: int
    added: int
    removed: int
    changed: int


class ReplacementStatus(Wire):
    """How something that replaces stands, and what it changes."""

    state: str
    change: Change
    proposed_by: str
    decided_by: str | None = None
    reason: str | None = None


class Import(Wire):
    """What a list changed, or would: `standing.state` is `waiting` for a second person."""

    id: UUID
    layout: str
    listed: int
    added: int
    changed: int
    unchanged: int
    left_out: dict[str, Any]
    standing: ReplacementStatus


class ImportedMap(Wire):
    """A map that was taken in; `standing.state` is `waiting` for a second person."""

    id: UUID
    kind: str
    valid_from: date
    digest: str
    entries: int
    left_out: dict[str, Any]
    standing: ReplacementStatus | None = None


class SentImport(Wire):
    """A list that was sent, and how it stands."""

    id: UUID
    kind: str
    layout: str
    standing: ReplacementStatus


class PublishedRelationships(Wire):
    """What came of publishing: an edition, or one that waits (`number` is null)."""

    number: int | None = None
    digest: str | None = None
    state: str | None = None
    import_id: UUID | None = None
    standing: ReplacementStatus | None = None


class SubmissionRight(Wire):
    """That one provider may send another's records."""

    id: UUID
    batch: UUID
    submitter: str
    provider: str
    valid_from: date
    valid_to: date | None = None
    state: str


class SubmissionRights(Wire):
    """Rights that were recorded together, and are decided together."""

    id: UUID
    rights: tuple[SubmissionRight, ...]
    left_out: dict[str, Any]


class OptOutList(Wire):
    """A list of people who objected: how it stands, never who is on it."""

    id: UUID
    list_date: date
    people: int
    state: str
    change: Change


class OptOutCheck(Wire):
    """A national check: whom it asks about is never shown."""

    id: UUID
    data_set: str
    periods: tuple[str, ...]
    purpose: str
    people: int
    state: str
    next_step: str
    """What is to be done next, in words."""
    reference: str
    """What the message to the national service has as subject and reference, and its reply too."""
    age_days: int
    good_until: date
    answer_due_at: datetime | None = None
    refused_code: str | None = None
    """Of the last of what came and was no reply of it."""
    signals: tuple[str, ...] = ()
    """What its reply looks like, if not like a reply."""
    cleared: int | None = None
    standing: ReplacementStatus | None = None


class ExtractFile(Wire):
    """One file of an extract; it has one manifest and one register line."""

    id: UUID
    format: str
    bytes: int | None = None
    rows: int | None = None
    digest: str | None = None
    released_at: datetime | None = None
    changes_since: str | None = None
    """It is a change set, since the extract of this id."""


class Availability(Wire):
    """How something released stands: current, superseded, suspended, withdrawn; why, since when."""

    state: str
    code: str | None = None
    agreement_state: str | None = None
    since: datetime | None = None


class OptOutGround(Wire):
    """Why opt-outs are upheld, or are not: a rule, a line, consent or a statute."""

    by: str
    reason: str
    source: str
    since: date | None = None
    letter: str | None = None


class OptOuts(Wire):
    """Whether opt-outs are upheld in an extract; it says of nobody whether they opted out."""

    applied: bool
    by: str | None = None
    """How it is known who opted out: `list` or `check`."""
    list_age_days_max: int | None = None
    ground: OptOutGround | None = None


class Extract(Wire):
    """A request for data under an agreement, and what came of it."""

    id: UUID
    agreement: str
    data_set: str
    state: str
    code: str | None = None
    detail: str | None = None
    refusals: tuple[dict[str, Any], ...] = ()
    progress: Progress | None = None
    files: tuple[ExtractFile, ...] = ()
    availability: Availability | None = None
    editions: tuple[dict[str, Any], ...] = ()
    """That it was made of, and what replaced them."""
    warnings: tuple[dict[str, Any], ...] = ()
    changes_since: str | None = None
    """The earlier extract of which the changes are wanted besides."""
    opt_outs: OptOuts | None = None
    """Whether they are upheld in it, and why."""


class ExtractPreview(Wire):
    """What asking for an extract would be answered now; nothing was asked for."""

    is_permitted: bool
    refusals: tuple[dict[str, Any], ...]
    periods: tuple[str, ...]
    fields: tuple[str, ...]
    periods_without_records: tuple[str, ...] | None
    """None: it would be refused anyway, or the safe haven cannot be asked."""
    warnings: tuple[dict[str, Any], ...]


class Tabulation(Extract):
    """A request for a table of counts, and what came of it."""

    measure: str
    further_measures: tuple[str, ...] = ()
    grains: tuple[str, ...] = ()
    """What one of each measure is."""
    linked_data_sets: tuple[str, ...] = ()
    dimensions: tuple[dict[str, Any], ...] = ()


class OrderedPeriod(Wire):
    """What became of one month of a standing order."""

    month: str
    state: str
    refusals: tuple[dict[str, Any], ...] = ()
    attempts: int = 0
    extract_id: UUID | None = None
    extract_state: str | None = None


class Delivery(Wire):
    """Bytes of a file that somebody fetched, and how that ended."""

    id: UUID
    file_id: UUID
    agreement: str
    client_id: str
    begun_at: datetime
    ended_at: datetime | None = None
    bytes: int
    outcome: str
    code: str | None = None


class LogEntry(Wire):
    """A leaf of the audit log."""

    index: int
    hash: str
    entry: dict[str, Any]


class StandingOrder(Wire):
    """One instruction for a line: each month is asked for when its time has come."""

    id: UUID
    agreement: str
    data_set: str
    when: str
    state: str
    counts: dict[str, int]
    ended: dict[str, Any] | None = None
    periods: tuple[OrderedPeriod, ...] = ()
    """None in a list."""


class Manifest(Wire):
    """What was released: the signed statement, and its content decoded."""

    jws: str
    manifest: dict[str, Any]


class RegisterLine(Wire):
    """One line of the public register of uses: one physical file."""

    released_at: datetime | None = None
    status: str | None = None
    status_code: str | None = None
    status_since: datetime | None = None
    counted: str = ""
    """Of a table of a group: its measures, and what one of each is."""
    bridged: str = ""
    """Of a bridging file: with whose pseudonyms its own are paired."""
