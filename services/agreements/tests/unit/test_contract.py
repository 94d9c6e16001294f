"""Framework contracts: signed in order, in force between two instants, one at a time."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from agreements.records.domain.contract import ContractState, in_force
from agreements.records.domain.errors import (
    AlreadySigned,
    ContractOverlaps,
    DocumentHashDiffers,
    OrganisationSignsFirst,
)
from common.clock import end_of, instant_text, start_of
from common.errors import TransitionRefused
from services.agreements.tests.facts import CCG, NOW, SIGNED, START, contract

UNSIGNED = {
    "organisation_signed_at": None,
    "organisation_signatory": None,
    "body_signed_at": None,
    "body_signatory": None,
}


def test_it_is_signed_by_the_organisation_and_then_by_the_body():
    issued = contract(**UNSIGNED)

    first = issued.sign_for_organisation(document_hash=issued.document_hash, role="SIRO", at=SIGNED)
    both = first.sign_for_body(
        document_hash=issued.document_hash, role="Director", at=NOW, others=[]
    )

    assert issued.state_at(SIGNED) is ContractState.ISSUED
    assert first.state_at(SIGNED) is ContractState.SIGNED_BY_ORGANISATION
    assert both.state_at(NOW) is ContractState.IN_FORCE
    assert both.in_force_from() == NOW
    assert (both.organisation_signatory, both.body_signatory) == ("SIRO", "Director")


def test_the_body_does_not_sign_first():
    issued = contract(**UNSIGNED)

    with pytest.raises(OrganisationSignsFirst):
        issued.sign_for_body(document_hash=issued.document_hash, role="x", at=NOW, others=[])


def test_neither_signs_a_second_time():
    signed = contract()
    again = {"document_hash": signed.document_hash, "role": "x", "at": NOW + timedelta(days=1)}

    with pytest.raises(AlreadySigned) as organisation:
        signed.sign_for_organisation(**again)
    with pytest.raises(AlreadySigned) as body:
        signed.sign_for_body(**again, others=[])

    told = [one.value.members["signed_at"] for one in (organisation, body)]
    assert told == [
        instant_text(at) for at in (signed.organisation_signed_at, signed.body_signed_at)
    ]


def test_another_document_is_not_signed():
    issued = contract(**UNSIGNED)

    with pytest.raises(DocumentHashDiffers):
        issued.sign_for_organisation(document_hash="sha256:" + "f" * 64, role="x", at=NOW)


@pytest.mark.parametrize(
    "over",
    [{"terminated_at": SIGNED}, {"valid_from": date(2015, 4, 1), "valid_to": date(2018, 3, 31)}],
)
def test_what_is_over_is_not_signed(over):
    issued = contract(**UNSIGNED | over)

    with pytest.raises(TransitionRefused):
        issued.sign_for_organisation(document_hash=issued.document_hash, role="x", at=NOW)


def test_before_its_first_day_it_is_signed_and_not_in_force():
    signed = contract()

    assert signed.state_at(start_of(START) - timedelta(seconds=1)) is ContractState.SIGNED
    assert signed.state_at(start_of(START)) is ContractState.IN_FORCE
    assert not signed.is_in_force(start_of(START) - timedelta(seconds=1))


def test_its_last_day_is_a_day_of_force_in_london():
    signed = contract(valid_to=date(2018, 6, 30))  # summer time: the day ends at 23:00 UTC
    last = datetime.fromisoformat("2018-06-30T22:59:59+00:00")

    assert signed.is_in_force(last)
    assert not signed.is_in_force(last + timedelta(seconds=1))
    assert signed.state_at(last + timedelta(seconds=1)) is ContractState.EXPIRED


def test_without_an_end_it_stays_in_force():
    assert contract(valid_to=None).is_in_force(NOW + timedelta(days=20_000))
    assert contract(valid_to=None).in_force_until() is None


def test_termination_ends_it_at_that_instant_and_only_once():
    ended = contract().terminate(reason="merged", at=NOW)

    assert ended.is_in_force(NOW - timedelta(microseconds=1))
    assert not ended.is_in_force(NOW)
    assert ended.state_at(NOW) is ContractState.TERMINATED
    assert ended.terminate(reason="again", at=NOW + timedelta(days=1)) is ended


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({}, True),
        ({"valid_from": date(2015, 4, 1), "valid_to": date(2018, 6, 1)}, True),
        ({"valid_from": date(2015, 4, 1), "valid_to": date(2018, 5, 31)}, False),
        ({"valid_from": date(2021, 4, 1), "valid_to": None}, False),
        ({"valid_from": date(2021, 3, 31), "valid_to": None}, True),
        ({"terminated_at": NOW - timedelta(days=1)}, False),
        ({"body_signed_at": None}, False),
    ],
)
def test_at_most_one_is_in_force_for_a_legal_entity_at_an_instant(other, refused):
    waiting = contract(body_signed_at=None, body_signatory=None)
    standing = contract(reference="CON-999999-Z9Z9Z", **other)

    def sign():
        return waiting.sign_for_body(
            document_hash=waiting.document_hash, role="x", at=NOW, others=[standing, waiting]
        )

    if refused:
        with pytest.raises(ContractOverlaps) as refusal:
            sign()
        assert refusal.value.members == {"contract": "CON-999999-Z9Z9Z"}
    else:
        assert sign().is_in_force(NOW)


def test_an_unsigned_contract_overlaps_with_nothing():
    assert not contract(body_signed_at=None).overlaps(contract())


def test_the_one_in_force_is_found():
    ended, running = contract(terminated_at=SIGNED), contract(reference="CON-111111-A1A1A")

    assert in_force([ended, running], NOW) is running
    assert in_force([ended], NOW) is None


def test_what_is_signed_depends_on_every_particular():
    base = contract()

    hashes = {
        base.document_hash,
        contract(organisation="00L").document_hash,
        contract(legal_name="Another").document_hash,
        contract(valid_to=None).document_hash,
        contract(reference="CON-111111-A1A1A").document_hash,
    }
    assert len(hashes) == 5
    assert replace(base, organisation=CCG).document_hash == base.document_hash
    assert end_of(base.valid_to) == base.in_force_until()
