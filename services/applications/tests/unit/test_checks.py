"""The machine checks: what each refuses, where it points, and that nothing else is said.

`BREAKS` has every code at least once; a test fails when a new code has no case here.
"""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from applications.domain import checks
from applications.domain.checks import codes as codes_of
from applications.domain.checks.length import last_day, months_later
from applications.domain.facts import (
    AgreementsFacts,
    AssuranceFact,
    ContractFact,
    EvidenceFact,
    OrganisationFact,
    RegistrationFact,
)
from applications.domain.life import Query
from applications.domain.sections import SECTIONS, Answers
from applications.domain.sections.forms import Kind
from catalogue import Catalogue
from common.security.principal import BODY
from common.texts import STORED
from services.applications.tests.answers import (
    CCG,
    CSU,
    DATA_SETS,
    NAMES,
    RULES,
    SECOND,
    TODAY,
    agreement,
    approval,
    as_renewal,
    case,
    complete,
    identifiable,
    known,
    line,
    party,
    with_identifiable_line,
    with_second_controller,
)

LINE, FIELD = "/sections/7/lines/0", "/sections/7/lines/0/fields/0"


def examine(raw=None, facts=None, **changes):
    return checks.examine(case(raw, facts, **changes))


def codes(findings, severity=None):
    return sorted({f.code for f in findings if severity in {None, f.severity}})


def refusing(*given, **named):
    return codes(examine(*given, **named), "refuse")


def edited(path, value, raw=None):
    """The complete answers with one value put elsewhere."""
    raw = raw or complete()
    *way, last = path
    node = raw
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return raw


def field(**changes):
    return {"name": "Sex", "treatment": "as_is", "reason": "Waits differ.", **changes}


def with_field(**changes):
    return edited([7, "lines", 0, "fields"], [field(**changes)])


def linked_drugs(*others):
    """One line of drugs, of all services, which section 10 links."""
    raw = edited([7, "lines", 0], line(data_set="DRPLCM", fields=[field(name="SEX")]))
    link = {"data_sets": ["DRPLCM", *others], "key": "person"}
    return edited([10, "linkage"], [link], raw)


WOMEN = {"column": "Sex", "any_of": ["2"]}


def with_filters(*filters):
    return edited([7, "lines", 0, "filters"], list(filters))


def test_a_line_may_be_about_some_of_the_rows():
    assert examine(with_filters(WOMEN)) == ()


SET = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}


def of_staff(parameters):
    """A line of tables of GP Workforce, whose rule is set for each application."""
    said = {} if parameters is None else {"disclosure_parameters": parameters}
    return edited(
        [7, "lines", 0],
        line(
            data_set="GPW",
            classification="AGGREGATE_SUPPRESSED",
            fields=[field(name="STAFF_GROUP", treatment="as_is")],
            **said,
        ),
    )


def test_a_rule_that_is_set_for_each_application_may_be_set():
    found = codes(examine(of_staff(SET)))

    assert not [code for code in found if code.startswith("RULE_PARAMETERS")]


@pytest.mark.parametrize(
    ("first", "last", "filters", "offer"),
    [
        ("2016-10", "2016-11", [], "2016-12"),
        ("2016-10", "2016-12", [{"column": "STAFF_GROUP", "any_of": ["ADMIN"]}], "2017-03"),
        ("2016-10", "2016-12", [], None),
        ("2016-10", "2016-12", [{"column": "STAFF_GROUP", "any_of": ["ADMIN", "GP"]}], None),
    ],
)
def test_a_line_of_months_in_which_nothing_was_extracted_is_refused(first, last, filters, offer):
    asked = line(
        data_set="GPW",
        catalogue_version="1.2",
        classification="AGGREGATE_SUPPRESSED",
        fields=[field(name="STAFF_GROUP", treatment="as_is")],
        periods={"from": first, "to": last},
        filters=filters,
    )

    found = [f for f in examine(edited([7, "lines", 0], asked)) if f.code == "PERIOD_NOT_AVAILABLE"]

    assert [f.offer for f in found] == ([] if offer is None else [offer])


def with_areas(**changes):
    names = ("Der_PostCode_Sector", "Der_Postcode_LSOA_2011_Code")
    fields = [field(name=name, treatment="derived") for name in names]
    return edited([7, "lines", 0], line(fields=fields, **changes))


def test_what_is_hidden_of_a_line_and_stops_nothing_is_a_warning():
    of_the_oldest = with_field(name="Year_of_Birth_SUS", treatment="derived")

    assert codes(examine(of_the_oldest)) == ["OLDEST_CAPPED"]
    assert "COLUMN_WITHHELD" in codes(examine(with_areas(classification="IDENTIFIABLE")), "warn")


CSDS_FIELDS = (
    "Referrals.Unique_ServiceRequestID",
    "Referrals.Gender",
    "Care_Activities.Unique_ServiceRequestID",
    "Care_Activities.Unique_CareActivityID",
    "Assessments.Unique_ServiceRequestID",
    "Assessments.Unique_CareActivityID",
    "Group_Sessions.NumberOfParticipants",
)


def with_groups(*left_out):
    treatments = {True: "pseudonym", False: "as_is"}
    fields = [
        field(name=name, treatment=treatments["Unique" in name])
        for name in CSDS_FIELDS
        if name not in left_out
    ]
    asked = line(data_set="CSDS", fields=fields, sensitivity="SENSITIVE", periods=SINCE_CSDS)
    return edited([7, "lines", 0], asked)


SINCE_CSDS = {"from": "2018-04", "to": "2024-05"}


def test_a_group_whose_rows_a_filter_cannot_choose_is_warned_of():
    """Sessions belong to no referral; what belongs to one is chosen with it."""

    def warned(*filters):
        said = edited([7, "lines", 0, "filters"], list(filters), with_groups())
        return [
            f for f in examine(said) if f.code in {"FILTER_LEAVES_GROUP_OUT", "FILTER_OVER_GROUPS"}
        ]

    (found,) = warned({"column": "Referrals.Gender", "any_of": ["1"]})

    assert not found.refuses
    assert found.pointer == f"{LINE}/filters"
    assert "rows of Group_Sessions do not belong to what Referrals.Gender is of" in found.detail
    assert warned() == []


@pytest.mark.scenario("R16")
@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        ((), []),
        (["Referrals.Gender", "Group_Sessions.NumberOfParticipants"], []),
        (
            ["Care_Activities.Unique_ServiceRequestID"],
            ["Add Care_Activities.Unique_ServiceRequestID."],
        ),
        (
            ["Assessments.Unique_CareActivityID"],
            ["Add Assessments.Unique_CareActivityID."],
        ),
        (
            ["Referrals.Unique_ServiceRequestID"],
            ["Add Referrals.Unique_ServiceRequestID."] * 2,
        ),
    ],
)
def test_groups_without_the_fields_that_link_them_are_a_warning(left_out, missing):
    """Each pair is told once; group sessions are linked with nothing."""
    found = [f for f in examine(with_groups(*left_out)) if f.code == "GROUPS_NOT_LINKED"]

    assert [f.offer for f in found] == missing
    assert {(f.pointer, f.refuses) for f in found} <= {(f"{LINE}/fields", False)}
    assert not {"FIELD_UNKNOWN", "TREATMENT_NOT_ALLOWED"} & set(
        codes(examine(with_groups(*left_out)), "refuse")
    )


@pytest.mark.scenario("R16")
@pytest.mark.parametrize(
    "data_set",
    sorted({one.data_set for one in catalogue.load() if one.groups} - {"CYPHS"}),
)
def test_every_pair_of_groups_that_could_be_linked_is_warned_of(data_set):
    """Each link that a data set file has, taken out by itself."""
    known = catalogue.load().get(data_set)
    every = [
        {"name": name, "treatment": one.treatments[0].value, "reason": "Needed."}
        for name, one in known.releasables.items()
        if one.treatments
    ]
    pairs = {(g.group, o, by) for g in known.groups for o, names in g.links.items() for by in names}
    assert pairs

    def offers(left_out):
        asked = line(
            data_set=data_set,
            fields=[field for field in every if field["name"] != left_out],
            sensitivity="SENSITIVE",
            periods={"from": "2021-04", "to": "2024-05"},
        )
        found = examine(edited([7, "lines", 0], asked))
        return [f.offer for f in found if f.code == "GROUPS_NOT_LINKED"]

    assert offers(None) == []
    for group, _, by in pairs:
        assert set(offers(f"{group}.{by}")) == {f"Add {group}.{by}."}


def second_line(**changes):
    raw = complete()
    raw[7]["lines"].append(line(2, data_set="DIDS", fields=[DIDS_FIELD], **changes))
    raw[16]["lines"].append({"line": 2, "route": "not_identifiable"})
    return raw


DIDS_FIELD = {"name": "AGE_AT_TEST", "treatment": "derived", "reason": "Waits differ by age."}


def test_the_complete_application_has_no_finding():
    assert examine() == ()


