"""Commissioning for every kind of recipient, over HTTP: what each is given, and what none is.

Domain section 4.1 (who may receive), rulings 7 (populations), 14 (other purposes and recipients)
and 30 (residents of local authorities).
"""

import copy
from datetime import date
from typing import Any

import pytest

import catalogue as catalogues
from common.security.keys import PERMIT, SignedVerifier, Signer, generate_jwk
from services.agreements.tests.api.test_access import Asked, codes
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CLIENT, CSU, OTHER_CCG, OTHER_CSU

AUTHORITY, ENGLAND, BOARD, TRUST = "E08000016", "13Q", "QF7", "RFF"
OWN_TEAM = "own-team"
MONTHS = ["2018-04"]


def renamed(value: Any, code: str) -> Any:
    """The same world, of another organisation in the place of the commissioner."""
    if isinstance(value, dict):
        return {renamed(k, code): renamed(v, code) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(one, code) for one in value]
    return code if value == CCG else value


def world_of(code: str, kind: str, population: dict[str, Any], *, jointly: bool = False) -> Any:
    """An agreement of that organisation with its CSU; each has an environment of analytics."""
    world = renamed(on_the_catalogue(plain.sound()), code)
    world["organisations"] = [o for o in world["organisations"] if o["ods"] != code]
    world["organisations"].append(plain.organisation(code, kind))
    described = catalogues.load().get("SUS_APC")
    (version,) = world["agreement"]["versions"]
    line = version["snapshot"]["lines"][0]
    line |= {"catalogue_version": described.version, "catalogue_digest": described.digest}
    line["population"] |= population
    world["environments"].append(
        {"id": plain.RISK_ENVIRONMENT, "organisation": code, "kind": "analytics",
         "clients": [OWN_TEAM]}
    )  # fmt: skip
    own = copy.deepcopy(line)
    own |= {"number": 9, "recipient_environment": {"organisation": code, "kind": "analytics"}}
    version["snapshot"]["lines"].append(own)
    if jointly:
        version["controllers"] = [code, OTHER_CCG]
        version["signed"][OTHER_CCG] = version["signed"][code]
        line["population"]["commissioners"] = [code, OTHER_CCG]
        own["population"] = line["population"]
        for name, made in (
            ("contracts", plain.contract),
            ("assurance", plain.assurance),
            ("ico", plain.ico),
            ("relationships", plain.relationship),
        ):
            world[name].append(made(OTHER_CCG, **{"csu": CSU} if name == "relationships" else {}))
        ids = version["snapshot"]["ico_registrations"]
        ids.append({**ids[0], "ods": OTHER_CCG, "number": plain.number(OTHER_CCG)})
    return world


OF_RESIDENTS = {"reasons": ["L"]}
NATIONAL = {"rule": "national", "commissioners": None, "reasons": None}
RECIPIENTS = {
    "a CCG": (CCG, "CCG", {}, False, [CCG]),
    "an ICB": (BOARD, "ICB", {}, False, [BOARD]),
    "NHS England, nationally": (ENGLAND, "NHS_ENGLAND", NATIONAL, False, []),
    "a local authority": (AUTHORITY, "LOCAL_AUTHORITY", OF_RESIDENTS, False, [AUTHORITY]),
    "a local authority with a CCG": (
        AUTHORITY, "LOCAL_AUTHORITY", {"rule": "union", "reasons": ["L", "C", "G"]}, True,
        [OTHER_CCG, AUTHORITY],
    ),
}  # fmt: skip


@pytest.fixture
def asked(service):
    return Asked(service, Signer(generate_jwk()))


def permit_of(asked, answer):
    assert answer.json()["decision"], answer.text
    jwks = asked.service.client.get("/.well-known/jwks.json").json()
    verifier = SignedVerifier(PERMIT, lambda: jwks, clock=asked.service.clock)
    return verifier.verify(answer.json()["context"]["permit"])


