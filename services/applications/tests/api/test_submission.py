"""What a submission is refused for, over HTTP: the code, all of them, and nothing written."""

import json

import pytest

from common.security.roles import Role
from services.applications.tests.answers import (
    CCG,
    CSU,
    NAMES,
    SECOND,
    complete,
    with_identifiable_line,
    with_second_controller,
)
from services.applications.tests.world import judgement, organisation


def edited(path, value, raw=None):
    raw = raw or complete()
    *way, last = path
    node = raw
    for part in way:
        node = node[part]
    node[last] = value
    return raw


def no_contract_of_the_second(wire):
    wire.answers[f"/v1/contracts?organisation={SECOND}"] = {"items": []}


def dspt(status, **changes):
    def change(wire):
        wire.answers[f"/v1/assurance?organisation={CSU}"] = {
            "judgement": judgement(accepted=False, reason=status, **changes)
        }

    return change


def nothing(_wire):
    pass


REFUSED = [
    (
        "A02",
        "DSFC_NOT_IN_FORCE",
        lambda: with_second_controller(complete()),
        no_contract_of_the_second,
    ),
    (
        "A04",
        "START_IN_PAST",
        lambda: edited([1], {"start": "2021-05-24", "end": "2022-05-23"}),
        nothing,
    ),
    (
        "A05",
        "START_TOO_FAR",
        lambda: edited([1], {"start": "2022-06-25", "end": "2023-01-01"}),
        nothing,
    ),
    ("A06", "TERM_TOO_LONG", lambda: edited([1, "end"], "2024-06-01"), nothing),
    (
        "A07",
        "TERM_TOO_LONG",
        lambda: edited(
            [13],
            {"commercial": True, "benefit_to_health": "Cheaper scans."},
            edited([1, "end"], "2023-05-31"),
        ),
        nothing,
    ),
    (
        "A08",
        "S251_ENDS_FIRST",
        lambda: with_identifiable_line(complete(), expires="2022-03-31", alone=True),
        nothing,
    ),
    (
        "A11",
        "OPERATOR_NOT_A_PARTY",
        lambda: edited([4, "locations", 0, "operator"], "8HV94"),
        nothing,
    ),
    ("A12", "OUTSIDE_TERRITORY", lambda: edited([4, "locations", 0, "country"], "US"), nothing),
    ("A13", "ASSURANCE_NOT_ACCEPTED", complete, dspt("not published", evidence=None)),
    ("A15", "ASSURANCE_NOT_ACCEPTED", complete, dspt("former edition, too old")),
    (
        "A16",
        "INSTRUCTIONS_NOT_CONFIRMED",
        lambda: edited([3, "processors", 0, "documented_instructions"], False),
        nothing,
    ),
    (
        "A17",
        "SCHEDULE_1_MISSING",
        lambda: edited([2, "controllers", 0, "dpa_2018_schedule_1"], []),
        nothing,
    ),
    ("A18", "COMMERCIAL_PURPOSE_REFUSED", lambda: edited([13, "marketing"], True), nothing),
    (
        "A19",
        "FIELD_WITHOUT_REASON",
        lambda: edited([7, "lines", 0, "fields", 0, "reason"], ""),
        nothing,
    ),
    (
        "A20",
        "CONFIDENTIALITY_MISSING",
        lambda: edited(
            [16, "lines", 1], {"line": 2, "route": "none"}, with_identifiable_line(complete())
        ),
        nothing,
    ),
    (
        "A21",
        "OPT_OUT_REASON_CONTRADICTS",
        lambda: edited(
            [8, "lines"],
            [{"line": n, "applied": False, "reason": "no_identifying_data"} for n in (1, 2)],
            with_identifiable_line(complete()),
        ),
        nothing,
    ),
    ("A28", "NOT_CONSULTED_WITHOUT_REASON", lambda: edited([7, "consultation"], {}), nothing),
]


@pytest.mark.parametrize(
    ("code", "spoil", "change"),
    [
        pytest.param(code, spoil, change, marks=pytest.mark.scenario(number), id=number)
        for number, code, spoil, change in REFUSED
    ],
)
def test_a_submission_is_refused_with_its_code_and_nothing_is_written(
    people, draft, wire, code, spoil, change
):
    change(wire)
    path = draft(spoil())
    before = people.editor.get(path).json()
    shown = people.editor.get(f"{path}/findings").json()

    refused = people.editor.post(f"{path}/submission")

    assert refused.status_code == 403
    problem = refused.json()
    assert code in {refusal["code"] for refusal in problem["refusals"]}
    # What is refused was to be seen before.
    assert problem["findings"] == shown["findings"]
    assert not shown["can_be_submitted"]
    assert people.editor.get(path).json() == before
    history = people.editor.get(f"{path}/history").json()["items"]
    assert "submit" not in {line["verb"] for line in history}


