"""S2, S4, S5 and S7 of design.md section 10, over one suite and its whole journey."""

import csv
import json
import os
import re
import shutil
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from typer.testing import CliRunner

from common.audit.tree import Frontier, leaf_hash, written
from common.ids import digest_of, new_id
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.main import app
from dsfc_client import Extract, NotFound, Refused
from tests.books import released_once
from tests.modes import left_to_others
from tests.running import APRIL, MAY, Scene, scene, until
from tests.scanning import Identifiers

pytestmark = [pytest.mark.xdist_group("promises"), pytest.mark.timeout(300)]

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
AUDIENCES = {"preparations": "pseudonymisation"}
"""Ports whose tokens are another's."""
JUNE = "2019-06"
"""A month of another financial year, which no line opens."""
POSTCODE, BIRTH = "S70 9QQ", "1931-07-19"
"""Of people of these tests alone: no map, no agreement and no release knows them."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    before = os.umask(0)  # as generous as anybody's may be: see the test of modes
    try:
        with scene(tmp_path_factory, "promises") as running:
            yield running
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def extracts(played: Scene) -> Mapping[str, Extract]:
    """April and May in the first domain, April in the second."""
    asked = {
        "april": played.ask(formats=["csv", "parquet"]),
        "may": played.ask(periods=[MAY]),
    }
    other = played.other_csu.dissemination
    elsewhere = other.request(played.body(agreement=played.other_reference))
    done = {
        name: played.csu.dissemination.wait(extract.id, timeout_seconds=120)
        for name, extract in asked.items()
    } | {"elsewhere": other.wait(elsewhere.id, timeout_seconds=120)}
    assert {extract.state.upper() for extract in done.values()} == {"RELEASED"}
    return done


def rows(
    played: Scene, extract: Extract, *, csu: str = "csu-0df-analytics"
) -> list[dict[str, str]]:
    (file,) = [file for file in extract.files if file.format == "csv"]
    target = played.state.parent / f"{file.id}.csv"
    played.stage.actor(csu).dissemination.download(file.id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# S5


def blocks(tokens: Iterable[str]) -> set[bytes]:
    """What is encrypted under the domain's key, without the head that tells domains apart."""
    return {urlsafe_b64decode(token)[2:] for token in tokens}


@pytest.mark.scenario("R19")
def test_tokens_are_equal_inside_a_domain_and_disjoint_between_two(
    played: Scene, extracts: Mapping[str, Extract]
) -> None:
    """S5. Guard: the key of a domain, random and of its own (`PseudonymDomain.key_name`,
    `KeyStore.create`); with one key for all, the second agreement's tokens are the first one's."""
    april = {row["Token"] for row in rows(played, extracts["april"])}
    may = {row["Token"] for row in rows(played, extracts["may"])}
    elsewhere = {
        row["Token"] for row in rows(played, extracts["elsewhere"], csu="csu-0cx-analytics")
    }

    in_april, in_may = played.people_sent(APRIL), played.people_sent(MAY)
    assert (len(april), len(may)) == (len(in_april), len(in_may))
    assert len(april & may) == len(in_april & in_may) > 100
    assert len(elsewhere) == len(april)
    # The first two bytes name the kind and the domain; whom a token is about is in the block.
    assert blocks(april) & blocks(may) == blocks(april & may)
    assert blocks(elsewhere) & blocks(april | may) == set()
    assert len(blocks(elsewhere)) == len(elsewhere)
    assert all(len(token) == 24 and token[0].isalpha() for token in april | may | elsewhere)


@pytest.mark.scenario("R08")
def test_who_is_nobody_of_the_commissioners_is_in_no_file(
    played: Scene, extracts: Mapping[str, Extract]
) -> None:
    """Guard: the reasons of a permit in the haven's selection (`selection.reasons`)."""
    made = rows(played, extracts["april"])
    sent = played.input_of(APRIL).read_text("utf-8").count("\n") - 1
    codes = {part.split(":")[1] for row in made for part in row["Reason_For_Access"].split(";")}

    assert codes == {COMMISSIONER}
    assert len({row["Token"] for row in made}) == len(played.people_sent(APRIL))
    assert 0 < len(made) < sent, "records of others were sent too"


