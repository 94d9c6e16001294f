"""Commands that are a method of the client: their arguments, help and answer are the method's.

What is particular to a command is written by hand, as in `dsfc_cli.dissemination.extracting`; what
is alike - recording, confirming, taking back, listing, showing - is said here once
(docs/adr/0218).
"""

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

import typer

from dsfc_cli.shell.calling import KEYWORD, Caller, caller_of, calls, declared, json_of
from dsfc_cli.shell.printing import AsJson, Column, print_done, print_json, print_list, print_one
from dsfc_client import Agreements, Applications, Dissemination, Pseudonymisation

Method = Callable[..., Any]

Service = Agreements | Applications | Dissemination | Pseudonymisation
SERVICES: Final[Mapping[str, type]] = {
    "agreements": Agreements,
    "applications": Applications,
    "dissemination": Dissemination,
    "pseudonymisation": Pseudonymisation,
}
DAY: Final = "YYYY-MM-DD"
WORDS: Final[Mapping[str, str]] = {
    "agreement": "Its reference.",
    "as_at": "The day that is asked about; today without.",
    "body": "JSON; --example prints one to begin with; `-`: what is piped.",
    "clients": "Who act for it, as tokens name them.",
    "condition": "Of the approval, as `show` names it.",
    "content": "The file, CSV.",
    "data_set": "Its name in the catalogue.",
    "declared_count": "How many people are on it.",
    "effective_from": "The first day.",
    "evidence": "Where it can be seen; nothing about patients.",
    "file_id": "Of a released file.",
    "first_month": "YYYY-MM.",
    "former": "The earlier version, such as v0.0.",
    "identifiable": "For data that identify people.",
    "in_force": "Those in force; all others with --no-in-force.",
    "key": "A name: the same name again is the same one.",
    "kind": "Of which kind.",
    "last": "The last month, YYYY-MM.",
    "last_day": "On which it counts; today without.",
    "last_month": "YYYY-MM.",
    "late": "Those that are late.",
    "later": "The later version, such as v1.0.",
    "layout": "Of the file, as it is published.",
    "line": "Its number; without one the whole agreement. Again for each.",
    "list_date": "Of the list.",
    "listed_on": "Of which day the register is.",
    "month": "YYYY-MM.",
    "organisation": "Its code (ODS).",
    "ods": "Its code.",
    "period": "Such as a month, YYYY-MM.",
    "predecessor": "Whose standing passes on (ODS).",
    "provider": "Its code (ODS).",
    "published_on": "The day.",
    "reason": "Why; it stands in the audit log.",
    "recipient": "To whom (ODS).",
    "reference": "Of the agreement or the contract.",
    "refused": "It does not consent.",
    "service_contract": "Reference of the parties' own contract.",
    "shrunk": "Those that have fewer rows than before.",
    "signed_on": "The day of the parties' own contract.",
    "snapshot_hash": "Of what was approved, `sha256:...`.",
    "snapshot_on": "Of which day the list is.",
    "standard": "Its number, 1 to 20.",
    "state": "Only those that stand so.",
    "submitter": "Who sends (ODS).",
    "successor": "To whom it passes (ODS).",
    "target": "Where it goes.",
    "valid_from": "The first day.",
    "valid_to": "The last day; open without.",
    "version": "Such as v1.0; the one in force without.",
}
"""What an argument means, by its name in the client; a command may say it otherwise."""
LISTED: Final = "As `list` names it."
DAYS: Final = frozenset({"as_at", "effective_from", "last_day", "valid_from", "valid_to"})
ONCE: Final = "key"
BODY: Final = "body"
CONTEXT: Final = inspect.Parameter("context", KEYWORD, annotation=typer.Context)
JSON: Final = inspect.Parameter("as_json", KEYWORD, default=False, annotation=AsJson)


