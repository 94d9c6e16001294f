"""The life of an agreement that no application of its own was approved for (docs/adr/0140).

Of a template, or signed on paper before: amended, renewed, published, ended, and then over.
"""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from common.security.roles import Role
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.api.test_issuing import (
    ROW,
    code,
    confirm,
    hand_in,
    in_force,
    issue,
    registered,
    shown,
    template,
)
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, REFERENCE, line

AFTER_TERM = datetime(2021, 4, 1, 9, tzinfo=UTC)


def of_a_template(house):
    house.active(lines=[line(1), line(2, "DIDS")])
    house.contract(OTHER_CCG)
    registered(house, OTHER_CCG, "Z7654321", "2024-03-31")
    assert template(house).status_code == 201
    batch = issue(house, ROW).json()
    assert confirm(house, batch).status_code == 200
    reference = batch["planned"][0]["reference"]
    sign_newest(house, reference, OTHER_CCG)
    house.clock.set(datetime(2018, 7, 2, 9, tzinfo=UTC))
    return reference, OTHER_CCG


def signed_on_paper(house):
    house.contract()
    assert confirm(house, hand_in(house, in_force()).json()).status_code == 200
    return REFERENCE, CCG


def document_of(house, reference, version):
    path = f"/v1/agreements/{reference}/document"
    return house.get(path, Role.CONTRACT_MANAGER, version=version)


def sign_newest(house, reference, controller):
    version = shown(house, reference)["versions"][-1]["version"]
    found = document_of(house, reference, version)
    drafted = {"reference": reference, "document_hash": found.headers["digest-sha256"]}
    return house.sign_all(drafted, (controller, CSU))


@pytest.mark.parametrize("begun", [of_a_template, signed_on_paper])
def test_it_is_amended_renewed_ended_and_over_like_any_other(seeded, begun):
    house = seeded
    reference, controller = begun(house)
    path = f"/v1/agreements/{reference}"
    assert (shown(house, reference)["version"], shown(house, reference)["state"]) == (
        "v0.0",
        "ACTIVE",
    )
    first = document_of(house, reference, "v0.0")
    agreed = first.json()["snapshot"]
    allowed = permit(agreement=reference)
    with house.parts.engine.begin() as connection:
        connection.execute(insert(PermitRow), [allowed])
        connection.execute(insert(HoldingRow), [holding(allowed)])

    # Amended, by an application: the former version governs until all have signed.
    one_line = {"kind": "amendment", "lines": agreed["lines"][:1]}
    amendment = agreed | one_line | {"version": "v0.1", "application_id": str(uuid4())}
    house.draft(**amendment)
    assert shown(house, reference)["version"] == "v0.0"
    sign_newest(house, reference, controller)
    assert shown(house, reference)["version"] == "v0.1"
    query = {"former": "v0.0", "later": "v0.1"}
    told = house.get(f"{path}/differences", Role.CONTRACT_MANAGER, **query).json()["differences"]
    assert [one["annex"] for one in told] == ["B"]
    assert "DIDS" in told[0]["sentence"]
    assert document_of(house, reference, "v0.0").content == first.content

    # Renewed: by a row of a spreadsheet, or by an application.
    if begun is of_a_template:
        again = issue(house, f"{controller},Again,2021-04-01,2024-03-31,{reference}\n").json()
        assert confirm(house, again).status_code == 200
    else:
        term = {"kind": "renewal", "start": "2021-04-01", "end": "2024-03-31", "version": "v1.0"}
        house.draft(**agreed | term | {"application_id": str(uuid4())})
    sign_newest(house, reference, controller)
    house.clock.set(AFTER_TERM)
    assert (shown(house, reference)["version"], shown(house, reference)["state"]) == (
        "v1.0",
        "ACTIVE",
    )
    published = house.client.get(f"/v1/registers/agreements/{reference}").json()["items"]
    assert [(one["version"], one["status"]) for one in published] == [
        ("v0.0", "SUPERSEDED"),
        ("v0.1", "SUPERSEDED"),
        ("v1.0", "ACTIVE"),
    ]

    # Ended before its term: what is held is due, and nothing goes on under its reference.
    ended = house.post(f"{path}/termination", Role.CONTRACT_MANAGER, {"reason": "Not needed."})
    assert ended.json()["state"] == "DESTRUCTION_DUE"
    [file] = house.get(f"{path}/destruction", Role.CONTRACT_MANAGER).json()["files"]
    assert (file["due"]["trigger"], file["due"]["by"]) == ("terminated", "2021-04-29")
    house.draft(**agreed | {"version": "v1.1", "application_id": str(uuid4())})
    assert house.outbox()[-1].type == "agreements.agreement-not-drafted.v1"
    if begun is of_a_template:
        row = f"{controller},Once more,2021-04-01,2024-03-31,{reference}\n"
        refused = issue(house, row)
        assert code(refused) == (422, "IMPORT_REFUSED")
        assert "TRANSITION_REFUSED" in refused.json()["errors"][0]["detail"]
