"""What can be counted of a data set, by which categories, and how these nest: dated data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from catalogue.filtering import filterable
from catalogue.grouping import LEVELS
from catalogue.model import DataSet
from catalogue.relations import plain, qualified, split
from catalogue.relations.words import OF
from catalogue.words import (
    NUMBERS,
    OF_RECORDS,
    ColumnType,
    Derivation,
    FieldClass,
    Name,
    Strict,
    Text,
    versions_of,
)

PEOPLE: Final = ("people", "second_people", "pairs")
"""Roles in which rows name people: whom they are about, the second one, and both together."""
WITH: Final = "with_"
"""Before a group's name in lower case: of another group those rows to which rows of it belong."""


class OfRows(Strict):
    """Which rows a measure counts."""

    column: Name
    any_of: Annotated[tuple[Text, ...], Field(min_length=1)]


class Statistic(Strict):
    """A number that is printed beside a count, and hidden with it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    title: Text
    form: Literal["percentage", "fte", "expected", "ratio", "mean", "median"]
    """`percentage`: the count of all that the records number. `fte`: the sum of a column over what
    is counted. `expected`: the sum over all records; `ratio`: the count by it. Mean and median are
    of the column over what is counted."""
    column: Name | None = None

    @model_validator(mode="after")
    def _has_its_column(self) -> Self:
        if (self.form == "percentage") != (self.column is None):
            raise ValueError("a percentage has no column, and everything else one")
        return self


class CountOf(Strict):
    """Something that is counted, and what it counts as far as disclosure rules go."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    title: Text
    counts: Literal["people", "events", "headcount"]
    subjects: tuple[Literal["patients", "staff", "nobody"], ...]
    """Of data sets about whom; where `data_sets` names some, of these alone."""
    data_sets: tuple[Name, ...] = ()
    of_groups: bool = False
    """Of groups alone, and of no flat data set."""
    groups: tuple[Name, ...] = ()
    """Of these groups alone."""
    of: Literal["records", "people", "second_people", "pairs"] = "records"
    """`people`: everybody once, by the first record that is counted; where rows name two people,
    `second_people` are the second ones, and `pairs` both as one."""
    where: OfRows | None = None
    valued: Name | None = None
    """Only records that have a value here."""
    beside: tuple[Statistic, ...] = ()
    source: Text

    @property
    def is_of_a_part(self) -> bool:
        """Say whether the records that it leaves out are in what is printed beside it."""
        return any(one.form in {"percentage", "expected", "ratio"} for one in self.beside)

    @property
    def columns(self) -> frozenset[str]:
        named = {one.column for one in self.beside} | {self.valued}
        named |= {None if self.where is None else self.where.column}
        return frozenset(name for name in named if name is not None)

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if self.is_of_a_part and self.where is None:
            raise ValueError("a share is of those that `where` names")
        if self.of != "records" and self.valued is not None:
            raise ValueError("people are counted by their first record, whatever it has")
        return self

    def is_of(self, data_set: DataSet) -> bool:
        named = not self.data_sets or data_set.data_set in self.data_sets
        if self.groups or self.of_groups:
            named = named and data_set.part in (self.groups or {data_set.part} - {""})
        there = data_set.by_name.keys() | {one.name for one in data_set.derived}
        has_people = {
            "records": True,
            "people": data_set.person.nhs_number is not None,
            "second_people": data_set.other.nhs_number is not None,
            "pairs": data_set.other.nhs_number is not None,
        }[self.of]
        return named and has_people and self.columns <= there and data_set.subjects in self.subjects

    def grain(self, data_set: DataSet) -> str:
        """Say what one of what is counted is, of a group."""
        if self.of != "records":
            return f"{ROLES[self.of]}, by the first {data_set.grain}"
        below = "" if self.valued is None else split(self.valued)[0]
        return f"{data_set.grain}, to which rows of {below} belong" if below else data_set.grain


ROLES: Final = {
    "people": "person whom rows are about",
    "second_people": "second person whom rows name",
    "pairs": "pair of both people whom rows name",
}


class Described(NamedTuple):
    """What can be counted, as whoever asks for a table is told."""

    name: str
    title: str
    grain: str
    cut_by: tuple[str, ...]


