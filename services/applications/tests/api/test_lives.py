"""Every move of an application's life by every role, and every command in every state, over HTTP.

The table is the one that the code runs on (`applications.domain.life`, docs/states.md).
"""

import re
from itertools import count

import pytest

from applications.domain.life import APPLICATION, ApplicationCommand, State
from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from services.applications.tests.answers import CCG, complete

C, S = ApplicationCommand, State
OF_APPLICANT = {Role.APPLICANT_EDITOR, Role.APPLICANT_SIGNATORY, Role.CONTROLLER_SIGNATORY}
ASKED = {"queries": [{"text": "What is it for?"}]}
BODIES = {
    C.ANSWER: complete()[19],
    C.RETURN: ASKED,
    C.REFER_TO_ADVICE: {"novel": True},
    C.REFUSE: {"reason": "It is not needed."},
}
ADVICE = {
    S.APPROVAL: {"outcome": "recommended"},
    S.RETURNED: {"outcome": "deferred", "reason": "The purpose is not clear.", **ASKED},
}
WAYS = {
    S.ENQUIRY: (),
    S.DRAFT: (),
    S.SUBMITTED: (C.SUBMIT,),
    S.IN_REVIEW: (C.SUBMIT, C.REVIEW),
    S.RETURNED: (C.SUBMIT, C.REVIEW, C.RETURN),
    S.WITH_ADVISORY: (C.SUBMIT, C.REVIEW, C.REFER_TO_ADVICE),
    S.APPROVAL: (C.SUBMIT, C.REVIEW, C.REFER_TO_ADVICE, C.ADVISE),
    S.APPROVED: (C.SUBMIT, C.REVIEW, C.REFER_TO_ADVICE, C.ADVISE, C.APPROVE),
    S.DECLINED: (C.SUBMIT, C.REVIEW, C.REFUSE),
    S.WITHDRAWN: (C.WITHDRAW,),
    S.CLOSED: (C.CLOSE,),
}
"""By state: the commands that lead to it."""


@pytest.fixture
def roles_of(app):
    """Who may send a command at all."""
    return {
        re.sub(r"/sections/19$", "/sections/{number}", f"{method} {path}"): one.roles
        for method, path, one in route_permissions(app)
        if isinstance(one, Permission)
    }


@pytest.fixture
def house(people, draft):
    return House(people, draft)


class House:
    """Applications that are led to a state by commands alone, each step by somebody else."""

    def __init__(self, people, draft):
        self.people, self.draft, self.numbers = people, draft, count(1)

    def led(self, state, move=None):
        """An application in a state, made so that a move can be made."""
        raw = complete()
        if move is not None and move.command == C.REFER_TO_APPROVAL:
            raw[7]["lines"][0]["classification"] = "AGGREGATE_SUPPRESSED"
        is_enquiry = state in (S.ENQUIRY, S.CLOSED)
        path = self.draft({} if is_enquiry else raw, enquiry=is_enquiry)
        for command in WAYS[state]:
            [*roles] = (
                role
                for moves in APPLICATION.moves.values()
                for one in moves
                if one.command == command
                for role in sorted(one.by)
            )
            answer = self.send(path, command, roles[0], S.APPROVAL, is_returned=False)
            assert answer.is_success, (command, answer.text)
        assert self.state(path) is state
        return path

    def send(self, path, command, role, to=None, *, is_returned):
        body = BODIES.get(command)
        if command == C.ADVISE:
            body = ADVICE.get(to, ADVICE[S.APPROVAL])
        if command == C.SUBMIT and is_returned:
            body = {"answers": [{"query": "1", "answer": "To plan care."}]}
        method, _, template = command.partition(" ")
        step = template.partition("{application_id}")[2].replace("{number}", "19")
        ods = CCG if role in OF_APPLICANT else "X26"
        who = self.people(role, ods, f"{role.value}-{next(self.numbers)}")
        return who(method, path + step, **({} if body is None else {"json": body}))

    def state(self, path):
        return State(self.people.officer.get(path).json()["state"])


def code(answer):
    return None if answer.is_success else answer.json()["code"]


def test_every_command_of_the_table_is_a_route(roles_of):
    assert {*APPLICATION.commands} <= {*roles_of}
    assert {*WAYS} == {*APPLICATION.moves}


@pytest.mark.parametrize("state", State)
def test_in_each_state_whoever_may_makes_its_moves_and_all_else_is_answered_as_the_table_says(
    house, roles_of, state
):
    is_returned = state is S.RETURNED
    waits = house.led(state)
    for command in ApplicationCommand:
        leads = APPLICATION.leads(state, command)
        owners = {
            role for move in APPLICATION.moves[state] if move.command == command for role in move.by
        }
        for role in Role:
            if leads and role in owners:
                continue
            answer = house.send(waits, command, role, is_returned=is_returned)
            refused = {"ROLE_NOT_PERMITTED"}
            if role in roles_of[command]:
                refused = {one.code for one in APPLICATION.answers(state, command)}
                refused |= {"NOT_YOURS"} if leads else set()
            assert code(answer) in refused, (command, role, answer.text)
        assert house.state(waits) is state, command

    for move in APPLICATION.moves[state]:
        for role in sorted(move.by):
            path = house.led(state, move)
            answer = house.send(path, move.command, role, move.to, is_returned=is_returned)
            assert answer.is_success, (move, role, answer.text)
            assert house.state(path) is move.to, (move, role)
