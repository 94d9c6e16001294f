"""`dsfc registers`: what everybody may read, and whether it is what was signed (docs/adr/0256)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import JsonValue

from common.errors import AppError
from common.ids import digest_of
from common.security import keys
from dsfc_cli.shell.calling import caller_of, failed
from dsfc_cli.shell.methods import group, shows, writes
from dsfc_cli.shell.printing import AsJson, print_json, print_list
from dsfc_client import Agreements, Applications, Dsfc

ATTEMPTS: Final = 3
"""A line may come between a statement and the lines that are read after it."""
UNSTATED: Final[Mapping[bool, frozenset[str]]] = {
    True: frozenset(
        {"status", "status_code", "status_since", "is_as_released", "is_status_as_logged"}
    ),
    False: frozenset({"not_as_sealed"}),
}
"""Members of a line that its statement is not over: of data uses, and of the other registers."""
GONE: Final = ("missing", "not_as_sealed", "not_as_released", "unreadable")
REGISTERED: Final = frozenset({"iss", "aud", "iat", "jti"})
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "contracts": ("con_ref", "legal_entity", "status", "signed_on", "end"),
    "agreements": ("reference", "version", "status", "controllers", "data_sets", "end"),
    "relationships": ("lcr_ref", "commissioner_ods", "csu_ods", "dscro_name", "effective_from"),
    "onward-shares": ("agreement", "recipient", "shared_on"),
    "audits": ("reference", "kind", "organisation", "state", "published_at"),
    "data-uses": ("file_id", "reference", "data_set", "released_at", "status"),
}


QUALITY: Final = ("data_set", "period", "provider", "landed_on", "records", "rule")
"""Of an edition; how complete and valid each field is, `--json` says."""


class Register(StrEnum):
    CONTRACTS = "contracts"
    AGREEMENTS = "agreements"
    RELATIONSHIPS = "relationships"
    ONWARD_SHARES = "onward-shares"
    AUDITS = "audits"
    DATA_USES = "data-uses"

    @property
    def use(self) -> keys.KeyUse:
        """As what its statement is signed."""
        of_uses = self is Register.DATA_USES
        return keys.DATA_USES_STATEMENT if of_uses else keys.REGISTER_STATEMENT

    @property
    def only_grows(self) -> bool:
        """Say whether a line stays for good: an edition of relationships replaces the former."""
        return self is not Register.RELATIONSHIPS

    def statement(self, dsfc: Dsfc) -> Mapping[str, Any]:
        if self is Register.DATA_USES:
            told = dsfc.dissemination.register_statement()
        else:
            told = dsfc.agreements.register_statement(self.value)
        return dict(told)

    def lines(self, dsfc: Dsfc) -> list[Any]:
        if self is Register.DATA_USES:
            return [*dsfc.dissemination.register_rows()]
        return [*dsfc.agreements.register(self.value)]

    def jwks(self, dsfc: Dsfc) -> Any:
        service = dsfc.dissemination if self is Register.DATA_USES else dsfc.agreements
        return service.get("/.well-known/jwks.json")

    def stated(self, lines: Iterable[Mapping[str, Any]]) -> list[JsonValue]:
        """Return of each line what its statement is over."""
        unstated = UNSTATED[self is Register.DATA_USES]
        return [{name: it for name, it in one.items() if name not in unstated} for one in lines]


Which = Annotated[Register, typer.Argument(metavar="REGISTER", help=", ".join(Register))]

registers = group(
    "agreements",
    "The public registers: read, fetched, and held against their signed statements.",
    besides=("applications", "dissemination", "pseudonymisation"),
    is_public=True,
    example="dsfc registers statement data-uses",
)


@registers.command("list")
def list_lines(context: typer.Context, register: Which, as_json: AsJson = False) -> None:
    """List the lines of a register; of relationships those of the newest edition.

    Example: dsfc registers list agreements
    """
    with caller_of(context).connected() as dsfc:
        found = register.lines(dsfc)
    columns = {name: _column(name) for name in COLUMNS[register.value]}
    print_list(found, columns, as_json=as_json, whole=tuple(columns)[:1])


@registers.command("fetch")
def fetch(
    context: typer.Context,
    register: Which,
    target: Annotated[Path, typer.Option(help="Where it goes; .csv or .xlsx.")],
) -> None:
    """Fetch a whole register as a spreadsheet.

    Example: dsfc registers fetch relationships --target relationships.xlsx
    """
    with caller_of(context).connected() as dsfc:
        try:
            if register is Register.DATA_USES:
                dsfc.dissemination.register_file(target)
            else:
                dsfc.agreements.register_file(register.value, target)
        except ValueError as error:
            raise failed(str(error), code=2) from None
        except OSError as error:
            raise failed(f"{target}: {error.strerror}.", code=2) from None
    typer.echo(target)


@registers.command("statement")
def statement(
    context: typer.Context,
    register: Which,
    kept: Annotated[
        Path | None, typer.Option(help="An earlier statement, as --target kept it.")
    ] = None,
    jwks: Annotated[
        Path | None,
        typer.Option(help="Public keys (JWKS) kept earlier, in place of those shown now."),
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="Keep the statement there, to hold others against it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the signed statement of a register, and hold every line that is shown against it.

    Exit 0: signed, complete, and of the lines that are shown. Exit 1: something is wrong, and said.
    Exit 2: it could not be judged.

    Example: dsfc registers statement data-uses
    """
    with caller_of(context).connected() as dsfc:
        try:
            known = register.jwks(dsfc) if jwks is None else json.loads(jwks.read_bytes())
            former = None if kept is None else _signed(kept.read_text("ascii"), register, known)
            judged = _held_against_lines(register, dsfc, known)
            if former is not None:
                judged = judged.beside(former)
            if target is not None:
                target.write_text(f"{judged.told['statement']}\n", "ascii")
        except OSError as error:
            raise failed(f"{error.filename}: {error.strerror}.", code=2) from None
        except ValueError as error:
            raise failed(f"A file cannot be read: {error}.", code=2) from None
        except AppError as error:
            raise failed(f"{error.code}: {error.detail}", code=1) from None
    if as_json:
        print_json({**judged.told, "wrong": judged.wrong})
    else:
        told = judged.told
        typer.echo(
            f"{register} as of {told['as_of']}: {told['rows']} line{'s' * (told['rows'] != 1)},"
            f" {told['digest']}"
        )
        for what in judged.wrong or ("Signed, complete, and of the lines that are shown.",):
            typer.echo(what)
    if judged.wrong:
        raise typer.Exit(1)


