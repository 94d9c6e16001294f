"""What may be counted under an aggregate line, and what a file of counts has to be."""

import pytest

import catalogue
from agreements.records.domain.terms import data_sets
from services.agreements.tests.reference import spoiling
from services.agreements.tests.reference import world as plain
from services.agreements.tests.unit.decision.test_scenarios import codes, decided
from statements.parameters import RuleParameters

SUPPRESSED = "AGGREGATE_SUPPRESSED"
BY_RIGHT = "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"
SET = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}
UNSET = ("DISCLOSURE_RULE_MISSING", "disclosure_parameters")


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def line(world):
    found = world["agreement"]["versions"][0]["snapshot"]["lines"][0]
    found["classification"] = SUPPRESSED
    found["fields"] = [
        {"name": "Sex", "treatment": "as_is", "reason": "case mix"},
        {"name": "Der_Sector", "treatment": "derived", "reason": "need by area"},
        {"name": "Der_LSOA", "treatment": "derived", "reason": "need by area"},
        {"name": "Practice", "treatment": "as_is", "reason": ""},
        {"name": "Diagnosis", "treatment": "as_is", "reason": "case mix"},
    ]
    return found


def table(*dimensions, measure="records"):
    return {
        "measure": measure,
        "dimensions": [{"column": c, "within": list(w)} for c, *w in dimensions],
    }


def asked(*dimensions, measure="records", classification=SUPPRESSED, **more):
    named = [c.split("__")[0] for d in dimensions for c in d if not c.startswith("Period_")]
    columns = [*dict.fromkeys(named)]
    return plain.request(
        classification=classification,
        table=table(*dimensions, measure=measure),
        fields=columns,
        formats=["csv"],
        **more,
    )


def made(*dimensions, classification=SUPPRESSED, disclosure="protected", **more):
    columns = [{"name": c, "treatment": "as_is", "class": "QI"} for d in dimensions for c in d]
    counted = table(*dimensions) | {
        "disclosure": disclosure,
        "rule": "HES",
        "certificate": plain.sha(["proof"]),
    }
    file = plain.file(
        classification=classification,
        columns=columns,
        order="category",
        scan={"rule": "pcd-scan/2", "columns": [c["name"] for c in columns], "hits": 0},
        table=counted | more,
    )
    permit = plain.permit(
        classification=classification,
        fields={c["name"]: c["treatment"] for c in columns},
        table=table(*dimensions) | {"disclosure": disclosure},
    )
    return plain.release(file=file, permit=permit)


def test_a_table_under_an_aggregate_line_is_permitted_with_its_rule(world, line):
    permission = decided(world, asked(("Sex",), ("Period_Month", "Period_Financial_Year")))

    assert permission.table.measure == "records"
    assert permission.table.disclosure == "protected"
    assert [f.name for f in permission.fields] == ["Sex"]


def test_exact_numbers_are_permitted_where_the_line_has_a_right_to_small_ones(world, line):
    line["classification"] = BY_RIGHT

    permission = decided(world, asked(("Sex",), classification=BY_RIGHT))

    assert permission.table.disclosure == "exact"


def test_an_aggregate_line_gives_no_records(world, line):
    question = plain.request(classification=SUPPRESSED, fields=["Sex"])

    assert codes(world, question) == {("FORM_NOT_ALLOWED", SUPPRESSED)}


def test_a_line_of_records_gives_no_table(world):
    question = asked(("Sex",), classification="PSEUDO_ANONYMISED")

    assert codes(world, question) == {("FORM_NOT_ALLOWED", "PSEUDO_ANONYMISED")}


def test_a_dimension_that_is_not_in_the_line_is_refused_by_its_code(world, line):
    assert codes(world, asked(("Provider_Code",))) == {("DIMENSION_NOT_IN_DSA", "Provider_Code")}


@pytest.mark.parametrize("column", ["Diagnosis"])
def test_a_text_is_no_dimension(world, line, column):
    assert codes(world, asked((column,))) == {("DIMENSION_UNSUITABLE", column)}


