"""Commands that are imported when they are called: `dsfc --help` needs none of their libraries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command by its place; a test holds the summary against the first paragraph of its help."""

    place: str
    """`module:name` of a function, or of a Typer that has commands of its own."""
    summary: str
    """What the list of commands says of it."""
    part: str | None = None
    """Under which heading the list has it; None: with those that have none."""


class LazyGroup(TyperGroup):
    """A group that lists its lazy commands by their summaries and imports the one that is called.

    Lazy commands come first in the list, in the order of `lazy`.
    """

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        listed = {
            name: TyperCommand(name, help=it.summary, rich_help_panel=it.part)
            for name, it in self.lazy.items()
        }
        self.commands = {**listed, **self.commands}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the command that the arguments call, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self.lazy:
            command = loaded(name, self.lazy[name])
        return name, command, rest


def group(lazy: Mapping[str, Lazy]) -> type[LazyGroup]:
    """Return a class for `typer.Typer(cls=…)` whose groups have these commands."""
    return type("LazyGroup", (LazyGroup,), {"lazy": lazy})


def loaded(name: str, lazy: Lazy) -> Any:
    """Import a command and return it as Typer makes it."""
    module, _, attribute = lazy.place.partition(":")
    found: typer.Typer | Callable[..., None] = getattr(import_module(module), attribute)
    # With a callback it is a group, also of one command.
    around = typer.Typer(callback=lambda: None, rich_markup_mode="rich", add_completion=False)
    around.pretty_exceptions_enable = False
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    return typer.main.get_group(around).commands[name]
