"""What a data set file says: its columns, what each is, and what may leave in which form.

A file is immutable once published; a change is a new version beside it. The digest is over the
canonical JSON (RFC 8785) of the validated file, so that white space and comments do not count.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from catalogue.fields import CatalogueField, DerivedField
from catalogue.parts import Confidentiality, FileFormat, Lookup, Person, Reason
from catalogue.periods import Availability, Periods, added, months_of_days
from catalogue.relations.words import Group, Relations, Table
from catalogue.words import (
    AGES,
    DAYS,
    GIVEN,
    MOMENTS,
    NUMBERS,
    OF_A_DATE,
    OF_A_POSTCODE,
    OF_AN_EVENT,
    OF_RECORDS,
    ColumnType,
    Derivation,
    FieldClass,
    Identifier,
    Name,
    Strict,
    Text,
    Treatment,
    without,
)


class Releasable(Strict):
    """A column by the name an agreement's line knows it."""

    name: str
    class_: Annotated[FieldClass, Field(alias="class")]
    type: ColumnType
    treatments: tuple[Treatment, ...]
    source: str
    identifier: Identifier | None = None
    assumed: bool = False
    """Nobody published that the data set has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A column that is a safe form of something: made at landing, or told by the file itself."""

    name: str
    source: str
    """The column that it is made of; a form that the file tells of a person has the person's."""
    derivation: Derivation
    identifier: Identifier | None
    """What the source identifies a person by."""
    at: str | None = None
    edges: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def is_age(self) -> bool:
        return self.identifier is Identifier.DATE_OF_BIRTH and (
            self.derivation in AGES or self.derivation is Derivation.BAND
        )

    def band_of(self, age: int) -> str:
        """Say in which of its own bands an age is."""
        return self.labels[sum(edge <= age for edge in self.edges)]


