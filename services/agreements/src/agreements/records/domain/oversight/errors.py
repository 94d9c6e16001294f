"""What can go wrong with letters that waive opt-outs."""

from common.errors import Conflict, NotFound, Unprocessable


class OptOutWaiverNotFound(NotFound):
    code = "OPT_OUT_WAIVER_NOT_FOUND"
    title = "No such letter"


class OptOutWaiverRecorded(Conflict):
    """What two people saw is never changed."""

    code = "OPT_OUT_WAIVER_RECORDED"
    title = "The letter is on record otherwise"


class LetterNotYetWritten(Unprocessable):
    code = "LETTER_NOT_YET_WRITTEN"
    title = "The letter is dated after today"


class WaiverDataSetUnknown(Unprocessable):
    code = "WAIVER_DATA_SET_UNKNOWN"
    title = "A data set of the letter is not in the catalogue"
