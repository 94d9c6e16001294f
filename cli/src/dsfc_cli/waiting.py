"""`dsfc waiting`: what replaces something and waits for a second person, in both services."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls, failed
from dsfc_cli.shell.printing import AsJson, print_json, print_list
from dsfc_client import (
    Agreements,
    Dsfc,
    Problem,
    Pseudonymisation,
    Wire,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Lists, replies, maps and editions that wait for a second person: see, confirm, take"
    " back.",
)

FORBIDDEN: Final = 403
UNDECIDED: Final = ("waiting", "leaving")
"""What a second person has to say something of: that it comes, or that it goes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where one kind of what replaces is listed and decided."""

    service: str
    listed: str
    decided: str
    """Its own path; `/confirmation` and `/withdrawal` follow."""
    key: str = "id"
    states: tuple[str, ...] = UNDECIDED


KINDS: Final = {
    "import": Kind("agreements", "/v1/imports", "/v1/imports"),
    "map": Kind("agreements", "/v1/maps", "/v1/maps"),
    "submission-rights": Kind(
        "agreements",
        "/v1/submission-rights/recorded",
        "/v1/submission-rights",
        key="batch",
        states=("waiting",),
    ),
    "opt-out-list": Kind("pseudonymisation", "/v1/opt-out-lists", "/v1/opt-out-lists"),
    "opt-out-check": Kind(
        "pseudonymisation", "/v1/opt-out-checks", "/v1/opt-out-checks", states=("waiting",)
    ),
    "edition": Kind("pseudonymisation", "/v1/editions", "/v1/editions"),
}


HEADS: Final = {
    "kind": "kind",
    "id": "id",
    "about": "about",
    "state": "state",
    "before": "before",
    "after": "after",
    "+": "added",
    "-": "removed",
    "other": "changed",
    "sent by": "proposed_by",
}


class Found(Wire):
    """One of them, as its service shows it."""

    @property
    def told(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @property
    def standing(self) -> dict[str, Any]:
        """How it stands; of some it is a part, of others the thing itself says it."""
        standing: dict[str, Any] = self.told.get("standing") or self.told
        return standing

    def row(self, name: str) -> dict[str, Any]:
        kind, told, standing = KINDS[name], self.told, self.standing
        change = standing.get("change") or {}
        about = ("kind", "layout", "list_date", "data_set", "provider", "period", "submitter")
        return {
            "kind": name,
            "id": told[kind.key],
            "about": " ".join(str(told[a]) for a in about if told.get(a)),
            "state": standing["state"],
            **{n: change.get(n) for n in ("before", "after", "added", "removed", "changed")},
            "proposed_by": standing.get("proposed_by"),
        }


KindName = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")]
Id = Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]


@app.callback()
@calls("agreements", "pseudonymisation")
def waiting(
    caller: Caller,
    context: typer.Context,
) -> None:
    """See, confirm and take back lists, maps and editions that wait for a second person.

    Example: dsfc waiting --as body-contracts list
    """
    context.obj = caller


@app.command("list")
def list_waiting(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List what waits, with the rows that each would change, as far as the client may see it.

    Example: dsfc waiting --as body-contracts list
    """
    rows: list[dict[str, Any]] = []
    hidden: list[Problem] = []
    with caller_of(context).connected() as dsfc:
        for name, kind in KINDS.items():
            try:
                for state in kind.states:
                    found = _service(dsfc, kind).pages(kind.listed, Found, state=state)
                    rows += [one.row(name) for one in found]
            except Problem as no:
                if no.status != FORBIDDEN:
                    raise
                hidden.append(no)
        if len(hidden) == len(KINDS):
            raise hidden[0]
    print_list(rows, HEADS, as_json=as_json, whole=("kind", "id"), none="Nothing waits.")


@app.command("show")
def show_waiting(context: typer.Context, kind: KindName, id_: Id) -> None:
    """Print all that the service says of one of them, as JSON: who sent it, what it changes.

    Example: dsfc waiting --as body-contracts show import ID
    """
    of, caller = _kind(kind), caller_of(context)
    with caller.connected() as dsfc:
        listed = _service(dsfc, of).pages(of.listed, Found)
        found = [one.told for one in listed if one.told[of.key] == str(id_)]
    if not found:
        raise failed(f"There is no {kind} {id_}, or {caller.client} may not see it.")
    print_json(found[0] if len(found) == 1 else found)


@app.command("confirm")
def confirm_waiting(context: typer.Context, kind: KindName, id_: Id, reason: Reason) -> None:
    """Let into force what somebody else sent.

    Example: dsfc waiting --as body-contracts confirm map ID --reason "Compared with the directory."
    """
    typer.echo(_decided(context, kind, id_, "confirmation", reason))


@app.command("take-back")
def take_back(context: typer.Context, kind: KindName, id_: Id, reason: Reason) -> None:
    """Take back what waits or is in force. `leaving`: a second person has to do the same.

    Example: dsfc waiting --as dscro-approver take-back opt-out-list ID --reason "Of another day."
    """
    typer.echo(_decided(context, kind, id_, "withdrawal", reason))


def _decided(context: typer.Context, name: str, id_: UUID, verb: str, reason: str) -> str:
    kind = _kind(name)
    with caller_of(context).connected() as dsfc:
        answer = _service(dsfc, kind).post(f"{kind.decided}/{id_}/{verb}", {"reason": reason})
    rights = answer.get("rights")
    return str(rights[0]["state"] if rights else Found.model_validate(answer).standing["state"])


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise failed(f"There is no kind {name}; there are {', '.join(KINDS)}.", code=2)
    return KINDS[name]


def _service(dsfc: Dsfc, kind: Kind) -> Agreements | Pseudonymisation:
    return dsfc.agreements if kind.service == "agreements" else dsfc.pseudonymisation
