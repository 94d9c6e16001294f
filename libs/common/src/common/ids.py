"""Names for things: identifiers, references, and the digests under every signature."""

import hashlib
import re
import secrets
import string
from uuid import UUID

import orjson
import rfc8785
import uuid_utils.compat
from pydantic import JsonValue

DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}")
"""An application or agreement without its version (domain.md section 2.3)."""

VERSIONED_DARS_REFERENCE = re.compile(r"DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

CONTRACT_REFERENCE = re.compile(r"CON-[0-9]{5,6}-[A-Z0-9]{5}(-v[0-9]+\.[0-9]+)?")

_SIMPLE = frozenset({str, bool, type(None)})
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
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # a lone surrogate, or too deep: let the other say so
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """Return `sha256:` and the hash in hexadecimal."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: JsonValue) -> str:
    """Return the digest of a JSON value, whatever the order of its keys."""
    return digest(canonical(value))


def _is_plain(value: object) -> bool:
    """Say whether the fast encoder writes exactly what RFC 8785 says.

    It does but for fractions, for whole numbers beyond 2^53, and for the order of keys
    outside ASCII. Decisions and audit entries, thousands a second, have none of these.
    """
    waiting = [(value,)]
    while waiting:
        for inner in waiting.pop():
            if type(inner) in _SIMPLE:
                continue
            if isinstance(inner, dict):
                if not all(type(key) is str and key.isascii() for key in inner):
                    return False
                waiting.append(tuple(inner.values()))
            elif isinstance(inner, list | tuple):
                waiting.append(tuple(inner))
            elif type(inner) is not int or not -_WHOLE_MAX <= inner <= _WHOLE_MAX:
                return False
    return True


def _suffix() -> str:
    letters, digits = string.ascii_uppercase, string.digits
    return "".join(secrets.choice(kind) for kind in (letters, digits, letters, digits, letters))
