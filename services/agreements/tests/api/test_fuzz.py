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
from services.agreements.tests.facts import CCG, REFERENCE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 3
CALLERS = {
    "GET": [Role.AUDITOR, Role.BREACH_HANDLER],
    "POST": [Role.CONTRACT_MANAGER, Role.REFERENCE_DATA_MANAGER, Role.BREACH_HANDLER],
    "DELETE": [Role.CONTRACT_MANAGER],
}


LIMITED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_that_is_sent_is_a_surprise(seeded):
    contract = seeded.contract()["reference"]
    seeded.draft()
    known = {
        "/v1/agreements/": ("reference", REFERENCE),
        "/v1/contracts/": ("reference", contract),
        "/v1/relationships/": ("relationship_id", seeded.relationship()["id"]),
        "/v1/organisations/": ("ods", CCG),
    }
    tokens = {role: seeded.headers(role) for roles in CALLERS.values() for role in roles}
    statuses = set()

    def check(case):
        for beginning, (name, value) in known.items():
            if case.path.startswith(beginning) and name in case.path_parameters:
                case.path_parameters[name] = value
        for role in CALLERS[case.method.upper()]:
            response = seeded.client.request(
                case.method.upper(),
                case.formatted_path,
                params=dict(case.query or {}),
                **sent(case, tokens[role]),
            )
            statuses.add(response.status_code)
            case.validate_response(response, checks=CHECKS)

    for result in schemathesis.openapi.from_dict(seeded.client.app.openapi()).get_all_operations():
        operation = result.ok()
        if operation.path.startswith("/v1"):  # the decision has its own
            LIMITED(given(case=operation.as_strategy())(check))()

    assert {200, 201, 403, 404, 422} <= statuses


def sent(case, token):
    """What a case sends, with a real token in place of the one that was made up."""
    headers = {k: str(v) for k, v in (case.headers or {}).items() if k != "Authorization"}
    if case.media_type == "text/csv":
        body = b"" if case.body is NOT_SET else str(case.body).encode()
        return {"content": body, "headers": headers | token | {"Content-Type": "text/csv"}}
    body = {} if case.body is NOT_SET else {"json": case.body}
    return {"headers": headers | token} | body