BREAKS = [
    # Every text
    (
        "PLACEHOLDER",
        "/sections/1/justification",
        lambda: edited([1, "justification"], "T.B.C."),
    ),
    (
        "PLACEHOLDER",
        f"{LINE}/fields/0/reason",
        lambda: edited([7, "lines", 0, "fields", 0, "reason"], "n/a"),
    ),
    (
        "PLACEHOLDER",
        "/sections/11/outputs/0/title",
        lambda: edited([11, "outputs", 0, "title"], "xxx"),
    ),
    (
        "COMPANY_NUMBER_MALFORMED",
        "/sections/3/processors/0/ods",
        lambda: edited([3, "processors", 0, "ods"], "SC12345"),
    ),
    (
        "ORGANISATION_UNKNOWN",
        "/sections/7/consultation/organisation",
        lambda: edited([7, "consultation", "organisation"], "99Z"),
    ),
    # Standard 1
    ("END_BEFORE_START", "/sections/1/end", lambda: edited([1, "end"], "2021-05-31")),
    ("START_IN_PAST", "/sections/1/start", lambda: edited([1, "start"], "2021-05-24")),
    ("START_TOO_FAR", "/sections/1/start", lambda: edited([1, "start"], "2022-06-25")),
    ("TERM_TOO_LONG", "/sections/1/end", lambda: edited([1, "end"], "2024-06-01")),
    # Standard 2
    ("NO_CONTROLLER", "/sections/2/controllers", lambda: edited([2, "controllers"], [])),
    (
        "PARTY_TWICE",
        "/sections/2/controllers",
        lambda: edited([2, "controllers"], complete()[2]["controllers"] * 2),
    ),
    (
        "ARTICLE_6_MISSING",
        "/sections/2/controllers/0/gdpr_article_6",
        lambda: edited([2, "controllers", 0, "gdpr_article_6"], []),
    ),
    (
        "SCHEDULE_1_MISSING",
        "/sections/2/controllers/0/dpa_2018_schedule_1",
        lambda: edited([2, "controllers", 0, "dpa_2018_schedule_1"], []),
    ),
    (
        "CONTRACT_NOT_IN_FORCE",
        "/sections/2/controllers/0/contract_reference",
        lambda: edited([2, "controllers", 0, "contract_reference"], "CON-11111-A1B2C"),
    ),
    *(
        (
            code,
            f"/sections/2/controllers/0/{name}/0",
            lambda name=name, written=written: edited([2, "controllers", 0, name], [written]),
        )
        for code, name, written in (
            ("ARTICLE_6_UNKNOWN", "gdpr_article_6", "banana"),
            ("ARTICLE_6_UNKNOWN", "gdpr_article_6", "6(1)(g)"),
            ("ARTICLE_6_UNKNOWN", "gdpr_article_6", "9(2)(h)"),
            ("ARTICLE_6_UNKNOWN", "gdpr_article_6", "6"),
            ("ARTICLE_9_UNKNOWN", "gdpr_article_9", "9(2)(k)"),
            ("ARTICLE_9_UNKNOWN", "gdpr_article_9", "public interest"),
            ("SCHEDULE_1_UNKNOWN", "dpa_2018_schedule_1", "paragraph 99"),
            ("SCHEDULE_1_UNKNOWN", "dpa_2018_schedule_1", "paragraph 5"),
        )
    ),
    (
        "SCHEDULE_1_DOES_NOT_FIT",
        "/sections/2/controllers/0/dpa_2018_schedule_1",
        lambda: edited([2, "controllers", 0, "dpa_2018_schedule_1"], ["paragraph 4"]),
    ),
    *(
        (
            "NAME_DIFFERS",
            f"/sections/{way[0]}/{way[1]}/0/{way[2]}",
            lambda way=way, name=name: edited([way[0], way[1], 0, way[2]], name),
        )
        for way in (
            (2, "controllers", "legal_name"),
            (3, "processors", "legal_name"),
            (6, "registrations", "name"),
        )
        for name in ("NHS Wakefield CCG", "Barnsley", "NHS", "N/A")
    ),
    # Standard 3
    (
        "INSTRUCTIONS_NOT_CONFIRMED",
        "/sections/3/processors/0/documented_instructions",
        lambda: edited([3, "processors", 0, "documented_instructions"], False),
    ),
    (
        "CONTROLLER_AND_PROCESSOR",
        "/sections/3/processors/0/ods",
        lambda: edited([3, "processors", 0, "ods"], CCG),
    ),
    # Standard 4
    ("NO_LOCATION", "/sections/4/locations", lambda: edited([4, "locations"], [])),
    (
        "OPERATOR_NOT_A_PARTY",
        "/sections/4/locations/0/operator",
        lambda: edited([4, "locations", 0, "operator"], "8HV94"),
    ),
    (
        "POSTCODE_MALFORMED",
        "/sections/4/locations/0/postcode",
        lambda: edited([4, "locations", 0, "postcode"], "NOWHERE"),
    ),
    (
        "COUNTRY_UNKNOWN",
        "/sections/4/locations/0/country",
        lambda: edited([4, "locations", 0, "country"], "ZZ"),
    ),
    # Standard 5
    (
        "ASSURANCE_DIFFERS",
        "/sections/5/evidence/0/reference",
        lambda: edited([5, "evidence", 0, "reference"], "19/20"),
    ),
    (
        "ASSURANCE_DIFFERS",
        "/sections/5/evidence/0/reference",
        lambda: edited([5, "evidence", 0, "kind"], "ISO27001"),
    ),
    (
        "NOT_A_PARTY",
        "/sections/5/evidence/0/ods",
        lambda: edited([5, "evidence", 0, "ods"], SECOND),
    ),
    (
        "ASSURANCE_NOT_NAMED",
        "/sections/5/evidence",
        lambda: edited([5, "evidence"], complete()[5]["evidence"][:1]),
    ),
    # Standard 6
    (
        "ICO_NOT_NAMED",
        "/sections/3/processors/0",
        lambda: edited([6, "registrations"], complete()[6]["registrations"][:1]),
    ),
    (
        "ICO_NUMBER_MALFORMED",
        "/sections/6/registrations/0/number",
        lambda: edited([6, "registrations", 0, "number"], "A1234567"),
    ),
    (
        "ICO_LAPSED",
        "/sections/6/registrations/0/expires",
        lambda: edited([6, "registrations", 0, "expires"], "2021-05-24"),
    ),
    (
        "ICO_NUMBER_DIFFERS",
        "/sections/6/registrations/0/number",
        lambda: edited([6, "registrations", 0, "number"], "Z7654321"),
    ),
    (
        "NOT_A_PARTY",
        "/sections/6/registrations/0/ods",
        lambda: edited([6, "registrations", 0, "ods"], SECOND),
    ),
    (
        "PARTY_TWICE",
        "/sections/6/registrations",
        lambda: edited([6, "registrations"], complete()[6]["registrations"] * 2),
    ),
    # Standard 7
    ("NO_LINE", "/sections/7/lines", lambda: edited([7, "lines"], [])),
    (
        "LINE_NUMBER_TWICE",
        "/sections/7/lines",
        lambda: edited([7, "lines"], [line(), line(data_set="DIDS", fields=[DIDS_FIELD])]),
    ),
    ("LINE_TWICE", "/sections/7/lines", lambda: edited([7, "lines"], [line(), line(2)])),
    (
        "PERIOD_REVERSED",
        f"{LINE}/periods",
        lambda: edited([7, "lines", 0, "periods"], {"from": "2019-04", "to": "2018-03"}),
    ),
    (
        "DATA_SET_UNKNOWN",
        f"{LINE}/data_set",
        lambda: edited([7, "lines", 0, "data_set"], "NOT_THERE"),
    ),
    (
        "DATA_SET_UNKNOWN",
        f"{LINE}/data_set",
        lambda: edited([7, "lines", 0, "catalogue_version"], "99.0"),
    ),
    (
        "PERIOD_NOT_AVAILABLE",
        f"{LINE}/periods/from",
        lambda: edited([7, "lines", 0, "periods", "from"], "2008-03"),
    ),
    (
        "FILTER_COLUMN_UNKNOWN",
        f"{LINE}/filters/0/column",
        lambda: with_filters({"column": "Shoe_Size", "any_of": ["44"]}),
    ),
    (
        "FILTER_COLUMN_NOT_LISTED",
        f"{LINE}/filters/1/column",
        lambda: with_filters(WOMEN, {"column": "Provider_Code", "any_of": ["RR8"]}),
    ),
    (
        "FILTER_COLUMN_NOT_LISTED",
        f"{LINE}/filters/0/column",
        lambda: with_filters({"column": "Local_Patient_ID", "any_of": ["L1"]}),
    ),
    (
        "FILTER_OVER_GROUPS",
        f"{LINE}/filters",
        lambda: edited(
            [7, "lines", 0, "filters"],
            [
                {"column": "Referrals.Gender", "any_of": ["1"]},
                {"column": "Group_Sessions.NumberOfParticipants", "at_least": 8},
            ],
            with_groups(),
        ),
    ),
    ("FILTER_EMPTY", f"{LINE}/filters/0", lambda: with_filters({"column": "Sex"})),
    (
        "FILTER_UNSUITABLE",
        f"{LINE}/filters/0",
        lambda: with_filters({"column": "Sex", "at_least": 1}),
    ),
    (
        "FILTER_CODE_UNKNOWN",
        f"{LINE}/filters/0",
        lambda: with_filters({"column": "Sex", "any_of": ["2", "7"]}),
    ),
    (
        "RULE_PARAMETERS_NOT_TAKEN",
        f"{LINE}/disclosure_parameters",
        lambda: edited([7, "lines", 0, "disclosure_parameters"], SET),
    ),
    (
        "RULE_PARAMETERS_MISSING",
        f"{LINE}/disclosure_parameters",
        lambda: of_staff(None),
    ),
    (
        "RULE_PARAMETERS_INVALID",
        f"{LINE}/disclosure_parameters/round_base",
        lambda: of_staff(SET | {"round_base": 20}),
    ),
    (
        "GROUP_SIZE_NOT_TAKEN",
        f"{LINE}/min_group_size",
        lambda: edited([7, "lines", 0, "min_group_size"], 5, of_staff(SET)),
    ),
    ("FILTER_TWICE", f"{LINE}/filters", lambda: with_filters(WOMEN, WOMEN)),
    ("GROUP_UNKNOWN", f"{LINE}/group", lambda: edited([7, "lines", 0, "group"], "1")),
    (
        "REASONS_UNUSABLE",
        f"{LINE}/population/reasons",
        lambda: edited(
            [7, "lines", 0, "population", "reasons"],
            [x for x in "SPGHRC" if x not in DATA_SETS.get("DIDS").population],
            edited([7, "lines", 0], line(data_set="DIDS", fields=[DIDS_FIELD])),
        ),
    ),
    (
        "DATE_IN_FUTURE",
        "/sections/7/consultation/on",
        lambda: edited([7, "consultation", "on"], "2021-05-26"),
    ),
    ("NO_FIELD", f"{LINE}/fields", lambda: edited([7, "lines", 0, "fields"], [])),
    (
        "FIELD_TWICE",
        f"{LINE}/fields",
        lambda: edited([7, "lines", 0, "fields"], [field(), field()]),
    ),
    ("FIELD_WITHOUT_REASON", f"{FIELD}/reason", lambda: with_field(reason=" ")),
    ("FIELD_UNKNOWN", f"{FIELD}/name", lambda: with_field(name="Shoe_Size")),
    ("FIELD_ABOVE_CEILING", f"{FIELD}/treatment", lambda: with_field(name="NHS_Number")),
    ("FIELD_ABOVE_CEILING", f"{FIELD}/treatment", lambda: with_field(name="Postcode")),
    (
        "TREATMENT_NOT_ALLOWED",
        f"{FIELD}/treatment",
        lambda: with_field(name="Sex", treatment="year"),
    ),
    (
        "TREATMENT_NOT_ALLOWED",
        f"{FIELD}/treatment",
        lambda: with_field(name="NHS_Number", treatment="pseudonym"),
    ),
    (
        "SENSITIVITY_UNDERSTATED",
        f"{FIELD}/name",
        lambda: with_field(name="Legal_Status_Classification"),
    ),
    (
        "JUSTIFICATION_MISSING",
        "/sections/7/less_intrusive_form",
        lambda: edited([7, "less_intrusive_form"], ""),
    ),
    (
        "JUSTIFICATION_MISSING",
        "/sections/7/sensitive_justification",
        lambda: edited([7, "lines", 0, "sensitivity"], "SENSITIVE"),
    ),
    (
        "JUSTIFICATION_MISSING",
        "/sections/7/under_16_justification",
        lambda: edited([7, "includes_under_16"], True),
    ),
    (
        "POPULATION_CONTRADICTS",
        f"{LINE}/population/commissioners",
        lambda: edited([7, "lines", 0, "population", "rule"], "national"),
    ),
    (
        "POPULATION_MISSING",
        f"{LINE}/population/commissioners",
        lambda: edited([7, "lines", 0, "population", "commissioners"], []),
    ),
    (
        "REASONS_MISSING",
        f"{LINE}/population/reasons",
        lambda: edited([7, "lines", 0, "population", "reasons"], []),
    ),
    (
        "RECIPIENT_NOT_A_PARTY",
        f"{LINE}/recipient_environment/organisation",
        lambda: edited([7, "lines", 0, "recipient_environment", "organisation"], "0CX"),
    ),
    (
        "ENVIRONMENT_NOT_ALLOWED",
        f"{LINE}/recipient_environment/kind",
        lambda: edited([7, "lines", 0, "recipient_environment", "kind"], "ceff"),
    ),
    (
        "FORM_NOT_ALLOWED",
        f"{LINE}/classification",
        lambda: edited([7, "lines", 0, "classification"], "IDENTIFIABLE"),
    ),
    (
        "NOT_CONSULTED_WITHOUT_REASON",
        "/sections/7/consultation/reason_not_consulted",
        lambda: edited([7, "consultation"], {}),
    ),
    (
        "POWER_UNKNOWN",
        f"{LINE}/dissemination_power",
        lambda: edited([7, "lines", 0, "dissemination_power"], "because_we_can"),
    ),
    (
        "POWER_WITHOUT_BASIS",
        f"{LINE}/dissemination_power",
        lambda: edited([7, "lines", 0, "dissemination_power"], "s261_7"),
    ),
    (
        "POWER_DOES_NOT_FIT",
        "/sections/7/lines/1/dissemination_power",
        lambda: edited(
            [7, "lines", 1, "dissemination_power"], "s261_1", with_identifiable_line(complete())
        ),
    ),
    # Standard 8
    (
        "LINE_UNKNOWN",
        "/sections/8/lines",
        lambda: edited([8, "lines", 0, "line"], 7),
    ),
    (
        "OPT_OUT_WITHOUT_REASON",
        "/sections/8/lines/0/reason",
        lambda: edited([8, "lines", 0, "reason"], None),
    ),
    (
        "OPT_OUT_REASON_CONTRADICTS",
        "/sections/8/lines/0/reason",
        lambda: edited([8, "lines", 0, "reason"], "consent"),
    ),
    (
        "EXEMPTION_LETTER_MISSING",
        "/sections/8/lines/0/exemption_letter",
        lambda: edited([8, "lines", 0, "reason"], "exemption"),
    ),
    # Standard 9
    ("NO_PURPOSE", "/sections/9/purposes", lambda: edited([9, "purposes"], [])),
    (
        "PURPOSE_TWICE",
        "/sections/9/purposes",
        lambda: edited([9, "purposes"], complete()[9]["purposes"] * 2),
    ),
    (
        "OBJECTIVE_MISSING",
        "/sections/9/purposes/0/objective",
        lambda: edited([9, "purposes", 0, "objective"], ""),
    ),
    (
        "ARTICLE_6_MISSING",
        "/sections/9/purposes/0/gdpr_article_6",
        lambda: edited([9, "purposes", 0, "gdpr_article_6"], ""),
    ),
    (
        "ARTICLE_6_UNKNOWN",
        "/sections/9/purposes/0/gdpr_article_6",
        lambda: edited([9, "purposes", 0, "gdpr_article_6"], "banana"),
    ),
    (
        "PURPOSE_NOT_NAMED",
        f"{LINE}/purpose",
        lambda: edited([9, "purposes", 0, "code"], "OTHER"),
    ),
    (
        "PUBLIC_INTEREST_MISSING",
        "/sections/9/public_interest",
        lambda: edited([2, "controllers", 0, "gdpr_article_9"], ["9(2)(i)"]),
    ),
    # Standard 10
    ("ACTIVITIES_MISSING", "/sections/10/activities", lambda: edited([10, "activities"], "")),
    (
        "ONWARD_WITHOUT_SUB_LICENCE",
        "/sections/10/flows/0/onward",
        lambda: edited([10, "flows", 0, "onward"], True),
    ),
    (
        "FLOW_NOT_BETWEEN_PARTIES",
        "/sections/10/flows/0/to",
        lambda: edited([10, "flows", 0, "to"], "RJE"),
    ),
    (
        "LINKED_DATA_SET_NOT_ASKED_FOR",
        "/sections/10/linkage/0/data_sets",
        lambda: edited(
            [10, "linkage"], [{"data_sets": ["SUS_APC", "DIDS"], "mitigation": "None is kept."}]
        ),
    ),
    (
        "MITIGATION_MISSING",
        "/sections/10/linkage/0/mitigation",
        lambda: edited([10, "linkage"], [{"data_sets": ["SUS_APC", "DIDS"]}], second_line()),
    ),
    (
        "RE_IDENTIFICATION",
        "/sections/10/re_identification",
        lambda: edited([10, "re_identification"], True),
    ),
    (
        "STATEMENT_MISSING",
        "/sections/10/no_re_identification_statement",
        lambda: edited([10, "no_re_identification_statement"], False),
    ),
    (
        "STAFF_ARRANGEMENT_MISSING",
        "/sections/10/other_staff_arrangement",
        lambda: edited([10, "substantive_staff_only"], False),
    ),
    # Standard 11
    ("NO_OUTPUT", "/sections/11/outputs", lambda: edited([11, "outputs"], [])),
    (
        "RECORD_LEVEL_OUTPUT",
        "/sections/11/outputs/0/level",
        lambda: edited([11, "outputs", 0, "level"], "PSEUDO_ANONYMISED"),
    ),
    (
        "DISCLOSURE_RULE_MISSING",
        "/sections/11/outputs/0/disclosure_rule",
        lambda: edited([11, "outputs", 0, "disclosure_rule"], ""),
    ),
    *(
        (
            "DISCLOSURE_RULE_UNKNOWN",
            "/sections/11/outputs/0/disclosure_rule",
            lambda rule=rule: edited([11, "outputs", 0, "disclosure_rule"], rule),
        )
        for rule in ("SHMI", "none", "MY_OWN_RULE", "HES; CSDS")
    ),
    (
        "DATE_BEFORE_START",
        "/sections/11/outputs/0/target",
        lambda: edited([11, "outputs", 0, "target"], "2021-05-31"),
    ),
    (
        "DATE_BEFORE_START",
        "/sections/12/benefits/0/due",
        lambda: edited([12, "benefits", 0, "due"], "2021-05-31"),
    ),
    (
        "DATE_IN_FUTURE",
        "/sections/12/yielded/0/on",
        lambda: edited([12, "yielded"], [{"description": "Fewer.", "on": "2021-05-26"}]),
    ),
    # Standard 12
    (
        "NO_MEASURABLE_BENEFIT",
        "/sections/12/benefits",
        lambda: edited([12, "benefits", 0, "measure"], ""),
    ),
    # Standard 13
    *(
        (
            "COMMERCIAL_PURPOSE_REFUSED",
            f"/sections/13/{name}",
            lambda name=name: edited([13, name], True),
        )
        for name in ("solely_commercial", "marketing", "insurance")
    ),
    (
        "COMMERCIAL_UNDERSTATED",
        "/sections/13/commercial",
        lambda: edited([13, "party_gains"], True),
    ),
    (
        "BENEFIT_TO_HEALTH_MISSING",
        "/sections/13/benefit_to_health",
        lambda: edited([13, "commercial"], True, edited([1, "end"], "2022-05-31")),
    ),
    # Standard 14
    (
        "CONDITION_TWICE",
        "/sections/14/conditions",
        lambda: edited([14, "conditions"], [condition(), condition()]),
    ),
    (
        "CONDITION_ID_TAKEN",
        "/sections/14/conditions/0/id",
        lambda: edited([14, "conditions"], [condition(id="assurance-plan-0DF")]),
    ),
    (
        "OWNER_NOT_A_PARTY",
        "/sections/14/conditions/0/owner",
        lambda: edited([14, "conditions"], [condition(owner="0CX")]),
    ),
    (
        "CONDITION_OVERDUE",
        "/sections/14/conditions/0/due",
        lambda: edited([14, "conditions"], [condition(due="2021-05-24")]),
    ),
    # Standard 15
    (
        "ETHICS_REFERENCE_MISSING",
        "/sections/15/reference",
        lambda: edited([15, "outcome"], "approved"),
    ),
    (
        "ETHICS_APPROVAL_MISSING",
        "/sections/15/outcome",
        lambda: edited([15, "research"], True, with_identifiable_line(complete())),
    ),
    # Standard 16
    (
        "LINE_TWICE",
        "/sections/16/lines",
        lambda: edited([16, "lines"], complete()[16]["lines"] * 2),
    ),
    ("CONFIDENTIALITY_MISSING", "/sections/16/lines", lambda: edited([16, "lines"], [])),
    (
        "CONFIDENTIALITY_MISSING",
        "/sections/16/lines/1/route",
        lambda: edited(
            [16, "lines", 1, "route"], "not_identifiable", with_identifiable_line(complete())
        ),
    ),
    (
        "ROUTE_NOT_ALLOWED",
        "/sections/16/lines/1/route",
        lambda: edited([16, "lines", 1, "route"], "consent", with_identifiable_line(complete())),
    ),
    (
        "S251_REFERENCE_MISSING",
        "/sections/16/lines/1/section_251",
        lambda: edited([16, "lines", 1, "section_251"], None, with_identifiable_line(complete())),
    ),
    (
        "S251_OTHER_PURPOSE",
        "/sections/16/lines/1/section_251/purpose",
        lambda: edited(
            [16, "lines", 1, "section_251", "purpose"], "RS", with_identifiable_line(complete())
        ),
    ),
    (
        "S251_OTHER_PURPOSE",
        "/sections/16/lines/1/section_251/purpose",
        lambda: edited(
            [16, "lines", 1, "section_251", "purpose"], "COM", with_identifiable_line(complete())
        ),
    ),
    (
        "S251_REFERENCE_UNKNOWN",
        "/sections/16/lines/1/section_251/reference",
        lambda: edited(
            [16, "lines", 1, "section_251", "reference"],
            "CAG banana",
            with_identifiable_line(complete()),
        ),
    ),
    (
        "S251_EXPIRY_DIFFERS",
        "/sections/16/lines/1/section_251/expires",
        lambda: with_identifiable_line(complete(), expires="2025-10-01"),
    ),
    (
        "S251_LAPSED",
        "/sections/16/lines/1/section_251/expires",
        lambda: with_identifiable_line(complete(), expires="2021-05-31"),
    ),
    (
        "EVIDENCE_MISSING",
        "/sections/16/lines/1/evidence",
        lambda: edited(
            [16, "lines", 1], {"line": 2, "route": "other_law"}, with_identifiable_line(complete())
        ),
    ),
    # What data sets are for (test_uses.py has the rest)
    (
        "DATA_SET_NOT_FOR_PURPOSE",
        f"{LINE}/purpose",
        lambda: edited([7, "lines", 0, "data_set"], "GP_RS"),
    ),
    (
        "FIELD_HIDDEN_FOR_PURPOSE",
        f"{FIELD}/name",
        lambda: with_field(name="Der_Postcode_Grid_Easting"),
    ),
    (
        "LINKAGE_FIELD_NOT_LINKED",
        f"{FIELD}/name",
        lambda: edited([7, "lines", 0], line(data_set="SHMI", fields=[field(name="EPIKEY")])),
    ),
    (
        "IDENTITY_WITHOUT_ROUTE",
        f"{FIELD}/treatment",
        lambda: edited(
            [7, "lines", 0],
            line(
                data_set="CIVIL_DEATHS", fields=[field(name="NHS_NUMBER", treatment="identified")]
            ),
        ),
    ),
    (
        "LINKAGE_NOT_FOR_RECIPIENT",
        f"{LINE}/data_set",
        lambda: linked_drugs("SUS_APC"),
    ),
    (
        "LINKAGE_NOT_WITH_DATA_SET",
        f"{LINE}/data_set",
        lambda: linked_drugs("SUS_OP"),
    ),
    (
        "LINKAGE_NOT_NARROWED",
        f"{LINE}/filters",
        lambda: linked_drugs("SUS_APC"),
    ),
    (
        "IDENTITY_NOT_FOR_RECIPIENT",
        f"{LINE}/classification",
        lambda: edited(
            [7, "lines", 0], line(data_set="CIVIL_DEATHS", classification="IDENTIFIABLE")
        ),
    ),
    # What columns tell together (test_caps.py has the rest)
    ("CAP_UNDONE", f"{LINE}/fields/1", with_areas),
    # Standard 17
    (
        "CONSENT_CONTRADICTS",
        "/sections/17/relied_on",
        lambda: edited([9, "purposes", 0, "gdpr_article_6"], "6(1)(a)"),
    ),
    (
        "CONSENT_INCOMPLETE",
        "/sections/17/form_version",
        lambda: edited(
            [9, "purposes", 0, "gdpr_article_6"],
            "6(1)(a)",
            edited([17, "relied_on"], True),
        ),
    ),
    # Standard 18
    (
        "SUB_LICENCE_INCOMPLETE",
        "/sections/18/template",
        lambda: edited([18, "sub_licence"], True, edited([1, "end"], "2022-05-31")),
    ),
    # Standard 19
    (
        "NOTICE_NOT_CONFIRMED",
        "/sections/19/confirmed",
        lambda: edited([19, "confirmed"], False),
    ),
    *(
        (
            "NOTICE_ADDRESS_MALFORMED",
            "/sections/19/notice_url",
            lambda address=address: edited([19, "notice_url"], address),
        )
        for address in ("see our site", "javascript:alert(1)", "https://nowhere", "https:///x")
    ),
    (
        "DATE_IN_FUTURE",
        "/sections/19/last_checked",
        lambda: edited([19, "last_checked"], "2021-05-26"),
    ),
    # Standard 20
    (
        "OUTSIDE_TERRITORY",
        "/sections/4/locations/0/country",
        lambda: edited([4, "locations", 0, "country"], "GB-SCT"),
    ),
    (
        "TRANSFER_CONDITION_MISSING",
        "/sections/20/transfer_condition",
        lambda: edited([20, "territory"], "worldwide"),
    ),
]


