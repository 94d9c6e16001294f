"""The signed document, clause by clause, read into what the evaluators need.

A key that is not known here is a clause that nobody can evaluate, so it denies; a key that is
missing is a fact that is missing, so it denies as well (design.md section 5). Only what is listed
as descriptive may be there without meaning anything to a decision.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar

from statements.bridging import BRIDGE, BridgeTerm, bridge_of, is_bridge
from statements.decision import JudgedLine, RegisterTerms
from statements.filters import FILTER, Filters, RowFilter, in_order, repeated
from statements.form import Malformed
from statements.parameters import NAMES, PARAMETERS, RuleParameters
from statements.snapshot import Published, published
from statements.vocabulary import AGGREGATES, GROUP_SIZE_LEAST, GROUP_SIZE_MOST, LineKey

DOCUMENT_SCHEMA = "dsfc-agreement/2"
"""What is drafted now: the document for machines names the hash of that for people."""
FORMER_SCHEMA = "dsfc-agreement/1"
"""What was signed before there was a document for people. It is read as ever."""
SNAPSHOT_SCHEMA = "dsfc-snapshot/1"

READ_KEPT_MAX = 256
"""People and decisions ask for the same documents again and again; nobody changes what is read."""
WRAPPER = frozenset({"schema", "reference", "version", "parties", "snapshot_hash", "snapshot"})
FOR_PEOPLE = "for_people"
FOR_PEOPLE_PARTS = frozenset({"page", "digest"})
CLAUSES = frozenset({"controllers", "processors", "lines", "linkage", "special_conditions"})
DESCRIPTIVE = frozenset(
    {
        "schema", "application_id", "reference", "version", "revision", "kind", "title", "purpose",
        "start", "end", "territory", "commercial", "sub_licence", "locations", "assurance",
        "ico_registrations", "sections", "issued_from", "imported",
    }
)  # fmt: skip
"""Judged when the application was; what of it changes with time is judged from facts."""

LINE: Mapping[str, frozenset[str] | None] = {
    "number": None,
    "purpose": None,
    "data_set": None,
    "catalogue_version": None,
    "catalogue_digest": None,
    "group": None,
    "classification": None,
    "sensitivity": None,
    "periods": frozenset({"from", "to"}),
    "fields": frozenset({"name", "treatment", "reason"}),
    "population": frozenset({"rule", "commissioners", "reasons"}),
    "recipient_environment": frozenset({"organisation", "kind"}),
    "opt_out": frozenset({"applied", "reason"}),
    "dissemination_power": None,
    "confidentiality": frozenset({"route", "section_251"}),
    "frequency": None,
    "access_method": None,
    "disclosure_rule": None,
    "filters": frozenset({"column", "any_of", "at_least", "at_most"}),
    "disclosure_parameters": NAMES,
    "as_published": None,
    "min_group_size": None,
    "change_sets": None,
}
"""The clauses of a line, and the parts of those that have parts."""

CONDITION = frozenset({"id", "text", "due", "owner"})
LINKAGE = frozenset({"data_sets", "key", "mitigation"})
LINKS_PEOPLE = "person"
UNREADABLE = "?"
"""Stands for what is not of the form that it must have, and is in no list."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTerm:
    name: str
    treatment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One line, every clause of it read."""

    number: int
    key: LineKey
    catalogue_version: str
    catalogue_digest: str
    sensitivity: str
    first_period: str
    last_period: str | None
    """None: up to the latest available (domain.md 3.2)."""
    fields: Mapping[str, FieldTerm]
    population_rule: str
    commissioners: tuple[str, ...]
    reasons: tuple[str, ...]
    environment_organisation: str
    environment_kind: str
    opt_outs_applied: bool
    opt_out_reason: str | None
    power: str
    route: str
    approval: str | None
    disclosure_rule: str | None
    frequency: str
    access_method: str
    filters: Filters = ()
    """Which rows: those alone that pass each."""
    parameters: RuleParameters | None = None
    """Of the disclosure rule, where they are the agreement's."""
    min_group_size: int | None = None
    """Of records: how many people at least share what could single them out; None: no limit."""
    as_published: str = ""
    """Why tables may be by the rule alone; empty: they are protected."""
    change_sets: bool = False
    """Whether the changes between two extracts of the line may be had besides."""
    unknown: tuple[str, ...] = ()
    """Clauses of the line that nobody can evaluate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteTerms:
    """One line that lacks clauses without which it cannot be judged."""

    number: int
    key: LineKey
    missing: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBases:
    """The legal bases that the document names for one controller (domain.md 2.4, Standard 2)."""

    article_6: tuple[str, ...] = ()
    article_9: tuple[str, ...] = ()
    schedule_1: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was signed, as far as a decision rests on it."""

    lines: tuple[Terms | IncompleteTerms, ...]
    bases: Mapping[str, NamedBases] = field(default_factory=dict)
    """By controller; one that is named twice has the bases of both."""
    registrations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Numbers with the ICO, by party, without what only spelling adds."""
    linked: tuple[frozenset[str], ...] = ()
    """Sets of data sets between which one person has one token."""
    bridges: tuple[BridgeTerm, ...] = ()
    """Between which others a bridging file may lead from tokens to tokens."""
    unknown: tuple[str, ...] = ()
    """Clauses outside the lines that nobody can evaluate."""
    published: Published | None = None
    """What the public register publishes of it; None where it cannot be read."""
    unpublished: tuple[str, ...] = ()
    """Then these are the places that are missing or of another form."""

    def lines_of(self, key: LineKey) -> tuple[Terms | IncompleteTerms, ...]:
        return tuple(line for line in self.lines if line.key == key)

    def linked_with(self, data_set: str) -> tuple[str, ...]:
        """Return the data sets that share tokens with this one, itself among them.

        Two that are linked to the same third share its tokens, so they are linked as well.
        """
        found = {data_set}
        while more := {d for group in self.linked if group & found for d in group} - found:
            found |= more
        return tuple(sorted(found))


@lru_cache(maxsize=READ_KEPT_MAX)
def read(text: str) -> Document:
    """Read a document; whatever is not as it should be denies by being named."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("schema") not in _MEMBERS:
        return Document(lines=(), unknown=("document",))
    snapshot = content.get("snapshot")
    if not isinstance(snapshot, dict) or snapshot.get("schema") != SNAPSHOT_SCHEMA:
        return Document(lines=(), unknown=("snapshot",))
    found = read_snapshot(snapshot)
    known = _MEMBERS[content["schema"]]
    unknown = [*sorted(content.keys() - known), *sorted({FOR_PEOPLE} & known - content.keys())]
    unknown += _unknown_parts(FOR_PEOPLE, content.get(FOR_PEOPLE), FOR_PEOPLE_PARTS)
    return replace(found, unknown=(*unknown, *found.unknown))


