"""What is shown to a person who decides says where it is not what was sealed (docs/adr/0024)."""

import pytest
from sqlalchemy import text

from common.security.roles import Role
from services.agreements.tests.facts import CSU, REFERENCE

AGREEMENT = f"/v1/agreements/{REFERENCE}"
ENVIRONMENT = {"organisation": CSU, "kind": "analytics", "clients": ["scw-analytics"]}


@pytest.fixture
def held(seeded):
    """An agreement with a hold that one person has said to lift."""
    seeded.active()
    body = {"lines": [1], "reason": "A laptop was lost."}
    hold = seeded.post(f"{AGREEMENT}/holds", Role.BREACH_HANDLER, body).json()
    seeded.post(
        f"/v1/holds/{hold['id']}/lift-approvals", Role.BREACH_HANDLER, {"reason": "It was found."}
    )
    return seeded


def written(service, statement):
    with service.parts.engine.begin() as connection:
        connection.execute(text(statement))


def shown(service, path, **query):
    answer = service.get(path, Role.AUDITOR, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_as_it_was_sealed_says_so(held):
    assert shown(held, AGREEMENT)["not_as_sealed"] == []
    assert [a["not_as_sealed"] for a in shown(held, "/v1/agreements")["items"]] == [[]]
    assert all(c["not_as_sealed"] == [] for c in shown(held, "/v1/contracts")["items"])


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE agreement SET termination_reason = 'Nobody said so.'", "agreement"),
        ("UPDATE agreement_version SET valid_to = '2099-01-01'", "agreement_version"),
        ("DELETE FROM agreement_party", "agreement_version"),
        ("UPDATE agreement_line SET content = '{}'", "agreement_version"),
        ("UPDATE signature SET name_of_role = 'somebody'", "signature"),
        ("DELETE FROM hold", "hold"),
        ("DELETE FROM hold_line", "hold"),
        ("UPDATE hold SET reason = 'Nothing happened.'", "hold"),
        ("DELETE FROM hold_lift", "hold_lift"),
        ("UPDATE hold_lift SET approved_by = 'somebody'", "hold_lift"),
    ],
)
def test_an_agreement_and_the_preview_of_a_hold_name_what_is_not_as_sealed(held, statement, table):
    written(held, statement)

    assert shown(held, AGREEMENT)["not_as_sealed"] == [table]
    assert [a["not_as_sealed"] for a in shown(held, "/v1/agreements")["items"]] == [[table]]
    preview = held.get(f"{AGREEMENT}/holds/preview", Role.BREACH_HANDLER).json()
    assert preview["not_as_sealed"] == [table]


def test_a_hold_can_be_set_on_what_was_tampered_with(held):
    written(held, "DELETE FROM hold")

    body = {"reason": "Somebody wrote into the database."}
    assert held.post(f"{AGREEMENT}/holds", Role.BREACH_HANDLER, body).status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hold_lift SET approved_by = 'somebody'",
        "UPDATE hold SET reason = 'Nothing happened.'",
        "UPDATE signature SET name_of_role = 'somebody'",
    ],
)
def test_a_hold_is_not_lifted_on_what_somebody_wrote(held, statement):
    [hold] = shown(held, AGREEMENT)["holds"]
    written(held, statement)

    answer = held.post(
        f"/v1/holds/{hold['id']}/lift-approvals",
        Role.DARS_APPROVER,
        {"reason": "It was found."},
        who="second",
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "SEAL_BROKEN")
    assert [h["lifted_at"] for h in shown(held, AGREEMENT)["holds"]] == [None]


def test_without_the_chain_nothing_is_as_sealed(held):
    written(held, "DELETE FROM seal")

    assert "hold" in shown(held, AGREEMENT)["not_as_sealed"]


def test_a_contract_that_was_changed_says_so(held):
    written(held, "UPDATE contract SET valid_to = '2099-01-01'")

    assert {tuple(c["not_as_sealed"]) for c in shown(held, "/v1/contracts")["items"]} == {
        ("contract",)
    }


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE recipient_environment SET kind = 'ceff'", "recipient_environment"),
        ("DELETE FROM environment_client", "environment_client"),
        ("UPDATE environment_client SET client_id = 'mine'", "environment_client"),
    ],
)
def test_an_environment_that_was_changed_says_so(seeded, statement, table):
    made = seeded.post("/v1/recipient-environments", Role.CONTRACT_MANAGER, ENVIRONMENT)
    assert made.json()["not_as_sealed"] is None
    [before] = shown(seeded, "/v1/recipient-environments")["items"]
    assert before["not_as_sealed"] == []

    written(seeded, statement)

    [after] = shown(seeded, "/v1/recipient-environments")["items"]
    assert after["not_as_sealed"] == [table]


def test_a_list_that_was_sent_is_not_confirmed_where_somebody_wrote_into_what_is_shown(seeded):
    sent = seeded.parts.engine
    assert shown(seeded, "/v1/imports")["items"] != []
    assert {tuple(i["not_as_sealed"]) for i in shown(seeded, "/v1/imports")["items"]} == {()}
    with sent.begin() as connection:
        connection.execute(text("UPDATE import SET proposed_by = 'somebody'"))

    items = shown(seeded, "/v1/imports")["items"]
    assert {tuple(i["not_as_sealed"]) for i in items} == {("import",)}
    answer = seeded.post(
        f"/v1/imports/{items[0]['id']}/confirmation",
        Role.CONTRACT_MANAGER,
        {"reason": "Compared with the published list."},
        who="second",
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "SEAL_BROKEN")
