"""What the headers of an upload declare: the form of its content, and its digests."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from fastapi import Request

from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.written import ContentForm

FORMS: Final[Mapping[str, ContentForm]] = {
    "text/csv": ContentForm.CSV,
    "application/csv": ContentForm.CSV,
    "application/octet-stream": ContentForm.CSV,
    "application/gzip": ContentForm.GZIP,
    "application/vnd.apache.parquet": ContentForm.PARQUET,
}
EXAMPLE: Final = "Unique_Record_ID,NHS_Number,Sex\n1,9990000018,2\n"
CONTENT: Final = {
    name: {"schema": {"type": "string", "format": "binary"}, "example": example}
    for name, example in (
        ("text/csv", EXAMPLE),
        ("application/gzip", f"(the bytes of a gzip file of) {EXAMPLE}"),
        ("application/vnd.apache.parquet", f"(the bytes of a Parquet file of) {EXAMPLE}"),
    )
}
"""Of an upload's body, for the OpenAPI document."""
PARAMETERS: Final = [
    {
        "name": name,
        "in": "header",
        "schema": {"type": "string", "pattern": "^sha-256=:?[A-Za-z0-9+/]{43}=:?$"},
        "description": f"`sha-256={value}`: of what is sent ({rfc}).",
    }
    for name, value, rfc in (
        ("Digest", "<base64>", "RFC 3230"),
        ("Content-Digest", ":<base64>:", "RFC 9530"),
        ("Repr-Digest", ":<base64>:", "RFC 9530"),
    )
]
"""The digests that an upload may have."""
UTF8: Final = re.compile(r"(?i)\s*charset\s*=\s*\"?(?P<charset>[^\";]*)\"?\s*")
OF_WHOLE: Final = ("digest", "content-digest", "repr-digest")
_DIGEST: Final = re.compile(r"(?i:sha-256)=:?([A-Za-z0-9+/]{43}=):?")


def form_of(request: Request) -> ContentForm:
    """Read what a body is declared to be.

    Raises:
        ContentTypeUnsupported

    """
    media_type, *parameters = request.headers.get("content-type", "").split(";")
    form = FORMS.get(media_type.strip().lower())
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if form is None or encoding != "identity":
        raise errors.ContentTypeUnsupported(
            "Send the file as `Content-Type: text/csv`, as `application/gzip` (a gzip of the CSV)"
            " or as `application/vnd.apache.parquet`, without `Content-Encoding`."
        )
    for parameter in parameters:
        found = UTF8.fullmatch(parameter)
        if found and found["charset"].strip().lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise errors.ContentTypeUnsupported(
                "Send the file in UTF-8, and declare no other `charset`."
            )
    return form


def digests(request: Request, *names: str) -> frozenset[str]:
    """Read digests (RFC 9530, and `Digest` of RFC 3230) as those of our records.

    Raises:
        DigestUnreadable

    """
    return frozenset(
        _read(value) for name in names or OF_WHOLE for value in request.headers.getlist(name)
    )


def _read(value: str) -> str:
    found = [_DIGEST.fullmatch(part.strip()) for part in value.split(",")]
    said = [one[1] for one in found if one]
    if len(said) == 1:
        try:
            return f"sha256:{base64.b64decode(said[0], validate=True).hex()}"
        except binascii.Error:
            pass
    raise errors.DigestUnreadable("Send the digest as `sha-256=:<base64 of 32 bytes>:`.")
