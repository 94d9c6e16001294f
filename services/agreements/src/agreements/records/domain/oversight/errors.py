"""What can go wrong with letters that waive opt-outs, and with internal instructions."""

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


class InstructionNotFound(NotFound):
    code = "INSTRUCTION_NOT_FOUND"
    title = "No such internal instruction"


class InstructionRecorded(Conflict):
    """What two people sign is never changed."""

    code = "INSTRUCTION_RECORDED"
    title = "The internal instruction is on record otherwise"


class InstructionSigned(Conflict):
    code = "INSTRUCTION_SIGNED"
    title = "The internal instruction is signed in this role"


class InstructionDecided(Conflict):
    code = "INSTRUCTION_DECIDED"
    title = "The internal instruction was withdrawn"


class AgreementOfAnotherController(Unprocessable):
    """The Body instructs itself, and nobody else."""

    code = "AGREEMENT_OF_ANOTHER_CONTROLLER"
    title = "The Body is no controller of the agreement"
