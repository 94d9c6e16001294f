"""How contracts, agreements, breaches, holds, audits and transfers of domains come to each state.

Each of them is led to a state of its life by commands alone, and made ready for the next move.
"""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from uuid import UUID

from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from agreements.records.domain.breach import BreachCommand
from agreements.records.domain.breach import BreachState as B
from agreements.records.domain.contract import ContractCommand
from agreements.records.domain.contract import ContractState as C
from agreements.records.domain.hold import HoldState
from agreements.records.domain.oversight.audits import AuditCommand
from agreements.records.domain.oversight.audits import AuditState as U
from agreements.records.domain.parties.domain_transfer import DomainTransferCommand
from agreements.records.domain.parties.domain_transfer import DomainTransferState as D
from agreements.records.domain.terms.agreement_life import AgreementCommand
from agreements.records.domain.terms.agreement_life import AgreementState as A
from agreements.records.use_cases import agreements as use_cases
from common.security.roles import Role
from services.agreements.tests.api.test_breaches import REPORT
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.api.test_oversight import PLAN
from services.agreements.tests.api.test_oversight import REPORT as REPORTED
from services.agreements.tests.facts import CCG, CSU, NOW, OTHER_CSU, REFERENCE, line, snapshot
from services.agreements.tests.lives.led import Led
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


class Contracts(Led):
    """One contract, led to a state."""

    alone = True

    def lead(self):
        service, start, to = self.service, self.start, self.to
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
            self.send(ContractCommand.END, Role.CONTRACT_MANAGER)
        if start is C.EXPIRED:
            self.pass_time()

    def sign(self, party):
        answer = self.service.sign("contracts", self.issued, WHOSE[party], party)
        assert answer.status_code == 200, answer.text

    def send(self, command, role):
        if command is ContractCommand.SIGN:
            party = SIGNATORIES.get(role, CCG)
            return self.service.sign("contracts", self.issued, role, party)
        path = f"/v1/contracts/{self.issued['reference']}/termination"
        return self.service.post(path, role, {"reason": "It is over."})

    def makes(self, role):
        to = self.to
        if to is C.SIGNED_BY_ORGANISATION:
            return role is not Role.DARS_APPROVER
        return to not in (C.SIGNED, C.IN_FORCE) or role is Role.DARS_APPROVER

    def pass_time(self):
        self.service.clock.set(AFTER_END)

    @property
    def state(self):
        path = f"/v1/contracts/{self.issued['reference']}"
        return self.service.get(path, Role.CONTRACT_MANAGER).json()["state"]


class Agreements(Led):
    """One agreement, led to a state, and ready for what brings it to the next."""

    alone = True

    def lead(self):
        service, start, to = self.service, self.start, self.to
        self.why = "" if self.move is None else self.move.why
        awaits = start is A.AWAITING_SIGNATURE
        self.has_contract = not (
            (awaits and to is A.SUSPENDED) or (start is A.SUSPENDED and "contract" in self.why)
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
            self.hold_id = self.send(AgreementCommand.HOLD, Role.BREACH_HANDLER).json()["id"]
        if start is A.TERMINATED:
            self.send(AgreementCommand.END, Role.CONTRACT_MANAGER)
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
        if command is AgreementCommand.SIGN:
            party = SIGNATORIES.get(role, CCG)
            return self.service.sign("agreements", self.document, role, party)
        if command is AgreementCommand.LIFT:
            lift = f"/v1/holds/{self.hold_id or UUID(int=1)}/lift-approvals"
            return self.service.post(lift, role, {"reason": "Found."}, who=f"second-{role}")
        if command is AgreementCommand.ACCEPT:
            path, body = f"{path}/destruction/acceptances", {"reason": "All is gone."}
        elif command is AgreementCommand.HOLD:
            path, body = f"{path}/holds", {"reason": "A laptop."}
        else:
            path, body = f"{path}/termination", {"reason": "It is over."}
        return self.service.post(path, role, body)

    def make_ready(self, role):
        command = self.move.command
        if command is AgreementCommand.SIGN:
            for party in {CCG, CSU, BODY} - {SIGNATORIES[role]}:
                answer = self.service.sign("agreements", self.document, WHOSE[party], party)
                assert answer.status_code == 200, answer.text
        if command is AgreementCommand.LIFT:
            lift = f"/v1/holds/{self.hold_id}/lift-approvals"
            self.service.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}, who="first")

    def pass_time(self):
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


