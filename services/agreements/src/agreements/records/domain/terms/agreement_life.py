"""The life of an agreement (domain.md 3.4, 3.7; ruling 8).

Its states follow from dates, signatures and facts of others: no job has to run for it to begin or
to end.
"""

from enum import StrEnum

from agreements.records.domain.errors import (
    AlreadySigned,
    CertificateIncomplete,
    HoldLifted,
    HoldNotFound,
    VersionLapsed,
    VersionSuperseded,
)
from common.errors import TransitionRefused
from common.lives import Life, Move


class AgreementState(StrEnum):
    """State of an agreement. SIGNED: everybody has signed, and its first day is still to come."""

    AWAITING_SIGNATURE = "AWAITING_SIGNATURE"
    SIGNED = "SIGNED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    LAPSED_HOLD = "LAPSED_HOLD"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"
    DESTRUCTION_DUE = "DESTRUCTION_DUE"  # over, and files that were released are still held
    CLOSED = "CLOSED"  # all that was released is destroyed; or never signed, and its term is over


class AgreementCommand(StrEnum):
    SIGN = "POST /v1/agreements/{reference}/signatures"
    END = "POST /v1/agreements/{reference}/termination"
    HOLD = "POST /v1/agreements/{reference}/holds"
    LIFT = "POST /v1/holds/{hold_id}/lift-approvals"
    ACCEPT = "POST /v1/agreements/{reference}/destruction/acceptances"


A = AgreementState
C = AgreementCommand
_TERMINATED = Move(to=A.TERMINATED, why="it is ended", command=C.END)
_DUE_AT_ONCE = Move(
    to=A.DESTRUCTION_DUE,
    why="it is ended, and files that were released are still held",
    command=C.END,
)
_OVER = (
    Move(to=A.LAPSED_HOLD, why="its last day is over, and a renewal was handed in before"),
    Move(to=A.EXPIRED, why="its last day is over"),
    Move(to=A.DESTRUCTION_DUE, why="its last day is over, and files are still held"),
)
_SIGNED_LATE = Move(to=A.ACTIVE, why="the last signs a renewal late", command=C.SIGN)
_NO_TERM_TO_SIGN = (AlreadySigned, VersionLapsed, VersionSuperseded, None)

AGREEMENT = Life(
    name="Agreement",
    begins=frozenset({A.AWAITING_SIGNATURE}),
    moves={
        A.AWAITING_SIGNATURE: (
            Move(to=A.SIGNED, why="the last signs before its first day", command=C.SIGN),
            Move(to=A.ACTIVE, why="the last signs", command=C.SIGN),
            Move(
                to=A.SUSPENDED,
                why="the last signs, and a controller has no contract",
                command=C.SIGN,
            ),
            Move(to=A.CLOSED, why="its last day is over and nobody has signed"),
            _TERMINATED,
        ),
        A.SIGNED: (Move(to=A.ACTIVE, why="its first day begins"), _TERMINATED),
        A.ACTIVE: (
            Move(to=A.SUSPENDED, why="a hold stops all its lines", command=C.HOLD),
            Move(to=A.SUSPENDED, why="a controller's contract is not in force any more"),
            *_OVER,
            _TERMINATED,
            _DUE_AT_ONCE,
        ),
        A.SUSPENDED: (
            Move(to=A.ACTIVE, why="the second person lifts the last hold", command=C.LIFT),
            Move(to=A.ACTIVE, why="the controller's contract is in force"),
            *_OVER,
            _TERMINATED,
            _DUE_AT_ONCE,
        ),
        A.LAPSED_HOLD: (
            Move(to=A.ACTIVE, why="the last signs the renewal", command=C.SIGN),
            Move(to=A.EXPIRED, why="the renewal is dropped, or its time is over"),
            Move(to=A.DESTRUCTION_DUE, why="the same, and files are still held"),
            _TERMINATED,
            _DUE_AT_ONCE,
        ),
        A.EXPIRED: (_SIGNED_LATE, _TERMINATED),
        A.TERMINATED: (),
        A.DESTRUCTION_DUE: (
            _SIGNED_LATE,
            Move(
                to=A.CLOSED,
                why="the second person accepts that all is destroyed",
                command=C.ACCEPT,
            ),
        ),
        A.CLOSED: (),
    },
    otherwise={
        C.SIGN: {
            A.SIGNED: _NO_TERM_TO_SIGN,
            A.ACTIVE: _NO_TERM_TO_SIGN,
            A.SUSPENDED: _NO_TERM_TO_SIGN,
            A.TERMINATED: (TransitionRefused, AlreadySigned),
            A.CLOSED: (TransitionRefused, AlreadySigned, VersionLapsed),
        },
        C.END: None,
        C.HOLD: None,
        C.LIFT: (HoldNotFound, HoldLifted, None),
        C.ACCEPT: (CertificateIncomplete, None),
    },
)
"""Another version may be signed in each state that is not over: an amendment. A hold may be set
on what is over: it holds again if a renewal is signed."""
