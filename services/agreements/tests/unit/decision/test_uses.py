"""What a data set is for binds every line of it, also one that was signed (docs/adr/0048)."""

from datetime import date

import pytest

from catalogue import Wanted, uses
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.evaluator import evaluate
from services.agreements.tests.reference.world import CCG, NOON
from services.agreements.tests.unit.decision.test_scenarios import codes


@pytest.fixture
def world():
    return plain.sound()


def about(world, name, **columns):
    """Let the line be about another data set, with these of its columns and their reasons."""
    described = plain.data_set(name)
    described["fields"] += [plain.field(c, "QI", "as_is") for c in columns]
    world["catalogue"] = [described]
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    line |= {"data_set": name, "catalogue_digest": described["digest"]}
    line["fields"] += [
        {"name": c, "treatment": "as_is", "reason": reason} for c, reason in columns.items()
    ]
    asked = plain.request(data_set=name, fields=[*columns] or ["Sex"])
    return line, asked


def refused(world, asked):
    """Say what is refused, by the service and by the reference alike."""
    found = codes(world, asked)
    assert found == evaluate(world, asked, NOON)
    return found


@pytest.mark.parametrize("purpose", ["COM", "IV", "OTHER"])
def test_the_gp_record_is_for_risk_stratification_only(world, purpose):
    line, asked = about(world, "GP_RS")
    line["purpose"] = asked["purpose"] = purpose

    assert ("DATA_SET_NOT_FOR_PURPOSE", purpose) in refused(world, asked)


def test_the_gp_record_is_given_for_risk_stratification(world):
    line, asked = about(world, "GP_RS")
    line["purpose"] = asked["purpose"] = "RS"

    assert refused(world, asked) == set()


@pytest.mark.parametrize(
    ("data_set", "column"),
    [
        ("SUS_APC", "Der_Postcode_Grid_Easting"),
        ("SUS_APC", "Der_Postcode_Grid_Northing"),
        ("SUS_APC", "Der_Practice_Patient_Distance_Miles"),
        ("SUS_APC", "Der_Provider_Patient_Distance_Miles"),
        ("ECDS", "EC_Place_Of_Injury_Latitude"),
        ("ECDS", "EC_Place_Of_Injury_Longitude"),
        ("ECDS", "Fractional_Age_At_Arrival"),
    ],
)
def test_what_tells_a_home_or_a_birth_never_leaves_for_commissioning(world, data_set, column):
    """Also where a version of the data set forgot to forbid it, and with the best of reasons."""
    _, asked = about(world, data_set, **{column: "to plan ambulances"})

    assert refused(world, asked) == {("FIELD_HIDDEN_FOR_PURPOSE", column)}


def test_rows_are_not_picked_by_what_never_leaves(world):
    """Whoever is told that everybody in a file lives west of a line is told where they live."""
    column = "Der_Postcode_Grid_Easting"
    line, asked = about(world, "SUS_APC", **{column: "to plan ambulances"})
    asked["fields"] = ["Sex"]
    where = {"column": column, "any_of": ["400000"]}

    assert refused(world, asked) == set()
    assert refused(world, asked | {"filters": [where]}) == {("FIELD_HIDDEN_FOR_PURPOSE", column)}
    line["filters"] = [where]
    assert refused(world, asked) == {("FIELD_HIDDEN_FOR_PURPOSE", column)}


def test_the_key_of_hes_is_in_shmi_where_the_agreement_links_them(world):
    _, asked = about(world, "SHMI", EPIKEY="to add diagnoses")
    snapshot = world["agreement"]["versions"][0]["snapshot"]

    assert refused(world, asked) == {("LINKAGE_FIELD_NOT_LINKED", "EPIKEY")}
    snapshot["linkage"] = [{"data_sets": ["SUS_APC", "CSDS"], "key": "person", "mitigation": "x"}]
    assert refused(world, asked) == {("LINKAGE_FIELD_NOT_LINKED", "EPIKEY")}
    snapshot["linkage"] = [{"data_sets": ["SHMI", "HES_APC"], "key": "person", "mitigation": "x"}]
    assert refused(world, asked) == set()


