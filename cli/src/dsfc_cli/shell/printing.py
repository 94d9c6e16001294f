"""How commands print what services answer: a table for people, JSON for machines."""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Column = str | Callable[[Any], object]
"""Where a value is in what was answered, as `standing.state`; or how it is made of it."""
PIPE_WIDTH: Final = 10_000
"""Characters. What is piped is read by a program, which has no edge."""
NAMED_BY: Final = ("id", "reference", "version", "state")
"""What a thing is called, and how it stands."""
WAITS_FOR: Final = ("missing", "consents_missing", "waiting_for")
"""Whose signature, consent or agreement is still to come."""


def print_json(found: object) -> None:
    """Print what was answered as it came."""
    typer.echo(json.dumps(_plain(found), indent=2))


def print_list(
    found: Iterable[object],
    columns: Mapping[str, Column],
    *,
    as_json: bool,
    whole: Collection[str] = ("id",),
    none: str = "There is none.",
) -> None:
    """Print a list, of which each column has its head: all of it, however many pages it had."""
    listed = [_plain(one) for one in found]
    if as_json:
        print_json(listed)
    elif not listed:
        typer.echo(none)
    else:
        print_table(
            tuple(columns),
            ([text_of_value(_at(one, where)) for where in columns.values()] for one in listed),
            whole=whole,
        )


def print_one(found: object, *, as_json: bool) -> None:
    """Print one thing, each of its members in a line."""
    if as_json:
        print_json(found)
        return
    members = dict(_members(_plain(found)))
    print_table(("", " "), members.items(), whole=("",))


def print_done(found: object, *, as_json: bool) -> None:
    """Print in a line what something is called now, and how it stands."""
    if as_json:
        print_json(found)
        return
    told: Mapping[str, Any] = _plain(found)
    standing = told.get("standing") or {}
    said = [told.get(name) or standing.get(name) for name in NAMED_BY]
    if "lifted_at" in told:
        said.append("lifted" if told["lifted_at"] else "is still held")
    waits = [str(one) for name in WAITS_FOR for one in told.get(name) or ()]
    if waits:
        said.append(f"waits for {' '.join(waits)}")
    typer.echo(" ".join(one for one in said if one and isinstance(one, str)) or "Done.")


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str] = ("id",)
) -> None:
    """Print rows under their heads, and cut nothing off: one has to ask by what is listed.

    Where a terminal is too narrow other columns than `whole` are broken; into a pipe none is.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=any(head.strip() for head in heads))
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head in whole)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, markup=False).print(table)


def text_of_value(value: object) -> str:
    """Write a value of an answer in a cell."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return " ".join(text_of_value(one) for one in value)
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def _members(found: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Give each value of an answer with the way to it: `judgement.accepted`, `items.0.kind`."""
    if isinstance(found, Mapping):
        for member, value in found.items():
            yield from _members(value, f"{name}.{member}".lstrip("."))
    elif isinstance(found, list) and any(isinstance(one, Mapping | list) for one in found):
        for position, value in enumerate(found):
            yield from _members(value, f"{name}.{position}".lstrip("."))
    else:
        yield name, text_of_value(found)


def _plain(found: object) -> Any:
    if isinstance(found, BaseModel):
        return found.model_dump(mode="json")
    if isinstance(found, list | tuple):
        return [_plain(one) for one in found]
    return found


def _at(one: Mapping[str, Any], where: Column) -> object:
    """Raises KeyError where the answer has no such member."""
    if callable(where):
        return where(one)
    value: Any = one
    for name in where.split("."):
        value = None if value is None else value[name]
    return value
