"""For what a data set may be used, beyond what its columns say: dated data, beside its files.

The seeds say of some data sets what they are for, who may know people by them, and which columns
leave only for a reason. Such a rule holds for every version of the data set at once, also for
lines that were signed before it was written down, so it is none of the published files' affair.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator

from catalogue.model import DataSet
from catalogue.words import Name, Strict, Text, versions_of, without

OF_RESIDENTS = "LOCAL_AUTHORITY"
"""The kind of organisation whose people are those who live there (domain.md ruling 30)."""


class Breach(StrEnum):
    """What a line asks for that the data set is not for; also the code of the refusal."""

    PURPOSE = "DATA_SET_NOT_FOR_PURPOSE"
    IDENTITY = "IDENTITY_NOT_FOR_RECIPIENT"
    HIDDEN = "FIELD_HIDDEN_FOR_PURPOSE"
    UNLINKED = "LINKAGE_FIELD_NOT_LINKED"
    REASON = "LINKAGE_FIELD_WITHOUT_REASON"
    LINKED_FOR = "LINKAGE_NOT_FOR_RECIPIENT"
    LINKED_WITH = "LINKAGE_NOT_WITH_DATA_SET"
    LINKED_ROWS = "LINKAGE_NOT_NARROWED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse:
    """One thing that a line asks for and may not have."""

    breach: Breach
    subject: str
    """The purpose, the recipient or the field."""
    detail: str


class UseRule(Strict):
    """Rows hold from their first to their last day, both included."""

    data_sets: Annotated[tuple[Name, ...], Field(min_length=1)]
    reason: Text
    """As whoever asks is told."""
    source: Text
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        ends_early = self.valid_to is not None and self.valid_to < self.valid_from
        return without(self, ["valid_to is before valid_from"] if ends_early else [])

    def holds(self, data_set: str, on: date) -> bool:
        begun = self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)
        return begun and data_set in self.data_sets


class Purposes(UseRule):
    """The purposes for which the data set is there; no other."""

    only: Annotated[tuple[Text, ...], Field(min_length=1)]


class Identity(UseRule):
    """Who may have the data set with people's identity, by which route and for whose people.

    Where any row names a data set, whenever it holds, nobody else may; where it names purposes, for
    these purposes.
    """

    recipients: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Kinds of organisations."""
    routes: Annotated[tuple[Text, ...], Field(min_length=1)]
    populations: Annotated[tuple[Text, ...], Field(min_length=1)]
    purposes: tuple[Text, ...] = ()
    """Of lines for these alone; none named: whatever the purpose."""
    statute: Text | None = None
    """The law that gives it to them: opt-outs do not apply then. None: by the people's or the
    Secretary of State's leave."""

    def is_about(self, purpose: str) -> bool:
        """Say whether the row is about lines for that purpose."""
        return not self.purposes or purpose in self.purposes

    def allows(self, wanted: "Wanted", kind: str) -> bool:
        """Say whether an organisation of that kind may have what is wanted."""
        by_this = wanted.route in self.routes and wanted.population in self.populations
        return by_this and self.is_about(wanted.purpose) and kind in self.recipients


class Hidden(UseRule):
    """Columns that never leave for these purposes, whatever their treatments say."""

    purposes: Annotated[tuple[Text, ...], Field(min_length=1)]
    fields: Annotated[tuple[Name, ...], Field(min_length=1)]


class LinkageFields(UseRule):
    """Columns that are there to join one data set to another."""

    fields: Annotated[tuple[Name, ...], Field(min_length=1)]
    linked: bool
    """Whether the agreement's linkage has to name the data set with another."""
    linked_with: tuple[Name, ...] = ()
    """Where it has to, one of these; none named: any other."""

    def lacks(self, others: frozenset[str]) -> bool:
        """Say whether no linkage with these other data sets is one that the columns are for."""
        return self.linked and not (others & set(self.linked_with) if self.linked_with else others)


class Linking(UseRule):
    """Data sets that are linked with some freely, with others by this clause, else not at all.

    Where any row names a data set, whenever it holds, no other linkage of it is allowed.
    """

    freely: tuple[Name, ...] = ()
    """With these anybody may link it."""
    linked_with: tuple[Name, ...] = ()
    """With these, where every controller is a recipient: the clause. None: with nothing."""
    recipients: tuple[Text, ...] = ()
    """Kinds of organisations."""
    narrowed_by: tuple[Name, ...] = ()
    """Columns of the data set: its line has a filter on one of them."""

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        if bool(self.linked_with) is not bool(self.recipients):
            raise ValueError("a clause has data sets and recipients; without it there are neither")
        return self


