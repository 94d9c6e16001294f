"""Lists of opt-outs: taken in as haven tokens, never as numbers."""

import numpy as np
import pytest

from common.security.roles import Role
from pseudonymisation.adapters.plane import kernel
from pseudonymisation.adapters.plane.session import Limits, literal, session
from pseudonymisation.settings import MEGABYTE
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

NUMBERS = ["9990000018", "9990000026", "9990000034"]


def take(intake: Intake, content: bytes, list_date: str = "2018-06-01", **headers: str):
    return intake.client.post(
        f"/v1/opt-out-lists?list_date={list_date}",
        content=content,
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26") | {"Content-Type": "text/csv"} | headers,
    )


def listed(intake: Intake) -> set[tuple[int, int]]:
    with intake.parts.intake.uow.reading() as tx:
        newest = tx.opt_out_lists.newest()
    path = intake.parts.objects.path(newest.object_key)
    name = f"o{newest.id.hex}"
    with session(
        directories=[path.parent],
        temp_directory=intake.directory / "reading",
        keys={name: intake.parts.keys.get(f"opt_out/{newest.id}")},
        limits=Limits(memory_bytes=300 * MEGABYTE, threads=1, spill_bytes=0),
    ) as connection:
        return set(
            connection.sql(
                f"SELECT person_0, person_1 FROM read_parquet({literal(path)},"
                f" encryption_config = {{footer_key: {literal(name)}}})"
            ).fetchall()
        )


@pytest.mark.parametrize(
    "content",
    [
        b"9990000018,\n9990000026,\n9990000034,\n",  # as MESH has it (domain.md 4.3)
        b"9990000018\r\n9990000026\r\n9990000034",
        b"9990000018\n\n9990000026\n9990000026\n9990000034\n",
    ],
)
def test_a_list_is_kept_as_the_tokens_of_its_people(intake, content):
    answer = take(intake, content)

    assert answer.status_code == 201, answer.text
    assert answer.json()["people"] == 3
    haven = kernel.Cipher(intake.parts.keys.get("haven/nhs_number"))
    blocks = [len(n).to_bytes(4, "little") + n.encode() + b"\0\0" for n in NUMBERS]
    tokens = haven.encrypt(np.frombuffer(b"".join(blocks), np.uint8).reshape(-1, 16))
    first, second = kernel.words_of(tokens)
    assert listed(intake) == set(zip(first.tolist(), second.tolist(), strict=True))


def test_people_on_a_list_have_the_tokens_of_landed_rows(intake):
    take(intake, b"9990000018\n")
    submission = intake.submit(written([sus_row(), sus_row(NHS_Number="9990000026")]))

    rows = intake.landed(submission["edition_id"])
    tokens = listed(intake)
    assert [(row["person_0"], row["person_1"]) in tokens for row in rows] == [True, False]


def test_no_number_of_a_list_is_on_any_disk(intake):
    take(intake, "\n".join(NUMBERS).encode())

    for path in intake.directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(number.encode() in content for number in NUMBERS), path


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"9990000018\n9990000019\n", 2),
        (b"nhs_number\n9990000018\n", 1),
        (b"9990000018\n\n999 000 0026\n", 3),
        (b"9990000018,9990000026\n", 1),
        (b"9990000018\n" + b"9" * 100, 2),
        (b"\xff\xfe9\x00", 1),
    ],
)
def test_a_list_with_a_line_that_is_no_number_is_refused_whole(intake, content, line):
    answer = take(intake, content)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_INVALID")
    assert answer.json()["line"] == line
    assert not any(number in answer.text for number in [*NUMBERS, "9990000019"])
    staff = {"role": Role.AUDITOR, "ods": "X26"}
    assert intake.get("/v1/opt-out-lists", **staff).json()["items"] == []
    assert list((intake.directory / "landing").rglob("*.parquet")) == []


def test_the_list_of_a_day_to_come_is_refused(intake):
    answer = take(intake, b"9990000018\n", "2018-06-02")

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_INVALID")


def test_the_newest_day_counts_then_the_newest_import(intake):
    for content, day in ((b"9990000018\n", "2018-05-31"), (b"9990000026\n", "2018-05-30")):
        take(intake, content, day)
        intake.clock.advance(60)
    with intake.parts.intake.uow.reading() as tx:
        assert tx.opt_out_lists.newest().list_date.isoformat() == "2018-05-31"

    take(intake, b"", "2018-05-31")
    assert listed(intake) == set()


def test_a_list_that_comes_twice_under_one_key_is_taken_in_once(intake):
    key = {"Idempotency-Key": "list-of-june"}
    first = take(intake, b"9990000018\n", **key)
    again = take(intake, b"9990000018\n", **key)
    other = take(intake, b"9990000026\n", **key)
    other_day = take(intake, b"9990000018\n", "2018-05-31", **key)
    without = take(intake, b"9990000018\n")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    for answer in (other, other_day):
        assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert without.json()["id"] != first.json()["id"]
    staff = {"role": Role.AUDITOR, "ods": "X26"}
    items = intake.get("/v1/opt-out-lists", **staff).json()["items"]
    assert [item["id"] for item in items] == [first.json()["id"], without.json()["id"]]
    # What came again, or was refused, left no object.
    assert len(list((intake.directory / "landing").rglob("*.parquet"))) == 2


def test_an_empty_list_is_a_list(intake):
    answer = take(intake, b"")

    assert (answer.status_code, answer.json()["people"]) == (201, 0)
