"""The outside world of a test: facts that can be set, and agreements as it answers on the wire."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from applications.domain.sections.forms import Kind
from applications.use_cases import applications, decisions
from applications.use_cases.context import Context
from common.security.principal import BODY, Principal
from common.security.roles import Role
from services.applications.tests.answers import (
    CONTRACTS,
    ICO,
    NAMES,
    NOW,
    TODAY,
    answers_of,
    complete,
)


def principal(role=Role.APPLICANT_EDITOR, subject="editor", organisation="02P"):
    return Principal(
        subject=subject,
        client_id=subject,
        organisation=organisation,
        role=role,
        token_id="token",
        expires_at=NOW + timedelta(minutes=5),
        audience="applications",
    )


EDITOR = principal()
OFFICER = principal(Role.DARS_CASE_OFFICER, "officer", BODY)
MEMBER = principal(Role.ADVISORY_MEMBER, "member", BODY)
APPROVER = principal(Role.DARS_APPROVER, "approver", BODY)


def acting(world, who=EDITOR):
    return Context(world=world, principal=who)


def drafted(world, who=EDITOR, **changes):
    given = {
        "kind": Kind.NEW,
        "amends": None,
        "enquiry": False,
        "data_sets": (),
        "key": None,
        "fingerprint": "",
    }
    return applications.draft("Admissions", **{**given, **changes}, ctx=acting(world, who))


def answered(world, raw=None, **changes):
    draft = drafted(world, **changes)
    return answer_all(world, draft.id, answers_of(raw or complete()).sections.values())


def answer_all(world, application_id, sections):
    """Every section at once: one transaction is enough for what most tests need."""
    ctx = acting(world)
    with world.uow.writing() as tx:
        application = tx.applications.get(application_id, ctx.scope)
        for section in sections:
            application = application.answer(section, by=ctx.actor, at=ctx.now())
        if not application.steps:
            return application
        audit = ctx.entry(application, "application-answered", ctx.now())
        return tx.applications.save(application, audit=audit)


def submitted(world, raw=None, **changes):
    application = answered(world, raw, **changes)
    return applications.submit(application.id, replies={}, expected=None, ctx=acting(world))


def in_review(world):
    return decisions.review(submitted(world).id, expected=None, ctx=acting(world, OFFICER))


@dataclass
class FakeTokens:
    audiences: list = field(default_factory=list)

    def token(self, audience):
        self.audiences.append(audience)
        return "a-token"


@dataclass
class AgreementsOnTheWire:
    """What the service agreements answers, by path; a test changes one answer."""

    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    status: int = 200
    is_away: bool = False

    def __post_init__(self):
        for ods, name in NAMES.items():
            self.answers |= {
                f"/v1/organisations/{ods}": organisation(ods, name),
                f"/v1/contracts?organisation={ods}": {
                    "items": [contract(ods)] if ods in CONTRACTS else [],
                    "next": None,
                },
                f"/v1/assurance?organisation={ods}": {
                    "items": [judgement()["evidence"]],
                    "judgement": judgement(),
                },
                f"/v1/ico-registrations?organisation={ods}": {
                    "items": [{"number": ICO[ods], "name": name, "valid_to": "2025-01-01"}]
                },
            }

        self.answers["/v1/section-251-approvals"] = {
            "items": [
                {
                    "reference": "CAG 7-07(b)/2013",
                    "purposes": ["IV"],
                    "controllers": None,
                    "valid_from": "2013-11-22",
                    "valid_to": "2025-09-30",
                }
            ],
            "next": None,
        }

    def transport(self):
        return httpx.MockTransport(self._answer)

    def _answer(self, request):
        if self.is_away:
            raise httpx.ConnectError("refused", request=request)
        self.asked.append(request)
        organisation = request.url.params.get("organisation")
        path = request.url.path + (f"?organisation={organisation}" if organisation else "")
        if "after" in request.url.params:
            path += f"&after={request.url.params['after']}"
        if self.status != 200:
            return problem(self.status, "ROLE_NOT_PERMITTED")
        if path not in self.answers:
            return problem(404, "NOT_FOUND")
        found = self.answers[path]
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        return httpx.Response(200, content=content)


def problem(status, code):
    return httpx.Response(
        status,
        json={"code": code, "detail": "No."},
        headers={"content-type": "application/problem+json"},
    )


def organisation(ods, name, **changes):
    return {
        "ods": ods,
        "own": ods,
        "name": name,
        "kind": "CCG",
        "legal_entity": ods,
        "parent": None,
        "valid_from": "2013-04-01",
        "valid_to": None,
        **changes,
    }


def contract(ods, **changes):
    return {
        "reference": CONTRACTS[ods],
        "organisation": ods,
        "legal_name": NAMES[ods],
        "start": "2018-04-01",
        "end": None,
        "state": "IN_FORCE",
        **changes,
    }


def judgement(**changes):
    return {
        "accepted": True,
        "reason": "STANDARDS_MET",
        "needs_review": False,
        "until": None,
        "evidence": {
            "kind": "DSPT",
            "reference": "20/21",
            "status": "STANDARDS_MET",
            "plan_accepted": False,
            "plan_until": None,
        },
        **changes,
    }


def day(offset):
    return (TODAY + timedelta(days=offset)).isoformat()
