"""Standing orders: one instruction, and for each period a decision and a release of its own."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from common.db import tables as shared
from common.ids import new_id
from common.messaging.envelope import Event
from common.security.roles import Role
from dissemination.adapters.events import TOPICS
from dissemination.db.tables import ExtractRow, RegisterLineRow, ReleaseRow, StandingOrderRow
from dissemination.use_cases import order_rounds
from services.dissemination.tests.api.test_releasing import superseded
from services.dissemination.tests.api.test_standings import told
from services.dissemination.tests.conftest import OTHER_CSU, REFERENCE, START
from statements.standing_order import EXAMPLE

ORDER = {
    "agreement": REFERENCE,
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "formats": ["parquet"],
    "when": "landed",
    "from": "2018-04",
    "until": "2018-06",
}
ORDERS = "/v1/standing-orders"


@pytest.fixture
def house(house):
    """With nothing landed yet."""
    house.haven.landed = []
    return house


def place(house, **changes):
    answer = house.call("POST", ORDERS, json={**ORDER, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


def shown(house, order, **who):
    answer = house.call("GET", f"{ORDERS}/{order['id']}", **who)
    assert answer.status_code == 200, answer.text
    return answer.json()


def landed(*months, data_set="SUS_APC"):
    """What the haven says of a file that was landed."""
    return Event(
        id=new_id(),
        type="pseudonymisation.submission-accepted.v1",
        source="/pseudonymisation",
        subject="submissions/1",
        time=START,
        topic="pseudonymisation.submission",
        aggregate_id=str(new_id()),
        aggregate_version=1,
        state="accepted",
        data={"data_set": data_set, "period": months[0]},
    )


def transferred(state):
    """What agreements says of a transfer of an agreement's pseudonym domains."""
    transfer = str(new_id())
    return Event(
        id=new_id(),
        type="agreements.domain-transfer-changed.v1",
        source="/agreements",
        subject=ORDER["agreement"],
        time=START,
        topic="agreements.domain-transfer",
        aggregate_id=transfer,
        aggregate_version=3,
        state=state,
        data={"transfer_id": transfer, "agreement": ORDER["agreement"], "state": state},
    )


def land(house, *months):
    house.haven.landed = [*house.haven.landed, *months]
    house.publish(landed(*months))


def when(house, until, order, **states):
    """The order, when its months are in these states."""
    wanted = {month.replace("_", "-")[1:]: state for month, state in states.items()}

    def there():
        found = shown(house, order)
        now = {one["month"]: one["state"] for one in found["periods"]}
        return found if wanted.items() <= now.items() else None

    return until(there)


def hear(house, until, event):
    house.publish(event)
    until(lambda: (event.id,) in house.rows(shared.inbox.c.event_id))


def test_three_months_are_three_decisions_three_extracts_and_three_lines(house, until):
    """Guard: `order_rounds` asks for each month by itself."""
    order = place(house)
    releases, lines = len(house.rows(ReleaseRow.file_id)), len(house.rows(RegisterLineRow.id))
    for month in ("2018-04", "2018-05", "2018-06"):
        land(house, month)
        when(house, until, order, **{f"m{month.replace('-', '_')}": "released"})

    done = until(lambda: (o := shown(house, order))["state"] == "ended" and o)

    assert done["ended"]["code"] == "ALL_PERIODS_RELEASED"
    assert done["counts"] == {
        "waiting": 0, "skipped": 0, "asked": 0, "released": 3, "withdrawn": 0,
    }  # fmt: skip
    extracts = [house.extract(one["extract_id"]) for one in done["periods"]]
    assert [one["periods"] for one in extracts] == [["2018-04"], ["2018-05"], ["2018-06"]]
    assert len({one["decision_id"] for one in extracts}) == 3
    assert {one["standing_order"] for one in extracts} == {order["id"]}
    assert len(house.rows(ReleaseRow.file_id)) == releases + 3
    assert len(house.rows(RegisterLineRow.id)) == lines + 3
    assert done["is_as_logged"] is True


def test_an_order_is_carried_out_in_the_name_of_whoever_ordered(house, until):
    order = place(house)
    land(house, "2018-04")
    period = when(house, until, order, m2018_04="released")["periods"][0]

    extract = house.extract(period["extract_id"])
    placed, asked = house.agreements.questions("request")[-2:]
    assert (extract["organisation"], extract["client_id"]) == ("0DF", "csu-system-0DF")
    assert placed.context["places_order"] is True
    assert asked.subject == {
        "type": "client",
        "id": "csu-system-0DF",
        "properties": {"decision": house.agreements.decisions[-3]},
    }
    (leaf,) = [one for one in house.leaves(period["extract_id"]) if "permit_id" in one["detail"]]
    assert (leaf["subject"], leaf["role"]) == ("csu-system-0DF", "csu-system")
    assert leaf["detail"]["standing_order"] == order["id"]


