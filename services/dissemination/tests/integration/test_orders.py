"""Standing orders are stored with events and audit, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import Session

from common.audit import Entry
from common.clock import SystemClock
from common.db import tables as shared
from common.errors import EditedMeanwhile, Refusal
from common.ids import new_id
from dissemination.db import repository
from dissemination.domain.errors import StandingOrderExists, StandingOrderNotFound
from dissemination.domain.extract import Extract, Permit, Requester
from dissemination.domain.orders.standing_order import BY_REQUEST, OrderState, StandingOrder
from statements.request import ExtractRequest
from statements.standing_order import EXAMPLE, WantedStandingOrder

AT = datetime(2018, 6, 1, 12, tzinfo=UTC)
REQUESTER = Requester(subject="s", client_id="c", organisation="0DF", role="csu-system")
AGREEMENT = str(EXAMPLE["agreement"])


@pytest.fixture
def engine(migrated):
    return migrated("dissemination")


@pytest.fixture
def uow(engine):
    return repository.build(engine, SystemClock())


def entry(action="did"):
    return Entry(
        at=AT,
        action=action,
        resource="standing-orders/x",
        subject="s",
        client_id="c",
        organisation="0DF",
        role="csu-system",
        detail={"agreement": AGREEMENT},
    )


def placed(organisation="0DF", **changes):
    return StandingOrder.place(
        WantedStandingOrder(**EXAMPLE | changes).said,
        order_id=new_id(),
        first="2018-04",
        last=None,
        requester=replace(REQUESTER, organisation=organisation),
        decision_id=new_id(),
        on_behalf_of="99N",
        at=AT,
    )


def save(uow, order):
    with uow.writing() as tx:
        return tx.orders.save(order, audit=entry())


def due(uow):
    with uow.reading() as tx:
        return list(tx.orders.due(at=datetime.now(UTC), limit=10))


def test_an_order_is_read_as_it_was_stored_with_its_event_and_leaf(engine, uow):
    order = save(uow, placed(filters=[{"column": "Sex", "any_of": ["2"]}]))
    skipped = save(uow, order.skip("2018-04", [Refusal("BREACH_OPEN", "Held.")], at=AT))
    done = save(uow, skipped.ask("2018-05", new_id(), at=AT).end(BY_REQUEST, at=AT))

    with uow.reading() as tx:
        found = tx.orders.get(order.id)
    assert found == replace(done, version=3)
    with Session(engine) as session:
        outbox = len(session.execute(select(shared.outbox)).all())
        leaves = len(session.execute(select(shared.audit_leaf)).all())
    assert (outbox, leaves) == (3, 3)


def test_only_who_read_the_newest_version_writes(uow):
    order = save(uow, placed())
    save(uow, order.wait("2018-04", at=AT))

    with pytest.raises(EditedMeanwhile):
        save(uow, order.ask("2018-04", new_id(), at=AT))


def test_two_for_the_same_are_not_active_at_once(uow):
    """Guard: the partial unique index."""
    order = save(uow, placed())

    with pytest.raises(StandingOrderExists):
        save(uow, placed())
    save(uow, placed(organisation="0CX"))
    save(uow, placed(formats=["csv"]))
    save(uow, order.end(BY_REQUEST, at=AT))
    assert save(uow, placed()).version == 1


def test_one_worker_at_a_time_has_an_order(uow):
    order, now = save(uow, placed()), datetime.now(UTC)
    until = now + timedelta(minutes=1)

    def claim(at):
        with uow.writing() as tx:
            return tx.orders.claim(order.id, at=at, until=until)

    assert due(uow) == [order.id]
    assert (claim(now), claim(now)) == (True, False)
    assert due(uow) == []
    assert claim(until)  # the first one died


def test_who_was_woken_meanwhile_does_not_rest(uow):
    order, now = save(uow, placed()), datetime.now(UTC)
    later = now + timedelta(hours=1)
    with uow.writing() as tx:
        tx.orders.rest(order.id, looked_at=now, until=later)
    assert due(uow) == []
    with uow.writing() as tx:
        tx.orders.wake(data_set="ANOTHER", at=AT)
        tx.orders.wake(agreement="DARS-NIC-999999-Z9Z9Z", at=AT)
    assert due(uow) == []
    with uow.writing() as tx:
        tx.orders.wake(data_set="SUS_APC", at=AT)
        tx.orders.rest(order.id, looked_at=now, until=later)
    assert due(uow) == [order.id]
    with uow.reading() as tx:
        assert tx.orders.woken_at(order.id) == AT


def test_an_ended_order_is_never_due(uow):
    order = save(uow, placed())
    save(uow, order.end(BY_REQUEST, at=AT))
    with uow.writing() as tx:
        tx.orders.wake(agreement=AGREEMENT, at=AT)
        assert not tx.orders.claim(order.id, at=datetime.now(UTC), until=AT)

    assert due(uow) == []
    with uow.reading() as tx:
        assert tx.orders.active_under(AGREEMENT) == []


def test_another_organisation_s_order_is_not_found(uow):
    order = save(uow, placed())

    with uow.reading() as tx:
        assert tx.orders.get(order.id, own=frozenset({"0DF"})).id == order.id
        with pytest.raises(StandingOrderNotFound):
            tx.orders.get(order.id, own=frozenset({"0CX"}))
        with pytest.raises(StandingOrderNotFound):
            tx.orders.get(UUID(int=1))


def test_the_newest_decision_on_a_token_of_whoever_ordered_is_its_proof(uow):
    order = save(uow, placed())

    def ask(requester, at, standing_order=None):
        extract_id = new_id()
        request = replace(
            ExtractRequest(**REQUEST), extract_id=str(extract_id), agreement=AGREEMENT
        )
        extract = Extract.ask(
            request,
            extract_id=extract_id,
            requester=requester,
            permit=Permit(
                id=str(new_id()), compact="a.b.c", expires_at=AT, decision_id=new_id(), epoch=7
            ),
            at=at,
            standing_order=standing_order,
        )
        with uow.writing() as tx:
            tx.extracts.save(extract, audit=entry())
        return extract.permit.decision_id

    def proof():
        with uow.reading() as tx:
            return tx.orders.proof(order)

    assert proof() == (order.decision_id, AT)
    own = ask(REQUESTER, AT + timedelta(days=1))
    for other in (
        {"subject": "another"},
        {"client_id": "another"},
        {"role": "csu-adviser"},
        {"organisation": "0CX"},
    ):
        ask(replace(REQUESTER, **other), AT + timedelta(days=2))
    ask(REQUESTER, AT + timedelta(days=3), standing_order=order.id)  # no token was shown at it
    assert proof() == (own, AT + timedelta(days=1))


REQUEST = {
    "extract_id": "",
    "agreement": AGREEMENT,
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "periods": ("2018-04",),
    "fields": ("Sex",),
    "formats": ("parquet",),
}


def test_orders_are_listed_by_state_and_agreement(uow):
    one = save(uow, placed())
    two = save(uow, placed(formats=["csv"]))
    save(uow, one.end(BY_REQUEST, at=AT))

    def page(**by):
        told = {"own": None, "agreement": None, "state": None, "after": None, "limit": 10} | by
        with uow.reading() as tx:
            return [order.id for order in tx.orders.page(**told)]

    assert page() == [one.id, two.id]
    assert page(state=OrderState.ACTIVE) == [two.id]
    assert page(after=one.id, agreement=AGREEMENT) == [two.id]
    assert page(own=frozenset({"0CX"})) == []
