"""What a data set is for (docs/adr/0048): said before anybody signs what would be refused."""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.data import Confidentiality, LineAnswer
from catalogue import OF_RESIDENTS, Breach, Misuse, Treatment, Wanted, uses
from statements.vocabulary import Classification

SAID = {
    Breach.PURPOSE: ("DATA_SET_NOT_FOR_PURPOSE", "purpose"),
    Breach.IDENTITY: ("IDENTITY_NOT_FOR_RECIPIENT", "classification"),
    Breach.HIDDEN: ("FIELD_HIDDEN_FOR_PURPOSE", ""),
    Breach.UNLINKED: ("LINKAGE_FIELD_NOT_LINKED", ""),
    Breach.LINKED_FOR: ("LINKAGE_NOT_FOR_RECIPIENT", "data_set"),
    Breach.LINKED_WITH: ("LINKAGE_NOT_WITH_DATA_SET", "data_set"),
    Breach.LINKED_ROWS: ("LINKAGE_NOT_NARROWED", "filters"),
}
"""The code, and where a line says it; what is about a field is said at the field. That a field
has no reason is said of every field (FIELD_WITHOUT_REASON)."""


def misuses(case: Case) -> Iterator[Finding]:
    """Check that a line asks for what its data set is for, of whom and for whom it is."""
    for pointer, line in case.answers.numbered_lines():
        wanted = _wanted(case, line)
        for misuse in uses().misuses(wanted, case.day):
            if misuse.breach in SAID:
                code, place = SAID[misuse.breach]
                at = f"{pointer}/{place or _field(misuse, line)}"
                yield refuse(code, 7, at, misuse.detail)


def identity(case: Case) -> Iterator[Finding]:
    """Check that people's identity is asked for by a legal route that the data set names."""
    for pointer, line in case.answers.numbered_lines():
        wanted, data_set = _wanted(case, line), case.data_set(line)
        is_given = (
            data_set is not None
            and wanted.identifiable
            and wanted.route in data_set.identified_by
            and uses().gives_identity(wanted, case.day)
        )
        for position, field in enumerate(line.fields):
            if field.treatment == Treatment.IDENTIFIED.value and not is_given:
                routes = " or ".join(data_set.identified_by if data_set else ()) or "no route"
                yield refuse(
                    "IDENTITY_WITHOUT_ROUTE",
                    7,
                    f"{pointer}/fields/{position}/treatment",
                    f"{line.data_set} gives {field.name} with identity by {routes}, on an"
                    " identifiable line, to the controllers that its law names.",
                )


def elsewhere(case: Case) -> Iterator[Finding]:
    """Send to another service whoever has the data set from there."""
    for pointer, line in case.answers.numbered_lines():
        for ods, row in uses().sent_elsewhere(_wanted(case, line), case.day):
            detail = f"{ods} has {line.data_set} from another service: {row.reason}"
            at = f"{pointer}/data_set"
            yield refuse("SERVED_ELSEWHERE", 7, at, detail, offer=row.service)


def marks(case: Case) -> Iterator[Finding]:
    """Warn where a line leaves out what tells its estimated or provisional records."""
    for pointer, line in case.answers.numbered_lines():
        for name, row in uses().unmarked(_wanted(case, line), case.day):
            detail = f"Line {line.number} does not ask for {name}: {row.reason}"
            yield warn("MARK_NOT_ASKED_FOR", 7, f"{pointer}/fields", detail, offer=name)


def residents(case: Case) -> Iterator[Finding]:
    """Warn where a local authority asks for people by other reasons than where they live."""
    for pointer, line in case.answers.numbered_lines():
        data_set, population = case.data_set(line), line.population
        if data_set is None or population.rule == "national" or "L" in population.reasons:
            continue
        authorities = [ods for ods in population.commissioners if _kind(case, ods) == OF_RESIDENTS]
        if authorities and "L" in data_set.population:
            yield warn(
                "RESIDENTS_NOT_ASKED_FOR",
                7,
                f"{pointer}/population/reasons",
                f"{', '.join(authorities)} is a local authority: its people are its residents"
                " (Reason for Access L), and by no other reason is a row theirs.",
                offer="L",
            )


def by_statute(case: Case, line: LineAnswer) -> bool:
    """Say whether a law of the data set gives it with identity, by the line's route."""
    return uses().by_statute(_wanted(case, line), case.day)


def _field(misuse: Misuse, line: LineAnswer) -> str:
    position = next(i for i, field in enumerate(line.fields) if field.name == misuse.subject)
    return f"fields/{position}/name"


def _wanted(case: Case, line: LineAnswer) -> Wanted:
    section = case.answers.of(Confidentiality)
    routes = {said.line: said.route.value for said in section.lines} if section else {}
    return Wanted(
        data_set=line.data_set,
        purpose=line.purpose,
        identifiable=line.classification is Classification.IDENTIFIABLE,
        route=routes.get(line.number, ""),
        population=line.population.rule,
        recipients={ods: _kind(case, ods) for ods in case.answers.controllers},
        fields={field.name: field.reason for field in line.fields},
        linked_with=case.linked_with(line.data_set),
        narrowed=frozenset(one.column for one in line.filters),
    )


def _kind(case: Case, ods: str) -> str:
    found = None if case.facts is None else case.facts.of(ods).organisation
    return "" if found is None else found.kind
