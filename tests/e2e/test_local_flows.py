"""A local flow over the four services: before it is approved each step is refused with its code.

One person registers the layout, another approves it; a commissioner's application names it, the
agreement is drafted from the event, a provider's file is landed by it, and what is released is
fetched and opened. No service has the file built in: each has it from agreements by its digest. The
layout has three tables and two people in a row (docs/adr/0242).
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

from catalogue.flows import example, read_flow
from common.security.principal import BODY
from dsfc_cli.demo.answers import Flow
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.house.suite import SERVICES
from dsfc_cli.main import app
from dsfc_cli.synthetic import generate_tables
from dsfc_client import Problem, Refused
from tests.running import CSU, DEADLINE_SECONDS, PROVIDER, Scene, scene, until

pytestmark = [pytest.mark.xdist_group("local-flows"), pytest.mark.timeout(300)]

FLOW: Final = read_flow(example(of_tables=True))
NAME, DIGEST = FLOW.data_set.data_set, FLOW.data_set.digest
MONTH: Final = "2018-06"
ROWS: Final = 60
GROUPS: Final = {
    "Mothers": {"Mother_Number": "pseudonym", "First_Child": "as_is", "Age_Band": "derived"},
    "Visits": {
        "Mother_Number": "pseudonym",
        "Visit_Number": "pseudonym",
        "Visit_Minutes": "as_is",
        "Age_At_Visit": "derived",
    },
    "Babies": {"Visit_Number": "pseudonym", "Baby_NHS_Number": "pseudonym", "Outcome": "as_is"},
}
COLUMNS: Final = {
    f"{group}.{name}": how for group, own in GROUPS.items() for name, how in own.items()
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
    written.write_text(example(of_tables=True), "utf-8")
    tables = generate_tables(
        FLOW.data_set,
        rows=ROWS,
        seed=7,
        first=date(2018, 6, 1),
        last=date(2018, 6, 30),
        world=running.world,
        directory=house.directory,
    )
    line = Flow(
        data_set=NAME,
        fields=COLUMNS,
        first_month=MONTH,
        last_month=MONTH,
        reasons=("H",),
        sensitivity=FLOW.data_set.sensitivity,
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
    application = stage.apply(wanted, "Births")
    assert "DATA_SET_UNKNOWN" in house.refusal(application)
    with pytest.raises(Problem) as unknown:
        haven.submit_tables(NAME, MONTH, tables)
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

    reference = stage.in_force(wanted, "Births at home")
    opened = haven.submit_tables(NAME, MONTH, tables)
    landed = haven.wait(opened.id, timeout_seconds=DEADLINE_SECONDS)
    assert landed.state.lower() == "accepted", landed
    extract = running.released(agreement=reference, formats=["parquet"], **asked)
    found = {}
    for released in extract.files:
        manifest = running.csu.dissemination.manifest(released.id).manifest
        assert json.dumps(manifest).count(DIGEST) >= 1
        target = house.directory / f"{released.id}.parquet"
        made = duckdb.sql(f"FROM '{running.csu.dissemination.download(released.id, target)}'")
        (group,) = {one["name"].partition(".")[0] for one in manifest["file"]["columns"]} - {
            *("Token", "Reason_For_Access")
        }
        assert made.columns == ["Token", "Reason_For_Access", *GROUPS[group]]
        found[group] = [dict(zip(made.columns, row, strict=True)) for row in made.fetchall()]
        assert not any(number in target.read_bytes() for number in running.numbers)
    assert found.keys() == GROUPS.keys()
    sent = {
        name: duckdb.sql(f"FROM read_csv('{path}', all_varchar = true)")
        for name, path in tables.items()
    }
    own = {row[0] for row in sent["VISITS"].select("Visit_Number").fetchall()}
    assert not own & {row["Visit_Number"] for row in found["Visits"]}

    # The fields that link join each row with one, and of two people in a row each has a token.
    mothers = {row["Mother_Number"]: row["Token"] for row in found["Mothers"]}
    visits = {row["Visit_Number"]: row["Token"] for row in found["Visits"]}
    assert 0 < len(visits) == len(found["Visits"]) <= ROWS
    assert all(mothers[row["Mother_Number"]] == row["Token"] for row in found["Visits"])
    assert all(visits[row["Visit_Number"]] == row["Token"] for row in found["Babies"])
    assert {row["Baby_NHS_Number"][0] for row in found["Babies"]} <= {"B", "C"}
    assert any(row["Age_At_Visit"] is not None for row in found["Visits"])

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
            haven.submit_tables(NAME, MONTH, {"MOTHERS": house.directory / "MOTHERS.csv"})
        assert away.value.status == 503
        assert running.csu.dissemination.get("/v1/catalogue")["items"]
    finally:
        running.suite.start_service("agreements")
        running.suite.wait_ready(["agreements"])
