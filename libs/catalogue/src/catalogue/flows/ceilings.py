"""What the file of a local flow may not say, though it is well formed: nothing beyond our own.

A reviewed file may give a column a form that a rule, a law and a list of agreements stand behind. A
local flow has what the published data sets have, and no more: a column that they know under the
same name is what it is there, and nothing leaves in a form in which its like leaves nowhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from catalogue.fields import CatalogueField
from catalogue.flows.rules import flow_rules
from catalogue.model import DataSet
from catalogue.relations.words import Group
from catalogue.store import Problem, load
from catalogue.words import ColumnType, FieldClass, Identifier, Treatment

OF_A_PERSON: Final = frozenset(
    {
        Identifier.NHS_NUMBER,
        Identifier.LOCAL_PATIENT,
        Identifier.DATE_OF_BIRTH,
        Identifier.POSTCODE,
    }
)


def exceeded(data_set: DataSet) -> Iterator[Problem]:
    """What a file says beyond what a local flow may."""
    yield from _of_the_file(data_set)
    if not data_set.tables:
        yield from _of_people(data_set)
        yield from _of_columns(data_set.fields)
        return
    for at, table in enumerate(data_set.tables):
        yield from _of_columns(table.fields, f"tables/{at}/")
    for at, group in enumerate(data_set.groups):
        yield from (Problem(f"groups/{at}", said) for said in _of_a_group(group, data_set))


def _of_columns(fields: Iterable[CatalogueField], place: str = "") -> Iterator[Problem]:
    for at, field in enumerate(fields):
        yield from (Problem(f"{place}fields/{at}", said) for said in _of_a_column(field))


def _of_a_group(group: Group, data_set: DataSet) -> Iterator[str]:
    """Hold each group to what a flow of one table is held to; the loader holds the joins."""
    if not data_set.by_group[group.group].population:
        yield f"{group.group}: no table of it says for which commissioners a record is"
    if group.subjects == "patients":
        return
    tables = {name for part in group.parts for name in part.tables}
    named = {
        field.name
        for name in tables
        for field in data_set.by_table[name].fields
        if field.identifier in OF_A_PERSON
    }
    if named:
        told = ", ".join(sorted(named))
        yield f"{group.group}: subjects is patients, whom {told} would identify"


def _of_the_file(data_set: DataSet) -> Iterator[Problem]:
    rules = flow_rules()
    if not data_set.data_set.startswith(rules.name_begins_with):
        yield Problem("data_set", f"a local flow is named {rules.name_begins_with}…")
    if data_set.category not in rules.categories:
        yield Problem("category", f"is one of {', '.join(rules.categories)}")
    if data_set.disclosure_rule not in rules.disclosure_rules:
        named = ", ".join(rules.disclosure_rules)
        yield Problem("disclosure_rule", f"tables of local flows are shown by {named}")
    if data_set.identified_by:
        yield Problem("identified_by", "no local flow has a legal route to people's identity")
    if not (data_set.tables or data_set.population):
        yield Problem("population", "says for which commissioners a record is")
    if data_set.file.file_bytes_max > rules.bounds.file_bytes:
        yield Problem("file/file_bytes_max", f"is at most {rules.bounds.file_bytes} bytes")


def _of_people(data_set: DataSet) -> Iterator[Problem]:
    person = data_set.person
    if data_set.subjects == "patients":
        if person.nhs_number is None and person.local_id is None:
            yield Problem("person", "says by which number a patient is known; or nobody is told")
        return
    named = [f.name for f in data_set.fields if f.identifier in OF_A_PERSON]
    if named:
        yield Problem("subjects", f"is patients, whom {', '.join(named)} would identify")


def _of_a_column(field: CatalogueField) -> Iterator[str]:
    for name in {folded(field.name), folded(field.label)}:
        ours = _known().get(name)
        if ours is not None and (field.class_, field.identifier) not in ours:
            said = " or ".join(sorted(_said(*one) for one in ours))
            yield f"{field.name} has the name of a column that is {said} in published data sets"
            break
    what = field.class_, field.identifier
    beyond = sorted(set(field.treatments) - _forms().get(what, frozenset()))
    if beyond:
        yield f"{field.name}: no {_said(*what)} leaves as {', '.join(beyond)}"
    is_shaped = (field.codes or field.pattern or field.lookup or field.members) is not None
    if (
        field.type is ColumnType.TEXT
        and field.identifier is None
        and field.treatments
        and not (is_shaped or field.scan)
    ):
        yield f"{field.name} is a text that leaves: it has codes or a pattern, or is a `scan`"


def folded(name: str) -> str:
    """Give a name as it is compared: letters and digits alone, in lower case."""
    return "".join(one for one in name.casefold() if one.isalnum())


def _said(class_: FieldClass, identifier: Identifier | None) -> str:
    return str(class_) if identifier is None else f"{class_} ({identifier})"


@cache
def _known() -> Mapping[str, frozenset[tuple[FieldClass, Identifier | None]]]:
    """What columns of published data sets are that identify somebody, by name."""
    found: dict[str, set[tuple[FieldClass, Identifier | None]]] = {}
    for field in _fields():
        found.setdefault(folded(field.name), set()).add((field.class_, field.identifier))
    identifying = (n for n, of in found.items() if any(one is not None for _, one in of))
    return {name: frozenset(found[name]) for name in identifying}


@cache
def _forms() -> Mapping[tuple[FieldClass, Identifier | None], frozenset[Treatment]]:
    """In which forms columns of a class, and of what it identifies, leave of any published one."""
    found: dict[tuple[FieldClass, Identifier | None], set[Treatment]] = {}
    for field in _fields():
        found.setdefault((field.class_, field.identifier), set()).update(field.treatments)
    return {one: frozenset(of - {Treatment.IDENTIFIED}) for one, of in found.items()}


def _fields() -> Iterator[CatalogueField]:
    for data_set in load():
        tables = data_set.by_table.values() or (data_set,)
        yield from (field for table in tables for field in table.fields)
