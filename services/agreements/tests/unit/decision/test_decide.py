"""What holds of every decision, and what no scenario of domain.md tells."""

import dataclasses
from datetime import date, timedelta

import pytest

from agreements.decision.domain.clauses import AGREEMENT_CLAUSES, LINE_CLAUSES, Clause
from agreements.decision.domain.codes import MEANINGS, Code
from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.world import (
    CCG,
    CCG_CLIENT,
    CSU,
    OTHER_CCG,
    OTHER_CSU,
    TRUST,
    london,
)
from services.agreements.tests.unit.decision.test_scenarios import codes, decided

ALL = [plain.request, plain.release, plain.fetch]


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def line(world):
    return world["agreement"]["versions"][0]["snapshot"]["lines"][0]


def test_every_clause_type_has_one_evaluator():
    assert list(Clause) == [*AGREEMENT_CLAUSES, *LINE_CLAUSES]


def test_every_code_says_what_must_hold_and_what_would_mend_it():
    assert set(MEANINGS) == set(Code)
    assert all(m.condition and m.remedy and m.source for m in MEANINGS.values())


def test_all_refusals_are_named_and_each_once(world, line):
    """Ruling 1: never the first only."""
    world["contracts"], world["relationships"], world["ico"] = [], [], []
    world["assurance"] = []
    world["agreement"]["versions"][0]["signed"] = {}
    world["agreement"]["holds"] = [
        {"whole": True, "lines": [], "set_at": plain.NOON, "lifted_at": None},
        {"whole": True, "lines": [], "set_at": plain.NOON, "lifted_at": None},
    ]
    line["disclosure_rule"] = None

    refusals = decided(world, plain.request(fields=["Shoe_Size"], periods=["2017-01"]))

    assert [(r.code, r.subject) for r in refusals] == [
        ("DSA_NOT_ACTIVE", CCG),
        ("DSA_NOT_ACTIVE", CSU),
        ("DSA_NOT_ACTIVE", "X26"),
        ("DSFC_NOT_IN_FORCE", CCG),
        ("BREACH_OPEN", None),
        ("ASSURANCE_LAPSED", CCG),
        ("ASSURANCE_LAPSED", CSU),
        ("ICO_LAPSED", CCG),
        ("ICO_LAPSED", CSU),
        ("PERIOD_NOT_IN_DSA", "2017-01"),
        ("FIELD_NOT_IN_DSA", "Shoe_Size"),
        ("LCR_MISSING", CCG),
        ("DISCLOSURE_RULE_MISSING", None),
    ]


@pytest.mark.parametrize("asked", ALL)
def test_a_clock_behind_the_last_decision_decides_nothing(world, asked):
    world["last_decision_at"] = plain.NOON + timedelta(microseconds=1)

    assert codes(world, asked()) == {("CLOCK_UNTRUSTED", None)}


@pytest.mark.parametrize("asked", [plain.request, plain.fetch])
def test_whoever_is_no_party_learns_nothing(world, asked):
    world["contracts"] = []  # of which they are not told either

    assert codes(world, asked(organisation=OTHER_CSU)) == {("AGREEMENT_NOT_FOUND", None)}


def test_an_agreement_that_is_not_there_and_one_that_is_anothers_are_refused_alike(world):
    anothers = decided(world, plain.request(organisation=OTHER_CSU))
    world["agreement"] = None

    assert decided(world, plain.request()) == anothers


@pytest.mark.parametrize("missing", ["file", "permit"])
def test_without_a_genuine_attestation_under_our_permit_nothing_is_released(world, missing):
    assert codes(world, plain.release(**{missing: None})) == {("ATTESTATION_INVALID", None)}


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({"id": "x"}, "file"),
        ({"extract_id": "x"}, "extract"),
        ({"permit_id": plain.HOLDING}, "permit"),
        ({"preparation_id": plain.HOLDING}, "permit"),
        ({"line": 2}, "line"),
        ({"format": "xlsx"}, "format"),
        ({"periods": ["2018-06"]}, "periods"),
        ({"codes": []}, "population"),
        ({"reasons": ["S"]}, "reasons"),
        ({"maps": [plain.HOLDING]}, "maps"),
        ({"disclosure_rule": "CSDS"}, "disclosure_rule"),
        ({"order": "arrival"}, "order"),
        ({"catalogue_digest": plain.sha(["catalogue", "CSDS"])}, "catalogue"),
    ],
)
def test_a_file_that_is_not_what_was_permitted_is_not_released(world, changed, subject):
    refused = codes(world, plain.release(file=plain.file(**changed)))

    assert ("ATTESTATION_INVALID", subject) in refused


