"""Random commands and a clock that jumps over what stands beside agreements, on both databases.

Relationships and their changes, consents, successions, supports, letters and a transfer of domains,
compared with a plain model, which knows nothing of the code: it is written from domain.md 4.1, 4.3,
5.1 and 5.2, rulings 4, 5 and 27, and docs/adr/0163.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from agreements.records.domain.parties.relationship_life import RELATIONSHIP, RelationshipState
from common.security.roles import Role
from services.agreements.tests.api.test_opt_out_waivers import LETTER
from services.agreements.tests.api.test_registrations import APPROVAL
from services.agreements.tests.api.test_relationships import ASKED
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, REFERENCE
from services.agreements.tests.integration.test_random_lives import lived
from services.agreements.tests.lives.of_agreements import with_two_environments

__all__ = ["lived"]

DAY = timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
COMMANDS = 80
CODES = (CCG, OTHER_CCG, CSU, OTHER_CSU)
DSCROS = ("yorkshire", "south")
WHY = {"reason": "It was read."}
STEPS = {
    "contract-verification": ("CONTRACT_VERIFIED", Role.CONTRACT_MANAGER, {}),
    "dscro-agreement": ("DSCRO_AGREED", Role.DSCRO_APPROVER, None),
    "activation": ("ACTIVE", Role.CONTRACT_MANAGER, None),
    "refusal": ("REFUSED", Role.CONTRACT_MANAGER, None),
    "withdrawal": ("WITHDRAWN", Role.CONTRACT_MANAGER, None),
}
WAYS = {
    "REQUESTED": {"CONTRACT_VERIFIED", "REFUSED", "WITHDRAWN"},
    "CONTRACT_VERIFIED": {"DSCRO_AGREED", "REFUSED", "WITHDRAWN"},
    "DSCRO_AGREED": {"ACTIVE", "REFUSED", "WITHDRAWN"},
}


@dataclass(eq=False)
class Relation:
    id: str
    dscro: str
    first: date
    last: date | None
    changes: "Relation | None"
    step: str = "REQUESTED"
    consents: set[str] = field(default_factory=set)

    def state(self, today):
        if self.step != "ACTIVE":
            return self.step
        if self.last is None:
            return "ACTIVE_UNPUBLISHED"
        return "ENDED" if today > self.last else "ENDING"

    def is_in_the_way_of(self, other):
        """Two offices serve one commissioner on one day, and neither takes the other's place."""
        if self.step != "ACTIVE" or self in (other, other.changes) or self.dscro == other.dscro:
            return False
        last = min(self.last or date.max, other.last or date.max)
        return max(self.first, other.first) <= last

    def end(self, last):
        self.last = min(self.last or date.max, last)


@dataclass(eq=False)
class Succession:
    id: str
    predecessor: str
    successor: str
    first: date
    is_withdrawn: bool = False


@dataclass(eq=False)
class Support:
    id: str
    first: date
    last: date
    days: set[date]


@dataclass(eq=False)
class Letter:
    id: str
    first: date
    last: date | None
    recorded_by: str
    state: str = "waiting"


@dataclass(eq=False)
class Transfer:
    id: str
    first: date
    state: str = "PROPOSED"


def span(first, last):
    return {first + n * DAY for n in range((last - first).days + 1)}


def closure(state):
    """Return where a relationship can be after one command and any time."""
    found, new = {state}, {state}
    while new:
        new = {to for one in new for to in RELATIONSHIP.follows(one)} - found
        found |= new
    return found


