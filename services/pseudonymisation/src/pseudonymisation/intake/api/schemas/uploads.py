"""Uploads in parts on the wire."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from pseudonymisation.intake.domain.partial_upload import PartialUpload


class UploadView(BaseModel):
    """How an upload in parts stands."""

    id: Annotated[UUID, Field(description="Of the upload.")]
    submission_id: Annotated[UUID, Field(description="Whose content it is to be.")]
    content_form: Annotated[
        Literal["csv", "csv.gz", "parquet"], Field(description="As what it is sent.")
    ]
    offset: Annotated[int, Field(description="Bytes that have come, and are kept.")]
    length: Annotated[int | None, Field(description="Bytes of the whole; null: not declared.")]
    digest: Annotated[
        str | None, Field(description="Of the whole, as it was declared; null: it was not.")
    ]
    is_complete: Annotated[bool, Field(description="Whether it is whole, and was taken over.")]
    begun_at: Annotated[datetime, Field(description="When it was begun, RFC 3339, in UTC.")]
    expires_at: Annotated[
        datetime, Field(description="When it is destroyed where nobody goes on, RFC 3339, in UTC.")
    ]

    @classmethod
    def of(cls, upload: PartialUpload, kept: timedelta) -> Self:
        return cls(
            id=upload.id,
            submission_id=upload.submission_id,
            content_form=upload.form.value,
            offset=upload.offset,
            length=upload.length,
            digest=upload.digest,
            is_complete=upload.is_complete,
            begun_at=upload.begun_at,
            expires_at=upload.expires_at(kept),
        )


class UploadList(BaseModel):
    """The uploads of one submission."""

    items: Annotated[list[UploadView], Field(description="One at most.")]
