"""Asking for an extract: decided before anything is written, refused with every reason."""

import time
from datetime import timedelta

import pytest

from dissemination.adapters import agreements
from dissemination.db.tables import ExtractRow
from services.dissemination.tests.conftest import QUESTION


def written(house):
    return len(house.rows(ExtractRow.id)), len(house.events(""))


def test_a_refusal_names_every_code_and_writes_nothing_but_the_log(house):
    """Guard: `extracts.ask` asks agreements before its transaction."""
    house.agreements.refuse("request", "DSFC_NOT_IN_FORCE", "LCR_MISSING")
    before, leaves = written(house), len(house.leaves())

    answer = house.ask(fields=["Sex", "Postcode"])

    assert answer.status_code == 403
    problem = answer.json()
    assert [r["code"] for r in problem["refusals"]] == [
        "DSFC_NOT_IN_FORCE",
        "LCR_MISSING",
        "FIELD_NOT_IN_DSA",
    ]
    assert problem["code"] == "DSFC_NOT_IN_FORCE"
    assert written(house) == before
    assert [leaf["action"] for leaf in house.leaves()[leaves:]] == ["extract-refused"]
    assert house.leaves()[-1]["detail"]["refusals"] == [r["code"] for r in problem["refusals"]]
    assert house.haven.puts == 0


