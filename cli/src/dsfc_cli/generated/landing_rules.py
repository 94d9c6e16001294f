"""Writes the landing rules for people: what becomes of a value that is not as it should be."""

from collections.abc import Iterator

import catalogue
from catalogue import Days, LandingRules, When


def render() -> str:
    """Return every version of the landing rules, with what it says and where that comes from."""
    parts = [
        "# Landing rules",
        "",
        "How a file is taken in, beside the published data set file, on whose digest agreements",
        "rest. They hold for every version of their data set at once (docs/adr/0021). *empty*: the",
        "value is taken as none and counted, the record stays; *warn*: it stays as it is and is",
        "counted;",
        "*quarantine*: the record is set aside and its sender told why.",
    ]
    for rules in sorted(catalogue.load().landing_rules, key=lambda r: (r.data_set, -r.version)):
        parts += ["", *_version(rules)]
    return "\n".join([*parts, ""])


def of(data_set: str) -> Iterator[str]:
    """Give what the landing rules of a data set say, the newest first."""
    for rules in sorted(catalogue.load().landing_rules, key=lambda r: -r.version):
        if rules.data_set == data_set:
            yield from ("", *_version(rules))


def _version(rules: LandingRules) -> Iterator[str]:
    yield f"## {rules.data_set}, version {rules.version}"
    yield ""
    yield f"From {rules.valid_from}; digest `{rules.digest}`. Editions made by versions before"
    yield f"{rules.safe_from}, or by none, are not released. Sources: {'; '.join(rules.sources)}."
    yield from _formats(rules)
    yield from _void(rules)
    if rules.record is not None:
        known = rules.record
        yield from ("", "### A record", "")
        yield f"Known again by its provider and {_named(known.key)}; one that comes again:"
        yield f"*{known.twice}*. Source: {known.source}."
    yield from _sent(rules)
    if rules.withhold is not None:
        hold = rules.withhold
        yield from ("", "### Identity withheld", "")
        yield f"Dropped: {_named(hold.drop)}. Of what is made of them stays: "
        yield f"{_named(hold.keep_derived)}. Reasons for Access: {', '.join(hold.reasons)}."
        yield from _whens(hold.when)
    if rules.adds_nothing:
        yield from ("", "### Adds nothing", *_whens(rules.adds_nothing))
    if rules.validity:
        ahead = _named(rules.ahead) if rules.ahead else "none"
        yield from (
            "",
            "### Validity",
            "",
            f"Rightly later than the day of submission: {ahead}.",
            "",
        )
        yield from ("| code | column | effect | what it says | source |", "| --- " * 5 + "|")
        for rule in rules.validity:
            against = _than(rule.than)
            yield (
                f"| `{rule.code}` | {rule.column} {rule.is_} {against} | {rule.effect} |"
                f" {rule.text} | {rule.source} |"
            )


def _sent(rules: LandingRules) -> Iterator[str]:
    """Say by which protocols files are sent, what is summed, and whom a sender counts."""
    ways = rules.protocols
    if ways is not None:
        yield from ("", "### Protocols", "")
        yield "*whole_period*: what the provider has in the period is replaced."
        if ways.net_change is not None:
            change = ways.net_change
            yield "*net_change*: each row replaces, or takes back, the record of its key from"
            yield f"{change.applicable} on; an older one is ignored. Source: {change.source}."
        if ways.bulk is not None:
            groups = "; ".join(f"{code} {title}" for code, title in ways.bulk.groups.items())
            yield "*bulk*: what the same sender sent for the same prime recipient, group and period"
            yield f"is replaced; groups: {groups}. Source: {ways.bulk.source}."
        if ways.stated is not None:
            said = "; ".join(f"{way}: {_named(v)}" for way, v in ways.stated.values.items())
            yield f"A row that says otherwise in {ways.stated.column} is set aside ({said})."
    if rules.measures:
        yield from ("", f"Summed where a file replaces another: {_named(rules.measures)}.")
    if rules.left_out_at_source is not None:
        left_out = rules.left_out_at_source
        yield from ("", f"{left_out.who}: the sender says how many. Source: {left_out.source}.")
    if rules.by_token is not None:
        way = rules.by_token
        yield from ("", f"Sent by token alone, to `{way.through}`. Source: {way.source}.")


def _formats(rules: LandingRules) -> Iterator[str]:
    yield from ("", "### Columns", "")
    yield from ("| columns | format | else | missing | source |", "| --- " * 5 + "|")
    for rule in rules.fields:
        form = rules.formats.get(rule.format or "")
        written = "as published"
        if form is not None:
            said = ", ".join(form.codes or ()) or form.pattern or ""
            escaped = said.replace("|", "\\|")
            written = f"{rule.format}: `{escaped}`"
        source = f"{form.source} ({form.dated})" if form else ""
        missing = rule.missing or "as published"
        yield f"| {_named(rule.names)} | {written} | {rule.otherwise} | {missing} | {source} |"


def _void(rules: LandingRules) -> Iterator[str]:
    void = rules.void
    if void is None:
        return
    yield from ("", "### No values", "")
    yield f"Words, in any case and with anything between: {', '.join(void.words)}."
    yield f"One letter or digit {void.repeated_from} times or more, or noughts, as a key."
    if void.patterns:
        written = ", ".join(f"`{pattern}`" for pattern in void.patterns)
        yield f"As a key also what is written {written}."
    yield f"NHS numbers: {', '.join(void.numbers)}. Dates: {', '.join(map(str, void.dates))}."
    yield f"Source: {void.source} ({void.dated})."


def _whens(whens: tuple[When, ...]) -> Iterator[str]:
    yield from ("", "| code | where | source |", "| --- | --- | --- |")
    for when in whens:
        says = f"is {_named(when.values)}"
        if when.other_than is not None:
            says = "has a value" + (f" but {_named(when.other_than)}" if when.other_than else "")
        elif when.begins:
            says = f"begins {_named(when.begins)}"
        if when.unless is not None:
            says += f", unless {when.unless.column} is {_named(when.unless.values)}"
        if when.cancels:
            says += "; takes back the record of that key on the lines before it"
        yield f"| `{when.code}` | {_named(when.columns)} {says} | {when.source} |"


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _than(than: object) -> str:
    return f"days from {than.start} to {than.end}" if isinstance(than, Days) else str(than)
