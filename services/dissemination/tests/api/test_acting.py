"""Every entry of the audit log says in whose name a processor acted: refusals, deliveries, all."""

import ast
from datetime import timedelta
from pathlib import Path

import dissemination
from services.dissemination.tests.api.test_standing_orders import ORDER

CONTROLLERS = "99N,11X"
HEARD = {"agreement-heard", "file-destroyed"}
"""Said by agreements, and in nobody's name."""
AUDITED = {"audited": 0, "audited_of": 1, "audited_of_order": 1, "_save": 1}
"""Which argument of what writes an entry is its action."""


def actions_of_the_code():
    """All that the service can write into its log."""
    root = Path(dissemination.__file__).parent / "use_cases"
    calls = [
        (node, node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id)
        for path in root.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    ]
    said = [node.args[AUDITED[name]] for node, name in calls if name in AUDITED]
    return {action.value for action in said if isinstance(action, ast.Constant)}


def released_and_fetched(house):
    file = house.released()["files"][0]
    assert house.call("GET", file["content"]).status_code == 200
    assert house.ended(file)["outcome"] == "complete"
    house.agreements.refuse("fetch", "BREACH_OPEN")
    assert house.call("GET", file["content"]).status_code == 403
    return file


def refused_and_failed(house):
    house.agreements.refuse("request", "ICO_LAPSED")
    assert house.ask().status_code == 403
    house.agreements.refusals.clear()
    house.haven.landed.remove("2018-04")
    assert house.ask().json()["code"] == "NO_EDITION"
    house.haven.landed.append("2018-04")
    house.agreements.refuse("release", "DSFC_NOT_IN_FORCE")
    house.settled(house.ask().json()["id"], "failed")


def withdrawn_by_whoever_asked(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    assert house.call("POST", f"/v1/extracts/{extract_id}/withdrawal").is_success


def ordered(house, until):
    """Placed, waiting for its freeze, refused, asked for, released, confirmed and ended."""
    order = house.call("POST", "/v1/standing-orders", json={**ORDER, "when": "freeze"}).json()
    path = f"/v1/standing-orders/{order['id']}"

    def are(*states):
        found = house.call("GET", path).json()["periods"]
        return [one["state"] for one in found] == [*states]

    until(lambda: are("waiting", "waiting", "waiting"))
    house.agreements.refuse("request", "BREACH_OPEN")
    house.clock.advance(timedelta(days=20))
    house.tokens.clear()
    assert house.call("POST", f"{path}/confirmation").is_success
    until(lambda: are("skipped", "waiting", "waiting"))
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(minutes=1))
    assert house.call("POST", f"{path}/confirmation").is_success
    until(lambda: are("released", "waiting", "waiting"))
    assert house.call("POST", f"{path}/end").is_success


def superseded_and_over(house):
    """As events would have it: the edition is replaced, the file void, an agreement active."""
    from dissemination.use_cases import agreement_statuses, releases

    edition = f"edition-{house.clock.now().timestamp()}"
    house.haven.editions = [house.haven.editions[0] | {"id": edition}]
    extract = house.released()
    with house.context.uow.writing() as tx:
        (extract_id,) = releases.supersede(edition, by="another", ctx=house.context, tx=tx)
        file = tx.releases.of(extract_id)[0].file
        at, ctx = house.clock.now(), house.context
        releases.make_void(file.id, extract_id, at=at, ctx=ctx, tx=tx)
        agreement_statuses.record_status("another", "ACTIVE", [], at=at, ctx=ctx, tx=tx)
        told = {"agreement": extract["agreement"], "at": at, "ctx": ctx, "tx": tx}
        releases.mark_destroyed(file.id, extract_id, **told)
    assert extract["id"] == str(extract_id)


def test_whatever_a_processor_does_is_logged_in_the_name_of_its_controllers(house, until):
    """Guards: `Context.audited`, `audited_of`, `acting_for`. A new action has to be played here."""
    before = len(house.leaves())

    released_and_fetched(house)
    house.agreements.refusals.clear()
    refused_and_failed(house)
    house.reset()
    withdrawn_by_whoever_asked(house)
    house.reset()
    ordered(house, until)
    house.reset()
    superseded_and_over(house)

    leaves = house.leaves()[before:]
    assert {leaf["action"] for leaf in leaves} == actions_of_the_code()
    assert {(leaf["action"], leaf["on_behalf_of"]) for leaf in leaves} == {
        (action, None if action in HEARD else CONTROLLERS) for action in actions_of_the_code()
    }


def test_a_stranger_learns_of_no_controller_and_none_is_logged(house):
    before = len(house.leaves())
    answer = house.call("POST", "/v1/extracts", ods="0CX", json=house.question)

    (leaf,) = house.leaves()[before:]
    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    assert (leaf["action"], leaf["on_behalf_of"]) == ("extract-refused", None)
    assert "99N" not in answer.text


def test_who_is_refused_is_not_told_in_whose_name(house):
    house.agreements.refuse("request", "ICO_LAPSED")

    answer = house.ask()

    assert answer.status_code == 403
    assert "on_behalf_of" not in answer.text
