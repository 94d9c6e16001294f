"""Templates, bulk issue and agreements in force already: two people, all or nothing (ruling 19)."""

import io
import json
from datetime import date

import openpyxl
import pytest
from sqlalchemy import text

from common.clock import start_of
from common.ids import canonical, digest, new_id
from common.security.roles import Role
from services.agreements.tests.api.test_desk import leaves, together, waiting
from services.agreements.tests.api.test_organisations import imported
from services.agreements.tests.bulk import (
    BATCHES,
    HEADER,
    IN_FORCE,
    NAME,
    TEMPLATES,
    WHY,
    confirm,
    issue,
    issued_and_signed,
    ready,
    registered,
    template,
)
from services.agreements.tests.facts import (
    CCG,
    CSU,
    OTHER_CCG,
    REFERENCE,
    line,
    snapshot,
)
from services.agreements.tests.service import BODY, ORGANISATIONS

ROW = f"{OTHER_CCG},Commissioning for Northumberland,2018-07-01,2021-03-31,\n"
PAPER = "sha256:" + "a" * 64


def code(answer):
    return answer.status_code, answer.json().get("code")


def references(service):
    answer = service.get("/v1/agreements", Role.CONTRACT_MANAGER)
    return [one["reference"] for one in answer.json()["items"]]


def shown(service, reference):
    return service.get(f"/v1/agreements/{reference}", Role.CONTRACT_MANAGER).json()


def errors(answer):
    assert code(answer) == (422, "IMPORT_REFUSED"), answer.text
    return [
        (one["line"], one["column"] or one["detail"].split(":")[0])
        for one in answer.json()["errors"]
    ]


@pytest.fixture(name="ready")
def ready_to_issue(seeded):
    return ready(seeded)


# Templates


def test_a_template_is_made_of_what_all_have_signed_and_the_same_again_is_the_same(ready):
    first = template(ready)
    [listed] = ready.get(TEMPLATES, Role.AUDITOR).json()["items"]

    assert (listed["name"], listed["number"]) == ("ccg-commissioning", 1)
    assert (listed["controller"], listed["not_as_sealed"]) == (CCG, [])
    assert first.json()["id"] == listed["id"]
    assert len(leaves(ready, "agreement-template-made")) == 1


def test_what_not_all_have_signed_or_several_control_makes_no_template(seeded):
    seeded.draft()
    unsigned = template(seeded)
    unknown = template(seeded, version="v9.0")
    others = snapshot()["controllers"]
    others = [*others, others[0] | {"ods": OTHER_CCG, "legal_name": "NHS Northumberland CCG"}]
    seeded.contract()
    joint = "DARS-NIC-123457-A1B2C"
    drafted = seeded.draft(reference=joint, controllers=others)
    seeded.sign_all(drafted, (CCG, OTHER_CCG, CSU))

    assert code(unsigned) == (422, "TEMPLATE_NOT_FIT")
    assert code(unknown) == (404, "AGREEMENT_NOT_FOUND")
    assert code(template(seeded, agreement=joint)) == (422, "TEMPLATE_NOT_FIT")
    assert seeded.get(TEMPLATES, Role.AUDITOR).json()["items"] == []


def test_a_text_that_mentions_the_controller_makes_no_template_and_is_named(seeded):
    sections = snapshot()["sections"]
    sections["9"] = {"purposes": [{"code": "COM", "objective": "nhs barnsley ccg plans care"}]}
    sections["11"] = {"outputs": [{"title": "A report for 02P, by month"}]}
    seeded.active(sections=sections)
    refused = template(seeded)

    assert code(refused) == (422, "TEMPLATE_NOT_FIT")
    assert refused.json()["errors"] == [
        {"pointer": "/sections/11/outputs/0/title"},
        {"pointer": "/sections/9/purposes/0/objective"},
    ]


# Bulk issue


