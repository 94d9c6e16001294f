"""The dissemination service, as we need it: which files it released under an agreement."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from agreements.records.use_cases.ports import DisseminatedFile
from common import http
from common.errors import Unavailable
from common.http import RemoteProblem
from common.security.client import ServiceTokens

AUDIENCE = "dissemination"
ROWS = 200


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    file_id: UUID
    being_delivered: bool


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: list[_File]
    next: str | None = None


class HttpReleases:
    """Released files over REST, with this service's own token."""

    def __init__(self, remote: http.Client, tokens: ServiceTokens) -> None:
        self._remote = remote
        self._tokens = tokens

    def of(self, agreement: str) -> Sequence[DisseminatedFile]:
        """Return every file that was released under an agreement, page by page.

        Raises:
            Unavailable: dissemination does not answer, or not what we know.

        """
        found: list[DisseminatedFile] = []
        after: str | None = None
        while True:
            page = self._page(agreement, after)
            found += [
                DisseminatedFile(file_id=str(one.file_id), is_being_delivered=one.being_delivered)
                for one in page.items
            ]
            if page.next is None:
                return found
            after = page.next

    def _page(self, agreement: str, after: str | None) -> _Page:
        query = f"agreement={agreement}&limit={ROWS}" + ("" if after is None else f"&after={after}")
        try:
            response = http.call(
                self._remote,
                "GET",
                f"/v1/released-files?{query}",
                token=self._tokens.token(AUDIENCE),
            )
            return _Page.model_validate_json(response.content)
        except (RemoteProblem, ValidationError) as error:
            raise Unavailable(
                "Dissemination did not say which files it released; try again later."
            ) from error