@pytest.mark.scenario("R06")
def test_what_is_outside_the_lines_months_is_refused_and_leaves_no_trace_of_a_file(
    played: Scene, extracts: Mapping[str, Extract]
) -> None:
    """Guard: the line's months in agreements (`line_clauses.periods`)."""
    before = [extract.id for extract in played.csu.dissemination.extracts()]

    with pytest.raises(Refused) as of_june:
        played.ask(periods=[JUNE])
    with pytest.raises(Refused) as of_more:
        played.ask(periods=[APRIL, JUNE])

    assert list(of_june.value.codes) == list(of_more.value.codes) == ["PERIOD_NOT_IN_DSA"]
    assert [extract.id for extract in played.csu.dissemination.extracts()] == before


# S2


def ask_directly(played: Scene) -> str:
    """A permit that nobody will use: the question that an extract is, and no extract."""
    service = played.stage.actor("dissemination")
    request = played.body() | {"extract_id": str(new_id())}
    line = ("purpose", "data_set", "classification", "periods", "fields", "formats")
    answer = service.agreements.evaluate(
        {
            "subject": {
                "type": "client",
                "id": "csu-0df-analytics",
                "properties": {"token": played.token()},
            },
            "action": {"name": "request"},
            "resource": {
                "type": "agreement",
                "id": request["agreement"],
                "properties": {name: request[name] for name in line},
            },
            "context": {
                "extract_id": request["extract_id"],
                "request_digest": digest_of(request),
            },
        }
    )
    assert answer["decision"]
    return str(answer["context"]["id"])


@pytest.mark.scenario("R24")
def test_every_released_file_has_one_of_each_and_what_led_to_nothing_is_listed(
    played: Scene, extracts: Mapping[str, Extract]
) -> None:
    """S2. Guards: the release decision that is the same for the same file (`_released_before`), the
    one transaction of a release (`releases.release`), the idempotency key of a request."""
    key = str(new_id())
    twice = [played.csu.dissemination.request(played.body(), key=key) for _ in range(2)]
    assert twice[0].id == twice[1].id
    again = played.csu.dissemination.wait(twice[0].id, timeout_seconds=60)
    files = [file for extract in (*extracts.values(), again) for file in extract.files]
    assert len(files) == 5
    april = next(f for f in extracts["april"].files if f.format == "csv")
    assert again.files[0].digest == april.digest, "the same release again is the same content"
    unused = ask_directly(played)
    beyond = httpx.get(
        played.url("dissemination", f"/v1/files/{april.id}/content"),
        headers={"Authorization": f"Bearer {played.token()}", "Range": "bytes=999999999-"},
        timeout=60,
    )
    assert beyond.status_code == 416

    for file in files:
        released_once(played, str(file.id))
    public = played.suite.public().dissemination
    assert all(one.reason for one in public.data_sets_not_yet())
    register = public.register()
    assert sorted(str(line.file_id) for line in register) == sorted(str(f.id) for f in files)
    told = CliRunner().invoke(
        app, ["audit", "decisions", "--directory", str(played.state), "--json"]
    )
    assert told.exit_code == 0, told.output
    nothing = json.loads(told.output)["decisions"]
    assert [(d["action"], d["decision_id"]) for d in nothing if d["action"] != "fetch"] == [
        ("request", unused)
    ]
    assert [d["about"] for d in nothing if d["action"] == "fetch"] == [str(april.id)]


# S4


@pytest.fixture
def copied(played: Scene, extracts: Mapping[str, Extract], tmp_path: Path) -> Path:
    """Dissemination's log and its checkpoints, somewhere else, with no service running on it."""
    with (
        closing(sqlite3.connect(played.state / "dissemination.db")) as source,
        closing(sqlite3.connect(tmp_path / "log.db")) as target,
    ):
        source.backup(target)
    shutil.copyfile(
        played.state / "checkpoints" / "dissemination.checkpoints", tmp_path / "log.checkpoints"
    )
    jwks = httpx.get(played.url("dissemination", "/.well-known/jwks.json"), timeout=60).json()
    (tmp_path / "jwks.json").write_text(json.dumps(jwks), "utf-8")
    return tmp_path


def verified(copied: Path) -> tuple[int, list[tuple[str, int]]]:
    """What `dsfc audit verify` says: its exit status, and each finding with its first leaf."""
    told = CliRunner().invoke(
        app,
        [
            *("audit", "verify", "--log", "dissemination", "--json"),
            *("--database", f"sqlite:///{copied / 'log.db'}"),
            *("--checkpoints", str(copied / "log.checkpoints")),
            *("--jwks", str(copied / "jwks.json")),
        ],
    )
    assert told.exit_code in (0, 1), told.output
    (report,) = json.loads(told.output)
    return told.exit_code, [(found["kind"], found["index"]) for found in report["findings"]]


