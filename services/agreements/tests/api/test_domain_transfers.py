"""A change of CSU after which tokens go on: no two environments ever hold equal ones."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from agreements.decision.adapters.attestations import SignedAttestations
from common.security.keys import Signer, generate_jwk
from common.security.roles import Role
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.api.test_destruction import (
    CCG,
    OPERATED,
    Dissemination,
    Recipients,
)
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CSU, OTHER_CSU, london

PATH = "/v1/domain-transfers"
PREVIEW = "/v1/relationships/csu-change"
NEW_CLIENT, NEW_ENVIRONMENT = "mlcsu-analytics", "00000000-0000-7000-8000-0000000000f1"
NEW_CEFF = "00000000-0000-7000-8000-0000000000f2"
FIRST_DAY = date(2018, 7, 1)
ITS_DAY = datetime(2018, 7, 1, 8, tzinfo=UTC)
WHY = {"reason": "The change was put off."}


def lands_with(ods, line):
    named = line["recipient_environment"] | {"organisation": ods}
    return line | {"recipient_environment": named}


def changed_world():
    """The commissioner's CSU changes on the first of July; the amendment is signed."""
    world = on_the_catalogue(plain.sound())
    [first] = world["agreement"]["versions"]
    first["snapshot"]["locations"] = OPERATED
    operated = [OPERATED[0] | {"operator": OTHER_CSU, "postcode": "WV1 1AA"}]
    numbers = [
        {"ods": ods, "number": plain.number(ods), "expires": "2019-01-15"}
        for ods in (CCG, OTHER_CSU)
    ]
    lines = [lands_with(OTHER_CSU, one) for one in first["snapshot"]["lines"]]
    world["agreement"]["versions"].append(
        plain.version(
            "v1.1",
            2,
            start=FIRST_DAY,
            processors=[OTHER_CSU],
            signed={
                CCG: london(2018, 5, 20, 10),
                OTHER_CSU: london(2018, 5, 21, 10),
                "body": london(2018, 5, 22, 10),
            },
            snapshot=first["snapshot"]
            | {"lines": lines, "locations": operated, "ico_registrations": numbers},
        )
    )
    world["relationships"] = [
        plain.relationship(CCG, csu=CSU, to=date(2018, 6, 30)),
        plain.relationship(CCG, csu=OTHER_CSU, reference="LCR-NEW", **{"from": FIRST_DAY}),
    ]
    world["assurance"].append(plain.assurance(OTHER_CSU))
    world["ico"].append(plain.ico(OTHER_CSU))
    world["environments"] += [
        {
            "id": NEW_ENVIRONMENT,
            "organisation": OTHER_CSU,
            "kind": "analytics",
            "clients": [NEW_CLIENT],
        },
        {"id": NEW_CEFF, "organisation": OTHER_CSU, "kind": "ceff", "clients": ["ceff-0cx"]},
    ]
    world["listed"].append(
        {
            "kind": "ceff",
            "organisation": OTHER_CSU,
            "for": None,
            "from": date(2013, 4, 1),
            "to": None,
        }
    )
    return world


