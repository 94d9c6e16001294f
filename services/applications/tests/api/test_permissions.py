"""Every route with every role: who has the permission gets past it, nobody else does.

The oracle is the table that the routes themselves declare; that the table is what we want is
written off by hand below.
"""

from uuid import UUID

from common.security.roles import Role
from common.web.auth import Permission, Public, route_permissions

UNKNOWN = UUID(int=9)

READERS = {
    "applicant-editor",
    "applicant-signatory",
    "controller-signatory",
    "dars-case-officer",
    "advisory-secretary",
    "advisory-member",
    "dars-approver",
    "auditor",
}

WANTED = {
    "applications:read": READERS,
    "applications:draft": {"applicant-editor"},
    "applications:submit": {"applicant-editor", "applicant-signatory"},
    "applications:withdraw": {"applicant-editor", "applicant-signatory"},
    "applications:review": {"dars-case-officer"},
    "applications:advise": {"advisory-secretary", "advisory-member"},
    "applications:approve": {"dars-approver"},
    "applications:refuse": {"dars-case-officer", "dars-approver"},
    "snapshots:read": {"service-agreements", "auditor", "dars-case-officer"},
}

PUBLIC = {
    "/.well-known/jwks.json",
    "/docs",
    "/docs/icon.png",
    "/docs/start.js",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui.js",
    "/livez",
    "/metrics",
    "/openapi.json",
    "/readyz",
    "/v1/standards",
}


def guarded(app):
    return [
        (method, path, permission)
        for method, path, permission in route_permissions(app)
        if isinstance(permission, Permission)
    ]


def concrete(path):
    return (
        path.replace("{application_id}", str(UNKNOWN))
        .replace("{number}", "1")
        .replace("{snapshot_hash}", "sha256:" + "0" * 64)
    )


def test_the_permissions_are_those_that_are_wanted(app):
    declared = {p.name: {str(role) for role in p.roles} for _, _, p in guarded(app)}

    assert declared == WANTED


def test_only_what_holds_no_data_is_public(app):
    public = {path for _, path, p in route_permissions(app) if isinstance(p, Public)}

    assert public == PUBLIC


def test_every_route_lets_in_its_roles_and_no_others(app, people):
    wrong = []
    for role in Role:
        caller = people(role)
        for method, path, permission in guarded(app):
            response = caller(method, concrete(path), json={})
            is_refused = (
                response.status_code == 403 and response.json()["code"] == "ROLE_NOT_PERMITTED"
            )
            if is_refused == (role in permission.roles):
                wrong.append((role, method, path, response.status_code))
            if response.status_code >= 500:
                wrong.append((role, method, path, response.status_code))

    assert wrong == []


def test_without_a_token_nobody_gets_in(app, client):
    wrong = [
        (method, path)
        for method, path, _ in guarded(app)
        if (response := client.request(method, concrete(path), json={})).status_code != 401
        or "WWW-Authenticate" not in response.headers
        or response.json()["code"] != "UNAUTHENTICATED"
    ]

    assert wrong == []


def test_a_token_for_another_service_does_not_open_this_one(client, token_for):
    token = token_for(Role.APPLICANT_EDITOR, audience="agreements", ods="02P")

    response = client.get("/v1/applications", headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401
