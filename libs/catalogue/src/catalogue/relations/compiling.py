"""What tables and groups are as data sets: each a flat one, and the whole with all their columns.

A table is read, judged and landed as a flat data set is, and a group prepared as one: there is one
way for both. In the whole a column is known by its group, `Care_Activities.Contact_Date`, so that
a line of an agreement, a permit and an attestation name it as they name any other.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from catalogue.fields import CatalogueField, DerivedField
from catalogue.model import DataSet
from catalogue.parts import Person, Reason
from catalogue.periods import Periods
from catalogue.relations.words import Group, Relations, Table, qualified, split
from catalogue.words import Treatment

COMPUTED: Final = ("digest", *(n for n, said in DataSet.model_fields.items() if said.exclude))
"""What no file says of itself: it is made out of all that it says."""
SAID_OF_THE_WHOLE = frozenset({"tables", "groups", "fields", "derived", "person", "population"})


def compiled(content: Mapping[str, Any], said: Relations, digest: str) -> DataSet:
    """Make the whole, which has its tables and its groups.

    Raises:
        ValidationError: a table, or the whole, is not as a data set has to be.

    """
    shared = {k: v for k, v in content.items() if k not in SAID_OF_THE_WHOLE} | {"digest": digest}
    dated = str(content["periods"]["field"])
    tables = {t.table: _view(shared, **_of_table(t)) for t in said.tables}
    groups = {g.group: _view(shared, **_of_group(g, said, dated)) for g in said.groups}
    whole = _together(shared, groups, tables=said.tables, groups=said.groups)
    whole.keep_parts(tables, groups, _together(shared, tables))
    return whole


def _view(shared: Mapping[str, Any], **own: Any) -> DataSet:
    """Make a data set of one table or group: what is said of the whole holds for it."""
    identity = any(Treatment.IDENTIFIED in field.treatments for field in own["fields"])
    routes = shared.get("identified_by", ()) if identity else ()
    return DataSet.model_validate(dict(shared) | own | {"identified_by": routes})


def _of_table(table: Table) -> dict[str, Any]:
    about = "patients" if any(table.person.model_dump().values()) else "nobody"
    return {
        "grain": table.grain,
        "subjects": about,
        "person": table.person,
        "population": table.population,
        "fields": table.fields,
        "derived": table.derived,
        "part": table.table,
    }


def _of_group(group: Group, said: Relations, dated: str) -> dict[str, Any]:
    fields: dict[str, CatalogueField] = {}
    derived: dict[str, DerivedField] = {}
    population: dict[str, Reason] = {}
    hidden: dict[str, CatalogueField] = {}
    for part in group.parts:
        for name, of_table in group.names(part):
            table = said.by_name[of_table]
            if name in table.made:
                derived[name] = table.made[name]
            else:
                fields.setdefault(name, table.by_name[name])
    for part in group.parts:
        for table in (said.by_name[name] for name in part.tables):
            population |= {k: v for k, v in table.population.items() if k not in population}
            for name in _needed(table, group):
                hidden.setdefault(name, table.by_name[name])
        for made in group.made_of(part):
            derived[made.name] = made.inside
            for of_table, name in map(split, (made.source, made.at)):
                hidden.setdefault(name, said.by_name[of_table].by_name[name])
        hidden.setdefault(dated, said.by_name[part.table].by_name[dated])
    about = said.person_of(group, group.parts[0])
    unseen = [
        field.model_copy(update={"treatments": ()})
        for name, field in hidden.items()
        if name not in fields
    ]
    return {
        "grain": group.grain,
        "subjects": group.subjects,
        "person": Person() if about is None else about.person,
        "other": said.by_name[group.other].person if group.other else Person(),
        "names_two": all(part.table == group.other for part in group.parts),
        "below": tuple(one.group for one in said.below(group.group)),
        "unseen": frozenset(field.name for field in unseen),
        "population": population,
        "fields": (*fields.values(), *unseen),
        "derived": tuple(derived.values()),
        "part": group.group,
    }


def _needed(table: Table, group: Group) -> Iterator[str]:
    """Name what a group's rows rest on of a table, whether the group shows it or not."""
    listed = group.columns.get(table.table, ())
    for name in listed:
        if name in table.made:
            made = table.made[name]
            yield made.source
            if made.at is not None:
                yield made.at
    yield from (r.field for r in table.population.values() if r.field is not None)
    if table.is_about_people:
        yield from (name for name in table.person.model_dump().values() if name is not None)


def _together(shared: Mapping[str, Any], parts: Mapping[str, DataSet], **own: Any) -> DataSet:
    """Make one data set of all columns, each named with its part.

    A person's own columns are those of the first part that has them: of whichever group, they are
    of the same, and what is told of one group is held together with what is told of the others.
    """
    persons = {n: p for n, p in parts.items() if any(p.person.model_dump().values())}
    numbered = [n for n, p in persons.items() if p.person.nhs_number is not None]
    first = next(iter([*numbered, *persons]), None)
    whole = {
        role: None if first is None or name is None else qualified(first, name)
        for role, name in (persons[first].person if first else Person()).model_dump().items()
    }
    population: dict[str, Reason] = {}
    for part, view in parts.items():
        for letter, reason in view.population.items():
            field = None if reason.field is None else qualified(part, reason.field)
            population.setdefault(letter, reason.model_copy(update={"field": field}))
    fields = [f for n, p in parts.items() for f in _fields(n, p.fields)]
    periods = Periods.model_validate(shared["periods"])
    dated = qualified(next(iter(parts)), periods.field)
    return DataSet.model_validate(
        dict(shared)
        | {
            "subjects": "patients" if persons else shared.get("subjects", "nobody"),
            "identified_by": shared.get("identified_by", ()),
            "periods": periods.model_copy(update={"field": dated}),
            "person": Person.model_construct(None, **whole),
            "population": population,
            "fields": tuple(fields),
            "unseen": frozenset(qualified(n, name) for n, p in parts.items() for name in p.unseen),
            "derived": tuple(d for n, p in parts.items() for d in _derived(n, p, whole)),
        }
        | own
    )


def _fields(part: str, fields: Iterable[CatalogueField]) -> Iterator[CatalogueField]:
    for field in fields:
        yield field.model_copy(update={"name": qualified(part, field.name), "header": None})


def _derived(part: str, view: DataSet, whole: Mapping[str, str | None]) -> Iterator[DerivedField]:
    own = {name: role for role, name in view.person.model_dump().items() if name is not None}
    for made in view.derived:
        role = own.get(made.source)
        source = whole.get(role) if role else None
        yield made.model_copy(
            update={
                "name": qualified(part, made.name),
                "source": source or qualified(part, made.source),
                "at": None if made.at is None else qualified(part, made.at),
            }
        )
