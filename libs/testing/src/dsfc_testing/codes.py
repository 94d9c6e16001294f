"""Codes of organisations as a test's lists have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListedCodes:
    """Reads codes by what a test says of them; every other one stands for itself."""

    listed: Mapping[str, str] = field(default_factory=dict)

    def own(self, code: str) -> str:
        return self.listed.get(code, code)

    known = own