def test_a_clause_that_nobody_knows_denies(world, line):
    line["embargo"] = "2030-01-01"
    line["population"]["but_not"] = ["J81002"]
    world["agreement"]["versions"][0]["snapshot"]["royalties"] = True

    assert codes(world, plain.request()) == {
        ("CLAUSE_UNKNOWN", "royalties"),
        ("CLAUSE_UNKNOWN", "embargo"),
        ("CLAUSE_UNKNOWN", "population.but_not"),
    }


@pytest.mark.parametrize(
    ("clause", "value", "subject"),
    [
        ("population", {"rule": "galactic", "reasons": ["G"]}, "population.rule"),
        ("opt_out", {"applied": False, "reason": "whim"}, "opt_out.reason"),
        ("dissemination_power", "royal", "dissemination_power"),
        ("confidentiality", {"route": "trust"}, "confidentiality.route"),
        ("group", "1", "group"),
    ],
)
def test_a_value_that_nobody_knows_denies(world, line, clause, value, subject):
    line[clause] = value

    assert ("CLAUSE_UNKNOWN", subject) in codes(world, plain.request())


@pytest.mark.parametrize(
    ("clause", "subject"),
    [
        ("periods", "periods.from"),
        ("fields", "fields"),
        ("population", "population.rule"),
        ("opt_out", "opt_out.applied"),
        ("recipient_environment", "recipient_environment.kind"),
        ("confidentiality", "confidentiality.route"),
        ("dissemination_power", "dissemination_power"),
        ("catalogue_digest", "catalogue_digest"),
    ],
)
def test_a_clause_that_is_missing_denies(world, line, clause, subject):
    del line[clause]
    line["embargo"] = 1

    refused = codes(world, plain.request())

    assert ("FACT_MISSING", subject) in refused
    assert ("CLAUSE_UNKNOWN", "embargo") in refused


def test_a_controller_that_no_list_has_denies(world):
    world["organisations"] = [o for o in world["organisations"] if o["ods"] != CCG]

    assert ("FACT_MISSING", CCG) in codes(world, plain.request())


def test_a_controller_that_is_closed_has_no_contract(world):
    world["organisations"][0]["to"] = date(2018, 5, 31)

    assert codes(world, plain.fetch(), london(2018, 6, 1)) == {("DSFC_NOT_IN_FORCE", CCG)}


def test_a_controller_that_became_a_part_of_another_entity_has_no_contract(world):
    world["organisations"][0]["to"] = date(2018, 5, 31)
    world["organisations"][1]["from"] = date(2018, 6, 1)

    assert codes(world, plain.fetch()) == {("DSFC_NOT_IN_FORCE", CCG)}


def closed(world, code, to=date(2018, 5, 31)):
    next(o for o in world["organisations"] if o["ods"] == code)["to"] = to


def test_a_processor_that_has_closed_gets_nothing(world):
    closed(world, CSU)

    for question in (plain.request(), plain.release(), plain.fetch()):
        assert codes(world, question) == {("ORGANISATION_CLOSED", CSU)}
    assert codes(world, plain.fetch(), london(2018, 5, 31, 23, 59)) == set()
    assert codes(world, plain.fetch(), london(2018, 6, 1)) == {("ORGANISATION_CLOSED", CSU)}


def test_a_processor_whose_legal_entity_has_closed_gets_nothing(world):
    next(o for o in world["organisations"] if o["ods"] == CSU)["entity"] = OTHER_CSU
    assert codes(world, plain.fetch()) == set()
    closed(world, OTHER_CSU)

    assert codes(world, plain.fetch()) == {("ORGANISATION_CLOSED", CSU)}


def test_a_processor_that_no_list_has_gets_nothing(world):
    world["organisations"] = [o for o in world["organisations"] if o["ods"] != CSU]

    assert codes(world, plain.fetch()) == {("FACT_MISSING", CSU)}