@pytest.mark.parametrize("column", ["GMC_NUMBER", "PRACTICE_CODE"])
def test_who_links_the_workforce_says_with_what(world, column):
    line, asked = about(world, "GPW", **{column: " "})

    assert refused(world, asked) == {("LINKAGE_FIELD_WITHOUT_REASON", column)}
    line["fields"][-1]["reason"] = "joined to the list sizes of practices"
    assert refused(world, asked) == set()


SPECIALISED = {"column": "SERVICE_CODE", "any_of": ["NCBPS01C"]}


def drugs(world, name="DRPLCM", *, kind="NHS_ENGLAND", linked=("DRPLCM", "SUS_APC")):
    """A line of drugs by service, whose agreement links them, of an organisation of that kind."""
    columns = {"SERVICE_CODE": "to pick", "UNIQUE_CDS_IDENTIFIER": "to join with the stay"}
    line, asked = about(world, name, **columns)
    for row in world["organisations"]:
        if row["ods"] == CCG:
            row["kind"] = kind
    line["filters"] = [SPECIALISED]
    snapshot = world["agreement"]["versions"][0]["snapshot"]
    snapshot["linkage"] = [{"data_sets": [*linked], "key": "person", "mitigation": "x"}]
    return line, asked


@pytest.mark.parametrize("name", ["DRPLCM", "DEPLCM"])
@pytest.mark.parametrize("stays", ["SUS_APC", "SUS_APCS"])
def test_nhs_england_links_drugs_and_devices_with_stays_by_its_clause(world, name, stays):
    _, asked = drugs(world, name, linked=(name, stays))

    assert refused(world, asked) == set()


@pytest.mark.parametrize("linked", [(), ("DRPLCM", "PLCM"), ("SUS_APC", "SUS_OP")])
def test_without_the_clause_the_record_of_sus_stays_where_it_is(world, linked):
    _, asked = drugs(world, linked=linked)

    assert refused(world, asked) == {("LINKAGE_FIELD_NOT_LINKED", "UNIQUE_CDS_IDENTIFIER")}


@pytest.mark.parametrize("kind", ["CCG", "ICB", "NHS_ENGLAND_REGION", "LOCAL_AUTHORITY", "BODY"])
def test_nobody_else_links_drugs_with_stays(world, kind):
    _, asked = drugs(world, kind=kind)

    assert refused(world, asked) == {("LINKAGE_NOT_FOR_RECIPIENT", CCG)}


def test_the_body_links_them_once_it_is_the_commissioner(world):
    drugs(world, kind="BODY")
    line = world["agreement"]["versions"][0]["snapshot"]["lines"][0]

    def allowed(day):
        wanted = Wanted(
            data_set="DRPLCM",
            purpose="COM",
            identifiable=False,
            route="",
            population="own",
            recipients={"X26": "BODY"},
            fields={},
            linked_with=frozenset({"SUS_APC", "DRPLCM"}),
            narrowed=frozenset(f["column"] for f in line["filters"]),
        )
        return not list(uses().misuses(wanted, date.fromisoformat(day)))

    assert not allowed("2023-01-31")
    assert allowed("2023-02-01")


def test_a_joint_controller_of_another_kind_is_one_too_many(world):
    """Whoever is a controller beside NHS England has the same tokens."""
    _, asked = drugs(world)
    version = world["agreement"]["versions"][0]
    version["controllers"] = [CCG, plain.OTHER_CCG]
    version["signed"][plain.OTHER_CCG] = version["signed"][CCG]

    assert ("LINKAGE_NOT_FOR_RECIPIENT", plain.OTHER_CCG) in refused(world, asked)
    assert ("LINKAGE_NOT_FOR_RECIPIENT", CCG) not in refused(world, asked)


def test_the_stays_are_closed_as_well_where_drugs_are_linked_without_right(world):
    """Files of drugs may be there already: the tokens of the next stays would name their people."""
    drugs(world, kind="CCG")
    line, asked = about(world, "SUS_APC")
    del line["filters"]

    assert refused(world, asked) == {("LINKAGE_NOT_FOR_RECIPIENT", CCG)}


