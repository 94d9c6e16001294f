"""What others attest: assurance, ICO registrations, section 251 approvals, publications.

All recording may shorten what stood before; so every answer waits for leases.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import CsvFile, SheetFile, as_text, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.organisations import ImportView
from agreements.records.api.schemas.registrations import (
    AssuranceView,
    AssuredView,
    IcoList,
    IcoView,
    ImportedRegisterView,
    ListedEnvironmentView,
    PublicationView,
    RecordAssurance,
    RecordIco,
    RecordPublication,
    RecordSection251,
    RegisterKind,
    Section251OnDay,
    Section251View,
)
from agreements.records.api.schemas.shared import Code, Day, noticed, told
from agreements.records.domain.errors import (
    EvidenceInFuture,
    ExtensionIsPast,
    ImportContradicts,
    ImportRefused,
    NameDiffers,
    OrganisationUnknown,
)
from agreements.records.domain.lists.layouts.dspt import DsptLayout
from agreements.records.domain.parties.errors import PublicationUnknown, SupportWithdrawn
from agreements.records.use_cases import registrations as use_cases
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.lists import environments, imports
from agreements.settings import IMPORT_BYTES_MAX
from common.clock import legal_day
from common.web import workbooks
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses
from statements.vocabulary import EnvironmentKind

router = APIRouter(prefix="/v1", tags=["registrations"])
removing = APIRouter(prefix="/v1", tags=["registrations"], route_class=RemovesPermission)

Recorder = Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)]
Reader = Annotated[Context, permitted(permissions.READ_FACTS)]
Organisation = Annotated[Code, Query(description="The organisation asked about.")]


@removing.post(
    "/assurance/imports",
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_assurance(
    layout: Annotated[DsptLayout, Query(description="Which export of the toolkit it is.")],
    snapshot_on: Annotated[Day, Query(description="The day on which it was exported.")],
    content: CsvFile,
    ctx: Recorder,
) -> ImportView:
    """Import the toolkit's (DSPT) list of a day.

    One that changes much waits for a second person; until then nothing is permitted that it would
    take away.
    """
    imported = imports.import_dspt(content, layout, snapshot_on, ctx=ctx)
    return ImportView.of(imported)


@removing.post(
    "/assurance",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, EvidenceInFuture),
)
def record_assurance(body: RecordAssurance, ctx: Recorder) -> AssuranceView:
    """Record one party's evidence; for the same reference it takes the place of the former."""
    stored = use_cases.record_assurance(body.fact(), ctx=ctx)
    return AssuranceView.model_validate(stored)


@router.get("/assurance")
def get_assurance(
    organisation: Organisation,
    ctx: Reader,
    as_at: Annotated[Day | None, Query(description="By default today.")] = None,
    identifiable: Annotated[bool, Query(description="For identifiable data?")] = False,  # noqa: FBT002  a query parameter is given by name
) -> AssuredView:
    """Show an organisation's evidence, and whether it is accepted on a day (domain 2.6)."""
    assured = use_cases.assurance_of(organisation, as_at=as_at, identifiable=identifiable, ctx=ctx)
    return AssuredView.of(assured)


@removing.post(
    "/ico-registrations",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, NameDiffers, ExtensionIsPast),
)
def record_ico_registration(body: RecordIco, ctx: Recorder) -> IcoView:
    """Record a registration with the ICO and until when its fee is paid."""
    stored = use_cases.record_ico(body.fact(), ctx=ctx)
    notices = noticed(body.name, stored.name)
    return IcoView.model_validate(stored).model_copy(update={"notices": notices})


@router.get("/ico-registrations")
def list_ico_registrations(
    organisation: Organisation,
    ctx: Reader,
    as_at: Annotated[
        Day | None, Query(description="Whose codes count for it on this day; by default today.")
    ] = None,
) -> IcoList:
    """List the registrations that count for an organisation."""
    found = use_cases.ico_of(organisation, as_at, ctx=ctx)
    return IcoList(items=[told(IcoView.model_validate)(i) for i in found])


@removing.post(
    "/section-251-approvals",
    status_code=HTTPStatus.CREATED,
    responses=responses(ExtensionIsPast, OrganisationUnknown, SupportWithdrawn),
)
def record_section_251_approval(body: RecordSection251, ctx: Recorder) -> Section251View:
    """Record a section 251 approval, or an extension of one.

    What was in force stays so. An approval that had lapsed was not in force until it was extended.
    """
    stored = use_cases.record_section_251(body.fact(), ctx=ctx)
    return Section251View.of(stored)


@router.get("/section-251-approvals")
def list_section_251_approvals(
    page: Paging,
    ctx: Reader,
    as_at: Annotated[
        Day | None, Query(description="The day asked about; by default today.")
    ] = None,
) -> Page[Section251OnDay]:
    """List the section 251 approvals, and say which are in force on a day."""
    day = as_at or legal_day(ctx.clock.now())
    found = use_cases.section_251_approvals(part(page), ctx=ctx)
    return Page[Section251OnDay].of(
        found, page, show=told(lambda a: Section251OnDay.on(a, day)), key=lambda a: a.one.id
    )


@removing.post(
    "/environment-registers/{kind}/imports",
    responses=responses(ImportRefused, ImportContradicts, *workbooks.REFUSALS),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_environment_register(
    kind: RegisterKind,
    listed_on: Annotated[Day, Query(description="Of which day the register is.")],
    content: SheetFile,
    ctx: Recorder,
) -> ImportedRegisterView:
    """Import NHS England's register: `organisation,hosted_for,valid_from,valid_to`, CSV or XLSX.

    What it names no more has ended before its day. One line that cannot be taken refuses it, and
    `errors` names all such lines. An environment that is not listed on a day gets nothing that day.
    """
    register = environments.import_register(
        as_text(content), EnvironmentKind(kind), listed_on, ctx=ctx
    )
    return ImportedRegisterView.model_validate(register)


@router.get("/environment-registers/{kind}")
def list_environment_register(
    kind: RegisterKind, page: Paging, ctx: Reader
) -> Page[ListedEnvironmentView]:
    """List the entries of a register, with those that have ended."""
    found = environments.page(EnvironmentKind(kind), part(page), ctx=ctx)
    return Page[ListedEnvironmentView].of(
        found, page, show=told(ListedEnvironmentView.model_validate), key=lambda e: e.one.id
    )


@removing.post(
    "/publications", status_code=HTTPStatus.CREATED, responses=responses(PublicationUnknown)
)
def record_publication(
    body: RecordPublication,
    ctx: Annotated[Context, permitted(permissions.PUBLISH_REGISTER)],
) -> PublicationView:
    """Record on which day a data set's period was published."""
    stored = use_cases.record_publication(body.data_set, body.period, body.published_on, ctx=ctx)
    return PublicationView.model_validate(stored)


@removing.post(
    "/publications/imports",
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_publications(
    content: CsvFile,
    ctx: Annotated[Context, permitted(permissions.PUBLISH_REGISTER)],
) -> ImportView:
    """Import days of publication: `data_set,period,published_on`.

    Of each data set that is named the periods become those listed. Lines of no use are left out
    and named. What gives much waits for a second person; until then the stricter of both holds.
    """
    return ImportView.of(imports.import_publications(content, ctx=ctx))


@router.get("/publications")
def list_publications(page: Paging, ctx: Reader) -> Page[PublicationView]:
    """List what was published, and when."""
    found = use_cases.publications(part(page), ctx=ctx)
    return Page[PublicationView].of(
        found, page, show=told(PublicationView.model_validate), key=lambda p: p.one.id
    )
