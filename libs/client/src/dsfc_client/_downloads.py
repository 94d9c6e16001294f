"""Fetching a released file: resumed with Range, checked against the manifest's digest."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

from dsfc_client._errors import ConnectionLost, DigestMismatch, Problem
from dsfc_client._http import Service

CHUNK_BYTES = 1 << 20


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
    if digest_of(part) != digest:
        part.unlink()
        raise DigestMismatch("What arrived is not what the manifest vouches for.")
    return part.replace(target)


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
