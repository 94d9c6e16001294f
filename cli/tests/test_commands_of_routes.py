"""Every command as its help shows it, against the contracts; every route has a command.

The example of each command is called, and answered as `contracts/` says: an example that has an
option that is not there, a body that the service would refuse, a column that no answer has, and
a route for which there is no command fail here.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from catalogue.flows import example
from common.security.roles import Role
from dsfc_cli.audit_logs.registers import Register
from dsfc_cli.commands import LAZY
from dsfc_cli.house.identities import Identities
from dsfc_cli.shell.lazy import LazyGroup, loaded
from dsfc_cli.waiting import KINDS

ROOT = Path(__file__).parents[2]
SERVICES = ("agreements", "applications", "dissemination", "pseudonymisation")
ID = "01a202ef-ca18-759b-a2df-80e1bd1482fa"
DIGEST = "sha256:" + "0" * 64
BODY: Mapping[str, object] = {"of": "a file"}
"""What is in a file of which no command prints an example."""
ENDS_WELL = ("released", "accepted", "active")
CONTENTS: Mapping[str, str] = {
    "number.txt": "9990000018",
    "numbers.txt": "9990000018",
    "tokens.txt": "Ab0000000000000000000000",
    "LPF_AMBULANCE-1.0.yaml": example().replace("LPF_AMBULANCE_CONVEYANCES", "LPF_AMBULANCE"),
}
"""Of files whose content the command reads itself."""

OTHERWISE = {
    ("agreements", "POST", "/access/v1/evaluation"): "Systems decide by it; people preview.",
    ("agreements", "POST", "/access/v1/evaluations"): "As one question.",
    ("agreements", "POST", "/access/v1/search/resource"): "As one question.",
    ("agreements", "GET", "/v1/agreements/{reference}/destruction"): (
        "`dsfc holdings certify` and `accept` answer it."
    ),
    ("agreements", "GET", "/v1/agreements/{reference}/holdings"): (
        "`dsfc holdings list` shows all agreements."
    ),
    ("agreements", "POST", "/v1/domain-transfers"): (
        "`dsfc domain-transfers propose`, once it knows both environments."
    ),
    ("agreements", "GET", "/v1/holdings"): "`dsfc holdings list` asks for its statement.",
    ("agreements", "GET", "/v1/local-flows/files/{digest}"): "Services fetch layouts by digest.",
    ("agreements", "GET", "/v1/local-flows/versions"): "`dsfc local-flows list` has versions.",
    ("agreements", "GET", "/v1/registers/audits/{reference}"): "`dsfc registers list` has all.",
    ("agreements", "GET", "/v1/registers/onward-shares/{share_id}"): (
        "`dsfc registers list` has all."
    ),
    ("dissemination", "GET", "/v1/catalogue"): "`dsfc catalogue` has it on this machine.",
    ("dissemination", "GET", "/v1/catalogue/{data_set}"): "As the whole catalogue.",
    ("dissemination", "GET", "/v1/catalogue/{data_set}/table-schema"): (
        "`dsfc catalogue show --table-schema`."
    ),
    ("dissemination", "GET", "/v1/bridging-files/{bridging_file_id}/files"): "`show` has them.",
    ("dissemination", "GET", "/v1/extracts/{extract_id}/files"): "`show` has them.",
    ("dissemination", "GET", "/v1/tabulations/{tabulation_id}/files"): "`show` has them.",
    ("dissemination", "POST", "/v1/disclosure-checks"): "`dsfc protect` does it on this machine.",
    ("dissemination", "HEAD", "/v1/files/{file_id}/content"): "For programs that resume.",
    ("dissemination", "GET", "/v1/files/{file_id}/content"): (
        "`dsfc download`, once it knows the digest of the manifest."
    ),
    ("pseudonymisation", "POST", "/v1/file-checks"): (
        "`dsfc catalogue validate` does it on this machine."
    ),
    ("pseudonymisation", "PUT", "/v1/submissions/{submission_id}/content"): (
        "`dsfc submit` sends files in parts."
    ),
    ("pseudonymisation", "HEAD", "/v1/submissions/{submission_id}/uploads/{upload_id}"): (
        "`dsfc submit` asks it where an upload broke off."
    ),
    ("pseudonymisation", "PATCH", "/v1/submissions/{submission_id}/uploads/{upload_id}"): (
        "As `dsfc submit` goes on."
    ),
    ("pseudonymisation", "DELETE", "/v1/submissions/{submission_id}/uploads/{upload_id}"): (
        "An upload that is given up ends by itself."
    ),
}
"""What a person may call and no command does by its example, and why not."""
FURTHER = (
    "dsfc extracts --as csu-0df-analytics ask DARS-NIC-123456-A1B2C CSDS --period 2018-04 --yes",
    "dsfc lapses --as body-contracts --warned",
    *(f"dsfc registers list {one}" for one in Register),
    "dsfc registers fetch data-uses --target uses.csv",
    "dsfc registers statement agreements",
    "dsfc submit CSDS --period 2018-04 --as provider-rr8 --table CYP001=people.csv",
    *(
        f"dsfc waiting --as {by} {verb} {kind} ID --reason Because."
        for kind, of in KINDS.items()
        for by in ("body-contracts" if of.service == "agreements" else "dscro-approver",)
        for verb in ("confirm", "take-back")
    ),
)
"""What is to be seen of commands beside their examples."""
SAYS_NO: Mapping[str, str] = {
    "dsfc domain-transfers preview": "former_goes_on: text",
    "dsfc domain-transfers propose": "0DF has no recipient environment of kind analytics",
    "dsfc download": "KeyError('file')",
    "dsfc holdings --as csu-0df-contact list": "1 overdue",
    "dsfc opt-out-checks exchange": "MESH_NOT_CONFIGURED: set DSFC_MESH_URL",
    "dsfc registers statement": "NOT_GENUINE",
    "dsfc reidentify": "waits for another person of the practice",
    "dsfc table ": "KeyError('file')",
    "dsfc bridging-file ": "KeyError('file')",
    "dsfc submit DIDS": "KeyError('Location')",
    "dsfc extracts --as csu-0df-analytics preview": "NO_EDITION: nothing of text is here",
    "dsfc extracts --as csu-0df-analytics ask": "Aborted",
}
"""Examples that end with another exit code where all is answered that a schema allows: a manifest
and a header are not of it, and a warning is one. What they do besides is walked in `tests/e2e`."""


@dataclass
class Contracts:
    """The four services as `contracts/` has them: answers what they may, and judges bodies."""

    called: set[tuple[str, str, str]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host.partition(".")[0]
        document = openapi(service)
        if request.url.path == "/openapi.json":
            return httpx.Response(200, json=document)
        path, operation = self.operation(document, request)
        self.called.add((service, request.method, path))
        self.judge(service, operation, request)
        status, content = next(
            (int(code), told.get("content", {}))
            for code, told in operation["responses"].items()
            if code.startswith("2")
        )
        accept = request.headers["Accept"]
        if accept in content and accept != "application/json":
            return httpx.Response(status, text="a,b\n", headers={"Content-Type": accept})
        if "application/json" not in content:
            return httpx.Response(status, text="a,b\n")
        schema = content["application/json"].get("schema", {})
        return httpx.Response(status, json=made(document, schema))

    @staticmethod
    def operation(document: Any, request: httpx.Request) -> tuple[str, Any]:
        for path, operations in document["paths"].items():
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
            method = request.method.lower()
            if re.fullmatch(pattern, request.url.path) and method in operations:
                return path, operations[method]
        raise AssertionError(f"There is no {request.method} {request.url.path}.")

    def judge(self, service: str, operation: Any, request: httpx.Request) -> None:
        wanted = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
        asked = request.url.params.keys()
        self.refused += [f"{request.url.path}: no parameter {n}" for n in asked - wanted.keys()]
        self.refused += [
            f"{request.url.path}: no {name}"
            for name, one in wanted.items()
            if one.get("required") and name not in asked
        ]
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return
        body = json.loads(request.content or b"null")
        if body in (BODY, None):
            assert body is not None or not operation["requestBody"].get("required"), request.url
            return
        schema = content["application/json"]["schema"]
        judged = Draft202012Validator(_placed(service, schema), registry=registry())
        self.refused += [f"{request.url.path}: {e.message}" for e in judged.iter_errors(body)]


@cache
def openapi(service: str) -> Any:
    return json.loads((ROOT / "contracts" / service / "openapi.json").read_text("utf-8"))


@cache
def registry() -> Registry[Any]:
    found = {
        service: Resource(contents=openapi(service), specification=DRAFT202012)
        for service in SERVICES
    }
    return Registry[Any]().with_resources((f"urn:{name}", one) for name, one in found.items())


def _placed(service: str, schema: Any) -> Any:
    """The schema with its references into its service's document."""
    return json.loads(json.dumps(schema).replace('"#/', f'"urn:{service}#/'))


