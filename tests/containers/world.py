"""What the tests of faults begin with: two agreements, a long file of each, who asks for them."""

import json
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from common.clock import SystemClock, legal_day
from common.ids import new_id
from dsfc_cli.demo import sandbox
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.material import COMMISSIONER, FIELDS
from dsfc_cli.demo.stage import ORGANISATIONS, Stage
from dsfc_cli.shell.elsewhere import Elsewhere
from dsfc_client import Dsfc, Extract
from tests.containers.stack import PROFILE, SERVICES, container, python, run
from tests.running import PATIENCE_SECONDS_MAX, patiently

ROWS = 200_000
"""A third is the commissioner's: 16 MB, of which a download is still under way when something is
to happen meanwhile."""

VERIFY = """
import pathlib, sys, httpx
from common.audit import verify
from common.audit.checkpoints import path_of
service, port = sys.argv[1:]
url = pathlib.Path(f"/run/secrets/{service}_database_url").read_text().strip()
jwks = httpx.get(f"http://127.0.0.1:{port}/.well-known/jwks.json").json()
checkpoints = path_of(pathlib.Path("/var/lib/dsfc/checkpoints"), service)
report = verify(url, checkpoints, jwks, log=service)
print([str(finding) for finding in report.findings])
"""


def rows(service: str, query: str) -> Sequence[dict[str, Any]]:
    """What a service's database holds, also while the service is down."""
    found = run(
        *("docker", "exec", container("postgres"), "psql", "--username=postgres"),
        *(f"--dbname={service}", "--tuples-only", "--no-align", "--command"),
        f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) AS found",
    )
    answer: Sequence[dict[str, Any]] = json.loads(found)
    return answer


def wrong_in(service: str) -> str:
    """What is found in a service's audit log, against the checkpoints that it signed."""
    port = str(8401 + SERVICES.index(service))
    return python(service, VERIFY, service, port).strip()


@dataclass(slots=True)
class World:
    """Two agreements about one month, with two CSUs."""

    suite: Elsewhere
    agreement: str
    large: str
    """A long CSV file under the first agreement."""
    other_large: str

    @classmethod
    def create(cls, stack: ExitStack, directory: Path) -> "World":
        suite = stack.enter_context(Elsewhere(PROFILE))
        opened = sandbox.furnish(suite, directory, rows=ROWS)
        stage = Stage(suite, legal_day(SystemClock().now()))
        flow = Flow(
            data_set=opened.data_set,
            fields=FIELDS[opened.data_set],
            first_month=opened.month,
            last_month=opened.month,
        )
        wanted = Wanted(
            controller=COMMISSIONER,
            controller_name=ORGANISATIONS[COMMISSIONER][0],
            processor=sandbox.OTHER_CSU,
            processor_name=ORGANISATIONS[sandbox.OTHER_CSU][0],
            flows=[flow],
            today=stage.today,
        )
        other = stage.in_force(wanted, "The same, with another CSU")
        return cls(
            suite,
            opened.agreement,
            _released(suite.client("csu-0df-analytics"), opened.agreement),
            _released(suite.client("csu-0cx-analytics"), other),
        )

    def token(self, audience: str, client: str = "csu-0df-analytics") -> str:
        tokens = self.suite.client(client).tokens
        assert tokens is not None
        return tokens.token(audience)

    def deliveries(self, file: str) -> Sequence[dict[str, Any]]:
        return rows("dissemination", f"SELECT * FROM delivery WHERE file_id = '{file}' ORDER BY id")


def _released(client: Dsfc, agreement: str) -> str:
    asked = client.dissemination.request(
        sandbox.body_of(agreement, formats=["csv"]), key=str(new_id())
    )
    return str(client.dissemination.wait(asked.id).files[0].id)


@dataclass(slots=True)
class Recipient:
    """A recipient's system: it asks and fetches without end, whatever is restarted meanwhile."""

    suite: Elsewhere
    agreement: str
    directory: Path
    released: list[Extract] = field(default_factory=list)
    failure: BaseException | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                self._once()
        except BaseException as failure:  # noqa: BLE001 - told to whoever waits
            self.failure = failure

    def _once(self) -> None:
        mine = self.suite.client("csu-0df-analytics").dissemination
        key = str(new_id())
        body = sandbox.body_of(self.agreement, formats=["csv", "parquet"])
        asked = patiently(lambda: mine.request(body, key=key))
        done = patiently(lambda: mine.wait(asked.id, timeout_seconds=PATIENCE_SECONDS_MAX))
        self.released.append(done)
        for file in done.files:
            target = self.directory / f"{file.id}.{file.format}"
            patiently(lambda file=file, target=target: mine.download(file.id, target))
