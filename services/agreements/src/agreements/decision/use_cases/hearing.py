"""Hearing a batch of questions in one transaction.

Nothing is granted here that the pure decision did not allow, and nothing is answered before the
transaction that logs it is over.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from agreements.decision.domain.decide import (
    NOT_FOUND,
    Decision,
    Permission,
    acting_for,
    decide,
    not_as_sealed,
)
from agreements.decision.domain.facts import Facts, Present, Reservation
from agreements.decision.domain.held import HeldFile, to_be_void
from agreements.decision.domain.permits import GivenPermit, treatment_of
from agreements.decision.domain.question import (
    Action,
    Asker,
    Fetch,
    Holding,
    Landed,
    Release,
    Request,
    UnattestedRelease,
)
from agreements.decision.use_cases.asking import (
    Answer,
    Ask,
    AskFetch,
    AskRelease,
    AskRequest,
    DigestDiffers,
    EvidenceRefused,
    Outcome,
)
from agreements.decision.use_cases.ports import (
    Batch,
    DecisionLog,
    DecisionLogs,
    Fate,
    LoggedDecision,
    ReleasedFile,
)
from agreements.records.domain.events import FileVoided, VoidCause
from agreements.records.domain.hold import LineKey
from agreements.records.domain.leases import lease
from agreements.records.domain.terms.document import Terms, terms_of
from common.audit import Entry
from common.clock import Clock, legal_day
from common.ids import canonical, digest_of, new_id
from statements.attestation import Attestation
from statements.decision import RegisterTerms
from statements.line import AgreementVersion, Line, MapVersions
from statements.permit import OptOut, Permit, Population

BEHIND_MAX = timedelta(seconds=1)
"""Replicas read one clock at slightly different moments. A decision that comes less than this
behind the last one is made at the last one's instant, so that legal time never goes back."""


def hear(
    asks: Sequence[Ask], *, logs: DecisionLogs, clock: Clock, verdicts: "Verdicts"
) -> list[Outcome]:
    """Answer all of them in one transaction; the log has every answer before this returns.

    A question that cannot be judged for want of evidence has its error in its place.
    """
    with logs.writing() as tx:
        hearing = Hearing(asks, tx, clock, verdicts)
        outcomes = [hearing.heard(ask) for ask in asks]
        tx.append(hearing.batch)
    return outcomes


@dataclass(slots=True)
class Verdicts:
    """Permissions that still hold: a yes holds until a fact turns or the epoch does."""

    size_max: int = 10_000
    _epoch: int = -1
    _found: dict[Hashable, tuple[datetime, Permission]] = field(default_factory=dict)

    def find(self, asked: Hashable, *, epoch: int, at: datetime) -> Permission | None:
        """Return what was allowed to whoever asked just this, where that cannot have changed."""
        if epoch != self._epoch:
            self._found.clear()
            self._epoch = epoch
        since, permission = self._found.get(asked, (None, None))
        if since is None or permission is None or not since <= at < permission.turns_at:
            return None
        return permission

    def keep(self, asked: Hashable, permission: Permission, *, at: datetime) -> None:
        """Remember it, under the epoch that was last asked for."""
        if len(self._found) >= self.size_max:
            self._found.clear()
        self._found[asked] = (at, permission)