def condition(**changes):
    return {"id": "1", "text": "Publish.", "due": "2021-12-31", "owner": CCG, **changes}


@pytest.mark.parametrize(
    ("code", "pointer", "spoil"), BREAKS, ids=[f"{n}-{b[0]}" for n, b in enumerate(BREAKS)]
)
def test_what_is_wrong_is_named_with_its_place(code, pointer, spoil):
    found = examine(spoil())

    assert (code, pointer) in {(f.code, f.pointer) for f in found}
    assert all(f.refuses for f in found if f.code == code)


def known_agreement(**changes):
    return replace(known(), agreement=agreement(**changes))


FOLLOWING = [
    ("GAP_BEFORE_RENEWAL", Kind.RENEWAL, {"start": "2021-06-02", "end": "2024-06-01"}),
    ("START_CHANGED", Kind.AMENDMENT, {"start": "2018-06-02", "end": "2021-05-31"}),
    ("END_CHANGED", Kind.AMENDMENT, {"start": "2018-06-01", "end": "2021-06-01"}),
    ("END_CHANGED", Kind.SIMPLE_CHANGE, {"start": "2018-06-01", "end": "2021-06-01"}),
    ("NOT_EXTENDED", Kind.EXTENSION, {"start": "2018-06-01", "end": "2021-05-31"}),
    ("TERM_TOO_LONG", Kind.EXTENSION, {"start": "2018-06-01", "end": "2024-05-25"}),
    ("START_TOO_FAR", Kind.RENEWAL, {"start": "2022-06-01", "end": "2022-07-01"}),
]


