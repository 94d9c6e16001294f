"""Asking agreements: what its answers mean, and that no answer is never a fact."""

from datetime import date

import pytest

from applications.adapters.agreements import HttpAgreements
from applications.domain.errors import AgreementsUnavailable
from applications.domain.facts import AgreementsFacts, AssuranceFact, EvidenceFact
from applications.use_cases.ports import FactsWanted
from common import http
from common.errors import Unavailable
from services.applications.tests.answers import (
    AMENDED,
    CCG,
    CSU,
    TODAY,
    agreement,
    approval,
    known,
    party,
)
from services.applications.tests.world import (
    AgreementsOnTheWire,
    FakeTokens,
    contract,
    day,
    judgement,
    organisation,
)


@pytest.fixture
def wire():
    return AgreementsOnTheWire()


@pytest.fixture
def agreements(wire):
    remote = http.client("http://agreements.test", transport=wire.transport())
    return HttpAgreements(remote, FakeTokens())


def asked(**changes):
    return FactsWanted(
        **{
            "day": TODAY,
            "parties": (CCG, CSU),
            "commissioners": (),
            "is_identifiable": False,
            "agreement": None,
            **changes,
        }
    )


def test_answers_become_facts(agreements):
    found = agreements.facts(asked())

    expected = known().parties
    assert {ods: facts.organisation for ods, facts in found.parties.items()} == {
        ods: expected[ods].organisation for ods in (CCG, CSU)
    }
    assert found.of(CCG).contracts == party(CCG).contracts
    assert found.of(CSU).contracts == ()
    assert found.of(CSU).registrations == party(CSU).registrations
    assert found.of(CSU).assurance == AssuranceFact(
        accepted=True,
        reason="STANDARDS_MET",
        kind="DSPT",
        reference="20/21",
        recorded=(EvidenceFact(kind="DSPT", reference="20/21"),),
    )


def test_support_under_section_251_is_looked_up_where_a_line_relies_on_it(agreements, wire):
    assert agreements.facts(asked()).approvals == ()
    assert not any("section-251" in r.url.path for r in wire.asked)

    assert agreements.facts(asked(approvals=True)).approvals == (approval(),)


def test_every_question_names_the_day_and_carries_our_token(agreements, wire):
    agreements.facts(asked(is_identifiable=True))

    assert {r.url.params["as_at"] for r in wire.asked} == {"2021-05-25"}
    assert {r.headers["authorization"] for r in wire.asked} == {"Bearer a-token"}
    assert set(agreements.tokens.audiences) == {"agreements"}
    assert {r.url.params.get("identifiable") for r in wire.asked} == {None, "true"}


def test_what_agreements_does_not_know_is_no_fact(agreements):
    assert agreements.facts(asked(parties=("99Z",), commissioners=("98Z",))) == AgreementsFacts(
        parties={"99Z": known().of("nobody")}, commissioners={"98Z": None}
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "ISSUED"},
        {"state": "TERMINATED"},
        {"start": day(1)},
        {"end": day(-1)},
    ],
)
def test_a_contract_that_is_not_in_force_that_day_is_none(agreements, wire, changes):
    wire.answers[f"/v1/contracts?organisation={CCG}"] = {"items": [contract(CCG, **changes)]}

    assert agreements.facts(asked()).of(CCG).contracts == ()


@pytest.mark.parametrize("changes", [{"state": "in-force"}, {"end": day(0)}, {"start": day(0)}])
def test_first_and_last_day_count_however_the_state_is_spelt(agreements, wire, changes):
    wire.answers[f"/v1/contracts?organisation={CCG}"] = {"items": [contract(CCG, **changes)]}

    assert len(agreements.facts(asked()).of(CCG).contracts) == 1


def test_every_page_of_a_list_is_read(agreements, wire):
    path = f"/v1/contracts?organisation={CCG}"
    wire.answers[path] = {"items": [contract(CCG)], "next": "page-2"}
    wire.answers[f"{path}&after=page-2"] = {"items": [contract(CCG)], "next": None}

    assert len(agreements.facts(asked()).of(CCG).contracts) == 2


def test_a_list_without_an_end_is_not_read_for_ever(agreements, wire):
    path = f"/v1/contracts?organisation={CCG}"
    wire.answers[path] = {"items": [], "next": "again"}
    wire.answers[f"{path}&after=again"] = wire.answers[path]

    with pytest.raises(AgreementsUnavailable):
        agreements.facts(asked())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, AssuranceFact(accepted=False, reason="no evidence")),
        ({"judgement": None}, AssuranceFact(accepted=False, reason="no evidence")),
        (
            {"judgement": {"accepted": False, "reason": "expired", "evidence": None}},
            AssuranceFact(accepted=False, reason="expired"),
        ),
        (
            {
                "judgement": judgement(
                    evidence={
                        "kind": "DSPT",
                        "reference": "20/21",
                        "status": "APPROACHING_STANDARDS",
                        "plan_accepted": True,
                        "plan_until": "2021-09-30",
                    }
                )
            },
            AssuranceFact(
                accepted=True,
                reason="STANDARDS_MET",
                kind="DSPT",
                reference="20/21",
                has_plan=True,
                plan_until=date(2021, 9, 30),
            ),
        ),
    ],
)
def test_assurance_is_what_agreements_judges(agreements, wire, given, expected):
    wire.answers[f"/v1/assurance?organisation={CSU}"] = {"items": [], **given}

    assert agreements.facts(asked()).of(CSU).assurance == expected


