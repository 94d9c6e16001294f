"""Every move of every life by every role, and every command in every state (docs/states.md).

The tables are those on which the code runs (`common.lives`).
"""

import shutil
from datetime import date, timedelta

import pytest

from agreements import main
from common.clock import end_of, start_of
from common.lives import FIRST_DAY, LAST_DAY, DateState
from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from dsfc_testing.clock import FakeClock
from dsfc_testing.lives import declared
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from services.agreements.tests.api.conftest import SEEDED
from services.agreements.tests.lives import of_agreements, of_days, of_destruction, of_records
from services.agreements.tests.service import KEYS, ORGANISATIONS, Service, settings

LIVES = declared("agreements")
LISTED = "Controlled environment or supplier in a register of NHS England, by its days"
KINDS = {
    "Agreement": of_agreements.Agreements,
    "Audit": of_agreements.Audits,
    "Batch of agreements": of_records.Batches,
    "Breach": of_agreements.Breaches,
    "Consent of a party to the publication of a relationship": of_records.Consents,
    "Destruction of what was released under an agreement": of_destruction.Destructions,
    "Framework contract": of_agreements.Contracts,
    "Hold": of_agreements.Holds,
    "Internal instruction": of_records.Instructions,
    "Letter that waives opt-outs": of_records.Waivers,
    "Local flow": of_records.LocalFlows,
    "Relationship": of_records.Relationships,
    "Right to submit": of_records.Rights,
    "Transfer of pseudonym domains": of_agreements.DomainTransfers,
}
BY_DAYS = {
    "Direction or provision notice, by its days": of_days.Directions,
    "Internal instruction, once signed, by its days": of_days.SignedInstructions,
    "Letter that waives opt-outs, once confirmed, by its days": of_days.Waivers,
    "Record of a policy, training or secondment, by its days": of_days.StaffRecords,
    "Registration with the ICO, by its days": of_days.IcoRegistrations,
    "Right to submit, once confirmed, by its days": of_days.ConfirmedRights,
    "Support under section 251, by its days": of_days.Supports,
    "Transfer instrument, by its day": of_days.Instruments,
    LISTED: of_days.ListedEnvironments,
}
KINDS |= BY_DAYS
MOVES = [
    pytest.param(name, start, move, id=f"{name}-{start}-{move.to}-{number}")
    for name in KINDS
    for start, moves in LIVES[name].moves.items()
    for number, move in enumerate(moves)
    if (name, move.to) != ("Agreement", "CLOSED") or move.command is None
    if move not in (FIRST_DAY, LAST_DAY)
]
"""An agreement is closed where its files are destroyed: `test_destruction` has real ones. First and
last days are waited for once, for all of them."""
STATES = [
    pytest.param(name, start, id=f"{name}-{start}") for name in KINDS for start in LIVES[name].moves
]


@pytest.fixture(scope="module")
def one_clock():
    return FakeClock(START)


@pytest.fixture(scope="module")
def one_issuer(one_clock):
    return LocalIssuer(one_clock)


@pytest.fixture
def clock(one_clock):
    """The same for the whole module, and set back: tokens of the first instant are kept."""
    one_clock.set(START)
    return one_clock


@pytest.fixture
def identities(clock, one_issuer):
    return one_issuer


@pytest.fixture(scope="module")
def shared_houses():
    houses = []
    yield houses
    for house in houses:
        house.parts.close()


@pytest.fixture
def shared(request, shared_houses, app_client, clock, identities, kept, tmp_path_factory):
    """One house for all that can be beside others; its clock stands still."""
    if not shared_houses:
        if not (kept / SEEDED).exists():
            request.getfixturevalue("seeded")
        directory = tmp_path_factory.mktemp("shared")
        shutil.copyfile(kept / SEEDED, directory / "service.db")
        for name in KEYS:
            shutil.copy(kept / name, directory / name)
        chosen = settings(f"sqlite:///{directory / 'service.db'}", directory)
        parts = main.Parts(chosen, clock, identities.verifier())
        house = Service(app_client, clock, identities, parts)
        open_house(house)
        furnish(house)
        shared_houses.append(house)
    open_house(shared_houses[0])
    return shared_houses[0]


def open_house(house):
    async def pause(_seconds):
        """Nobody has a lease here."""

    house.client.app_state.clear()
    house.client.app_state.update({**house.parts.state(), "pause": pause})


