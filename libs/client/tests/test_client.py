"""The client against a real server and a real issuer: tokens, refusals, resumed downloads."""

import hashlib
import io
import json
import ssl
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Header, Request, Response

import dsfc_client
from common.clock import SystemClock
from common.security import keys
from common.security.roles import Role
from common.web.server import in_background
from dsfc_client import (
    ConnectionLost,
    Credentials,
    DidNotHappen,
    DigestMismatch,
    Dsfc,
    Failed,
    NotFound,
    Problem,
    Progress,
    Refused,
    wait_for,
)
from dsfc_testing import ports
from dsfc_testing.issuer import Identity, create_issuer_app

CONTENT = bytes(range(256)) * 4_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("README.txt", "Read me.")
        archive.writestr("data.csv", content)
    return made.getvalue()


ARCHIVE = zipped(CONTENT)
EXTRACT = {
    "id": "01a202ef-ca18-759b-a2df-80e1bd1482fa",
    "agreement": "DARS-NIC-123456-A1B2C",
    "data_set": "SUS_APC",
    "state": "released",
    "files": [],
}


class Stage:
    """What the service of this test was asked, and how it is to behave."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.keys: list[str | None] = []
        self.ranges: list[str | None] = []
        self.tags: list[str | None] = []
        self.busy = 0
        self.digest = DIGEST
        self.sends = len(ARCHIVE)
        self.looks: list[dict[str, object]] = []


def problem(status: int, **members: object) -> Response:
    body = json.dumps({"status": status, **members})
    return Response(body, status, media_type="application/problem+json")


def _takes_directories(app: FastAPI) -> None:
    @app.post("/v1/postcode-directories")
    async def take_directory(request: Request, valid_from: str) -> dict[str, object]:
        sizes = [len(block) async for block in request.stream()]
        return {
            "id": EXTRACT["id"],
            "kind": request.headers["content-type"],
            "valid_from": valid_from,
            "digest": DIGEST,
            "entries": sum(sizes),
            "left_out": {},
        }


def service(stage: Stage) -> FastAPI:
    app = FastAPI()

    _takes_directories(app)

    @app.post("/v1/extracts", response_model=None)
    async def ask(
        request: Request, idempotency_key: Annotated[str | None, Header()] = None
    ) -> Response | dict[str, object]:
        stage.tokens.append(request.headers["authorization"])
        stage.keys.append(idempotency_key)
        if stage.busy:
            stage.busy -= 1
            return problem(503, code="DECISION_UNAVAILABLE")
        if (await request.json()).get("agreement") == "shut":
            refusals = [{"code": c, "detail": "", "subject": None} for c in ("A", "B")]
            return problem(403, code="A", refusals=refusals)
        return EXTRACT

    @app.get("/v1/extracts", response_model=None)
    async def pages(after: str | None = None) -> dict[str, object]:
        following = {None: "1", "1": "2", "2": None}[after]
        return {"items": [EXTRACT], "next": following}

    @app.get("/v1/extracts/{extract_id}", response_model=None)
    async def extract(extract_id: str) -> dict[str, object]:
        return EXTRACT | stage.looks.pop(0)

    @app.get("/v1/files/{file_id}/manifest")
    async def manifest(file_id: str) -> dict[str, object]:
        return {"jws": file_id, "manifest": {"file": {"digest": stage.digest}}}

    @app.head("/v1/files/{file_id}/content")
    @app.get("/v1/files/{file_id}/content")
    async def content(
        file_id: str,
        request: Request,
        range: Annotated[str | None, Header()] = None,  # noqa: A002 - its name on the wire
    ) -> Response:
        assert file_id
        kind = request.headers["accept"]
        whole = ARCHIVE if kind == "application/zip" else CONTENT
        if request.method == "HEAD":
            return Response(headers={"etag": '"the-zip"'}, media_type=kind)
        stage.ranges.append(range)
        stage.tags.append(request.headers.get("if-range"))
        start = int(range.removeprefix("bytes=").split("-")[0]) if range else 0
        if start >= len(whole):
            return problem(416, code="RANGE_NOT_SATISFIABLE")
        body = whole[start : start + stage.sends]
        return Response(body, 206 if range else 200, media_type="text/csv")

    return app


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def dsfc(stage: Stage) -> Iterator[Dsfc]:
    signer, mine = keys.Signer(keys.generate_jwk()), keys.generate_jwk()
    identity = Identity(
        client_id="csu",
        title="csu",
        ods="0DF",
        roles=frozenset({Role.CSU_SYSTEM}),
        public_jwk=keys.Signer(mine).public_jwk,
    )
    with in_background([(service(stage), "127.0.0.1", 0)], []) as (url,):
        # The issuer's own address goes into the assertion's audience.
        issuer_url = url.rsplit(":", 1)[0]

        def issuer_on(port: int) -> FastAPI:
            return create_issuer_app([identity], signer, SystemClock(), f"{issuer_url}:{port}")

        with (
            ports.held() as (port,),
            in_background([(issuer_on(port), "127.0.0.1", port)], []) as (issuer_at,),
            Dsfc(
                credentials=Credentials("csu", "csu-system", mine),
                urls=dict.fromkeys(
                    ("applications", "agreements", "pseudonymisation", "dissemination"), url
                )
                | {"issuer": issuer_at},
            ) as client,
        ):
            yield client


def test_a_token_is_fetched_once_and_shown_each_time(dsfc: Dsfc, stage: Stage) -> None:
    for _ in range(3):
        dsfc.dissemination.request({})

    assert len(set(stage.tokens)) == 1
    assert stage.tokens[0].startswith("Bearer ey")


def test_a_role_that_it_has_not_is_refused(dsfc: Dsfc) -> None:
    assert dsfc.tokens is not None
    dsfc.tokens._credentials = Credentials("csu", "dars-approver", dsfc.tokens._credentials.key)

    with pytest.raises(Problem):
        dsfc.dissemination.request({})


def test_every_refusal_is_named(dsfc: Dsfc) -> None:
    with pytest.raises(Refused) as refused:
        dsfc.dissemination.request({"agreement": "shut"})

    assert list(refused.value.codes) == ["A", "B"]
    assert refused.value.has("B")
    assert not refused.value.only("A")


def test_a_busy_service_is_asked_again_where_that_does_no_harm(dsfc: Dsfc, stage: Stage) -> None:
    stage.busy = 1

    dsfc.dissemination.request({}, key="once")

    assert stage.keys == ["once", "once"]


def test_a_command_without_a_key_is_not_repeated(dsfc: Dsfc, stage: Stage) -> None:
    stage.busy = 1

    with pytest.raises(Problem) as problem:
        dsfc.dissemination.request({})

    assert problem.value.code == "DECISION_UNAVAILABLE"
    assert len(stage.keys) == 1


def test_all_pages_are_read(dsfc: Dsfc) -> None:
    assert len(list(dsfc.dissemination.extracts())) == 3


def test_a_download_is_checked_against_the_manifest(dsfc: Dsfc, tmp_path: Path) -> None:
    target = dsfc.dissemination.download("f", tmp_path / "extract.csv")

    assert target.read_bytes() == CONTENT
    assert not (tmp_path / "extract.csv.part").exists()


def test_a_download_goes_on_where_it_ended(dsfc: Dsfc, stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "extract.csv.part").write_bytes(CONTENT[:1000])

    dsfc.dissemination.download("f", tmp_path / "extract.csv")

    assert stage.ranges == ["bytes=1000-"]
    assert (tmp_path / "extract.csv").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_taken(dsfc: Dsfc, tmp_path: Path) -> None:
    (tmp_path / "extract.csv.part").write_bytes(CONTENT)

    dsfc.dissemination.download("f", tmp_path / "extract.csv")

    assert (tmp_path / "extract.csv").read_bytes() == CONTENT


def test_a_zip_goes_on_where_it_ended_if_it_is_still_the_same(
    dsfc: Dsfc, stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "extract.zip.part").write_bytes(ARCHIVE[:1000])

    target = dsfc.dissemination.download("f", tmp_path / "extract.zip", zipped=True)

    assert target.read_bytes() == ARCHIVE
    assert (stage.ranges, stage.tags) == (["bytes=1000-"], ['"the-zip"'])


def test_a_zip_without_the_file_that_the_manifest_vouches_for_is_thrown_away(
    dsfc: Dsfc, stage: Stage, tmp_path: Path
) -> None:
    stage.digest = "sha256:" + "0" * 64

    with pytest.raises(DigestMismatch):
        dsfc.dissemination.download("f", tmp_path / "extract.zip", zipped=True)

    assert list(tmp_path.iterdir()) == []


def test_other_bytes_than_the_manifests_are_thrown_away(
    dsfc: Dsfc, stage: Stage, tmp_path: Path
) -> None:
    stage.digest = "sha256:" + "0" * 64

    with pytest.raises(DigestMismatch):
        dsfc.dissemination.download("f", tmp_path / "extract.csv")

    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_not_found_and_is_a_refusal(dsfc: Dsfc) -> None:
    """An agreement that one may not know of is caught as every other refusal is."""
    with pytest.raises(NotFound) as missing:
        dsfc.dissemination.get("/v1/nothing")

    assert isinstance(missing.value, Refused)
    assert list(missing.value.codes) == [missing.value.code]


def test_waiting_raises_with_code_and_detail_where_an_extract_failed(
    dsfc: Dsfc, stage: Stage
) -> None:
    refusals = [{"code": "ICO_LAPSED", "detail": "The fee was not paid."}]
    stage.looks = [
        {"state": "preparing"},
        {"state": "failed", "code": "ICO_LAPSED", "detail": None, "refusals": refusals},
    ]

    with pytest.raises(Failed) as failed:
        dsfc.dissemination.wait(EXTRACT["id"])

    assert (failed.value.code, failed.value.detail) == ("ICO_LAPSED", "The fee was not paid.")
    assert [r.code for r in failed.value.refusals] == ["ICO_LAPSED"]
    assert failed.value.result.state == "failed"
    assert str(failed.value) == "ICO_LAPSED: The fee was not paid."


def test_waiting_raises_where_an_extract_was_withdrawn(dsfc: Dsfc, stage: Stage) -> None:
    stage.looks = [{"state": "withdrawn"}]

    with pytest.raises(Failed) as failed:
        dsfc.dissemination.wait(EXTRACT["id"])

    assert failed.value.code == "WITHDRAWN"


def test_a_service_that_is_away_is_a_lost_connection() -> None:
    services = ("issuer", "applications", "agreements", "pseudonymisation", "dissemination")
    with ports.held() as (port,):
        nowhere = dict.fromkeys(services, f"http://127.0.0.1:{port}")
        with Dsfc(urls=nowhere) as dsfc, pytest.raises(ConnectionLost):
            dsfc.dissemination.call("POST", "/v1/extracts")


def test_a_directory_is_sent_as_it_is_read(dsfc: Dsfc, tmp_path: Path) -> None:
    file = tmp_path / "ONSPD.csv"
    file.write_bytes(CONTENT)

    taken = dsfc.agreements.import_postcode_directory(file, "2026-02-28")

    assert (taken.kind, taken.entries) == ("text/csv", len(CONTENT))
    assert taken.valid_from.isoformat() == "2026-02-28"


def test_waiting_ends() -> None:
    with pytest.raises(DidNotHappen):
        wait_for(lambda: 1, lambda _: False, timeout_seconds=0.05)


def test_waiting_tells_how_far_it_is(dsfc: Dsfc, stage: Stage) -> None:
    stage.looks = [
        {"state": "preparing", "progress": None},
        {"state": "preparing", "progress": {"rows_done": 1, "rows_total": 4}},
        {"state": "released", "progress": {"rows_done": 4, "rows_total": 4}},
    ]
    told: list[Progress] = []

    done = dsfc.dissemination.wait(EXTRACT["id"], progress=told.append)

    assert done.state == "released"
    assert [(p.rows_done, p.rows_total) for p in told] == [(1, 4), (4, 4)]


def test_whom_the_public_trusts_is_read_once_for_all_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[dict[str, Any]] = []
    create = ssl.create_default_context

    def counted(**named: Any) -> ssl.SSLContext:
        read.append(named)
        return create(**named)

    monkeypatch.setattr(ssl, "create_default_context", counted)
    dsfc_client._public.cache_clear()

    for _ in range(2):
        Dsfc().close()

    assert len(read) == 1
    context = dsfc_client._public()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_problem_says_of_each_error_where_it_is_and_how_many_there_are() -> None:
    row = {"line": 3, "column": "valid_from", "detail": "not a date"}
    members: dict[str, Any] = {
        "code": "IMPORT_REFUSED",
        "errors": [row, {"line": 4, "detail": "x"}],
    }

    assert str(Problem(422, members)) == (
        "422 IMPORT_REFUSED: line 3, valid_from: not a date; line 4: x"
    )
    many = {"code": "IMPORT_REFUSED", "errors": [row] * 100, "errors_total": 5_000}
    assert str(Problem(422, many)).endswith("; and 4980 more, of 5000")


def test_the_text_of_a_refusal_says_of_each_clause_of_what_and_why() -> None:
    no = {
        "code": "PERIOD_NOT_IN_DSA",
        "detail": "The agreement does not allow this.",
        "refusals": [
            {
                "code": "PERIOD_NOT_IN_DSA",
                "subject": "2018-05",
                "detail": "The line covers 2018-04 to 2018-04.",
            },
            {"code": "LAPSED_HOLD", "subject": None, "detail": "It lapsed."},
        ],
    }

    assert str(Refused(403, no)) == (
        "403 PERIOD_NOT_IN_DSA (2018-05): The line covers 2018-04 to 2018-04."
        " LAPSED_HOLD: It lapsed."
    )
    no["refusals"] *= 100
    assert str(Refused(403, no)).endswith(" And 180 more, of 200.")
    of_a_body = {"pointer": "#/body/start", "detail": "Field required", "kind": "missing"}
    assert str(Problem(422, {"errors": [of_a_body]})) == "422 422: #/body/start Field required"
    unsigned = {"reference": "DARS-NIC-123456-A1B2C", "code": "NOT_A_PARTY", "detail": "No."}
    assert "DARS-NIC-123456-A1B2C NOT_A_PARTY No." in str(Problem(422, {"errors": [unsigned]}))
