"""What can go wrong with an extract, a release or a delivery."""

from collections.abc import Mapping

from pydantic import JsonValue

from common.errors import Conflict, NotFound, Unavailable, Unprocessable


class ExtractNotFound(NotFound):
    code = "EXTRACT_NOT_FOUND"
    title = "No such extract"


class EarlierExtractDestroyed(Conflict):
    """What a change set was to lead from is not held any more."""

    code = "EARLIER_EXTRACT_DESTROYED"
    title = "The earlier extract was destroyed or withdrawn"


class TabulationNotFound(NotFound):
    code = "TABULATION_NOT_FOUND"
    title = "No such tabulation"


class BridgingFileNotFound(NotFound):
    code = "BRIDGING_FILE_NOT_FOUND"
    title = "No such bridging file"


class StandingOrderNotFound(NotFound):
    code = "STANDING_ORDER_NOT_FOUND"
    title = "No such standing order"


class StandingOrderExists(Conflict):
    code = "STANDING_ORDER_EXISTS"
    title = "There is an active standing order for the same"


class LineForOneTime(Conflict):
    code = "LINE_FOR_ONE_TIME"
    title = "The agreement's line is for one time and not for each period"


class WhenUnsuitable(Unprocessable):
    code = "STANDING_ORDER_TIME_UNSUITABLE"
    title = "The data set has no such time"


class DataSetNotFound(NotFound):
    code = "DATA_SET_NOT_FOUND"
    title = "The catalogue has no such data set"


class FileNotFound(NotFound):
    """Also where the file is not released: what may not be known is not there."""

    code = "FILE_NOT_FOUND"
    title = "No such file"


class FileDestroyed(Conflict):
    """It was destroyed wherever it was held, and that was accepted: ask for the period again."""

    code = "FILE_DESTROYED"
    title = "The file is destroyed and never given again"


class HavenUnavailable(Unavailable):
    code = "PREPARATIONS_UNAVAILABLE"
    title = "The safe haven is temporarily unavailable"


class PreparationRefused(Conflict):
    """The haven will not do this job; `code` is its own."""

    code = "PREPARATION_REFUSED"
    title = "The safe haven refused the preparation"

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        vars(self)["code"] = code  # of this one refusal, not of the class


class NotReleased(Conflict):
    """What goes with a released extract is asked for of one that is not."""

    code = "EXTRACT_NOT_RELEASED"
    title = "The extract is not released"


class ObjectMissing(Unavailable):
    """A released file whose object is not there, or not the one that was released."""

    code = "OBJECT_MISSING"
    title = "The release store does not have the file"


class ObjectDiffers(Conflict):
    """What lies in the store is not what the haven attests."""

    code = "OBJECT_DIFFERS"
    title = "The object in the release store is not the attested one"


class AttestationMalformed(ValueError):
    """It does not say what an attestation says, or is about another file."""


class StreamNotControlled(Unavailable):
    """A server that cannot stop a stream must not start one: design.md section 6."""

    code = "STREAM_NOT_CONTROLLED"
    title = "This server cannot stop a stream, so it starts none"


class TooManyStreams(Unavailable):
    code = "TOO_MANY_STREAMS"
    title = "This server has reached its maximum number of downloads"


class TableRefused(Unprocessable):
    """What `disclosure` says of a table or of its rule; `code` and `title` are its own."""

    code = "TABLE_REFUSED"
    title = "The table cannot be checked"

    def __init__(
        self, code: str, title: str, detail: str, members: Mapping[str, JsonValue]
    ) -> None:
        super().__init__(detail, **members)
        vars(self).update(code=code, title=title)  # of this one refusal, not of the class


class CheckOutOfBounds(Unprocessable):
    code = "TABLE_CHECK_OUT_OF_BOUNDS"
    title = "The check needs more time or memory than this server allows"


class TooManyChecks(Unavailable):
    code = "TOO_MANY_TABLE_CHECKS"
    title = "This server has reached its maximum number of table checks"


PERMIT_EXPIRED = "PERMIT_EXPIRED"
PREPARATION_FAILED = "PREPARATION_FAILED"
FAILURES = {
    PERMIT_EXPIRED: "The permit expired before the safe haven received it. Ask again.",
    PREPARATION_FAILED: "The safe haven gave no reason.",
}
"""Why an extract failed, besides what the haven and the decision say."""
