"""Decides whether a prepared file may be released. Yes is a holding."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from agreements.decision.domain.bridging import Side, decide_both, seen_from_the_other
from agreements.decision.domain.decide import Decision, Permission, acting_for, decide
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.held import HeldFile, to_be_void
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Asker, Holding, Release, UnattestedRelease
from agreements.decision.use_cases.asking import Answer, AskRelease
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.ports import DecisionLog, Fate, ReleasedFile
from agreements.records.domain.events import FileVoided, VoidCause
from common.ids import new_id
from statements.attestation import Attestation
from statements.decision import RegisterTerms
from statements.document import Terms, terms_of
from statements.line import AgreementVersion


def decide_release(ask: AskRelease, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision, the holding, and what it makes void."""
    known = batch.released.get(ask.file_id) or tx.released(ask.file_id)
    file = ask.file
    if known is not None and file is not None and _is_same(known, ask, file):
        return _released_before(known, batch, tx)
    permit = None if file is None else tx.permit(_uuid(file.permit_id))
    if known is not None:
        permit = None  # another file of the same name: nothing of ours was attested by it
    question = (
        UnattestedRelease(file_id=ask.file_id, extract_id=ask.extract_id)
        if file is None or permit is None
        else Release(file_id=ask.file_id, extract_id=ask.extract_id, file=file, permit=permit)
    )
    reference = "" if permit is None else permit.said.agreement.reference
    facts = tx.facts(reference)
    periods = () if file is None else file.periods
    data_set = "" if permit is None else permit.key.data_set
    reserved = batch.reserved(facts, data_set, periods)
    held = (
        ()
        if file is None or permit is None
        else batch.held_with(permit.environment_id, file, facts)
    )
    other = seen_from_the_other(question) if isinstance(question, Release) else None
    if isinstance(question, Release) and isinstance(other, Release):
        present, decision = _of_both(question, other, facts, batch, tx)
    else:
        elsewhere = (
            ()
            if permit is None
            else batch.elsewhere(permit.environment_id, permit.key, periods, locked=True)
        )
        present = batch.present(reserved=reserved, held=held, elsewhere=elsewhere)
        decision = decide(question, facts, present)
    decision_id = new_id()
    released = None
    void: tuple[UUID, ...] = ()
    if isinstance(decision, Permission) and file is not None and permit is not None:
        released = _hold(ask, file, permit, decision, decision_id, batch)
        void = to_be_void(file, present.held)
        _make_void((h for h in present.held if h.holding_id in void), batch)
    logged = batch.log(
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
    return batch.answer(logged, decision, released=released)


def _of_both(
    question: Release, other: Release, facts: AgreementFacts, batch: DecisionBatch, tx: DecisionLog
) -> tuple[Present, Decision]:
    """Decide about a bridging file, by both agreements; nobody else releases one meanwhile."""
    own, far = question.permit, other.permit
    references = own.said.agreement.reference, far.said.agreement.reference
    bridged = batch.bridged(*references, but_extract=question.extract_id, locked=True)
    theirs = tx.facts(references[1])
    reserved = {
        **batch.reserved(facts, own.key.data_set, question.file.periods),
        **batch.reserved(theirs, far.key.data_set, other.file.periods),
    }
    held = batch.held_with(own.environment_id, question.file, facts)
    theirs_held = batch.held_with(own.environment_id, other.file, theirs)
    # Last, since it says what of all that was read is not as it was sealed.
    present = batch.present(reserved=reserved, held=held, bridged=bridged)
    decision = decide_both(
        question,
        other,
        Side(facts=facts, present=present),
        Side(facts=theirs, present=replace(present, held=theirs_held)),
    )
    return present, decision


def _make_void(gone: Iterable[HeldFile], batch: DecisionBatch) -> None:
    """Write that the newer file takes their places, and the events that say so."""
    for held in gone:
        batch.written.fates[held.holding_id] = (Fate.VOID, batch.at)
        batch.written.voided.append(
            FileVoided(
                holding_id=held.holding_id,
                file_id=held.file.file_id,
                extract_id=held.file.extract_id,
                agreement=held.agreement,
                cause=VoidCause.NEWER_FILE,
                at=batch.at,
            )
        )


def _hold(
    ask: AskRelease,
    file: Attestation,
    permit: GivenPermit,
    allowed: Permission,
    decision_id: UUID,
    batch: DecisionBatch,
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
        released_at=batch.at,
    )
    batch.written.released.append(released)
    batch.released[ask.file_id] = released
    return released


def _released_before(known: ReleasedFile, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Return the answer of the first release: the same file again is the same holding."""
    return Answer(
        decision_id=known.holding.decision_id,
        epoch=batch.epoch,
        at=known.released_at,
        permitted=True,
        agreement=AgreementVersion(
            reference=known.holding.agreement,
            version=known.version,
            document_hash=known.document_hash,
        ),
        holding_id=known.holding.id,
        line=known.line_number,
        terms=_terms_then(known, tx),
        on_behalf_of=acting_for(
            known.organisation, tx.facts(known.holding.agreement), known.released_at
        ),
    )


def _terms_then(known: ReleasedFile, tx: DecisionLog) -> RegisterTerms | None:
    """Return the terms of the version by which the file was released, whatever is now."""
    facts = tx.facts(known.holding.agreement)
    versions = () if facts.agreement is None else facts.agreement.versions
    for version in versions:
        if version.document_hash == known.document_hash:
            document = facts.documents[version.id]
            for line in document.lines:
                if isinstance(line, Terms) and line.number == known.line_number:
                    return terms_of(document.published, line)
    return None


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
