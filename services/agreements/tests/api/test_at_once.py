"""Two people at once on one thing, by every command of every life.

What comes of it is what comes of one after the other, whichever was first: each is answered as the
table of the life says (docs/states.md), the other one's act is not lost, and nothing is half-done.
Every day `integration/test_rivals` has six that share what they write.
"""

import copy
import threading
from itertools import combinations_with_replacement

import pytest

from agreements import main
from agreements.db.seals.audit import wrong
from agreements.records.domain.parties.registration import RegistrationCommand
from agreements.records.domain.terms.agreement_life import AgreementCommand
from common.security.roles import Role
from services.agreements.tests.api.test_lives import (
    KINDS,
    LIVES,
    furnish,
    open_house,
    roles_of_routes,
)
from services.agreements.tests.service import Service, settings

OF_PEOPLE = {
    "ALREADY_SIGNED",
    "INSTRUCTION_SIGNED",
    "EDITED_MEANWHILE",
    "LIFT_NEEDS_ANOTHER_PERSON",
    "DESTRUCTION_NEEDS_ANOTHER_PERSON",
    "SECOND_PERSON_NEEDED",
}
"""With which somebody is refused in any state: the other one was quicker, or is oneself."""
KNOWN_BY_NAME = {Role.DSCRO_APPROVER, Role.DSCRO_OPERATOR}
"""Whose policies and training are on record, each by their own name."""


def pairs():
    """Each two moves by commands from one state, the same one twice too."""
    for name, life in LIVES.items():
        for start, moves in life.moves.items():
            first = {move.command: move for move in reversed(moves) if move.command is not None}
            for one, other in combinations_with_replacement(first.values(), 2):
                if (name, one.to) != ("Agreement", "CLOSED") != (name, other.to):
                    yield name, start, one, other


PAIRS = [*pairs()]


def cases():
    """On PostgreSQL each; on SQLite, which lets one write at a time, the first of each life."""
    lives = set()
    for pair in PAIRS:
        name, start, one, other = pair
        verbs = "-".join(move.command.rpartition("/")[2] for move in (one, other))
        is_first = name not in lives
        lives.add(name)
        for database in ("sqlite", "postgresql") if is_first else ("postgresql",):
            marks = [pytest.mark.postgresql] * (database == "postgresql")
            yield pytest.param(
                database, *pair, marks=marks, id=f"{database}-{name}-{start}-{verbs}"
            )


@pytest.fixture
def database_kind(request):
    return request.param


@pytest.fixture
def house(migrated, app_client, clock, identities, tmp_path):
    url = migrated("agreements").url.render_as_string(hide_password=False)
    parts = main.Parts(settings(url, tmp_path), clock, identities.verifier())
    house = Service(app_client, clock, identities, parts)
    open_house(house)
    yield house.with_organisations()
    parts.close()


@pytest.fixture(scope="module")
def permissions(app_client):
    return roles_of_routes(app_client.app)


class Second:
    """The same house, entered by somebody else."""

    def __init__(self, house):
        self._house = house

    def __getattr__(self, name):
        return getattr(self._house, name)

    def post(self, path, role, body=None, *, who=None, **more):
        who = who if role in KNOWN_BY_NAME else f"{who or 'somebody'}-else"
        return self._house.post(path, role, body, who=who, **more)


def at_once(*acts):
    barrier, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def act(number, do):
        barrier.wait(60)
        answers[number] = do()

    threads = [threading.Thread(target=act, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return answers


def code(answer):
    return None if answer.is_success else answer.json()["code"]


def found_wrong(house):
    """What is not as it was sealed: of released files, which tests put there, nothing ever was."""
    return wrong(house.parts.engine, house.parts.signer.jwks())


def ways(life, state, move, said, besides):
    """To which states this answer to a command leads from a state; to none: it is no answer."""
    to = life.leads(state, move.command)
    answers = () if to else life.answers(state, move.command)
    refused = {None if error is None else error.code for error in answers}
    if said is None:
        stays = None in refused or state == move.to  # it is so already
        return {*to} | ({state} if stays else set())
    return {state} if said in refused - {None} | besides | OF_PEOPLE else set()


@pytest.mark.long
@pytest.mark.parametrize(
    ("database_kind", "name", "start", "one", "other"), [*cases()], indirect=["database_kind"]
)
def test_of_two_at_once_each_is_answered_as_if_one_had_been_first(
    house, permissions, name, start, one, other
):
    life, kind = LIVES[name], KINDS[name]
    if not kind.is_alone(start, one):
        furnish(house)
    first = kind(house, start, one)
    assert first.state == start
    second = copy.copy(first)
    second.service, second.move, second.to = Second(house), other, other.to
    roles = [
        next(role for role in sorted(permissions[move.command]) if person.makes(role))
        for person, move in ((first, one), (second, other))
    ]
    first.make_ready(roles[0])

    before = found_wrong(house)

    answers = at_once(
        lambda: first.send(one.command, roles[0]), lambda: second.send(other.command, roles[1])
    )

    said = [code(answer) for answer in answers]
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert {a.status_code for a in answers if not a.is_success} <= {404, 409, 412, 422}
    assert None in said, "one of them did it"
    acts = [(one, said[0]), (other, said[1])]
    possible = {
        end
        for (before, word), (after, next_word) in (acts, acts[::-1])
        for between in ways(life, start, before, word, kind.besides)
        for end in ways(life, between, after, next_word, kind.besides)
    }
    assert first.state in possible, (said, possible)
    assert found_wrong(house) == before, "nothing is half-done"


def test_every_command_of_every_life_is_tried_with_every_other_of_its_state():
    """But what closes an agreement (`test_destruction`), and conditions, which are no move."""
    tried = {move.command for _, _, *both in PAIRS for move in both}
    every = {command for life in LIVES.values() for command in life.commands}
    assert every - tried <= {AgreementCommand.ACCEPT, RegistrationCommand.CHANGE_SECTION_251}
