"""What can be wrong between tables and groups, found when the file is loaded."""

from collections.abc import Iterable, Iterator, Mapping

from catalogue.fields import CatalogueField
from catalogue.relations.words import (
    OF,
    Group,
    Join,
    MadeAcross,
    Parent,
    Part,
    Relations,
    Table,
    split,
)
from catalogue.words import AGES, DAYS, Treatment

NAME_MAX = 64
"""Characters of a column with its group."""
OWN = frozenset({"title", "source", "header", "column", "mandatory", "examples"})
"""What two tables may say otherwise of a column that is one in a group."""


def problems(said: Relations, dated: str) -> Iterator[tuple[str, str]]:
    """Say what is wrong, each with its place. `dated` is the column by which rows have a month."""
    if twice := _twice(table.table for table in said.tables):
        yield "tables", f"named twice: {', '.join(twice)}"
    if twice := _twice(group.group for group in said.groups):
        yield "groups", f"named twice: {', '.join(twice)}"
    for at, table in enumerate(said.tables):
        for detail in _of_table(table, said, dated):
            yield f"tables/{at}", f"{table.table}: {detail}"
    in_order = {table.table for table in said.in_order()}
    known = set(said.by_name)
    circle = [
        t.table
        for t in said.tables
        if t.table not in in_order and {p.table for p in t.parents} <= known
    ]
    if circle:
        yield "tables", f"a circle: {', '.join(circle)} belong to one another"
    landed: dict[str, tuple[str, tuple[object, ...]]] = {}
    for at, group in enumerate(said.groups):
        for detail in (*_of_group(group, said), *_of_landed(group, said, landed)):
            yield f"groups/{at}", f"{group.group}: {detail}"


def _twice(names: Iterable[str]) -> list[str]:
    folded = [name.casefold() for name in names]
    return sorted({name for name in folded if folded.count(name) > 1})


def _of_table(table: Table, said: Relations, dated: str) -> Iterator[str]:
    if dated not in table.by_name:
        yield f"has no column {dated}, by which its rows have their month"
    if twice := _twice(table.key):
        yield f"key names {', '.join(twice)} twice"
    for name in table.key:
        yield from _of_key(table, name)
    if twice := _twice(parent.table for parent in table.parents):
        yield f"belongs to {', '.join(twice)} twice"
    for parent in table.parents:
        yield from _of_parent(table, parent, said)
    for derived in table.derived:
        if derived.derivation in {"records", "position"}:
            yield f"{derived.name}: what is made of several records is a group of its own"


def _of_key(table: Table, name: str) -> Iterator[str]:
    field = table.by_name.get(name)
    if field is None:
        yield f"key names {name}, which is not a column"
    elif not field.mandatory:
        yield f"key names {name}, without which a row may come: make it mandatory"
    elif name == table.person.nhs_number:
        yield f"key names {name}: a person's number is kept as the person"


def _of_parent(table: Table, parent: Parent, said: Relations) -> Iterator[str]:
    other = said.by_name.get(parent.table)
    if other is None:
        yield f"belongs to {parent.table}, which is not a table"
        return
    if not other.key:
        yield f"belongs to {parent.table}, which has no key"
        return
    if len(parent.by) != len(other.key):
        yield (
            f"belongs to {parent.table} by {', '.join(parent.by)}, whose key is"
            f" {', '.join(other.key)}"
        )
        return
    for name, key in zip(parent.by, other.key, strict=True):
        field, keyed = table.by_name.get(name), other.by_name.get(key)
        if field is None:
            yield f"belongs to {parent.table} by {name}, which is not a column"
        elif keyed is not None and _as_written(field) != _as_written(keyed):
            yield f"{name} is not written as {parent.table}{OF}{key}, which it names"
        elif parent.needed and not field.mandatory:
            yield f"{name} may be empty, and every row belongs to a row of {parent.table}"


def _as_written(field: CatalogueField) -> tuple[object, ...]:
    """Say what makes values of two columns equal where they are the same."""
    return field.type, field.identifier, field.normal, tuple(field.recode.items())


def _of_group(group: Group, said: Relations) -> Iterator[str]:
    known = {name for part in group.parts for name in part.tables}
    if unknown := sorted(known - set(said.by_name)):
        yield f"is made of {', '.join(unknown)}, which is not a table"
        return
    if twice := _twice(part.table for part in group.parts):
        yield f"has the rows of {', '.join(twice)} twice"
    for part in group.parts:
        yield from _of_part(group, part, said)
    for table in group.columns:
        if table not in known:
            yield f"columns names {table}, which is not in the group"
            continue
        its = said.by_name[table]
        for name in group.columns[table]:
            if name not in its.by_name and name not in its.made:
                yield f"columns names {table}{OF}{name}, which is not a column"
            elif len(group.group) + 1 + len(name) > NAME_MAX:
                yield f"{group.group}{OF}{name} is longer than {NAME_MAX} characters"
    yield from _of_same_names(group, said)
    yield from _of_made(group, said)
    yield from _of_links(group, said)


