"""The clause of tables: what an aggregate line may be asked to count (docs/adr/0056)."""

from collections.abc import Iterator, Sequence

from agreements.decision.domain.case import LineCase
from agreements.decision.domain.codes import Code, refusal
from agreements.records.domain.terms.data_sets import DataSetFacts
from catalogue.relations import split
from catalogue.tabulating import PEOPLE
from common.errors import Refusal
from statements.attestation import Attestation
from statements.document import Terms
from statements.parameters import RuleParameters
from statements.permit import Permit
from statements.tables import (
    PERIOD_LEVELS,
    AttestedTable,
    Disclosure,
    TableDimension,
    TableRequest,
    measures_of,
    source_of,
)
from statements.vocabulary import AGGREGATES, Classification


def disclosure_of(classification: str, asked: TableRequest | AttestedTable) -> Disclosure:
    """Say how numbers of a line are shown: exact where it has a right to small ones.

    By the rule alone where that is asked for, or was done; `table` says whether the line allows it.
    """
    if classification == Classification.AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED:
        return "exact"
    return "as_published" if _is_as_published(asked) else "protected"


def parameters_of(line: Terms, data_set: DataSetFacts | None) -> RuleParameters | None:
    """Return the agreement's parameters of a rule that has none of its own."""
    return line.parameters if data_set is not None and data_set.takes_parameters else None


def linked_rules_of(case: LineCase) -> tuple[str, ...]:
    """Name the disclosure rules of the lines with whose tables it is to stand, its own left out."""
    asked = case.table
    if not isinstance(asked, TableRequest):
        return ()
    rules = {
        line.disclosure_rule or ""
        for name in asked.linked_data_sets
        for line in _tables_of(case, name)
    }
    return tuple(sorted(rules - {case.line.disclosure_rule}))


def _tables_of(case: LineCase, data_set: str) -> Sequence[Terms]:
    """Return the lines of the agreement on tables of a data set, for the same purpose."""
    return [
        line
        for line in case.document.lines
        if isinstance(line, Terms)
        and (line.key.data_set, line.key.purpose) == (data_set, case.key.purpose)
        and line.key.classification in AGGREGATES
    ]


def _linked(case: LineCase, asked: TableRequest) -> Iterator[Refusal]:
    """Of each data set that it is to stand beside, the agreement has a line on tables."""
    for name in asked.linked_data_sets:
        lines = _tables_of(case, name)
        if not lines:
            yield refusal(
                Code.LINE_NOT_IN_DSA, "The agreement has no line on tables of this data set.", name
            )
        if any(line.parameters is not None or not line.disclosure_rule for line in lines):
            detail = "Its disclosure rule is set for that line: ask for its table with this one's."
            yield refusal(Code.DISCLOSURE_RULE_MISSING, detail, name)


def _is_as_published(asked: TableRequest | AttestedTable) -> bool:
    said = asked.profile if isinstance(asked, TableRequest) else asked.disclosure
    return said == "as_published"


def table(case: LineCase) -> Iterator[Refusal]:
    """Aggregate lines give tables and no records, and all others records and no tables.

    What is counted has a disclosure rule, categories are codes that nest as the catalogue says, and
    practices are named only where the line says why.
    """
    asked, classification = case.table, case.key.classification
    if asked is None:
        if classification in AGGREGATES:
            detail = "Aggregates are tabulated, and never handed out as records."
            yield refusal(Code.FORM_NOT_ALLOWED, detail, classification)
        return
    if classification not in AGGREGATES:
        detail = "The line gives records; a table is made under an aggregate line."
        yield refusal(Code.FORM_NOT_ALLOWED, detail, classification)
    if case.data_set is None:
        return  # CATALOGUE_UNKNOWN says so
    for measure in measures_of(asked):
        yield from _uncounted(measure, asked.measure, case.data_set)
    yield from _by_another_rule(case, asked, case.data_set)
    for one in asked.dimensions:
        yield from _unsuitable(one, case.data_set)
        yield from _counted_again(one, split(asked.measure)[0], case.data_set)
    told_by = (f.column for f in (*case.filters, *case.line.filters))
    levels = (level for one in asked.dimensions for level in one.levels)
    for name in dict.fromkeys((*levels, *told_by)):
        listed, column = case.line.fields.get(name), case.data_set.columns.get(name)
        is_practice = column is not None and column.is_practice
        if is_practice and (listed is None or not listed.reason.strip()):
            detail = "The line does not say why numbers of single practices are needed."
            yield refusal(Code.PRACTICE_LEVEL_NOT_IN_DSA, detail, name)
    yield from _otherwise_shown(case)


