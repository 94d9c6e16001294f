"""Every command about a submission by every role, in each state, and every move that one makes.

The table is the one that the code runs on (docs/states.md).
"""

from itertools import count, islice
from uuid import uuid4

import pytest

from common.security.roles import Role
from pseudonymisation.intake.domain.lives.submission import (
    SUBMISSION,
    SubmissionCommand,
    SubmissionState,
)
from services.pseudonymisation.tests.api.test_editions_that_wait import PEOPLE, decide, month
from services.pseudonymisation.tests.api.test_routes_and_roles import EXPECTED

S, C = SubmissionState, SubmissionCommand
HELD = (S.OPEN, S.RECEIVED, S.WAITING, S.ACCEPTED, S.REJECTED)
"""Where one stays until somebody acts; landing itself is a worker's (`tests/faults`)."""
NOT_ONES_OWN = {"SUBMISSION_NOT_FOUND", "EDITION_NOT_FOUND", "REPLACEMENT_DECIDED"}
"""What whoever acts for another organisation is told, and a provider of what is in force."""
CONTENTS = {S.RECEIVED: month(PEOPLE), S.REJECTED: b"a,b\n1,2\n"}


class Sent:
    """One submission that is led to a state; each is of a month that was landed before."""

    months = (PEOPLE[:n] if n % 2 else PEOPLE[n:] for n in count(1))
    """Few and many in turn, no two alike: of two that follow one another one waits."""

    def __init__(self, intake, state):
        self.intake, self.edition = intake, str(uuid4())
        if state in (S.OPEN, S.RECEIVED):
            self.id = intake.open().json()["id"]
            if state is S.RECEIVED:
                assert intake.put(self.id, month(PEOPLE)).status_code == 202
            return
        if state is S.ACCEPTED:
            self._is(intake.submit(month(PEOPLE)))
            return
        if intake.last == "":
            intake.submit(month(PEOPLE))
        tried = (intake.submit(month(people)) for people in islice(self.months, 3))
        self._is(next(sent for sent in tried if sent["state"] == S.WAITING))
        if state is S.REJECTED:
            assert decide(intake, self.edition, "withdrawal").status_code == 200

    def _is(self, shown):
        self.id, self.edition = shown["id"], shown["edition_id"]

    def send(self, command, role, to=None):
        ods = "RR8" if role is Role.PROVIDER_SYSTEM else "X26"
        if command is C.PUT_CONTENT:
            return self.intake.client.put(
                f"/v1/submissions/{self.id}/content",
                content=CONTENTS.get(to, CONTENTS[S.RECEIVED]),
                headers=self.intake.headers(role, ods) | {"Content-Type": "text/csv"},
            )
        return decide(self.intake, self.edition, command.rpartition("/")[2], role, ods)

    @property
    def state(self):
        return S(self.intake.get(f"/v1/submissions/{self.id}").json()["state"])


def roles_of(command):
    method, _, path = command.partition(" ")
    return EXPECTED[method, path]


def code(answer):
    return None if answer.is_success else answer.json()["code"]


@pytest.mark.parametrize(
    "state",
    [pytest.param(one, marks=[pytest.mark.long] * (one is S.WAITING)) for one in HELD],
)
def test_in_each_state_all_commands_are_answered_as_the_table_says(intake, state):
    sent = Sent(intake, state)
    assert sent.state is state
    for command in C:
        for role in Role:
            if role not in roles_of(command):
                assert code(sent.send(command, role)) == "ROLE_NOT_PERMITTED", (command, role)
            elif not SUBMISSION.leads(state, command):
                answers = SUBMISSION.answers(state, command)
                expected = {None if one is None else one.code for one in answers}
                answer = sent.send(command, role)
                assert code(answer) in expected | NOT_ONES_OWN, (command, role, answer.text)
    assert sent.state is state

    for move in SUBMISSION.moves[state]:
        for role in sorted(roles_of(move.command)) if move.command else ():
            if role is not Role.PROVIDER_SYSTEM and move.command is C.PUT_CONTENT:
                continue  # a DSCRO sends what it announced itself
            one = Sent(intake, state)
            answer = one.send(move.command, role, move.to)
            assert one.state is move.to, (move, role, answer.text)
