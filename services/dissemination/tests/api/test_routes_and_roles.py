"""Every route with every role: permitted where its permission says so, and refused elsewhere.

The oracle is written here and not read from the code.
"""

import pytest

from common.security.roles import Role
from common.web.auth import Public, route_permissions
from dissemination import main

CUSTOMERS = {Role.CSU_SYSTEM, Role.CSU_ADVISER, Role.GP_PRACTICE}
BODY = {Role.AUDITOR, Role.BREACH_HANDLER, Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER}
PUBLIC = None

NOBODY = "00000000-0000-7000-8000-000000000000"
ROUTES = {
    ("GET", "/v1/landed-months"): CUSTOMERS,
    ("GET", "/v1/released-files"): {Role.SERVICE_AGREEMENTS},
    ("POST", "/v1/extracts"): CUSTOMERS,
    ("POST", "/v1/extracts/preview"): CUSTOMERS,
    ("GET", "/v1/extracts"): CUSTOMERS | BODY,
    ("GET", "/v1/extracts/{extract_id}"): CUSTOMERS | BODY,
    ("GET", "/v1/extracts/{extract_id}/files"): CUSTOMERS | BODY,
    ("GET", "/v1/extracts/{extract_id}/quality"): CUSTOMERS | BODY,
    ("POST", "/v1/extracts/{extract_id}/withdrawal"): CUSTOMERS | {Role.DSCRO_APPROVER},
    ("POST", "/v1/tabulations"): CUSTOMERS,
    ("GET", "/v1/tabulations"): CUSTOMERS | BODY,
    ("GET", "/v1/tabulations/{tabulation_id}"): CUSTOMERS | BODY,
    ("GET", "/v1/tabulations/{tabulation_id}/files"): CUSTOMERS | BODY,
    ("POST", "/v1/tabulations/{tabulation_id}/withdrawal"): CUSTOMERS | {Role.DSCRO_APPROVER},
    ("POST", "/v1/bridging-files"): CUSTOMERS,
    ("GET", "/v1/bridging-files"): CUSTOMERS | BODY,
    ("GET", "/v1/bridging-files/{bridging_file_id}"): CUSTOMERS | BODY,
    ("GET", "/v1/bridging-files/{bridging_file_id}/files"): CUSTOMERS | BODY,
    ("POST", "/v1/bridging-files/{bridging_file_id}/withdrawal"): CUSTOMERS | {Role.DSCRO_APPROVER},
    ("POST", "/v1/standing-orders"): CUSTOMERS,
    ("GET", "/v1/standing-orders"): CUSTOMERS | BODY,
    ("GET", "/v1/standing-orders/{order_id}"): CUSTOMERS | BODY,
    ("POST", "/v1/standing-orders/{order_id}/confirmation"): CUSTOMERS,
    ("POST", "/v1/standing-orders/{order_id}/end"): CUSTOMERS | {Role.DSCRO_APPROVER},
    ("GET", "/v1/files/{file_id}/manifest"): CUSTOMERS | BODY,
    ("GET", "/v1/files/{file_id}/content"): CUSTOMERS,
    ("HEAD", "/v1/files/{file_id}/content"): CUSTOMERS,
    ("GET", "/v1/deliveries"): CUSTOMERS | BODY,
    ("POST", "/v1/disclosure-checks"): CUSTOMERS | BODY,
    ("GET", "/v1/audit"): {Role.AUDITOR, Role.BREACH_HANDLER},
    ("GET", "/v1/register"): PUBLIC,
    ("GET", "/v1/register/statement"): PUBLIC,
    ("GET", "/v1/catalogue"): PUBLIC,
    ("GET", "/v1/catalogue/{data_set}"): PUBLIC,
    ("GET", "/v1/catalogue/{data_set}/table-schema"): PUBLIC,
    ("GET", "/.well-known/jwks.json"): PUBLIC,
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
}
PAGES = {
    "/openapi.json",
    "/docs",
    "/docs/icon.png",
    "/docs/start.js",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui.js",
}
GATED = sorted(key for key, roles in ROUTES.items() if roles is not PUBLIC)


def test_an_organisation_s_own_is_its_own_by_whichever_of_its_codes_it_comes(house):
    house.agreements.parties.add("0DF00")
    extract = house.released()
    file = extract["files"][0]

    listed = house.call("GET", "/v1/extracts", ods="0DF00").json()["items"]

    assert extract["id"] in {one["id"] for one in listed}
    assert house.call("GET", f"/v1/extracts/{extract['id']}", ods="0DF00").status_code == 200
    assert house.call("GET", file["content"], ods="0DF00").status_code == 200
    deliveries = house.call("GET", "/v1/deliveries", ods="0DF").json()["items"]
    assert {one["organisation"] for one in deliveries} == {"0DF"}
    assert house.call("GET", f"/v1/extracts/{extract['id']}", ods="99N00").status_code == 404


