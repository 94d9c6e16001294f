"""Writes the data sets for people: what each is, its columns, and the words that files are in."""

from collections.abc import Iterator
from datetime import date

import catalogue
from catalogue import DataSet, LandingRules, Snapshots
from catalogue.describing import field_list, schema

ANY_DAY = date(2026, 11, 27)
"""Landing rules are those of this day, so that what is generated does not change by itself."""


HEADS = (
    *("data set", "title", "a record is", "about", "columns", "coverage"),
    *("sent by", "refresh", "rule"),
)


def render() -> str:
    """The newest version of every data set, and the language of the files."""
    newest = sorted(
        {d.data_set: catalogue.load().get(d.data_set) for d in catalogue.load()}.values(),
        key=lambda d: d.data_set,
    )
    parts = [
        "# Data sets",
        "",
        "The newest version of each, from its file in `libs/catalogue/src/catalogue/data_sets`;",
        "how files are taken in is in [landing-rules.md](landing-rules.md). *Selection*: columns",
        "without a published source are missing. *Assumed*: nobody published that the data set has",
        "the column.",
        "",
        f"| {' | '.join(HEADS)} |",
        "| --- " * len(HEADS) + "|",
        *(_summary(d) for d in newest),
        "",
        *_absent(),
    ]
    for data_set in newest:
        parts += ["", *of(data_set)]
    return "\n".join([*parts, "", *_language(), ""])


def _absent() -> Iterator[str]:
    """Those that agreements name and that have no file yet."""
    yield "## Not yet"
    yield ""
    yield "Data sets that agreements name and of which there is no file, each with the reason."
    yield ""
    yield "| data set | records of | why there is none | looked for in | named by |"
    yield "| --- | --- | --- | --- | --- |"
    for one in catalogue.absent():
        yield f"| {one.title} | {one.of} | {one.reason} | {one.looked_for} | {one.source} |"


def _absent_columns(data_set: DataSet) -> Iterator[str]:
    """Tell those that a source names and that the file has not."""
    missing = catalogue.absent_columns(data_set.data_set)
    if not missing:
        return
    yield "| not yet | table | why it is not there | looked for in | named by |"
    yield "| --- " * 5 + "|"
    for one in missing:
        names = ", ".join(one.columns)
        yield f"| {names} | {one.table} | {one.reason} | {one.looked_for} | {one.source} |"
    yield ""


def _summary(data_set: DataSet) -> str:
    assumed = sum(f.assumed for f in data_set.fields)
    columns = f"{len(data_set.fields)}" + (f" ({assumed} assumed)" if assumed else "")
    cells = (
        f"[`{data_set.data_set}`](#{data_set.data_set.lower()})",
        data_set.title,
        data_set.grain,
        data_set.subjects,
        columns,
        data_set.coverage,
        _unit(data_set),
        data_set.refresh,
        data_set.disclosure_rule,
    )
    return f"| {' | '.join(cells)} |"


def _unit(data_set: DataSet) -> str:
    months = data_set.periods.months
    return f"edition of {months} months" if months else data_set.periods.unit


def _snapshots(one: Snapshots) -> str:
    months = ", ".join(date(2000, month, 1).strftime("%B") for month in one.months)
    of = f" of {', '.join(one.codes)} alone" if one.codes else ""
    return f"from {one.earliest} on {months}{of}"


def of(data_set: DataSet) -> Iterator[str]:
    """Tell one version."""
    rules = catalogue.load().rules_of(data_set.data_set, ANY_DAY)
    name = data_set.data_set
    yield f'## <a id="{name.lower()}"></a>{name} {data_set.version}: {data_set.title}'
    yield ""
    yield data_set.description
    yield ""
    yield from (f"- {name}: {said}" for name, said in facts(data_set, rules) if said)
    yield ""
    yield from _absent_columns(data_set)
    if not data_set.groups:
        yield from _columns(data_set)
        return
    yield from _tables(data_set)
    for group in data_set.groups:
        parts = (
            " with ".join(filter(None, (p.table, ", ".join(p.tables[1:])))) for p in group.parts
        )
        linked = "; ".join(f"{other} by {', '.join(by)}" for other, by in group.links.items())
        yield ""
        yield f"### {name}: {group.group}"
        yield ""
        yield f"{group.title}. A record is {group.grain}, about {group.subjects}. Rows of"
        yield f"{'; of '.join(parts)}." + (f" Linked with {linked}." if linked else "")
        yield ""
        yield from _columns(data_set.by_group[group.group])