class Hearing:
    """One transaction's questions, heard one after the other, each seeing what the former took."""

    def __init__(
        self, asks: Sequence[Ask], tx: DecisionLog, clock: Clock, verdicts: Verdicts
    ) -> None:
        self.batch = Batch()
        self._tx = tx
        self._verdicts = verdicts
        self._rules = tx.rules()
        self._epoch = tx.epoch()
        self._last = tx.last_at()
        now = clock.now()  # after the snapshot began: what it shows was decided before
        is_near = self._last is not None and timedelta(0) < self._last - now <= BEHIND_MAX
        self._at = self._last if is_near and self._last is not None else now
        self._renewed = tx.decisions(
            {ask.renews for ask in asks if isinstance(ask, AskFetch) and ask.renews is not None}
        )
        self._released: dict[str, ReleasedFile] = {}
        self._lease_seconds = self._rules.lease_seconds(legal_day(self._at))

    def heard(self, ask: Ask) -> Outcome:
        self._tx.broken()  # what the question before left behind is not this one's
        try:
            match ask:
                case AskRequest():
                    return self._request(ask)
                case AskRelease():
                    return self._release(ask)
                case AskFetch():
                    return self._fetch(ask)
        except (EvidenceRefused, DigestDiffers) as error:
            return error

    # The three questions

    def _request(self, ask: AskRequest) -> Answer:
        asked = ask.request.claims()
        if ask.request_digest != digest_of(asked):
            raise DigestDiffers("`request_digest` does not match the request.")
        request = ask.request
        facts = self._tx.facts(request.agreement)
        question = Request(
            asker=ask.evidence.asker,
            agreement=request.agreement,
            key=LineKey(*request.line),
            periods=request.periods,
            fields=request.fields,
            formats=request.formats,
            landed=ask.landed,
        )
        present = replace(
            self._present(facts, request.data_set, request.periods),
            held=self._held_before(question, facts),
        )
        decision = self._decided(question, facts, present)
        decision_id = new_id()
        permit = None
        grants: dict[str, Any] = {}
        if isinstance(decision, Permission):
            permit = self._permit(ask, decision, decision_id, present)
            grants = {
                "permit": str(permit.id),
                "codes": list(permit.said.population.codes),
                "domain": permit.said.domain.id,
                "fields": {f.name: f.treatment for f in permit.said.fields},
                "maps": list(permit.said.population.map_versions.all),
                **({"caps": dict(permit.said.caps.columns)} if permit.said.caps else {}),
            }
        logged = self._log(
            ask,
            decision,
            decision_id=decision_id,
            agreement=request.agreement,
            who=question.asker,
            subject=request.extract_id,
            inputs={
                **{name: value for name, value in asked.items() if name != "agreement"},
                "request_digest": ask.request_digest,
                **_told(ask.landed),
            },
            grants=grants,
            token_digest=ask.evidence.token_digest,
        )
        return self._answer(logged, decision, permit=permit)

    def _permit(
        self, ask: AskRequest, allowed: Permission, decision_id: UUID, present: Present
    ) -> GivenPermit:
        """Permit, and take the opt-out treatment for each period in the same transaction."""
        line, request = allowed.line, ask.request
        said = Permit(
            id=new_id(),
            client_id=ask.evidence.principal.client_id,
            request_digest=ask.request_digest,
            extract_id=request.extract_id,
            decision_id=decision_id,
            epoch=self._epoch,
            agreement=allowed.agreement,
            line=Line(
                number=line.number,
                purpose=line.key.purpose,
                data_set=line.key.data_set,
                catalogue_version=line.catalogue_version,
                catalogue_digest=line.catalogue_digest,
                classification=line.key.classification,
                sensitivity=line.sensitivity,
            ),
            fields=allowed.fields,
            periods=request.periods,
            formats=request.formats,
            population=Population(
                rule=line.population_rule,
                codes=allowed.codes,
                reasons=line.reasons,
                map_versions=MapVersions(
                    practice=allowed.practice_maps, postcode=allowed.postcode_maps
                ),
            ),
            domain=allowed.domain,
            opt_out=OptOut(
                applied=line.opt_outs_applied,
                list_age_days_max=allowed.list_days_max,
                by=allowed.opt_out_by,
            ),
            disclosure_rule=line.disclosure_rule or "",
            caps=allowed.caps,
        )
        permit = GivenPermit(
            said=said,
            organisation=ask.evidence.principal.organisation,
            environment_id=allowed.environment_id,
            issued_at=self._at,
        )
        treatment = treatment_of(line.opt_outs_applied)
        for month in request.periods:
            place = (permit.environment_id, line.key.data_set, month)
            if place not in present.reserved:
                self.batch.reserved[place] = (treatment, permit.id, self._at)
        self.batch.permits.append(permit)
        return permit

    def _release(self, ask: AskRelease) -> Answer:
        known = self._released.get(ask.file_id) or self._tx.released(ask.file_id)
        file = ask.file
        if known is not None and file is not None and _is_same(known, ask, file):
            return self._released_before(known)
        permit = None if file is None else self._tx.permit(_uuid(file.permit_id))
        if known is not None:
            permit = None  # another file of the same name: nothing of ours was attested by it
        question = (
            UnattestedRelease(file_id=ask.file_id, extract_id=ask.extract_id)
            if file is None or permit is None
            else Release(file_id=ask.file_id, extract_id=ask.extract_id, file=file, permit=permit)
        )
        reference = "" if permit is None else permit.said.agreement.reference
        facts = self._tx.facts(reference)
        periods = () if file is None else file.periods
        data_set = "" if permit is None else permit.key.data_set
        present = self._present(facts, data_set, periods)
        if file is not None and permit is not None:
            present = replace(present, held=self._held_with(permit.environment_id, file))
        present = replace(present, broken=self._tx.broken())
        decision = decide(question, facts, present)
        decision_id = new_id()
        released = None
        void: tuple[UUID, ...] = ()
        if isinstance(decision, Permission) and file is not None and permit is not None:
            released = self._hold(ask, file, permit, decision, decision_id)
            void = to_be_void(file, present.held)
            self._make_void(h for h in present.held if h.holding_id in void)
        logged = self._log(
            ask,
            decision,
            decision_id=decision_id,
            agreement=reference,
            who=Asker(
                client_id="" if permit is None else permit.said.client_id,
                organisation="" if permit is None else permit.organisation,
            ),
            subject=ask.file_id,
            inputs={
                "extract_id": ask.extract_id,
                "permit": None if permit is None else str(permit.id),
                "attestation": ask.attestation_digest,
                "digest": None if file is None else file.file.digest,
            },
            grants={}
            if released is None
            else {
                "holding": str(released.holding.id),
                **({"void": [str(gone) for gone in void]} if void else {}),
            },
            token_digest=None,
        )
        return self._answer(logged, decision, released=released)

    def _make_void(self, gone: Iterable[HeldFile]) -> None:
        """Let the newer file take their places, and tell so."""
        for held in gone:
            self.batch.fates[held.holding_id] = (Fate.VOID, self._at)
            self.batch.voided.append(
                FileVoided(
                    holding_id=held.holding_id,
                    file_id=held.file.file_id,
                    extract_id=held.file.extract_id,
                    agreement=held.agreement,
                    cause=VoidCause.NEWER_FILE,
                    at=self._at,
                )
            )

    def _hold(
        self,
        ask: AskRelease,
        file: Attestation,
        permit: GivenPermit,
        allowed: Permission,
        decision_id: UUID,
    ) -> ReleasedFile:
        released = ReleasedFile(
            holding=Holding(
                id=new_id(),
                decision_id=decision_id,
                agreement=permit.said.agreement.reference,
                environment_id=permit.environment_id,
                file=file,
            ),
            permit_id=permit.id,
            version=allowed.agreement.version,
            document_hash=allowed.agreement.document_hash,
            line_number=allowed.line.number,
            client_id=permit.said.client_id,
            organisation=permit.organisation,
            holder=allowed.line.environment_organisation,
            attestation_digest=ask.attestation_digest,
            claims=ask.claims,
            released_at=self._at,
        )
        self.batch.released.append(released)
        self._released[ask.file_id] = released
        return released

    def _released_before(self, known: ReleasedFile) -> Answer:
        """The same file again is the same decision and the same holding."""
        return Answer(
            decision_id=known.holding.decision_id,
            epoch=self._epoch,
            at=known.released_at,
            permitted=True,
            agreement=AgreementVersion(
                reference=known.holding.agreement,
                version=known.version,
                document_hash=known.document_hash,
            ),
            holding_id=known.holding.id,
            line=known.line_number,
            terms=self._terms_then(known),
            on_behalf_of=acting_for(
                known.organisation, self._tx.facts(known.holding.agreement), known.released_at
            ),
        )

    def _terms_then(self, known: ReleasedFile) -> RegisterTerms | None:
        """Return the terms of the version by which the file was released, whatever is now."""
        facts = self._tx.facts(known.holding.agreement)
        versions = () if facts.agreement is None else facts.agreement.versions
        for version in versions:
            if version.document_hash == known.document_hash:
                document = facts.documents[version.id]
                for line in document.lines:
                    if isinstance(line, Terms) and line.number == known.line_number:
                        return terms_of(document.published, line)
        return None

    def _fetch(self, ask: AskFetch) -> Answer:
        former = None if ask.renews is None else self._renewed.get(ask.renews)
        who = _proven(ask, former)
        holding = self._tx.holding(ask.holding_id)
        if holding is None:
            refused = not_as_sealed(self._tx.broken()) or NOT_FOUND
            return self._fetched(ask, refused, who, agreement="", file_id=str(ask.holding_id))
        facts = self._tx.facts(holding.agreement)
        fate = self._fate(holding.id)
        present = replace(
            self._present(),
            is_void=fate is Fate.VOID,
            held=self._held_with(holding.environment_id, holding.file, but=holding.id)
            if fate is None
            else (),
        )
        decision = self._decided(Fetch(asker=who, holding=holding), facts, present)
        if fate is None and isinstance(decision, Permission):
            self.batch.fates[holding.id] = (Fate.FETCHED, self._at)
        if former is not None and self._goes_on(former, holding, who, decision):
            _, times = self.batch.renewed.get(former.id, (self._at, 0))
            self.batch.renewed[former.id] = (self._at, times + 1)
            return self._answer(former, decision)
        return self._fetched(
            ask, decision, who, agreement=holding.agreement, file_id=holding.file.file_id
        )

    def _fetched(
        self, ask: AskFetch, decision: Decision, who: Asker, *, agreement: str, file_id: str
    ) -> Answer:
        logged = self._log(
            ask,
            decision,
            decision_id=new_id(),
            agreement=agreement,
            who=who,
            subject=file_id,
            inputs={"delivery_id": ask.delivery_id, "holding": str(ask.holding_id)},
            grants={},
            token_digest=ask.token_digest,
        )
        return self._answer(logged, decision)

    def _goes_on(
        self, former: LoggedDecision, holding: Holding, who: Asker, decision: Decision
    ) -> bool:
        """Whether this only renews what was decided: same file, same asker, same facts."""
        return (
            isinstance(decision, Permission)
            and former.permitted
            and former.epoch == self._epoch
            and former.action == Action.FETCH.value
            and former.subject == holding.file.file_id
            and (former.client_id, former.organisation) == (who.client_id, who.organisation)
            and former.turns_at is not None
            and self._at < former.turns_at
        )

    # What they share

    def _decided(self, question: Request | Fetch, facts: Facts, present: Present) -> Decision:
        """Judge, unless the same was allowed under this epoch and no fact has turned since.

        What is allowed depends on the question, the facts, the reservations, what is held and the
        instant, and on nothing besides; so a yes to the same question is the same yes.
        """
        if broken := self._tx.broken():
            return decide(question, facts, replace(present, broken=broken))  # which says no
        if self._last is not None and self._at < self._last:
            return decide(question, facts, present)  # which says no: the clock is not trusted
        asked: Hashable = (
            (question.holding.id, question.asker, present.is_void, present.held)
            if isinstance(question, Fetch)
            else (question, frozenset(present.reserved.items()), present.held)
        )
        known = self._verdicts.find(asked, epoch=self._epoch, at=self._at)
        if known is not None:
            return known
        decision = decide(question, facts, present)
        if isinstance(decision, Permission):
            self._verdicts.keep(asked, decision, at=self._at)
        return decision

    def _fate(self, holding_id: UUID) -> Fate | None:
        """Return what became of a holding, in this batch or before."""
        now = self.batch.fates.get(holding_id)
        return self._tx.fate(holding_id) if now is None else now[0]

    def _held_with(
        self, environment_id: UUID, file: Attestation, *, but: UUID | None = None
    ) -> tuple[HeldFile, ...]:
        """Return what the environment was given of the file's months, and let nobody add to it."""
        if not file.opt_out.applied:
            return ()
        return self._held({environment_id}, file.line.data_set, file.periods, but=but, locked=True)

    def _held_before(self, question: Request, facts: Facts) -> tuple[HeldFile, ...]:
        """Return what was given of the months that are asked for, where it can count.

        Others may be given such files meanwhile: the release is judged again, and by then alone.
        """
        lines = [x for d in facts.documents.values() for x in d.lines_of(question.key)]
        upheld = any(isinstance(line, Terms) and line.opt_outs_applied for line in lines)
        if question.landed is None or not upheld:
            return ()
        environments = {e.id for e in facts.environments}
        return self._held(environments, question.key.data_set, question.periods, locked=False)

    def _held(
        self,
        environments: AbstractSet[UUID],
        data_set: str,
        months: Sequence[str],
        *,
        locked: bool,
        but: UUID | None = None,
    ) -> tuple[HeldFile, ...]:
        """Return what the environments were given of the months, in this batch too."""
        before = self._tx.held(environments, data_set, months, locked=locked)
        now = [
            HeldFile(
                holding_id=r.holding.id,
                agreement=r.holding.agreement,
                environment_id=r.holding.environment_id,
                file=r.holding.file,
                may_have_left=False,
            )
            for r in self.batch.released
            if r.holding.environment_id in environments and r.holding.file.line.data_set == data_set
        ]
        fates = self.batch.fates
        return tuple(
            replace(h, may_have_left=h.may_have_left or h.holding_id in fates)
            for h in (*before, *now)
            if h.holding_id != but and fates.get(h.holding_id, (None,))[0] is not Fate.VOID
        )

    def _present(
        self, facts: Facts | None = None, data_set: str = "", months: Sequence[str] = ()
    ) -> Present:
        """Return the clock and, for questions that take or need them, the reservations."""
        reserved: dict[Reservation, str] = {}
        if facts is not None:
            environments = [e.id for e in facts.environments]
            reserved |= self._tx.reserved(environments, data_set, months)
            taken = self.batch.reserved
            for place in [(e, data_set, m) for e in environments for m in months]:
                if place in taken:
                    reserved[place] = taken[place][0]
        return Present(at=self._at, last_decision_at=self._last, reserved=reserved)

    def _log(
        self,
        ask: Ask,
        decision: Decision,
        *,
        decision_id: UUID,
        agreement: str,
        who: Asker,
        subject: str,
        inputs: Mapping[str, Any],
        grants: Mapping[str, Any],
        token_digest: str | None,
    ) -> LoggedDecision:
        allowed = decision if isinstance(decision, Permission) else None
        acting = self._acting_for(who, agreement, decision)
        logged = LoggedDecision(
            id=decision_id,
            at=self._at,
            epoch=self._epoch,
            action=ask.action.value,
            permitted=allowed is not None,
            agreement=agreement,
            version=None if allowed is None else allowed.agreement.version,
            document_hash=None if allowed is None else allowed.agreement.document_hash,
            line=None if allowed is None else allowed.line.number,
            client_id=who.client_id,
            organisation=who.organisation,
            capacity=None if allowed is None else allowed.capacity,
            asked_by=ask.asked_by.client_id,
            subject=subject,
            inputs=_json(inputs),
            outcome=_json(_outcome(decision, grants, acting)),
            rules=self._rules.digest,
            turns_at=None if allowed is None else allowed.turns_at,
            token_digest=token_digest,
            renews=ask.renews if isinstance(ask, AskFetch) else None,
        )
        self.batch.decisions.append(logged)
        self.batch.audit.append(_entry(logged, ask, decision, acting))
        return logged

    def _acting_for(self, who: Asker, agreement: str, decision: Decision) -> tuple[str, ...]:
        if isinstance(decision, Permission):
            return decision.on_behalf_of
        if decision == NOT_FOUND:
            return ()  # a stranger has nobody to act for, and learns of no controller
        facts = self._tx.facts(agreement)
        return acting_for(who.organisation, facts, self._at)

    def _answer(
        self,
        logged: LoggedDecision,
        decision: Decision,
        *,
        permit: GivenPermit | None = None,
        released: ReleasedFile | None = None,
    ) -> Answer:
        if not isinstance(decision, Permission):
            return Answer(
                decision_id=logged.id,
                epoch=self._epoch,
                at=self._at,
                permitted=False,
                refusals=decision,
                on_behalf_of=self._acting_for(
                    Asker(client_id=logged.client_id, organisation=logged.organisation),
                    logged.agreement,
                    decision,
                ),
            )
        return Answer(
            decision_id=logged.id,
            epoch=self._epoch,
            at=self._at,
            permitted=True,
            agreement=decision.agreement,
            permit=permit,
            holding_id=None if released is None else released.holding.id,
            line=decision.line.number,
            terms=None if released is None else terms_of(decision.published, decision.line),
            on_behalf_of=decision.on_behalf_of,
            lease=lease(self._at, seconds=self._lease_seconds, turns_at=decision.turns_at)
            if logged.action == Action.FETCH.value
            else None,
        )


