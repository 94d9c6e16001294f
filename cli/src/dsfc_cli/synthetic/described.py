"""The recipe of any data set, from its file in the catalogue and its landing rules."""

from collections.abc import Iterator
from datetime import date

import numpy as np

from catalogue import Catalogue, Check, ColumnType, DataSet, Effect, LandingRules
from dsfc_cli.synthetic.columns import Maker
from dsfc_cli.synthetic.recipe import Columns, Days, Recipe
from dsfc_cli.synthetic.world import World

UNKNOWN_CODE = "ZQ9"
UNLISTED = "RBV"
"""A specialist trust."""
TEXT_MIN = 20
"""Characters, for a number with something around it."""


def recipe_of(known: Catalogue, name: str, on: date) -> Recipe:
    """Describe how a data set is made that the catalogue knows.

    Raises UnknownDataSet where it does not.
    """
    data_set = known.get(name)
    rules, as_read = known.intake_of(data_set, on)

    # A key of one column tells each record, also where it tells whom the record is about.
    unique = frozenset(_key(rules) if len(_key(rules)) == 1 else ())

    has_left_out = rules.left_out_at_source is not None

    def columns(
        world: World, rng: np.random.Generator, start: int, count: int, seen: Days
    ) -> Columns:
        made = Maker(data_set, world, rng, start, seen[:count], unique=unique)
        if has_left_out:
            made.leave_out()
        return {data_set.by_name[name].label: values for name, values in made.columns().items()}

    person, practice = data_set.person, data_set.population.get("G")
    is_looked_up = practice is not None and practice.source == "practice"
    scanned = [
        f.label
        for f in data_set.fields
        if f.scan
        and f.length_max >= TEXT_MIN
        and f.name != person.local_id
        and f.name not in _key(rules)
    ]
    hold = rules.withhold_of(data_set)
    return Recipe(
        columns=columns,
        spoil=dict(_spoilt(as_read, rules)),
        withheld_by=tuple(
            data_set.by_name[name].label
            for when in (hold.when if hold else ())
            if when.other_than
            for name in when.columns
            if name in data_set.by_name
        ),
        number=_label(data_set, person.nhs_number),
        postcode=_label(data_set, person.postcode),
        practice=_label(data_set, practice.field) if practice and is_looked_up else None,
        has_left_out=has_left_out,
        text=scanned[0] if scanned and person.nhs_number else None,
    )


def _label(data_set: DataSet, name: str | None) -> str | None:
    return data_set.by_name[name].label if name else None


def _key(rules: LandingRules) -> tuple[str, ...]:
    return rules.record.key if rules.record else ()


def _spoilt(data_set: DataSet, rules: LandingRules) -> Iterator[tuple[str, tuple[str, str]]]:
    """Give kinds of bad rows, each of which costs the record."""
    dated = data_set.by_name[data_set.periods.field]
    clock = " 10:00" if dated.type is ColumnType.DATETIME else ""
    yield "a date that does not exist", (dated.label, f"2018-02-30{clock}")
    yield "a date outside the period", (dated.label, f"2001-01-01{clock}")
    for field in data_set.fields:
        if field.check is Check.NHS_NUMBER and rules.otherwise(field.name) is Effect.QUARANTINE:
            yield "a check digit that does not fit", (field.label, "9990000019")
    needed = [
        f
        for f in data_set.fields
        if f.name != dated.name and rules.missing(f) is Effect.QUARANTINE and f.mandatory
    ]
    if needed:
        yield "a mandatory value missing", (needed[-1].label, "")
    listed = [f for f in data_set.fields if f.members and f.mandatory]
    if listed:
        yield "an organisation that is not in the list", (listed[-1].label, UNLISTED)
    coded = [
        f
        for f in data_set.fields
        if f.codes and f.name not in rules.controls and rules.otherwise(f.name) is Effect.QUARANTINE
    ]
    if coded:
        yield "a code that is not in the list", (coded[-1].label, UNKNOWN_CODE)