@pytest.mark.parametrize(("code", "kind", "length"), FOLLOWING)
def test_what_follows_an_agreement_keeps_to_its_term(code, kind, length):
    raw = edited([1], length, as_renewal(complete()))

    assert code in refusing(raw, known_agreement(), kind=kind)


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        (Kind.RENEWAL, {"start": "2021-06-01", "end": "2024-05-31"}),
        (Kind.AMENDMENT, {"start": "2018-06-01", "end": "2021-05-31"}),
    ],
)
def test_what_keeps_to_its_term_is_accepted(kind, length):
    raw = edited([1], length, as_renewal(complete()))

    assert refusing(raw, known_agreement(), kind=kind) == []


@pytest.mark.scenario("A09")
def test_a_renewal_starts_on_the_day_after_and_says_what_it_brought():
    raw = as_renewal(complete())

    assert refusing(raw, known_agreement(), kind=Kind.RENEWAL) == []
    gap = edited([1], {"start": "2021-06-02", "end": "2024-05-31"}, raw)
    found = examine(gap, known_agreement(), kind=Kind.RENEWAL)
    assert codes(found) == ["GAP_BEFORE_RENEWAL"]
    assert found[0].offer == "2021-06-01"


@pytest.mark.scenario("A09")
def test_a_renewal_that_is_late_keeps_the_start_that_leaves_no_gap():
    raw = as_renewal(complete())

    assert refusing(raw, known_agreement(), kind=Kind.RENEWAL, day=date(2021, 7, 1)) == []


