"""A local flow over the four services: before it is approved each step is refused with its code.

One person registers the layout, another approves it; a commissioner's application names it, the
agreement is drafted from the event, a provider's file is landed by it, and what is released is
fetched and opened. No service has the file built in: each has it from agreements by its digest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import duckdb
import pytest
from typer.testing import CliRunner

import catalogue
from catalogue import Catalogue
from catalogue.flows import example, read_flow
from common.security.principal import BODY
from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.house.suite import SERVICES
from dsfc_cli.main import app
from dsfc_cli.synthetic import generate
from dsfc_client import Problem, Refused
from tests.running import CSU, DEADLINE_SECONDS, PROVIDER, Scene, scene, until

pytestmark = [pytest.mark.xdist_group("local-flows"), pytest.mark.timeout(300)]

FLOW: Final = read_flow(example())
NAME, DIGEST = FLOW.data_set.data_set, FLOW.data_set.digest
MONTH: Final = "2018-06"
ROWS: Final = 60
COLUMNS: Final = {
    "Call_Category": "as_is",
    "Handover_Minutes": "as_is",
    "Age_Band": "derived",
    "Incident_Number": "pseudonym",
}
WHY: Final = "It is the layout of contract schedule 6."


@dataclass(frozen=True)
class House:
    scene: Scene
    directory: Path

    def refusal(self, application: str) -> list[str]:
        """The codes with which handing in is refused."""
        applicant = self.scene.stage.applicant(COMMISSIONER)
        with pytest.raises(Problem) as refused:
            applicant.act(application, "submission")
        return sorted({f["code"] for f in (refused.value.members or {}).get("findings", [])})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with scene(tmp_path_factory, "local-flows") as running:
        yield House(running, tmp_path_factory.mktemp("flow"))


def commanded(house: House, *arguments: str, who: str = "dscro-operator", code: int = 0) -> str:
    """What `dsfc local-flows` prints."""
    where = ["--as", who, "--directory", str(house.scene.state)]
    for service in ("issuer", "agreements"):
        where += [f"--{service}", house.scene.suite.urls[service]]
    told = CliRunner().invoke(app, ["local-flows", *where, *arguments])
    assert told.exit_code == code, told.output
    return told.output.strip()


def test_a_local_flow_goes_the_whole_way_once_a_second_person_approved_it(house: House) -> None:
    running, stage = house.scene, house.scene.stage
    haven = stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    written = house.directory / "flow.yaml"
    written.write_text(example(), "utf-8")
    file = house.directory / "flow.csv"
    fixed = catalogue.load()
    generate(
        NAME,
        rows=ROWS,
        seed=7,
        first=date(2018, 6, 1),
        last=date(2018, 6, 30),
        world=running.world,
        path=file,
        known=Catalogue((*fixed.data_sets, FLOW.data_set), fixed.landing_rules),
    )
    line = Flow(
        data_set=NAME,
        fields=COLUMNS,
        first_month=MONTH,
        last_month=MONTH,
        reasons=("H",),
        sensitivity="NON_SENSITIVE",
    )
    wanted = running.wanted(COMMISSIONER, CSU, line)

    register = ("register", str(written), "--evidence", "Schedule 6")

    # For which DSCRO somebody acts is recorded by others, and never said by themselves.
    assert "STAFF_NOT_CLEARED" in commanded(house, *register, code=1)
    governs = stage.actor("body-governance-1").agreements
    stage.clear("dscro-operator")
    assert "DSCRO_NOT_PROVED" in commanded(house, *register, code=1)
    seconded = {"kind": "secondment", "reference": "yorkshire", "valid_from": "2018-01-01"}
    governs.record_staff({"subject": "dscro-operator", "organisation": BODY, **seconded})
    flow = commanded(house, *register)

    # Before it is approved nobody knows it.
    application = stage.apply(wanted, "Ambulances")
    assert "DATA_SET_UNKNOWN" in house.refusal(application)
    with pytest.raises(Problem) as unknown:
        haven.submit(NAME, MONTH, file)
    assert unknown.value.code == "DATA_SET_UNKNOWN"
    asked = {"purpose": "COM", "data_set": NAME, "periods": [MONTH], "fields": [*COLUMNS]}
    with pytest.raises(Refused) as refused:
        running.ask(**asked)
    assert refused.value.codes
    registrar = stage.actor("dscro-operator").agreements
    with pytest.raises(Problem) as alone:
        registrar.approve_local_flow(flow, WHY)
    assert alone.value.status == 403

    told = commanded(house, "approve", flow, "--reason", WHY, who="dscro-approver")
    assert told.endswith("approved")

    reference = stage.in_force(wanted, "Ambulance conveyances")
    opened = haven.submit(NAME, MONTH, file)
    landed = haven.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)
    assert landed.state.lower() == "accepted", landed
    extract = running.released(agreement=reference, formats=["parquet"], **asked)
    (released,) = extract.files
    target = running.csu.dissemination.download(released.id, house.directory / "out.parquet")

    found = duckdb.sql(f"FROM '{target}'")
    assert found.columns == ["Token", "Reason_For_Access", *COLUMNS]
    rows = found.fetchall()
    assert 0 < len(rows) <= ROWS
    sent = duckdb.sql(f"FROM read_csv('{file}', all_varchar = true)")
    numbers = {row[0] for row in sent.select("Incident_Number").fetchall()}
    assert not numbers & {str(row[-1]) for row in rows}
    manifest = running.csu.dissemination.manifest(released.id).manifest
    assert json.dumps(manifest).count(DIGEST) >= 1

    # What is used stays; and each service has the file by its digest.
    with pytest.raises(Problem) as used:
        registrar.withdraw_local_flow(flow, "The contract ended.")
    assert used.value.code == "LOCAL_FLOW_IN_USE"
    for service in SERVICES:
        kept = running.rows(service, "SELECT digest, content FROM catalogue_file")
        assert kept == [(DIGEST, FLOW.content)], service
    actions = [leaf["action"] for leaf in running.leaves("agreements")]
    assert [a for a in actions if a.startswith("local-flow")] == [
        "local-flow-registered",
        "local-flow-approved",
        "local-flow-used",
    ]
    query = "SELECT event FROM outbox WHERE topic = 'agreements.local-flow' ORDER BY seq"
    until(
        lambda: not running.rows("agreements", "SELECT 1 FROM outbox WHERE published_at IS NULL"),
        what="events are published",
    )
    assert len(running.rows("agreements", query)) == 3
    checked = CliRunner().invoke(
        app, ["audit", "verify", "--directory", str(running.state), "--log", "agreements"]
    )
    assert checked.exit_code == 0, checked.output


def test_what_is_landed_and_asked_for_needs_no_service_to_have_been_told_twice(
    house: House,
) -> None:
    """With agreements away nobody learns of a name, and what was had before is still read."""
    running = house.scene
    haven = running.stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    report = haven.get("/v1/editions", data_set=NAME)["items"]
    assert report

    running.suite.stop_service("agreements")
    try:
        with pytest.raises(Problem) as away:
            haven.submit(NAME, MONTH, house.directory / "flow.csv")
        assert away.value.status == 503
        assert running.csu.dissemination.get("/v1/catalogue")["items"]
    finally:
        running.suite.start_service("agreements")
        running.suite.wait_ready(["agreements"])
