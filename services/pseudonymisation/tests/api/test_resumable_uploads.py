"""Uploads in parts: gone on with after a break, a restart, a rival; checked; swept."""

import base64
import hashlib
from datetime import timedelta
from uuid import UUID

import pytest

from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.use_cases.uploads import resumable
from services.pseudonymisation.tests.submitting import (
    Intake,
    in_both_stores,
    sus_row,
    written,
    zipped,
)

GOOD = written([sus_row(), sus_row(NHS_Number="9990000026")])


def repr_digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def begin(intake, content=b"", media_type="text/csv", complete="?0", **headers):
    submission = intake.open().json()["id"]
    answer = intake.client.post(
        f"/v1/submissions/{submission}/uploads",
        content=content,
        headers=intake.headers()
        | {"Content-Type": media_type, "Upload-Complete": complete}
        | headers,
    )
    return submission, answer


def append(intake, path, content, offset, complete="?0", **headers):
    return intake.client.patch(
        path,
        content=content,
        headers=intake.headers()
        | {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(offset),
            "Upload-Complete": complete,
        }
        | headers,
    )


def offset_of(intake, path) -> int:
    answer = intake.client.head(path, headers=intake.headers())
    assert answer.status_code == 204
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def left(intake: Intake) -> list[str]:
    roots = (intake.directory / "landing" / "uploads", intake.directory / "haven-keys" / "uploads")
    found = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return [path.name for path in found if path.suffix != ".destroyed"]


def state(intake, submission):
    return intake.get(f"/v1/submissions/{submission}").json()["state"]


