"""The two sides of a bridging file: each agreement judges all of it, by its own line.

What is asked, permitted, attested and held can be read from the other side, so that no clause has
to know of two agreements. What no one side can see is judged here: whether they are two domains of
one recipient environment, and whether these two have a bridging file already (docs/adr/0195).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.decide import Decision, Permission, decide
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.question import Fetch, Release, Request
from common.errors import Refusal
from statements.bridging import BridgedLine
from statements.permit import PermittedBridge


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of the two agreements is judged by."""

    facts: AgreementFacts
    present: Present


def seen_from_the_other(question: Request | Release | Fetch) -> Request | Release | Fetch | None:
    """Put the question to the other agreement; None where it is about no bridging file."""
    match question:
        case Request(request=request):
            if (other := request.bridge) is None:
                return None
            own = BridgedLine(agreement=request.agreement, **request.line._asdict())
            mirrored = replace(
                request, agreement=other.agreement, **other.line._asdict(), bridge=own
            )
            # What the haven would read was told of the own data set alone.
            return Request(asker=question.asker, request=mirrored)
        case Release(file=file, permit=permit):
            if file.bridge is None or permit.said.bridge is None:
                return None  # the clause of the attestation says that they differ
            said = permit.said.of_the_other()
            return replace(
                question, file=file.of_the_other(), permit=replace(permit, said=said, written="")
            )
        case Fetch(holding=holding):
            if holding.file.bridge is None:
                return None
            held = replace(
                holding,
                agreement=holding.file.bridge.agreement.reference,
                file=holding.file.of_the_other(),
            )
            return Fetch(asker=question.asker, holding=held)


def decide_both(
    question: Request | Release | Fetch, other: Request | Release | Fetch, own: Side, far: Side
) -> Decision:
    """Judge a bridging file by both agreements; every refusal of either is named."""
    mine = decide(question, own.facts, own.present)
    theirs = decide(other, far.facts, far.present)
    if isinstance(mine, Permission) and isinstance(theirs, Permission):
        between = tuple(_between(mine, theirs, own.present))
        return between or _both(mine, theirs)
    refusals = () if isinstance(mine, Permission) else mine
    if isinstance(theirs, Permission):
        return refusals
    return (*refusals, *(_of(far.facts.reference, one) for one in theirs))


def _of(agreement: str, one: Refusal) -> Refusal:
    """Say of which agreement a refusal is, where that is not the one that is asked by."""
    subject = agreement if one.subject is None else f"{agreement}: {one.subject}"
    return replace(one, subject=subject)


def _between(mine: Permission, theirs: Permission, present: Present) -> Iterator[Refusal]:
    """Judge what no one side can see.

    That both land in one recipient environment is said by the clause of either: a client belongs
    to one alone.
    """
    if mine.domain.id == theirs.domain.id:
        detail = "The two lines have one pseudonym domain: people have one token in both."
        yield refusal(Code.BRIDGING_SAME_DOMAIN, detail, theirs.agreement.reference)
    if mine.domain.opt_out != theirs.domain.opt_out or mine.opt_out_by != theirs.opt_out_by:
        detail = "Opt-outs are upheld in one of the two domains, or by another list than in it."
        yield refusal(Code.OPT_OUT_DIFFERENCING, detail, theirs.agreement.reference)
    if frozenset({mine.domain.id, theirs.domain.id}) in present.bridged:
        detail = "A bridging file of these two pseudonym domains was released before."
        yield refusal(Code.BRIDGING_FILE_GIVEN, detail, theirs.agreement.reference)


def _both(mine: Permission, theirs: Permission) -> Permission:
    return replace(
        mine,
        bridge=PermittedBridge(
            agreement=theirs.agreement,
            line=theirs.permitted_line,
            population=theirs.population,
            domain=theirs.domain,
            goes_on=theirs.goes_on,
            filters=theirs.filters,
            disclosure_rule=theirs.line.disclosure_rule or "",
        ),
        grounds=tuple(sorted({*mine.grounds, *theirs.grounds})),
        turns_at=min(mine.turns_at, theirs.turns_at),
    )