@pytest.mark.parametrize("fields", [["Sex"], None])
def test_what_one_may_not_know_of_is_not_there(house, fields):
    answer = house.ask(agreement="DARS-NIC-999999-Z9Z9Z", fields=fields)
    house.agreements.parties.clear()
    not_ours = house.ask(fields=fields)

    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    assert (not_ours.status_code, not_ours.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    assert answer.json()["detail"] == not_ours.json()["detail"]


def test_no_fields_means_all_of_the_line(house):
    extract = house.ask(fields=None).json()

    assert extract["fields"] == ["Sex", "Age_At_Start"]


LINKED = "Care_Activities.Unique_ServiceRequestID", "Referrals.Unique_ServiceRequestID"
UNLINKED = "Care_Activities.CodedProcedure", "Referrals.Priority_Type"


@pytest.mark.scenario("R16")
def test_groups_without_the_fields_that_link_them_are_warned_of_and_given_all_the_same(house):
    """Guard: `WarningView.of`. The warning stays with the extract, and with a standing order."""
    house.agreements.data_set, house.agreements.fields = "CSDS", (*LINKED, *UNLINKED)

    answer = house.ask(data_set="CSDS", fields=[*UNLINKED, LINKED[1]])

    assert answer.status_code == 202, answer.text
    (warned,) = answer.json()["warnings"]
    assert (warned["code"], warned["fields"]) == ("GROUPS_NOT_LINKED", [LINKED[0]])
    assert warned["detail"].endswith("their rows can be joined by person only.")
    id_ = answer.json()["id"]
    assert house.extract(id_)["warnings"] == [warned]
    (listed,) = [
        one for one in house.call("GET", "/v1/extracts").json()["items"] if one["id"] == id_
    ]
    assert listed["warnings"] == [warned]
    order = house.call(
        "POST",
        "/v1/standing-orders",
        json={
            **{name: value for name, value in QUESTION.items() if name != "periods"},
            "data_set": "CSDS",
            "fields": [*UNLINKED, LINKED[1]],
            "when": "publication",
            "from": "2018-04",
        },
    )
    assert (order.status_code, order.json().get("warnings")) == (201, [warned]), order.text
    linked = house.ask(data_set="CSDS", fields=[*UNLINKED, *LINKED]).json()
    alone = house.ask(data_set="CSDS", fields=[UNLINKED[0]]).json()
    assert linked["warnings"] == alone["warnings"] == []


def previewed(house, **wanted):
    """What a preview says, which leaves everything as it was."""
    before, leaves, jobs = written(house), len(house.leaves()), house.haven.puts
    answer = house.call("POST", "/v1/extracts/preview", json={**QUESTION, **wanted})
    assert (written(house), len(house.leaves()), house.haven.puts) == (before, leaves, jobs)
    return answer


@pytest.mark.scenario("R16")
def test_a_request_is_warned_before_it_is_accepted_and_a_preview_leaves_nothing(house):
    """Guard: `wanted.preview` asks dry. Whoever asked would have been permitted, and is not."""
    house.agreements.data_set, house.agreements.fields = "CSDS", (*LINKED, *UNLINKED)

    told = previewed(house, data_set="CSDS", fields=[*UNLINKED, LINKED[1]])

    assert told.status_code == 200, told.text
    (warned,) = told.json()["warnings"]
    assert (warned["code"], warned["fields"]) == ("GROUPS_NOT_LINKED", [LINKED[0]])
    assert told.json() | {"is_permitted": True, "refusals": []} == told.json()
    assert told.json()["periods_without_records"] == []
    (asked,) = house.agreements.questions("request")
    assert asked.context["dry_run"] is True
    whole = previewed(house, data_set="CSDS", fields=None)
    assert whole.json()["warnings"] == []


def test_a_preview_names_every_refusal_and_says_nothing_of_the_haven_then(house):
    house.agreements.refuse("request", "DSFC_NOT_IN_FORCE", "LCR_MISSING")
    house.haven.landed = []

    told = previewed(house, fields=["Sex", "Postcode"]).json()

    assert told["is_permitted"] is False
    codes = [one["code"] for one in told["refusals"]]
    assert codes == ["DSFC_NOT_IN_FORCE", "LCR_MISSING", "FIELD_NOT_IN_DSA"]
    assert told["periods_without_records"] is None


def test_a_preview_says_of_which_months_there_is_nothing(house):
    house.haven.landed = ["2018-05"]

    told = previewed(house, periods=["2018-04", "2018-05"]).json()

    assert (told["is_permitted"], told["periods_without_records"]) == (True, ["2018-04"])
    refused = house.ask(periods=["2018-04", "2018-05"])
    assert (refused.status_code, refused.json()["code"]) == (409, "NO_EDITION")


def test_a_preview_of_what_one_may_not_know_of_is_not_found(house):
    answer = previewed(house, agreement="DARS-NIC-999999-Z9Z9Z")

    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


def test_a_flat_data_set_is_warned_of_nothing(house):
    assert house.ask().json()["warnings"] == []


def test_filters_are_part_of_what_is_asked_kept_and_shown(house):
    women = {"column": "Sex", "any_of": ["2"]}

    answer = house.ask(filters=[women | {"any_of": ["2", "2"]}])

    (asked,) = house.agreements.questions("request")
    assert asked.resource["properties"]["filters"] == [women]
    assert answer.json()["filters"] == [women]
    assert house.extract(answer.json()["id"])["filters"] == [women]
    assert house.ask().json()["filters"] == []


LETTER = {
    "by": "rule",
    "reason": "waived for invoice validation",
    "source": "domain.md ruling 27",
    "since": "2018-05-01",
    "letter": "CAG 7-07, letter of 2018-05-01",
}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"applied": False, "list_age_days_max": 7, "ground": LETTER}, LETTER),
        (
            {"applied": True, "list_age_days_max": 7, "by": "check",
             "ground": {"by": "rule", "reason": "upheld", "source": "domain.md 4.1"}},
            {"by": "rule", "reason": "upheld", "source": "domain.md 4.1",
             "since": None, "letter": None},
        ),
        ({"applied": True, "list_age_days_max": 7}, None),  # a permit of an earlier release
    ],
)  # fmt: skip
def test_the_answer_says_whether_opt_outs_are_upheld_and_why(house, said, shown):
    house.agreements.opt_out = said

    asked = house.ask().json()

    wanted = {
        "applied": said["applied"],
        "list_age_days_max": 7,
        "by": said.get("by", "list"),
        "ground": shown,
    }
    assert asked["opt_outs"] == wanted
    assert house.extract(asked["id"])["opt_outs"] == wanted
    listed = house.call("GET", "/v1/extracts").json()["items"]
    assert [one["opt_outs"] for one in listed if one["id"] == asked["id"]] == [wanted]


def test_all_fields_of_a_line_that_is_not_there_is_refused_as_such(house):
    answer = house.ask(fields=None, data_set="DIDS")

    assert (answer.status_code, answer.json()["code"]) == (403, "LINE_NOT_IN_DSA")