_MEMBERS: Mapping[str, frozenset[str]] = {
    FORMER_SCHEMA: WRAPPER,
    DOCUMENT_SCHEMA: WRAPPER | {FOR_PEOPLE},
}
"""By schema: the members of a document."""


def read_snapshot(snapshot: Mapping[str, Any]) -> Document:
    """Read the clauses of what was approved, whether a document was made of it or not yet."""
    bridging = [one for one in _objects(snapshot.get("linkage")) if is_bridge(one)]
    bridges = [bridge_of(one) for one in bridging]
    unknown = [
        *sorted(snapshot.keys() - CLAUSES - DESCRIPTIVE),
        *_unknown_parts("special_conditions", snapshot.get("special_conditions"), CONDITION),
        *_unknown_parts("linkage", _other_linkage(snapshot), LINKAGE),
        *_unknown_parts("linkage", bridging, BRIDGE),
        *(["linkage"] if None in bridges else []),
    ]
    shown, unpublished = _published(snapshot)
    return Document(
        lines=tuple(_line(line) for line in _objects(snapshot.get("lines"))),
        bases=bases_of(snapshot),
        registrations=registrations_of(snapshot),
        linked=tuple(
            frozenset(map(str, entry.get("data_sets", ())))
            for entry in _objects(snapshot.get("linkage"))
            if entry.get("key") == LINKS_PEOPLE
        ),
        bridges=tuple(bridge for bridge in bridges if bridge is not None),
        unknown=tuple(unknown),
        published=shown,
        unpublished=unpublished,
    )