@pytest.mark.scenario("A10")
@pytest.mark.parametrize("kind", [Kind.RENEWAL, Kind.EXTENSION])
def test_without_yielded_benefits_or_a_reason_nothing_is_renewed(kind):
    facts = known_agreement()

    assert "YIELDED_BENEFITS_MISSING" in refusing(complete(), facts, kind=kind)
    explained = edited([12, "why_none_yielded"], "The first file came in May.")
    assert "YIELDED_BENEFITS_MISSING" not in refusing(explained, facts, kind=kind)


@pytest.mark.parametrize("other", [None, agreement(controllers=(SECOND,))])
def test_an_agreement_of_others_and_none_at_all_are_refused_alike(other):
    facts = replace(known(), agreement=other)
    raw = as_renewal(complete())

    found = [f for f in examine(raw, facts, kind=Kind.RENEWAL) if f.code == "AGREEMENT_UNKNOWN"]

    assert len({f.detail for f in found}) == 1


def test_what_is_over_is_not_amended_and_a_new_application_is_named():
    facts = replace(known(), agreement=agreement(is_under_way=False))

    [found] = [
        f for f in examine(complete(), facts, kind=Kind.AMENDMENT) if f.code == "AGREEMENT_OVER"
    ]

    assert (found.refuses, found.pointer) == (True, "/amends")
    assert "Make a new application" in found.detail


BASE = {"end": "2021-05-31", "start": "2018-06-01", "lines": [], "special_conditions": []}


@pytest.mark.parametrize(
    ("kind", "proposed", "expected"),
    [
        (Kind.EXTENSION, {**BASE, "end": "2022-05-31"}, []),
        (Kind.EXTENSION, {**BASE, "lines": [1]}, ["/lines"]),
        (Kind.SIMPLE_CHANGE, {**BASE, "title": "Another"}, []),
        (Kind.SIMPLE_CHANGE, {**BASE, "end": "2022-05-31"}, ["/end"]),
        (Kind.SIMPLE_CHANGE, {**BASE, "assurance": [1]}, []),
        (Kind.SIMPLE_CHANGE, {**BASE, "issued_from": {}, "imported": {}}, []),
        (Kind.SIMPLE_CHANGE, {**BASE, "lines": [{"filters": []}]}, ["/lines"]),
        (Kind.AMENDMENT, {**BASE, "lines": [1]}, []),
    ],
)
def test_a_kind_changes_what_its_name_says_and_no_more(kind, proposed, expected):
    found = examine(None, known_agreement(), kind=kind, base=BASE, proposed=proposed)

    assert [f.pointer for f in found if f.code == "CHANGES_MORE_THAN_ITS_KIND"] == expected


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [
        ({"number": 1, "group": None, "fields": ["Sex"]}, []),
        ({"number": 1, "group": None, "fields": ["Sex"], "change_sets": True}, ["/lines"]),
        ({"number": 1, "group": None, "fields": []}, ["/lines"]),
    ],
)
def test_what_a_line_that_was_signed_elsewhere_writes_out_is_no_change(proposed, expected):
    told = {"number": 1, "group": None, "filters": [], "change_sets": False, "fields": ["Sex"]}

    found = examine(
        None,
        known_agreement(),
        kind=Kind.SIMPLE_CHANGE,
        base={**BASE, "lines": [told]},
        proposed={**BASE, "lines": [proposed]},
    )

    assert [f.pointer for f in found if f.code == "CHANGES_MORE_THAN_ITS_KIND"] == expected


def test_a_condition_that_was_agreed_is_not_dropped_by_the_way():
    base = {**BASE, "special_conditions": [condition(id="c1"), condition(id="c2")]}
    proposed = {**BASE, "special_conditions": [condition(id="c2"), condition(id="c3")]}

    found = examine(None, known_agreement(), kind=Kind.EXTENSION, base=base, proposed=proposed)

    dropped = [f.detail for f in found if f.code == "CONDITION_DROPPED"]
    assert dropped == ["Condition c1 was agreed and is left out."]


def test_where_nothing_is_known_to_compare_with_only_amendments_and_renewals_go():
    facts = known_agreement()

    for kind in (Kind.EXTENSION, Kind.SIMPLE_CHANGE):
        found = examine(None, facts, kind=kind, base=None, proposed=BASE)
        assert "NOTHING_TO_COMPARE" in codes(found)


# What agreements knows


@pytest.mark.scenario("A02")
def test_a_controller_without_a_framework_contract_is_named():
    facts = known(_00L=party(SECOND, contracts=()))

    (finding,) = examine(with_second_controller(complete()), facts)

    assert (finding.code, finding.pointer) == ("DSFC_NOT_IN_FORCE", "/sections/2/controllers/1/ods")
    assert SECOND in finding.detail


@pytest.mark.scenario("A03")
def test_a_predecessors_contract_counts_only_by_a_transfer_instrument():
    icb = OrganisationFact(ods="QF7", name="NHS South Yorkshire ICB", legal_entity="QF7")
    predecessors = ContractFact(
        reference="CON-338307-D8Z0G",
        organisation=CCG,
        legal_name="NHS Barnsley CCG",
        start=date(2018, 4, 1),
        end=None,
    )
    raw = complete()
    raw[2]["controllers"][0] |= {"ods": "QF7", "legal_name": "NHS South Yorkshire ICB"}
    raw[5]["evidence"][0]["ods"] = raw[6]["registrations"][0]["ods"] = "QF7"
    raw[6]["registrations"][0]["name"] = "NHS SOUTH YORKSHIRE ICB"
    raw[7]["lines"][0]["population"]["commissioners"] = ["QF7"]
    raw[10]["flows"][0]["to"] = "QF7"
    without = known(QF7=replace(party(CCG), organisation=icb, contracts=()))
    with_it = known(QF7=replace(party(CCG), organisation=icb, contracts=(predecessors,)))

    assert refusing(raw, without, organisation="QF7") == ["DSFC_NOT_IN_FORCE"]
    assert refusing(raw, with_it, organisation="QF7") == []


def test_a_part_of_a_legal_entity_is_no_controller():
    location = OrganisationFact(ods=CCG, name=NAMES[CCG], legal_entity="QF7", parent="QF7")

    found = examine(None, known(_02P=party(CCG, organisation=location)))

    assert [(f.code, f.offer) for f in found if f.refuses] == [("NOT_A_LEGAL_ENTITY", "QF7")]


def test_the_agreement_ends_with_the_first_contract_at_the_latest():
    contract = replace(party(CCG).contracts[0], end=date(2023, 3, 31))
    facts = known(_02P=party(CCG, contracts=(contract,)))

    found = examine(None, facts)

    assert [(f.code, f.offer) for f in found] == [("CONTRACT_ENDS_FIRST", "2023-03-31")]
    longer = replace(contract, reference="CON-338309-F8Z0G", end=date(2025, 3, 31))
    assert refusing(None, known(_02P=party(CCG, contracts=(contract, longer)))) == []