def test_agreements_are_issued_when_a_second_person_confirms_and_are_in_force_once_signed(ready):
    handed_in = issue(ready, ROW)
    assert handed_in.status_code == 201, handed_in.text
    batch = handed_in.json()
    [planned] = batch["planned"]

    assert references(ready) == [REFERENCE]
    assert waiting(ready, Role.DARS_APPROVER) == [("confirm_agreements", batch["id"])]
    assert confirm(ready, batch).status_code == 200
    assert waiting(ready, Role.DARS_APPROVER) == [("sign_agreement", planned["reference"])]
    document = ready.get(
        f"/v1/agreements/{planned['reference']}/document", Role.CONTROLLER_SIGNATORY, OTHER_CCG
    )
    drafted = {
        "reference": planned["reference"],
        "document_hash": document.headers["digest-sha256"],
    }
    for role, party in (
        (Role.CONTROLLER_SIGNATORY, OTHER_CCG),
        (Role.PROCESSOR_CONTACT, CSU),
        (Role.DARS_APPROVER, BODY),
    ):
        assert together(ready, role, party, [drafted]).status_code == 200
    ready.clock.set(start_of(date(2018, 7, 1)))
    assert shown(ready, planned["reference"])["state"] == "ACTIVE"
    assert document.json()["snapshot"] == planned["snapshot"]
    assert digest(canonical(planned["snapshot"])) == planned["snapshot_hash"]


def test_what_is_issued_says_of_the_commissioner_what_is_on_record_and_of_no_other(ready):
    [planned] = issue(ready, ROW).json()["planned"]
    content = planned["snapshot"]
    contracts = ready.get("/v1/contracts", Role.CONTRACT_MANAGER).json()["items"]
    own = next(one["reference"] for one in contracts if one["organisation"] == OTHER_CCG)

    assert content["controllers"] == [
        snapshot()["controllers"][0]
        | {"ods": OTHER_CCG, "legal_name": "NHS Northumberland CCG", "contract_reference": own}
    ]
    assert content["ico_registrations"] == [
        {"ods": OTHER_CCG, "number": "Z7654321", "expires": "2019-03-31"}
    ]
    assert [one["population"]["commissioners"] for one in content["lines"]] == [[OTHER_CCG]] * 2
    assert content["processors"] == snapshot()["processors"]
    assert content["sections"]["1"] == {"start": "2018-07-01", "end": "2021-03-31"}
    assert content["issued_from"]["template"] == "ccg-commissioning"
    assert CCG not in str(content)
    assert "Barnsley" not in str(content)
    assert planned["without_contract"] is False


def test_a_dry_run_says_what_would_be_and_keeps_nothing(ready):
    before = len(ready.audited())
    would = issue(ready, ROW, dry_run=True).json()

    assert (would["is_dry_run"], would["agreements"]) == (True, 1)
    assert ready.get(BATCHES, Role.AUDITOR).json()["items"] == []
    assert len(ready.audited()) == before


def test_one_bad_row_changes_nothing_and_all_bad_rows_are_named(ready):
    rows = [
        ROW,
        "99Z,Nobody,2018-07-01,2021-03-31,\n",
        "02P,No fee is paid,2018-07-01,2021-03-31,\n",
        "00L,It ends first,2021-07-01,2021-03-31,\n",
        "00L,No day,soon,2021-03-31,\n",
        "00L,Over,2017-04-01,2018-03-31,\n",
        "00L,The same days,2020-07-01,2022-03-31,\n",
        f"00L,Another's agreement,2022-07-01,2023-03-31,{REFERENCE}\n",
        "00L,No such agreement,2024-07-01,2025-03-31,DARS-NIC-999999-A1B2C\n",
        "00L,Not a reference,2026-07-01,2027-03-31,v1.0\n",
        ",Nobody,2018-07-01,2021-03-31,\n",
        "00L,,2028-07-01,2029-03-31,\n",
    ]
    before = len(ready.audited())

    assert errors(issue(ready, "".join(rows))) == [
        (3, "ORGANISATION_UNKNOWN"),
        (4, "FACT_NOT_RECORDED"),
        (5, "end"),
        (6, "start"),
        (7, "NOT_IN_FORCE"),
        (8, "controller"),
        (9, "ORGANISATION_UNKNOWN"),
        (10, "ORGANISATION_UNKNOWN"),
        (11, "reference"),
        (12, "controller"),
        (13, "title"),
    ]
    assert errors(issue(ready, f"00L,Another's,2018-07-01,2019-03-31,{REFERENCE}\n")) == [
        (2, "NOT_A_PARTY")
    ]
    absent = "00L,Absent,2018-07-01,2019-03-31,DARS-NIC-999999-A1B2C\n"
    assert errors(issue(ready, absent)) == [(2, "AGREEMENT_NOT_FOUND")]
    assert errors(issue(ready, "02P\n")) == [(2, "1 columns instead of 5")]
    assert len(ready.audited()) == before
    assert references(ready) == [REFERENCE]


