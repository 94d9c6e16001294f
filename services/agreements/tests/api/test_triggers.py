"""By when a file must go: every trigger, what takes it back, and what is none (domain.md 3.7).

One table. A trigger that is added gets its line here, or a test fails.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert

from agreements.db.decisions.tables import HoldingRow, PermitRow
from agreements.records.adapters import reference
from agreements.records.domain.destruction.ledger import Trigger
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases.destruction.overdue import alert_overdue
from common.security.roles import Role
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.api.test_registrations import APPROVAL
from services.agreements.tests.facts import CCG, END, NOW, OTHER_CSU, REFERENCE, line
from services.agreements.tests.service import NAMES, Service

PATH = f"/v1/agreements/{REFERENCE}"
RENEWAL = UUID("019a0000-0000-7000-8000-000000000002")
LAPSE = timedelta(days=90)
DAY = timedelta(days=1)
RELYING = line(1) | {
    "confidentiality": {"route": "section_251", "section_251": APPROVAL["reference"]}
}
ELSEWHERE = [
    one | {"recipient_environment": {"organisation": OTHER_CSU, "kind": "analytics"}}
    for one in (line(1), line(2, "DIDS"))
]
OF_OTHER_CSU = [
    {
        "ods": OTHER_CSU,
        "legal_name": NAMES[OTHER_CSU],
        "role": "analysis",
        "documented_instructions": True,
    }
]


def done(answer):
    assert answer.is_success, answer.text
    return answer.json()


def on(day):
    """The middle of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def next_version(house, signed=None, **changes):
    return house.sign_all(house.draft(version="v1.0", **changes), **signed or {})


# What makes a file due. Each returns the last day on which it might be held.


def its_end(house):
    house.clock.set(on(END + DAY))
    return END + DAY


def a_renewal_that_is_not_signed(house):
    use_cases.await_renewal(REFERENCE, RENEWAL, NOW, is_new=lambda _tx: True, ctx=house.ctx)
    house.clock.set(on(END + LAPSE))
    assert due(house) is None, "in LAPSED_HOLD the clock of destruction stands still"
    house.clock.set(on(END + LAPSE + DAY))
    return END + LAPSE + DAY


def an_early_end(house):
    done(house.post(f"{PATH}/termination", Role.CONTRACT_MANAGER, {"reason": "Not needed."}))
    return NOW.date()


def a_line_removed(house):
    next_version(house, kind="amendment", lines=[line(2, "DIDS")])
    return NOW.date()


def another_csu(house):
    parties = {"parties": (CCG, OTHER_CSU)}
    next_version(house, parties, kind="amendment", lines=ELSEWHERE, processors=OF_OTHER_CSU)
    return NOW.date()


def finding(house, *actions):
    report = {
        "activity_stopped": "yes",
        "agreement": REFERENCE,
        "lines": [1],
        "description": "A copy was put on a server that is not in the agreement.",
        "discovered_at": "2018-06-01T08:00:00Z",
    }
    breach = done(house.post("/v1/breaches", Role.CSU_ADVISER, report))
    judged = {"finding": "serious", "actions": [*actions]}
    if "end_contract" in actions:
        judged["contracts"] = [contract_of(house)]
    done(house.post(f"/v1/breaches/{breach['id']}/finding", Role.BREACH_HANDLER, judged))
    return NOW.date()


def contract_of(house):
    [found] = house.get("/v1/contracts", Role.CONTRACT_MANAGER).json()["items"]
    return found["reference"]


def approve(house, **changes):
    body = APPROVAL | {"purposes": ["COM"], "controllers": None, "valid_from": "2018-01-01"}
    path = "/v1/section-251-approvals"
    done(house.post(path, Role.REFERENCE_DATA_MANAGER, body | changes))


def the_end_of_its_support(house):
    house.clock.set(on(date(2018, 9, 1)))
    return date(2018, 9, 1)


