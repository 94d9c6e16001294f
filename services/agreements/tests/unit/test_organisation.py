"""Codes for a time, who stands behind them, and who succeeded whom (ruling 4)."""

from datetime import date

import pytest

from agreements.records.domain.errors import NotALegalEntity, OrganisationUnknown
from agreements.records.domain.parties.organisation import (
    Organisation,
    OrganisationKind,
    TransferInstrument,
    legal_entity,
    on,
    predecessors,
    require_legal_entity,
)
from services.agreements.tests.facts import new_id

BEFORE, SINCE = date(2022, 6, 30), date(2022, 7, 1)


def listed(ods="02P", entity="02P", kind=OrganisationKind.CCG, begin=date(2013, 4, 1), end=None):
    return Organisation(
        id=new_id(),
        ods=ods,
        name=f"Organisation {ods}",
        kind=kind,
        legal_entity=entity,
        parent=None,
        valid_from=begin,
        valid_to=end,
        source="dsfc",
    )


BARNSLEY = [
    listed(end=BEFORE),
    listed(entity="QF7", kind=OrganisationKind.SUB_ICB_LOCATION, begin=SINCE),
    listed("QF7", "QF7", OrganisationKind.ICB, SINCE),
]


def transfer(predecessor, successor, day=SINCE):
    return TransferInstrument(
        id=new_id(), predecessor=predecessor, successor=successor, valid_from=day, evidence="SI"
    )


def test_a_code_is_its_own_entity_until_it_is_a_location_of_another():
    assert legal_entity("02P", BEFORE, BARNSLEY) == "02P"
    assert legal_entity("02P", SINCE, BARNSLEY) == "QF7"


def test_a_location_is_no_legal_controller():
    require_legal_entity("02P", BEFORE, BARNSLEY)
    require_legal_entity("QF7", SINCE, BARNSLEY)

    with pytest.raises(NotALegalEntity) as refusal:
        require_legal_entity("02P", SINCE, BARNSLEY)
    assert refusal.value.members == {"organisation": "02P", "legal_entity": "QF7"}


def test_a_code_that_is_not_in_the_list_on_that_day_is_unknown():
    with pytest.raises(OrganisationUnknown):
        legal_entity("02P", date(2013, 3, 31), BARNSLEY)
    with pytest.raises(OrganisationUnknown):
        legal_entity("99Z", SINCE, BARNSLEY)


def test_of_two_lists_that_overlap_the_later_begun_counts():
    early, late = listed(), listed(begin=date(2020, 4, 1))

    assert on(date(2020, 4, 1), [early, late]) is late
    assert on(date(2020, 3, 31), [early, late]) is early
    assert on(date(2000, 1, 1), [early, late]) is None


def test_nothing_passes_to_a_successor_by_itself():
    assert predecessors("QF7", SINCE, []) == ()


def test_an_instrument_passes_standing_on_from_its_day():
    instruments = [transfer("02P", "QF7")]

    assert predecessors("QF7", BEFORE, instruments) == ()
    assert predecessors("QF7", SINCE, instruments) == ("02P",)
    assert predecessors("02P", SINCE, instruments) == ()


def test_chains_and_circles_of_instruments_end():
    chain = [transfer("00A", "02P", BEFORE), transfer("02P", "QF7"), transfer("QF7", "00A")]

    assert predecessors("QF7", SINCE, chain) == ("00A", "02P")
