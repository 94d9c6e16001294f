"""Random commands and a clock that jumps, on both databases, compared with a plain model.

The model knows nothing of the code: it is written from domain.md 3.1, 3.4, 3.6 and ruling 8.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from agreements import main
from agreements.records.use_cases import agreements as use_cases
from common.errors import TransitionRefused
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, REFERENCE
from services.agreements.tests.service import BODY, Service, settings

LONDON = ZoneInfo("Europe/London")
LAPSE_DAYS = 90
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
class Model:
    """What an agreement is by the pages alone."""

    terms: list[Term] = field(default_factory=list)
    renewals: list[list] = field(default_factory=list)  # application, handed in, dropped
    holds: dict[str, set[str]] = field(default_factory=dict)
    has_contract: bool = False
    is_terminated: bool = False

    def governing(self, now):
        begun = [t for t in self.terms if t.begins is not None and t.begins <= now]
        return max(begun, key=lambda t: (t.begins, self.terms.index(t)), default=None)

    def may_sign(self, term, party, now):
        if party in term.signed:
            return True
        if self.is_terminated or now >= after(term.last):
            return False
        later = self.terms[self.terms.index(term) + 1 :]
        return not any(
            t.begins is not None and t.begins <= now and t.first >= term.first for t in later
        )

    def state(self, now):
        if self.is_terminated:
            return "TERMINATED"
        term = self.governing(now)
        if term is None:
            if now >= after(self.terms[-1].last):
                return "CLOSED"
            is_signed = any(t.begins is not None for t in self.terms)
            return "SIGNED" if is_signed else "AWAITING_SIGNATURE"
        if now >= (end := after(term.last)):
            most = after(term.last + timedelta(days=LAPSE_DAYS))
            awaited = [
                min(most, dropped or most) for _, told, dropped in self.renewals if told < end
            ]
            return "LAPSED_HOLD" if any(now < until for until in awaited) else "EXPIRED"
        is_stopped = not self.has_contract or any(len(by) < 2 for by in self.holds.values())
        return "SUSPENDED" if is_stopped else "ACTIVE"


class Life:
    """One agreement, to which things happen: in the service and in the model."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.random, self.model = service, random.Random(seed), Model()
        self.contract: str | None = None
        self.happened: list[str] = []
        self.draft()

    @property
    def now(self):
        return self.service.clock.now()

    def step(self):
        ways = [
            *(self.draft, self.sign, self.sign, self.sign, self.sign_all, self.sign_all),
            *(self.jump, self.jump, self.hold, self.lift, self.lift, self.lift),
            *(self.agree_contract, self.end_contract, self.await_renewal, self.drop_renewal),
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

    def draft(self):
        today = self.now.date()
        first = today + timedelta(days=self.random.randrange(-60, 120))
        last = first + timedelta(days=self.random.randrange(30, 400))
        number = f"v{len(self.model.terms)}.0"
        try:
            drafted = self.service.draft(
                version=number, start=first.isoformat(), end=last.isoformat()
            )
        except TransitionRefused:
            assert self.model.is_terminated
            return
        assert not self.model.is_terminated
        self.model.terms.append(Term(number, first, last, drafted["document_hash"]))

    def sign(self, term=None, party=None):
        term = term or self.random.choice(self.model.terms)
        party = party or self.random.choice(sorted(SIGNERS))
        may = self.model.may_sign(term, party, self.now)
        document = {"reference": REFERENCE, "document_hash": term.document}
        answer = self.service.sign("agreements", document, SIGNERS[party], party)
        assert answer.status_code == (200 if may else 409), (answer.text, self.happened)
        if may:
            term.signed.setdefault(party, self.now)

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
        is_twice = by in approved and len(approved) < 2
        assert answer.status_code == (409 if is_twice else 200), (answer.text, self.happened)
        if len(approved) < 2:
            approved.add(by)

    def agree_contract(self):
        if self.contract is None:
            self.contract = self.service.contract(start="2018-04-01")["reference"]
            self.model.has_contract = True

    def end_contract(self):
        if self.contract is not None and self.random.random() < 0.3:
            path = f"/v1/contracts/{self.contract}/termination"
            assert self.service.post(path, Role.CONTRACT_MANAGER, {"reason": "Merged."}).is_success
            self.contract, self.model.has_contract = None, False

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
        if self.model.state(self.now) != "CLOSED":
            self.model.is_terminated = True


@pytest.fixture
def lived(migrated, clock, identities, tmp_path):
    url = migrated("agreements").url.render_as_string(hide_password=False)

    async def pause(_seconds: float) -> None:
        """Nobody has a lease here."""

    chosen = settings(url, tmp_path)
    parts = main.Parts(chosen, clock, identities.verifier())
    app = main.create_app(chosen, clock=clock, verifier=identities.verifier(), pause=pause)
    with TestClient(app) as client:
        yield Service(client, clock, identities, parts).with_organisations()
    parts.close()


@pytest.mark.parametrize(
    "seed", [1, 8, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 12) if n != 8)]
)
def test_an_agreement_is_at_every_moment_what_the_pages_say(lived, seed):
    life = Life(lived, seed)
    seen = set()
    for _ in range(COMMANDS):
        life.step()
        seen.add(life.model.state(life.now))
    assert len(seen) >= 2  # else nothing happened that could have gone wrong
