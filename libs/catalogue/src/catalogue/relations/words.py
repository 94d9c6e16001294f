"""The words for data sets of several tables: tables that are sent, and groups that are supplied.

A flat data set is one table that is supplied as it is. Of several tables each has columns of its
own and a key, and names the tables that its rows belong to; what is supplied are groups, each a
flattening: the rows of a table, beside each of which stands what belongs to it of others
(docs/adr/0086).
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, model_validator

from catalogue.fields import CatalogueField, DerivedField
from catalogue.parts import Person, Reason
from catalogue.words import Derivation, Name, Strict, Text

TABLE: Final = r"^[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$"
"""How tables and groups are called."""
OF: Final = "."
"""Between a group, or a table, and a column of it: `Care_Activities.Contact_Date`."""

TABLES_MAX: Final = 200
"""MHSDS has some fifty, CSDS 37."""
GROUPS_MAX: Final = 100
"""A line of an edition has the number of its group, which is below 256."""

TableName = Annotated[str, Field(pattern=TABLE, max_length=31)]
ColumnOfTable = Annotated[
    str, Field(pattern=r"^[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\.[A-Za-z0-9_]{1,64}$", max_length=96)
]
"""A column with its table: `MHS001MPI.PersonBirthDate`."""


class Parent(Strict):
    """A table to one row of which each row belongs."""

    table: TableName
    by: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Columns that hold the key of that row, in the order of its table's key."""
    needed: bool = True
    """Whether every row belongs to one; else it may leave these columns empty."""


class Table(Strict):
    """One table of a submission."""

    table: TableName
    title: str = ""
    grain: Text
    """What a row of it is."""
    needed: bool = True
    """Whether a submission has to have it; one that need not come is then empty."""
    key: tuple[Name, ...] = ()
    """Columns by which a row is known; no two rows of a submission have the same."""
    parents: tuple[Parent, ...] = ()
    person: Person = Person()
    """Where a row says whom it is about."""
    population: Mapping[Literal["S", "P", "G", "H", "R", "C", "L"], Reason] = {}
    """Which reasons for access its rows give."""
    fields: Annotated[tuple[CatalogueField, ...], Field(min_length=1)]
    derived: tuple[DerivedField, ...] = ()
    source: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, CatalogueField]:
        return {field.name: field for field in self.fields}

    @cached_property
    def made(self) -> Mapping[str, DerivedField]:
        """What landing makes of its columns, by name."""
        return {derived.name: derived for derived in self.derived}

    @property
    def is_about_people(self) -> bool:
        """Whether it says of people who they are, and not only to whom its rows belong."""
        return self.person.nhs_number is not None


class Join(Strict):
    """A table of which one row at most stands beside each row."""

    table: TableName
    latest: Name | None = None
    """Of several rows the one with the latest value counts; of two with the same the later line."""

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, said: Any) -> Any:
        return {"table": said} if isinstance(said, str) else said


class Part(Strict):
    """Rows of one table, and what stands beside each."""

    table: TableName
    """Each of its rows is a row of the group."""
    joins: tuple[Join, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.table, *(join.table for join in self.joins))


class MadeAcross(DerivedField):
    """A safe form that is made of columns of two tables, whose rows stand side by side."""

    source: Annotated[ColumnOfTable, Field(alias="from")]
    at: ColumnOfTable
    """The date at which an age is taken, or at which a number of days ends."""
    derivation: Literal[Derivation.AGE_YEARS, Derivation.AGE_BAND, Derivation.DAYS]

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(split(name)[0] for name in (self.source, self.at))

    @property
    def inside(self) -> DerivedField:
        """Give it by the names that its columns have in the group."""
        said = {name: getattr(self, name) for name in DerivedField.model_fields}
        return DerivedField.model_construct(
            **(said | {"source": plain(self.source), "at": plain(self.at)})
        )


class Group(Strict):
    """What is supplied: one file."""

    group: TableName
    title: str = ""
    grain: Text
    """What a row of it is."""
    subjects: Literal["patients", "staff", "nobody"] = "patients"
    """Whom its rows are about: of nobody no row has a token."""
    links: Mapping[TableName, tuple[Name, ...]] = {}
    """By which columns its rows are joined with those of another group, besides the token."""
    other: TableName | None = None
    """Of two people in a row the table that says who the second is: a mother's baby. The row's
    token is that of the first; the second's number leaves as a token of a kind of its own."""
    parts: Annotated[tuple[Part, ...], Field(alias="from", min_length=1, max_length=TABLES_MAX)]
    """One behind the other."""
    columns: Annotated[Mapping[TableName, tuple[Name, ...]], Field(min_length=1)]
    """Of each table, those that the group has."""
    derived: tuple[MadeAcross, ...] = ()
    """What is made of two tables; of several parts each says it of its own tables."""
    source: str = ""

    def made_of(self, part: Part) -> Iterator[MadeAcross]:
        """Give what is made of the tables that stand beside rows of a part."""
        yield from (made for made in self.derived if made.tables <= {*part.tables})

    def names(self, part: Part) -> Iterator[tuple[str, str]]:
        """Give the columns that rows of a part have, each with its table."""
        for table in self.columns:
            if table in part.tables:
                yield from ((name, table) for name in self.columns[table])


