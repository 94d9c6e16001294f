"""What of its rules nobody published: said of each file that is made by them (docs/adr/0063).

A rule is assumed where it is marked so (`assumed: true`), and where its source says so. One word is
enough, and there is no second way: a list that says `assumed` cannot be left unmarked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from catalogue import membership
from catalogue.landing import LandingRules
from catalogue.model import DataSet
from catalogue.periods import stages
from catalogue.words import Strict

WORD = "assumed"
OWN_NAMES = ("code", "members", "rule")
"""What a rule is called by, where it has a name of its own."""

Assumed = Mapping[str, tuple[str, ...]]
"""Rules by their name and version, and which parts of each are assumed."""


def is_assumed(rule: Strict) -> bool:
    """Say whether a rule says of itself that nobody published it, or not all of it."""
    told = (getattr(rule, "source", ""), *getattr(rule, "sources", ()))
    return getattr(rule, WORD, False) is True or any(WORD in one.casefold() for one in told)


def parts(rule: Strict, name: str = "") -> Iterator[str]:
    """Name what is assumed in a rule: itself, or rules within it."""
    if is_assumed(rule):
        yield next((str(getattr(rule, own)) for own in OWN_NAMES if hasattr(rule, own)), name)
    for member in type(rule).model_fields:
        for called, within in _rules(member, getattr(rule, member)):
            yield from parts(within, called)


def assumptions(
    data_set: DataSet, rules: Iterable[LandingRules], months: Collection[str] | None = None
) -> Assumed:
    """Say what is assumed of the rules by which a file was made; columns say it of themselves.

    `rules` are those by which its editions were landed, `months` what it is of (None: any).
    """
    found = {f"landing rules {one.data_set} {one.version}": _of_landing(one) for one in rules}
    if WORD in data_set.source.casefold():
        found[f"data set {data_set.data_set} {data_set.version}"] = ("fields",)
    for field in data_set.fields:
        listed = membership.members(field.members) if field.members else None
        if listed is not None and is_assumed(listed):
            found[f"members {listed.members} {listed.version}"] = (field.name,)
    for calendar in filter(is_assumed, stages().of_all_months(data_set.data_set)):
        published = {row.month for row in calendar.published}
        if months is None or any(calendar.has(m) and m not in published for m in months):
            found[f"calendar {stages().rule}"] = ("stages",)
    return {name: found[name] for name in sorted(found) if found[name]}


def _of_landing(rules: LandingRules) -> tuple[str, ...]:
    return tuple(sorted(set(parts(rules, rules.name))))


def _rules(member: str, value: object) -> Iterator[tuple[str, Strict]]:
    match value:
        case Strict():
            yield member, value
        case Mapping():
            yield from ((str(n), one) for n, one in value.items() if isinstance(one, Strict))
        case tuple():
            yield from ((member, one) for one in value if isinstance(one, Strict))
        case _:
            pass
