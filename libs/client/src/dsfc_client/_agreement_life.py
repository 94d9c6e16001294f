"""The life of agreements: versions compared, data passed on, what is held and destroyed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from dsfc_client._http import Service, Wire
from dsfc_client.models import (
    Destruction,
    HeldCopy,
    HeldFile,
    MayShare,
    OnwardShare,
    TermChange,
)

Json = Mapping[str, Any]
Id = str | UUID


class TransferPreview(Wire):
    """What a transfer instrument would move."""

    text: str
    contracts: int
    agreements: tuple[str, ...]
    relationships: int
    files: int
    domains: int


class Transfer(Wire):
    """A transfer instrument; one that was withdrawn passes nothing on."""

    id: UUID
    predecessor: str
    successor: str
    effective_from: date
    withdrawn_at: datetime | None = None


class DomainTransfer(Wire):
    """Pseudonym domains of an agreement that go on in another recipient environment."""

    id: UUID
    state: str
    former_environment: UUID
    following_environment: UUID
    effective_from: date
    agreed_by: tuple[str, ...]
    waiting_for: tuple[str, ...]


class RecipientEnvironment(Wire):
    """Where lines of an agreement land: whose it is, of which kind, and who acts for it."""

    id: UUID
    organisation: str
    kind: str
    clients: tuple[str, ...] = ()


class LinkedLine(Wire):
    """A line of records, and why its linkage is refused; nothing where it is not."""

    number: int
    purpose: str
    data_set: str
    classification: str
    environment: str
    refusals: tuple[dict[str, Any], ...] = ()


class LinkedLines(Wire):
    """Lines in whose files a person has one pseudonym, and the clauses by which."""

    lines: tuple[LinkedLine, ...]
    clauses: tuple[tuple[str, ...], ...]
    """The data sets of each."""


class LineApart(Wire):
    """A line whose people have other pseudonyms than the one that was asked about, and why."""

    number: int
    purpose: str
    data_set: str
    classification: str
    because: tuple[str, ...]


class Linkage(Wire):
    """What could be linked under an agreement; nothing is made by asking."""

    agreement: str
    version: str
    is_in_effect: bool
    linked: tuple[LinkedLines, ...]
    apart: tuple[LineApart, ...] = ()


class AgreementTemplate(Wire):
    """A version of a template, and the agreement that it was made of."""

    id: UUID
    name: str
    number: int
    agreement: str
    agreement_version: str
    made_by: str
    reason: str


class AgreementBatch(Wire):
    """Agreements that were handed in together, and how they stand."""

    id: UUID
    kind: str
    source: str
    agreements: int
    state: str
    proposed_by: str


class AgreementLife(Service):
    """What happens to an agreement between its signatures and its closing."""

    def linkage(self, reference: str, *, line: int | None = None) -> Linkage:
        """Return which lines could be linked and by which clause; of one, why not with others."""
        return Linkage.model_validate(self.get(f"/v1/agreements/{reference}/linkage", line=line))

    def inbox(self, *, limit: int | None = None) -> Any:
        """Return what waits for one's role and organisation, the soonest due first."""
        return self.get("/v1/inbox", limit=limit)

    def sign_together(self, body: Json) -> Any:
        """Sign many documents as one act: all of them, or none."""
        return self.post("/v1/agreement-signatures", body, key=str(uuid4()))

    def make_template(self, name: str, body: Json) -> Any:
        """Make the next version of a template of an agreement that all have signed."""
        return self.post(f"/v1/agreement-templates/{name}/versions", body)

    def issue_from_template(
        self,
        name: str,
        number: int,
        sheet: bytes,
        *,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Any:
        """Hand in to whom agreements are issued from a template: CSV or a workbook."""
        headers = {"Content-Type": "text/csv"} | ({"Idempotency-Key": key} if key else {})
        params = {"number": number, "dry_run": dry_run}
        path = f"/v1/agreement-templates/{name}/issues"
        return self.call("POST", path, content=sheet, headers=headers, params=params).json()

    def templates(self) -> Iterator[AgreementTemplate]:
        """List the templates, each version of them."""
        return self.pages("/v1/agreement-templates", AgreementTemplate)

    def import_in_force(self, body: Json, *, dry_run: bool = False, key: str | None = None) -> Any:
        """Hand in agreements that were signed elsewhere and are in force."""
        return self.post("/v1/agreements-in-force", body, key=key, dry_run=dry_run)

    def batches(self, *, state: str | None = None) -> Iterator[AgreementBatch]:
        """List what was handed in together."""
        return self.pages("/v1/agreement-batches", AgreementBatch, state=state)

    def batch(self, batch_id: Id) -> Any:
        """Return what was handed in together: each agreement that is planned, and who decided."""
        return self.get(f"/v1/agreement-batches/{batch_id}")

    def withdraw_batch(self, batch_id: Id, reason: str) -> Any:
        """Take back a batch that waits."""
        return self.post(f"/v1/agreement-batches/{batch_id}/withdrawal", {"reason": reason})

    def confirm_batch(self, batch_id: Id, reason: str) -> Any:
        """Let a batch of agreements be drafted, as the second person."""
        path = f"/v1/agreement-batches/{batch_id}/confirmation"
        return self.post(path, {"reason": reason})

    def document(self, reference: str, *, version: str | None = None) -> str:
        """Return the document for people (HTML): annexes A to G, to be read or printed."""
        params = {"format": "html"} | ({"version": version} if version else {})
        return self.call("GET", f"/v1/agreements/{reference}/document", params=params).text

    def differences(self, reference: str, *, former: str, later: str) -> Sequence[TermChange]:
        """Return in sentences what a version says otherwise than another one."""
        body = self.get(f"/v1/agreements/{reference}/differences", former=former, later=later)
        return [TermChange.model_validate(one) for one in body["differences"]]

    def may_share(self, reference: str, recipient: str, line: int) -> MayShare:
        """Ask whether data of a line may go on to an organisation; nothing is logged."""
        path = f"/v1/agreements/{reference}/onward-shares/permission"
        return MayShare.model_validate(self.get(path, recipient=recipient, line=line))

    def log_onward_share(
        self, reference: str, body: Json, *, key: str | None = None
    ) -> OnwardShare:
        """Log that data went on. Where no clause says so, this opens a breach."""
        path = f"/v1/agreements/{reference}/onward-shares"
        return OnwardShare.model_validate(self.post(path, body, key=key))

    def onward_shares(self, reference: str) -> Iterator[OnwardShare]:
        """List what was passed on under an agreement."""
        return self.pages(f"/v1/agreements/{reference}/onward-shares", OnwardShare)

    def find_places(self, reference: str, body: Json) -> Any:
        """Hold the places where an audit found data against the agreement."""
        return self.post(f"/v1/agreements/{reference}/place-findings", body)

    def preview_transfer(
        self, predecessor: str, successor: str, effective_from: str
    ) -> TransferPreview:
        """Return what a transfer instrument would move, before it is recorded."""
        asked = {
            "predecessor": predecessor,
            "successor": successor,
            "effective_from": effective_from,
        }
        return TransferPreview.model_validate(self.get("/v1/transfer-instruments/preview", **asked))

    def preview_csu_change(
        self, commissioner: str, former: str, following: str, effective_from: str
    ) -> Any:
        """Return what a change of CSU comes to, and what is missing yet."""
        asked = {"commissioner": commissioner, "former": former, "following": following}
        return self.get("/v1/relationships/csu-change", **asked, effective_from=effective_from)

    def record_transfer(self, body: Json, *, key: str | None = None) -> Transfer:
        """Record the instrument by which a predecessor's standing passes to its successor."""
        return Transfer.model_validate(self.post("/v1/transfer-instruments", body, key=key))

    def withdraw_transfer(self, instrument_id: Id, reason: str) -> Transfer:
        """Take back an instrument before its day."""
        path = f"/v1/transfer-instruments/{instrument_id}/withdrawal"
        return Transfer.model_validate(self.post(path, {"reason": reason}))

    def propose_domain_transfer(self, body: Json, *, key: str | None = None) -> DomainTransfer:
        """Propose that an agreement's tokens go on in another recipient environment."""
        return DomainTransfer.model_validate(self.post("/v1/domain-transfers", body, key=key))

    def domain_transfers(self, reference: str) -> Iterator[DomainTransfer]:
        """List the transfers of an agreement's pseudonym domains."""
        return self.pages("/v1/domain-transfers", DomainTransfer, agreement=reference)

    def domain_transfer(self, transfer_id: Id) -> DomainTransfer:
        """Return a transfer of pseudonym domains, and for whom it waits."""
        return DomainTransfer.model_validate(self.get(f"/v1/domain-transfers/{transfer_id}"))

    def agree_to_domain_transfer(self, transfer_id: Id) -> DomainTransfer:
        """Agree for one's own organisation, a controller of the agreement."""
        return DomainTransfer.model_validate(
            self.post(f"/v1/domain-transfers/{transfer_id}/agreement")
        )

    def put_domain_transfer_into_effect(self, transfer_id: Id) -> DomainTransfer:
        """Let tokens go on, once the former environment holds nothing any more."""
        return DomainTransfer.model_validate(
            self.post(f"/v1/domain-transfers/{transfer_id}/effect")
        )

    def withdraw_domain_transfer(self, transfer_id: Id, reason: str) -> DomainTransfer:
        """Take a transfer back before it is in effect."""
        path = f"/v1/domain-transfers/{transfer_id}/withdrawal"
        return DomainTransfer.model_validate(self.post(path, {"reason": reason}))

    def holdings(self) -> Iterator[HeldFile]:
        """List what is held under all of one's agreements, and what of it must go by when."""
        return self.pages("/v1/holdings", HeldFile)

    def holdings_statement(self) -> Any:
        """Return on one sheet what is held, and what must go by when; what goes first is first."""
        return self.get("/v1/holdings/statement")

    def destruction(self, reference: str) -> Destruction:
        """Return what is held under an agreement, and what was certified of it."""
        return Destruction.model_validate(self.get(f"/v1/agreements/{reference}/destruction"))

    def prefilled_certificate(self, reference: str) -> Sequence[HeldCopy]:
        """Return the copies that a certificate of destruction has to account for."""
        body = self.get(f"/v1/agreements/{reference}/destruction/certificate")
        return [HeldCopy.model_validate(copy) for copy in body["copies"]]

    def certify_destruction(
        self, reference: str, body: Json, *, key: str | None = None
    ) -> Destruction:
        """Hand in a certificate of destruction, of all copies or of a part."""
        path = f"/v1/agreements/{reference}/destruction/certificates"
        return Destruction.model_validate(self.post(path, body, key=key))

    def accept_destruction(self, reference: str, reason: str) -> Destruction:
        """Give one of the two acceptances that close the agreement."""
        path = f"/v1/agreements/{reference}/destruction/acceptances"
        return Destruction.model_validate(self.post(path, {"reason": reason}))
