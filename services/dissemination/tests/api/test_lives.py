"""Every command of extracts and standing orders by every role, in the states in which it can wait.

The tables are those on which the code runs (docs/states.md). Every verb in every state of the
driver is in `unit/test_extract`.
"""

import pytest

from common.security.roles import Role
from dissemination.domain.extract import EXTRACT, ExtractCommand, State
from dissemination.domain.orders.standing_order import STANDING_ORDER, OrderCommand, OrderState
from services.dissemination.tests.api import test_bridging_files, test_tabulations
from services.dissemination.tests.api.test_routes_and_roles import ROUTES
from services.dissemination.tests.api.test_standing_orders import place

KINDS = {
    ExtractCommand.WITHDRAW: lambda house: house.ask(),
    ExtractCommand.WITHDRAW_TABULATION: test_tabulations.ask,
    ExtractCommand.WITHDRAW_BRIDGING_FILE: test_bridging_files.ask,
}


def roles_of(command):
    method, path = command.split(" ")
    return ROUTES[method, path]


def send(house, command, made, role):
    method, path = command.split(" ")
    head, _, tail = path.partition("{")
    return house.call(method, f"{head}{made}{tail.partition('}')[2]}", role=role)


def shown(house, command, made):
    answer = house.call("GET", f"{command.split(' ')[1].partition('{')[0]}{made}")
    assert answer.status_code == 200, answer.text
    return answer.json()["state"]


def expect(answer, errors, said):
    codes = {None if one is None else one.code for one in errors}
    assert (None if answer.is_success else answer.json()["code"]) in codes, (said, answer.text)


def refuses_everybody_else(house, command, made):
    for role in Role:
        if role not in roles_of(command):
            answer = send(house, command, made, role)
            assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_NOT_PERMITTED"), role


@pytest.mark.parametrize("command", KINDS)
def test_whoever_may_takes_it_back_before_its_release_and_nobody_afterwards(house, until, command):
    house.haven.prepares = False

    def made(state):
        answer = KINDS[command](house)
        assert answer.is_success, answer.text
        id_ = answer.json()["id"]
        until(lambda: shown(house, command, id_) == state)
        return id_

    def is_refused(one, state):
        for role in sorted(roles_of(command)):
            expect(send(house, command, one, role), EXTRACT.answers(state, command), role)
            assert shown(house, command, one) == state

    waits = made(State.PREPARING)
    refuses_everybody_else(house, command, waits)
    assert shown(house, command, waits) == State.PREPARING
    for role in sorted(roles_of(command)):
        one = made(State.PREPARING)
        assert send(house, command, one, role).is_success, role
        assert shown(house, command, one) == State.WITHDRAWN
    is_refused(one, State.WITHDRAWN)
    house.haven.prepares = True
    if command is ExtractCommand.WITHDRAW:
        is_refused(made(State.RELEASED), State.RELEASED)


def test_an_order_is_confirmed_and_ended_by_whoever_may_and_is_over_then(house):
    house.haven.landed = []
    order = place(house)["id"]
    for command in OrderCommand:
        refuses_everybody_else(house, command, order)
    for role in sorted(roles_of(OrderCommand.CONFIRM)):
        assert send(house, OrderCommand.CONFIRM, order, role).is_success, role
        assert shown(house, OrderCommand.CONFIRM, order) == OrderState.ACTIVE
    for role in sorted(roles_of(OrderCommand.END)):
        assert send(house, OrderCommand.END, order, role).is_success, role
        assert shown(house, OrderCommand.END, order) == OrderState.ENDED
        one, order = order, place(house)["id"]
    for command in OrderCommand:
        for role in sorted(roles_of(command)):
            errors = STANDING_ORDER.answers(OrderState.ENDED, command)
            expect(send(house, command, one, role), errors, (command, role))
            assert shown(house, command, one) == OrderState.ENDED
