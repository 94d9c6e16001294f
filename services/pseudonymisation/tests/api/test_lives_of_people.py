"""What is asked about people: every command by every role in every state of its table."""

from datetime import timedelta

import pytest

from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from pseudonymisation.people.domain import reidentification, subject_access
from pseudonymisation.people.domain.asked import AskedState
from services.pseudonymisation.tests.api.test_reidentifications import many
from services.pseudonymisation.tests.api.test_subject_access import REASON
from services.pseudonymisation.tests.asking_back import PRACTICE, Surgery
from services.pseudonymisation.tests.submitting import sus_row, written

OVER = timedelta(days=8)
IN_IT = "9990000018"


class Asked:
    """One question, and whoever sends its commands."""

    def __init__(self, intake, role, ods):
        self.intake, self.role, self.ods = intake, role, ods

    def headers(self, role, who):
        ods = self.ods if role is self.role else "X26"
        token = self.intake.issuer.token_for(
            role, audience="pseudonymisation", ods=ods, client_id=who
        )
        return {"Authorization": f"Bearer {token}"}

    def send(self, command, id_, role, who=None):
        path = command.split(" ")[1].partition("{")[0] + id_ + "/" + command.rpartition("/")[2]
        body = {"reason": "Looked at it"} if command.endswith("/confirmation") else None
        return self.intake.client.post(path, json=body, headers=self.headers(role, who))

    def state(self, id_):
        headers = self.headers(Role.AUDITOR, None)
        return self.intake.client.get(f"{self.PATH}/{id_}", headers=headers).json()["state"]


class Reidentifications(Asked):
    LIFE, PATH = reidentification.LIFE, "/v1/re-identifications"

    def __init__(self, intake):
        super().__init__(intake, Role.GP_PRACTICE, PRACTICE)
        self.surgery = Surgery(intake)
        people = tuple(line.split(",")[0] for line in many(PRACTICE, 11).splitlines())
        self.tokens = self.surgery.mint(people)[:11]
        day = intake.clock.now().date().isoformat()
        assert self.surgery.register(many(PRACTICE, 11), day).status_code == 201

    def ask(self):
        return self.surgery.ask(self.tokens, headers=self.headers(self.role, "first"))


class SubjectAccesses(Asked):
    LIFE, PATH = subject_access.LIFE, "/v1/subject-access-requests"

    def __init__(self, intake):
        super().__init__(intake, Role.INFORMATION_GOVERNANCE, "X26")
        row = sus_row(NHS_Number=IN_IT, Unique_CDS_Identifier="BRR8000000001")
        assert intake.submit(written([row]))["state"] == "accepted"

    def ask(self):
        body = {"nhs_number": IN_IT, "reason": REASON}
        headers = self.headers(self.role, "first")
        return self.intake.client.post(self.PATH, json=body, headers=headers)


@pytest.mark.parametrize("kind", [Reidentifications, SubjectAccesses])
def test_each_command_is_a_move_or_answered_as_the_table_says(intake, clock, kind):
    asked = kind(intake)
    life, made = kind.LIFE, []
    confirm, answer = sorted(life.commands, key=lambda one: one.endswith("/answer"))
    for _ in range(2):
        one = asked.ask()
        assert one.status_code == 201, one.text
        made.append(one.json()["id"])
    id_, unconfirmed = made
    roles = {
        f"{method} {path}": permission.roles
        for method, path, permission in route_permissions(intake.client.app)
        if isinstance(permission, Permission)
    }

    def stays(one, state):
        """Send every command that is no move there, by whoever may, and all by everybody else."""
        assert asked.state(one) == state
        for command in life.commands:
            assert roles[command] == {asked.role}
            for role in Role:
                if role is not asked.role:
                    refused = asked.send(command, one, role)
                    assert refused.json()["code"] == "ROLE_NOT_PERMITTED", (command, role)
            if not life.leads(state, command):
                refused = asked.send(command, one, asked.role, "second")
                codes = {error.code for error in life.answers(state, command)}
                assert refused.json()["code"] in codes, (command, state)
        assert asked.state(one) == state

    stays(id_, AskedState.WAITING)
    alone = asked.send(confirm, id_, asked.role, "first")
    assert alone.json()["code"] == "SECOND_PERSON_NEEDED"
    assert asked.send(confirm, id_, asked.role, "second").status_code == 200
    stays(id_, AskedState.READY)
    assert asked.send(answer, id_, asked.role, "first").status_code == 200
    assert asked.state(id_) == AskedState.READY

    clock.advance(OVER.total_seconds())

    stays(id_, AskedState.OVER)
    stays(unconfirmed, AskedState.OVER)
