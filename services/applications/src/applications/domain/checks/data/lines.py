"""Standards 7, 8 and 16: which data, for whom, and by which law."""

from collections import Counter
from collections.abc import Iterator, Sequence

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.rules import Ceiling
from applications.domain.sections.data import LineAnswer, LineField, Minimisation
from applications.domain.sections.forms import Kind, Sensitivity
from catalogue import DataSet, FieldClass, Treatment
from catalogue.flows import is_local_flow
from catalogue.relations.linking import unlinked
from statements.vocabulary import Classification, EnvironmentKind


def lines(case: Case) -> Iterator[Finding]:
    """Check that there is a line, and that numbers and keys are given once each."""
    section = case.answers.of(Minimisation)
    if section is None:
        return
    if not section.lines:
        yield refuse("NO_LINE", 7, "/sections/7/lines", "No data are asked for.")
    yield from _repeated("LINE_NUMBER_TWICE", [f"line {line.number}" for line in section.lines])
    yield from _repeated(
        "LINE_TWICE",
        [f"{line.purpose} {line.data_set} {line.classification}" for line in section.lines],
    )
    for pointer, line in case.answers.numbered_lines():
        if line.periods.first > line.periods.last:
            yield refuse(
                "PERIOD_REVERSED",
                7,
                f"{pointer}/periods",
                f"The period of line {line.number} ends before it begins.",
            )


def catalogue(case: Case) -> Iterator[Finding]:
    """Check that the data set exists, in the version and for the months asked for."""
    for pointer, line in case.answers.numbered_lines():
        data_set = case.data_set(line)
        if data_set is None and case.facts is None and is_local_flow(line.data_set):
            continue  # agreements keeps it, and does not answer
        if data_set is None:
            yield refuse(
                "DATA_SET_UNKNOWN",
                7,
                f"{pointer}/data_set",
                f"The catalogue has no {line.data_set} {line.catalogue_version or ''}".rstrip()
                + ".",
            )
            continue
        periods = data_set.periods
        if line.periods.first < periods.earliest:
            yield refuse(
                "PERIOD_NOT_AVAILABLE",
                7,
                f"{pointer}/periods/from",
                f"{line.data_set} begins with {periods.earliest}.",
                offer=periods.earliest,
            )
        if periods.latest is not None and line.periods.last > periods.latest:
            yield refuse(
                "PERIOD_NOT_AVAILABLE",
                7,
                f"{pointer}/periods/to",
                f"{line.data_set} ends with {periods.latest}.",
                offer=periods.latest,
            )
        yield from _snapshots(pointer, line, data_set)
        if (
            data_set.sensitivity == Sensitivity.SENSITIVE.value
            and line.sensitivity is Sensitivity.NON_SENSITIVE
        ):
            yield refuse(
                "SENSITIVITY_UNDERSTATED",
                7,
                f"{pointer}/sensitivity",
                f"{line.data_set} is sensitive.",
                offer=Sensitivity.SENSITIVE.value,
            )


def _snapshots(pointer: str, line: LineAnswer, data_set: DataSet) -> Iterator[Finding]:
    """Check that something is extracted in the months asked for, of the codes asked for."""
    periods = data_set.periods
    if line.periods.first > line.periods.last or not periods.within(line.periods.first):
        return
    of = next((f.any_of for f in line.filters if f.column == periods.snapshots_by), ())
    if periods.has_any(line.periods.first, line.periods.last, of):
        return
    near = periods.nearest(line.periods.first, of)
    of_codes = f" of {periods.snapshots_by} {', '.join(of)}" if of else ""
    yield refuse(
        "PERIOD_NOT_AVAILABLE",
        7,
        f"{pointer}/periods",
        f"{line.data_set} has nothing{of_codes} from {line.periods.first} to {line.periods.last}:"
        " it is not extracted every month.",
        offer=near[-1] if near else None,
    )


def groups(case: Case) -> Iterator[Finding]:
    """Check that no group is asked for: no data set in the catalogue has groups.

    The decision denies a line with a group, since no permit can say so yet.
    """
    for pointer, line in case.answers.numbered_lines():
        if line.group:
            yield refuse(
                "GROUP_UNKNOWN", 7, f"{pointer}/group", f"{line.data_set} has no such group."
            )


def links(case: Case) -> Iterator[Finding]:
    """Check that groups which are asked for together can be joined (domain.md 6.6; R16)."""
    for pointer, line in case.answers.numbered_lines():
        data_set = case.data_set(line)
        names = {field.name for field in line.fields}
        for one in unlinked(data_set, names) if data_set is not None else ():
            yield warn(
                "GROUPS_NOT_LINKED",
                7,
                f"{pointer}/fields",
                f"Line {line.number}: {one.detail}",
                offer=f"Add {', '.join(one.missing)}.",
            )