ACCEPTED = [
    ("A06", None, lambda: edited([1, "end"], "2024-05-31"), nothing),
    ("A13", None, complete, nothing),
    (
        "A08",
        "LINE_CAPPED_BY_S251",
        lambda: with_identifiable_line(complete(), expires="2022-03-31"),
        nothing,
    ),
    (
        "A14",
        "ASSURANCE_UNDER_PLAN",
        complete,
        lambda wire: wire.answers.update(
            {
                f"/v1/assurance?organisation={CSU}": {
                    "judgement": judgement(
                        evidence={
                            "kind": "DSPT",
                            "reference": "20/21",
                            "status": "APPROACHING_STANDARDS",
                            "plan_accepted": True,
                            "plan_until": "2021-09-30",
                        }
                    )
                }
            }
        ),
    ),
    ("A21", None, complete, nothing),
    (
        "A28",
        "NOT_CONSULTED",
        lambda: edited([7, "consultation"], {"reason_not_consulted": "It was closed."}),
        nothing,
    ),
]


@pytest.mark.parametrize(
    ("warning", "given", "change"),
    [
        pytest.param(warning, given, change, marks=pytest.mark.scenario(number), id=number)
        for number, warning, given, change in ACCEPTED
    ],
)
def test_a_submission_is_accepted_with_its_warning(people, draft, wire, warning, given, change):
    change(wire)
    path = draft(given())

    found = people.editor.get(f"{path}/findings").json()["findings"]
    submitted = people.editor.post(f"{path}/submission")

    assert [(f["code"], f["severity"]) for f in found] == ([(warning, "warn")] if warning else [])
    assert submitted.json()["state"] == "SUBMITTED"
    frozen = people.agreements.get(f"/v1/snapshots/{submitted.json()['snapshot_hash']}").json()
    conditions = [(c["id"], c["due"], c["owner"]) for c in frozen["special_conditions"]]
    is_planned = warning == "ASSURANCE_UNDER_PLAN"
    assert conditions == ([("assurance-plan-0DF", "2021-09-30", "0DF")] if is_planned else [])


def test_the_refusal_names_every_finding_at_once(people, draft):
    raw = complete()
    raw[19]["confirmed"] = False
    raw[3]["processors"][0]["documented_instructions"] = False
    raw[6]["registrations"][0]["expires"] = "2022-01-01"

    problem = people.editor.post(f"{draft(raw)}/submission").json()

    assert problem["code"] == "INSTRUCTIONS_NOT_CONFIRMED"
    assert [r["code"] for r in problem["refusals"]] == [
        "INSTRUCTIONS_NOT_CONFIRMED",
        "NOTICE_NOT_CONFIRMED",
    ]
    assert [f["code"] for f in problem["findings"]] == [
        "INSTRUCTIONS_NOT_CONFIRMED",
        "ICO_EXPIRES_IN_TERM",
        "NOTICE_NOT_CONFIRMED",
    ]


def test_an_offer_says_what_would_be_accepted(people, draft):
    found = people.editor.get(f"{draft(edited([1, 'end'], '2024-06-01'))}/findings").json()

    assert [(f["code"], f["offer"]) for f in found["findings"]] == [("TERM_TOO_LONG", "2024-05-31")]


def test_codes_are_read_as_agreements_does_whoever_wrote_which_form(people, draft, wire):
    """02P00 is 02P: every check compares, and what is frozen names, the code of itself."""
    wire.answers["/v1/organisations/02P00"] = organisation(CCG, NAMES[CCG])
    raw = json.loads(json.dumps(complete()).replace('"02P"', '"02P00"'))
    path = draft({int(number): answer for number, answer in raw.items()})

    found = people.editor.get(f"{path}/findings").json()
    sent = people.editor.post(f"{path}/submission")

    assert found["can_be_submitted"] is True
    assert {(f["code"], f["offer"]) for f in found["findings"]} == {("SPELLING_CORRECTED", CCG)}
    assert "/sections/2/controllers/0/ods" in {f["pointer"] for f in found["findings"]}
    assert sent.status_code == 200, sent.text
    frozen = people.agreements.get(f"/v1/snapshots/{sent.json()['snapshot_hash']}")
    assert "02P00" not in frozen.text
    same = people(Role.APPLICANT_EDITOR, "02P00", "another")
    assert same.get(path).json()["organisation"] == CCG
    seconded = people(Role.DARS_CASE_OFFICER, "02P00", "seconded")
    refused = seconded.post(f"{path}/review")
    assert (refused.status_code, refused.json()["code"]) == (403, "OWN_ORGANISATION")