@pytest.mark.parametrize(
    ("code", "organisation"),
    [
        ("ORGANISATION_UNKNOWN", None),
        (
            "ORGANISATION_CLOSED",
            OrganisationFact(
                ods=CSU, name=NAMES[CSU], legal_entity=CSU, valid_to=TODAY - timedelta(days=1)
            ),
        ),
        (
            "ORGANISATION_CLOSED",
            OrganisationFact(
                ods=CSU, name=NAMES[CSU], legal_entity=CSU, valid_from=TODAY + timedelta(days=1)
            ),
        ),
    ],
)
def test_a_party_is_a_code_that_is_listed_and_open(code, organisation):
    facts = known(_0DF=party(CSU, organisation=organisation))

    assert refusing(None, facts) == [code]


@pytest.mark.scenario("A13")
@pytest.mark.scenario("A15")
@pytest.mark.parametrize("reason", ["not published", "former edition, too old"])
def test_a_party_whose_assurance_agreements_does_not_accept_is_refused(reason):
    facts = known(_0DF=party(CSU, assurance=AssuranceFact(accepted=False, reason=reason)))

    (finding,) = examine(None, facts)

    assert (finding.code, finding.pointer) == ("ASSURANCE_NOT_ACCEPTED", "/sections/3/processors/0")
    assert reason in finding.detail


@pytest.mark.scenario("A14")
def test_an_accepted_plan_is_a_warning_and_needs_a_time_frame():
    under_plan = AssuranceFact(
        accepted=True,
        reason="APPROACHING_STANDARDS",
        has_plan=True,
        plan_until=date(2021, 9, 30),
    )

    assert codes(examine(None, known(_0DF=party(CSU, assurance=under_plan)))) == [
        "ASSURANCE_UNDER_PLAN"
    ]
    endless = replace(under_plan, plan_until=None)
    assert refusing(None, known(_0DF=party(CSU, assurance=endless))) == ["PLAN_WITHOUT_END"]


def test_identifiable_data_want_the_evidence_reviewed():
    unreviewed = AssuranceFact(accepted=True, reason="STANDARDS_MET", needs_review=True)
    facts = known(_0DF=party(CSU, assurance=unreviewed))

    assert codes(examine(with_identifiable_line(complete()), facts)) == ["ASSURANCE_TO_BE_REVIEWED"]
    assert examine(None, facts) == ()


@pytest.mark.parametrize(
    ("code", "severity", "registrations"),
    [
        ("ICO_NOT_ON_RECORD", "warn", ()),
        (
            "ICO_LAPSED",
            "refuse",
            (RegistrationFact(number="Z7654321", name="CSU", valid_to=TODAY - timedelta(days=1)),),
        ),
    ],
)
def test_the_bodys_own_record_of_the_fee_counts(code, severity, registrations):
    facts = known(_0DF=party(CSU, registrations=registrations))

    assert codes(examine(None, facts), severity) == [code]


def test_a_registration_that_ends_in_the_term_is_a_warning():
    raw = edited([6, "registrations", 0, "expires"], "2022-01-01")

    assert codes(examine(raw)) == ["ICO_EXPIRES_IN_TERM"]


def test_a_registration_lasts_as_long_as_by_the_record():
    (finding,) = examine(edited([6, "registrations", 0, "expires"], "2025-01-02"))

    assert (finding.code, finding.severity, finding.offer) == (
        "ICO_EXPIRY_CORRECTED",
        "warn",
        "2025-01-01",
    )


@pytest.mark.parametrize(
    ("path", "written", "offer"),
    [
        ([2, "controllers", 0, "legal_name"], "nhs barnsley ccg", NAMES[CCG]),
        ([2, "controllers", 0, "legal_name"], "Barnsley C.C.G.", NAMES[CCG]),
        (
            [2, "controllers", 0, "legal_name"],
            "NHS Barnsley Clinical Commissioning Group",
            NAMES[CCG],
        ),
        ([3, "processors", 0, "legal_name"], "NHS South Central & West CSU", NAMES[CSU]),
        (
            [3, "processors", 0, "legal_name"],
            "South, Central and West Commissioning Support Unit",
            NAMES[CSU],
        ),
        ([2, "controllers", 0, "gdpr_article_6", 0], "Article 6(1)(e)", "6(1)(e)"),
        ([2, "controllers", 0, "gdpr_article_9", 0], "Art. 9 (2) (h)", "9(2)(h)"),
        (
            [2, "controllers", 0, "dpa_2018_schedule_1", 0],
            "Schedule 1 Part 1 paragraph 2",
            "paragraph 2",
        ),
        ([9, "purposes", 0, "gdpr_article_6"], "6.1.e", "6(1)(e)"),
        ([5, "evidence", 0, "reference"], "DSPT 2020/2021", "20/21"),
        ([6, "registrations", 0, "number"], "z1234 567", "Z1234567"),
    ],
)
def test_another_spelling_is_corrected_with_notice(path, written, offer):
    (finding,) = examine(edited(path, written))

    assert (finding.code, finding.severity, finding.offer) == ("SPELLING_CORRECTED", "warn", offer)
    assert finding.pointer == "/sections/" + "/".join(map(str, path))


def test_a_registered_name_may_be_the_one_on_record_at_the_ico():
    record = RegistrationFact(number="Z1234567", name="Barnsley Health", valid_to=date(2025, 1, 1))
    facts = known(_02P=party(CCG, registrations=(record,)))

    assert examine(edited([6, "registrations", 0, "name"], "BARNSLEY HEALTH"), facts) == ()


def test_evidence_may_be_any_that_is_on_record():
    assurance = replace(
        party(CCG).assurance,
        recorded=(
            EvidenceFact(kind="DSPT", reference="20/21"),
            EvidenceFact(kind="ISO27001", reference="IS 12345"),
        ),
    )
    raw = edited([5, "evidence", 0], {"ods": CCG, "kind": "ISO27001", "reference": "IS 12345"})

    assert examine(raw, known(_02P=party(CCG, assurance=assurance))) == ()


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ((), [("S251_NOT_ON_RECORD", "warn")]),
        ((approval(reference="cag 7-07 (b)/2013"),), [("SPELLING_CORRECTED", "warn")]),
        ((approval(purposes=frozenset({"RS"})),), [("S251_OTHER_PURPOSE", "refuse")]),
        ((approval(controllers=frozenset({SECOND})),), [("S251_OTHER_CONTROLLERS", "refuse")]),
        ((approval(controllers=frozenset({SECOND, CCG})),), []),
        ((approval(valid_to=date(2020, 1, 1)), approval()), []),
    ],
)
def test_support_under_section_251_is_what_is_on_record(recorded, expected):
    found = examine(with_identifiable_line(complete()), replace(known(), approvals=recorded))

    assert [(f.code, f.severity) for f in found] == expected


def test_every_warning_promises_a_refusal_or_nothing():
    sources = Path(checks.__file__).parent.rglob("*.py")
    warned = {
        code
        for source in sources
        for code in re.findall(r'warn\(\s*"([A-Z0-9_]+)"', source.read_text("utf-8"))
    }

    assert warned == set(codes_of.PROMISES) | codes_of.NO_PROMISE
    assert all(codes_of.CODES[code].startswith("(warning)") for code in warned)


def test_without_facts_the_rest_is_still_said():
    raw = edited([1], {"start": "2021-05-24", "end": "2022-05-23"})

    found = checks.examine(replace(case(raw), facts=None))

    assert codes(found) == ["FACTS_UNAVAILABLE", "START_IN_PAST"]


def test_a_local_flow_is_not_called_unknown_while_nobody_can_say_what_it_is():
    raw = edited([7, "lines", 0, "data_set"], "LPF_AMBULANCE")

    assert "DATA_SET_UNKNOWN" in codes(examine(raw))
    found = codes(checks.examine(replace(case(raw), facts=None)))
    assert "DATA_SET_UNKNOWN" not in found
    assert "FACTS_UNAVAILABLE" in found


def test_the_body_as_a_party_needs_neither_contract_nor_assurance():
    body = OrganisationFact(ods=BODY, name="NHS England", legal_entity=BODY)
    raw = complete()
    raw[2]["controllers"].append(
        {**raw[2]["controllers"][0], "ods": BODY, "legal_name": "NHS England"}
    )
    raw[6]["registrations"].append({"ods": BODY, "number": "Z1111111", "expires": "2025-01-01"})

    facts = known(X26=party(CCG, organisation=body, contracts=(), registrations=()))

    assert refusing(raw, facts) == []


# Length (A04 to A08)


@pytest.mark.scenario("A04")
@pytest.mark.parametrize(("start", "refused"), [("2021-05-24", True), ("2021-05-25", False)])
def test_a_new_agreement_does_not_start_in_the_past(start, refused):
    raw = edited([1, "start"], start, edited([1, "end"], "2022-05-24"))

    assert ("START_IN_PAST" in refusing(raw)) is refused


