"""What would be answered, asked by those whom it concerns about themselves (design.md section 5).

Nothing is logged, permitted or leased. Besides yes or no it says how to resolve a refusal, which
lines one may have now, and until when.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agreements.decision.domain.case import MONTH
from agreements.decision.domain.codes import MEANINGS, Code
from agreements.decision.domain.decide import NOT_FOUND, Decision, Permission, not_as_sealed
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.horizon import until
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Asker, Fetch, Request
from agreements.decision.use_cases import decide_fetch, decide_request
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import PermissionCache, opt_outs_of
from agreements.decision.use_cases.ports import DecisionLog, DecisionLogs
from common.clock import Clock, legal_day
from common.errors import Refusal
from statements.document import Terms
from statements.filters import Filters
from statements.permit import OptOut
from statements.request import ExtractRequest
from statements.tables import MONTH as MONTHS
from statements.tables import TableDimension, TableRequest
from statements.vocabulary import AGGREGATES, LineKey

OF_A_PERIOD = frozenset({Code.NOT_PUBLISHED_YET, Code.OPT_OUT_DIFFERENCING, Code.FACT_MISSING})
"""Refusals that may be about single periods, so that the line is had without these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryAnswer:
    epoch: int
    at: datetime
    permitted: bool
    refusals: tuple[Refusal, ...]
    until: datetime | None
    """Until when a yes stays one, as far as is known today."""
    opt_outs: OptOut | None = None
    """Of an extract that would be permitted: whether they would be upheld, and why."""
    preview: GivenPermit | None = None
    """What the haven judges by whether it would wait, where anything could make it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedLine:
    """A line as the caller would have it now: everything of it that is allowed, or why not."""

    agreement: str
    version: str
    number: int
    key: LineKey
    fields: Mapping[str, str]
    hidden: Mapping[str, str]
    """What is done to which field, because of what else the line tells; once it is permitted."""
    filters: Filters
    """Which rows: the line's own filters."""
    periods: tuple[str, ...]
    environment: str
    permitted: bool
    refusals: tuple[Refusal, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedFile:
    """A released file, and whether the caller may fetch it now."""

    holding_id: UUID
    agreement: str
    file_id: str
    format: str
    bytes: int
    periods: tuple[str, ...]
    permitted: bool
    refusals: tuple[Refusal, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResults:
    """A page of what the caller may have; `after` names the next one's beginning."""

    epoch: int
    lines: tuple[SearchedLine, ...] = ()
    files: tuple[SearchedFile, ...] = ()
    after: str | None = None


def with_remedies(refusals: Sequence[Refusal]) -> Iterator[tuple[Refusal, str]]:
    """Return each refusal with its remedy."""
    for refusal in refusals:
        yield refusal, MEANINGS[Code(refusal.code)].remedy


def request(
    question: Request, *, logs: DecisionLogs, clock: Clock, extract_id: str | None = None
) -> DryAnswer:
    """Say whether this extract would be permitted; of one that is named with a preview.

    It is judged by what the request itself would be judged by.
    """
    with logs.reading() as tx:
        batch = _looking(tx, clock)
        present, decision = decide_request.judged(question, batch, tx)
        preview = (
            decide_request.preview_of(question, extract_id, decision, batch)
            if extract_id is not None and isinstance(decision, Permission)
            else None
        )
        facts = tx.facts(question.request.agreement)
        return _answer(tx, decision, question, facts, present, preview=preview)


def fetch(holding_id: UUID, asker: Asker, *, logs: DecisionLogs, clock: Clock) -> DryAnswer:
    """Say whether bytes of this file would leave."""
    with logs.reading() as tx:
        holding = tx.holding(holding_id)
        if holding is None:
            return DryAnswer(
                epoch=tx.epoch(),
                at=clock.now(),
                permitted=False,
                refusals=not_as_sealed(tx.broken()) or NOT_FOUND,
                until=None,
            )
        question, batch = Fetch(asker=asker, holding=holding), _looking(tx, clock)
        present, decision = _fetched(question, batch, tx)
        return _answer(tx, decision, question, tx.facts(holding.agreement), present)


def _looking(tx: DecisionLog, clock: Clock) -> DecisionBatch:
    """Return what questions that write nothing are judged with."""
    return DecisionBatch((), tx, clock, PermissionCache())


def _fetched(question: Fetch, batch: DecisionBatch, tx: DecisionLog) -> tuple[Present, Decision]:
    fate = batch.fate(question.holding.id)
    return decide_fetch.judged(question, fate, batch, tx, locked=False)


def lines(
    asker: Asker, *, after: str, limit: int, logs: DecisionLogs, clock: Clock
) -> SearchResults:
    """List the lines of agreements in which the caller's organisation is a party."""
    with logs.reading() as tx:
        references = tx.agreements_of(asker.organisation, after=after, limit=limit + 1)
        found = [
            line for reference in references[:limit] for line in _lines(tx, reference, asker, clock)
        ]
        return SearchResults(
            epoch=tx.epoch(),
            lines=tuple(found),
            after=references[limit - 1] if len(references) > limit else None,
        )


def files(
    asker: Asker, *, after: str, limit: int, logs: DecisionLogs, clock: Clock
) -> SearchResults:
    """List the released files of those agreements."""
    with logs.reading() as tx:
        references = tx.agreements_of(asker.organisation, after=after, limit=limit + 1)
        found = [
            file for reference in references[:limit] for file in _files(tx, reference, asker, clock)
        ]
        return SearchResults(
            epoch=tx.epoch(),
            files=tuple(found),
            after=references[limit - 1] if len(references) > limit else None,
        )


def _lines(tx: DecisionLog, reference: str, asker: Asker, clock: Clock) -> Iterator[SearchedLine]:
    facts = tx.facts(reference)
    agreement = facts.agreement
    if agreement is None:
        return
    batch = _looking(tx, clock)
    version = agreement.shown(clock.now())
    for terms in facts.documents[version.id].lines:
        if isinstance(terms, Terms):
            line = _line(tx, facts, terms, asker, batch)
            if line is not None:
                yield line


def _line(
    tx: DecisionLog, facts: AgreementFacts, terms: Terms, asker: Asker, batch: DecisionBatch
) -> SearchedLine | None:
    """Judge the whole line, then without the periods that alone are refused."""
    now = batch.at
    months = _months(terms.first_period, terms.last_period or f"{legal_day(now):%Y-%m}")
    question = _whole_line(facts, terms, months, asker)
    present, decision = decide_request.judged(question, batch, tx)
    refused = _periods_alone(decision)
    if refused and set(months) - refused:
        rest = tuple(m for m in months if m not in refused)
        question = _whole_line(facts, terms, rest, asker)
        present, decision = decide_request.judged(question, batch, tx)
    if decision == NOT_FOUND:
        return None
    allowed = isinstance(decision, Permission)
    if isinstance(decision, Permission) and decision.line.number != terms.number:
        return None  # another line of the same key is the one that is had
    agreement = facts.agreement
    return SearchedLine(
        agreement=facts.reference,
        version="" if agreement is None else agreement.shown(now).number,
        number=terms.number,
        key=terms.key,
        fields={f.name: f.treatment for f in terms.fields.values()},
        hidden=decision.caps.columns if isinstance(decision, Permission) and decision.caps else {},
        filters=terms.filters,
        periods=question.request.periods,
        environment=terms.environment_kind,
        permitted=allowed,
        refusals=() if isinstance(decision, Permission) else decision,
        until=until(question, facts, present) if allowed else None,
    )


def _whole_line(
    facts: AgreementFacts, terms: Terms, months: tuple[str, ...], asker: Asker
) -> Request:
    """Ask for all records of a line; of an aggregate one for its months, counted."""
    key, table = terms.key, None
    if key.classification in AGGREGATES:
        described = facts.catalogue.get(terms.catalogue_digest)
        measures = sorted(described.measures) if described is not None else []
        table = TableRequest(
            measure=next(iter(measures), ""), dimensions=(TableDimension(column=MONTHS),)
        )
    return Request(
        asker=asker,
        request=ExtractRequest(
            extract_id="",
            agreement=facts.reference,
            purpose=key.purpose,
            data_set=key.data_set,
            classification=key.classification,
            periods=months,
            fields=tuple(terms.fields) if table is None else (),
            formats=(),
            table=table,
        ),
    )


def _files(tx: DecisionLog, reference: str, asker: Asker, clock: Clock) -> Iterator[SearchedFile]:
    facts = tx.facts(reference)
    batch = _looking(tx, clock)
    for holding in tx.holdings_of(reference):
        question = Fetch(asker=asker, holding=holding)
        present, decision = _fetched(question, batch, tx)
        if decision == NOT_FOUND:
            continue
        allowed = isinstance(decision, Permission)
        yield SearchedFile(
            holding_id=holding.id,
            agreement=reference,
            file_id=holding.file.file_id,
            format=holding.file.file.format,
            bytes=holding.file.file.bytes,
            periods=holding.file.periods,
            permitted=allowed,
            refusals=() if isinstance(decision, Permission) else decision,
            until=until(question, facts, present) if allowed else None,
        )


def _answer(
    tx: DecisionLog,
    decision: Decision,
    question: Request | Fetch,
    facts: AgreementFacts,
    present: Present,
    *,
    preview: GivenPermit | None = None,
) -> DryAnswer:
    allowed = isinstance(decision, Permission)
    asks = isinstance(question, Request)
    return DryAnswer(
        epoch=tx.epoch(),
        at=present.at,
        permitted=allowed,
        refusals=() if isinstance(decision, Permission) else decision,
        until=until(question, facts, present) if allowed else None,
        opt_outs=opt_outs_of(decision) if isinstance(decision, Permission) and asks else None,
        preview=preview,
    )


def _periods_alone(decision: Decision) -> frozenset[str]:
    """Return the refused periods, where nothing but single periods is refused."""
    if isinstance(decision, Permission):
        return frozenset()
    of_periods = [
        r.subject
        for r in decision
        if r.code in OF_A_PERIOD and r.subject is not None and MONTH.fullmatch(r.subject)
    ]
    return frozenset(of_periods) if len(of_periods) == len(decision) else frozenset()


def _months(first: str, last: str) -> tuple[str, ...]:
    """Return the months from first to last, both inclusive; none where they are not months."""
    if MONTH.fullmatch(first) is None or MONTH.fullmatch(last) is None:
        return ()
    begin, end = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return tuple(f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(begin, end + 1))
