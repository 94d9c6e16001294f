"""The clause of a line's filters: which of its rows may be asked for, and are in a file.

A line's filters narrow what may be asked. A request narrows them further or adds others, and never
widens them. A filter asks only for what the line itself would tell (docs/adr/0050).
"""

from collections.abc import Iterator, Mapping

from agreements.decision.domain.case import LineCase
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.question import Match, Request
from agreements.records.domain.terms.data_sets import DataSetFacts
from catalogue import FilterProblem, Treatment, not_chosen
from catalogue.relations import split
from common.errors import Refusal
from statements.filters import RowFilter

TELLING = frozenset({Treatment.AS_IS.value, Treatment.DERIVED.value})
PROBLEMS: Mapping[FilterProblem, tuple[Code, str]] = {
    FilterProblem.EMPTY: (
        Code.FILTER_EMPTY,
        "The filter asks for nothing, or for a number that is at least more than at most.",
    ),
    FilterProblem.UNSUITABLE: (
        Code.FILTER_UNSUITABLE,
        "A number is filtered by `at_least` and `at_most`, everything else by `any_of`.",
    ),
    FilterProblem.CODE_UNKNOWN: (
        Code.FILTER_CODE_UNKNOWN,
        "The line's version of the data set has no such value in this column.",
    ),
}


def filters(case: LineCase) -> Iterator[Refusal]:
    """Each filter is one that the line allows, and nothing widens the line's own."""
    if case.data_set is not None:  # CATALOGUE_UNKNOWN says so
        for one in (*case.line.filters, *case.asked_filters):
            yield from _misplaced(one, case, case.data_set)
        yield from _over_groups(case, case.data_set)
    own = {one.column: one for one in case.line.filters}
    if isinstance(case.question, Request):
        widened = [f.column for f in case.asked_filters if _is_widened(own.get(f.column), f)]
    else:
        had = {one.column: one for one in case.filters}
        widened = [column for column, one in own.items() if one.lets_out(had.get(column))]
    for column in widened:
        detail = "The line's filter leaves out rows that are asked for, or are in the file."
        yield refusal(Code.FILTER_NOT_IN_DSA, detail, column)


def _over_groups(case: LineCase, data_set: DataSetFacts) -> Iterator[Refusal]:
    """Each filter chooses rows of every group that is asked for, or is in the file.

    Whoever is looked for in the rows of all groups together is chosen by none of one.
    """
    asked = dict.fromkeys(f.column for f in (*case.line.filters, *case.filters))
    columns = [name for name in asked if split(name)[0] in data_set.joined]
    if not columns:
        return
    if isinstance(case.question, Match) or _is_of_bridge(case):
        detail = "People are looked for in all groups together, which no column of one chooses."
        yield from (refusal(Code.FILTER_OVER_GROUPS, detail, name) for name in columns)
        return
    names = case.fields if case.table is None else (case.table.measure,)
    groups = [g for g in dict.fromkeys(split(name)[0] for name in names) if g in data_set.joined]
    over: dict[str, list[str]] = {}
    for name, group in not_chosen(columns, groups, data_set.joined):
        over.setdefault(name, []).append(group)
    for name, without in over.items():
        of = split(name)[0]
        detail = f"Rows of {', '.join(without)} belong to no row of {of}, whose column it is."
        yield refusal(Code.FILTER_OVER_GROUPS, detail, name)


def _is_of_bridge(case: LineCase) -> bool:
    if isinstance(case.question, Request):
        return case.question.request.bridge is not None
    return case.file is not None and case.file.bridge is not None


def _is_widened(own: RowFilter | None, asked: RowFilter) -> bool:
    return own is not None and own.is_widened_by(asked)


def _misplaced(one: RowFilter, case: LineCase, data_set: DataSetFacts) -> Iterator[Refusal]:
    column, listed = data_set.columns.get(one.column), case.line.fields.get(one.column)
    if column is None:
        yield refusal(Code.FILTER_COLUMN_UNKNOWN, "The data set has no such column.", one.column)
    elif listed is None:
        detail = "The line does not list the column that rows are to be filtered by."
        yield refusal(Code.FILTER_COLUMN_NOT_IN_DSA, detail, one.column)
    elif column.filterable is None or listed.treatment not in TELLING:
        detail = "The line does not list the column in a form that rows can be filtered by."
        yield refusal(Code.FILTER_COLUMN_NOT_IN_DSA, detail, one.column)
    else:
        problem = column.filterable.problem(one.any_of, one.at_least, one.at_most)
        if problem is not None:
            code, detail = PROBLEMS[problem]
            yield refusal(code, detail, one.column)