def support_that_is_cut_short(house):
    approve(house, valid_to="2018-05-31")
    return NOW.date()


def support_that_is_withdrawn(house):
    path = "/v1/section-251-approvals"
    [one] = house.get(path, Role.REFERENCE_DATA_MANAGER).json()["items"]
    path = f"{path}/{one['id']}/withdrawal"
    seen = house.get(f"{path}/preview", Role.REFERENCE_DATA_MANAGER).json()
    assert [(a["stops"], a["files_due"]) for a in seen["agreements"]] == [([1], 1)]
    done(house.post(path, Role.REFERENCE_DATA_MANAGER, {"reason": "Letter of the CAG."}))
    return NOW.date()


def a_gap_before_its_support_goes_on(house):
    house.clock.set(on(date(2018, 9, 2)))
    approve(house, valid_from="2018-10-01", valid_to="2019-09-30")
    return date(2018, 9, 1)


def the_end_of_the_contract(house):
    path = f"/v1/contracts/{contract_of(house)}/termination"
    done(house.post(path, Role.CONTRACT_MANAGER, {"reason": "It is over."}))
    return NOW.date()


def the_contract_running_out(house):
    house.clock.set(on(date(2018, 9, 1)))
    return date(2018, 9, 1)


# What takes it back


def a_renewal_signed_late(house):
    house.sign_all(
        house.draft(version="v2.0", kind="renewal", start="2021-04-01", end="2024-03-31")
    )


def support_that_goes_on(house):
    approve(house, valid_from="2018-09-01", valid_to="2019-09-30")


def its_gap_being_over(house):
    house.clock.set(on(date(2018, 10, 1)))


def another_contract(house):
    house.clock.advance(DAY.total_seconds())
    house.contract(start=house.clock.now().date().isoformat())


def the_line_coming_back(house):
    house.clock.advance(60)
    house.sign_all(house.draft(version="v2.0", kind="amendment"))


@dataclass(frozen=True)
class Case:
    trigger: Trigger
    cause: Callable[[Service], date]
    taken_back_by: Callable[[Service], None] | None = None
    relies: bool = False
    """Whether the file's line relies on a section 251 approval to the end of August."""
    contract_to: str | None = None


CASES = {
    case.cause.__name__: case
    for case in (
        Case(Trigger.EXPIRED, its_end, a_renewal_signed_late),
        Case(Trigger.EXPIRED, a_renewal_that_is_not_signed, a_renewal_signed_late),
        Case(Trigger.TERMINATED, an_early_end),
        Case(Trigger.LINE_REMOVED, a_line_removed, the_line_coming_back),
        Case(Trigger.RECIPIENT_CHANGED, another_csu, the_line_coming_back),
        Case(Trigger.SECTION_251_ENDED, the_end_of_its_support, support_that_goes_on, relies=True),
        Case(Trigger.SECTION_251_ENDED, support_that_is_cut_short, relies=True),
        Case(Trigger.SECTION_251_ENDED, support_that_is_withdrawn, relies=True),
        Case(
            Trigger.SECTION_251_ENDED,
            a_gap_before_its_support_goes_on,
            its_gap_being_over,
            relies=True,
        ),
        Case(Trigger.CONTRACT_ENDED, the_end_of_the_contract, another_contract),
        Case(
            Trigger.CONTRACT_ENDED,
            the_contract_running_out,
            another_contract,
            contract_to="2018-08-31",
        ),
    )
}


def a_finding_that_wants_it_destroyed(house):
    return finding(house, "destroy")


def a_finding_that_ends_the_agreement(house):
    return finding(house, "end_agreement")


def a_finding_that_ends_the_contract(house):
    return finding(house, "end_contract")


CASES |= {
    case.cause.__name__: case
    for case in (
        Case(Trigger.BREACH, a_finding_that_wants_it_destroyed),
        Case(Trigger.TERMINATED, a_finding_that_ends_the_agreement),
        Case(Trigger.CONTRACT_ENDED, a_finding_that_ends_the_contract, another_contract),
    )
}


