"""Names for things: identifiers, references, and the digests under every signature."""

import hashlib
import re
import secrets
import string
from collections.abc import Collection
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import rfc8785
import uuid_utils
import uuid_utils.compat
from pydantic import JsonValue

DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}")
"""An application or agreement without its version (domain.md section 2.3)."""

VERSIONED_DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

CONTRACT_REFERENCE = re.compile(r"CON-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

_SIMPLE = frozenset({str, int, bool, type(None)})
_SEVERAL = frozenset({list, tuple})
_DEPTH_MAX = 200
"""Deeper than that, the fast encoder does not write either."""
_PLAIN = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def new_id() -> UUID:
    """Return a UUIDv7: unique, and in order of creation, so that pages can follow it."""
    return uuid_utils.compat.uuid7()


def new_id_text() -> str:
    """Return the text of one, for who needs no more: it takes a third of the time."""
    return str(uuid_utils.uuid7())


def dars_reference() -> str:
    """Return a reference such as `DARS-NIC-123456-A1B2C`, not to be guessed from another."""
    return f"DARS-NIC-{secrets.randbelow(1_000_000):06d}-{_suffix()}"


def contract_reference() -> str:
    """Return a reference such as `CON-123456-A1B2C`."""
    return f"CON-{secrets.randbelow(1_000_000):06d}-{_suffix()}"


def new_reference(kind: str) -> str:
    """Return a reference of our own, such as `LCR-C9F4F4FA48`, not to be guessed from another.

    It begins with a letter, so that it never has the ten digits of an NHS number: one in a
    thousand would, and would be withheld from the public as personal data (`common.texts`).
    """
    return f"{kind}-{secrets.choice('ABCDEF')}{secrets.token_hex(5)[1:].upper()}"


def canonical(value: JsonValue) -> bytes:
    """Write JSON so that equal values have equal bytes (RFC 8785).

    Raises ValueError (rfc8785.CanonicalizationError) where a value has no such form.
    """
    if _is_plain(value):
        try:
            return orjson.dumps(value, option=_PLAIN)
        except orjson.JSONEncodeError:
            pass  # a lone surrogate, too large, or too deep: let the other say so
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """Return `sha256:` and the hash in hexadecimal."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: JsonValue) -> str:
    """Return the digest of a JSON value, whatever the order of its keys."""
    return digest(canonical(value))


def _is_plain(value: object, depth: int = 0) -> bool:
    """Say whether the fast encoder writes exactly what RFC 8785 says.

    It does but for fractions and for the order of keys outside ASCII; whole numbers beyond 2^53
    it refuses itself. Decisions and audit entries, thousands a second, have none of these. Text of
    a class of its own is text: the name of a table is SQLAlchemy's `quoted_name`.
    """
    kind = type(value)
    if isinstance(value, dict) and kind is dict:
        if not _has_plain_keys(value):
            return False
        inner: Collection[object] = value.values()
    elif isinstance(value, list | tuple) and kind in _SEVERAL:
        inner = value
    else:
        return kind in _SIMPLE or (issubclass(kind, str) and not issubclass(kind, Enum))
    if _SIMPLE.issuperset(map(type, inner)):
        return True
    for one in inner:
        if type(one) not in _SIMPLE and (depth > _DEPTH_MAX or not _is_plain(one, depth + 1)):
            return False
    return True


def _has_plain_keys(value: dict[Any, object]) -> bool:
    try:
        return "".join(value).isascii()
    except TypeError:
        return False


def _suffix() -> str:
    letters, digits = string.ascii_uppercase, string.digits
    return "".join(secrets.choice(kind) for kind in (letters, digits, letters, digits, letters))
