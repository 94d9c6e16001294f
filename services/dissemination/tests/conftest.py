"""Dissemination with everything real but its two neighbours.

Servers, databases, tokens, signatures, sockets and objects are real. Agreements and the
safe haven are stood in for, over HTTP on loopback, by apps that speak the wire contract and
judge what they are sent as the real ones do: tokens, digests and signatures are verified,
and a permit that was altered, or used for another request, is refused.
"""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Engine, select
from sqlmodel import Session

from common.clock import Clock
from common.db import engine as engines
from common.db import migrate
from common.db import tables as shared
from common.errors import AppError
from common.ids import digest, digest_of, new_id
from common.messaging import consumer
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Event
from common.security.jws import NotGenuine, unverified
from common.security.keys import (
    ATTESTATION,
    PERMIT,
    PREVIEW,
    SignedVerifier,
    Signer,
    generate,
    generate_jwk,
    issue,
)
from common.security.roles import Role
from common.service import WakeSignals
from common.tls.files import Renewed, served
from common.web.server import in_background
from dissemination import main
from dissemination.settings import Settings
from dissemination.use_cases import driver, order_rounds
from dissemination.use_cases.context import Context
from dsfc_testing import issuer as issuing
from dsfc_testing import ports, safety
from dsfc_testing.certificates import Authority
from dsfc_testing.clock import FakeClock
from dsfc_testing.tokens import LocalIssuer
from services.dissemination.tests.recipient import Download, Encrypted, Network

START = datetime(2018, 6, 1, 9, 0, tzinfo=UTC)
REFERENCE = "DARS-NIC-123456-A1B2C"
CSU, OTHER_CSU = "0DF", "0CX"
CSU_CLIENT = "csu-0df"
CODES = {CSU: CSU, f"{CSU}00": CSU, "99N": "99N", "99N00": "99N"}
"""Which code stands for which, by agreements' lists."""
DEADLINE_SECONDS = 30.0
"""Only a failure takes so long; the machine may be busy."""

LINE = {
    "number": 1,
    "purpose": "COM",
    "data_set": "SUS_APC",
    "catalogue_version": "1.0",
    "catalogue_digest": digest(b"catalogue"),
    "classification": "PSEUDO_ANONYMISED",
    "sensitivity": "NON_SENSITIVE",
}
FIELDS = ("Sex", "Age_At_Start")
CONTROLLERS = ("99N", "11X")
"""In whose name the CSU acts."""

TERMS: dict[str, Any] = {
    "reference": REFERENCE,
    "version": "v1.0",
    "document_hash": digest(b"document"),
    "state": "ACTIVE",
    "title": "Commissioning in Wiltshire",
    "start": "2018-04-01",
    "end": "2021-03-31",
    "controllers": [{"ods": "99N", "legal_name": "NHS Wiltshire CCG"}],
    "commercial": False,
    "sub_licence": False,
    "lines": [
        {
            **LINE,
            "fields": [{"name": name, "treatment": "as_is", "reason": "r"} for name in FIELDS],
            "opt_out": {"applied": False, "reason": "no_identifying_data"},
            "dissemination_power": "s261_1_and_s261_2_b_ii",
            "access_method": "ONGOING",
        }
    ],
    "sections": {
        "4": {"locations": [{"address": "1 Secret Street", "postcode": "ZZ99 3WZ"}]},
        "9": {"purposes": [{"code": "COM", "objective": "=Plan care"}]},
        "10": {"activities": "Counting admissions"},
        "11": {"outputs": [{"title": "A report"}]},
        "12": {"benefits": [{"description": "Fewer waits"}], "yielded": []},
    },
}

QUESTION = {
    "agreement": REFERENCE,
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "periods": ["2018-04"],
    "fields": list(FIELDS),
    "formats": ["parquet"],
}


def register_terms(agreement: dict[str, Any]) -> dict[str, Any]:
    """What agreements says of the version that it judged."""
    sections, (line,) = agreement["sections"], agreement["lines"]

    def joined(section: str, name: str, text: str) -> str:
        return "; ".join(entry[text] for entry in sections[section][name])

    names = ("number", "purpose", "data_set", "classification", "sensitivity")
    return {
        **{n: agreement[n] for n in ("title", "start", "end", "controllers")},
        **{n: agreement[n] for n in ("commercial", "sub_licence")},
        "line": {
            **{n: line[n] for n in (*names, "dissemination_power", "access_method")},
            "opt_outs_applied": line["opt_out"]["applied"],
            "opt_out_reason": line["opt_out"]["reason"],
        },
        "objectives": joined("9", "purposes", "objective"),
        "processing": sections["10"]["activities"],
        "outputs": joined("11", "outputs", "title"),
        "benefits": joined("12", "benefits", "description"),
        "yielded_benefits": joined("12", "yielded", "description"),
    }


