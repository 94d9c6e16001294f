"""Random commands and a clock that jumps, on both databases, compared with a plain model.

The model knows nothing of the code: it is written from domain.md 3.1, 3.4, 3.6, 3.7 and ruling 8.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from agreements import main
from agreements.db.decisions.tables import HoldingRow, PermitRow
from agreements.records.use_cases import agreements as use_cases
from common.security.roles import Role
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.facts import CCG, CSU, REFERENCE
from services.agreements.tests.service import BODY, Service, settings

PATH = f"/v1/agreements/{REFERENCE}"
STOPPED = {
    "activity_stopped": "yes",
    "agreement": REFERENCE,
    "description": "A laptop was lost.",
    "discovered_at": "2018-06-01T08:00:00Z",
}
LONDON = ZoneInfo("Europe/London")
LAPSE_DAYS = 90
DUE_DAYS = {"ended": 28, "contract_ended": 28, "ordered": 7}
COMMANDS = 45
SIGNERS = {CCG: Role.CONTROLLER_SIGNATORY, CSU: Role.PROCESSOR_CONTACT, BODY: Role.DARS_APPROVER}


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def after(day: date) -> datetime:
    """The first instant at which that day is over."""
    return midnight(day + timedelta(days=1))


@dataclass
class Term:
    number: str
    first: date
    last: date
    document: str
    signed: dict[str, datetime] = field(default_factory=dict)

    @property
    def begins(self) -> datetime | None:
        if len(self.signed) < len(SIGNERS):
            return None
        return max(midnight(self.first), *self.signed.values())


@dataclass
class File:
    id: str
    released: datetime
    is_certified: bool = False
    is_gone: bool = False


@dataclass
class Model:
    """What an agreement is by the pages alone."""

    terms: list[Term] = field(default_factory=list)
    renewals: list[list] = field(default_factory=list)  # application, handed in, dropped
    holds: dict[str, set[str]] = field(default_factory=dict)
    has_contract: bool = False
    contract_begun: datetime | None = None
    contract_ended: datetime | None = None
    terminated: datetime | None = None
    files: list[File] = field(default_factory=list)
    orders: list[datetime] = field(default_factory=list)  # findings that want all destroyed
    certificates: int = 0
    accepted: dict[tuple, set[str]] = field(default_factory=dict)
    is_closed: bool = False

    @property
    def is_over(self) -> bool:
        return self.terminated is not None or self.is_closed

    def governing(self, now):
        begun = [t for t in self.terms if t.begins is not None and t.begins <= now]
        return max(begun, key=lambda t: (t.begins, self.terms.index(t)), default=None)

    def may_sign(self, term, party, now):
        if party in term.signed:
            return False
        if self.is_over or now >= after(term.last):
            return False
        later = self.terms[self.terms.index(term) + 1 :]
        return not any(
            t.begins is not None and t.begins <= now and t.first >= term.first for t in later
        )

    def state(self, now):
        if self.is_closed:
            return "CLOSED"
        is_held = any(not f.is_gone for f in self.files)
        return "DESTRUCTION_DUE" if is_held and self.ended(now) else self.by_dates(now)

    def ended(self, now):
        """Since when it has been over; None: it is not, or another term is still to come."""
        if self.terminated is not None and self.terminated <= now:
            cut = Model(terms=self.terms, renewals=self.renewals, has_contract=True)
            return cut.ended(self.terminated) or self.terminated
        term = self.governing(now)
        if term is None or self.by_dates(now) != "EXPIRED":
            return None
        if any(t.begins is not None and t.begins > now for t in self.terms):
            return None
        return self.open_until(term)

    def open_until(self, term):
        """The end of a term, put off by the renewals that were handed in before."""
        end, most = after(term.last), after(term.last + timedelta(days=LAPSE_DAYS))
        awaited = [min(most, dropped or most) for _, told, dropped in self.renewals if told < end]
        return max([end, *awaited])

    def due(self, file, now):
        """By which day it must be gone; None: it may be held."""
        ordered = min((at for at in self.orders if file.released <= at), default=None)
        without = None if self.has_contract or self.governing(now) is None else self.contract_ended
        since = {"ended": self.ended(now), "contract_ended": without, "ordered": ordered}
        days = [
            at.astimezone(LONDON).date() + timedelta(days=DUE_DAYS[why])
            for why, at in since.items()
            if at is not None
        ]
        return min(days, default=None)

    def concluded(self, now):
        held = [f for f in self.files if not f.is_gone]
        return [f for f in held if f.is_certified or self.due(f, now) is not None]

    def destruction(self, now):
        held = [f for f in self.files if not f.is_gone]
        if not held:
            return "ACCEPTED" if self.files else "NOTHING_HELD"
        concluded = self.concluded(now)
        if concluded and all(f.is_certified for f in concluded):
            return "CERTIFIED"
        if any(f.is_certified for f in held):
            return "PARTLY_CERTIFIED"
        dues = [day for f in held if (day := self.due(f, now)) is not None]
        if any(now >= after(day) for day in dues):
            return "OVERDUE"
        return "DUE" if dues else "HELD"

    def by_dates(self, now):
        if self.terminated is not None:
            return "TERMINATED"
        term = self.governing(now)
        if term is None:
            if now >= after(self.terms[-1].last):
                return "CLOSED"
            is_signed = any(t.begins is not None for t in self.terms)
            return "SIGNED" if is_signed else "AWAITING_SIGNATURE"
        if now >= after(term.last):
            return "LAPSED_HOLD" if now < self.open_until(term) else "EXPIRED"
        is_stopped = not self.has_contract or any(len(by) < 2 for by in self.holds.values())
        return "SUSPENDED" if is_stopped else "ACTIVE"


class NothingElse:
    """Dissemination, which released nothing besides; tests/e2e ask the real one."""

    def of(self, _agreement):
        return ()


class Life:
    """One agreement, to which things happen: in the service and in the model."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.random, self.model = service, random.Random(seed), Model()
        self.contract: str | None = None
        self.happened: list[str] = []
        self.draft()
        if self.random.random() < 0.8:  # else most lives would be over before a file is released
            self.agree_contract()
            self.sign_all()
            self.service.clock.set(max(self.now, midnight(self.model.terms[0].first)))

    @property
    def now(self):
        return self.service.clock.now()

    def step(self):
        ways = [
            *(self.draft, self.sign, self.sign, self.sign, self.sign_all, self.sign_all),
            *(self.jump, self.jump, self.hold, self.lift, self.lift, self.lift),
            *(self.agree_contract, self.end_contract, self.await_renewal, self.drop_renewal),
            *(self.release, self.release, self.certify, self.certify, self.find_breach),
            *(self.accept, self.accept, self.accept),
        ]
        if self.random.random() < 0.01:
            ways = [self.terminate]
        way = self.random.choice(ways)
        self.happened.append(way.__name__)
        way()
        self.compare()

    def compare(self):
        found = self.service.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER).json()
        governing = self.model.governing(self.now)
        expected = governing.number if governing else self.model.terms[-1].number
        assert (found["state"], found["version"]) == (self.model.state(self.now), expected), (
            self.happened
        )
        assert found["not_as_sealed"] == []
        shown = self.service.get(f"{PATH}/destruction", Role.CONTRACT_MANAGER).json()
        assert shown["state"] == self.model.destruction(self.now), self.happened

    def release(self):
        """Write what a decision does where the agreement is active; those have their own tests."""
        term = self.model.governing(self.now)
        if term is None or self.model.state(self.now) != "ACTIVE":
            return
        allowed = permit()
        row = holding(allowed, version=term.number, released_at=self.now)
        with self.service.parts.engine.begin() as connection:
            connection.execute(insert(PermitRow), [allowed])
            connection.execute(insert(HoldingRow), [row])
        self.model.files.append(File(row["file_id"], self.now))

    def certify(self):
        shown = self.service.get(f"{PATH}/destruction", Role.CONTRACT_MANAGER).json()
        copies = {one["file_id"]: one["copies"] for one in shown["files"] if one["copies"]}
        held = [f for f in self.model.files if not f.is_gone]
        assert copies.keys() == {f.id for f in held}, self.happened
        if not held:
            return
        file = self.random.choice(held)
        said = {"method": "overwriting", "destroyed_on": self.now.astimezone(LONDON).date()}
        body = {
            "name_of_role": "SIRO",
            "copies": [
                {"copy_id": one["id"], **said, "destroyed_on": said["destroyed_on"].isoformat()}
                for one in copies[file.id]
            ],
        }
        path = f"{PATH}/destruction/certificates"
        answer = self.service.post(path, Role.CONTROLLER_SIGNATORY, body, ods=CCG)
        assert answer.status_code == 201, (answer.text, self.happened)
        file.is_certified = True
        self.model.certificates += 1

    def accept(self):
        by, concluded = self.random.choice("abc"), self.model.concluded(self.now)
        is_whole = bool(concluded) and all(f.is_certified for f in concluded)
        covers = (frozenset(f.id for f in concluded), self.model.certificates)
        before = self.model.accepted.setdefault(covers, set())
        path = f"{PATH}/destruction/acceptances"
        answer = self.service.post(path, Role.CONTRACT_MANAGER, {"reason": "It is there."}, who=by)
        may = is_whole and by not in before
        assert answer.status_code == (200 if may else 409), (answer.text, self.happened)
        if not may:
            return
        before.add(by)
        if len(before) == 2:
            is_over = self.model.ended(self.now) is not None
            for file in concluded:
                file.is_gone = True
            self.model.is_closed = is_over and all(f.is_gone for f in self.model.files)

    def find_breach(self):
        """A breach that has stopped, and whose finding wants what was released destroyed."""
        told = self.service.post("/v1/breaches", Role.CSU_SYSTEM, STOPPED)
        assert told.status_code == 201, (told.text, self.happened)
        finding = {"finding": "minor", "actions": ["destroy"]}
        path = f"/v1/breaches/{told.json()['id']}/finding"
        found = self.service.post(path, Role.BREACH_HANDLER, finding)
        assert found.status_code == 200, found.text
        self.model.orders.append(self.now)

    def draft(self):
        today = self.now.date()
        first = today + timedelta(days=self.random.randrange(-60, 120))
        last = first + timedelta(days=self.random.randrange(30, 400))
        number = f"v{len(self.model.terms)}.0"
        drafted = self.service.draft(version=number, start=first.isoformat(), end=last.isoformat())
        if self.model.is_over:  # nothing is drafted; whoever applied is told by an event
            return
        self.model.terms.append(Term(number, first, last, drafted["document_hash"]))

    def sign(self, term=None, party=None):
        term = term or self.random.choice(self.model.terms)
        party = party or self.random.choice(sorted(SIGNERS))
        may = self.model.may_sign(term, party, self.now)
        document = {"reference": REFERENCE, "document_hash": term.document}
        answer = self.service.sign("agreements", document, SIGNERS[party], party)
        assert answer.status_code == (200 if may else 409), (answer.text, self.happened)
        if may:
            term.signed[party] = self.now

    def sign_all(self):
        for party in SIGNERS:
            self.sign(self.model.terms[-1], party)

    def jump(self):
        self.service.clock.set(
            self.now + timedelta(days=self.random.choice((1, 7, 45, 100)), seconds=1)
        )

    def hold(self):
        path = f"/v1/agreements/{REFERENCE}/holds"
        held = self.service.post(path, Role.BREACH_HANDLER, {"reason": "A laptop."})
        assert held.status_code == 200, held.text
        self.model.holds[held.json()["id"]] = set()

    def lift(self):
        if not self.model.holds:
            return
        hold, by = self.random.choice(sorted(self.model.holds)), self.random.choice("abc")
        approved = self.model.holds[hold]
        answer = self.service.post(
            f"/v1/holds/{hold}/lift-approvals", Role.BREACH_HANDLER, {"reason": "Found."}, who=by
        )
        may = by not in approved and len(approved) < 2
        assert answer.status_code == (200 if may else 409), (answer.text, self.happened)
        if may:
            approved.add(by)

    def agree_contract(self):
        if self.contract is None:
            self.contract = self.service.contract(start="2018-04-01")["reference"]
            self.model.has_contract, self.model.contract_begun = True, self.now

    def end_contract(self):
        if self.contract is not None and self.random.random() < 0.3:
            path = f"/v1/contracts/{self.contract}/termination"
            assert self.service.post(path, Role.CONTRACT_MANAGER, {"reason": "Merged."}).is_success
            self.contract, self.model.has_contract = None, False
            if self.model.contract_begun < self.now:  # else it was never in force
                self.model.contract_ended = self.now

    def await_renewal(self):
        application = UUID(int=self.random.randrange(5))
        known = any(a == application and d is None for a, _, d in self.model.renewals)
        use_cases.await_renewal(
            REFERENCE, application, self.now, is_new=lambda _tx: True, ctx=self.service.ctx
        )
        if not known:
            self.model.renewals.append([application, self.now, None])

    def drop_renewal(self):
        application = UUID(int=self.random.randrange(5))
        use_cases.drop_renewal(
            REFERENCE, application, is_new=lambda _tx: True, ctx=self.service.ctx
        )
        for renewal in self.model.renewals:
            if renewal[0] == application and renewal[2] is None:
                renewal[2] = self.now

    def terminate(self):
        path = f"/v1/agreements/{REFERENCE}/termination"
        assert self.service.post(path, Role.DARS_APPROVER, {"reason": "It is over."}).is_success
        if self.model.state(self.now) != "CLOSED" and self.model.terminated is None:
            self.model.terminated = self.now


