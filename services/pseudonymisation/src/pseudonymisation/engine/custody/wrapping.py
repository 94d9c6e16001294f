"""What wraps keys at rest: a key-encryption key, which has versions."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import KeyUnavailable

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
DESTROYED: Final = "destroyed"


@dataclass(frozen=True, slots=True)
class Wrapped:
    version: int
    """Of the key-encryption key that did it."""
    nonce: bytes
    ciphertext: bytes


class Wrapping(Protocol):
    """What wraps keys: a file's key here, a token's (PKCS#11) where there is one."""

    def wrap(self, key: bytes, *, context: bytes) -> Wrapped:
        """Raise KeyUnavailable where it is away."""

    def unwrap(self, wrapped: Wrapped, *, context: bytes) -> bytes:
        """Raise KeyUnavailable where it is away, or did not wrap this."""


class FileWrapping:
    """AES-256-GCM under keys of a file: one base64 key a line, the last line wraps new keys.

    The version of a key is the number of its line, so that lines are only ever added; a line that
    says `destroyed` was one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def wrap(self, key: bytes, *, context: bytes) -> Wrapped:
        keys = self._keys()
        version = max(keys)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Wrapped(version, nonce, AESGCM(keys[version]).encrypt(nonce, key, context))

    def unwrap(self, wrapped: Wrapped, *, context: bytes) -> bytes:
        key = self._keys().get(wrapped.version)
        if key is None:
            raise KeyUnavailable("The key-encryption key of that version is missing.")
        try:
            return AESGCM(key).decrypt(wrapped.nonce, wrapped.ciphertext, context)
        except InvalidTag:
            raise KeyUnavailable("The key-encryption key did not wrap this key.") from None

    def _keys(self) -> Mapping[int, bytes]:
        return _keys(self.lines())

    def lines(self) -> Sequence[str]:
        """Return the lines of the file, each a key or `destroyed`.

        Raises:
            KeyUnavailable: it cannot be read, is empty or has a line that is neither

        """
        try:
            lines = self._path.read_text("ascii").split()
        except (OSError, UnicodeDecodeError):
            raise KeyUnavailable("The key-encryption key cannot be read.") from None
        _keys(lines)
        return lines


def _keys(lines: Sequence[str]) -> Mapping[int, bytes]:
    try:
        keys = {
            n: base64.b64decode(line, validate=True)
            for n, line in enumerate(lines, 1)
            if line != DESTROYED
        }
    except binascii.Error:
        raise KeyUnavailable("The key-encryption key cannot be read.") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyUnavailable("The key-encryption key is malformed.")
    return keys
