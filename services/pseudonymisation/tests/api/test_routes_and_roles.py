"""Every route of both ports with every role, judged by the table of permissions."""

import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from dsfc_testing import safety
from pseudonymisation import main

EXPECTED = {
    ("POST", "/v1/submissions"): {Role.PROVIDER_SYSTEM, Role.DSCRO_OPERATOR},
    ("PUT", "/v1/submissions/{submission_id}/content"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("PUT", "/v1/submissions/{submission_id}/tables/{table}/content"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("POST", "/v1/submissions/{submission_id}/closing"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("POST", "/v1/file-checks"): {Role.PROVIDER_SYSTEM, Role.DSCRO_OPERATOR},
    ("POST", "/v1/submissions/{submission_id}/uploads"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("HEAD", "/v1/submissions/{submission_id}/uploads/{upload_id}"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("PATCH", "/v1/submissions/{submission_id}/uploads/{upload_id}"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("DELETE", "/v1/submissions/{submission_id}/uploads/{upload_id}"): {
        Role.PROVIDER_SYSTEM,
        Role.DSCRO_OPERATOR,
    },
    ("POST", "/v1/editions/{edition_id}/confirmation"): {Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER},
    ("POST", "/v1/editions/{edition_id}/withdrawal"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
        Role.PROVIDER_SYSTEM,
    },
    ("POST", "/v1/opt-out-checks"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/opt-out-checks/{check_id}/confirmation"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    },
    ("POST", "/v1/opt-out-checks/{check_id}/withdrawal"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    },
    ("PUT", "/v1/opt-out-checks/{check_id}/reply"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/opt-out-lists"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/opt-out-lists/{list_id}/confirmation"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    },
    ("POST", "/v1/opt-out-lists/{list_id}/withdrawal"): {Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER},
    ("POST", "/v1/expectations"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/expectations/{expectation_id}/end"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/practice-registrations"): {Role.DSCRO_OPERATOR},
    ("POST", "/v1/practice-registrations/{registrations_id}/confirmation"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    },
    ("POST", "/v1/practice-registrations/{registrations_id}/withdrawal"): {
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    },
    ("POST", "/v1/re-identifications"): {
        *(Role.GP_PRACTICE, Role.CSU_SYSTEM, Role.CSU_ADVISER, Role.PROCESSOR_CONTACT),
        *(Role.APPLICANT_EDITOR, Role.APPLICANT_SIGNATORY, Role.CONTROLLER_SIGNATORY),
    },
    ("POST", "/v1/re-identifications/{reidentification_id}/confirmation"): {Role.GP_PRACTICE},
    ("POST", "/v1/re-identifications/{reidentification_id}/answer"): {Role.GP_PRACTICE},
    ("POST", "/v1/re-identified-people/searches"): {Role.AUDITOR},
    ("POST", "/v1/invoice-matches"): {Role.CSU_SYSTEM},
    ("POST", "/v1/risk-scores"): {Role.CSU_SYSTEM},
    ("GET", "/v1/risk-scores/{scores_id}"): {Role.CSU_SYSTEM},
    ("POST", "/v1/subject-access-requests"): {Role.INFORMATION_GOVERNANCE},
    ("POST", "/v1/subject-access-requests/{request_id}/confirmation"): {
        Role.INFORMATION_GOVERNANCE
    },
    ("POST", "/v1/subject-access-requests/{request_id}/answer"): {Role.INFORMATION_GOVERNANCE},
    ("PUT", "/v1/preparations/{permit_id}"): {Role.SERVICE_DISSEMINATION},
    ("GET", "/v1/preparations/{permit_id}"): {Role.SERVICE_DISSEMINATION},
    ("POST", "/v1/preparations/{permit_id}/judgement"): {Role.SERVICE_DISSEMINATION},
}
"""The oracle: who may change something, by the words of design.md sections 3, 4 and 9."""


@pytest.fixture
def preparations(intake):
    app = main.create_preparations_app(intake.settings, parts=lambda: intake.parts)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.event_hooks["response"].append(safety.look_at)
        yield client


def routes(app) -> list[tuple[str, str, Permission]]:
    return [
        (method, path, permission)
        for method, path, permission in route_permissions(app)
        if isinstance(permission, Permission)
    ]


def test_every_route_lets_in_its_roles_and_nobody_else(intake, preparations):
    tried = 0
    for client in (intake.client, preparations):
        for method, path, permission in routes(client.app):
            target = re.sub(r"\{\w+\}", str(uuid4()), path)
            for role in Role:
                answer = client.request(method, target, headers=intake.headers(role, "X26"))
                # What answers HEAD has no body to say its code in.
                refused = answer.status_code == 403 and (
                    method == "HEAD" or answer.json()["code"] == "ROLE_NOT_PERMITTED"
                )
                assert refused is (role not in permission.roles), (method, path, role)
                assert answer.status_code < 500, (method, path, role)
                tried += 1
            bare = client.request(method, target)
            assert bare.status_code == 401
            assert method == "HEAD" or bare.json()["code"] == "UNAUTHENTICATED"
    assert tried > 200


def test_who_may_change_something_is_who_the_design_says(intake, preparations):
    found = {
        (method, path): set(permission.roles)
        for client in (intake.client, preparations)
        for method, path, permission in routes(client.app)
    }

    assert {route: found[route] for route in EXPECTED} == EXPECTED
    assert {route for route in found if route[0] != "GET"} == {
        route for route in EXPECTED if route[0] != "GET"
    }


def test_preparations_are_on_the_second_port_only(intake, preparations):
    first = {path for _, path, _ in route_permissions(intake.client.app)}
    second = {path for _, path, _ in route_permissions(preparations.app)}

    assert not [path for path in first if "preparations" in path]
    assert not first & {path for path in second if path.startswith("/v1/")}
    assert {path for path in second if path.startswith("/v1/")} == {
        "/v1/landed-months",
        "/v1/preparations/{permit_id}",
        "/v1/preparations/{permit_id}/judgement",
        "/v1/preparations/{permit_id}/quality",
    }


@pytest.mark.scenario("U01")
def test_seconded_staff_in_their_csu_role_see_nothing_of_the_haven(intake):
    """One role at a time: with the CSU's, there is no DSCRO data (domain.md 1.1)."""
    for path in ("/v1/submissions", "/v1/editions", "/v1/opt-out-lists"):
        answer = intake.get(path, role=Role.CSU_SYSTEM, ods="0DF")
        assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_NOT_PERMITTED")
    assert intake.get("/v1/submissions", role=Role.DSCRO_OPERATOR, ods="X26").status_code == 200
