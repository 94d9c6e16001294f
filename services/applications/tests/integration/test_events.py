"""From the outbox to the log, and from others' events to the timeline."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from applications.adapters import events
from applications.use_cases import applications
from common.ids import new_id
from common.messaging import schemas
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Event
from common.messaging.relay import Relay
from services.applications.tests.answers import NOW
from services.applications.tests.world import acting, drafted, submitted


def heard(application_id, what="signed", *, version=1, **changes):
    return Event(
        **{
            "id": new_id(),
            "type": f"agreements.agreement-{what}.v1",
            "source": "/agreements",
            "subject": "agreements/DARS-NIC-123456-A1B2C",
            "time": NOW + timedelta(days=version),
            "topic": "agreements.agreement",
            "aggregate_id": "DARS-NIC-123456-A1B2C",
            "aggregate_version": version,
            "state": "AWAITING_SIGNATURE",
            "data": {
                "reference": "DARS-NIC-123456-A1B2C",
                "version": "v1.0",
                "state": "AWAITING_SIGNATURE",
                "application_id": str(application_id) if application_id else None,
                "document_hash": "sha256:" + "0" * 64,
                "lines_held": [],
            },
            **changes,
        }
    )


def verbs(world, application):
    lines = applications.history(application.id, after=None, limit=50, ctx=acting(world))
    return [str(line.step.verb) for line in lines if line.version is None]


def handle(world, event):
    events.handlers(world.uow, world.clock)[event.type](event)


def test_every_event_of_the_domain_has_a_schema_that_names_nobody():
    said = {known.name for known in schemas.types_of("applications")}

    assert len(said) == 5
    for type_ in said:
        schema = schemas.json_schema(type_)
        assert schema["additionalProperties"] is False
        assert set(schema["properties"]) == {
            "application_id",
            "reference",
            "version",
            "revision",
            "state",
            "snapshot_hash",
        }


def test_a_submission_reaches_the_log(engine, world, tmp_path):
    log = EmbeddedLog(tmp_path / "events.db")
    application = submitted(world)

    Relay(engine, log, clock=world.clock).drain()

    with log.subscribe("test", ["applications.application"]) as subscription:
        (received,) = subscription.poll(1.0)
    event = received.event()
    assert event.type == "applications.application-submitted.v1"
    assert event.aggregate_id == str(application.id)
    assert event.state == "SUBMITTED"
    assert event.data["snapshot_hash"] == application.snapshot_hash
    assert "Barnsley" not in json.dumps(event.as_json())
    log.close()


def test_what_became_of_the_agreement_is_in_the_history_and_changes_nothing(world):
    application = submitted(world)

    told = ("drafted", "signed", "activated", "not-drafted")
    for version, what in enumerate(told, start=1):
        handle(world, heard(application.id, what, version=version))

    assert verbs(world, application) == [
        "agreement-drafted",
        "agreement-signed",
        "agreement-activated",
        "agreement-not-drafted",
    ]
    assert applications.get(application.id, ctx=acting(world)) == application


def test_twice_or_late_does_no_harm(world):
    application = submitted(world)
    second = heard(application.id, "activated", version=2)

    handle(world, second)
    handle(world, second)
    handle(world, heard(application.id, "signed", version=1))

    assert verbs(world, application) == ["agreement-activated"]


def test_agreements_that_no_application_here_led_to_are_passed_over(world):
    application = drafted(world)

    handle(world, heard(None))
    handle(world, heard(new_id(), version=2))

    assert verbs(world, application) == []


def test_what_cannot_be_read_is_a_poison_message(world):
    with pytest.raises(ValidationError):
        handle(world, heard(None, data={"application_id": "not-an-id", "version": "v1.0"}))


def test_we_listen_to_every_event_of_an_agreement():
    assert set(events.handlers(None, None)) == set(events.RECEIVES)
    assert len(events.RECEIVES) == 12
