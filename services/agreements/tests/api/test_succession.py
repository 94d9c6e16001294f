"""A transfer instrument from its preview to its day: what may be recorded, and taken back."""

from datetime import UTC, datetime

import pytest

from agreements.db.decisions.facts import load
from agreements.db.epoch import current
from agreements.db.seals.chain import Book
from common.security.roles import Role
from services.agreements.tests.api.test_organisations import TRANSFER, code
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, REFERENCE

PATH = "/v1/transfer-instruments"
ITS_DAY = datetime(2022, 7, 1, tzinfo=UTC)
WHY = {"reason": "The merger was put off by a year."}


def recorded(service, **changes):
    return service.post(PATH, Role.CONTRACT_MANAGER, TRANSFER | changes)


def withdrawn(service, instrument, role=Role.CONTRACT_MANAGER):
    return service.post(f"{PATH}/{instrument['id']}/withdrawal", role, WHY)


def moves_to(service, day):
    service.clock.advance((day - service.clock.now()).total_seconds())


def of_successor(service):
    """What the successor may know of: what counts as its own today."""
    found = service.get("/v1/agreements", Role.CONTROLLER_SIGNATORY, ods="QF7").json()["items"]
    return [one["reference"] for one in found]


@pytest.fixture
def with_agreement(seeded):
    seeded.active()
    return seeded


def test_what_is_recorded_takes_effect_at_its_day_and_not_before(with_agreement):
    recorded(with_agreement)

    assert of_successor(with_agreement) == []
    moves_to(with_agreement, ITS_DAY)
    assert of_successor(with_agreement) == [REFERENCE]


def test_who_stands_in_for_the_controllers_is_told_as_at_today(with_agreement):
    def told():
        shown = with_agreement.get(f"/v1/agreements/{REFERENCE}", Role.AUDITOR).json()
        return shown["controllers"][0]["ods"], shown["controllers_today"]

    recorded(with_agreement)
    assert told() == (CCG, [CCG])

    moves_to(with_agreement, ITS_DAY)

    assert told() == (CCG, ["QF7"])


def test_the_public_notice_of_the_successor_tells_of_what_passed_to_it(with_agreement):
    def told(ods):
        notice = with_agreement.client.get(f"/v1/registers/notices/{ods}").json()
        return {use["reference"] for use in notice["uses"]}

    early = {"successor": OTHER_CCG, "effective_from": "2018-07-01"}
    assert recorded(with_agreement, **early).status_code == 201
    assert (told(CCG), told(OTHER_CCG)) == ({REFERENCE}, set())

    moves_to(with_agreement, datetime(2018, 7, 1, tzinfo=UTC))

    assert (told(CCG), told(OTHER_CCG)) == (set(), {REFERENCE})


def test_what_is_taken_back_before_its_day_passes_nothing(with_agreement):
    instrument = recorded(with_agreement).json()

    answer = withdrawn(with_agreement, instrument)
    again = withdrawn(with_agreement, instrument)

    assert answer.status_code == 200, answer.text
    assert answer.json()["withdrawal_reason"] == WHY["reason"]
    assert again.json() == answer.json()
    assert with_agreement.audited().count("transfer-withdrawn") == 1
    [listed] = with_agreement.get(PATH, Role.AUDITOR).json()["items"]
    assert listed["withdrawn_at"] == answer.json()["withdrawn_at"]
    moves_to(with_agreement, ITS_DAY)
    assert of_successor(with_agreement) == []
    named = with_agreement.get(f"/v1/organisations/{CCG}", Role.AUDITOR).json()
    assert named["successor"] is None


def test_a_decision_knows_an_instrument_until_it_is_taken_back(with_agreement):
    def known():
        with with_agreement.parts.decision_logs.reading() as tx:
            book = Book(with_agreement.parts.sealer)
            facts = load(tx.session, REFERENCE, epoch=current(tx.session), book=book)
        assert facts.broken == ()
        return [(one.predecessor, one.successor) for one in facts.instruments]

    instrument = recorded(with_agreement).json()
    assert known() == [(CCG, "QF7")]

    withdrawn(with_agreement, instrument)

    assert known() == []


def test_from_its_day_on_it_cannot_be_taken_back(with_agreement):
    instrument = recorded(with_agreement).json()
    moves_to(with_agreement, ITS_DAY)

    assert code(withdrawn(with_agreement, instrument)) == (409, "TRANSFER_TOOK_EFFECT")

    assert of_successor(with_agreement) == [REFERENCE]
    assert "transfer-withdrawn" not in with_agreement.audited()
    unknown = {"id": "018f0000-0000-7000-8000-000000000000"}
    assert code(withdrawn(with_agreement, unknown)) == (404, "TRANSFER_NOT_FOUND")


def test_after_it_was_taken_back_it_is_recorded_anew_for_another_day(seeded):
    first = recorded(seeded).json()

    twice = recorded(seeded, effective_from="2023-07-01")
    asked = {k: v for k, v in TRANSFER.items() if k != "evidence"}
    seen = seeded.get(f"{PATH}/preview", Role.CONTRACT_MANAGER, **asked)

    assert code(twice) == code(seen) == (409, "TRANSFER_RECORDED")
    assert twice.json()["transfer_instrument"] == first["id"]
    withdrawn(seeded, first)
    assert recorded(seeded, effective_from="2022-12-01").status_code == 201
    assert len(seeded.get(PATH, Role.AUDITOR).json()["items"]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"predecessor": "5JE"},
        {"predecessor": OTHER_CCG, "effective_from": "2023-07-01"},
        {"successor": "ZZZ"},
        {"successor": "QF7", "effective_from": "2022-06-30"},
    ],
    ids=["never listed", "closed a year before", "no such successor", "not founded yet"],
)
def test_a_code_that_did_not_exist_on_that_day_passes_and_receives_nothing(seeded, changes):
    refused = recorded(seeded, **changes)

    assert code(refused) == (422, "ORGANISATION_UNKNOWN")
    assert seeded.get(PATH, Role.AUDITOR).json()["items"] == []


def test_a_preview_counts_the_pseudonym_domains_that_go_on(with_agreement):
    asked = {k: v for k, v in TRANSFER.items() if k != "evidence"} | {
        "successor": CSU,
        "effective_from": "2020-04-01",
    }

    found = with_agreement.get(f"{PATH}/preview", Role.CONTRACT_MANAGER, **asked).json()

    assert found["domains"] == 1
    assert found["text"].endswith("0 files held, 1 domain")
