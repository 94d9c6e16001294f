"""Directions and provision notices, kept here and asked for by the haven (ruling 32)."""

import pytest

from agreements.records.use_cases.oversight import lapses
from common.security.roles import Role
from services.agreements.tests.api.test_organisations import code

PATH = "/v1/directions"
RECORDER = Role.REFERENCE_DATA_MANAGER
DIRECTION = {
    "kind": "direction",
    "reference": "DIR-1",
    "title": "Directions to collect data for commissioners",
    "data_sets": ["SUS_APC", "SUS_OP"],
    "valid_from": "2018-04-01",
    "valid_to": "2018-06-30",
    "source": "The page of NHS England's directions",
}


def recorded(service, **changes):
    return service.post(PATH, RECORDER, DIRECTION | changes)


def allowed(service, data_set="SUS_APC", **query):
    answer = service.get(f"{PATH}/data-sets/{data_set}", Role.SERVICE_PSEUDONYMISATION, **query)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["is_allowed"], found["is_recorded"]


def test_until_something_is_recorded_the_dated_data_beside_the_landing_rules_hold(seeded):
    assert allowed(seeded) == (True, False)
    assert allowed(seeded, as_at="2013-03-31") == (False, False)
    assert allowed(seeded, "NO_SUCH_SET") == (True, False)


def test_what_a_record_names_is_taken_in_on_its_days_and_on_no_others(seeded):
    assert recorded(seeded).status_code == 201

    assert allowed(seeded) == (True, True)
    assert allowed(seeded, as_at="2018-06-30") == (True, True)
    assert allowed(seeded, as_at="2018-07-01") == (False, True)
    assert allowed(seeded, as_at="2018-03-31") == (False, True)
    assert allowed(seeded, "DIDS", as_at="2018-07-01") == (True, False)
    recorded(seeded, kind="provision_notice", reference="PN-1", valid_from="2018-07-01",
             valid_to=None, data_sets=["SUS_APC"])  # fmt: skip
    assert allowed(seeded, as_at="2018-07-01") == (True, True)
    assert allowed(seeded, "SUS_OP", as_at="2018-07-01") == (False, True)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"valid_from": "2018-03-01"}),  # what was not in force does not become so
        ({}, {"valid_to": "2018-05-31"}),  # what was stays so
        ({"valid_to": "2018-05-31"}, {"valid_to": "2018-12-31"}),  # a gap stays one
    ],
)
def test_what_was_true_on_past_days_stays_so(seeded, first, then):
    recorded(seeded, **first)

    assert code(recorded(seeded, **first | then)) == (409, "DIRECTION_RECORDED")
    [kept] = seeded.get(PATH, Role.AUDITOR).json()["items"]
    assert (kept["valid_from"], kept["valid_to"]) == (
        DIRECTION["valid_from"],
        first.get("valid_to", DIRECTION["valid_to"]),
    )


def test_it_is_put_off_ended_today_and_said_again_without_a_change(seeded):
    recorded(seeded)
    recorded(seeded)
    assert recorded(seeded, valid_to="2018-12-31").json()["valid_to"] == "2018-12-31"
    assert recorded(seeded, valid_to="2018-06-01").json()["valid_to"] == "2018-06-01"
    assert allowed(seeded, as_at="2018-06-02") == (False, True)
    assert seeded.audited().count("direction-recorded") == 3


def test_what_is_no_data_set_or_turned_round_is_refused(seeded):
    unknown = recorded(seeded, data_sets=["SUS_APC", "NO_SUCH_SET"])
    turned = recorded(seeded, valid_to="2018-03-31")

    assert code(unknown) == (422, "DIRECTION_DATA_SET_UNKNOWN")
    assert unknown.json()["positions"] == [1]
    assert turned.status_code == 422
    assert seeded.get(PATH, Role.AUDITOR).json()["items"] == []


@pytest.mark.parametrize(
    "statement",
    ["UPDATE direction SET valid_to = '2099-01-01'", "DELETE FROM direction"],
)
def test_a_record_that_was_altered_or_deleted_past_the_service_lets_nothing_in(seeded, statement):
    recorded(seeded, valid_to="2018-06-01")
    with seeded.parts.engine.begin() as connection:
        connection.exec_driver_sql(statement)

    answer = seeded.get(f"{PATH}/data-sets/SUS_APC", Role.SERVICE_PSEUDONYMISATION)

    assert code(answer) == (409, "SEAL_BROKEN")


def test_the_body_is_warned_of_an_end_unless_another_goes_on(seeded):
    recorded(seeded)
    recorded(seeded, reference="DIR-2", valid_from="2018-07-01", valid_to=None,
             data_sets=["SUS_APC"])  # fmt: skip
    ctx = seeded.parts.context(Role.SYSTEM_CLOCK)

    assert lapses.warn(ctx=ctx) == 1
    [warned] = seeded.get("/v1/lapse-warnings", Role.AUDITOR).json()["items"]
    assert (warned["kind"], warned["reference"], warned["days"]) == ("direction", "DIR-1", 30)
    assert seeded.get("/v1/lapse-warnings", Role.CONTROLLER_SIGNATORY).json()["items"] == []
    recorded(seeded, reference="DIR-3", valid_from="2018-07-01", valid_to=None,
             data_sets=["SUS_OP"])  # fmt: skip
    assert seeded.get("/v1/lapses", Role.AUDITOR).json()["items"] == []
