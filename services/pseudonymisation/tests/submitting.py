"""A haven that takes in files: all real but the clock, the issuer's place and agreements' maps."""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

import catalogue
from common.errors import Refusal, Refused, Unavailable
from common.ids import digest, new_id
from common.security import keys as security_keys
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import Environment
from dsfc_testing import safety
from dsfc_testing.clock import FakeClock
from dsfc_testing.codes import ListedCodes
from dsfc_testing.tokens import LocalIssuer
from pseudonymisation import main
from pseudonymisation.engine.keystore import generate_key_encryption_key
from pseudonymisation.engine.session import EngineLimits, sealed_parquet, session
from pseudonymisation.intake.adapters.landing.judged.statement import parquet_key_name
from pseudonymisation.intake.adapters.landing.layout import left_out, with_nothing_in
from pseudonymisation.intake.domain.edition import MapVersion
from pseudonymisation.intake.domain.right import Basis, OrganisationStatus, ProviderStanding
from pseudonymisation.intake.use_cases.landings import LandingJobs
from pseudonymisation.intake.use_cases.ports import MapFile, Scope
from pseudonymisation.people.domain.errors import ReleasesUnavailable
from pseudonymisation.people.domain.invoice_match import Invoice
from pseudonymisation.people.domain.risk_scores import ScoresDeclaration
from pseudonymisation.people.domain.subject_access import Release
from pseudonymisation.people.use_cases.ports import DirectCarePermission, MatchPermission
from pseudonymisation.settings import MEGABYTE, Settings
from statements.vocabulary import LineKey

PROVIDER, OTHER_PROVIDER = "RR8", "R0A"
PRACTICES = {"A81001": "02P", "A81002": "00L", "A81003": "26A", "A81004": "99E", "J81002": "02P"}
"""Practice to commissioner; 99E is a predecessor of 26A."""
POSTCODES = {
    "S70 1AA": ("02P", "E01000001"),
    "NE61 1AA": ("00L", "E01000002"),
    "IP1 1AA": ("26A", "E01000003"),
    "WN5 8QX": ("02P", "E01000004"),
}
AREAS = {
    "S70 1AA": ("E02000001", "E01100001", "E02100001", "E05000001", "E08000016", ""),
    "NE61 1AA": ("E02000002", "E01100002", "E02100002", "E05000002", "E06000057", ""),
    "IP1 1AA": ("E02000003", "E01100003", "E02100003", "E05000003", "E07000202", "E10000029"),
    "WN5 8QX": ("E02000004", "E01100004", "E02100004", "E05000004", "E08000010", ""),
}
"""By postcode, in the order of AREA_COLUMNS. A metropolitan borough has no county."""
AREA_COLUMNS = (
    "msoa", "lsoa_2021", "msoa_2021", "ward", "local_authority", "upper_local_authority",
)  # fmt: skip
DECILES = {"E01000001": 1, "E01000002": 5, "E01000003": 10}
"""By LSOA; of the fourth nothing is known."""

ORGANISATIONS = {
    "RR800": ("RR8", "", "open"),
    "RR801": ("RR8", "", "open"),
    "R0A00": ("R0A", "", "open"),
    "02P00": ("02P", "", "open"),
    "00L00": ("00L", "", "open"),
    "13Q": ("X24", "", "open"),
    "13Q00": ("X24", "", "open"),
    "Y00500": ("Y00500", "", "open"),
    "VPP00": ("", "private_or_overseas_liable", ""),
    "X98": ("", "commissioner_not_applicable", ""),
    "89997": ("", "provider_outside_uk", ""),
} | {code: (code, "", "open") for code in ("RR8", "R0A", "8J094", "02P", "00L", "26A", "X24")}
"""Code to entity, meaning and standing, as agreements' map of organisations says."""


class AgreementsAway(Unavailable):
    code = "DEPENDENCY_UNAVAILABLE"
    title = "Agreements does not answer"


