"""What recipients hold, and its destruction, over HTTP: files are released by real decisions."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from agreements.decision.adapters.attestations import SignedAttestations
from agreements.decision.domain.question import Action
from agreements.records.adapters.workers import Announcer
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases.destruction.overdue import alert_overdue
from agreements.records.use_cases.ports import DisseminatedFile
from common.errors import Unavailable
from common.security.keys import Signer, generate_jwk
from common.security.roles import Role
from services.agreements.tests.api.test_access import (
    Asked,
    match_body,
    reidentify_body,
    scores_body,
)
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CLIENT, CSU

PATH = f"/v1/agreements/{plain.REFERENCE}/destruction"
CCG = "02P"
OPERATED = [
    {
        "address": "1 High Street",
        "postcode": "SO53 3YA",
        "country": "GB-ENG",
        "operator": CSU,
        "kinds": ["processing", "backup"],
    }
]


class Dissemination:
    """What dissemination would answer; `away` raises. The real one is asked in tests/e2e."""

    def __init__(self):
        self.files = []
        self.away = False

    def of(self, agreement):
        if self.away:
            raise Unavailable("Dissemination does not answer.")
        return self.files


class Recipients:
    """An agreement with places, whose files are asked for, released and fetched."""

    def __init__(self, asked, dissemination):
        self.asked, self.service, self.dissemination = asked, asked.service, dissemination

    def release(self, *, fetched=True, **changes):
        context, _ = self.asked.permitted(**changes)
        claims, compact = self.asked.attested(context)
        said = self.asked.post(self.asked.release_body(claims, compact)).json()
        assert said["decision"], said
        holding = said["context"]["holding_id"]
        if fetched:
            assert self.asked.post(self.asked.fetch_body(holding)).json()["decision"]
        self.dissemination.files.append(
            DisseminatedFile(file_id=claims["sub"], is_being_delivered=False)
        )
        return claims["sub"], holding

    def end(self):
        answer = self.service.post(
            f"/v1/agreements/{plain.REFERENCE}/termination",
            Role.CONTRACT_MANAGER,
            {"reason": "The controller asked for it."},
        )
        assert answer.status_code == 200, answer.text

    def shown(self, role=Role.CONTRACT_MANAGER):
        return self.service.get(PATH, role).json()

    def prefilled_all(self):
        return [copy for file in self.shown()["files"] for copy in file["copies"]]

    def prefilled(self):
        return self.service.get(f"{PATH}/certificate", Role.CONTROLLER_SIGNATORY).json()["copies"]

    def certify(self, copies, *, role=Role.CONTROLLER_SIGNATORY, ods=None, key=None, **said):
        day = self.service.clock.now().date().isoformat()
        what = {"method": "overwriting", "destroyed_on": day} | said
        body = {
            "name_of_role": "SIRO",
            "witness": "Shredders Ltd",
            "copies": [{"copy_id": one["id"], **what} for one in copies],
        }
        return self.service.post(f"{PATH}/certificates", role, body, ods=ods, key=key)

    def accept(self, who="first", role=Role.CONTRACT_MANAGER):
        return self.service.post(
            f"{PATH}/acceptances", role, {"reason": "All four are there."}, who=who
        )

    def state(self):
        return self.service.get(f"/v1/agreements/{plain.REFERENCE}", Role.CONTRACT_MANAGER).json()[
            "state"
        ]


@pytest.fixture
def recipients(service):
    haven = Signer(generate_jwk())
    world = on_the_catalogue(plain.sound())
    for version in world["agreement"]["versions"]:
        version["snapshot"]["locations"] = OPERATED
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    dissemination = Dissemination()
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    service.client.app_state["releases"] = dissemination
    return Recipients(Asked(service, haven), dissemination)


@pytest.fixture
def four(recipients):
    """Four files that were fetched, in two places each, and the agreement ended."""
    for month in ("2018-04", "2018-05", "2018-04", "2018-05"):
        recipients.release(periods=[month])
    recipients.end()
    return recipients


def test_what_is_held_and_by_when_it_must_go_is_one_call(four):
    held = four.service.get("/v1/holdings", Role.CSU_ADVISER, ods=CSU).json()["items"]

    assert len(held) == 4
    assert {(c["holder"], c["kind"]) for one in held for c in one["copies"]} == {
        (CSU, "live"),
        (CSU, "back_up"),
    }
    assert {c["place"] for one in held for c in one["copies"]} == {"1 High Street, SO53 3YA"}
    assert {one["due"]["trigger"] for one in held} == {"terminated"}
    assert {one["due"]["by"] for one in held} == {"2018-06-29"}
    assert not any(one["due"]["overdue"] for one in held)
    assert all(one["is_as_sealed"] for one in held)


def shared(recipients, recipient, *, status=201, **changes):
    body = {"recipient": recipient, "line": 1, "shared_on": "2018-06-01"}
    answer = recipients.service.post(
        f"/v1/agreements/{plain.REFERENCE}/onward-shares",
        Role.CSU_ADVISER,
        body | {"activity_stopped": "yes"} | changes,
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def test_whoever_data_went_on_to_holds_a_copy_that_a_certificate_must_cover(recipients):
    recipients.release()
    shared(recipients, "0CX", shared_on="2018-05-31")
    assert {c["holder"] for c in recipients.prefilled_all()} == {CSU}
    shared(recipients, "0CX")
    assert shared(recipients, CSU, status=422)["code"] == "SHARED_WITH_ONESELF"
    held = [(c["holder"], c["kind"], c["place"]) for c in recipients.prefilled_all()]

    assert held.count(("0CX", "live", "where it was passed on to")) == 1
    assert len(held) == 3
    recipients.end()
    copies = recipients.prefilled()
    recipients.certify([c for c in copies if c["holder"] != "0CX"])
    refused = recipients.accept()
    assert refused.json()["code"] == "CERTIFICATE_INCOMPLETE"
    assert {m["holder"] for m in refused.json()["missing"]} == {"0CX"}
    assert recipients.certify([c for c in copies if c["holder"] == "0CX"]).status_code == 201
    assert recipients.accept().status_code == 200


def test_what_is_held_and_must_go_stands_on_one_page_what_goes_first_first(recipients):
    recipients.release()
    assert statement(recipients)["due"] == 0
    recipients.end()
    said = statement(recipients)
    assert (len(said["files"]), said["due"], said["overdue"], said["is_whole"]) == (1, 1, 0, True)
    [file] = said["files"]
    assert (file["due"]["trigger"], file["is_as_sealed"]) == ("terminated", True)
    recipients.service.clock.advance(timedelta(days=60))
    page = recipients.service.get("/v1/holdings/statement", Role.CSU_ADVISER, format="html")

    assert statement(recipients)["overdue"] == 1
    assert page.headers["content-type"].startswith("text/html")
    assert file["file_id"] in page.text
    assert "1 should be gone" in page.text
    stranger = recipients.service.get(
        "/v1/holdings/statement", Role.CSU_ADVISER, ods="0CX", format="html"
    )
    assert "Nothing is held." in stranger.text


def statement(recipients):
    return recipients.service.get("/v1/holdings/statement", Role.CSU_ADVISER).json()


def test_what_others_hold_is_not_shown(four):
    stranger = four.service.get("/v1/holdings", Role.CSU_ADVISER, ods="0CX").json()

    assert stranger["items"] == []
    assert four.service.get(PATH, Role.CSU_ADVISER, ods="0CX").status_code == 404


def test_the_end_of_an_agreement_of_which_files_are_out_is_told_before_that_they_are_due(four):
    assert four.state() == "DESTRUCTION_DUE"
    told = [e for e in four.service.events() if e.startswith("agreements.agreement-")]
    assert told[-2:] == [
        "agreements.agreement-terminated.v1",
        "agreements.agreement-destruction-due.v1",
    ]


@pytest.mark.scenario("X01")
def test_a_certificate_that_misses_a_file_is_taken_and_not_accepted(four):
    copies = four.prefilled()
    left_out = copies[0]["file_id"]
    partly = four.certify([c for c in copies if c["file_id"] != left_out])
    assert partly.status_code == 201, partly.text
    assert partly.json()["state"] == "PARTLY_CERTIFIED"

    refused = four.accept()

    assert (refused.status_code, refused.json()["code"]) == (409, "CERTIFICATE_INCOMPLETE")
    assert {(m["file_id"], m["kind"]) for m in refused.json()["missing"]} == {
        (left_out, "live"),
        (left_out, "back_up"),
    }
    assert four.state() == "DESTRUCTION_DUE"
    assert four.shown()["acceptances"] == []
    assert "agreements.file-destroyed.v1" not in four.service.events()


@pytest.mark.scenario("X01")
def test_a_certificate_that_misses_a_back_up_is_not_accepted(four):
    copies = four.prefilled()
    four.certify([c for c in copies if c["kind"] == "live"])

    refused = four.accept().json()

    assert refused["code"] == "CERTIFICATE_INCOMPLETE"
    assert {m["kind"] for m in refused["missing"]} == {"back_up"}
    assert len(refused["missing"]) == 4


@pytest.mark.scenario("X02")
def test_what_is_certified_whole_and_accepted_by_two_closes_the_agreement(four):
    copies = four.prefilled()
    first, rest = copies[:3], copies[3:]
    four.certify(first, role=Role.PROCESSOR_CONTACT, ods=CSU)
    assert four.certify(rest).json()["state"] == "CERTIFIED"

    once = four.accept("first")
    assert once.status_code == 200, once.text
    assert (once.json()["state"], four.state()) == ("CERTIFIED", "DESTRUCTION_DUE")
    for same in ("first", "First"):
        again = four.accept(same).json()
        assert (again["status"], again["code"]) == (409, "DESTRUCTION_NEEDS_ANOTHER_PERSON")
    assert four.state() == "DESTRUCTION_DUE"

    four.service.pauses.clear()
    twice = four.accept("second", Role.DARS_APPROVER)

    assert twice.json()["state"] == "ACCEPTED"
    assert four.service.pauses, "the answer waits until no lease is alive"
    assert four.state() == "CLOSED"
    events = four.service.events()
    assert events.count("agreements.file-destroyed.v1") == 4
    assert events.count("agreements.agreement-closed.v1") == 1
    assert {"files-destroyed", "agreement-closed"} <= set(four.service.audited())
    assert all(f["destroyed_at"] and not f["copies"] for f in twice.json()["files"])


@pytest.mark.scenario("X02")
def test_nothing_opens_again_what_is_closed(four):
    four.certify(four.prefilled())
    four.accept("first")
    four.accept("second")

    request = four.asked.post(four.asked.request_body()).json()
    assert "DSA_NOT_ACTIVE" in {r["code"] for r in request["context"]["refusals"]}
    assert four.prefilled() == []
    more = four.accept("third")
    assert more.json()["code"] == "CERTIFICATE_INCOMPLETE"
    assert four.state() == "CLOSED"


@pytest.mark.scenario("X02")
def test_once_it_is_closed_every_question_is_refused_with_its_code(recipients):
    """A file, records, a table, changes, pairs, whom a token stands for, an invoice, scores."""
    asked = recipients.asked
    context, claims = asked.permitted(periods=["2018-05"])
    prepared = asked.release_body(*asked.attested(context))
    _, holding = recipients.release()
    table = {"dimensions": [{"column": "Sex"}], "measure": "records"}
    bridge = {"agreement": "DARS-NIC-654321-Z9Y8X", **asking.KEY._asdict()}
    questions = {
        "request": [
            asked.request_body(),
            asked.request_body(table=table, fields=["Sex"], formats=["csv"]),
            asked.request_body(changes_since=claims["extract_id"]),
            asked.request_body(bridge=bridge, fields=[]),
        ],
        "release": [prepared],
        "fetch": [asked.fetch_body(holding)],
        "reidentify": [reidentify_body(asked, CLIENT, CSU, Role.CSU_SYSTEM)],
        "match": [match_body(asked)],
        "return_scores": [scores_body(asked)],
    }
    assert set(questions) == {*Action}
    recipients.end()
    recipients.certify(recipients.prefilled())
    recipients.accept("first")
    assert recipients.accept("second").json()["state"] == "ACCEPTED"

    for action, bodies in questions.items():
        for body in bodies:
            haven = action in ("reidentify", "match", "return_scores")
            role = Role.SERVICE_PSEUDONYMISATION if haven else Role.SERVICE_DISSEMINATION
            answer = asked.post(body, role=role)
            assert answer.status_code == 200, (action, answer.text)
            codes = {one["code"] for one in answer.json()["context"]["refusals"]}
            assert "DSA_NOT_ACTIVE" in codes, (action, codes)
            assert ("FILE_DESTROYED" in codes) is (action == "fetch")


def test_an_acceptance_is_not_of_a_certificate_that_came_after_it(four):
    four.certify(four.prefilled())
    four.accept("first")
    four.certify(four.shown()["files"][0]["copies"], method="shredding")

    second = four.accept("second")

    assert second.json()["state"] == "CERTIFIED"
    assert [a["counts"] for a in second.json()["acceptances"]] == [False, True]
    assert four.accept("first").json()["state"] == "ACCEPTED"


def test_a_back_up_may_age_out_by_a_day_and_no_later(four):
    copies = four.prefilled()
    live, back_ups = ([c for c in copies if c["kind"] == kind] for kind in ("live", "back_up"))
    exception = {"method": "ages_out", "destroyed_on": None, "reason": "Tapes rotate"}

    no_day = four.certify(back_ups, **exception)
    too_late = four.certify(back_ups, **exception, ages_out_on="2018-12-01")
    of_live = four.certify(live, **exception, ages_out_on="2018-09-01")
    for refused in (no_day, too_late, of_live):
        assert (refused.status_code, refused.json()["code"]) == (422, "CERTIFICATE_IMPOSSIBLE")
    assert "until 2018-11-28" in too_late.json()["errors"][0]
    assert four.shown()["certificates"] == []

    assert four.certify(back_ups, **exception, ages_out_on="2018-11-28").status_code == 201
    four.certify(live)
    four.accept("first")
    done = four.accept("second").json()

    assert done["state"] == "ACCEPTED"
    assert {e["ages_out_on"] for e in done["exceptions"]} == {"2018-11-28"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"destroyed_on": "2018-06-02"}, "still to come"),
        ({"destroyed_on": "2018-05-31"}, "before the file was released"),
        ({"destroyed_on": None}, "say on which day"),
        ({"method": "never_fetched", "destroyed_on": None}, "was fetched"),
    ],
)
def test_a_certificate_that_cannot_be_true_is_refused_whole(four, said, why):
    refused = four.certify(four.prefilled(), **said)

    assert (refused.status_code, refused.json()["code"]) == (422, "CERTIFICATE_IMPOSSIBLE")
    assert all(why in error for error in refused.json()["errors"])
    assert four.shown()["certificates"] == []


def test_a_certificate_of_copies_that_are_not_held_there_is_refused(four):
    [copy, *_] = four.prefilled()
    other = four.certify([copy | {"id": "0" * 16}])
    twice = four.certify([copy, copy])

    for refused in (other, twice):
        assert (refused.status_code, refused.json()["code"]) == (422, "COPY_NOT_HELD")
    assert four.shown()["certificates"] == []


def test_nobody_certifies_what_another_holds_but_a_controller(service, recipients):
    recipients.release()
    recipients.end()
    copies = recipients.prefilled()

    stranger = recipients.certify(copies, role=Role.CSU_ADVISER, ods="0CX")
    assert stranger.status_code == 404
    assert recipients.certify(copies, role=Role.CSU_ADVISER, ods=CSU).status_code == 201


def test_what_nobody_fetched_is_certified_as_that_and_no_longer_once_it_was(recipients):
    _, holding = recipients.release(fetched=False)
    copies = recipients.prefilled_all()
    said = {"method": "never_fetched", "destroyed_on": None}
    assert recipients.certify(copies, **said).json()["state"] == "CERTIFIED"

    assert recipients.asked.post(recipients.asked.fetch_body(holding)).json()["decision"]

    refused = recipients.accept()
    assert refused.json()["code"] == "CERTIFICATE_INCOMPLETE"
    assert len(refused.json()["missing"]) == len(copies)


@pytest.mark.scenario("X01")
def test_what_was_fetched_while_dissemination_was_asked_is_not_accepted(recipients, monkeypatch):
    """Guard: `Destruction.accept`, in the transaction; what was complete before may not be now."""
    _, holding = recipients.release(fetched=False)
    said = {"method": "never_fetched", "destroyed_on": None}
    recipients.certify(recipients.prefilled_all(), **said)
    known = recipients.dissemination.files

    def of(_agreement):
        assert recipients.asked.post(recipients.asked.fetch_body(holding)).json()["decision"]
        return known

    monkeypatch.setattr(recipients.dissemination, "of", of)
    refused = recipients.accept()

    assert (refused.status_code, refused.json()["code"]) == (409, "CERTIFICATE_INCOMPLETE")
    assert recipients.shown()["acceptances"] == []


def test_dissemination_is_asked_before_anything_is_accepted(four):
    four.certify(four.prefilled())
    four.dissemination.away = True
    away = four.accept()
    four.dissemination.away = False
    known = list(four.dissemination.files)
    four.dissemination.files.append(DisseminatedFile(file_id="unknown", is_being_delivered=False))
    differs = four.accept()
    four.dissemination.files[:] = [
        DisseminatedFile(file_id=known[0].file_id, is_being_delivered=True),
        *known[1:],
    ]
    leaving = four.accept()

    assert away.status_code == 503
    assert (differs.status_code, differs.json()["code"]) == (409, "LEDGER_DIFFERS")
    assert differs.json()["files"] == ["unknown"]
    assert leaving.json()["code"] == "DELIVERY_UNDER_WAY"
    assert leaving.json()["files"] == [known[0].file_id]
    assert four.shown()["acceptances"] == []


def test_what_somebody_wrote_past_the_service_is_not_accepted(four):
    four.certify(four.prefilled())
    four.accept("first")
    with four.service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE destruction_acceptance SET accepted_by = 'nobody'"))

    refused = four.accept("first")

    assert (refused.status_code, refused.json()["code"]) == (409, "SEAL_BROKEN")
    assert four.shown()["not_as_sealed"] == ["destruction_acceptance"]


def test_a_holding_that_somebody_wrote_past_the_service_is_not_accepted(four):
    four.certify(four.prefilled())
    with four.service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE holding SET bytes = bytes + 1"))

    assert four.accept().json()["code"] == "LEDGER_DIFFERS"


def test_what_is_certified_in_each_copy_is_no_breach_however_late_it_is_accepted(four):
    four.certify(four.prefilled())
    four.service.clock.advance(timedelta(days=60))

    assert alert_overdue(ctx=four.service.ctx) == 0
    assert [four.accept(who).status_code for who in ("first", "second")] == [200, 200]
    assert four.state() == "CLOSED"


def test_what_is_overdue_is_a_breach_once_for_each_day(four):
    assert alert_overdue(ctx=four.service.ctx) == 0
    four.service.clock.advance(timedelta(days=28, hours=23))

    assert alert_overdue(ctx=four.service.ctx) == 1
    assert alert_overdue(ctx=four.service.ctx) == 0

    assert four.shown()["state"] == "OVERDUE"
    [breach] = four.service.get("/v1/breaches", Role.BREACH_HANDLER).json()["items"]
    assert (breach["cause"], breach["channel"]) == ("destruction_overdue", "system")
    assert breach["agreement"] == plain.REFERENCE
    assert breach["ico_notified_at"] is None
    assert "agreements.breach-reported.v1" in four.service.events()


@pytest.mark.scenario("X01")
def test_what_is_certified_in_part_and_overdue_in_the_rest_is_a_breach_until_all_is_there(four):
    """A certificate of part, its rest overdue: alert, breach record; then whole, and closed."""
    house = four.service
    announcer = Announcer(house.parts.context(Role.SYSTEM_CLOCK), every_seconds=1)

    def breaches():
        return house.get("/v1/breaches", Role.BREACH_HANDLER).json()["items"]

    def turned(**later):
        house.clock.advance(timedelta(**later))
        announcer.turn()
        return four.shown()["state"], len(breaches())

    copies = four.prefilled()
    late = {copies[0]["file_id"]}
    assert turned() == ("DUE", 0)
    four.certify([c for c in copies if c["file_id"] not in late])
    assert turned() == ("PARTLY_CERTIFIED", 0)
    assert turned(days=27) == ("PARTLY_CERTIFIED", 0), "the day before its last"
    assert turned(days=2) == ("PARTLY_CERTIFIED", 1)
    assert turned(hours=1) == turned(days=40) == ("PARTLY_CERTIFIED", 1), "once"

    [breach] = breaches()
    assert (breach["cause"], breach["agreement"]) == ("destruction_overdue", plain.REFERENCE)
    assert breach["description"].startswith("1 file should"), "what is certified is not late"
    assert house.events().count("agreements.breach-reported.v1") == 1
    refused = four.accept()
    assert refused.json()["code"] == "CERTIFICATE_INCOMPLETE"
    assert {one["file_id"] for one in refused.json()["missing"]} == late
    assert four.shown()["acceptances"] == []
    assert four.state() == "DESTRUCTION_DUE"

    four.certify([c for c in four.prefilled() if c["file_id"] in late])
    assert [four.accept(who).status_code for who in ("first", "second")] == [200, 200]
    assert four.state() == "CLOSED"
    assert house.events().count("agreements.file-destroyed.v1") == len(
        {copy["file_id"] for copy in copies}
    )
    assert turned(days=30) == ("ACCEPTED", 1), "what was late stays on record"
    path = f"/v1/breaches/{breach['id']}"
    for step, body in (
        ("facts", {"facts": "One file was deleted late."}),
        ("finding", {"finding": "minor"}),
        ("closure", {"outcome": "Destroyed.", "lesson": "Back-ups are counted."}),
    ):
        assert house.post(f"{path}/{step}", Role.BREACH_HANDLER, body).status_code == 200
    assert house.get(path, Role.BREACH_HANDLER).json()["state"] == "CLOSED"


def test_a_finding_that_wants_it_destroyed_makes_it_due_in_an_agreement_in_force(recipients):
    recipients.release()
    report = {
        "activity_stopped": "yes",
        "agreement": plain.REFERENCE,
        "lines": [1],
        "description": "A copy was put on a server that is not in the agreement.",
        "discovered_at": "2018-06-01T09:00:00Z",
    }
    breach = recipients.service.post("/v1/breaches", Role.CSU_ADVISER, report, ods=CSU).json()
    judged = recipients.service.post(
        f"/v1/breaches/{breach['id']}/finding",
        Role.BREACH_HANDLER,
        {"finding": "major", "actions": ["destroy"]},
    )
    assert judged.json()["actions"] == ["destroy"]

    [file] = recipients.shown()["files"]
    assert (file["due"]["trigger"], file["due"]["by"]) == ("breach", "2018-06-08")
    assert recipients.state() == "ACTIVE"
    recipients.certify(recipients.prefilled())
    recipients.accept("first")
    assert recipients.accept("second").json()["state"] == "ACCEPTED"
    assert recipients.state() == "ACTIVE"
    assert "agreements.agreement-closed.v1" not in recipients.service.events()


def destroyed_by_finding(recipients):
    """A file of an agreement in force, whose destruction a finding wanted and two accepted."""
    file_id, holding = recipients.release()
    report = {
        "activity_stopped": "yes",
        "agreement": plain.REFERENCE,
        "description": "A copy was put on a server that is not in the agreement.",
        "discovered_at": "2018-06-01T09:00:00Z",
    }
    breach = recipients.service.post("/v1/breaches", Role.CSU_ADVISER, report, ods=CSU).json()
    recipients.service.post(
        f"/v1/breaches/{breach['id']}/finding",
        Role.BREACH_HANDLER,
        {"finding": "major", "actions": ["destroy"]},
    )
    recipients.certify(recipients.prefilled())
    recipients.accept("first")
    assert recipients.asked.post(recipients.asked.fetch_body(holding)).json()["decision"]
    assert recipients.accept("second").json()["state"] == "ACCEPTED"
    assert recipients.state() == "ACTIVE"
    return file_id, holding


@pytest.mark.scenario("X02")
def test_a_file_that_is_destroyed_is_not_given_again_in_an_agreement_in_force(recipients):
    """Guard: `file_clauses.void`; dissemination learns of it by an event, which may be late."""
    _, holding = destroyed_by_finding(recipients)

    answer = recipients.asked.post(recipients.asked.fetch_body(holding)).json()

    assert answer["decision"] is False
    assert [one["code"] for one in answer["context"]["refusals"]] == ["FILE_DESTROYED"]
    assert recipients.release()[1] != holding, "the period is given anew"


def test_a_deleted_word_that_a_file_is_destroyed_opens_nothing(recipients):
    _, holding = destroyed_by_finding(recipients)
    with recipients.service.parts.engine.begin() as connection:
        connection.execute(text("DELETE FROM destroyed_file"))
    shared(recipients, "0CX")  # another fact: what was known is read anew

    answer = recipients.asked.post(recipients.asked.fetch_body(holding)).json()

    assert [one["code"] for one in answer["context"]["refusals"]] == ["SEAL_BROKEN"]
    assert answer["context"]["refusals"][0]["subject"] == "destroyed_file"


def test_a_finding_that_ends_the_agreement_ends_it(recipients):
    recipients.release()
    report = {
        "activity_stopped": "yes",
        "agreement": plain.REFERENCE,
        "description": "Records were passed on.",
        "discovered_at": "2018-06-01T09:00:00Z",
    }
    breach = recipients.service.post("/v1/breaches", Role.CSU_ADVISER, report, ods=CSU).json()
    recipients.service.post(
        f"/v1/breaches/{breach['id']}/finding",
        Role.BREACH_HANDLER,
        {"finding": "serious", "actions": ["end_agreement"]},
    )

    assert recipients.state() == "DESTRUCTION_DUE"


def test_the_passing_of_time_makes_it_due(recipients):
    recipients.release()
    recipients.service.clock.advance(timedelta(days=365 * 3))
    use_cases.announce_changes(ctx=recipients.service.ctx)

    [file] = recipients.shown()["files"]
    assert recipients.state() == "DESTRUCTION_DUE"
    assert file["due"]["trigger"] == "contract_ended", "which ran out before the agreement did"
    told = [e for e in recipients.service.events() if e.startswith("agreements.agreement-")]
    assert told == [
        "agreements.agreement-expired.v1",
        "agreements.agreement-destruction-due.v1",
    ]


def test_the_same_certificate_sent_twice_is_one(four):
    copies = four.prefilled()
    four.certify(copies, key="once")
    four.certify(copies, key="once")

    assert len(four.shown()["certificates"]) == 1


ALTERED = {
    "destruction_certificate": {PATH, f"{PATH}/certificate"},
    "destruction_acceptance": {PATH, f"{PATH}/certificate"},
    "destroyed_file": {PATH, f"{PATH}/certificate", "/v1/holdings"},
    "agreement": {PATH, f"{PATH}/certificate", "/v1/holdings"},
}


@pytest.mark.parametrize("table", ALTERED)
def test_what_somebody_wrote_past_the_service_is_told_where_it_is_shown(four, table):
    four.certify(four.prefilled())
    four.accept("first")
    four.accept("second")
    routes = {PATH, f"{PATH}/certificate", "/v1/holdings"}

    def unlike():
        return {
            path
            for path in routes
            for found in [four.service.get(path, Role.AUDITOR).json()]
            for one in found.get("items", [found])
            if table in (one["not_as_sealed"] or ())
        }

    assert unlike() == set()
    with four.service.parts.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET recorded_at = '2001-01-01 00:00:00.000000'"))

    assert unlike() == ALTERED[table]