def fields(case: Case) -> Iterator[Finding]:
    """Check each field: its reason (A19), that it is in the catalogue, and its form."""
    for pointer, line in case.answers.numbered_lines():
        if not line.fields:
            yield refuse(
                "NO_FIELD", 7, f"{pointer}/fields", f"Line {line.number} asks for no field."
            )
        yield from _repeated(
            "FIELD_TWICE",
            [f"{field.name} in line {line.number}" for field in line.fields],
            f"{pointer}/fields",
        )
        data_set = case.data_set(line)
        ceiling = case.rules.ceiling(line.purpose, line.recipient_environment.kind)
        for position, field in enumerate(line.fields):
            at = f"{pointer}/fields/{position}"
            if not field.reason:
                yield refuse(
                    "FIELD_WITHOUT_REASON",
                    7,
                    f"{at}/reason",
                    f"{field.name} in line {line.number} has no reason.",
                )
            if data_set is not None:
                yield from _form(line, field, data_set, ceiling, at)


def _form(
    line: LineAnswer, field: LineField, data_set: DataSet, ceiling: Ceiling | None, pointer: str
) -> Iterator[Finding]:
    try:
        column = data_set.releasable(field.name)
    except KeyError:
        yield refuse(
            "FIELD_UNKNOWN",
            7,
            f"{pointer}/name",
            f"{data_set.data_set} {data_set.version} has no field {field.name}.",
        )
        return
    if column.class_ is FieldClass.SEN and line.sensitivity is Sensitivity.NON_SENSITIVE:
        yield refuse(
            "SENSITIVITY_UNDERSTATED",
            7,
            f"{pointer}/name",
            f"{field.name} is sensitive; line {line.number} says that it is not.",
        )
    is_bare = (
        column.identifier is not None
        and column.class_ is not FieldClass.STAFF
        and field.treatment == Treatment.AS_IS.value
    )
    if is_bare:
        allowed = ceiling.identifiers if ceiling else frozenset()
        if line.classification is not Classification.IDENTIFIABLE or (
            column.identifier not in allowed
        ):
            yield refuse(
                "FIELD_ABOVE_CEILING",
                7,
                f"{pointer}/treatment",
                f"{field.name} never leaves as it is for purpose {line.purpose} as "
                f"{line.classification}.",
            )
    elif field.treatment not in {treatment.value for treatment in column.treatments}:
        offer = ", ".join(treatment.value for treatment in column.treatments)
        yield refuse(
            "TREATMENT_NOT_ALLOWED",
            7,
            f"{pointer}/treatment",
            f"{field.name} does not leave in the form {field.treatment}.",
            offer=offer or None,
        )


def justifications(case: Case) -> Iterator[Finding]:
    """Why no less will do; more words for identifiable, sensitive and children's data."""
    section = case.answers.of(Minimisation)
    if section is None:
        return
    is_sensitive = any(line.sensitivity is Sensitivity.SENSITIVE for line in section.lines)
    needed = {
        "less_intrusive_form": True,
        "identifiable_justification": case.is_identifiable,
        "sensitive_justification": is_sensitive,
        "under_16_justification": section.includes_under_16,
    }
    for name, is_needed in needed.items():
        if is_needed and not getattr(section, name):
            yield refuse(
                "JUSTIFICATION_MISSING",
                7,
                f"/sections/7/{name}",
                f"{name.replace('_', ' ').capitalize()} is needed and empty.",
            )


def populations(case: Case) -> Iterator[Finding]:
    """Check that a line says whose population it is about (ruling 7): the commissioners' own."""
    for pointer, line in case.answers.numbered_lines():
        population, at = line.population, f"{pointer}/population"
        if population.rule == "national":
            if population.commissioners:
                yield refuse(
                    "POPULATION_CONTRADICTS",
                    7,
                    f"{at}/commissioners",
                    "A national population names no commissioners.",
                )
            continue
        if not population.commissioners:
            yield refuse(
                "POPULATION_MISSING", 7, f"{at}/commissioners", "No commissioner is named."
            )
        data_set = case.data_set(line)
        if not population.reasons and line.classification.is_record_level:
            yield refuse(
                "REASONS_MISSING",
                7,
                f"{at}/reasons",
                f"Line {line.number} names no Reason for Access.",
            )
        if data_set is not None:
            absent = [letter for letter in population.reasons if letter not in data_set.population]
            if absent and len(absent) == len(population.reasons):
                yield refuse(
                    "REASONS_UNUSABLE",
                    7,
                    f"{at}/reasons",
                    f"{line.data_set} knows none of these Reasons for Access; no row would belong "
                    "to anybody.",
                    offer=", ".join(data_set.population),
                )
            elif absent:
                # Harmless: no row of it has that reason.
                yield warn(
                    "REASON_NOT_IN_DATA_SET",
                    7,
                    f"{at}/reasons",
                    f"{line.data_set} knows no Reason for Access {', '.join(absent)}.",
                )
        yield from _owners(case, line, at)