@pytest.mark.parametrize(
    ("code", "kind", "population", "jointly", "people"), RECIPIENTS.values(), ids=list(RECIPIENTS)
)
def test_each_kind_of_recipient_and_its_processor_has_its_own_people(
    asked, code, kind, population, jointly, people
):
    world = world_of(code, kind, population, jointly=jointly)
    last = date(2018, 6, 10)
    for one in world["relationships"]:
        one["to"] = last
    seed(asked.service.parts.engine, world, sealer=asked.service.parts.sealer)

    def ask(client, ods, **changes):
        token = asked.token(client, ods)
        return asked.post(asked.request_body(token=token, client=client, **changes))

    by_processor, by_itself = ask(CLIENT, CSU), ask(OWN_TEAM, code)
    for answer in (by_processor, by_itself):
        permit = permit_of(asked, answer)
        assert permit["line"]["classification"] == "PSEUDO_ANONYMISED"
        assert permit["domain"]["controllers"] == sorted([code, OTHER_CCG] if jointly else [code])
        assert "route" not in permit, "nobody's identity"
        assert permit["population"]["rule"] == population.get("rule", "own")
    # Joint controllers: each its own in its own environment, and all in their processor's.
    assert permit_of(asked, by_processor)["population"]["codes"] == sorted(people)
    contexts = [one.json()["context"] for one in (by_processor, by_itself)]
    assert contexts[0]["on_behalf_of"]
    assert "on_behalf_of" not in contexts[1]

    assert codes(ask(CLIENT, CSU, classification="IDENTIFIABLE")) >= {("LINE_NOT_IN_DSA", None)}
    assert codes(ask("csu-0cx", OTHER_CSU)) == {("AGREEMENT_NOT_FOUND", None)}
    assert ("ENVIRONMENT_MISMATCH", None) in codes(ask("another-team", code))
    asked.service.clock.set(plain.london(2018, 6, 11))
    late = codes(ask(CLIENT, CSU))
    if kind == "NHS_ENGLAND":
        assert late == set(), "the whole country needs no relationship (ruling 7)"
    else:
        named = [code, OTHER_CCG] if jointly else [code]
        assert late == {("LCR_MISSING", one) for one in named}


IDENTIFIED = {"NHS_NUMBER": "identified", "SEX": "as_is"}


def world_of_deaths(code, kind, *, route, power, opt_out, approval=None, data_set="CIVIL_DEATHS"):
    """Who of the residents died, or was born, by NHS number, for the purpose OTHER (ruling 14)."""
    world = world_of(code, kind, {"reasons": ["L"]})
    described = catalogues.load().get(data_set)
    for line in world["agreement"]["versions"][0]["snapshot"]["lines"]:
        line |= {
            "purpose": "OTHER",
            "data_set": described.data_set,
            "catalogue_version": described.version,
            "catalogue_digest": described.digest,
            "classification": "IDENTIFIABLE",
            "sensitivity": "SENSITIVE",
            "fields": [{"name": n, "treatment": t, "reason": "x"} for n, t in IDENTIFIED.items()],
            "opt_out": opt_out,
            "dissemination_power": power,
            "confidentiality": {"route": route, "section_251": approval},
        }
    if approval is not None:
        world["approvals"] = [
            {"reference": approval, "purposes": ["OTHER"], "controllers": None,
             "start": date(2013, 4, 1), "end": date(2018, 6, 10)}
        ]  # fmt: skip
    return world


def deaths(asked, client, ods, data_set="CIVIL_DEATHS"):
    token = asked.token(client, ods)
    wanted = {"purpose": "OTHER", "data_set": data_set, "classification": "IDENTIFIABLE"}
    return asked.post(
        asked.request_body(token=token, client=client, fields=[*IDENTIFIED], **wanted)
    )


