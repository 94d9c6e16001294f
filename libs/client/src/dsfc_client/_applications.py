"""Applications for data: drafted, checked, reviewed, decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from dsfc_client._http import Service
from dsfc_client.models import Application, Finding

Json = Mapping[str, Any]
Id = str | UUID


class Applications(Service):
    """DARS: applications, the 20 Standards, review, decision."""

    def standards(self, *, as_at: str | None = None) -> Any:
        """Return the Standards in force on a day (`YYYY-MM-DD`), today's without."""
        return self.get("/v1/standards", as_at=as_at)

    def draft(self, body: Json, *, key: str | None = None) -> Application:
        """Begin an application: a new one, or one that amends an agreement."""
        return Application.model_validate(self.post("/v1/applications", body, key=key))

    def application(self, application_id: Id) -> Application:
        """Return an application as it stands, and what is still to be said of it."""
        return Application.model_validate(self.get(f"/v1/applications/{application_id}"))

    def list(self, *, state: str | None = None) -> Iterator[Application]:
        """List applications: one's own, or for staff all."""
        return self.pages("/v1/applications", Application, state=state)

    def answer(self, application_id: Id, standard: int, body: Json) -> Any:
        """Fill in the section of one Standard."""
        path = f"/v1/applications/{application_id}/sections/{standard}"
        return self.call("PUT", path, json=body).json()

    def sections(self, application_id: Id) -> Any:
        """Return what was answered to each Standard, and which sections are missing."""
        return self.get(f"/v1/applications/{application_id}/sections")

    def section(self, application_id: Id, standard: int) -> Any:
        """Return what was answered to one Standard."""
        return self.get(f"/v1/applications/{application_id}/sections/{standard}")

    def findings(self, application_id: Id) -> Sequence[Finding]:
        """Return what the machine checks say now, before anything is submitted."""
        body = self.get(f"/v1/applications/{application_id}/findings")
        return [Finding.model_validate(f) for f in body["findings"]]

    def act(self, application_id: Id, verb: str, body: Json | None = None) -> Application:
        """Move it along: `verb` is the last part of the path, such as submission or approval."""
        path = f"/v1/applications/{application_id}/{verb}"
        return Application.model_validate(self.post(path, body))

    def history(self, application_id: Id) -> Any:
        """Return what was done to an application, by whom and when."""
        return self.get(f"/v1/applications/{application_id}/history")

    def snapshot(self, snapshot_hash: str) -> Any:
        """Return what was approved, frozen, by its hash."""
        return self.get(f"/v1/snapshots/{snapshot_hash}")
