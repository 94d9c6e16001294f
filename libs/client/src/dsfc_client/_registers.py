"""The public registers of agreements, for everybody: lines, files, notices, signed statements."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsfc_client._http import Service

AT_ONCE = frozenset({"audits", "relationships"})
"""Registers that have no pages."""


class Registers(Service):
    """What everybody may read: no credentials are needed."""

    def register(self, register: str) -> Iterator[Any]:
        """List the lines of `contracts`, `agreements`, `relationships` or another register.

        Of relationships those of the newest edition.
        """
        path = f"/v1/registers/{register}"
        if register in AT_ONCE:
            yield from self.get(path)["items"]
        else:
            yield from self.items(path)

    def register_file(self, register: str, target: Path) -> Path:
        """Fetch a whole register as a spreadsheet, CSV or XLSX by the target's ending.

        Raises ValueError where the target ends otherwise.
        """
        return self.spreadsheet(f"/v1/registers/{register}", target)

    def registered_agreement(self, reference: str) -> Any:
        """Return what the register says of an agreement, a line a version."""
        return self.get(f"/v1/registers/agreements/{reference}")

    def registered_contract(self, reference: str) -> Any:
        """Return what the register says of a framework contract."""
        return self.get(f"/v1/registers/contracts/{reference}")

    def relationship_differences(self, earlier: int, later: int) -> Any:
        """Return what one published edition of the relationships says otherwise than another."""
        path = "/v1/registers/relationships/differences"
        return self.get(path, earlier=earlier, later=later)

    def register_statement(self, register: str) -> Any:
        """Return how `contracts`, `agreements`, `relationships` … stand to what was sealed."""
        return self.get(f"/v1/registers/statements/{register}")

    def notice(self, ods: str) -> Any:
        """Return what a controller's agreements in force let it do with data about people."""
        return self.get(f"/v1/registers/notices/{ods}")

    def notice_page(self, ods: str) -> str:
        """Return the same as a page (HTML) that can be printed."""
        path = f"/v1/registers/notices/{ods}"
        return self.call("GET", path, params={"format": "html"}).text

    def supporting(self, ods: str) -> Any:
        """Return the published relationships of an organisation: which DSCRO supports it."""
        return self.get(f"/v1/registers/relationships/supporting/{ods}")