def test_a_workbook_is_taken_and_one_with_formulas_is_not(ready):
    def workbook(title):
        book = openpyxl.Workbook()
        book.active.append(HEADER.strip().split(","))
        book.active.append([OTHER_CCG, title, date(2018, 7, 1), date(2021, 3, 31), None])
        content = io.BytesIO()
        book.save(content)
        return content.getvalue()

    taken = issue(ready, workbook("Commissioning"), dry_run=True)
    refused = issue(ready, workbook("=1+1"), dry_run=True)

    assert taken.json()["planned"][0]["start"] == "2018-07-01"
    assert code(refused) == (422, "WORKBOOK_HAS_FORMULAS")


def test_a_row_with_a_reference_is_the_next_version_a_renewal_or_an_amendment(ready):
    registered(ready, CCG, "Z1234567", "2020-03-31")
    renewal = issue(ready, f"{CCG},Again,2021-04-01,2024-03-31,{REFERENCE}\n").json()
    amendment = issue(ready, f"{CCG},Otherwise,2018-04-01,2021-03-31,{REFERENCE}\n").json()

    assert [
        (b["planned"][0]["version"], b["planned"][0]["kind"]) for b in (renewal, amendment)
    ] == [
        ("v1.0", "renewal"),
        ("v0.1", "amendment"),
    ]
    assert confirm(ready, renewal).status_code == 200
    now = shown(ready, REFERENCE)
    assert (now["version"], now["state"]) == ("v0.0", "ACTIVE")
    assert [one["version"] for one in now["versions"]] == ["v0.0", "v1.0"]


def test_whoever_handed_in_does_not_confirm_and_nothing_is_decided_twice(ready):
    first = issue(ready, ROW).json()
    mine = ready.headers(Role.CONTRACT_MANAGER)
    again = ready.client.post(f"{BATCHES}/{first['id']}/confirmation", headers=mine, json=WHY)
    same = confirm(ready, first, who=f"contract-manager-{BODY}")

    assert again.status_code == 403
    assert code(same) == (409, "SECOND_PERSON_NEEDED")
    assert references(ready) == [REFERENCE]
    assert confirm(ready, first).status_code == 200
    assert code(confirm(ready, first)) == (409, "REPLACEMENT_DECIDED")
    path = f"{BATCHES}/{first['id']}/withdrawal"
    assert code(ready.post(path, Role.DARS_APPROVER, WHY)) == (409, "REPLACEMENT_DECIDED")
    assert len(references(ready)) == 2


def test_what_is_given_up_is_not_drafted(ready):
    batch = issue(ready, ROW).json()
    path = f"{BATCHES}/{batch['id']}"
    given_up = ready.post(f"{path}/withdrawal", Role.DARS_APPROVER, WHY)

    assert given_up.json()["state"] == "withdrawn"
    assert code(confirm(ready, batch)) == (409, "REPLACEMENT_DECIDED")
    assert ready.get(path, Role.AUDITOR).json()["planned"][0]["snapshot"] is None
    assert references(ready) == [REFERENCE]
    unknown = confirm(ready, {"id": "019a0000-0000-7000-8000-00000000000a"})
    assert code(unknown) == (404, "AGREEMENT_BATCH_NOT_FOUND")


def test_the_newest_version_of_a_template_alone_issues(ready):
    ready.sign_all(ready.draft(version="v0.1", kind="amendment", lines=[line(1)]))
    second = template(ready, version="v0.1")
    former = issue(ready, ROW)
    newest = issue(ready, ROW, number=2, dry_run=True)

    assert second.json()["number"] == 2
    assert code(former) == (409, "TEMPLATE_REPLACED")
    assert len(newest.json()["planned"][0]["snapshot"]["lines"]) == 1
    assert code(issue(ready, ROW, number=3)) == (404, "TEMPLATE_NOT_FOUND")


