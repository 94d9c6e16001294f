"""Every move of every life by every role, and every command in every state (docs/states.md).

The tables are in `agreements/records/domain/terms/lives`. Destruction accepted is in
`test_destruction`, where files are released by real decisions.
"""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from uuid import UUID

import pytest
from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from agreements.records.domain.agreement import AgreementState as A
from agreements.records.domain.breach import BreachState as B
from agreements.records.domain.contract import ContractState as C
from agreements.records.domain.oversight.audits import AuditState as U
from agreements.records.domain.parties.domain_transfer import DomainTransferState as D
from agreements.records.domain.terms.lives import LIVES, Command, HoldState
from agreements.records.use_cases import agreements as use_cases
from common.security.roles import Role
from common.web.auth import route_permissions
from services.agreements.tests.api.test_breaches import REPORT
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.api.test_oversight import PLAN
from services.agreements.tests.api.test_oversight import REPORT as REPORTED
from services.agreements.tests.facts import (
    CCG,
    CSU,
    NOW,
    OTHER_CSU,
    REFERENCE,
    line,
    snapshot,
)
from services.agreements.tests.service import BODY

BEFORE_END = "2018-08-31"
AFTER_END = datetime(2018, 9, 2, 9, tzinfo=UTC)
LATER = "2018-09-01"
OTHER_NAME = "Midlands and Lancashire CSU"
RENEWAL = UUID("019a0000-0000-7000-8000-000000000002")
SIGNATORIES = {
    Role.CONTROLLER_SIGNATORY: CCG,
    Role.APPLICANT_SIGNATORY: CCG,
    Role.PROCESSOR_CONTACT: CSU,
    Role.DARS_APPROVER: BODY,
}
WHOSE = {CCG: Role.CONTROLLER_SIGNATORY, CSU: Role.PROCESSOR_CONTACT, BODY: Role.DARS_APPROVER}


class Contracts:
    """One contract, led to a state."""

    def __init__(self, service, start, to):
        self.service = service
        changes = {}
        if C.SIGNED in (start, to):
            changes = {"start": LATER}
        elif C.EXPIRED in (start, to):
            changes = {"end": BEFORE_END}
        self.issued = service.contract(signed=False, **changes)
        if start in (C.SIGNED_BY_ORGANISATION, C.SIGNED, C.IN_FORCE):
            self.sign(CCG)
        if start in (C.SIGNED, C.IN_FORCE):
            self.sign(BODY)
        if start is C.TERMINATED:
            self.send(Command.END_CONTRACT, Role.CONTRACT_MANAGER)
        if start is C.EXPIRED:
            self.pass_time(to)

    def sign(self, party):
        answer = self.service.sign("contracts", self.issued, WHOSE[party], party)
        assert answer.status_code == 200, answer.text

    def send(self, command, role):
        if command is Command.SIGN_CONTRACT:
            party = SIGNATORIES.get(role, CCG)
            return self.service.sign("contracts", self.issued, role, party)
        path = f"/v1/contracts/{self.issued['reference']}/termination"
        return self.service.post(path, role, {"reason": "It is over."})

    def makes(self, role, to):
        """Whether this role is the one whose command makes this move."""
        if to is C.SIGNED_BY_ORGANISATION:
            return role is not Role.DARS_APPROVER
        return to not in (C.SIGNED, C.IN_FORCE) or role is Role.DARS_APPROVER

    def pass_time(self, _to):
        self.service.clock.set(AFTER_END)

    @property
    def state(self):
        path = f"/v1/contracts/{self.issued['reference']}"
        return self.service.get(path, Role.CONTRACT_MANAGER).json()["state"]


