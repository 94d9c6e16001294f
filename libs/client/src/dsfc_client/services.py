"""The four APIs, a method a verb.

Every method raises `Problem` where the service says no, and `ConnectionLost` where it is away.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dsfc_client import _downloads
from dsfc_client._agreement_life import AgreementLife
from dsfc_client._applications import Applications
from dsfc_client._breaches import Breaches
from dsfc_client._bridging import Bridging, BridgingFile
from dsfc_client._documents import Documents
from dsfc_client._errors import DsfcError, Failed
from dsfc_client._local_flows import LocalFlows
from dsfc_client._opt_outs import ListsAndChecks
from dsfc_client._ordering import Id, Json, Ordering
from dsfc_client._oversight import Oversight
from dsfc_client._people import People
from dsfc_client._reference_data import ReferenceData
from dsfc_client._registers import Registers
from dsfc_client._relationships import Relationships
from dsfc_client.landing_models import (
    Edition,
    EditionQuality,
    Expectation,
    LandingLine,
    QuarantinedRow,
    StatedQuality,
)
from dsfc_client.models import (
    AbsentDataSet,
    DataSet,
    Delivery,
    Extract,
    ExtractPreview,
    LogEntry,
    Manifest,
    Progress,
    RegisterLine,
    Submission,
    Tabulation,
)

NOTHING = frozenset({"rejected", "failed", "withdrawn", "taken_back"})
"""States in which what was waited for will not come any more."""
POLL_SECONDS, WAIT_SECONDS_MAX = 0.1, 600.0


class DidNotHappen(DsfcError):
    """What was waited for did not come within the time given."""


Found = TypeVar("Found")
Moving = TypeVar("Moving", Submission, Extract, Tabulation, BridgingFile)


def wait_for(
    read: Callable[[], Found], is_done: Callable[[Found], bool], *, timeout_seconds: float
) -> Found:
    """Read until `is_done`. Raises DidNotHappen."""
    until = time.monotonic() + timeout_seconds
    while True:
        found = read()
        if is_done(found):
            return found
        if time.monotonic() > until:
            raise DidNotHappen(f"It did not happen within {timeout_seconds:.0f} seconds.")
        time.sleep(POLL_SECONDS)


def _settled(
    read: Callable[[], Moving],
    states: frozenset[str],
    *,
    timeout_seconds: float,
    progress: Callable[[Progress], None],
) -> Moving:
    """Read until it is in one of the states, and tell how far it is meanwhile.

    Raises Failed where it came to nothing, and DidNotHappen.
    """

    def look() -> Moving:
        found = read()
        if found.progress is not None:
            progress(found.progress)
        return found

    found = wait_for(
        look,
        lambda found: found.state.lower() in states | NOTHING,
        timeout_seconds=timeout_seconds,
    )
    state = found.state.lower()
    if state not in states:
        raise Failed(
            found,
            code=found.code or state.upper(),
            detail=found.detail or "",
            refusals=found.refusals if isinstance(found, Extract) else (),
        )
    return found


class Agreements(
    AgreementLife,
    Breaches,
    Documents,
    LocalFlows,
    Oversight,
    ReferenceData,
    Registers,
    Relationships,
):
    """Organisations, contracts, agreements, relationships, breaches; the decision."""

    def upload_csv(self, path: str, content: bytes, **params: Any) -> Any:
        """Import reference data in a published layout."""
        headers = {"Content-Type": "text/csv"}
        return self.call("POST", path, content=content, headers=headers, params=params).json()

    def evaluate(self, question: Json) -> Any:
        """Ask the decision (AuthZEN). Clients other than dissemination set `dry_run`."""
        return self.post("/access/v1/evaluation", question)


class Pseudonymisation(ListsAndChecks, People):
    """The safe haven's intake."""

    def submissions(self, *, data_set: str | None = None) -> Iterator[Submission]:
        """List submissions: one's own, or for staff of the haven all."""
        return self.pages("/v1/submissions", Submission, data_set=data_set)

    def submission(self, submission_id: Id) -> Submission:
        """Return how a submission stands, and why it was refused."""
        return Submission.model_validate(self.get(f"/v1/submissions/{submission_id}"))

    def wait(
        self,
        submission_id: Id,
        *,
        timeout_seconds: float = WAIT_SECONDS_MAX,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Submission:
        """Wait until the submission was accepted, or waits for a second person.

        Raises Failed where it will not be, DidNotHappen.

        `progress` is told how many of how many records are read, as often as that is looked at.
        """
        return _settled(
            lambda: self.submission(submission_id),
            frozenset({"accepted", "superseded", "waiting"}),
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    def report(self, submission_id: Id) -> Any:
        """Return the data quality report."""
        return self.get(f"/v1/submissions/{submission_id}/report")

    def report_csv(self, submission_id: Id) -> str:
        """Return the data quality report as CSV: one row for each field."""
        path = f"/v1/submissions/{submission_id}/report"
        return self.call("GET", path, headers={"Accept": "text/csv"}).text

    def report_page(self, submission_id: Id, target: Path) -> Path:
        """Write the data quality report as a page to print: HTML that loads nothing."""
        path = f"/v1/submissions/{submission_id}/report"
        target.write_bytes(self.call("GET", path, headers={"Accept": "text/html"}).content)
        return target

    def edition_quality(
        self,
        *,
        data_set: str | None = None,
        provider: str | None = None,
        month: str | None = None,
        in_force: bool | None = None,
    ) -> Iterator[EditionQuality]:
        """List what was measured of every edition, those in force or all."""
        asked = {"data_set": data_set, "provider": provider, "month": month, "in_force": in_force}
        return self.pages("/v1/data-quality/editions", EditionQuality, **asked)

    def quality_statement(self, **filters: Any) -> Iterator[StatedQuality]:
        """The public statement of coverage and validity: by `data_set`, `month`, `provider`.

        Also by a range of months, as `from` and `to`.
        """
        return self.pages("/v1/data-quality", StatedQuality, **filters)

    def landing_board(
        self,
        *,
        data_set: str | None = None,
        provider: str | None = None,
        state: str | None = None,
        late: bool | None = None,
        shrunk: bool | None = None,
        first_month: str | None = None,
        last_month: str | None = None,
    ) -> Iterator[LandingLine]:
        """List who should have sent what by when, and what came; the newest periods first."""
        asked: dict[str, Any] = {"data_set": data_set, "provider": provider, "state": state}
        asked |= {"late": late, "shrunk": shrunk, "from": first_month, "to": last_month}
        return self.pages("/v1/landing-board", LandingLine, **asked)

    def expectations(
        self, *, data_set: str | None = None, provider: str | None = None
    ) -> Iterator[Expectation]:
        """List which files are expected of whom, and from which month on."""
        return self.pages("/v1/expectations", Expectation, data_set=data_set, provider=provider)

    def expect_files(self, body: Json, *, key: str | None = None) -> Expectation:
        """Say that a provider should send a data set from a month on."""
        return Expectation.model_validate(self.post("/v1/expectations", body, key=key))

    def end_expectation(self, expectation_id: Id, last: str, reason: str) -> Expectation:
        """Say with which month (`YYYY-MM`) files are expected no longer."""
        path = f"/v1/expectations/{expectation_id}/end"
        return Expectation.model_validate(self.post(path, {"to": last, "reason": reason}))

    def quarantine(self, submission_id: Id) -> Any:
        """Return the first page of quarantined rows: lines, columns, codes; never values."""
        return self.get(f"/v1/submissions/{submission_id}/quarantine")

    def quarantined(self, submission_id: Id) -> Iterator[QuarantinedRow]:
        """List all rows that were set aside: lines, columns, codes; never values."""
        return self.pages(f"/v1/submissions/{submission_id}/quarantine", QuarantinedRow)

    def quarantined_rows(self, submission_id: Id, target: Path) -> Path:
        """Get the rows back that were set aside of a file that one sent oneself, with reasons.

        They identify people: keep the file where the records themselves are kept.
        """
        path = f"/v1/submissions/{submission_id}/quarantine/rows"
        accept = {"Accept": "text/csv"}
        sent = self.call("GET", path, headers=accept, timeout=WAIT_SECONDS_MAX)
        target.write_bytes(sent.content)
        return target

    def editions(
        self,
        *,
        data_set: str | None = None,
        period: str | None = None,
        state: str | None = None,
    ) -> Iterator[Edition]:
        """List editions: one's own, or for staff of the haven all."""
        asked = {"data_set": data_set, "period": period, "state": state}
        return self.pages("/v1/editions", Edition, **asked)

    def edition(self, edition_id: Id) -> Edition:
        """Return an edition: by which rules it was landed, what it changed, how it stands."""
        return Edition.model_validate(self.get(f"/v1/editions/{edition_id}"))

    def confirm_edition(self, edition_id: Id, reason: str) -> Any:
        """Put an edition in force that somebody else sent; else SECOND_PERSON_NEEDED."""
        return self.post(f"/v1/editions/{edition_id}/confirmation", {"reason": reason})

    def take_back_edition(self, edition_id: Id, reason: str) -> Any:
        """Take an edition back: one that waits, or as staff of the haven one in force.

        What was made with one in force is void; `leaving`, where a second person has to follow.
        """
        return self.post(f"/v1/editions/{edition_id}/withdrawal", {"reason": reason})


class Dissemination(Bridging, Ordering):
    """Extracts, files, registers: the only door out."""

    def request(self, body: Json, *, key: str | None = None) -> Extract:
        """Ask for an extract. Raises Refused with every failing clause."""
        return Extract.model_validate(self.post("/v1/extracts", body, key=key))

    def preview(self, body: Json) -> ExtractPreview:
        """Return what `request` would be answered now, and its warnings. Nothing is asked for."""
        return ExtractPreview.model_validate(self.post("/v1/extracts/preview", body))

    def landed_months(self, agreement: str, data_set: str) -> Sequence[str]:
        """Return the months of a data set that can be asked for, under an agreement with a line."""
        found = self.get("/v1/landed-months", agreement=agreement, data_set=data_set)
        return [str(item["month"]) for item in found["items"]]

    def extract(self, extract_id: Id) -> Extract:
        """Return how an extract stands, with its files and what it was made of."""
        return Extract.model_validate(self.get(f"/v1/extracts/{extract_id}"))

    def extracts(self, **filters: Any) -> Iterator[Extract]:
        """Return one's own, by `agreement` and by the `edition` that they were released from."""
        return self.pages("/v1/extracts", Extract, **filters)

    def wait(
        self,
        extract_id: Id,
        *,
        timeout_seconds: float = WAIT_SECONDS_MAX,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Extract:
        """Wait until the extract was released. Raises Failed where it will not be, DidNotHappen.

        `progress` is told how many of how many rows are written, as often as that is looked at.
        """
        return _settled(
            lambda: self.extract(extract_id),
            frozenset({"released", "superseded"}),
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    def tabulate(self, body: Json, *, key: str | None = None) -> Tabulation:
        """Ask for a table of counts. Raises Refused with every failing clause."""
        return Tabulation.model_validate(self.post("/v1/tabulations", body, key=key))

    def tabulation(self, tabulation_id: Id) -> Tabulation:
        """Return how a table stands, with its files and what it counts."""
        return Tabulation.model_validate(self.get(f"/v1/tabulations/{tabulation_id}"))

    def tabulations(self, *, agreement: str | None = None) -> Iterator[Tabulation]:
        """List tables of one's own organisation, or for staff all."""
        return self.pages("/v1/tabulations", Tabulation, agreement=agreement)

    def withdraw_tabulation(self, tabulation_id: Id) -> Tabulation:
        """Withdraw it before its release; a released table has to be destroyed instead."""
        path = f"/v1/tabulations/{tabulation_id}/withdrawal"
        return Tabulation.model_validate(self.post(path))

    def wait_for_table(
        self, tabulation_id: Id, *, timeout_seconds: float = WAIT_SECONDS_MAX
    ) -> Tabulation:
        """Wait until the table was released. Raises Failed where it will not be, DidNotHappen."""
        return _settled(
            lambda: self.tabulation(tabulation_id),
            frozenset({"released", "superseded"}),
            timeout_seconds=timeout_seconds,
            progress=lambda _: None,
        )

    def wait_for_bridging_file(
        self, id_: Id, *, timeout_seconds: float = WAIT_SECONDS_MAX
    ) -> BridgingFile:
        """Wait until it was released. Raises Failed where it will not be, DidNotHappen."""
        return _settled(
            lambda: self.bridging_file(id_),
            frozenset({"released", "superseded"}),
            timeout_seconds=timeout_seconds,
            progress=lambda _: None,
        )

    def quality(self, extract_id: Id) -> Any:
        """Return how complete and valid a released extract's fields are, by edition."""
        return self.get(f"/v1/extracts/{extract_id}/quality")

    def withdraw(self, extract_id: Id) -> Extract:
        """Withdraw it before its release; released files have to be destroyed instead."""
        return Extract.model_validate(self.post(f"/v1/extracts/{extract_id}/withdrawal"))

    def deliveries(
        self, *, agreement: str | None = None, file_id: str | None = None
    ) -> Iterator[Delivery]:
        """List who fetched which bytes of which file, and how that ended."""
        return self.pages("/v1/deliveries", Delivery, agreement=agreement, file_id=file_id)

    def release_log(self, agreement: str) -> Iterator[LogEntry]:
        """List what the audit log says of an agreement, as an auditor or breach handler."""
        return self.pages("/v1/audit", LogEntry, agreement=agreement)

    def manifest(self, file_id: Id) -> Manifest:
        """Return the manifest of a released file: signed, and decoded."""
        return Manifest.model_validate(self.get(f"/v1/files/{file_id}/manifest"))

    def download(
        self,
        file_id: Id,
        target: Path,
        *,
        zipped: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Path:
        """Fetch a file, resuming an earlier try; checked against the manifest's digest.

        `zipped`: in a zip, with its manifest, what its columns mean, and a page to read.
        """
        digest = str(self.manifest(file_id).manifest["file"]["digest"])
        path = f"/v1/files/{file_id}/content"
        fetch = _downloads.fetch_zip if zipped else _downloads.fetch
        return fetch(self, path, target, digest=digest, progress=progress)

    def check_table(self, question: Json) -> Any:
        """Check a table before it is shown, or protect one; nothing of it is kept.

        Returns the answer of `POST /v1/disclosure-checks`: whether it `is_safe`, its `findings`,
        and of `protect` the `cells` as they may be printed.
        """
        return self.post("/v1/disclosure-checks", question)

    def data_sets(self) -> list[DataSet]:
        """Every version of every data set of the catalogue."""
        answer = self.get("/v1/catalogue")
        return [DataSet.model_validate(item) for item in answer["items"]]

    def data_sets_not_yet(self) -> list[AbsentDataSet]:
        """Data sets that agreements name and that nobody can ask for yet, each with the reason."""
        answer = self.get("/v1/catalogue")
        return [AbsentDataSet.model_validate(item) for item in answer["not_yet"]]

    def data_set(self, name: str, version: str | None = None) -> DataSet:
        """One data set, with its columns, their codes and what is said of it."""
        asked = {} if version is None else {"version": version}
        return DataSet.model_validate(self.get(f"/v1/catalogue/{name}", **asked))

    def table_schema(self, name: str) -> dict[str, Any]:
        """The Table Schema (Frictionless Data) of the file that a provider sends."""
        return dict(self.get(f"/v1/catalogue/{name}/table-schema"))

    def register(self) -> Iterator[RegisterLine]:
        return self.pages("/v1/register", RegisterLine)

    def register_rows(self) -> Iterator[Any]:
        """List the lines of the register as they came: the statement's digest is over these."""
        return self.items("/v1/register")

    def register_statement(self) -> Any:
        """Return how the register stands to the audit log: complete, or what is gone; signed."""
        return self.get("/v1/register/statement")

    def register_file(self, target: Path) -> Path:
        """Fetch the whole register as a spreadsheet, CSV or XLSX by the target's ending.

        Raises ValueError where the target ends otherwise.
        """
        return self.spreadsheet("/v1/register", target)

    def register_csv(self) -> str:
        return self.call("GET", "/v1/register", headers={"Accept": "text/csv"}).text


__all__ = [
    "Agreements",
    "Applications",
    "DidNotHappen",
    "Dissemination",
    "Pseudonymisation",
    "wait_for",
]
