"""Templates of agreements."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.schemas.issuing.templates import (
    TEMPLATE_NAME,
    MakeTemplate,
    TemplateView,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import UnlikeSeal
from agreements.records.domain.issuing.errors import TemplateNotFit
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.issuing import templates as use_cases
from common.errors import AgreementNotFound
from common.texts import Scanned
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/agreement-templates", tags=["issuing"])

TemplateName = Annotated[
    str,
    Path(pattern=TEMPLATE_NAME, description="The template.", examples=["ccg-commissioning"]),
    Scanned(code=True),
]


@router.get("")
def list_templates(
    page: Paging, ctx: Annotated[Context, permitted(permissions.READ_BATCHES)]
) -> Page[TemplateView]:
    """List the templates, every version of each."""
    found = use_cases.page(part(page), ctx=ctx)
    return Page[TemplateView].of(found, page, show=told(TemplateView.of), key=lambda t: t.one.id)


@router.post(
    "/{name}/versions",
    status_code=HTTPStatus.CREATED,
    responses=responses(AgreementNotFound, TemplateNotFit, UnlikeSeal),
)
def make_template(
    name: TemplateName,
    body: MakeTemplate,
    ctx: Annotated[Context, permitted(permissions.HAND_IN_BATCHES)],
) -> TemplateView:
    """Make the next version of a template of an agreement that all have signed."""
    made = use_cases.make(
        name,
        reference=body.agreement,
        agreement_version=body.version,
        reason=body.reason,
        ctx=ctx,
    )
    return TemplateView.of(made)
