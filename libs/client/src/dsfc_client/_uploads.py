"""Sending a file: in parts, gone on with by itself where the connection breaks off."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import httpx

from dsfc_client._errors import ConnectionLost, Failed, NotFound, Problem
from dsfc_client._http import Service
from dsfc_client.models import Submission

CHUNK_BYTES: Final = 1 << 20
PART_BYTES: Final = 256 << 20
"""A request. What of it has come when it breaks off is kept by the haven."""
FAILURES_MAX: Final = 8
"""So often in a row, without a byte more, it is tried again."""
PAUSE_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS: Final = 0.2
SECONDS_MAX: Final = 3_600.0
"""The haven judges the whole file before it answers the last part."""
FORMS: Final = {
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
}
"""What a file's name declares; any other is CSV."""


def media_type_of(content: Path) -> str:
    """Say by a file's name what it is sent as."""
    return FORMS.get(content.suffix.lower(), "text/csv")


def send(
    service: Service,
    submission_id: UUID | str,
    content: Path,
    *,
    media_type: str,
    progress: Callable[[int, int], None],
    part_bytes: int = PART_BYTES,
) -> None:
    """Send a file, from where an earlier try of the same submission ended.

    `progress` is told how many of how many bytes the haven has. Raises Problem where it refuses,
    and ConnectionLost where it stays away: call again to go on.
    """
    size, digest = content.stat().st_size, _digest(content)
    found = service.get(f"/v1/submissions/{submission_id}/uploads")["items"]
    same = [one for one in found if one["length"] == size and one["digest"] == f"sha256:{digest}"]
    if same:
        path = f"/v1/submissions/{submission_id}/uploads/{same[0]['id']}"
        offset = int(same[0]["offset"])
    else:
        begun = service.call(
            "POST",
            f"/v1/submissions/{submission_id}/uploads",
            headers={
                "Content-Type": media_type,
                "Upload-Complete": "?0",
                "Upload-Length": str(size),
                "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:",
                "Idempotency-Key": str(uuid4()),
            },
        )
        path, offset = begun.headers["Location"], int(begun.headers["Upload-Offset"])
    failures, is_complete = 0, False
    while not is_complete:
        progress(offset, size)
        before = offset
        try:
            end = min(offset + part_bytes, size)
            answer = service.call(
                "PATCH",
                path,
                content=_part(content, offset, end),
                headers={
                    "Content-Type": "application/partial-upload",
                    "Content-Length": str(end - offset),
                    "Upload-Offset": str(offset),
                    "Upload-Complete": "?1" if end == size else "?0",
                },
                timeout=SECONDS_MAX,
            )
            offset, is_complete = end, answer.status_code == httpx.codes.ACCEPTED
        except (ConnectionLost, Problem) as broken:
            if not _is_passing(broken):
                raise
            failures += 1
            if failures > FAILURES_MAX:
                raise
            time.sleep(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2**failures))
            try:
                offset = _offset(service, path, otherwise=offset)
            except NotFound:
                is_complete = _is_over(service, submission_id)
                if not is_complete:
                    raise
        if offset > before:
            failures = 0
    progress(size, size)


def _is_passing(broken: ConnectionLost | Problem) -> bool:
    return isinstance(broken, ConnectionLost) or (
        broken.code in {"UPLOAD_OFFSET_DIFFERS", "UPLOAD_INCOMPLETE"}
        or broken.status == httpx.codes.SERVICE_UNAVAILABLE
    )


def _is_over(service: Service, submission_id: UUID | str) -> bool:
    """Say whether the submission has its content; what refused it may have come to nobody.

    Raises Failed.
    """
    found = service.get(f"/v1/submissions/{submission_id}")
    if found["state"] == "rejected":
        raise Failed(
            Submission.model_validate(found), code=str(found["code"]), detail=str(found["detail"])
        )
    return bool(found["state"] != "open")


def _offset(service: Service, path: str, *, otherwise: int) -> int:
    """Ask how much has come."""
    try:
        return int(service.call("HEAD", path).headers["Upload-Offset"])
    except ConnectionLost:
        return otherwise


def _part(content: Path, start: int, end: int) -> Iterator[bytes]:
    with content.open("rb") as file:
        file.seek(start)
        while start < end:
            chunk = file.read(min(CHUNK_BYTES, end - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk


def _digest(content: Path) -> str:
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
