"""What FastAPI hands to the endpoints: taken from the lifespan's state, never global."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Body, Path

from agreements.records.use_cases.context import OnceKey, World
from agreements.records.use_cases.ports import Slice
from common.web import workbooks
from common.web.context import from_state
from common.web.idempotency import fingerprint
from common.web.pagination import PageParameters

Ods = Annotated[
    str,
    Path(pattern=r"^[A-Z0-9]{3,9}$", description="An ODS code.", examples=["QF7"]),
]
AgreementReference = Annotated[
    str,
    Path(
        pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
        description="The agreement's reference, without a version.",
        examples=["DARS-NIC-123456-A1B2C"],
    ),
]
ContractReference = Annotated[
    str,
    Path(
        pattern=r"^CON-[0-9]{5,6}-[A-Z0-9]{5}$",
        description="The framework contract's reference.",
        examples=["CON-123456-A1B2C"],
    ),
]
CsvFile = Annotated[bytes, Body(media_type="text/csv", description="The file, in UTF-8.")]


SheetFile = Annotated[
    bytes,
    Body(media_type="text/csv", description="The file: CSV in UTF-8, or a workbook (XLSX)."),
]


def as_text(content: bytes, *, numbers: Collection[str] = ()) -> bytes:
    """Return what was sent as CSV; a workbook is told by how it begins.

    Raises:
        WorkbookUnreadable, WorkbookHasMacros, WorkbookTooLarge, WorkbookHasFormulas,
        WorkbookCellType

    """
    if workbooks.is_workbook(content):
        return workbooks.as_csv(content, numbers=numbers)
    return content


PublicCtx = Annotated[World, from_state("context")]


def once_key(key: str | None, operation: str, body: object) -> OnceKey | None:
    """Bind an `Idempotency-Key` to what was sent with it."""
    if key is None:
        return None
    return OnceKey(key=key, fingerprint=fingerprint(operation, body))  # type: ignore[arg-type]


def part(page: PageParameters) -> Slice:
    """Ask for one more than is shown: it tells whether there is more."""
    return Slice(after=page.after, rows=page.rows)