def bridged(other: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """What the haven attests of a bridging file besides."""
    version = {"version": "v1.0", "document_hash": digest(b"document")}
    (edition, *_) = claims["editions"]
    return {
        "columns": [
            {"name": name, "treatment": "pseudonym", "class": "DER"}
            for name in ("Token", "Other_Token")
        ],
        "bridge": {
            "of": {"reference": REFERENCE, **version},
            "agreement": {"reference": other["agreement"], **version},
            "line": {**LINE, "purpose": other["purpose"], "data_set": other["data_set"]},
            "domain": digest(b"another domain"),
            "editions": [edition | {"id": "edition-of-the-other"}],
            "population": claims["population"],
        },
    }


def until(condition: Callable[[], Any], *, seconds: float = DEADLINE_SECONDS) -> Any:
    """Poll until it holds; what it returned then."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.01)
    return found


def refusal(code: str) -> dict[str, Any]:
    return {"code": code, "detail": f"{code} it is.", "subject": None}


def problem(status: int, code: str) -> JSONResponse:
    return JSONResponse({"code": code}, status, media_type="application/problem+json")


def is_ours(request: Request, identities: LocalIssuer, audience: str) -> bool:
    """Whether dissemination itself calls, with a token for that service."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        role = identities.verifier().verify(token, audience=audience).role
    except AppError:
        return False
    return role is Role.SERVICE_DISSEMINATION


@dataclass
class Asked:
    action: str
    resource: dict[str, Any]
    context: dict[str, Any]
    subject: dict[str, Any]


OPT_OUT = {
    "applied": False,
    "list_age_days_max": 7,
    "ground": {
        "by": "rule",
        "reason": "not confidential patient information",
        "source": "domain.md 4.3",
    },
}


@dataclass
class Agreements:
    """Answers evaluations as the wire contract says, by what a test has set."""

    identities: LocalIssuer
    clock: Clock
    haven: "Haven | None" = None
    signer: Signer = field(default_factory=lambda: Signer(generate_jwk()))
    refusals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    parties: set[str] = field(default_factory=lambda: {CSU})
    lease_seconds: float = 1.0
    lease_until: float | None = None
    """By time.monotonic(): a boundary at which the answer turns to no."""
    broken: int | None = None
    """A status in place of an answer."""
    broken_code: str = "BROKEN"
    raw: Any = None
    """An answer in place of a decision."""
    delay_seconds: float = 0.0
    go_on: threading.Event = field(default_factory=threading.Event)
    """Ends the delay."""
    permit_lifetime: timedelta = timedelta(seconds=60)
    terms: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(TERMS)))
    asked: list[Asked] = field(default_factory=list)
    holdings: dict[str, str] = field(default_factory=dict)
    released: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The object of each holding, as it was attested."""
    decisions: list[str] = field(default_factory=list)
    on_tokens: dict[str, tuple[Any, datetime]] = field(default_factory=dict)
    """Decisions that were given on a token: whose, and when."""
    order_days_max: int = 62
    data_set: str = LINE["data_set"]
    """Of the line."""
    fields: tuple[str, ...] = FIELDS
    """That the line lists."""
    opt_out: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(OPT_OUT)))
    """What its permits say of opt-outs."""
    held_beside: list[dict[str, Any]] = field(default_factory=list)
    """What they say that the environment was given."""

    def reset(self) -> None:
        """Forget what a test had set. What was decided before stays decided."""
        fresh = Agreements(self.identities, self.clock)
        for name in (
            *("refusals", "parties", "lease_seconds", "lease_until", "broken", "raw"),
            *("delay_seconds", "broken_code"),
            *("permit_lifetime", "terms", "asked", "decisions", "order_days_max"),
            *("data_set", "fields", "opt_out", "held_beside"),
        ):
            setattr(self, name, getattr(fresh, name))

    def count(self, action: str, file: dict[str, Any] | None = None) -> int:
        """How often it was asked; for `fetch` of that file."""
        return len(self.questions(action, file))

    def questions(self, action: str, file: dict[str, Any] | None = None) -> list[Asked]:
        wanted = None if file is None else self.holdings[file["id"]]
        return [
            asked
            for asked in self.asked
            if asked.action == action and wanted in (None, asked.resource["id"])
        ]

    def requests(self, file: dict[str, Any]) -> int:
        """How often a file was asked for. A stream that lasts asks again, to renew its lease."""
        asked = self.questions("fetch", file)
        return len([one for one in asked if "renews" not in one.context])

    def refuse(self, action: str, *codes: str) -> None:
        self.refusals[action] = [refusal(code) for code in codes]

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/.well-known/jwks.json", self.signer.jwks)
        app.add_api_route("/v1/agreements/{reference}", self.show)
        app.add_api_route("/v1/organisations/{ods}", self.organisation)
        app.add_api_route("/access/v1/evaluation", self.evaluate, methods=["POST"])
        return app

    def show(self, reference: str, request: Request) -> JSONResponse:
        if not is_ours(request, self.identities, "agreements"):
            return problem(401, "UNAUTHENTICATED")
        if reference != REFERENCE:
            return problem(404, "AGREEMENT_NOT_FOUND")
        return JSONResponse(self.terms)

    def organisation(self, ods: str, request: Request) -> JSONResponse:
        if not is_ours(request, self.identities, "agreements"):
            return problem(401, "UNAUTHENTICATED")
        if ods not in CODES:
            return problem(404, "ORGANISATION_NOT_FOUND")
        return JSONResponse({"ods": CODES[ods], "own": CODES[ods]})

    def evaluate(self, question: dict[str, Any], request: Request) -> JSONResponse:
        if self.delay_seconds:
            self.go_on.wait(self.delay_seconds)
        if self.broken is not None:
            return problem(self.broken, self.broken_code)
        if self.raw is not None:
            return JSONResponse(self.raw)
        if not is_ours(request, self.identities, "agreements"):
            return problem(401, "UNAUTHENTICATED")
        wanted = question["resource"].get("properties", {})
        if wanted.get("fields") == [] and "bridge" not in wanted:
            return problem(422, "INVALID_REQUEST")
        decision = question["subject"].get("properties", {}).get("decision")
        if decision is not None and self._orderer(question) is None:
            return problem(403, "EVIDENCE_NOT_ACCEPTED")
        action = question["action"]["name"]
        self.asked.append(
            Asked(action, question["resource"], question.get("context", {}), question["subject"])
        )
        answers = {"request": self._request, "release": self._release, "fetch": self._fetch}
        answer = answers[action](question)
        if decision is None and action != "release":
            who = self._caller(question)
            self.on_tokens[answer["context"]["id"]] = (who, self.clock.now())
        if question.get("context", {}).get("dry_run"):
            # As agreements answers who asks dry: nothing is logged, and nothing is given.
            given = answer["context"]
            answer["context"] = {"epoch": 7, "refusals": given.get("refusals", [])}
            if self.held_beside and "permit" in given:
                answer["context"]["preview"] = self._preview(given["permit"])
        return JSONResponse(answer)

    def _preview(self, permit: str) -> str:
        own = ("iss", "aud", "azp", "iat", "exp")
        claims = {name: v for name, v in unverified(permit).items() if name not in own}
        at, lifetime = self.clock.now(), self.permit_lifetime
        return issue(self.signer, PREVIEW, claims, at=at, lifetime=lifetime)

    def _no(self, refusals: list[dict[str, Any]]) -> dict[str, Any]:
        context = {"id": str(new_id()), "epoch": 7, "refusals": refusals}
        if refusals != [refusal("AGREEMENT_NOT_FOUND")]:
            context["on_behalf_of"] = list(CONTROLLERS)
        return {"decision": False, "context": context}

    def _yes(self, **context: Any) -> dict[str, Any]:
        decision = str(new_id())
        self.decisions.append(decision)
        return {
            "decision": True,
            "context": {"id": decision, "epoch": 7, "refusals": [], **context},
        }

    def _caller(self, question: dict[str, Any]) -> Any:
        """Who asks, by their own token and nothing else."""
        if "decision" in question["subject"]["properties"]:
            return self._orderer(question)
        token = question["subject"]["properties"]["token"]
        try:
            principal = self.identities.verifier().verify(token, audience="dissemination")
        except AppError:
            return None
        return principal if principal.client_id == question["subject"]["id"] else None

    def _orderer(self, question: dict[str, Any]) -> Any:
        """Who ordered, by a decision that was given on their token, not too long ago."""
        known = self.on_tokens.get(question["subject"]["properties"]["decision"])
        if known is None or known[0] is None or known[0].client_id != question["subject"]["id"]:
            return None
        is_old = self.clock.now() - known[1] > timedelta(days=self.order_days_max)
        return None if is_old else known[0]

    def _request(self, question: dict[str, Any]) -> dict[str, Any]:
        resource, context = question["resource"], question["context"]
        caller = self._caller(question)
        if caller is None or resource["id"] != REFERENCE or caller.organisation not in self.parties:
            return self._no([refusal("AGREEMENT_NOT_FOUND")])
        asked = {
            "extract_id": context["extract_id"],
            "agreement": resource["id"],
            **resource["properties"],
        }
        assert digest_of(asked) == context["request_digest"]
        refusals = self.refusals.get("request", []) + [
            refusal("FIELD_NOT_IN_DSA")
            for name in resource["properties"]["fields"]
            if name not in self.fields
        ]
        if resource["properties"]["data_set"] != self.data_set:
            return self._no([refusal("LINE_NOT_IN_DSA")])
        if refusals:
            return self._no(refusals)
        if context.get("places_order"):
            return self._yes(on_behalf_of=list(CONTROLLERS))
        permit_id = str(new_id())
        expires = self.clock.now() + self.permit_lifetime
        answer = self._yes(permit_id=permit_id, permit_expires_at=expires.isoformat())
        answer["context"]["permit"] = issue(
            self.signer,
            PERMIT,
            {
                "jti": permit_id,
                "sub": caller.client_id,
                "req": context["request_digest"],
                "extract_id": context["extract_id"],
                "decision_id": answer["context"]["id"],
                "line": LINE,
                "domain": {"controllers": list(CONTROLLERS)},
                "opt_out": self.opt_out,
                **({"held_beside": self.held_beside} if self.held_beside else {}),
            },
            at=self.clock.now(),
            lifetime=self.permit_lifetime,
        )
        return answer

    def _release(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.haven is not None
        try:
            claims = SignedVerifier(ATTESTATION, self.haven.signer.jwks, clock=self.clock).verify(
                question["resource"]["properties"]["attestation"]
            )
        except NotGenuine:
            return self._no([refusal("ATTESTATION_INVALID")])
        if refusals := self.refusals.get("release"):
            return self._no(refusals)
        file_id = claims["file"]["id"]
        assert question["resource"]["id"] == file_id
        holding = self.holdings.setdefault(file_id, str(new_id()))
        self.released[holding] = {n: claims["file"][n] for n in ("bytes", "digest")} | {
            "object": digest(claims["file"]["object_key"].encode())
        }
        agreement = {n: self.terms[n] for n in ("reference", "version", "document_hash")}
        terms = {} if "lines" not in self.terms else {"terms": register_terms(self.terms)}
        return self._yes(holding_id=holding, line=1, agreement=agreement, **terms)

    def _fetch(self, question: dict[str, Any]) -> dict[str, Any]:
        caller = self._caller(question)
        known = question["resource"]["id"] in self.holdings.values()
        if caller is None or not known or caller.organisation not in self.parties:
            return self._no([refusal("AGREEMENT_NOT_FOUND")])
        if refusals := self.refusals.get("fetch"):
            return self._no(refusals)
        if question["resource"]["properties"] != self.released[question["resource"]["id"]]:
            return self._no([refusal("SEAL_BROKEN")])
        seconds = self.lease_seconds
        if self.lease_until is not None:
            seconds = min(seconds, self.lease_until - time.monotonic())
            if seconds <= 0:
                return self._no([refusal("DSA_NOT_ACTIVE")])
        return self._yes(lease={"seconds": seconds, "until": None})


@dataclass
class Haven:
    """Takes jobs by permit, and makes attested files when a test says so, or at once."""

    identities: LocalIssuer
    clock: Clock
    agreements: Agreements
    store: Path
    signer: Signer = field(default_factory=lambda: Signer(generate_jwk()))
    content: bytes = b"PAR1" + b"0123456789" * 1000 + b"PAR1"
    prepares: bool = True
    fails_with: str | None = None
    broken: int | None = None
    editions: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {
                "id": "edition-1",
                "provider": "RXX",
                "period": "2018-04",
                "number": 1,
                "status": "final",
            }
        ]
    )
    landed: list[str] = field(
        default_factory=lambda: [f"{y}-{m:02}" for y in range(2010, 2020) for m in range(1, 13)]
    )
    read: dict[str, list[str]] = field(default_factory=dict)
    """The editions of a month."""
    opt_out_lists: list[str] = field(default_factory=list)
    judges: str | None = None
    """The code with which it says that something would wait."""
    judged: list[str] = field(default_factory=list)
    """Permits that it was asked about."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: int = 0

    def reset(self) -> None:
        fresh = Haven(self.identities, self.clock, self.agreements, self.store)
        for name in (
            *("content", "prepares", "fails_with", "broken", "editions", "landed", "puts"),
            *("read", "opt_out_lists", "judges", "judged"),
        ):
            setattr(self, name, getattr(fresh, name))

    def app(self) -> FastAPI:
        app = FastAPI()
        path = "/v1/preparations/{permit_id}"
        app.add_api_route(path, self.put, methods=["PUT"])
        app.add_api_route(path, self.get)
        app.add_api_route(f"{path}/quality", self.quality)
        app.add_api_route(f"{path}/judgement", self.judge, methods=["POST"])
        app.add_api_route("/v1/landed-months", self.months)
        return app

    def months(self, data_set: str, request: Request) -> JSONResponse:
        if (no := self._refused(request)) is not None:
            return no
        at = self.clock.now().isoformat()
        items = [
            {"month": m, "providers": 1, "landed_at": at, "editions": self.read.get(m, [])}
            for m in self.landed
        ]
        return JSONResponse({"items": items, "opt_out_lists": self.opt_out_lists})

    def put(self, permit_id: str, body: dict[str, Any], request: Request) -> JSONResponse:
        self.puts += 1
        if (no := self._refused(request)) is not None:
            return no
        if (known := self.jobs.get(permit_id)) is not None:
            same = known["permit"] == body["permit"] and known["request"] == body["request"]
            return self._shown(permit_id, 202) if same else problem(409, "PERMIT_USED")
        permits = SignedVerifier(PERMIT, self.agreements.signer.jwks, clock=self.clock)
        try:
            claims = permits.verify(body["permit"])
        except NotGenuine:
            return problem(403, "PERMIT_INVALID")
        if claims["jti"] != permit_id or claims["req"] != digest_of(body["request"]):
            return problem(403, "PERMIT_MISMATCH")
        self.jobs[permit_id] = {**body, "files": None}
        if self.prepares:
            self.prepare(permit_id)
        return self._shown(permit_id, 201)

    def judge(self, permit_id: str, body: dict[str, Any], request: Request) -> Response:
        self.judged.append(permit_id)
        if (no := self._refused(request)) is not None:
            return no
        jwks = self.agreements.signer.jwks
        claims: dict[str, Any] = {}
        for use in (PERMIT, PREVIEW):
            with suppress(NotGenuine):
                claims = SignedVerifier(use, jwks, clock=self.clock).verify(body["permit"])
        assert (claims["jti"], claims["req"]) == (permit_id, digest_of(body["request"]))
        return Response(status_code=204) if self.judges is None else problem(403, self.judges)

    def get(self, permit_id: str, request: Request) -> JSONResponse:
        if (no := self._refused(request)) is not None:
            return no
        if permit_id not in self.jobs:
            return problem(404, "PREPARATION_NOT_FOUND")
        return self._shown(permit_id, 200)

    def quality(self, permit_id: str, request: Request) -> JSONResponse:
        if (no := self._refused(request)) is not None:
            return no
        if permit_id not in self.jobs:
            return problem(404, "PREPARATION_NOT_FOUND")
        field = {"field": "Sex", "is_submitted": True, "completeness": "98", "validity": "*"}
        edition = {
            "edition_id": "00000000-0000-0000-0000-000000000001",
            "data_set": "SUS_APC",
            "provider": "RXX",
            "period": "2018-04",
            "landed_on": "2018-05-10",
            "records": "1005",
            "rule": "HES",
            "fields": [field],
        }
        return JSONResponse(
            {
                "schema": "dsfc-quality-summary/1",
                "data_set": "SUS_APC",
                "rule": "HES",
                "note": None,
                "editions": [edition],
            }
        )

    def _refused(self, request: Request) -> JSONResponse | None:
        if self.broken is not None:
            return problem(self.broken, "BROKEN")
        if not is_ours(request, self.identities, "pseudonymisation"):
            return problem(401, "UNAUTHENTICATED")
        return None

    def _shown(self, permit_id: str, status: int) -> JSONResponse:
        job = self.jobs[permit_id]
        state = "prepared" if job["files"] is not None else "running"
        state = "failed" if self.fails_with else state
        return JSONResponse(
            {
                "state": state,
                "progress": {"rows_done": 40, "rows_total": 100},
                "code": self.fails_with,
                "files": job["files"] or [],
            },
            status,
        )

    def prepare(self, permit_id: str) -> None:
        """Write the files, attest them and say so."""
        self.prepare_only(permit_id)
        self.jobs[permit_id]["files"] = self.jobs[permit_id].pop("made")

    def prepare_only(self, permit_id: str) -> str:
        """Write and attest them without saying so yet; the first one's key."""
        job = self.jobs[permit_id]
        job["made"] = [
            self._file(permit_id, job["request"], format_) for format_ in job["request"]["formats"]
        ]
        return str(job["made"][0]["object_key"])

    def _file(self, permit_id: str, request: dict[str, Any], format_: str) -> dict[str, Any]:
        file_id = str(new_id())
        key = f"preparations/{permit_id}/1/{file_id}.{format_}"
        path = self.store / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        file = {
            "id": file_id,
            "format": format_,
            "object_key": key,
            "bytes": len(self.content),
            "digest": digest(self.content),
            "rows": 100,
        }
        claims = {
            "sub": file_id,
            "permit_id": permit_id,
            "preparation_id": permit_id,
            "extract_id": request["extract_id"],
            "file": file,
            "line": LINE,
            "columns": [{"name": "Token", "treatment": "pseudonym", "class": "DI"}],
            "periods": request["periods"],
            "editions": self.editions,
            "population": {
                "codes": ["99N"],
                "reasons": ["G"],
                "map_versions": {"practice": [], "postcode": []},
                "rows_without_reason": 0,
            },
            "domain": digest(b"domain"),
            "opt_out": {
                "applied": False,
                "list_id": None,
                "list_date": None,
                "people_left_out": 0,
                "rows_without_person_left_out": 0,
                "ground": self.agreements.opt_out.get("ground"),
            },
            "scan": {"rule": "pcd-scan/2", "columns": [], "hits": 0},
            "disclosure_rule": "HES",
            "order": "token",
        }
        if "table" in request:
            claims |= {
                "order": "category",
                "table": {
                    **request["table"],
                    "disclosure": "protected",
                    "rule": "HES",
                    "rule_version": 1,
                    "certificate": digest(b"proof"),
                    "cells": 100,
                    "hidden": {"small": 3},
                },
            }
        if "bridge" in request:
            claims |= bridged(request["bridge"], claims)
        return {
            **file,
            "attestation": issue(self.signer, ATTESTATION, claims, at=self.clock.now()),
        }