def test_whoever_holds_a_closed_processors_standing_is_looked_at_in_its_place(world):
    closed(world, CSU)
    world["instruments"].append(
        {"predecessor": CSU, "successor": OTHER_CSU, "from": date(2018, 6, 1)}
    )
    refused = codes(world, plain.fetch(organisation=OTHER_CSU))

    assert ("ORGANISATION_CLOSED", CSU) not in refused
    closed(world, OTHER_CSU)
    refused = codes(world, plain.fetch(organisation=OTHER_CSU))
    assert ("ORGANISATION_CLOSED", OTHER_CSU) in refused


def test_a_recipient_that_is_no_party_and_has_closed_gets_nothing(world, line):
    line["recipient_environment"]["organisation"] = OTHER_CSU
    world["environments"][0]["organisation"] = OTHER_CSU
    world["relationships"][0]["processors"] = [OTHER_CSU]
    question = plain.request()
    assert codes(world, question) == set()
    closed(world, OTHER_CSU)

    assert codes(world, question) == {("ORGANISATION_CLOSED", OTHER_CSU)}


def test_a_controller_that_needs_no_contract_needs_to_be_open_all_the_same(world, line):
    line["classification"] = "AGGREGATE_SUPPRESSED"
    closed(world, CCG)

    refused = codes(world, plain.request(classification="AGGREGATE_SUPPRESSED"))
    assert ("ORGANISATION_CLOSED", CCG) in refused


@pytest.mark.parametrize("written", ["02P00", " 02p ", "02P"])
def test_a_commissioner_in_its_long_form_is_the_same_commissioner(world, line, written):
    line["population"]["commissioners"] = [written]

    assert decided(world, plain.request()).codes == (CCG,)


@pytest.mark.parametrize("written", ["0DF01", "02P00"])
def test_parties_recipients_and_askers_are_compared_in_normal_form(world, line, written):
    """A site counts for its organisation by the list; a long form by list and kind."""
    world["organisations"].append(plain.organisation("0DF01", "SITE", entity=CSU))
    version = world["agreement"]["versions"][0]
    if written == "0DF01":
        version["processors"] = [written]
        version["signed"][written] = version["signed"][CSU]
        line["recipient_environment"]["organisation"] = written
        assert codes(world, plain.request(organisation=written)) == set()
        assert codes(world, plain.request()) == set()
    else:
        version["controllers"] = [written]
        version["signed"][written] = version["signed"][CCG]
        asked = decided(world, plain.request())
        assert isinstance(asked, Permission)
        assert asked.on_behalf_of == (CCG,)


def test_a_site_of_a_provider_is_a_provider(world, line):
    world["organisations"].append(plain.organisation("R0A01", "SITE", entity=TRUST))
    line["recipient_environment"]["organisation"] = "R0A01"

    assert ("FORM_NOT_ALLOWED", "R0A01") in codes(world, plain.request())


def test_what_no_list_knows_in_a_long_form_is_not_cut(world, line):
    line["population"]["commissioners"] = ["ZZZ00"]

    assert ("OUT_OF_POPULATION", "ZZZ00") in codes(world, plain.request())


def test_rows_of_a_hub_are_counted_for_nhs_england_under_each_of_its_codes(world, line):
    world["organisations"].append(plain.organisation("13Q", "NHS_ENGLAND_HUB", entity=CCG))
    line["population"]["commissioners"] = ["13Q"]
    world["relationships"].append(plain.relationship("13Q", csu=CSU))

    assert decided(world, plain.request()).codes == ("13Q", "X24", "X26")


@pytest.fixture
def takes(world):
    """A practice map that waits and would take people from the line's commissioner."""
    waiting = {
        "id": plain.HOLDING,
        "kind": "practice",
        "valid_from": date(2018, 5, 1),
        "in_force": False,
        "takes_from": [CCG],
    }
    world["maps"].append(waiting)
    return waiting


def test_a_map_that_waits_takes_its_months_away_and_gives_nothing(world, takes):
    assert codes(world, plain.request()) == {("IMPORT_WAITING", "2018-05")}
    assert codes(world, plain.request(periods=["2018-04"])) == set()
    assert codes(world, plain.release()) == codes(world, plain.fetch()) == set()


