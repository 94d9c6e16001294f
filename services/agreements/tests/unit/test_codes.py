"""The normal form of organisations' codes: by list and role at a date, never by cutting text."""

from datetime import date

import pytest

from agreements.records.adapters.reference import load
from agreements.records.domain.parties import codes
from agreements.records.domain.parties.codes import Codes
from agreements.records.domain.parties.organisation import Organisation, OrganisationKind
from services.agreements.tests.facts import new_id

RULES = load().codes
BEFORE, AFTER = date(2023, 1, 31), date(2023, 2, 1)


def row(ods, kind, entity=None, valid_from=date(2013, 4, 1), valid_to=None):
    return Organisation(
        id=new_id(),
        ods=ods,
        name=ods,
        kind=kind,
        legal_entity=entity or ods,
        parent=None,
        valid_from=valid_from,
        valid_to=valid_to,
        source="dsfc",
    )


LISTED = (
    row("02P", OrganisationKind.CCG, valid_to=date(2022, 6, 30)),
    row("02P", OrganisationKind.SUB_ICB_LOCATION, "QF7", date(2022, 7, 1)),
    row("QF7", OrganisationKind.ICB, valid_from=date(2022, 7, 1)),
    row("RJE", OrganisationKind.NHS_TRUST),
    row("RJE01", OrganisationKind.SITE, "RJE"),
    row("R0A", OrganisationKind.NHS_TRUST, valid_from=date(2017, 10, 1)),
    row("RH800", OrganisationKind.SITE, "R0A", date(2017, 10, 1)),
    row("RH8", OrganisationKind.NHS_TRUST),
    row("13Q", OrganisationKind.NHS_ENGLAND_HUB, "X26"),
    row("X26", OrganisationKind.BODY),
    row("Y00500", OrganisationKind.GP_PRACTICE),
    row("Y005", OrganisationKind.NHS_TRUST),
    row("D4U1Y", OrganisationKind.SUB_ICB_LOCATION, "QNQ"),
    row("NT3", OrganisationKind.INDEPENDENT_PROVIDER),
    row("8J400", OrganisationKind.INDEPENDENT_PROVIDER),
    row("8J4", OrganisationKind.SUPPLIER),
    row("RA1", OrganisationKind.NHS_TRUST, valid_to=date(2015, 3, 31)),
)


def on(day):
    listed = {}
    for one in LISTED:
        listed.setdefault(one.ods, []).append(one)
    return Codes(day, listed, RULES)


@pytest.mark.parametrize(
    ("code", "entity"),
    [
        ("02P", "02P"),
        ("02P00", "02P"),
        (" 02p00 ", "02P"),
        ("QF700", "QF7"),
        ("RJE", "RJE"),
        ("RJE00", "RJE"),
        ("RJE01", "RJE"),
        ("NT300", "NT3"),
        ("RA100", "RA1"),  # closed: still of its kind
        ("RH800", "R0A"),  # a list has it as a site of another trust
        ("8J400", "8J400"),  # a list has it: it ends in 00 by itself
        ("Y00500", "Y00500"),
        ("D4U1Y", "D4U1Y"),
        ("ZZZ00", "ZZZ00"),  # of no list: nothing is cut
        ("ZZZ", "ZZZ"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("day", [BEFORE, AFTER])
def test_a_code_counts_for_the_entity_that_the_lists_name(code, entity, day):
    assert on(day).normal(code) == entity


def test_a_kind_that_does_not_come_lengthened_is_not_shortened():
    listed = {"8J4": [row("8J4", OrganisationKind.SUPPLIER)]}

    assert Codes(BEFORE, listed, RULES).normal("8J400") == "8J400"


@pytest.mark.parametrize("code", ["13Q", "13Q00", "X24", "X2400"])
def test_hubs_count_for_nhs_england_under_its_code_of_the_day(code):
    assert on(BEFORE).normal(code) == "X24"
    assert on(AFTER).normal(code) == "X26"


def test_the_body_was_not_a_commissioner_before():
    assert on(BEFORE).normal("X26") == on(AFTER).normal("X26") == "X26"


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("VPP00", "private_or_overseas_liable"),
        ("TDH00", "overseas_exempt"),
        ("XMD00", "ministry_of_defence"),
        ("X98", "commissioner_not_applicable"),
        ("Q99", "commissioner_not_known"),
        ("V81997", "no_registered_practice"),
        ("V81998", "practice_not_applicable"),
        ("v81999", "practice_not_known"),
        ("89997", "provider_outside_uk"),
        ("89999", "provider_not_nhs"),
        ("02P", None),
    ],
)
def test_default_codes_are_meanings_and_no_organisations(code, meaning):
    assert on(BEFORE).meaning(code) == meaning
    assert on(BEFORE).normal(code) == code.upper()


def test_a_default_code_is_one_in_its_time_only():
    assert on(date(2013, 3, 31)).meaning("YDD82") == "national_commissioning_group"
    assert on(date(2013, 4, 1)).meaning("YDD82") is None


def test_sites_in_a_circle_end_where_they_began():
    listed = {
        "AAA01": [row("AAA01", OrganisationKind.SITE, "AAA02")],
        "AAA02": [row("AAA02", OrganisationKind.SITE, "AAA01")],
    }

    assert Codes(BEFORE, listed, RULES).normal("AAA01") in {"AAA01", "AAA02"}


def test_the_map_has_every_code_of_the_day_once_and_in_order():
    content, entries = codes.canonical(on(date(2018, 4, 1)))
    header, *lines = content.decode().splitlines()

    assert header == "code,entity,meaning,standing"
    assert len(lines) == entries == len({line.split(",")[0] for line in lines})
    assert lines == sorted(lines)
    assert {
        "02P,02P,,open",
        "02P00,02P,,open",
        "RJE01,RJE,,open",
        "RJE00,RJE,,open",
        "RA1,RA1,,closed",
        "RA100,RA1,,closed",
        "RH800,R0A,,open",
        "13Q00,X24,,open",
        "X24,X24,,open",
        "VPP00,,private_or_overseas_liable,",
        "Y00500,Y00500,,open",
    } <= set(lines)
    assert not any(line.startswith(("QF7", "YDD82", "8J40000", "D4U1Y00")) for line in lines)


def test_equal_lists_have_equal_maps_and_another_day_another_one():
    assert codes.canonical(on(BEFORE)) == codes.canonical(on(BEFORE))
    assert codes.canonical(on(BEFORE)) != codes.canonical(on(AFTER))


@pytest.mark.parametrize(
    ("day", "standing"),
    [
        (date(2017, 9, 30), codes.CodeState.NOT_YET),
        (date(2017, 10, 1), codes.CodeState.OPEN),
    ],
)
def test_a_code_stands_as_the_lists_say(day, standing):
    assert codes.standing_on(day, [r for r in LISTED if r.ods == "R0A"]) == standing
    assert codes.standing_on(day, [r for r in LISTED if r.ods == "RA1"]) == codes.CodeState.CLOSED
    assert codes.standing_on(day, []) == codes.CodeState.UNKNOWN