@pytest.mark.scenario("A05")
@pytest.mark.parametrize(
    ("start", "refused"), [("2022-06-25", True), ("2022-05-26", True), ("2022-05-25", False)]
)
def test_a_new_agreement_starts_within_twelve_months(start, refused):
    raw = edited([1], {"start": start, "end": "2023-01-01"})

    assert ("START_TOO_FAR" in refusing(raw)) is refused


@pytest.mark.scenario("A06")
def test_three_years_end_on_the_last_day_of_may_and_not_a_day_later():
    assert examine(edited([1, "end"], "2024-05-31")) == ()

    (finding,) = examine(edited([1, "end"], "2024-06-01"))
    assert (finding.code, finding.offer) == ("TERM_TOO_LONG", "2024-05-31")


@pytest.mark.scenario("A07")
@pytest.mark.parametrize(
    ("end", "expected"), [("2023-05-31", ["TERM_TOO_LONG"]), ("2022-05-31", [])]
)
def test_a_commercial_agreement_lasts_a_year(end, expected):
    raw = edited([1, "end"], end)
    raw[13] = {"commercial": True, "benefit_to_health": "Cheaper scans for all."}

    assert refusing(raw) == expected


def test_a_sub_licence_lasts_a_year_and_brings_all_its_documents():
    raw = edited([1, "end"], "2022-06-01")
    names = ("legal_basis", "value_added", "volume", "template", "approval_group_terms")
    raw[18] = dict.fromkeys((*names, "criteria", "flow_down_terms"), "Here.") | {
        "sub_licence": True
    }
    raw[10]["flows"][0] |= {"onward": True, "to": "RJE"}
    raw[11]["outputs"][0]["level"] = "PSEUDO_ANONYMISED"

    assert refusing(raw) == ["TERM_TOO_LONG"]
    assert refusing(edited([1, "end"], "2022-05-31", raw)) == []


@pytest.mark.parametrize(
    ("category", "day", "end", "refused"),
    [
        ("archiving_research", TODAY, "2026-05-31", False),
        ("archiving_research", TODAY, "2026-06-01", True),
        ("consented_archive", TODAY, "2024-06-01", True),  # not known before v2.1
        ("consented_archive", date(2022, 8, 9), "2037-08-31", False),
        ("consented_archive", date(2022, 8, 9), "2037-09-01", True),
    ],
)
def test_the_longest_term_is_that_of_the_version_in_force(category, day, end, refused):
    start = "2021-06-01" if day == TODAY else "2022-09-01"
    raw = edited([1], {"start": start, "end": end, "category": category})

    assert ("TERM_TOO_LONG" in refusing(raw, day=day)) is refused


def test_where_no_length_rule_holds_nothing_is_submitted():
    rules = replace(RULES, lengths=())

    assert refusing(rules=rules) == ["RULE_UNKNOWN"]


@pytest.mark.scenario("A08")
def test_support_that_every_line_relies_on_ends_the_agreement():
    raw = with_identifiable_line(complete(), expires="2017-03-31", alone=True)
    raw[7]["consultation"]["on"] = "2016-10-20"
    raw[1] = {"start": "2016-12-01", "end": "2017-06-30"}

    found = examine(raw, day=date(2016, 11, 1))

    assert [(f.code, f.offer) for f in found if f.refuses] == [("S251_ENDS_FIRST", "2017-03-31")]
    assert refusing(edited([1, "end"], "2017-03-31", raw), day=date(2016, 11, 1)) == []


@pytest.mark.scenario("A08")
def test_with_a_line_that_needs_no_support_the_other_is_capped():
    raw = with_identifiable_line(complete(), expires="2017-03-31")
    raw[7]["consultation"]["on"] = "2016-10-20"
    raw[1] = {"start": "2016-12-01", "end": "2017-06-30"}

    found = examine(raw, day=date(2016, 11, 1))

    assert not any(f.refuses for f in found)
    assert [(f.code, f.offer) for f in found] == [("LINE_CAPPED_BY_S251", "2017-03-31")]


@given(
    first=st.dates(date(2000, 1, 1), date(2100, 12, 31)), months=st.sampled_from([12, 36, 60, 180])
)
def test_the_day_after_a_term_is_the_same_day_of_a_later_year(first, months):
    following = last_day(first, months) + timedelta(days=1)

    if (first.month, first.day) == (2, 29):
        assert (following.month, following.day) in {(2, 29), (3, 1)}
    else:
        assert (following.month, following.day) == (first.month, first.day)
    assert following.year - first.year == months // 12
    assert months_later(first, 0) == first


# Data


@pytest.mark.scenario("A11")
def test_a_storage_location_run_by_a_stranger_is_refused():
    raw = complete()
    raw[4]["locations"].append(
        {**raw[4]["locations"][0], "operator": "8HV94", "kinds": ["storage"]}
    )

    assert refusing(raw) == ["OPERATOR_NOT_A_PARTY"]


@pytest.mark.scenario("A12")
@pytest.mark.parametrize(
    ("country", "territory", "refused"),
    [
        ("US", "england_and_wales", True),
        ("GB-WLS", "england_and_wales", False),
        ("GB-SCT", "uk", False),
        ("GB-ENG", "eea", False),
        ("IE", "uk", True),
        ("IE", "eea", False),
        ("US", "eea", True),
    ],
)
def test_every_location_is_in_the_territory(country, territory, refused):
    raw = edited([4, "locations", 0, "country"], country)
    raw[20] = {"territory": territory}

    assert ("OUTSIDE_TERRITORY" in refusing(raw)) is refused


def test_outside_the_eea_a_transfer_condition_is_needed_and_no_list_asked():
    raw = edited([4, "locations", 0, "country"], "US")
    raw[20] = {"territory": "worldwide", "transfer_condition": "Standard clauses."}

    assert refusing(raw) == []


@pytest.mark.scenario("A16")
def test_a_processor_without_documented_instructions_is_refused():
    assert refusing(edited([3, "processors", 0, "documented_instructions"], ...)) == [
        "INSTRUCTIONS_NOT_CONFIRMED"
    ]


@pytest.mark.scenario("A17")
def test_a_basis_of_article_nine_without_its_schedule_one_condition_is_refused():
    assert refusing(edited([2, "controllers", 0, "dpa_2018_schedule_1"], ...)) == [
        "SCHEDULE_1_MISSING"
    ]
    other = edited([2, "controllers", 0, "dpa_2018_schedule_1"], ...)
    other[2]["controllers"][0]["gdpr_article_9"] = ["9(2)(a)"]
    assert "SCHEDULE_1_MISSING" not in refusing(other)


@pytest.mark.scenario("A18")
@pytest.mark.parametrize("name", ["solely_commercial", "marketing"])
def test_money_alone_and_marketing_are_refused(name):
    assert refusing(edited([13, name], True)) == ["COMMERCIAL_PURPOSE_REFUSED"]


@pytest.mark.scenario("A19")
def test_a_field_without_a_reason_is_refused_by_its_name():
    (finding,) = examine(edited([7, "lines", 0, "fields", 1, "reason"], ...))

    assert (finding.code, finding.pointer) == (
        "FIELD_WITHOUT_REASON",
        "/sections/7/lines/0/fields/1/reason",
    )
    assert "Admission_Date" in finding.detail


@pytest.mark.scenario("A20")
def test_identifiable_data_without_a_route_are_refused():
    raw = with_identifiable_line(complete())
    raw[16]["lines"][1] = {"line": 2, "route": "none"}

    assert "CONFIDENTIALITY_MISSING" in refusing(raw)


@pytest.mark.scenario("A21")
def test_opt_outs_may_stay_out_of_pseudonymised_lines_only():
    assert examine() == ()

    raw = with_identifiable_line(complete())
    raw[8]["lines"].append({"line": 2, "applied": False, "reason": "no_identifying_data"})
    assert refusing(raw) == ["OPT_OUT_REASON_CONTRADICTS"]


def test_opt_outs_by_consent_stand_on_consent():
    raw = complete()
    raw[9]["purposes"].append(
        {"code": "OTHER", "objective": "A study.", "gdpr_article_6": "6(1)(e)"}
    )
    raw[7]["lines"].append(
        identifiable(
            2,
            purpose="OTHER",
            dissemination_power="s261_2_c",
            recipient_environment={"organisation": CSU, "kind": "analytics"},
        )
    )
    raw[7]["identifiable_justification"] = "Consented."
    raw[8]["lines"].append({"line": 2, "applied": False, "reason": "consent"})
    raw[16]["lines"].append({"line": 2, "route": "consent", "evidence": "Form 3, v2"})

    assert refusing(raw) == []


@pytest.mark.scenario("A23")
def test_suppressed_aggregates_need_no_framework_contract():
    raw = edited([7, "lines", 0, "classification"], "AGGREGATE_SUPPRESSED")
    facts = known(_02P=party(CCG, contracts=()))

    assert refusing(raw, facts) == []
    unsuppressed = edited(
        [7, "lines", 0, "classification"], "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
    )
    assert refusing(unsuppressed, facts) == ["DSFC_NOT_IN_FORCE"]


@pytest.mark.scenario("A26")
def test_a_trusts_own_shmi_comes_from_another_service():
    raw = edited([7, "lines", 0, "data_set"], "SHMI")

    found = {f.code: f for f in examine(raw, organisation="RJE")}
    assert found["REDIRECTED"].offer == "SHMI extract service"
    assert "REDIRECTED" not in codes(examine(raw))