def _of_made(group: Group, said: Relations) -> Iterator[str]:
    """Check what a group makes of columns of two tables."""
    for made in group.derived:
        if len(group.group) + 1 + len(made.name) > NAME_MAX:
            yield f"{group.group}{OF}{made.name} is longer than {NAME_MAX} characters"
        parts = [part for part in group.parts if made in group.made_of(part)]
        if len(made.tables) < 2:
            yield f"{made.name} is made of one table, which makes it itself: say it there"
        elif not parts:
            yield (
                f"{made.name} is made of {' and '.join(sorted(made.tables))}, which do not stand"
                " side by side in any of its parts"
            )
        else:
            for part in parts:
                yield from _of_one_made(made, group, part, said)
    for part in group.parts:
        names = [name for name, _ in group.names(part)] + [m.name for m in group.made_of(part)]
        across = {made.name.casefold() for made in group.made_of(part)}
        if twice := sorted(across & set(_twice(names))):
            yield f"rows of {part.table} have {', '.join(twice)} twice"
    alike: dict[str, tuple[object, ...]] = {}
    for made in group.derived:
        inside = made.inside
        what = (inside.type, inside.class_, inside.source, inside.at, inside.derivation)
        if alike.setdefault(made.name, what) != what:
            yield f"{made.name} is made otherwise in another part: give it another name"


def _of_one_made(made: MadeAcross, group: Group, part: Part, said: Relations) -> Iterator[str]:
    """Check that both columns are there, that nothing else has their names, and what they are.

    A table of a part has one row at most beside each, which `_of_part` holds.
    """
    fields = []
    for table, name in map(split, (made.source, made.at)):
        field = said.by_name[table].by_name.get(name)
        if field is None:
            yield f"{made.name} is made of {table}{OF}{name}, which is not a column"
            return
        others = [n for n in part.tables if n != table and name in said.by_name[n].by_name]
        if others:
            yield (
                f"{made.name} is made of {table}{OF}{name}, and {', '.join(others)} has a column of"
                " that name too: give one of them another"
            )
        fields.append(field)
    first, last = fields
    if last.type not in DAYS or last.identifier is not None:
        yield f"{made.name}: `at` must name a date that identifies nobody, not {made.at}"
    if made.derivation in AGES:
        about = said.person_of(group, part)
        born = None if about is None else about.person.date_of_birth
        if about is None or split(made.source) != (about.table, born):
            yield f"{made.name} is an age of whom rows are about: made `from` their birth date"
    elif not (first.is_told_as_a_day and last.is_told_as_a_day):
        yield f"{made.name} counts days between dates that leave as they are"


def _of_part(group: Group, part: Part, said: Relations) -> Iterator[str]:
    if twice := _twice(part.tables):
        yield f"{part.table} is joined with {', '.join(twice)} twice"
        return
    beside = [said.by_name[part.table]]
    for join in part.joins:
        other = said.by_name[join.table]
        if not any(_is_parent(other, one) for one in beside):
            yield from _of_child(join, other, beside)
        elif join.latest is not None:
            yield f"{join.table} is joined by its key, so that there is no other than the latest"
        beside.append(other)
    yield from _of_whom(group, part, beside, said)
    if twice := _twice(name for name, _ in group.names(part)):
        yield f"rows of {part.table} have {', '.join(twice)} twice, from two tables"


def _of_child(join: Join, other: Table, beside: Iterable[Table]) -> Iterator[str]:
    """Check that of a table whose rows belong to those that are there one row at most is joined."""
    belonging = [p for p in other.parents if any(p.table == one.table for one in beside)]
    if not belonging:
        yield (
            f"{join.table} is joined on no key: it is no parent of what is there, and belongs to"
            " none of it"
        )
    elif join.latest is None and set(other.key) != set(belonging[0].by):
        yield (
            f"{join.table} has several rows for one of {belonging[0].table}, which would repeat"
            " rows (fan-out): say which counts by `latest`, or make them a group"
        )
    elif join.latest is not None and (
        join.latest not in other.by_name or other.by_name[join.latest].identifier is not None
    ):
        yield f"{join.table}: latest names {join.latest}, which is no column that can be compared"