@pytest.mark.parametrize(
    ("route", "power", "opt_out", "approval", "upheld"),
    [
        ("other_law", "s261_5_d", {"applied": False, "reason": "exemption"}, None, "statute"),
        ("consent", "s261_2_c", {"applied": False, "reason": "consent"}, None, "consent"),
        ("section_251", "s261_7", {"applied": True, "reason": None}, "CAG 1-01/2018", "rule"),
    ],
)
def test_a_local_authority_has_who_died_by_statute_consent_or_section_251(
    asked, route, power, opt_out, approval, upheld
):
    """Opt-outs do not apply to what a statute gives (ruling 14); the permit says why."""
    how = {"route": route, "power": power, "opt_out": opt_out, "approval": approval}
    world = world_of_deaths(AUTHORITY, "LOCAL_AUTHORITY", **how)
    seed(asked.service.parts.engine, world, sealer=asked.service.parts.sealer)

    permit = permit_of(asked, deaths(asked, OWN_TEAM, AUTHORITY))
    assert (permit["route"], permit["population"]["reasons"]) == (route, ["L"])
    assert permit["opt_out"]["applied"] is opt_out["applied"]
    assert permit["opt_out"]["ground"]["by"] == upheld
    assert deaths(asked, CLIENT, CSU).json()["decision"], "and its processor"
    asked.service.clock.set(plain.london(2018, 6, 11))
    later = deaths(asked, OWN_TEAM, AUTHORITY)
    assert later.json()["decision"] is (approval is None)
    assert codes(later) == (set() if approval is None else {("S251_EXPIRED", approval)})


def test_a_local_authority_has_who_was_born_by_the_statute_that_is_named_for_it(asked):
    opt_out = {"applied": False, "reason": "exemption"}
    how = {"route": "other_law", "power": "s261_5_d", "opt_out": opt_out}
    world = world_of_deaths(AUTHORITY, "LOCAL_AUTHORITY", data_set="CIVIL_BIRTHS", **how)
    seed(asked.service.parts.engine, world, sealer=asked.service.parts.sealer)

    permit = permit_of(asked, deaths(asked, OWN_TEAM, AUTHORITY, "CIVIL_BIRTHS"))

    assert (permit["route"], permit["opt_out"]["ground"]["by"]) == ("other_law", "statute")
    other = codes(deaths(asked, OWN_TEAM, AUTHORITY))
    assert other == {("LINE_NOT_IN_DSA", None)}, "no line of deaths"


def test_a_commissioner_does_not_have_who_died_by_the_same_line(asked):
    opt_out = {"applied": False, "reason": "exemption"}
    world = world_of_deaths(CCG, "CCG", route="other_law", power="s261_5_d", opt_out=opt_out)
    seed(asked.service.parts.engine, world, sealer=asked.service.parts.sealer)

    found = codes(deaths(asked, OWN_TEAM, CCG))

    assert {("IDENTITY_NOT_FOR_RECIPIENT", CCG), ("IDENTITY_WITHOUT_ROUTE", "NHS_NUMBER")} <= found
    assert ("OPT_OUT_NOT_APPLIED", None) in found


def test_a_provider_has_tables_of_what_it_did_and_no_record(asked):
    """Ruling 14: with the rule applied alone, and without a relationship."""
    provider = {"rule": "list", "commissioners": [TRUST], "reasons": ["P"]}
    world = world_of(TRUST, "NHS_TRUST", provider)
    world["relationships"] = []
    lines = world["agreement"]["versions"][0]["snapshot"]["lines"]
    del lines[0]  # its CSU's: it is given them itself
    lines[-1]["fields"].append(
        {"name": "Provider_Code", "treatment": "as_is", "reason": "to compare"}
    )
    counts = {"number": 10, "classification": "AGGREGATE_SUPPRESSED"}
    lines.append({**copy.deepcopy(lines[-1]), **counts})
    seed(asked.service.parts.engine, world, sealer=asked.service.parts.sealer)

    def ask(**changes):
        token = asked.token(OWN_TEAM, TRUST)
        return asked.post(asked.request_body(token=token, client=OWN_TEAM, **changes))

    records = ask()
    assert ("FORM_NOT_ALLOWED", TRUST) in codes(records)
    table = {"measure": "records", "dimensions": [{"column": "Provider_Code"}]}
    counted = ask(
        classification="AGGREGATE_SUPPRESSED", fields=["Provider_Code"], formats=["csv"],
        table=table,
    )  # fmt: skip
    permit = permit_of(asked, counted)
    assert permit["table"]["disclosure"] == "protected"
    assert permit["population"]["codes"] == [TRUST]
