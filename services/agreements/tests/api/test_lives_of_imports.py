"""Every decision about what replaces something, by every role, in each state (docs/states.md).

Lists of organisations stand for all: one mechanism decides (`common.replacement`). The table is the
one that it runs on.
"""

from itertools import count

import pytest

from common.replacement.standing import REPLACEMENT, Decision, State
from common.security.roles import Role
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.api.test_imports import PATH, Lists, trusts
from services.agreements.tests.api.test_lives import roles_of_routes
from services.agreements.tests.service import ORGANISATIONS

COMMANDS = {one: f"POST {PATH}/{{import_id}}/{one.value}" for one in Decision}
MAY = (Role.REFERENCE_DATA_MANAGER, Role.CONTRACT_MANAGER, Role.DARS_APPROVER)
OTHERS = ORGANISATIONS.partition("\n")[2]
"""Who is in the list already."""
NUMBERS = count(1)


class Sent:
    """A list of sixty trusts, of which more or fewer are closed: by more than a few it waits."""

    def __init__(self, house, state):
        self.lists = Lists(Asked(house, None))
        first = self.sent(0)
        if first["standing"]["state"] == State.WAITING:
            self.lists.decide(first)
        closed = 5 if state is State.ACCEPTED else 40
        self.said = self.sent(closed)
        if state in (State.CONFIRMED, State.LEAVING):
            self.lists.decide(self.said)
        if state is State.LEAVING:
            self.lists.decide(self.said, "withdrawal", who="third")
        if state is State.TAKEN_BACK:
            self.lists.decide(self.said, "withdrawal")
        if state is State.SUPERSEDED:
            self.sent(50)
        assert self.state is state

    def sent(self, closed):
        return self.lists.organisations(OTHERS + trusts(closed=closed))

    def send(self, command, role):
        who = f"{role.value}-{next(NUMBERS)}"
        return self.lists.decide(self.said, command.value, who=who, role=role)

    @property
    def state(self):
        found = self.lists.service.get(PATH, Role.AUDITOR).json()["items"]
        [own] = [one for one in found if one["id"] == self.said["id"]]
        return State(own["standing"]["state"])


def code(answer):
    return None if answer.is_success else answer.json()["code"]


@pytest.mark.parametrize("state", State)
def test_what_is_no_move_is_answered_as_the_table_says_and_nobody_else_decides(
    seeded, app_client, state
):
    roles = roles_of_routes(app_client.app)
    sent = Sent(seeded, state)
    for command, route in COMMANDS.items():
        for role in Role:
            if role not in roles[route]:
                assert code(sent.send(command, role)) == "ROLE_NOT_PERMITTED", (command, role)
            elif not REPLACEMENT.leads(state, command):
                expected = {one.code for one in REPLACEMENT.answers(state, command)}
                assert code(sent.send(command, role)) in expected, (command, role)
        assert sent.state is state, command


def test_each_role_that_may_is_tried(app_client):
    roles = roles_of_routes(app_client.app)
    assert {frozenset(roles[route]) for route in COMMANDS.values()} == {frozenset(MAY)}


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize(
    ("state", "command"),
    [
        (state, command)
        for state in State
        for command in COMMANDS
        if REPLACEMENT.leads(state, command)
    ],
)
def test_each_move_is_made_by_whoever_may(seeded, state, command, role):
    sent = Sent(seeded, state)
    answer = sent.send(command, role)
    assert answer.is_success, answer.text
    assert sent.state in REPLACEMENT.leads(state, command)
