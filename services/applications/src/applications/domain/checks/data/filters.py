"""Standard 7: which rows of a line, where not all are asked for (docs/adr/0050)."""

from collections.abc import Iterator, Mapping

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.data import LineAnswer
from catalogue import DataSet, FilterProblem, Treatment, filterable, not_chosen
from catalogue.relations import split
from statements.filters import WantedFilter, repeated

TELLING = frozenset({Treatment.AS_IS.value, Treatment.DERIVED.value})
PROBLEMS: Mapping[FilterProblem, tuple[str, str]] = {
    FilterProblem.EMPTY: ("FILTER_EMPTY", "asks for nothing; leave it out, or name values"),
    FilterProblem.UNSUITABLE: (
        "FILTER_UNSUITABLE",
        "asks for bounds of what is no number, or for values of a number",
    ),
    FilterProblem.CODE_UNKNOWN: (
        "FILTER_CODE_UNKNOWN",
        "asks for a value that the catalogue does not have for the column",
    ),
}


def filters(case: Case) -> Iterator[Finding]:
    """Check that rows are filtered by what the line lists, and by values that there are."""
    for pointer, line in case.answers.numbered_lines():
        for column in repeated(line.filters):
            detail = f"{column} in line {line.number} has more than one filter."
            yield refuse("FILTER_TWICE", 7, f"{pointer}/filters", detail)
        data_set = case.data_set(line)
        if data_set is not None:
            for position, one in enumerate(line.filters):
                yield from _of(line, one, data_set, f"{pointer}/filters/{position}")
            if data_set.groups:
                yield from _over_groups(line, data_set, f"{pointer}/filters")


def _over_groups(line: LineAnswer, data_set: DataSet, at: str) -> Iterator[Finding]:
    """Say of which groups of the line rows are to be had, by all of its filters together."""
    columns = [name for name in (f.column for f in line.filters) if split(name)[0]]
    groups = dict.fromkeys(split(field.name)[0] for field in line.fields)
    there = [group for group in groups if group in data_set.by_group]
    without: dict[str, list[str]] = {}
    for name, group in not_chosen(columns, there, data_set.relations.joined):
        without.setdefault(group, []).append(name)
    if without and len(without) == len(there):
        detail = (
            f"Line {line.number} has no group of which all of its filters choose rows: a filter"
            " chooses rows of its own group, and of those that belong to it."
        )
        yield refuse("FILTER_OVER_GROUPS", 7, at, detail)
        return
    for group, names in without.items():
        detail = (
            f"Line {line.number}: rows of {group} do not belong to what {', '.join(names)} is of."
            " Requests for them are refused while the line has the filter."
        )
        offer = f"Filter {group} by the same column of its own, or leave the group out."
        yield warn("FILTER_LEAVES_GROUP_OUT", 7, at, detail, offer=offer)


def _of(line: LineAnswer, one: WantedFilter, data_set: DataSet, at: str) -> Iterator[Finding]:
    listed = {field.name: field.treatment for field in line.fields}
    allowed = filterable(data_set, one.column)
    if one.column not in data_set.releasables:
        detail = f"{data_set.data_set} {data_set.version} has no column {one.column}."
        yield refuse("FILTER_COLUMN_UNKNOWN", 7, f"{at}/column", detail)
    elif allowed is None or listed.get(one.column) not in TELLING:
        detail = (
            f"Line {line.number} does not list {one.column} in a form that rows can be filtered by;"
            " list it as it is or derived."
        )
        yield refuse("FILTER_COLUMN_NOT_LISTED", 7, f"{at}/column", detail)
    elif (problem := allowed.problem(one.any_of, one.at_least, one.at_most)) is not None:
        code, why = PROBLEMS[problem]
        yield refuse(code, 7, at, f"The filter on {one.column} in line {line.number} {why}.")