def _of_whom(group: Group, part: Part, beside: Iterable[Table], said: Relations) -> Iterator[str]:
    people = [table.table for table in beside if table.is_about_people]
    if group.other is not None and group.subjects == "patients":
        yield from _of_other(group, part, said)
        people = [name for name in people if name != group.other]
    if group.subjects != "patients":
        if people:
            yield f"is about {group.subjects}, and is joined with {', '.join(people)}"
        return
    if not people:
        yield (
            f"rows of {part.table} lose their person (lost parent): join the table that says who"
            " it is, or say that the group is about nobody"
        )
    elif len(people) > 1:
        yield (
            f"rows of {part.table} have the people of {', '.join(people)}: name one table, or say"
            " by `other` who is the second"
        )
    elif people[0] != part.table and not _always_has(part, people[0], said):
        yield f"rows of {part.table} may have no row of {people[0]} (lost parent)"
    else:
        about = said.by_name[people[0]]
        number = about.by_name.get(about.person.nhs_number or "")
        named = group.columns.get(about.table, ())
        if number is not None and number.name in named and number.treatments:
            yield f"{number.name} is whom rows are about, who have a token"


def _of_other(group: Group, part: Part, said: Relations) -> Iterator[str]:
    """Check that the second person of a row is known, and is looked for as the first is."""
    other = said.by_name.get(group.other or "")
    if other is None or other.table not in part.tables:
        yield f"names {group.other} as the second person of rows of {part.table}, which have it not"
        return
    number = other.by_name.get(other.person.nhs_number or "")
    if number is None or number.name not in group.columns.get(other.table, ()):
        yield f"has no column with the number of {other.table}, whose people are second in its rows"
        return
    if number.treatments != (Treatment.PSEUDONYM,):
        yield f"{number.name} is the number of a second person: its one treatment is pseudonym"
    first = said.person_of(group, part)
    if first is None:
        return
    roles = first.person.model_dump()
    for role, name in other.person.model_dump().items():
        if name is not None and roles[role] is None and role in {"date_of_birth", "postcode"}:
            yield f"{name} is the {role} of a second person, and {first.table} has none"


def _always_has(part: Part, wanted: str, said: Relations) -> bool:
    """Say whether every row of a part has a row of that table beside it."""
    sure, grows = {part.table}, True
    while grows:
        found = {
            parent.table
            for name in sure
            for parent in said.by_name[name].parents
            if parent.needed and parent.table in part.tables
        }
        grows = not found <= sure
        sure |= found
    return wanted in sure


def _is_parent(other: Table, one: Table) -> bool:
    return any(parent.table == other.table for parent in one.parents)


def _of_same_names(group: Group, said: Relations) -> Iterator[str]:
    """Check that a column that comes from several tables is one and the same."""
    found: dict[str, tuple[str, Mapping[str, object]]] = {}
    for table, names in group.columns.items():
        its = said.by_name.get(table)
        for name in names:
            field = None if its is None else its.by_name.get(name) or its.made.get(name)
            if field is None:
                continue
            what = {k: v for k, v in field.model_dump().items() if k not in OWN}
            first, before = found.setdefault(name, (table, what))
            if before != what:
                yield f"{name} is another column in {table} than in {first}"


def _of_landed(
    group: Group, said: Relations, landed: dict[str, tuple[str, tuple[object, ...]]]
) -> Iterator[str]:
    """Check that a name is of one type in all groups, which lie in one file."""
    for table, names in group.columns.items():
        its = said.by_name.get(table)
        for name in names if its else ():
            field = its.by_name.get(name) if its else None
            made = its.made.get(name) if its else None
            what = (field.type, field.identifier) if field else (made and made.derivation, None)
            first, before = landed.setdefault(name, (group.group, what))
            if before != what:
                yield f"{name} is of another type than in {first}: give it another name"
    for across in group.derived:
        what = (across.derivation, None)
        first, before = landed.setdefault(across.name, (group.group, what))
        if before != what:
            yield f"{across.name} is of another type than in {first}: give it another name"


def _of_links(group: Group, said: Relations) -> Iterator[str]:
    others = {other.group: other for other in said.groups}
    for name, columns in group.links.items():
        if name not in others or name == group.group:
            yield f"links names {name}, which is not another group"
            continue
        for column in columns:
            for one in (group, others[name]):
                if all(column not in listed for listed in one.columns.values()):
                    yield f"links names {column}, which {one.group} has not"
        if "nobody" in {group.subjects, others[name].subjects}:
            yield f"links names {name}, and nobody's rows are linked"
