"""From an approval on the event log to a drafted agreement, by a verified snapshot."""

import json
import threading
import time
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from agreements import main
from agreements.records.adapters import events
from agreements.records.adapters.applications import HttpSnapshots
from agreements.records.adapters.workers import Announcer
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.terms.snapshots import approved
from agreements.records.use_cases import agreements as use_cases
from common import http
from common.clock import end_of
from common.errors import Unavailable
from common.ids import canonical, digest, new_id
from common.messaging import dead_letters
from common.messaging.backoff import Backoff
from common.messaging.consumer import Consumer, Retries
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Event
from common.security.roles import Role
from services.agreements.tests.facts import APPLICATION, END, REFERENCE, snapshot, snapshot_bytes
from services.agreements.tests.service import settings


class Tokens:
    """Stands for the issuer: which token is sent is the client's business, tested there."""

    def token(self, audience):
        assert audience == "applications"
        return "a-token"


class Applications:
    """The other service's answers, as bytes over a real HTTP client."""

    def __init__(self):
        self.snapshots = {}
        self.status = 200
        self.asked = []

    def add(self, **changes):
        content, hash_ = snapshot_bytes(**changes)
        self.snapshots[hash_] = content
        return hash_

    def answer(self, request):
        self.asked.append(request.url.path)
        assert request.headers["authorization"] == "Bearer a-token"
        content = self.snapshots.get(request.url.path.rsplit("/", 1)[1])
        if self.status != 200 or content is None:
            return httpx.Response(
                self.status if self.status != 200 else 404,
                headers={"content-type": "application/problem+json"},
                json={"code": "SNAPSHOT_NOT_FOUND", "detail": "x"},
            )
        return httpx.Response(200, content=content)

    def client(self):
        return HttpSnapshots(
            http.client("http://applications", transport=httpx.MockTransport(self.answer)),
            Tokens(),
        )


@pytest.fixture
def applications():
    return Applications()


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def parts(migrated, sqlite_url, clock, tmp_path):
    migrated("agreements")
    made = main.Parts(settings(sqlite_url, tmp_path), clock)
    yield made
    made.close()


@pytest.fixture
def ctx(parts):
    return parts.context(Role.SERVICE_AGREEMENTS)


@pytest.fixture
def handlers(ctx, applications):
    return events.handlers(ctx, applications.client())


def said(type_, version=1, **data):
    return Event(
        id=new_id(),
        type=type_,
        source="/applications",
        subject="applications/1",
        time=data.pop("time"),
        topic="applications.application",
        aggregate_id=str(APPLICATION),
        aggregate_version=version,
        state="APPROVED",
        data={
            "application_id": str(APPLICATION),
            "reference": REFERENCE,
            "version": "v0.0",
            "revision": 1,
            "state": "APPROVED",
            "snapshot_hash": None,
        }
        | data,
    )


def shown(ctx, reference=REFERENCE):
    return use_cases.get(reference, ctx=ctx).one


def test_an_approval_heard_twice_is_drafted_once(handlers, ctx, applications, clock):
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=applications.add())

    handlers[event.type](event)
    handlers[event.type](event)

    agreement = shown(ctx).agreement
    assert [v.number for v in agreement.versions] == ["v0.0"]
    assert agreement.version == 1
    assert shown(ctx).state is AgreementState.AWAITING_SIGNATURE


def test_two_applications_about_an_agreement_with_one_number_are_both_drafted(
    handlers, ctx, applications, clock
):
    """Each was handed in as the version after the one that it knew; both were approved."""
    first = applications.add()
    other = UUID("019a0000-0000-7000-8000-0000000000aa")
    second = applications.add(application_id=str(other), title="The other amendment")
    beside = said(events.APPROVED, time=clock.now(), snapshot_hash=second)
    beside = replace(
        beside, aggregate_id=str(other), data={**beside.data, "application_id": str(other)}
    )

    for event in (said(events.APPROVED, time=clock.now(), snapshot_hash=first), beside):
        handlers[event.type](event)
    handlers[events.APPROVED](replace(beside, id=new_id(), aggregate_version=2))

    versions = shown(ctx).agreement.versions
    assert [(v.number, v.snapshot_hash, v.application_id) for v in versions] == [
        ("v0.0", first, APPLICATION),
        ("v0.1", second, other),
    ]
    document = json.loads(versions[1].document)
    assert (document["version"], document["snapshot"]["version"]) == ("v0.1", "v0.0")


