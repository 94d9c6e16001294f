"""What could be linked under an agreement, and by which clause: shown, and nothing is made by it.

People have one token in two files where both are of one pseudonym domain, and nowhere else
(domain.md 8.2). So lines are put together by the domain that a permit would name, and by nothing
that is only written here. Records of people without a valid NHS number are linked by nothing, in
any line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agreements.decision.domain.case import LineCase
from agreements.decision.domain.clauses import use_clauses
from agreements.decision.domain.codes import Code
from agreements.decision.domain.decide import case_of, not_as_sealed
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.question import Asker, Request
from agreements.decision.use_cases.ports import DecisionLogs
from agreements.records.domain.version import AgreementVersion
from common.clock import Clock, legal_day
from common.errors import AgreementNotFound, LineNotInAgreement, Refusal, Refused
from statements.document import Terms
from statements.permit import DomainFacts
from statements.request import ExtractRequest
from statements.vocabulary import AGGREGATES, LineKey

OF_LINKAGE = frozenset(
    {
        Code.LINKAGE_NOT_FOR_RECIPIENT,
        Code.LINKAGE_NOT_WITH_DATA_SET,
        Code.LINKAGE_NOT_NARROWED,
    }
)


class Apart(StrEnum):
    """Why people of two lines have no token in common."""

    PURPOSE = "OTHER_PURPOSE"
    ENVIRONMENT = "OTHER_ENVIRONMENT"
    OPT_OUTS = "OTHER_OPT_OUT_TREATMENT"
    NO_CLAUSE = "NOT_LINKED_BY_THE_AGREEMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedLine:
    """A line of records, and why its linkage would be refused; nothing where it would not."""

    number: int
    key: LineKey
    environment: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedLines:
    """Lines in whose files a person has one token."""

    lines: tuple[LinkedLine, ...]
    clauses: tuple[tuple[str, ...], ...]
    """By which: each is the data sets of one clause. None: they are of one data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApartFrom:
    """A line whose people have other tokens than those of the line that was asked about."""

    number: int
    key: LineKey
    because: tuple[Apart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    agreement: str
    version: str
    is_governing: bool
    linked: tuple[LinkedLines, ...]
    apart: tuple[ApartFrom, ...]


def preview(
    reference: str,
    *,
    line: int | None,
    organisation: str | None,
    logs: DecisionLogs,
    clock: Clock,
) -> Linkage:
    """Say which lines could be linked; of one line besides why others could not.

    `organisation`: whose agreements alone are shown; None: everybody's.

    Raises:
        AgreementNotFound: there is none that the caller may know of.
        LineNotInAgreement: it has no such line of records.
        Refused: the facts are not those that were sealed.

    """
    with logs.reading() as tx:
        facts, at = tx.facts(reference), clock.now()
        if broken := (*facts.broken, *tx.broken()):
            raise Refused("What is recorded is not what was sealed.", not_as_sealed(broken))
        version, is_governing = _version(facts, at)
        cases = _cases(reference, version, organisation, facts, at)
        if line is not None and line not in {case.line.number for case in cases}:
            raise LineNotInAgreement(f"{reference} has no line {line} of records.")
        groups: dict[str, list[LineCase]] = {}
        for case in cases:
            groups.setdefault(case.domain.id, []).append(case)
        return Linkage(
            agreement=reference,
            version=version.number,
            is_governing=is_governing,
            linked=tuple(_linked(group) for group in groups.values() if _is_of(group, line)),
            apart=() if line is None else tuple(_apart(line, cases)),
        )


def _version(facts: AgreementFacts, at: datetime) -> tuple[AgreementVersion, bool]:
    agreement = facts.agreement
    if agreement is None:
        raise AgreementNotFound("There is no such agreement.")
    governing = agreement.governing(at)
    return governing or agreement.shown(at), governing is not None


def _cases(
    reference: str,
    version: AgreementVersion,
    organisation: str | None,
    facts: AgreementFacts,
    at: datetime,
) -> Sequence[LineCase]:
    """Put each line of records beside the facts of now, as a question for it would be."""
    present = Present(at=at, last_decision_at=None, reserved={})
    organisations = facts.organisations_on(legal_day(at))
    (first, *_) = version.controllers()
    (holder, *_) = organisations.holders(organisations.own(first))
    asker = Asker(client_id="", organisation=organisation or holder)
    found = []
    for terms in facts.documents[version.id].lines:
        if not isinstance(terms, Terms) or terms.key.classification in AGGREGATES:
            continue
        case = case_of(_question(reference, terms, asker), facts, present)
        if case is None:
            raise AgreementNotFound("There is no such agreement.")
        found.append(case.of_line(terms))
    return found


def _question(reference: str, terms: Terms, asker: Asker) -> Request:
    key = terms.key
    return Request(
        asker=asker,
        request=ExtractRequest(
            extract_id="",
            agreement=reference,
            purpose=key.purpose,
            data_set=key.data_set,
            classification=key.classification,
            periods=(terms.first_period,),
            fields=(),
            formats=(),
        ),
    )


def _is_of(group: Sequence[LineCase], line: int | None) -> bool:
    return line is None or line in {case.line.number for case in group}


def _linked(group: Sequence[LineCase]) -> LinkedLines:
    named = {case.key.data_set for case in group}
    (first, *_) = group
    clauses = (tuple(sorted(one)) for one in first.document.linked if one & named)
    return LinkedLines(
        lines=tuple(
            LinkedLine(
                number=case.line.number,
                key=case.key,
                environment=case.line.environment_kind,
                refusals=tuple(r for r in use_clauses.use(case) if r.code in OF_LINKAGE),
            )
            for case in group
        ),
        clauses=tuple(clauses),
    )


def _apart(number: int, cases: Sequence[LineCase]) -> Iterator[ApartFrom]:
    (asked,) = (case for case in cases if case.line.number == number)
    for case in cases:
        because = tuple(_why(asked.domain, case.domain))
        if because:
            yield ApartFrom(number=case.line.number, key=case.key, because=because)


def _why(one: DomainFacts, other: DomainFacts) -> Iterator[Apart]:
    """Compare what makes a domain; controllers and agreement are the same for both."""
    if one.purpose != other.purpose:
        yield Apart.PURPOSE
    if one.environment != other.environment:
        yield Apart.ENVIRONMENT
    if one.opt_out != other.opt_out:
        yield Apart.OPT_OUTS
    if one.data_sets != other.data_sets:
        yield Apart.NO_CLAUSE
