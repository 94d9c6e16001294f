"""Bridging files: what of them is refused by which of the two agreements, and by both together."""

import copy
from dataclasses import replace

import pytest

from agreements.decision.domain.bridging import Side, decide_both, seen_from_the_other
from agreements.decision.domain.decide import Permission
from agreements.decision.domain.facts import Present
from agreements.decision.domain.question import Asker, Request
from common.errors import Refusal
from services.agreements.tests.reference import spoiling
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from statements.bridging import BridgedLine
from statements.request import ExtractRequest
from statements.vocabulary import LineKey

OTHER, THIRD = "DARS-NIC-654321-Z9Y8X", "DARS-NIC-111111-A1B2C"
KEY = LineKey("COM", "SUS_APC", "PSEUDO_ANONYMISED")
APPLIED = {"opt_out": {"applied": True, "reason": None}}
NOT_IN = "BRIDGING_NOT_IN_DSA"


def clause(agreement, **changes):
    term = {
        "key": "bridging_file",
        "agreement": agreement,
        "data_sets": ["SUS_APC"],
        "mitigation": "One team, one environment.",
        "from": "2018-04-01",
    }
    return term | changes


def world_of(reference, other, *, linkage=None, **line):
    world = plain.sound()
    world["agreement"]["reference"] = reference
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["linkage"] = [clause(other)] if linkage is None else linkage
    version["snapshot"]["lines"][0] |= copy.deepcopy(line)
    return world


def judged(mine=None, theirs=None, *, bridged=frozenset(), client=plain.CLIENT, **bridge):
    """Decide about a bridging file between the two worlds."""
    worlds = (
        mine or world_of(plain.REFERENCE, OTHER),
        theirs or world_of(OTHER, plain.REFERENCE),
    )
    present = Present(at=plain.NOON, last_decision_at=None, reserved={}, bridged=bridged)
    own, far = (Side(facts=facts_of(world), present=present) for world in worlds)
    other = BridgedLine(**({"agreement": far.facts.reference} | KEY._asdict() | bridge))
    question = Request(
        asker=Asker(client_id=client, organisation=plain.CSU),
        request=ExtractRequest(
            extract_id="",
            agreement=plain.REFERENCE,
            **KEY._asdict(),
            periods=("2018-04",),
            fields=(),
            formats=("parquet",),
            bridge=other,
        ),
    )
    mirrored = seen_from_the_other(question)
    assert seen_from_the_other(mirrored) == question
    return decide_both(question, mirrored, own, far)


def codes(decision):
    return {(r.code, r.subject) for r in decision if isinstance(r, Refusal)}


CASES = {
    "no clause in the one": ({"linkage": []}, {}, {(NOT_IN, OTHER)}),
    "no clause in the other": ({}, {"linkage": []}, {(NOT_IN, f"{OTHER}: {plain.REFERENCE}")}),
    "the clause is of equal tokens": (
        {"linkage": [{"data_sets": ["SUS_APC", "DIDS"], "key": "person", "mitigation": "x"}]},
        {},
        {(NOT_IN, OTHER)},
    ),
    "it names another agreement": ({"linkage": [clause(THIRD)]}, {}, {(NOT_IN, OTHER)}),
    "it names other data sets": (
        {"linkage": [clause(OTHER, data_sets=["DIDS"])]},
        {},
        {(NOT_IN, OTHER)},
    ),
    "it begins tomorrow": (
        {"linkage": [clause(OTHER, **{"from": "2018-06-02"})]},
        {},
        {(NOT_IN, OTHER)},
    ),
    "it ended yesterday": ({"linkage": [clause(OTHER, to="2018-05-31")]}, {}, {(NOT_IN, OTHER)}),
    "it cannot be read": (
        {"linkage": [clause(OTHER), clause(OTHER, **{"from": "some day"})]},
        {},
        {("CLAUSE_UNKNOWN", "linkage")},
    ),
    "it says more than is known": (
        {"linkage": [clause(OTHER, only_for="research")]},
        {},
        {("CLAUSE_UNKNOWN", "linkage.only_for")},
    ),
    "a month that the other does not have": (
        {},
        {"periods": {"from": "2018-05", "to": None}},
        {("PERIOD_NOT_IN_DSA", f"{OTHER}: 2018-04")},
    ),
    "opt-outs are upheld in one alone": (
        {},
        APPLIED,
        {("OPT_OUT_DIFFERENCING", f"{OTHER}: 2018-04")},
    ),
}


@pytest.mark.parametrize("why", CASES)
def test_it_is_refused_by_either_agreement(why):
    """Guards: `bridging_clauses.bridging`, `statements.document` of the linkage."""
    mine, theirs, expected = CASES[why]

    decision = judged(
        world_of(plain.REFERENCE, OTHER, **mine), world_of(OTHER, plain.REFERENCE, **theirs)
    )

    assert codes(decision) == expected


def test_people_of_all_groups_together_are_chosen_by_no_column_of_one():
    """Guard: `filter_clauses._over_groups`."""
    fields = [{"name": name, "treatment": "as_is", "reason": "x"} for name in spoiling.IN_GROUPS]
    mine = world_of(
        plain.REFERENCE, OTHER, fields=fields, filters=[{"column": "People.Town", "any_of": ["X"]}]
    )
    theirs = world_of(OTHER, plain.REFERENCE)
    for world in (mine, theirs):
        spoiling.in_groups(world)

    assert codes(judged(mine, theirs)) == {("FILTER_OVER_GROUPS", "People.Town")}