def test_levels_nest_as_the_catalogue_says_and_no_other_way(world, line):
    assert codes(world, asked(("Der_Sector", "Der_LSOA"))) == set()
    assert codes(world, asked(("Der_LSOA", "Der_Sector"))) == {
        ("DIMENSION_UNSUITABLE", "Der_Sector")
    }
    assert codes(world, asked(("Period_Financial_Year", "Period_Month"))) == {
        ("DIMENSION_UNSUITABLE", "Period_Month")
    }
    assert codes(world, asked(("Sex", "Period_Month"))) == {
        ("DIMENSION_UNSUITABLE", "Period_Month")
    }


def test_organisations_lie_in_boards_and_regions_of_which_the_line_lists_none(world, line):
    line["fields"].append({"name": "Provider_Code", "treatment": "as_is", "reason": "variation"})
    icb, region = "Provider_Code__icb", "Provider_Code__region"

    permission = decided(world, asked(("Provider_Code", icb, region)))

    assert [f.name for f in permission.fields] == ["Provider_Code"]
    assert codes(world, asked((region,))) == set()
    assert codes(world, asked((region, icb))) == {("DIMENSION_UNSUITABLE", icb)}
    assert codes(world, asked(("Provider_Code", "Practice__sub_icb"))) == {
        ("DIMENSION_UNSUITABLE", "Practice__sub_icb")
    }
    assert codes(world, asked(("Provider_Code__sub_icb",))) == {
        ("DIMENSION_UNSUITABLE", "Provider_Code__sub_icb")
    }


def test_groups_of_a_column_that_the_line_does_not_list_are_not_in_it_either(world, line):
    assert codes(world, asked(("Provider_Code__region",))) == {
        ("DIMENSION_NOT_IN_DSA", "Provider_Code")
    }


def test_places_of_practices_are_no_numbers_of_single_practices(world, line):
    assert codes(world, asked(("Practice__sub_icb",))) == set()
    assert codes(world, asked(("Practice", "Practice__sub_icb"))) == {
        ("PRACTICE_LEVEL_NOT_IN_DSA", "Practice")
    }


@pytest.mark.scenario("D08")
def test_a_measure_without_a_rule_is_refused_before_anything_runs(world, line):
    assert codes(world, asked(("Sex",), measure="beds")) == {("DISCLOSURE_RULE_MISSING", "beds")}


def test_every_measure_of_a_table_has_a_rule_and_is_in_the_permit(world, line):
    question = asked(("Sex",))
    question["table"]["further_measures"] = ["beds"]

    assert codes(world, question) == {("DISCLOSURE_RULE_MISSING", "beds")}

    world["catalogue"][0]["measures"] = ["records", "people", "beds"]
    assert decided(world, question).table.further_measures == ("beds",)


@pytest.fixture
def linked(world, line):
    """The agreement has tables of another data set too, by another rule."""
    lines = world["agreement"]["versions"][0]["snapshot"]["lines"]
    lines.append(line | {"number": 2, "data_set": "SUS_OP", "disclosure_rule": "CSDS"})
    return lines[-1]


def beside(*data_sets):
    question = asked(("Sex",))
    question["table"]["linked_data_sets"] = list(data_sets)
    return question


def test_a_table_that_is_to_stand_beside_others_is_by_the_rules_of_all(world, linked):
    assert codes(world, beside("SUS_OP")) == set()
    permitted = decided(world, beside("SUS_OP")).table
    assert permitted.linked_rules == ("CSDS",)
    assert permitted.rule_of("HES") == "HES+CSDS"


def test_what_has_the_same_rule_adds_none(world, linked):
    linked["disclosure_rule"] = "HES"

    assert decided(world, beside("SUS_OP")).table.linked_rules == ()


@pytest.mark.parametrize(
    "other",
    [
        {"classification": "PSEUDO_ANONYMISED"},
        {"data_set": "SUS_AE"},
        {"purpose": "RS"},
    ],
)
def test_what_the_agreement_gives_no_tables_of_stands_beside_none(world, linked, other):
    linked |= other

    assert codes(world, beside("SUS_OP")) == {("LINE_NOT_IN_DSA", "SUS_OP")}