class Agreements:
    """One agreement, led to a state, and ready for what brings it to the next."""

    def __init__(self, service, start, to, why=""):
        self.service, self.start, self.why = service, start, why
        awaits = start is A.AWAITING_SIGNATURE
        self.has_contract = not (
            (awaits and to is A.SUSPENDED) or (start is A.SUSPENDED and "contract" in why)
        )
        self.contract = service.contract() if self.has_contract else None
        term = {"start": LATER} if A.SIGNED in (start, to) else {"end": BEFORE_END}
        self.document = service.draft(**term)
        if start not in (A.AWAITING_SIGNATURE, A.CLOSED):
            service.sign_all(self.document)
        if A.DESTRUCTION_DUE in (start, to):
            self.release()
        if A.LAPSED_HOLD in (start, to):
            use_cases.await_renewal(
                REFERENCE, RENEWAL, NOW, is_new=lambda _tx: True, ctx=service.ctx
            )
        self.hold_id = None
        if start is A.SUSPENDED and self.has_contract:
            self.hold_id = self.send(Command.HOLD, Role.BREACH_HANDLER).json()["id"]
        if start is A.TERMINATED:
            self.send(Command.END, Role.CONTRACT_MANAGER)
        if start in (A.LAPSED_HOLD, A.EXPIRED, A.DESTRUCTION_DUE, A.CLOSED):
            service.clock.set(AFTER_END)
        if start in (A.LAPSED_HOLD, A.EXPIRED, A.DESTRUCTION_DUE) and to is A.ACTIVE:
            self.document = service.draft(version="v1.0", start=LATER, end="2019-08-31")

    def release(self):
        allowed = permit()
        with self.service.parts.engine.begin() as connection:
            connection.execute(insert(PermitRow), [allowed])
            connection.execute(insert(HoldingRow), [holding(allowed)])

    def send(self, command, role):
        path = f"/v1/agreements/{REFERENCE}"
        if command is Command.SIGN:
            party = SIGNATORIES.get(role, CCG)
            return self.service.sign("agreements", self.document, role, party)
        if command is Command.LIFT:
            lift = f"/v1/holds/{self.hold_id or UUID(int=1)}/lift-approvals"
            return self.service.post(lift, role, {"reason": "Found."}, who=f"second-{role}")
        if command is Command.ACCEPT:
            path, body = f"{path}/destruction/acceptances", {"reason": "All is gone."}
        elif command is Command.HOLD:
            path, body = f"{path}/holds", {"reason": "A laptop."}
        else:
            path, body = f"{path}/termination", {"reason": "It is over."}
        return self.service.post(path, role, body)

    def make_ready(self, command, role):
        """Do all that comes before, so that the next command is the last of its kind."""
        if command is Command.SIGN:
            for party in {CCG, CSU, BODY} - {SIGNATORIES[role]}:
                answer = self.service.sign("agreements", self.document, WHOSE[party], party)
                assert answer.status_code == 200, answer.text
        if command is Command.LIFT:
            lift = f"/v1/holds/{self.hold_id}/lift-approvals"
            self.service.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}, who="first")

    def makes(self, _role, _to):
        return True

    def pass_time(self, to):
        if "contract" in self.why:
            if self.has_contract:
                path = f"/v1/contracts/{self.contract['reference']}/termination"
                answer = self.service.post(path, Role.CONTRACT_MANAGER, {"reason": "Merged."})
                assert answer.status_code == 200, answer.text
            else:
                self.service.contract()
            return
        is_late = self.start is A.LAPSED_HOLD
        self.service.clock.set(AFTER_END + (timedelta(days=120) if is_late else timedelta()))

    @property
    def state(self):
        return self.service.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER).json()[
            "state"
        ]