def furnish(house):
    """Have an agreement in force, and providers in the list, of which rights are."""
    codes = ("RFF", *of_records.PROVIDER_CODES)
    listed = ORGANISATIONS + "".join(
        f"{ods},Trust {ods},NHS_TRUST,,,2013-04-01,\n" for ods in codes
    )
    path, who = "/v1/organisations/imports", Role.REFERENCE_DATA_MANAGER
    waits = house.upload(path, listed, who, layout="dsfc").json()["id"]
    why = {"reason": "The trusts are there."}
    answer = house.post(f"/v1/imports/{waits}/confirmation", who, why, who="second")
    assert answer.json()["standing"]["state"] == "confirmed", answer.text
    house.active()


@pytest.fixture
def house_of(request):
    """Return the house in which one of a kind is led to a state."""

    def of(kind, start, move=None):
        is_alone = kind.is_alone(start, move)
        return request.getfixturevalue("seeded" if is_alone else "shared")

    return of


def roles_of_routes(app):
    return {
        f"{method} {path}": one.roles
        for method, path, one in route_permissions(app)
        if isinstance(one, Permission)
    }


@pytest.fixture(scope="module")
def permitted(app_client):
    return roles_of_routes(app_client.app)


def led(kind, house, start, move=None):
    one = kind(house, start, move)
    assert one.state == start
    return one


def refused(answer):
    return None if answer.is_success else answer.json()["code"]


def test_every_life_of_agreements_is_driven_and_whole(permitted):
    assert {*KINDS} == {*LIVES}
    for name, life in LIVES.items():
        assert isinstance(next(iter(life.moves)), DateState) == (name in BY_DAYS)
    for life in LIVES.values():
        assert {*life.commands} <= {*permitted}, life.name


@pytest.mark.parametrize(("name", "start", "move"), MOVES)
def test_a_move_is_made_by_whoever_may_and_by_nobody_else(house_of, permitted, name, start, move):
    kind = KINDS[name]
    house = house_of(kind, start, move)
    one = led(kind, house, start, move)
    if move.command is None:
        one.pass_time()
        assert one.state == move.to
        return
    roles = permitted[move.command]
    is_first = move is next(m for m in LIVES[name].moves[start] if m.command == move.command)
    for role in Role:
        if role not in roles and is_first:  # of several ways of one command once
            assert refused(one.send(move.command, role)) == "ROLE_NOT_PERMITTED", role
        elif role in roles and not one.makes(role):
            assert one.send(move.command, role).status_code in (200, 409), role
    assert one.state == start

    able = [role for role in sorted(roles) if one.makes(role)]
    assert able
    for role in able[:1] if kind.is_alone(start, move) else able:
        one = one if role is able[0] else led(kind, house, start, move)
        one.make_ready(role)
        assert one.state == start
        answer = one.send(move.command, role)
        assert answer.is_success, (role, answer.text)
        assert one.state == move.to


@pytest.mark.parametrize(("name", "start"), STATES)
def test_a_command_that_is_no_move_is_answered_as_the_table_says(house_of, permitted, name, start):
    life, kind = LIVES[name], KINDS[name]
    one = led(kind, house_of(kind, start), start)
    for command in life.commands:
        if life.leads(start, command):
            continue
        expected = {None if e is None else e.code for e in life.answers(start, command)}
        for role in sorted(permitted[command]):
            answer = one.send(command, role)
            assert refused(answer) in expected | kind.besides, (command, role, answer.text)
            assert one.state == start, (command, role)


def test_what_lives_by_its_days_begins_on_its_first_and_is_over_after_its_last(seeded):
    """Days are London's: an hour before Greenwich's in summer."""
    furnish(seeded)
    made = {name: kind(seeded, DateState.AWAITED) for name, kind in BY_DAYS.items()}
    first, last = date(2018, 7, 1), date(2018, 8, 31)
    moments = {
        start_of(first) - timedelta(seconds=1): DateState.AWAITED,
        start_of(first): DateState.IN_FORCE,
        end_of(last) - timedelta(seconds=1): DateState.IN_FORCE,
        end_of(last): DateState.LAPSED,
    }
    for moment, expected in moments.items():
        seeded.clock.set(moment)
        for name, one in made.items():
            for_ever = name == "Transfer instrument, by its day" and expected is DateState.LAPSED
            assert one.state is (DateState.IN_FORCE if for_ever else expected), (name, moment)