def _proven(ask: AskFetch, former: LoggedDecision | None) -> Asker:
    """Say who fetches: by a token of now, or by the very token that the first decision rests on.

    A stream outlives the token that began it; whoever renews it with that token is the same.
    """
    if ask.evidence is not None:
        if ask.evidence.principal.client_id != ask.client_id:
            raise EvidenceRefused("The token is another client's than the one that is named.")
        return ask.evidence.asker
    if (
        former is not None
        and former.permitted
        and former.action == Action.FETCH.value
        and former.client_id == ask.client_id
        and former.token_digest == ask.token_digest
    ):
        return Asker(client_id=former.client_id, organisation=former.organisation)
    raise EvidenceRefused("The caller's token is not accepted, and there is nothing to go on with.")


def _is_same(known: ReleasedFile, ask: AskRelease, file: Attestation) -> bool:
    """Whether the file was released before: the same name, bytes, permit and extract."""
    held = known.holding.file
    return (held.file_id, held.file.digest, held.permit_id, held.extract_id) == (
        ask.file_id,
        file.file.digest,
        file.permit_id,
        ask.extract_id,
    ) and file.file_id == ask.file_id


def _uuid(text: str) -> UUID:
    """Read an id that others wrote; what is none is nobody's."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _outcome(
    decision: Decision, grants: Mapping[str, Any], acting: Sequence[str]
) -> Mapping[str, Any]:
    if not isinstance(decision, Permission):
        return {"refusals": [r.as_json() for r in decision], "on_behalf_of": list(acting)}
    return {
        "grounds": list(decision.grounds),
        "on_behalf_of": list(decision.on_behalf_of),
        "environment": str(decision.environment_id),
        **grants,
    }


def _entry(logged: LoggedDecision, ask: Ask, decision: Decision, acting: Sequence[str]) -> Entry:
    """Return the audit leaf: who asked for what, and a digest that binds the logged row to it."""
    evidence = None if isinstance(ask, AskRelease) else ask.evidence
    return Entry(
        at=logged.at,
        action=f"{logged.action}-{'permitted' if logged.permitted else 'refused'}",
        resource=f"agreements/{logged.agreement}",
        subject=logged.client_id if evidence is None else evidence.principal.subject,
        client_id=logged.client_id,
        organisation=logged.organisation,
        role=str(ask.asked_by.role if evidence is None else evidence.principal.role),
        on_behalf_of=",".join(acting) or None,
        decision_id=str(logged.id),
        detail={
            "about": logged.subject,
            "epoch": logged.epoch,
            "line": logged.line,
            "codes": [] if isinstance(decision, Permission) else [r.code for r in decision],
            "decision": logged.digest,
            # A stream that goes on under a new epoch is no delivery of its own.
            **({} if logged.renews is None else {"renews": str(logged.renews)}),
        },
    )


def _told(landed: Landed | None) -> Mapping[str, Any]:
    """Log what was told of the haven; of its editions, which are many, the digest."""
    if landed is None:
        return {}
    editions: dict[str, JsonValue] = {month: [*sorted(ids)] for month, ids in landed.editions}
    return {"landed": {"lists": sorted(landed.lists), "editions": digest_of(editions)}}


def _json(value: Mapping[str, Any]) -> str:
    """Write it so that equal values are equal texts."""
    return canonical(dict(value)).decode()