def group(
    service: str,
    summary: str,
    *,
    example: str,
    client: str | None = None,
    besides: Sequence[str] = (),
    is_public: bool = False,
) -> typer.Typer:
    """Return a group of commands that ask a service, each as the same caller; public: as nobody.

    `besides`: what some of them ask in place of it.
    """
    app = typer.Typer(no_args_is_help=True)

    def asked(caller: Caller, context: typer.Context) -> None:
        context.obj = caller

    asked.__doc__ = f"{summary}\n\nExample: {example}"
    app.callback()(calls(service, *besides, client=client, is_public=is_public)(asked))
    return app


def lists(
    app: typer.Typer,
    name: str,
    method: Method,
    columns: Mapping[str, Column],
    *,
    example: str,
    whole: Collection[str] = ("id",),
    words: Mapping[str, str] | None = None,
) -> None:
    """Give a group a command that prints what a method lists, by these columns."""

    def told(found: object, *, as_json: bool) -> None:
        assert isinstance(found, list | Iterator)
        print_list(found, columns, as_json=as_json, whole=whole)

    _add(app, name, method, told, example, words or {})


def shows(
    app: typer.Typer,
    name: str,
    method: Method,
    *,
    example: str,
    words: Mapping[str, str] | None = None,
) -> None:
    """Give a group a command that prints all of what a method returns."""
    _add(app, name, method, print_one, example, words or {})


def does(
    app: typer.Typer,
    name: str,
    method: Method,
    *,
    example: str,
    words: Mapping[str, str] | None = None,
    has_example: bool = True,
) -> None:
    """Give a group a command that does what a method does, and says how it stands then.

    `has_example`: where it sends a body, it prints one; not where that depends on its arguments.
    """
    _add(app, name, method, print_done, example, words or {}, has_example=has_example)


def writes(
    app: typer.Typer,
    name: str,
    method: Method,
    *,
    example: str,
    words: Mapping[str, str] | None = None,
) -> None:
    """Give a group a command that prints a text, or says where a file went."""

    def told(found: object, *, as_json: bool) -> None:
        del as_json
        # A text is printed as it came: one newline more, and a file has not its digest.
        typer.echo(found, nl=not isinstance(found, str) or sys.stdout.isatty())

    _add(app, name, method, told, example, words or {}, has_json=False)


def _add(
    app: typer.Typer,
    name: str,
    method: Method,
    told: Callable[..., None],
    example: str,
    words: Mapping[str, str],
    *,
    has_json: bool = True,
    has_example: bool = True,
) -> None:
    service = next(of for of, its in SERVICES.items() if method in vars_of(its))
    asked = [
        parameter
        for parameter in inspect.signature(method).parameters.values()
        if parameter.name != "self"
    ]
    parameters = [CONTEXT, *(_as_typed(one, {**WORDS, **words}) for one in asked)]
    if has_example and any(one.name == BODY for one in asked):
        parameters.append(_example_of_body(service, method, asked))

    def called(**values: Any) -> None:
        context = values.pop("context")
        as_json = values.pop("as_json", False)
        values.pop("example", None)
        given = {
            one.name: json_of(values[one.name]) if one.name == BODY else values[one.name]
            for one in asked
        }
        positional = [given.pop(one.name) for one in asked if one.kind is not KEYWORD]
        with caller_of(context).connected() as dsfc:
            told(method(getattr(dsfc, service), *positional, **given), as_json=as_json)

    command = declared(_helped(method, example), [*parameters, *([JSON] * has_json)], called)
    app.command(name)(command)


class _Asked(Exception):
    """Which route a method asks."""

    def __init__(self, verb: str, path: str) -> None:
        super().__init__(verb, path)
        self.verb, self.path = verb, path


class _Noting:
    """Stands for a service that is asked nothing: it says which route would be."""

    def post(self, path: str, *_args: object, **_options: object) -> None:
        raise _Asked("post", path)

    def call(self, verb: str, path: str, **_options: object) -> None:
        raise _Asked(verb.lower(), path)


