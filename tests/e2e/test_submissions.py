"""Bad input to a submission: refused or quarantined as a whole or by row, and nothing else moves.

What was landed before stays as it is; nothing of what was sent lies anywhere in clear; a line of
any length takes no memory.
"""

import csv
import http.client
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO, StringIO
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dsfc_client import Problem
from tests.running import APRIL, DATA_SET, MAY, Scene, files_under, scene, until
from tests.scanning import Identifiers

pytestmark = [pytest.mark.xdist_group("submissions"), pytest.mark.timeout(300)]

MEBIBYTE = 1_048_576
HUGE_BYTES = 2 * 1024 * MEBIBYTE
MEMORY_BYTES_MAX = 64 * MEBIBYTE
"""By so much a process may grow over a line of two gibibytes."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "submissions") as running:
        yield running


def bearer(played: Scene) -> dict[str, str]:
    who = played.stage.actor("provider-r0a")
    return {"Authorization": f"Bearer {played.token('pseudonymisation', who)}"}


def opened(played: Scene, period: str = APRIL) -> str:
    answer = httpx.post(
        played.url("pseudonymisation", "/v1/submissions"),
        json={"data_set": DATA_SET, "period": period},
        headers=bearer(played),
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def sent(played: Scene, content: bytes, **headers: str) -> tuple[str, httpx.Response]:
    submission = opened(played)
    answer = httpx.put(
        played.url("pseudonymisation", f"/v1/submissions/{submission}/content"),
        content=content,
        headers=bearer(played) | {"Content-Type": "text/csv"} | headers,
        timeout=60,
    )
    return submission, answer


def state(played: Scene, submission: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = httpx.get(
        played.url("pseudonymisation", f"/v1/submissions/{submission}"),
        headers=bearer(played),
        timeout=60,
    ).json()
    return found


def editions(played: Scene) -> list[tuple[Any, ...]]:
    return list(played.rows("pseudonymisation", "SELECT * FROM edition ORDER BY id"))


def landed_objects(played: Scene) -> set[str]:
    root = played.state / "objects" / "landing"
    folders = ("uploads", "quarantine", "editions")
    return {str(path) for folder in folders for path in files_under(root / folder)}


def in_clear(played: Scene) -> Mapping[str, set[bytes]]:
    """Files of the suite in which NHS numbers stand, and which."""
    return Identifiers(played.numbers).found_under(played.state)


def rows_of(played: Scene) -> tuple[list[str], list[dict[str, str]]]:
    with played.input_of(APRIL).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), list(reader)


def written(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def bad_files(played: Scene) -> Mapping[str, tuple[bytes, int, str]]:
    """What a provider may send by mistake: the bytes, and how they are refused."""
    good = played.input_of(APRIL).read_bytes()
    header, rest = good.split(b"\n", 1)
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("april.csv", good)
    return {
        "without its header": (rest, 422, "COLUMNS_WRONG"),
        "a column missing": (
            b"\n".join(line.split(b",", 1)[-1] for line in good.splitlines()),
            422,
            "COLUMNS_WRONG",
        ),
        "an unknown column": (header + b",Surname\n" + rest, 422, "COLUMNS_WRONG"),
        "nothing": (b"", 422, "FILE_EMPTY"),
        "a header alone": (header + b"\n", 422, "FILE_EMPTY"),
        "UTF-16": (good.decode().encode("utf-16"), 422, "ENCODING_NOT_UTF8"),
        "Latin-1": (
            good[:20_000] + "Müller\n".encode("latin-1") + good[20_000:],
            422,
            "ENCODING_NOT_UTF8",
        ),
        "a zip": (archive.getvalue(), 415, "CONTENT_IS_ARCHIVE"),
        "zero bytes": (good[:30_000] + b"\0" + good[30_000:], 422, "CONTENT_NOT_TEXT"),
        "the same again": (good, 409, "DUPLICATE_UPLOAD"),
    }


@pytest.mark.parametrize(
    "what",
    [
        *("without its header", "a column missing", "an unknown column"),
        *("nothing", "a header alone", "UTF-16", "Latin-1", "a zip", "zero bytes"),
        "the same again",
    ],
)
def test_a_file_that_is_not_what_the_catalogue_says_is_refused_as_a_whole(
    played: Scene, what: str
) -> None:
    content, status, code = bad_files(played)[what]
    before = editions(played), landed_objects(played)

    submission, answer = sent(played, content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not Identifiers(played.numbers).found_in(answer.content)
    assert state(played, submission)["state"] == "rejected"
    assert (editions(played), landed_objects(played)) == before
    assert in_clear(played) == {}


def huge_line(header: bytes) -> Iterator[bytes]:
    yield header + b"\n"
    yield from repeat(b"x" * MEBIBYTE, HUGE_BYTES // MEBIBYTE)


def memory(played: Scene, name: str) -> int:
    """A figure of the haven's process, in bytes."""
    status = Path(f"/proc/{played.suite.process('pseudonymisation').pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def test_a_line_of_two_gibibytes_is_refused_in_the_memory_of_a_chunk(played: Scene) -> None:
    before, landed = editions(played), landed_objects(played)
    header = played.input_of(APRIL).read_bytes().split(b"\n", 1)[0]
    submission = opened(played)
    where = urlsplit(played.url("pseudonymisation", f"/v1/submissions/{submission}/content"))
    used = memory(played, "VmHWM")
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.request(
        "PUT",
        where.path,
        body=huge_line(header),
        headers=bearer(played) | {"Content-Type": "text/csv"},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()

    assert (answer.status, problem["code"], problem["line"]) == (422, "LINE_TOO_LONG", 2)
    assert state(played, submission)["code"] == "LINE_TOO_LONG"
    assert memory(played, "VmHWM") - used < MEMORY_BYTES_MAX
    assert (editions(played), landed_objects(played)) == (before, landed)


def _decided(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return found if found["state"] in {"accepted", "rejected"} else None


def test_an_upload_that_is_cut_off_leaves_nothing_and_is_sent_again(played: Scene) -> None:
    good = played.input_of(MAY).read_bytes().replace(b"2018-05", b"2018-06")
    submission = opened(played, "2018-06")
    before = landed_objects(played)
    where = urlsplit(played.url("pseudonymisation", f"/v1/submissions/{submission}/content"))
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.putrequest("PUT", where.path)
    for name, value in bearer(played).items():
        connection.putheader(name, value)
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", str(len(good)))
    connection.endheaders()
    connection.send(good[: len(good) // 2])
    until(lambda: len(landed_objects(played)) > len(before))  # it is being written

    assert in_clear(played) == {}, "while it is under way"
    connection.close()

    until(lambda: landed_objects(played) == before)
    assert state(played, submission)["state"] == "open"
    answer = httpx.put(
        played.url("pseudonymisation", f"/v1/submissions/{submission}/content"),
        content=good,
        headers=bearer(played) | {"Content-Type": "text/csv"},
        timeout=60,
    )
    assert answer.status_code == 202
    assert in_clear(played) == {}, "while it is landed"
    found = until(lambda: _decided(state(played, submission)))
    assert found["state"] == "accepted", found


@pytest.mark.scenario("N01")
@pytest.mark.scenario("R15")
@pytest.mark.scenario("R23")
def test_bad_rows_are_set_aside_with_reasons_and_the_rest_is_a_new_edition(
    played: Scene,
) -> None:
    columns, rows = rows_of(played)
    own = rows[100]["NHS_Number"]
    columns.append("Confidentiality_Category_SUS")
    for row, (column, value) in zip(
        rows[:4],
        [
            ("NHS_Number", "9990000019"),
            ("NHS_Number", "9999999999"),
            ("NHS_Number", "999 000 001"),
            ("NHS_Number", "9990000018"),
        ],
        strict=True,
    ):
        row[column] = value
    rows[4]["Admission_Date"] = "2018-02-30"
    rows[5]["Sex"] = "7"
    rows[100]["Hospital_Spell_No"] = own
    rows[100]["Der_Diagnosis_All"] = f"I10 {own[:3]} {own[3:6]} {own[6:]} E119"
    rows[101]["Confidentiality_Category_SUS"] = "1"
    first = played.released()
    former = content_of(played, first.files[0].id)

    submission, answer = sent(played, written(columns, rows))
    assert answer.status_code == 202, answer.text
    found = until(lambda: _decided(state(played, submission)))

    assert found["state"] == "accepted", found
    report = httpx.get(
        played.url("pseudonymisation", f"/v1/submissions/{submission}/report"),
        headers=bearer(played),
        timeout=60,
    )
    quarantine = httpx.get(
        played.url("pseudonymisation", f"/v1/submissions/{submission}/quarantine"),
        headers=bearer(played),
        timeout=60,
    )
    reasons = {row["line"]: (row["column"], row["code"]) for row in quarantine.json()["items"]}
    assert set(reasons) == {2, 3, 4, 6, 7}, "lines of the file, the header being 1"
    assert {reasons[line][0] for line in (2, 3, 4)} == {"NHS_Number"}
    assert (reasons[6][0], reasons[7][0]) == ("Admission_Date", "Sex")
    assert report.json()["totals"] == {
        "records": len(rows),
        "landed": len(rows) - 5,
        "quarantined": 5,
        "withheld": 1,
        "adds_nothing": 0,
        "repeated": 0,
        "different": len(rows) - 5,
    }
    for told in (report, quarantine):
        assert not re.search(rb"999 ?0\d", told.content)
    assert played.csu.dissemination.extract(first.id).state.upper() == "SUPERSEDED"
    assert content_of(played, first.files[0].id) == former, "what was released stays what it was"
    again = content_of(played, played.released().files[0].id)
    assert not Identifiers(played.numbers).found_in(again)
    assert in_clear(played) == {}


def content_of(played: Scene, file_id: Any) -> bytes:
    answer = httpx.get(
        played.url("dissemination", f"/v1/files/{file_id}/content"),
        headers={"Authorization": f"Bearer {played.token()}"},
        timeout=60,
    )
    return answer.raise_for_status().content


def test_who_may_not_submit_is_refused_before_a_byte_is_read(played: Scene) -> None:
    csu = {"Authorization": f"Bearer {played.token('pseudonymisation')}"}
    body = {"data_set": DATA_SET, "period": APRIL}
    where = played.url("pseudonymisation", "/v1/submissions")
    refused = httpx.post(where, json=body, headers=csu, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (403, "ROLE_NOT_PERMITTED")

    other = played.stage.actor("provider-rr8").pseudonymisation
    with pytest.raises(Problem) as unknown:
        other.submission(opened(played))
    assert unknown.value.code == "SUBMISSION_NOT_FOUND"
