"""How the destruction of what was released under an agreement comes to each state."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from agreements.records.domain.destruction.certificate import DestructionCommand
from agreements.records.domain.destruction.certificate import DestructionState as D
from common.security.roles import Role
from services.agreements.tests.api.test_destruction import OPERATED
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.facts import REFERENCE
from services.agreements.tests.lives.led import Led

PATH = f"/v1/agreements/{REFERENCE}"
LAST_DAY, AFTER_END = "2018-08-31", datetime(2018, 9, 2, 9, tzinfo=UTC)
OVER = (D.DUE, D.OVERDUE, D.PARTLY_CERTIFIED)
NOBODYS = "0" * 16
CERTIFY, ACCEPT = DestructionCommand.CERTIFY, DestructionCommand.ACCEPT


class NothingElse:
    """Dissemination, which released nothing besides; tests/e2e ask the real one."""

    def of(self, _agreement):
        return ()


class Destructions(Led):
    """One agreement whose term is over, or not; each of its files is in two places."""

    alone = True

    def lead(self):
        self.service.client.app_state["releases"] = NothingElse()
        self.service.contract()
        self.document = self.service.draft(end=LAST_DAY, locations=OPERATED)
        self.service.sign_all(self.document)
        goes_on = self.start is D.CERTIFIED and self.to in (D.HELD, D.PARTLY_CERTIFIED)
        files = (
            2 if goes_on or self.start is D.PARTLY_CERTIFIED else self.start is not D.NOTHING_HELD
        )
        for _ in range(files):
            self.release()
        if self.start in OVER:
            late = timedelta(days=29 if self.start is D.OVERDUE else 0)
            self.service.clock.set(AFTER_END + late)
        if self.start is D.PARTLY_CERTIFIED:
            again = self.move is not None and self.to is D.PARTLY_CERTIFIED
            self.certify(Role.CONTROLLER_SIGNATORY, 1 if again else 2)
        if self.start in (D.CERTIFIED, D.ACCEPTED):
            self.certify(Role.CONTROLLER_SIGNATORY, 2)
        if self.start is D.ACCEPTED:
            for who in ("first", "second"):
                assert self.accept(Role.CONTRACT_MANAGER, who).is_success

    def release(self):
        allowed = permit()
        row = holding(allowed, released_at=self.service.clock.now())
        with self.service.parts.engine.begin() as connection:
            connection.execute(insert(PermitRow), [allowed])
            connection.execute(insert(HoldingRow), [row])

    def shown(self):
        return self.service.get(f"{PATH}/destruction", Role.CONTRACT_MANAGER).json()

    def certify(self, role, most):
        """Certify so many copies, those first of which nothing is said yet."""
        known = [copy for file in self.shown()["files"] for copy in file["copies"]]
        left = [copy["id"] for copy in known if copy["certified"] is None]
        named = (left or [copy["id"] for copy in known] or [NOBODYS])[:most]
        day = self.service.clock.now().date().isoformat()
        said = {"method": "overwriting", "destroyed_on": day}
        body = {"name_of_role": "SIRO", "copies": [{"copy_id": one, **said} for one in named]}
        return self.service.post(f"{PATH}/destruction/certificates", role, body)

    def accept(self, role, who):
        path = f"{PATH}/destruction/acceptances"
        return self.service.post(path, role, {"reason": "It is there."}, who=who)

    def send(self, command, role):
        if command is ACCEPT:
            return self.accept(role, f"last-{role.value}")
        return self.certify(role, 1 if self.to is D.PARTLY_CERTIFIED else 4)

    def make_ready(self, _role):
        if self.move.command is ACCEPT and self.to is not D.CERTIFIED:
            assert self.accept(Role.CONTRACT_MANAGER, "first").is_success

    def pass_time(self):
        if self.start in (D.NOTHING_HELD, D.ACCEPTED):
            self.release()
        elif self.start in (D.HELD, D.CERTIFIED):
            body = {"reason": "It is over."}
            ended = self.service.post(f"{PATH}/termination", Role.CONTRACT_MANAGER, body)
            assert ended.status_code == 200, ended.text
        elif self.to is D.OVERDUE:
            self.service.clock.advance(timedelta(days=29).total_seconds())
        else:
            self.service.sign_all(
                self.service.draft(
                    version="v1.0", start="2018-09-01", end="2019-08-31", locations=OPERATED
                )
            )

    @property
    def state(self):
        return self.shown()["state"]