def test_the_table_has_every_route(house):
    found = {
        (method, path): None if isinstance(permission, Public) else set(permission.roles)
        for method, path, permission in route_permissions(main.create_app(house.settings))
        if path not in PAGES
    }

    assert found == ROUTES


@pytest.mark.parametrize(("method", "path"), GATED)
def test_a_route_lets_in_its_roles_and_nobody_else(house, method, path):
    url = path.replace("{extract_id}", NOBODY).replace("{file_id}", NOBODY)
    url = url.replace("{order_id}", NOBODY)
    url += "?agreement=DARS-NIC-123456-A1B2C" if path == "/v1/audit" else ""
    for role in Role:
        answer = house.call(method, url, role=role)

        if role in ROUTES[method, path]:
            assert answer.status_code in {200, 404, 422}, role
        else:
            assert answer.status_code == 403, role
            # HEAD has no body to say it in.
            assert method == "HEAD" or answer.json()["code"] == "ROLE_NOT_PERMITTED"


@pytest.mark.parametrize(("method", "path"), GATED)
@pytest.mark.parametrize("token", ["", "Bearer nonsense", "Basic abc"])
def test_a_route_lets_in_nobody_without_a_token(house, method, path, token):
    url = path.replace("{extract_id}", NOBODY).replace("{file_id}", NOBODY)
    url = url.replace("{order_id}", NOBODY)

    answer = house.call(method, url, role=None, headers={"Authorization": token} if token else {})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_for_another_service_lets_nobody_in(house):
    token = house.identities.token_for(
        Role.CSU_SYSTEM, ods="0DF", client_id="csu-system-0DF", audience="agreements"
    )

    answer = house.call(
        "GET", "/v1/extracts", role=None, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("path", [path for (_, path), roles in ROUTES.items() if roles is PUBLIC])
def test_what_is_public_needs_no_token(house, path):
    path = path.replace("{data_set}", "DIDS")
    assert house.call("GET", path, role=None).status_code == 200


def test_what_another_organisation_asked_for_is_not_there(house):
    """Guard: the organisation is in the query. A second client of the same one sees it."""
    house.agreements.parties.add("0CX")
    extract = house.released()
    file = extract["files"][0]
    paths = [
        f"/v1/extracts/{extract['id']}",
        f"/v1/extracts/{extract['id']}/files",
        file["manifest"],
        file["content"],
    ]

    for path in paths:
        assert house.call("GET", path, role=Role.CSU_ADVISER).status_code == 200
        other = house.call("GET", path, ods="0CX")
        assert other.status_code == 404
        assert other.json()["code"] in {"EXTRACT_NOT_FOUND", "FILE_NOT_FOUND"}
    withdrawal = house.call("POST", f"/v1/extracts/{extract['id']}/withdrawal", ods="0CX")
    assert withdrawal.status_code == 404
    assert house.call("GET", "/v1/extracts", ods="0CX").json()["items"] == []
    assert house.call("GET", "/v1/deliveries", ods="0CX").json()["items"] == []
    assert [d["organisation"] for d in house.deliveries(file)] == ["0DF"]


def test_the_body_s_staff_sees_what_any_organisation_asked_for_and_fetches_none(house):
    extract = house.released()
    file = extract["files"][0]

    for role in BODY:
        seen = house.call("GET", f"/v1/extracts/{extract['id']}", role=role, ods="X26")
        assert seen.status_code == 200
        assert house.call("GET", file["content"], role=role, ods="X26").status_code == 403


@pytest.mark.scenario("U01")
def test_seconded_staff_sees_nothing_of_the_body_in_a_role_of_the_csu(house):
    """One person, two tokens: in the CSU's role only what the CSU asked for is there."""
    other = house.released()
    token = house.identities.token_for(
        Role.CSU_ADVISER, ods="0CX", client_id="seconded", audience="dissemination"
    )
    as_dscro = house.identities.token_for(
        Role.DSCRO_OPERATOR, ods="0CX", client_id="seconded", audience="dissemination"
    )

    def seen(token):
        return house.call(
            "GET",
            f"/v1/extracts/{other['id']}",
            role=None,
            headers={"Authorization": f"Bearer {token}"},
        ).status_code

    assert (seen(token), seen(as_dscro)) == (404, 200)
