"""Lists that change much wait for a second person, and until then the stricter of both holds."""

import pytest

from agreements.adapters.attestations import Attestations
from common.security.keys import Signer, generate_jwk
from common.security.roles import Role
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.api.test_organisations import HEADER, code
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CSU

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


@pytest.fixture
def haven():
    """The key of pseudonymisation."""
    return Signer(generate_jwk())


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
    service.client.app_state["attestations"] = Attestations(haven.jwks, clock=service.clock)
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
