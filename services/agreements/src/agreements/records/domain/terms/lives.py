"""The lives of contracts, agreements, breaches, holds, audits and transfers of domains.

docs/states.md is generated from these tables, and a test drives every move by every role and tries
every command in every state: what is not in a table changes no state. A move without a command is
made by the passing of time or by another's facts, so that no job has to run for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agreements.records.domain.agreement import AgreementState as A
from agreements.records.domain.breach import BreachState as B
from agreements.records.domain.contract import ContractState as C
from agreements.records.domain.oversight.audits import AuditState as U
from agreements.records.domain.parties.domain_transfer import DomainTransferState as D


class HoldState(StrEnum):
    OPEN = "OPEN"
    LIFTED = "LIFTED"


class Command(StrEnum):
    """A command by its route; who may send it is in docs/permissions.md."""

    SIGN_CONTRACT = "POST /v1/contracts/{reference}/signatures"
    END_CONTRACT = "POST /v1/contracts/{reference}/termination"
    SIGN = "POST /v1/agreements/{reference}/signatures"
    END = "POST /v1/agreements/{reference}/termination"
    HOLD = "POST /v1/agreements/{reference}/holds"
    ACCEPT = "POST /v1/agreements/{reference}/destruction/acceptances"
    FACTS = "POST /v1/breaches/{breach_id}/facts"
    FIND = "POST /v1/breaches/{breach_id}/finding"
    CLOSE = "POST /v1/breaches/{breach_id}/closure"
    LIFT = "POST /v1/holds/{hold_id}/lift-approvals"
    REPORT_AUDIT = "POST /v1/audits/{audit_id}/report"
    COMPLETE_ACTION = "POST /v1/audits/{audit_id}/actions/{number}/completion"
    PUBLISH_AUDIT = "POST /v1/audits/{audit_id}/publication"
    FOLLOW_UP = "POST /v1/audits/{audit_id}/follow-up"
    AGREE_TRANSFER = "POST /v1/domain-transfers/{transfer_id}/agreement"
    EFFECT_TRANSFER = "POST /v1/domain-transfers/{transfer_id}/effect"
    WITHDRAW_TRANSFER = "POST /v1/domain-transfers/{transfer_id}/withdrawal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A way from one state to the next. `command` is None where time or facts make it."""

    to: StrEnum
    why: str
    command: Command | None = None


Life = Mapping[StrEnum, tuple[Move, ...]]


def _ends(to: StrEnum, command: Command, why: str = "it is ended") -> Move:
    return Move(to=to, why=why, command=command)


_CONTRACT_ENDS = _ends(C.TERMINATED, Command.END_CONTRACT)
_CONTRACT_OVER = Move(to=C.EXPIRED, why="its last day is over")

CONTRACT: Life = {
    C.ISSUED: (
        Move(
            to=C.SIGNED_BY_ORGANISATION,
            why="the organisation signs",
            command=Command.SIGN_CONTRACT,
        ),
        _CONTRACT_OVER,
        _CONTRACT_ENDS,
    ),
    C.SIGNED_BY_ORGANISATION: (
        Move(to=C.SIGNED, why="the Body signs before its first day", command=Command.SIGN_CONTRACT),
        Move(to=C.IN_FORCE, why="the Body signs", command=Command.SIGN_CONTRACT),
        _CONTRACT_OVER,
        _CONTRACT_ENDS,
    ),
    C.SIGNED: (Move(to=C.IN_FORCE, why="its first day begins"), _CONTRACT_ENDS),
    C.IN_FORCE: (_CONTRACT_OVER, _CONTRACT_ENDS),
    C.EXPIRED: (),
    C.TERMINATED: (),
}

_TERMINATED = _ends(A.TERMINATED, Command.END)
_DUE_AT_ONCE = _ends(
    A.DESTRUCTION_DUE, Command.END, "it is ended, and files that were released are still held"
)
_OVER = (
    Move(to=A.LAPSED_HOLD, why="its last day is over, and a renewal was handed in before"),
    Move(to=A.EXPIRED, why="its last day is over"),
    Move(to=A.DESTRUCTION_DUE, why="its last day is over, and files are still held"),
)