FORMATS = {"uuid": ID, "date": "2018-04-01", "date-time": "2018-04-01T10:00:00Z"}


def made(document: Any, schema: Any, *, name: str = "") -> Any:
    """An answer that a schema allows: all members, one of each list."""
    if "$ref" in schema:
        of = schema["$ref"].rpartition("/")[2]
        return made(document, document["components"]["schemas"][of], name=name)
    if "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
        (first, *_), *_ = (schema[one] for one in ("anyOf", "oneOf", "allOf") if one in schema)
        return made(document, first, name=name)
    if "const" in schema or "enum" in schema:
        allowed = schema.get("enum") or [schema["const"]]
        return next((one for one in ENDS_WELL if one in allowed), allowed[0])
    one_of = {
        "object": lambda: {
            member: None if member == "next" else made(document, of, name=member)
            for member, of in schema.get("properties", {}).items()
        },
        "array": lambda: [made(document, schema["items"], name=name)],
        "integer": lambda: schema.get("minimum", 1),
        "number": lambda: schema.get("minimum", 1),
        "boolean": lambda: True,
        "string": lambda: FORMATS.get(
            schema.get("format", ""), "released" if name == "state" else "text"
        ),
    }
    return one_of[schema.get("type", "object")]()


@dataclass(frozen=True)
class Called:
    """A command, its example, and how that ended."""

    typed: tuple[str, ...]
    example: str | None
    exit_code: int | None = None
    output: str = ""


