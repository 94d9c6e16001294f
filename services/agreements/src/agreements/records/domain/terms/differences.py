"""What differs between two versions of an agreement, in sentences, annex by annex."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agreements.records.domain.version import AgreementLine, AgreementVersion, Party
from common.ids import digest_of

SECTIONS: Mapping[str, str] = {
    "1": "the length",
    "2": "the controllers",
    "3": "the processors",
    "4": "the places",
    "5": "security",
    "6": "the data protection registrations",
    "7": "what is asked for and why",
    "8": "patient objections",
    "9": "the objective",
    "10": "the processing",
    "11": "the outputs",
    "12": "the benefits",
    "13": "the commercial purpose",
    "14": "the special conditions",
    "15": "ethical approval",
    "16": "the duty of confidentiality",
    "17": "consent",
    "18": "sub-licensing and onward sharing",
    "19": "transparency",
    "20": "the territory",
}
"""The answers to the 20 Standards: that they differ is said; how, where it is in an annex too."""
OF_THE_APPLICATION = frozenset(
    {"schema", "application_id", "reference", "version", "revision", "kind"}
)
"""What names a snapshot, and is no term of the agreement."""
TOLD_APART = frozenset(
    {
        *("title", "start", "end", "controllers", "processors", "locations", "assurance"),
        *("ico_registrations", "lines", "linkage", "special_conditions", "sections"),
    }
)
"""Members of which it is said in words of their own how they differ."""


class Annex(StrEnum):
    """The parts of an agreement in the order of its document."""

    HEADER = "header"
    PARTIES = "parties"
    PURPOSES = "A"
    DATA = "B"
    PLACES = "D"
    LINKAGE = "E"
    CONDITIONS = "F"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermChange:
    annex: Annex
    sentence: str


def differences(former: AgreementVersion, later: AgreementVersion) -> tuple[TermChange, ...]:
    """Say what the later version says otherwise than the former one; nothing where all is equal."""
    said = (
        (Annex.HEADER, _header(former, later)),
        (Annex.PARTIES, _parties(former.parties, later.parties)),
        (Annex.PARTIES, _standing(former, later, "controllers")),
        (Annex.PARTIES, _standing(former, later, "processors")),
        (Annex.PARTIES, _members(former, later, "assurance", "evidence of security", _evidence)),
        (Annex.PARTIES, _members(former, later, "ico_registrations", "registration", _fee)),
        (Annex.PURPOSES, _purposes(former, later)),
        (Annex.DATA, _lines(former.lines, later.lines)),
        (Annex.PLACES, _members(former, later, "locations", "place", _place)),
        (Annex.LINKAGE, _members(former, later, "linkage", "linkage", _linkage)),
        (Annex.LINKAGE, _flows(former, later)),
        (Annex.CONDITIONS, _conditions(former, later)),
    )
    return tuple(
        TermChange(annex=annex, sentence=sentence)
        for annex, sentences in said
        for sentence in sentences
    )


def _header(former: AgreementVersion, later: AgreementVersion) -> Iterator[str]:
    for name, before, after in (
        ("title", former.title, later.title),
        ("first day", former.valid_from, later.valid_from),
        ("last day", former.valid_to, later.valid_to),
    ):
        if before != after:
            yield f"The {name} is {after}; it was {before}."
    agreed, proposed = former.snapshot(), later.snapshot()
    for name in sorted({*agreed, *proposed} - OF_THE_APPLICATION - TOLD_APART):
        was, now = agreed.get(name), proposed.get(name)
        if was != now:
            yield f"{_words(name)} is {_value(now)}; it was {_value(was)}."


def _parties(former: Sequence[Party], later: Sequence[Party]) -> Iterator[str]:
    before = {(p.capacity, p.ods): p for p in former}
    after = {(p.capacity, p.ods): p for p in later}
    for key, party in after.items():
        if key not in before:
            yield f"{party.legal_name} ({party.ods}) is a {party.capacity.value} now."
        elif before[key].legal_name != party.legal_name:
            yield f"{party.ods} is called {party.legal_name}; it was {before[key].legal_name}."
    for key, party in before.items():
        if key not in after:
            yield f"{party.legal_name} ({party.ods}) is no {party.capacity.value} any more."


def _standing(former: AgreementVersion, later: AgreementVersion, member: str) -> Iterator[str]:
    """Say what else of a party that is in both is otherwise: its bases, contract, part."""
    before = {one.get("ods"): one for one in _listed(former, member).values()}
    for ods, one in {one.get("ods"): one for one in _listed(later, member).values()}.items():
        known = before.get(ods, one)
        for name in sorted({*known, *one} - {"ods", "legal_name"}):
            was, now = known.get(name), one.get(name)
            if was != now:
                yield f"Of {ods}, {_changed(name, was, now)}"


def _purposes(former: AgreementVersion, later: AgreementVersion) -> Iterator[str]:
    before, after = _mapping(former, "sections"), _mapping(later, "sections")
    for number in sorted({*before, *after}, key=lambda one: (len(one), one)):
        if before.get(number) != after.get(number):
            what = SECTIONS.get(number, "of a later Standard")
            yield f"Section {number}, {what}, is written anew."


def _lines(former: Sequence[AgreementLine], later: Sequence[AgreementLine]) -> Iterator[str]:
    before, after = {one.key: one for one in former}, {one.key: one for one in later}
    for key, line in after.items():
        named = f"{key.data_set} for {key.purpose} ({key.classification})"
        if key not in before:
            yield f"{named} is a line now, number {line.number}."
            continue
        for member in sorted({*before[key].content, *line.content} - {"number"}):
            was, now = before[key].content.get(member), line.content.get(member)
            if was != now:
                yield f"In {named}, {_changed(member, was, now)}"
    for key in before:
        if key not in after:
            yield (
                f"{key.data_set} for {key.purpose} ({key.classification}) is no line any more:"
                " what was released under it has to be destroyed."
            )


def _changed(member: str, was: object, now: object) -> str:
    if member == "fields":
        return _fields(was, now)
    return f"{_words(member).lower()} is {_value(now)}; it was {_value(was)}."


def _fields(was: object, now: object) -> str:
    before, after = _named(was), _named(now)
    parts = [
        (", ".join(sorted(set(after) - set(before))), "added"),
        (", ".join(sorted(set(before) - set(after))), "taken out"),
        (", ".join(sorted(n for n in after if n in before and after[n] != before[n])), "changed"),
    ]
    return "fields: " + "; ".join(f"{names} {what}" for names, what in parts if names) + "."


def _named(fields: object) -> dict[str, object]:
    listed = fields if isinstance(fields, list | tuple) else ()
    return {str(one.get("name")): one for one in listed if isinstance(one, Mapping)}


def _members(
    former: AgreementVersion,
    later: AgreementVersion,
    member: str,
    what: str,
    name: Callable[[Mapping[str, object]], str],
) -> Iterator[str]:
    yield from _said(_listed(former, member), _listed(later, member), what, name)


def _said(
    before: Mapping[str, Mapping[str, object]],
    after: Mapping[str, Mapping[str, object]],
    what: str,
    name: Callable[[Mapping[str, object]], str],
) -> Iterator[str]:
    gone = [name(one) for key, one in before.items() if key not in after]
    new = [name(one) for key, one in after.items() if key not in before]
    yield from (
        f"{one} is written anew." if one in gone else f"{one} is {_a(what)} now." for one in new
    )
    yield from (f"{one} is no {what} any more." for one in gone if one not in new)
    if not (gone or new) and [*before] != [*after]:
        yield f"What is {_a(what)} is in another order."


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _flows(former: AgreementVersion, later: AgreementVersion) -> Iterator[str]:
    """Say which flows there are besides, and which no more: what may go on to whom (R22)."""
    before, after = (_by_digest(_mapping_in(one, "10").get("flows")) for one in (former, later))
    yield from _said(before, after, "flow", _flow)


def _flow(one: Mapping[str, object]) -> str:
    onward = ", onward" if one.get("onward") is True else ""
    return f"{one.get('level')} from {one.get('from')} to {one.get('to')}{onward},"


def _evidence(one: Mapping[str, object]) -> str:
    return f"{one.get('kind')} {one.get('reference')} of {one.get('ods')}"


def _fee(one: Mapping[str, object]) -> str:
    return f"{one.get('number')} of {one.get('ods')}, until {one.get('expires')},"


def _place(one: Mapping[str, object]) -> str:
    where = ", ".join(str(one[part]) for part in ("address", "postcode", "country") if part in one)
    return f"{where} ({_value(one.get('kinds'))}), of {one.get('operator')},"


def _linkage(one: Mapping[str, object]) -> str:
    said = f"{_value(one.get('data_sets'))} by {one.get('key')}"
    if (other := one.get("agreement")) is None:
        return said
    return f"{said} with {other}, from {one.get('from')} to {one.get('to') or 'the end'}"


def _conditions(former: AgreementVersion, later: AgreementVersion) -> Iterator[str]:
    before = {c.condition: c for c in former.conditions}
    after = {c.condition: c for c in later.conditions}
    for name, one in after.items():
        if name not in before:
            yield f"Condition {name} is added, due {one.due or 'on no day'}."
        elif any(
            getattr(before[name], part) != getattr(one, part) for part in ("text", "due", "owner")
        ):
            yield f"Condition {name} is written anew, due {one.due or 'on no day'}."
    yield from (f"Condition {name} is taken out." for name in before if name not in after)


# How it is said


def _mapping(version: AgreementVersion, member: str) -> Mapping[str, object]:
    found = version.snapshot().get(member)
    return found if isinstance(found, Mapping) else {}


def _mapping_in(version: AgreementVersion, section: str) -> Mapping[str, object]:
    found = _mapping(version, "sections").get(section)
    return found if isinstance(found, Mapping) else {}


def _listed(version: AgreementVersion, member: str) -> dict[str, Mapping[str, object]]:
    return _by_digest(version.snapshot().get(member))


def _by_digest(found: object) -> dict[str, Mapping[str, object]]:
    listed = found if isinstance(found, list) else []
    return {digest_of(dict(one)): one for one in listed if isinstance(one, dict)}


def _words(member: str) -> str:
    return member.replace("_", " ").capitalize()


def _value(value: object) -> str:
    match value:
        case None:
            return "not given"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            parts = (f"{_words(str(k)).lower()} {_value(v)}" for k, v in value.items())
            return ", ".join(parts)
        case list() | tuple():
            return " and ".join(_value(one) for one in value) or "none"
        case _:
            return str(value)