def _tables(data_set: DataSet) -> Iterator[str]:
    """Tell what is sent."""
    yield "| table | title | a row is | key | belongs to | columns | needed |"
    yield "| --- " * 7 + "|"
    for table in data_set.tables:
        parents = (
            f"{p.table} by {', '.join(p.by)}" + ("" if p.needed else ", or none")
            for p in table.parents
        )
        cells = (
            f"`{table.table}`",
            table.title,
            table.grain,
            ", ".join(table.key),
            "; ".join(parents),
            str(len(table.fields)),
            "yes" if table.needed else "",
        )
        yield f"| {' | '.join(cells)} |"


def _columns(data_set: DataSet) -> Iterator[str]:
    yield "| column | in files | title | type | class | codes or pattern | leaves as | mark |"
    yield "| --- " * 8 + "|"
    for row in field_list(data_set):
        said = row["codes"].replace("|", ", ") or (f"`{row['pattern']}`" if row["pattern"] else "")
        limits = [f"{n} {row[n]}" for n in ("minimum", "maximum", "cap") if row[n]]
        header = row["header"] if row["header"] != row["name"] else ""
        cells = (
            row["name"],
            header,
            row["title"],
            row["type"],
            row["class"],
            "; ".join(filter(None, [row["made_by"], said, *limits])),
            row["treatments"].replace("|", ", ") or "never",
            "assumed" if row["assumed"] else "",
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def facts(data_set: DataSet, rules: LandingRules | None) -> Iterator[tuple[str, str]]:
    """What is said of it as a whole."""
    periods = data_set.periods
    until = f" to {periods.latest}" if periods.latest else " on"
    yield "digest", f"`{data_set.digest}`"
    yield "a record is", f"{data_set.grain}, about {data_set.subjects}"
    yield "coverage", data_set.coverage
    yield "periods", f"{_unit(data_set)}, by {periods.field}, from {periods.earliest}{until}"
    yield "months", "; ".join(map(_snapshots, periods.snapshots))
    yield "asked for by", periods.names()
    yield "refresh", data_set.refresh
    if data_set.publication_gate:
        expected = f", expected {data_set.availability}" if data_set.availability else ""
        yield "released", f"after its publication only{expected}"
    yield "disclosure rule", data_set.disclosure_rule
    yield "legal bases", "; ".join(data_set.legal_bases)
    yield "identity by", ", ".join(data_set.identified_by)
    yield "lag", data_set.lag
    yield "specification", data_set.specification
    yield "published of it", "; ".join(data_set.publications)
    yield "source", "; ".join(filter(None, [data_set.source, *data_set.sources]))
    for instrument in (rules.collection if rules else None) or ():
        until = f" to {instrument.valid_to}" if instrument.valid_to else ""
        yield (
            "collected under",
            f"{instrument.title} (from {instrument.valid_from}{until}; {instrument.source})",
        )


def _language() -> Iterator[str]:
    """Every word of a file, as the schema says it."""
    yield "## The language of the files"
    yield ""
    yield "`contracts/catalogue/data-set.v1.schema.json` is its JSON Schema; `dsfc catalogue check"
    yield "FILE` says what is wrong with a file, and in which line (docs/adr/0044)."
    made = schema()
    of_a_join = made["$defs"]["Join"]["anyOf"][1]
    for title, properties in (
        ("A data set", made["properties"]),
        ("A column of the file", made["$defs"]["CatalogueField"]["properties"]),
        ("A column that landing makes", made["$defs"]["DerivedField"]["properties"]),
        ("Periods", made["$defs"]["Periods"]["properties"]),
        ("Months in which it is extracted", made["$defs"]["Snapshots"]["properties"]),
        ("When it is published", made["$defs"]["Availability"]["properties"]),
        ("Names of organisations", made["$defs"]["Lookup"]["properties"]),
        ("A table, where several are sent", made["$defs"]["Table"]["properties"]),
        ("A table that others belong to", made["$defs"]["Parent"]["properties"]),
        ("A group, where several are supplied", made["$defs"]["Group"]["properties"]),
        ("The rows of a group", made["$defs"]["Part"]["properties"]),
        ("A table that is joined", of_a_join["properties"]),
    ):
        yield from ("", f"### {title}", "", "| word | what it says |", "| --- | --- |")
        for word, said in properties.items():
            text = " ".join(str(said.get("description", "")).split()).replace("|", "\\|")
            yield f"| `{word}` | {text} |"
