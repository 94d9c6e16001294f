"""The decision: from a question and the facts to a permission, or to every reason why not.

Pure: no clock, no database, no signature. What a permission allows is in it, so that nobody has to
look a second time at facts that may have turned meanwhile.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from agreements.decision.domain.case import Case, LineCase
from agreements.decision.domain.clauses import AGREEMENT_CLAUSES, LINE_CLAUSES
from agreements.decision.domain.clauses.line_clauses import opt_out_ground
from agreements.decision.domain.clauses.table_clauses import (
    disclosure_of,
    linked_rules_of,
    parameters_of,
)
from agreements.decision.domain.codes import Code, refusal, unknown
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.held import held_beside
from agreements.decision.domain.question import (
    AboutALine,
    Question,
    Reidentify,
    Request,
    UnattestedRelease,
)
from agreements.records.domain.version import Capacity
from common.clock import legal_day
from common.errors import Refusal
from statements.document import IncompleteTerms, Terms
from statements.filters import Filters
from statements.line import AgreementVersion, Line, MapVersions, OptOutGround
from statements.permit import (
    DomainFacts,
    DomainGoesOn,
    HeldEditions,
    PermittedBridge,
    PermittedCaps,
    PermittedField,
    Population,
)
from statements.snapshot import Published
from statements.tables import PermittedTable

CONTROLLER = "controller"
PROCESSOR = "processor"
PRACTICE = "practice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Yes, and by which clauses, for what exactly, and until when at the latest."""

    agreement: AgreementVersion
    line: Terms
    published: Published | None
    """What the register publishes of that version; None for a fetch alone."""
    capacity: str
    """In which the asker acts: controller, processor for these, or practice for its patients."""
    on_behalf_of: tuple[str, ...]
    environment_id: UUID
    fields: tuple[PermittedField, ...]
    caps: PermittedCaps | None
    """What is to be done to which of the fields, because of what else the line tells."""
    filters: Filters
    """Which rows: the line's filters, narrowed by those that are asked for."""
    table: PermittedTable | None
    """What may be counted, and how it is shown; None: records are given."""
    codes: tuple[str, ...]
    practice_maps: tuple[str, ...]
    postcode_maps: tuple[str, ...]
    domain: DomainFacts
    goes_on: DomainGoesOn | None
    """Where the domain goes on by a transfer; None: it is where it began."""
    registered_with: tuple[str, ...]
    """The practice whose patients alone are given; none: whoever's."""
    list_days_max: int
    opt_out_by: Literal["list", "check"]
    """How the haven is to know who objected, where that is upheld."""
    opt_out_ground: OptOutGround | None
    """Why opt-outs are upheld, or are not."""
    grounds: tuple[str, ...]
    """The facts that allow it, by name: contracts, relationships, approvals."""
    turns_at: datetime
    """The next instant at which any fact may turn; the answer holds until then."""
    held_beside: tuple[HeldEditions, ...] = ()
    """What the environment was given of the same months, beside which the haven is to look."""
    bridge: PermittedBridge | None = None
    """Of a bridging file: with whose pseudonyms the domain's are paired, and who allows it."""

    @property
    def permitted_line(self) -> Line:
        """Return the line as a permit names it."""
        line = self.line
        return Line(
            number=line.number,
            purpose=line.key.purpose,
            data_set=line.key.data_set,
            catalogue_version=line.catalogue_version,
            catalogue_digest=line.catalogue_digest,
            classification=line.key.classification,
            sensitivity=line.sensitivity,
        )

    @property
    def population(self) -> Population:
        """Return whose records they are, and by which maps."""
        return Population(
            rule=self.line.population_rule,
            codes=self.codes,
            reasons=self.line.reasons,
            map_versions=MapVersions(practice=self.practice_maps, postcode=self.postcode_maps),
        )


Decision = Permission | tuple[Refusal, ...]

NOT_FOUND: tuple[Refusal, ...] = (refusal(Code.AGREEMENT_NOT_FOUND, "There is no such agreement."),)
"""Said alike of what is not there and of what the asker may not know of."""