@pytest.mark.parametrize("content", [GOOD, zipped(GOOD)])
def test_a_file_in_parts_is_the_file_in_one(intake, content):
    media_type = "text/csv" if content is GOOD else "application/gzip"
    submission, begun = begin(
        intake, content[:10], media_type, **{"Repr-Digest": repr_digest(content)}
    )
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "10")
    assert begun.headers["upload-limit"].startswith("max-age=")
    path = begun.headers["location"]

    assert append(intake, path, content[10:300], 10).status_code == 204
    assert offset_of(intake, path) == 300
    whole = append(intake, path, content[300:], 300, "?1")

    assert whole.status_code == 202
    assert whole.headers["upload-complete"] == "?1"
    assert whole.json()["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    intake.work()
    assert state(intake, submission) == "accepted"
    # Of the parts nothing is left, only what was made of them.
    assert len(left(intake)) == 2
    again = append(intake, path, b"", len(content), "?1")
    assert again.status_code == 202


def test_a_part_at_another_offset_is_told_where_the_upload_is(intake):
    _, begun = begin(intake, GOOD[:50])
    path = begun.headers["location"]

    for offset in (0, 49, 51):
        refused = append(intake, path, GOOD[offset:], offset)
        assert (refused.status_code, refused.json()["code"]) == (409, "UPLOAD_OFFSET_DIFFERS")
        assert refused.headers["upload-offset"] == "50"
        assert refused.json()["expected_offset"] == 50
    assert offset_of(intake, path) == 50


@in_both_stores
def test_parts_outlive_the_haven_that_took_them(intake, monkeypatch):
    monkeypatch.setattr(resumable, "PART_BYTES", 64)
    submission, begun = begin(intake)
    path = begun.headers["location"]
    ctx = intake.parts.intake.on_behalf_of(
        intake.issuer.verifier().verify(
            intake.headers()["Authorization"].removeprefix("Bearer "), audience="pseudonymisation"
        )
    )
    dying = resumable.Appending(
        UUID(submission), UUID(path.rpartition("/")[2]), 0, length=None, ctx=ctx
    )
    dying.take(GOOD[:64])
    dying.take(GOOD[64:100])  # sealed, and never named: the process ends here

    assert offset_of(intake, path) == 64
    assert append(intake, path, GOOD[64:], 64, "?1").status_code == 202
    intake.work()
    assert state(intake, submission) == "accepted"


def test_of_two_writers_the_first_part_decides_and_nothing_is_mixed(intake):
    submission, begun = begin(intake, GOOD[:20])
    path = begun.headers["location"]
    ctx = intake.parts.intake.on_behalf_of(
        intake.issuer.verifier().verify(
            intake.headers()["Authorization"].removeprefix("Bearer "), audience="pseudonymisation"
        )
    )
    ids = UUID(submission), UUID(path.rpartition("/")[2])
    slow = resumable.Appending(*ids, 20, length=None, ctx=ctx)
    slow.take(b"x" * 30)
    assert append(intake, path, GOOD[20:60], 20).status_code == 204

    with pytest.raises(errors.UploadOffsetDiffers) as refused:
        slow.keep()

    assert refused.value.members["expected_offset"] == 60
    assert append(intake, path, GOOD[60:], 60, "?1").status_code == 202


def test_a_part_that_is_not_what_was_announced_is_dropped(intake):
    _, begun = begin(intake, GOOD[:20])
    path = begun.headers["location"]

    refused = append(intake, path, GOOD[20:50], 20, **{"Content-Digest": repr_digest(b"other")})
    assert (refused.status_code, refused.json()["code"]) == (422, "DIGEST_MISMATCH")
    assert offset_of(intake, path) == 20
    good = append(intake, path, GOOD[20:], 20, "?1", **{"Content-Digest": repr_digest(GOOD[20:])})
    assert good.status_code == 202


def test_a_whole_that_is_not_what_was_announced_is_dropped_and_the_submission_waits(intake):
    submission, begun = begin(intake, GOOD[:20], **{"Repr-Digest": repr_digest(b"other")})

    refused = append(intake, begun.headers["location"], GOOD[20:], 20, "?1")

    assert refused.json()["code"] == "DIGEST_MISMATCH"
    assert state(intake, submission) == "open"
    assert left(intake) == []
    assert intake.put(submission, GOOD).status_code == 202


@pytest.mark.parametrize("length", [len(GOOD) - 1, len(GOOD) + 1])
def test_a_length_that_is_not_kept_is_refused(intake, length):
    submission, begun = begin(intake, **{"Upload-Length": str(length)})
    path = begun.headers["location"]

    refused = append(intake, path, GOOD, 0, "?1")

    assert refused.json()["code"] == "UPLOAD_LENGTH_DIFFERS"
    assert state(intake, submission) == "open"


def test_a_wrong_file_is_refused_by_its_first_part_and_nothing_is_left(intake):
    submission, begun = begin(intake, b"PK\x03\x04" + GOOD)

    assert (begun.status_code, begun.json()["code"]) == (415, "CONTENT_IS_ARCHIVE")
    assert state(intake, submission) == "rejected"
    assert left(intake) == []


def test_another_upload_takes_the_place_of_the_first_and_calling_off_leaves_nothing(intake):
    submission, begun = begin(intake, GOOD[:20])
    again = intake.client.post(
        f"/v1/submissions/{submission}/uploads",
        content=GOOD[:30],
        headers=intake.headers() | {"Content-Type": "text/csv", "Upload-Complete": "?0"},
    )

    assert (
        intake.client.head(begun.headers["location"], headers=intake.headers()).status_code == 404
    )
    listed = intake.get(f"/v1/submissions/{submission}/uploads").json()["items"]
    assert [one["offset"] for one in listed] == [30]
    gone = intake.client.delete(again.headers["location"], headers=intake.headers())
    assert gone.status_code == 204
    assert left(intake) == []


@in_both_stores
def test_an_abandoned_upload_expires_and_leaves_nothing(intake):
    submission, begun = begin(intake, GOOD[:20])
    intake.clock.advance(timedelta(hours=71))
    intake.jobs.sweep()
    assert offset_of(intake, begun.headers["location"]) == 20
    intake.clock.advance(timedelta(hours=2))
    intake.jobs.sweep()

    answer = intake.client.head(begun.headers["location"], headers=intake.headers())
    assert answer.status_code == 404
    assert left(intake) == []
    assert state(intake, submission) == "open"


def test_parts_of_an_upload_are_no_orphans_however_old(intake):
    _, begun = begin(intake, GOOD[:20])
    found = intake.parts.intake.haven.sweep(
        lambda: resumable_names(intake), older_than=float("inf")
    )

    assert found == 0
    assert append(intake, begun.headers["location"], GOOD[20:], 20, "?1").status_code == 202


def resumable_names(intake):
    with intake.parts.intake.uow.reading() as tx:
        return list(tx.object_keys())


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Complete": "yes"}, 422, "INVALID_REQUEST"),
        ({"Upload-Offset": "-1"}, 422, "INVALID_REQUEST"),
        ({"Content-Type": "text/csv"}, 415, "CONTENT_TYPE_UNSUPPORTED"),
        ({"Content-Digest": "sha-256=:x:"}, 422, "DIGEST_UNREADABLE"),
    ],
)
def test_headers_that_cannot_be_read_are_refused(intake, headers, status, code):
    _, begun = begin(intake)
    answer = append(intake, begun.headers["location"], GOOD, 0, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_nobody_else_learns_of_an_upload(intake):
    _, begun = begin(intake, GOOD[:20])
    other = intake.headers(ods="R0A")

    assert intake.client.head(begun.headers["location"], headers=other).status_code == 404