class Breaches:
    """One breach, led to a state."""

    def __init__(self, service, start, to):
        self.service = service
        service.active()
        told = service.post("/v1/breaches", Role.CSU_SYSTEM, REPORT | {"activity_stopped": "yes"})
        self.path = f"/v1/breaches/{told.json()['id']}"
        self.findings = cycle(("minor", "major", "serious"))
        if start in (B.JUDGED, B.CLOSED):
            self.send(Command.FIND, Role.BREACH_HANDLER)
        if B.CLOSED in (start, to):
            self.send(Command.FACTS, Role.BREACH_HANDLER)
        if start is B.CLOSED:
            self.send(Command.CLOSE, Role.BREACH_HANDLER)

    def send(self, command, role):
        step, body = {
            Command.FACTS: ("facts", {"facts": "One file was copied."}),
            Command.FIND: ("finding", {"finding": next(self.findings)}),
            Command.CLOSE: ("closure", {"outcome": "Destroyed.", "lesson": "Copies are counted."}),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    def makes(self, _role, _to):
        return True

    @property
    def state(self):
        return self.service.get(self.path, Role.BREACH_HANDLER).json()["state"]


class Holds:
    """One hold; `to` open means that nobody has wanted it lifted yet."""

    def __init__(self, service, start, to):
        self.service = service
        service.active()
        path, body = f"/v1/agreements/{REFERENCE}/holds", {"reason": "A laptop."}
        self.id = service.post(path, Role.BREACH_HANDLER, body).json()["id"]
        wanted = {HoldState.OPEN: 0, HoldState.LIFTED: 1}[to] + (start is HoldState.LIFTED)
        for number in range(wanted):
            service.post(
                f"/v1/holds/{self.id}/lift-approvals",
                Role.BREACH_HANDLER,
                {"reason": "It was found."},
                who=f"person-{number}",
            )

    def send(self, _command, role):
        path = f"/v1/holds/{self.id}/lift-approvals"
        return self.service.post(path, role, {"reason": "Found."}, who=f"last-{role}")

    def makes(self, _role, _to):
        return True

    @property
    def state(self):
        path = f"/v1/agreements/{REFERENCE}"
        [hold] = self.service.get(path, Role.BREACH_HANDLER).json()["holds"]
        return (HoldState.OPEN if hold["lifted_at"] is None else HoldState.LIFTED).value


class Audits:
    """One audit, led to a state; to be closed, its action is done."""

    def __init__(self, service, start, to):
        self.service, self.to = service, to
        planned = service.post("/v1/audits", Role.CONTRACT_MANAGER, PLAN)
        self.path = f"/v1/audits/{planned.json()['id']}"
        if start is not U.PLANNED:
            self.send(Command.REPORT_AUDIT, Role.AUDITOR)
        if start in (U.PUBLISHED, U.CLOSED):
            self.send(Command.PUBLISH_AUDIT, Role.REGISTER_PUBLISHER)
        if U.CLOSED in (start, to):
            self.send(Command.COMPLETE_ACTION, Role.CONTRACT_MANAGER)
        if start is U.CLOSED:
            self.send(Command.FOLLOW_UP, Role.AUDITOR)

    def send(self, command, role):
        step, body = {
            Command.REPORT_AUDIT: ("report", REPORTED),
            Command.PUBLISH_AUDIT: ("publication", None),
            Command.COMPLETE_ACTION: (
                "actions/1/completion",
                {"done_on": "2018-06-01", "evidence": "It was seen."},
            ),
            Command.FOLLOW_UP: (
                "follow-up",
                {
                    "reviewed_on": "2018-06-01",
                    "outcome": "It was seen.",
                    "reopened": [] if self.to is U.CLOSED else [1],
                },
            ),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    def makes(self, _role, _to):
        return True

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]


class DomainTransfers:
    """One transfer, led to a state; its agreement lands with the new CSU from its first day."""

    def __init__(self, service, start, _to):
        self.service = service
        service.active()
        named = [snapshot()["processors"][0] | {"ods": OTHER_CSU, "legal_name": OTHER_NAME}]
        lands = {"recipient_environment": {"organisation": OTHER_CSU, "kind": "analytics"}}
        amendment = service.draft(
            version="v0.1", kind="amendment", processors=named, lines=[line(1) | lands]
        )
        service.sign_all(amendment, (CCG, OTHER_CSU))
        opened = [
            service.post(
                "/v1/recipient-environments",
                Role.CONTRACT_MANAGER,
                {"organisation": ods, "kind": "analytics", "clients": [f"client-{ods.lower()}"]},
            ).json()["id"]
            for ods in (CSU, OTHER_CSU)
        ]
        asked = {
            "agreement": REFERENCE,
            "former_environment": opened[0],
            "following_environment": opened[1],
            "effective_from": "2018-06-01",
            "evidence": "Letter of the commissioner",
        }
        proposed = service.post("/v1/domain-transfers", Role.CONTRACT_MANAGER, asked)
        self.path = f"/v1/domain-transfers/{proposed.json()['id']}"
        if start in (D.AGREED, D.IN_EFFECT):
            self.send(Command.AGREE_TRANSFER, Role.CONTROLLER_SIGNATORY)
        if start is D.IN_EFFECT:
            self.send(Command.EFFECT_TRANSFER, Role.CONTRACT_MANAGER)
        if start is D.WITHDRAWN:
            self.send(Command.WITHDRAW_TRANSFER, Role.CONTRACT_MANAGER)

    def send(self, command, role):
        step, body = {
            Command.AGREE_TRANSFER: ("agreement", None),
            Command.EFFECT_TRANSFER: ("effect", None),
            Command.WITHDRAW_TRANSFER: ("withdrawal", {"reason": "It was put off."}),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    def makes(self, _role, _to):
        return True

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]


KINDS = {
    "Framework contract (agreements)": Contracts,
    "Agreement (agreements)": Agreements,
    "Breach (agreements)": Breaches,
    "Hold (agreements)": Holds,
    "Audit (agreements)": Audits,
    "Transfer of pseudonym domains (agreements)": DomainTransfers,
}
ELSEWHERE = {(A.DESTRUCTION_DUE, Command.ACCEPT), (A.ACTIVE, Command.ACCEPT)}
COMMANDS = {
    name: tuple(dict.fromkeys(m.command for ms in life.values() for m in ms if m.command))
    for name, life in LIVES.items()
}
MOVES = [
    pytest.param(name, start, move, id=f"{name[:5]}-{start}-{move.to}-{number}")
    for name, life in LIVES.items()
    for start, moves in life.items()
    for number, move in enumerate(moves)
    if (start, move.command) not in ELSEWHERE
]
STATES = [pytest.param(name, s, id=f"{name[:5]}-{s}") for name, life in LIVES.items() for s in life]


@pytest.fixture
def permitted(service):
    found = {f"{m} {p}": one for m, p, one in route_permissions(service.client.app)}
    return lambda command: found[command.value].roles


def reached(seeded, name, start, to, why=""):
    one = Agreements(seeded, start, to, why) if name.startswith("Agreement ") else KINDS[name](
        seeded, start, to
    )  # fmt: skip
    assert one.state == start
    return one


def test_every_life_is_whole_and_every_command_of_it_is_a_route(permitted):
    for name, life in LIVES.items():
        states = set(type(next(iter(life))))
        assert set(life) == states, name
        begun = next(iter(life))
        assert {m.to for ms in life.values() for m in ms} | {begun} == states, name
        for command in COMMANDS[name]:
            assert permitted(command)


@pytest.mark.parametrize(("name", "start", "move"), MOVES)
def test_a_move_is_made_by_whoever_may_and_by_nobody_else(seeded, permitted, name, start, move):
    one = reached(seeded, name, start, move.to, move.why)
    if move.command is None:
        one.pass_time(move.to)
        assert one.state == move.to
        return

    roles = permitted(move.command)
    for role in Role:
        if role not in roles:
            assert one.send(move.command, role).status_code == 403, role
    assert one.state == start

    able = [role for role in sorted(roles) if one.makes(role, move.to)]
    assert able
    last = able[-1]
    if hasattr(one, "make_ready"):
        one.make_ready(move.command, last)
        assert one.state == start
    answer = one.send(move.command, last)
    assert answer.is_success, answer.text
    assert one.state == move.to


@pytest.mark.parametrize(("name", "start"), STATES)
def test_a_command_that_is_not_in_the_table_leaves_the_state(seeded, permitted, name, start):
    known = {move.command for move in LIVES[name][start]}
    others = [c for c in COMMANDS[name] if c not in known and (start, c) not in ELSEWHERE]
    one = reached(seeded, name, start, start)
    for command in others:
        for role in sorted(permitted(command)):
            answer = one.send(command, role)
            assert answer.status_code in (200, 201, 403, 404, 409, 422), (command, answer.text)
            assert one.state == start, (command, role)