AGREEMENT: Life = {
    A.AWAITING_SIGNATURE: (
        Move(to=A.SIGNED, why="the last signs before its first day", command=Command.SIGN),
        Move(to=A.ACTIVE, why="the last signs", command=Command.SIGN),
        Move(
            to=A.SUSPENDED, why="the last signs, and a controller has no contract",
            command=Command.SIGN,
        ),
        Move(to=A.CLOSED, why="its last day is over and nobody has signed"),
        _TERMINATED,
    ),
    A.SIGNED: (Move(to=A.ACTIVE, why="its first day begins"), _TERMINATED),
    A.ACTIVE: (
        Move(to=A.SUSPENDED, why="a hold stops all its lines", command=Command.HOLD),
        Move(to=A.SUSPENDED, why="a controller's contract is not in force any more"),
        *_OVER,
        _TERMINATED,
        _DUE_AT_ONCE,
    ),
    A.SUSPENDED: (
        Move(to=A.ACTIVE, why="the second person lifts the last hold", command=Command.LIFT),
        Move(to=A.ACTIVE, why="the controller's contract is in force"),
        *_OVER,
        _TERMINATED,
        _DUE_AT_ONCE,
    ),
    A.LAPSED_HOLD: (
        Move(to=A.ACTIVE, why="the last signs the renewal", command=Command.SIGN),
        Move(to=A.EXPIRED, why="the renewal is dropped, or its time is over"),
        Move(to=A.DESTRUCTION_DUE, why="the same, and files are still held"),
        _TERMINATED,
        _DUE_AT_ONCE,
    ),
    A.EXPIRED: (
        Move(to=A.ACTIVE, why="the last signs a renewal late", command=Command.SIGN),
        _TERMINATED,
    ),
    A.TERMINATED: (),
    A.DESTRUCTION_DUE: (
        Move(to=A.ACTIVE, why="the last signs a renewal late", command=Command.SIGN),
        Move(
            to=A.CLOSED,
            why="the second person accepts that all is destroyed",
            command=Command.ACCEPT,
        ),
    ),
    A.CLOSED: (),
}  # fmt: skip

BREACH: Life = {
    B.REPORTED: (
        Move(to=B.REPORTED, why="its facts are established", command=Command.FACTS),
        Move(to=B.JUDGED, why="a finding", command=Command.FIND),
    ),
    B.JUDGED: (
        Move(to=B.JUDGED, why="its facts are established", command=Command.FACTS),
        Move(to=B.JUDGED, why="another finding", command=Command.FIND),
        Move(to=B.CLOSED, why="it has facts and a finding, and a lesson", command=Command.CLOSE),
    ),
    B.CLOSED: (),
}

HOLD: Life = {
    HoldState.OPEN: (
        Move(to=HoldState.OPEN, why="one person wants it lifted", command=Command.LIFT),
        Move(to=HoldState.LIFTED, why="a second person does", command=Command.LIFT),
    ),
    HoldState.LIFTED: (),
}

_ACTION_DONE = "an action is done"

AUDIT: Life = {
    U.PLANNED: (
        Move(to=U.REPORTED, why="its findings are handed in", command=Command.REPORT_AUDIT),
    ),
    U.REPORTED: (
        Move(to=U.REPORTED, why=_ACTION_DONE, command=Command.COMPLETE_ACTION),
        Move(to=U.PUBLISHED, why="its report is published", command=Command.PUBLISH_AUDIT),
    ),
    U.PUBLISHED: (
        Move(to=U.PUBLISHED, why=_ACTION_DONE, command=Command.COMPLETE_ACTION),
        Move(to=U.PUBLISHED, why="actions are asked for again", command=Command.FOLLOW_UP),
        Move(to=U.CLOSED, why="every action is done", command=Command.FOLLOW_UP),
    ),
    U.CLOSED: (),
}

_TRANSFER_WITHDRAWN = _ends(D.WITHDRAWN, Command.WITHDRAW_TRANSFER, "it is taken back")

DOMAIN_TRANSFER: Life = {
    D.PROPOSED: (
        Move(to=D.AGREED, why="the last controller agrees", command=Command.AGREE_TRANSFER),
        _TRANSFER_WITHDRAWN,
    ),
    D.AGREED: (
        Move(
            to=D.IN_EFFECT,
            why="its day has come, and the former environment holds nothing any more",
            command=Command.EFFECT_TRANSFER,
        ),
        _TRANSFER_WITHDRAWN,
    ),
    D.IN_EFFECT: (),
    D.WITHDRAWN: (),
}

LIVES: Mapping[str, Life] = {
    "Framework contract (agreements)": CONTRACT,
    "Agreement (agreements)": AGREEMENT,
    "Breach (agreements)": BREACH,
    "Hold (agreements)": HOLD,
    "Audit (agreements)": AUDIT,
    "Transfer of pseudonym domains (agreements)": DOMAIN_TRANSFER,
}
