"""What is done to a line's columns because of what else is told of the same people.

People have the same tokens in every line of the agreement that is for the same purpose, lands in
the same place with the same opt-out treatment, and is about the same or a linked data set
(`PseudonymDomain`). Whoever has both lines has their columns side by side, so caps go over all.
"""

from collections.abc import Callable, Mapping

from agreements.records.domain.terms.data_sets import DataSetFacts
from catalogue import Capped, Caps, Shown
from statements.document import Document, Terms

Own = Callable[[str], str]
"""From an organisation's code to its normal form."""


def caps_of(
    line: Terms,
    document: Document,
    *,
    rule: Caps,
    data_set: DataSetFacts,
    catalogue: Mapping[str, DataSetFacts],
    own: Own,
) -> Mapping[str, Capped]:
    """Return what is done to which column of the line, as the data set's file describes it."""
    beside = (
        column
        for other in document.lines
        if isinstance(other, Terms) and other is not line and _share(line, other, document, own)
        for column in _shown(other, catalogue.get(other.catalogue_digest))
    )
    found = rule.on_columns(_shown(line, data_set), beside)
    return {capped.column.name: capped for capped in found}


def _share(one: Terms, other: Terms, document: Document, own: Own) -> bool:
    """Say whether a person has the same token in both lines."""
    return (
        one.key.purpose == other.key.purpose
        and one.opt_outs_applied == other.opt_outs_applied
        and one.environment_kind == other.environment_kind
        and own(one.environment_organisation) == own(other.environment_organisation)
        and other.key.data_set in document.linked_with(one.key.data_set)
    )


def _shown(line: Terms, data_set: DataSetFacts | None) -> tuple[Shown, ...]:
    if data_set is None:
        return ()  # CATALOGUE_UNKNOWN says so of the line itself
    found = (
        data_set.columns[name].shown.get(term.treatment)
        for name, term in line.fields.items()
        if name in data_set.columns
    )
    return tuple(column for column in found if column is not None)