def test_it_is_permitted_to_the_last_day_of_the_clause():
    decision = judged(world_of(plain.REFERENCE, OTHER, linkage=[clause(OTHER, to="2018-06-01")]))

    assert isinstance(decision, Permission)
    assert decision.fields == ()
    assert (decision.domain.agreement, decision.bridge.domain.agreement) == (
        plain.REFERENCE,
        OTHER,
    )
    assert decision.bridge.environment == decision.domain.environment == plain.ENVIRONMENT


def test_two_domains_have_one_file_and_one_domain_has_none():
    """Guard: `bridging._between`."""
    allowed = judged()
    pair = frozenset({allowed.domain.id, allowed.bridge.domain.id})
    others = frozenset({frozenset({allowed.domain.id, "sha256:another"})})

    assert codes(judged(bridged=frozenset({pair}) | others)) == {("BRIDGING_FILE_GIVEN", OTHER)}
    assert isinstance(judged(bridged=others), Permission)
    itself = world_of(plain.REFERENCE, plain.REFERENCE)
    assert codes(judged(itself, itself)) == {("BRIDGING_SAME_DOMAIN", plain.REFERENCE)}


def test_opt_outs_that_are_known_in_two_ways_are_not_bridged():
    """Guard: the treatment in `bridging._between`, which no one agreement sees."""
    held = world_of(OTHER, plain.REFERENCE)
    consent = copy.deepcopy(held)
    (version,) = consent["agreement"]["versions"]
    version["snapshot"]["lines"][0] |= APPLIED
    mine = world_of(plain.REFERENCE, OTHER, **APPLIED)

    # Of the one that upholds them nothing is held either, so that it is refused by itself as well.
    assert ("OPT_OUT_DIFFERENCING", "2018-04") in codes(judged(mine, consent))
    assert ("OPT_OUT_DIFFERENCING", "2018-04") in codes(judged(mine, held))


def test_never_to_two_environments_or_recipients():
    """A client belongs to one environment: the line that lands in another one is not its own."""
    elsewhere = world_of(OTHER, plain.REFERENCE)
    for environment in elsewhere["environments"]:
        environment["clients"] = ["another-client"]
    assert ("ENVIRONMENT_MISMATCH", OTHER) in codes(judged(theirs=elsewhere))

    recipient = world_of(
        OTHER,
        plain.REFERENCE,
        recipient_environment={"organisation": plain.OTHER_CSU, "kind": "analytics"},
    )
    assert ("ENVIRONMENT_MISMATCH", OTHER) in codes(judged(theirs=recipient))

    stranger = world_of(OTHER, plain.REFERENCE)
    (version,) = stranger["agreement"]["versions"]
    version["processors"], version["controllers"] = [plain.OTHER_CSU], [plain.OTHER_CCG]
    assert codes(judged(theirs=stranger)) == {("AGREEMENT_NOT_FOUND", OTHER)}


def test_never_of_people_who_are_known_and_never_of_tables():
    for purpose, classification in (("IV", "IDENTIFIABLE"), ("COM", "AGGREGATE_SUPPRESSED")):
        theirs = world_of(OTHER, plain.REFERENCE)
        (version,) = theirs["agreement"]["versions"]
        lines = version["snapshot"]["lines"]
        lines.append(copy.deepcopy(lines[0]) | {"number": 3, "classification": classification})

        decision = judged(theirs=theirs, purpose=purpose, classification=classification)

        assert ("BRIDGING_NOT_FOR_LINE", f"{OTHER}: {classification}") in codes(decision)


def test_a_permit_of_a_bridging_file_contradicts_itself_where_it_is_more_than_that():
    """Guard: `Permit._bridges_what_it_must_not`, by which the haven refuses what we never give."""
    from agreements.decision.use_cases.permission_cache import PermissionTexts

    allowed = judged()
    permit = PermissionTexts(allowed).permit(
        id=plain.uuid(1),
        client_id=plain.CLIENT,
        request_digest="sha256:" + "0" * 64,
        extract_id=plain.EXTRACT,
        decision_id=plain.uuid(2),
        epoch=1,
        periods=("2018-04",),
        formats=("parquet",),
    )
    assert not list(permit.contradictions())
    assert permit.of_the_other().of_the_other() == permit
    assert not list(permit.of_the_other().contradictions())

    domain = permit.bridge.domain
    elsewhere = domain.of(
        controllers=domain.controllers,
        agreement=domain.agreement,
        purpose=domain.purpose,
        environment=plain.OTHER_ENVIRONMENT,
        opt_out=domain.opt_out,
        data_sets=domain.data_sets,
    )
    line = permit.bridge.line
    for bridge in (
        replace(permit.bridge, domain=elsewhere),
        replace(permit.bridge, domain=permit.domain),
        replace(permit.bridge, domain=replace(domain, id="sha256:" + "1" * 64)),
        replace(permit.bridge, line=replace(line, classification="IDENTIFIABLE")),
        replace(permit.bridge, line=replace(line, purpose="RS")),
    ):
        assert list(replace(permit, bridge=bridge).contradictions()) == ["bridge"]
    for more in ({"registered_with": ("J81002",)}, {"changes_since": plain.HOLDING}):
        assert list(replace(permit, **more).contradictions()) == ["bridge"]


@pytest.mark.parametrize(
    ("other", "refusal"),
    [
        ("RISK_SCORES", ("LINKAGE_NOT_WITH_DATA_SET", "SUS_APC")),
        ("DRPLCM", ("LINKAGE_NOT_FOR_RECIPIENT", plain.CCG)),
    ],
)
def test_what_may_not_be_linked_is_not_paired_either(other, refusal):
    """Who has pairs of pseudonyms has equal ones. Guard: `use_clauses._linked_with`."""
    mine = world_of(plain.REFERENCE, OTHER, linkage=[clause(OTHER, data_sets=["SUS_APC", other])])

    assert refusal in codes(judged(mine, data_set=other))
    assert isinstance(judged(mine), Permission)
