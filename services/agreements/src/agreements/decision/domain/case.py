"""One question, put beside the version and the line that it is judged by."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Literal
from uuid import UUID

from agreements.decision.domain.facts import AgreementFacts, EnvironmentFacts, MapFacts, Present
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.organisations_on_day import OrganisationsOnDay
from agreements.decision.domain.permits import treatment_of
from agreements.decision.domain.question import (
    AboutALine,
    Asker,
    Fetch,
    Reidentify,
    Release,
    Request,
)
from agreements.decision.domain.rules import Ceiling, OptOutRule, waived
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract
from agreements.records.domain.parties.organisation import OrganisationKind, predecessors
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.terms.capping import caps_of
from agreements.records.domain.terms.data_sets import DataSetFacts
from agreements.records.domain.version import AgreementVersion, Capacity
from catalogue import Capped, Treatment
from common.clock import legal_day
from statements.attestation import CHANGE, Attestation
from statements.bridging import OTHER_TOKEN
from statements.document import Document, Terms
from statements.filters import Filters, narrowed
from statements.permit import DomainFacts, DomainGoesOn
from statements.tables import AttestedTable, TableRequest
from statements.vocabulary import AGGREGATES, EnvironmentKind, LineKey

NATIONAL = "national"
OWN = "own"
UNION = "union"
STRUCTURAL = frozenset({"Token", "Reason_For_Access", CHANGE, OTHER_TOKEN})
"""Columns of released files besides the line's fields: the last but one of change sets alone, the
last of bridging files alone."""
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the evaluators of the whole agreement see."""

    question: AboutALine
    facts: AgreementFacts
    agreement: Agreement
    present: Present
    day: date
    organisations: OrganisationsOnDay
    version: AgreementVersion
    document: Document
    is_governing: bool
    """Whether the version is in effect; else it is the latest drafted, and nothing is allowed."""

    def of_line(self, line: Terms) -> "LineCase":
        return LineCase(
            question=self.question,
            facts=self.facts,
            agreement=self.agreement,
            present=self.present,
            day=self.day,
            organisations=self.organisations,
            version=self.version,
            document=self.document,
            is_governing=self.is_governing,
            line=line,
        )

    @cached_property
    def key(self) -> LineKey:
        return key_of(self.question)

    @cached_property
    def asker(self) -> Asker:
        """Return who asks, under its organisation's code in normal form."""
        asked = asker_of(self.question)
        return replace(asked, organisation=self.organisations.own(asked.organisation))

    @cached_property
    def file(self) -> Attestation | None:
        match self.question:
            case Release(file=file):
                return file
            case Fetch(holding=holding):
                return holding.file
            case _:
                return None

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Return the names of the line's fields that are asked for, or are in the file."""
        if isinstance(self.question, Request):
            return self.question.request.fields
        columns = () if self.file is None else self.file.columns
        return tuple(c.name for c in columns if c.name not in STRUCTURAL)

    @cached_property
    def periods(self) -> tuple[str, ...]:
        if isinstance(self.question, Request):
            return self.question.request.periods
        return self.file.periods if self.file is not None else ()

    @cached_property
    def controllers(self) -> tuple[str, ...]:
        """Return who are the controllers today: those named, or who holds their standing."""
        return self._holders_of(Capacity.CONTROLLER)

    @cached_property
    def processors(self) -> tuple[str, ...]:
        return self._holders_of(Capacity.PROCESSOR)

    def contracts_of(self, controller: str) -> tuple[Contract, ...]:
        """Return the framework contracts in force that count for the controller."""
        family = self.organisations.family(controller)
        return tuple(
            c
            for c in self.facts.contracts
            if self.organisations.own(c.organisation) in family and c.is_in_force(self.present.at)
        )

    @cached_property
    def parties(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.controllers, *self.processors)))

    @cached_property
    def is_practice_that_asks(self) -> bool:
        """Return whether a practice asks for direct care: it is no party (ruling 29)."""
        known = self.facts.organisations.get(self.asker.organisation, ())
        return isinstance(self.question, Reidentify) and any(
            o.kind is OrganisationKind.GP_PRACTICE for o in known
        )

    @cached_property
    def is_practice_of_a_line(self) -> bool:
        """Return whether a line gives whoever asks, who is no party, records of own patients."""
        return any(
            line.environment_kind == EnvironmentKind.GP_PRACTICE
            and self.asker.organisation in self.owners_of(line)
            for line in self.document.lines_of(self.key)
            if isinstance(line, Terms)
        )

    def owners_of(self, line: Terms) -> frozenset[str]:
        """Return whose the environment is in which a line's data land."""
        owner = self.organisations.own(line.environment_organisation)
        return frozenset({owner, *self.organisations.holders(owner)})

    def _holders_of(self, capacity: Capacity) -> tuple[str, ...]:
        named = [
            self.organisations.own(p.ods) for p in self.version.parties if p.capacity is capacity
        ]
        return tuple(dict.fromkeys(h for ods in named for h in self.organisations.holders(ods)))