def test_a_rule_that_is_set_for_another_line_is_not_known_here(world, linked):
    linked["disclosure_parameters"] = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}

    assert codes(world, beside("SUS_OP")) == {("DISCLOSURE_RULE_MISSING", "SUS_OP")}


@pytest.mark.parametrize(("rule", "released"), [("HES+CSDS", True), ("HES", False)])
def test_a_file_by_fewer_rules_than_were_permitted_is_not_released(world, line, rule, released):
    question = made(("Sex",), rule=rule)
    question["permit"]["table"]["linked_rules"] = ["CSDS"]

    assert codes(world, question) == (set() if released else {("ATTESTATION_INVALID", "table")})


def test_a_file_with_a_measure_more_than_the_permit_has_is_not_released(world, line):
    question = made(("Sex",), further_measures=["people"])
    world["catalogue"][0]["measures"] = ["records", "people"]

    assert ("ATTESTATION_INVALID", "table") in codes(world, question)


def test_numbers_of_practices_need_a_reason_in_the_line(world, line):
    refused = {("PRACTICE_LEVEL_NOT_IN_DSA", "Practice")}
    one = [{"column": "Practice", "any_of": ["B82001"]}]

    assert codes(world, asked(("Practice",))) == refused
    assert codes(world, asked(("Sex",), filters=one)) == refused

    line["fields"][3]["reason"] = "the agreement is about variation between practices"

    assert codes(world, asked(("Practice",))) == set()


def test_a_rule_that_is_set_for_each_application_is_the_lines_or_there_is_none(world, line):
    world["catalogue"][0]["set_by_agreement"] = True

    assert codes(world, asked(("Sex",))) == {UNSET}

    line["disclosure_parameters"] = SET

    permission = decided(world, asked(("Sex",)))
    assert permission.table.parameters == RuleParameters(**SET)


def test_a_line_sets_no_rule_that_is_the_same_for_everybody(world, line):
    line["disclosure_parameters"] = SET

    assert codes(world, asked(("Sex",))) == {UNSET}


@pytest.mark.parametrize(
    "wrong",
    [
        {"suppress_min": 5},
        {"suppress_min": 2},
        {"round_base": 11},
        {"round_base": 0},
        {"suppress_max": "4"},
        {"measures": ["headcount", "headcount"]},
        {"fte_base": "0.0"},
        {"suppress_maximum": 7},
        {"suppress_max": None},
    ],
)
def test_parameters_by_which_nothing_is_protected_deny(world, line, wrong):
    world["catalogue"][0]["set_by_agreement"] = True
    line["disclosure_parameters"] = SET | wrong

    found = codes(world, asked(("Sex",)))

    assert {code for code, _ in found} == {"CLAUSE_UNKNOWN", "DISCLOSURE_RULE_MISSING"}


def test_what_the_lines_rule_does_not_cover_is_not_counted(world, line):
    world["catalogue"][0]["set_by_agreement"] = True
    world["catalogue"][0]["measures"] = ["headcount", "fte"]
    line["disclosure_parameters"] = SET | {"measures": ["headcount"]}

    assert codes(world, asked(("Sex",), measure="headcount")) == set()
    assert codes(world, asked(("Sex",), measure="fte")) == {("DISCLOSURE_RULE_MISSING", "fte")}


def test_a_table_is_as_published_where_the_line_says_why_and_it_is_asked_for(world, line):
    question = asked(("Sex",))
    question["table"]["profile"] = "as_published"

    assert codes(world, question) == {("AS_PUBLISHED_NOT_IN_DSA", None)}

    line["as_published"] = "Has to equal the publication."

    assert decided(world, question).table.disclosure == "as_published"
    assert decided(world, asked(("Sex",))).table.disclosure == "protected"


def test_exact_numbers_are_never_as_published_besides(world, line):
    line |= {"as_published": "Has to equal the publication.", "classification": BY_RIGHT}
    question = asked(("Sex",), classification=BY_RIGHT)
    question["table"]["profile"] = "as_published"

    assert codes(world, question) == {("AS_PUBLISHED_NOT_IN_DSA", None)}