def test_a_month_that_is_refused_is_skipped_with_each_code_and_caught_up_after_the_hold(
    house, until
):
    """Guard: `standing_orders.after_agreement` wakes the orders of the agreement."""
    order = place(house)
    land(house, "2018-04")
    when(house, until, order, m2018_04="released")
    house.agreements.refuse("request", "BREACH_OPEN", "CONDITION_OVERDUE")
    land(house, "2018-05")

    skipped = when(house, until, order, m2018_05="skipped")["periods"][1]
    assert [one["code"] for one in skipped["refusals"]] == ["BREACH_OPEN", "CONDITION_OVERDUE"]
    assert (skipped["code"], skipped["attempts"], skipped["extract_id"]) == ("BREACH_OPEN", 1, None)
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(seconds=1))
    hear(house, until, told(house, "resumed", "ACTIVE"))

    caught_up = when(house, until, order, m2018_05="released")["periods"][1]
    assert (caught_up["attempts"], caught_up["refusals"]) == (2, [])
    said = [e["type"] for e in house.events(order["id"]) if "standing-order" in e["type"]]
    assert said == [
        "dissemination.standing-order-placed.v1",
        "dissemination.standing-order-period-skipped.v1",
    ]


def test_an_order_of_the_new_csu_is_carried_out_as_soon_as_the_domains_go_on(house, until):
    """Guard: what is heard of a transfer of domains wakes the orders of its agreement."""
    order = place(house)
    house.agreements.refuse("request", "DOMAIN_STILL_HELD")
    land(house, "2018-04")
    when(house, until, order, m2018_04="skipped")
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(seconds=1))

    hear(house, until, transferred("IN_EFFECT"))

    caught_up = when(house, until, order, m2018_04="released")["periods"][0]
    assert (caught_up["attempts"], caught_up["refusals"]) == (2, [])


def test_what_is_refused_is_asked_for_again_without_any_event(house, until):
    house.agreements.refuse("request", "BREACH_OPEN")
    order = place_past_hold(house)
    land(house, "2018-04")
    when(house, until, order, m2018_04="skipped")
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(minutes=1))
    look(house, order)

    assert when(house, until, order, m2018_04="released")


def rests(house, until):
    """Wait until nobody has an order, and none is due: one that has ended never is again."""
    row = StandingOrderRow

    def is_at_rest():
        now = house.context.timer.now()
        found = house.rows(row.claimed_until, row.due_at, row.state)
        return all(
            claimed is None and (due > now or state != "active") for claimed, due, state in found
        )

    until(is_at_rest)


def look(house, order):
    """The sweep's turn, now."""
    with house.context.uow.writing() as tx:
        tx.orders.look_at(UUID(order["id"]))


def place_past_hold(house):
    """Placed before what refuses it now."""
    kept = dict(house.agreements.refusals)
    house.agreements.refusals.clear()
    order = place(house)
    house.agreements.refusals.update(kept)
    return order


def test_a_lost_event_is_made_up_for_by_the_sweep(house, until):
    order = place(house)
    rests(house, until)
    house.haven.landed = ["2018-04"]  # and nobody says so
    look(house, order)

    assert when(house, until, order, m2018_04="released")


def test_a_frozen_month_is_asked_for_after_its_last_inclusion_date(house, until):
    order = place(house, when="freeze")
    land(house, "2018-04")

    waits = when(house, until, order, m2018_04="waiting")["periods"][0]
    assert (waits["attempts"], waits["refusals"]) == (0, [])
    before = datetime(2018, 6, 20, 16, 59, 59, tzinfo=ZoneInfo("Europe/London"))
    house.clock.set(before)
    house.tokens.clear()
    look(house, order)
    rests(house, until)
    assert shown(house, order)["periods"][0]["state"] == "waiting"
    house.clock.set(before + timedelta(seconds=1))
    house.tokens.clear()
    look(house, order)
    assert when(house, until, order, m2018_04="released")