def _uncounted(measure: str, first: str, data_set: DataSetFacts) -> Iterator[Refusal]:
    """A measure has a rule; of a data set of groups it is of one, the same as all others."""
    group, name = split(measure)
    if data_set.joined and group not in data_set.joined:
        detail = f"The measure names none of the groups of {data_set.data_set}."
        yield refusal(Code.GROUP_UNKNOWN, detail, measure)
    elif measure not in data_set.measures:
        if data_set.joined and name in PEOPLE:
            detail = f"Rows of {group} name no people in that role."
            yield refusal(Code.ROLE_NOT_IN_GROUP, detail, measure)
        else:
            detail = f"No rule says how this measure of {data_set.data_set} is protected."
            yield refusal(Code.DISCLOSURE_RULE_MISSING, detail, measure)
    if data_set.joined and group != split(first)[0]:
        yield refusal(Code.SEVERAL_GROUPS, "The table counts rows of another group.", measure)


def _counted_again(one: TableDimension, group: str, data_set: DataSetFacts) -> Iterator[Refusal]:
    """A row that is counted stands beside one row at most of what it is cut by."""
    above = data_set.joined.get(group)
    if above is None:
        return
    for name in dict.fromkeys(map(source_of, one.levels)):
        other = split(name)[0]
        if other == group or other in above or name not in data_set.columns:
            continue
        beyond = data_set.joined.get(other, frozenset())
        if group in beyond or above & beyond:
            detail = f"Several rows of {other} may stand beside one of {group}."
            yield refusal(Code.JOIN_FANS_OUT, detail, name)
        else:
            detail = f"No key leads from rows of {group} to rows of {other}."
            yield refusal(Code.DIMENSION_UNSUITABLE, detail, name)


def _by_another_rule(
    case: LineCase, asked: TableRequest | AttestedTable, data_set: DataSetFacts
) -> Iterator[Refusal]:
    """A rule that is set for each application is set, and one alone is applied by a reason."""
    if isinstance(asked, TableRequest):
        yield from _linked(case, asked)
    said = case.line.parameters
    if data_set.takes_parameters != (said is not None):
        detail = (
            "The disclosure rule is set for each application, and the line does not say it."
            if said is None
            else "The line sets a disclosure rule that is the same for everybody."
        )
        yield refusal(Code.DISCLOSURE_RULE_MISSING, detail, "disclosure_parameters")
    elif said is not None and said.measures:
        detail = "The line's disclosure rule does not cover what is to be counted."
        for measure in measures_of(asked):
            if measure not in said.measures:
                yield refusal(Code.DISCLOSURE_RULE_MISSING, detail, measure)
    is_suppressed = case.key.classification == Classification.AGGREGATE_SUPPRESSED
    if _is_as_published(asked) and not (is_suppressed and case.line.as_published):
        detail = "The line does not say why numbers may be by the rule alone."
        yield refusal(Code.AS_PUBLISHED_NOT_IN_DSA, detail)


def _unsuitable(one: TableDimension, data_set: DataSetFacts) -> Iterator[Refusal]:
    finest = data_set.columns.get(source_of(one.column))
    for number, name in enumerate(one.levels):
        column = data_set.columns.get(source_of(name))
        is_known = column is not None and (source_of(name) == name or name in data_set.groupings)
        if name not in PERIOD_LEVELS and not (is_known and column and column.is_dimension):
            detail = "The data set has no such column, or it has no categories."
            yield refusal(Code.DIMENSION_UNSUITABLE, detail, name)
        elif number and not _nests(one.levels[number - 1], name, data_set, finest is None):
            detail = "Categories of the column before do not lie whole in this one's."
            yield refusal(Code.DIMENSION_UNSUITABLE, detail, name)


def _nests(finer: str, coarser: str, data_set: DataSetFacts, is_of_periods: bool) -> bool:  # noqa: FBT001  what it is about
    if is_of_periods:
        both = finer in PERIOD_LEVELS and coarser in PERIOD_LEVELS
        return both and PERIOD_LEVELS.index(finer) < PERIOD_LEVELS.index(coarser)
    column = data_set.columns.get(finer)
    above = frozenset() if column is None else column.nests_in
    return coarser in above | data_set.groupings.get(finer, frozenset())


def _otherwise_shown(case: LineCase) -> Iterator[Refusal]:
    """Hold a file's table against what the line has a right to."""
    made = None if case.file is None else case.file.table
    if made is not None and made.disclosure != disclosure_of(case.key.classification, made):
        detail = "The file shows small numbers otherwise than the line's classification says."
        yield refusal(Code.FORM_NOT_ALLOWED, detail, "small numbers")


def is_another_table(file: Attestation, permit: Permit) -> bool:
    """Say whether the file has another table than was permitted, or is no table."""
    made, allowed = file.table, permit.table
    if made is None or allowed is None:
        return made is not None or allowed is not None
    return (
        (measures_of(made), made.dimensions, made.disclosure)
        != (measures_of(allowed), allowed.dimensions, allowed.disclosure)
        or made.rule != allowed.rule_of(permit.disclosure_rule)
        or made.parameters != allowed.parameters
        or (made.disclosure == "protected" and not made.certificate.startswith("sha256:"))
        or (made.disclosure != "as_published" and made.recovered > 0)
    )