def _example_of_body(
    service: str, method: Method, asked: Sequence[inspect.Parameter]
) -> inspect.Parameter:
    """Return the option that prints a body as the service itself shows it."""

    def told(context: typer.Context, value: bool) -> None:
        if not value:
            return
        with caller_of(context).connected() as dsfc:
            arguments = ["ID" for one in asked if one.kind is not KEYWORD]
            print_json(example_of_body(getattr(dsfc, service), method, arguments))
        raise typer.Exit

    said = typer.Option("--example", is_eager=True, callback=told, help="Print a body, and end.")
    return inspect.Parameter("example", KEYWORD, default=False, annotation=Annotated[bool, said])


def example_of_body(service: Service, method: Method, arguments: Sequence[object]) -> Any:
    """Return the body that a service shows for the route of a method with these arguments."""
    try:
        method(_Noting(), *arguments)
    except _Asked as route:
        return _body_at(service.get("/openapi.json"), route)
    raise LookupError(f"{method.__name__} asks for no route.")


def _body_at(document: Mapping[str, Any], route: _Asked) -> Any:
    """Return the example of the body of a route. Raises LookupError where there is none."""
    for path, operations in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), route.path) and route.verb in operations:
            content = operations[route.verb]["requestBody"]["content"]["application/json"]
            if "example" in content:
                return content["example"]
            if "examples" in content:
                return next(iter(content["examples"].values()))["value"]
            schema = content["schema"]["$ref"].rpartition("/")[2]
            return document["components"]["schemas"][schema]["examples"][0]
    raise LookupError(f"{route.verb} {route.path} is no route.")


def vars_of(service: type) -> Collection[Method]:
    """Every method of a service, its own and what it inherits."""
    return [member for _, member in inspect.getmembers(service, inspect.isfunction)]


def _helped(method: Method, example: str) -> Callable[..., None]:
    """Return what has the help of a command: the first sentences of its method, and an example."""

    def command() -> None:
        """Only its help is used."""

    said = inspect.cleandoc(method.__doc__ or "").split("\n\n")[0]
    command.__doc__ = f"{said}\n\nExample: {example}"
    return command


def _as_typed(of: inspect.Parameter, words: Mapping[str, str]) -> inspect.Parameter:
    """Return an argument of a method as typer reads it."""
    is_id = UUID in get_args(of.annotation)
    said = words.get(of.name, LISTED) if is_id else words[of.name]
    name = of.name.replace("_", "-")
    if of.kind is KEYWORD and of.name != ONCE:
        metavar = DAY if of.name in DAYS or of.name.endswith("_on") else None
        option = typer.Option(f"--{name}", help=said, metavar=metavar)
        return _parameter(of, _typed(of.annotation), option)
    if of.name == ONCE:
        return _parameter(of, str | None, typer.Option("--once", help=said))
    if of.name == "reason" or of.name in DAYS or of.name.endswith(("_on", "_date")):
        metavar = None if of.name == "reason" else DAY
        return _parameter(of, str, typer.Option(f"--{name}", help=said, metavar=metavar))
    if of.name in {"evidence", "target"}:
        return _parameter(of, _typed(of.annotation), typer.Option(f"--{name}", help=said))
    if of.name in {"body", "content"}:
        return _parameter(of, Path, typer.Argument(metavar="FILE", help=said))
    metavar = "ID" if is_id else name.upper()
    return _parameter(of, _typed(of.annotation), typer.Argument(metavar=metavar, help=said))


def _parameter(of: inspect.Parameter, type_: Any, said: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if of.default is inspect.Parameter.empty else of.default
    return inspect.Parameter(of.name, KEYWORD, default=default, annotation=Annotated[type_, said])


def _typed(annotation: Any) -> Any:
    """Return the type by which typer reads what a method takes."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if UUID in options:
        return UUID
    whole = [list[get_args(one)[0]] if get_origin(one) else one for one in options]  # type: ignore[misc]
    kept = [one for one in whole if one is not NoneType]
    return kept[0] | None if NoneType in whole else kept[0]