@pytest.fixture
def lived(migrated, clock, identities, tmp_path):
    url = migrated("agreements").url.render_as_string(hide_password=False)

    async def pause(_seconds: float) -> None:
        """Nobody has a lease here."""

    chosen = settings(url, tmp_path)
    parts = main.Parts(chosen, clock, identities.verifier())
    app = main.create_app(chosen, clock=clock, verifier=identities.verifier(), pause=pause)
    with TestClient(app) as client:
        client.app_state["releases"] = NothingElse()
        yield Service(client, clock, identities, parts).with_organisations()
    parts.close()


SHOWS = {
    3: {"SUSPENDED", "HELD", "DUE", "PARTLY_CERTIFIED", "CERTIFIED"},
    6: {"ACTIVE", "DESTRUCTION_DUE", "CERTIFIED", "ACCEPTED", "CLOSED"},
}
"""What is seen in those that `make test` plays; that one is destroyed to its end is among them."""


@pytest.mark.parametrize(
    "seed",
    [*SHOWS, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 12) if n not in SHOWS)],
)
def test_an_agreement_is_at_every_moment_what_the_pages_say(lived, seed):
    life = Life(lived, seed)
    seen = set()
    for _ in range(COMMANDS):
        life.step()
        seen |= {life.model.state(life.now), life.model.destruction(life.now)}
    # Of the others some are over at once; whatever happened was as the pages say.
    assert SHOWS.get(seed, set()) <= seen