def test_the_same_approval_by_another_event_is_drafted_once_too(handlers, ctx, applications, clock):
    hash_ = applications.add()
    for version in (1, 2):
        event = said(events.APPROVED, version, time=clock.now(), snapshot_hash=hash_)
        handlers[event.type](event)

    assert shown(ctx).agreement.version == 1


def test_an_approval_that_comes_late_is_drafted_though_newer_was_heard(
    handlers, ctx, applications, clock
):
    withdrawn = said(events.WITHDRAWN, 9, time=clock.now())
    late = said(events.APPROVED, 3, time=clock.now(), snapshot_hash=applications.add())

    handlers[withdrawn.type](withdrawn)
    handlers[late.type](late)

    assert shown(ctx).agreement.reference == REFERENCE


def test_an_amendment_becomes_a_further_version(handlers, ctx, applications, clock):
    first = said(events.APPROVED, time=clock.now(), snapshot_hash=applications.add())
    second = said(
        events.APPROVED,
        2,
        time=clock.now(),
        snapshot_hash=applications.add(version="v0.1", kind="amendment"),
    )
    for event in (first, second):
        handlers[event.type](event)

    assert [v.number for v in shown(ctx).agreement.versions] == ["v0.0", "v0.1"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.replace(b"Barnsley", b"Barnsle1"),
        lambda content: content + b" ",
        lambda _content: b"",
    ],
    ids=["altered", "longer", "empty"],
)
def test_a_snapshot_that_is_not_what_its_hash_says_is_refused(
    handlers, ctx, applications, clock, spoil
):
    hash_ = applications.add()
    applications.snapshots[hash_] = spoil(applications.snapshots[hash_])
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=hash_)

    with pytest.raises(SnapshotRefused):
        handlers[event.type](event)
    with ctx.uow.reading() as tx:
        assert tx.agreements.find(REFERENCE) is None


def test_a_snapshot_of_another_application_is_refused(handlers, applications, clock):
    hash_ = applications.add(application_id=str(UUID(int=7)))
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=hash_)

    with pytest.raises(SnapshotRefused):
        handlers[event.type](event)


@pytest.mark.parametrize("hash_", [None, "sha256:../../v1/secrets", "sha256:" + "0" * 64])
def test_an_approval_without_a_snapshot_is_refused(handlers, applications, clock, hash_):
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=hash_)

    with pytest.raises(SnapshotRefused):
        handlers[event.type](event)
    assert not any("secrets" in path for path in applications.asked)


def test_while_applications_is_away_the_consumer_waits(handlers, applications, clock):
    applications.status = 503
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=applications.add())

    with pytest.raises(Unavailable):
        handlers[event.type](event)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "dsfc-snapshot/2"},
        {"controllers": []},
        {"lines": []},
        {"lines": [snapshot()["lines"][0]] * 2},
        {"lines": [snapshot()["lines"][0], snapshot()["lines"][0] | {"number": 2}]},
        {"end": "2017-01-01"},
        {"special_conditions": [{"id": "1", "text": "x", "due": None, "owner": "x"}] * 2},
        {"controllers": snapshot()["controllers"] * 2},
        {"reference": "DARS-NIC-1"},
    ],
)
def test_a_snapshot_of_another_form_is_refused(changes):
    content, hash_ = snapshot_bytes(**changes)

    with pytest.raises(SnapshotRefused):
        approved(content, hash_)


def test_bytes_that_are_not_canonical_are_refused():
    import json

    content = json.dumps(snapshot(), indent=1).encode()

    with pytest.raises(SnapshotRefused, match="canonical"):
        approved(content, digest(content))


def test_what_a_snapshot_has_besides_is_kept_in_the_document():
    content = canonical(snapshot(further={"clause": "unheard of"}))

    assert approved(content, digest(content)).content["further"] == {"clause": "unheard of"}


