""" "Was I in it?": two people of information governance are told, and nobody else ever is."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import text

import catalogue
from common.ids import new_id
from common.security.roles import Role
from pseudonymisation.people.domain.subject_access import Release
from pseudonymisation.people.use_cases.sweeping import PeopleJobs
from services.pseudonymisation.tests.integration.test_both_halves import Dissemination
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

IN_IT, OPTED_OUT, NEVER = "9990000018", "9990000026", "9990000034"
FIELDS = {"Sex": "as_is", "Admission_Date": "month"}
GOVERNANCE = Role.INFORMATION_GOVERNANCE
REASON = "Request of a data subject, identity checked"


@dataclass
class Governance:
    """A haven that released files, and the people who answer for it."""

    intake: Intake
    released: dict[str, str] = field(default_factory=dict)
    """Extract by a name of ours."""

    def headers(self, client="governance-1", role=GOVERNANCE):
        token = self.intake.issuer.token_for(
            role, audience="pseudonymisation", ods="X26", client_id=client
        )
        return {"Authorization": f"Bearer {token}"}

    def post(self, path="", body=None, **who):
        return self.intake.client.post(
            f"/v1/subject-access-requests{path}", json=body, headers=self.headers(**who)
        )

    def ask(self, number=IN_IT, **who):
        return self.post("", {"nhs_number": number, "reason": REASON}, **who)

    def confirm(self, id_, client="governance-2"):
        return self.post(f"/{id_}/confirmation", {"reason": "Looked at it"}, client=client)

    def told(self, number=IN_IT):
        """Ask, confirm and fetch; return the answer."""
        id_ = self.ask(number).json()["id"]
        assert self.confirm(id_).status_code == 200
        answer = self.post(f"/{id_}/answer")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def found(self, number=IN_IT):
        """Return of each release, by our name, how the person was found in it."""
        names = {extract: name for name, extract in self.released.items()}
        return {names[r["extract_id"]]: r["found"] for r in self.told(number)["releases"]}

    def stored(self, what):
        with self.intake.parts.engine.connect() as connection:
            return [row[0] for row in connection.execute(text(what))]

    def leaves(self, action):
        found = map(json.loads, self.stored('SELECT entry FROM audit_leaf ORDER BY "index"'))
        return [leaf for leaf in found if leaf["action"] == action]


@pytest.fixture
def dissemination(intake, clock):
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


@pytest.fixture
def governance(intake, dissemination, clock):
    rows = [
        sus_row(NHS_Number=number, Unique_CDS_Identifier=f"BRR8{place:09}")
        for place, number in enumerate((IN_IT, OPTED_OUT, ""))
    ]
    assert intake.submit(written(rows))["state"] == "accepted"
    day = clock.now().date().isoformat()
    listed = intake.client.post(
        f"/v1/opt-out-lists?list_date={day}&kind=objectors",
        content=f"{OPTED_OUT}\n".encode(),
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26") | {"Content-Type": "text/csv"},
    )
    assert listed.json()["state"] == "accepted", listed.text
    return Governance(intake)


def release(governance, dissemination, name, *, leaves=True, **more):
    """Prepare an extract, and let agreements hold what of it left."""
    asked = {"periods": ["2018-04"], "codes": ["02P"], "reasons": "GHRC"} | more
    made = dissemination.prepare(catalogue.load().get("SUS_APC"), FIELDS, **asked)
    assert made.files, made.code
    governance.released[name] = made.permit.extract_id
    if leaves:
        at = governance.intake.clock.now()
        governance.intake.releases.held += [
            Release(file_id=file.id, holder="0DF", released_at=at) for file in made.files
        ]
    return made


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_each_release_with_rows_of_the_person_is_told_with_purpose_recipient_and_choice(
    governance, dissemination
):
    release(governance, dissemination, "planning")
    release(governance, dissemination, "risk", purpose="RS", upholds=True)
    release(governance, dissemination, "as CSV alone", purpose="IV", formats=("csv",))

    said = governance.told(IN_IT)

    assert said["searched"] == 3
    assert [
        (r["purpose"], r["recipients"], r["opt_outs_applied"], r["opt_outs_by"], r["found"])
        for r in said["releases"]
    ] == [
        ("COM", ["0DF"], False, None, "in_it"),
        ("RS", ["0DF"], True, "list", "in_it"),
        ("IV", ["0DF"], False, None, "in_it"),
    ]
    first = said["releases"][0]
    assert (first["agreement"], first["data_set"], first["periods"], first["identified"]) == (
        "DARS-NIC-123456-A1B2C",
        "SUS_APC",
        ["2018-04"],
        False,
    )
    assert said["is_as_logged"] is True


def test_who_opted_out_was_in_none_where_that_is_upheld_and_who_never_was_in_none(
    governance, dissemination
):
    release(governance, dissemination, "planning")
    release(governance, dissemination, "risk", purpose="RS", upholds=True)

    assert governance.found(OPTED_OUT) == {"planning": "in_it"}
    assert governance.found(NEVER) == {}


def test_what_was_prepared_and_never_left_is_no_release(governance, dissemination):
    release(governance, dissemination, "stopped at the gate", leaves=False)

    assert governance.told()["releases"] == []


def test_a_closed_domain_is_looked_through_and_of_a_destroyed_one_nothing_can_be_told(
    governance, dissemination
):
    made = release(governance, dissemination, "over")
    key = f"domain/{made.permit.domain.id.removeprefix('sha256:')}"
    governance.intake.parts.keys.ensure_closed(key)
    assert governance.found() == {"over": "in_it"}

    governance.intake.parts.keys.destroy(key)

    assert governance.found() == governance.found(NEVER) == {"over": "cannot_be_told"}


def test_of_files_that_are_gone_nothing_can_be_told(governance, dissemination):
    made = release(governance, dissemination, "gone")
    for file in made.files:
        dissemination.path(file).unlink()

    assert governance.found() == {"gone": "cannot_be_told"}


def test_one_person_alone_is_told_nothing(governance, dissemination):
    release(governance, dissemination, "planning")
    asked = governance.ask()
    id_ = asked.json()["id"]

    assert (asked.status_code, asked.json()["state"]) == (201, "waiting")
    assert asked.headers["location"] == f"/v1/subject-access-requests/{id_}"
    assert code(governance.post(f"/{id_}/answer")) == (409, "SUBJECT_ACCESS_WAITING")
    assert code(governance.confirm(id_, "governance-1")) == (409, "SECOND_PERSON_NEEDED")
    assert code(governance.post(f"/{id_}/answer")) == (409, "SUBJECT_ACCESS_WAITING")
    assert governance.confirm(id_).json()["state"] == "ready"
    assert code(governance.confirm(id_)) == (409, "SUBJECT_ACCESS_DECIDED")
    assert governance.post(f"/{id_}/answer").status_code == 200


@pytest.mark.parametrize(
    "role", [Role.CSU_SYSTEM, Role.GP_PRACTICE, Role.CONTROLLER_SIGNATORY, Role.DSCRO_OPERATOR]
)
def test_nobody_else_may_ask(governance, role):
    """A recipient who could ask whether somebody is in a file would lead a pseudonym back."""
    assert code(governance.ask(role=role)) == (403, "ROLE_NOT_PERMITTED")
    assert governance.stored("SELECT count(*) FROM subject_access") == [0]


def test_after_its_time_nothing_is_told_any_more(governance, clock):
    unconfirmed, confirmed = (governance.ask().json()["id"] for _ in range(2))
    assert governance.confirm(confirmed).status_code == 200
    clock.advance(timedelta(hours=24))
    assert code(governance.post(f"/{confirmed}/answer")) == (409, "SUBJECT_ACCESS_OVER")
    clock.advance(timedelta(hours=48))
    assert code(governance.confirm(unconfirmed)) == (409, "SUBJECT_ACCESS_OVER")

    jobs = PeopleJobs(governance.intake.parts.people)
    while claim := jobs.claim():
        jobs.run(claim)

    assert governance.stored("SELECT state FROM subject_access") == ["over", "over"]


def test_agreements_away_nothing_is_told_and_the_attempt_is_logged(governance, dissemination):
    release(governance, dissemination, "planning")
    id_ = governance.ask().json()["id"]
    governance.confirm(id_)
    governance.intake.releases.is_away = True

    assert code(governance.post(f"/{id_}/answer")) == (503, "RELEASES_UNAVAILABLE")

    (leaf,) = governance.leaves("subject-access-failed")
    assert leaf["detail"]["code"] == "RELEASES_UNAVAILABLE"


def test_it_is_logged_and_no_number_and_no_release_of_anybody_is_kept(
    governance, dissemination, caplog
):
    made = release(governance, dissemination, "planning")
    governance.told(IN_IT)

    asked, confirmed, answered = (
        *governance.leaves("subject-access-asked"),
        *governance.leaves("subject-access-confirmed"),
        *governance.leaves("subject-access-answered"),
    )
    assert [leaf["subject"] for leaf in (asked, confirmed, answered)] == [
        *("governance-1", "governance-2", "governance-1")
    ]
    said = {k: v for k, v in answered["detail"].items() if k in {"in_it", "cannot_be_told"}}
    assert said == {"in_it": 1, "cannot_be_told": 0}
    of_it = "".join(
        governance.stored("SELECT entry FROM audit_leaf WHERE entry LIKE '%subject-access%'")
    )
    assert made.permit.extract_id not in of_it
    database = (governance.intake.directory / "service.db").read_bytes()
    assert IN_IT not in of_it + caplog.text
    assert IN_IT.encode() not in database


def test_a_request_that_somebody_wrote_past_the_service_is_not_answered(governance):
    """Guard: `require_as_logged`. Otherwise a person slipped into a row would be looked for."""
    id_ = governance.ask().json()["id"]
    governance.confirm(id_)
    with governance.intake.parts.engine.begin() as connection:
        connection.execute(text("UPDATE subject_access SET person = :p"), {"p": "0" * 32})

    assert code(governance.post(f"/{id_}/answer")) == (409, "RECORD_NOT_AS_LOGGED")


def test_a_preparation_that_was_taken_away_past_the_service_is_told(governance, dissemination):
    release(governance, dissemination, "planning")
    with governance.intake.parts.engine.begin() as connection:
        connection.execute(text("DELETE FROM prepared_file"))
        connection.execute(text("DELETE FROM preparation"))

    assert governance.told()["is_as_logged"] is False


@pytest.mark.parametrize(
    ("number", "refused"),
    [("9990000019", "NHS_NUMBER_INVALID"), ("99900", "INVALID_REQUEST")],
)
def test_what_is_no_number_is_refused_and_not_repeated(governance, number, refused):
    answer = governance.ask(number)

    assert code(answer) == (422, refused)
    assert number not in answer.text


def test_an_auditor_sees_that_it_was_asked_and_never_of_whom(governance):
    id_ = governance.ask().json()["id"]
    headers = governance.headers("auditor-1", Role.AUDITOR)
    client = governance.intake.client

    (listed,) = client.get("/v1/subject-access-requests", headers=headers).json()["items"]
    one = client.get(f"/v1/subject-access-requests/{id_}", headers=headers).json()

    assert listed == one
    assert (one["asked_by"], one["reason"], one["is_as_logged"]) == ("governance-1", REASON, True)
    assert "person" not in one
    missing = client.get(f"/v1/subject-access-requests/{new_id()}", headers=headers)
    assert code(missing) == (404, "SUBJECT_ACCESS_NOT_FOUND")
