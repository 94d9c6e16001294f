"""The service's commands: `python -m pseudonymisation.cli serve`."""

import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from common.audit.entries import entry_for
from common.audit.log import append
from common.clock import SystemClock, legal_day
from common.errors import AppError, KeyUnavailable, ObjectStoreUnavailable
from common.files import directory, write_private
from common.replacement import person_of
from common.security.keys import Signer, generate
from common.service.cli import commands
from pseudonymisation.engine.custody.backups import KeyPart
from pseudonymisation.engine.custody.ceremony import Ceremony
from pseudonymisation.engine.custody.orders import NAME, NAMED, Action, Custodians, Order
from pseudonymisation.engine.errors import KeyExists, KeyLost, KeyOrderRefused, NotMoved
from pseudonymisation.engine.keystore import LASTING
from pseudonymisation.engine.objects import landing_store
from pseudonymisation.engine.objects.moving import move
from pseudonymisation.intake.adapters.intake import FOLDERS
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.main import SERVICE, Parts
from pseudonymisation.people.adapters.sealed_people import FOLDER as REGISTRATIONS

app = commands(SERVICE)
keys_app = typer.Typer(
    no_args_is_help=True,
    help="Keys that two people make and destroy, and their backups (docs/key-custody.md).",
)
app.add_typer(keys_app, name="keys")


@app.command()
def sweep() -> None:
    """Delete once what is past its retention, and objects that no row names."""
    with closing(Parts(SERVICE.started())) as parts:
        parts.landing_jobs.sweep()
        parts.preparation_jobs.sweep()
        parts.people_jobs.sweep()


@keys_app.command()
@app.command()
def rewrap(
    *,
    preview: Annotated[
        bool, typer.Option(help="Say how many keys would be wrapped anew, and change none.")
    ] = False,
) -> None:
    """Wrap all keys under the newest key-encryption key; no key changes, and so no token.

    A key-encryption key is given up by its line in the file, when no key is wrapped under it.
    """
    with _refusals(), closing(_parts(is_started=True)) as parts:
        newest = parts.keys.newest_version()
        if not preview:
            typer.echo(f"{parts.keys.rewrap()} keys were rewrapped.")
        for version, count in sorted(parts.keys.wrapped_under().items()):
            stays = "the newest" if version == newest else "an older one"
            typer.echo(f"{count} keys are wrapped under key-encryption key {version}, {stays}.")


@app.command()
def move_landing(
    from_: Annotated[
        str,
        typer.Option("--from", help="Where it was: a directory, or s3://bucket/prefix."),
    ],
    *,
    credentials_file: Annotated[
        Path | None,
        typer.Option(help="AWS credentials of the bucket where it was."),
    ] = None,
    delete: Annotated[
        bool,
        typer.Option(help="Empty where it was, once every object has been read back here."),
    ] = False,
) -> None:
    """Move what was landed into the landing store of the settings. Stop the service first.

    Objects stay sealed as they are. It can be ended at any moment and begun again. Exit 1 where
    something could not be moved: then nothing was deleted.
    """
    settings = SERVICE.configured()
    if from_.rstrip("/") == settings.landing_store.rstrip("/"):
        raise typer.BadParameter("that is the landing store of the settings", param_hint="--from")
    source = landing_store(from_, credentials_file)
    target = landing_store(settings.landing_store, settings.landing_credentials_file)
    try:
        moved = move(source, target, (*FOLDERS, REGISTRATIONS), delete=delete, report=typer.echo)
    except NotMoved as different:
        typer.echo(f"{different} is not the same where it was moved to. Nothing was deleted.")
        raise typer.Exit(1) from None
    except ObjectStoreUnavailable as away:
        typer.echo(f"{away.detail} Nothing was deleted that was not moved; begin again.")
        raise typer.Exit(1) from None
    typer.echo(
        f"{moved.written} objects were written, {moved.there} were there already,"
        f" {moved.deleted} were deleted where they were. {moved.bytes} bytes in all."
    )


@keys_app.command()
def custodian(
    name: Annotated[str, typer.Argument(help="As the audit log is to have it.")],
    *,
    key: Annotated[Path, typer.Option(help="Where the private key goes: with the custodian.")],
    to: Annotated[Path, typer.Option(help="The file of custodians, which gets the public half.")],
) -> None:
    """Make a custodian's key, and name them in the file of custodians. Nothing is overwritten."""
    with _refusals():
        before = _custodians_in(to)
        if NAME.fullmatch(person_of(name)) is None:
            raise KeyOrderRefused(f"A custodian's name has {NAMED}.")
        if key.exists():
            raise KeyExists(f"{key} is there already; a key is never made in another's place.")
        with _files():
            if not to.parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, "its folder is not there", str(to))
            public = generate(key).jwks()["keys"]
            named = [{"name": name, **one} for one in public]
            write_private(to, json.dumps({"keys": [*before, *named]}, indent=2) + "\n")
    people = {person_of(str(one["name"])) for one in [*before, *named]}
    typer.echo(f"{to}: {len(before) + len(named)} keys of {len(people)} custodians")