def not_as_sealed(registers: Iterable[str]) -> tuple[Refusal, ...]:
    """Refuse: these were written past the service, so nobody knows what is true."""
    return tuple(
        refusal(Code.SEAL_BROKEN, "The records do not match their seal.", register)
        for register in registers
    )


def decide(question: Question, facts: AgreementFacts, present: Present) -> Decision:
    """Judge on the facts in force, and on each of those that wait: the strictest holds.

    What a list that waits for a second person would take away is not permitted, and what it would
    give is not permitted either (ruling 20).
    """
    decision = _decide(question, facts, present)
    if not facts.alternatives:
        return decision
    refusals: list[Refusal] = [] if isinstance(decision, Permission) else list(decision)
    known = {(r.code, r.subject) for r in refusals}
    if Code.AGREEMENT_NOT_FOUND in {code for code, _ in known}:
        return decision
    for alternative in facts.alternatives:
        other = _decide(question, alternative.facts, present)
        if isinstance(other, Permission):
            if isinstance(decision, Permission):
                decision = replace(decision, turns_at=min(decision.turns_at, other.turns_at))
            continue
        for r in other:
            if (r.code, r.subject) not in known:
                detail = f"{alternative.waiting} waits for a second person: {r.code}. {r.detail}"
                refusals.append(refusal(Code.IMPORT_WAITING, detail, r.subject))
    return _each_once(refusals) if refusals else decision


def _decide(question: Question, facts: AgreementFacts, present: Present) -> Decision:
    """Judge every clause and name everything that is wrong (ruling 1).

    Where several lines have the same purpose, data set and classification, the first that allows
    it counts; where none does, the one with the fewest refusals is told of.
    """
    last = present.last_decision_at
    if last is not None and present.at < last:
        return (refusal(Code.CLOCK_UNTRUSTED, "The clock is behind the last logged decision."),)
    if broken := (*facts.broken, *present.broken):
        return not_as_sealed(broken)
    if isinstance(question, UnattestedRelease):
        return (refusal(Code.ATTESTATION_INVALID, "No permit of ours has a genuine attestation."),)
    case = case_of(question, facts, present)
    if case is None:
        return NOT_FOUND
    general = tuple(r for judge in AGREEMENT_CLAUSES.values() for r in judge(case))
    fewest: tuple[Refusal, ...] | None = None
    for line in case.document.lines_of(case.key):
        judged = _judged(case, line)
        if isinstance(judged, Permission):
            return _each_once(general) if general else judged
        if fewest is None or len(judged) < len(fewest):
            fewest = judged
    return _each_once((*general, *(fewest or ())))


def case_of(question: AboutALine, facts: AgreementFacts, present: Present) -> Case | None:
    """Find the version that governs; None where the asker is none of its parties."""
    agreement = facts.agreement
    if agreement is None:
        return None
    day = legal_day(present.at)
    governing = agreement.governing(present.at)
    version = governing or agreement.shown(present.at)
    case = Case(
        question=question,
        facts=facts,
        agreement=agreement,
        present=present,
        day=day,
        organisations=facts.organisations_on(day),
        version=version,
        document=facts.documents[version.id],
        is_governing=governing is not None,
    )
    may_know = (
        case.asker.organisation in case.parties
        or case.is_practice_that_asks
        or case.is_practice_of_a_line
    )
    return case if may_know else None


def acting_for(organisation: str, facts: AgreementFacts, at: datetime) -> tuple[str, ...]:
    """Return the controllers in whose name an organisation asks; none where it is one itself.

    Said of refusals as well: who was refused, and in whose name, is what an auditor asks.
    """
    agreement = facts.agreement
    if agreement is None:
        return ()
    version = agreement.governing(at) or agreement.shown(at)
    organisations = facts.organisations_on(legal_day(at))

    def holders(capacity: Capacity) -> tuple[str, ...]:
        named = [p.ods for p in version.parties if p.capacity is capacity]
        return tuple(dict.fromkeys(h for ods in named for h in organisations.holders(ods)))

    controllers = holders(Capacity.CONTROLLER)
    if organisation in controllers or organisation not in holders(Capacity.PROCESSOR):
        return ()
    return controllers


