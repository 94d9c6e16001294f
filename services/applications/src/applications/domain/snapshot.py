"""What was handed in, frozen: the contract between applications and agreements.

Schema "dsfc-snapshot/1". Its canonical JSON (RFC 8785) is named by its hash; agreements drafts
the agreement from it, and the parties sign what is drafted. Sections are the applicant's answers
as given; everything else is what they come to, resolved against catalogue and contracts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from applications.domain import record
from applications.domain.checks.length import months_later
from applications.domain.facts import AgreementsFacts
from applications.domain.record import corrected_name
from applications.domain.rules import Rules
from applications.domain.sections import Answers, data, forms, parties, purposes, terms
from applications.domain.sections.data import Frequency, Periods, Population, RecipientEnvironment
from applications.domain.sections.forms import (
    Answer,
    EvidenceKind,
    Kind,
    OptOutReason,
    Route,
    Sensitivity,
    Territory,
)
from applications.domain.sections.parties import Controller, Location, Processor
from applications.domain.sections.purposes import Linkage
from applications.domain.sections.terms import Condition
from catalogue import Catalogue
from statements.filters import WantedFilter, is_empty, is_false, is_none, of
from statements.parameters import WantedParameters
from statements.vocabulary import Classification, Purpose

SCHEMA: Literal["dsfc-snapshot/1"] = "dsfc-snapshot/1"


class AgreedAssurance(Answer):
    ods: str
    kind: EvidenceKind
    reference: str


class AgreedRegistration(Answer):
    ods: str
    number: str
    expires: forms.Day


class AgreedField(Answer):
    name: str
    treatment: str
    reason: str


class AgreedOptOut(Answer):
    applied: bool
    reason: OptOutReason | None


class AgreedConfidentiality(Answer):
    route: Route
    section_251: Annotated[
        str | None, Field(description="Reference of the approval; its dates are in section 16.")
    ]


class Line(Answer):
    number: int
    purpose: Purpose
    data_set: str
    catalogue_version: str
    catalogue_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    group: str | None
    classification: Classification
    sensitivity: Sensitivity
    periods: Periods
    fields: tuple[AgreedField, ...]
    population: Population
    recipient_environment: RecipientEnvironment
    opt_out: AgreedOptOut
    dissemination_power: str
    confidentiality: AgreedConfidentiality
    frequency: Frequency
    access_method: data.AccessMethod
    disclosure_rule: str
    filters: Annotated[
        tuple[WantedFilter, ...],
        Field(description="Which rows; none: all.", exclude_if=is_empty),
    ] = ()
    disclosure_parameters: Annotated[
        WantedParameters | None,
        Field(
            description="Of the disclosure rule, where they are the agreement's.",
            exclude_if=is_none,
        ),
    ] = None
    min_group_size: Annotated[
        int | None,
        Field(
            description="Of records: people who at least share what could single them out; left"
            " out: no limit.",
            exclude_if=is_none,
        ),
    ] = None
    as_published: Annotated[
        forms.Filled | None,
        Field(
            description="Why tables may be by the rule alone, as the national publication has them;"
            " the approver's reason. None: they are protected.",
            exclude_if=is_none,
        ),
    ] = None
    change_sets: Annotated[
        bool,
        Field(
            description="Whether the changes between two extracts may be had besides.",
            exclude_if=is_false,
        ),
    ] = False


class Sections(Answer):
    """The answers to the 20 Standards as they were given."""

    length: Annotated[parties.Length, Field(alias="1")]
    controllers: Annotated[parties.Controllers, Field(alias="2")]
    processors: Annotated[parties.Processors, Field(alias="3")]
    locations: Annotated[parties.Locations, Field(alias="4")]
    security: Annotated[parties.Security, Field(alias="5")]
    registrations: Annotated[parties.Registrations, Field(alias="6")]
    minimisation: Annotated[data.Minimisation, Field(alias="7")]
    objections: Annotated[data.Objections, Field(alias="8")]
    objective: Annotated[purposes.Objective, Field(alias="9")]
    processing: Annotated[purposes.Processing, Field(alias="10")]
    outcomes: Annotated[purposes.Outcomes, Field(alias="11")]
    benefits: Annotated[purposes.Benefits, Field(alias="12")]
    commercial: Annotated[purposes.Commercial, Field(alias="13")]
    special_conditions: Annotated[terms.SpecialConditions, Field(alias="14")]
    ethics: Annotated[terms.Ethics, Field(alias="15")]
    confidentiality: Annotated[data.Confidentiality, Field(alias="16")]
    consent: Annotated[terms.Consent, Field(alias="17")]
    sub_licence: Annotated[terms.SubLicence, Field(alias="18")]
    transparency: Annotated[terms.Transparency, Field(alias="19")]
    territory: Annotated[terms.TerritoryOfUse, Field(alias="20")]


class Snapshot(Answer):
    """An application as it was handed in, or as it was approved."""

    schema_: Annotated[Literal["dsfc-snapshot/1"], Field(alias="schema")] = SCHEMA
    application_id: UUID
    reference: Annotated[str, Field(pattern=r"^DARS-NIC-\d{5,6}-[A-Z0-9]{5}$")]
    version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")]
    revision: Annotated[int, Field(ge=1)]
    kind: Kind
    title: str
    purpose: Purpose
    start: forms.Day
    end: forms.Day
    territory: Territory
    commercial: bool
    sub_licence: bool
    controllers: tuple[Controller, ...]
    processors: tuple[Processor, ...]
    locations: tuple[Location, ...]
    assurance: tuple[AgreedAssurance, ...]
    ico_registrations: tuple[AgreedRegistration, ...]
    lines: tuple[Line, ...]
    linkage: tuple[Linkage, ...]
    special_conditions: tuple[Condition, ...]
    sections: Sections


def assemble(
    given: Answers,
    *,
    application_id: UUID,
    reference: str,
    version: str,
    revision: int,
    kind: Kind,
    title: str,
    data_sets: Catalogue,
    facts: AgreementsFacts,
    rules: Rules,
    day: date,
    conditions: Sequence[Condition] = (),
) -> Snapshot:
    """Put together what complete answers come to, as of the legal day `day`.

    Names, numbers and bases are written as they are on record and in the lists of that day; the
    sections keep the applicant's own spelling.

    Raises:
        pydantic.ValidationError: a section is missing.
        KeyError, LookupError: a line names what is not there; the machine checks tell which.

    """
    sections = Sections.model_validate(
        {str(number): section for number, section in given.sections.items()}
    )
    spelled = _Spelled(facts, rules, day)
    resolved = tuple(
        _line(line, sections, data_sets, spelled) for line in sections.minimisation.lines
    )
    required = _required(sections, resolved, facts, rules.review_months)
    return Snapshot(
        application_id=application_id,
        reference=reference,
        version=version,
        revision=revision,
        kind=kind,
        title=title,
        purpose=sections.objective.purposes[0].code,
        start=sections.length.start,
        end=sections.length.end,
        territory=sections.territory.territory,
        commercial=sections.commercial.commercial,
        sub_licence=sections.sub_licence.sub_licence,
        controllers=tuple(spelled.controller(c) for c in sections.controllers.controllers),
        processors=tuple(
            p.model_copy(update={"legal_name": corrected_name(p.legal_name, p.ods, facts, day)})
            for p in sections.processors.processors
        ),
        locations=sections.locations.locations,
        assurance=tuple(
            AgreedAssurance(ods=e.ods, kind=e.kind, reference=spelled.evidence(e))
            for e in sections.security.evidence
        ),
        ico_registrations=tuple(
            spelled.registration(r) for r in sections.registrations.registrations
        ),
        lines=resolved,
        linkage=sections.processing.linkage,
        special_conditions=(*sections.special_conditions.conditions, *required, *conditions),
        sections=sections,
    )


@dataclass(frozen=True, slots=True)
class _Spelled:
    """Writes what was answered as it is on record and in the lists of the day."""

    facts: AgreementsFacts
    rules: Rules
    day: date

    def controller(self, controller: Controller) -> Controller:
        bases, day = self.rules.bases, self.day
        contracts = self.facts.of(controller.ods).contracts
        changes: dict[str, object] = {
            "legal_name": corrected_name(controller.legal_name, controller.ods, self.facts, day),
            "gdpr_article_6": _each_once(
                bases.article_6.code(b, day) for b in controller.gdpr_article_6
            ),
            "gdpr_article_9": _each_once(
                bases.article_9.code(b, day) for b in controller.gdpr_article_9
            ),
            "dpa_2018_schedule_1": _each_once(
                bases.schedule_1.code(b, day) for b in controller.dpa_2018_schedule_1
            ),
        }
        if controller.contract_reference is None and contracts:
            changes["contract_reference"] = contracts[0].reference
        return controller.model_copy(update=changes)

    def evidence(self, evidence: parties.Evidence) -> str:
        recorded = self.facts.of(evidence.ods).assurance.recorded
        found = record.evidence(evidence.kind.value, evidence.reference, recorded)
        return found.reference if found else evidence.reference

    def registration(self, answered: parties.Registration) -> AgreedRegistration:
        found = record.registration(answered.number, self.facts.of(answered.ods).registrations)
        return AgreedRegistration(
            ods=answered.ods,
            number=found.number if found else record.plain(answered.number),
            expires=min(answered.expires, found.valid_to) if found else answered.expires,
        )

    def support(self, answered: data.Section251 | None) -> str | None:
        if answered is None:
            return None
        found = record.approval(answered.reference, self.facts.approvals)
        return found.reference if found else answered.reference


def _each_once(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codes))


def _line(
    line: data.LineAnswer, sections: Sections, data_sets: Catalogue, spelled: _Spelled
) -> Line:
    data_set = data_sets.get(line.data_set, line.catalogue_version)
    opt_out = next((o for o in sections.objections.lines if o.line == line.number), None)
    duty = {c.line: c for c in sections.confidentiality.lines}[line.number]
    return Line(
        number=line.number,
        purpose=line.purpose,
        data_set=line.data_set,
        catalogue_version=data_set.version,
        catalogue_digest=data_set.digest,
        group=line.group,
        classification=line.classification,
        sensitivity=line.sensitivity,
        periods=line.periods,
        fields=tuple(
            AgreedField(name=f.name, treatment=f.treatment, reason=f.reason) for f in line.fields
        ),
        population=line.population,
        recipient_environment=line.recipient_environment,
        opt_out=AgreedOptOut(
            applied=opt_out.applied if opt_out else True,
            reason=opt_out.reason if opt_out else None,
        ),
        dissemination_power=line.dissemination_power,
        confidentiality=AgreedConfidentiality(
            route=duty.route,
            section_251=spelled.support(duty.section_251),
        ),
        frequency=line.frequency,
        access_method=line.access_method,
        disclosure_rule=data_set.disclosure_rule,
        filters=tuple(WantedFilter.model_validate(one) for one in of(line.filters)),
        disclosure_parameters=line.disclosure_parameters,
        min_group_size=line.min_group_size,
        change_sets=line.change_sets,
    )


def _required(
    sections: Sections, lines: Sequence[Line], facts: AgreementsFacts, review_months: int
) -> list[Condition]:
    """Conditions that the security rule adds by itself (domain.md 2.6; A14)."""
    is_identifiable = any(line.classification is Classification.IDENTIFIABLE for line in lines)
    parties = [
        *(controller.ods for controller in sections.controllers.controllers),
        *(processor.ods for processor in sections.processors.processors),
    ]
    required = []
    for ods in parties:
        assurance = facts.of(ods).assurance
        if assurance.plan_until is not None:
            required.append(
                Condition(
                    id=f"{terms.OURS}plan-{ods}",
                    text="Carry out the accepted improvement plan, so that the Data Security and "
                    "Protection Toolkit is published as Standards Met.",
                    due=assurance.plan_until,
                    owner=ods,
                )
            )
        if assurance.needs_review and is_identifiable:
            required.append(
                Condition(
                    id=f"{terms.OURS}review-{ods}",
                    text="Have the latest Data Security and Protection Toolkit reviewed by the "
                    "Body.",
                    due=months_later(sections.length.start, review_months),
                    owner=ods,
                )
            )
    return required
