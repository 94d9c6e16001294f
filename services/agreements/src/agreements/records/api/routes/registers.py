"""The public registers, and how each stands (domain.md 5.3, 9)."""

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import (
    AgreementReference,
    ContractReference,
    Ods,
    PublicCtx,
    once_key,
)
from agreements.records.api.schemas.contracts import RegisteredContractView
from agreements.records.api.schemas.oversight import audits
from agreements.records.api.schemas.passing import onward_shares
from agreements.records.api.schemas.registers import (
    AgreementRegisterPage,
    ChangedRelationshipView,
    ContractRegisterPage,
    DifferenceView,
    HiddenView,
    NoticeView,
    RegisteredAgreementVersions,
    RegisteredAgreementView,
    StatementView,
    SupportView,
)
from agreements.records.api.schemas.relationships import EditionView, PublishedView
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import ContractNotFound, OrganisationNotFound
from agreements.records.domain.lists import agreement_register
from agreements.records.domain.lists.register import (
    CONTRACT_COLUMNS,
    RELATIONSHIP_COLUMNS,
    RelationshipEdition,
    Row,
)
from agreements.records.use_cases import registers as use_cases
from agreements.records.use_cases.context import Compared, Context, World
from agreements.records.use_cases.lists import imports
from agreements.records.use_cases.ports import Slice
from agreements.records.use_cases.registers import AgreementLines, PublicRegister
from common import texts
from common.clock import legal_day
from common.errors import AgreementNotFound, EditionNotFound
from common.security.keys import REGISTER_STATEMENT, Signer, issue
from common.web import spreadsheets
from common.web.auth import public
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Paging
from common.web.printable import Pages
from common.web.problems import responses
from common.web.replacement import StandingView

router = APIRouter(prefix="/v1/registers", tags=["registers"])

PUBLIC = public("The registers are published.")
PAGES = Pages("agreements.records.api")


class RegisterFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


class NoticeFormat(StrEnum):
    JSON = "json"
    HTML = "html"


Format = Annotated[
    RegisterFormat,
    Query(description="`csv`, `xlsx`: the whole register as a spreadsheet, not a part of it."),
]
SHEETS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            spreadsheets.CSV: {"schema": {"type": "string"}},
            spreadsheets.XLSX: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}
NAMES: spreadsheets.Columns = tuple((name, name) for name in RELATIONSHIP_COLUMNS)
COLUMNS = {
    PublicRegister.CONTRACTS: CONTRACT_COLUMNS,
    PublicRegister.AGREEMENTS: agreement_register.COLUMNS,
    PublicRegister.RELATIONSHIPS: NAMES,
    PublicRegister.ONWARD_SHARES: onward_shares.COLUMNS,
    PublicRegister.AUDITS: audits.COLUMNS,
}


@router.get(
    "/contracts",
    dependencies=[PUBLIC],
    response_model=ContractRegisterPage,
    responses=SHEETS,
)
def register_of_contracts(
    page: Paging,
    ctx: PublicCtx,
    format: Format = RegisterFormat.JSON,  # noqa: A002  the parameter's name on the wire
) -> ContractRegisterPage | Response:
    """List the signed framework contracts. No signatory is named."""
    if format is not RegisterFormat.JSON:
        return sheet(PublicRegister.CONTRACTS, format, ctx=ctx)
    at = ctx.clock.now()
    found = use_cases.contracts(Slice(after=page.after, rows=page.limit), ctx=ctx)
    items = [told(RegisteredContractView.of)(shown) for shown in found.rows]
    hidden = [HiddenView.model_validate(one) for one in found.hidden]
    return ContractRegisterPage(as_of=at, items=items, next=found.next, hidden=hidden)


@router.get(
    "/contracts/{reference}",
    dependencies=[PUBLIC],
    responses=responses(ContractNotFound),
)
def registered_contract(reference: ContractReference, ctx: PublicCtx) -> RegisteredContractView:
    """Return the line of one framework contract. The link stays."""
    return told(RegisteredContractView.of)(use_cases.contract(reference, ctx=ctx))


@router.get(
    "/agreements",
    dependencies=[PUBLIC],
    response_model=AgreementRegisterPage,
    responses=SHEETS,
)
def register_of_agreements(
    page: Paging,
    ctx: PublicCtx,
    format: Format = RegisterFormat.JSON,  # noqa: A002  the parameter's name on the wire
) -> AgreementRegisterPage | Response:
    """List the versions of agreements that took effect, with how each stands today.

    A version that another one followed stays, as SUPERSEDED. `next` counts agreements, so a page
    may have more lines than `limit`, or fewer.
    """
    if format is not RegisterFormat.JSON:
        return sheet(PublicRegister.AGREEMENTS, format, ctx=ctx)
    at = ctx.clock.now()
    found = use_cases.agreements(Slice(after=page.after, rows=page.limit), ctx=ctx)
    return AgreementRegisterPage(
        as_of=at,
        items=[line for shown in found.rows for line in _versions(shown)],
        next=found.next,
        hidden=[HiddenView.model_validate(one) for one in found.hidden],
        unreadable=[*found.unreadable],
    )


@router.get(
    "/agreements/{reference}",
    dependencies=[PUBLIC],
    responses=responses(AgreementNotFound),
)
def registered_agreement(
    reference: AgreementReference, ctx: PublicCtx
) -> RegisteredAgreementVersions:
    """Return the lines of one agreement, a line a version. The link stays."""
    at = ctx.clock.now()
    shown = use_cases.agreement(reference, ctx=ctx)
    return RegisteredAgreementVersions(as_of=at, items=_versions(shown))


