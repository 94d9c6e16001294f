"""Secrets in a text: keys, tokens and passwords, by the patterns of detect-secrets and by ours.

Its own scan asks every filter about every line, which takes 46 s for this repository. Here each
pattern looks at a whole file once.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.settings import default_settings

LEFT_OUT = frozenset(
    {
        "ArtifactoryDetector",  # of what nothing here uses; these seven take most of the time
        "CloudantDetector",
        "IbmCloudIamDetector",
        "IbmCosHmacDetector",
        "MailchimpDetector",
        "SoftlayerDetector",
        "TelegramBotTokenDetector",
        "IPPublicDetector",  # an address is no secret
        "KeywordDetector",  # in code ruff's S105 to S107 look for it, in settings the pattern below
    }
)

PRIVATE_JWK = re.compile(r"[\"']d[\"']\s*:\s*[\"']([A-Za-z0-9_-]{20,})[\"']")
SETTING = re.compile(
    r"(?im)^[ \t\w.-]*(?:password|passwd|secret|token|api_?key)[\w.-]*\s*[:=]\s*"
    r"[\"']?(?!\.{0,2}/)([^\s\"'${}<>(|,*&]{6,})[\"']?[ \t]*$"
)
"""`NAME: value` or `NAME=value`; the value is no reference, no path and no word of a shell."""
WITH_SETTINGS = {
    *(".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties", ".sh", ".xml", ""),
}
KEY_FILES = {".pem", ".key", ".jwk", ".der", ".p8", ".p12", ".pfx", ".jks", ".keystore"}
ONE_WORD = re.compile(r"\s*([A-Za-z0-9+/_-]{20,}={0,2})\s*")
ASSIGNED = re.compile(r"=[^=]")
"""Base64 has its `=` at the end."""

SHORTEST = 20
"""Characters of a random string that could be a key."""


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """What looks like a secret. The text itself is not told: a log of CI would spread it."""

    path: str
    line: int
    kind: str
    digest: str


def leaks(path: str, text: str) -> Iterator[Leak]:
    """Find what looks like a secret in a file."""
    seen: set[str] = set()
    for kind, secret in _found(PurePosixPath(path), text):
        if secret not in seen:
            seen.add(secret)
            line = text.count("\n", 0, max(text.find(secret), 0)) + 1
            yield Leak(path, line, kind, hashlib.sha256(secret.encode()).hexdigest()[:16])


def _found(path: PurePosixPath, text: str) -> Iterator[tuple[str, str]]:
    if path.suffix in KEY_FILES:
        yield "file of a key", text
    if whole := ONE_WORD.fullmatch(text):
        yield "file of one word", whole[1]
    for match in PRIVATE_JWK.finditer(text):
        yield "private JWK", match[1]
    if path.suffix in WITH_SETTINGS:
        for match in SETTING.finditer(text):
            yield "setting", match[1]
    for plugin in _plugins():
        for secret in plugin.analyze_string(text):
            if "{" not in secret and (
                not isinstance(plugin, HighEntropyStringsPlugin) or _is_random(plugin, secret)
            ):
                yield plugin.secret_type, secret


def _is_random(plugin: HighEntropyStringsPlugin, text: str) -> bool:
    return (
        len(text) >= SHORTEST
        and not ASSIGNED.search(text)
        and plugin.calculate_shannon_entropy(text) > plugin.entropy_limit
    )


@cache
def _plugins() -> tuple[BasePlugin, ...]:
    with default_settings():
        known = get_mapping_from_secret_type_to_class().values()
    return tuple(kind() for kind in known if kind.__name__ not in LEFT_OUT)
