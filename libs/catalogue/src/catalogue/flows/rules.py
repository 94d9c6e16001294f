"""Which categories of local flows there are, and how large a file may be: dated data."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from catalogue.words import Name, Strict, Text, versions_of

Bound = Annotated[int, Field(ge=1)]


class Bounds(Strict):
    """Of one file: what is more is refused before it is read further."""

    bytes: Bound
    """Of the file, as it is sent."""
    depth: Bound
    """Of lists and mappings in one another."""
    entries: Bound
    """Values and keys in all."""
    columns: Bound
    """Of all tables, and of all groups; what is repeated counts as often as it is repeated."""
    tables: Bound = 1
    groups: Bound = 1
    text_characters: Bound
    pattern_characters: Bound
    file_bytes: Bound
    """Of a file that providers send."""


class FlowRules(Strict):
    """One version of the rules."""

    rule: Annotated[str, Field(pattern=r"^local_flows/\d+$")]
    valid_from: date
    source: Text
    name_begins_with: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*_$")]
    categories: Annotated[Mapping[Name, Text], Field(min_length=1)]
    """Their titles."""
    disclosure_rules: Annotated[tuple[Text, ...], Field(min_length=1)]
    """By which tables of a flow can be shown."""
    bounds: Bounds


@cache
def flow_rules() -> FlowRules:
    """Give the newest version."""
    found = versions_of(FlowRules, "local_flows")
    return max(found, key=lambda one: (one.valid_from, int(one.rule.partition("/")[2])))


def is_local_flow(name: str) -> bool:
    """Say whether a data set of this name is a local flow, whether or not anybody knows it."""
    return name.startswith(flow_rules().name_begins_with)


def example(*, of_tables: bool = False) -> str:
    """Return a file to begin with, of one table or of several, which could be registered."""
    name = "example_tables.yaml" if of_tables else "example.yaml"
    return (files("catalogue") / "flows" / name).read_text("utf-8")
