"""The journey of design.md section 3, scene by scene, through the public APIs."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import func, make_url, update

from common import ids
from common.audit import VerificationReport, verify
from common.audit.checkpoints import path_of
from common.clock import SystemClock, legal_day
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.security import keys
from dsfc_cli.demo.answers import Wanted
from dsfc_cli.demo.material import OTHER_FIELD
from dsfc_cli.demo.release import (
    CSU,
    FIRST_BYTES,
    OTHER_COMMISSIONER,
    OTHER_CSU,
    NotPlayed,
    ReleaseStory,
)
from dsfc_cli.demo.stage import ORGANISATIONS, Stage
from dsfc_cli.demo.stream import Cut, read_slowly
from dsfc_cli.house.suite import SERVICES, Suite
from dsfc_client import Dsfc, Problem


@dataclass(slots=True)
class Story(ReleaseStory):
    """All scenes: what was released, refused, stopped and recorded."""

    inside: Suite | None = None
    """Where the suite is ours: two scenes need its second port and its databases."""

    def tell(self) -> None:
        """Play all scenes. Raise ClaimFailed at the first claim that does not hold."""
        self.stage = Stage(self.suite, legal_day(SystemClock().now()))
        self._the_stage()
        application = self._the_application()
        self._the_agreement(application)
        self._the_submission()
        self._the_release()
        self._the_refusals()
        if self.inside is not None:
            self._permits(self.inside.urls["preparations"])
        self._the_breach()
        if self.inside is not None:
            self._the_audit(self.inside)
        else:
            self.journey.say(
                "How permits are shown to the haven and what the audit logs hold is looked at from"
                " inside: by `dsfc demo` without --against, by `dsfc audit verify` where they are."
            )

    # 5. Refusals

    def _the_refusals(self) -> None:
        journey = self.journey
        journey.chapter("What is refused, each by its code")
        journey.refused(
            "Another organisation's agreement is not there for one who may not know of it",
            "AGREEMENT_NOT_FOUND",
            lambda: self._ask(OTHER_CSU, self.reference),
            status=404,
        )
        journey.refused(
            "A column that the line does not list",
            "FIELD_NOT_IN_DSA",
            lambda: self._ask(CSU, self.reference, fields=[OTHER_FIELD[self.material.data_set]]),
        )
        journey.refused(
            "A month that the line does not cover",
            "PERIOD_NOT_IN_DSA",
            lambda: self._ask(CSU, self.reference, periods=["2019-01"]),
        )
        wanted = Wanted(
            controller=OTHER_COMMISSIONER,
            controller_name=ORGANISATIONS[OTHER_COMMISSIONER][0],
            processor=CSU,
            processor_name=ORGANISATIONS[CSU][0],
            flows=[self.material.flow],
            today=self.stage.today,
        )
        reference = self.stage.in_force(wanted, "Planned care elsewhere")
        journey.refused(
            f"{OTHER_COMMISSIONER} has an agreement in force and no relationship",
            "LCR_MISSING",
            lambda: self._ask(CSU, reference),
        )
        contract = self.contracts[OTHER_COMMISSIONER]
        self.stage.actor("body-contracts").agreements.post(
            f"/v1/contracts/{contract}/termination",
            {"reason": "The demonstration ends it."},
        )
        journey.refused(
            "Its framework contract is ended too: both reasons are named, not the first",
            ["DSFC_NOT_IN_FORCE", "LCR_MISSING"],
            lambda: self._ask(CSU, reference),
        )

    def _permits(self, preparations: str) -> None:
        """Show that a permit is for one request, and for nobody who altered it."""
        service = self.stage.actor("dissemination")
        csu = self.stage.actor("csu-0df-analytics")
        request = self._body(self.reference) | {"extract_id": str(ids.new_id())}
        permit_id, permit = self._permit(service, csu, request)
        url = f"{preparations}/v1/preparations/{permit_id}"
        other = request | {"fields": request["fields"][:1]}
        for sentence, code, shown, asked in (
            ("A permit that somebody altered", "PERMIT_INVALID", _altered(permit), request),
            ("A permit with another request than its own", "PERMIT_MISMATCH", permit, other),
        ):
            prepare = partial(self._prepare, service, url, shown, asked)
            self.journey.refused(sentence, code, prepare)
        self._prepare(service, url, permit, request)
        reuse = partial(self._prepare, service, url, permit, other)
        self.journey.refused(
            "A permit that was used, for another request", "PERMIT_USED", reuse, status=409
        )

    def _permit(self, service: Dsfc, csu: Dsfc, request: Mapping[str, Any]) -> tuple[str, str]:
        assert csu.tokens is not None
        line = ("purpose", "data_set", "classification", "periods", "fields", "formats")
        answer = service.agreements.evaluate(
            {
                "subject": {
                    "type": "client",
                    "id": "csu-0df-analytics",
                    "properties": {"token": csu.tokens.token("dissemination")},
                },
                "action": {"name": "request"},
                "resource": {
                    "type": "agreement",
                    "id": request["agreement"],
                    "properties": {name: request[name] for name in line},
                },
                "context": {
                    "extract_id": request["extract_id"],
                    "request_digest": ids.digest_of(dict(request)),
                },
            }
        )
        return answer["context"]["permit_id"], answer["context"]["permit"]

    @staticmethod
    def _prepare(service: Dsfc, url: str, permit: str, request: Mapping[str, Any]) -> None:
        assert service.tokens is not None
        response = httpx.put(
            url,
            json={"permit": permit, "request": dict(request)},
            headers={"Authorization": f"Bearer {service.tokens.token('pseudonymisation')}"},
        )
        if response.is_error:
            raise Problem.of(response)

    # 6. The breach

    def _the_breach(self) -> None:
        journey, stage = self.journey, self.stage
        journey.chapter("A breach that has not stopped, while a download is under way")
        client = stage.actor("csu-0df-analytics")
        csu = client.dissemination
        asked = self._ask(CSU, self.reference, formats=["csv"], material=self.flow_material)
        file = csu.wait(asked.id).files[0]
        url = f"{self.suite.urls['dissemination']}/v1/files/{file.id}/content"
        reporter = stage.actor("csu-0df-contact").agreements
        breaches: list[Any] = []

        def report() -> None:
            breaches.append(
                reporter.report_breach(
                    {
                        "agreement": self.reference,
                        "lines": None,
                        "activity_stopped": "no",
                        "description": "A report was mailed to an organisation that is no party.",
                        "discovered_at": SystemClock().now().isoformat(),
                    }
                )
            )

        assert client.tokens is not None
        target = self.output / "large.csv"
        part = target.with_name(target.name + ".part")
        cut = read_slowly(
            url,
            client.tokens.token("dissemination"),
            authority=self.suite.authority,
            first_bytes=FIRST_BYTES,
            meanwhile=report,
            part=part,
        )
        self._the_cut(cut)
        journey.refused(
            "The next request is refused", "BREACH_OPEN", lambda: csu.download(file.id, target)
        )
        deliveries = csu.get("/v1/deliveries", file_id=str(file.id))["items"]
        journey.claim(
            "The log of deliveries says that it was cut",
            True,
            any(d["outcome"] == "cut" and d["bytes"] < cut.announced for d in deliveries),
        )
        journey.claim(
            "The register says of every file under the agreement that it is suspended, and why",
            ["suspended BREACH_OPEN"],
            self._standing("suspended BREACH_OPEN"),
        )
        self._the_lift(str(breaches[0].id))
        digest = csu.manifest(file.id).manifest["file"]["digest"]
        csu.download(file.id, target)
        journey.claim(
            f"Range resumes after byte {cut.received:,}, to the manifest's digest",
            digest,
            ids.digest(target.read_bytes()),
        )
        journey.claim(
            "The register says that all of it is current again",
            ["current"],
            self._standing("current"),
        )
        self._keep_the_register()

    def _the_cut(self, cut: Cut) -> None:
        if self.inside is None and cut.received == cut.announced:
            raise NotPlayed(
                f"What lies between took all {cut.announced:,} bytes of the download for itself"
                " before the report was made: ask for a longer one with --rows."
            )
        self.journey.claim(
            f"The stream had begun; of {cut.announced:,} bytes {cut.received:,} arrived",
            (200, True),
            (cut.status, cut.received < cut.announced),
        )
        # A proxy between, such as the engine's for a published port, makes an end of a reset.
        how = ("with a reset", ["reset"]) if self.inside else ("short", ["cut", "reset"])
        seconds = 1.0 if self.inside else 10.0  # what the proxy holds is read first
        self.journey.claim(
            f"When the report was answered it had ended, {how[0]} and not as if it were whole",
            (True, True),
            (cut.ended in how[1], cut.seconds_to_end < seconds),
        )

    def _the_lift(self, breach: str) -> None:
        journey, stage = self.journey, self.stage
        one = stage.actor("body-breach-1").agreements
        two = stage.actor("body-breach-2").agreements
        holds = one.get(f"/v1/agreements/{self.reference}")["holds"]
        hold = next(h for h in holds if h["breach_id"] == breach)["id"]
        first = one.approve_lift(hold, "The mail was recalled unread.")
        journey.claim("One person's approval does not lift the hold", None, first.lifted_at)
        journey.refused(
            "Nor does the same person's second",
            "LIFT_NEEDS_ANOTHER_PERSON",
            lambda: one.approve_lift(hold, "Again."),
            status=409,
        )
        second = two.approve_lift(hold, "The recipient confirmed deletion.")
        journey.claim("Two people's approvals do lift it", True, second.lifted_at is not None)

    # 7. The audit

    def _the_audit(self, suite: Suite) -> None:
        journey = self.journey
        journey.chapter("The logs are whole, and betray who changes them")
        reports = [self._verify(suite, service) for service in SERVICES]
        leaves = sum(report.leaves for report in reports)
        journey.claim(
            f"dsfc audit verify finds all four logs whole ({leaves:,} leaves)",
            [True] * len(SERVICES),
            [report.is_whole for report in reports],
        )
        found = self._tampered(suite)
        journey.claim(
            "A row changed behind its back in a copy of the database is found",
            (False, "LEAF_EDITED"),
            (found.is_whole, str(found.findings[0].kind) if found.findings else None),
        )

    @staticmethod
    def _verify(suite: Suite, service: str, url: str | None = None) -> VerificationReport:
        directory = suite.directory
        jwks = keys.Signer(directory / "keys" / f"{service}.jwk").jwks()
        database = url or suite.database_url(service)
        return verify(database, path_of(directory / "checkpoints", service), jwks, log=service)

    def _tampered(self, suite: Suite) -> VerificationReport:
        copied = self._copy(suite, make_url(suite.database_url("agreements")))
        engine = engines.create(copied)
        with engine.begin() as connection:
            changed = func.replace(audit_leaf.c.entry, '"role"', '"rank"')
            connection.execute(
                update(audit_leaf).where(audit_leaf.c.index == 1).values(entry=changed)
            )
        engine.dispose()
        return self._verify(suite, "agreements", copied)

    @staticmethod
    def _copy(suite: Suite, url: Any) -> str:
        if url.get_backend_name() == "sqlite":
            target = suite.directory / "tampered.db"
            with (
                closing(sqlite3.connect(url.database)) as source,
                closing(sqlite3.connect(target)) as copied,
            ):
                source.backup(copied)
            return f"sqlite:///{target}"
        return suite.copy_database("agreements")


def _altered(jws: str) -> str:
    """Return the same token with one character of its claims changed."""
    head, claims, signature = jws.split(".")
    changed = "A" if claims[10] != "A" else "B"
    return ".".join((head, claims[:10] + changed + claims[11:], signature))
