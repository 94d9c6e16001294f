"""One transaction's decisions: what they read and write together.

Nothing is granted here that the pure decision did not allow, and nothing is answered before the
transaction that logs it is over.
"""

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from agreements.decision.domain.decide import (
    NOT_FOUND,
    Decision,
    Permission,
    acting_for,
)
from agreements.decision.domain.facts import AgreementFacts, Present, Reservation
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Action, Asker
from agreements.decision.use_cases.asking import Answer, Ask, AskFetch, AskRelease
from agreements.decision.use_cases.permission_cache import (
    PermissionCache,
    PermissionTexts,
    Written,
    joined,
)
from agreements.decision.use_cases.ports import (
    Batch,
    DecisionLog,
    Fate,
    LoggedDecision,
    ReleasedFile,
)
from agreements.records.domain.leases import lease
from common.audit import Entry
from common.clock import Clock, legal_day
from common.errors import Refusal
from common.ids import canonical
from statements.attestation import Attestation
from statements.decision import GivenMatch
from statements.document import terms_of
from statements.vocabulary import Classification, LineKey

BEHIND_MAX = timedelta(seconds=1)
"""Replicas read one clock at slightly different moments. A decision that comes less than this
behind the last one is made at the last one's instant, so that legal time never goes back."""
NOTHING_RESERVED: Mapping[Reservation, str] = {}