def _custodians_in(file: Path) -> list[dict[str, object]]:
    """Return what a file of custodians has, where there is one. Raise KeyOrderRefused."""
    try:
        found = json.loads(file.read_text("utf-8"))["keys"] if file.exists() else []
        if all(str(one["name"]) for one in found):
            return list(found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise KeyOrderRefused(f"{file} is no file of custodians; nothing was written to it.")


@keys_app.command()
def order(
    action: Annotated[Action, typer.Argument(help="What is to be done.")],
    subject: Annotated[
        str,
        typer.Argument(
            help="A key's name or `haven` (create-key, destroy-key), a version of the"
            " key-encryption key, a month (begin-backups), a backup's file name (restore)."
        ),
    ] = "new",
    *,
    reason: Annotated[str, typer.Option(help="Why; it is in the audit log.")],
    to: Annotated[Path, typer.Option(help="The order, to be signed by two custodians.")],
) -> None:
    """Write an order. It does nothing before two custodians have signed it."""
    with _refusals(), _files():
        write_private(to, Order.new(action, subject, reason).written())
    typer.echo(f"{to}: two custodians sign it, each with `sign`; then `carry-out`.")


@keys_app.command()
def sign(
    order_file: Annotated[Path, typer.Argument(help="The order.")],
    *,
    key: Annotated[Path, typer.Option(help="The custodian's own private key (JWK).")],
) -> None:
    """Sign an order as a custodian, on a machine of one's own. It is good for a day."""
    with _refusals():
        meant = Order.read(order_file)
        typer.echo(f"{meant.action} {meant.subject}: {meant.reason}")
        signed = meant.signed(Signer(key), SystemClock().now())
        with _files():
            write_private(order_file, signed.written())
    count = len(signed.signatures)
    typer.echo(f"{order_file}: {count} {'signature' if count == 1 else 'signatures'}, of 2 people.")


@keys_app.command()
def carry_out(
    order_file: Annotated[Path, typer.Argument(help="The order, signed by two custodians.")],
    *,
    preview: Annotated[
        bool, typer.Option(help="Say what would be done, and do nothing; needs no signature.")
    ] = False,
    part: Annotated[
        list[Path] | None, typer.Option(help="To restore: the part of each custodian.")
    ] = None,
    parts_to: Annotated[
        Path | None,
        typer.Option(help="To begin backups: a folder for the custodians' parts."),
    ] = None,
    key_encryption_key_file: Annotated[
        Path | None,
        typer.Option(help="A copy to change in place of a mounted secret."),
    ] = None,
) -> None:
    """Do what two custodians ordered. Exit 1 with a code where it is refused: nothing was done."""
    clock = SystemClock()
    with _refusals(), closing(_parts(is_started=not preview)) as parts:
        settings = parts.settings
        meant = Order.read(order_file)
        signed_by: Sequence[str] = ()
        if not preview:
            custodians = Custodians.read(settings.key_custodians_file)
            signed_by = meant.signed_by(custodians, clock)
            if meant.action is Action.BEGIN_BACKUPS and parts_to is None:
                raise typer.BadParameter("say where the parts go", param_hint="--parts-to")
        ceremony = replace(
            _ceremony(parts, clock),
            copy_of_it=key_encryption_key_file,
            custodians=signed_by,
            parts=[KeyPart.read(path) for path in part or ()],
            deliver=None if parts_to is None else partial(_deliver, parts_to),
        )
        if not preview:
            _log_order(parts, meant, signed_by, clock.now(), "key-order-begun")
        done = ceremony.carry_out(meant, preview=preview)
        if not preview:
            _log_order(parts, meant, signed_by, clock.now(), "key-order-carried-out")
    for line in done.told:
        typer.echo(line)


def _deliver(folder: Path, part: KeyPart) -> None:
    """Write a custodian's part for them to take away."""
    with _files():
        write_private(directory(folder) / f"{part.period}-{part.custodian}.part", part.written())


@keys_app.command()
def backup(
    *,
    preview: Annotated[
        bool,
        typer.Option(help="Say what would be backed up and destroyed, and do neither."),
    ] = False,
) -> None:
    """Back up all keys under the key of the newest period, and destroy periods that are due."""
    with _refusals(), closing(_parts()) as parts:
        if missing := parts.keys.missing():
            raise KeyLost(
                f"{len(missing)} keys are missing, so the backup would lack them: restore them, or"
                " give up by order (destroy-key) what is lost for good; `list` has them."
            )
        if preview:
            period, count = parts.key_backups.current(), sum(1 for _ in parts.keys.export())
            typer.echo(f"{count} keys would be backed up under the key of {period}.")
            for due in parts.key_backups.due(legal_day(SystemClock().now())):
                typer.echo(f"Backups of {due} would be destroyed: nobody could open them then.")
            return
        made = parts.key_backups.make(parts.keys, SystemClock().now())
        typer.echo(
            f"{made.path}: {len(made.names)} keys; destroyed on {made.destroy_on.isoformat()}."
        )
        for period in parts.key_backups.destroy_due(legal_day(SystemClock().now())):
            typer.echo(f"Backups of {period} were destroyed: nobody can open them any more.")


@keys_app.command(name="where")
def where_(name: Annotated[str, typer.Argument(help="A key's name, as `domain/…`.")]) -> None:
    """Say what became of a key, and until which day a backup holds it."""
    with _refusals(), closing(_parts()) as parts:
        said = parts.key_ledger.of(name)
        is_there = parts.keys.has(name)
        became = "nothing is known" if said is None else f"{said.word} on {said.at.date()}"
        typer.echo(f"{name}: {became}; it is {'' if is_there else 'not '}in the key store.")
        typer.echo(_ceremony(parts, SystemClock()).until(name))


@keys_app.command(name="list")
def list_() -> None:
    """List the keys of the haven and of domains, as CSV: name, state, and under what wrapped.

    `lost`: it was made and is not in the key store. Keys of editions, lists and uploads are counted
    at the end. Example: pseudonymisation keys list
    """
    with _refusals(), closing(_parts()) as parts:
        described = {name: (state, version) for name, state, version in parts.keys.described()}
        described |= dict.fromkeys(parts.keys.missing(), ("lost", 0))
        lasting = sorted(name for name in described if name.startswith(LASTING))
        typer.echo("key,state,key_encryption_key")
        for name in lasting:
            state, version = described[name]
            typer.echo(f"{name},{state},{version or ''}")
        others = len(described) - len(lasting)
        typer.echo(f"{len(lasting)} keys; {others} more of editions, lists and uploads.", err=True)


def _parts(*, is_started: bool = False) -> Parts:
    """Return the haven's parts by its settings. Exit 2 where these are not at hand."""
    try:
        return Parts(SERVICE.started() if is_started else SERVICE.configured())
    except ValidationError as invalid:
        names = ", ".join(
            f"PSEUDONYMISATION_{'_'.join(map(str, error['loc'])).upper()}"
            for error in invalid.errors(include_input=False, include_url=False)
        )
        typer.echo(
            f"The settings of the haven are not those of this command ({names}): give them as they"
            " are given to the haven, in its image (docs/key-custody.md).",
            err=True,
        )
        raise typer.Exit(2) from None


def _ceremony(parts: Parts, clock: SystemClock) -> Ceremony:
    return Ceremony(
        store=parts.keys,
        backups=parts.key_backups,
        ledger=parts.key_ledger,
        key_encryption_key_file=parts.settings.key_encryption_key_file,
        today=legal_day(clock.now()),
    )


def _log_order(
    parts: Parts, order: Order, signed_by: Sequence[str], at: datetime, action: str
) -> None:
    entry = entry_for(
        ITSELF,
        at=at,
        action=action,
        resource=f"key-orders/{order.id}",
        on_behalf_of=None,
        detail={
            "action": order.action,
            "key": order.subject,
            "reason": order.reason,
            "custodians": list(signed_by),
        },
    )
    with parts.engine.begin() as connection:
        append(connection, [entry])


@contextmanager
def _files() -> Iterator[None]:
    """Say which file it was, and that it was not written."""
    try:
        yield
    except OSError as refused:
        raise KeyUnavailable(f"{refused.filename}: {refused.strerror}.") from None


@contextmanager
def _refusals() -> Iterator[None]:
    """Say a refusal by its code, and end with 1."""
    try:
        yield
    except (AppError, ValueError) as refused:
        code = getattr(refused, "code", "MALFORMED")
        typer.echo(f"{code}: {getattr(refused, 'detail', refused)}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