def test_a_file_as_published_is_not_released_where_the_line_does_not_say_why(world, line):
    question = made(("Sex",), disclosure="as_published", recovered=2)

    assert codes(world, question) == {("AS_PUBLISHED_NOT_IN_DSA", None)}

    line["as_published"] = "Has to equal the publication."

    assert codes(world, question) == set()


def test_a_file_that_is_the_permitted_table_is_released(world, line):
    assert codes(world, made(("Sex",))) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "beds"},
        {"rule": "CSDS"},
        {"certificate": "none"},
        {"recovered": 1},
        {"parameters": SET},
        {"dimensions": [{"column": "Period_Month", "within": []}]},
    ],
)
def test_a_file_with_another_table_than_was_permitted_is_not_released(world, line, wrong):
    assert ("ATTESTATION_INVALID", "table") in codes(world, made(("Sex",), **wrong))


def test_a_file_that_shows_small_numbers_is_not_released_without_a_right_to_them(world, line):
    assert ("FORM_NOT_ALLOWED", "small numbers") in codes(world, made(("Sex",), disclosure="exact"))


def test_a_file_of_records_is_not_released_under_a_permit_for_a_table(world, line):
    question = made(("Sex",))
    del question["file"]["table"]
    question["file"]["order"] = "token"

    assert codes(world, question) >= {
        ("ATTESTATION_INVALID", "table"),
        ("ATTESTATION_INVALID", "order"),
        ("FORM_NOT_ALLOWED", SUPPRESSED),
    }


@pytest.fixture
def provider(world, line):
    """A trust in its own name, asking for tables of what it did (ruling 14)."""
    version = world["agreement"]["versions"][0]
    version["controllers"], version["processors"] = [plain.TRUST], []
    version["signed"][plain.TRUST] = version["signed"].pop(plain.CCG)
    version["snapshot"]["controllers"].append(plain.bases(plain.TRUST))
    line["recipient_environment"]["organisation"] = plain.TRUST
    line["population"] = {"rule": "own", "commissioners": [plain.TRUST], "reasons": ["P"]}
    world["environments"][0] |= {"organisation": plain.TRUST}
    world["contracts"].append(plain.contract(plain.TRUST))
    world["assurance"].append(plain.assurance(plain.TRUST))
    world["ico"].append(plain.ico(plain.TRUST))
    return line


def test_a_provider_is_given_tables_and_needs_no_relationship(world, provider):
    question = asked(("Sex",), organisation=plain.TRUST)

    assert codes(world, question) == set()
    assert decided(world, question).table.disclosure == "protected"


def test_a_provider_is_given_nothing_of_others_without_a_relationship(world, provider):
    provider["population"] = {"rule": "list", "commissioners": [plain.CCG], "reasons": ["G"]}
    world["relationships"] = []

    assert codes(world, asked(("Sex",), organisation=plain.TRUST)) == {("LCR_MISSING", plain.CCG)}


def test_a_provider_is_given_no_exact_small_numbers(world, provider):
    provider["classification"] = BY_RIGHT
    question = asked(("Sex",), organisation=plain.TRUST, classification=BY_RIGHT)

    assert ("FORM_NOT_ALLOWED", plain.TRUST) in codes(world, question)


@pytest.fixture
def in_groups(world, line):
    """A data set of groups: visits belong to people, notes to visits, wards to nothing."""
    spoiling.in_groups(world)
    line["fields"] += [
        {"name": name, "treatment": "as_is", "reason": "case mix"} for name in spoiling.IN_GROUPS
    ]


@pytest.mark.parametrize(
    ("measure", "column", "expected"),
    [
        ("Visits.records", "Visits.Kind", set()),
        ("Visits.records", "People.Town", set()),
        ("Notes.records", "People.Town", set()),
        ("People.people", "People.Town", set()),
        ("People.records", "Visits.Kind", {("JOIN_FANS_OUT", "Visits.Kind")}),
        ("People.people", "Notes.Kind", {("JOIN_FANS_OUT", "Notes.Kind")}),
        ("Visits.records", "Wards.Kind", {("DIMENSION_UNSUITABLE", "Wards.Kind")}),
        ("Visits.people", "Visits.Kind", {("ROLE_NOT_IN_GROUP", "Visits.people")}),
        ("Visits.beds", "Visits.Kind", {("DISCLOSURE_RULE_MISSING", "Visits.beds")}),
        ("Nothing.records", "Visits.Kind", {("GROUP_UNKNOWN", "Nothing.records")}),
        ("records", "Visits.Kind", {("GROUP_UNKNOWN", "records")}),
    ],
)
def test_a_row_of_a_group_is_counted_once(world, in_groups, measure, column, expected):
    """By what it is, and by what it belongs to; never by what belongs to it."""
    assert codes(world, asked((column,), measure=measure)) == expected


