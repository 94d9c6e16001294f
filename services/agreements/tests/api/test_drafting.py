"""What is approved is drafted only where law, catalogue and record do not contradict it (A7)."""

from dataclasses import replace
from uuid import uuid4

import pytest

import catalogue
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.use_cases import agreements as use_cases
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, REFERENCE, line, snapshot

NUMBER = "999 000 0018"


def controllers(**changes):
    return [snapshot()["controllers"][0] | changes]


def processors(**changes):
    return [snapshot()["processors"][0] | changes]


def with_rule(rule):
    known = catalogue.load().get("SUS_APC")
    return [line() | {"catalogue_digest": known.digest, "disclosure_rule": rule}]


def with_fields(*names):
    fields = [{"name": n, "treatment": "derived", "reason": "need"} for n in names]
    return [with_rule("HES")[0] | {"fields": fields}]


AREAS = ("Der_PostCode_Sector", "Der_Postcode_LSOA_2011_Code")


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (
            "NAME_DIFFERS at /controllers/0",
            {"controllers": controllers(legal_name="NHS Wakefield CCG")},
        ),
        ("NAME_DIFFERS at /processors/0", {"processors": processors(legal_name="Acme Limited")}),
        (
            "LEGAL_BASIS_UNKNOWN at /controllers/0/gdpr_article_6",
            {"controllers": controllers(gdpr_article_6=["banana"])},
        ),
        (
            "LEGAL_BASIS_UNKNOWN at /controllers/0/gdpr_article_6",
            {"controllers": controllers(gdpr_article_6=[])},
        ),
        (
            "LEGAL_BASIS_UNKNOWN at /controllers/0/gdpr_article_9",
            {"controllers": controllers(gdpr_article_9=["9(2)(z)"])},
        ),
        (
            "LEGAL_BASIS_UNKNOWN at /controllers/0/dpa_2018_schedule_1",
            {"controllers": controllers(dpa_2018_schedule_1=["paragraph 5"])},
        ),
        ("DISCLOSURE_RULE_UNKNOWN at /lines/0", {"lines": with_rule("MY_OWN")}),
        (
            "ICO_NUMBER_DIFFERS at /ico_registrations",
            {"ico_registrations": [{"ods": CCG, "number": "Z7654321", "expires": "2019-03-31"}]},
        ),
        ("CAP_UNDONE at /lines/0/fields/1", {"lines": with_fields(*AREAS)}),
        ("PERSONAL_DATA_IN_TEXT at /title", {"title": f"Care of {NUMBER}"}),
        (
            "PERSONAL_DATA_IN_TEXT at /sections/9/purposes/0/objective",
            {"sections": {"9": {"purposes": [{"objective": f"Care of {NUMBER}"}]}}},
        ),
    ],
)
def test_a_snapshot_that_states_what_is_not_so_is_not_drafted_from(seeded, said, changes):
    body = {
        "organisation": CCG,
        "number": "Z1234567",
        "name": "NHS Barnsley CCG",
        "valid_from": "2018-04-01",
        "valid_to": "2019-03-31",
    }
    recorded = seeded.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, body)
    assert recorded.status_code == 201

    with pytest.raises(SnapshotRefused) as refused:
        seeded.draft(**changes)

    assert said in refused.value.detail
    assert NUMBER not in refused.value.detail
    answer = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": with_fields(*AREAS), "kind": "extension"},
        {"lines": with_fields(*AREAS), "kind": "simple_change"},
        {"lines": with_fields("Year_of_Birth_SUS", "Age_at_CDS_Activity_Date")},
    ],
)
def test_what_is_hidden_of_the_oldest_and_what_cannot_be_changed_now_is_drafted(seeded, changes):
    assert seeded.draft(**changes)["reference"] == REFERENCE


@pytest.mark.parametrize("state", ["TERMINATED", "CLOSED"])
def test_what_amends_an_agreement_that_was_ended_meanwhile_is_told_and_not_drafted(seeded, state):
    """Guard: `drafting.draft`; else it is laid aside, and nobody hears of it."""
    seeded.active()
    path = f"/v1/agreements/{REFERENCE}"
    seeded.post(f"{path}/termination", Role.CONTRACT_MANAGER, {"reason": "Not needed."})
    if state == "CLOSED":
        with seeded.parts.uow.writing() as tx:
            ended = tx.agreements.get(REFERENCE, scope=None)
            closed = replace(ended, closed_at=tx.at)
            use_cases.save(tx, closed, seeded.ctx.entry("closed", path, at=tx.at), seeded.ctx)
    before = seeded.get(path, Role.AUDITOR).json()
    other = uuid4()

    seeded.draft(version="v0.1", kind="amendment", application_id=str(other), title="Amended")

    assert seeded.get(path, Role.AUDITOR).json() == before
    told = seeded.outbox()[-1]
    assert told.type == "agreements.agreement-not-drafted.v1"
    assert (told.data["application_id"], told.data["version"]) == (str(other), "v0.1")
    assert (told.state, told.subject) == (state, REFERENCE)
    assert seeded.audited()[-1] == "application-not-drafted"


def test_another_spelling_and_the_data_sets_own_rule_are_drafted(seeded):
    drafted = seeded.draft(
        controllers=controllers(legal_name="NHS BARNSLEY Clinical Commissioning Group"),
        processors=processors(legal_name="South Central & West C.S.U."),
        lines=with_rule("HES"),
    )

    assert drafted["reference"] == REFERENCE
    assert CSU in seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER).text