@pytest.mark.scenario("R24")
def test_flex_and_freeze_of_one_month_are_two_extracts_side_by_side(house, until):
    """What was delivered at flex stays, and is marked; R24: the same order gives no second one."""
    flex, freeze = place(house, when="flex"), place(house, when="freeze")
    house.haven.editions = [house.haven.editions[0] | {"id": f"flex-{flex['id']}"}]
    land(house, "2018-04")
    when(house, until, flex, m2018_04="released")
    when(house, until, freeze, m2018_04="waiting")
    early = shown(house, flex)["periods"][0]["extract_id"]
    house.haven.editions = [house.haven.editions[0] | {"id": f"freeze-{flex['id']}"}]
    house.publish(superseded(f"flex-{flex['id']}"))
    house.settled(early, "superseded")
    house.clock.set(datetime(2018, 6, 20, 17, 0, tzinfo=ZoneInfo("Europe/London")))
    house.tokens.clear()
    look(house, freeze)
    late = when(house, until, freeze, m2018_04="released")["periods"][0]["extract_id"]

    look(house, flex)
    rests(house, until)
    (period,) = shown(house, flex)["periods"]
    assert (period["extract_id"], period["extract_state"]) == (early, "superseded")
    (first,), (second,) = (house.extract(one)["editions"] for one in (early, late))
    assert (first["id"], first["replaced_by"]) == (f"flex-{flex['id']}", "edition-new")
    assert (second["id"], second["replaced_by"]) == (f"freeze-{flex['id']}", None)
    for one in (early, late):
        file = house.extract(one)["files"][0]
        assert house.call("GET", file["content"]).status_code == 200


def test_what_is_not_published_yet_waits_and_is_not_skipped(house, until):
    order = place(house)
    house.agreements.refuse("request", "NOT_PUBLISHED_YET")
    land(house, "2018-04")

    waits = when(house, until, order, m2018_04="waiting")["periods"][0]
    assert waits["code"] == "NOT_PUBLISHED_YET"
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(minutes=1))
    look(house, order)
    assert when(house, until, order, m2018_04="released")
    assert not [e for e in house.events(order["id"]) if "skipped" in e["type"]]


def test_an_order_may_be_placed_before_its_first_month_is_published(house):
    house.agreements.refuse("request", "NOT_PUBLISHED_YET")

    assert place(house)["state"] == "active"


@pytest.mark.parametrize("code", ["LINE_NOT_IN_DSA", "BREACH_OPEN", "PERIOD_NOT_IN_DSA"])
def test_an_order_that_would_be_refused_is_not_placed(house, code):
    house.agreements.refuse("request", "NOT_PUBLISHED_YET", code)
    before = len(house.rows(StandingOrderRow.id))

    answer = house.call("POST", ORDERS, json=ORDER)

    assert answer.status_code == 403
    assert [one["code"] for one in answer.json()["refusals"]] == [code]
    assert len(house.rows(StandingOrderRow.id)) == before
    assert house.leaves()[-1]["action"] == "extract-refused"


def test_what_one_may_not_know_of_cannot_be_ordered(house):
    answer = house.call("POST", ORDERS, json={**ORDER, "agreement": "DARS-NIC-999999-Z9Z9Z"})

    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


