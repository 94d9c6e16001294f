"""Tells what a data set file says, for people and programs: field list, Table Schema, schema."""

import ast
import csv
import inspect
import io
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from catalogue.fields import CatalogueField, DerivedField
from catalogue.landing import LandingRules
from catalogue.model import DataSet
from catalogue.parts import Confidentiality, FileFormat, Lookup, Person, Reason
from catalogue.periods import Availability, Periods, Snapshots
from catalogue.relations.compiling import COMPUTED
from catalogue.relations.words import Group, Join, MadeAcross, Parent, Part, Table
from catalogue.words import ColumnType

COLUMNS: Final = (
    "name",
    "header",
    "title",
    "type",
    "class",
    "made_by",
    "needed",
    "codes",
    "pattern",
    "minimum",
    "maximum",
    "cap",
    "treatments",
    "assumed",
    "source",
)
"""Of the field list."""
TYPES: Final = {
    ColumnType.TEXT: "string",
    ColumnType.DATE: "date",
    ColumnType.DATETIME: "datetime",
    ColumnType.TIME: "time",
    ColumnType.INTEGER: "integer",
    ColumnType.DECIMAL: "number",
}
"""Of a Table Schema."""


def field_list(data_set: DataSet) -> Iterator[Mapping[str, str]]:
    """Give every column, those that landing makes among them, as texts by `COLUMNS`."""
    for field in data_set.fields:
        yield dict.fromkeys(COLUMNS, "") | _of_field(field)
    for derived in data_set.derived:
        yield dict.fromkeys(COLUMNS, "") | _of_derived(derived, data_set)


def field_list_csv(data_set: DataSet) -> str:
    """Write the field list as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(field_list(data_set))
    return text.getvalue()


def _of_field(field: CatalogueField) -> dict[str, str]:
    limits = {"minimum": field.minimum, "maximum": field.maximum, "cap": field.limit}
    return {
        "name": field.name,
        "header": field.label,
        "title": field.title,
        "type": field.type,
        "class": field.class_,
        "made_by": f"tells {field.tells}" if field.tells else "",
        "needed": "value" if field.mandatory else field.column,
        "codes": "|".join(_labelled(field)),
        "pattern": field.pattern or "",
        "treatments": "|".join(field.treatments),
        "assumed": "yes" if field.assumed else "",
        "source": field.source,
    } | {name: str(limit) for name, limit in limits.items() if limit is not None}


def _of_derived(derived: DerivedField, data_set: DataSet) -> dict[str, str]:
    return {
        "name": derived.name,
        "title": derived.title,
        "type": derived.type,
        "class": derived.class_,
        "made_by": how(derived),
        "codes": "|".join(derived.labels()) if derived.edges else "",
        "treatments": "derived",
        "assumed": "yes" if data_set.releasable(derived.name).assumed else "",
    }


def how(derived: DerivedField) -> str:
    """Say how a column is made."""
    at = f" at {derived.at}" if derived.at else ""
    return f"{derived.derivation} of {derived.source}{at}"


def _labelled(field: CatalogueField) -> Iterator[str]:
    for code in field.codes or ():
        label = field.labels.get(code)
        yield f"{code}={label}" if label else code


def table_schema(data_set: DataSet, rules: LandingRules | None = None) -> dict[str, Any]:
    """Write a Table Schema of the file that a provider sends (Frictionless Data).

    `rules`: by which files are taken in; the formats of columns are theirs.
    """
    as_read = data_set if rules is None else rules.taken_in(data_set)
    controls = rules.controls if rules else frozenset[str]()
    fields = [_schema_of(f) for f in as_read.fields if f.name not in controls]
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    if rules is not None and rules.record is not None:
        schema["primaryKey"] = [data_set.by_name[name].label for name in rules.record.key]
    return schema


def _schema_of(field: CatalogueField) -> dict[str, Any]:
    is_one = field.lookup is None and field.separator is None
    said = {
        "required": field.mandatory or None,
        "enum": list(field.codes) if is_one and field.codes else None,
        "pattern": field.pattern if is_one else None,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "maxLength": field.length_max if field.type is ColumnType.TEXT else None,
    }
    constraints = {name: value for name, value in said.items() if value is not None}
    described: dict[str, Any] = {"name": field.label, "type": TYPES[field.type]}
    if field.type in {ColumnType.DATETIME, ColumnType.TIME}:
        described["format"] = "any"
    if field.title:
        described["title"] = field.title
    if field.labels:
        described["categories"] = [
            {"value": code, "label": label} for code, label in field.labels.items()
        ]
    return described | ({"constraints": constraints} if constraints else {})


def schema() -> dict[str, Any]:
    """The JSON Schema of a data set file, as whoever writes one has it."""
    made = DataSet.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "A data set of the catalogue"
    for cls in (DataSet, *DESCRIBED):
        said = made if cls is DataSet else made["$defs"][cls.__name__]
        for word, text in _explained(cls):
            said["properties"][word].setdefault("description", text)
    for ours in COMPUTED:
        made["properties"].pop(ours)
    of_one_table = {"fields", "population"}
    made["required"] = [word for word in made["required"] if word not in of_one_table]
    made["oneOf"] = [
        {
            "required": sorted(mine),
            "not": {"anyOf": [{"required": [word]} for word in sorted(others)]},
        }
        for mine, others in ((of_one_table, OF_SEVERAL), (OF_SEVERAL, of_one_table))
    ]
    made["$defs"]["Join"] = {"anyOf": [{"type": "string"}, made["$defs"]["Join"]]}
    field = made["$defs"]["CatalogueField"]["properties"]
    field.pop("labels")
    field["codes"] = {
        "description": "Every code that there is, or each with its meaning.",
        "anyOf": [
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
            {"type": "null"},
        ],
        "default": None,
    }
    field["repeat"] = {
        "description": "First and last number of columns whose name has `{n}`, or `{n:02}`.",
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": 999},
        "minItems": 2,
        "maxItems": 2,
    }
    field["name"] = {"type": "string", "pattern": r"^[A-Za-z0-9_{}:]{1,64}$"}
    _without_citations(made)
    return made


OF_SEVERAL: Final = {"tables", "groups"}
CITATION: Final = re.compile(r"\s*\([^)]*(?:domain\.md|design\.md|docs/|ruling)[^)]*\)")
CITING: Final = re.compile(r"domain\.md|design\.md|docs/|ruling")
"""The schema is read without the repository, so that it cites no page of it."""


def _without_citations(node: Any) -> None:
    match node:
        case dict():
            said = node.get("description")
            if isinstance(said, str):
                node["description"] = CITATION.sub("", said)
                if CITING.search(node["description"]):
                    del node["description"]
            for value in node.values():
                _without_citations(value)
        case list():
            for value in node:
                _without_citations(value)


DESCRIBED: Final = (
    CatalogueField,
    DerivedField,
    Periods,
    Snapshots,
    Availability,
    Lookup,
    Person,
    Reason,
    Confidentiality,
    FileFormat,
    Table,
    Parent,
    Group,
    MadeAcross,
    Part,
    Join,
)
"""Parts of a data set file, each a mapping of its own."""


def _explained(cls: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Give each word of a part with the text that stands below it in the code."""
    (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = getattr(parsed, "body", [])
    for statement, behind in pairwise(body):
        match statement, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield cls.model_fields[name].alias or name, " ".join(text.split())
            case _:
                pass