def changed(copied: Path, *statements: tuple[str, Sequence[Any]]) -> None:
    with closing(sqlite3.connect(copied / "log.db")) as database:
        for statement, values in statements:
            database.execute(statement, values)
        database.commit()


def entries(copied: Path) -> list[str]:
    with closing(sqlite3.connect(copied / "log.db")) as database:
        found = database.execute('SELECT entry FROM audit_leaf ORDER BY "index"').fetchall()
    return [entry for (entry,) in found]


def rebuilt(copied: Path, log: Sequence[str]) -> None:
    """Write a history that is consistent in itself: leaves, hashes and frontier."""
    frontier = Frontier()
    leaves = []
    for index, entry in enumerate(log):
        hashed = leaf_hash(entry.encode())
        frontier.append(hashed)
        leaves.append((index, entry, written(hashed)))
    with closing(sqlite3.connect(copied / "log.db")) as database:
        database.execute("DELETE FROM audit_leaf")
        database.executemany("INSERT INTO audit_leaf VALUES (?, ?, ?)", leaves)
        database.execute(
            "UPDATE audit_frontier SET size = ?, nodes = ?", [frontier.size, frontier.packed()]
        )
        database.commit()


EDIT = 'UPDATE audit_leaf SET entry = replace(entry, ?, ?) WHERE "index" = 2'


@pytest.mark.scenario("U02")
def test_an_auditor_reads_who_got_what_and_the_log_is_whole(
    played: Scene, extracts: Mapping[str, Extract], copied: Path
) -> None:
    """S4, with nothing wrong: what is found below is not found in every log."""
    auditor = played.stage.actor("body-auditor").dissemination
    page = auditor.get("/v1/audit", agreement=played.reference, limit=200)["items"]
    lines = [line["entry"] for line in page]
    actions = {(line["action"], line["client_id"]) for line in lines}
    assert actions >= {
        ("extract-requested", "csu-0df-analytics"),
        ("file-released", "dissemination"),
        ("delivery-begun", "csu-0df-analytics"),
    }
    assert all(line["at"] and line["resource"] for line in lines)
    # What agreements said is in nobody's name.
    assert {(line["action"], line["on_behalf_of"]) for line in lines} == {
        (line["action"], None if line["action"] == "agreement-heard" else COMMISSIONER)
        for line in lines
    }
    with pytest.raises(NotFound):
        played.csu.dissemination.manifest(new_id())
    manifest = played.csu.dissemination.manifest(extracts["may"].files[0].id).manifest
    leaf = json.loads(entries(copied)[manifest["audit"]["index"]])
    assert leaf["resource"] == f"files/{extracts['may'].files[0].id}"
    assert verified(copied) == (0, [])


def test_an_edited_leaf_is_found(copied: Path) -> None:
    """S4. Guard: `_judge`, which hashes the entry itself."""
    changed(copied, (EDIT, ['"organisation":"', '"organisation":"X']))

    assert verified(copied) == (1, [("LEAF_EDITED", 2)])


def test_a_deleted_leaf_is_found(copied: Path) -> None:
    """S4. Guard: the gap that `_walk` looks for."""
    changed(copied, ('DELETE FROM audit_leaf WHERE "index" = 2', []))

    assert verified(copied) == (1, [("LEAF_DELETED", 2)])


def test_leaves_that_changed_places_are_found(copied: Path) -> None:
    """S4. Guard: the index inside the entry (`Entry.as_json`, `_judge`)."""
    log = entries(copied)
    log[2], log[3] = log[3], log[2]
    rebuilt(copied, log)

    status, found = verified(copied)
    assert status == 1
    assert ("LEAF_REORDERED", 2) in found


def test_another_history_is_found(copied: Path) -> None:
    """S4. Guard: the signed checkpoints (`_pass_heads`): by itself the history is consistent."""
    log = entries(copied)
    log[2] = log[2].replace('"organisation":"', '"organisation":"X')
    rebuilt(copied, log)

    status, found = verified(copied)
    assert status == 1
    assert found[0][0] == "LOG_FORKED"