@registers.command("data-quality")
def data_quality(
    context: typer.Context,
    data_set: Annotated[str | None, typer.Option(help="Only of it.")] = None,
    month: Annotated[str | None, typer.Option(help="Only of it, YYYY-MM.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only of it (ODS).")] = None,
    as_json: AsJson = False,
) -> None:
    """List what there is of each data set, month and provider, and how complete and valid it is.

    Example: dsfc registers data-quality --data-set SUS_APC
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.pseudonymisation.quality_statement(
            data_set=data_set, month=month, provider=provider
        )
        print_list(
            found,
            {name: _column(name) for name in QUALITY},
            as_json=as_json,
            whole=("data_set",),
        )


shows(
    registers,
    "notice",
    Agreements.notice,
    example="dsfc registers notice 02P",
)
writes(
    registers,
    "notice-page",
    Agreements.notice_page,
    example="dsfc registers notice-page 02P > notice.html",
)
shows(
    registers,
    "standards",
    Applications.standards,
    example="dsfc registers standards --as-at 2018-04-01",
)
shows(
    registers,
    "supporting",
    Agreements.supporting,
    example="dsfc registers supporting 02P",
)
shows(
    registers,
    "differences",
    Agreements.relationship_differences,
    words={"earlier": "Number of an edition.", "later": "Number of the other one."},
    example="dsfc registers differences 1 2",
)
shows(
    registers,
    "agreement",
    Agreements.registered_agreement,
    example="dsfc registers agreement DARS-NIC-123456-A1B2C",
)
shows(
    registers,
    "contract",
    Agreements.registered_contract,
    example="dsfc registers contract CON-123456-A1B2C",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedStatement:
    """A statement that is genuine, the lines that were shown with it, and what is wrong."""

    register: Register
    told: Mapping[str, Any]
    lines: Sequence[JsonValue]
    """What the statement is over, of each line."""
    wrong: Sequence[str]

    def beside(self, former: Mapping[str, Any]) -> "JudgedStatement":
        """Hold it against an earlier statement, which is genuine: nothing may be taken back."""
        return JudgedStatement(
            register=self.register,
            told=self.told,
            lines=self.lines,
            wrong=(*self.wrong, *_since(former, self)),
        )


def judged(
    register: Register, told: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], jwks: Any
) -> JudgedStatement:
    """Say what is wrong of a statement and of the lines that are shown with it.

    Raises:
        NotGenuine: it is not what the service that keeps the register signed.

    """
    signed = _signed(str(told["statement"]), register, jwks)
    beside = {name: it for name, it in told.items() if name != "statement"}
    beside["as_of"] = str(beside["as_of"]).replace("Z", "+00:00")
    wrong = [
        f"`{name}` is shown otherwise than it was signed."
        for name in sorted(beside.keys() | (signed.keys() - REGISTERED))
        if beside.get(name) != signed.get(name)
    ]
    for name in GONE:
        wrong += [f"{name.replace('_', ' ')}: {_plain(one)}" for one in signed.get(name) or ()]
    if not signed["is_complete"]:
        wrong.append("By its own statement the register is not complete.")
    stated = register.stated(lines)
    if len(stated) != signed["rows"] or digest_of(stated) != signed["digest"]:
        wrong.append(
            f"The {len(stated)} lines that are shown are not the {signed['rows']} that are stated."
        )
    return JudgedStatement(register=register, told=told, lines=stated, wrong=tuple(wrong))


def _held_against_lines(register: Register, dsfc: Dsfc, jwks: Any) -> JudgedStatement:
    """Ask for a statement and the lines; once more where a line came between the two."""
    for attempt in range(1, ATTEMPTS + 1):
        told = register.statement(dsfc)
        found = judged(register, told, register.lines(dsfc), jwks)
        again = register.statement(dsfc) if found.wrong and attempt < ATTEMPTS else told
        if again["digest"] == told["digest"]:
            return found
    return found


def _since(former: Mapping[str, Any], now: JudgedStatement) -> Iterable[str]:
    """Say what an earlier statement said that is not so any more."""
    told, as_of = now.told, former["as_of"]
    if former["register"] != told["register"]:
        yield f"The statement that was kept is of {former['register']}."
        return
    for size, head in (("log_size", "log_root"), ("seals", "epoch_seal")):
        if size not in former:
            continue
        if told[size] < former[size]:
            yield f"`{size}` was {former[size]} at {as_of} and is {told[size]}: something was cut."
        elif told[size] == former[size] and told[head] != former[head]:
            yield f"`{head}` was another one at {as_of}, at the same `{size}`."
    if not now.register.only_grows:
        return
    rows = former["rows"]
    if told["rows"] < rows:
        yield f"At {as_of} there were {rows} lines, and now {told['rows']}."
    elif now.register is Register.DATA_USES and digest_of([*now.lines[:rows]]) != former["digest"]:
        yield f"The first {rows} lines are not what they were at {as_of}."


def _signed(compact: str, register: Register, jwks: Any) -> Mapping[str, Any]:
    """Return what a statement says. Raises NotGenuine."""
    return keys.SignedVerifier(register.use, lambda: jwks).verify(compact.strip())


def _plain(one: object) -> str:
    return json.dumps(one) if isinstance(one, Mapping) else str(one)


def _column(name: str) -> Any:
    return lambda line: line.get(name)
