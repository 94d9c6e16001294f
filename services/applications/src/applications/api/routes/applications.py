"""HTTP in, use case, HTTP out. Three lines an endpoint; a fourth is a smell.

Endpoints are `def`: the database and calls to agreements block, so they run in threads.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from applications.api.dependencies import (
    Adviser,
    Approver,
    Editor,
    Expected,
    Officer,
    Reader,
    Refuser,
    SnapshotReader,
    Submitter,
    TheWorld,
    Withdrawer,
)
from applications.api.schemas import applications as schemas
from applications.api.schemas.applications import (
    Advising,
    ApplicationView,
    Approval,
    DraftApplication,
    FindingsView,
    HistoryPage,
    HistoryView,
    JwksView,
    Refusal,
    Return,
    SectionsView,
    SectionView,
    StandardsView,
    StandardView,
    Submission,
    SummaryView,
    TriageFound,
)
from applications.domain.application import Application
from applications.domain.errors import (
    AdviceNotNeeded,
    AdviceRequired,
    AgreementOver,
    AgreementsUnavailable,
    ApplicationNotFound,
    AsPublishedRefused,
    ConditionRefused,
    FindingsRefuse,
    KindContradicts,
    NotYours,
    OwnApplication,
    OwnOrganisation,
    ReasonRequired,
    Redirected,
    SameHands,
    SectionNotFound,
    SnapshotAltered,
    SnapshotNotFound,
)
from applications.domain.life import State
from applications.domain.sections import SECTIONS
from applications.domain.sections.forms import Day, Section
from applications.use_cases import applications as use_cases
from applications.use_cases import decisions, snapshots, standards
from common.clock import legal_day
from common.db.idempotency import IdempotencyKeyReused
from common.errors import EditedMeanwhile, TransitionRefused
from common.web.auth import public
from common.web.idempotency import IdempotencyKey, fingerprint
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/applications", tags=["applications"])
reference_router = APIRouter(tags=["reference"])

Number = Annotated[int, Path(ge=1, le=len(SECTIONS))]

STEP = (ApplicationNotFound, TransitionRefused, EditedMeanwhile, NotYours)
DECISION = (*STEP, OwnApplication, OwnOrganisation, SameHands)


def _shown(application: Application, response: Response) -> ApplicationView:
    response.headers["ETag"] = f'"{application.version}"'
    return ApplicationView.of(application)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(Redirected, IdempotencyKeyReused, KindContradicts),
)
def draft_application(
    body: DraftApplication, response: Response, ctx: Editor, key: IdempotencyKey = None
) -> ApplicationView:
    """Begin an application, or an enquiry about one."""
    application = use_cases.draft(
        body.title,
        kind=body.kind,
        amends=body.amends,
        enquiry=body.enquiry,
        data_sets=body.data_sets,
        key=key,
        fingerprint=fingerprint("draft_application", body),
        ctx=ctx,
    )
    response.headers["Location"] = f"/v1/applications/{application.id}"
    return _shown(application, response)


@router.get("")
def list_applications(
    ctx: Reader, paging: Paging, state: Annotated[State | None, Query()] = None
) -> Page[SummaryView]:
    """List applications that you may know of, oldest first."""
    found = use_cases.page(state=state, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[SummaryView].of(found, paging, show=SummaryView.of, key=lambda item: item.id)


@router.get("/{application_id}", responses=responses(ApplicationNotFound))
def read_application(application_id: UUID, response: Response, ctx: Reader) -> ApplicationView:
    """Read one application, without its sections."""
    return _shown(use_cases.get(application_id, ctx=ctx), response)


@router.get("/{application_id}/sections", responses=responses(ApplicationNotFound))
def read_sections(application_id: UUID, ctx: Reader) -> SectionsView:
    """Read every section that is answered, and which are missing."""
    return SectionsView.of(use_cases.get(application_id, ctx=ctx))


@router.get(
    "/{application_id}/sections/{number}",
    responses=responses(ApplicationNotFound, SectionNotFound),
)
def read_section(application_id: UUID, number: Number, ctx: Reader) -> SectionView:
    """Read the answers to one Standard."""
    return SectionView.of(*use_cases.section(application_id, number, ctx=ctx))


def _answering(kind: type[Section]) -> Callable[..., SectionView]:
    def answer_section(
        application_id: UUID,
        body: Section,
        response: Response,
        ctx: Editor,
        expected: Expected,
    ) -> SectionView:
        application = use_cases.answer(application_id, body, expected=expected, ctx=ctx)
        response.headers["ETag"] = f'"{application.version}"'
        return SectionView.of(application, body)

    # Each section has a schema of its own, so each has a route of its own.
    answer_section.__annotations__["body"] = kind
    return answer_section


for number, section in SECTIONS.items():
    router.add_api_route(
        f"/{{application_id}}/sections/{number}",
        _answering(section),
        methods=["PUT"],
        name=f"answer_section_{number}",
        summary=f"Answer section {number}",
        description=section.__doc__,
        responses=responses(*STEP),
    )


@router.get("/{application_id}/findings", responses=responses(ApplicationNotFound))
def read_findings(application_id: UUID, ctx: Reader) -> FindingsView:
    """Return what the machine checks find, and which Standards changed since the draft."""
    return FindingsView.of(use_cases.findings(application_id, ctx=ctx), application_id)


@router.post(
    "/{application_id}/submission",
    responses=responses(*STEP, FindingsRefuse, AgreementsUnavailable),
)
def submit_application(
    application_id: UUID,
    response: Response,
    ctx: Submitter,
    expected: Expected,
    body: Submission | None = None,
) -> ApplicationView:
    """Submit the application; refused with every finding, or frozen by its hash."""
    replies = {reply.query: reply.answer for reply in (body.answers if body else [])}
    application = use_cases.submit(application_id, replies=replies, expected=expected, ctx=ctx)
    return _shown(application, response)


@router.post("/{application_id}/withdrawal", responses=responses(*STEP))
def withdraw_application(
    application_id: UUID, response: Response, ctx: Withdrawer, expected: Expected
) -> ApplicationView:
    """Withdraw the application. Its history is kept."""
    return _shown(use_cases.withdraw(application_id, expected=expected, ctx=ctx), response)


@router.post("/{application_id}/opening", responses=responses(*DECISION))
def open_enquiry(
    application_id: UUID, response: Response, ctx: Officer, expected: Expected
) -> ApplicationView:
    """Turn an enquiry into a draft."""
    return _shown(decisions.open_(application_id, expected=expected, ctx=ctx), response)


@router.post("/{application_id}/closure", responses=responses(*DECISION))
def close_enquiry(
    application_id: UUID, response: Response, ctx: Officer, expected: Expected
) -> ApplicationView:
    """End an enquiry that needs no application."""
    return _shown(decisions.close(application_id, expected=expected, ctx=ctx), response)


@router.post("/{application_id}/review", responses=responses(*DECISION))
def review_application(
    application_id: UUID, response: Response, ctx: Officer, expected: Expected
) -> ApplicationView:
    """Begin the review of an application as its case officer."""
    return _shown(decisions.review(application_id, expected=expected, ctx=ctx), response)


@router.post("/{application_id}/return", responses=responses(*DECISION))
def return_application(
    application_id: UUID, body: Return, response: Response, ctx: Officer, expected: Expected
) -> ApplicationView:
    """Return an application with queries; each must be answered at the next submission."""
    asked = schemas.queries(body.queries)
    return _shown(decisions.return_(application_id, asked, expected=expected, ctx=ctx), response)


@router.post("/{application_id}/advisory-referral", responses=responses(*DECISION, AdviceNotNeeded))
def refer_application_to_advice(
    application_id: UUID,
    response: Response,
    ctx: Officer,
    expected: Expected,
    body: TriageFound | None = None,
) -> ApplicationView:
    """Refer an application to the advisory body, where the rule of the day requires it."""
    found = schemas.triage(body)
    referred = decisions.refer_to_advice(application_id, found, expected=expected, ctx=ctx)
    return _shown(referred, response)


@router.post("/{application_id}/advice", responses=responses(*DECISION, ConditionRefused))
def advise_on_application(
    application_id: UUID, body: Advising, response: Response, ctx: Adviser, expected: Expected
) -> ApplicationView:
    """Record what the advisory body says. It advises, and does not decide."""
    advised = decisions.advise(
        application_id,
        body.outcome,
        reason=body.reason,
        conditions=body.conditions,
        queries=schemas.queries(body.queries),
        expected=expected,
        ctx=ctx,
    )
    return _shown(advised, response)


@router.post("/{application_id}/approval-referral", responses=responses(*DECISION, AdviceRequired))
def refer_application_to_approval(
    application_id: UUID,
    response: Response,
    ctx: Officer,
    expected: Expected,
    body: TriageFound | None = None,
) -> ApplicationView:
    """Refer an application to approval without advice, where the rule requires none."""
    found = schemas.triage(body)
    referred = decisions.refer_to_approval(application_id, found, expected=expected, ctx=ctx)
    return _shown(referred, response)


@router.post(
    "/{application_id}/approval",
    responses=responses(
        *DECISION,
        ReasonRequired,
        ConditionRefused,
        AsPublishedRefused,
        AgreementOver,
        AgreementsUnavailable,
    ),
)
def approve_application(
    application_id: UUID,
    response: Response,
    ctx: Approver,
    expected: Expected,
    body: Approval | None = None,
) -> ApplicationView:
    """Approve an application. Whoever applied, reviewed or advised cannot."""
    given = body or Approval()
    approved = decisions.approve(
        application_id,
        reason=given.reason,
        met=frozenset(given.conditions_met),
        further=given.conditions,
        as_published={one.line: one.reason for one in given.as_published},
        expected=expected,
        ctx=ctx,
    )
    return _shown(approved, response)


@router.post("/{application_id}/refusal", responses=responses(*DECISION))
def refuse_application(
    application_id: UUID, body: Refusal, response: Response, ctx: Refuser, expected: Expected
) -> ApplicationView:
    """Refuse an application: in review the case officer, after it the approver."""
    refused = decisions.refuse(application_id, reason=body.reason, expected=expected, ctx=ctx)
    return _shown(refused, response)


@router.get("/{application_id}/history", responses=responses(ApplicationNotFound))
def read_history(application_id: UUID, ctx: Reader, paging: Paging) -> HistoryPage:
    """List who did what and when, oldest first."""
    found = use_cases.history(application_id, after=paging.after, limit=paging.rows, ctx=ctx)
    shown = HistoryPage.of(found, paging, show=HistoryView.of, key=lambda line: line.id)
    return shown.of_application(application_id)


@reference_router.get(
    "/v1/standards", dependencies=[public("The Standards are published guidance.")]
)
def list_standards(
    world: TheWorld, as_at: Annotated[Day | None, Query(description="Today, unless said.")] = None
) -> StandardsView:
    """List the Standards as they held on a day."""
    day = as_at or legal_day(world.clock.now())
    found = standards.in_force(day, world=world)
    return StandardsView(as_at=day, items=[StandardView.of(standard) for standard in found])


@reference_router.get(
    "/v1/snapshots/{snapshot_hash}",
    responses={
        200: {
            "description": "The canonical JSON (RFC 8785) that the hash is of.",
            "content": {"application/json": {}},
        },
        **responses(SnapshotNotFound, SnapshotAltered),
    },
    response_class=Response,
)
def read_snapshot(
    snapshot_hash: Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$")], ctx: SnapshotReader
) -> Response:
    """Return a snapshot, byte for byte."""
    content = snapshots.read(snapshot_hash, ctx=ctx)
    return Response(content, media_type="application/json", headers={"ETag": f'"{snapshot_hash}"'})


@reference_router.get(
    "/.well-known/jwks.json", dependencies=[public("Public keys are for everybody.")]
)
def read_keys(request: Request) -> JwksView:
    """Read the keys with which this service's statements are verified."""
    jwks: dict[str, Any] = request.state.signer.jwks()
    return JwksView(keys=jwks["keys"])