def commands() -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand, bool]]:
    """Every command, what is typed for it, and whether it or its group asks services."""
    waiting: list[tuple[tuple[str, ...], Any, bool]] = [
        ((name,), top_level(name), False) for name in LAZY
    ]
    while waiting:
        typed, found, asks = waiting.pop(0)
        options = {opt for one in found.params for opt in one.opts}
        asks = asks or "--as" in options or {"--profile", "--agreements"} <= options
        for name, command in getattr(found, "commands", {}).items():
            lazy = found.lazy.get(name) if isinstance(found, LazyGroup) else None
            waiting.append(((*typed, name), loaded(name, lazy) if lazy else command, asks))
        if not hasattr(found, "commands"):
            yield typed, found, asks


def example_of(command: typer.core.TyperCommand) -> str | None:
    found = re.search(r"Example: (dsfc .*?)(?:\n\n|\Z)", command.help or "", re.DOTALL)
    return None if found is None else " ".join(found.group(1).split())


@cache
def top_level(name: str) -> Any:
    return loaded(name, LAZY[name])


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Contracts, list[Called]]]:
    folder = tmp_path_factory.mktemp("commands")
    contracts = Contracts()
    transport = httpx.MockTransport(contracts.answer)
    urls = {name: f"http://{name}.test" for name in SERVICES}
    known = {one.client_id: one for one in Identities.create(folder / "identities").known}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(httpx, "Client", partial(httpx.Client, transport=transport))
        patched.setattr("dsfc_cli.shell.calling.Caller._client", _nobody(urls, known))
        called = [_called(typed, example_of(of), of) for typed, of, asks in commands() if asks]
        yield contracts, [*called, *(_called(("dsfc",), one) for one in FURTHER)]


def _nobody(urls: Mapping[str, str], known: Mapping[str, Any]) -> Any:
    """A client of nobody, once it is clear that the issuer knows whom the example names."""

    def client(caller: Any) -> Any:
        from dsfc_client import Dsfc

        if caller.client is None:
            return Dsfc(urls={**urls, "issuer": "http://issuer.test"})
        assert caller.client in known, f"{caller.client} is not known"
        roles = known[caller.client].roles
        assert Role(caller.role) in roles if caller.role else len(roles) == 1, "which role?"
        return Dsfc(urls={**urls, "issuer": "http://issuer.test"})

    return client


