"""How relationships, consents, flows, batches, letters, rights and instructions come to each state.

Many of them are in one house: each is of another name, version or agreement.
"""

from datetime import UTC, datetime
from itertools import count, cycle
from uuid import UUID

from agreements.flows.domain.local_flow import FlowCommand, FlowState
from agreements.records.domain.issuing.batch import BatchCommand, BatchState
from agreements.records.domain.oversight.instructions import InstructionCommand, InstructionState
from agreements.records.domain.oversight.waivers import WaiverCommand, WaiverState
from agreements.records.domain.parties.relationship_life import ConsentState, RelationshipCommand
from agreements.records.domain.parties.relationship_life import RelationshipState as R
from agreements.records.domain.parties.submission_right import RightCommand, RightState
from catalogue.flows import example, read_flow
from common.security.roles import Role
from services.agreements.tests.api.test_internal_instructions import INSTRUCTION
from services.agreements.tests.api.test_issuing import hand_in, in_force
from services.agreements.tests.api.test_local_flows import EVIDENCE, seconded
from services.agreements.tests.api.test_opt_out_waivers import LETTER
from services.agreements.tests.api.test_relationships import ask, sent
from services.agreements.tests.api.test_submission_rights import RIGHT
from services.agreements.tests.facts import CCG, CSU, line, snapshot
from services.agreements.tests.lives.led import Led
from services.agreements.tests.service import BODY, OWN

WHY = {"reason": "It was read."}
NUMBERS = count(1)
PROVIDER_CODES = [f"R{number:02d}" for number in range(60)]
PROVIDERS = cycle(PROVIDER_CODES)
"""Each right is of another one: of the same two a day is said once."""
FIRST = "first-person"
AFTER_ITS_END = datetime(2018, 9, 2, 9, tzinfo=UTC)


def second(role):
    """Whoever has this role and did not record it."""
    return f"second-{role.value}"


class Relationships(Led):
    """One relationship; of those that change or are published it is alone in its house."""

    @classmethod
    def is_alone(cls, start, move):
        return start is R.ACTIVE_PUBLISHED or super().is_alone(start, move)

    def lead(self):
        if not self.service.approver_is_cleared:
            self.service.cleared()
            self.service.approver_is_cleared = True
        dated = {R.ENDING: "2018-08-31", R.ENDED: "2018-05-15"}
        is_dated = self.start in dated or (
            self.move and self.move.command == RelationshipCommand.ACTIVATE
        )
        ends = {"effective_to": dated.get(self.to)} if is_dated else {}
        if self.start is R.ENDING:
            ends = {"effective_to": "2018-08-31"}
        asked = ask(self.service, **ends)
        assert asked.status_code == 201, asked.text
        self.id = asked.json()["id"]
        steps = {
            R.CONTRACT_VERIFIED: 1,
            R.DSCRO_AGREED: 2,
            R.ACTIVE_UNPUBLISHED: 3,
            R.ACTIVE_PUBLISHED: 3,
            R.ENDING: 3,
            R.ENDED: 3,
        }.get(self.start, 0)
        for command, role in (
            (RelationshipCommand.VERIFY_CONTRACT, Role.CONTRACT_MANAGER),
            (RelationshipCommand.AGREE, Role.DSCRO_APPROVER),
            (RelationshipCommand.ACTIVATE, Role.CONTRACT_MANAGER),
        )[:steps]:
            assert self.send(command, role).status_code == 200
        if self.start is R.REFUSED:
            self.send(RelationshipCommand.REFUSE, Role.CONTRACT_MANAGER)
        if self.start is R.WITHDRAWN:
            self.send(RelationshipCommand.WITHDRAW, Role.CONTRACT_MANAGER)
        if self.start is R.ACTIVE_PUBLISHED:
            self.publish()

    def publish(self, *, given=True):
        for role, party in ((Role.CONTROLLER_SIGNATORY, CCG), (Role.PROCESSOR_CONTACT, CSU)):
            body = {"organisation": party, "given": given}
            answer = self.service.post(f"/v1/relationships/{self.id}/consents", role, body)
            assert answer.status_code == 200, answer.text
        sent(self.service)

    def send(self, command, role):
        body = {} if command == RelationshipCommand.VERIFY_CONTRACT else None
        if command == RelationshipCommand.END:
            body = {"last_day": "2018-05-10" if self.to is R.ENDED else "2018-06-30"}
        step = command.rpartition("/")[2]
        return self.service.post(f"/v1/relationships/{self.id}/{step}", role, body)

    def pass_time(self):
        if self.to is R.ACTIVE_PUBLISHED:
            self.publish()
        elif self.to is R.ACTIVE_UNPUBLISHED:
            self.publish(given=False)
        elif self.start is R.ENDING:
            self.service.clock.set(AFTER_ITS_END)
        else:
            begins = "2018-07-01" if self.to is R.ENDING else "2018-06-01"
            self.give_way(begins)

    def give_way(self, begins):
        """Have one activated that takes its place."""
        said = {"change_kind": "CHANGE_DSCRO", "dscro": "south", "effective_from": begins}
        following = ask(self.service, changes=self.id, **said)
        assert following.status_code == 201, following.text
        path = f"/v1/relationships/{following.json()['id']}"
        for step, role, body in (
            ("contract-verification", Role.CONTRACT_MANAGER, {}),
            ("dscro-agreement", Role.DSCRO_APPROVER, None),
            ("activation", Role.CONTRACT_MANAGER, None),
        ):
            answer = self.service.post(f"{path}/{step}", role, body)
            assert answer.status_code == 200, answer.text

    @property
    def state(self):
        path = f"/v1/relationships/{self.id}"
        return self.service.get(path, Role.CONTRACT_MANAGER).json()["state"]


