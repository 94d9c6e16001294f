"""Staff in DSCRO roles, audits, the calendar and warnings, over HTTP."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from agreements.db.seals.sealed import SEALED
from agreements.records.adapters.workers import Announcer
from agreements.records.domain.oversight.lapses import OVER, LapseKind
from agreements.records.use_cases.oversight import lapses
from common.security.roles import Role
from services.agreements.tests.api.test_directions import DIRECTION
from services.agreements.tests.api.test_internal_instructions import instruction
from services.agreements.tests.api.test_opt_out_waivers import LETTER
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.api.test_registrations import APPROVAL, EVIDENCE, ICO
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE
from services.agreements.tests.service import APPROVER

STAFF, AUDITS = "/v1/staff-records", "/v1/audits"
GOVERNS = Role.INFORMATION_GOVERNANCE
RECORD = {
    "subject": "somebody",
    "organisation": "X26",
    "kind": "training",
    "reference": "DATA-SECURITY-AWARENESS",
    "valid_from": "2018-05-01",
    "valid_to": "2019-04-30",
}
SECONDED = RECORD | {"kind": "secondment", "reference": "yorkshire", "organisation": CSU}
PLAN = {
    "kind": "recipient",
    "organisation": CSU,
    "auditor": "Audit South LLP",
    "areas": ["access_control"],
    "planned_for": "2018-06-01",
}
REPORT = {
    "performed_on": "2018-05-31",
    "summary": "One leaver could still log in.",
    "findings": [{"number": 1, "area": "access_control", "grade": "minor", "text": "A leaver."}],
    "actions": [
        {"number": 1, "finding": 1, "text": "Close it.", "owner": CSU, "due": "2018-08-31"}
    ],
}


def recorded(service, who=None, **changes):
    return service.post(STAFF, GOVERNS, RECORD | changes, who=who)


def asked(service):
    """A relationship to which the DSCRO has not agreed."""
    body = {
        "commissioner": CCG,
        "dscro": "yorkshire",
        "csu": CSU,
        "service": "commissioning",
        "effective_from": "2018-04-01",
        "service_contract_reference": "SC-1",
        "contract_signed_on": "2018-01-10",
    }
    made = service.post("/v1/relationships", Role.CONTRACT_MANAGER, body).json()
    path = f"/v1/relationships/{made['id']}"
    service.post(f"{path}/contract-verification", Role.CONTRACT_MANAGER, {})
    return path


# Staff


def test_who_has_no_policy_or_training_in_date_agrees_to_nothing(seeded):
    path = asked(seeded)

    def agreed(**of):
        return seeded.post(f"{path}/dscro-agreement", Role.DSCRO_APPROVER, who="one", **of)

    refused = agreed()
    assert code(refused) == (403, "STAFF_NOT_CLEARED")
    assert [one["kind"] for one in refused.json()["missing"]] == ["policy", "training"]
    recorded(seeded, subject="one")
    assert [one["kind"] for one in agreed().json()["missing"]] == ["policy"]
    recorded(
        seeded,
        subject="one",
        kind="policy",
        reference="DSCRO-OPERATING-POLICY",
        valid_to=None,
    )
    assert seeded.get(path, Role.AUDITOR).json()["state"] == "CONTRACT_VERIFIED"
    seeded.clock.set(datetime(2019, 5, 1, 9, tzinfo=UTC))
    assert [one["reference"] for one in agreed().json()["missing"]] == ["DATA-SECURITY-AWARENESS"]
    seeded.clock.set(datetime(2019, 4, 30, 9, tzinfo=UTC))
    assert agreed(ods=CSU).json()["missing"] == [{"kind": "secondment", "reference": ""}]
    recorded(seeded, **SECONDED | {"subject": "one"})
    assert agreed(ods=CSU).json()["state"] == "DSCRO_AGREED"


def test_a_record_that_somebody_wrote_into_the_database_clears_nobody(seeded):
    path = asked(seeded)
    seeded.cleared(valid_to="2018-05-31")
    with seeded.parts.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE staff_record SET valid_to = '2099-01-01'")

    answer = seeded.post(f"{path}/dscro-agreement", Role.DSCRO_APPROVER)

    assert code(answer) == (409, "SEAL_BROKEN")


def test_nobody_records_their_own_training(seeded):
    own = recorded(seeded, who="me", subject="me")
    spelt = recorded(seeded, who="me", subject="ME")
    other = recorded(seeded, who="me")
    record_id = other.json()["id"]
    ended = seeded.post(
        f"{STAFF}/{record_id}/ending", GOVERNS, {"last_day": "2018-06-30"}, who="somebody"
    )

    assert code(own) == code(spelt) == code(ended) == (403, "STAFF_RECORD_OF_ONESELF")
    assert [r["valid_to"] for r in listed(seeded)] == ["2019-04-30"]


def listed(service, role=Role.AUDITOR):
    return service.get(STAFF, role).json()["items"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"valid_to": "2018-04-30"}, (422, "INVALID_REQUEST")),
        ({"valid_to": None}, (422, "INVALID_REQUEST")),
        ({"reference": "COOKING"}, (422, "STAFF_REQUIREMENT_UNKNOWN")),
        ({"valid_from": "2013-03-31"}, (422, "ORGANISATION_UNKNOWN")),
        ({"organisation": "ZZZ"}, (422, "ORGANISATION_UNKNOWN")),
        ({"subject": "9990000018"}, (422, "PERSONAL_DATA_IN_TEXT")),
    ],
)
def test_what_fits_no_rule_is_refused_and_nothing_is_recorded(seeded, changes, expected):
    answer = recorded(seeded, **changes)

    assert code(answer) == expected
    assert listed(seeded) == []


def test_a_person_is_seconded_once_at_a_time_and_a_secondment_is_ended(seeded):
    first = recorded(seeded, **SECONDED).json()
    overlapping = recorded(
        seeded, **SECONDED | {"organisation": OTHER_CSU, "valid_from": "2018-08-01"}
    )
    assert code(overlapping) == (409, "STAFF_RECORD_OVERLAPS")
    path = f"{STAFF}/{first['id']}/ending"
    early = seeded.post(path, GOVERNS, {"last_day": "2018-04-30"})
    assert code(early) == (422, "STAFF_RECORD_ENDS_BEFORE_IT_BEGINS")
    assert seeded.post(path, GOVERNS, {"last_day": "2018-07-31"}).status_code == 200
    again = recorded(seeded, **SECONDED | {"organisation": OTHER_CSU, "valid_from": "2018-08-01"})
    assert again.status_code == 201


def test_whoever_acts_for_a_dscro_sees_their_own_records_alone(seeded):
    recorded(seeded)
    seeded.cleared()
    query = {"organisation": "X26"}

    own = seeded.get(f"{STAFF}/{APPROVER}/clearance", Role.DSCRO_APPROVER, **query).json()
    other = seeded.get(f"{STAFF}/somebody/clearance", Role.DSCRO_APPROVER, **query)
    staff = seeded.get(f"{STAFF}/somebody/clearance", GOVERNS, **query).json()

    assert (own["is_cleared"], own["until"]) == (True, "2099-04-30")
    assert {r["subject"] for r in listed(seeded, Role.DSCRO_APPROVER)} == {APPROVER}
    assert code(other) == (404, "STAFF_RECORD_NOT_FOUND")
    assert [one["kind"] for one in staff["missing"]] == ["policy"]
    assert len(listed(seeded)) == 3


# Audits


def planned(service, **changes):
    return service.post(AUDITS, Role.CONTRACT_MANAGER, PLAN | changes)


def closed(service, path):
    def done(step, role, body=None):
        answer = service.post(f"{path}/{step}", role, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    done("report", Role.AUDITOR, REPORT)
    done("publication", Role.REGISTER_PUBLISHER)
    refused = service.post(
        f"{path}/follow-up", Role.AUDITOR, {"reviewed_on": "2018-06-01", "outcome": "Not yet."}
    )
    assert code(refused) == (409, "AUDIT_ACTIONS_OPEN")
    done(
        "actions/1/completion",
        Role.CONTRACT_MANAGER,
        {"done_on": "2018-06-01", "evidence": "Screenshots of the directory."},
    )
    return done("follow-up", Role.AUDITOR, {"reviewed_on": "2018-06-01", "outcome": "It is done."})


def test_an_audit_is_public_from_its_publication_and_says_what_became_of_it(seeded):
    audit = planned(seeded).json()
    register = f"/v1/registers/audits/{audit['reference']}"
    hidden = seeded.client.get(register)

    after = closed(seeded, f"{AUDITS}/{audit['id']}")

    assert code(hidden) == (404, "AUDIT_NOT_FOUND")
    public = seeded.client.get(register).json()
    assert (after["state"], public["state"]) == ("CLOSED", "CLOSED")
    assert public["findings"] == REPORT["findings"]
    assert public["actions"] == [REPORT["actions"][0] | {"done_on": "2018-06-01"}]
    assert "Screenshots" not in seeded.client.get(register).text
    assert [a["reference"] for a in seeded.client.get("/v1/registers/audits").json()["items"]] == [
        audit["reference"]
    ]
    assert [a for a in seeded.audited() if a.startswith("audit-")] == [
        "audit-planned",
        "audit-reported",
        "audit-published",
        "audit-action-completed",
        "audit-followed-up",
    ]


def test_an_organisation_is_shown_its_own_audit_and_no_other(seeded):
    path = f"{AUDITS}/{planned(seeded).json()['id']}"

    assert seeded.get(path, Role.PROCESSOR_CONTACT).status_code == 200
    assert code(seeded.get(path, Role.PROCESSOR_CONTACT, ods=OTHER_CSU)) == (404, "AUDIT_NOT_FOUND")


def test_the_scope_fits_whom_the_audit_is_of(seeded):
    seeded.active()
    of_service = planned(seeded, kind="service")
    of_another = planned(seeded, organisation=OTHER_CSU, agreement=REFERENCE)
    of_none = planned(seeded, agreement="DARS-NIC-999999-Z9Z9Z")

    assert code(of_service) == code(of_another) == (422, "AUDIT_SCOPE")
    assert code(of_none) == (404, "AGREEMENT_NOT_FOUND")
    assert seeded.get(AUDITS, Role.AUDITOR).json()["items"] == []
    assert planned(seeded, agreement=REFERENCE).status_code == 201
    assert planned(seeded, kind="service", organisation="X26").status_code == 201


def test_a_report_whose_numbers_do_not_fit_is_refused(seeded):
    path = f"{AUDITS}/{planned(seeded).json()['id']}/report"
    twice = REPORT | {"findings": REPORT["findings"] * 2}
    of_none = REPORT | {"findings": []}

    for body in (twice, of_none):
        assert seeded.post(path, Role.AUDITOR, body).status_code == 422
    to_come = REPORT | {"performed_on": "2018-06-02"}
    assert code(seeded.post(path, Role.AUDITOR, to_come)) == (422, "AUDIT_DATES")


def test_a_finding_is_in_the_scope_and_whoever_has_to_act_is_known(seeded):
    path = f"{AUDITS}/{planned(seeded).json()['id']}/report"
    finding, action = REPORT["findings"][0], REPORT["actions"][0]
    before = seeded.audited()

    beside = REPORT | {"findings": [finding, finding | {"number": 2, "area": "data_destruction"}]}
    refused = seeded.post(path, Role.AUDITOR, beside)
    unknown = seeded.post(path, Role.AUDITOR, REPORT | {"actions": [action | {"owner": "ZZZ9"}]})

    assert (code(refused), refused.json()["findings"]) == ((422, "AUDIT_SCOPE"), [2])
    assert code(unknown) == (422, "ORGANISATION_UNKNOWN")
    assert seeded.audited() == before
    assert seeded.post(path, Role.AUDITOR, REPORT).status_code == 200


# What lapses


def everything(service):
    """One of each kind that lapses, between 3 and 80 days ahead of the first of June 2018."""
    data = Role.REFERENCE_DATA_MANAGER

    def done(answer):
        assert answer.is_success, answer.text
        return answer.json()

    condition = {"id": "c-1", "text": "Publish the notice.", "due": "2018-06-15", "owner": CCG}
    service.contract(end="2018-06-20")
    service.sign_all(service.draft(end="2018-07-20", special_conditions=[condition]))
    relationship = service.relationship()
    ending = f"/v1/relationships/{relationship['id']}/ending"
    done(service.post(ending, Role.CONTRACT_MANAGER, {"last_day": "2018-06-30"}))
    done(
        service.post(
            "/v1/section-251-approvals",
            data,
            APPROVAL
            | {"valid_from": "2018-01-01", "valid_to": "2018-07-01", "review_on": "2018-06-10"},
        )
    )
    done(
        service.post(
            "/v1/ico-registrations",
            data,
            ICO | {"valid_from": "2018-01-01", "valid_to": "2018-06-18"},
        )
    )
    done(service.post("/v1/assurance", data, EVIDENCE | {"expires_on": "2018-06-25"}))
    register = f"organisation,hosted_for,valid_from,valid_to\n{CSU},,2014-04-01,2018-07-11\n"
    path = "/v1/environment-registers/ceff/imports"
    done(service.upload(path, register, data, listed_on="2018-05-01"))
    right = {
        "submitter": CSU,
        "provider": CCG,
        "valid_from": "2018-04-01",
        "valid_to": "2018-08-01",
        "evidence": "Hosting",
    }
    batch = done(service.post("/v1/submission-rights", data, right, who="one"))["id"]
    path = f"/v1/submission-rights/{batch}/confirmation"
    done(service.post(path, Role.CONTRACT_MANAGER, {"reason": "Seen."}, who="two"))
    done(recorded(service, valid_to="2018-07-02"))
    done(
        recorded(service, kind="policy", reference="DSCRO-OPERATING-POLICY", valid_to="2018-07-03")
    )
    done(recorded(service, **SECONDED | {"valid_to": "2018-07-04"}))
    audit = done(planned(service))
    done(
        service.post(
            f"{AUDITS}/{audit['id']}/report",
            Role.AUDITOR,
            REPORT | {"actions": [REPORT["actions"][0] | {"due": "2018-07-05"}]},
        )
    )
    own = done(planned(service, kind="service", organisation="X26"))
    done(service.post(f"{AUDITS}/{own['id']}/report", Role.AUDITOR, REPORT | {
        "performed_on": "2017-08-01"}))  # fmt: skip
    done(service.post("/v1/directions", data, DIRECTION | {"valid_to": "2018-07-06"}))
    letter = done(service.post("/v1/opt-out-waivers", data, LETTER | {"valid_to": "2018-07-07"}))
    path = f"/v1/opt-out-waivers/{letter['id']}/confirmation"
    done(service.post(path, Role.CONTRACT_MANAGER, {"reason": "Seen."}, who="two"))
    ctx = service.parts.context(Role.CONTRACT_MANAGER)
    with ctx.uow.writing() as tx:  # of an agreement of which the Body is a controller: none here
        days = {"valid_from": date(2018, 4, 1), "valid_to": date(2018, 7, 8)}
        signed = instruction(reference="II-1", agreement=REFERENCE, **days)
        entry = ctx.entry("internal-instruction-recorded", "internal-instructions", at=tx.at)
        tx.internal_instructions.save(signed, audit=entry)
    return audit, own


def calendar(service, role=Role.AUDITOR, **query):
    answer = service.get("/v1/lapses", role, **query)
    assert answer.status_code == 200, answer.text
    return [(one["kind"], one["ends_on"]) for one in answer.json()["items"]]


def test_the_calendar_has_one_of_each_kind_in_order(seeded):
    everything(seeded)

    assert (
        calendar(seeded)
        == [
            ("section_251_review", "2018-06-10"),
            ("special_condition", "2018-06-15"),
            ("ico_registration", "2018-06-18"),
            ("contract", "2018-06-20"),
            ("assurance", "2018-06-25"),
            ("relationship", "2018-06-30"),
            ("section_251", "2018-07-01"),
            ("training", "2018-07-02"),
            ("policy", "2018-07-03"),
            ("secondment", "2018-07-04"),
            ("audit_action", "2018-07-05"),
            ("direction", "2018-07-06"),
            ("opt_out_waiver", "2018-07-07"),
            ("internal_instruction", "2018-07-08"),
            ("listed_environment", "2018-07-11"),
            ("agreement", "2018-07-20"),
            ("submission_right", "2018-08-01"),
            ("yearly_audit", "2018-08-01"),
            ("audit_action", "2018-08-31"),
        ][:18]
    )
    assert {kind for kind, _ in calendar(seeded)} == {kind.value for kind in LapseKind}
    own = {kind for kind, _ in calendar(seeded, Role.CONTROLLER_SIGNATORY)}
    assert own == {
        *("special_condition", "ico_registration", "contract", "relationship"),
        *("agreement", "submission_right", "section_251", "section_251_review"),
    }
    assert calendar(seeded, kind="training", last="2019-06-01") == [("training", "2018-07-02")]
    assert calendar(seeded, kind="special_condition") == [("special_condition", "2018-06-15")]
    assert "somebody" not in seeded.get("/v1/lapses", Role.AUDITOR).text
    assert {tuple(unlike) for _, unlike in unlike_seals(seeded)} == {()}
    written_past(seeded)
    assert dict(unlike_seals(seeded)) == {
        kind.value: [SAID_BY.get(kind, kind.value)] for kind in LapseKind
    }


SAID_BY = {
    LapseKind.SPECIAL_CONDITION: "agreement",
    LapseKind.SECTION_251: "section_251_approval",
    LapseKind.SECTION_251_REVIEW: "section_251_approval",
    LapseKind.POLICY: "staff_record",
    LapseKind.TRAINING: "staff_record",
    LapseKind.SECONDMENT: "staff_record",
    LapseKind.AUDIT_ACTION: "audit",
    LapseKind.YEARLY_AUDIT: "audit",
}
"""By kind: the table of what ends, where it is called otherwise."""


def written_past(service):
    """Alter every row of which the calendar is made, in a column of which it shows nothing."""
    with service.parts.engine.begin() as connection:
        for table in sorted({SAID_BY.get(kind, kind.value) for kind in LapseKind}):
            done = f"UPDATE {table} SET recorded_at = '2001-01-01 00:00:00.000000'"
            assert connection.execute(text(done)).rowcount > 0, table


def unlike_seals(service):
    items = service.get("/v1/lapses", Role.AUDITOR).json()["items"]
    return [(one["kind"], one["not_as_sealed"]) for one in items]


def test_what_another_goes_on_from_does_not_end(seeded):
    recorded(seeded, valid_to="2018-06-20")
    recorded(seeded, valid_from="2018-06-22", valid_to="2020-06-20")
    assert calendar(seeded) == [("training", "2018-06-20")]

    recorded(seeded, valid_from="2018-06-21", valid_to="2020-06-20")

    assert calendar(seeded) == []


def test_a_letter_ends_unless_others_go_on_for_all_its_data_sets(seeded):
    def letter(reference, second=True, **changes):
        body = LETTER | {"reference": reference} | changes
        made = seeded.post("/v1/opt-out-waivers", Role.REFERENCE_DATA_MANAGER, body).json()
        if second:
            path = f"/v1/opt-out-waivers/{made['id']}/confirmation"
            seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "Seen."}, who="two")

    after = {"valid_from": "2018-07-01"}
    letter("A", valid_to="2018-06-30", data_sets=["SUS_APC", "SUS_OP"])
    ends = [("opt_out_waiver", "2018-06-30")]
    assert calendar(seeded) == ends
    letter("B", **after, second=False)
    letter("C", **after, purpose="RS")
    letter("D", valid_from="2018-07-02")
    letter("E", **after, data_sets=["SUS_APC"])
    assert calendar(seeded) == ends
    letter("F", **after, data_sets=["SUS_OP", "SUS_AE"])
    assert calendar(seeded) == []


def test_what_cannot_be_read_hides_nothing_of_another_kind_and_is_named(seeded):
    """Else one row that somebody wrote past the service would silence every warning."""
    seeded.contract(end="2018-06-20")
    seeded.sign_all(seeded.draft(end="2018-06-25"))
    recorded(seeded, valid_to="2018-06-22")
    with seeded.parts.engine.begin() as connection:
        connection.execute(text("UPDATE staff_record SET kind = 'x'"))
        connection.execute(text("UPDATE agreement_party SET capacity = 'x'"))

    answer = seeded.get("/v1/lapses", Role.AUDITOR).json()

    assert [one["kind"] for one in answer["items"]] == ["contract"]
    assert {*answer["incomplete"]} >= {"agreement", "training", "policy", "secondment"}
    assert calendar(seeded, kind="contract") == [("contract", "2018-06-20")]
    Announcer(seeded.parts.context(Role.SYSTEM_CLOCK), every_seconds=1).turn()
    assert warned(seeded) == [("contract", 30)]


NO_LAPSE = {
    ("organisation", "valid_to"): "the published list says it, and an instrument who follows",
    ("audit", "planned_for"): "the yearly audit is due a year after the last, planned or not",
    ("lapse_warning", "ends_on"): "the warning itself",
    **dict.fromkeys(
        [
            *(
                (table, "valid_from")
                for table in (
                    *(
                        "organisation",
                        "transfer_instrument",
                        "listed_environment",
                        "domain_transfer",
                    ),
                    *("map_snapshot", "contract", "agreement_version", "relationship"),
                    *("ico_registration", "section_251_approval", "submission_right"),
                    *("staff_record", "direction", "opt_out_waiver", "internal_instruction"),
                )
            ),
        ],
        "a beginning",
    ),
    **dict.fromkeys(
        [
            *(("listed_environment", "listed_on"), ("relationship", "contract_signed_on")),
            *(("assurance", "published_on"), ("assurance", "seen_on")),
            *(("publication", "published_on"), ("import", "snapshot_on")),
            *(("onward_share", "shared_on"), ("opt_out_waiver", "dated")),
            *(("audit", "performed_on"), ("audit", "reviewed_on")),
            ("section_251_approval", "withdrawn_on"),
        ],
        "what has been",
    ),
}
ENDING_BY = {
    ("contract", "valid_to"): LapseKind.CONTRACT,
    ("agreement_version", "valid_to"): LapseKind.AGREEMENT,
    ("special_condition", "due"): LapseKind.SPECIAL_CONDITION,
    ("section_251_approval", "valid_to"): LapseKind.SECTION_251,
    ("section_251_approval", "review_on"): LapseKind.SECTION_251_REVIEW,
    ("assurance", "expires_on"): LapseKind.ASSURANCE,
    ("assurance", "plan_until"): LapseKind.ASSURANCE,
    ("ico_registration", "valid_to"): LapseKind.ICO_REGISTRATION,
    ("listed_environment", "valid_to"): LapseKind.LISTED_ENVIRONMENT,
    ("submission_right", "valid_to"): LapseKind.SUBMISSION_RIGHT,
    ("relationship", "valid_to"): LapseKind.RELATIONSHIP,
    ("staff_record", "valid_to"): LapseKind.TRAINING,
    ("direction", "valid_to"): LapseKind.DIRECTION,
    ("opt_out_waiver", "valid_to"): LapseKind.OPT_OUT_WAIVER,
    ("internal_instruction", "valid_to"): LapseKind.INTERNAL_INSTRUCTION,
}


def test_every_day_of_a_sealed_table_is_warned_of_or_said_why_not():
    """Who adds a fact with a last day decides whether somebody has to be warned of it."""
    days = {
        (sealed.table.name, column.name)
        for sealed in SEALED.values()
        for column in sealed.table.c
        if column.type.python_type is date
    }

    assert days == {*ENDING_BY, *NO_LAPSE}


def test_a_calendar_that_is_too_long_or_turned_round_is_refused(seeded):
    for query in ({"last": "2018-05-31"}, {"first": "2018-01-01", "last": "2021-01-01"}):
        assert code(seeded.get("/v1/lapses", Role.AUDITOR, **query)) == (422, "CALENDAR_TOO_LONG")


def warned(service, role=Role.AUDITOR, **query):
    items = service.get("/v1/lapse-warnings", role, **query).json()["items"]
    return [(one["kind"], one["days"]) for one in items]


def test_each_warning_is_given_once_as_an_event_to_whom_it_concerns(seeded):
    seeded.contract(end="2018-08-30")
    ctx = seeded.parts.context(Role.SYSTEM_CLOCK)
    said = []
    for day in range(95):
        seeded.clock.set(datetime(2018, 6, 1, 9, tzinfo=UTC) + timedelta(days=day))
        if lapses.warn(ctx=ctx):
            said.append(day)

    assert said == [0, 60, 83, 91], "and on the first day after its last that it is over"
    assert (
        warned(seeded)
        == warned(seeded, Role.CONTROLLER_SIGNATORY)
        == [
            ("contract", 90),
            ("contract", 30),
            ("contract", 7),
            ("contract", OVER),
        ]
    )
    assert warned(seeded, Role.PROCESSOR_CONTACT) == []
    events = [e for e in seeded.outbox() if e.type == "agreements.lapse-ahead.v1"]
    assert [e.data["days"] for e in events] == [90, 30, 7, 0]
    assert {tuple(e.data["organisations"]) for e in events} == {(CCG,)}
    assert seeded.audited().count("lapses-warned") == 4


def test_after_a_standstill_over_all_three_what_is_still_true_is_said_once(seeded):
    everything(seeded)
    ctx = seeded.parts.context(Role.SYSTEM_CLOCK)
    seeded.clock.set(datetime(2018, 7, 1, 9, tzinfo=UTC))

    assert (lapses.warn(ctx=ctx), lapses.warn(ctx=ctx)) == (19, 0)

    assert sorted(warned(seeded)) == sorted(
        [
            *((kind, OVER) for kind in ("section_251_review", "special_condition", "contract")),
            *((kind, OVER) for kind in ("ico_registration", "assurance", "relationship")),
            *((kind, 7) for kind in ("section_251", "training", "policy", "secondment")),
            ("audit_action", 7),
            *((kind, 7) for kind in ("direction", "opt_out_waiver", "internal_instruction")),
            *((kind, 30) for kind in ("listed_environment", "agreement")),
            *((kind, 90) for kind in ("submission_right", "yearly_audit", "audit_action")),
        ]
    )
    assert warned(seeded, ends_from="2018-08-02") == [("audit_action", 90)]

    seeded.clock.set(datetime(2018, 9, 10, 9, tzinfo=UTC))  # past the end of all of them
    assert (lapses.warn(ctx=ctx), lapses.warn(ctx=ctx)) == (13, 0)
    over = [kind for kind, days in warned(seeded) if days == OVER]
    assert sorted(over) == sorted([*LapseKind, LapseKind.AUDIT_ACTION])


def test_the_announcer_looks_once_a_day(seeded):
    announcer = Announcer(seeded.parts.context(Role.SYSTEM_CLOCK), every_seconds=1)
    announcer.turn()
    seeded.contract(end="2018-06-05")

    announcer.turn()
    assert warned(seeded) == []
    seeded.clock.set(datetime(2018, 6, 2, 0, 30, tzinfo=UTC))
    announcer.turn()
    assert warned(seeded) == [("contract", 7)]