@pytest.mark.parametrize("other", ["SUS_OP", "HES_APC", "CSDS", "GP_RS"])
def test_drugs_are_linked_with_nothing_that_the_clause_does_not_name(world, other):
    """Also over a third: what is linked with what is linked has the same tokens."""
    _, asked = drugs(world)
    snapshot = world["agreement"]["versions"][0]["snapshot"]
    snapshot["linkage"] += [{"data_sets": ["SUS_APC", other], "key": "person", "mitigation": "x"}]

    assert refused(world, asked) == {("LINKAGE_NOT_WITH_DATA_SET", other)}


@pytest.mark.scenario("R09")
@pytest.mark.parametrize("listed", ["SUS_APC", "GP_RS"])
def test_scores_are_linked_with_nothing(world, listed):
    """Whoever is in the records and in no scores with equal tokens opted out (docs/adr/0236)."""
    _, asked = about(world, "SUS_APC")
    assert refused(world, asked) == set()
    snapshot = world["agreement"]["versions"][0]["snapshot"]
    others = {"SUS_APC", listed}
    snapshot["linkage"] = [
        {"data_sets": [*others, "RISK_SCORES"], "key": "person", "mitigation": "x"}
    ]

    found = refused(world, asked)

    assert found == {("LINKAGE_NOT_WITH_DATA_SET", name) for name in others}


@pytest.mark.parametrize("filters", [[], [{"column": "Sex", "any_of": ["1"]}]])
def test_the_line_says_which_records_are_of_a_specialised_service(world, filters):
    line, asked = drugs(world)
    line["filters"] = filters

    assert refused(world, asked) == {("LINKAGE_NOT_NARROWED", "SERVICE_CODE")}


def test_that_the_request_asks_for_few_is_not_that_the_line_does(world):
    line, asked = drugs(world)
    line["filters"] = []

    assert refused(world, asked | {"filters": [SPECIALISED]}) == {
        ("LINKAGE_NOT_NARROWED", "SERVICE_CODE")
    }


@pytest.mark.parametrize("kind", ["CCG", "NHS_ENGLAND"])
def test_contract_monitoring_is_linked_among_itself_by_anybody(world, kind):
    line, asked = drugs(world, kind=kind, linked=("DRPLCM", "DEPLCM", "PLCM", "ACM"))
    line["fields"].pop()
    line["filters"] = []
    asked["fields"] = ["Sex"]

    assert refused(world, asked) == set()


def deaths(world, *, kind, route="other_law", rule="own"):
    """A line with identity of registered deaths, for an organisation of that kind."""
    line, asked = about(world, "CIVIL_DEATHS")
    for row in world["organisations"]:
        if row["ods"] == CCG:
            row["kind"] = kind
    line |= {"purpose": "OTHER", "classification": "IDENTIFIABLE", "sensitivity": "SENSITIVE"}
    line["opt_out"] = {"applied": True, "reason": None}
    line["dissemination_power"] = {"other_law": "s261_5_d", "consent": "s261_2_c"}[route]
    line["confidentiality"] = {"route": route, "section_251": None}
    line["population"]["rule"] = rule
    asked |= {"purpose": "OTHER", "classification": "IDENTIFIABLE"}
    return line, asked


def test_a_local_authority_has_deaths_of_its_residents_by_statute(world):
    line, asked = deaths(world, kind="LOCAL_AUTHORITY")

    assert ("IDENTITY_NOT_FOR_RECIPIENT", CCG) not in refused(world, asked)
    assert ("FORM_NOT_ALLOWED", "confidentiality.route") not in refused(world, asked)
    line["opt_out"] = {"applied": False, "reason": "exemption"}
    assert "OPT_OUT_NOT_APPLIED" not in {code for code, _ in refused(world, asked)}