def test_a_range_of_months_is_asked_for_month_by_month(house):
    extract = house.ask(periods={"from": "2018-11", "to": "2019-01"}).json()

    assert extract["periods"] == ["2018-11", "2018-12", "2019-01"]


QUARTERS = [f"2018-{m:02}" for m in range(4, 13)] + ["2019-01", "2019-02", "2019-03"]


@pytest.mark.parametrize(
    ("names", "months"),
    [
        (["2018-Q1"], QUARTERS[:3]),
        (["2018-Q3"], QUARTERS[:9]),
        (["2018/19"], QUARTERS),
        (["2018-05", "2018-Q1", "2018-05"], QUARTERS[:3]),
    ],
)
def test_periods_by_name_are_asked_for_kept_and_shown_as_their_months(house, names, months):
    house.haven.landed = QUARTERS

    extract = house.ask(periods=names).json()

    (asked,) = house.agreements.questions("request")
    assert asked.resource["properties"]["periods"] == months
    assert extract["periods"] == months


def test_a_month_of_a_quarter_that_was_not_landed_is_named(house):
    house.haven.landed = QUARTERS[:2]

    answer = house.ask(periods=["2018-Q1"])

    assert (answer.status_code, answer.json()["code"]) == (409, "NO_EDITION")
    assert answer.json()["periods"] == ["2018-06"]


@pytest.mark.parametrize(
    ("data_set", "name", "forms"),
    [
        ("SHMI", "2018-Q3", ["edition", "month"]),
        ("SHMI", "2018/19", ["edition", "month"]),
        ("SHMI", "2018-04/2019-03", ["edition", "month"]),
        ("SUS_APC", "2016-04/2019-03", ["month", "quarter", "financial_year"]),
    ],
)
def test_a_period_that_the_product_does_not_have_is_refused_with_those_that_it_has(
    house, data_set, name, forms
):
    before = written(house)

    answer = house.ask(data_set=data_set, periods=["2018-04", name])

    assert (answer.status_code, answer.json()["code"]) == (422, "PERIOD_NOT_OFFERED")
    assert (answer.json()["period"], answer.json()["asked_by"]) == (name, forms)
    assert house.agreements.count("request") == 0
    assert written(house) == before


NURSES = {"column": "STAFF_GROUP", "any_of": ["NURSES"]}


@pytest.mark.parametrize(
    ("periods", "filters", "period", "nearest"),
    [
        (["2016-09", "2016-10"], [], "2016-10", "2016-09 or 2016-12"),
        (["2016-12"], [NURSES], "2016-12", "2016-09 or 2017-03"),
        ({"from": "2016-10", "to": "2016-12"}, [NURSES], "2016-10", "2016-09 or 2017-03"),
    ],
)
def test_a_month_that_was_not_extracted_is_refused_by_name(
    house, periods, filters, period, nearest
):
    answer = house.ask(data_set="GPW", periods=periods, filters=filters)

    assert (answer.status_code, answer.json()["code"]) == (422, "PERIOD_NOT_OFFERED")
    assert answer.json()["period"] == period
    assert nearest in answer.json()["detail"]
    assert house.agreements.count("request") == 0


@pytest.mark.parametrize(
    ("filters", "months"),
    [([], ["2016-09", "2016-12", "2017-03"]), ([NURSES], ["2016-09", "2017-03"])],
)
def test_of_a_range_the_months_are_asked_for_that_were_extracted(house, filters, months):
    house.ask(data_set="GPW", periods={"from": "2016-08", "to": "2017-05"}, filters=filters)

    (asked,) = house.agreements.questions("request")
    assert asked.resource["properties"]["periods"] == months


def test_an_edition_is_asked_for_by_its_name_or_by_its_last_month(house):
    for name in ("2016-04/2019-03", "2019-03"):
        answer = house.ask(data_set="SHMI", periods=[name])

        assert answer.json()["code"] == "LINE_NOT_IN_DSA"
        assert house.agreements.questions("request")[-1].resource["properties"]["periods"] == [
            "2019-03"
        ]


