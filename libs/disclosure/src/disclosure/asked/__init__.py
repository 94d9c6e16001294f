"""A question as JSON, and its answer: what a service or another language asks of this library.

`python -m disclosure.asked` reads one from its input and writes the answer, in a process of its own
with bounds on time and memory. Nothing is kept.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from disclosure.attacking import Finding
from disclosure.checking import check
from disclosure.problems import TableInvalid
from disclosure.protecting import protect
from disclosure.rules import Profile, Rule, rule_for
from disclosure.structure import CELLS_MAX, Dimension, Hierarchy, Table, require_size, told_count

ACTIONS: Final = ("check", "protect")


def answered(question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question.

    `action` is `check` (a table that somebody protected) or `protect` (raw counts). `rule`, and
    where it takes them `parameters` and `topics`; `linked_rules`, where it was made from data of
    several; `on`, the day of the rules. `dimensions`: `name`,
    `total` with `categories`, or `hierarchies` of `child` and `parent`; `is_geography`. `cells`:
    `labels` and `value`, a text as it is printed. `seconds` and `cells_max` are bounds.

    Raises:
        DisclosureProblem: whatever is wrong with it, by its code.

    """
    told = question.get("on")
    chosen = rule_for(
        [question.get("rule") or "", *question.get("linked_rules", ())],
        on=date.fromisoformat(told) if told else None,
        parameters=question.get("parameters"),
    )
    dimensions = [_dimension(asked) for asked in question["dimensions"]]
    require_size(dimensions, question.get("cells_max", CELLS_MAX))
    cells = _cells(question["cells"])
    topics = frozenset(question.get("topics", ()))
    seconds = float(question.get("seconds", 20.0))
    if question["action"] == "protect":
        return _protected(dimensions, cells, chosen, topics, seconds)
    if question["action"] != "check":
        raise TableInvalid("`action`: one of " + ", ".join(ACTIONS) + ".")
    return _checked(dimensions, cells, chosen, topics, seconds)


def _dimension(asked: Mapping[str, Any]) -> Dimension:
    geography = bool(asked.get("is_geography"))
    trees = [
        Hierarchy.from_pairs((pair["child"], pair["parent"]) for pair in pairs)
        for pairs in asked.get("hierarchies") or ()
    ]
    categories = asked.get("categories") or []
    if bool(trees) == bool(categories):
        raise TableInvalid("`dimensions`: each has either `categories` or `hierarchies`.")
    if trees:
        return Dimension(asked["name"], tuple(trees), geography)
    if len(set(categories)) != len(categories):
        raise TableInvalid("`categories`: a label stands there twice.")
    total = asked.get("total") or "Total"
    return Dimension.flat(asked["name"], categories, total=total, is_geography=geography)


def _cells(asked: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for cell in asked:
        labels = tuple(cell["labels"])
        if labels in found:
            raise TableInvalid("`cells`: two have the same labels; leave one out.")
        found[labels] = cell["value"]
    if not found:
        raise TableInvalid("`cells`: there are none.")
    return found


def _checked(
    dimensions: Sequence[Dimension],
    cells: Mapping[tuple[str, ...], str],
    chosen: Rule,
    topics: frozenset[str],
    seconds: float,
) -> dict[str, Any]:
    found = check(dimensions, cells, chosen, topics=topics, seconds=seconds)
    return {
        "rule": chosen.name,
        "is_safe": found.is_safe,
        "hidden": found.hidden,
        "shown_against_the_rule": [list(labels) for labels in found.shown_against_the_rule],
        "findings": [_finding(one) for one in found.findings],
        "cells": [],
        "reasons": {},
        "footnotes": list(chosen.footnotes),
    }


def _protected(
    dimensions: Sequence[Dimension],
    cells: Mapping[tuple[str, ...], str],
    chosen: Rule,
    topics: frozenset[str],
    seconds: float,
) -> dict[str, Any]:
    raw = {labels: told_count(text) for labels, text in cells.items()}
    table = Table.from_cells(dimensions, raw, topics=topics)
    shown = protect(table, chosen, profile=Profile.PROTECTED, seconds=seconds)
    return {
        "rule": chosen.name,
        "is_safe": True,
        "hidden": int(shown.hidden.sum()),
        "shown_against_the_rule": [],
        "findings": [],
        "cells": [
            {"labels": list(table.label(at)), "value": text}
            for at, text in enumerate(shown.texts.ravel().tolist())
        ],
        "reasons": dict(shown.reasons),
        "footnotes": list(shown.footnotes),
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "cell": list(found.cell),
        "low": found.low,
        "high": found.high,
        "verdict": str(found.verdict),
        "because": list(found.because),
    }