def test_a_log_that_was_cut_is_found(copied: Path) -> None:
    """S4. Guard: the size that the last checkpoint signs (`_judge_end`)."""
    log = entries(copied)[:4]
    rebuilt(copied, log)

    assert verified(copied) == (1, [("LOG_TRUNCATED", 4)])


def test_a_checkpoint_that_somebody_else_signed_is_found(copied: Path) -> None:
    """S4. Guard: `_genuine`, which verifies every line with the log's own key."""
    path = copied / "log.checkpoints"
    lines = path.read_text("ascii").splitlines()
    head, claims, signature = lines[-1].split(".")
    lines[-1] = ".".join((head, claims, signature[::-1]))
    path.write_text("\n".join(lines) + "\n", "ascii")

    status, found = verified(copied)
    assert status == 1
    assert [kind for kind, _ in found] == ["CHECKPOINT_NOT_GENUINE"]


# S7


def submitted_by_canaries(
    played: Scene, directory: Path, *, canaries: int = 20
) -> tuple[str, Sequence[str]]:
    """A file whose first rows are of people with known postcode and date of birth."""
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        sent = list(reader)
    numbers = [row["NHS_Number"] for row in sent[:canaries] if row["NHS_Number"]]
    for row in sent[:canaries]:
        row["Postcode"], row["Date_of_Birth"] = POSTCODE, BIRTH
        row["Der_Diagnosis_All"] = f"I10 {POSTCODE} {BIRTH} {row['NHS_Number']}"
    for row in sent[canaries : canaries + 5]:
        row["Admission_Date"] = f"{row['NHS_Number']} {BIRTH}"
    path = directory / "canaries.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(reader.fieldnames or ()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sent)
    done = played.submit(path)
    assert done.state.lower() == "accepted", done
    return str(done.id), numbers


def thrown(played: Scene, where: str, number: str) -> Iterator[httpx.Response]:
    """Personal data in every place of every route that a caller can write into."""
    document = httpx.get(played.url(where, "/openapi.json"), timeout=60).json()
    values = (number, f"RAX{number}-2", f"{POSTCODE} {BIRTH}", POSTCODE.replace(" ", ""))
    with httpx.Client(base_url=played.suite.urls[where], timeout=30) as client:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                token = token_for(played, where, operation.get("x-roles", ()))
                for value in values:
                    yield client.send(filled(client, method, path, document, value, token))
                yield client.request(method, path, headers={"Authorization": f"Bearer {number}"})
                yield client.request(
                    method,
                    path,
                    content=f'{{"a": {number}, "b": "{POSTCODE}", "c": {BIRTH}',
                    headers={
                        "Authorization": f"Bearer {token}",
                        "Content-Type": "application/json",
                    },
                )


def token_for(played: Scene, where: str, roles: Sequence[str]) -> str:
    """A token of somebody who may."""
    for identity in played.suite.identities.known:
        for role in identity.roles:
            if role in roles or not roles:
                tokens = played.stage.actor(identity.client_id, role).tokens
                assert tokens is not None
                return tokens.token(AUDIENCES.get(where, where))
    raise LookupError(roles)


def filled(
    client: httpx.Client,
    method: str,
    path: str,
    document: Mapping[str, Any],
    value: str,
    token: str,
) -> httpx.Request:
    """A request in which every parameter, header, name and value is `value`."""
    operation = document["paths"][path][method]
    names: dict[str, list[str]] = {"path": [], "query": [], "header": []}
    for parameter in operation.get("parameters", ()):
        names[parameter["in"]].append(parameter["name"])
    for name in names["path"]:
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    body: dict[str, Any] = {}
    if method in {"post", "put"}:
        is_csv = "text/csv" in operation.get("requestBody", {}).get("content", {})
        body = (
            {"content": f"{value},{value}\n{value},{value}\n"}
            if is_csv
            else {"json": {value: value, **dict.fromkeys(properties(document, operation), value)}}
        )
    return client.build_request(
        method,
        path,
        params=dict.fromkeys([*names["query"], value], value),
        headers={
            **dict.fromkeys(names["header"], value),
            **dict.fromkeys(("X-Correlation-ID", "Range", "If-Range", "User-Agent"), value),
            "Authorization": f"Bearer {token}",
            **({"Content-Type": "text/csv"} if "content" in body else {}),
        },
        **body,
    )


