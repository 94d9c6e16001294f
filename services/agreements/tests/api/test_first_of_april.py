"""The first of April: many agreements begin, go on, pass or end at one midnight (rulings 4, 19)."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from agreements.records.adapters.workers import Announcer
from agreements.records.domain.agreement import Circumstances
from agreements.records.domain.drafting import first_version, next_version
from common.clock import boottime, start_of
from common.ids import new_id
from common.security.roles import Role
from services.agreements.tests import facts
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.service import BODY

MIDNIGHT = start_of(date(2019, 4, 1))
LAST_SECOND = MIDNIGHT - timedelta(seconds=1)
BEFORE = {"start": "2018-04-01", "end": "2019-03-31"}
AFTER = {"start": "2019-04-01", "end": "2022-03-31"}
SHARES = {
    "new": 7,
    "renewed": 4,
    "extended": 1,
    "ending": 3,
    "unsigned": 1,
    "passing": 2,
    "passing renewed": 1,
    "left": 1,
}
"""Of twenty."""
SUCCESSOR, PASSING, LEFT = plain.CCG, plain.OTHER_CCG, "05Y"
"""Two commissioners merge into the first that midnight; of the last there is no instrument."""
CONTROLLERS = {"passing": PASSING, "passing renewed": PASSING, "left": LEFT}
FOLLOWED = {"renewed": "renewal", "passing renewed": "renewal", "extended": "extension"}
STATES = {
    "new": ("SIGNED", "ACTIVE"),
    "renewed": ("ACTIVE", "ACTIVE"),
    "ending": ("ACTIVE", "EXPIRED"),
    "extended": ("ACTIVE", "ACTIVE"),
    "unsigned": ("AWAITING_SIGNATURE", "AWAITING_SIGNATURE"),
    "passing": ("ACTIVE", "ACTIVE"),
    "passing renewed": ("ACTIVE", "ACTIVE"),
    "left": ("ACTIVE", "ACTIVE"),
}


def world_to_2020():
    """The sound world, with all that a party needs in date on the first of April 2019."""
    world = on_the_catalogue(plain.sound())
    world["organisations"] = [
        one for one in world["organisations"] if one["ods"] not in CONTROLLERS.values()
    ]
    for ods in (PASSING, LEFT):
        world["organisations"].append(plain.organisation(ods, "CCG", to=date(2019, 3, 31)))
        world["contracts"].append(plain.contract(ods))
        world["relationships"].append(plain.relationship(ods, csu=plain.CSU))
        world["assurance"].append(plain.assurance(ods))
        world["ico"].append(plain.ico(ods))
    for one in world["ico"]:
        one["to"] = date(2020, 1, 15)
    return world


def agreement_of(kind, number, said, at):
    controller = CONTROLLERS.get(kind, SUCCESSOR)
    line = said["lines"][0] | {"periods": {"from": "2018-04", "to": "2022-03"}}
    line["population"] = line["population"] | {"commissioners": [controller]}
    says = {
        "controllers": [plain.bases(controller)],
        "ico_registrations": [
            {"ods": ods, "number": plain.number(ods), "expires": "2020-01-15"}
            for ods in (controller, plain.CSU)
        ],
        "assurance": said["assurance"],
        "reference": f"DARS-NIC-{200_000 + number}-A1B2C",
        "application_id": str(UUID(int=10**6 + 2 * number)),
        "lines": [line],
        "linkage": [],
    }
    is_old = kind in STATES and STATES[kind][0] == "ACTIVE"
    term = {"start": BEFORE["start"], "end": AFTER["end"]} if is_old else AFTER
    if kind == "ending" or kind in FOLLOWED:
        term = BEFORE
    agreement = first_version(facts.approved(**says | term), new_id=new_id)
    if kind == "unsigned":
        [version] = agreement.versions
        for party in version.named_parties():
            agreement = agreement.sign(facts.signature(version, party, at=at))
    else:
        agreement = facts.sign_all(agreement, at=at)
    if kind in FOLLOWED:
        renewal = {"version": "v1.0", "kind": FOLLOWED[kind], "title": "It goes on", **AFTER}
        renewal["application_id"] = str(UUID(int=10**6 + 2 * number + 1))
        following = next_version(facts.approved(**says | renewal), new_id=new_id)
        agreement = facts.sign_all(agreement.add_version(following), at=at)
    return replace(agreement.settle(at, Circumstances()), pending=())


@pytest.fixture
def april(service):
    """Make so many agreements, in the shares above; return which of what kind there are."""

    def made(many):
        world = world_to_2020()
        seed(service.parts.engine, world, sealer=service.parts.sealer)
        [version] = world["agreement"]["versions"]
        recorded = service.post(
            "/v1/transfer-instruments",
            Role.CONTRACT_MANAGER,
            {
                "predecessor": PASSING,
                "successor": SUCCESSOR,
                "effective_from": "2019-04-01",
                "evidence": "Transfer scheme of 2019, schedule 2",
            },
        )
        assert recorded.status_code == 201, recorded.text
        kinds = [kind for kind, share in SHARES.items() for _ in range(many * share // 20)]
        ctx, known = service.ctx, {}
        with ctx.uow.writing() as tx:
            for number, kind in enumerate(kinds):
                agreement = agreement_of(kind, number, version["snapshot"], tx.at)
                entry = ctx.entry("seeded", f"agreements/{agreement.reference}", at=tx.at)
                known[agreement.reference] = kind
                tx.agreements.save(agreement, audit=entry)
        return known

    return made


def listed(service, role=Role.CONTRACT_MANAGER, **who):
    found, after = {}, {}
    while True:
        page = service.get("/v1/agreements", role, limit=200, **after, **who).json()
        found |= {one["reference"]: one for one in page["items"]}
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def gates(service, references):
    """Ask under each: its refusals, none where data may be had."""
    asked = Asked(service, None)
    token, found = asked.token(), {}
    for reference in references:
        body = asked.request_body(agreement=reference, dry=True, token=token)
        answer = asked.post(body).json()
        found[reference] = tuple(sorted({r["code"] for r in answer["context"]["refusals"]}))
        assert answer["decision"] is (not found[reference])
    return found


@pytest.mark.parametrize("many", [20, pytest.param(200, marks=pytest.mark.long)])
def test_all_begin_go_on_and_end_at_one_midnight(service, april, many):
    kinds = april(many)
    announcer = Announcer(service.parts.context(Role.SYSTEM_CLOCK), every_seconds=1)
    announcer.turn()  # of the world's own agreement
    counted = Counter(kinds.values())
    turning = [{}, {"activated.v1": counted["new"], "expired.v1": counted["ending"]}]

    def look():
        before, began = Counter(service.events()), boottime()
        announcer.turn()
        of_agreements = Counter(service.events()) - before
        return {
            name.removeprefix("agreements.agreement-"): count
            for name, count in of_agreements.items()
            if name.startswith("agreements.agreement-")
        }, boottime() - began

    for moment, at in enumerate((LAST_SECOND, MIDNIGHT)):
        service.clock.set(at)
        told, seconds = look()
        shown = listed(service)
        began = boottime()
        asked = list(kinds) if moment else list(kinds)[:: max(many // 20, 1)]
        opened = gates(service, asked)
        print(f"{many}: announced in {seconds:.1f} s, asked in {boottime() - began:.1f} s")

        assert told == turning[moment]
        for reference, kind in kinds.items():
            one = shown[reference]
            assert (reference, one["state"]) == (reference, STATES[kind][moment])
            version = "v1.0" if kind in FOLLOWED and moment else "v0.0"
            assert (one["version"], one["not_as_sealed"]) == (version, [])
        its = {one for one, kind in kinds.items() if CONTROLLERS.get(kind) == PASSING}
        own = {one for one, kind in kinds.items() if kind not in CONTROLLERS}
        seen = set(listed(service, Role.CONTROLLER_SIGNATORY, ods=SUCCESSOR)) & set(kinds)
        assert seen == (own | its if moment else own), "what passes is the successor's"
        assert set(listed(service, Role.CONTROLLER_SIGNATORY, ods=PASSING)) == its
        for reference, refusals in opened.items():
            kind = kinds[reference]
            if kind == "left" and moment:
                assert refusals == ("DSFC_NOT_IN_FORCE",), "nothing passes by itself"
                continue
            is_open = STATES[kind][moment] == "ACTIVE"
            assert (refusals == ()) is is_open, (reference, refusals)
    waits = service.get("/v1/inbox", Role.DARS_APPROVER, ods=BODY).json()
    assert waits["counts"]["sign_agreement"] == counted["unsigned"]
    assert {one["reference"] for one in waits["items"] if one["duty"] == "sign_agreement"} == {
        reference for reference, kind in kinds.items() if kind == "unsigned"
    }
    told, _ = look()
    assert told == {}