@pytest.mark.scenario("A28")
def test_without_consultation_a_reason_is_needed_and_remains_a_warning():
    assert refusing(edited([7, "consultation"], {})) == ["NOT_CONSULTED_WITHOUT_REASON"]

    found = examine(edited([7, "consultation"], {"reason_not_consulted": "It was closed."}))
    assert [(f.code, f.severity) for f in found] == [("NOT_CONSULTED", "warn")]
    renewed = edited([7, "consultation"], {}, as_renewal(complete()))
    assert refusing(renewed, known_agreement(), kind=Kind.RENEWAL) == []


@pytest.mark.scenario("A28")
def test_a_renewal_that_adds_a_data_set_asks_who_was_consulted():
    renewed = edited([7, "consultation"], {}, as_renewal(complete()))
    agreed = [{"data_set": line["data_set"]} for line in renewed[7]["lines"]]

    def found(lines):
        base = {"lines": lines}
        return refusing(renewed, known_agreement(), kind=Kind.RENEWAL, base=base)

    assert found(agreed) == []
    assert found([*agreed, {"data_set": "DIDS"}]) == [], "one that is left out is none added"
    assert found([]) == ["NOT_CONSULTED_WITHOUT_REASON"]


def test_a_population_that_is_not_the_controllers_own_is_looked_at():
    raw = edited([7, "lines", 0, "population", "commissioners"], [CCG, "03N"])
    part = OrganisationFact(ods="03N", name="Sheffield", legal_entity=CCG, parent=CCG)
    other = replace(part, legal_entity="03N", parent=None)

    def with_it(fact):
        return examine(raw, replace(known(), commissioners={"03N": fact}))

    assert with_it(part) == ()
    assert [(f.code, f.severity) for f in with_it(other)] == [("POPULATION_NOT_OWN", "warn")]
    assert codes(with_it(None), "refuse") == ["ORGANISATION_UNKNOWN"]


def test_a_list_or_the_nation_may_be_others_population():
    other = OrganisationFact(ods="03N", name="Sheffield", legal_entity="03N")
    listed = edited(
        [7, "lines", 0, "population"],
        {"rule": "list", "commissioners": ["03N"], "reasons": ["G"]},
    )
    national = edited([7, "lines", 0, "population"], {"rule": "national"})

    assert examine(listed, replace(known(), commissioners={"03N": other})) == ()
    assert examine(national) == ()


def test_a_reason_that_a_data_set_does_not_know_is_a_warning():
    assert codes(examine(second_line()), "warn") == ["REASON_NOT_IN_DATA_SET"]
    assert refusing(second_line()) == []


def test_what_another_service_gives_is_refused_and_the_rest_is_a_warning():
    """The rest of these three is in test_uses.py."""
    trust = replace(party(CCG).organisation, kind="NHS_TRUST")
    facts = known(_02P=party(CCG, organisation=trust))
    shmi = edited([7, "lines", 0], line(data_set="SHMI", fields=[field(name="SEX")]))

    assert "SERVED_ELSEWHERE" in refusing(shmi, facts)
    assert "MARK_NOT_ASKED_FOR" in codes(examine(shmi), "warn")
    authority = replace(trust, kind="LOCAL_AUTHORITY")
    deaths = edited([7, "lines", 0, "data_set"], "CIVIL_DEATHS")
    facts = known(_02P=party(CCG, organisation=authority))
    assert "RESIDENTS_NOT_ASKED_FOR" in codes(examine(deaths, facts), "warn")


def test_a_data_set_that_has_ended_or_is_sensitive_as_a_whole_is_known_to_be():
    today = DATA_SETS.get("SUS_APC")
    ended = today.model_copy(
        update={
            "sensitivity": "SENSITIVE",
            "periods": today.periods.model_copy(update={"latest": "2020-03"}),
        }
    )

    found = examine(data_sets=Catalogue((ended,)))

    assert {(f.code, f.offer) for f in found} == {
        ("PERIOD_NOT_AVAILABLE", "2020-03"),
        ("SENSITIVITY_UNDERSTATED", "SENSITIVE"),
    }


def test_data_sets_of_the_agreement_may_be_linked():
    raw = second_line()
    raw[10]["linkage"] = [{"data_sets": ["SUS_APC", "DIDS"], "mitigation": "Tokens only."}]

    assert refusing(raw) == []


def test_a_practice_may_re_identify_its_own_patients_in_risk_stratification():
    raw = complete()
    raw[7]["lines"] = [
        line(purpose="RS", recipient_environment={"organisation": CSU, "kind": "gp_practice"})
    ]
    raw[9]["purposes"][0]["code"] = "RS"
    raw[10] |= {"re_identification": True, "no_re_identification_statement": False}

    assert refusing(raw) == []


def test_open_queries_have_to_be_answered():
    asked = Query(id="1", standard=7, text="Why?")

    (finding,) = examine(queries=(asked,))

    assert (finding.code, finding.standard, finding.pointer) == (
        "QUERY_UNANSWERED",
        7,
        "/queries/0",
    )
    assert examine(queries=(replace(asked, answer="Because."),)) == ()


def test_what_was_stored_with_personal_data_in_it_is_not_handed_in():
    number = "999 000 0018"
    raw = edited([9, "purposes", 0, "objective"], f"Plan care, such as for {number}.")
    stored = Answers(
        {n: SECTIONS[n].model_validate(given, context=STORED) for n, given in raw.items()}
    )

    found = examine(
        answers=stored,
        title=f"Care of {number}",
        queries=(Query(id="1", standard=7, text="Why?", answer=f"For {number}"),),
    )

    assert [(f.code, f.pointer, f.refuses) for f in found] == [
        ("PERSONAL_DATA_IN_TEXT", "/title", True),
        ("PERSONAL_DATA_IN_TEXT", "/queries/0/answer", True),
        ("PERSONAL_DATA_IN_TEXT", "/sections/9/purposes/0/objective", True),
    ]
    assert all(number not in f.detail for f in found)


def test_every_missing_section_is_named():
    found = checks.examine(case({}, AgreementsFacts()))

    assert [(f.code, f.standard) for f in found] == [
        ("SECTION_MISSING", number) for number in SECTIONS
    ]


# Of all


def test_every_code_is_in_the_table_and_has_a_case_here():
    sources = set(Path(checks.__file__).parent.rglob("*.py")) - {Path(codes_of.__file__)}
    in_code = {
        code
        for source in sources
        for code in re.findall(r'"([A-Z][A-Z0-9_]{4,})"', source.read_text("utf-8"))
    } - {"CHECKS", "CODES"}
    here = Path(__file__).read_text("utf-8")

    assert in_code == set(codes_of.CODES)
    assert {code for code in in_code if f'"{code}"' not in here} == set()


@given(present=st.sets(st.sampled_from(sorted(SECTIONS))), kind=st.sampled_from(list(Kind)))
@settings(max_examples=60, deadline=None)
def test_a_draft_can_be_looked_at_however_much_of_it_is_there(present, kind):
    raw = with_identifiable_line(with_second_controller(complete()))
    partial = {number: answers for number, answers in raw.items() if number in present}

    found = checks.examine(case(partial, known_agreement(), kind=kind))

    missing = {f.standard for f in found if f.code == "SECTION_MISSING"}
    assert missing == set(SECTIONS) - present
    assert all(f.detail.endswith(".") and f.pointer.startswith("/") for f in found)


def test_findings_are_in_the_order_of_the_standards():
    raw = edited([19, "confirmed"], False, edited([1, "end"], "2024-06-01"))
    raw[6]["registrations"][0]["expires"] = "2022-01-01"

    assert [f.standard for f in examine(raw)] == [1, 6, 19]


def test_what_an_identifiable_line_needs_is_enough():
    raw = with_identifiable_line(complete())

    assert examine(raw) == ()


@pytest.mark.parametrize(
    ("title", "justification", "pointer"),
    [
        ("Letters about 999 000", "0018 were sent.", "/sections/1/justification"),
        ("Care", "999000", "/sections/2/controllers/0/legal_name"),
    ],
)
def test_a_number_that_is_parted_over_two_texts_is_found(title, justification, pointer):
    raw = edited([1, "justification"], justification)
    if title == "Care":
        raw[2]["controllers"][0]["legal_name"] = "0018"
    found = examine(raw, title=title)

    assert ("PERSONAL_DATA_IN_TEXT", pointer) in {(f.code, f.pointer) for f in found}
    assert "0018" not in " ".join(f.detail for f in found if f.code == "PERSONAL_DATA_IN_TEXT")


def test_a_title_says_what_it_is_about():
    found = examine(title="Test")
    assert [(f.code, f.pointer) for f in found if f.refuses] == [("PLACEHOLDER", "/title")]


def test_a_practice_receives_by_the_line_and_is_no_party():
    """Ruling 29: it signs nothing. Where its data may land the ceilings say."""
    environment = {"organisation": "J81002", "kind": "gp_practice"}
    found = refusing(edited([7, "lines", 0, "recipient_environment"], environment))

    assert "RECIPIENT_NOT_A_PARTY" not in found
    assert found == ["ENVIRONMENT_NOT_ALLOWED"]  # for commissioning none lands with a practice