def properties(document: Mapping[str, Any], operation: Mapping[str, Any]) -> list[str]:
    """Names of what a body may have."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    names: list[str] = []
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if "$ref" in found:
            waiting.append(document["components"]["schemas"][found["$ref"].rpartition("/")[2]])
        waiting += [*found.get("oneOf", ()), *found.get("anyOf", ())]
        names += found.get("properties", {})
    return names


def test_no_identifier_is_in_a_log_an_event_an_error_a_metric_or_at_rest_in_clear(
    played: Scene, extracts: Mapping[str, Extract], tmp_path: Path
) -> None:
    """S7. Guards: the sealing and masking of landing (`sealing`, `masking`); problems that echo no
    input (`common.web.problems`); access lines without what the caller chose, tracebacks without
    locals and SQL without parameters (`common.logging`, `hide_parameters`)."""
    submission, numbers = submitted_by_canaries(played, tmp_path)
    provider = played.stage.actor("provider-r0a").pseudonymisation
    told = [
        json.dumps(provider.report(submission)).encode(),
        json.dumps(provider.quarantine(submission)).encode(),
    ]
    hidden = Identifiers(
        played.numbers,
        frozenset({POSTCODE.encode(), POSTCODE.replace(" ", "").encode()}),
        frozenset({BIRTH.replace("-", "").encode()}),
    )
    answered: dict[int, int] = {}
    for service in (*SERVICES, *AUDIENCES):
        for answer in thrown(played, service, numbers[0]):
            answered[answer.status_code] = answered.get(answer.status_code, 0) + 1
            where = f"{answer.request.method} {service} {answer.request.url.path}"
            assert answer.status_code < 500, where
            if answer.is_error:
                head = "".join(f"{k}: {v}\n" for k, v in answer.headers.items())
                assert not hidden.found_in(head.encode() + answer.content), where
    assert answered[422] > 300, answered
    played.released()
    for service in SERVICES:
        metrics = httpx.get(played.url(service, "/metrics"), timeout=60).content
        told.append(re.sub(rb"(?m) [0-9.e+-]+$", b"", metrics))  # seconds may have any digits
        told.append(json.dumps(played.leaves(service)).encode())

    assert [hidden.found_in(text) for text in told if hidden.found_in(text)] == []
    assert hidden.found_under(played.state) == {}
    births = frozenset(
        str(day).replace("-", "").encode() for day in played.world.births if str(day) < "2000"
    )
    homes = frozenset(str(home).encode() for home in played.world.postcodes)
    at_rest = Identifiers(frozenset(), homes, births).found_under(played.state)
    maps = {name for name in at_rest if "maps/" in name or name.startswith("agreements.db")}
    assert set(at_rest) == maps, "the map of postcodes is no secret; all else is"


# What is told is true, on every route


NOBODY_S = "nobody_s_word"
"""A name that no parameter and no member has."""


def operations(played: Scene, where: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every route of a port, with path parameters that are well-formed and name nothing."""
    document = httpx.get(played.url(where, "/openapi.json"), timeout=60).json()
    for path, described in document["paths"].items():
        for method, operation in described.items():
            yield method.upper(), re.sub(r"{\w+}", str(new_id()), path), operation


def stranger_to(played: Scene, where: str, roles: Sequence[str]) -> str | None:
    """A token of somebody who may not; None where everybody may."""
    every = {str(role) for one in played.suite.identities.known for role in one.roles}
    others = sorted(every - set(roles))
    return token_for(played, where, others) if others else None


