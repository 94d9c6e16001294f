"""Every operation against its own document: whatever is sent, no 500 and nothing undocumented."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from common.security.roles import Role
from services.pseudonymisation.tests.asking_back import PRACTICE, REGISTERED, Surgery
from services.pseudonymisation.tests.submitting import sus_row, written

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LIMITED = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/partial-upload")
def as_it_is(_, value):
    """Bytes, however many."""
    return value if isinstance(value, bytes) else str(value).encode()


def test_nothing_that_is_sent_is_a_surprise(intake):
    submission = intake.submit(written([sus_row(), sus_row(), sus_row(Sex="7")]))
    listed = intake.client.post(
        "/v1/opt-out-lists?list_date=2018-06-01&kind=objectors",
        content=b"9990000018\n",
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26") | {"Content-Type": "text/csv"},
    )
    checked = intake.client.post(
        "/v1/opt-out-checks",
        json={"data_set": "SUS_APC", "periods": ["2018-04"], "purpose": "RS"},
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26"),
    )
    intake.client.get(
        f"/v1/opt-out-checks/{checked.json()['id']}/request",
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26"),
    )
    expected = intake.client.post(
        "/v1/expectations",
        json={
            "data_set": "SUS_APC",
            "provider": "RR8",
            "from": "2018-04",
            "reason": "Acute contract of 2018/19.",
        },
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26"),
    )
    opened = intake.open(period="2018-05").json()["id"]
    begun = intake.client.post(
        f"/v1/submissions/{opened}/uploads",
        headers=intake.headers() | {"Content-Type": "text/csv", "Upload-Complete": "?0"},
    )
    surgery = Surgery(intake)
    tokens_of_people = surgery.mint()
    registrations = surgery.register(REGISTERED, "2018-06-01")
    asked = surgery.ask(tokens_of_people)
    about_somebody = intake.client.post(
        "/v1/subject-access-requests",
        json={"nhs_number": "9990000018", "reason": "A data subject asked."},
        headers=intake.headers(Role.INFORMATION_GOVERNANCE, "X26"),
    )
    known = {
        "request_id": about_somebody.json()["id"],
        "scores_id": submission["id"],
        "registrations_id": registrations.json()["id"],
        "reidentification_id": asked.json()["id"],
        "submission_id": submission["id"],
        "upload_id": begun.json()["id"],
        "table": "CYP001",
        "edition_id": submission["edition_id"],
        "list_id": listed.json()["id"],
        "check_id": checked.json()["id"],
        "expectation_id": expected.json()["id"],
    }
    tokens = [
        intake.headers(),
        intake.headers(Role.DSCRO_OPERATOR, "X26"),
        intake.headers(Role.GP_PRACTICE, PRACTICE),
        intake.headers(Role.INFORMATION_GOVERNANCE, "X26"),
    ]
    statuses = set()

    def check(case):
        for name in case.path_parameters:
            case.path_parameters[name] = known[name]
        if "/uploads" in case.path:
            case.path_parameters["submission_id"] = opened
        for token in tokens:
            response = intake.client.request(
                case.method.upper(),
                case.formatted_path,
                params=dict(case.query or {}),
                **sent(case, token),
            )
            statuses.add(response.status_code)
            case.validate_response(response, checks=CHECKS)

    document = intake.client.app.openapi()
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        LIMITED(given(case=result.ok().as_strategy())(check))()

    assert {200, 403, 409, 422} <= statuses


def sent(case, token):
    """What a case sends, with a real token in place of the one that was made up."""
    headers = {k: str(v) for k, v in (case.headers or {}).items() if k != "Authorization"}
    if case.media_type == "text/csv":
        body = b"" if case.body is NOT_SET else str(case.body).encode(errors="replace")
        return {"content": body, "headers": headers | token | {"Content-Type": "text/csv"}}
    body = {} if case.body is NOT_SET else {"json": case.body}
    return {"headers": headers | token} | body