@pytest.mark.parametrize("kind", ["CCG", "ICB", "SUB_ICB_LOCATION", "NHS_ENGLAND"])
@pytest.mark.parametrize("route", ["other_law", "consent"])
def test_an_nhs_commissioner_has_deaths_without_identity_whatever_its_route(world, kind, route):
    _, asked = deaths(world, kind=kind, route=route)

    assert ("IDENTITY_NOT_FOR_RECIPIENT", CCG) in refused(world, asked)


def test_the_statute_is_about_residents_and_not_about_the_country(world):
    _, asked = deaths(world, kind="LOCAL_AUTHORITY", rule="national")

    assert ("IDENTITY_NOT_FOR_RECIPIENT", CCG) in refused(world, asked)
    assert ("FORM_NOT_ALLOWED", "confidentiality.route") in refused(world, asked)


def test_a_statute_of_deaths_opens_no_other_data_set(world):
    line, asked = deaths(world, kind="LOCAL_AUTHORITY")
    described = plain.data_set("SUS_APC")
    world["catalogue"] = [described]
    line |= {"data_set": "SUS_APC", "catalogue_digest": described["digest"]}
    asked["data_set"] = "SUS_APC"

    assert ("FORM_NOT_ALLOWED", "confidentiality.route") in refused(world, asked)


def with_identity(world, **how):
    """A line whose columns are the identity of the dead, by a data set that names its routes."""
    line, asked = deaths(world, **how)
    described = world["catalogue"][0]
    described["identified_by"] = ["other_law", "consent", "section_251"]
    for field in described["fields"]:
        if field["name"] in IDENTITY:
            field["treatments"] = ["identified"]
    line["fields"] = [
        {"name": name, "treatment": "identified", "reason": "to know who died"} for name in IDENTITY
    ]
    asked["fields"] = [*IDENTITY]
    return line, asked


IDENTITY = ("NHS_Number", "Date_of_Birth", "Postcode")
REFUSED = {("IDENTITY_WITHOUT_ROUTE", name) for name in IDENTITY}


def identity_refused(world, asked):
    return {one for one in refused(world, asked) if one[0] == "IDENTITY_WITHOUT_ROUTE"}


@pytest.mark.parametrize("route", ["other_law", "consent"])
def test_identity_is_given_to_a_local_authority_by_a_route_that_the_data_set_names(world, route):
    _, asked = with_identity(world, kind="LOCAL_AUTHORITY", route=route)

    found = refused(world, asked)
    assert identity_refused(world, asked) == set()
    assert {about for code, about in found if code == "FORM_NOT_ALLOWED"} == set()


def test_identity_is_not_given_by_a_route_that_the_data_set_does_not_name(world):
    _, asked = with_identity(world, kind="LOCAL_AUTHORITY")
    world["catalogue"][0]["identified_by"] = ["consent"]

    assert identity_refused(world, asked) == REFUSED


@pytest.mark.parametrize("kind", ["CCG", "ICB", "NHS_ENGLAND", "CSU"])
@pytest.mark.parametrize("route", ["other_law", "consent"])
def test_identity_is_given_to_no_nhs_commissioner(world, kind, route):
    _, asked = with_identity(world, kind=kind, route=route)

    assert identity_refused(world, asked) == REFUSED


def test_identity_is_not_given_for_the_whole_country_by_statute(world):
    _, asked = with_identity(world, kind="LOCAL_AUTHORITY", rule="national")

    assert identity_refused(world, asked) == REFUSED


def test_identity_is_not_given_on_a_line_of_pseudonyms(world):
    line, asked = with_identity(world, kind="LOCAL_AUTHORITY")
    line["classification"] = asked["classification"] = "PSEUDO_ANONYMISED"

    assert identity_refused(world, asked) == REFUSED


def test_a_data_set_whose_law_nobody_wrote_down_gives_no_identity(world):
    """Its file says that there is a route; no rule of use says to whom."""
    line, asked = with_identity(world, kind="LOCAL_AUTHORITY")
    described = world["catalogue"][0] | {"data_set": "SUS_OP"}
    world["catalogue"] = [described]
    line["data_set"] = asked["data_set"] = "SUS_OP"

    assert identity_refused(world, asked) == REFUSED