def _called(typed: tuple[str, ...], example: str | None, of: Any = None) -> Called:
    if example is None:
        return Called(typed, None)
    words = [
        ID if word == "ID" else word for word in shlex.split(re.split(r" [>|] ", example)[0])[1:]
    ]
    for before, word in pairwise(words):
        is_read = before not in {"--to", "--target"}
        name = word.rpartition("=")[2]
        if is_read and re.fullmatch(r"[\w-][\w.-]*\.(json|csv|xlsx|pdf|txt|dat|gz|yaml)", name):
            Path(name).write_text(CONTENTS.get(name, json.dumps(BODY)), "utf-8")
    if any(one.name == "example" for one in getattr(of, "params", ())):
        shown = CliRunner().invoke(top_level(words[0]), [*words[1:], "--example"])
        assert shown.exit_code == 0, (example, shown.output, shown.exception)
        Path(next(word for word in words if word.endswith(".json"))).write_text(shown.output)
    done = CliRunner().invoke(top_level(words[0]), words[1:])
    why = repr(done.exception) if done.exit_code else ""
    return Called(typed, example, done.exit_code, f"{done.output}{why}")


def test_every_command_that_asks_services_has_an_example_of_itself(walked: Any) -> None:
    _, called = walked

    assert len(called) > 150
    assert [one.typed for one in called if one.example is None] == []
    wrong = [one.example for one in called if not set(one.typed) <= set(str(one.example).split())]
    assert wrong == []


def test_every_example_works_as_the_contracts_have_it(walked: Any) -> None:
    contracts, called = walked

    failed = [one for one in called if one.exit_code and not _is_expected(one)]
    assert {one.example: one.output for one in failed} == {}
    assert contracts.refused == []


def test_a_text_is_printed_as_it_came(walked: Any) -> None:
    """A line feed more, and a file that it is printed into has not the digest that is stated."""
    _, called = walked
    came = {
        ("agreements", "document"): "{}",
        ("maps", "entries"): "a,b\n",
        ("submissions", "report"): "a,b\n",
    }

    assert {one.typed: one.output for one in called if one.typed in came} == came


@pytest.mark.parametrize("command", ["inbox", "lapses"])
def test_a_list_that_is_not_whole_says_so(walked: Any, command: str) -> None:
    """What is made of the contracts has a row of which something cannot be read."""
    _, called = walked

    (told,) = (one.output for one in called if one.typed[-1] == command)

    assert "not all of it is shown: " in told


def _is_expected(one: Called) -> bool:
    """Whether an example ended otherwise than well, and said what it is known to say."""
    return any(
        str(one.example).startswith(known) and said in one.output for known, said in SAYS_NO.items()
    )


def test_every_route_that_a_person_may_call_has_a_command(walked: Any) -> None:
    """And what everybody may call."""
    contracts, _ = walked
    of_people = {*routes_of_people(), *public_routes()}

    assert len(of_people) > 200
    assert sorted(of_people - contracts.called - OTHERWISE.keys()) == []
    assert sorted(OTHERWISE.keys() & contracts.called) == [], "these have a command by now"
    assert sorted(OTHERWISE.keys() - of_people) == [], "these are no routes of people"


def routes_of_people() -> Iterator[tuple[str, str, str]]:
    """Every route that somebody who is no service may call, as the permissions have it.

    Of the sections of an application, which have a route each, one: they are called alike.
    """
    services = {role.value for role in Role if role.value.startswith(("service-", "system-"))}
    for service, verb, path, permission, roles in permitted_routes():
        if permission != "public" and set(roles.split(", ")) - services:
            yield service, verb, re.sub(r"/sections/\d+$", "/sections/9", path)


def public_routes() -> Iterator[tuple[str, str, str]]:
    """Every route that needs no token, but those of programs: pages, keys, health."""
    for service, verb, path, permission, _ in permitted_routes():
        if permission == "public" and path.startswith("/v1/"):
            yield service, verb, path


def permitted_routes() -> Iterator[tuple[str, str, str, str, str]]:
    service = ""
    for line in (ROOT / "docs" / "permissions.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            service = line.removeprefix("## ")
        found = re.match(r"\| `(\w+) (\S+)` \| `?([^|`]+)`? \| (.+) \|", line)
        if found:
            yield service, *found.groups()
