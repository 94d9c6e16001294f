"""Landing rules: how a file is taken in, beside what the published data set file says of it.

An agreement's line rests on the digest of a published file, which therefore never changes. What
it says of intake (how values are written) does change, as the national forms do. So that is said
here, in files with a version and a digest of their own, which hold for every version of the data
set at once, and go before what its published file says.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from catalogue.collection import Instrument
from catalogue.fields import CatalogueField
from catalogue.landing_words import (
    HIDDEN,
    Control,
    Days,
    Effect,
    FieldRule,
    Format,
    Record,
    Validity,
    Void,
    When,
    Withhold,
)
from catalogue.model import DataSet
from catalogue.protocols import ByToken, LeftOutAtSource, Protocol, Protocols
from catalogue.words import (
    DAYS,
    NUMBERS,
    Check,
    ColumnType,
    FieldClass,
    Name,
    Strict,
    Text,
    without,
)

TODAY = "today"


class LandingRules(Strict):
    """One version of the rules of one data set."""

    data_set: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,31}$")]
    version: Annotated[int, Field(ge=1)]
    valid_from: date
    """From this day on files are taken in by this version, until the next one begins."""
    safe_from: Annotated[int, Field(ge=1)] = 1
    """Editions of earlier versions, or of none, are not released any more."""
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    collection: tuple[Instrument, ...] | None = None
    """Directions and provision notices: files are taken in while one is in force (ruling 32).

    None where nothing is said of it, as before version 3 of the first two data sets.
    """
    formats: Mapping[Name, Format] = {}
    void: Void | None = None
    fields: tuple[FieldRule, ...] = ()
    control: tuple[Control, ...] = ()
    withhold: Withhold | None = None
    adds_nothing: tuple[When, ...] = ()
    """Rows of the source message that are no activity."""
    ahead: tuple[Name, ...] = ()
    """Dates that are rightly later than the day of submission: booked, expected."""
    validity: tuple[Validity, ...] = ()
    record: Record | None = None
    protocols: Protocols | None = None
    """None: a file is of a whole period."""
    measures: tuple[Name, ...] = ()
    """Numbers whose sums say how much a file is of: shown where it replaces another."""
    left_out_at_source: LeftOutAtSource | None = None
    """None: the sender leaves nobody out, or has not to say how many."""
    by_token: ByToken | None = None
    """None: a file is sent as every other one is."""
    digest: str = ""

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        return without(self, self._problems())

    def _problems(self) -> Iterator[str]:
        if self.safe_from > self.version:
            yield "safe_from is later than version"
        for rule in self.fields:
            if rule.format is not None and rule.format not in self.formats:
                yield f"fields names the format {rule.format}, which is not there"
        if any(when.cancels for when in self.adds_nothing) and self.record is None:
            yield "adds_nothing cancels records, which have no key"
        for when in self.withhold.when if self.withhold else ():
            if when.cancels:
                yield f"{when.code}: a record without identity is not cancelled by it"
        yield from self._of_net_change()
        limited = {rule.column for rule in self.validity if rule.than == TODAY}
        if both := sorted(limited & set(self.ahead)):
            yield f"ahead names what is held against today: {', '.join(both)}"
        named = [name for rule in self.fields for name in rule.names]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            yield f"named twice in fields: {', '.join(twice)}"

    def _of_net_change(self) -> Iterator[str]:
        change = self.protocols and self.protocols.net_change
        if not change:
            return
        if self.record is None:
            yield "a net change needs record.key, by which it names what it changes"
        days = {control.name for control in self.control if control.type is ColumnType.DATE}
        if change.applicable not in days:
            yield f"protocols.net_change: {change.applicable} is no control column of type date"

    @property
    def name(self) -> str:
        return f"{self.data_set}-{self.version}"

    @cached_property
    def form(self) -> str:
        """The digest of what decides in which form keys are compared and made into tokens."""
        said = self.model_dump_json(include={"formats", "void", "fields", "record"})
        return "sha256:" + hashlib.sha256(said.encode()).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy without what was worked out of these rules: the copy says something else."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    # --- what they say of a data set --------------------------------------------------------------

    def rule_of(self, name: str) -> FieldRule | None:
        """The rule of a column: by its name, or else by the longest beginning of it."""
        if (own := self._rules_by_name.get(name)) is not None:
            return own
        found = [item for item in self._rules_by_beginning if name.startswith(item[0])]
        return max(found, key=lambda item: len(item[0]))[1] if found else None

    @cached_property
    def _rules_by_name(self) -> Mapping[str, FieldRule]:
        """The first that names a column in full."""
        named = [(name, rule) for rule in self.fields for name in rule.names]
        return {name: rule for name, rule in reversed(named) if not name.endswith("*")}

    @cached_property
    def _rules_by_beginning(self) -> Sequence[tuple[str, FieldRule]]:
        return [(n[:-1], rule) for rule in self.fields for n in rule.names if n.endswith("*")]

    def format_of(self, name: str) -> Format | None:
        rule = self.rule_of(name)
        return None if rule is None or rule.format is None else self.formats[rule.format]

    def otherwise(self, name: str) -> Effect:
        """What a value costs that is not written as it should be."""
        rule = self.rule_of(name)
        return Effect.QUARANTINE if rule is None else rule.otherwise

    def missing(self, field: CatalogueField) -> Effect | None:
        """What a value costs that is not there; None where it need not be."""
        rule = self.rule_of(field.name)
        if rule is not None and rule.missing is not None:
            return rule.missing
        return Effect.QUARANTINE if field.mandatory else None

    def withhold_of(self, data_set: DataSet) -> Withhold | None:
        """What is withheld, and when.

        Where only the published file names categories of confidentiality, all that identifies
        anybody is dropped of their rows.
        """
        hidden = data_set.confidentiality
        if self.withhold is not None or hidden is None:
            return self.withhold
        identifying = {FieldClass.DI, FieldClass.LI}
        when = When(
            code=HIDDEN,
            columns=(hidden.field,),
            values=hidden.withheld,
            source="the published data set file",
            valid_from=date.min,
        )
        return Withhold(
            drop=tuple(f.name for f in data_set.fields if f.class_ in identifying),
            reasons=("S", "P", "R", "C"),
            when=(when,),
        )

    @classmethod
    def as_published(cls, data_set: DataSet) -> Self:
        """No rules: files are taken in as the published file says, and nothing is recorded."""
        return cls(
            data_set=data_set.data_set,
            version=1,
            valid_from=data_set.valid_from,
            sources=("the published data set file",),
        )

    @cached_property
    def controls(self) -> frozenset[str]:
        return frozenset(control.name for control in self.control)

    @property
    def ways(self) -> tuple[Protocol, ...]:
        """Return by which protocols files may be sent."""
        return self.protocols.known if self.protocols else (Protocol.WHOLE_PERIOD,)

    def under(self, protocol: Protocol) -> Self:
        """Return the rules as files of one protocol are taken in; their digest stays.

        Of a net change every row has the day from which it holds, and the key of its record. In
        bulk nothing is cancelled.
        """
        change = self.protocols and self.protocols.net_change
        if protocol is Protocol.BULK:
            kept = tuple(when for when in self.adds_nothing if not when.cancels)
            return self.model_copy(update={"adds_nothing": kept})
        if protocol is Protocol.WHOLE_PERIOD or not change or self.record is None:
            return self
        needed = tuple(map(self._needed, (change.applicable, self.record.key[0])))
        return self.model_copy(
            update={
                "fields": (*needed, *self.fields),
                "control": tuple(
                    c.model_copy(update={"column": "required"})
                    if c.name == change.applicable
                    else c
                    for c in self.control
                ),
            }
        )

    def _needed(self, name: str) -> FieldRule:
        rule = self.rule_of(name)
        return FieldRule(
            names=(name,), format=rule.format if rule else None, missing=Effect.QUARANTINE
        )

    def of_table(self, table: DataSet) -> Self:
        """Return the rules as one table is taken in: what they say of its columns.

        By what its records are known the table says itself: its key.
        """
        known = set(table.by_name) | self.controls

        def fitting(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(n for n in names if any(matches(n, column) for column in known))

        fields = (rule.model_copy(update={"names": fitting(rule.names)}) for rule in self.fields)
        return self.model_copy(
            update={
                "fields": tuple(rule for rule in fields if rule.names),
                "adds_nothing": tuple(w for w in self.adds_nothing if {*w.columns} <= known),
                "ahead": fitting(self.ahead),
                "validity": tuple(v for v in self.validity if {*_columns_of(v)} <= known),
                "measures": fitting(self.measures),
                "record": None,
            }
        )

    def problems_with(self, data_set: DataSet) -> Iterator[str]:
        """What in these rules does not fit one version of the data set."""
        if data_set.by_table:
            yield from self._of_tables(data_set)
        else:
            yield from self._of_one_table(data_set)

    def _of_one_table(self, data_set: DataSet) -> Iterator[str]:
        known = set(data_set.by_name) | self.controls
        derived = {made.name for made in data_set.derived}
        for where, name in self._references():
            if not _names_one(name, known):
                yield f"{where} names {name}, which is not a field of version {data_set.version}"
        if taken := sorted(self.controls & (set(data_set.by_name) | derived)):
            yield f"control names {', '.join(taken)}, which are fields already"
        if self.withhold is not None:
            for name in self.withhold.keep_derived:
                if name not in derived:
                    yield f"withhold.keep_derived names {name}, which is not derived"
        if self.record is not None:
            for name in sorted({*self.record.key} & (self.controls | {data_set.person.nhs_number})):
                yield f"record.key names {name}, which is not kept as it is"
        if self.protocols and self.protocols.net_change and data_set.periods.unit == "edition":
            yield "protocols.net_change: an edition is replaced as a whole"
        yield from self._of_columns(data_set)

    def _of_tables(self, data_set: DataSet) -> Iterator[str]:
        """Say what fits no table, or not one that it is of."""
        if self.record is not None:
            yield "record: each table says its key itself"
        if self.withhold is not None:
            yield "withhold: identities of several tables are not withheld"
        if self.protocols is not None:
            yield "protocols: several tables are sent as a whole period"
        known = {name for table in data_set.by_table.values() for name in table.by_name}
        for where, name in self._references():
            if not _names_one(name, known | self.controls):
                yield f"{where} names {name}, which no table of version {data_set.version} has"
        for valid in self.validity:
            if not any({*_columns_of(valid)} <= {*t.by_name} for t in data_set.by_table.values()):
                yield f"validity {valid.code}: no table has all of its columns"
        for name, table in data_set.by_table.items():
            yield from (f"{name}: {detail}" for detail in self.of_table(table).problems_with(table))

    def _of_columns(self, data_set: DataSet) -> Iterator[str]:
        for rule in self.fields:
            yield from self._of_formats(rule, data_set)
        for valid in self.validity:
            yield from self._of_validity(valid, data_set)
        for name in self.measures:
            if name in data_set.by_name and data_set.by_name[name].type not in NUMBERS:
                yield f"measures names {name}, which is no number"
        for name in self.ahead:
            if name in data_set.by_name and data_set.by_name[name].type not in DAYS:
                yield f"ahead names {name}, which is no date"

    def _of_formats(self, rule: FieldRule, data_set: DataSet) -> Iterator[str]:
        if rule.format is None and rule.otherwise is not Effect.EMPTY:
            return
        for field in data_set.fields:
            fits = any(matches(pattern, field.name) for pattern in rule.names)
            if fits and rule.format is not None and field.type is not ColumnType.TEXT:
                yield f"fields gives {field.name} a format, which is no text"
            if fits and rule.otherwise is Effect.EMPTY and field.name == data_set.periods.field:
                yield f"fields empties {field.name}, by which a row has its month"

    def _of_validity(self, rule: Validity, data_set: DataSet) -> Iterator[str]:
        field = data_set.by_name.get(rule.column)
        if field is None:
            return
        numeric = field.type in NUMBERS
        match rule.than:
            case Days() | int():
                right = numeric
            case date():
                right = field.type in DAYS
            case name:
                other = data_set.by_name.get(name)
                kind = ColumnType.DATE if name == TODAY else other and other.type
                dated = kind in DAYS and field.type in DAYS
                right = dated or (kind == field.type and field.type is not ColumnType.TEXT)
        if not right:
            yield f"validity {rule.code}: {rule.column} cannot be compared so"
        if rule.effect is Effect.EMPTY and rule.column == data_set.periods.field:
            yield f"validity {rule.code}: empties {rule.column}, by which a row has its month"

    def _references(self) -> Iterator[tuple[str, str]]:
        for rule in self.fields:
            yield from (("fields", name) for name in rule.names)
        whens = [*self.adds_nothing, *(self.withhold.when if self.withhold else ())]
        for when in whens:
            yield from ((when.code, name) for name in when.columns)
            if when.unless is not None:
                yield when.code, when.unless.column
        if self.withhold is not None:
            yield from (("withhold.drop", name) for name in self.withhold.drop)
        yield from (("ahead", name) for name in self.ahead)
        yield from (("measures", name) for name in self.measures)
        if self.protocols and self.protocols.stated:
            yield "protocols.stated", self.protocols.stated.column
        yield from (("record.key", name) for name in (self.record.key if self.record else ()))
        for valid in self.validity:
            yield from ((f"validity {valid.code}", name) for name in _columns_of(valid))

    def taken_in(self, data_set: DataSet) -> DataSet:
        """The data set as its files are read: formats of these rules, and control columns.

        Its digest stays that of the published file, which is what lines and editions name. Of
        several tables each is read by its own rules (`of_table`).
        """
        if data_set.by_table:
            return data_set
        said = data_set.model_dump(by_alias=True)
        said["fields"] = [self._taken_in(field) for field in data_set.fields] + [
            {
                "name": c.name,
                "class": "ADM",
                "column": c.column,
                "type": c.type,
                "mandatory": c.column == "required",
                "length_max": c.length_max,
            }
            for c in self.control
        ]
        return DataSet.model_validate(said)

    def _taken_in(self, field: CatalogueField) -> dict[str, Any]:
        said = field.model_dump(by_alias=True) | {"mandatory": self.missing(field) is not None}
        format_ = self.format_of(field.name)
        if format_ is not None:
            said |= {"pattern": format_.pattern, "codes": format_.codes}
        if field.name in self.ahead and field.check is Check.NOT_IN_FUTURE:
            said |= {"check": None}
        return said


def _columns_of(valid: Validity) -> tuple[str, ...]:
    """Name the columns that are held against one another, or a limit."""
    match valid.than:
        case Days(start=start, end=end):
            return valid.column, start, end
        case str(name) if name != TODAY:
            return valid.column, name
        case _:
            return (valid.column,)


def _names_one(pattern: str, names: Collection[str]) -> bool:
    """Say whether it is one of the names, or the beginning of one."""
    return pattern in names or (
        pattern.endswith("*") and any(matches(pattern, name) for name in names)
    )


def matches(pattern: str, name: str) -> bool:
    """Say whether a name is the one, or begins as the one before the star."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern
