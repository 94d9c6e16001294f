"""Services with an agreement in force, reached by the real journey; the haven is stood in for.

What is measured here are decisions and downloads: which rows are in a file does not matter to
them, but how large it is does. So the haven's two doors are answered by the benchmark, with
attestations that the haven's own code writes, signed by a key of the benchmark. Issuer,
applications, agreements and dissemination are the real ones, each in a process of its own.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI

import catalogue
from common.clock import SystemClock, legal_day
from common.ids import digest_of, new_id
from common.security.jwks import fetch_from
from common.security.keys import ATTESTATION, PERMIT, SignedVerifier, Signer, generate_jwk, issue
from common.web.server import in_background
from dsfc_cli.demo.answers import Flow, Wanted
from dsfc_cli.demo.material import COMMISSIONER, FIELDS, SEED
from dsfc_cli.demo.stage import ORGANISATIONS, Stage
from dsfc_cli.house.suite import Suite
from dsfc_cli.synthetic import World
from dsfc_testing.postgresql import Server
from pseudonymisation.engine import scan
from pseudonymisation.preparations.domain.attestation import ExtractOutcome, claims
from pseudonymisation.preparations.domain.preparation import PinnedEdition
from statements.attestation import AttestedFile
from statements.permit import Permit

CSU: Final = "0DF"
CLIENT: Final = "csu-0df-analytics"
MONTH: Final = "2018-04"
DATA_SET: Final = catalogue.load().get("SUS_APC")
SERVER_CORE, CLIENT_CORE = 0, 1
"""Whoever is measured has a core to itself, and who measures has the other one."""
MEBIBYTE: Final = 1 << 20


@dataclass
class Scene:
    suite: Suite
    stage: Stage
    reference: str
    haven: "Haven"

    def token(self, client: str, audience: str, role: str | None = None) -> str:
        tokens = self.stage.actor(client, role).tokens
        assert tokens is not None
        return tokens.token(audience)

    def wanted(self, extract_id: UUID) -> dict[str, Any]:
        """All that the line opens, as dissemination puts it into the digest."""
        return {
            "extract_id": str(extract_id),
            "agreement": self.reference,
            "purpose": "COM",
            "data_set": DATA_SET.data_set,
            "classification": "PSEUDO_ANONYMISED",
            "periods": [MONTH],
            "fields": list(FIELDS[DATA_SET.data_set]),
            "formats": ["parquet"],
        }

    def question(self, evidence: str) -> dict[str, Any]:
        """The question of dissemination whether an extract may be prepared."""
        wanted = self.wanted(new_id())
        extract_id = wanted["extract_id"]
        told = {k: v for k, v in wanted.items() if k not in {"extract_id", "agreement"}}
        return {
            "subject": {"type": "client", "id": CLIENT, "properties": {"token": evidence}},
            "action": {"name": "request"},
            "resource": {"type": "agreement", "id": self.reference, "properties": told},
            "context": {
                "extract_id": extract_id,
                "request_digest": digest_of(wanted),
                "dry_run": False,
            },
        }

    def holding(self) -> str:
        """A released file, as agreements sees it: a permit, an attestation, a decision."""
        asks = self.stage.actor("dissemination").agreements
        evidence = self.token(CLIENT, "dissemination")
        question = self.question(evidence)
        permitted = asks.evaluate(question)
        assert permitted["decision"], permitted
        file = AttestedFile(
            id=str(new_id()),
            format="parquet",
            object_key="none",
            bytes=0,
            digest=_digest(b""),
            rows=0,
        )
        attestation = self.haven.attest(permitted["context"]["permit"], file)
        released = asks.evaluate(
            {
                "action": {"name": "release"},
                "resource": {
                    "type": "file",
                    "id": file.id,
                    "properties": {"attestation": attestation},
                },
                "context": {"extract_id": question["context"]["extract_id"]},
            }
        )
        assert released["decision"], released
        return str(released["context"]["holding_id"])


@dataclass
class Haven:
    """Answers for the safe haven: its public key, and preparations that are ready at once.

    Every preparation has made the one file that was written before.
    """

    agreements: str
    store: Path
    file: AttestedFile | None = None
    signer: Signer = field(default_factory=lambda: Signer(generate_jwk()))
    made: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/.well-known/jwks.json", self.signer.jwks)
        app.add_api_route("/v1/preparations/{permit_id}", self.put, methods=["PUT"])
        app.add_api_route("/v1/preparations/{permit_id}", self.get)
        return app

    def put(self, permit_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        if permit_id not in self.made:
            assert self.file is not None
            attestation = self.attest(body["permit"], self.file)
            self.made[permit_id] = {**asdict(self.file), "attestation": attestation}
        return self.get(permit_id)

    def get(self, permit_id: UUID) -> dict[str, Any]:
        return {"state": "prepared", "files": [self.made[permit_id]]}

    def attest(self, permit: str, file: AttestedFile) -> str:
        """Say of a file what the haven would: its own words, of rows that nobody sees."""
        keys = fetch_from(f"{self.agreements}/.well-known/jwks.json")
        said = Permit.read(SignedVerifier(PERMIT, keys, clock=SystemClock()).verify(permit))
        outcome = ExtractOutcome(
            rows=file.rows,
            people=0,
            people_left_out=0,
            rows_left_out=0,
            rows_without_person_left_out=0,
            rows_without_reason=0,
            rows_repeated_left_out=0,
            scan_rule=scan.RULE,
            scanned_columns=tuple(f.name for f in said.fields),
            scan_hits=0,
        )
        told = claims(
            file, permit=said, data_set=DATA_SET, editions=[edition()], opt_outs=(), outcome=outcome
        )
        return issue(self.signer, ATTESTATION, told, at=SystemClock().now())

    def write(self, mebibytes: int) -> Path:
        """Write the file: noise, of which only the length matters."""
        id_ = new_id()
        key = f"preparations/measured/1/{id_}.parquet"
        path = self.store / key
        path.parent.mkdir(parents=True)
        hasher = hashlib.sha256()
        with path.open("wb") as file:
            for _ in range(mebibytes):
                block = os.urandom(MEBIBYTE)
                hasher.update(block)
                file.write(block)
        self.file = AttestedFile(
            id=str(id_),
            format="parquet",
            object_key=key,
            bytes=mebibytes * MEBIBYTE,
            digest=f"sha256:{hasher.hexdigest()}",
            rows=1,
        )
        return path


def edition() -> PinnedEdition:
    """Return an edition of the month, taken in by the rules that are in force today."""
    known = catalogue.load()
    rules = known.rules_of(DATA_SET.data_set, legal_day(SystemClock().now()))
    assert rules is not None
    return PinnedEdition(
        id=new_id(),
        provider="R1A",
        period=MONTH,
        number=1,
        status="current",
        object_key="none",
        practice_map=None,
        postcode_map=None,
        catalogue_digest=DATA_SET.digest,
        landing_rules_version=rules.version,
        landing_rules_digest=rules.digest,
    )


@contextmanager
def scene(
    directory: Path, services: Sequence[str], server: Server | None = None
) -> Iterator[Scene]:
    """Services that run, with an agreement in force; on SQLite where there is no `server`."""
    with (
        Suite(directory / "state", services=services, server=server) as suite,
        ExitStack() as stack,
    ):
        haven = Haven(suite.urls["agreements"], directory / "state" / "objects" / "release")
        for door in ("pseudonymisation", "preparations"):
            port = int(suite.urls[door].rpartition(":")[2])
            stack.enter_context(in_background([(haven.app(), "127.0.0.1", port)]))
        stage = Stage(suite, legal_day(SystemClock().now()))
        maps = World.create(people=100, seed=SEED).write_maps(directory)
        stage.set_up(*maps, maps_from=f"{MONTH}-01")
        stage.relate(COMMISSIONER, CSU)
        flow = Flow(
            data_set=DATA_SET.data_set,
            fields=FIELDS[DATA_SET.data_set],
            first_month=MONTH,
            last_month=MONTH,
        )
        wanted = Wanted(
            controller=COMMISSIONER,
            controller_name=ORGANISATIONS[COMMISSIONER][0],
            processor=CSU,
            processor_name=ORGANISATIONS[CSU][0],
            flows=[flow],
            today=stage.today,
        )
        yield Scene(suite, stage, stage.in_force(wanted, "Measured"), haven)


def pin(process: int, core: int) -> None:
    """Keep a process, with all the threads that it has, to one core."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def cpu_seconds(process: int) -> float:
    """What a process has taken of any core so far: on a busy machine, this and not the clock."""
    stat = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