def test_a_map_that_waits_takes_nothing_from_others_nor_where_it_would_not_govern(world, takes):
    takes["takes_from"] = [OTHER_CCG]
    assert codes(world, plain.request()) == set()
    takes["takes_from"] = [CCG]
    world["maps"][0]["valid_from"] = date(2018, 5, 2)
    assert codes(world, plain.request(periods=["2018-05"])) == {("IMPORT_WAITING", "2018-05")}
    world["maps"].append({"id": plain.FILE, "kind": "practice", "valid_from": date(2018, 5, 1)})
    assert codes(world, plain.request(periods=["2018-05"])) == set()


def test_a_map_that_is_about_to_be_taken_back_takes_too(world):
    world["maps"][0]["takes_from"] = [CCG]

    assert codes(world, plain.request(periods=["2018-04"])) == {("IMPORT_WAITING", "2018-04")}


def test_a_file_made_by_a_map_that_was_taken_back_is_not_fetched(world):
    world["maps"] = world["maps"][1:]

    assert codes(world, plain.fetch()) == {("MAP_TAKEN_BACK", None)}


def test_a_line_without_commissioners_is_about_the_controllers_own(world, line):
    line["population"]["commissioners"] = None

    assert decided(world, plain.request()).codes == (CCG,)


def test_a_list_without_commissioners_is_a_fact_that_is_missing(world, line):
    line["population"] |= {"rule": "list", "commissioners": []}

    assert codes(world, plain.request()) == {("FACT_MISSING", "population.commissioners")}


def test_anothers_people_are_not_a_controllers_own(world, line):
    line["population"]["commissioners"] = [CCG, OTHER_CCG]
    world["relationships"].append(plain.relationship(OTHER_CCG, csu=CSU))

    assert codes(world, plain.request()) == {("OUT_OF_POPULATION", OTHER_CCG)}


def test_a_location_of_a_controller_is_its_own_and_its_relationship_counts(world, line):
    """Ruling 4: a sub-ICB location is a population code, not a legal controller."""
    world["organisations"].append(plain.organisation("00L", "SUB_ICB_LOCATION", entity=CCG))
    line["population"]["commissioners"] = ["00L"]

    assert decided(world, plain.request()).codes == ("00L",)


def test_national_data_need_neither_relationship_nor_population(world, line):
    line["population"] = {"rule": "national", "commissioners": None, "reasons": None}
    world["relationships"] = []
    file = plain.file(codes=[], reasons=[], rows_without_reason=7)

    assert decided(world, plain.request()).codes == ()
    assert codes(world, plain.fetch(file=file)) == set()


def test_each_controller_gets_its_own_in_an_environment_of_its_own(world, line):
    """Ruling 7: `own` of joint controllers is each one's own."""
    make_joint(world, line)
    line["recipient_environment"]["organisation"] = CCG
    world["environments"][0] |= {"organisation": CCG, "clients": [CCG_CLIENT]}

    decision = decided(world, plain.request(client=CCG_CLIENT, organisation=CCG))

    assert decision.codes == (CCG,)
    assert (decision.capacity, decision.on_behalf_of) == ("controller", ())


def test_a_processor_of_joint_controllers_gets_them_all(world, line):
    make_joint(world, line)

    decision = decided(world, plain.request())

    assert decision.codes == (CCG, OTHER_CCG)
    assert decision.on_behalf_of == (CCG, OTHER_CCG)


def test_one_missing_contract_of_joint_controllers_is_named(world, line):
    make_joint(world, line)
    world["contracts"].pop()

    assert codes(world, plain.request()) == {("DSFC_NOT_IN_FORCE", OTHER_CCG)}


def make_joint(world, line):
    version = world["agreement"]["versions"][0]
    version["controllers"] = [CCG, OTHER_CCG]
    version["signed"][OTHER_CCG] = version["signed"][CCG]
    line["population"]["commissioners"] = [CCG, OTHER_CCG]
    world["contracts"].append(plain.contract(OTHER_CCG))
    world["relationships"].append(plain.relationship(OTHER_CCG, csu=CSU))
    world["assurance"].append(plain.assurance(OTHER_CCG))
    world["ico"].append(plain.ico(OTHER_CCG))


def test_a_provider_receives_no_records(world, line):
    """Ruling 14."""
    version = world["agreement"]["versions"][0]
    version["processors"] = [TRUST]
    version["signed"][TRUST] = version["signed"].pop(CSU)
    line["recipient_environment"]["organisation"] = TRUST
    world["environments"][0] |= {"organisation": TRUST}
    world["assurance"].append(plain.assurance(TRUST))
    world["ico"].append(plain.ico(TRUST))
    world["relationships"][0]["processors"] = [TRUST]

    assert codes(world, plain.request(organisation=TRUST)) == {("FORM_NOT_ALLOWED", TRUST)}