def test_a_line_for_one_time_has_no_standing_order(house):
    house.agreements.terms["lines"][0]["access_method"] = "ONE_OFF"

    answer = house.call("POST", ORDERS, json=ORDER)

    assert (answer.status_code, answer.json()["code"]) == (409, "LINE_FOR_ONE_TIME")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"when": "publication"}, "STANDING_ORDER_TIME_UNSUITABLE"),
        ({"until": "2018-03"}, "INVALID_REQUEST"),
        ({"until": "2030-04"}, "INVALID_PERIODS"),
        ({"from": "2018-4"}, "INVALID_REQUEST"),
        ({"when": "monthly"}, "INVALID_REQUEST"),
        ({"fields": ["Sex", "Sex"]}, "INVALID_REQUEST"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(house, changes, code):
    answer = house.call("POST", ORDERS, json={**ORDER, **changes})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_same_order_is_placed_once(house):
    """Guard: the unique index of what is active."""
    order = place(house)

    again = house.call("POST", ORDERS, json={**ORDER, "until": None})
    other = place(house, formats=["csv"])

    assert (again.status_code, again.json()["code"]) == (409, "STANDING_ORDER_EXISTS")
    assert other["id"] != order["id"]
    assert house.call("POST", f"{ORDERS}/{order['id']}/end").json()["state"] == "ended"
    assert place(house)["id"] not in {order["id"], other["id"]}


def test_an_idempotency_key_places_one(house):
    headers = {"Idempotency-Key": str(new_id())}
    first = house.call("POST", ORDERS, json=ORDER, headers=headers)
    again = house.call("POST", ORDERS, json=ORDER, headers=headers)
    other = house.call("POST", ORDERS, json={**ORDER, "until": None}, headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_who_shows_no_token_for_too_long_is_not_served_until_they_confirm(house, until):
    """Guards: the decision that is named as evidence, and `standing_orders.confirm`."""
    order = place(house)
    house.clock.advance(timedelta(days=400))  # also since what other tests fetched at later days
    house.tokens.clear()
    land(house, "2018-04")

    skipped = when(house, until, order, m2018_04="skipped")["periods"][0]
    assert skipped["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert "confirmation" in skipped["refusals"][0]["detail"]
    house.clock.advance(timedelta(seconds=1))
    confirmed = house.call("POST", f"{ORDERS}/{order['id']}/confirmation")

    assert confirmed.status_code == 200, confirmed.text
    assert when(house, until, order, m2018_04="released")["confirmed_at"] > order["confirmed_at"]


def test_who_fetches_what_comes_need_not_confirm(house, until):
    """Guard: `SqlOrders.proof` reads deliveries."""
    order = place(house)
    land(house, "2018-04")
    extract_id = when(house, until, order, m2018_04="released")["periods"][0]["extract_id"]
    house.clock.advance(timedelta(days=40))
    house.tokens.clear()
    file = house.extract(extract_id)["files"][0]
    assert house.call("GET", file["content"]).status_code == 200
    house.ended(file)
    house.clock.advance(timedelta(days=40))
    house.tokens.clear()
    land(house, "2018-05")

    assert when(house, until, order, m2018_05="released")


def test_what_another_of_the_organisation_fetches_proves_nothing_for_who_ordered(house, until):
    """The adviser ordered, and their system fetches."""
    order = house.call("POST", ORDERS, json=ORDER, role=Role.CSU_ADVISER).json()
    land(house, "2018-04")
    extract_id = when(house, until, order, m2018_04="released")["periods"][0]["extract_id"]
    house.clock.advance(timedelta(days=200))
    house.tokens.clear()
    file = house.extract(extract_id)["files"][0]
    assert house.call("GET", file["content"]).status_code == 200
    land(house, "2018-05")

    assert when(house, until, order, m2018_05="skipped")


def test_another_of_the_organisation_takes_over_by_confirming(house, until):
    order = place(house)

    answer = house.call("POST", f"{ORDERS}/{order['id']}/confirmation", role=Role.CSU_ADVISER)
    land(house, "2018-04")

    assert answer.json()["client_id"] == "csu-adviser-0DF"
    extract_id = when(house, until, order, m2018_04="released")["periods"][0]["extract_id"]
    assert house.extract(extract_id)["client_id"] == "csu-adviser-0DF"


def test_an_order_ends_with_the_agreement(house, until):
    """Guard: `standing_orders.after_agreement`."""
    order = place(house)
    hear(house, until, told(house, "terminated", "TERMINATED"))
    land(house, "2018-04")

    ended = shown(house, order)
    assert (ended["state"], ended["ended"]["code"]) == ("ended", "DSA_NOT_ACTIVE")
    again = house.call("POST", f"{ORDERS}/{order['id']}/end")
    assert (again.status_code, again.json()["code"]) == (409, "TRANSITION_REFUSED")
    hear(house, until, told(house, "activated", "ACTIVE"))


def test_an_order_ends_with_its_line(house, until):
    order = place(house)
    house.agreements.refuse("request", "LINE_NOT_IN_DSA")
    land(house, "2018-04")

    ended = until(lambda: (o := shown(house, order))["state"] == "ended" and o)
    assert ended["ended"]["code"] == "LINE_NOT_IN_DSA"
    assert ended["periods"][0]["code"] == "LINE_NOT_IN_DSA"


def test_an_ended_order_asks_for_nothing(house, until):
    order = place(house)
    assert house.call("POST", f"{ORDERS}/{order['id']}/end").json()["ended"]["code"] == (
        "ENDED_BY_REQUEST"
    )
    rests(house, until)  # a round that began before its end may ask once more
    asked = house.agreements.count("request")
    event = landed("2018-04")
    house.haven.landed = ["2018-04"]
    hear(house, until, event)

    assert order_rounds.turn(known=None, ctx=house.context) == 0
    assert house.agreements.count("request") == asked
    assert shown(house, order)["periods"] == []


def test_months_before_and_after_those_that_are_ordered_are_left_alone(house, until):
    order = place(house, until="2018-04")
    land(house, "2018-03", "2018-04", "2018-05")

    done = until(lambda: (o := shown(house, order))["state"] == "ended" and o)
    assert [one["month"] for one in done["periods"]] == ["2018-04"]


def test_three_years_are_caught_up_in_their_order_after_a_hold_and_a_few_at_a_time(house, until):
    """Guard: `UNDER_WAY_MAX`. Each month is decided on anew after the hold, and released once."""
    house.haven.prepares = False
    years = [f"{year}-{month:02}" for year in (2015, 2016, 2017) for month in range(1, 13)]
    releases, lines = len(house.rows(ReleaseRow.file_id)), len(house.rows(RegisterLineRow.id))
    before = len(house.agreements.questions("request"))
    order = place(house, **{"from": "2015-01", "until": "2017-12", "formats": ["csv", "parquet"]})
    house.agreements.refuse("request", "BREACH_OPEN")
    land(house, *years)
    until(lambda: shown(house, order)["counts"]["skipped"] == len(years))
    rests(house, until)
    placed, *held = [
        one.resource["properties"]["periods"] for one in house.agreements.questions("request")
    ][before:]
    assert placed == ["2015-01", "2017-12"]
    assert held == [[month] for month in years]
    assert len(house.rows(ReleaseRow.file_id)) == releases
    before += 1 + len(held)
    house.agreements.refusals.clear()
    house.clock.advance(timedelta(seconds=1))
    hear(house, until, told(house, "resumed", "ACTIVE"))

    until(lambda: shown(house, order)["counts"]["asked"] == 4)
    look(house, order)
    rests(house, until)
    assert shown(house, order)["counts"]["asked"] == 4
    house.haven.prepares = True
    for permit_id in list(house.haven.jobs):
        house.haven.prepare(permit_id)
    done = until(lambda: (o := shown(house, order))["state"] == "ended" and o, seconds=100)
    assert done["counts"]["released"] == len(years)
    assert [one["month"] for one in done["periods"]] == years
    assert {one["attempts"] for one in done["periods"]} == {2}
    asked = house.agreements.questions("request")[before:]
    assert [one.resource["properties"]["periods"] for one in asked] == [[m] for m in years]
    extracts = [house.extract(one["extract_id"]) for one in done["periods"]]
    assert [one["periods"] for one in extracts] == [[month] for month in years]
    assert len({one["decision_id"] for one in extracts}) == len(years)
    assert {tuple(one["formats"]) for one in extracts} == {("csv", "parquet")}
    files = len({file["id"] for one in extracts for file in one["files"]})
    assert len(house.rows(ReleaseRow.file_id)) == releases + files
    assert len(house.rows(RegisterLineRow.id)) == lines + files


def test_an_extract_that_failed_is_asked_for_again(house, until):
    """Guard: `StandingOrder.follow`."""
    order = place(house)
    house.haven.fails_with = "PERMIT_EXPIRED"
    land(house, "2018-04")

    failed = when(house, until, order, m2018_04="skipped")["periods"][0]
    assert (failed["code"], failed["extract_state"]) == ("PERMIT_EXPIRED", "failed")
    house.haven.fails_with = None
    house.clock.advance(timedelta(minutes=1))
    look(house, order)
    again = when(house, until, order, m2018_04="released")["periods"][0]
    assert again["extract_id"] != failed["extract_id"]
    assert again["attempts"] == 2


def failed_and_skipped(house, order):
    (period,) = shown(house, order)["periods"]
    is_so = (period["state"], period["extract_state"]) == ("skipped", "failed")
    return period if is_so else None


@pytest.mark.scenario("R13")
def test_what_waits_for_its_next_edition_goes_on_as_soon_as_that_is_landed(house, until):
    """Whether it is refused when it is asked for, or when it is prepared."""
    order = place(house)
    house.agreements.held_beside = [{"month": "2018-04", "editions": ["e"], "lists": ["l"]}]
    house.haven.judges = "OPT_OUT_DIFFERENCING"
    land(house, "2018-04")
    asked = when(house, until, order, m2018_04="skipped")["periods"][0]
    house.haven.judges, house.haven.fails_with = None, "OPT_OUT_DIFFERENCING"
    house.clock.advance(timedelta(minutes=1))
    look(house, order)
    prepared = until(lambda: failed_and_skipped(house, order))

    assert asked["code"] == prepared["code"] == "OPT_OUT_DIFFERENCING"
    assert asked["extract_id"] is None

    house.haven.fails_with = None
    house.clock.advance(timedelta(seconds=1))
    land(house, "2018-04")

    assert when(house, until, order, m2018_04="released")


def test_what_the_client_withdrew_is_not_asked_for_again(house, until):
    order = place(house)
    house.haven.prepares = False
    land(house, "2018-04")
    extract_id = when(house, until, order, m2018_04="asked")["periods"][0]["extract_id"]

    assert house.call("POST", f"/v1/extracts/{extract_id}/withdrawal").status_code == 200
    when(house, until, order, m2018_04="withdrawn")
    house.clock.advance(timedelta(days=1))
    house.tokens.clear()
    look(house, order)
    rests(house, until)
    found = shown(house, order)["periods"][0]
    assert (found["state"], found["extract_id"]) == ("withdrawn", extract_id)


def test_agreements_being_away_only_delays_a_month(house, until):
    order = place(house)
    rests(house, until)
    house.stop_agreements()
    house.haven.landed = ["2018-04"]
    look(house, order)
    rests(house, until)
    assert shown(house, order)["periods"] == []
    house.start_agreements()
    look(house, order)

    assert when(house, until, order, m2018_04="released")


def test_another_organisation_s_order_is_not_there(house):
    order = place(house)
    path = f"{ORDERS}/{order['id']}"

    for method, there in (("GET", path), ("POST", f"{path}/end"), ("POST", f"{path}/confirmation")):
        answer = house.call(method, there, ods=OTHER_CSU)
        assert (answer.status_code, answer.json()["code"]) == (404, "STANDING_ORDER_NOT_FOUND")
    assert house.call("GET", ORDERS, ods=OTHER_CSU).json()["items"] == []
    assert shown(house, order, role=Role.AUDITOR)["id"] == order["id"]


def test_orders_are_listed_in_pages_by_agreement_and_state(house):
    placed = [place(house, formats=formats) for formats in (["parquet"], ["csv"])]
    placed.append(place(house, fields=["Sex"]))
    house.call("POST", f"{ORDERS}/{placed[0]['id']}/end")

    def listed(**params):
        return house.call("GET", ORDERS, params=params).json()

    first = listed(limit=2)
    rest = listed(limit=2, after=first["next"])
    assert [one["id"] for one in (*first["items"], *rest["items"])] == [o["id"] for o in placed]
    assert rest["next"] is None
    assert [one["id"] for one in listed(state="active")["items"]] == [o["id"] for o in placed[1:]]
    assert len(listed(agreement=REFERENCE)["items"]) == 3
    assert listed(agreement="DARS-NIC-999999-Z9Z9Z")["items"] == []
    assert "periods" not in first["items"][0]


def test_the_example_is_a_body(house):
    assert place(house, **EXAMPLE)["when"] == "freeze"


def test_what_lands_is_heard():
    assert "pseudonymisation.submission" in TOPICS


def test_two_replicas_at_once_ask_for_a_month_once(house, until, monkeypatch):
    """Guard: the version of the order, written with the extract."""
    import catalogue

    order = place(house)
    rests(house, until)
    before = len(house.rows(ExtractRow.id))
    known = catalogue.load()
    real, entered = order_rounds.extracts.ask, []

    def asked(*args, **named):
        if not entered:
            entered.append(True)
            # Another replica, whose claim was as good, is faster.
            order_rounds._carried_out(named["standing_order"], known, house.context)
        return real(*args, **named)

    monkeypatch.setattr(order_rounds.extracts, "ask", asked)
    land(house, "2018-04")

    when(house, until, order, m2018_04="released")
    assert len(house.rows(ExtractRow.id)) == before + 1


def test_an_order_that_cannot_be_read_holds_up_no_other(house, until):
    """Guard: `order_rounds.carry_out` lets it rest."""
    broken, order = place(house), place(house, formats=["csv"])
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE standing_order SET ordered = '{}' WHERE digest IN"
            " (SELECT digest FROM standing_order ORDER BY id LIMIT 1)"
        )
    land(house, "2018-04")

    assert when(house, until, order, m2018_04="released")
    listed = house.call("GET", ORDERS).json()
    assert (listed["unreadable"], [one["id"] for one in listed["items"]]) == (
        [broken["id"]],
        [order["id"]],
    )