@dataclass(frozen=True, kw_only=True)
class LineCase(Case):
    """What the evaluators of one line see."""

    line: Terms

    @cached_property
    def data_set(self) -> DataSetFacts | None:
        """Return the catalogue's file that the line names, or under which the file was made."""
        digest = (
            self.line.catalogue_digest if self.file is None else self.file.line.catalogue_digest
        )
        found = self.facts.catalogue.get(digest)
        return found if found is not None and found.data_set == self.key.data_set else None

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """Return the columns with their forms: as they are in the file, or as the line has them."""
        if self.file is not None:
            return tuple((c.name, c.treatment) for c in self.file.columns)
        listed = (self.line.fields.get(name) for name in self.fields)
        return tuple((term.name, term.treatment) for term in listed if term is not None)

    @property
    def table(self) -> TableRequest | AttestedTable | None:
        """Return what is to be counted, or is counted in the file; None of records."""
        if isinstance(self.question, Request):
            return self.question.request.table
        return None if self.file is None else self.file.table

    @property
    def asked_filters(self) -> Filters:
        """Return the filters that are asked for, besides the line's own."""
        return self.question.request.filters if isinstance(self.question, Request) else ()

    @cached_property
    def filters(self) -> Filters:
        """Return which rows may be in the file, or are in it."""
        if self.file is not None:
            return self.file.filters
        return narrowed(self.line.filters, self.asked_filters)

    @cached_property
    def capped(self) -> Mapping[str, Capped]:
        """Return what is done to which column of the line, because of what else is told.

        Found once a day and line: decisions are many, and the facts keep the line alive.
        """
        data_set = self.data_set
        if data_set is None:
            return {}  # CATALOGUE_UNKNOWN says so
        key = (self.day, id(self.line), data_set.digest)
        found = self.facts.capped.get(key)
        if found is None:
            found = caps_of(
                self.line,
                self.document,
                rule=self.facts.rules.caps,
                data_set=data_set,
                catalogue=self.facts.catalogue,
                own=self.organisations.own,
            )
            self.facts.capped[key] = found
        return found

    @cached_property
    def ceiling(self) -> Ceiling | None:
        return self.facts.rules.ceiling(
            self.day,
            purpose=self.key.purpose,
            classification=self.key.classification,
            environment=self.line.environment_kind,
        )

    @cached_property
    def opt_out_rule(self) -> OptOutRule | None:
        """Return the rule of the day, or the letter that waives it for who is known (ruling 27)."""
        key = self.key
        rule = self.facts.rules.opt_out(
            self.day,
            purpose=key.purpose,
            data_set=key.data_set,
            classification=key.classification,
        )
        if rule is None or not rule.applied:
            return rule
        letters = (w for w in self.facts.waivers if w.holds_on(self.day))
        about = [w for w in letters if w.is_about(purpose=key.purpose, data_set=key.data_set)]
        return (
            waived(rule, min(about, key=lambda w: (w.valid_from, w.reference))) if about else rule
        )

    @property
    def opt_out_by(self) -> Literal["list", "check"]:
        """Return how the haven is to know who objected, where that is upheld."""
        return "list" if self.opt_out_rule is None else self.opt_out_rule.by

    @cached_property
    def environment(self) -> EnvironmentFacts | None:
        """Return the line's recipient environment; of several by transfer the client's own."""
        named = self.organisations.own(self.line.environment_organisation)
        owners = {named, *self.organisations.holders(named)}
        found = [
            e
            for e in self.facts.environments
            if self.organisations.own(e.organisation) in owners
            and e.kind == self.line.environment_kind
        ]
        own = [e for e in found if self.asker.client_id in e.clients]
        return next(iter(own or found), None)

    @cached_property
    def elsewhere(self) -> tuple[HeldFile, ...]:
        """Return files with people's identity that a party of ours has in other environments.

        A practice is given what its own patients are to it already.
        """
        if self.environment is None or self.is_for_a_practice:
            return ()
        if not any(form == Treatment.IDENTIFIED for _, form in self.forms):
            return ()
        party = self.facts.party(self.environment.id, self.present.at)
        return tuple(
            held
            for held in self.present.elsewhere
            if held.environment_id != self.environment.id and not party.isdisjoint(held.party)
        )

    @cached_property
    def expected_environment(self) -> UUID | None:
        """Return where the permit or the holding says that the file lands."""
        match self.question:
            case Release(permit=permit):
                return permit.environment_id
            case Fetch(holding=holding):
                return holding.environment_id
            case _:
                return None

    @cached_property
    def recipients(self) -> frozenset[str]:
        """Return who gets the data: the asker, and whose environment it is.

        A practice that asks whom tokens stand for gets none: it cares for these people.
        """
        owner = self.organisations.own(self.line.environment_organisation)
        holders = frozenset(self.organisations.holders(owner))
        if isinstance(self.question, Reidentify):
            return holders
        return holders | {self.asker.organisation}

    @property
    def is_for_a_practice(self) -> bool:
        """Return whether the line's data land with a practice: recipient, and no party."""
        return self.line.environment_kind == EnvironmentKind.GP_PRACTICE

    @cached_property
    def registered_with(self) -> tuple[str, ...]:
        """Return whose patients alone are given: the practice by its codes; none: whoever's."""
        if not self.is_for_a_practice or self.key.classification in AGGREGATES:
            return ()
        found = {
            code
            for owner in self.owners_of(self.line)
            for former in self.organisations.family(owner)
            for code in self.organisations.counted(former)
        }
        return tuple(sorted(found))

    @cached_property
    def processing(self) -> frozenset[str]:
        """Return the recipients who are not controllers, and so process for one.

        A practice cares for its own patients, and processes for nobody (ruling 29).
        """
        if self.is_for_a_practice:
            return frozenset()
        return self.recipients - frozenset(self.controllers)

    @cached_property
    def commissioners(self) -> tuple[str, ...]:
        """Return the codes whose people the line is about; none for the whole country.

        `own` with several controllers means each its own (ruling 7): one who receives in an
        environment of their own gets their own people; a processor of all gets all.
        """
        if self.line.population_rule == NATIONAL:
            return ()
        named = tuple(self.organisations.own(code) for code in self.line.commissioners)
        if not named and self.line.population_rule in {OWN, UNION}:
            named = self.controllers
        owner = self.organisations.own(self.line.environment_organisation)
        owners = self.organisations.holders(owner)
        receiving = [c for c in self.controllers if c in owners]
        if self.line.population_rule == OWN and receiving:
            named = tuple(n for n in named if any(self.organisations.owns(c, n) for c in receiving))
        return tuple(dict.fromkeys(named))

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Return the codes that count: the commissioners' and their predecessors' (ruling 9)."""
        family = {f for c in self.commissioners for f in self.organisations.family(c)}
        return tuple(sorted({n for f in family for n in self.organisations.counted(f)}))

    @cached_property
    def domain(self) -> DomainFacts:
        """Return the pseudonym domain: of the environment in which it began (docs/adr/0163)."""
        environment, began = self.environment, self.facts.domain_succession
        return DomainFacts.of(
            controllers=self._whose_domain,
            agreement=self.facts.reference,
            purpose=self.key.purpose,
            environment="" if environment is None else str(began.origin(environment.id)),
            opt_out=treatment_of(self.line.opt_outs_applied),
            data_sets=self.document.linked_with(self.key.data_set),
        )

    @property
    def _whose_domain(self) -> tuple[str, ...]:
        """Return the controllers with whom the domain began: it passes with their standing.

        A successor that an amendment names is no other controller (ruling 4), so that its tokens
        are those that its predecessor was given.
        """
        named = tuple(sorted(self.version.controllers()))
        agreement, instruments = self.facts.agreement, self.facts.instruments
        if agreement is None or not instruments:
            return named
        own = self.organisations.own
        began: dict[str, frozenset[str]] = {}
        governed = [*agreement.governed(self.present.at), (self.present.at, self.version)]
        for begin, version in governed:
            day, known = legal_day(begin), dict(began)
            for code in version.controllers():
                passed = {own(code), *predecessors(own(code), day, instruments)}
                former = [with_whom for name, with_whom in known.items() if own(name) in passed]
                began[code] = frozenset().union(*former) if former else frozenset({code})
            if version.id == self.version.id:
                break
        return tuple(sorted({code for name in named for code in began[name]}))

    @property
    def goes_on(self) -> DomainGoesOn | None:
        """Return where the domain goes on; None: it is still where it began."""
        if self.environment is None:
            return None
        known = self.facts.domain_succession
        times = known.times.get(known.origin(self.environment.id), 0)
        return DomainGoesOn(environment=str(self.environment.id), times=times) if times else None

    @cached_property
    def counting(self) -> Mapping[str, tuple[Relationship, ...]]:
        """Return, by commissioner, the active relationships that name whoever processes for it.

        A relationship of the legal entity counts for its locations, and a predecessor's for whom
        it was transferred to.
        """
        return {code: tuple(self._counting(code)) for code in self.commissioners}

    def _counting(self, code: str) -> Iterator[Relationship]:
        organisations = self.organisations
        near = (code, organisations.entity(code) or code, *organisations.holders(code))
        counted = frozenset(former for c in near for former in organisations.family(c))
        for relationship in self.facts.relationships:
            if (
                organisations.own(relationship.commissioner) in counted
                and self.processing <= {organisations.own(s) for s in relationship.supporters()}
                and relationship.is_active(self.present.at)
            ):
                yield relationship

    @cached_property
    def usable_reasons(self) -> tuple[str, ...]:
        """Return the line's reasons that the data set can give."""
        given = frozenset() if self.data_set is None else self.data_set.reasons
        return tuple(r for r in self.line.reasons if r in given)

    def map_of(self, kind: str, month: str) -> UUID | None:
        """Return the map that governs at the start of the month (ruling 9)."""
        first = date.fromisoformat(f"{month}-01")
        valid = [
            m for m in self.facts.maps if m.is_in_force and m.kind == kind and m.valid_from <= first
        ]
        return max(valid, key=lambda m: (m.valid_from, m.id)).id if valid else None

    def maps_that_would_take(self, kind: str, month: str) -> tuple[MapFacts, ...]:
        """Return what waits and, once decided, takes people of the month from the line's codes."""
        first = date.fromisoformat(f"{month}-01")
        begun = [m for m in self.facts.maps if m.kind == kind and m.valid_from <= first]
        return tuple(
            m
            for m in begun
            if self._named_in(m.takes_from)
            and not any(
                o.is_in_force and (o.valid_from, o.id) > (m.valid_from, m.id) for o in begun
            )
        )

    def _named_in(self, codes: frozenset[str]) -> bool:
        """Say whether one is the line's: a directory has the codes of the ONS (ruling 30)."""
        own = {self.organisations.own(code) for code in codes}
        return not (codes | own).isdisjoint(self.codes)

    def maps_of(self, kind: str) -> tuple[str, ...]:
        """Return the maps of a kind that the periods need, in the order of the periods."""
        mapped = {} if self.data_set is None else self.data_set.mapped
        if kind not in {mapped.get(r) for r in self.usable_reasons}:
            return ()
        found = (self.map_of(kind, month) for month in sorted(set(self.periods)))
        return tuple(dict.fromkeys(str(m) for m in found if m is not None))


def key_of(question: AboutALine) -> LineKey:
    match question:
        case Request() | Reidentify():
            return question.key
        case Release(permit=permit):
            return permit.key
        case _:
            return LineKey(*question.holding.file.line.key)


def asker_of(question: AboutALine) -> Asker:
    match question:
        case Request(asker=asker) | Fetch(asker=asker) | Reidentify(asker=asker):
            return asker
        case _:
            permit = question.permit
            return Asker(client_id=permit.said.client_id, organisation=permit.organisation)
