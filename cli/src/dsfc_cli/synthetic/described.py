"""The recipe of any data set, from its file in the catalogue and its landing rules."""

from collections.abc import Iterator
from datetime import date

import numpy as np

from catalogue import (
    Catalogue,
    CatalogueField,
    Check,
    ColumnType,
    DataSet,
    Effect,
    FieldClass,
    LandingRules,
)
from dsfc_cli.synthetic.columns import SEXES, Maker, values_of
from dsfc_cli.synthetic.recipe import Columns, Days, Rare, Recipe
from dsfc_cli.synthetic.world import World

UNKNOWN_CODE = "ZQ9"
UNLISTED = "RBV"
"""A specialist trust."""
TEXT_MIN = 20
"""Characters, for a number with something around it."""


def recipe_of(known: Catalogue, name: str, on: date, month: str) -> Recipe:
    """Describe how a month of a data set is made that the catalogue knows.

    Raises UnknownDataSet where it does not.
    """
    data_set = known.for_period(name, month)
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
        is_number_needed=person.nhs_number is not None
        and rules.missing(as_read.by_name[person.nhs_number]) is Effect.QUARANTINE,
        postcode=_label(data_set, person.postcode),
        practice=_label(data_set, practice.field) if practice and is_looked_up else None,
        has_left_out=has_left_out,
        text=scanned[0] if scanned and person.nhs_number else None,
        rare=_rare(data_set, rules),
    )


def _rare(data_set: DataSet, rules: LandingRules) -> Rare | None:
    """Choose what is counted by whom: what records are about, by who sent or gave it."""
    by = _sender(data_set)
    if by is None or data_set.subjects == "nobody":
        return None
    classes = (FieldClass.CLIN, FieldClass.ADM, FieldClass.QI)
    told = _told(data_set, rules)
    found = sorted(
        (f for f in data_set.fields if f.class_ in classes and _is_counted(f, told)),
        key=lambda f: classes.index(f.class_),
    )
    if not found:
        return None
    first, *_, last = dict.fromkeys(values_of(found[0]))
    return Rare(column=found[0].label, value=last, by=by, otherwise=first)


def _sender(data_set: DataSet) -> str | None:
    """Name the column of who sent or gave the records: providers, else practices."""
    reasons = data_set.population.values()
    sending = [r.field for r in reasons if r.source in {"organisation", "practice"}]
    commissioners = {r.field for r in reasons if r.source == "commissioner"}
    organisations = [f.name for f in data_set.fields if f.class_ is FieldClass.ORG]
    named = [data_set.person.provider, *sending]
    named += [name for name in organisations if name not in commissioners]
    return next((_label(data_set, name) for name in named if name is not None), None)


def _told(data_set: DataSet, rules: LandingRules) -> frozenset[str]:
    """Name the columns by which a row says something of itself: they stay as they are."""
    hold = rules.withhold_of(data_set)
    signals = (*(hold.when if hold else ()), *rules.adds_nothing)
    return frozenset(
        {name for when in signals for name in when.columns}
        | {rule.column for rule in rules.validity}
        | {str(reason.field) for reason in data_set.population.values()}
        | {str(name) for name in data_set.person.model_dump().values()}
        | {str(data_set.periods.snapshots_by), *_key(rules)}
    )


def _is_counted(field: CatalogueField, told: frozenset[str]) -> bool:
    is_plain = field.type is ColumnType.TEXT and field.identifier is None and field.tells is None
    is_listed = field.lookup is None and field.members is None and field.separator is None
    is_sex = field.codes is not None and set(field.codes) >= SEXES
    return (
        is_plain
        and not is_sex
        and is_listed
        and not field.scan
        and field.name not in told
        and len(set(values_of(field))) > 1
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