class World:
    """What stands beside one agreement: in the service and in the model."""

    def __init__(self, service, seed):
        self.service, self.random = service, random.Random(seed)
        self.relations, self.successions, self.supports = [], [], []
        self.letters, self.transfers = [], []
        self.happened, self.seen = [], set()
        service.cleared()
        self.environments = with_two_environments(service)

    @property
    def today(self):
        return self.service.clock.now().astimezone(LONDON).date()

    def in_days(self, least, most):
        return self.today + self.random.randrange(least, most) * DAY

    def step(self):
        ways = [
            *(self.ask, self.ask, self.change, self.change, self.go_on, self.go_on, self.go_on),
            *(self.take_step, self.take_step, self.end, self.consent, self.jump, self.jump),
            *(self.succeed, self.undo_succession, self.support, self.support, self.letter),
            *(self.decide_letter, self.decide_letter, self.propose, self.move_domains),
            *(self.move_domains, self.move_domains),
        ]
        way = self.random.choice(ways)
        self.happened.append(way.__name__)
        before = {one: RelationshipState(one.state(self.today)) for one in self.relations}
        way()
        self.compare(before)
        if way in (self.succeed, self.undo_succession, self.jump):
            self.compare_successors()

    def post(self, path, body, role, **more):
        return self.service.post(path, role, body, **more)

    def expect(self, answer, code):
        """Demand success, or a refusal with one of these codes."""
        found = None if answer.is_success else answer.json()["code"]
        assert found in (code if isinstance(code, set) else {code}), (answer.text, self.happened)
        return found is None

    # Relationships

    def ask(self, changes=None):
        first = self.in_days(-60, 90)
        last = first + self.random.randrange(200) * DAY if self.random.random() < 0.3 else None
        dscro = self.random.choice(DSCROS)
        asked = Relation("", dscro, first, last, changes)
        more = {}
        codes = {"RELATIONSHIP_OVERLAPS"} if self.ways_blocked(asked) else {None}
        if changes is not None:
            asked.dscro = dscro = next(d for d in DSCROS if d != changes.dscro)
            codes = {"RELATIONSHIP_OVERLAPS"} if self.ways_blocked(asked) else {None}
            more = {"changes": changes.id, "change_kind": "CHANGE_DSCRO"}
            if not self.is_change(asked):
                codes = {"CHANGE_NOT_OF_ITS_KIND"}
        days = {"effective_from": str(first), "effective_to": last and str(last)}
        body = ASKED | days | {"dscro": dscro} | more
        answer = self.post("/v1/relationships", body, Role.CONTRACT_MANAGER)
        if self.expect(answer, codes):
            asked.id = answer.json()["id"]
            self.relations.append(asked)

    def change(self):
        active = [one for one in self.relations if one.step == "ACTIVE" and one.last is None]
        if self.relations:
            self.ask(self.random.choice(active or self.relations))

    def is_change(self, asked):
        """Of one in operation, to another office, and without a day between them."""
        former = asked.changes
        is_adjacent = former.last is None or asked.first <= former.last + DAY
        return former.step == "ACTIVE" and former.dscro != asked.dscro and is_adjacent

    def ways_blocked(self, one):
        return any(other.is_in_the_way_of(one) for other in self.relations)

    def go_on(self):
        """Take the step that comes next, of the newest that waits for one."""
        nexts = {"REQUESTED": "contract-verification", "CONTRACT_VERIFIED": "dscro-agreement"}
        waiting = [one for one in self.relations if one.step in (*nexts, "DSCRO_AGREED")]
        if waiting:
            self.send_step(waiting[-1], nexts.get(waiting[-1].step, "activation"))

    def take_step(self):
        if self.relations:
            self.send_step(self.random.choice(self.relations), self.random.choice([*STEPS]))

    def send_step(self, one, step):
        to, role, body = STEPS[step]
        may, codes = to in WAYS.get(one.step, ()), {None}
        if not may and to != one.step:
            codes = {"TRANSITION_REFUSED"}
        if to == "ACTIVE":
            if self.ways_blocked(one):
                codes = codes - {None} | {"RELATIONSHIP_OVERLAPS"}
            elif may and one.changes is not None and not self.is_change(one):
                codes = {"CHANGE_NOT_OF_ITS_KIND"}
        answer = self.post(f"/v1/relationships/{one.id}/{step}", body, role)
        if not self.expect(answer, codes) or to == one.step:
            return
        one.step = to
        if to == "ACTIVE" and one.changes is not None:
            one.changes.end(max(one.first, self.today) - DAY)
            self.seen.add("gave way")

    def end(self):
        if not self.relations:
            return
        one, last = self.random.choice(self.relations), self.in_days(-20, 60)
        body = {"last_day": str(last)}
        answer = self.post(f"/v1/relationships/{one.id}/ending", body, Role.CONTRACT_MANAGER)
        if self.expect(answer, None if one.step == "ACTIVE" else "TRANSITION_REFUSED"):
            one.end(last)

    def consent(self):
        if not self.relations:
            return
        one, given = self.random.choice(self.relations), self.random.random() < 0.6
        role, party = self.random.choice(
            [(Role.CONTROLLER_SIGNATORY, CCG), (Role.PROCESSOR_CONTACT, CSU)]
        )
        body = {"organisation": party, "given": given}
        self.expect(self.post(f"/v1/relationships/{one.id}/consents", body, role), None)
        one.consents = one.consents | {party} if given else one.consents - {party}

    # Successions

    def before(self, code):
        """Return everybody whose standing passes to a code, on whatever day."""
        found, new = set(), {code}
        while new:
            standing = [one for one in self.successions if not one.is_withdrawn]
            new = {one.predecessor for one in standing if one.successor in new} - found
            found |= new
        return found

    def succeed(self):
        old, new = self.random.choice(CODES), self.random.choice(CODES)
        first = self.in_days(-30, 90)
        body = {"predecessor": old, "successor": new, "evidence": "Scheme"}
        code = None
        if old == new or new in self.before(old):
            code = "TRANSFER_IN_CIRCLE"
        elif any(
            (one.predecessor, one.successor) == (old, new) and not one.is_withdrawn
            for one in self.successions
        ):
            code = "TRANSFER_RECORDED"
        body |= {"effective_from": str(first)}
        answer = self.post("/v1/transfer-instruments", body, Role.CONTRACT_MANAGER)
        if self.expect(answer, code):
            self.successions.append(Succession(answer.json()["id"], old, new, first))

    def undo_succession(self):
        if not self.successions:
            return
        one = self.random.choice(self.successions)
        has_begun = one.first <= self.today and not one.is_withdrawn
        path = f"/v1/transfer-instruments/{one.id}/withdrawal"
        answer = self.post(path, WHY, Role.CONTRACT_MANAGER)
        if self.expect(answer, "TRANSFER_TOOK_EFFECT" if has_begun else None):
            one.is_withdrawn = True

    # Supports and letters

    def support(self):
        """Record one, extend or cut one short, or go on after a gap that is named."""
        path, who = "/v1/section-251-approvals", Role.REFERENCE_DATA_MANAGER
        number = self.random.randrange(3)
        said = APPROVAL | {"review_on": None, "controllers": None}
        if number >= len(self.supports):
            first = self.in_days(-60, 60)
            last = first + self.random.randrange(100) * DAY
            body = said | {"reference": f"CAG {len(self.supports)}"}
            body |= {"valid_from": str(first), "valid_to": str(last)}
            answer = self.post(path, body, who)
            assert answer.is_success, answer.text
            made = Support(answer.json()["id"], first, last, span(first, last))
            self.supports.append(made)
            return
        one = self.supports[number]
        first, last = one.first, max(self.today, one.first) + self.random.randrange(90) * DAY
        if self.random.random() < 0.3:
            first = max(self.today, one.last) + self.random.randrange(2, 30) * DAY
            last = first + self.random.randrange(90) * DAY
        body = said | {"reference": f"CAG {number}"}
        body |= {"valid_from": str(first), "valid_to": str(last)}
        assert self.post(path, body, who).is_success
        if first > one.last + DAY:
            one.days |= span(first, last)
        elif one.last < self.today:
            if last > one.last:
                first = self.today
                self.seen.add("resumed")
                one.days |= span(first, last)
        else:
            one.days = {day for day in one.days if day < one.first} | span(one.first, last)
        one.first, one.last = first, last

    def letter(self):
        first = self.in_days(-30, 60)
        last = first + self.random.randrange(90) * DAY if self.random.random() < 0.7 else None
        by = self.random.choice("abc")
        body = LETTER | {
            "reference": f"CAG letter {len(self.letters)}",
            "dated": str(min(first, self.today)),
            "valid_from": str(first),
            "valid_to": last and str(last),
        }
        answer = self.post("/v1/opt-out-waivers", body, Role.REFERENCE_DATA_MANAGER, who=by)
        assert answer.is_success, answer.text
        self.letters.append(Letter(answer.json()["id"], first, last, by))

    def decide_letter(self):
        if not self.letters:
            return
        one, by = self.random.choice(self.letters), self.random.choice("abc")
        what = self.random.choice(("confirmation", "confirmation", "withdrawal"))
        path = f"/v1/opt-out-waivers/{one.id}/{what}"
        answer = self.post(path, WHY, Role.REFERENCE_DATA_MANAGER, who=by)
        if what == "withdrawal":
            code = "REPLACEMENT_DECIDED" if one.state == "taken_back" else None
        elif one.state != "waiting":
            code = "REPLACEMENT_DECIDED"
        else:
            code = "SECOND_PERSON_NEEDED" if by == one.recorded_by else None
        if self.expect(answer, code):
            one.state = "taken_back" if what == "withdrawal" else "confirmed"

    # The transfer of domains

    def propose(self):
        first, following = self.in_days(0, 40), self.transfers
        if any(one.state == "IN_EFFECT" for one in following):
            return
        body = {
            "agreement": REFERENCE,
            "former_environment": self.environments[0],
            "following_environment": self.environments[1],
            "effective_from": str(first),
            "evidence": "Letter of the commissioner",
        }
        answer = self.post("/v1/domain-transfers", body, Role.CONTRACT_MANAGER)
        is_open = any(one.state in ("PROPOSED", "AGREED") for one in self.transfers)
        if self.expect(answer, "DOMAIN_TRANSFER_RECORDED" if is_open else None):
            self.transfers.append(Transfer(answer.json()["id"], first))

    def move_domains(self):
        if not self.transfers:
            return
        one = self.random.choice(self.transfers)
        step = self.random.choice(("agreement", "agreement", "effect", "effect", "withdrawal"))
        role = Role.CONTROLLER_SIGNATORY if step == "agreement" else Role.CONTRACT_MANAGER
        body = WHY if step == "withdrawal" else None
        had_agreed, state = one.state, one.state
        answer = self.post(f"/v1/domain-transfers/{one.id}/{step}", body, role)
        over = "DOMAIN_TRANSFER_TOOK_EFFECT"
        if step == "agreement":
            codes = {None, over} if state == "WITHDRAWN" else {None}
            becomes = "AGREED" if state == "PROPOSED" else state
        elif step == "withdrawal":
            codes = {over} if state == "IN_EFFECT" else {None}
            becomes = "WITHDRAWN"
        else:
            is_early = state == "AGREED" and self.today < one.first
            codes = {
                "PROPOSED": {"DOMAIN_TRANSFER_NOT_AGREED"},
                "AGREED": {"DOMAIN_TRANSFER_TOO_EARLY"} if is_early else {None},
                "IN_EFFECT": {None},
                "WITHDRAWN": {over},
            }[had_agreed]
            becomes = "IN_EFFECT"
        if self.expect(answer, codes):
            one.state = becomes

    # The clock, and what is so

    def jump(self):
        self.service.clock.set(
            self.service.clock.now() + timedelta(days=self.random.choice((1, 7, 30)), seconds=1)
        )

    def compare(self, before):
        today, auditor = self.today, Role.CONTRACT_MANAGER
        listed = self.service.get("/v1/relationships", auditor, limit=100).json()["items"]
        found = {one["id"]: one for one in listed}
        assert {one["id"] for one in listed} == {one.id for one in self.relations}, self.happened
        for one in self.relations:
            shown = found[one.id]
            assert shown["state"] == one.state(today), (self.happened, shown)
            given = {c["organisation"] for c in shown["consents"] if c["withdrawn_at"] is None}
            assert (given, shown["not_as_sealed"]) == (one.consents, []), self.happened
            if one in before:
                assert RelationshipState(shown["state"]) in closure(before[one]), self.happened
            self.seen.add(shown["state"])
        with self.service.ctx.uow.reading() as tx:
            for one in self.supports:
                kept = tx.section_251_approvals.one(id=UUID(one.id))
                for day in (today - DAY, today, today + DAY, today + 30 * DAY, one.first, one.last):
                    assert kept.is_in_force_on(day) == (day in one.days), (self.happened, day)
                self.seen.add(("support", today in one.days))
            for one in self.letters:
                kept = tx.opt_out_waivers.one(id=UUID(one.id))
                is_its_day = one.first <= today <= (one.last or date.max)
                holds = one.state == "confirmed" and is_its_day
                assert (kept.state, kept.holds_on(today)) == (one.state, holds), self.happened
                self.seen.add(("letter", one.state, holds))
            for one in self.transfers:
                kept = tx.domain_transfers.one(id=UUID(one.id))
                assert kept.state == one.state, self.happened
                self.seen.add(("transfer", one.state))

    def compare_successors(self):
        for code in CODES:
            shown = self.service.get(f"/v1/organisations/{code}", Role.AUDITOR).json()
            assert shown["successor"] == self.successor(code), (self.happened, code)

    def successor(self, code):
        begun = [
            one
            for one in self.successions
            if one.predecessor == code and one.first <= self.today and not one.is_withdrawn
        ]
        if not begun:
            return None
        self.seen.add("succeeded")
        return max(begun, key=lambda one: (one.first, self.successions.index(one))).successor


SHOWS = {
    22: {
        *("REQUESTED", "CONTRACT_VERIFIED", "DSCRO_AGREED", "ACTIVE_UNPUBLISHED"),
        *("ENDING", "ENDED", "WITHDRAWN", "gave way", "resumed", "succeeded"),
        *(("support", True), ("support", False)),
        *(("letter", "confirmed", True), ("letter", "confirmed", False)),
        *(("letter", "waiting", False), ("letter", "taken_back", False)),
        *(("transfer", "PROPOSED"), ("transfer", "AGREED")),
    }
}
"""What is seen in the one that `make test` plays."""


@pytest.mark.parametrize(
    "seed", [*SHOWS, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 9))]
)
def test_what_stands_beside_an_agreement_is_at_every_moment_what_the_pages_say(lived, seed):
    world = World(lived, seed)
    for _ in range(COMMANDS):
        world.step()
    assert SHOWS.get(seed, set()) <= world.seen