@dataclass
class FakeMaps:
    """Agreements' maps: what governs from a day on, or nothing at all."""

    directory: Path
    valid_from: date = date(2000, 1, 1)
    is_away: bool = False
    asked: list[tuple[str, date]] = field(default_factory=list)

    @cached_property
    def _files(self) -> Mapping[str, MapFile]:
        practices = "".join(f"{p},{c}\n" for p, c in sorted(PRACTICES.items()))
        postcodes = "".join(
            f"{','.join((p, *said, *AREAS[p]))}\n" for p, said in sorted(POSTCODES.items())
        )
        deciles = "".join(f"{lsoa},{decile}\n" for lsoa, decile in sorted(DECILES.items()))
        organisations = "".join(
            f"{code},{','.join(said)}\n" for code, said in sorted(ORGANISATIONS.items())
        )
        return {
            "practice": self._write("practice,commissioner\n" + practices),
            "postcode": self._write(
                f"postcode,commissioner,lsoa,{','.join(AREA_COLUMNS)}\n{postcodes}"
            ),
            "deprivation": self._write("lsoa,decile\n" + deciles),
            "organisation": self._write("code,entity,meaning,standing\n" + organisations),
        }

    def _write(self, text: str) -> MapFile:
        path = self.directory / f"{uuid4()}.csv"
        path.write_text(text)
        return MapFile(MapVersion(id=uuid4(), digest=digest(text.encode())), path)

    def governing(self, kind: str, day: date) -> MapFile | None:
        self.asked.append((kind, day))
        if self.is_away:
            raise AgreementsAway("Agreements does not answer.")
        return self._files[kind] if day >= self.valid_from else None


@dataclass
class FakeRights:
    """Agreements' rights to submit: who is open from when to when, and who sends for whom."""

    opened: dict[str, tuple[date, date]] = field(
        default_factory=lambda: dict.fromkeys(
            ("RR8", "R0A", "8J094"), (date(2000, 1, 1), date(2099, 12, 31))
        )
    )
    sends_for: set[tuple[str, str]] = field(default_factory=lambda: {("RR8", "8J094")})
    is_away: bool = False
    ended: dict[str, date] = field(default_factory=dict)
    """The last day of what the only direction says of a data set; of others the rules say it."""
    is_silent_on_directions: bool = False

    def may_collect(self, data_set: str, day: date) -> bool:
        if self.is_away or self.is_silent_on_directions:
            raise AgreementsAway("Agreements does not answer.")
        if data_set in self.ended:
            return day <= self.ended[data_set]
        rules = catalogue.load().rules_of(data_set, day)
        asked = None if rules is None else rules.collection
        return asked is None or bool(catalogue.in_force(asked, day))

    def of(self, submitter: str, provider: str | None, day: date) -> list[ProviderStanding]:
        if self.is_away:
            raise AgreementsAway("Agreements does not answer.")
        sender = _entity(submitter)
        if provider is not None:
            return [self._standing(sender, provider, day)]
        others = sorted(one for by, one in self.sends_for if by == sender)
        return [self._standing(sender, one, day) for one in (sender, *others)]

    def _standing(self, sender: str, provider: str, day: date) -> ProviderStanding:
        entity = _entity(provider)
        if entity not in self.opened:
            standing = OrganisationStatus.UNKNOWN
        else:
            first, last = self.opened[entity]
            standing = (
                OrganisationStatus.NOT_YET
                if day < first
                else OrganisationStatus.CLOSED
                if day > last
                else OrganisationStatus.OPEN
            )
        basis = Basis.RIGHT if (sender, entity) in self.sends_for else None
        return ProviderStanding(
            provider, entity, standing, Basis.OWN if sender == entity else basis
        )


@dataclass
class FakePublications:
    """Which periods are published, as agreements says."""

    periods: dict[str, set[str]] = field(default_factory=dict)
    is_away: bool = False
    kept: dict[str, set[str]] | None = None
    """What it said before, which it says again where it is not asked anew."""

    def by_data_set(self, *, anew: bool = False) -> Mapping[str, set[str]]:
        if self.kept is not None and not anew:
            return self.kept
        if self.is_away:
            raise AgreementsAway("Agreements does not answer.")
        return self.periods


@dataclass
class FakeReleases:
    """What agreements holds of what left."""

    held: list[Release] = field(default_factory=list)
    is_away: bool = False

    def of(self, agreement: str) -> list[Release]:
        if self.is_away:
            raise ReleasesUnavailable("Agreements cannot say what was released; retry later.")
        return self.held