def released(service, case=None):
    """An agreement in force, and one file of its first line at its CSU."""
    relies = case is not None and case.relies
    service.contract(**({"end": case.contract_to} if case is not None and case.contract_to else {}))
    lines = [RELYING if relies else line(1), line(2, "DIDS")]
    service.sign_all(service.draft(lines=lines))
    if relies:
        approve(service, valid_to="2018-08-31")
    allowed = permit()
    with service.parts.engine.begin() as connection:
        connection.execute(insert(PermitRow), [allowed])
        connection.execute(insert(HoldingRow), [holding(allowed)])
    service.clock.advance(60)
    return service


def due(service):
    [file] = service.get(f"{PATH}/destruction", Role.CONTRACT_MANAGER).json()["files"]
    return file["due"]


def test_every_trigger_is_tried():
    assert {case.trigger for case in CASES.values()} == {*Trigger}
    assert {rule.trigger for rule in reference.load().destruction} == {*Trigger}


@pytest.mark.parametrize("name", CASES)
def test_what_makes_a_file_due_does_so_by_its_day_and_is_taken_back(seeded, name):
    case = CASES[name]
    house = released(seeded, case)
    [rule] = [one for one in reference.load().destruction if one.trigger is case.trigger]
    assert due(house) is None

    since = case.cause(house)

    found = due(house)
    assert found["trigger"] == case.trigger.value
    assert found["by"] == (since + timedelta(days=rule.days)).isoformat()
    assert found["back_ups_by"] == (since + timedelta(days=rule.back_up_days)).isoformat()
    assert found["overdue"] is False
    if case.taken_back_by is not None:
        case.taken_back_by(house)
        assert due(house) is None


def passed_on(house):
    house.clock.set(datetime(2018, 7, 1, 9, tzinfo=UTC))
    body = {
        "predecessor": CCG,
        "successor": OTHER_CSU,
        "effective_from": "2018-07-01",
        "evidence": "Order",
    }
    done(house.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, body))
    house.clock.set(datetime(2018, 7, 2, 9, tzinfo=UTC))


def an_amendment_that_keeps_the_line(house):
    next_version(house, kind="amendment", title="Amended")


def an_amendment_that_is_not_signed(house):
    house.draft(version="v1.0", kind="amendment", lines=[line(2, "DIDS")])


def support_of_another_line(house):
    approve(house, valid_to="2018-05-01")


@pytest.mark.parametrize(
    "happens",
    [
        passed_on,
        an_amendment_that_keeps_the_line,
        an_amendment_that_is_not_signed,
        support_of_another_line,
    ],
)
def test_what_is_no_reason_makes_nothing_due(seeded, happens):
    house = released(seeded)

    happens(house)

    assert due(house) is None


@pytest.mark.parametrize("name", ["an_early_end", "a_line_removed"])
def test_what_is_due_and_not_destroyed_becomes_a_breach_record_once(seeded, name):
    house = released(seeded, CASES[name])
    CASES[name].cause(house)
    before = len(house.get("/v1/breaches", Role.BREACH_HANDLER).json()["items"])
    last = date.fromisoformat(due(house)["by"])
    house.clock.set(on(last))
    assert alert_overdue(ctx=house.ctx) == 0
    house.clock.set(on(last + DAY))

    assert (alert_overdue(ctx=house.ctx), alert_overdue(ctx=house.ctx)) == (1, 0)

    breaches = house.get("/v1/breaches", Role.BREACH_HANDLER).json()["items"]
    assert len(breaches) == before + 1
    [late] = [one for one in breaches if one["cause"] == "destruction_overdue"]
    assert (late["agreement"], late["ico_notified_at"]) == (REFERENCE, None)
    assert due(house)["overdue"] is True
