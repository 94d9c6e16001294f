"""The public registers of contracts and relationships (domain.md 5.3, 9.2)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import PublicCtx, once_key
from agreements.records.api.schemas.contracts import RegisteredContract
from agreements.records.api.schemas.relationships import EditionView, PublishedView
from agreements.records.api.schemas.shared import told
from agreements.records.domain.lists.register import RELATIONSHIP_COLUMNS, RelationshipEdition
from agreements.records.use_cases import registers as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.contracts import ContractWithState
from agreements.records.use_cases.lists import imports
from agreements.records.use_cases.ports import Slice
from common import texts
from common.clock import legal_day
from common.errors import EditionNotFound
from common.web.auth import public
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import StandingView

router = APIRouter(prefix="/v1/registers", tags=["registers"])

PUBLIC = public("The registers are published.")
Format = Annotated[
    Literal["json", "csv"], Query(description="`csv`: the same rows as a spreadsheet.")
]
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}
UNPUBLISHED = "not_as_sealed"
"""No column of the published register; in JSON it is told."""

RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula."""


@router.get(
    "/contracts",
    dependencies=[PUBLIC],
    response_model=Page[RegisteredContract],
    responses=CSV,
)
def register_of_contracts(
    page: Paging,
    ctx: PublicCtx,
    format: Format = "json",  # noqa: A002  the parameter's name on the wire
) -> Page[RegisteredContract] | Response:
    """List the signed framework contracts. No signatory is named."""
    found = use_cases.contracts(Slice(after=page.after, rows=page.limit), ctx=ctx)
    items = [told(_registered)(shown) for shown in found.rows]
    if format == "csv":
        columns = tuple(name for name in RegisteredContract.model_fields if name != UNPUBLISHED)
        return _csv(columns, [item.model_dump(mode="json") for item in items])
    return Page[RegisteredContract](items=items, next=found.next)


@router.get(
    "/relationships",
    dependencies=[PUBLIC],
    response_model=EditionView,
    responses={**responses(EditionNotFound), **CSV},
)
def register_of_relationships(
    ctx: PublicCtx,
    edition: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="By default the latest.")
    ] = None,
    format: Format = "json",  # noqa: A002  the parameter's name on the wire
) -> EditionView | Response:
    """Return a published edition of the relationships; former editions stay."""
    found = use_cases.relationships(edition, ctx=ctx)
    view = _edition(None) if found is None else told(_published)(found)
    return _csv(RELATIONSHIP_COLUMNS, view.items) if format == "csv" else view


@router.post("/relationships/editions", status_code=HTTPStatus.CREATED)
def publish_relationships(
    ctx: Annotated[Context, permitted(permissions.PUBLISH_REGISTER)],
    key: IdempotencyKey = None,
) -> PublishedView:
    """Publish the next edition: the active relationships to which all involved consented.

    One that says much that was not said before is `waiting` for a second person, who confirms it
    or takes it back as an import (`/v1/imports/{import_id}/confirmation`, `/withdrawal`); `items`
    are what it would say. What may not be published any more leaves the register at once.
    """
    once = once_key(key, "relationship-edition", None)
    published = imports.publish_relationships(once=once, ctx=ctx)
    view = _edition(published.edition)
    return PublishedView(
        number=view.number,
        published_at=view.published_at,
        digest=view.digest,
        state=view.state,
        items=texts.shown_in([*published.rows]),
        import_id=None if published.sent is None else published.sent.id,
        standing=None if published.sent is None else StandingView.of(published.sent.standing),
    )


def _edition(edition: RelationshipEdition | None) -> EditionView:
    if edition is None:
        return EditionView(number=None, published_at=None, digest=None, state=None, items=[])
    return _published(edition)


def _published(edition: RelationshipEdition) -> EditionView:
    return EditionView(
        number=edition.number,
        published_at=edition.published_at,
        digest=edition.digest,
        state="taken_back" if edition.is_taken_back else "published",
        items=texts.shown_in(edition.shown()),
    )


def _registered(shown: ContractWithState) -> RegisteredContract:
    contract = shown.contract
    signed, ended = contract.body_signed_at, contract.terminated_at
    return RegisteredContract(
        con_ref=contract.reference,
        legal_entity=texts.shown(contract.legal_name),
        ods_code=contract.organisation,
        status=shown.state,
        signed_on=None if signed is None else legal_day(signed),
        start=contract.valid_from,
        end=contract.valid_to,
        terminated_on=None if ended is None else legal_day(ended),
    )


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Response:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8")


def _cell(value: object) -> str:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(RISKY) else written
