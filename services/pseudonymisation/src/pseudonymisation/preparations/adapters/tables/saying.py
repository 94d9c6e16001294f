"""What a table says of itself: its title, what was asked, what one of each measure is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from catalogue import Assumed, CountOf, tabulating
from catalogue.assuming import WORD
from catalogue.relations import qualified
from common.ids import digest
from disclosure import Rule
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.tables.tabulating import MadeTable
from pseudonymisation.preparations.use_cases.ports import ExtractOrder
from statements.filters import in_words
from statements.tables import AttestedTable, PermittedTable, measures_of

NOTE_MAX: Final = 500
"""Characters of a footnote, as the manifest has it."""
ABOUT_MAX: Final = 1_900
"""Characters of a line of what the file says of itself; the manifest has all of it."""


def measures_in(work: ExtractOrder, table: PermittedTable) -> list[CountOf]:
    """Return what is to be counted. Raises NotPrepared."""
    found = {name: tabulating().measure(work.data_set, name) for name in measures_of(table)}
    missing = [name for name, one in found.items() if one is None]
    if missing:
        raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, ", ".join(missing))
    return [one for one in found.values() if one is not None]


def title_of(work: ExtractOrder, measures: Sequence[CountOf]) -> str:
    first, last = work.permit.periods[0], work.permit.periods[-1]
    when = first if first == last else f"{first} to {last}"
    of = work.data_set.title
    if work.data_set.part:
        of = f"{of}, {work.data_set.part.replace('_', ' ')}"
    return f"{of}: {'; '.join(one.title for one in measures)}, {when}"


def about(
    work: ExtractOrder, table: PermittedTable, rule: Rule, made: MadeTable
) -> tuple[tuple[str, str], ...]:
    """Say in the file itself what was asked of which data, and how it is protected."""
    permit = work.permit
    told = {
        "data set": f"{work.data_set.data_set} {work.data_set.version}",
        "measure": ", ".join(measures_of(table)),
        **_counted_of(work, table),
        "dimensions": "; ".join(" in ".join(one.levels) for one in table.dimensions),
        "months": ", ".join(permit.periods),
        "rows": in_words(permit.filters) or "all of the line's population",
        "agreement": f"{permit.agreement.reference} {permit.agreement.version}",
        "editions": ", ".join(str(edition.id) for edition, _ in work.editions),
        "rule": f"{rule.code} {rule.version}",
        "source of the rule": rule.source,
        "profile": table.disclosure,
        "cells": str(made.cells),
        **{f"cells: {why.replace('_', ' ')}": str(n) for why, n in made.hidden.items()},
        "release": permit.extract_id,
    }
    return tuple(
        (name, text if len(text) <= ABOUT_MAX else f"{text[:ABOUT_MAX]} …")
        for name, text in told.items()
    )


def noted(work: ExtractOrder, table: PermittedTable, made: MadeTable) -> MadeTable:
    """Say below the numbers of a group what one of each is, in every format and the manifest."""
    grains = grains_of(work, table)
    if not grains:
        return made
    group = work.data_set.part
    names = zip(measures_of(table), grains, strict=True)
    note = "; ".join(f"{qualified(group, name)}: one is a {grain}" for name, grain in names)
    notes = (*made.footnotes, f"{note}."[:NOTE_MAX])
    return replace(made, footnotes=notes, printed=replace(made.printed, footnotes=notes))


def _counted_of(work: ExtractOrder, table: PermittedTable) -> dict[str, str]:
    """Say of a group which it is, and what one of each measure is."""
    grains = "; ".join(grains_of(work, table))
    return {"group": work.data_set.part, "one is": grains} if grains else {}


def grains_of(work: ExtractOrder, table: PermittedTable) -> tuple[str, ...]:
    """Say what one of each measure is; of a flat data set its catalogue file says it."""
    if work.whole is None:
        return ()
    return tuple(one.grain(work.data_set) for one in measures_in(work, table))


def assumed_of(rule: Rule) -> Assumed:
    """Say of a disclosure rule whether all of it was published, as its source has it."""
    if WORD not in rule.source.casefold():
        return {}
    return {f"disclosure rule {rule.name}": ("source",)}


def attested(
    work: ExtractOrder, table: PermittedTable, rule: Rule, made: MadeTable
) -> AttestedTable:
    return AttestedTable(
        grains=grains_of(work, table),
        measure=table.measure,
        further_measures=table.further_measures,
        dimensions=table.dimensions,
        disclosure=table.disclosure,
        rule=rule.code,
        rule_version=rule.version,
        certificate=digest(made.certificate) if table.disclosure == "protected" else "none",
        cells=made.cells,
        hidden=dict(made.hidden),
        earlier=made.earlier,
        parameters=table.parameters,
        recovered=made.recovered,
        footnotes=made.footnotes,
    )
