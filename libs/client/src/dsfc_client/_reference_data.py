"""Agreements' reference data: lists that replace, and rights to submit, by two people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from dsfc_client._facts import Facts
from dsfc_client.models import (
    Import,
    ImportedMap,
    PublishedRelationships,
    SentImport,
    SubmissionRight,
    SubmissionRights,
)

CSV = {"Content-Type": "text/csv"}
WAIT_SECONDS_MAX = 600.0
Id = UUID | str


class ReferenceData(Facts):
    """Lists that replace what decisions rest on.

    A list that changes much is `waiting` until somebody else confirms it, and the stricter of it
    and of what is in force holds meanwhile::

        sent = dsfc.agreements.import_publications(Path("published.csv"))
        if sent.standing.state == "waiting":
            print(sent.id, sent.standing.change)          # tell the second person
        ...
        dsfc.agreements.confirm_import(sent.id, "Compared with the page of the publication.")
    """

    def import_organisations(self, content: Path, layout: str) -> Import:
        """Send a list of organisations as ODS publishes it (`eccg`, `etr`, ...), or in `dsfc`."""
        return self._import("/v1/organisations/imports", content, layout=layout)

    def import_assurance(self, content: Path, layout: str, snapshot_on: str) -> Import:
        """Send the toolkit's (DSPT) list of a day (`YYYY-MM-DD`)."""
        return self._import(
            "/v1/assurance/imports", content, layout=layout, snapshot_on=snapshot_on
        )

    def import_relationships(self, content: Path) -> Import:
        """Send a published edition of the relationships, in its own columns."""
        return self._import("/v1/relationships/imports", content)

    def import_publications(self, content: Path) -> Import:
        """Send days of publication, `data_set,period,published_on`, whole for each data set."""
        return self._import("/v1/publications/imports", content)

    def import_environment_register(self, content: Path, kind: str, listed_on: str) -> Any:
        """Send NHS England's register of a day: of `ceff` or `rs_supplier`, whole or not at all."""
        path = f"/v1/environment-registers/{kind}/imports"
        return self.call(
            "POST",
            path,
            content=content.read_bytes(),
            headers=CSV,
            params={"listed_on": listed_on},
            timeout=WAIT_SECONDS_MAX,
        ).json()

    def import_map(self, content: Path, kind: str, valid_from: str) -> ImportedMap:
        """Send a map of `practice`, `postcode` or `deprivation`, in force from a day."""
        return self._import_map("/v1/maps", content, kind=kind, valid_from=valid_from)

    def import_postcode_directory(self, content: Path, valid_from: str) -> ImportedMap:
        """Send an edition of the ONS Postcode Directory of any size; it is read as it is sent.

        Such as `import_postcode_directory(Path("ONSPD_FEB_2026_UK.csv"), "2026-02-28")`.
        """
        return self._import_map("/v1/postcode-directories", content, valid_from=valid_from)

    def publish_relationships(self, *, key: str | None = None) -> PublishedRelationships:
        """Publish the next edition of the register; one that says much more is `waiting`.

        A second person confirms it, or takes it back, by its `import_id`.
        """
        path = "/v1/registers/relationships/editions"
        return PublishedRelationships.model_validate(self.post(path, key=key))

    def imports(self, *, state: str | None = None) -> Iterator[SentImport]:
        """Lists that were sent; `state="waiting"` for those that a second person has to see."""
        return self.pages("/v1/imports", SentImport, state=state)

    def confirm_import(self, import_id: Id, reason: str) -> SentImport:
        """Let a list into force that somebody else sent; else SECOND_PERSON_NEEDED."""
        path = f"/v1/imports/{import_id}/confirmation"
        return SentImport.model_validate(self.post(path, {"reason": reason}))

    def take_back_import(self, import_id: Id, reason: str) -> SentImport:
        """Take a list back; `leaving`, where a second person has to take it back as well."""
        path = f"/v1/imports/{import_id}/withdrawal"
        return SentImport.model_validate(self.post(path, {"reason": reason}))

    def may_submit(self, submitter: str, as_at: str, *, provider: str | None = None) -> Any:
        """Say for whom an organisation may send records of a period that begins on a day.

        Such as `may_submit("RR8", "2018-04-01", provider="R0A")["providers"][0]["may_submit"]`.
        """
        return self.get(
            "/v1/submission-rights", submitter=submitter, as_at=as_at, provider=provider
        )

    def submission_rights(self, *, state: str | None = None) -> Iterator[SubmissionRight]:
        """Rights that were recorded; `state="waiting"` for those of a second person."""
        return self.pages("/v1/submission-rights/recorded", SubmissionRight, state=state)

    def record_submission_right(
        self,
        submitter: str,
        provider: str,
        valid_from: str,
        evidence: str,
        *,
        valid_to: str | None = None,
        key: str | None = None,
    ) -> SubmissionRights:
        """Record that one provider may send another's records; a second person confirms it.

        Such as::

            batch = dsfc.agreements.record_submission_right(
                "RR8", "R0A", "2018-04-01", "Service agreement of 2018-03-01, section 4"
            )
            colleague.agreements.confirm_submission_rights(batch.id, "Read in the agreement.")
        """
        body = {
            "submitter": submitter,
            "provider": provider,
            "valid_from": valid_from,
            "valid_to": valid_to,
            "evidence": evidence,
        }
        return SubmissionRights.model_validate(self.post("/v1/submission-rights", body, key=key))

    def import_submission_rights(self, content: Path) -> SubmissionRights:
        """Send a list of rights: `submitter,provider,valid_from,valid_to,evidence`."""
        sent = self.call(
            "POST",
            "/v1/submission-rights/imports",
            content=content.read_bytes(),
            headers=CSV,
            timeout=WAIT_SECONDS_MAX,
        )
        return SubmissionRights.model_validate(sent.json())

    def confirm_submission_rights(self, batch_id: Id, reason: str) -> SubmissionRights:
        """Let what was recorded together hold; somebody else than who recorded it."""
        path = f"/v1/submission-rights/{batch_id}/confirmation"
        return SubmissionRights.model_validate(self.post(path, {"reason": reason}))

    def take_back_submission_rights(self, batch_id: Id, reason: str) -> SubmissionRights:
        """Withdraw rights that were recorded together and wait for confirmation."""
        path = f"/v1/submission-rights/{batch_id}/withdrawal"
        return SubmissionRights.model_validate(self.post(path, {"reason": reason}))

    def end_submission_right(self, right_id: Id, *, last_day: str | None = None) -> SubmissionRight:
        """End a right after its last day, by default today."""
        path = f"/v1/submission-rights/{right_id}/ending"
        return SubmissionRight.model_validate(self.post(path, {"last_day": last_day}))

    def _import_map(self, path: str, content: Path, **params: str) -> ImportedMap:
        with content.open("rb") as file:
            sent = self.call(
                "POST",
                path,
                content=file,
                headers=CSV,
                params=params,
                timeout=WAIT_SECONDS_MAX,
            )
        return ImportedMap.model_validate(sent.json())

    def _import(self, path: str, content: Path, **params: str) -> Import:
        sent = self.call(
            "POST",
            path,
            content=content.read_bytes(),
            headers=CSV,
            params=params,
            timeout=WAIT_SECONDS_MAX,
        )
        return Import.model_validate(sent.json())
