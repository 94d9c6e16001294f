"""Scenarios of domain.md section 11 that are the decision's, each by its code and nothing besides.

They run on the pure decision: a world in which everything is in order, spoilt in one thing.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from agreements.decision.adapters import rules
from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG, OTHER_CSU, london

MOMENT = timedelta(microseconds=1)


def decided(world, question, now=plain.NOON):
    return decide(question_of(question), facts_of(world), present_of(world, now))


def codes(world, question, now=plain.NOON):
    decision = decided(world, question, now)
    if isinstance(decision, Permission):
        return set()
    return {(r.code, r.subject) for r in decision}


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def version(world):
    return world["agreement"]["versions"][0]


@pytest.fixture
def line(version):
    return version["snapshot"]["lines"][0]


@pytest.fixture
def csds(line):
    """The line is about a data set that waits for publication."""
    line["data_set"], line["catalogue_digest"] = "CSDS", plain.sha(["catalogue", "CSDS"])


@pytest.fixture
def csds_request():
    return plain.request(data_set="CSDS", periods=["2018-04"])


@pytest.mark.parametrize("asked", [plain.request, plain.release, plain.fetch])
def test_where_everything_is_in_order_the_answer_is_yes(world, asked):
    decision = decided(world, asked())

    assert isinstance(decision, Permission)
    assert (decision.capacity, decision.on_behalf_of) == ("processor", (CCG,))
    assert decision.grounds == ("CON-0002P1-A1B2C", "LCR-02P")


@pytest.mark.scenario("R01")
def test_a_published_period_is_released(world, csds, csds_request):
    world["publications"] = [
        {"data_set": "CSDS", "period": "2018-04", "published_on": date(2018, 8, 15)}
    ]

    assert codes(world, csds_request, london(2018, 8, 20, 10)) == set()


@pytest.mark.scenario("R02")
def test_before_its_publication_a_period_is_not_released(world, csds, csds_request):
    world["publications"] = [
        {"data_set": "CSDS", "period": "2018-04", "published_on": date(2018, 8, 15)}
    ]

    assert codes(world, csds_request, london(2018, 8, 10)) == {("NOT_PUBLISHED_YET", "2018-04")}
    assert codes(world, csds_request, london(2018, 8, 15) - MOMENT) != set()
    assert codes(world, csds_request, london(2018, 8, 15)) == set()


@pytest.mark.scenario("R02")
def test_a_formula_date_alone_never_opens_the_gate(world, csds, csds_request):
    refusals = decided(world, csds_request, london(2018, 8, 20))

    assert [(r.code, r.subject) for r in refusals] == [("NOT_PUBLISHED_YET", "2018-04")]
    assert "expected on 2018-08-15" in refusals[0].detail


@pytest.mark.scenario("R03")
@pytest.mark.parametrize("name", ["NHS_Number", "Postcode", "Date_of_Birth"])
def test_a_direct_identifier_never_leaves_under_com_not_even_where_the_line_lists_it(
    world, line, name
):
    line["fields"].append({"name": name, "treatment": "as_is", "reason": "because"})
    column = {"name": name, "treatment": "as_is", "class": "DI"}
    file = plain.file(columns=[*plain.file()["columns"], column])
    permit = plain.permit(fields=plain.permit()["fields"] | {name: "as_is"})

    assert codes(world, plain.request(fields=["Sex", name])) == {("FORM_NOT_ALLOWED", name)}
    assert codes(world, plain.release(file=file, permit=permit)) == {("FORM_NOT_ALLOWED", name)}
    assert codes(world, plain.fetch(file=file)) == {("FORM_NOT_ALLOWED", name)}


@pytest.mark.scenario("R03")
def test_a_file_with_a_column_that_the_line_does_not_list_is_refused(world):
    column = {"name": "NHS_Number", "treatment": "as_is", "class": "DI"}
    file = plain.file(columns=[*plain.file()["columns"], column])

    assert codes(world, plain.release(file=file)) == {
        ("FIELD_NOT_IN_DSA", "NHS_Number"),
        ("FORM_NOT_ALLOWED", "NHS_Number"),
        ("ATTESTATION_INVALID", "NHS_Number"),
    }


@pytest.mark.scenario("R04")
@pytest.mark.parametrize("asked", [plain.release, plain.fetch])
def test_a_framework_contract_that_ended_this_morning_closes_the_gate_for_what_was_prepared(
    world, asked
):
    world["contracts"][0]["terminated_at"] = london(2018, 6, 1, 8)

    assert codes(world, asked(), london(2018, 6, 1, 8) - MOMENT) == set()
    assert codes(world, asked(), london(2018, 6, 1, 8)) == {("DSFC_NOT_IN_FORCE", CCG)}


@pytest.mark.scenario("R05")
@pytest.mark.parametrize(
    ("last", "over"),
    [
        (date(2018, 3, 24), datetime(2018, 3, 25, 0, 0, tzinfo=UTC)),  # still winter time
        (date(2018, 3, 25), datetime(2018, 3, 25, 23, 0, tzinfo=UTC)),  # a day of 23 hours
        (date(2018, 10, 27), datetime(2018, 10, 27, 23, 0, tzinfo=UTC)),  # still summer time
        (date(2018, 10, 28), datetime(2018, 10, 29, 0, 0, tzinfo=UTC)),  # a day of 25 hours
        (date(2018, 12, 31), datetime(2019, 1, 1, 0, 0, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("asked", [plain.request, plain.release, plain.fetch])
def test_an_agreement_ends_at_midnight_in_london_to_the_microsecond(
    world, version, asked, last, over
):
    version["start"], version["end"] = date(2018, 3, 1), last
    version["signed"] = dict.fromkeys(version["signed"], london(2018, 2, 1))
    version["conditions"] = []
    for evidence in world["assurance"]:
        evidence |= {"kind": "SLSP", "status": "CERTIFIED", "seen_on": date(2018, 1, 1)}

    assert codes(world, asked(), over - MOMENT) == set()
    assert codes(world, asked(), over) == {("DSA_NOT_ACTIVE", None)}


@pytest.mark.scenario("R05")
def test_an_agreement_that_was_terminated_is_not_active(world):
    world["agreement"]["terminated_at"] = plain.NOON

    assert codes(world, plain.fetch(), plain.NOON - MOMENT) == set()
    assert codes(world, plain.fetch()) == {("DSA_NOT_ACTIVE", None)}


@pytest.mark.scenario("R06")
def test_records_outside_of_the_lines_periods_are_refused_by_period(world):
    wanted = ["2018-03", "2018-04", "2019-03", "2019-04"]

    assert codes(world, plain.request(periods=wanted)) == {
        ("PERIOD_NOT_IN_DSA", "2018-03"),
        ("PERIOD_NOT_IN_DSA", "2019-04"),
    }
    assert codes(world, plain.fetch(file=plain.file(periods=["2019-04"]))) == {
        ("PERIOD_NOT_IN_DSA", "2019-04")
    }


@pytest.mark.scenario("R07")
def test_an_ended_relationship_refuses_and_an_unpublished_one_does_not(world):
    world["relationships"][0]["to"] = date(2018, 5, 31)  # nothing here says published

    assert codes(world, plain.request(), london(2018, 6, 1) - MOMENT) == set()
    assert codes(world, plain.request(), london(2018, 6, 1)) == {("LCR_MISSING", CCG)}


@pytest.mark.scenario("R07")
def test_a_relationship_that_was_never_activated_counts_for_nothing(world):
    world["relationships"][0]["activated_at"] = None

    assert codes(world, plain.fetch()) == {("LCR_MISSING", CCG)}


@pytest.mark.scenario("L05")
def test_with_another_csu_in_the_relationship_the_former_one_is_refused_from_the_old_rows_end(
    world,
):
    world["relationships"][0]["to"] = date(2018, 5, 31)
    world["relationships"].append(
        plain.relationship(CCG, csu=OTHER_CSU, **{"from": date(2018, 6, 1)})
    )

    assert codes(world, plain.fetch(), london(2018, 6, 1) - MOMENT) == set()
    assert codes(world, plain.fetch(), london(2018, 6, 1)) == {("LCR_MISSING", CCG)}


@pytest.mark.scenario("R08")
def test_a_file_with_rows_that_have_no_reason_is_refused(world):
    file = plain.file(rows_without_reason=1)

    assert codes(world, plain.release(file=file)) == {("OUT_OF_POPULATION", "rows")}


@pytest.mark.scenario("R08")
def test_a_file_with_anothers_people_is_refused(world):
    file = plain.file(codes=[CCG, OTHER_CCG])

    assert codes(world, plain.fetch(file=file)) == {("OUT_OF_POPULATION", OTHER_CCG)}


@pytest.mark.scenario("R08")
def test_a_predecessors_people_count_by_a_transfer_instrument_alone(world):
    file = plain.file(codes=[CCG, plain.PREDECESSOR])
    without = codes(world, plain.fetch(file=file))
    world["instruments"] = [
        {"predecessor": plain.PREDECESSOR, "successor": CCG, "from": date(2018, 4, 1)}
    ]

    assert without == {("OUT_OF_POPULATION", plain.PREDECESSOR)}
    assert codes(world, plain.fetch(file=file)) == set()
    assert decided(world, plain.request()).codes == (CCG, plain.PREDECESSOR)


@pytest.mark.scenario("R09")
def test_the_same_data_set_twice_in_an_agreement_has_two_domains_and_two_sets_of_columns(world):
    com = decided(world, plain.request())
    iv = decided(
        world,
        plain.request(
            client="ceff-0df",
            purpose="IV",
            classification="IDENTIFIABLE",
            fields=["NHS_Number", "Hospital_Spell_No"],
        ),
    )

    assert com.domain.id != iv.domain.id
    assert {(f.name, f.treatment) for f in com.fields}.isdisjoint(
        (f.name, f.treatment) for f in iv.fields
    )


@pytest.mark.scenario("R09")
def test_two_purposes_have_two_domains_in_one_environment_as_well(world, version):
    (line, *_) = version["snapshot"]["lines"]
    version["snapshot"]["lines"].append({**line, "number": 3, "purpose": "OTHER"})

    com, other = (decided(world, plain.request(purpose=one)).domain for one in ("COM", "OTHER"))

    assert com.environment == other.environment
    assert com.id != other.id


@pytest.mark.scenario("R10")
def test_identifiable_invoices_go_to_the_controlled_environment_and_nowhere_else(world, version):
    to_the_team = plain.request(
        purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"], client=plain.CLIENT
    )
    refused = codes(world, to_the_team)
    version["snapshot"]["lines"][1]["recipient_environment"]["kind"] = "analytics"

    assert refused == {("ENVIRONMENT_MISMATCH", None)}
    assert ("FORM_NOT_ALLOWED", "IDENTIFIABLE") in codes(world, to_the_team)


@pytest.mark.scenario("R11")
def test_when_section_251_support_ends_the_gate_closes_until_its_extension_is_recorded(world):
    question = plain.request(
        client="ceff-0df",
        purpose="IV",
        classification="IDENTIFIABLE",
        fields=["NHS_Number", "Hospital_Spell_No"],
    )
    world["approvals"][0]["end"] = date(2018, 5, 31)
    before, after = codes(world, question, london(2018, 6, 1) - MOMENT), codes(world, question)
    world["approvals"][0]["end"] = date(2020, 9, 30)

    assert before == set()
    assert after == {("S251_EXPIRED", plain.CAG)}
    assert codes(world, question) == set()


def identifiable_release(**opt_out):
    domain = plain.domain(purpose="IV", environment=plain.OTHER_ENVIRONMENT, opt_out="applied")
    same = {"purpose": "IV", "classification": "IDENTIFIABLE", "line": 2}
    return plain.release(
        permit=plain.permit(
            client="ceff-0df",
            environment=plain.OTHER_ENVIRONMENT,
            fields={"NHS_Number": "as_is"},
            domain=domain,
            applied=True,
            **same,
        ),
        file=plain.file(
            columns=[
                {"name": "Token", "treatment": "pseudonym", "class": "DER"},
                {"name": "NHS_Number", "treatment": "as_is", "class": "DI"},
            ],
            domain=plain.sha(domain),
            opt_out={"applied": True, "list_date": date(2018, 6, 1)} | opt_out,
            **same,
        ),
    )


@pytest.mark.scenario("R12")
def test_without_the_reply_to_the_opt_out_check_nothing_is_released(world):
    assert codes(world, identifiable_release()) == set()
    assert codes(world, identifiable_release(list_date=None)) == {("OPT_OUT_NOT_APPLIED", "file")}
    assert codes(world, identifiable_release(applied=False)) == {
        ("OPT_OUT_NOT_APPLIED", "file"),
        ("ATTESTATION_INVALID", "opt_out"),
    }


@pytest.mark.scenario("R12")
def test_a_list_of_objectors_is_no_reply_where_the_line_goes_by_the_check(world):
    by_check = identifiable_release()
    by_check["permit"]["by"] = "check"

    assert codes(world, by_check) == {("ATTESTATION_INVALID", "opt_out")}
    by_check["file"]["opt_out"]["by"] = "check"
    assert codes(world, by_check) == set()


def test_risk_stratification_goes_by_the_national_check_and_other_lines_by_a_list():
    by = {
        (purpose, classification): rules.load()
        .opt_out(
            date(2018, 6, 1), purpose=purpose, data_set="SUS_APC", classification=classification
        )
        .by
        for purpose in ("COM", "IV", "RS")
        for classification in ("IDENTIFIABLE", "PSEUDO_ANONYMISED")
    }

    assert [line for line, way in by.items() if way == "check"] == [("RS", "IDENTIFIABLE")]


@pytest.mark.scenario("R12")
def test_an_opt_out_list_is_good_for_seven_days(world):
    question = identifiable_release(list_date=date(2018, 5, 25))

    assert codes(world, question, london(2018, 6, 2) - MOMENT) == set()
    assert codes(world, question, london(2018, 6, 2)) == {("OPT_OUT_NOT_APPLIED", "file")}


@pytest.mark.scenario("R12")
def test_an_opt_out_list_of_a_day_to_come_is_none(world):
    question = identifiable_release(list_date=date(2018, 6, 2))

    assert codes(world, question, london(2018, 6, 2) - MOMENT) == {("OPT_OUT_NOT_APPLIED", "file")}
    assert codes(world, question, london(2018, 6, 2)) == set()


@pytest.mark.scenario("R14")
def test_the_other_opt_out_treatment_of_the_same_month_and_environment_is_refused(world):
    world["reserved"] = {(plain.ENVIRONMENT, "SUS_APC", "2018-05"): "applied"}

    assert codes(world, plain.request()) == {("OPT_OUT_DIFFERENCING", "2018-05")}
    assert codes(world, plain.release()) == {("OPT_OUT_DIFFERENCING", "2018-05")}
    assert codes(world, plain.request(periods=["2018-04"])) == set()


@pytest.mark.scenario("R14")
def test_what_goes_by_the_national_check_is_not_refused_for_the_list_of_today(world):
    """Its reply says who is left out, and there is none yet; the release is judged by that."""
    plain.with_risk_stratification(world)
    made = plain.file(opt_out={"applied": True, "list_date": date(2018, 6, 1), "list": "list-1"})
    world["held"] = [
        {"file": made, "may_have_left": True, "environment": where}
        for where in (plain.RISK_ENVIRONMENT, plain.OTHER_ENVIRONMENT)
    ]
    landed = {"lists": ["list-2"], "editions": {"2018-04": ["edition-1"]}}
    by_list = plain.request(
        client="ceff-0df",
        purpose="IV",
        classification="IDENTIFIABLE",
        fields=["NHS_Number"],
        landed=landed,
    )

    assert codes(world, by_list) == {("OPT_OUT_DIFFERENCING", "2018-04")}
    assert codes(world, plain.risk_request(landed=landed)) == set()


@pytest.mark.scenario("R15")
def test_a_file_in_which_personal_data_were_found_is_refused(world):
    scan = {"rule": "pcd-scan/2", "columns": ["Diagnosis", "Sex"], "hits": 1}

    assert codes(world, plain.release(file=plain.file(scan=scan))) == {("PCD_LEAK", "hits")}


@pytest.mark.scenario("R15")
def test_a_file_of_which_a_text_was_not_scanned_is_refused(world):
    scan = {"rule": "pcd-scan/2", "columns": ["Sex"], "hits": 0}

    assert codes(world, plain.release(file=plain.file(scan=scan))) == {("PCD_LEAK", "Diagnosis")}


@pytest.mark.scenario("R18")
@pytest.mark.parametrize("asked", [plain.release, plain.fetch])
def test_tokens_of_another_recipients_domain_are_refused(world, asked):
    other = plain.sha(plain.domain(controllers=[OTHER_CCG]))

    assert codes(world, asked(file=plain.file(domain=other))) == {("DOMAIN_MISMATCH", None)}


@pytest.mark.scenario("R19")
def test_two_recipients_have_two_domains_and_two_months_of_one_have_the_same(world):
    april = decided(world, plain.request(periods=["2018-04"])).domain
    may = decided(world, plain.request(periods=["2018-05"])).domain
    world["agreement"]["reference"] = "DARS-NIC-654321-Z9Y8X"
    other = decided(world, plain.request(agreement="DARS-NIC-654321-Z9Y8X")).domain

    assert april.id == may.id
    assert april.id != other.id


@pytest.mark.scenario("R21")
def test_an_overdue_special_condition_closes_the_gate_until_it_is_met(world, version):
    due = london(2019, 1, 1)
    overdue = codes(world, plain.fetch(), due)
    version["conditions"][0]["fulfilled_at"] = due

    assert codes(plain.sound(), plain.fetch(), due - MOMENT) == set()
    assert overdue == {("CONDITION_OVERDUE", "1")}
    assert codes(world, plain.fetch(), due) == set()


@pytest.mark.scenario("A25")
def test_with_one_of_three_signatures_missing_an_agreement_is_not_active_after_its_start(
    world, version
):
    del version["signed"][CSU]

    assert codes(world, plain.request()) == {("DSA_NOT_ACTIVE", CSU)}


@pytest.mark.scenario("A27")
def test_until_all_have_signed_an_amendment_the_former_version_governs(world):
    amended = plain.version("v1.1", 2, processors=[CSU, OTHER_CSU])
    amended["signed"][OTHER_CSU] = london(2018, 6, 5)
    world["agreement"]["versions"].append(amended)
    world["assurance"].append(plain.assurance(OTHER_CSU))
    world["ico"].append(plain.ico(OTHER_CSU))
    world["environments"][0]["clients"].append("csu-0cx")
    world["relationships"][0]["processors"] = [OTHER_CSU]
    of_the_new_one = plain.request(client="csu-0cx", organisation=OTHER_CSU)

    before = london(2018, 6, 5) - MOMENT
    assert decided(world, plain.request(), before).agreement.version == "v1.0"
    assert codes(world, of_the_new_one, before) == {("AGREEMENT_NOT_FOUND", None)}
    assert decided(world, of_the_new_one, london(2018, 6, 5)).agreement.version == "v1.1"


def test_what_is_published_is_of_the_very_version_that_was_judged(world):
    amended = plain.version("v1.1", 2)
    amended["signed"][CCG] = london(2018, 6, 5)
    amended["snapshot"]["title"] = "Amended"
    world["agreement"]["versions"].append(amended)

    before = decided(world, plain.release(), london(2018, 6, 5) - MOMENT)
    after = decided(world, plain.release(), london(2018, 6, 5))

    assert (before.agreement.version, before.published.summary.title) == ("v1.0", "Commissioning")
    assert (after.agreement.version, after.published.summary.title) == ("v1.1", "Amended")


@pytest.mark.parametrize(("ask", "stops"), [("request", True), ("release", True), ("fetch", False)])
def test_a_renamed_section_stops_the_release_and_not_what_the_register_has(world, ask, stops):
    (version,) = world["agreement"]["versions"]
    sections = version["snapshot"]["sections"]
    sections["9"] = {"aims": sections["9"]["purposes"]}

    found = codes(world, getattr(plain, ask)())

    assert found == ({("FACT_MISSING", "sections.9")} if stops else set())


@pytest.mark.scenario("A03")
def test_a_contract_passes_to_a_successor_by_a_transfer_instrument_alone(world, version):
    world["organisations"][3]["to"] = None
    world["contracts"][0]["organisation"] = plain.PREDECESSOR
    without = codes(world, plain.request())
    world["instruments"] = [
        {"predecessor": plain.PREDECESSOR, "successor": CCG, "from": date(2018, 4, 1)}
    ]

    assert without == {("DSFC_NOT_IN_FORCE", CCG)}
    assert codes(world, plain.request()) == set()


@pytest.mark.scenario("A13")
def test_a_processor_that_has_published_nothing_is_refused_and_an_exceeded_one_passes(world):
    world["assurance"][1] |= {"status": "NOT_PUBLISHED", "published_on": None, "edition": ""}
    not_published = codes(world, plain.request())
    world["assurance"][1] = plain.assurance(CSU, status="STANDARDS_EXCEEDED")

    assert not_published == {("ASSURANCE_LAPSED", CSU)}
    assert codes(world, plain.request()) == set()


@pytest.mark.scenario("A15")
def test_a_former_edition_of_the_toolkit_is_too_old_after_a_year(world):
    world["assurance"][1] |= {"edition": "17/18", "published_on": date(2017, 5, 31)}

    assert codes(world, plain.request(), london(2018, 6, 1) - MOMENT) == set()
    assert codes(world, plain.request(), london(2018, 6, 1)) == {("ASSURANCE_LAPSED", CSU)}


@pytest.mark.scenario("A20")
def test_identifiable_data_need_a_way_to_meet_the_duty_of_confidentiality(world, version):
    version["snapshot"]["lines"][1]["confidentiality"] = {
        "route": "not_identifiable",
        "section_251": None,
    }
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )

    assert codes(world, question) == {
        ("FORM_NOT_ALLOWED", "confidentiality.route"),
        ("FORM_NOT_ALLOWED", "dissemination_power"),
        ("IDENTITY_NOT_FOR_RECIPIENT", CCG),
    }


@pytest.mark.scenario("A21")
def test_no_identifying_data_is_a_reason_for_pseudonymised_lines_only(world, version):
    version["snapshot"]["lines"][1]["opt_out"] = {
        "applied": False,
        "reason": "no_identifying_data",
    }
    question = plain.request(
        client="ceff-0df", purpose="IV", classification="IDENTIFIABLE", fields=["NHS_Number"]
    )

    assert codes(world, plain.request()) == set()  # which says the same of its line
    assert codes(world, question) == {("OPT_OUT_NOT_APPLIED", None)}


@pytest.mark.scenario("A23")
def test_suppressed_aggregates_need_no_framework_contract(world, line):
    world["contracts"] = []
    line["classification"] = "AGGREGATE_SUPPRESSED"
    refused = codes(world, plain.request(classification="AGGREGATE_SUPPRESSED"))

    # They are tabulated, never handed out as records; but it is not for want of a contract.
    assert ("FORM_NOT_ALLOWED", "AGGREGATE_SUPPRESSED") in refused
    assert not [r for r in refused if r[0] == "DSFC_NOT_IN_FORCE"]


@pytest.mark.scenario("B03")
def test_a_hold_stops_its_lines_and_the_others_go_on(world):
    world["agreement"]["holds"] = [
        {
            "whole": False,
            "lines": [("COM", "SUS_APC", "PSEUDO_ANONYMISED")],
            "set_at": plain.NOON,
            "lifted_at": None,
        }
    ]
    other_line = plain.request(
        client="ceff-0df",
        purpose="IV",
        classification="IDENTIFIABLE",
        fields=["NHS_Number", "Hospital_Spell_No"],
    )

    assert codes(world, plain.fetch(), plain.NOON - MOMENT) == set()
    assert codes(world, plain.fetch()) == {("BREACH_OPEN", "line 1")}
    assert codes(world, other_line) == set()


@pytest.mark.scenario("B03")
def test_a_hold_of_the_whole_agreement_stops_it_until_it_is_lifted(world):
    lifted = plain.NOON + timedelta(hours=1)
    world["agreement"]["holds"] = [
        {"whole": True, "lines": [], "set_at": plain.NOON, "lifted_at": lifted}
    ]

    assert codes(world, plain.fetch(), lifted - MOMENT) == {("BREACH_OPEN", None)}
    assert codes(world, plain.fetch(), lifted) == set()


@pytest.mark.scenario("D08")
def test_without_a_disclosure_rule_nothing_leaves(world, line):
    line["disclosure_rule"] = None

    assert codes(world, plain.request()) == {("DISCLOSURE_RULE_MISSING", None)}