def test_too_many_months_by_name_are_refused(house):
    answer = house.ask(periods=[f"{year}/{year % 100 + 1:02}" for year in range(2008, 2019)])

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_PERIODS")


def test_the_same_months_under_another_name_are_the_same_request(house):
    house.haven.landed = QUARTERS
    headers = {"Idempotency-Key": "key-of-a-quarter"}

    def send(periods):
        body = house.question | {"periods": periods}
        return house.call("POST", "/v1/extracts", json=body, headers=headers).json()["id"]

    assert send(["2018-Q1"]) == send(QUARTERS[:3]) == send({"from": "2018-04", "to": "2018-06"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"periods": ["2018-Q5"]},
        {"periods": ["2018-W19"]},
        {"agreement": "DARS-NIC-123456-A1B2C-v1.0"},
        {"periods": []},
        {"periods": ["2018-13"]},
        {"fields": []},
        {"fields": ["Sex", "Sex"]},
        {"formats": ["xlsx"]},
        {"purpose": "FUN"},
        {"extra": 1},
    ],
)
def test_a_malformed_request_is_422_and_nobody_is_asked(house, wrong):
    answer = house.ask(**wrong)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert house.agreements.count("request") == 0


def test_months_in_the_wrong_order_are_refused(house):
    answer = house.ask(periods={"from": "2018-05", "to": "2018-04"})

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_PERIODS")


def test_the_same_key_again_creates_nothing_and_asks_nobody(house):
    headers = {"Idempotency-Key": "key-1"}

    def send(**changes):
        from_conftest = {**house.question, **changes}
        return house.call("POST", "/v1/extracts", json=from_conftest, headers=headers)

    first, second = send(), send()
    other = send(periods=["2018-05"])

    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    assert house.agreements.count("request") == 1
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_no_answer_of_agreements_is_no_answer_of_ours(house, status):
    """S6. Guard: `HttpAgreements._evaluate` takes nothing but a decision for one."""
    house.agreements.broken = status
    before = written(house)

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (503, "DECISION_UNAVAILABLE")
    assert answer.headers["retry-after"]
    assert written(house) == before


def test_agreements_hanging_is_answered_in_a_defined_time(build_house):
    house = build_house(decision_timeout_seconds=0.5, workers=False)
    house.agreements.delay_seconds = 60
    began = time.monotonic()

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (503, "DECISION_UNAVAILABLE")
    assert time.monotonic() - began < 20
    house.agreements.go_on.set()


def test_agreements_being_gone_is_answered_at_once(house):
    house.stop_agreements()

    assert house.ask().json()["code"] == "DECISION_UNAVAILABLE"


def test_a_permit_that_expired_before_it_was_taken_fails_the_extract(house, until):
    house.haven.broken = 503
    extract_id = house.ask().json()["id"]
    until(lambda: house.haven.puts > 0)
    house.clock.advance(timedelta(seconds=61))
    house.haven.broken = None

    extract = house.settled(extract_id, "failed")

    assert extract["code"] == "PERMIT_EXPIRED"
    assert house.events(extract_id)[-1]["type"] == "dissemination.extract-failed.v1"
    assert house.ask().status_code == 202


def test_the_haven_being_away_is_waited_for(house, until):
    house.haven.broken = 503
    extract_id = house.ask().json()["id"]
    until(lambda: house.haven.puts > 1)
    assert house.extract(extract_id)["state"] == "requested"

    house.haven.broken = None

    assert house.settled(extract_id, "released")["files"]


def test_a_failed_preparation_fails_the_extract_with_its_code(house):
    house.haven.fails_with = "NO_EDITION"

    extract = house.settled(house.ask().json()["id"], "failed")

    assert (extract["code"], extract["files"]) == ("NO_EDITION", [])


def test_a_permit_that_somebody_altered_is_not_taken(house, until):
    house.haven.broken = 503
    extract_id = house.ask().json()["id"]
    until(lambda: house.haven.puts > 0)
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE extract SET permit = substr(permit, 1, length(permit) - 4) || 'AAAA'"
        )
    house.haven.broken = None

    assert house.settled(extract_id, "failed")["code"] == "PERMIT_INVALID"


