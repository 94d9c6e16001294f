"""What is made of agreements' events, and what the intake's own say."""

from uuid import UUID

import pytest

from common.events import EVENT_TYPES
from common.ids import new_id
from common.messaging import schemas
from common.messaging.envelope import Event
from dsfc_testing.plugin import START
from pseudonymisation.intake.domain.events import SUBMISSION
from pseudonymisation.preparations.adapters import events
from pseudonymisation.preparations.use_cases import domains


def told(type_: str, **data) -> Event:
    return Event(
        id=new_id(),
        type=type_,
        source="/agreements",
        subject="x",
        time=START,
        topic="agreements.agreement",
        aggregate_id="a",
        aggregate_version=9,
        state="EXPIRED",
        data=data,
    )


@pytest.mark.parametrize("what", ["expired", "terminated"])
def test_the_end_of_an_agreement_closes_its_domains_as_often_as_it_is_told(monkeypatch, what):
    closed = []
    monkeypatch.setattr(
        domains, "close_domains_of", lambda agreement, *, ctx: closed.append((agreement, ctx))
    )
    handlers = events.handlers("context", "of tables")
    event = told(f"agreements.agreement-{what}.v1", reference="DARS-NIC-1-A1B2C", version="v1.0")
    handlers[event.type](event)
    handlers[event.type](event)

    assert closed == [("DARS-NIC-1-A1B2C", "context")] * 2


def test_the_closing_of_an_agreement_settles_its_domains(monkeypatch):
    heard = []
    monkeypatch.setattr(
        domains,
        "close_domains_of",
        lambda agreement, *, settled, ctx: heard.append((agreement, settled)),
    )
    event = told("agreements.agreement-closed.v1", reference="DARS-NIC-1-A1B2C", version="v1.0")
    events.handlers("context", "of tables")[event.type](event)

    assert heard == [("DARS-NIC-1-A1B2C", True)]


def test_nothing_else_of_agreements_is_listened_to():
    assert set(events.handlers("context", "of tables")) == {
        "agreements.file-destroyed.v1",
        "agreements.agreement-closed.v1",
        "agreements.agreement-expired.v1",
        "agreements.agreement-terminated.v1",
        "agreements.domain-transfer-changed.v1",
    }


def test_domains_go_on_once_a_transfer_is_in_effect_and_not_before(monkeypatch):
    heard = []
    monkeypatch.setattr(
        domains, "go_on", lambda agreement, *, ctx, **where: heard.append((agreement, where))
    )
    handle = events.handlers("context", "of tables")["agreements.domain-transfer-changed.v1"]
    began, follows = str(UUID(int=1)), str(UUID(int=2))
    said = {"agreement": "DARS-NIC-1-A1B2C", "began_in": began, "following_environment": follows}
    for state in ("PROPOSED", "AGREED", "WITHDRAWN", "IN_EFFECT"):
        handle(told("agreements.domain-transfer-changed.v1", state=state, times=2, **said))

    where = {"began_in": began, "environment": follows, "times": 2}
    assert heard == [("DARS-NIC-1-A1B2C", where)]


def test_every_event_of_the_intake_has_a_schema():
    said = {known.name for known in schemas.types_of("pseudonymisation")}

    assert {
        "pseudonymisation.submission-accepted.v1",
        "pseudonymisation.submission-rejected.v1",
        "pseudonymisation.edition-superseded.v1",
    } <= said
    assert EVENT_TYPES["pseudonymisation.edition-superseded.v1"].topic == SUBMISSION
