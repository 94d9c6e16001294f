"""What a data set is for is said before anybody signs what would be refused (docs/adr/0048)."""

from dataclasses import replace

import pytest

from applications.domain import checks
from services.applications.tests.answers import CCG, case, complete, known, party

RULES = {
    "DATA_SET_NOT_FOR_PURPOSE",
    "IDENTITY_NOT_FOR_RECIPIENT",
    "FIELD_HIDDEN_FOR_PURPOSE",
    "LINKAGE_FIELD_NOT_LINKED",
    "ROUTE_NOT_ALLOWED",
}


def asking(*fields, linkage=(), route=None, **changes):
    raw = complete()
    raw[7]["lines"][0] |= changes
    if fields:
        raw[7]["lines"][0]["fields"] = [
            {"name": name, "treatment": "as_is", "reason": "Need differs."} for name in fields
        ]
    raw[10]["linkage"] = [{"data_sets": [*linkage], "key": "person"}] if linkage else []
    if route:
        raw[16]["lines"][0] |= {"route": route, "evidence": "the Act"}
    return raw


def found(raw, *, kind="CCG", among=RULES):
    organisation = replace(party(CCG).organisation, kind=kind)
    facts = known(_02P=party(CCG, organisation=organisation))
    findings = checks.examine(case(raw, facts))
    return {(f.code, f.pointer) for f in findings if f.code in among}


def test_the_gp_record_is_applied_for_only_to_stratify_risk():
    pointer = "/sections/7/lines/0/purpose"

    assert found(asking(data_set="GP_RS")) == {("DATA_SET_NOT_FOR_PURPOSE", pointer)}
    assert found(asking(data_set="GP_RS", purpose="RS")) == set()


@pytest.mark.parametrize(
    ("data_set", "column"),
    [
        ("SUS_APC", "Der_Postcode_Grid_Easting"),
        ("ECDS", "Fractional_Age_At_Arrival"),
        ("ECDS", "EC_Place_Of_Injury_Latitude"),
    ],
)
def test_what_commissioning_never_gets_is_said_with_the_reason(data_set, column):
    raw = asking(column, data_set=data_set)

    pointer = "/sections/7/lines/0/fields/0/name"
    assert found(raw) == {("FIELD_HIDDEN_FOR_PURPOSE", pointer)}


def test_the_key_of_hes_needs_the_linkage_of_section_10():
    asked = {"data_set": "SHMI"}

    pointer = "/sections/7/lines/0/fields/0/name"
    assert found(asking("EPIKEY", **asked)) == {("LINKAGE_FIELD_NOT_LINKED", pointer)}
    assert found(asking("EPIKEY", linkage=("SHMI", "HES_APC"), **asked)) == set()


LINKING = {"LINKAGE_NOT_FOR_RECIPIENT", "LINKAGE_NOT_WITH_DATA_SET", "LINKAGE_NOT_NARROWED"}


def test_nhs_england_alone_links_drugs_with_stays_and_says_which():
    pointer = "/sections/7/lines/0"
    asked = {"data_set": "DRPLCM"}
    narrow = asked | {"filters": [{"column": "SERVICE_CODE", "any_of": ["NCBPS01C"]}]}
    stays, others = ("DRPLCM", "SUS_APC"), ("DRPLCM", "SUS_OP")

    def said(raw, kind):
        return found(raw, kind=kind, among=LINKING)

    assert said(asking(linkage=stays, **narrow), "NHS_ENGLAND") == set()
    assert said(asking(linkage=("DRPLCM", "PLCM"), **asked), "CCG") == set()
    assert said(asking(linkage=stays, **narrow), "CCG") == {
        ("LINKAGE_NOT_FOR_RECIPIENT", f"{pointer}/data_set")
    }
    assert said(asking(linkage=others, **narrow), "NHS_ENGLAND") == {
        ("LINKAGE_NOT_WITH_DATA_SET", f"{pointer}/data_set")
    }
    assert said(asking(linkage=stays, **asked), "NHS_ENGLAND") == {
        ("LINKAGE_NOT_NARROWED", f"{pointer}/filters")
    }