def test_an_extract_is_withdrawn_before_its_release_and_not_after(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")

    withdrawn = house.call("POST", f"/v1/extracts/{extract_id}/withdrawal")
    again = house.call("POST", f"/v1/extracts/{extract_id}/withdrawal")
    house.haven.prepare(next(iter(house.haven.jobs)))

    assert withdrawn.json()["state"] == "withdrawn"
    assert (again.status_code, again.json()["code"]) == (409, "TRANSITION_REFUSED")
    assert house.events(extract_id)[-1]["type"] == "dissemination.extract-withdrawn.v1"
    house.haven.prepares = True
    released = house.released()
    late = house.call("POST", f"/v1/extracts/{released['id']}/withdrawal")
    assert late.status_code == 409


def test_pages_are_in_order_and_go_on(house):
    for _ in range(3):
        house.ask()
    seen, after = [], None
    while True:
        page = house.call(
            "GET", "/v1/extracts", params={"limit": 2} | ({"after": after} if after else {})
        ).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break

    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen) >= 3


def test_months_that_were_not_landed_are_named_before_anything_is_accepted(house):
    """Guard: `extracts._require_landed`."""
    house.haven.landed = ["2018-05"]
    before, leaves = written(house), len(house.leaves())

    answer = house.ask(periods=["2018-04", "2018-05", "2018-06"])

    assert (answer.status_code, answer.json()["code"]) == (409, "NO_EDITION")
    assert answer.json()["periods"] == ["2018-04", "2018-06"]
    assert written(house) == before
    assert [leaf["action"] for leaf in house.leaves()[leaves:]] == ["extract-refused"]
    assert house.haven.puts == 0


LISTS = ["sha256:" + "1" * 64, "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"]
EDITIONS = {
    "2018-04": ["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"],
    "2018-05": ["0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a12"],
}


def told(house):
    return house.agreements.questions("request")[-1].context.get("landed")


@pytest.mark.scenario("R14")
def test_what_would_lay_open_who_objected_is_refused_before_anything_is_prepared(house):
    """Guards: `extracts.ask` asks the haven first; `agreements._landed`."""
    house.haven.opt_out_lists, house.haven.read = LISTS, EDITIONS
    house.agreements.refuse("request", "OPT_OUT_DIFFERENCING")
    dry = previewed(house, periods=["2018-04"]).json()
    assert [one["code"] for one in dry["refusals"]] == ["OPT_OUT_DIFFERENCING"]
    told_dry = told(house)
    before, leaves = written(house), len(house.leaves())

    answer = house.ask(periods=["2018-04"])

    assert (answer.status_code, answer.json()["code"]) == (403, "OPT_OUT_DIFFERENCING")
    assert (
        told_dry
        == told(house)
        == {
            "opt_out_lists": LISTS,
            "editions": {"2018-04": EDITIONS["2018-04"]},
        }
    )
    assert written(house) == before
    assert [leaf["action"] for leaf in house.leaves()[leaves:]] == ["extract-refused"]
    assert house.haven.puts == 0
    assert all(list_ not in answer.text for list_ in LISTS)


HELD = [{"month": "2018-04", "editions": ["edition-1"], "lists": ["list-1"]}]


@pytest.mark.scenario("R13")
def test_what_waits_for_its_next_edition_is_refused_before_anything_is_written(house):
    """Guard: `wanted.not_begun`, of a permit and of the preview of one (docs/adr/0235)."""
    house.agreements.held_beside, house.haven.judges = HELD, "OPT_OUT_DIFFERENCING"
    dry = previewed(house, periods=["2018-04"]).json()
    before, leaves = written(house), len(house.leaves())

    answer = house.ask(periods=["2018-04"])

    assert (answer.status_code, answer.json()["code"]) == (403, "OPT_OUT_DIFFERENCING")
    assert [one["code"] for one in answer.json()["refusals"]] == ["OPT_OUT_DIFFERENCING"]
    assert (dry["is_permitted"], dry["refusals"]) == (False, answer.json()["refusals"])
    assert dry["periods_without_records"] is None
    assert written(house) == before
    (leaf,) = house.leaves()[leaves:]
    assert (leaf["action"], leaf["detail"]["refusals"]) == (
        "extract-refused",
        ["OPT_OUT_DIFFERENCING"],
    )
    assert house.haven.puts == 0


