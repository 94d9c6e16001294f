"""Fetching a released file: resumed with Range, checked against the manifest's digest."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from dsfc_client._errors import ConnectionLost, DigestMismatch, Problem
from dsfc_client._http import Service

CHUNK_BYTES = 1 << 20
ZIP = "application/zip"


def fetch(
    service: Service,
    path: str,
    target: Path,
    *,
    digest: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Stream `path` to `target` through `<target>.part`, going on where an earlier try ended.

    `digest` is `sha256:<hex>` from the manifest. Raises Problem where the gate is shut,
    ConnectionLost where the stream broke off (the part stays, call again to resume), and
    DigestMismatch where what arrived is not what was released (the part is removed).
    """
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = service.headers({"Accept": "*/*"})
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": f'"{digest}"'}
    _stream(service, path, part, headers, have=have, progress=progress)
    if digest_of(part) != digest:
        part.unlink()
        raise DigestMismatch("What arrived is not what the manifest vouches for.")
    return part.replace(target)


def _stream(
    service: Service,
    path: str,
    part: Path,
    headers: Mapping[str, str],
    *,
    have: int,
    progress: Callable[[int], None],
) -> None:
    try:
        with service._http.stream("GET", service.url(path), headers=headers) as response:  # noqa: SLF001 - one package
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                response.read()
            elif response.is_error:
                response.read()
                raise Problem.of(response)
            else:
                resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
                with part.open("ab" if resumed else "wb") as file:
                    for chunk in response.iter_bytes(CHUNK_BYTES):
                        file.write(chunk)
                        progress(len(chunk))
    except httpx.TransportError as error:
        raise ConnectionLost("The stream broke off; call again to resume it.") from error


def fetch_zip(
    service: Service,
    path: str,
    target: Path,
    *,
    digest: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Stream the zip of a file to `target`, going on where an earlier try ended.

    `digest` is the file's, from the manifest. Raises as `fetch` does, and DigestMismatch also where
    the zip cannot be read.
    """
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = service.headers({"Accept": ZIP})
    if have:
        known = service.call("HEAD", path, headers={"Accept": ZIP})
        headers |= {"Range": f"bytes={have}-", "If-Range": known.headers["etag"]}
    _stream(service, path, part, headers, have=have, progress=progress)
    if not _holds(part, digest):
        part.unlink()
        raise DigestMismatch("What arrived is not what the manifest vouches for.")
    return part.replace(target)


def _holds(path: Path, digest: str) -> bool:
    """Say whether a zip is whole and one of its files has the digest."""
    try:
        with zipfile.ZipFile(path) as opened:
            for name in opened.namelist():
                hashed = hashlib.sha256()
                with opened.open(name) as member:
                    while chunk := member.read(CHUNK_BYTES):
                        hashed.update(chunk)
                if f"sha256:{hashed.hexdigest()}" == digest:
                    return opened.testzip() is None
    except zipfile.BadZipFile:
        return False
    return False


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