class Tabulating(Strict):
    """One version of what can be counted of every data set."""

    rule: Annotated[str, Field(pattern=r"^tables/\d+$")]
    valid_from: date
    measures: tuple[CountOf, ...]
    by_agreement: frozenset[Text]
    """Disclosure rules whose parameters are those of the agreement."""
    nestings: tuple[tuple[Derivation, ...], ...]
    grouped: frozenset[Name]
    """Columns of organisations that lie in boards and regions."""
    geography: frozenset[Derivation]
    practices: frozenset[Name]
    """Columns that say a practice: what is counted by them is output at practice level."""

    def measures_of(self, data_set: DataSet) -> Sequence[CountOf]:
        """Return what can be counted of it: of several tables by group, `Referrals.records`."""
        if data_set.groups:
            return [
                one.model_copy(update={"name": qualified(group, one.name)})
                for group, view in data_set.by_group.items()
                for one in self.measures_of(view)
            ]
        own = [one for one in self.measures if one.is_of(data_set)]
        return own + [_with_rows_of(group, data_set) for group in data_set.below if own]

    def measure(self, data_set: DataSet, name: str) -> CountOf | None:
        return next((one for one in self.measures_of(data_set) if one.name == name), None)

    def described(self, data_set: DataSet) -> Iterator["Described"]:
        """Say of all that can be counted what one of each is, and by which groups it is cut."""
        for one in self.measures_of(data_set):
            group = split(one.name)[0]
            view = data_set.by_group[group] if group else data_set
            above = data_set.relations.above(group) if group else ()
            groups = (group, *(beside.group for beside in above)) if group else ()
            yield Described(one.name, one.title, one.grain(view), groups)

    def topics(self, data_set: DataSet, columns: Iterable[str]) -> frozenset[str]:
        """Say what a table is on that is made by these columns, where that is protected further."""
        made = {one.name: one.source for one in data_set.derived}
        fields = (data_set.by_name.get(made.get(name, name)) for name in columns)
        return frozenset(field.topic for field in fields if field is not None and field.topic)

    def is_dimension(self, data_set: DataSet, name: str) -> bool:
        """Say whether the column has categories: codes and labels, and no text that people write.

        Whole numbers are categories, as an age in years is; amounts are not.
        """
        allowed = filterable(data_set, name)
        if allowed is None or allowed.separator is not None:
            return False
        if data_set.releasables[name].type in NUMBERS:
            return data_set.releasables[name].type is ColumnType.INTEGER
        field = data_set.by_name.get(name)
        if field is None:
            return True
        is_code = field.codes is not None or field.pattern is not None
        return is_code and not field.scan

    def nests_in(self, data_set: DataSet, name: str) -> frozenset[str]:
        """Name the columns of which each category holds whole categories of this one."""
        form = data_set.forms.get(name)
        if form is None:
            return frozenset()
        above = {
            coarser
            for chain in self.nestings
            if form.derivation in chain
            for coarser in chain[chain.index(form.derivation) + 1 :]
        }
        return frozenset(
            other.name
            for other in data_set.forms.values()
            if other.derivation in above
            and (other.source, other.at) == (form.source, form.at)
            and split(other.name)[0] == split(name)[0]
        )

    def are_related(self, data_set: DataSet, one: str, other: str) -> bool:
        """Say whether both columns are made of the same value: one may tell the other."""
        forms = [data_set.forms.get(name) for name in (one, other)]
        of_records = {f.source for f in forms if f is not None and f.derivation in OF_RECORDS}
        if len(of_records) == 1 and all(f is not None and f.source in of_records for f in forms):
            return True  # the third of something is of three at least
        made = [(form.source, form.at) for form in forms if form is not None]
        return len(made) == len(forms) and made[0] == made[1]

    def groupings(self, data_set: DataSet) -> Mapping[str, frozenset[str]]:
        """Give by column and by each group of it the groups that are coarser."""
        found: dict[str, frozenset[str]] = {}
        of_practices = practices_of(data_set)
        for name in data_set.releasables:
            is_grouped = plain(name) in self.grouped | of_practices
            if not is_grouped or not self.is_dimension(data_set, name):
                continue
            levels = LEVELS if plain(name) in of_practices else LEVELS[1:]
            chain = [name, *(f"{name}__{level}" for level in levels)]
            for at, one in enumerate(chain):
                found[one] = frozenset(chain[at + 1 :])
        return found

    def is_geography(self, data_set: DataSet, name: str) -> bool:
        """Say whether the categories are the units that the nation is made of."""
        if data_set.releasables[name].class_ is FieldClass.ORG:
            return True
        form = data_set.forms.get(name)
        return form is not None and form.derivation in self.geography

    def is_practice(self, data_set: DataSet, name: str) -> bool:
        """Say whether the categories are practices: by their name, or by what reasons rest on."""
        return plain(name) in self.practices | practices_of(data_set)

    def problems_with(self, data_sets: Iterable[DataSet]) -> Iterator[str]:
        """Say which data sets or columns of the rules nobody has described."""
        known: dict[str, set[str]] = {}
        for described in data_sets:
            columns = known.setdefault(described.data_set, set())
            columns.update(described.by_name, (one.name for one in described.derived))
        for one in self.measures:
            yield from (f"there is no data set {n}" for n in one.data_sets if n not in known)
            for name in one.data_sets:
                wanted = {
                    qualified(group, column)
                    for group in one.groups or [""]
                    for column in one.columns
                }
                wanted = {column.removeprefix(OF) for column in wanted}
                for column in sorted(wanted - known.get(name, set())):
                    yield f"{name} has no column {column}"


def practices_of(data_set: DataSet) -> frozenset[str]:
    """Name the columns of practices by which reasons are found, without their groups."""
    of_reasons = (r.field for r in data_set.population.values() if r.source == "practice")
    return frozenset(plain(name) for name in of_reasons if name is not None)


def _with_rows_of(group: str, data_set: DataSet) -> CountOf:
    """Count the rows of a group to which rows of another belong, each once."""
    said = CountOf(
        name=f"{WITH}{group.lower()}",
        title=f"{data_set.part.replace('_', ' ')} with {group.replace('_', ' ')}",
        counts="events",
        subjects=(data_set.subjects,),
        source="docs/domain/6-data-sets.md 6.6 and 6.10 (what rows of the group belong to)",
    )
    return said.model_copy(update={"valued": qualified(group, "")})


@cache
def tabulating() -> Tabulating:
    """Give the newest rules."""
    found = versions_of(Tabulating, "tables")
    return max(found, key=lambda one: (one.valid_from, int(one.rule.partition("/")[2])))