class Elsewhere(UseRule):
    """Who is served by something else, and is sent there: kinds of organisations."""

    recipients: Annotated[tuple[Text, ...], Field(min_length=1)]
    service: Text


class Marks(UseRule):
    """Columns that say of a record what it is worth: estimated, provisional."""

    fields: Annotated[tuple[Name, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a line asks for, as far as rules of use go."""

    data_set: str
    purpose: str
    identifiable: bool
    route: str
    population: str
    recipients: Mapping[str, str]
    """Kinds of organisations by code: each that receives the data."""
    fields: Mapping[str, str]
    """Reasons, by column."""
    linked_with: frozenset[str]
    """Other data sets that the agreement links it with."""
    narrowed: frozenset[str] = frozenset()
    """Columns by which the line itself filters its rows."""


R = TypeVar("R", bound=UseRule)


class Uses(Strict):
    """One version of the rules of use of every data set."""

    rule: Annotated[str, Field(pattern=r"^uses/\d+$")]
    valid_from: date
    purposes: tuple[Purposes, ...] = ()
    identity: tuple[Identity, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    linkage_fields: tuple[LinkageFields, ...] = ()
    linking: tuple[Linking, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    marks: tuple[Marks, ...] = ()

    @property
    def rows(self) -> Sequence[UseRule]:
        refusing = (*self.purposes, *self.identity, *self.hidden)
        joining = (*self.linkage_fields, *self.linking)
        return (*refusing, *joining, *self.elsewhere, *self.marks)

    def sent_elsewhere(self, wanted: Wanted, on: date) -> Iterator[tuple[str, Elsewhere]]:
        """Say which recipients have what is wanted from another service, and from which."""
        for row in _holding(self.elsewhere, wanted, on):
            kinds = sorted(wanted.recipients.items())
            yield from ((code, row) for code, kind in kinds if kind in row.recipients)

    def unmarked(self, wanted: Wanted, on: date) -> Iterator[tuple[str, Marks]]:
        """Say which columns a line leaves out without which its records are taken for others."""
        for row in _holding(self.marks, wanted, on):
            yield from ((name, row) for name in row.fields if name not in wanted.fields)

    def of(self, data_set: str, on: date) -> Sequence[UseRule]:
        """Give the rules of one data set on a day."""
        return [row for row in self.rows if row.holds(data_set, on)]

    def by_statute(self, wanted: Wanted, on: date) -> bool:
        """Say whether a law of this data set gives it, by the line's route, to each controller.

        Where none does, the route has to be one that its purpose knows, and opt-outs apply.
        """
        return self.statute(wanted, on) is not None

    def statute(self, wanted: Wanted, on: date) -> Identity | None:
        """Give the row of that law, of the first controller; None unless each has one."""
        rows = [row for row in _holding(self.identity, wanted, on) if row.statute]
        kinds = wanted.recipients.values()
        found = [next((row for row in rows if row.allows(wanted, kind)), None) for kind in kinds]
        return next(iter(found), None) if all(found) else None

    def gives_identity(self, wanted: Wanted, on: date) -> bool:
        """Say whether each controller may have people's identity, by the line's route."""
        rows = _holding(self.identity, wanted, on)
        return bool(wanted.recipients) and all(
            any(row.allows(wanted, kind) for row in rows) for kind in wanted.recipients.values()
        )

    def knows_route(self, data_set: str, purpose: str, route: str, on: date) -> bool:
        """Say whether anybody may have the data set's identities so, for that purpose, that day."""
        rows = (row for row in self.identity if row.holds(data_set, on) and row.is_about(purpose))
        return any(route in row.routes for row in rows)

    def misuses(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        """Say everything that a line asks for and may not have."""
        yield from self._of_purpose(wanted, on)
        yield from self._of_identity(wanted, on)
        yield from self._of_hidden(wanted, on)
        yield from self._of_linkage(wanted, on)
        yield from dict.fromkeys(self._of_linking(wanted, on))

    def _of_purpose(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        rows = _holding(self.purposes, wanted, on)
        if rows and not any(wanted.purpose in row.only for row in rows):
            only = ", ".join(sorted({p for row in rows for p in row.only}))
            detail = f"{wanted.data_set} is for {only} only: {rows[0].reason}"
            yield Misuse(breach=Breach.PURPOSE, subject=wanted.purpose, detail=detail)

    def _of_identity(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        named = [
            row
            for row in self.identity
            if wanted.data_set in row.data_sets and row.is_about(wanted.purpose)
        ]
        if not named or not wanted.identifiable:
            return
        rows = _holding(self.identity, wanted, on)
        recipients = wanted.recipients or {wanted.data_set: ""}
        for code, kind in sorted(recipients.items()):
            if not any(row.allows(wanted, kind) for row in rows):
                detail = f"{wanted.data_set} with identity is not for it: {named[-1].reason}"
                yield Misuse(breach=Breach.IDENTITY, subject=code, detail=detail)

    def _of_hidden(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        for row in _holding(self.hidden, wanted, on):
            if wanted.purpose not in row.purposes:
                continue
            for name in sorted(set(row.fields) & set(wanted.fields)):
                detail = f"{name} never leaves for {wanted.purpose}: {row.reason}"
                yield Misuse(breach=Breach.HIDDEN, subject=name, detail=detail)

    def _of_linkage(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        others = wanted.linked_with - {wanted.data_set}
        for row in _holding(self.linkage_fields, wanted, on):
            for name in sorted(set(row.fields) & set(wanted.fields)):
                if row.lacks(others):
                    with_ = f" with {' or '.join(row.linked_with)}" if row.linked_with else ""
                    names = f"{wanted.data_set}{with_}"
                    detail = f"No linkage of the agreement names {names}: {row.reason}"
                    yield Misuse(breach=Breach.UNLINKED, subject=name, detail=detail)
                if not wanted.fields[name].strip():
                    detail = f"{name} is listed without a reason: {row.reason}"
                    yield Misuse(breach=Breach.REASON, subject=name, detail=detail)

    def _of_linking(self, wanted: Wanted, on: date) -> Iterator[Misuse]:
        """Judge every data set of the group: people have one token in all of them."""
        group = wanted.linked_with | {wanted.data_set}
        for name in sorted(group):
            named = [row for row in self.linking if name in row.data_sets]
            free = {n for row in named for n in (*row.data_sets, *row.freely)}
            if not named or group <= free:
                continue
            rows = [row for row in named if row.holds(name, on)]
            why = f"{name} is not linked so: {named[-1].reason}"
            for other in sorted(group - free):
                if not any(other in row.linked_with for row in rows):
                    yield Misuse(breach=Breach.LINKED_WITH, subject=other, detail=why)
            recipients = wanted.recipients or {wanted.data_set: ""}
            has_clause = any(row.linked_with for row in named)
            for code, kind in sorted(recipients.items()):
                if has_clause and not any(kind in row.recipients for row in rows):
                    yield Misuse(breach=Breach.LINKED_FOR, subject=code, detail=why)
            narrowing = {column for row in rows for column in row.narrowed_by}
            if name == wanted.data_set and narrowing and not narrowing & wanted.narrowed:
                yield Misuse(breach=Breach.LINKED_ROWS, subject=min(narrowing), detail=why)

    def problems_with(self, data_sets: Iterable[DataSet]) -> Iterator[str]:
        """Say which data sets or columns of the rules nobody has described."""
        known: dict[str, set[str]] = {}
        for described in data_sets:
            known.setdefault(described.data_set, set()).update(described.releasables)
        for row in self.rows:
            yield from (f"there is no data set {n}" for n in row.data_sets if n not in known)
        named: list[tuple[UseRule, Sequence[str]]] = [(one, one.fields) for one in self.hidden]
        named += [(field, field.fields) for field in self.linkage_fields]
        named += [(mark, mark.fields) for mark in self.marks]
        named += [(link, link.narrowed_by) for link in self.linking]
        for rule, columns in named:
            there = {field for name in rule.data_sets for field in known.get(name, ())}
            yield from (f"no data set has {f}" for f in columns if f not in there)
        beside = [n for link in self.linking for n in (*link.freely, *link.linked_with)]
        beside += [n for one in self.linkage_fields for n in one.linked_with]
        yield from (f"there is no data set {n}" for n in beside if n not in known)


def _holding(rows: Sequence[R], wanted: Wanted, on: date) -> list[R]:
    return [row for row in rows if row.holds(wanted.data_set, on)]


@cache
def uses() -> Uses:
    """Give the newest rules: what protects people is not waited for."""
    found = versions_of(Uses, "uses")
    return max(found, key=lambda one: (one.valid_from, int(one.rule.partition("/")[2])))
