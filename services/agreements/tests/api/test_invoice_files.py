"""Invoice validation as a file, over HTTP: to which controlled environments it goes (ADR 167).

Section 4.1 of the domain names four: a commissioner's own and one that another hosts for it, by CAG
7-07(b); a commissioning support unit's, by (c); and an accredited safe haven, by 7-07(a) and
2-03(a) while they run.
"""

from datetime import date, timedelta

import pytest

import catalogue as catalogues
from common.security.keys import PERMIT, SignedVerifier, Signer, generate_jwk
from services.agreements.tests.api.test_access import Asked, codes
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG

FIELDS = {"NHS_Number": "identified", "FCE_HRG": "as_is", "Provider_Code": "as_is"}
FINANCE, TEAM = "finance-team", "commissioning-team"
LAST = date(2018, 6, 10)
"""The approval's last day; it is the first of June."""
OWN_7_07, UNIT_7_07, HAVEN_2_03, HAVEN_7_07 = (
    f"CAG {name}/2013" for name in ("7-07(b)", "7-07(c)", "2-03(a)", "7-07(a)")
)


def world_of(*, organisation, kind, approval, listed_for=None):
    """One line of SUS with the NHS number, for an environment of that organisation and kind."""
    world = on_the_catalogue(plain.sound())
    (version,) = world["agreement"]["versions"]
    described = catalogues.load().get("SUS_APC")
    line = version["snapshot"]["lines"][1]
    line |= {
        "catalogue_version": described.version,
        "catalogue_digest": described.digest,
        "fields": [
            {"name": name, "treatment": treatment, "reason": "to validate an invoice"}
            for name, treatment in FIELDS.items()
        ],
        "recipient_environment": {"organisation": organisation, "kind": kind},
        "confidentiality": {"route": "section_251", "section_251": approval},
    }
    world["environments"] = [
        {"id": plain.OTHER_ENVIRONMENT, "organisation": organisation, "kind": kind,
         "clients": [FINANCE]},
        {"id": plain.ENVIRONMENT, "organisation": organisation, "kind": "analytics",
         "clients": [TEAM]},
    ]  # fmt: skip
    world["approvals"] = [
        {"reference": approval, "purposes": ["IV"], "controllers": None,
         "start": date(2013, 4, 1), "end": LAST}
    ]  # fmt: skip
    world["listed"] = [
        {"kind": "ceff", "organisation": organisation, "for": listed_for,
         "from": date(2013, 4, 1), "to": None}
    ]  # fmt: skip
    if organisation == OTHER_CCG:  # it hosts, as a processor
        version["processors"] = [CSU, OTHER_CCG]
        version["signed"][OTHER_CCG] = version["signed"][CSU]
        version["snapshot"]["ico_registrations"].append(
            {"ods": OTHER_CCG, "number": plain.number(OTHER_CCG), "expires": "2019-01-15"}
        )
        world["assurance"].append(plain.assurance(OTHER_CCG))
        world["ico"].append(plain.ico(OTHER_CCG))
        world["relationships"] = [plain.relationship(CCG, csu=CSU, processors=[OTHER_CCG])]
    return world


ENVIRONMENTS = {
    "a commissioner's own": {"organisation": CCG, "kind": "ceff", "approval": OWN_7_07},
    "hosted by another commissioner": {
        "organisation": OTHER_CCG, "kind": "ceff", "approval": OWN_7_07, "listed_for": CCG,
    },
    "a commissioning support unit's": {"organisation": CSU, "kind": "ceff", "approval": UNIT_7_07},
    "an accredited safe haven": {"organisation": CSU, "kind": "ash", "approval": HAVEN_2_03},
    "the same by 7-07(a)": {"organisation": CSU, "kind": "ash", "approval": HAVEN_7_07},
}  # fmt: skip


class Invoices:
    """Asks for the file, as a client of that organisation."""

    def __init__(self, service, organisation):
        self.asked = Asked(service, Signer(generate_jwk()))
        self.organisation = organisation

    def ask(self, client=FINANCE, **changes):
        token = self.asked.token(client, self.organisation)
        wanted = {
            "purpose": "IV",
            "classification": "IDENTIFIABLE",
            "fields": list(FIELDS),
        }
        return self.asked.post(
            self.asked.request_body(token=token, client=client, **wanted | changes)
        )

    def permit(self, answer):
        service = self.asked.service
        jwks = service.client.get("/.well-known/jwks.json").json()
        verifier = SignedVerifier(PERMIT, lambda: jwks, clock=service.clock)
        return verifier.verify(answer.json()["context"]["permit"])


@pytest.fixture
def invoices(service):
    """Return what puts a world of `world_of` into the service, to be asked."""

    def put(**how):
        seed(service.parts.engine, world_of(**how), sealer=service.parts.sealer)
        return Invoices(service, how["organisation"])

    return put


@pytest.mark.scenario("R10")
@pytest.mark.scenario("R11")
@pytest.mark.parametrize("how", ENVIRONMENTS.values(), ids=list(ENVIRONMENTS))
def test_the_number_goes_to_a_controlled_environment_until_its_approval_ends(
    invoices, service, how
):
    invoices = invoices(**how)

    allowed = invoices.ask()
    assert allowed.json()["decision"], allowed.text
    permit = invoices.permit(allowed)
    assert permit["route"] == "section_251"
    assert {one["name"]: one["treatment"] for one in permit["fields"]} == FIELDS
    assert (permit["population"]["rule"], permit["population"]["codes"]) == ("own", [CCG])
    assert permit["opt_out"]["applied"]  # ruling 27: no letter that waives them is on record
    assert codes(invoices.ask(TEAM)) == {("ENVIRONMENT_MISMATCH", None)}
    assert codes(invoices.ask(fields=["NHS_Number", "Sex"])) == {("FIELD_NOT_IN_DSA", "Sex")}
    team = invoices.ask(TEAM, purpose="COM", classification="PSEUDO_ANONYMISED")
    assert ("FIELD_NOT_IN_DSA", "NHS_Number") in codes(team)
    service.clock.set(plain.london(2018, 6, 11) - timedelta(microseconds=1))
    assert invoices.ask().json()["decision"]
    service.clock.set(plain.london(2018, 6, 11))
    assert codes(invoices.ask()) == {("S251_EXPIRED", how["approval"])}
