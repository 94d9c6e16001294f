"""What is asked for, with the evidence of who asks, and what is answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Action, Asker, Landed
from agreements.records.domain.leases import Lease
from common.errors import Refusal
from common.ids import digest
from common.security.principal import Principal
from statements.attestation import Attestation, AttestedFile
from statements.decision import GivenMatch, RegisterTerms
from statements.line import AgreementVersion
from statements.question import SentObject
from statements.request import ExtractRequest
from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Who asks, by their own verified token."""

    principal: Principal
    token_digest: str

    @property
    def asker(self) -> Asker:
        return Asker(client_id=self.principal.client_id, organisation=self.principal.organisation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Who asks, by a decision that was given on a token of theirs."""

    client_id: str
    decision_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest:
    action: ClassVar[Action] = Action.REQUEST
    asked_by: Principal
    evidence: Evidence | None
    """None where a standing order is carried out: then `earlier` says who asks."""
    extract_id: str
    request: ExtractRequest
    """What is asked for, of no extract in particular: extract after extract asks for the same."""
    request_digest: str
    """Of it and the extract's id."""
    landed: Landed | None = None
    """What the haven would read today, where dissemination could ask it."""
    earlier: "Earlier | None" = None
    places_order: bool = False
    """It is logged that the client asked, and no permit is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRelease:
    action: ClassVar[Action] = Action.RELEASE
    asked_by: Principal
    file_id: str
    extract_id: str
    file: Attestation | None
    claims: str
    """Canonical JSON: what the haven attests; empty where it is not genuine."""
    attestation_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFetch:
    action: ClassVar[Action] = Action.FETCH
    asked_by: Principal
    client_id: str
    evidence: Evidence | None
    """None where the token is no longer accepted: then only a decision of its own can go on."""
    token_digest: str
    holding_id: UUID
    delivery_id: str
    renews: UUID | None
    sends: SentObject | None = None
    """The object that dissemination would send."""

    def sends_another(self, file: AttestedFile) -> bool:
        """Say whether that is not the object which was released."""
        return self.sends is not None and (
            self.sends.object,
            self.sends.bytes,
            self.sends.digest,
        ) != (digest(file.object_key.encode()), file.bytes, file.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReidentify:
    action: ClassVar[Action] = Action.REIDENTIFY
    asked_by: Principal
    evidence: Evidence
    agreement: str
    key: LineKey
    request_id: str
    people: int
    """How many tokens are asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMatch:
    action: ClassVar[Action] = Action.MATCH
    asked_by: Principal
    evidence: Evidence
    request: ExtractRequest
    """Of one month, for no field and in no format: nothing leaves but yes or no."""
    people: int
    """How many NHS numbers are asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReturnScores:
    action: ClassVar[Action] = Action.RETURN_SCORES
    asked_by: Principal
    evidence: Evidence
    request: ExtractRequest
    """Of one month, for no field and in no format: nothing leaves."""
    people: int
    """How many people are scored."""


Ask = AskRequest | AskRelease | AskFetch | AskReidentify | AskMatch | AskReturnScores


@dataclass(slots=True, kw_only=True)
class Answer:
    """What was decided, and what it gives. Nobody changes it; not frozen, as `LoggedDecision`."""

    decision_id: UUID
    epoch: int
    at: datetime
    permitted: bool
    refusals: tuple[Refusal, ...] = ()
    agreement: AgreementVersion | None = None
    permit: GivenPermit | None = None
    holding_id: UUID | None = None
    line: int | None = None
    terms: RegisterTerms | None = None
    """Of a release: what the version that was judged says for the register."""
    on_behalf_of: tuple[str, ...] = ()
    """The controllers in whose name the asker acts, where it is none of them; of a no as well."""

    lease: Lease | None = None
    domain: str | None = None
    """Of a re-identification, and of scores: the pseudonym domain whose tokens lead back."""
    match: GivenMatch | None = None
    """Of a match: whose people count."""


AnswerOrError = Answer | Exception
"""An answer, or why none could be given."""
