"""Lists that change much wait for a second person, and until then the stricter of both holds."""

import pytest

from agreements.decision.adapters.attestations import SignedAttestations
from agreements.records.domain.lists.register import RELATIONSHIP_COLUMNS
from common.security.roles import Role
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.api.test_organisations import HEADER, code
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CSU

PATH = "/v1/imports"
WHY = {"reason": "Compared with the list that ODS publishes."}
MANY = 60


def trusts(number=MANY, *, closed=0):
    return "".join(
        f"R{n:02d},Trust {n},NHS_TRUST,,,2013-04-01,{'2018-03-31' if n < closed else ''}\n"
        for n in range(number)
    )


def csu(to=""):
    return f"{CSU},A CSU,CSU,,,2013-04-01,{to}\n"


class Lists:
    def __init__(self, asked):
        self.asked, self.service = asked, asked.service

    def organisations(self, rows, layout="dsfc", who="loader"):
        headers = self.service.headers(Role.REFERENCE_DATA_MANAGER, who=who)
        answer = self.service.client.post(
            f"/v1/organisations/imports?layout={layout}",
            headers=headers | {"Content-Type": "text/csv"},
            content=HEADER + rows,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assurance(self, rows, on="2018-05-31"):
        headers = self.service.headers(Role.REFERENCE_DATA_MANAGER, who="loader")
        header = "Code,Organisation Name,Status,Date Of Publication,Primary Sector\n"
        answer = self.service.client.post(
            f"/v1/assurance/imports?layout=dspt_csu&snapshot_on={on}",
            headers=headers | {"Content-Type": "text/csv"},
            content=header + rows,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def relationships(self, csu, *, version, on, number=MANY):
        """An edition in which one supports the commissioner of the world, and many others."""
        found = self.service.get("/v1/relationships", Role.AUDITOR).json()["items"]
        (mine,) = [r for r in found if r["commissioner"] == CCG and "M" not in r["reference"][4:]]
        header = ",".join(RELATIONSHIP_COLUMNS)
        names = [mine["reference"], *(f"LCR-M{n:03d}" for n in range(number))]
        rows = [
            f"{name},{CCG},A name,,,{csu},A name,{mine['dscro']},,,2017-04-01,,NEW,{version},{on}"
            for name in names
        ]
        answer = self.service.client.post(
            "/v1/relationships/imports",
            headers=self.service.headers(Role.REFERENCE_DATA_MANAGER, who="loader")
            | {"Content-Type": "text/csv"},
            content="\n".join([header, *rows]),
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def decide(self, sent, what="confirmation", who="second", role=Role.CONTRACT_MANAGER):
        return self.service.post(f"{PATH}/{sent['id']}/{what}", role, WHY, who=who)

    def waiting(self):
        found = self.service.get(PATH, Role.AUDITOR, state="waiting").json()["items"]
        return [one["id"] for one in found]

    def refused(self, body):
        answer = self.asked.post(body).json()
        return {(r["code"], r["subject"]) for r in answer["context"]["refusals"]}

    def to(self, ods):
        found = self.service.client.get(
            f"/v1/organisations/{ods}?as_at=2018-03-01",
            headers=self.service.headers(Role.AUDITOR),
        )
        return found.json()["valid_to"]


@pytest.fixture
def lists(service, haven):
    seed(service.parts.engine, on_the_catalogue(plain.sound()), sealer=service.parts.sealer)
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    return Lists(Asked(service, haven))


@pytest.fixture
def fetch(lists):
    """A file that may be fetched, as far as nothing takes it away."""
    body = lists.asked.fetch_body(lists.asked.released()["holding_id"])
    assert lists.refused(body) == set()
    return body


def test_a_list_that_changes_much_waits_and_changes_nothing(lists):
    first = lists.organisations(trusts())
    sent = lists.organisations(trusts(closed=40))

    assert first["standing"]["state"] == "accepted", "it replaces nothing"
    assert sent["standing"]["state"] == "waiting"
    assert sent["standing"]["change"] == {
        "before": MANY,
        "after": MANY,
        "added": 0,
        "removed": 0,
        "changed": 40,
    }
    assert lists.to("R00") is None
    assert lists.waiting() == [sent["id"]]

    decided = lists.decide(sent).json()
    assert decided["standing"]["state"] == "confirmed"
    assert lists.to("R00") == "2018-03-31"
    assert lists.waiting() == []


def test_a_list_that_changes_little_is_in_force_at_once(lists):
    lists.organisations(trusts())

    assert lists.organisations(trusts(closed=5))["standing"]["state"] == "accepted"
    assert lists.to("R00") == "2018-03-31"


def test_the_sender_cannot_confirm_and_what_is_decided_stays_decided(lists):
    lists.organisations(trusts())
    sent = lists.organisations(trusts(closed=40))

    same = lists.decide(sent, who="loader", role=Role.REFERENCE_DATA_MANAGER)
    assert code(same) == (409, "SECOND_PERSON_NEEDED")
    assert lists.decide(sent, "withdrawal").json()["standing"]["state"] == "taken_back"
    assert code(lists.decide(sent)) == (409, "REPLACEMENT_DECIDED")
    assert code(lists.decide(sent, "withdrawal")) == (409, "REPLACEMENT_DECIDED")
    assert lists.to("R00") is None
    nobodys = {"id": "019a0000-0000-7000-8000-000000000000"}
    assert code(lists.decide(nobodys)) == (404, "IMPORT_NOT_FOUND")
    assert code(lists.decide(nobodys, "withdrawal")) == (404, "IMPORT_NOT_FOUND")


def test_a_later_list_takes_the_place_of_one_that_waits(lists):
    lists.organisations(trusts())
    sent = lists.organisations(trusts(closed=40))
    later = lists.organisations(trusts(closed=50))

    assert lists.waiting() == [later["id"]]
    assert code(lists.decide(sent)) == (409, "REPLACEMENT_DECIDED")
    found = lists.service.get(PATH, Role.AUDITOR, state="superseded").json()["items"]
    assert [one["id"] for one in found] == [sent["id"]]


def test_what_a_waiting_list_takes_away_is_gone_while_it_waits(lists, fetch):
    lists.organisations(trusts())
    lists.service.pauses.clear()
    sent = lists.organisations(trusts(closed=40) + csu(to="2018-05-31"))

    assert sent["standing"]["state"] == "waiting"
    assert len(lists.service.pauses) == 1, "the answer waits until no lease is alive"
    assert lists.refused(fetch) == {("IMPORT_WAITING", CSU)}
    lists.decide(sent, "withdrawal")
    assert lists.refused(fetch) == set()


def test_what_a_waiting_list_gives_is_not_given_while_it_waits(lists, fetch):
    lists.organisations(trusts() + csu(to="2018-05-31"))
    assert lists.refused(fetch) == {("ORGANISATION_CLOSED", CSU)}
    sent = lists.organisations(trusts(closed=40) + csu())

    assert sent["standing"]["state"] == "waiting"
    assert lists.refused(fetch) == {("ORGANISATION_CLOSED", CSU)}
    lists.decide(sent)
    assert lists.refused(fetch) == set()


def dspt(status, number=MANY):
    row = "{},N,18/19 {},02/04/2018,CSU\n"
    others = "".join(row.format(f"0{n:02d}", status) for n in range(number))
    return others + row.format(CSU, status)


def test_an_assurance_list_that_takes_much_away_holds_while_it_waits(lists, fetch):
    lists.decide(lists.assurance(dspt("Standards Met")))
    assert lists.refused(fetch) == set()
    sent = lists.assurance(dspt("Standards Not Met"), on="2018-06-01")

    assert sent["standing"]["state"] == "waiting"
    assert lists.refused(fetch) == {("IMPORT_WAITING", CSU)}
    lists.decide(sent)
    assert lists.refused(fetch) == {("ASSURANCE_LAPSED", CSU)}


def test_an_assurance_list_that_gives_much_gives_nothing_while_it_waits(lists, fetch):
    sent = lists.assurance(dspt("Standards Not Met", number=25))
    assert sent["standing"]["state"] == "waiting", "it is not the first: evidence was recorded"
    lists.decide(sent)
    assert lists.refused(fetch) == {("ASSURANCE_LAPSED", CSU)}

    again = lists.assurance(dspt("Standards Met", number=25), on="2018-06-01")
    assert again["standing"]["state"] == "waiting"
    assert lists.refused(fetch) == {("ASSURANCE_LAPSED", CSU)}
    lists.decide(again)
    assert lists.refused(fetch) == set()


def test_a_list_seen_again_on_another_day_changes_nothing_that_waits(lists):
    lists.decide(lists.assurance(dspt("Standards Met")))

    again = lists.assurance(dspt("Standards Met"), on="2018-06-01")
    assert again["standing"]["state"] == "accepted"
    assert again["standing"]["change"]["changed"] == 0


def test_a_waiting_list_that_touches_nobody_of_an_agreement_takes_nothing_from_it(lists, fetch):
    lists.organisations(trusts())
    lists.organisations(trusts(closed=40))

    assert lists.refused(fetch) == set()


def test_a_list_in_force_is_taken_back_and_what_it_replaced_is_true_again(lists):
    lists.organisations(trusts())
    sent = lists.organisations(trusts(closed=5))
    assert lists.to("R00") == "2018-03-31"

    back = lists.decide(sent, "withdrawal").json()

    assert back["standing"]["state"] == "taken_back"
    assert lists.to("R00") is None
    assert code(lists.decide(sent, "withdrawal")) == (409, "REPLACEMENT_DECIDED")


def test_taking_back_what_gives_much_needs_a_second_person_and_both_hold_meanwhile(lists, fetch):
    lists.organisations(trusts() + csu())
    sent = lists.organisations(trusts(closed=40) + csu(to="2018-05-31"))
    lists.decide(sent)
    assert lists.refused(fetch) == {("ORGANISATION_CLOSED", CSU)}

    leaving = lists.decide(sent, "withdrawal", who="third").json()

    assert leaving["standing"]["state"] == "leaving"
    assert lists.refused(fetch) == {("ORGANISATION_CLOSED", CSU)}
    assert code(lists.decide(sent, "withdrawal", who="third")) == (409, "SECOND_PERSON_NEEDED")
    gone = lists.decide(sent, "withdrawal", who="fourth").json()
    assert gone["standing"]["state"] == "taken_back"
    assert lists.refused(fetch) == set()


def test_while_the_taking_back_waits_what_it_takes_away_is_gone(lists, fetch):
    lists.decide(lists.assurance(dspt("Standards Not Met"), on="2018-05-30"))
    sent = lists.assurance(dspt("Standards Met"), on="2018-05-31")
    lists.decide(sent)
    assert lists.refused(fetch) == set()

    assert lists.decide(sent, "withdrawal").json()["standing"]["state"] == "leaving"

    assert lists.refused(fetch) == {("IMPORT_WAITING", CSU)}


def test_only_the_newest_list_is_taken_back(lists):
    first = lists.organisations(trusts())
    lists.organisations(trusts(closed=5))

    assert code(lists.decide(first, "withdrawal")) == (409, "REPLACEMENT_DECIDED")


def test_what_somebody_changed_since_is_not_touched_by_taking_a_list_back(lists):
    lists.decide(lists.assurance(dspt("Standards Met"), on="2018-05-30"))
    sent = lists.assurance(dspt("Standards Exceeded"))
    lists.decide(sent)
    recorded = lists.service.post(
        "/v1/assurance",
        Role.REFERENCE_DATA_MANAGER,
        {
            "organisation": CSU,
            "kind": "DSPT",
            "reference": "18/19",
            "status": "STANDARDS_NOT_MET",
            "published_on": "2018-04-03",
            "seen_on": "2018-06-01",
        },
    )
    assert recorded.status_code == 201, recorded.text

    lists.decide(sent, "withdrawal", who="third")
    gone = lists.decide(sent, "withdrawal", who="fourth").json()

    assert gone["standing"]["state"] == "taken_back"
    shown = {
        ods: lists.service.client.get(
            f"/v1/assurance?organisation={ods}", headers=lists.service.headers(Role.AUDITOR)
        ).json()["items"][-1]["status"]
        for ods in (CSU, "000")
    }
    assert shown == {CSU: "STANDARDS_NOT_MET", "000": "STANDARDS_MET"}


def test_lists_that_change_a_little_many_times_wait_when_they_changed_much(lists):
    lists.organisations(trusts(100))
    states = [lists.organisations(trusts(100, closed=n))["standing"]["state"] for n in (15, 20, 35)]

    # 15 each is fewer than the floor; 35 of 100 are more than a tenth.
    assert states == ["accepted", "accepted", "waiting"]


def test_an_edition_of_relationships_that_takes_one_away_holds_while_it_waits(lists, fetch):
    lists.decide(lists.relationships(CSU, version=7, on="2018-05-30"))
    assert lists.refused(fetch) == set()
    sent = lists.relationships(OTHER_CSU, version=8, on="2018-05-31")

    assert sent["standing"]["state"] == "waiting"
    assert {c for c, _ in lists.refused(fetch)} == {"IMPORT_WAITING"}
    lists.decide(sent)
    gone = {c for c, _ in lists.refused(fetch)}
    assert gone
    assert "IMPORT_WAITING" not in gone

    assert lists.decide(sent, "withdrawal", who="third").json()["standing"]["state"] == "leaving"
    assert {c for c, _ in lists.refused(fetch)} == gone, "it gives nothing before a second person"
    lists.decide(sent, "withdrawal", who="fourth")
    assert lists.refused(fetch) == set()


def closing(*numbers, of=100):
    """A list in which just these have closed."""
    rows = (
        f"R{n:02d},A trust {n},NHS_TRUST,,,2013-04-01,{'2018-03-31' if n in numbers else ''}\n"
        for n in range(of)
    )
    return "".join(rows)


def test_a_list_is_held_against_every_state_of_the_window_and_not_the_first_alone(lists):
    lists.organisations(closing())
    sent = [closing(*range(15)), closing(), closing(*range(20, 35))]
    states = [lists.organisations(rows)["standing"] for rows in sent]

    assert [one["state"] for one in states] == ["accepted", "accepted", "waiting"]
    assert states[-1]["change"]["changed"] == 30, "15 that were closed are not, and 15 are"


def record_dspt(lists, status, ods=CSU):
    body = {
        "organisation": ods,
        "kind": "DSPT",
        "reference": "18/19",
        "status": status,
        "published_on": "2018-04-03",
        "seen_on": "2018-05-31",
    }
    answer = lists.service.post("/v1/assurance", Role.REFERENCE_DATA_MANAGER, body)
    assert answer.status_code == 201, answer.text


def test_what_would_change_something_else_by_now_than_was_shown_is_not_let_in(lists):
    """As many change as the preview says, and of one of them what it was is another thing."""
    lists.decide(lists.assurance(dspt("Standards Met"), on="2018-05-30"))
    sent = lists.assurance(dspt("Standards Exceeded"))
    assert sent["standing"]["state"] == "waiting"
    record_dspt(lists, "STANDARDS_NOT_MET")

    assert code(lists.decide(sent)) == (409, "REPLACEMENT_OUTDATED")
    assert lists.waiting() == [sent["id"]]

    again = lists.assurance(dspt("Standards Exceeded"), on="2018-06-01")
    assert lists.decide(again).json()["standing"]["state"] == "confirmed"


def test_what_a_list_says_nothing_of_may_change_while_it_waits(lists):
    lists.decide(lists.assurance(dspt("Standards Met", number=30), on="2018-05-30"))
    sent = lists.assurance(dspt("Standards Exceeded", number=30))
    record_dspt(lists, "STANDARDS_NOT_MET", ods=OTHER_CSU)

    assert lists.decide(sent).json()["standing"]["state"] == "confirmed"


def test_whoever_would_take_back_something_else_than_the_first_was_shown_is_the_first_again(lists):
    lists.decide(lists.assurance(dspt("Standards Met"), on="2018-05-30"))
    sent = lists.assurance(dspt("Standards Exceeded"))
    lists.decide(sent)
    assert lists.decide(sent, "withdrawal", who="third").json()["standing"]["state"] == "leaving"
    record_dspt(lists, "STANDARDS_NOT_MET")

    fourth = lists.decide(sent, "withdrawal", who="fourth").json()

    assert fourth["standing"]["state"] == "leaving"
    assert code(lists.decide(sent, "withdrawal", who="fourth")) == (409, "SECOND_PERSON_NEEDED")
    gone = lists.decide(sent, "withdrawal", who="third").json()
    assert gone["standing"]["state"] == "taken_back"
