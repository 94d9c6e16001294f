"""How what lives by its days comes to each state: recorded with days that are to come, or over."""

from itertools import count
from uuid import UUID

from agreements.records.domain.oversight.instructions import InstructionCommand
from agreements.records.domain.oversight.waivers import WaiverCommand
from agreements.records.domain.parties.registration import RegistrationCommand
from agreements.records.domain.parties.submission_right import RightCommand
from common.clock import legal_day
from common.lives import DateState
from common.security.roles import Role
from services.agreements.tests.api.test_directions import DIRECTION
from services.agreements.tests.api.test_environment_registers import imported
from services.agreements.tests.api.test_opt_out_waivers import LETTER
from services.agreements.tests.api.test_oversight import RECORD
from services.agreements.tests.api.test_registrations import APPROVAL, ICO
from services.agreements.tests.api.test_submission_rights import RIGHT
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU
from services.agreements.tests.lives.led import Led
from services.agreements.tests.lives.of_records import FIRST, PROVIDERS, WHY, Instructions, second
from services.agreements.tests.service import NAMES

NUMBERS = count(1)
DAYS = {
    DateState.AWAITED: ("2018-07-01", "2018-08-31"),
    DateState.IN_FORCE: ("2018-05-02", "2018-08-31"),
    DateState.LAPSED: ("2018-05-02", "2018-05-15"),
    DateState.WITHDRAWN: ("2018-07-01", "2018-08-31"),
}
"""By state: the first and the last day, on the first of June 2018."""
LAST_DAY = {
    DateState.AWAITED: "2018-08-15",
    DateState.IN_FORCE: "2018-08-15",
    DateState.LAPSED: "2018-05-20",
    DateState.WITHDRAWN: "2018-05-01",
}
"""What an end says that leads to a state."""


AGAIN = {
    (DateState.AWAITED, DateState.AWAITED): ("2018-07-15", "2018-08-31"),
    (DateState.AWAITED, DateState.IN_FORCE): ("2018-05-20", "2018-08-31"),
    (DateState.IN_FORCE, DateState.IN_FORCE): ("2018-05-02", "2018-09-30"),
    (DateState.IN_FORCE, DateState.LAPSED): ("2018-05-02", "2018-05-20"),
    (DateState.LAPSED, DateState.IN_FORCE): ("2018-05-02", "2018-09-30"),
    (DateState.LAPSED, DateState.LAPSED): ("2018-07-15", "2018-09-30"),
}
"""By where something stands and is to stand: the days with which it is recorded again."""


