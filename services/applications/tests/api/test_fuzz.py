"""Every operation against its own document: whatever is sent, no 500 and nothing undocumented."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from applications.domain.sections import SECTIONS
from common.security.roles import Role

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
SECTIONS_LOOKED_AT = (7, 10)
"""The deepest two: the other eighteen are of the same kind, and each takes a second."""


@pytest.fixture
def callers(people):
    return {
        "GET": [people(Role.AUDITOR), people(Role.SERVICE_AGREEMENTS)],
        "PUT": [people.editor],
        "POST": [people.editor, people.officer, people.member, people.approver],
    }


def is_looked_at(path):
    last = path.rpartition("/")[2]
    return "/sections/" not in path or last in {str(n) for n in SECTIONS_LOOKED_AT}


def test_nothing_that_is_sent_is_a_surprise(app, draft, callers):
    application_id = draft({}).rpartition("/")[2]
    schema = schemathesis.openapi.from_dict(app.openapi())
    looked_at, statuses = [], set()

    for result in schema.get_all_operations():
        operation = result.ok()
        if not is_looked_at(operation.path) or not operation.path.startswith("/v1"):
            continue

        def check(case):
            if "application_id" in case.path_parameters:
                case.path_parameters["application_id"] = application_id
            body = {} if case.body is NOT_SET else {"json": case.body}
            headers = {k: str(v) for k, v in (case.headers or {}).items()}
            headers.pop("Authorization", None)  # ours is a real one
            for caller in callers[case.method.upper()]:
                response = caller(
                    case.method.upper(),
                    case.formatted_path,
                    params=dict(case.query or {}),
                    headers=headers,
                    **body,
                )
                statuses.add(response.status_code)
                case.validate_response(response, checks=CHECKS)

        limited = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        limited(given(case=operation.as_strategy())(check))()
        looked_at.append(operation.label)

    assert len(looked_at) > len(SECTIONS)
    assert {200, 201, 403, 404, 409, 422} <= statuses