class Turns:
    """What the workers do with the extracts of this process, counted while it goes on."""

    def __init__(self) -> None:
        self._under_way = 0
        self._changed = threading.Condition()

    def counted(self, take: Callable[..., Any]) -> Callable[..., Any]:
        """Return a turn that waits where a test begins, and is waited for by it."""

        def turn(*args: Any, **named: Any) -> Any:
            with self._changed:
                self._under_way += 1
            try:
                return take(*args, **named)
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()

        return turn

    @contextmanager
    def between(self) -> Iterator[None]:
        """Run when no turn is under way, and let none begin meanwhile."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._under_way == 0, timeout=30)
            yield


@dataclass
class House:
    """Dissemination running, and what is round it."""

    url: str
    settings: Settings
    clock: FakeClock
    identities: LocalIssuer
    agreements: Agreements
    haven: Haven
    engine: Engine
    context: Context
    start_agreements: Callable[[], None]
    stop_agreements: Callable[[], None]
    turns: Turns
    http: httpx.Client
    authority: Path | None
    """Who signed its certificate; None: it speaks plain HTTP."""
    tokens: dict[tuple[Role, str, str], str] = field(default_factory=dict)

    def reset(self) -> None:
        # What another test left half-way must not ask for anything in this one, nor be in the
        # middle of a turn: what that writes would be counted here.
        # And the end of a stream is written down after its client has all, or has gone.
        until(lambda: not self.under_way())
        with self.turns.between():
            with self.engine.begin() as connection:
                connection.exec_driver_sql(
                    "UPDATE extract SET state = 'withdrawn', version = version + 1"
                    " WHERE state IN ('requested', 'preparing', 'prepared')"
                )
                connection.exec_driver_sql("DELETE FROM standing_order")
            self.clock.set(START)
            self.tokens.clear()
            self.agreements.reset()
            self.haven.reset()
            self.start_agreements()

    def under_way(self) -> bool:
        """Whether a delivery is."""
        with self.engine.connect() as connection:
            query = "SELECT 1 FROM delivery WHERE outcome = 'under_way' LIMIT 1"
            return connection.exec_driver_sql(query).first() is not None

    def token(
        self, role: Role = Role.CSU_SYSTEM, *, ods: str = CSU, client_id: str | None = None
    ) -> str:
        name = client_id or f"{role.value}-{ods}"
        if (role, ods, name) not in self.tokens:
            self.tokens[role, ods, name] = self.identities.token_for(
                role, ods=ods, client_id=name, audience="dissemination"
            )
        return self.tokens[role, ods, name]

    def call(
        self,
        method: str,
        path: str,
        *,
        role: Role | None = Role.CSU_SYSTEM,
        ods: str = CSU,
        **more: Any,
    ) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.token(role, ods=ods)}"
        return self.http.request(method, path, headers=headers, **more)

    def ask(self, **changes: Any) -> httpx.Response:
        return self.call("POST", "/v1/extracts", json={**QUESTION, **changes})

    def extract(self, extract_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/extracts/{extract_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def settled(self, extract_id: str, *states: str) -> dict[str, Any]:
        """The extract, when it has come to one of these states."""

        def there() -> dict[str, Any] | None:
            extract = self.extract(extract_id)
            return extract if extract["state"] in states else None

        found: dict[str, Any] = until(there)
        return found

    def released(self, **changes: Any) -> dict[str, Any]:
        answer = self.ask(**changes)
        assert answer.status_code == 202, answer.text
        return self.settled(answer.json()["id"], "released")

    @property
    def question(self) -> dict[str, Any]:
        return dict(QUESTION)

    def rows(self, *columns: Any) -> list[Any]:
        with Session(self.engine, expire_on_commit=False) as session:
            return list(session.execute(select(*columns)).all())

    def events(self, about: str) -> list[dict[str, Any]]:
        """What was said of an extract, a file or a delivery, in order."""
        return [
            json.loads(row.event)
            for row in sorted(self.rows(shared.outbox), key=lambda row: row.seq)
            if about in row.event
        ]

    def leaves(self, about: str = "") -> list[dict[str, Any]]:
        """The audit log, or what in it has this text."""
        with Session(self.engine) as session:
            query = select(shared.audit_leaf.c.entry).order_by(shared.audit_leaf.c.index)
            return [json.loads(entry) for entry in session.scalars(query) if about in entry]

    def actions(self, about: str = "") -> list[str]:
        return [leaf["action"] for leaf in self.leaves(about)]

    def deliveries(self, file: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.call("GET", f"/v1/deliveries?limit=200&file_id={file['id']}")
        return list(answer.json()["items"])

    def ended(self, file: dict[str, Any]) -> dict[str, Any]:
        """The first delivery of that file, when its outcome is written down."""

        def over() -> dict[str, Any] | None:
            found = self.deliveries(file)
            return found[0] if found and found[0]["outcome"] != "under_way" else None

        delivery: dict[str, Any] = until(over)
        return delivery

    def big(self, size: int) -> dict[str, Any]:
        """A released file of that size, not compressible."""
        self.haven.content = os.urandom(size)
        file: dict[str, Any] = self.released()["files"][0]
        return file

    def publish(self, event: Event) -> None:
        assert self.settings.event_log is not None
        log = EmbeddedLog(self.settings.event_log)
        assert log.publish([event]) == 1
        log.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database at the head revision, to be copied."""
    path = tmp_path_factory.mktemp("template") / "dissemination.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine, "dissemination")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