class Changing(Recipients):
    """A change of CSU: its transfer of domains, and what either CSU is given."""

    def propose(self, **changes):
        body = {
            "agreement": plain.REFERENCE,
            "former_environment": plain.ENVIRONMENT,
            "following_environment": NEW_ENVIRONMENT,
            "effective_from": FIRST_DAY.isoformat(),
            "evidence": "Letter of the commissioner, 2 May 2018",
        }
        return self.service.post(PATH, Role.CONTRACT_MANAGER, body | changes)

    def proposed(self):
        answer = self.propose()
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def agree(self, transfer, ods=CCG):
        path = f"{PATH}/{transfer}/agreement"
        return self.service.post(path, Role.CONTROLLER_SIGNATORY, ods=ods)

    def agreed(self):
        transfer = self.proposed()
        answer = self.agree(transfer)
        assert (answer.status_code, answer.json()["state"]) == (200, "AGREED"), answer.text
        return transfer

    def effect(self, transfer):
        return self.service.post(f"{PATH}/{transfer}/effect", Role.CONTRACT_MANAGER)

    def its_day_comes(self):
        self.service.clock.advance((ITS_DAY - self.service.clock.now()).total_seconds())

    def domain(self, **changes):
        """The domain and where it goes on, as the haven is told it in a permit."""
        _, permit = self.asked.permitted(**changes)
        return permit["domain"]["id"], permit.get("goes_on")

    def new_csu(self, **changes):
        token = self.asked.token(NEW_CLIENT, OTHER_CSU)
        return {"client": NEW_CLIENT, "token": token} | changes

    def refusals(self, **changes):
        answer = self.asked.post(self.asked.request_body(**self.new_csu(**changes))).json()
        return [] if answer["decision"] else [r["code"] for r in answer["context"]["refusals"]]

    def destroyed(self):
        assert self.certify(self.prefilled()).status_code == 201
        assert self.accept("first").status_code == 200
        assert self.accept("second", Role.DARS_APPROVER).status_code == 200

    def lacking(self):
        asked = {"commissioner": CCG, "former": CSU, "following": OTHER_CSU}
        answer = self.service.get(
            PREVIEW, Role.CONTRACT_MANAGER, **asked, effective_from=FIRST_DAY.isoformat()
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def changing(service):
    haven = Signer(generate_jwk())
    seed(service.parts.engine, changed_world(), sealer=service.parts.sealer)
    dissemination = Dissemination()
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    service.client.app_state["releases"] = dissemination
    return Changing(Asked(service, haven), dissemination)


def code(answer):
    return answer.status_code, answer.json().get("code")


def test_tokens_go_on_with_the_new_csu_once_the_former_holds_nothing_and_not_before(changing):
    former, went_on = changing.domain()
    assert went_on is None
    changing.release(periods=["2018-04"])
    transfer = changing.proposed()
    assert [one["lack"] for one in changing.lacking()["lacking"]] == [
        "domains_not_agreed",
        "files_not_destroyed",
    ]
    assert changing.agree(transfer).json()["waiting_for"] == []
    assert changing.domain() == (former, None), "the former CSU goes on until the day"
    assert code(changing.effect(transfer)) == (409, "DOMAIN_TRANSFER_TOO_EARLY")

    changing.its_day_comes()

    assert changing.refusals() == ["DOMAIN_STILL_HELD"]
    assert code(changing.effect(transfer)) == (409, "FORMER_FILES_NOT_DESTROYED")
    [lack] = changing.lacking()["lacking"]
    assert (lack["lack"], lack["reference"]) == ("files_not_destroyed", plain.REFERENCE)
    changing.destroyed()
    assert changing.refusals() == ["DOMAIN_STILL_HELD"], "it is put into effect by somebody"
    done = changing.effect(transfer)
    assert (done.status_code, done.json()["state"]) == (200, "IN_EFFECT")
    assert changing.effect(transfer).json() == done.json()

    gone_on = {"environment": NEW_ENVIRONMENT, "times": 1}
    assert changing.domain(**changing.new_csu()) == (former, gone_on)
    _, holding = changing.release(fetched=False, **changing.new_csu())
    fetched = changing.asked.fetch_body(holding, **changing.new_csu())
    assert changing.asked.post(fetched).json()["decision"]
    assert changing.lacking()["lacking"] == []
    assert [one["state"] for one in changing.lacking()["transfers"]] == ["IN_EFFECT"]


def test_what_is_taken_back_lets_the_new_csu_begin_with_tokens_of_its_own(changing):
    former, _ = changing.domain()
    transfer = changing.agreed()
    changing.its_day_comes()
    assert changing.refusals() == ["DOMAIN_STILL_HELD"]

    answer = changing.service.post(f"{PATH}/{transfer}/withdrawal", Role.CONTRACT_MANAGER, WHY)

    assert (answer.json()["state"], answer.json()["withdrawal_reason"]) == (
        "WITHDRAWN",
        WHY["reason"],
    )
    assert changing.domain(**changing.new_csu())[0] != former
    assert code(changing.effect(transfer)) == (409, "DOMAIN_TRANSFER_TOOK_EFFECT")
    changing.release(fetched=False, **changing.new_csu())
    assert code(changing.propose()) == (409, "DOMAIN_BEGUN")


def test_a_domain_that_was_begun_meanwhile_is_not_agreed_to(changing):
    transfer = changing.proposed()
    changing.its_day_comes()
    changing.release(fetched=False, **changing.new_csu())

    assert code(changing.agree(transfer)) == (409, "DOMAIN_BEGUN")
    assert changing.refusals() == []


def test_in_effect_it_is_not_taken_back(changing):
    transfer = changing.agreed()
    changing.its_day_comes()
    assert changing.effect(transfer).status_code == 200, "the former CSU was never given a file"

    answer = changing.service.post(f"{PATH}/{transfer}/withdrawal", Role.CONTRACT_MANAGER, WHY)

    assert code(answer) == (409, "DOMAIN_TRANSFER_TOOK_EFFECT")
    [listed] = changing.service.get(PATH, Role.AUDITOR, agreement=plain.REFERENCE).json()["items"]
    assert (listed["state"], listed["not_as_sealed"]) == ("IN_EFFECT", [])
    assert changing.service.audited()[-3:] == [
        "domain-transfer-proposed",
        "domain-transfer-agreed",
        "domain-transfer-in-effect",
    ]


def test_domains_go_on_in_an_environment_of_the_same_kind_from_the_new_ones_first_day(changing):
    unfit = (422, "DOMAIN_TRANSFER_UNFIT")
    for changes, refused in (
        ({"following_environment": NEW_CEFF}, unfit),
        ({"following_environment": plain.ENVIRONMENT}, unfit),
        ({"effective_from": "2018-06-30"}, unfit),  # the day before the new relationship
        ({"former_environment": plain.PERMIT}, (404, "ENVIRONMENT_NOT_FOUND")),
        ({"agreement": "DARS-NIC-999999-Z9Z9Z"}, (404, "AGREEMENT_NOT_FOUND")),
    ):
        assert code(changing.propose(**changes)) == refused, changes

    assert changing.propose().status_code == 201


def test_one_is_under_way_at_a_time_and_a_controller_agrees_for_itself_alone(changing):
    transfer = changing.proposed()

    twice = changing.propose()
    assert code(twice) == (409, "DOMAIN_TRANSFER_RECORDED")
    assert twice.json()["domain_transfer"] == transfer
    inbox = changing.service.get("/v1/inbox", Role.CONTROLLER_SIGNATORY, ods=CCG).json()["items"]
    assert ("agree_to_domain_transfer", plain.REFERENCE) in {
        (one["duty"], one["reference"]) for one in inbox
    }
    assert code(changing.agree(transfer, ods="00L")) == (404, "DOMAIN_TRANSFER_NOT_FOUND")
    for role in (Role.CONTRACT_MANAGER, Role.PROCESSOR_CONTACT, Role.CSU_SYSTEM):
        answer = changing.service.post(f"{PATH}/{transfer}/agreement", role)
        assert answer.status_code == 403, role
    shown = changing.service.get(f"{PATH}/{transfer}", Role.CONTROLLER_SIGNATORY, ods=CCG).json()
    assert (shown["state"], shown["waiting_for"]) == ("PROPOSED", [CCG])


@pytest.mark.parametrize("written", ["effective_at = agreed_at", "withdrawn_at = agreed_at"])
def test_a_transfer_that_was_written_past_the_service_opens_nothing(changing, written):
    """Deleted, slipped in, dated back: test_seals, as of every register that a decision reads."""
    transfer = changing.agreed()
    changing.its_day_comes()
    current = f"UPDATE domain_transfer SET {written} WHERE superseded_epoch IS NULL"

    with changing.service.parts.engine.begin() as connection:
        connection.execute(text(current))

    assert changing.refusals() == ["SEAL_BROKEN"]
    assert code(changing.effect(transfer)) == (409, "SEAL_BROKEN")


def test_files_of_the_former_csu_have_to_go_from_the_day_of_the_change(changing):
    changing.release(periods=["2018-04"])
    [before] = changing.shown()["files"]
    assert before["due"] is None

    changing.its_day_comes()

    [after] = changing.shown()["files"]
    assert (after["due"]["trigger"], after["due"]["by"]) == ("recipient_changed", "2018-07-29")
    assert {copy["holder"] for copy in after["copies"]} == {CSU}, "the new CSU has none of it"