class Beside(NamedTuple):
    """A group that is joined with another: by the same columns in both."""

    group: str
    with_: str
    by: tuple[str, ...]


class Relations(Strict):
    """Tables and groups of one data set."""

    tables: Annotated[tuple[Table, ...], Field(min_length=1, max_length=TABLES_MAX)]
    groups: Annotated[tuple[Group, ...], Field(min_length=1, max_length=GROUPS_MAX)]

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        return {table.table: table for table in self.tables}

    def in_order(self) -> Iterator[Table]:
        """Give the tables, each behind those that it belongs to; those of a circle never."""
        given: set[str] = set()
        waiting = list(self.tables)
        while waiting:
            ready = [t for t in waiting if {p.table for p in t.parents} <= given]
            if not ready:
                return
            yield from ready
            given |= {table.table for table in ready}
            waiting = [table for table in waiting if table.table not in given]

    def person_of(self, group: Group, part: Part) -> Table | None:
        """Return the table that says whom the rows of a part are about."""
        about = (self.by_name[n] for n in part.tables if self.by_name[n].is_about_people)
        return next((table for table in about if table.table != group.other), None)

    def of_group(self, name: str) -> Group:
        """Raise KeyError where there is none."""
        return {group.group: group for group in self.groups}[name]

    def key_of(self, group: Group) -> tuple[str, ...]:
        """Return by what a row of a group is known: the key of the table whose rows it has."""
        return self.by_name[group.parts[0].table].key if len(group.parts) == 1 else ()

    def above(self, name: str) -> tuple["Beside", ...]:
        """Give the groups to one row of which each row of this one belongs, the nearest first.

        Also those to which these belong: from any row a way leads to one row at most of each.
        """
        found: dict[str, Beside] = {}
        waiting = [name]
        while waiting:
            at = waiting.pop(0)
            for one in self.groups:
                by = self._named_by(at, one)
                if by and one.group not in {name, *found}:
                    found[one.group] = Beside(one.group, at, by)
                    waiting.append(one.group)
        return tuple(found.values())

    @cached_property
    def joined(self) -> Mapping[str, frozenset[str]]:
        """By group those to one row of which each row of it belongs."""
        return {
            one.group: frozenset(other.group for other in self.above(one.group))
            for one in self.groups
        }

    def origin(self, name: str) -> str:
        """Name a group's column by the table that it comes from: two groups may have the same.

        Also one that rows of the group rest on without showing it. What is made across tables comes
        from none.
        """
        return self._origins.get(name, name)

    @cached_property
    def _origins(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for group in self.groups:
            for part in group.parts:
                for name, table in group.names(part):
                    said = qualified(group.group, name)
                    found[said] = min(found.get(said, f"{table}{OF}{name}"), f"{table}{OF}{name}")
            for part in group.parts:
                for name, table in self._rests_on(group, part):
                    found.setdefault(qualified(group.group, name), qualified(table, name))
        return found

    def _rests_on(self, group: Group, part: Part) -> Iterator[tuple[str, str]]:
        """Give of what a part's safe forms are made, each with its table."""
        for made in group.made_of(part):
            yield from ((plain(name), split(name)[0]) for name in (made.source, made.at))
        for name, table in group.names(part):
            form = self.by_name[table].made.get(name)
            if form is not None:
                yield from ((one, table) for one in (form.source, form.at) if one is not None)

    def below(self, name: str) -> tuple["Beside", ...]:
        """Give the groups of which several rows may belong to one row of this one, by its key."""
        named = self.of_group(name)
        found = ((one.group, self._named_by(one.group, named)) for one in self.groups)
        return tuple(Beside(group, name, by) for group, by in found if by)

    def _named_by(self, name: str, other: Group) -> tuple[str, ...]:
        """Name the columns by which rows of a group name one row of another."""
        key, group = self.key_of(other), self.of_group(name)
        by = group.links.get(other.group) or other.links.get(name) or ()
        return key if name != other.group and key and set(by) == set(key) else ()


def qualified(part: str, name: str) -> str:
    """Name a column of a group, or of a table, as it is known in the whole data set."""
    return f"{part}{OF}{name}"


def plain(name: str) -> str:
    """Give the column that a name says, without its group."""
    return split(name)[1]


def split(name: str) -> tuple[str, str]:
    """Give group and column of a qualified name; a column of a flat data set is of no group."""
    part, _, column = name.rpartition(OF)
    return part, column
