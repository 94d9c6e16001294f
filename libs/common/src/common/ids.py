"""Names for things: identifiers, references, and the digests under every signature."""

import hashlib
import json
import re
import secrets
import string
from contextlib import suppress
from uuid import UUID

import rfc8785
import uuid_utils.compat
from pydantic import JsonValue

DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}")
"""An application or agreement without its version (domain.md section 2.3)."""

VERSIONED_DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

CONTRACT_REFERENCE = re.compile(r"CON-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_WHOLE_MAX = 2**53 - 1

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def new_id() -> UUID:
    """Return a UUIDv7: unique, and in order of creation, so that pages can follow it."""
    return uuid_utils.compat.uuid7()


def dars_reference() -> str:
    """Return a reference such as `DARS-NIC-123456-A1B2C`, not to be guessed from another."""
    return f"DARS-NIC-{secrets.randbelow(1_000_000):06d}-{_suffix()}"


def contract_reference() -> str:
    """Return a reference such as `CON-123456-A1B2C`."""
    return f"CON-{secrets.randbelow(1_000_000):06d}-{_suffix()}"


def canonical(value: JsonValue) -> bytes:
    """Write JSON so that equal values have equal bytes (RFC 8785).

    Raises ValueError (rfc8785.CanonicalizationError) where a value has no such form.
    """
    if _is_plain(value):
        with suppress(UnicodeEncodeError):
            return _PLAIN.encode(value).encode()
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """Return `sha256:` and the hash in hexadecimal."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: JsonValue) -> str:
    """Return the digest of a JSON value, whatever the order of its keys."""
    return digest(canonical(value))


def _is_plain(value: object) -> bool:
    """Say whether the standard library's encoder, in C, writes exactly what RFC 8785 says.

    It does but for fractions, for whole numbers beyond 2^53, and for the order of keys
    outside ASCII. Decisions and audit entries, thousands a second, have none of these.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if isinstance(value, dict):
            if not all(type(key) is str and key.isascii() for key in value):
                return False
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif kind is not int or not -_WHOLE_MAX <= value <= _WHOLE_MAX:  # type: ignore[operator]  # an int, as said
            return False
    return True


def _suffix() -> str:
    letters, digits = string.ascii_uppercase, string.digits
    return "".join(secrets.choice(kind) for kind in (letters, digits, letters, digits, letters))
