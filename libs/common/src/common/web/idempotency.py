"""The `Idempotency-Key` header of commands that create; `common.db.idempotency` keeps it."""

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel, JsonValue

from common.ids import digest_of

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Send the same key again, and the same request creates nothing twice.",
    ),
]


def fingerprint(operation: str, body: BaseModel | JsonValue) -> str:
    """Return what a key is bound to: the operation and everything that was sent with it."""
    content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
    return digest_of({"operation": operation, "body": content})