def test_a_staff_column_needs_a_reason_that_the_line_gives(world, line):
    """Ruling 13."""
    named = {"name": "Consultant_Code", "treatment": "as_is", "reason": "  "}
    line["fields"].append(named)
    without = codes(world, plain.request(fields=["Consultant_Code"]))
    named["reason"] = "workload"

    assert without == {("FORM_NOT_ALLOWED", "Consultant_Code")}
    assert codes(world, plain.request(fields=["Consultant_Code"])) == set()


@pytest.mark.parametrize(
    ("name", "treatment"),
    [("Sex", "derived"), ("Grid_Easting", "as_is"), ("Shoe_Size", "as_is")],
)
def test_what_the_catalogue_does_not_release_is_not_released(world, line, name, treatment):
    line["fields"] = [{"name": name, "treatment": treatment, "reason": "because"}]

    assert codes(world, plain.request(fields=[name])) == {("FORM_NOT_ALLOWED", name)}


def test_a_column_in_another_form_than_the_lines_is_refused(world):
    file = plain.file()
    file["columns"][3]["treatment"] = "as_is"

    assert codes(world, plain.fetch(file=file)) == {("FORM_NOT_ALLOWED", "Hospital_Spell_No")}


def test_a_column_of_another_class_than_the_catalogues_is_refused(world):
    file = plain.file()
    file["columns"][2]["class"] = "ADM"

    assert codes(world, plain.fetch(file=file)) == {("FORM_NOT_ALLOWED", "Sex")}


def test_a_file_scanned_by_a_rule_that_is_not_known_is_refused(world):
    scan = {"rule": "pcd-scan/0", "columns": ["Diagnosis"], "hits": 0}

    assert codes(world, plain.fetch(file=plain.file(scan=scan))) == {("PCD_LEAK", "rule")}


def test_a_digest_that_the_catalogue_does_not_have_denies(world, line):
    line["catalogue_digest"] = plain.sha("nothing")

    assert codes(world, plain.request()) == {("CATALOGUE_UNKNOWN", "SUS_APC")}
    assert ("CATALOGUE_UNKNOWN", "SUS_APC") in codes(world, plain.fetch())


def test_a_released_file_of_a_former_catalogue_is_judged_by_its_own(world, line):
    line["catalogue_digest"] = plain.sha(["catalogue", "new"])
    newer = plain.data_set("SUS_APC") | {"digest": plain.sha(["catalogue", "new"])}
    world["catalogue"].append(newer)
    newer["fields"][6]["class"] = "ADM"  # Sex, of which the file says QI as it then was

    assert codes(world, plain.fetch()) == set()


def test_reasons_that_the_data_set_cannot_give_are_a_fact_that_is_missing(world, line):
    world["catalogue"][0]["reasons"] = {"S": None}

    assert codes(world, plain.request()) == {("FACT_MISSING", "population.reasons")}


def test_a_map_is_needed_only_where_no_other_reason_can_be_found(world, line):
    world["maps"] = []
    with_other_reasons = decided(world, plain.request())
    line["population"]["reasons"] = ["G", "H"]

    assert with_other_reasons.practice_maps == ()
    assert codes(world, plain.request()) == {
        ("FACT_MISSING", "2018-04"),
        ("FACT_MISSING", "2018-05"),
    }


def test_of_several_maps_the_one_that_governs_at_the_start_of_the_month_counts(world):
    new = "00000000-0000-7000-8000-0000000000a9"
    world["maps"].append({"id": new, "kind": "practice", "valid_from": date(2018, 5, 1)})

    decision = decided(world, plain.request(periods=["2018-05", "2018-04"]))

    assert decision.practice_maps == (plain.PRACTICE_MAP, new)
    assert decision.postcode_maps == (plain.POSTCODE_MAP,)


def test_an_environment_that_is_not_there_is_told_of_alike(world):
    world["environments"] = world["environments"][1:]

    assert codes(world, plain.request()) == {("ENVIRONMENT_MISMATCH", None)}
    assert codes(world, plain.release()) == {("ENVIRONMENT_MISMATCH", None)}