BuildHouse = Callable[..., House]


@pytest.fixture(scope="module")
def is_encrypted() -> bool:
    """Whether houses serve over TLS; a module that tries both says so."""
    return False


@pytest.fixture
def build_house(tmp_path: Path, migrated_file: Path, *, is_encrypted: bool) -> Iterator[BuildHouse]:
    """Return `build_house(workers=…, **settings)`: a house of the test's own."""
    with ExitStack() as stack:
        yield lambda **told: stack.enter_context(
            _house(tmp_path, migrated_file, is_encrypted=is_encrypted, **told)
        )


@pytest.fixture(scope="module")
def shared_house(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, *, is_encrypted: bool
) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    with _house(directory, migrated_file, is_encrypted=is_encrypted) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    """The module's house, tidied up: its neighbours answer yes, and nothing is away."""
    shared_house.reset()
    return shared_house


@contextmanager
def _house(
    tmp_path: Path,
    template: Path,
    *,
    workers: bool = True,
    clock: FakeClock | None = None,
    is_encrypted: bool = False,
    **told: Any,
) -> Iterator[House]:
    authority, shown = _certified(tmp_path) if is_encrypted else (None, None)
    clock = clock or FakeClock(START)
    held = ExitStack()
    issuer_port, port = held.enter_context(ports.held(2))
    identities = LocalIssuer(clock, f"http://127.0.0.1:{issuer_port}")
    own_key, signing_key = tmp_path / "keys/client.jwk", tmp_path / "keys/signing.jwk"
    generate(signing_key)
    identities._keys["dissemination"] = generate(own_key)
    identities.know("dissemination", ods="X26", role=Role.SERVICE_DISSEMINATION)
    store = tmp_path / "release"
    store.mkdir()
    database = tmp_path / "dissemination.db"
    database.write_bytes(template.read_bytes())
    agreements = Agreements(identities, clock)
    haven = Haven(identities, clock, agreements, store)
    agreements.haven = haven

    with held, ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        turns = Turns()
        patch.setattr(driver, "advance", turns.counted(driver.advance))
        patch.setattr(order_rounds, "carry_out", turns.counted(order_rounds.carry_out))
        patch.setattr(consumer, "POLL_SECONDS", 0.05)  # its last look is waited for at the end
        _, haven_url = stack.enter_context(
            in_background(
                [
                    (issuing.serve(identities.issuer), "127.0.0.1", issuer_port),
                    (haven.app(), "127.0.0.1", 0),
                ]
            )
        )
        running: list[ExitStack] = []

        def start() -> None:
            if not running:
                running.append(ExitStack())
                running[0].enter_context(
                    in_background([(agreements.app(), "127.0.0.1", port)], graceful_seconds=1)
                )

        def stop() -> None:
            if running:
                running.pop().close()

        stack.callback(stop)

        start()
        settings = Settings(
            **{
                "environment": "development",
                "port": 0,
                "database_url": f"sqlite:///{database}",
                "issuer": identities.url,
                "jwks_url": f"{identities.url}/jwks.json",
                "token_url": f"{identities.url}/oauth2/token",
                "client_key_file": own_key,
                "signing_key_file": signing_key,
                "checkpoint_dir": tmp_path / "checkpoints",
                "event_log": tmp_path / "events.db",
                "release_store": str(store),
                "service_urls": {
                    "agreements": f"http://127.0.0.1:{port}",
                    "preparations": haven_url,
                },
                "driver_poll_seconds": 0.05,
                "order_poll_seconds": 0.05,
                **told,
            }
        )
        wakes = WakeSignals()
        app = main.create_app(settings, clock=clock, wakes=wakes)
        beside = main.workers(settings, clock=clock, wakes=wakes) if workers else []
        (url,) = stack.enter_context(
            in_background([(app, "127.0.0.1", 0)], beside, graceful_seconds=1, shown=shown)
        )
        parts = main.Parts(settings, clock, wakes=wakes)
        stack.callback(parts.close)
        yield House(
            url=url,
            settings=settings,
            clock=clock,
            identities=identities,
            agreements=agreements,
            haven=haven,
            engine=parts.engine,
            context=parts.context,
            start_agreements=start,
            stop_agreements=stop,
            turns=turns,
            http=stack.enter_context(
                httpx.Client(
                    base_url=url,
                    verify=ssl.create_default_context(cafile=authority),
                    timeout=DEADLINE_SECONDS,
                    event_hooks={"response": [safety.look_at]},
                )
            ),
            authority=authority,
        )


