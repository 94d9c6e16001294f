"""Whatever somebody writes into the database past the service is told wherever it is shown."""

import pytest

from common.db import tables as shared
from common.security.roles import Role
from dsfc_testing.written_past import altered, written_past
from pseudonymisation.db.held.kept import KEPT
from pseudonymisation.db.tables import metadata
from services.pseudonymisation.tests.api.test_landing_board import expect
from services.pseudonymisation.tests.api.test_opt_out_checks import lines, open_check, reply
from services.pseudonymisation.tests.api.test_opt_outs import body, take
from services.pseudonymisation.tests.asking_back import Surgery
from services.pseudonymisation.tests.submitting import sus_row, written

PREPARATIONS = {
    "preparation": "on the port of preparations: test_preparations",
    "invoice_matched_person": "nobody is shown of whom it was asked: test_invoice_matches",
    "prepared_file": "on the port of preparations: test_preparations",
    "pseudonym_domain": "nobody is shown domains; none is used that differs: test_preparations",
    "shown_table": "nobody is shown what was shown to recipients",
    "partial_upload": "how far an upload is; its bytes are held against the digest of the whole",
}
NOTED = {
    *("submission.attempt", "submission.attempts", "submission.claimed_until"),
    "submission.version",
}
"""By whoever lands it; the version counts that as well."""
ONE_OF_EACH = {
    *("submission.provider", "quarantine.line", "edition.rows", "edition_quality.records"),
    *("field_quality.invalid", "opt_out_list.people", "opt_out_check.people"),
    *("expectation.reason", "registration_list.people", "re_identification.people"),
    *("re_identified_person.outcome", "re_identified_person.reidentification_id"),
    *("re_identification.id", "subject_access.reason", "invoice_match.invoice"),
}
OTHERWISE = {
    "/v1/opt-out-checks/{check_id}/request": "refused: RECORD_NOT_AS_LOGGED",
    "/v1/submissions/{submission_id}/quarantine/rows": "refused: RECORD_NOT_AS_LOGGED",
    "/v1/submissions/{submission_id}/uploads": "how far an upload is, which no leaf tells of",
    "/v1/risk-scores/{scores_id}": "the sender alone is shown them: test_risk_scores",
    "/.well-known/jwks.json": "the key's file",
}
COUNTED = {
    f"submission.version (another number): {path}: 200"
    for path in ("/v1/submissions", "/v1/submissions/{submission_id}")
}
"""It counts which worker took a file as well, which no leaf tells of."""
STAFF = {"role": Role.DSCRO_OPERATOR, "ods": "X26"}
AUDITED = ("/v1/re-identifications", "/v1/subject-access-requests", "/v1/invoice-matches")
LOOKED_UP = "/v1/re-identified-people/searches"
"""It is asked by a body, and so no GET."""
FORMS = (
    *(("/v1/data-quality", form) for form in ("text/csv", "text/html")),
    *(("/v1/submissions/{submission_id}/report", form) for form in ("text/csv", "text/html")),
    ("/v1/landing-board", "text/html"),
)


@pytest.fixture
def shown(intake):
    """One of all that is shown, with the ids by which it is asked for."""
    people = [
        sus_row(NHS_Number=number, Unique_CDS_Identifier=f"BRR8{place:09}")
        for place, number in enumerate(("9990000018", "9990000026", "9990000034"))
    ]
    expect(intake)
    intake.submit(written(people[:2]))
    intake.submit(written([*people, sus_row(Unique_CDS_Identifier="BRR8000000009", Sex="7")]))
    accepted = intake.last
    edition = intake.get(f"/v1/submissions/{accepted}").json()["edition_id"]
    rejected = intake.submit(written([sus_row(Sex="7")] * 10))
    assert rejected["state"] == "rejected"
    listed = take(intake, body(["9990000042"]), "2018-05-01")
    assert listed.status_code == 201, listed.text
    asked = Surgery(intake).told_of_everybody("2018-06-01")
    check = open_check(intake).json()["id"]
    assert reply(intake, check, lines("9990000018")).is_success
    about = intake.client.post(
        "/v1/subject-access-requests",
        json={"nhs_number": "9990000018", "reason": "A data subject asked."},
        headers=intake.headers(Role.INFORMATION_GOVERNANCE, "X26"),
    )
    matched = intake.client.post(
        "/v1/invoice-matches",
        json={
            "agreement": "DARS-NIC-123456-A1B2C",
            "data_set": "SUS_APC",
            "invoice": "RR8-1",
            "provider": "RR8",
            "month": "2018-04",
            "nhs_numbers": ["9990000018"],
        },
        headers=intake.headers(Role.CSU_SYSTEM, "0DF"),
    )
    assert matched.json()["found"] == [True], matched.text
    (registered,) = intake.get("/v1/practice-registrations", **STAFF).json()["items"]
    return {
        "open_id": open_check(intake, periods=["2018-04"], purpose="IV").json()["id"],
        "submission_id": accepted,
        "edition_id": edition,
        "check_id": check,
        "list_id": listed.json()["id"],
        "registrations_id": registered["id"],
        "reidentification_id": asked,
        "request_id": about.json()["id"],
    }


