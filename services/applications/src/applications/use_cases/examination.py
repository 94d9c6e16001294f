"""Asking agreements, and running the machine checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import structlog
from pydantic import ValidationError

from applications.domain import checks, standards
from applications.domain.application import Application
from applications.domain.facts import AgreementsFacts
from applications.domain.findings import Finding
from applications.domain.notes import Note, of_data_quality
from applications.domain.record import codes_read
from applications.domain.sections.data import Confidentiality, Minimisation
from applications.domain.sections.forms import Kind
from applications.domain.snapshot import Snapshot, assemble
from applications.domain.standards import Difference
from applications.use_cases import snapshots
from applications.use_cases.context import Context
from applications.use_cases.ports import FactsWanted
from catalogue import Catalogue
from common.errors import Unavailable
from statements.vocabulary import Classification

log: structlog.stdlib.BoundLogger = structlog.get_logger()

COMPARED = frozenset({Kind.EXTENSION, Kind.SIMPLE_CHANGE})
"""Kinds that leave what is agreed as it is, but for what their name says (domain.md 2.3)."""
NO_REFERENCE = "DARS-NIC-00000-A0A0A"
"""Stands in what is only compared, never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    day: date
    findings: Sequence[Finding]
    differences: Sequence[Difference]
    """Between the Standards that the draft keeps and those that it would be judged by."""
    has_facts: bool
    notes: Sequence[Note] = ()

    @property
    def can_be_submitted(self) -> bool:
        return not any(finding.refuses for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApplication:
    """An application with every organisation under the code that stands for itself."""

    application: Application
    corrected: Mapping[str, str]
    """By pointer, where another code was written."""


def read(application: Application, *, ctx: Context) -> ReadApplication:
    """Read every code of an organisation as agreements does (ruling 23). Raise Unavailable."""
    answers = application.answers
    own = {code: ctx.own(code) for code in sorted(answers.codes())}
    if all(code == other for code, other in own.items()):
        return ReadApplication(application=application, corrected={})
    corrected = answers.read_by(own.__getitem__)
    return ReadApplication(
        application=replace(application, answers=corrected),
        corrected=dict(codes_read(answers.as_json(), corrected.as_json(), "/sections")),
    )


def look_up(application: Application, *, day: date, ctx: Context) -> AgreementsFacts:
    """Return what agreements knows of the parties. Raise Unavailable."""
    answers = application.answers
    parties = tuple(dict.fromkeys([application.organisation, *answers.parties]))
    commissioners = {ods for line in answers.lines for ods in line.population.commissioners}
    data = answers.of(Minimisation)
    if data is not None and data.consultation.organisation is not None:
        commissioners.add(data.consultation.organisation)
    found = ctx.world.agreements.facts(
        FactsWanted(
            day=day,
            parties=parties,
            commissioners=sorted(commissioners - set(answers.parties)),
            is_identifiable=any(
                line.classification is Classification.IDENTIFIABLE for line in answers.lines
            ),
            agreement=application.amends,
            is_compared=application.kind in COMPARED,
            approvals=relies_on_support(application),
        )
    )
    return found.read_by(ctx.own)


def relies_on_support(application: Application) -> bool:
    """Check whether any line names support under section 251, so that its record is needed."""
    section = application.answers.of(Confidentiality)
    return any(line.section_251 is not None for line in (section.lines if section else ()))


def propose(
    application: Application, facts: AgreementsFacts, *, reference: str, label: str, ctx: Context
) -> Snapshot | None:
    """Return what would be frozen; None while the answers do not come to a snapshot."""
    try:
        return assemble(
            application.answers,
            application_id=application.id,
            reference=reference,
            version=label,
            revision=application.revision + 1,
            kind=application.kind,
            title=application.title,
            data_sets=_catalogue(application, ctx=ctx),
            facts=facts,
            rules=ctx.rules,
            day=ctx.today(),
        )
    except (ValidationError, LookupError):
        return None


def _catalogue(application: Application, *, ctx: Context) -> Catalogue:
    """Return the catalogue with the local flows of the lines, as they are approved now.

    Raises:
        Unavailable: a line names a local flow, and agreements does not answer.

    """
    names = {line.data_set for line in application.answers.lines}
    return ctx.world.data_sets.having(names).fixed()


def examine(
    application: Application,
    *,
    facts: AgreementsFacts | None,
    day: date,
    ctx: Context,
    corrected: Mapping[str, str] | None = None,
) -> Sequence[Finding]:
    is_compared = application.kind in COMPARED
    known = None if facts is None else facts.agreement
    proposed = (
        propose(application, facts, reference=NO_REFERENCE, label="v0.0", ctx=ctx)
        if is_compared and facts
        else None
    )
    return checks.examine(
        checks.Case(
            kind=application.kind,
            organisation=application.organisation,
            amends=application.amends,
            title=application.title,
            answers=application.answers,
            queries=application.queries,
            day=day,
            rules=ctx.rules,
            data_sets=(
                ctx.world.data_sets.fixed() if facts is None else _catalogue(application, ctx=ctx)
            ),
            facts=facts,
            codes_read=corrected or {},
            base=None if known is None else known.snapshot,
            proposed=snapshots.as_json(proposed) if proposed else None,
        )
    )


def preview(application: Application, *, ctx: Context) -> Examination:
    """Return what a submission today would meet; with agreements away, what can be said without."""
    day = ctx.today()
    asked, facts = ReadApplication(application=application, corrected={}), None
    try:
        asked = read(application, ctx=ctx)
        facts = look_up(asked.application, day=day, ctx=ctx)
    except Unavailable as away:
        log.warning("facts_unavailable", code=away.code)
    return Examination(
        day=day,
        findings=examine(
            asked.application, facts=facts, day=day, ctx=ctx, corrected=asked.corrected
        ),
        differences=standards.differences(ctx.rules.standards, application.standards, day),
        has_facts=facts is not None,
        notes=of_data_quality(
            (
                (pointer, line.data_set)
                for pointer, line in asked.application.answers.numbered_lines()
                if line.data_set in {known.data_set for known in ctx.world.data_sets}
            ),
            statement=ctx.world.data_quality_url,
        ),
    )
