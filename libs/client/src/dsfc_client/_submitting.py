"""Sending a provider's file, or having it checked first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from dsfc_client import _uploads
from dsfc_client._http import Service
from dsfc_client.models import Submission

WAIT_SECONDS_MAX: Final = 600.0


class Submitting(Service):
    """What of the haven's intake sends files."""

    def submit(
        self,
        data_set: str,
        period: str,
        content: Path,
        *,
        provider: str | None = None,
        delimiter: str | None = None,
        quoting: str | None = None,
        protocol: str | None = None,
        recipient: str | None = None,
        group: str | None = None,
        left_out_at_source: int | None = None,
        media_type: str | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Submission:
        """Open a submission and send a file into it. A file that broke off goes on by itself.

        `media_type` declares what the file is, by default by its name: `.gz` is a gzip of CSV,
        `.parquet` is Parquet. `progress` is told how many of how many bytes the haven has.
        """
        opened = self.open_submission(
            data_set,
            period,
            provider=provider,
            delimiter=delimiter,
            quoting=quoting,
            protocol=protocol,
            recipient=recipient,
            group=group,
            left_out_at_source=left_out_at_source,
        )
        return self.upload(opened.id, content, media_type=media_type, progress=progress)

    def open_submission(
        self,
        data_set: str,
        period: str,
        *,
        provider: str | None = None,
        delimiter: str | None = None,
        quoting: str | None = None,
        protocol: str | None = None,
        recipient: str | None = None,
        group: str | None = None,
        left_out_at_source: int | None = None,
    ) -> Submission:
        """Announce a file: how its values stand in its lines, and what it replaces.

        `protocol` is `whole_period`, `net_change` or `bulk`; `recipient` and `group` are of a file
        in bulk. `left_out_at_source` is how many people the sender left out, where that is asked.
        """
        body = {
            "data_set": data_set,
            "period": period,
            "provider": provider,
            "delimiter": delimiter,
            "quoting": quoting,
            "protocol": protocol,
            "recipient": recipient,
            "group": group,
            "left_out_at_source": left_out_at_source,
        }
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

    def check_file(
        self,
        data_set: str,
        period: str,
        content: Path,
        *,
        provider: str | None = None,
        delimiter: str | None = None,
        quoting: str | None = None,
        protocol: str | None = None,
        recipient: str | None = None,
        group: str | None = None,
        left_out_at_source: int | None = None,
        media_type: str | None = None,
    ) -> Any:
        """Check a file before it is sent: the report of the intake, of which nothing is kept."""
        with content.open("rb") as file:
            answer = self.call(
                "POST",
                "/v1/file-checks",
                params={
                    "data_set": data_set,
                    "period": period,
                    "provider": provider,
                    "delimiter": delimiter,
                    "quoting": quoting,
                    "protocol": protocol,
                    "recipient": recipient,
                    "group": group,
                    "left_out_at_source": left_out_at_source,
                },
                content=iter(lambda: file.read(1 << 20), b""),
                headers={"Content-Type": media_type or _uploads.media_type_of(content)},
                timeout=WAIT_SECONDS_MAX,
            )
        return answer.json()