@pytest.fixture
def answers(intake, shown):
    paths = intake.client.get("/openapi.json").json()["paths"]
    reading = [p for p, ways in paths.items() if "get" in ways and p not in OTHERWISE]
    headers = intake.headers(Role.DSCRO_OPERATOR, "X26")
    auditor = intake.headers(Role.AUDITOR, "X26")

    def read():
        found = {}
        for path, form in (*((path, "application/json") for path in reading), *FORMS):
            query = "?from=2018-03&to=2018-05" if path == "/v1/landing-board" else ""
            by = auditor if path.startswith(AUDITED) else headers
            found[path if form.endswith("json") else f"{path} {form}"] = intake.client.get(
                path.format(**shown) + query, headers=by | {"Accept": form}
            )
        found[LOOKED_UP] = intake.client.post(LOOKED_UP, headers=auditor, json={})
        return found

    return read


def test_every_column_of_what_is_shown_is_held_against_the_log():
    """A new table or column is held, or named here with the reason."""
    held = {
        f"{table.name}.{column.name}"
        for kept in KEPT
        for table in kept.tables
        for column in table.columns
    } - {name for kept in KEPT for name in kept.leaving_out}
    own = [table for name, table in metadata.tables.items() if name not in shared.metadata.tables]
    columns = {f"{table.name}.{column.name}" for table in own for column in table.columns}

    assert {name.partition(".")[0] for name in columns - held} == {
        *("submission", "preparation", "shown_table", "partial_upload")
    }
    assert {name for name in columns - held if name.startswith("submission.")} == NOTED
    assert {n.partition(".")[2] for n in columns - held if n.startswith("preparation.")} == {
        *("attempt", "attempts", "claimed_until", "rows_done", "rows_total")
    }


def test_a_row_of_each_table_that_was_written_past_the_service_is_told(intake, answers):
    """Guards: `LoggedRows.compare` where each is read, `telling` where each is written."""
    found = written_past(
        intake.directory / "service.db", metadata, answers, but=PREPARATIONS, only=ONE_OF_EACH
    )

    assert (sorted(found.untold), found.shown, found.remained) == ([], ONE_OF_EACH, set())


@pytest.mark.long
def test_whatever_is_written_past_the_service_is_told_by_each_route_that_shows_it(intake, answers):
    found = written_past(intake.directory / "service.db", metadata, answers, but=PREPARATIONS)

    assert sorted(found.untold - COUNTED) == []
    assert found.columns - found.shown == NOTED - {"submission.version"}
    assert found.remained == set()


@pytest.mark.parametrize(
    ("way", "column", "role", "ods"),
    [
        ("opt-out-checks/{open_id}/request", "opt_out_check.purpose", Role.DSCRO_OPERATOR, "X26"),
        (
            "submissions/{submission_id}/quarantine/rows",
            *("submission.quarantine_key", Role.PROVIDER_SYSTEM, "RR8"),
        ),
    ],
)
def test_nothing_is_handed_out_by_a_record_that_somebody_altered(
    intake, shown, way, column, role, ods
):
    """Guard: `require_as_logged`."""

    def read():
        return intake.get(f"/v1/{way}".format(**shown), role=role, ods=ods)

    before = read()
    with altered(intake.directory / "service.db", metadata, column):
        refused = read()

    assert before.status_code == 200, before.text
    assert (refused.status_code, refused.json()["code"]) == (409, "RECORD_NOT_AS_LOGGED")
    assert read().content == before.content