@pytest.mark.parametrize(
    ("kind", "route", "codes"),
    [
        ("LOCAL_AUTHORITY", "other_law", set()),
        ("LOCAL_AUTHORITY", "consent", set()),
        ("CCG", "other_law", {"IDENTITY_NOT_FOR_RECIPIENT", "ROUTE_NOT_ALLOWED"}),
        ("CCG", "consent", {"IDENTITY_NOT_FOR_RECIPIENT"}),
        ("", "other_law", {"IDENTITY_NOT_FOR_RECIPIENT", "ROUTE_NOT_ALLOWED"}),
    ],
)
def test_deaths_with_identity_are_for_local_authorities_by_statute(kind, route, codes):
    raw = asking(
        data_set="CIVIL_DEATHS", purpose="OTHER", classification="IDENTIFIABLE", route=route
    )

    assert {code for code, _ in found(raw, kind=kind)} == codes


@pytest.mark.parametrize(
    ("kind", "route", "classification", "is_refused"),
    [
        ("LOCAL_AUTHORITY", "other_law", "IDENTIFIABLE", False),
        ("LOCAL_AUTHORITY", "consent", "IDENTIFIABLE", False),
        ("LOCAL_AUTHORITY", "other_law", "PSEUDO_ANONYMISED", True),
        ("CCG", "other_law", "IDENTIFIABLE", True),
        ("CCG", "consent", "IDENTIFIABLE", True),
    ],
)
def test_columns_of_identity_are_asked_for_by_a_route_of_the_data_set(
    kind, route, classification, is_refused
):
    raw = asking(
        data_set="CIVIL_DEATHS", purpose="OTHER", classification=classification, route=route
    )
    raw[7]["lines"][0]["fields"] = [
        {"name": "NHS_NUMBER", "treatment": "identified", "reason": "To know who died."}
    ]
    pointer = "/sections/7/lines/0/fields/0/treatment"
    codes = {"IDENTITY_WITHOUT_ROUTE", "TREATMENT_NOT_ALLOWED"}

    said = {("IDENTITY_WITHOUT_ROUTE", pointer)} if is_refused else set()
    assert found(raw, kind=kind, among=codes) == said


def test_a_trust_that_applies_for_shmi_is_sent_to_the_extract_service():
    asked = asking("SEX", "PROVISIONAL_FLAG", data_set="SHMI")

    assert found(asked, kind="NHS_TRUST", among={"SERVED_ELSEWHERE"}) == {
        ("SERVED_ELSEWHERE", "/sections/7/lines/0/data_set")
    }
    assert found(asked, among={"SERVED_ELSEWHERE"}) == set()
    assert found(asking(), kind="NHS_TRUST", among={"SERVED_ELSEWHERE"}) == set()


@pytest.mark.parametrize(
    ("data_set", "mark"), [("GPW", "ESTIMATED_FLAG"), ("SHMI", "PROVISIONAL_FLAG")]
)
def test_records_that_are_estimated_or_provisional_are_told_apart(data_set, mark):
    code = {"MARK_NOT_ASKED_FOR"}

    assert found(asking("SEX", data_set=data_set), among=code) == {
        ("MARK_NOT_ASKED_FOR", "/sections/7/lines/0/fields")
    }
    assert found(asking("SEX", mark, data_set=data_set), among=code) == set()


def test_a_local_authority_that_does_not_ask_for_its_residents_is_told():
    def told(*reasons, kind="LOCAL_AUTHORITY", data_set="CIVIL_DEATHS", rule="own"):
        population = {"rule": rule, "commissioners": [CCG], "reasons": [*reasons]}
        if rule == "national":
            population = {"rule": rule}
        raw = asking(data_set=data_set, population=population)
        return found(raw, kind=kind, among={"RESIDENTS_NOT_ASKED_FOR"})

    pointer = "/sections/7/lines/0/population/reasons"
    assert told("H") == {("RESIDENTS_NOT_ASKED_FOR", pointer)}
    assert told("S", "H") == {("RESIDENTS_NOT_ASKED_FOR", pointer)}
    assert told("L") == told("H", "L") == set()
    assert told("H", kind="CCG") == told("G", data_set="PLCM") == set()
    assert told(rule="national") == set()
