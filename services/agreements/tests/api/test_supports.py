"""Supports under section 251: withdrawn, given otherwise, and what stops by it, over HTTP."""

from datetime import timedelta

import pytest

from common.security.roles import Role
from services.agreements.tests.api.test_access import match_body, sound
from services.agreements.tests.api.test_registrations import APPROVAL, code
from services.agreements.tests.reference.world import CAG, CCG, REFERENCE

PATH = "/v1/section-251-approvals"
DATA = Role.REFERENCE_DATA_MANAGER
WHY = {"reason": "Letter of the CAG of 14 May 2018."}
NOBODY = "018f0000-0000-7000-8000-000000000000"
GIVEN = {"purposes": ["IV"], "controllers": None, "conditions": [], "review_on": None}


@pytest.fixture
def asked(service, haven):
    return sound(service, haven)


def support(service, reference=CAG):
    found = service.get(PATH, DATA).json()["items"]
    [one] = [item for item in found if item["reference"] == reference]
    return one


def refusals(asked):
    answer = asked.post(match_body(asked), role=Role.SERVICE_PSEUDONYMISATION).json()
    found = answer["context"].get("refusals", [])
    assert answer["decision"] is (not found)
    return [(one["code"], one["detail"]) for one in found]


def change(service, one, role=DATA, **said):
    return service.post(f"{PATH}/{one['id']}/conditions", role, GIVEN | WHY | said)


def preview(service, one, what, **said):
    answer = service.get(f"{PATH}/{one['id']}/{what}/preview", DATA, **said)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_withdrawn_stops_its_lines_at_once_and_the_preview_says_which(asked):
    house = asked.service
    one = support(house)
    assert refusals(asked) == []

    seen = preview(house, one, "withdrawal")
    assert refusals(asked) == [], "a preview changes nothing"
    house.pauses.clear()
    answer = house.post(f"{PATH}/{one['id']}/withdrawal", DATA, WHY)

    assert seen["agreements"] == [
        {"reference": REFERENCE, "stops": [2], "begins": [], "files_due": 0}
    ]
    assert seen["text"] == "stops 1 line of 1 agreement, and 0 files become due for destruction"
    assert (seen["not_as_sealed"], seen["unreadable"]) == ([], [])
    assert answer.status_code == 200, answer.text
    today = house.clock.now().date().isoformat()
    assert (answer.json()["withdrawn_on"], answer.json()["reason"]) == (today, WHY["reason"])
    assert house.pauses, "the answer waits until no lease is alive"
    assert refusals(asked) == [
        ("S251_EXPIRED", f"This section 251 approval was withdrawn on {today}.")
    ]
    again = house.post(f"{PATH}/{one['id']}/withdrawal", DATA, {"reason": "Another word."})
    assert again.json() == answer.json(), "again it changes nothing"
    assert house.audited().count("section-251-withdrawn") == 1
    assert preview(house, one, "withdrawal")["agreements"] == []
    assert not support(house)["in_force"]
    was = house.get(PATH, DATA, as_at="2018-05-31").json()["items"]
    assert [item["in_force"] for item in was if item["reference"] == CAG] == [True]


def test_what_was_withdrawn_does_not_go_on_under_its_reference(asked):
    house = asked.service
    one = support(house)
    house.post(f"{PATH}/{one['id']}/withdrawal", DATA, WHY)
    body = APPROVAL | {"reference": CAG, "controllers": None, "valid_to": "2024-09-30"}

    assert code(house.post(PATH, DATA, body)) == (409, "SUPPORT_WITHDRAWN")
    assert code(change(house, one)) == (409, "SUPPORT_WITHDRAWN")
    asked_of = f"{PATH}/{one['id']}/conditions/preview"
    assert code(house.get(asked_of, DATA, purpose="IV")) == (409, "SUPPORT_WITHDRAWN")
    assert support(house)["valid_to"] == one["valid_to"]
    house.clock.advance(timedelta(days=400).total_seconds())
    assert not support(house)["in_force"]


def test_a_support_for_others_stops_the_lines_that_it_does_not_cover_any_more(asked):
    house = asked.service
    one = support(house)
    stops = {"reference": REFERENCE, "stops": [2], "begins": [], "files_due": 0}

    assert preview(house, one, "conditions", purpose="RS")["agreements"] == [stops]
    of_another = {"purpose": "IV", "controller": "03L"}
    assert preview(house, one, "conditions", **of_another)["agreements"] == [stops]
    of_all = {"purpose": ["IV", "RS"], "controller": [CCG, "03L"]}
    assert preview(house, one, "conditions", **of_all)["agreements"] == []

    said = change(house, one, controllers=["03L"], conditions=["Opt-outs are upheld."]).json()
    assert refusals(asked) == [
        ("S251_EXPIRED", "This section 251 approval is limited to other controllers.")
    ]
    assert (said["controllers"], said["conditions"]) == (["03L"], ["Opt-outs are upheld."])
    assert (said["valid_from"], said["valid_to"]) == (one["valid_from"], one["valid_to"])
    seen = preview(house, one, "conditions", purpose="IV")
    assert seen["agreements"] == [stops | {"stops": [], "begins": [2]}]
    assert seen["text"].startswith("stops 0 lines of 0 agreements, opens 1 line of 1 agreement")
    assert change(house, one).json()["conditions"] == []
    assert refusals(asked) == []
    assert house.audited().count("section-251-conditions-changed") == 2
    leaves = len(house.audited())
    assert change(house, one, reason="The same again.").is_success
    assert len(house.audited()) == leaves, "the same again changes nothing"


def test_an_extension_keeps_the_conditions_unless_it_says_others(seeded):
    given = APPROVAL | {"conditions": ["Opt-outs are upheld."]}
    first = seeded.post(PATH, DATA, given)
    assert first.json()["conditions"] == ["Opt-outs are upheld."]

    extended = seeded.post(PATH, DATA, APPROVAL | {"valid_to": "2022-09-30"}).json()
    assert extended["conditions"] == ["Opt-outs are upheld."]
    bare = seeded.post(PATH, DATA, APPROVAL | {"valid_to": "2022-09-30", "conditions": []}).json()
    assert bare["conditions"] == []


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("withdrawal", WHY | {"reason": ""}, (422, "INVALID_REQUEST")),
        ("withdrawal", {}, (422, "INVALID_REQUEST")),
        ("conditions", GIVEN, (422, "INVALID_REQUEST")),
        ("conditions", GIVEN | WHY | {"purposes": []}, (422, "INVALID_REQUEST")),
        ("conditions", GIVEN | WHY | {"controllers": ["ZZZ"]}, (422, "ORGANISATION_UNKNOWN")),
        (
            "conditions",
            GIVEN | WHY | {"conditions": ["Not of 999 000 0018."]},
            (422, "PERSONAL_DATA_IN_TEXT"),
        ),
    ],
)
def test_bad_input_changes_nothing(seeded, path, body, expected):
    one = seeded.post(PATH, DATA, APPROVAL).json()
    leaves = seeded.audited()

    assert code(seeded.post(f"{PATH}/{one['id']}/{path}", DATA, body)) == expected
    sound = WHY if path == "withdrawal" else GIVEN | WHY
    assert code(seeded.post(f"{PATH}/{NOBODY}/{path}", DATA, sound)) == (404, "SUPPORT_NOT_FOUND")
    assert seeded.audited() == leaves