def _other_linkage(snapshot: Mapping[str, Any]) -> object:
    """Return the linkage that is by equal tokens."""
    value = snapshot.get("linkage")
    if not isinstance(value, list):
        return value
    return [one for one in value if not (isinstance(one, dict) and is_bridge(one))]


def _published(snapshot: Mapping[str, Any]) -> tuple[Published | None, tuple[str, ...]]:
    try:
        return published(snapshot), ()
    except Malformed as wrong:
        return None, wrong.members


def terms_of(published: Published | None, line: Terms) -> RegisterTerms | None:
    """Say for the register what a version says in all and of one of its lines."""
    if published is None:
        return None
    summary, sections = published.summary, published.sections
    return RegisterTerms(
        title=summary.title,
        start=summary.start,
        end=summary.end,
        controllers=summary.controllers,
        commercial=summary.commercial,
        sub_licence=summary.sub_licence,
        line=JudgedLine(
            number=line.number,
            purpose=line.key.purpose,
            data_set=line.key.data_set,
            classification=line.key.classification,
            sensitivity=line.sensitivity,
            opt_outs_applied=line.opt_outs_applied,
            opt_out_reason=line.opt_out_reason or "",
            dissemination_power=line.power,
            access_method=line.access_method,
        ),
        objectives=_joined(purpose.objective for purpose in sections.objective.purposes),
        processing=sections.processing.activities,
        outputs=_joined(output.title for output in sections.outputs.outputs),
        benefits=_joined(benefit.description for benefit in sections.benefits.benefits),
        yielded_benefits=_joined(benefit.description for benefit in sections.benefits.yielded),
    )


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def bases_of(snapshot: Mapping[str, Any]) -> Mapping[str, NamedBases]:
    """Return what a snapshot names; whatever is no list of texts is a basis that nobody knows."""
    found: dict[str, NamedBases] = {}
    for entry in _objects(snapshot.get("controllers")):
        former = found.get(str(entry.get("ods")), NamedBases())
        found[str(entry.get("ods"))] = NamedBases(
            article_6=(*former.article_6, *_texts(entry.get("gdpr_article_6"))),
            article_9=(*former.article_9, *_texts(entry.get("gdpr_article_9"))),
            schedule_1=(*former.schedule_1, *_texts(entry.get("dpa_2018_schedule_1"))),
        )
    return found