def test_what_becomes_untrue_while_it_waits_is_not_drafted(ready):
    batch = issue(ready, ROW).json()
    renamed = ORGANISATIONS.replace("NHS Northumberland CCG", "NHS Quite Another CCG")
    answer = imported(ready, renamed.split("\n", 1)[1])
    assert answer.status_code == 200, answer.text
    refused = confirm(ready, batch)

    assert code(refused) == (422, "BATCH_REFUSED")
    assert [one["code"] for one in refused.json()["errors"]] == ["SNAPSHOT_REFUSED"]
    assert references(ready) == [REFERENCE]
    assert ready.get(f"{BATCHES}/{batch['id']}", Role.AUDITOR).json()["state"] == "waiting"


def test_what_was_written_past_the_service_is_told_and_neither_issued_nor_drafted(ready):
    batch = issue(ready, ROW).json()

    def altered(table):
        with ready.parts.engine.begin() as connection:
            connection.execute(
                text(f"UPDATE {table} SET recorded_at = '2001-01-01 00:00:00.000000'")
            )

    altered("agreement_template")
    assert code(issue(ready, ROW)) == (409, "SEAL_BROKEN")
    [told] = ready.get(TEMPLATES, Role.AUDITOR).json()["items"]
    assert told["not_as_sealed"] == ["agreement_template"]
    altered("agreement_batch")
    assert code(confirm(ready, batch)) == (409, "SEAL_BROKEN")
    one = ready.get(f"{BATCHES}/{batch['id']}", Role.AUDITOR).json()
    [listed] = ready.get(BATCHES, Role.AUDITOR).json()["items"]
    assert one["not_as_sealed"] == listed["not_as_sealed"] == ["agreement_batch"]
    assert references(ready) == [REFERENCE]