def test_a_file_that_was_made_for_another_environment_is_refused(world):
    assert codes(world, plain.fetch(environment=plain.OTHER_ENVIRONMENT)) == {
        ("ENVIRONMENT_MISMATCH", None)
    }


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        ({"start": date(2018, 6, 2)}, plain.CAG),
        ({"purposes": ["RS"]}, plain.CAG),
        ({"controllers": [OTHER_CCG]}, plain.CAG),
        ({"reference": "CAG 7-04(a)/2013"}, "CAG 7-04(a)/2013"),  # about another flow
        ({"reference": "CAG 1-01/2018"}, plain.CAG),  # another one is recorded
    ],
)
def test_an_approval_that_does_not_cover_the_line_supports_nothing(world, changes, reference):
    world["approvals"][0] |= changes
    iv = world["agreement"]["versions"][0]["snapshot"]["lines"][1]
    iv["confidentiality"]["section_251"] = reference
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )

    assert codes(world, question) == {("S251_EXPIRED", reference)}


def test_section_251_without_a_reference_is_a_fact_that_is_missing(world):
    iv = world["agreement"]["versions"][0]["snapshot"]["lines"][1]
    iv["confidentiality"]["section_251"] = None
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )

    assert codes(world, question) == {("FACT_MISSING", "confidentiality.section_251")}


def test_an_approval_limited_to_a_predecessor_counts_for_its_successor(world):
    world["approvals"][0]["controllers"] = [plain.PREDECESSOR]
    world["instruments"] = [
        {"predecessor": plain.PREDECESSOR, "successor": CCG, "from": date(2018, 4, 1)}
    ]
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )

    assert codes(world, question) == set()


def test_unreviewed_assurance_carries_identifiable_data_only_with_a_condition_of_review(world):
    version = world["agreement"]["versions"][0]
    world["assurance"][1]["reviewed"] = False  # of the CSU, which owns a special condition
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )
    with_another = codes(world, question)
    (condition,) = version["conditions"]
    condition["id"] = f"assurance-review-{CSU}"

    assert with_another == {("ASSURANCE_LAPSED", CSU)}
    assert codes(world, question) == set()
    version["conditions"] = []
    assert codes(world, question) == {("ASSURANCE_LAPSED", CSU)}
    assert codes(world, plain.request()) == set()


def test_consent_excuses_from_opt_outs_only_where_the_line_rests_on_consent(world):
    iv = world["agreement"]["versions"][0]["snapshot"]["lines"][1]
    iv |= {
        "purpose": "OTHER",
        "opt_out": {"applied": False, "reason": "consent"},
        "dissemination_power": "s261_2_c",
        "confidentiality": {"route": "consent", "section_251": None},
    }
    question = plain.request(
        client="ceff-0df", purpose="OTHER", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )
    consented = codes(world, question)
    iv["dissemination_power"] = "s261_7"
    iv["confidentiality"] = {"route": "section_251", "section_251": plain.CAG}

    assert consented == set()
    assert ("OPT_OUT_NOT_APPLIED", None) in codes(world, question)


def test_opt_outs_are_upheld_of_invoices_until_the_day_of_a_letter(world):
    """Ruling 27: no letter is on record, and no day is guessed; with one it is from its date."""
    iv = world["agreement"]["versions"][0]["snapshot"]["lines"][1]
    iv["opt_out"] = {"applied": False, "reason": "exemption"}
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )
    code = ("OPT_OUT_NOT_APPLIED", None)
    for year in (2014, 2020, 2026):
        assert code in codes(world, question, london(year, 10, 1))

    facts, letter = facts_of(world), date(2020, 11, 2)
    rule = facts.rules.opt_out(
        letter, purpose="IV", data_set="SUS_APC", classification="IDENTIFIABLE"
    )
    waived = dataclasses.replace(
        rule, applied=False, first=letter, letter="CAG 7-07, of 2020-11-02"
    )
    facts = dataclasses.replace(
        facts, rules=dataclasses.replace(facts.rules, opt_outs=(waived, *facts.rules.opt_outs))
    )

    def refused(at):
        decision = decide(question_of(question), facts, present_of(world, at))
        return {(r.code, r.subject) for r in decision}

    assert code in refused(london(2020, 11, 2) - timedelta(microseconds=1))
    assert code not in refused(london(2020, 11, 2))


