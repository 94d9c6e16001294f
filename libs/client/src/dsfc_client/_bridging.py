"""Bridging files: which pseudonym of one line is whose in another line of the same recipient."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from dsfc_client._http import Service
from dsfc_client.models import Extract

Json = Mapping[str, Any]


class BridgingFile(Extract):
    """A request for the pairs of pseudonyms of two lines, and what came of it."""

    bridge: dict[str, Any]
    """The other line: `agreement`, `purpose` and `data_set`."""


class Bridging(Service):
    """Asks for bridging files. `download` fetches what was released, as of an extract."""

    def bridge(self, body: Json, *, key: str | None = None) -> BridgingFile:
        """Ask for a bridging file, once for two lines. Raises Refused with every clause."""
        return BridgingFile.model_validate(self.post("/v1/bridging-files", body, key=key))

    def bridging_file(self, bridging_file_id: UUID | str) -> BridgingFile:
        """Return how a request for a bridging file stands."""
        return BridgingFile.model_validate(self.get(f"/v1/bridging-files/{bridging_file_id}"))

    def bridging_files(self, *, agreement: str | None = None) -> Iterator[BridgingFile]:
        """List requests for bridging files of one's own organisation, or for staff all."""
        return self.pages("/v1/bridging-files", BridgingFile, agreement=agreement)

    def withdraw_bridging_file(self, bridging_file_id: UUID | str) -> BridgingFile:
        """Withdraw it before its release; a released file has to be destroyed instead."""
        path = f"/v1/bridging-files/{bridging_file_id}/withdrawal"
        return BridgingFile.model_validate(self.post(path))