class DataSet(Strict):
    """One version of one data set."""

    data_set: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,31}$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    title: str
    description: str
    category: Name | None = None
    """Of a local flow: which of the categories of local provider flows it is."""
    source: str
    valid_from: date
    valid_to: date | None = None
    grain: str
    subjects: Literal["patients", "staff", "nobody"] = "patients"
    """Whom its records are about."""
    coverage: Literal["complete", "selection"] = "complete"
    """Whether it has every column of its source, or those of which the source is public."""
    specification: str = ""
    legal_bases: tuple[Text, ...] = ()
    identified_by: tuple[Literal["consent", "section_251", "other_law"], ...] = ()
    """Legal routes by which people's identity may be in an extract; none: it never is."""
    lag: str = ""
    publications: tuple[Text, ...] = ()
    """What is published of it, and may answer a question already."""
    sources: tuple[Text, ...] = ()
    sensitivity: Literal["SENSITIVE", "NON_SENSITIVE"]
    file: FileFormat = FileFormat()
    periods: Periods
    refresh: Literal["replaced", "editions", "final_at_publication"]
    publication_gate: bool
    availability: Availability | None = None
    disclosure_rule: str
    lookups: Mapping[Name, Lookup] = {}
    person: Person = Person()
    population: Mapping[Literal["S", "P", "G", "H", "R", "C", "L"], Reason]
    confidentiality: Confidentiality | None = None
    fields: Annotated[tuple[CatalogueField, ...], Field(min_length=1)]
    derived: tuple[DerivedField, ...] = ()
    tables: tuple[Table, ...] = ()
    """What is sent, where that is several tables; `fields` are then those of its groups."""
    groups: tuple[Group, ...] = ()
    """What is supplied of several tables: one file each."""
    digest: str = ""
    part: Annotated[str, Field(exclude=True)] = ""
    """The table or the group that this is, of a data set that has some."""
    other: Annotated[Person, Field(exclude=True)] = Person()
    """Where a row of a group says who the second person is that it names."""
    names_two: Annotated[bool, Field(exclude=True)] = False
    """Whether each row of a group names a second person, and none may lack one."""
    below: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    """Groups of which several rows may belong to one row of this one."""
    unseen: Annotated[frozenset[str], Field(exclude=True)] = frozenset()
    """Columns of its tables that rows of a group rest on, and that are not of it."""
    _by_table: Mapping[str, "DataSet"] = PrivateAttr(default_factory=dict)
    _by_group: Mapping[str, "DataSet"] = PrivateAttr(default_factory=dict)
    _as_sent: "DataSet | None" = PrivateAttr(default=None)

    def keep_parts(
        self, tables: Mapping[str, "DataSet"], groups: Mapping[str, "DataSet"], sent: "DataSet"
    ) -> None:
        """Keep what its tables and groups are, each as a data set by itself."""
        self._by_table, self._by_group, self._as_sent = tables, groups, sent

    @property
    def by_table(self) -> Mapping[str, "DataSet"]:
        """Its tables, each as a data set by itself; none where it is one table."""
        return self._by_table

    @property
    def by_group(self) -> Mapping[str, "DataSet"]:
        """Its groups, each as a data set by itself; none where it is supplied as it is sent."""
        return self._by_group

    @property
    def as_sent(self) -> "DataSet":
        """The columns that are sent, each named with its table; itself where that is one table."""
        return self if self._as_sent is None else self._as_sent

    @cached_property
    def relations(self) -> Relations:
        """How tables and groups hang together. Raise ValueError where there are none."""
        return Relations(tables=self.tables, groups=self.groups)

    def origin(self, name: str) -> str:
        """Name a column of several tables by the table that it comes from."""
        return self.relations.origin(name) if self.groups else name

    @property
    def is_about_nobody(self) -> bool:
        """Whether it is a group of rows that are about nobody, so that none has a token."""
        return self.part != "" and self.subjects == "nobody"

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        without(self, self._of_names())
        found = (*self._of_person(), *self._of_identity(), *self._of_population())
        return without(self, (*found, *self._of_dates()))

    def _of_identity(self) -> Iterator[str]:
        has_identity = any(Treatment.IDENTIFIED in f.treatments for f in self.fields)
        if has_identity and not self.identified_by:
            yield "a column leaves as the identity, and `identified_by` names no legal route"
        if self.identified_by and not has_identity:
            yield "identified_by names a legal route, and no column leaves as the identity"
        if len(set(self.identified_by)) < len(self.identified_by):
            yield "identified_by names a legal route twice"

    def _of_names(self) -> Iterator[str]:
        names = [f.name for f in self.fields] + [d.name for d in self.derived]
        folded = [n.casefold() for n in names]
        if twice := sorted({n for n in names if folded.count(n.casefold()) > 1}):
            yield f"named twice: {', '.join(twice)}"
        if reserved := sorted({n for n in folded if n in RESERVED or "__" in n}):
            yield f"reserved for the landing: {', '.join(reserved)}"
        labels = [said for f in self.fields for said in {f.label.casefold(), f.name.casefold()}]
        if same := sorted({label for label in labels if labels.count(label) > 1}):
            yield f"headers that are the same: {', '.join(same)}"
        for field in self.fields:
            if field.lookup is not None and field.lookup not in self.lookups:
                yield f"fields.{field.name} names {field.lookup}, which is not under `lookups`"
        for where, name in self._references():
            if name not in self.by_name:
                yield f"{where} names {name}, which is not a field"

    def _of_person(self) -> Iterator[str]:
        for role, wanted in PERSONAL.items():
            name = getattr(self.person, role)
            if name is not None and self.by_name[name].identifier is not wanted:
                yield f"person.{role} must name a field of the identifier type {wanted}"
        local = self.person.local_id
        if local is not None and self.by_name[local].class_ is not FieldClass.LI:
            yield "person.local_id must name a field of class LI"
        told = {name for name in self.person.model_dump().values() if name is not None}
        if self.subjects == "nobody" and told:
            yield "person says who a record is about, and subjects says nobody"
        if self.subjects != "patients":
            if self.person.nhs_number is not None:
                yield "only patients are known by an NHS number"
            if letters := sorted(set(self.population) & {"G", "H", "L"}):
                yield f"population.{letters[0]}: only patients have a commissioner of their own"

    def person_as_a_column(self) -> tuple[str, str] | None:
        """Find the number of whom records are about as a column; say where, and what is wrong."""
        for at, field in enumerate(self.fields):
            is_it = field.name == self.person.nhs_number
            if is_it and not set(field.treatments) <= {Treatment.IDENTIFIED}:
                return f"fields/{at}", f"{field.name} is whom records are about, who have a token"
        return None

    def _of_dates(self) -> Iterator[str]:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            yield "valid_to is before valid_from"
        yield from self._of_snapshots()
        if self.availability is not None and not self.publication_gate:
            yield "availability says when it is published, and nothing waits for that"
        if self.refresh == "final_at_publication" and not self.publication_gate:
            yield "refresh is final at publication, and nothing waits for that"
        dated = self.by_name[self.periods.field]
        if dated.type not in DAYS or dated.identifier or not dated.mandatory:
            yield "periods.field must name a mandatory date that is no identifier"
        for derived in self.derived:
            yield from self._of_derived(derived)

    def _of_snapshots(self) -> Iterator[str]:
        name = self.periods.snapshots_by
        if name is None:
            return
        codes = self.by_name[name].codes if name in self.by_name else None
        if codes is None:
            yield f"periods.snapshots_by names {name}, which is not a column with codes"
            return
        named = {code for one in self.periods.snapshots for code in one.codes}
        if unknown := sorted(named.difference(codes)):
            yield f"periods.snapshots names codes that {name} has not: {', '.join(unknown)}"

    def _of_population(self) -> Iterator[str]:
        for letter, reason in self.population.items():
            if reason.field is None:
                continue
            found = self.by_name[reason.field].identifier
            if (letter == "L") != (reason.source == "local_authority"):
                yield f"population.{letter}: L, and only L, is found by local_authority"
            if reason.source in OF_A_HOME:
                if found is not Identifier.POSTCODE:
                    yield f"population.{letter} must name a postcode"
            elif found is not None:
                yield f"population.{letter} must name no identifier"

    def _of_derived(self, derived: DerivedField) -> Iterator[str]:
        source, form = self.by_name[derived.source], derived.derivation
        if form in OF_A_DATE and source.type not in DAYS:
            yield f"derived.{derived.name} must be made `from` a date"
        elif form in OF_A_POSTCODE and source.identifier is not Identifier.POSTCODE:
            yield f"derived.{derived.name} must be made `from` a postcode"
        elif form in OF_AN_EVENT and (source.type not in TYPES_OF_EVENT[form] or source.identifier):
            kinds = " or ".join(sorted(TYPES_OF_EVENT[form]))
            yield f"derived.{derived.name} must be made `from` a {kinds} that identifies nobody"
        elif form is Derivation.BAND:
            yield from self._of_band(derived, source)
        elif form is Derivation.DAYS:
            yield from self._of_days(derived)
        elif form in OF_RECORDS and source.identifier is not Identifier.LOCAL:
            yield f"derived.{derived.name} must be made `from` a local identifier of something"
        if derived.at and self.by_name[derived.at].type not in DAYS:
            yield f"derived.{derived.name}: `at` must name a date"
        wanted = INTEGERS.get(form, ColumnType.TEXT)
        if form is Derivation.DATE:
            wanted = ColumnType.DATE
        if form in TYPED and derived.type is not wanted:
            yield f"derived.{derived.name}: {form} is a {wanted}"

    def _of_days(self, derived: DerivedField) -> Iterator[str]:
        """Check that both dates could be told themselves; of unseen ones tables are asked."""
        for name in (derived.source, derived.at or ""):
            if name not in self.unseen and not self.by_name[name].is_told_as_a_day:
                yield f"derived.{derived.name} counts days between dates that leave as they are"

    @staticmethod
    def _of_band(derived: DerivedField, source: CatalogueField) -> Iterator[str]:
        if source.type not in NUMBERS | MOMENTS:
            yield f"derived.{derived.name} must be made `from` a number or a time"
        highest = source.limit
        if source.type in MOMENTS:
            highest = 23
        if highest is not None and derived.edges[-1] > highest:
            yield f"derived.{derived.name}: no band begins above {highest}"

    def _references(self) -> list[tuple[str, str]]:
        person = [
            ("person." + key, value)
            for key, value in self.person.model_dump().items()
            if value is not None
        ]
        reasons = [(f"population.{k}", r.field) for k, r in self.population.items() if r.field]
        sources = [(f"derived.{d.name}", d.source) for d in self.derived]
        dates = [(f"derived.{d.name}", d.at) for d in self.derived if d.at]
        hidden = [("confidentiality", self.confidentiality.field)] if self.confidentiality else []
        return [*person, ("periods", self.periods.field), *reasons, *sources, *dates, *hidden]

    @cached_property
    def by_name(self) -> Mapping[str, CatalogueField]:
        return {f.name: f for f in self.fields}

    @cached_property
    def by_header(self) -> Mapping[str, str]:
        """Columns by what files may call them, in lower case."""
        return {f.label.casefold(): f.name for f in self.fields} | {
            f.name.casefold(): f.name for f in self.fields
        }

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """Columns that are a safe form of something, by name."""
        made = {d.name: self._form(d) for d in self.derived}
        told = {f.name: form for f in self.fields if (form := self._given_form(f)) is not None}
        return made | told

    def _given_form(self, field: CatalogueField) -> Form | None:
        if field.tells is None:
            return None
        identifier = GIVEN[field.tells]
        role = next(role for role, wanted in PERSONAL.items() if wanted is identifier)
        return Form(
            name=field.name,
            source=getattr(self.person, role) or f"person.{role}",
            derivation=field.tells,
            identifier=identifier,
        )

    def _form(self, derived: DerivedField) -> Form:
        source = self.by_name[derived.source]
        told = self._given_form(source)
        return Form(
            name=derived.name,
            source=told.source if told else derived.source,
            derivation=derived.derivation,
            identifier=told.identifier if told else source.identifier,
            at=derived.at,
            edges=derived.edges,
            labels=tuple(derived.labels()) if derived.edges else (),
        )

    def within(self, first: date, last: date) -> "DataSet":
        """Give the data set as files of these days are read: members and snapshots are of then.

        Its digest stays that of the published file.
        """
        periods = self.periods
        if all(field.members is None for field in self.fields) and not periods.snapshots_by:
            return self
        months = [
            f"{added(first.replace(day=1), n):%Y-%m}" for n in range(months_of_days(first, last))
        ]
        fields = tuple(
            field.of_codes(periods.codes_in(months, field.codes or ()))
            if field.name == periods.snapshots_by
            else field.within(first, last)
            for field in self.fields
        )
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return DataSet.model_construct(**(said | {"fields": fields}))

    def serves(self, line: "DataSet", names: Iterable[str]) -> bool:
        """Say whether what was landed of this version has another version's columns in it.

        They are the same where their type, identifier and derivation are; how they were read is
        the landing rules' affair, and what may leave is the line's.
        """
        same = (
            self.person == line.person
            and all(self.population.get(k) == said for k, said in line.population.items())
            and self.periods.field == line.periods.field
            and self.periods.unit == line.periods.unit
        )
        landed = {part for name in names for part in line.landed(name)}
        return same and all(self.meaning(name) == line.meaning(name) for name in landed)

    def landed(self, name: str) -> tuple[str, ...]:
        """Name the landed columns that a column is read from: itself, or those of its records."""
        made = next((d for d in self.derived if d.name == name), None)
        if made is None or made.derivation not in OF_RECORDS:
            return (name,)
        return (made.source, *([made.at] if made.at else []))

    @cached_property
    def made_at_landing(self) -> tuple[DerivedField, ...]:
        """Columns that landing makes; the others are made of several records when asked for."""
        return tuple(d for d in self.derived if d.derivation not in OF_RECORDS)

    def meaning(self, name: str) -> tuple[object, ...]:
        """What a column holds, as far as landing goes; of this version alone where it has none."""
        for field in self.fields:
            if field.name == name:
                more = (
                    tuple(field.recode.items()),
                    field.limit,
                    field.tells,
                    field.lookup,
                    field.separator,
                    field.normal,
                )
                return (name, field.type, field.identifier, field.scan, *more)
        for made in self.derived:
            if made.name == name:
                return (name, made.type, made.source, made.at, made.derivation, made.edges)
        return (name, self.digest)

    @cached_property
    def releasables(self) -> Mapping[str, Releasable]:
        """Every column that an agreement's line can name, by name."""
        raw = {
            f.name: Releasable(
                name=f.name,
                class_=f.class_,
                type=f.type,
                treatments=f.treatments,
                source=f.name,
                identifier=f.identifier,
                assumed=f.assumed,
            )
            for f in self.fields
        }
        made = {
            d.name: Releasable(
                name=d.name,
                class_=d.class_,
                type=d.type,
                treatments=(Treatment.DERIVED,),
                source=d.source,
                assumed=self._is_assumed(d),
            )
            for d in self.derived
        }
        return raw | made

    def _is_assumed(self, made: DerivedField) -> bool:
        """Say whether a column that landing makes is assumed, or is made of one that is."""
        told = [self.by_name[name] for name in (made.source, made.at) if name is not None]
        return made.assumed or any(field.assumed for field in told)

    def releasable(self, name: str) -> Releasable:
        """Raise KeyError where the data set has no such column."""
        return self.releasables[name]


