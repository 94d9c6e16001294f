"""Apps share what is made of their routers, and nothing that is their own."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from dsfc_testing import apps


def who() -> str:
    return "somebody"


def with_routes(*routers: APIRouter, title: str = "One") -> FastAPI:
    apps.share()
    app = FastAPI(title=title)
    for router in routers:
        app.include_router(router)
    return app


def greeting(path: str) -> APIRouter:
    router = APIRouter()

    @router.get(path)
    def greet(name: Annotated[str, Depends(who)]) -> str:
        return f"{path} {name}"

    return router


def test_the_document_of_an_app_is_that_of_its_own_routes() -> None:
    one, other = greeting("/one"), greeting("/other")

    assert [*with_routes(one).openapi()["paths"]] == ["/one"]
    assert [*with_routes(one, other).openapi()["paths"]] == ["/one", "/other"]
    assert [*with_routes(other).openapi()["paths"]] == ["/other"]
    assert with_routes(one, title="Two").openapi()["info"]["title"] == "Two"
    other.add_api_route("/later", who)
    assert [*with_routes(other).openapi()["paths"]] == ["/other", "/later"]


def test_what_is_changed_in_a_document_is_changed_in_no_other() -> None:
    router = greeting("/one")
    with_routes(router).openapi()["paths"].clear()

    assert [*with_routes(router).openapi()["paths"]] == ["/one"]


def test_a_dependency_that_is_replaced_is_replaced_in_its_app_alone() -> None:
    router = greeting("/one")
    plain, replaced = with_routes(router), with_routes(router)
    replaced.dependency_overrides[who] = lambda: "nobody"

    assert TestClient(plain).get("/one").json() == "/one somebody"
    assert TestClient(replaced).get("/one").json() == "/one nobody"
    assert TestClient(with_routes(router)).get("/one").json() == "/one somebody"
