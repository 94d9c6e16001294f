"""The `Idempotency-Key` header of commands that create; `common.db.idempotency` keeps it."""

from typing import Annotated, Any

from fastapi import FastAPI, Header
from pydantic import BaseModel, JsonValue

from common.db.idempotency import IdempotencyKeyReused
from common.ids import digest_of
from common.web import schemas

NAME = "Idempotency-Key"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=NAME,
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Send the same key again, and the same request creates nothing twice.",
    ),
]


def document(app: FastAPI) -> None:
    """Document for each operation that takes a key that another request may have used it."""

    def change(document: dict[str, Any]) -> None:
        for _, _, operation in schemas.operations(document):
            if not any(one.get("name") == NAME for one in operation.get("parameters", ())):
                continue
            refusal = f"`{IdempotencyKeyReused.code}`: {IdempotencyKeyReused.title}"
            conflict = operation["responses"].setdefault("409", schemas.problem_response(refusal))
            if IdempotencyKeyReused.code not in conflict["description"]:
                conflict["description"] += f"; {refusal}"

    schemas.amend(app, change)


def fingerprint(operation: str, body: BaseModel | JsonValue) -> str:
    """Return what a key is bound to: the operation and everything that was sent with it."""
    content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
    return digest_of({"operation": operation, "body": content})
