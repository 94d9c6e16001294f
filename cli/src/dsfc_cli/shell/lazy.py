"""Commands that are imported when they are called: `dsfc --help` needs none of their libraries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
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


class Group(TyperGroup):
    """A group whose own options may stand behind its command too, where help needs none of them.

    `dsfc staff --as body-governance-1 list` is `dsfc staff list --as body-governance-1`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the group's own options, wherever they stand."""
        _, behind = self._parted(args)
        # What is missing or wrong is not said to whoever only asks for a command's help.
        ctx.resilient_parsing = "--help" in behind[1 : _end(behind)]
        try:
            return super().parse_args(ctx, self.in_front(args))
        finally:
            ctx.resilient_parsing = False

    def in_front(self, args: list[str]) -> list[str]:
        """Return the arguments, those of the group before the command."""
        before, behind = self._parted(args)
        if not behind or (command := self.commands.get(behind[0])) is None:
            return args
        mine, its = _values(self), _values(command)
        moved: list[str] = []
        left = behind[:1]
        rest = iter(behind[1 : (end := _end(behind))])
        for arg in rest:
            name, _, value = arg.partition("=")
            into = moved if name in mine and name not in its else left
            into.append(arg)
            if not value and (mine | its).get(name):
                into.extend(islice(rest, 1))
        return [*before, *moved, *left, *behind[end:]]

    def _parted(self, args: list[str]) -> tuple[list[str], list[str]]:
        """Return what stands before the command, and from it on."""
        mine, at = _values(self), 0
        while at < len(args) and args[at].startswith("-") and args[at] != "--":
            name, _, value = args[at].partition("=")
            at += 2 if not value and mine.get(name) else 1
        return args[:at], args[at:]


def _values(command: Any) -> dict[str, bool]:
    """Return the options of a command, and whether a value follows."""
    return {
        name: not one.is_flag
        for one in command.params
        if hasattr(one, "is_flag")
        for name in (*one.opts, *one.secondary_opts)
    }


def _end(args: list[str]) -> int:
    """Return where options end."""
    return args.index("--") if "--" in args else len(args)


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
        around.add_typer(found, name=name, cls=found.info.cls or Group)
    else:
        around.command(name)(found)
    return typer.main.get_group(around).commands[name]