@pytest.mark.parametrize("where", [*SERVICES, *AUDIENCES])
def test_every_route_says_what_it_does_not_know_cannot_give_and_does_not_allow(
    played: Scene, where: str
) -> None:
    """Guards: `common.web.operation.check` in `requires` and `public`; `problems._headers`."""
    wrong: list[str] = []
    with httpx.Client(base_url=played.suite.urls[where], timeout=30) as client:

        def expect(told: httpx.Response, status: int, code: str, **more: Any) -> None:
            if told.request.method == "HEAD":
                code, more = "", {}
            is_problem = told.headers.get("content-type") == "application/problem+json"
            body = told.json() if is_problem and told.content else {"code": ""}
            found = (told.status_code, body.get("code"), {name: body.get(name) for name in more})
            if found != (status, code, more):
                wrong.append(f"{told.request.method} {told.request.url.path}: {found}")

        for method, path, operation in operations(played, where):
            roles = operation.get("x-roles", ())
            mine = {"Authorization": f"Bearer {token_for(played, where, roles)}"}
            known = sorted(p["name"] for p in operation.get("parameters", ()) if p["in"] == "query")
            told = client.request(method, path, params={NOBODY_S: "1"}, headers=mine)
            expect(told, 422, "UNKNOWN_PARAMETER", allowed=known)
            answers = operation["responses"].items()
            if any(answer.get("content") for status, answer in answers if status.startswith("2")):
                wanted = mine | {"Accept": "application/vnd.nothing"}
                expect(client.request(method, path, headers=wanted), 406, "NOT_ACCEPTABLE")
            if not roles:
                continue
            told = client.request(method, path)
            expect(told, 401, "UNAUTHENTICATED")
            if told.headers.get("www-authenticate") != "Bearer":
                wrong.append(f"{method} {path}: {told.headers}")
            if (other := stranger_to(played, where, roles)) is None:
                continue
            told = client.request(method, path, headers={"Authorization": f"Bearer {other}"})
            expect(told, 403, "ROLE_NOT_PERMITTED")
            if told.headers.get("www-authenticate") != 'Bearer error="insufficient_scope"':
                wrong.append(f"{method} {path}: {told.headers}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("where", SERVICES)
def test_a_list_and_what_it_lists_say_the_same(
    played: Scene, extracts: Mapping[str, Extract], where: str
) -> None:
    """What a list leaves empty, or tells of another moment, somebody believes."""
    assert extracts
    document = httpx.get(played.url(where, "/openapi.json"), timeout=60).json()["paths"]
    wrong: list[str] = []
    compared = 0
    with httpx.Client(base_url=played.suite.urls[where], timeout=30) as client:

        def got(path: str, template: str) -> Any:
            roles = document[template]["get"].get("x-roles", ())
            seeing = [role for role in roles if role == "auditor"] or roles
            mine = {"Authorization": f"Bearer {token_for(played, where, seeing)}"}
            return client.get(path, headers=mine)

        for template in document:
            path, _, name = template.rpartition("/")
            if not re.fullmatch(r"{\w+}", name) or path not in document or "{" in path:
                continue
            if "get" not in document[template] or "get" not in document[path]:
                continue
            listed = got(f"{path}?limit=200", path)
            for item in listed.json().get("items", ())[:5]:
                own = [name.strip("{}"), "reference", "con_ref", "ods"]
                names = ["id"] if name.endswith("_id}") else own
                key = next(item[n] for n in names if n in item)
                alone = got(f"{path}/{key}", template).json()
                if "items" in alone:  # what is listed line by line, whole
                    [alone] = [one for one in alone["items"] if one["version"] == item["version"]]
                compared += 1
                wrong += [
                    f"{template}.{member}: {value!r} in the list, {alone[member]!r} alone"
                    for member, value in item.items()
                    if member in alone and alone[member] != value
                ]
                if not set(item) & set(alone):
                    wrong.append(f"{template}: {item} {alone}")

    assert not wrong, "\n".join(wrong)
    assert compared > 0


def test_nothing_under_var_is_left_to_others_whatever_the_umask(
    played: Scene, extracts: Mapping[str, Extract], tmp_path: Path
) -> None:
    """Files are 0600, directories 0700, also while something is written: uploads, spills,
    write-ahead logs. Guards: `files.keep_private` before every command, `common.files`."""
    assert extracts
    found, looks = set[tuple[str, str]](), 0
    with ThreadPoolExecutor() as pool:
        under_way = [
            pool.submit(submitted_by_canaries, played, tmp_path, canaries=21),
            pool.submit(played.released, periods=[MAY], formats=["csv", "parquet"]),
        ]
        while not all(work.done() for work in under_way):
            found |= left_to_others(played.state)
            looks += 1
    for work in under_way:
        work.result()
    played.suite.stop_service("dissemination")
    played.suite.start_service("dissemination")
    played.suite.wait_ready(["dissemination"])
    until((played.state / "checkpoints" / "dissemination.checkpoints").exists)
    found |= left_to_others(played.state)

    assert looks > 1
    names = {name for _, below, files in os.walk(played.state) for name in (*below, *files)}
    assert names >= {"logs", "keys", "objects", "checkpoints", "identities", "dissemination.db-wal"}
    assert found == set()
