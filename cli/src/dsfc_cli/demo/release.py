"""The journey of design.md section 3 as far as the release, and what all its scenes share."""

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from common import ids
from common.clock import SystemClock
from common.security import keys
from dsfc_cli.demo.answers import Wanted, sections_of
from dsfc_cli.demo.journey import Journey
from dsfc_cli.demo.material import COMMISSIONER, Material
from dsfc_cli.demo.stage import EVENT_SECONDS_MAX, ORGANISATIONS, SUBMITTERS, Stage
from dsfc_cli.shell.elsewhere import Reachable
from dsfc_client import Extract, Failed, RegisterLine, wait_for

CSU, OTHER_CSU, OTHER_COMMISSIONER = "0DF", "0CX", "00L"
DIRECT_IDENTIFIER = re.compile(r"(?i)nhs|birth_date|date_of_birth|^postcode$|name|address")
FIRST_BYTES = 300_000


class NotPlayed(RuntimeError):
    """The story cannot go on; says why."""


@dataclass(slots=True)
class ReleaseStory:
    """What the scenes hand to one another."""

    journey: Journey
    suite: Reachable
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
            f"{named(COMMISSIONER)} has a relationship with its DSCRO and with {named(CSU)};"
            f" {named(OTHER_COMMISSIONER)} has none."
        )

    # 1. The application

    def _the_application(self) -> str:
        journey, stage = self.journey, self.stage
        journey.chapter(f"{named(COMMISSIONER)} applies for data for commissioning")
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
        before = len(self._editions(material))
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
                (before + 2, 0),
                (len(self._editions(material)), second["report"]["totals"]["quarantined"]),
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
        return {"id": done.id, "report": haven.report(done.id)}

    def _editions(self, material: Material) -> Sequence[Mapping[str, Any]]:
        """Return the editions of the month, also of those who played before in the same suite."""
        found: Sequence[Mapping[str, Any]] = self._intake(material).get(
            "/v1/editions", data_set=material.data_set, period=material.period
        )["items"]
        return found

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
        jwks = self.suite.public().dissemination.call("GET", "/.well-known/jwks.json").json()
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
        """Return what the public can read about the agreement."""
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


def named(ods: str) -> str:
    return f"{ORGANISATIONS[ods][0]} ({ods})"
