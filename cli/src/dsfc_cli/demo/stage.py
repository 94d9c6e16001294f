"""What the story is played on: organisations, maps, assurance, contracts, relationships.

All of it is told to agreements through its public API, by the people whose task it is.
Names and codes of organisations are real where ODS has them; everything said about them here
is invented for the demonstration.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from dsfc_cli.demo.answers import Sections, Wanted, sections_of, toolkit
from dsfc_cli.shell.elsewhere import Reachable
from dsfc_cli.synthetic.world import PROVIDERS
from dsfc_client import Dsfc, Wire, wait_for

ORGANISATIONS: Mapping[str, tuple[str, str]] = {
    "02P": ("NHS Barnsley CCG", "CCG"),
    "00L": ("NHS Northumberland CCG", "CCG"),
    "26A": ("NHS Norfolk and Waveney CCG", "CCG"),
    "99E": ("NHS Basildon and Brentwood CCG", "CCG"),
    "0DF": ("NHS South, Central and West CSU", "CSU"),
    "0CX": ("NHS Midlands and Lancashire CSU", "CSU"),
    "0CL": ("DSCRO", "DSCRO"),
    "X26": ("NHS England", "BODY"),
    "13Q": ("NHS England, national commissioning hub 1", "NHS_ENGLAND"),
    "E08000016": ("Barnsley Metropolitan Borough Council", "LOCAL_AUTHORITY"),
    "R0A": ("NHS trust R0A", "NHS_TRUST"),
}
PREFIXES: Mapping[str, str] = {
    "NHS_ENGLAND": "nhse",
    "LOCAL_AUTHORITY": "la",
    "NHS_TRUST": "trust",
    "BODY": "nhse",
}
"""How identities of an organisation begin, by its kind; a CCG's with `ccg`."""
SUBMITTERS = ("RR8", "R0A")
"""Providers with a client here: each sends the synthetic file, which has records of all."""
PARTIES = ("02P", "00L", "26A", "0DF", "0CX")
CONTROLLERS = ("02P", "00L", "26A")
BEGUN = "2013-04-01"
BODY = "X26"
DSCRO = "yorkshire"
AGREES = "dscro-approver"
"""Who agrees to relationships for the DSCRO."""
OPERATES = "dscro-operator"
"""Who registers its local flows."""
NEEDED = (("policy", "DSCRO-OPERATING-POLICY"), ("training", "DATA-SECURITY-AWARENESS"))
"""Of each who acts for a DSCRO."""
ENVIRONMENTS: Mapping[str, str] = {"0DF": "csu-0df-analytics", "0CX": "csu-0cx-analytics"}
EVENT_SECONDS_MAX = 30.0
THREADS = 8


@dataclass(slots=True)
class Stage:
    """The suite, and who acts in it."""

    suite: Reachable
    today: date

    def actor(self, identity: str, role: str | None = None) -> Dsfc:
        return self.suite.client(identity, role)

    def set_up(
        self,
        practices: Path,
        postcodes: Path,
        *,
        maps_from: str,
        providers: Iterable[str] = PROVIDERS,
        submitters: Iterable[str] = SUBMITTERS,
    ) -> dict[str, str]:
        """Load the reference data, sign framework contracts. Returns contract by organisation.

        What is in force already is used: a suite may have been played on before.
        """
        loader = self.actor("body-reference-data").agreements
        known = sorted({*providers, *submitters})
        loader.upload_csv("/v1/organisations/imports", self._organisations(known), layout="dsfc")
        maps = (("practice", practices), ("postcode", postcodes))
        # Whoever may take permission away is answered a second late; so these go side by side.
        with ThreadPoolExecutor(THREADS) as threads:
            jobs = [
                *(threads.submit(self._load_map, loader, *each, maps_from) for each in maps),
                *(threads.submit(self._assure, loader, ods) for ods in PARTIES),
                *(threads.submit(self._register, loader, ods) for ods in PARTIES),
                *(threads.submit(self.environment, *each) for each in ENVIRONMENTS.items()),
                threads.submit(self._rights, loader, set(submitters), known),
                threads.submit(self.clear, AGREES),
            ]
            signed = {ods: threads.submit(self._contract, ods) for ods in CONTROLLERS}
            for job in jobs:
                job.result()
            return {ods: job.result() for ods, job in signed.items()}

    def admit(self, ods: str) -> str:
        """Let another organisation be a party: assured, registered, under contract."""
        loader = self.actor("body-reference-data").agreements
        self._assure(loader, ods)
        self._register(loader, ods)
        return self._contract(ods)

    def admit_body(self) -> None:
        """Let the Body be a party: assured, registered, and with no contract with itself."""
        loader = self.actor("body-reference-data").agreements
        self._assure(loader, BODY)
        self._register(loader, BODY)

    def relate(self, commissioner: str, csu: str, processors: Sequence[str] = ()) -> str:
        """Return a relationship between a commissioner, the DSCRO and a CSU, up to active."""
        asks = self.actor("csu-0df-adviser").agreements
        keeps = self.actor("body-contracts").agreements
        agrees = self.actor(AGREES).agreements
        for known in _all(keeps, "/v1/relationships"):
            between = (known["commissioner"], known["csu"], *known["processors"])
            if between == (commissioner, csu, *processors) and known["state"].startswith("ACTIVE"):
                return str(known["id"])
        asked = asks.post(
            "/v1/relationships",
            {
                "commissioner": commissioner,
                "dscro": DSCRO,
                "csu": csu,
                "processors": list(processors),
                "service": "commissioning",
                "effective_from": self.today.isoformat(),
                "service_contract_reference": f"SC-{commissioner}-{csu}",
                "contract_signed_on": (self.today - timedelta(days=30)).isoformat(),
            },
        )
        path = f"/v1/relationships/{asked['id']}"
        keeps.post(f"{path}/contract-verification", {})
        agrees.post(f"{path}/dscro-agreement", {})
        keeps.post(f"{path}/activation", {})
        return str(asked["id"])

    def apply(self, wanted: Wanted, title: str, sections: Sections | None = None) -> str:
        """Draft an application and answer all Standards, as usual or so. Returns its id."""
        applicant = self.applicant(wanted.controller)
        drafted = applicant.draft({"kind": "new", "title": title}, key=str(uuid4()))
        for number, answers in (sections or sections_of(wanted)).items():
            applicant.answer(drafted.id, number, answers)
        return str(drafted.id)

    def applicant(self, ods: str) -> Any:
        return self.actor(identity_of(ods, "applicant")).applications

    def decide(self, application: str, approval: Mapping[str, Any] | None = None) -> None:
        """Review, advice and approval by three different people of the Body."""
        officer = self.actor("body-case-officer").applications
        officer.act(application, "review")
        officer.act(
            application,
            "advisory-referral",
            {"complex": True, "reason": "Two flows to a processor of several commissioners."},
        )
        self.actor("body-adviser").applications.act(
            application, "advice", {"outcome": "recommended"}
        )
        self.actor("body-approver").applications.act(application, "approval", dict(approval or {}))

    def drafted(self, application: str) -> str:
        """Return the reference of the agreement that agreements drafted because it heard."""
        contracts = self.actor("body-contracts").agreements
        found = wait_for(
            lambda: [a for a in contracts.list() if str(a.application_id) == application],
            bool,
            timeout_seconds=EVENT_SECONDS_MAX,
        )
        return str(found[0].reference)

    def signers(self, wanted: Wanted) -> list[tuple[str, str]]:
        """Return who signs: identity and party. The Body signs first (domain.md 2.2, state 9)."""
        parties = [
            ("body-approver", "X26"),
            (identity_of(wanted.controller, "signatory"), wanted.controller),
        ]
        if wanted.processor != wanted.controller:  # else nobody works for it
            parties.append((f"csu-{wanted.processor.lower()}-contact", wanted.processor))
        return parties

    def sign(self, reference: str, signers: Iterable[tuple[str, str]]) -> None:
        for identity, party in signers:
            role = "controller-signatory" if identity.endswith("-signatory") else None
            agreements = self.actor(identity, role).agreements
            document = agreements.agreement(reference).document_hash
            agreements.sign(
                reference,
                {"party": party, "document_hash": document, "name_of_role": "SIRO"},
            )

    def in_force(self, wanted: Wanted, title: str, sections: Sections | None = None) -> str:
        """Return the whole way from a draft to an agreement in force."""
        application = self.apply(wanted, title, sections)
        self.applicant(wanted.controller).act(application, "submission")
        self.decide(application, wanted.approval)
        reference = self.drafted(application)
        self.sign(reference, self.signers(wanted))
        return reference

    @staticmethod
    def _organisations(providers: Iterable[str]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["ods", "name", "kind", "legal_entity", "parent", "valid_from", "valid_to"])
        for ods, (name, kind) in ORGANISATIONS.items():
            writer.writerow([ods, name, kind, "", "", BEGUN, ""])
        for ods in sorted(set(providers) - ORGANISATIONS.keys()):
            writer.writerow([ods, f"NHS trust {ods}", "NHS_TRUST", "", "", BEGUN, ""])
        return text.getvalue().encode()

    def _rights(self, loader: Any, submitters: Iterable[str], providers: Sequence[str]) -> None:
        """Let them send the others' records: one person records it, another confirms.

        The synthetic file, which one provider sends, has records of them all. What is recorded
        already is recorded once (docs/adr/0210).
        """
        known = {(one.submitter, one.provider) for one in loader.submission_rights()}
        wanted = {
            (submitter, provider)
            for submitter in submitters
            for provider in providers
            if provider != submitter
        }
        if not wanted - known:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["submitter", "provider", "valid_from", "valid_to", "evidence"])
        for submitter, provider in sorted(wanted - known):
            writer.writerow([submitter, provider, BEGUN, "", "Invented for the demo"])
        recorded = loader.upload_csv("/v1/submission-rights/imports", text.getvalue().encode())
        self.actor("body-contracts").agreements.post(
            f"/v1/submission-rights/{recorded['id']}/confirmation",
            {"reason": "The providers' letters were seen"},
        )

    def clear(self, subject: str) -> None:
        """Record the policy and the training without which nobody acts for a DSCRO."""
        governs = self.actor("body-governance-1").agreements
        if governs.clearance(subject, BODY, as_at=self.today.isoformat()).is_cleared:
            return
        for kind, reference in NEEDED:
            governs.record_staff(
                {
                    "subject": subject,
                    "organisation": BODY,
                    "kind": kind,
                    "reference": reference,
                    "valid_from": (self.today - timedelta(days=60)).isoformat(),
                    "valid_to": (self.today + timedelta(days=300)).isoformat(),
                }
            )

    def second(self, subject: str, dscro: str) -> None:
        """Record for which DSCRO somebody of the Body acts: local flows ask for it."""
        governs = self.actor("body-governance-1").agreements
        if any((one.subject, one.reference) == (subject, dscro) for one in governs.staff_records()):
            return
        governs.record_staff(
            {
                "subject": subject,
                "organisation": BODY,
                "kind": "secondment",
                "reference": dscro,
                "valid_from": (self.today - timedelta(days=60)).isoformat(),
            }
        )

    @staticmethod
    def _load_map(loader: Any, kind: str, path: Path, valid_from: str) -> None:
        loader.import_map(path, kind, valid_from)

    def _assure(self, loader: Any, ods: str) -> None:
        loader.post(
            "/v1/assurance",
            {
                "organisation": ods,
                "kind": "DSPT",
                "reference": toolkit(self.today),
                "status": "STANDARDS_MET",
                "published_on": (self.today - timedelta(days=60)).isoformat(),
                "seen_on": self.today.isoformat(),
            },
        )

    def _register(self, loader: Any, ods: str) -> None:
        loader.post(
            "/v1/ico-registrations",
            {
                "organisation": ods,
                "number": f"Z00{ods[-5:]:0>5}",
                "name": ORGANISATIONS[ods][0],
                "valid_from": (self.today - timedelta(days=60)).isoformat(),
                "valid_to": (self.today + timedelta(days=900)).isoformat(),
            },
        )

    def environment(self, organisation: str, client: str) -> None:
        body = self.actor("body-contracts").agreements
        for known in _all(body, "/v1/recipient-environments"):
            if (known["organisation"], known["clients"]) == (organisation, [client]):
                return
        body.post(
            "/v1/recipient-environments",
            {"organisation": organisation, "kind": "analytics", "clients": [client]},
        )

    def _contract(self, ods: str) -> str:
        body = self.actor("body-contracts").agreements
        for known in body.get("/v1/contracts", organisation=ods)["items"]:
            if known["state"] == "IN_FORCE":
                return str(known["reference"])
        contract = body.contract(
            {
                "organisation": ods,
                "legal_name": ORGANISATIONS[ods][0],
                "start": self.today.isoformat(),
                "end": None,
            },
            key=str(uuid4()),
        )
        path = f"/v1/contracts/{contract.reference}/signatures"
        document = body.get(f"/v1/contracts/{contract.reference}")["document_hash"]
        signatory = self.actor(identity_of(ods, "signatory"), "controller-signatory").agreements
        approver = self.actor("body-approver").agreements
        for signs, party in ((signatory, ods), (approver, BODY)):
            signature = {"party": party, "document_hash": document, "name_of_role": "SIRO"}
            signs.post(path, signature)
        return contract.reference


def identity_of(ods: str, task: str) -> str:
    """Name who acts for an organisation."""
    return f"{PREFIXES.get(ORGANISATIONS[ods][1], 'ccg')}-{ods.lower()}-{task}"


def _all(service: Any, path: str) -> Iterator[dict[str, Any]]:
    """Yield every item of a list as it is told."""
    return (item.model_dump() for item in service.pages(path, Wire))
