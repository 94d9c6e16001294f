"""The life of a relationship, its end by a date included, and of consent to its publication."""

from enum import StrEnum

from common.errors import TransitionRefused
from common.lives import Answer, Life, Move


class RelationshipState(StrEnum):
    REQUESTED = "REQUESTED"
    CONTRACT_VERIFIED = "CONTRACT_VERIFIED"
    DSCRO_AGREED = "DSCRO_AGREED"
    ACTIVE_UNPUBLISHED = "ACTIVE_UNPUBLISHED"
    ACTIVE_PUBLISHED = "ACTIVE_PUBLISHED"
    ENDING = "ENDING"
    ENDED = "ENDED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class RelationshipCommand(StrEnum):
    VERIFY_CONTRACT = "POST /v1/relationships/{relationship_id}/contract-verification"
    AGREE = "POST /v1/relationships/{relationship_id}/dscro-agreement"
    ACTIVATE = "POST /v1/relationships/{relationship_id}/activation"
    REFUSE = "POST /v1/relationships/{relationship_id}/refusal"
    WITHDRAW = "POST /v1/relationships/{relationship_id}/withdrawal"
    END = "POST /v1/relationships/{relationship_id}/ending"


_R = RelationshipState
_C = RelationshipCommand
_REFUSED = Move(to=_R.REFUSED, why="the Body refuses it", command=_C.REFUSE)
_WITHDRAWN = Move(to=_R.WITHDRAWN, why="whoever asked takes it back", command=_C.WITHDRAW)
_ENDS = (
    Move(to=_R.ENDING, why="it is given a last day", command=_C.END),
    Move(to=_R.ENDED, why="it is given a last day that is over", command=_C.END),
    Move(to=_R.ENDING, why="one that takes its place is activated, which begins later"),
    Move(to=_R.ENDED, why="one that takes its place is activated, which has begun"),
)


def _but_where(*stays: RelationshipState, by: RelationshipCommand) -> dict[_R, Answer]:
    """Return the answers to a command: it is done already in some states, and refused in others."""
    others = [s for s, moves in _MOVES.items() if all(m.command != by for m in moves)]
    return {state: None if state in stays else TransitionRefused for state in others}


_MOVES: dict[_R, tuple[Move[_R], ...]] = {
    _R.REQUESTED: (
        Move(
            to=_R.CONTRACT_VERIFIED,
            why="its signed service contract is seen",
            command=_C.VERIFY_CONTRACT,
        ),
        _REFUSED,
        _WITHDRAWN,
    ),
    _R.CONTRACT_VERIFIED: (
        Move(to=_R.DSCRO_AGREED, why="the DSCRO agrees", command=_C.AGREE),
        _REFUSED,
        _WITHDRAWN,
    ),
    _R.DSCRO_AGREED: (
        Move(to=_R.ACTIVE_UNPUBLISHED, why="it is put in operation", command=_C.ACTIVATE),
        Move(to=_R.ENDING, why="the same, and it has a last day", command=_C.ACTIVATE),
        Move(to=_R.ENDED, why="the same, and its last day is over", command=_C.ACTIVATE),
        _REFUSED,
        _WITHDRAWN,
    ),
    _R.ACTIVE_UNPUBLISHED: (
        Move(to=_R.ACTIVE_PUBLISHED, why="an edition of the register names it"),
        *_ENDS,
    ),
    _R.ACTIVE_PUBLISHED: (
        Move(to=_R.ACTIVE_UNPUBLISHED, why="the newest edition names it no more"),
        *_ENDS,
    ),
    _R.ENDING: (
        Move(to=_R.ENDED, why="its last day is over"),
        Move(to=_R.ENDING, why="it is given an earlier last day", command=_C.END),
        Move(to=_R.ENDED, why="it is given a last day that is over", command=_C.END),
    ),
    _R.ENDED: (),
    _R.REFUSED: (),
    _R.WITHDRAWN: (),
}
_OPERATING = (_R.ACTIVE_UNPUBLISHED, _R.ACTIVE_PUBLISHED, _R.ENDING, _R.ENDED)
RELATIONSHIP = Life(
    name="Relationship",
    begins=frozenset({_R.REQUESTED}),
    moves=_MOVES,
    otherwise={
        _C.VERIFY_CONTRACT: _but_where(_R.CONTRACT_VERIFIED, by=_C.VERIFY_CONTRACT),
        _C.AGREE: _but_where(_R.DSCRO_AGREED, by=_C.AGREE),
        _C.ACTIVATE: _but_where(*_OPERATING, by=_C.ACTIVATE),
        _C.REFUSE: _but_where(_R.REFUSED, by=_C.REFUSE),
        _C.WITHDRAW: _but_where(_R.WITHDRAWN, by=_C.WITHDRAW),
        _C.END: _but_where(_R.ENDED, by=_C.END),
    },
)
"""A change of a relationship is one of its own, in whose place the former ends the day before."""


class ConsentState(StrEnum):
    """Whether one organisation that is involved consents to publication."""

    NOT_GIVEN = "NOT_GIVEN"
    GIVEN = "GIVEN"
    WITHDRAWN = "WITHDRAWN"


class ConsentCommand(StrEnum):
    """One route; its body says `given`."""

    CONSENT = "POST /v1/relationships/{relationship_id}/consents"


CONSENT = Life(
    name="Consent of a party to the publication of a relationship",
    begins=frozenset({ConsentState.NOT_GIVEN}),
    moves={
        ConsentState.NOT_GIVEN: (
            Move(to=ConsentState.GIVEN, why="it is given", command=ConsentCommand.CONSENT),
        ),
        ConsentState.GIVEN: (
            Move(to=ConsentState.WITHDRAWN, why="it is withdrawn", command=ConsentCommand.CONSENT),
        ),
        ConsentState.WITHDRAWN: (
            Move(to=ConsentState.GIVEN, why="it is given again", command=ConsentCommand.CONSENT),
        ),
    },
    otherwise={ConsentCommand.CONSENT: None},
)