@pytest.mark.parametrize("of", ["request", "line"])
@pytest.mark.parametrize(
    ("measure", "columns", "expected"),
    [
        ("Visits.records", ["Visits.Kind"], []),
        ("Visits.records", ["People.Town"], []),
        ("Notes.records", ["People.Town", "Visits.Kind"], []),
        # Rows of people belong to no visit, and wards to nobody.
        ("People.records", ["Visits.Kind"], ["Visits.Kind"]),
        ("Wards.records", ["People.Town", "Visits.Kind"], ["People.Town", "Visits.Kind"]),
        ("Wards.records", ["Visits.Kind", "Wards.Kind"], []),
        ("Visits.records", ["Wards.Kind", "People.Town"], ["Wards.Kind"]),
    ],
)
def test_a_filter_chooses_what_is_counted_by_what_it_belongs_to(
    world, line, in_groups, of, measure, columns, expected
):
    filters = [{"column": name, "any_of": ["X"]} for name in columns]
    question = asked((f"{measure.partition('.')[0]}.Kind",), measure=measure)
    if measure == "People.records":
        question = asked(("People.Town",), measure=measure)
    (line if of == "line" else question)["filters"] = filters

    assert codes(world, question) == {("FILTER_OVER_GROUPS", name) for name in expected}


def test_a_file_of_records_is_of_groups_of_which_each_filter_chooses_rows(world, line, in_groups):
    line["classification"] = "PSEUDO_ANONYMISED"
    line["filters"] = [{"column": "Visits.Kind", "any_of": ["X"]}]

    def over(*fields):
        found = codes(world, plain.request(classification="PSEUDO_ANONYMISED", fields=[*fields]))
        return {subject for code, subject in found if code == "FILTER_OVER_GROUPS"}

    assert over("Visits.Kind", "Notes.Kind") == set()
    assert over("Visits.Kind", "People.Town") == {"Visits.Kind"}
    assert over("Wards.Kind") == {"Visits.Kind"}


def test_whoever_is_looked_for_in_all_groups_is_chosen_by_no_column_of_one(world, line, in_groups):
    assert codes(world, plain.match()) == set()

    of_invoices = world["agreement"]["versions"][0]["snapshot"]["lines"][1]
    of_invoices["fields"].append({"name": "People.Town", "treatment": "as_is", "reason": "need"})
    of_invoices["filters"] = [{"column": "People.Town", "any_of": ["X"]}]

    assert codes(world, plain.match()) == {("FILTER_OVER_GROUPS", "People.Town")}


def test_measures_of_one_table_are_of_one_group(world, in_groups):
    question = asked(("People.Town",), measure="Visits.records")
    question["table"]["further_measures"] = ["People.records"]

    assert codes(world, question) == {("SEVERAL_GROUPS", "People.records")}


def test_the_groups_that_rows_belong_to_are_read_from_the_catalogue():
    found = data_sets.of(catalogue.load().get("MHSDS"))

    assert found.joined["Care_Contacts"] == {"Referrals", "Patients"}
    assert found.joined["Patients"] == frozenset()
    assert "Referrals.with_care_contacts" in found.measures
    community = data_sets.of(catalogue.load().get("CSDS"))
    assert community.columns["Referrals.OrgID_GP"].is_practice
    assert not community.columns["Referrals.Unique_ServiceRequestID"].is_dimension
    assert community.groupings["Referrals.OrgID_GP"] >= {"Referrals.OrgID_GP__sub_icb"}
    assert data_sets.of(catalogue.load().get("SUS_APC")).joined == {}