def _owners(case: Case, line: LineAnswer, pointer: str) -> Iterator[Finding]:
    controllers = case.answers.controllers
    for ods in line.population.commissioners:
        if ods in controllers or case.facts is None:
            continue
        known = case.facts.commissioners.get(ods)
        if known is None:
            yield refuse(
                "ORGANISATION_UNKNOWN",
                7,
                f"{pointer}/commissioners",
                f"{ods} is in no loaded list.",
            )
        elif line.population.rule != "list" and not {known.legal_entity, known.parent} & set(
            controllers
        ):
            # A sub-ICB location is a population of its ICB (ruling 4). A predecessor is one
            # by a transfer instrument, which agreements looks for when it decides.
            yield warn(
                "POPULATION_NOT_OWN",
                7,
                f"{pointer}/commissioners",
                f"{ods} is not known to be a part of a controller; without a transfer "
                "instrument its rows are not released.",
            )


def environments(case: Case) -> Iterator[Finding]:
    """Data land with a party, where the purpose allows, in a form it allows (domain.md 4.2)."""
    parties = case.answers.parties
    for pointer, line in case.answers.numbered_lines():
        environment = line.recipient_environment
        at = f"{pointer}/recipient_environment"
        # A practice receives by the line, of its own patients, and signs nothing (ruling 29).
        is_practice = environment.kind == EnvironmentKind.GP_PRACTICE
        if environment.organisation not in parties and not is_practice:
            yield refuse(
                "RECIPIENT_NOT_A_PARTY",
                7,
                f"{at}/organisation",
                f"{environment.organisation} receives data and is neither controller nor "
                "processor.",
            )
        ceiling = case.rules.ceiling(line.purpose, environment.kind)
        if ceiling is None:
            yield refuse(
                "ENVIRONMENT_NOT_ALLOWED",
                7,
                f"{at}/kind",
                f"Data for purpose {line.purpose} do not land in {environment.kind.value}.",
            )
        elif line.classification not in ceiling.forms:
            yield refuse(
                "FORM_NOT_ALLOWED",
                7,
                f"{pointer}/classification",
                f"{line.classification} is not allowed for purpose {line.purpose} in "
                f"{environment.kind.value}.",
            )


def consultation(case: Case) -> Iterator[Finding]:
    """Talk to the CSU or DSCRO first; to leave it out needs a reason (ruling 16, A28).

    A renewal goes on with what was agreed, and asks it where it adds a data set.
    """
    section = case.answers.of(Minimisation)
    asks = case.kind in {Kind.NEW, Kind.AMENDMENT} or (
        case.kind is Kind.RENEWAL and _adds_a_data_set(case)
    )
    if section is None or not asks:
        return
    consulted = section.consultation
    asked = consulted.organisation
    if (
        asked is not None
        and case.facts is not None
        and case.facts.of(asked).organisation is None
        and case.facts.commissioners.get(asked) is None
    ):
        yield refuse(
            "ORGANISATION_UNKNOWN",
            7,
            "/sections/7/consultation/organisation",
            f"{asked} is in no loaded list; name the CSU or DSCRO by its code of ODS.",
        )
    if consulted.organisation and consulted.on:
        return
    if consulted.reason_not_consulted:
        yield warn(
            "NOT_CONSULTED",
            7,
            "/sections/7/consultation",
            "No CSU or DSCRO was consulted; a reason is given.",
        )
    else:
        yield refuse(
            "NOT_CONSULTED_WITHOUT_REASON",
            7,
            "/sections/7/consultation/reason_not_consulted",
            "No consultation of a CSU or DSCRO is recorded, and no reason why not.",
        )


def _repeated(
    code: str, names: Sequence[str], pointer: str = "/sections/7/lines"
) -> Iterator[Finding]:
    for name, times in Counter(names).items():
        if times > 1:
            yield refuse(code, 7, pointer, f"{name} stands {times} times.")


def _adds_a_data_set(case: Case) -> bool:
    """Say whether a line is of a data set that the agreement does not have, as far as is known."""
    if case.base is None:
        return False
    lines = case.base.get("lines")
    agreed = {
        line.get("data_set")
        for line in (lines if isinstance(lines, list) else ())
        if isinstance(line, dict)
    }
    return any(line.data_set not in agreed for line in case.answers.lines)