@pytest.mark.parametrize("answer", [None, "KEY_UNAVAILABLE"])
def test_what_the_haven_does_not_say_now_it_says_before_it_makes_a_file(house, answer):
    house.agreements.held_beside, house.haven.judges = HELD, answer

    assert previewed(house, periods=["2018-04"]).json()["is_permitted"]
    assert house.ask(periods=["2018-04"]).status_code == 202
    assert len(house.haven.judged) == 2


def test_the_haven_is_asked_nothing_where_the_environment_was_given_nothing(house):
    house.haven.judges = "OPT_OUT_DIFFERENCING"

    assert previewed(house, periods=["2018-04"]).json()["is_permitted"]
    assert house.ask(periods=["2018-04"]).status_code == 202
    assert house.haven.judged == []


def test_where_no_list_is_in_force_or_nothing_is_landed_there_is_nothing_to_tell(house):
    house.haven.read = EDITIONS
    assert house.ask(periods=["2018-04"]).status_code == 202
    assert told(house) is None

    house.haven.opt_out_lists, house.haven.read = LISTS, {}
    assert house.ask(periods=["2018-04"]).status_code == 202
    assert told(house) is None


def test_more_editions_than_one_question_can_have_are_left_to_the_release(house, monkeypatch):
    monkeypatch.setattr(agreements, "EDITIONS_TOLD_MAX", 1)
    house.haven.opt_out_lists, house.haven.read = LISTS, EDITIONS

    assert house.ask(periods=["2018-04"]).status_code == 202
    assert told(house)["editions"] == {"2018-04": EDITIONS["2018-04"]}
    assert house.ask(periods=["2018-04", "2018-05"]).status_code == 202
    assert told(house) is None


def test_a_haven_that_does_not_answer_does_not_hide_the_decision(house):
    house.haven.broken = 422
    house.agreements.refuse("request", "LCR_MISSING")

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (403, "LCR_MISSING")


def test_whose_lists_and_editions_they_are_is_not_shown_to_clients(house):
    house.haven.opt_out_lists, house.haven.read = LISTS, EDITIONS

    answer = house.call("GET", "/v1/landed-months?agreement=DARS-NIC-123456-A1B2C&data_set=SUS_APC")

    assert set(answer.json()) == {"items"}
    assert set(answer.json()["items"][0]) == {"month", "providers", "landed_at"}


def test_who_may_not_have_them_is_not_told_which_months_were_landed(house):
    house.haven.landed = []
    house.agreements.refuse("request", "LCR_MISSING")

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (403, "LCR_MISSING")
    assert "periods" not in answer.json()


def test_whoever_has_a_line_sees_which_months_were_landed(house):
    house.haven.landed = ["2018-04", "2018-05"]
    path = "/v1/landed-months?agreement=DARS-NIC-123456-A1B2C&data_set="

    answer = house.call("GET", path + "SUS_APC")
    no_line = house.call("GET", path + "DIDS")
    house.agreements.refuse("request", "BREACH_OPEN")
    held = house.call("GET", path + "SUS_APC")
    house.agreements.parties.clear()
    stranger = house.call("GET", path + "SUS_APC")

    assert [item["month"] for item in answer.json()["items"]] == ["2018-04", "2018-05"]
    assert (no_line.status_code, no_line.json()["code"]) == (422, "LINE_NOT_IN_DSA")
    assert held.json() == answer.json()
    assert (stranger.status_code, stranger.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


@pytest.mark.parametrize("periods", [[], "2018-04", {}, [4], {"from": "2018-04"}])
def test_what_is_wrong_with_periods_is_said_of_a_place_in_what_was_sent(house, periods):
    """Guard: `_is_branch` of problems: no pointer names a form that periods might have had."""
    errors = house.ask(periods=periods).json()["errors"]

    places = {one["pointer"].removeprefix("#/body/periods") for one in errors}
    assert places <= {"", "/0", "/from", "/to"}
