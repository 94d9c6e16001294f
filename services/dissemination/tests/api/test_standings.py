"""What users see when an agreement is held, resumed or over; the gate is asked all the same."""

import csv
import io
from datetime import datetime, timedelta
from itertools import count

import pytest

from common.db import tables as shared
from common.ids import new_id
from common.messaging.envelope import Event
from dissemination.db.tables import AgreementStandingRow

AGREEMENT = new_id()
VERSIONS = count(1)


def told(house, verb, state, *, held=(), version=None, after=timedelta(0), of=AGREEMENT, **more):
    """What agreements says, with its next version unless another is given."""
    return Event(
        id=new_id(),
        type=f"agreements.agreement-{verb}.v1",
        source="/agreements",
        subject=f"agreements/{of}",
        time=house.clock.now() + after,
        topic="agreements.agreement",
        aggregate_id=str(of),
        aggregate_version=version or next(VERSIONS),
        state=state,
        data={
            "reference": "DARS-NIC-123456-A1B2C",
            "version": "v1.0",
            "state": state,
            "application_id": str(new_id()),
            "document_hash": "sha256:" + "0" * 64,
            "lines_held": list(held),
            **more,
        },
    )


@pytest.fixture
def say(house, until):
    """Return `say(verb, state, …)`: published, and heard. Begins with an active agreement."""

    def publish(verb, state, **more):
        event = told(house, verb, state, **more)
        house.publish(event)
        until(lambda: (event.id,) in house.rows(shared.inbox.c.event_id))
        return event

    publish("activated", "ACTIVE")
    return publish


def line_of(house, extract):
    text = house.call("GET", "/v1/register?format=csv", role=None).text
    rows = csv.DictReader(io.StringIO(text))
    return next(row for row in rows if row["File"] == extract["files"][0]["id"])


def test_a_hold_shows_and_goes_again_and_says_nothing_of_its_own(house, say):
    extract = house.released()
    assert extract["availability"]["state"] == "current"
    assert line_of(house, extract)["Status"] == "current"

    say("held", "SUSPENDED", held=[1])
    held = house.extract(extract["id"])
    listed = house.call("GET", "/v1/extracts?limit=200").json()["items"]
    line = line_of(house, extract)
    say("resumed", "ACTIVE")

    assert held["state"] == "released"
    assert held["availability"]["state"] == "suspended"
    assert held["availability"]["code"] == "BREACH_OPEN"
    assert held["availability"]["agreement_state"] == "SUSPENDED"
    assert datetime.fromisoformat(held["availability"]["since"]) == house.clock.now()
    assert next(e for e in listed if e["id"] == extract["id"]) == held
    assert (line["Status"], line["Reason for the status"]) == ("suspended", "BREACH_OPEN")
    assert line["Status since"]
    assert house.extract(extract["id"])["availability"]["state"] == "current"
    assert house.events(extract["id"])[-1]["type"] == "dissemination.extract-released.v1"


def test_a_hold_of_another_line_shows_nothing(house, say):
    extract = house.released()

    say("held", "ACTIVE", held=[2])

    assert house.extract(extract["id"])["availability"]["state"] == "current"


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("expired", "EXPIRED"),
        ("terminated", "TERMINATED"),
        ("terminated", "DESTRUCTION_DUE"),
        ("closed", "CLOSED"),
    ],
)
def test_an_agreement_that_is_over_withdraws_what_was_released(house, say, verb, state):
    extract, waiting = house.released(), None
    house.haven.prepares = False
    waiting = house.ask().json()

    event = say(verb, state)
    house.publish(event)  # once more
    say("signed", state)  # and said again in other words

    withdrawn = house.extract(extract["id"])
    (said,) = [
        e for e in house.events(extract["id"]) if e["type"] == "dissemination.extract-withdrawn.v1"
    ]
    assert withdrawn["state"] == "withdrawn"
    assert withdrawn["availability"]["state"] == "withdrawn"
    assert withdrawn["availability"]["code"] == "DSA_NOT_ACTIVE"
    assert withdrawn["availability"]["agreement_state"] == state
    assert [f["id"] for f in withdrawn["files"]] == [f["id"] for f in extract["files"]]
    assert said["state"] == "withdrawn"
    assert line_of(house, extract)["Status"] == "withdrawn"
    assert house.actions(extract["id"]).count("extract-withdrawn") == 1
    assert house.extract(waiting["id"])["state"] in {"requested", "preparing"}
    assert house.extract(waiting["id"])["availability"] is None

    # The gate is not this: it is asked, and its answer counts.
    (file, *_) = extract["files"]
    asked = house.agreements.requests(file)
    house.agreements.refuse("fetch", "DSA_NOT_ACTIVE")
    refused = house.call("GET", file["content"])
    assert (refused.status_code, refused.json()["code"]) == (403, "DSA_NOT_ACTIVE")
    assert house.agreements.requests(file) == asked + 1


def test_what_comes_late_or_is_older_changes_nothing(house, say):
    old = told(house, "terminated", "TERMINATED")
    say("held", "SUSPENDED", held=[1])
    extract = house.released()

    house.publish(old)
    say("resumed", "ACTIVE")

    assert house.extract(extract["id"])["state"] == "released"
    assert house.extract(extract["id"])["availability"]["state"] == "current"


def test_the_end_of_a_former_term_leaves_what_was_released_in_the_new_one(house, say):
    """Its event was held up, and the renewal was decided on before it came."""
    extract = house.released()

    say("expired", "EXPIRED", after=-timedelta(days=1))
    before_renewal = house.extract(extract["id"])
    say("activated", "ACTIVE")

    assert before_renewal["state"] == "released"
    assert before_renewal["availability"]["state"] == "withdrawn"  # as far as was heard
    assert house.extract(extract["id"])["availability"]["state"] == "current"


def test_an_end_that_was_heard_during_the_release_withdraws_it_at_once(house, say):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    say("terminated", "TERMINATED")
    house.haven.prepare(next(reversed(house.haven.jobs)))

    assert house.settled(extract_id, "withdrawn")["availability"]["state"] == "withdrawn"
    assert [e["type"].split(".")[1] for e in house.events(extract_id)] == [
        "extract-requested",
        "extract-released",
        "extract-withdrawn",
    ]


def test_a_hold_waits_until_agreements_can_be_asked_which_lines_it_means(house, say, until):
    extract = house.released()
    house.stop_agreements()
    event = told(house, "held", "SUSPENDED", held=[1])
    house.publish(event)
    assert house.extract(extract["id"])["availability"]["state"] == "current"

    house.start_agreements()

    until(lambda: house.extract(extract["id"])["availability"]["state"] == "suspended")
    assert house.rows(AgreementStandingRow.state) == [("SUSPENDED",)]
