"""Where the Body is the commissioner, two roles of it sign in place of a contract (ruling 14)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.facts import Present
from agreements.decision.domain.question import Asker, Request
from agreements.records.domain.oversight.instructions import InternalInstruction
from common.ids import digest, new_id
from common.security.roles import Role
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.seeding import seed
from statements.request import ExtractRequest

BODY = "X26"
PATH = "/v1/internal-instructions"
MANAGER, APPROVER = Role.CONTRACT_MANAGER, Role.DARS_APPROVER
SUMMER = datetime(2023, 6, 1, 11, tzinfo=UTC)
INSTRUCTION = {
    "reference": "II-2023-1",
    "agreement": plain.REFERENCE,
    "valid_from": "2023-04-01",
    "valid_to": "2024-03-31",
    "document_digest": digest(b"the instruction"),
}
WHY = {"reason": "The commissioning function was restructured"}


def world_of_the_body():
    world = plain.sound()
    (version,) = world["agreement"]["versions"]
    version["controllers"] = [BODY]
    version["end"] = date(2026, 3, 31)
    version["signed"] = {BODY: version["signed"].pop(plain.CCG), **version["signed"]}
    world["organisations"].append(plain.organisation(BODY, "NHS_ENGLAND"))
    return world


def instruction(**changes):
    said = INSTRUCTION | {
        "id": new_id(),
        "valid_from": date(2023, 4, 1),
        "valid_to": date(2024, 3, 31),
        "recorded_by": "one",
        "manager_signed_by": "one",
        "manager_signed_at": SUMMER,
        "approver_signed_by": "two",
        "approver_signed_at": SUMMER,
    }
    return InternalInstruction(**said | changes)


def codes(*instructions, at=SUMMER, world=None):
    """Say which of the two refusals there is."""
    facts = replace(facts_of(world or world_of_the_body()), instructions=instructions)
    question = Request(
        asker=Asker(client_id=plain.CLIENT, organisation=plain.CSU),
        request=ExtractRequest(
            extract_id="",
            agreement=plain.REFERENCE,
            purpose="COM",
            data_set="SUS_APC",
            classification="PSEUDO_ANONYMISED",
            periods=("2018-04",),
            fields=("Sex",),
            formats=("parquet",),
        ),
    )
    decision = decide(question, facts, Present(at=at, last_decision_at=None, reserved={}))
    refused = () if isinstance(decision, Permission) else decision
    return {
        (r.code, r.subject)
        for r in refused
        if r.code in {"INSTRUCTION_NOT_SIGNED", "DSFC_NOT_IN_FORCE"}
    }


UNSIGNED = {
    "none": (),
    "signed by the manager alone": (instruction(approver_signed_at=None),),
    "signed by the approver alone": (instruction(manager_signed_at=None),),
    "withdrawn": (instruction(withdrawn_at=SUMMER),),
    "of another agreement": (instruction(agreement="DARS-NIC-654321-Z9Y8X"),),
    "from tomorrow": (instruction(valid_from=date(2023, 6, 2)),),
    "until yesterday": (instruction(valid_to=date(2023, 5, 31)),),
}


@pytest.mark.parametrize("which", UNSIGNED)
def test_without_both_signatures_in_force_nothing_is_given(which):
    """Guard: `agreement_clauses.contract`, `InternalInstruction.is_in_force`."""
    assert codes(*UNSIGNED[which]) == {("INSTRUCTION_NOT_SIGNED", BODY)}


def test_signed_by_both_it_stands_in_place_of_the_contract_of_the_body_alone():
    assert codes(instruction()) == set()
    # Before the Body was the commissioner it needed a contract, as everybody.
    early = instruction(valid_from=date(2018, 1, 1))
    assert codes(early, at=plain.NOON) == {("DSFC_NOT_IN_FORCE", BODY)}
    of_a_ccg = plain.sound()
    of_a_ccg["contracts"] = []
    assert codes(instruction(), at=plain.NOON, world=of_a_ccg) == {("DSFC_NOT_IN_FORCE", plain.CCG)}


@pytest.fixture
def house(service):
    seed(service.parts.engine, world_of_the_body(), sealer=service.parts.sealer)
    return service


def recorded(house, **changes):
    return house.post(PATH, MANAGER, INSTRUCTION | changes, who="one")


def test_two_people_of_two_roles_sign_it_and_one_withdraws_it(house):
    made = recorded(house)
    assert made.status_code == 201, made.text
    assert made.json()["missing"] == ["contract-manager", "dars-approver"]
    assert recorded(house).json()["id"] == made.json()["id"]
    path = f"{PATH}/{made.json()['id']}"

    first = house.post(f"{path}/signature", MANAGER, who="one")
    assert first.json()["missing"] == ["dars-approver"]
    assert code(house.post(f"{path}/signature", MANAGER, who="two")) == (409, "INSTRUCTION_SIGNED")
    same = house.post(f"{path}/signature", APPROVER, who="one")
    assert code(same) == (409, "SECOND_PERSON_NEEDED")
    assert house.post(f"{path}/signature", APPROVER, who="two").json()["missing"] == []

    [listed] = house.get(PATH, Role.AUDITOR).json()["items"]
    assert (listed["missing"], listed["not_as_sealed"]) == ([], [])
    gone = house.post(f"{path}/withdrawal", APPROVER, WHY, who="two")
    assert gone.json()["withdrawn_at"] is not None
    again = house.post(f"{path}/withdrawal", APPROVER, WHY, who="two")
    assert code(again) == (409, "INSTRUCTION_DECIDED")
    told = [action for action in house.audited() if action.startswith("internal-instruction")]
    assert told == [
        "internal-instruction-recorded",
        "internal-instruction-signed",
        "internal-instruction-signed",
        "internal-instruction-withdrawn",
    ]


def test_what_is_recorded_is_never_changed(house):
    made = recorded(house).json()["id"]

    assert code(recorded(house, valid_to="2025-03-31")) == (409, "INSTRUCTION_RECORDED")
    missing = recorded(house, reference="II-2", agreement="DARS-NIC-111111-A1B2C")
    assert code(missing) == (404, "AGREEMENT_NOT_FOUND")
    turned = recorded(house, reference="II-3", valid_to="2023-03-31")
    assert turned.status_code == 422
    unknown = house.post(f"{PATH}/{new_id()}/signature", MANAGER, who="one")
    assert code(unknown) == (404, "INSTRUCTION_NOT_FOUND")
    with house.parts.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE internal_instruction SET approver_signed_by = 'two'")
    altered = house.post(f"{PATH}/{made}/signature", MANAGER, who="one")
    assert code(altered) == (409, "SEAL_BROKEN")


def test_of_an_agreement_of_others_there_is_none(service):
    seed(service.parts.engine, plain.sound(), sealer=service.parts.sealer)

    assert code(recorded(service)) == (422, "AGREEMENT_OF_ANOTHER_CONTROLLER")