# Renewals


def test_a_renewal_handed_in_keeps_the_lapsed_agreement_open_until_it_is_dropped(
    handlers, ctx, applications, clock
):
    other = str(UUID(int=8))
    first = said(events.APPROVED, time=clock.now(), snapshot_hash=applications.add())
    handlers[first.type](first)
    sign_for_all(ctx)
    renewal = applications.add(
        application_id=other, version="v1.0", kind="renewal", start="2021-04-01", end="2024-03-31"
    )
    submitted = said(
        events.SUBMITTED, time=clock.now(), application_id=other, snapshot_hash=renewal
    )
    handlers[submitted.type](submitted)
    clock.set(end_of(END))
    in_hold = shown(ctx).state
    declined = said(events.DECLINED, 2, time=clock.now(), application_id=other)
    handlers[declined.type](declined)

    assert in_hold is AgreementState.LAPSED_HOLD
    assert shown(ctx).state is AgreementState.EXPIRED


def sign_for_all(ctx):
    from agreements.records.domain.agreement import Circumstances
    from services.agreements.tests.facts import sign_all

    with ctx.uow.writing() as tx:
        signed = sign_all(tx.agreements.find(REFERENCE), at=ctx.clock.now())
        tx.agreements.save(
            signed.settle(ctx.clock.now(), Circumstances()),
            audit=ctx.entry("x", "y", at=ctx.clock.now()),
        )


def test_other_submissions_and_first_applications_change_nothing(
    handlers, ctx, applications, clock
):
    for event in (
        said(events.SUBMITTED, time=clock.now(), snapshot_hash=applications.add()),
        said(events.SUBMITTED, 2, time=clock.now(), reference=None),
        said(events.DECLINED, 3, time=clock.now(), reference=None),
        said(events.WITHDRAWN, 4, time=clock.now()),
        said(
            events.SUBMITTED,
            5,
            time=clock.now(),
            snapshot_hash=applications.add(version="v1.0", kind="renewal"),
        ),
    ):
        handlers[event.type](event)

    with ctx.uow.reading() as tx:
        assert tx.agreements.find(REFERENCE) is None


# Over the log


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not happen in time")


def test_a_poisoned_approval_is_laid_aside_and_can_be_replayed(
    parts, ctx, handlers, applications, clock, tmp_path
):
    log = EmbeddedLog(tmp_path / "events.db")
    content, hash_ = snapshot_bytes()
    applications.snapshots[hash_] = content + b" "
    log.publish([said(events.APPROVED, time=clock.now(), snapshot_hash=hash_)])
    consumer = Consumer(
        "agreements",
        log,
        events.TOPICS,
        handlers,
        engine=parts.engine,
        clock=clock,
        retries=Retries(attempts=2, backoff=Backoff(base_seconds=0.01, max_seconds=0.01)),
    )
    stop = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    until(lambda: dead_letters.listed(parts.engine))
    stop.set()
    thread.join(60)
    [letter] = dead_letters.listed(parts.engine)

    applications.snapshots[hash_] = content
    consumer.replay(letter.id)

    assert "SNAPSHOT_REFUSED" in letter.reason or "hash" in letter.reason
    assert shown(ctx).agreement.reference == REFERENCE
    log.close()


def test_the_announcer_tells_what_time_changed(parts, ctx, handlers, applications, clock):
    event = said(events.APPROVED, time=clock.now(), snapshot_hash=applications.add())
    handlers[event.type](event)
    clock.set(end_of(END))

    announcer = Announcer(parts.context(Role.SYSTEM_CLOCK), every_seconds=0.01)
    announcer.turn()

    assert shown(ctx).agreement.announced_state is AgreementState.CLOSED
    stop = threading.Event()
    stop.set()
    announcer.run(stop)


def test_the_workers_of_the_service_are_made_from_its_settings(parts):
    made = [parts.relay(), *main.consumers(parts), *main.jobs(parts)]

    assert [worker.name for worker in made][:3] == ["relay", "agreements", "announcer"]