def test_who_decides_is_told_apart_from_who_applies_or_nothing_is_decided(people, draft, wire):
    path = draft()
    assert people.editor.post(f"{path}/submission").status_code == 200
    wire.is_away = True

    answer = people(Role.DARS_CASE_OFFICER, "02P00", "seconded").post(f"{path}/review")

    assert (answer.status_code, answer.json()["code"]) == (404, "APPLICATION_NOT_FOUND")


def test_with_agreements_away_it_is_503_and_nothing_is_written(people, draft, wire):
    path = draft()
    before = people.editor.get(path).json()
    wire.is_away = True

    refused = people.editor.post(f"{path}/submission")
    shown = people.editor.get(f"{path}/findings").json()

    assert (refused.status_code, refused.json()["code"]) == (503, "AGREEMENTS_UNAVAILABLE")
    assert refused.headers["Retry-After"]
    assert people.editor.get(path).json() == before
    assert (shown["facts_available"], shown["can_be_submitted"]) == (False, False)
    assert [f["code"] for f in shown["findings"]] == ["FACTS_UNAVAILABLE"]
    wire.is_away = False
    assert people.editor.post(f"{path}/submission").status_code == 200


def test_findings_can_be_asked_for_from_the_first_moment(people, draft):
    found = people.editor.get(f"{draft({})}/findings").json()

    assert {f["code"] for f in found["findings"]} == {"SECTION_MISSING"}
    assert len(found["findings"]) == 20
    assert found["as_at"] == "2021-05-25"


def test_the_difference_of_the_standards_is_shown_before(people, draft, clock):
    path = draft({})
    assert people.editor.get(f"{path}/findings").json()["standards_changed"] == []
    clock.set(clock.now().replace(year=2023))

    changed = people.editor.get(f"{path}/findings").json()["standards_changed"]

    assert changed[0] == {
        "number": 1,
        "title": "Term of Data Sharing Agreement",
        "change": "replaced",
        "kept": "v1.0",
        "in_force": "v2.1",
        "since": "2022-08-09",
    }
    assert people.editor.get(path).json()["standards"]["1"] == "v1.0"


def test_a_submission_is_judged_by_the_set_of_its_day(people, draft, clock):
    path = draft({})
    clock.set(clock.now().replace(year=2023))
    raw = complete()
    raw[1] = {"start": "2023-06-01", "end": "2026-05-31"}
    raw[11]["outputs"][0]["target"] = raw[12]["benefits"][0]["due"] = "2024-06-30"
    raw[6]["registrations"] = [{**r, "expires": "2027-01-01"} for r in raw[6]["registrations"]]
    for number, answers in raw.items():
        people.editor.put(f"{path}/sections/{number}", json=answers)

    submitted = people.editor.post(f"{path}/submission")

    assert submitted.status_code == 200
    assert submitted.json()["standards"]["1"] == "v2.1"


def test_columns_that_undo_one_another_are_not_handed_in(people, draft):
    fields = [
        {"name": name, "treatment": "derived", "reason": "Need differs by area."}
        for name in ("Der_PostCode_Sector", "Der_Postcode_LSOA_2011_Code")
    ]
    path = draft(edited([7, "lines", 0, "fields"], fields))

    found = people.editor.get(f"{path}/findings").json()
    assert found["can_be_submitted"] is False
    assert [(f["code"], f["pointer"], f["offer"]) for f in found["findings"]] == [
        (
            "CAP_UNDONE",
            "/sections/7/lines/0/fields/1",
            "Leave out Der_Postcode_LSOA_2011_Code, or Der_PostCode_Sector.",
        )
    ]
    refused = people.editor.post(f"{path}/submission")
    assert refused.status_code == 403
    assert refused.json()["findings"] == found["findings"]
