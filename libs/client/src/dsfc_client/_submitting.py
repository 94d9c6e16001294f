"""Sending a provider's file, or having it checked first."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from dsfc_client import _uploads
from dsfc_client._http import Service
from dsfc_client.models import Submission

WAIT_SECONDS_MAX: Final = 600.0


class AboutFile(TypedDict, total=False):
    """What is said of a file before it is sent."""

    provider: str | None
    """Whose it is, where somebody else sends it."""
    delimiter: str | None
    quoting: str | None
    protocol: str | None
    """`whole_period`, `net_change` or `bulk`."""
    recipient: str | None
    """Of a file in bulk, like its group."""
    group: str | None
    left_out_at_source: int | None
    """How many people the sender left out, where that is asked."""


class Submitting(Service):
    """What of the haven's intake sends files."""

    def submit(
        self,
        data_set: str,
        period: str,
        content: Path,
        *,
        media_type: str | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        **about: Unpack[AboutFile],
    ) -> Submission:
        """Open a submission and send a file into it. A file that broke off goes on by itself.

        `media_type` declares what the file is, by default by its name: `.gz` is a gzip of CSV,
        `.parquet` is Parquet. `progress` is told how many of how many bytes the haven has.
        """
        opened = self.open_submission(data_set, period, **about)
        return self.upload(opened.id, content, media_type=media_type, progress=progress)

    def open_submission(
        self,
        data_set: str,
        period: str,
        **about: Unpack[AboutFile],
    ) -> Submission:
        """Announce a file: how its values stand in its lines, and what it replaces."""
        body = {"data_set": data_set, "period": period, **about}
        sent = {k: v for k, v in body.items() if v is not None}
        return Submission.model_validate(self.post("/v1/submissions", sent))

    def upload(
        self,
        submission_id: UUID | str,
        content: Path,
        *,
        media_type: str | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Submission:
        """Send the file of a submission, from where an earlier try ended.

        Raises Problem where the haven refuses it, and ConnectionLost where it stays away: what
        has come is kept there, and the same call goes on.
        """
        _uploads.send(
            self,
            submission_id,
            content,
            media_type=media_type or _uploads.media_type_of(content),
            progress=progress,
        )
        return Submission.model_validate(self.get(f"/v1/submissions/{submission_id}"))

    def submit_tables(
        self, data_set: str, period: str, tables: Mapping[str, Path], **about: Unpack[AboutFile]
    ) -> Submission:
        """Send the files of a data set of several tables, each by its table, and close.

        They are landed together when all have come. Raises Problem where one is refused, or one
        is missing: the submission is then still open (`open_submission`, `upload_table`, `close`).
        """
        opened = self.open_submission(data_set, period, **about)
        for table, content in tables.items():
            self.upload_table(opened.id, table, content)
        return self.close(opened.id)

    def upload_table(
        self,
        submission_id: UUID | str,
        table: str,
        content: Path,
        *,
        media_type: str | None = None,
    ) -> Submission:
        """Send one table's file. What comes again takes the place of what came."""
        with content.open("rb") as file:
            answer = self.call(
                "PUT",
                f"/v1/submissions/{submission_id}/tables/{table}/content",
                content=iter(lambda: file.read(1 << 20), b""),
                headers={"Content-Type": media_type or _uploads.media_type_of(content)},
                timeout=WAIT_SECONDS_MAX,
            )
        return Submission.model_validate(answer.json())

    def close(self, submission_id: UUID | str) -> Submission:
        """Say that every table came: they are landed next, together."""
        return Submission.model_validate(self.post(f"/v1/submissions/{submission_id}/closing"))

    def check_file(
        self,
        data_set: str,
        period: str,
        content: Path,
        *,
        media_type: str | None = None,
        **about: Unpack[AboutFile],
    ) -> Any:
        """Check a file before it is sent: the report of the intake, of which nothing is kept."""
        with content.open("rb") as file:
            answer = self.call(
                "POST",
                "/v1/file-checks",
                params={"data_set": data_set, "period": period, **about},
                content=iter(lambda: file.read(1 << 20), b""),
                headers={"Content-Type": media_type or _uploads.media_type_of(content)},
                timeout=WAIT_SECONDS_MAX,
            )
        return answer.json()
