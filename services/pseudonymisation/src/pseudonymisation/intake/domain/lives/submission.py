"""The life of a submission, from the first byte to an edition or a refusal."""

from enum import StrEnum

from common.errors import EditionNotFound, TransitionRefused
from common.lives import Life, Move
from common.replacement import ReplacementDecided


class SubmissionState(StrEnum):
    OPEN = "open"
    """Waits for its content."""
    RECEIVED = "received"
    """The content is whole, and waits to be landed."""
    LANDING = "landing"
    WAITING = "waiting"
    """Landed; much of the edition in force would change, and a second person has to look."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class SubmissionCommand(StrEnum):
    PUT_CONTENT = "PUT /v1/submissions/{submission_id}/content"
    CONFIRM_EDITION = "POST /v1/editions/{edition_id}/confirmation"
    WITHDRAW_EDITION = "POST /v1/editions/{edition_id}/withdrawal"


_S = SubmissionState
_REJECTED = Move(to=_S.REJECTED, why="it is no file that can be landed")
SUBMISSION = Life(
    name="Submission",
    begins=frozenset({_S.OPEN}),
    moves={
        _S.OPEN: (
            Move(
                to=_S.RECEIVED,
                why="its content is whole; in parts, when the last is there and it is closed",
                command=SubmissionCommand.PUT_CONTENT,
            ),
            Move(
                to=_S.REJECTED,
                why="what is sent is no such file",
                command=SubmissionCommand.PUT_CONTENT,
            ),
        ),
        _S.RECEIVED: (Move(to=_S.LANDING, why="a worker takes it"), _REJECTED),
        _S.LANDING: (
            Move(to=_S.LANDING, why="its worker was lost, and another begins anew"),
            Move(to=_S.RECEIVED, why="what landing needs is away; it is tried again"),
            Move(to=_S.WAITING, why="it would change much: a second person has to look"),
            Move(to=_S.ACCEPTED, why="it is landed"),
            Move(to=_S.REJECTED, why="it is not good enough as a whole"),
        ),
        _S.WAITING: (
            Move(
                to=_S.ACCEPTED,
                why="a second person confirms its edition",
                command=SubmissionCommand.CONFIRM_EDITION,
            ),
            Move(
                to=_S.REJECTED,
                why="its edition is taken back",
                command=SubmissionCommand.WITHDRAW_EDITION,
            ),
        ),
        _S.ACCEPTED: (),
        _S.REJECTED: (),
    },
    otherwise={
        SubmissionCommand.PUT_CONTENT: TransitionRefused,
        SubmissionCommand.CONFIRM_EDITION: {
            **dict.fromkeys((_S.OPEN, _S.RECEIVED, _S.LANDING, _S.REJECTED), EditionNotFound),
            _S.ACCEPTED: ReplacementDecided,
        },
        SubmissionCommand.WITHDRAW_EDITION: {
            **dict.fromkeys((_S.OPEN, _S.RECEIVED, _S.LANDING, _S.REJECTED), EditionNotFound),
            _S.ACCEPTED: None,
        },
    },
)
"""The whole life of a submission; what becomes of its edition afterwards is the edition's."""