OF_THE_LINE = MatchPermission(
    decision_id="",
    national=False,
    codes=("02P",),
    reasons=("G", "H", "R", "C"),
    filters=(),
    opt_outs_applied=False,
    opt_outs_by="list",
    list_age_days_max=7,
)
"""What agreements gives to whoever validates invoices."""


@dataclass
class FakeDirectCare:
    """What agreements says to a practice that asks whom tokens stand for."""

    domain: str = ""
    match: MatchPermission = OF_THE_LINE
    refuses: tuple[Refusal, ...] = ()
    asked: list[tuple[str, LineKey, int, str, str]] = field(default_factory=list)

    def decide(
        self,
        agreement: str,
        key: LineKey,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        self.asked.append((agreement, key, people, principal.client_id, token))
        self._refuse()
        return DirectCarePermission(decision_id=str(new_id()), domain=self.domain)

    def decide_match(
        self, invoice: Invoice, *, request_id: UUID, people: int, principal: Principal, token: str
    ) -> MatchPermission:
        self.asked.append((invoice.agreement, invoice.key, people, principal.client_id, token))
        self._refuse()
        return replace(self.match, decision_id=str(new_id()))

    def decide_scores(
        self,
        declared: ScoresDeclaration,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        self.asked.append((declared.agreement, declared.key, people, principal.client_id, token))
        self._refuse()
        return DirectCarePermission(decision_id=str(new_id()), domain=self.domain)

    def _refuse(self) -> None:
        if self.refuses:
            raise Refused("The agreement does not allow this.", self.refuses)


def _entity(code: str) -> str:
    return ORGANISATIONS.get(code, (code, "", ""))[0] or code


def sus_row(**changes: str) -> dict[str, str]:
    """A good record of SUS_APC, of April 2018, with only the columns that a file must have."""
    row = {
        "NHS_Number": "9990000018",
        "NHS_Number_Status": "01",
        "Local_Patient_ID": "L0000001",
        "Date_of_Birth": "1970-01-31",
        "Postcode": "S70 1AA",
        "Sex": "1",
        "Ethnic_Group": "A",
        "GP_Practice_Code": "A81001",
        "Unique_CDS_Identifier": "BRR8000000001",
        "CDS_Type": "130",
        "Hospital_Spell_No": "SP000000001",
        "CDS_Activity_Date": "2018-04-10",
        "Admission_Date": "2018-04-10",
        "Discharge_Date": "2018-04-12",
        "Episode_Start_Date": "2018-04-10",
        "Episode_End_Date": "2018-04-12",
        "Episode_Number": "1",
        "Admission_Method": "21",
        "Source_of_Admission": "19",
        "Discharge_Method": "1",
        "Discharge_Destination": "19",
        "Patient_Classification": "1",
        "Administrative_Category": "01",
        "Der_Spell_LoS": "2",
        "Main_Specialty_Code": "100",
        "Treatment_Function_Code": "100",
        "Der_Primary_Diagnosis_Code": "I21",
        "Der_Primary_Procedure_Code": "W371",
        "FCE_HRG": "EB10A",
        "Spell_Core_HRG": "EB10A",
        "Provider_Code": "RR8",
        "Site_Code_of_Treatment": "RR801",
        "Commissioner_Code": "02P",
        "Org_Code_Res_Resp": "02P",
        "Consultant_Code": "C1234567",
    }
    return row | changes


def zipped(content: bytes) -> bytes:
    """The same bytes at any time: a test that is named by them is collected by all alike."""
    return gzip.compress(content, mtime=0)


def written(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Write rows as a file; columns are those of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


in_both_stores = pytest.mark.parametrize(
    "landing",
    ["directory", pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")])],
)
"""What was landed lies in a directory, then in a bucket of a real S3 server."""


@dataclass
class Intake:
    """One haven in a directory, spoken to over HTTP; its workers are run by hand."""

    directory: Path
    database_url: str
    clock: FakeClock
    issuer: LocalIssuer
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("landing", "release", "haven-keys", "maps"):
            (self.directory / folder).mkdir(exist_ok=True)
        generate_key_encryption_key(self.settings.key_encryption_key_file)
        security_keys.load_or_generate(self.settings.signing_key_file)
        self.maps = FakeMaps(self.directory / "maps")
        self.rights = FakeRights()
        self.publications = FakePublications()
        self.direct_care = FakeDirectCare()
        self.releases = FakeReleases()
        self.last = ""

    @cached_property
    def settings(self) -> Settings:
        root = self.directory
        given = {
            "environment": Environment.DEVELOPMENT,
            "database_url": self.database_url,
            "landing_store": str(root / "landing"),
            "release_store": str(root / "release"),
            "key_store": root / "haven-keys",
            "key_encryption_key_file": root / "keys" / "haven.kek",
            "signing_key_file": root / "keys" / "signing.jwk",
            "event_log": root / "events.db",
            "checkpoint_dir": root / "checkpoints",
            "engine_memory_bytes": 300 * MEGABYTE,
            "engine_threads": 1,
        }
        return Settings(**(given | dict(self.changes)))

    @cached_property
    def parts(self) -> main.Parts:
        return main.Parts(
            self.settings,
            self.clock,
            given_verifier=self.issuer.verifier(),
            given_maps=self.maps,
            given_rights=self.rights,
            given_publications=self.publications,
            given_direct_care=self.direct_care,
            given_releases=self.releases,
            given_codes=ListedCodes(
                {code: said[0] for code, said in ORGANISATIONS.items() if said[0]}
            ),
        )

    @cached_property
    def client(self) -> TestClient:
        client = TestClient(
            main.create_app(self.settings, parts=lambda: self.parts),
            raise_server_exceptions=False,
        )
        client.event_hooks["response"].append(safety.look_at)
        return client

    @contextmanager
    def serving(self):
        with self.client:
            yield self

    @property
    def jobs(self) -> LandingJobs:
        return self.parts.landing_jobs

    def work(self) -> int:
        """Run what there is to do; return how many claims were run."""
        count = 0
        while (claim := self.jobs.claim()) is not None:
            self.jobs.run(claim)
            count += 1
        return count

    def headers(
        self, role: Role = Role.PROVIDER_SYSTEM, ods: str = PROVIDER, **more: str
    ) -> dict[str, str]:
        token = self.issuer.token_for(role, audience="pseudonymisation", ods=ods)
        return {"Authorization": f"Bearer {token}", **more}

    def open(self, data_set: str = "SUS_APC", period: str = "2018-04", **options: Any) -> Any:
        headers = options.pop("headers", None) or self.headers()
        said = {name: value for name, value in options.items() if value is not None}
        body = {"data_set": data_set, "period": period, **said}
        return self.client.post("/v1/submissions", json=body, headers=headers)

    def put(self, submission_id: str, content: Any, **headers: str) -> Any:
        sent = {"Content-Type": "text/csv"} | headers
        return self.client.put(
            f"/v1/submissions/{submission_id}/content",
            content=content,
            headers=self.headers() | sent,
        )

    def submit(
        self,
        content: bytes,
        *,
        data_set: str = "SUS_APC",
        period: str = "2018-04",
        **declared: Any,
    ) -> dict[str, Any]:
        """Open, send, land; return how the submission stands then."""
        opened = self.open(data_set, period, **declared).json()
        answer = self.put(opened["id"], content)
        assert answer.status_code == 202, answer.text
        self.last = opened["id"]
        self.work()
        return self.get(f"/v1/submissions/{opened['id']}").json()

    def get(self, path: str, **options: Any) -> Any:
        headers = self.headers(**options)
        return self.client.get(path, headers=headers)

    def landed(self, edition_id: str) -> list[dict[str, Any]]:
        """Read an edition back, as preparation does, in the order of the lines."""
        with self.parts.intake.uow.reading() as tx:
            edition = tx.editions.get(UUID(edition_id), Scope(None))
        name = parquet_key_name(edition.id)
        with (
            self.parts.objects.at_hand(self.directory / "reading") as at_hand,
            session(
                directories=[(path := at_hand.path(edition.object_key)).parent],
                temp_directory=self.directory / "reading",
                keys={name: self.parts.keys.get(f"edition/{edition.id}")},
                limits=EngineLimits(memory_bytes=300 * MEGABYTE, threads=1, spill_bytes=0),
            ) as connection,
        ):
            data_set = self.parts.catalogue.get(edition.data_set, edition.catalogue_version)
            lacking = left_out(data_set, edition.columns)
            rows = with_nothing_in(lacking, sealed_parquet(path, name))
            found = connection.sql(f"SELECT * FROM {rows} ORDER BY line")
            return found.to_arrow_table().to_pylist()