class Breaches(Led):
    """One breach, led to a state."""

    def lead(self):
        service, start, to = self.service, self.start, self.to
        told = service.post("/v1/breaches", Role.CSU_SYSTEM, REPORT | {"activity_stopped": "yes"})
        self.path = f"/v1/breaches/{told.json()['id']}"
        self.findings = cycle(("minor", "major", "serious"))
        if start in (B.JUDGED, B.CLOSED):
            self.send(BreachCommand.FIND, Role.BREACH_HANDLER)
        if B.CLOSED in (start, to):
            self.send(BreachCommand.ESTABLISH, Role.BREACH_HANDLER)
        if start is B.CLOSED:
            self.send(BreachCommand.CLOSE, Role.BREACH_HANDLER)

    def send(self, command, role):
        step, body = {
            BreachCommand.ESTABLISH: ("facts", {"facts": "One file was copied."}),
            BreachCommand.FIND: ("finding", {"finding": next(self.findings)}),
            BreachCommand.CLOSE: (
                "closure",
                {"outcome": "Destroyed.", "lesson": "Copies are counted."},
            ),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    @property
    def state(self):
        return self.service.get(self.path, Role.BREACH_HANDLER).json()["state"]


class Holds(Led):
    """One hold; `to` open means that nobody has wanted it lifted yet."""

    def lead(self):
        service, start, to = self.service, self.start, self.to
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

    @property
    def state(self):
        path = f"/v1/agreements/{REFERENCE}"
        holds = self.service.get(path, Role.BREACH_HANDLER).json()["holds"]
        [hold] = [one for one in holds if one["id"] == self.id]
        return (HoldState.OPEN if hold["lifted_at"] is None else HoldState.LIFTED).value


class Audits(Led):
    """One audit, led to a state; to be closed, its action is done."""

    def lead(self):
        service, start = self.service, self.start
        planned = service.post("/v1/audits", Role.CONTRACT_MANAGER, PLAN)
        self.path = f"/v1/audits/{planned.json()['id']}"
        if start is not U.PLANNED:
            self.send(AuditCommand.REPORT, Role.AUDITOR)
        if start in (U.PUBLISHED, U.CLOSED):
            self.send(AuditCommand.PUBLISH, Role.REGISTER_PUBLISHER)
        if U.CLOSED in (start, self.to):
            self.send(AuditCommand.COMPLETE_ACTION, Role.CONTRACT_MANAGER)
        if start is U.CLOSED:
            self.send(AuditCommand.FOLLOW_UP, Role.AUDITOR)

    def send(self, command, role):
        step, body = {
            AuditCommand.REPORT: ("report", REPORTED),
            AuditCommand.PUBLISH: ("publication", None),
            AuditCommand.COMPLETE_ACTION: (
                "actions/1/completion",
                {"done_on": "2018-06-01", "evidence": "It was seen."},
            ),
            AuditCommand.FOLLOW_UP: (
                "follow-up",
                {
                    "reviewed_on": "2018-06-01",
                    "outcome": "It was seen.",
                    "reopened": [] if self.to is U.CLOSED else [1],
                },
            ),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]


def with_two_environments(house):
    """Have an agreement that lands with another CSU since an amendment; return both environments.

    The first is where it landed before.
    """
    house.active()
    named = [snapshot()["processors"][0] | {"ods": OTHER_CSU, "legal_name": OTHER_NAME}]
    lands = {"recipient_environment": {"organisation": OTHER_CSU, "kind": "analytics"}}
    amendment = house.draft(
        version="v0.1", kind="amendment", processors=named, lines=[line(1) | lands]
    )
    house.sign_all(amendment, (CCG, OTHER_CSU))
    return [
        house.post(
            "/v1/recipient-environments",
            Role.CONTRACT_MANAGER,
            {"organisation": ods, "kind": "analytics", "clients": [f"client-{ods.lower()}"]},
        ).json()["id"]
        for ods in (CSU, OTHER_CSU)
    ]


class DomainTransfers(Led):
    """The only transfer under way; its agreement lands with the new CSU from its first day."""

    alone = True

    def lead(self):
        start = self.start
        opened = with_two_environments(self.service)
        asked = {
            "agreement": REFERENCE,
            "former_environment": opened[0],
            "following_environment": opened[1],
            "effective_from": "2018-06-01",
            "evidence": "Letter of the commissioner",
        }
        proposed = self.service.post("/v1/domain-transfers", Role.CONTRACT_MANAGER, asked)
        self.path = f"/v1/domain-transfers/{proposed.json()['id']}"
        if start in (D.AGREED, D.IN_EFFECT):
            self.send(DomainTransferCommand.AGREE, Role.CONTROLLER_SIGNATORY)
        if start is D.IN_EFFECT:
            self.send(DomainTransferCommand.EFFECT, Role.CONTRACT_MANAGER)
        if start is D.WITHDRAWN:
            self.send(DomainTransferCommand.WITHDRAW, Role.CONTRACT_MANAGER)

    def send(self, command, role):
        step, body = {
            DomainTransferCommand.AGREE: ("agreement", None),
            DomainTransferCommand.EFFECT: ("effect", None),
            DomainTransferCommand.WITHDRAW: ("withdrawal", {"reason": "It was put off."}),
        }[command]
        return self.service.post(f"{self.path}/{step}", role, body)

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]