def _judged(case: Case, line: Terms | IncompleteTerms) -> Decision:
    """Judge one line; an agreement without the line is refused by its own clause."""
    if isinstance(line, IncompleteTerms):
        return tuple(_incomplete(line))
    of_line = case.of_line(line)
    refusals = tuple(r for judge in LINE_CLAUSES.values() for r in judge(of_line))
    return refusals or _permission(of_line)


def _permission(case: LineCase) -> Permission:
    capacity = PROCESSOR
    if isinstance(case.question, Reidentify) or case.is_for_a_practice:
        capacity = PRACTICE
    elif case.asker.organisation in case.controllers:
        capacity = CONTROLLER
    return Permission(
        agreement=AgreementVersion(
            reference=case.facts.reference,
            version=case.version.number,
            document_hash=case.version.document_hash,
        ),
        line=case.line,
        published=case.document.published,
        capacity=capacity,
        on_behalf_of=case.controllers if capacity == PROCESSOR else (),
        environment_id=_landing(case),
        fields=tuple(
            PermittedField(name=name, treatment=case.line.fields[name].treatment)
            for name in case.fields
        ),
        caps=_caps(case),
        filters=case.filters,
        table=_table(case),
        codes=case.codes,
        practice_maps=case.maps_of("practice"),
        postcode_maps=case.maps_of("postcode"),
        domain=case.domain,
        goes_on=case.goes_on,
        registered_with=case.registered_with,
        list_days_max=case.facts.rules.list_days_max(case.day) or 0,
        opt_out_by=case.opt_out_by,
        opt_out_ground=opt_out_ground(case),
        grounds=tuple(_grounds(case)),
        turns_at=case.facts.turns_at(case.present.at, case.day),
        held_beside=_held_beside(case),
    )


def _held_beside(case: LineCase) -> tuple[HeldEditions, ...]:
    question = case.question
    if (
        not isinstance(question, Request)
        or question.landed is None
        or question.request.bridge is not None
        or not case.line.opt_outs_applied
    ):
        return ()
    wanted = frozenset(case.periods)
    return held_beside(
        [*(h for h in case.present.held if h.environment_id == _landing(case)), *case.elsewhere],
        {month: ids for month, ids in question.landed.editions if month in wanted},
        codes=case.codes,
        data_set=case.key.data_set,
        domain=case.domain.id,
    )


def _landing(case: LineCase) -> UUID:
    environment = case.environment
    assert environment is not None, "ENVIRONMENT_MISMATCH refuses a line without one"
    return environment.id


def _table(case: LineCase) -> PermittedTable | None:
    asked = case.table
    if asked is None:
        return None
    return PermittedTable(
        measure=asked.measure,
        further_measures=asked.further_measures,
        linked_rules=linked_rules_of(case),
        dimensions=asked.dimensions,
        disclosure=disclosure_of(case.key.classification, asked),
        parameters=parameters_of(case.line, case.data_set),
    )


def _caps(case: LineCase) -> PermittedCaps | None:
    told = dict.fromkeys((*case.fields, *(f.column for f in case.filters)))
    columns = {n: case.capped[n].cap.value for n in told if n in case.capped}
    return PermittedCaps(rule=case.facts.rules.caps.rule, columns=columns) if columns else None


def _grounds(case: LineCase) -> Iterator[str]:
    """Name the facts that the permission rests on, once each and in order."""
    found = {c.reference for controller in case.controllers for c in case.contracts_of(controller)}
    found |= {r.reference for counting in case.counting.values() for r in counting}
    if case.line.approval is not None:
        found.add(case.line.approval)
    yield from sorted(found)


def _incomplete(line: IncompleteTerms) -> Iterator[Refusal]:
    for name in line.missing:
        yield refusal(Code.FACT_MISSING, f"Line {line.number} does not say it.", name)
    yield from unknown(line.unknown)


def _each_once(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Keep the first of each code and subject."""
    found: dict[tuple[str, str | None], Refusal] = {}
    for r in refusals:
        found.setdefault((r.code, r.subject), r)
    return tuple(found.values())