def test_the_same_key_hands_in_once(ready):
    headers = ready.headers(Role.CONTRACT_MANAGER) | {
        "Content-Type": "text/csv",
        "Idempotency-Key": "first-of-april",
    }
    path, content = f"{NAME}/issues", (HEADER + ROW).encode()
    answers = [
        ready.client.post(path, headers=headers, content=content, params={"number": 1}).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(ready.get(BATCHES, Role.AUDITOR).json()["items"]) == 1


def test_the_next_version_is_after_the_highest_number_and_not_after_the_last_drafted(ready):
    registered(ready, CCG, "Z1234567")
    for number in ("v0.2", "v0.1"):
        ready.draft(version=number, kind="amendment", application_id=str(new_id()))

    planned = issue(ready, f"{CCG},Commissioning,2018-07-01,2021-03-31,{REFERENCE}\n")

    assert planned.status_code == 201, planned.text
    [one] = planned.json()["planned"]
    assert (one["version"], one["kind"]) == ("v0.3", "amendment")


# In force already

SIGNED_ON = {"signed_on": "2018-03-01", "name_of_role": "SIRO"}
SIGNATURES = [
    {"party": CCG, **SIGNED_ON},
    {"party": CSU, **SIGNED_ON},
    {"party": BODY, "for_body": True, **SIGNED_ON},
]


def in_force(**changes):
    one = {"snapshot": snapshot(), "signed_document": PAPER, "signatures": SIGNATURES}
    return one | changes


def hand_in(service, *agreements, **params):
    body = {"agreements": list(agreements)}
    return service.post(IN_FORCE, Role.DARS_CASE_OFFICER, body, **params)


def test_an_agreement_in_force_is_in_force_here_when_a_second_person_says_so(seeded):
    seeded.contract()
    handed_in = hand_in(seeded, in_force())
    assert handed_in.status_code == 201, handed_in.text

    assert references(seeded) == []
    assert confirm(seeded, handed_in.json()).status_code == 200
    now = shown(seeded, REFERENCE)
    assert (now["state"], now["not_as_sealed"]) == ("ACTIVE", [])
    assert now["imported"] == {"document_hash": PAPER, "signed_on": "2018-03-01"}
    [version] = now["versions"]
    assert version["effective_from"] == "2018-03-31T23:00:00Z"
    assert version["missing_signatures"] == []
    [leaf] = leaves(seeded, "agreement-imported")
    assert leaf["detail"]["signed_document"] == PAPER
    assert leaf["detail"]["batch"] == handed_in.json()["id"]
    assert {"agreements.agreement-signed.v1", "agreements.agreement-activated.v1"} <= {
        *seeded.events()
    }
    [published] = seeded.client.get(f"/v1/registers/agreements/{REFERENCE}").json()["items"]
    assert published["origin"] == "imported"


def test_one_agreement_that_cannot_be_taken_refuses_all_and_each_is_named(seeded):
    later = [*SIGNATURES[:2], SIGNATURES[2] | {"signed_on": "2019-01-01"}]
    over = snapshot(reference="DARS-NIC-123458-A1B2C", start="2017-01-01", end="2018-01-31")
    paper = {"signed_document": "sha256:" + "b" * 64}
    bad = [
        in_force(),
        in_force(),
        in_force(snapshot=snapshot(reference="DARS-NIC-123457-A1B2C")),
        in_force(snapshot=over, **paper),
        in_force(signatures=SIGNATURES[:2], **paper),
        in_force(signatures=[*SIGNATURES, SIGNATURES[0]], **paper),
        in_force(signatures=[*SIGNATURES, {"party": OTHER_CCG, **SIGNED_ON}], **paper),
        in_force(signatures=later, **paper),
        in_force(snapshot=snapshot(schema="dsfc-snapshot/9"), **paper),
        in_force(snapshot=snapshot(imported={}), **paper),
        in_force(
            snapshot=snapshot(
                controllers=[snapshot()["controllers"][0] | {"legal_name": "Another CCG"}]
            ),
            **paper,
        ),
    ]
    before = len(seeded.audited())

    assert errors(hand_in(seeded, *bad)) == [
        (2, "AGREEMENT_KNOWN"),
        (3, "AGREEMENT_KNOWN"),
        (4, "NOT_IN_FORCE"),
        (5, "NOT_IN_FORCE"),
        (6, "NOT_A_PARTY"),
        (7, "NOT_A_PARTY"),
        (8, "NOT_IN_FORCE"),
        (9, "SNAPSHOT_REFUSED"),
        (10, "SNAPSHOT_REFUSED"),
        (11, "SNAPSHOT_REFUSED"),
    ]
    assert (references(seeded), len(seeded.audited())) == ([], before)


@pytest.mark.parametrize(
    "where", [(), ("lines", 0), ("lines", 1), ("linkage", 0)], ids=lambda w: "/".join(map(str, w))
)
def test_a_snapshot_in_force_with_a_clause_that_nobody_knows_is_refused(seeded, where):
    seeded.contract()
    spoilt = json.loads(json.dumps(snapshot()))
    place = spoilt
    for step in where:
        place = place[step]
    place["embargo"] = "until the autumn"

    assert errors(hand_in(seeded, in_force(snapshot=spoilt))) == [(1, "SNAPSHOT_REFUSED")]
    assert references(seeded) == []


def test_what_is_here_already_is_not_imported_over_also_not_while_it_waits(seeded):
    waiting_batch = hand_in(seeded, in_force()).json()
    seeded.active()
    again = hand_in(seeded, in_force())
    late = confirm(seeded, waiting_batch)

    assert errors(again) == [(1, "AGREEMENT_KNOWN")]
    assert code(late) == (422, "BATCH_REFUSED")
    assert [one["code"] for one in late.json()["errors"]] == ["AGREEMENT_KNOWN"]
    assert [one["version"] for one in shown(seeded, REFERENCE)["versions"]] == ["v0.0"]


def test_an_import_is_amended_like_any_other(seeded):
    seeded.contract()
    confirm(seeded, hand_in(seeded, in_force()).json())
    amended = seeded.sign_all(seeded.draft(version="v0.1", kind="amendment", lines=[line(1)]))

    assert (amended["version"], amended["imported"]) == ("v0.1", None)
    register = seeded.client.get(f"/v1/registers/agreements/{REFERENCE}").json()
    assert [one["origin"] for one in register["items"]] == ["imported", "application"]


# The first of April


@pytest.mark.long
def test_two_hundred_are_issued_and_signed_in_half_a_minute(ready):
    took = issued_and_signed(ready, 200)

    assert max(took.trying, took.issuing, took.signing) < 30, took