class Consents(Led):
    """The consent of the organisation to which whoever sends the command belongs."""

    def lead(self):
        asked = ask(self.service)
        assert asked.status_code == 201, asked.text
        self.path, self.party = f"/v1/relationships/{asked.json()['id']}", CCG
        words = {ConsentState.GIVEN: (True,), ConsentState.WITHDRAWN: (True, False)}
        for given in words.get(self.start, ()):
            for role in (Role.CONTROLLER_SIGNATORY, Role.PROCESSOR_CONTACT):
                assert self.say(role, given).status_code == 200

    def say(self, role, given):
        self.party = OWN.get(role, CCG)
        body = {"organisation": self.party, "given": given}
        return self.service.post(f"{self.path}/consents", role, body)

    def send(self, _command, role):
        return self.say(role, self.to is ConsentState.GIVEN)

    @property
    def state(self):
        shown = self.service.get(self.path, Role.CONTRACT_MANAGER).json()["consents"]
        own = [one for one in shown if one["organisation"] == self.party]
        if not own:
            return ConsentState.NOT_GIVEN
        return ConsentState.WITHDRAWN if own[0]["withdrawn_at"] else ConsentState.GIVEN


class LocalFlows(Led):
    def lead(self):
        self.content = example().replace('version: "1.0"', f'version: "1.{next(NUMBERS)}"')
        seconded(self.service, FIRST)
        body = {"content": self.content, "evidence": EVIDENCE}
        made = self.service.post("/v1/local-flows", Role.DSCRO_OPERATOR, body, who=FIRST)
        assert made.status_code == 201, made.text
        self.path = f"/v1/local-flows/{made.json()['id']}"
        if self.start in (FlowState.APPROVED, FlowState.IN_USE):
            self.send(FlowCommand.APPROVE, Role.DSCRO_APPROVER)
        if self.start is FlowState.IN_USE:
            self.pass_time()
        if self.start is FlowState.REFUSED:
            self.send(FlowCommand.REFUSE, Role.DSCRO_APPROVER)
        if self.start is FlowState.WITHDRAWN:
            self.send(FlowCommand.WITHDRAW, Role.DSCRO_OPERATOR)

    def send(self, command, role):
        if role in (Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER):
            seconded(self.service, second(role))
        step = command.rpartition("/")[2]
        return self.service.post(f"{self.path}/{step}", role, WHY, who=second(role))

    def pass_time(self):
        described = read_flow(self.content).data_set
        named = line() | {
            "data_set": described.data_set,
            "catalogue_version": described.version,
            "catalogue_digest": described.digest,
            "disclosure_rule": "CSDS",
            "fields": [{"name": "Call_Category", "treatment": "as_is", "reason": "to plan"}],
        }
        reference = f"DARS-NIC-{200_000 + next(NUMBERS)}-A1B2C"
        self.service.draft(reference=reference, lines=[named])

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]


