"""A change of CSU after which tokens go on: no two environments ever hold equal ones."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from agreements.decision.adapters.attestations import SignedAttestations
from common.clock import legal_day
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
THIRD, THIRD_ENVIRONMENT = "00L", "00000000-0000-7000-8000-0000000000f3"
NEW_CEFF = "00000000-0000-7000-8000-0000000000f2"
FIRST_DAY = date(2018, 7, 1)
ITS_DAY = datetime(2018, 7, 1, 8, tzinfo=UTC)
BACK_DAY = datetime(2018, 10, 1, 8, tzinfo=UTC)
"""On which the commissioner goes back to the former CSU."""
WHY = {"reason": "The change was put off."}


def lands_with(ods, line):
    named = line["recipient_environment"] | {"organisation": ods}
    return line | {"recipient_environment": named}


def changed_world(*, back=False):
    """The commissioner's CSU changes on the first of July; the amendment is signed.

    `back`: and it goes back to the former one three months later.
    """
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
    return going_back(world) if back else world


def going_back(world):
    first, _ = world["agreement"]["versions"]
    day = legal_day(BACK_DAY)
    world["agreement"]["versions"].append(
        plain.version(
            "v1.2",
            3,
            start=day,
            processors=[CSU],
            signed={
                CCG: london(2018, 8, 1, 10),
                CSU: london(2018, 8, 2, 10),
                "body": london(2018, 8, 3, 10),
            },
            snapshot=first["snapshot"],
        )
    )
    _, new = world["relationships"]
    new["to"] = day - timedelta(days=1)
    world["relationships"].append(
        plain.relationship(CCG, csu=CSU, reference="LCR-BACK", **{"from": day})
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

    def its_day_comes(self, day=ITS_DAY):
        self.service.clock.advance((day - self.service.clock.now()).total_seconds())

    def told(self):
        """What was said of transfers, in order."""
        return [e for e in self.service.outbox() if e.topic == "agreements.domain-transfer"]

    def domain(self, **changes):
        """The domain and where it goes on, as the haven is told it in a permit."""
        _, permit = self.asked.permitted(**changes)
        return permit["domain"]["id"], permit.get("goes_on")

    def new_csu(self, **changes):
        token = self.asked.token(NEW_CLIENT, OTHER_CSU)
        return {"client": NEW_CLIENT, "token": token} | changes

    def fetched_by_the_new_csu(self):
        _, holding = self.release(fetched=False, **self.new_csu())
        asked = self.asked.fetch_body(holding, **self.new_csu())
        assert self.asked.post(asked).json()["decision"]

    def own_refusals(self):
        """Of the CSU that had the domains first."""
        answer = self.asked.post(self.asked.request_body()).json()
        return [r["code"] for r in answer["context"].get("refusals", ())]

    def refusals(self, **changes):
        answer = self.asked.post(self.asked.request_body(**self.new_csu(**changes))).json()
        return [] if answer["decision"] else [r["code"] for r in answer["context"]["refusals"]]

    def destroyed(self, holder=CSU):
        copies = [one for one in self.prefilled() if one["holder"] == holder]
        assert self.certify(copies).status_code == 201
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
    return changes_in(service, changed_world())


def changes_in(service, world):
    haven = Signer(generate_jwk())
    seed(service.parts.engine, world, sealer=service.parts.sealer)
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
    changing.fetched_by_the_new_csu()
    assert changing.lacking()["lacking"] == []
    assert [one["state"] for one in changing.lacking()["transfers"]] == ["IN_EFFECT"]


def test_each_step_is_told_with_where_the_domains_began_and_nobody_is_named(changing):
    transfer = changing.agreed()
    changing.agree(transfer)
    changing.its_day_comes()
    assert changing.effect(transfer).status_code == 200

    told = changing.told()

    assert [(e.state, e.aggregate_version) for e in told] == [
        ("PROPOSED", 1),
        ("AGREED", 2),
        ("IN_EFFECT", 3),
    ]
    assert dict(told[-1].data) == {
        "transfer_id": transfer,
        "agreement": plain.REFERENCE,
        "state": "IN_EFFECT",
        "former_environment": plain.ENVIRONMENT,
        "former_organisation": CSU,
        "following_environment": NEW_ENVIRONMENT,
        "following_organisation": OTHER_CSU,
        "effective_from": "2018-07-01",
        "began_in": plain.ENVIRONMENT,
        "times": 1,
    }


def test_a_commissioner_that_goes_back_to_its_former_csu_takes_its_tokens_along(service):
    """Two transfers of one agreement: the second from where the first one led."""
    changing = changes_in(service, changed_world(back=True))
    former, _ = changing.domain()
    changing.release(periods=["2018-04"])
    first = changing.agreed()
    changing.its_day_comes()
    changing.destroyed()
    assert changing.effect(first).status_code == 200
    changing.fetched_by_the_new_csu()
    back = {
        "former_environment": NEW_ENVIRONMENT,
        "following_environment": plain.ENVIRONMENT,
        "effective_from": legal_day(BACK_DAY).isoformat(),
    }
    proposed = changing.propose(**back)
    assert proposed.status_code == 201, proposed.text
    second = proposed.json()["id"]
    assert changing.agree(second).status_code == 200
    changing.its_day_comes(BACK_DAY)
    assert changing.own_refusals() == ["DOMAIN_TRANSFERRED", "DOMAIN_STILL_HELD"]
    assert code(changing.effect(second)) == (409, "FORMER_FILES_NOT_DESTROYED")
    changing.destroyed(OTHER_CSU)

    assert changing.effect(second).json()["state"] == "IN_EFFECT"

    gone_on = {"environment": plain.ENVIRONMENT, "times": 2}
    assert changing.domain() == (former, gone_on)
    assert [(e.data["times"], e.data["began_in"]) for e in changing.told()[3:]] == [
        (2, plain.ENVIRONMENT)
    ] * 3
    again = changing.propose()
    assert code(again) == (201, None), "and on again, from where they are"


def test_no_environment_goes_on_with_the_domains_of_two(service):
    """The second transfer would leave the domains of the first one with nobody."""
    world = changed_world()
    [first, _] = world["agreement"]["versions"]
    first["snapshot"]["lines"].append(
        lands_with(THIRD, first["snapshot"]["lines"][0] | {"number": 9})
    )
    world["environments"].append(
        {"id": THIRD_ENVIRONMENT, "organisation": THIRD, "kind": "analytics", "clients": ["third"]}
    )
    changing = changes_in(service, world)
    transfer = changing.agreed()
    changing.its_day_comes()
    assert changing.effect(transfer).status_code == 200

    assert code(changing.propose(former_environment=THIRD_ENVIRONMENT)) == (409, "DOMAIN_BEGUN")


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