def test_populations_and_the_agreement_are_looked_up(agreements, wire):
    wire.answers["/v1/organisations/03N"] = organisation("03N", "Sheffield", parent="QF7")
    wire.answers[f"/v1/agreements/{AMENDED}"] = {
        "reference": AMENDED,
        "version": "v1.0",
        "start": "2018-06-01",
        "end": "2021-05-31",
        "controllers": [{"ods": CCG, "legal_name": "NHS Barnsley CCG"}],
        "state": "ACTIVE",
    }

    found = agreements.facts(asked(commissioners=("03N",), agreement=AMENDED))

    assert found.commissioners["03N"].parent == "QF7"
    assert found.agreement == agreement()
    assert agreements.facts(asked(agreement="DARS-NIC-99999-Z9Z9Z")).agreement is None


@pytest.mark.parametrize("status", [401, 403, 409, 500, 502, 503])
def test_a_refusal_is_not_an_answer(agreements, wire, status):
    wire.status = status

    with pytest.raises(AgreementsUnavailable):
        agreements.facts(asked())


def test_silence_is_not_an_answer(agreements, wire):
    wire.is_away = True

    with pytest.raises(AgreementsUnavailable) as refused:
        agreements.facts(asked())

    assert isinstance(refused.value, Unavailable)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"/v1/organisations/{CCG}", b"not json"),
        (f"/v1/organisations/{CCG}", {"ods": CCG}),
        (f"/v1/contracts?organisation={CCG}", {"items": [{"reference": 1}]}),
        (f"/v1/contracts?organisation={CCG}", ["a", "list"]),
        (f"/v1/assurance?organisation={CCG}", {"judgement": {"accepted": "perhaps"}}),
    ],
)
def test_what_is_not_understood_is_not_an_answer(agreements, wire, path, content):
    wire.answers[path] = content

    with pytest.raises(AgreementsUnavailable) as refused:
        agreements.facts(asked())

    assert "perhaps" not in refused.value.detail


DOCUMENT = f"/v1/agreements/{AMENDED}/document"


def in_force(wire):
    """An agreement that applications never approved: it was signed elsewhere, and imported."""
    wire.answers[f"/v1/agreements/{AMENDED}"] = {
        "reference": AMENDED,
        "version": "v1.0",
        "start": "2018-06-01",
        "end": "2021-05-31",
        "controllers": [{"ods": CCG}],
    }
    wire.answers[DOCUMENT] = {"snapshot": {"territory": "uk", "imported": {}}, "parties": []}


def test_what_an_agreement_says_is_had_from_agreements_wherever_it_was_approved(agreements, wire):
    in_force(wire)

    found = agreements.facts(asked(agreement=AMENDED, is_compared=True)).agreement

    assert found == agreement(snapshot={"territory": "uk", "imported": {}})
    [document] = [r for r in wire.asked if r.url.path == DOCUMENT]
    assert document.url.params["version"] == "v1.0"


def test_a_successor_by_transfer_stands_in_for_the_controller_and_the_former_does_not(
    agreements, wire
):
    in_force(wire)
    wire.answers[f"/v1/agreements/{AMENDED}"]["controllers_today"] = ["QF7"]

    assert agreements.facts(asked(agreement=AMENDED)).agreement.controllers == ("QF7",)


def test_the_next_number_is_after_a_version_that_still_waits_for_signatures(agreements, wire):
    in_force(wire)
    versions = [{"version": number} for number in ("v1.0", "v1.9", "v1.10")]
    wire.answers[f"/v1/agreements/{AMENDED}"]["versions"] = versions

    found = agreements.facts(asked(agreement=AMENDED)).agreement

    assert (found.version, found.highest) == ("v1.0", "v1.10")


def test_who_compares_nothing_asks_for_no_document(agreements, wire):
    in_force(wire)

    assert agreements.facts(asked(agreement=AMENDED)).agreement == agreement()
    assert all(r.url.path != DOCUMENT for r in wire.asked)


@pytest.mark.parametrize("answer", [None, {"parties": []}, {"snapshot": "no"}])
def test_without_what_it_says_an_extension_is_not_judged(agreements, wire, answer):
    in_force(wire)
    if answer is None:
        del wire.answers[DOCUMENT]
    else:
        wire.answers[DOCUMENT] = answer

    with pytest.raises(AgreementsUnavailable):
        agreements.facts(asked(agreement=AMENDED, is_compared=True))
