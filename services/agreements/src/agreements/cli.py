"""The service's commands: `python -m agreements.cli serve`."""

from typing import Annotated

import typer

from agreements.db.errors import NotSealed, SealBroken
from agreements.db.seals.first import seal_all
from agreements.main import PACKAGE, SERVICE, Parts
from common import audit
from common.audit.checkpoints import path_of
from common.service.cli import commands

app = commands(SERVICE)


@app.command()
def seal(
    *,
    renew: Annotated[
        list[str] | None,
        typer.Option(
            help="A register that was put right after a break, or `permit` after a change of the "
            "signing key. Repeatable."
        ),
    ] = None,
) -> None:
    """Seal what was recorded before there were seals, once. Exit 1 where the audit log differs.

    Facts, and what decisions wrote. Stop the service first. What the log tells of is compared with
    what is recorded; nothing is sealed where they differ.
    """
    settings = SERVICE.started()
    parts = Parts(settings)
    report = audit.verify(
        parts.engine,
        path_of(settings.checkpoint_dir, PACKAGE),
        {"keys": [*parts.signer.jwks()["keys"], *settings.former_keys()]},
        log=PACKAGE,
    )
    try:
        if not report.is_whole:
            raise NotSealed([f"{f.kind}: {f.detail}" for f in report.findings])
        sealed = seal_all(parts.engine, parts.sealer, clock=parts.legal_clock, renew=renew or ())
    except (NotSealed, SealBroken) as error:
        for difference in getattr(error, "differences", [str(error)]):
            typer.echo(difference)
        raise typer.Exit(1) from None
    finally:
        parts.close()
    typer.echo(f"{len(sealed)} registers are sealed.")


if __name__ == "__main__":
    app()
