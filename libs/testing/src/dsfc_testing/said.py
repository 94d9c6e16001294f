"""What an answer or a log says, without what is random in it."""

import re
from typing import Final

RANDOM: Final = re.compile(
    r"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64})\b"
)
"""Identifiers, traces and digests: in one of some thousands there is any given year."""


def without_ids(text: str) -> str:
    """Return a text in which a few digits that were not said stand nowhere by chance."""
    return RANDOM.sub("", text)
