"""A change of CSU in one preview: no day without one, and none with two (domain.md 5.2)."""

import pytest
from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from common.security.roles import Role
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE, line, snapshot

PATH = "/v1/relationships/csu-change"
DAY = "2019-04-01"


def preview(service, role=Role.CONTRACT_MANAGER, **changes):
    asked = {"commissioner": CCG, "former": CSU, "following": OTHER_CSU, "effective_from": DAY}
    return service.get(PATH, role, **asked | changes)


def lacking(service, **changes):
    answer = preview(service, **changes)
    assert answer.status_code == 200, answer.text
    return [(one["lack"], one["reference"]) for one in answer.json()["lacking"]]


def ended(service, relationship, last_day):
    path = f"/v1/relationships/{relationship['id']}/ending"
    answer = service.post(path, Role.CONTRACT_MANAGER, {"last_day": last_day})
    assert answer.status_code == 200, answer.text


def amended(service):
    """The version of the new CSU, from its first day."""
    processors = [snapshot()["processors"][0]]
    processors[0] |= {"ods": OTHER_CSU, "legal_name": "Midlands and Lancashire CSU"}
    lands = {"recipient_environment": {"organisation": OTHER_CSU, "kind": "analytics"}}
    service.draft(
        version="v0.1",
        kind="amendment",
        start=DAY,
        processors=processors,
        lines=[line(1) | lands, line(2, "DIDS") | lands],
    )


@pytest.fixture
def supported(seeded):
    """A commissioner with its CSU, an agreement, and a file that the CSU holds."""
    seeded.active()
    seeded.former = seeded.relationship()
    given = permit()
    with seeded.parts.engine.begin() as connection:
        connection.execute(insert(PermitRow), [given])
        connection.execute(insert(HoldingRow), [holding(given)])
    return seeded


def test_all_that_a_change_comes_to_is_one_answer(supported):
    found = preview(supported).json()

    assert found["ending"] == [supported.former["reference"]]
    assert (found["agreements"], found["files"], found["domains"]) == ([REFERENCE], 1, 1)
    assert found["text"] == "ends 1 relationship, amends 1 agreement, 1 file to be destroyed"
    assert [one["lack"] for one in found["lacking"]] == [
        "former_goes_on",
        "new_is_missing",
        "amendment_is_missing",
        "environment_is_missing",
    ]


def test_step_by_step_nothing_is_missing_any_more(supported):
    ended(supported, supported.former, "2019-03-31")
    assert ("former_goes_on", supported.former["reference"]) not in lacking(supported)
    supported.relationship(
        csu=OTHER_CSU,
        effective_from=DAY,
        change_kind="CHANGE_CSU",
        service_contract_reference="SC-2",
    )
    assert [what for what, _ in lacking(supported)] == [
        "amendment_is_missing",
        "environment_is_missing",
    ]
    amended(supported)
    assert lacking(supported)[0] == ("amendment_is_not_signed", REFERENCE)
    drafted = supported.get(f"/v1/agreements/{REFERENCE}/document", Role.CONTRACT_MANAGER)
    document = {"reference": REFERENCE, "document_hash": drafted.headers["digest-sha256"]}
    for role, party in (
        (Role.CONTROLLER_SIGNATORY, CCG),
        (Role.PROCESSOR_CONTACT, OTHER_CSU),
        (Role.DARS_APPROVER, "X26"),
    ):
        assert supported.sign("agreements", document, role, party).status_code == 200
    assert lacking(supported) == [("environment_is_missing", "analytics")]
    body = {"organisation": OTHER_CSU, "kind": "analytics", "clients": ["mlcsu-analytics"]}
    supported.post("/v1/recipient-environments", Role.CONTRACT_MANAGER, body)
    assert lacking(supported) == []
    assert preview(supported).json()["ending"] == [supported.former["reference"]]


def test_days_without_a_csu_and_days_with_two_are_told(supported):
    ended(supported, supported.former, "2019-03-15")
    early = supported.relationship(csu=OTHER_CSU, effective_from="2019-03-01")
    found = lacking(supported)

    assert ("former_ends_early", supported.former["reference"]) in found
    assert ("new_begins_early", early["reference"]) in found
    assert "new_is_missing" not in [what for what, _ in found]


def test_it_changes_from_one_to_another_that_are_listed(supported):
    same = preview(supported, following=CSU)
    unknown = preview(supported, following="99Z")

    assert (same.status_code, same.json()["code"]) == (422, "SAME_SUPPORTER")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "ORGANISATION_UNKNOWN")
    assert preview(supported, Role.CSU_ADVISER).status_code == 403