def test_a_classification_that_no_opt_out_rule_covers_denies(world, line):
    line["classification"] = "SECRET"

    refused = codes(world, plain.request(classification="SECRET"))

    assert {("FACT_MISSING", "opt_out rule"), ("FORM_NOT_ALLOWED", "SECRET")} <= refused


def test_a_line_that_upholds_opt_outs_needs_no_rule_that_says_so(world, line):
    line["classification"] = "SECRET"
    line["opt_out"] = {"applied": True, "reason": None}

    refused = codes(world, plain.request(classification="SECRET"))

    assert ("FACT_MISSING", "opt_out rule") not in refused
    assert ("FORM_NOT_ALLOWED", "SECRET") in refused


def test_of_two_lines_with_one_key_the_one_that_allows_counts(world, line):
    twin = plain.line(number=3, recipient_environment={"organisation": CCG, "kind": "analytics"})
    world["agreement"]["versions"][0]["snapshot"]["lines"].insert(0, twin)
    world["environments"].append(
        {
            "id": "00000000-0000-7000-8000-0000000000e3",
            "organisation": CCG,
            "kind": "analytics",
            "clients": [CCG_CLIENT],
        }
    )

    of_the_csu = decided(world, plain.request())
    of_the_ccg = decided(world, plain.request(client=CCG_CLIENT, organisation=CCG))

    assert (of_the_csu.line.number, of_the_ccg.line.number) == (1, 3)
    assert of_the_csu.domain.id != of_the_ccg.domain.id


def test_of_two_lines_that_refuse_the_one_with_fewer_refusals_is_told_of(world, line):
    twin = plain.line(number=3, disclosure_rule=None, periods={"from": "2020-01", "to": "2020-02"})
    world["agreement"]["versions"][0]["snapshot"]["lines"].insert(0, twin)
    line["disclosure_rule"] = None

    assert codes(world, plain.request()) == {("DISCLOSURE_RULE_MISSING", None)}


def test_what_concerns_the_agreement_denies_also_where_a_line_allows(world):
    world["ico"] = [plain.ico(CSU)]

    assert codes(world, plain.request()) == {("ICO_LAPSED", CCG)}


def test_an_agreement_that_begins_later_says_when(world):
    world["agreement"]["versions"][0]["start"] = date(2018, 7, 1)

    (refusal,) = decided(world, plain.request())

    assert refusal.code == "DSA_NOT_ACTIVE"
    assert "begins on 2018-07-01" in refusal.detail


def test_the_answer_holds_at_most_until_midnight_in_london(world):
    assert decided(world, plain.fetch()).turns_at == london(2018, 6, 2)
    assert decided(world, plain.fetch(), london(2018, 10, 28, 3)).turns_at == london(2018, 10, 29)


def test_the_answer_holds_until_a_fact_turns_inside_the_day(world):
    lifted = plain.NOON + timedelta(minutes=5)
    world["contracts"][0]["terminated_at"] = lifted

    assert decided(world, plain.fetch()).turns_at == lifted


def test_who_stands_for_whom_is_found_once_a_day(world):
    facts = facts_of(world)
    question = question_of(plain.fetch())

    today, tomorrow = present_of(world), present_of(world, plain.NOON + timedelta(days=1))
    first = facts.organisations_on(date(2018, 6, 1))

    assert isinstance(decide(question, facts, today), Permission)
    assert facts.organisations_on(date(2018, 6, 1)) is first
    assert isinstance(decide(question, facts, tomorrow), Permission)
    assert facts.organisations_on(date(2018, 6, 1)) is not first


def test_without_a_rule_for_the_age_of_lists_no_list_is_new_enough(world):
    facts = facts_of(world)
    none = dataclasses.replace(facts.rules, list_ages=())
    question = question_of(
        plain.fetch(
            file=plain.file(opt_out={"applied": True, "list_date": date(2018, 6, 1)}),
        )
    )

    decision = decide(question, dataclasses.replace(facts, rules=none), present_of(world))

    assert ("FACT_MISSING", "list age") in {(r.code, r.subject) for r in decision}


def test_a_line_that_the_agreement_does_not_have_is_refused_as_a_whole(world):
    asked = plain.request(data_set="CSDS", fields=["Shoe_Size"])

    assert codes(world, asked) == {("LINE_NOT_IN_DSA", None)}