def _certified(directory: Path) -> tuple[Path, Renewed]:
    """A certificate for the loopback address, and whom a client trusts for it."""
    authority, certificate, key = (directory / name for name in ("ca.crt", "tls.crt", "tls.key"))
    signing = Authority.new()
    authority.write_bytes(signing.pem)
    signing.issue(["127.0.0.1"], certificate, key)
    return authority, served(certificate, key)


@pytest.fixture
def download() -> Iterator[Callable[..., Download]]:
    """Return `download(house, file_id, receive_bytes=…, headers=…)`: asked, and not yet read."""
    with ExitStack() as stack:

        def begin(
            house: House,
            file_id: str,
            *,
            receive_bytes: int | None = None,
            token: str | None = None,
            headers: dict[str, str] | None = None,
        ) -> Download:
            plain = socket.socket()
            stack.callback(plain.close)
            if receive_bytes is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            plain.settimeout(DEADLINE_SECONDS)
            host, _, number = house.url.partition("://")[2].partition(":")
            plain.connect((host, int(number)))
            network = Network(plain)
            sock = network if house.authority is None else Encrypted(network, house.authority)
            lines = {
                "Host": host,
                "Authorization": f"Bearer {token or house.token()}",
                **(headers or {}),
            }
            sock.sendall(
                f"GET /v1/files/{file_id}/content HTTP/1.1\r\n".encode()
                + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items())
                + b"\r\n"
            )
            return Download(sock)

        yield begin


@pytest.fixture(name="wake_up")
def waking() -> Callable[..., Event]:
    return wake_up


def wake_up(extract_id: str, *, type_: str = "pseudonymisation.extract-prepared.v1") -> Event:
    """What the haven says when a preparation is ready."""
    return Event(
        id=new_id(),
        type=type_,
        source="/pseudonymisation",
        subject=f"preparations/{extract_id}",
        time=START,
        topic="pseudonymisation.preparation",
        aggregate_id=str(extract_id),
        aggregate_version=1,
        state="prepared",
        data={"preparation_id": str(new_id()), "extract_id": str(extract_id), "files": []},
    )


@pytest.fixture(name="until")
def polling() -> Callable[..., Any]:
    return until
