"""Checks a file on this machine before it is sent, by the very landing that takes files in.

Nothing is sent and nothing stays: the file is sealed under keys that are forgotten, into a
directory that is removed. Maps are agreements' and are not here: nothing is said of commissioners.
"""

import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, cast, get_args
from uuid import uuid4

import typer

import catalogue
from catalogue import Protocol
from common.clock import SystemClock, legal_day
from common.errors import AppError
from dsfc_client import media_type_of
from pseudonymisation.engine.session import EngineLimits
from pseudonymisation.intake.adapters.landing.judged.statement import LandingTask
from pseudonymisation.intake.adapters.landing.organisations import COLUMNS
from pseudonymisation.intake.adapters.uploads.trial import Trial
from pseudonymisation.intake.api.declared import FORMS
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import report
from pseudonymisation.intake.domain.written import AS_CATALOGUED, Delimiter, Dialect, Quoting

BLOCK = 1 << 20
MEMORY_BYTES = 1_000_000_000
TAB = {"tab": "\t", "\\t": "\t"}
"""What a shell lets nobody type."""


def command(
    data_set: Annotated[str, typer.Argument(help="Its name, as `catalogue list` has it.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    period: Annotated[
        str, typer.Option(help="Of which it is: 2018-04, 2016-07/2017-03, 2019-W15.")
    ],
    provider: Annotated[
        list[str], typer.Option(help="Whose records it may hold; the first is who sends it.")
    ],
    delimiter: Annotated[
        str | None, typer.Option(help="Between values, where not as the catalogue says; `tab`.")
    ] = None,
    quoting: Annotated[str | None, typer.Option(help="`standard`, `backslash` or `none`.")] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="By which protocol the file will be sent.")
    ] = Protocol.WHOLE_PERIOD,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole report, for machines.")
    ] = False,
) -> None:
    """Check a file before it is sent, and print the report that the intake would write.

    The file's name declares its form: `.gz` is a gzip of CSV, `.parquet` is Parquet, any other CSV.
    Nothing leaves this machine. What needs agreements is not checked: rights to submit beyond
    `--provider`, and who commissions what.

    Example: dsfc catalogue validate DIDS april.csv --period 2018-04 --provider RR8
    """
    try:
        dialect = _dialect(delimiter, quoting)
        found = validate(
            data_set, file, period=period, providers=provider, dialect=dialect, protocol=protocol
        )
    except catalogue.UnknownDataSet:
        known = ", ".join(sorted({d.data_set for d in catalogue.load()}))
        typer.echo(f"There is no such data set; there are {known}.", err=True)
        raise typer.Exit(2) from None
    except AppError as refusal:
        typer.echo(f"refused, {refusal.code}: {refusal.detail}", err=True)
        for name, said in refusal.members.items():
            typer.echo(f"  {name}: {json.dumps(said)}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _say(found)
    if found["reasons"]:
        raise typer.Exit(1)


def _dialect(delimiter: str | None, quoting: str | None) -> Dialect:
    delimiter = TAB.get(delimiter or "", delimiter)
    for said, allowed in ((delimiter, get_args(Delimiter)), (quoting, get_args(Quoting))):
        if said not in {None, *allowed}:
            raise typer.BadParameter(f"one of {' '.join(allowed)}".replace("\t", "tab"))
    return Dialect(cast("Delimiter | None", delimiter), cast("Quoting | None", quoting))


def validate(
    name: str,
    file: Path,
    *,
    period: str,
    providers: list[str],
    dialect: Dialect = AS_CATALOGUED,
    protocol: Protocol = Protocol.WHOLE_PERIOD,
) -> Mapping[str, object]:
    """Land a file and throw it away; give the report.

    :raises UnknownDataSet, PeriodInvalid, ContentRefused:
    """
    known, asked = catalogue.load(), Period.parse(period)
    today = legal_day(SystemClock().now())
    data_set = known.for_period(name, asked.first)
    asked.require_of(data_set)
    asked.require_sent(data_set)
    rules, as_read = known.intake_of(data_set, today, protocol)
    as_read = dialect.of(as_read)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dsfc-")))
        limits = EngineLimits(memory_bytes=MEMORY_BYTES, threads=2)
        form = FORMS[media_type_of(file)]
        trial = stack.enter_context(closing(Trial(as_read, form, scratch=place, limits=limits)))
        header = _taken(file, trial)
        organisations = place / "organisations.csv"
        organisations.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
        task = LandingTask(
            data_set=as_read,
            rules=rules,
            header=header,
            first=as_read.periods.first_day(asked.first_day),
            last=asked.last_day,
            today=today,
            provider=providers[0],
            providers=frozenset(providers),
            edition_id=uuid4(),
            attempt="attempt",
            content_key=trial.key,
            quarantine_key="",
            object_key="",
            practice_map=None,
            postcode_map=None,
            organisation_map=organisations,
            protocol=protocol,
        )
        return report(trial.land(task), data_set=as_read)


def _taken(file: Path, trial: Trial) -> str:
    """Read a file as an upload is read, and seal it; give its header."""
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            trial.take(block)
    return trial.finish()


def _say(found: Mapping[str, object]) -> None:
    totals, reasons, findings = found["totals"], found["reasons"], found["findings"]
    assert isinstance(totals, dict)
    assert isinstance(reasons, list)
    assert isinstance(findings, list)
    typer.echo(
        f"{totals['records']} records: {totals['landed']} would be taken in,"
        f" {totals['quarantined']} set aside, {totals['withheld']} without identity"
    )
    for reason in reasons:
        where = reason["column"] or "the line"
        typer.echo(
            f"  set aside: {where}, {reason['lines']} lines, {reason['code']}: {reason['detail']}"
        )
    for one in findings:
        typer.echo(f"  found: {one['column']}, {one['rows']} rows, {one['code']}: {one['detail']}")