class ByDays(Led):
    def lead(self):
        self.days = DAYS[self.start]
        self.id = self.record(*self.days)
        if self.start is DateState.WITHDRAWN:
            assert self.withdraw().is_success

    def posted(self, path, role, body, **more):
        answer = self.service.post(path, role, body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def found(self, tx):
        raise NotImplementedError

    @property
    def state(self):
        with self.service.ctx.uow.reading() as tx:
            return self.found(tx).date_state(legal_day(self.service.clock.now()))


class Waivers(ByDays):
    def record(self, first, last):
        said = {
            "reference": f"CAG days {next(NUMBERS)}",
            "dated": "2018-05-01",
            "valid_from": first,
            "valid_to": last,
        }
        path = "/v1/opt-out-waivers"
        made = self.posted(path, Role.REFERENCE_DATA_MANAGER, LETTER | said, who=FIRST)
        self.posted(f"{path}/{made['id']}/confirmation", Role.CONTRACT_MANAGER, WHY, who="second")
        return made["id"]

    def withdraw(self):
        return self.send(WaiverCommand.TAKE_BACK, Role.CONTRACT_MANAGER)

    def send(self, _command, role):
        return self.service.post(f"/v1/opt-out-waivers/{self.id}/withdrawal", role, WHY)

    def found(self, tx):
        return tx.opt_out_waivers.one(id=UUID(self.id))


class SignedInstructions(ByDays):
    def record(self, first, last):
        made = Instructions.recorded(self.service, valid_from=first, valid_to=last)
        path = f"/v1/internal-instructions/{made['id']}/signature"
        for role in Instructions.SIGNERS:
            self.posted(path, role, None, who=second(role))
        return made["id"]

    def withdraw(self):
        return self.send(InstructionCommand.WITHDRAW, Role.CONTRACT_MANAGER)

    def send(self, _command, role):
        return self.service.post(f"/v1/internal-instructions/{self.id}/withdrawal", role, WHY)

    def found(self, tx):
        return tx.internal_instructions.one(id=UUID(self.id))


class ConfirmedRights(ByDays):
    def record(self, first, last):
        said = RIGHT | {"provider": next(PROVIDERS), "valid_from": first, "valid_to": last}
        path = "/v1/submission-rights"
        made = self.posted(path, Role.REFERENCE_DATA_MANAGER, said, who=FIRST)
        self.posted(f"{path}/{made['id']}/confirmation", Role.CONTRACT_MANAGER, WHY, who="second")
        [right] = made["rights"]
        return right["id"]

    def withdraw(self):
        return self.send(RightCommand.END, Role.REFERENCE_DATA_MANAGER)

    def send(self, _command, role):
        body = {"last_day": LAST_DAY[self.to]}
        return self.service.post(f"/v1/submission-rights/{self.id}/ending", role, body)

    def found(self, tx):
        return tx.submission_rights.one(id=UUID(self.id))


class StaffRecords(ByDays):
    def record(self, first, last):
        said = {"subject": f"person-{next(NUMBERS)}", "valid_from": first, "valid_to": last}
        made = self.posted("/v1/staff-records", Role.INFORMATION_GOVERNANCE, RECORD | said)
        return made["id"]

    def send(self, _command, role):
        body = {"last_day": LAST_DAY[self.to]}
        return self.service.post(f"/v1/staff-records/{self.id}/ending", role, body)

    def found(self, tx):
        return tx.staff_records.one(id=UUID(self.id))


class Directions(ByDays):
    PATH = "/v1/directions"

    def record(self, first, last):
        self.said = DIRECTION | {
            "reference": f"DIR-{next(NUMBERS)}",
            "valid_from": first,
            "valid_to": last,
        }
        return self.posted(self.PATH, Role.REFERENCE_DATA_MANAGER, self.said)["id"]

    def send(self, _command, role):
        return self.service.post(self.PATH, role, self.said | {"valid_to": "2018-09-30"})

    def found(self, tx):
        return tx.directions.one(id=UUID(self.id))


class Extensible(ByDays):
    """What is recorded again where it goes on."""

    def send(self, _command, role):
        first, last = AGAIN.get((self.start, self.to), DAYS[self.start])
        return self.service.post(
            self.PATH, role, self.said | {"valid_from": first, "valid_to": last}
        )

    def record(self, first, last):
        self.said = self.SAID | self.named() | {"valid_from": first, "valid_to": last}
        return self.posted(self.PATH, Role.REFERENCE_DATA_MANAGER, self.said).get("id")

    def pass_time(self):
        """Let the first day of an extension come."""
        later = {"valid_from": "2018-06-02", "valid_to": "2018-09-30"}
        self.posted(self.PATH, Role.REFERENCE_DATA_MANAGER, self.said | later)
        assert self.state is DateState.LAPSED
        self.service.clock.advance(24 * 3600)


class Supports(Extensible):
    PATH, SAID = "/v1/section-251-approvals", APPROVAL | {"review_on": None}

    def withdraw(self):
        return self.send(RegistrationCommand.WITHDRAW_SECTION_251, Role.REFERENCE_DATA_MANAGER)

    def send(self, command, role):
        if command is RegistrationCommand.WITHDRAW_SECTION_251:
            return self.service.post(f"{self.PATH}/{self.id}/withdrawal", role, WHY)
        if command is RegistrationCommand.CHANGE_SECTION_251:
            body = {"purposes": ["IV"], "controllers": None, "review_on": None} | WHY
            return self.service.post(f"{self.PATH}/{self.id}/conditions", role, body)
        return super().send(command, role)

    def named(self):
        return {"reference": f"CAG {next(NUMBERS)}/2018"}

    def found(self, tx):
        return tx.section_251_approvals.one(id=UUID(self.id))


class IcoRegistrations(Extensible):
    PATH = "/v1/ico-registrations"
    SAID = ICO | {"organisation": OTHER_CSU, "name": NAMES[OTHER_CSU]}

    def named(self):
        return {"number": f"Z{next(NUMBERS):07d}"}

    def found(self, tx):
        return tx.ico_registrations.one(organisation=OTHER_CSU, number=self.said["number"])


class Instruments(ByDays):
    """One alone: whatever passes to whom, passes once."""

    alone = True
    PATH = "/v1/transfer-instruments"

    def record(self, first, _last):
        said = {"predecessor": OTHER_CCG, "successor": CCG, "evidence": "Transfer scheme"}
        said["effective_from"] = first
        return self.posted(self.PATH, Role.CONTRACT_MANAGER, said)["id"]

    def withdraw(self):
        return self.send(None, Role.CONTRACT_MANAGER)

    def send(self, _command, role):
        return self.service.post(f"{self.PATH}/{self.id}/withdrawal", role, WHY)

    def found(self, tx):
        return tx.instruments.get(UUID(self.id))


class ListedEnvironments(ByDays):
    """A row of a register, which alone of all is in it."""

    alone = True

    def lead(self):
        first, last = DAYS[self.start]
        assert imported(self.service, f"{CSU},,{first},{last}\n").is_success
        if self.start is DateState.WITHDRAWN:
            self.pass_time()

    def pass_time(self):
        later = imported(self.service, f"{OTHER_CSU},,2018-05-15,\n", "2018-06-01")
        assert later.is_success, later.text

    @property
    def state(self):
        with self.service.ctx.uow.reading() as tx:
            known = [one for one in tx.listed_environments.find() if one.organisation == CSU]
        if not known:
            return DateState.WITHDRAWN
        return known[0].date_state(legal_day(self.service.clock.now()))
