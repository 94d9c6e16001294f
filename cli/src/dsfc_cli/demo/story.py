"""The journey of design.md section 3, scene by scene, through the public APIs."""

import copy
import hashlib
import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, make_url, update

from common import ids
from common.audit import Report, verify
from common.audit.checkpoints import path_of
from common.clock import SystemClock, legal_day
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.security import keys
from dsfc_cli.demo.answers import Wanted, sections_of
from dsfc_cli.demo.journey import Journey
from dsfc_cli.demo.material import COMMISSIONER, OTHER_FIELD, Material
from dsfc_cli.demo.stage import EVENT_SECONDS_MAX, ORGANISATIONS, SUBMITTERS, Stage
from dsfc_cli.demo.stream import Cut, read_slowly
from dsfc_cli.suite import SERVICES, Suite
from dsfc_client import Dsfc, Extract, Failed, Problem, RegisterLine, wait_for

CSU, OTHER_CSU, OTHER_COMMISSIONER = "0DF", "0CX", "00L"
DIRECT_IDENTIFIER = re.compile(r"(?i)nhs|birth_date|date_of_birth|^postcode$|name|address")
FIRST_BYTES = 300_000


class NotPlayed(RuntimeError):
    """The story cannot go on; says why."""


@dataclass(slots=True)
class Story:
    """What the scenes hand to one another."""

    journey: Journey
    suite: Suite
    material: Material
    flow_material: Material
    """What the long download is about: large enough to be under way when the hold comes."""
    output: Path
    maps: tuple[Path, Path]
    stage: Stage = field(init=False)
    contracts: Mapping[str, str] = field(init=False)
    wanted: Wanted = field(init=False)
    reference: str = field(init=False)
    extract: Extract = field(init=False)

    def tell(self) -> None:
        """All scenes. Raises ClaimFailed at the first claim that does not hold."""
        self.stage = Stage(self.suite, legal_day(SystemClock().now()))
        self._the_stage()
        application = self._the_application()
        self._the_agreement(application)
        self._the_submission()
        self._the_release()
        self._the_refusals()
        self._the_breach()
        self._the_audit()

    # 0. What must be there

    def _the_stage(self) -> None:
        say = self.journey.say
        self.journey.chapter("What must be there before anybody can ask")
        first = f"{self.material.months[0]}-01"
        self.contracts = self.stage.set_up(
            *self.maps,
            maps_from=first,
            providers=self.material.providers | self.flow_material.providers,
            submitters=(*SUBMITTERS, self.material.provider),
        )
        say(
            f"Organisations, maps and assurance are loaded; {len(self.contracts)} CCGs hold a"
            " framework contract with NHS England; two CSUs have an analytics environment."
        )
        self.stage.relate(COMMISSIONER, CSU, [OTHER_CSU])
        say(
            f"{_named(COMMISSIONER)} has a relationship with its DSCRO and with {_named(CSU)};"
            f" {_named(OTHER_COMMISSIONER)} has none."
        )

    # 1. The application

    def _the_application(self) -> str:
        journey, stage = self.journey, self.stage
        journey.chapter(f"{_named(COMMISSIONER)} applies for data for commissioning")
        flows = {m.data_set: m.flow for m in (self.material, self.flow_material)}
        self.wanted = Wanted(
            controller=COMMISSIONER,
            controller_name=ORGANISATIONS[COMMISSIONER][0],
            processor=CSU,
            processor_name=ORGANISATIONS[CSU][0],
            flows=list(flows.values()),
            today=stage.today,
        )
        application = stage.apply(self.wanted, "Planned care of the area")
        applicant = stage.applicant(COMMISSIONER)
        sections = copy.deepcopy(sections_of(self.wanted))
        sections[4]["locations"][0]["operator"] = OTHER_CSU
        applicant.answer(application, 4, sections[4])
        codes = [f.code for f in applicant.findings(application) if f.severity == "refuse"]
        journey.claim(
            "The machine checks find that the data would be stored by an organisation that is"
            " no party",
            ["OPERATOR_NOT_A_PARTY"],
            codes,
        )
        journey.refused(
            "Submitted so, it is refused", codes, lambda: applicant.act(application, "submission")
        )
        applicant.answer(application, 4, sections_of(self.wanted)[4])
        journey.claim(
            "Mended, nothing is found",
            [],
            [f.code for f in applicant.findings(application) if f.severity == "refuse"],
        )
        submitted = applicant.act(application, "submission")
        journey.claim(
            f"It is submitted and named {submitted.reference}", "SUBMITTED", submitted.state
        )
        journey.refused(
            "The applicant cannot approve it",
            "ROLE_NOT_PERMITTED",
            lambda: applicant.act(application, "approval"),
        )
        stage.decide(application)
        history = applicant.history(application)["items"]
        people = {h["subject"] for h in history if h["subject"].startswith("body-")}
        journey.claim("Reviewed, advised and approved, by three different people", 3, len(people))
        journey.claim("It is approved", "APPROVED", applicant.application(application).state)
        return application

    # 2. The agreement

    def _the_agreement(self, application: str) -> None:
        journey, stage = self.journey, self.stage
        journey.chapter("The agreement is drafted, signed, and comes into force")
        self.reference = stage.drafted(application)
        journey.say(f"agreements heard the event and drafted {self.reference}.")
        signers = stage.signers(self.wanted)
        stage.sign(self.reference, signers[:-1])
        journey.refused(
            "One signature is missing, and a release is refused",
            "DSA_NOT_ACTIVE",
            lambda: self._ask(CSU, self.reference),
        )
        stage.sign(self.reference, signers[-1:])
        agreement = stage.actor("body-contracts").agreements.agreement(self.reference)
        journey.claim(
            "All have signed the document's hash: it is in force", "ACTIVE", agreement.state
        )

    # 3. The submission

    def _the_submission(self) -> None:
        journey, material = self.journey, self.material
        journey.chapter(f"A provider submits {material.data_set} for {material.period}")
        first = self._submit(material, material.file)
        report = first["report"]
        (self.output / "data-quality.json").write_text(json.dumps(report, indent=2), "utf-8")
        rows = report["totals"]
        journey.say(
            f"{rows['records']:,} rows read, {rows['landed']:,} landed,"
            f" {rows['quarantined']:,} quarantined, {rows['withheld']:,} without identity; NHS"
            f" numbers where none belong, masked in {report['masked_cells']:,} cells. All of it is"
            " in the data quality report."
        )
        lines = self._quarantined(first["id"])
        if material.corrected is not None:
            planted = {str(line) for line in material.planted.bad_rows}
            journey.claim(
                f"The {len(planted)} rows that were spoilt are in quarantine, each with a reason:"
                f" {', '.join(sorted({r['code'] for r in lines}))}",
                True,
                planted <= {str(row["line"]) for row in lines} and all(r["code"] for r in lines),
            )
            second = self._submit(material, material.corrected)
            journey.claim(
                "The corrected file makes a new edition, without quarantined rows",
                (2, 0),
                (second["edition"]["number"], second["report"]["totals"]["quarantined"]),
            )
        else:
            journey.claim(
                "Every row of the file is accounted for",
                rows["records"],
                rows["landed"]
                + rows["quarantined"]
                + sum(left_out["rows"] for left_out in report["adds_nothing"]),
            )
        if self.flow_material is not material:
            self._submit(
                self.flow_material, self.flow_material.corrected or self.flow_material.file
            )

    def _submit(self, material: Material, file: Path) -> dict[str, Any]:
        haven = self._intake(material)
        provider = None if self._is_own(material) else material.provider
        with self.journey.progress(f"landing {file.name}") as show:
            opened = haven.submit(material.data_set, material.period, file, provider=provider)
            try:
                done = haven.wait(opened.id, progress=show)
            except Failed as rejected:
                raise NotPlayed(f"{file.name} was rejected: {rejected}") from rejected
        edition = haven.get("/v1/editions", data_set=material.data_set, period=material.period)[
            "items"
        ][-1]
        return {"id": done.id, "report": haven.report(done.id), "edition": edition}

    def _intake(self, material: Material) -> Any:
        identity = f"provider-{material.provider.lower()}"
        own = self._is_own(material)
        return self.stage.actor(identity if own else "dscro-operator").pseudonymisation

    def _is_own(self, material: Material) -> bool:
        return material.corrected is not None

    def _quarantined(self, submission: UUID) -> Sequence[Mapping[str, Any]]:
        rows: Sequence[Mapping[str, Any]] = self._intake(self.material).quarantine(submission)[
            "items"
        ]
        return rows

    # 4. The release

    def _the_release(self) -> None:
        journey = self.journey
        journey.chapter(f"{CSU}'s own client asks, and gets what the agreement opens")
        csu = self.stage.actor("csu-0df-analytics").dissemination
        asked = self._ask(CSU, self.reference, formats=["parquet", "csv"])
        with journey.progress("preparing the extract") as show:
            self.extract = csu.wait(asked.id, progress=show)
        journey.claim(
            "Decided, permitted, prepared in the haven, attested, released",
            "RELEASED",
            self.extract.state.upper(),
        )
        files = {file.format: file for file in self.extract.files}
        parquet, csv = self.output / "extract.parquet", self.output / "extract.csv"
        csu.download(files["parquet"].id, parquet)
        csu.download(files["csv"].id, csv)
        manifest = csu.manifest(files["parquet"].id)
        content = json.dumps(manifest.model_dump(), indent=2)
        (self.output / "manifest.json").write_text(content, encoding="utf-8")
        self._a_range(csu, files["parquet"].id, parquet)
        self._the_manifest(manifest.jws, manifest.manifest, parquet)
        self._the_content(parquet, csv)
        self._the_register()
        self._another_agreement(parquet)

    def _a_range(self, csu: Any, file_id: UUID, whole: Path) -> None:
        part = csu.call(
            "GET",
            f"/v1/files/{file_id}/content",
            headers={"Range": "bytes=100-199", "Accept": "*/*"},
        )
        self.journey.claim(
            "A Range request gets those bytes and no others",
            (206, hashlib.sha256(whole.read_bytes()[100:200]).hexdigest()),
            (part.status_code, hashlib.sha256(part.content).hexdigest()),
        )

    def _the_manifest(self, jws: str, manifest: Mapping[str, Any], file: Path) -> None:
        url = f"{self.suite.urls['dissemination']}/.well-known/jwks.json"
        jwks = httpx.get(url).json()
        verifier = keys.SignedVerifier(keys.MANIFEST, lambda: jwks, clock=SystemClock())
        signed = verifier.verify(jws)
        digest = ids.digest(file.read_bytes())
        self.journey.claim(
            "The manifest is signed, and vouches for the bytes that arrived",
            (digest, manifest["file"]["digest"]),
            (signed["file"]["digest"], digest),
        )

    def _the_content(self, parquet: Path, csv: Path) -> None:
        import duckdb
        import pandas as pd

        journey = self.journey
        with duckdb.connect() as engine:
            rows, columns = self._shape(engine, parquet)
        frame = pd.read_csv(csv, dtype=str, keep_default_na=False)
        of_parquet = pd.read_parquet(parquet)
        journey.claim(
            f"DuckDB and pandas open it, Parquet and CSV alike: {rows:,} rows,"
            f" {len(columns)} columns",
            [[rows, columns]] * 2,
            [[len(f), list(f.columns)] for f in (of_parquet, frame)],
        )
        identifiers = [c for c in columns if DIRECT_IDENTIFIER.search(c) and "STATUS" not in c]
        journey.claim("No column is a direct identifier", [], identifiers)
        found = self.material.numbers_in(csv.read_text("utf-8"))
        journey.claim("None of the file's NHS numbers is in it, alone or embedded", 0, found)
        named = frame["Reason_For_Access"].str.contains(rf"(?:^|;)[GHRC]:{COMMISSIONER}(?:;|$)")
        journey.claim(f"Every row has a reason that names {COMMISSIONER}", True, bool(named.all()))

    @staticmethod
    def _shape(engine: Any, parquet: Path) -> tuple[int, list[str]]:
        relation = engine.read_parquet(str(parquet))
        return int(relation.aggregate("count(*)").fetchall()[0][0]), list(relation.columns)

    def _the_register(self) -> None:
        self.journey.claim(
            "Anybody can read the register: one line for each of the two files, both current",
            ["current", "current"],
            [line.status for line in self._lines()],
        )

    def _lines(self) -> list[RegisterLine]:
        """What the public can read about the agreement."""
        lines = self.suite.public().dissemination.register()
        return [line for line in lines if line.model_dump()["reference"] == self.reference]

    def _standing(self, wanted: str) -> list[str]:
        """How what was released under the agreement stands, once the register has heard it."""

        def told() -> list[str]:
            found = self._lines()
            return sorted({f"{line.status} {line.status_code or ''}".strip() for line in found})

        heard: list[str] = wait_for(
            told, lambda found: found == [wanted], timeout_seconds=EVENT_SECONDS_MAX
        )
        return heard

    def _keep_the_register(self) -> None:
        public = self.suite.public().dissemination
        lines = [line.model_dump(mode="json") for line in public.register()]
        (self.output / "register.json").write_text(json.dumps(lines, indent=2) + "\n", "utf-8")
        (self.output / "register.csv").write_text(public.register_csv(), "utf-8")

    def _another_agreement(self, parquet: Path) -> None:
        import duckdb

        second = Wanted(
            controller=COMMISSIONER,
            controller_name=self.wanted.controller_name,
            processor=OTHER_CSU,
            processor_name=ORGANISATIONS[OTHER_CSU][0],
            flows=[self.material.flow],
            today=self.stage.today,
        )
        reference = self.stage.in_force(second, "The same, with another CSU")
        other = self.stage.actor("csu-0cx-analytics").dissemination
        released = other.wait(self._ask(OTHER_CSU, reference).id)
        elsewhere = self.output / "extract-of-another-agreement.parquet"
        other.download(released.files[0].id, elsewhere)
        with duckdb.connect() as engine:
            query = "SELECT count(DISTINCT Token), count(*) FROM read_parquet(?)"
            counts = [engine.execute(query, [str(p)]).fetchone() for p in (parquet, elsewhere)]
            common = engine.execute(
                "SELECT count(*) FROM (SELECT DISTINCT Token FROM read_parquet(?)) a"
                " JOIN (SELECT DISTINCT Token FROM read_parquet(?)) b USING (Token)",
                [str(parquet), str(elsewhere)],
            ).fetchone()
        self.journey.claim(
            "Under a second agreement the same patients have other tokens: none is shared",
            (counts[0], (0,)),
            (counts[1], common),
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
        self._permits()

    def _permits(self) -> None:
        """A permit is for one request, and for nobody who altered it."""
        service = self.stage.actor("dissemination")
        csu = self.stage.actor("csu-0df-analytics")
        request = self._body(self.reference) | {"extract_id": str(ids.new_id())}
        permit_id, permit = self._permit(service, csu, request)
        url = f"{self.suite.urls['preparations']}/v1/preparations/{permit_id}"
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
        self.journey.claim(
            f"The stream had begun; of {cut.announced:,} bytes {cut.received:,} arrived",
            (200, True),
            (cut.status, cut.received < cut.announced),
        )
        self.journey.claim(
            "When the report was answered it had ended, with a reset and not as if it were whole",
            ("reset", True),
            (cut.ended, cut.seconds_to_end < 1.0),
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

    def _the_audit(self) -> None:
        journey = self.journey
        journey.chapter("The logs are whole, and betray who changes them")
        reports = [self._verify(service) for service in SERVICES]
        leaves = sum(report.leaves for report in reports)
        journey.claim(
            f"dsfc audit verify finds all four logs whole ({leaves:,} leaves)",
            [True] * len(SERVICES),
            [report.is_whole for report in reports],
        )
        found = self._tampered()
        journey.claim(
            "A row changed behind its back in a copy of the database is found",
            (False, "LEAF_EDITED"),
            (found.is_whole, str(found.findings[0].kind) if found.findings else None),
        )

    def _verify(self, service: str, url: str | None = None) -> Report:
        directory = self.suite.directory
        jwks = keys.Signer(directory / "keys" / f"{service}.jwk").jwks()
        database = url or self.suite.database_url(service)
        return verify(database, path_of(directory / "checkpoints", service), jwks, log=service)

    def _tampered(self) -> Report:
        url = make_url(self.suite.database_url("agreements"))
        copied = self._copy(url)
        engine = engines.create(copied)
        with engine.begin() as connection:
            changed = func.replace(audit_leaf.c.entry, '"role"', '"rank"')
            connection.execute(
                update(audit_leaf).where(audit_leaf.c.index == 1).values(entry=changed)
            )
        engine.dispose()
        return self._verify("agreements", copied)

    def _copy(self, url: Any) -> str:
        if url.get_backend_name() == "sqlite":
            target = self.suite.directory / "tampered.db"
            with (
                closing(sqlite3.connect(url.database)) as source,
                closing(sqlite3.connect(target)) as copied,
            ):
                source.backup(copied)
            return f"sqlite:///{target}"
        return self.suite.copy_database("agreements")

    # What every scene asks

    def _body(self, reference: str, material: Material | None = None) -> dict[str, Any]:
        wanted = material or self.material
        return {
            "agreement": reference,
            "purpose": "COM",
            "data_set": wanted.data_set,
            "classification": "PSEUDO_ANONYMISED",
            "periods": list(wanted.months),
            "fields": list(wanted.flow.fields),
            "formats": ["parquet"],
        }

    def _ask(
        self, csu: str, reference: str, *, material: Material | None = None, **changes: Any
    ) -> Extract:
        client = self.stage.actor(f"csu-{csu.lower()}-analytics").dissemination
        return client.request(self._body(reference, material) | changes)


def _named(ods: str) -> str:
    return f"{ORGANISATIONS[ods][0]} ({ods})"


def _altered(jws: str) -> str:
    """The same token with one character of its claims changed."""
    head, claims, signature = jws.split(".")
    changed = "A" if claims[10] != "A" else "B"
    return ".".join((head, claims[:10] + changed + claims[11:], signature))