class Batches(Led):
    """Agreements in force already; one whose contract is there confirms at once."""

    def lead(self):
        reference = f"DARS-NIC-{300_000 + next(NUMBERS)}-A1B2C"
        made = hand_in(self.service, in_force(snapshot=snapshot(reference=reference)), who=FIRST)
        assert made.status_code == 201, made.text
        self.path = f"/v1/agreement-batches/{made.json()['id']}"
        if self.start is BatchState.CONFIRMED:
            self.send(BatchCommand.CONFIRM, Role.DARS_APPROVER)
        if self.start is BatchState.WITHDRAWN:
            self.send(BatchCommand.WITHDRAW, Role.DARS_APPROVER)

    def send(self, command, role):
        step = command.rpartition("/")[2]
        return self.service.post(f"{self.path}/{step}", role, WHY, who=second(role))

    @property
    def state(self):
        return self.service.get(self.path, Role.AUDITOR).json()["state"]


class Waivers(Led):
    def lead(self):
        said = LETTER | {"reference": f"CAG {next(NUMBERS)}"}
        made = self.service.post(
            "/v1/opt-out-waivers", Role.REFERENCE_DATA_MANAGER, said, who=FIRST
        )
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        if self.start is WaiverState.CONFIRMED:
            self.send(WaiverCommand.CONFIRM, Role.CONTRACT_MANAGER)
        if self.start is WaiverState.TAKEN_BACK:
            self.send(WaiverCommand.TAKE_BACK, Role.CONTRACT_MANAGER)

    def send(self, command, role):
        path = f"/v1/opt-out-waivers/{self.id}/{command.rpartition('/')[2]}"
        return self.service.post(path, role, WHY, who=second(role))

    @property
    def state(self):
        with self.service.ctx.uow.reading() as tx:
            return tx.opt_out_waivers.one(id=UUID(self.id)).state


class Rights(Led):
    def lead(self):
        path, said = "/v1/submission-rights", RIGHT | {"provider": next(PROVIDERS)}
        made = self.service.post(path, Role.REFERENCE_DATA_MANAGER, said, who=FIRST)
        assert made.status_code == 201, made.text
        self.batch = made.json()["id"]
        [right] = made.json()["rights"]
        self.id = right["id"]
        if self.start is RightState.CONFIRMED:
            self.send(RightCommand.CONFIRM, Role.CONTRACT_MANAGER)
        if self.start is RightState.TAKEN_BACK:
            self.send(RightCommand.TAKE_BACK, Role.CONTRACT_MANAGER)

    def send(self, command, role):
        of, body = (self.batch, WHY)
        if command is RightCommand.END:
            of, body = self.id, {"last_day": "2018-12-31"}
        path = f"/v1/submission-rights/{of}/{command.rpartition('/')[2]}"
        return self.service.post(path, role, body, who=second(role))

    @property
    def state(self):
        with self.service.ctx.uow.reading() as tx:
            return tx.submission_rights.one(id=UUID(self.id)).state


class Instructions(Led):
    """An instruction for an agreement of the Body, which is drafted once in its house."""

    REFERENCE = "DARS-NIC-400000-A1B2C"
    SIGNERS = (Role.CONTRACT_MANAGER, Role.DARS_APPROVER)

    @classmethod
    def recorded(cls, house, **days):
        path = f"/v1/agreements/{cls.REFERENCE}"
        if house.get(path, Role.CONTRACT_MANAGER).status_code == 404:
            controller = snapshot()["controllers"][0] | {"ods": BODY, "legal_name": "NHS Digital"}
            house.draft(reference=cls.REFERENCE, controllers=[controller])
        said = {"reference": f"II-{next(NUMBERS)}", "agreement": cls.REFERENCE} | days
        made = house.post(
            "/v1/internal-instructions", Role.CONTRACT_MANAGER, INSTRUCTION | said, who=FIRST
        )
        assert made.status_code == 201, made.text
        return made.json()

    def lead(self):
        self.id = self.recorded(self.service)["id"]
        if self.start is InstructionState.SIGNED:
            for role in self.SIGNERS:
                assert self.send(InstructionCommand.SIGN, role).status_code == 200
        if self.start is InstructionState.WITHDRAWN:
            self.send(InstructionCommand.WITHDRAW, Role.CONTRACT_MANAGER)

    def make_ready(self, role):
        if self.to is InstructionState.SIGNED:
            [other] = {*self.SIGNERS} - {role}
            assert self.send(InstructionCommand.SIGN, other).status_code == 200

    def send(self, command, role):
        path = f"/v1/internal-instructions/{self.id}/{command.rpartition('/')[2]}"
        body = WHY if command is InstructionCommand.WITHDRAW else None
        return self.service.post(path, role, body, who=second(role))

    @property
    def state(self):
        with self.service.ctx.uow.reading() as tx:
            return tx.internal_instructions.one(id=UUID(self.id)).state
