"""What an event says crosses the wire as the same bytes as ever (`events.golden.json`)."""

import json
from datetime import UTC, datetime

import pytest

from common.events import EVENT_TYPES
from common.ids import new_id
from common.messaging import schemas
from dsfc_cli.generated import contracts
from tests.repository import ROOT, text_of

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
GOLDEN = json.loads(text_of(ROOT / "tests/architecture/events.golden.json"))
AT = datetime(2018, 4, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _declared() -> None:
    for service in SERVICES:
        contracts.apps_of(service)


def test_every_event_has_its_bytes() -> None:
    of_services = {name for name in EVENT_TYPES if name.partition(".")[0] in SERVICES}

    assert of_services == set(GOLDEN)


@pytest.mark.parametrize("type_", GOLDEN)
def test_the_data_of_an_event_are_the_bytes_that_they_were(type_: str) -> None:
    model = EVENT_TYPES[type_].model
    at = {"at": AT} if "at" in model.model_fields else {}

    event = schemas.event(
        model.model_validate(GOLDEN[type_] | at),
        subject="a/b",
        time=AT,
        aggregate_id=new_id(),
        aggregate_version=1,
        state="s",
    )

    schemas.validate(event)
    assert event.type == type_
    assert json.dumps(event.data) == json.dumps(GOLDEN[type_])
