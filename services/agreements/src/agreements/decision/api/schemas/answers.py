"""What was decided, as it is answered: by the schema, and a yes to a request or a fetch at once.

Before every download, and every second while it runs, the same few members are answered. To check
one's own answer against its schema, member by member, takes several times what writing it does
(docs/performance.md). So it is written at once; the bytes are those of the schema, which a test
holds for answers of every kind. Whatever else is answered is written by the schema.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from agreements.decision.domain.permits import LIFETIME, GivenPermit
from agreements.decision.use_cases.asking import Answer
from common.errors import Refusal
from common.security.keys import PERMIT, KeyUse, Signer, issue_written
from statements.decision import Evaluation, EvaluationContext, GivenLease, RefusalView


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer to one question, with what signs the permit in it."""

    answer: Answer
    signer: Signer

    def evaluation(self) -> Evaluation:
        """Return it as its schema has it."""
        answer = self.answer
        permit, granted = answer.permit, answer.lease
        return Evaluation(
            decision=answer.permitted,
            context=EvaluationContext(
                id=answer.decision_id,
                epoch=answer.epoch,
                refusals=[refusal_of(r) for r in answer.refusals],
                on_behalf_of=list(answer.on_behalf_of) or None,
                agreement=answer.agreement,
                permit=None if permit is None else sign(permit, self.signer),
                permit_id=None if permit is None else permit.id,
                permit_expires_at=None if permit is None else permit.expires_at,
                holding_id=answer.holding_id,
                line=answer.line,
                terms=answer.terms,
                domain=answer.domain,
                match=answer.match,
                lease=None
                if granted is None
                else GivenLease(seconds=granted.seconds, until=granted.until),
            ),
        )

    def written(self) -> bytes:
        """Return it as it is answered: the bytes of its schema."""
        answer = self.answer
        permit, granted = answer.permit, answer.lease
        if not answer.permitted or (permit is None and granted is None) or _has_more(answer):
            return self.evaluation().model_dump_json(exclude_none=True).encode()
        # In the order of the schema; what is None is not there.
        told: dict[str, Any] = {"id": answer.decision_id, "epoch": answer.epoch, "refusals": ()}
        if answer.on_behalf_of:
            told["on_behalf_of"] = answer.on_behalf_of
        if answer.agreement is not None:
            told["agreement"] = answer.agreement
        if permit is not None:
            told["permit"] = sign(permit, self.signer)
            told["permit_id"] = permit.id
            told["permit_expires_at"] = permit.expires_at
        if answer.line is not None:
            told["line"] = answer.line
        if granted is not None:
            lease: dict[str, Any] = {"seconds": granted.seconds}
            if granted.until is not None:
                lease["until"] = granted.until
            told["lease"] = lease
        return orjson.dumps({"decision": True, "context": told}, option=orjson.OPT_UTC_Z)


def _has_more(answer: Answer) -> bool:
    """Whether it has what neither a request nor a fetch gives."""
    own = (answer.holding_id, answer.terms, answer.domain, answer.match)
    return any(one is not None for one in own)


def sign(permit: GivenPermit, signer: Signer, use: KeyUse = PERMIT) -> str:
    """Write the permit, or a preview of one, as the haven accepts it: `jti` is its id."""
    return issue_written(
        signer,
        use,
        permit.claims.encode(),
        jti=str(permit.id),
        at=permit.issued_at,
        lifetime=LIFETIME,
    )


def refusal_of(refusal: Refusal, remedy: str | None = None) -> RefusalView:
    return RefusalView(
        code=refusal.code, detail=refusal.detail, subject=refusal.subject, remedy=remedy
    )