def _versions(shown: Compared[AgreementLines]) -> list[RegisteredAgreementView]:
    unlike = {"not_as_sealed": [*shown.not_as_sealed]}
    lines = map(RegisteredAgreementView.of, shown.one.lines)
    return [line.model_copy(update=unlike) for line in lines]


@router.get(
    "/relationships",
    dependencies=[PUBLIC],
    response_model=EditionView,
    responses={**responses(EditionNotFound), **SHEETS},
)
def register_of_relationships(
    ctx: PublicCtx,
    edition: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="By default the latest.")
    ] = None,
    format: Format = RegisterFormat.JSON,  # noqa: A002  the parameter's name on the wire
) -> EditionView | Response:
    """Return a published edition of the relationships; former editions stay."""
    found = use_cases.relationships(edition, ctx=ctx)
    view = _edition(None) if found is None else told(_published)(found)
    if format is RegisterFormat.JSON:
        return view
    name = f"relationships-{view.number or 0}"
    return _file(PublicRegister.RELATIONSHIPS, format, view.items, name=name)


@router.get(
    "/relationships/differences",
    dependencies=[PUBLIC],
    responses=responses(EditionNotFound),
)
def differences_of_relationships(
    ctx: PublicCtx,
    earlier: Annotated[
        int, Query(ge=1, le=1_000_000, description="Number of an edition.", examples=[1])
    ],
    later: Annotated[
        int, Query(ge=1, le=1_000_000, description="Number of the other one.", examples=[2])
    ],
) -> DifferenceView:
    """Say how two published editions of the relationships differ: added, removed, changed.

    An edition that was taken back says nothing, so all of it counts as added or removed.
    """
    found, unlike = use_cases.compare_editions(earlier, later, ctx=ctx)
    return DifferenceView(
        earlier=earlier,
        later=later,
        added=texts.shown_in([*found.added]),
        removed=texts.shown_in([*found.removed]),
        changed=[
            ChangedRelationshipView(
                lcr_ref=one.reference,
                before=texts.shown_in(one.before),
                after=texts.shown_in(one.after),
            )
            for one in found.changed
        ],
        not_as_sealed=[*unlike],
    )


@router.get("/relationships/supporting/{ods}", dependencies=[PUBLIC])
def supporting_relationships(ods: Ods, ctx: PublicCtx) -> SupportView:
    """Say which DSCRO supports a CCG, ICB or CSU, and with whom: as published, and as of today."""
    found = use_cases.relationships(None, ctx=ctx)
    today = legal_day(ctx.clock.now())
    return SupportView(
        organisation=ods,
        day=today,
        edition=None if found is None else found.one.number,
        published_at=None if found is None else found.one.published_at,
        items=[] if found is None else texts.shown_in(found.one.supporting(ods, today)),
        not_as_sealed=[] if found is None else [*found.not_as_sealed],
    )


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


@router.get("/statements/{register}", dependencies=[PUBLIC])
def register_statement(register: PublicRegister, ctx: PublicCtx, request: Request) -> StatementView:
    """Say, signed, how a register stands to what was sealed: complete, or what is gone or altered.

    Whoever keeps it can show later what the register said that day: the digest is over every line.
    """
    found = use_cases.statement(register, ctx=ctx)
    signer: Signer = request.state.signer
    claims = StatementView.claims(found)
    signed = issue(signer, REGISTER_STATEMENT, claims, at=found.as_of)
    return StatementView.model_validate({**claims, "statement": signed})


@router.get(
    "/notices/{ods}",
    dependencies=[PUBLIC],
    response_model=NoticeView,
    responses={
        **responses(OrganisationNotFound),
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
    },
)
def notice_of_controller(
    ods: Ods,
    ctx: PublicCtx,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        NoticeFormat, Query(description="`html`: a page that can be printed.")
    ] = NoticeFormat.JSON,
) -> NoticeView | Response:
    """Return what a controller's agreements in force let it do with data about people.

    Purposes, sources, categories of data and of recipients, legal bases, and the choices that
    apply, made from the signed agreements alone.
    """
    view = NoticeView.of(use_cases.notice(ods, ctx=ctx))
    return view if format is NoticeFormat.JSON else PAGES.page("notice.html", notice=view)


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


def sheet(register: PublicRegister, format_: RegisterFormat, *, ctx: World) -> Response:
    """Return the whole register as a spreadsheet; its name says of which day it is."""
    day = legal_day(ctx.clock.now())
    rows = [*use_cases.whole(register, ctx=ctx)]
    if register is PublicRegister.AUDITS:
        rows = [*map(audits.cells, rows)]
    return _file(register, format_, rows, name=f"{register.value}-{day.isoformat()}")


def _file(
    register: PublicRegister, format_: RegisterFormat, rows: Sequence[Row], *, name: str
) -> Response:
    columns = COLUMNS[register]
    if format_ is RegisterFormat.CSV:
        heads = [(column, column) for column, _ in columns]
        text = "".join(spreadsheets.csv_lines(heads, rows))
        return spreadsheets.as_file(text, media_type=spreadsheets.CSV, name=f"{name}.csv")
    book = spreadsheets.workbook(register.value, columns, rows)
    return spreadsheets.as_file(book, media_type=spreadsheets.XLSX, name=f"{name}.xlsx")