def registrations_of(snapshot: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for entry in _objects(snapshot.get("ico_registrations")):
        ods = str(entry.get("ods"))
        number = "".join(str(entry.get("number")).split()).upper()
        found[ods] = found.get(ods, frozenset()) | {number}
    return found


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [UNREADABLE]
    return tuple(entry if isinstance(entry, str) else UNREADABLE for entry in entries)


def _line(content: Mapping[str, Any]) -> Terms | IncompleteTerms:
    read = _Reader(content)
    number = content.get("number")
    number = number if isinstance(number, int) else 0
    key = LineKey(read.text("purpose"), read.text("data_set"), read.text("classification"))
    entries = read.objects("fields")
    fields = [
        FieldTerm(
            name=str(entry.get("name", "")),
            treatment=str(entry.get("treatment", "")),
            reason=str(entry.get("reason") or ""),
        )
        for entry in entries
    ]
    terms = Terms(
        number=number,
        key=key,
        catalogue_version=read.text("catalogue_version"),
        catalogue_digest=read.text("catalogue_digest"),
        sensitivity=read.text("sensitivity"),
        first_period=read.text("periods", "from"),
        last_period=read.text_or_none("periods", "to"),
        fields={f.name: f for f in fields},
        population_rule=read.text("population", "rule"),
        commissioners=read.texts_or_none("population", "commissioners"),
        reasons=read.texts_or_none("population", "reasons"),
        environment_organisation=read.text("recipient_environment", "organisation"),
        environment_kind=read.text("recipient_environment", "kind"),
        opt_outs_applied=read.truth("opt_out", "applied"),
        opt_out_reason=read.text_or_none("opt_out", "reason"),
        power=read.text("dissemination_power"),
        route=read.text("confidentiality", "route"),
        approval=read.text_or_none("confidentiality", "section_251"),
        disclosure_rule=read.text_or_none("disclosure_rule"),
        frequency=read.text("frequency"),
        access_method=read.text("access_method"),
        filters=in_order(_filters(content)),
        parameters=_parameters(content),
        min_group_size=_min_group_size(content),
        as_published=(read.text_or_none("as_published") or "").strip(),
        change_sets=content.get("change_sets") is True,
        unknown=tuple(_unknown_in_line(content)),
    )
    if read.missing:
        return IncompleteTerms(
            number=number, key=key, missing=tuple(read.missing), unknown=terms.unknown
        )
    return terms


def _unknown_in_line(content: Mapping[str, Any]) -> Iterator[str]:
    yield from sorted(content.keys() - LINE.keys())
    for name, parts in LINE.items():
        if parts is not None:
            yield from _unknown_parts(name, content.get(name), parts)
    if content.get("group") is not None:
        # A group of a data set (CSDS) narrows what may leave, and no permit can say so yet.
        yield "group"
    names = [entry.get("name") for entry in _objects(content.get("fields"))]
    if len(set(names)) != len(names):
        yield "fields"  # one field in two forms
    if _are_filters_unreadable(content):
        yield "filters"
    if content.get("disclosure_parameters") is not None and _parameters(content) is None:
        yield "disclosure_parameters"
    if content.get("min_group_size") is not None and _min_group_size(content) is None:
        yield "min_group_size"
    if not isinstance(content.get("change_sets", False), bool):
        yield "change_sets"


def _min_group_size(content: Mapping[str, Any]) -> int | None:
    """Return the limit where it is one, and of records; where else one is said the line denies."""
    said = content.get("min_group_size")
    is_limit = type(said) is int and GROUP_SIZE_LEAST <= said <= GROUP_SIZE_MOST
    return said if is_limit and content.get("classification") not in AGGREGATES else None


def _parameters(content: Mapping[str, Any]) -> RuleParameters | None:
    """Return what can be read and makes a rule; where something else is there the line denies."""
    said = content.get("disclosure_parameters")
    if not isinstance(said, dict):
        return None
    try:
        found = PARAMETERS.of(said)
    except Malformed:
        return None
    return None if any(found.problems()) else found


def _filters(content: Mapping[str, Any]) -> Iterator[RowFilter]:
    """Return the filters that can be read; where others are there the line denies for them."""
    known = LINE["filters"] or frozenset()
    for entry in _objects(content.get("filters")):
        with suppress(Malformed):
            yield FILTER.of({name: value for name, value in entry.items() if name in known})


def _are_filters_unreadable(content: Mapping[str, Any]) -> bool:
    said = content.get("filters")
    if said is None:
        return False
    found = list(_filters(content))
    return not isinstance(said, list) or len(found) != len(said) or any(repeated(found))


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []


def _unknown_parts(name: str, value: object, known: frozenset[str]) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    found = {key for entry in entries if isinstance(entry, dict) for key in entry} - known
    return [f"{name}.{key}" for key in sorted(found)]


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


@dataclass(slots=True)
class _Reader:
    """Takes parts of a line, and notes which are missing or of another type."""

    content: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)

    def text(self, *path: str) -> str:
        value = self._at(path)
        return value if isinstance(value, str) and value else self._lacks(path, "")

    def text_or_none(self, *path: str) -> str | None:
        value = self._at(path)
        return value if value is None or isinstance(value, str) else self._lacks(path, None)

    def truth(self, *path: str) -> bool:
        value = self._at(path)
        return value if isinstance(value, bool) else self._lacks(path, False)

    def texts_or_none(self, *path: str) -> tuple[str, ...]:
        value = self._at(path)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return tuple(value)
        return self._lacks(path, ())

    def objects(self, *path: str) -> Sequence[Mapping[str, Any]]:
        value = self._at(path)
        if isinstance(value, list) and value and _is_objects(value):
            return value
        empty: Sequence[Mapping[str, Any]] = ()
        return self._lacks(path, empty)

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.content
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _lacks(self, path: tuple[str, ...], default: T) -> T:
        self.missing.append(".".join(path))
        return default