class DecisionBatch:
    """The questions of one transaction, decided one after the other.

    Each sees what those before it took. `written` is what all of them write.
    """

    def __init__(
        self, asks: Sequence[Ask], tx: DecisionLog, clock: Clock, cache: PermissionCache
    ) -> None:
        self.written = Batch()
        self.tx = tx
        self.epoch = tx.epoch()
        self.renewed = tx.decisions(
            {ask.renews for ask in asks if isinstance(ask, AskFetch) and ask.renews is not None}
        )
        """Decisions that questions of this batch go on from."""
        self.released: dict[str, ReleasedFile] = {}
        """Files that this batch released, by their ids."""
        self._all_taken: dict[
            tuple[int, str, tuple[str, ...]], tuple[AgreementFacts, Mapping[Reservation, str]]
        ] = {}
        """Treatments of places of which none is free: what was taken stays so. With whose facts
        these are, so that no others have their identity."""
        self._cache = cache
        self._rules = tx.rules()
        self._last = tx.last_at()
        now = clock.now()  # after the snapshot began: what it shows was decided before
        is_near = self._last is not None and timedelta(0) < self._last - now <= BEHIND_MAX
        self.at = self._last if is_near and self._last is not None else now
        self._lease_seconds = self._rules.lease_seconds(legal_day(self.at))
        self.order_days_max = self._rules.order_days_max(legal_day(self.at))
        """How old the proof of who asks may be, where a standing order is carried out."""

    # What a decision rests on besides facts

    def reserved(
        self, facts: AgreementFacts, data_set: str, months: Sequence[str]
    ) -> Mapping[Reservation, str]:
        """Return the opt-out treatments that were taken, in this batch too."""
        asked = (id(facts), data_set, tuple(months))
        known = self._all_taken.get(asked)
        if known is not None:
            return known[1]
        environments = [e.id for e in facts.environments]
        reserved = dict(self.tx.reserved(environments, data_set, months))
        taken = self.written.reserved
        places = {(e, data_set, m) for e in environments for m in months}
        for place in places:
            if place in taken:
                reserved[place] = taken[place][0]
        if reserved.keys() == places:
            self._all_taken[asked] = facts, reserved
        return reserved

    def present(
        self,
        *,
        reserved: Mapping[Reservation, str] = NOTHING_RESERVED,
        held: tuple[HeldFile, ...] = (),
        elsewhere: tuple[HeldFile, ...] = (),
        is_void: bool = False,
        bridged: frozenset[frozenset[str]] = frozenset(),
    ) -> Present:
        """Return the clock, and what else was read for a question; so it is called last."""
        return Present(
            at=self.at,
            last_decision_at=self._last,
            reserved=reserved,
            held=held,
            elsewhere=elsewhere,
            broken=self.tx.broken(),
            is_void=is_void,
            bridged=bridged,
        )

    def bridged(
        self, one: str, other: str, *, locked: bool, but_extract: str | None = None
    ) -> frozenset[frozenset[str]]:
        """Return between which domains of the two agreements others were given bridging files."""
        now = [r.holding for r in self.written.released]
        return frozenset(
            frozenset({holding.file.domain, holding.file.bridge.domain})
            for holding in (*self.tx.bridging_files(one, other, locked=locked), *now)
            if holding.file.bridge is not None and holding.file.extract_id != but_extract
        )

    def remembered(self, asked: Hashable, present: Present) -> Permission | None:
        """Return the permission of the same question, where nothing it rests on has changed.

        What is allowed depends on the question, the facts, the reservations, what is held and the
        instant, and on nothing besides; so a yes to the same question is the same yes. Where the
        clock or a seal is not trusted there is none: the decision says so.
        """
        if present.broken or (self._last is not None and self.at < self._last):
            return None
        return self._cache.find(asked, epoch=self.epoch, at=self.at)

    def remember(self, asked: Hashable, decision: Decision) -> None:
        if isinstance(decision, Permission):
            self._cache.keep(asked, decision, at=self.at)

    def texts(self, permission: Permission) -> PermissionTexts:
        """Return what is written of a permission, which most questions get again and again."""
        return self._cache.texts(permission)

    def fate(self, holding_id: UUID) -> Fate | None:
        """Return what became of a holding, in this batch or before."""
        now = self.written.fates.get(holding_id)
        return self.tx.fate(holding_id) if now is None else now[0]

    def held_with(
        self,
        environment_id: UUID,
        file: Attestation,
        facts: AgreementFacts,
        *,
        but: UUID | None = None,
        locked: bool = True,
    ) -> tuple[HeldFile, ...]:
        """Return what the environment was given of the file's months; nobody adds to it then.

        Of its data set and of those that are linked with it.
        """
        if not file.opt_out.applied:
            return ()
        data_sets = facts.linked_with(file.line.data_set)
        return self.held({environment_id}, data_sets, file.periods, but=but, locked=locked)

    def held(
        self,
        environments: AbstractSet[UUID],
        data_sets: AbstractSet[str],
        months: Sequence[str],
        *,
        locked: bool,
        but: UUID | None = None,
    ) -> tuple[HeldFile, ...]:
        """Return what the environments were given of the months, in this batch too."""
        before = [
            one
            for data_set in sorted(data_sets)
            for one in self.tx.held(environments, data_set, months, locked=locked)
        ]
        now = [
            HeldFile(
                holding_id=r.holding.id,
                agreement=r.holding.agreement,
                environment_id=r.holding.environment_id,
                file=r.holding.file,
                may_have_left=False,
            )
            for r in self.written.released
            if r.holding.environment_id in environments
            and r.holding.file.line.data_set in data_sets
        ]
        fates = self.written.fates
        return tuple(
            replace(h, may_have_left=h.may_have_left or h.holding_id in fates)
            for h in (*before, *now)
            if h.holding_id != but and fates.get(h.holding_id, (None,))[0] is not Fate.VOID
        )

    def elsewhere(
        self,
        environment_id: UUID | None,
        key: LineKey,
        months: Sequence[str],
        *,
        locked: bool,
    ) -> tuple[HeldFile, ...]:
        """Return files that name people which other environments were given, with who has them.

        None where a file of the line names nobody itself.
        """
        if key.classification != Classification.IDENTIFIABLE:
            return ()
        there = {*self.tx.naming_people(key.data_set, locked=locked)}
        there |= {r.holding.environment_id for r in self.written.released}
        held = self.held(there - {environment_id}, {key.data_set}, months, locked=locked)
        return tuple(
            replace(h, party=self.tx.facts(h.agreement).party(h.environment_id, self.at))
            for h in held
            if h.names_people
        )

    # What is logged and answered

    def log(
        self,
        ask: Ask,
        decision: Decision,
        *,
        decision_id: UUID,
        agreement: str,
        who: Asker,
        subject: str,
        inputs: Written,
        grants: Written,
        token_digest: str | None,
    ) -> LoggedDecision:
        """Write the decision into the log and its leaf into the audit log."""
        allowed = decision if isinstance(decision, Permission) else None
        acting = self._acting_for(who, agreement, decision)
        logged = LoggedDecision(
            id=decision_id,
            at=self.at,
            epoch=self.epoch,
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
            inputs=joined(inputs),
            outcome=_refused(decision, acting)
            if not isinstance(decision, Permission)
            else self.texts(decision).outcome_with(grants),
            rules=self._rules.digest,
            turns_at=None if allowed is None else allowed.turns_at,
            token_digest=token_digest,
            renews=ask.renews if isinstance(ask, AskFetch) else None,
        )
        self.written.decisions.append(logged)
        self.written.audit.append(_entry(logged, ask, decision, acting))
        return logged

    def answer(
        self,
        logged: LoggedDecision,
        decision: Decision,
        *,
        permit: GivenPermit | None = None,
        released: ReleasedFile | None = None,
        domain: str | None = None,
        match: GivenMatch | None = None,
    ) -> Answer:
        """Return the answer to a logged decision, with what it gives."""
        if not isinstance(decision, Permission):
            return Answer(
                decision_id=logged.id,
                epoch=self.epoch,
                at=self.at,
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
            epoch=self.epoch,
            at=self.at,
            permitted=True,
            agreement=decision.agreement,
            permit=permit,
            holding_id=None if released is None else released.holding.id,
            line=decision.line.number,
            terms=None if released is None else terms_of(decision.published, decision.line),
            on_behalf_of=decision.on_behalf_of,
            domain=domain,
            match=match,
            lease=lease(self.at, seconds=self._lease_seconds, turns_at=decision.turns_at)
            if logged.action == Action.FETCH.value
            else None,
        )

    def _acting_for(self, who: Asker, agreement: str, decision: Decision) -> tuple[str, ...]:
        if isinstance(decision, Permission):
            return decision.on_behalf_of
        if decision == NOT_FOUND:
            return ()  # a stranger has nobody to act for, and learns of no controller
        return acting_for(who.organisation, self.tx.facts(agreement), self.at)


def _refused(decision: Sequence[Refusal], acting: Sequence[str]) -> str:
    return _json({"refusals": [r.as_json() for r in decision], "on_behalf_of": list(acting)})


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
            "row": logged.row_digest,
            # A stream that goes on under a new epoch is no delivery of its own.
            **({} if logged.renews is None else {"renews": str(logged.renews)}),
        },
    )


def _json(value: Mapping[str, Any]) -> str:
    """Write it so that equal values are equal texts."""
    return canonical(dict(value)).decode()