PERSONAL = {
    "nhs_number": Identifier.NHS_NUMBER,
    "date_of_birth": Identifier.DATE_OF_BIRTH,
    "postcode": Identifier.POSTCODE,
}
"""Which identifier a field must be that says this of a person."""
OF_A_HOME: Final = frozenset({"postcode", "local_authority"})
"""Where a reason is found by the postcode of the usual address."""
INTEGERS: Final = dict.fromkeys(
    (
        Derivation.HOUR,
        Derivation.WEEKDAY,
        Derivation.DAYS,
        Derivation.DEPRIVATION_DECILE,
        *OF_RECORDS,
    ),
    ColumnType.INTEGER,
)
TYPED: Final = frozenset({*OF_AN_EVENT, Derivation.BAND, *INTEGERS})
"""Derivations whose column says rightly of which type it is."""
TYPES_OF_EVENT: Final = {
    Derivation.DATE: frozenset({ColumnType.DATETIME}),
    Derivation.HOUR: MOMENTS,
    Derivation.WEEKDAY: DAYS,
}
RESERVED = frozenset(
    {
        "token", "reason_for_access", "period", "line", "pcd_masked", "scan_rule",
        "identity_withheld", "findings",
        "person_kind", "person_0", "person_1",
        "reason_s", "reason_p", "reason_g", "reason_h", "reason_r", "reason_c",
        "reason_l", "reason_l_upper",
    }
)  # fmt: skip
"""Names that the landing and the released file use for themselves."""
