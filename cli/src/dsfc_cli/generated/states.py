"""docs/states.md: the lives of all that has one, from the tables that the code runs on."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from common.lives import Answer, Life, Move
from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from dsfc_testing.lives import declared

PACKAGES = ("applications", "agreements", "pseudonymisation", "dissemination", "common")
INTRODUCTION = """# States

What has states, and what may follow what: the tables on which the code runs (`common/lives:Life`,
docs/adr/0205). Tests drive every move by every role and send every command in every state. What
stands by its days is *awaited*, *in force*, *lapsed* or *withdrawn*; both its days count, and days
are London's. A command that is no move is refused with the code that stands here, or is answered
without a change.
"""


def render(apps: Mapping[str, FastAPI]) -> str:
    """Write every life of every package."""
    roles = {
        f"{method} {path}": permission.roles
        for app in apps.values()
        for method, path, permission in route_permissions(app)
        if isinstance(permission, Permission)
    }
    parts = [INTRODUCTION]
    for package in PACKAGES:
        for life in declared(package).values():
            title = life.name if package == "common" else f"{life.name} ({package})"
            parts += [f"## {title}", "", *_of(life, roles), ""]
    return "\n".join(parts)


def _of(life: Life[Any], roles: Mapping[str, frozenset[Role]]) -> Iterator[str]:
    moves = [(state, move) for state, ways in life.moves.items() for move in ways]
    yield from ("```mermaid", "stateDiagram-v2")
    yield from (f"    [*] --> {state.name}" for state in life.moves if state in life.begins)
    yield from (f"    {state.name} --> {move.to.name} : {move.why}" for state, move in moves)
    yield from ("```", "", "| from | to | when | by |", "| --- | --- | --- | --- |")
    for state, move in moves:
        yield f"| {state.name} | {move.to.name} | {move.why} | {_by(move, roles)} |"
    if not life.commands:
        return
    yield from ("", "| command | where it is no move | answer |", "| --- | --- | --- |")
    for command in life.commands:
        by_answer: dict[tuple[Answer, ...], list[str]] = {}
        for state in life.moves:
            if not life.leads(state, command):
                by_answer.setdefault(life.answers(state, command), []).append(state.name)
        for answers, states in by_answer.items():
            yield f"| `{command}` | {', '.join(states)} | {_words(answers)} |"


def _words(answers: tuple[Answer, ...]) -> str:
    return " or ".join("no change" if one is None else f"`{one.code}`" for one in answers)


def _by(move: Move[Any], roles: Mapping[str, frozenset[Role]]) -> str:
    """Name the command that makes a move, and the roles that may send it."""
    if move.command is None:
        return "time, or others' facts"
    may = move.by or allowed(move.command, roles)
    if may is None:
        return f"`POST …/{move.command}` of its kind"
    return f"`{move.command}`: {', '.join(role.value for role in Role if role in may)}"


def allowed(command: str, roles: Mapping[str, frozenset[Role]]) -> frozenset[Role] | None:
    """Return who may send a command; None: it is no route, but a step that several routes have.

    Raises:
        LookupError: it looks like a route, and there is none.

    """
    if " " not in command:
        return None
    shape = re.compile(re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(command)))
    found = {may for route, may in roles.items() if shape.fullmatch(route)}
    if len(found) != 1:
        raise LookupError(f"{command} is no route, or several of other roles")
    [may] = found
    return may
