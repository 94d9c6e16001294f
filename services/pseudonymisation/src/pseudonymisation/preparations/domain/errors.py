"""How permits and preparations are refused, and why a preparation failed.

Details name fields, months and columns, never values.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from common.errors import Conflict, Forbidden, NotFound, Unavailable, Unprocessable


class PermitInvalid(Forbidden):
    code = "PERMIT_INVALID"
    title = "The permit is not valid"


class PermitMismatch(Forbidden):
    code = "PERMIT_MISMATCH"
    title = "The permit was given for another request"


class PermitUsed(Conflict):
    code = "PERMIT_USED"
    title = "The permit was already used for another request"


class CatalogueUnknown(Unprocessable):
    code = "CATALOGUE_UNKNOWN"
    title = "The catalogue does not have this version of the data set"


class UnsafeEditions(Conflict):
    """Made by landing rules that let somebody through who is not to be identified."""

    code = "EDITION_UNSAFE"
    title = "An edition of the period may not be released and must be landed again"


class AreasUntold(Conflict):
    """Landed with a map without the areas that the extract asks for: nobody gets empty columns."""

    code = "AREAS_UNTOLD"
    title = "An edition of the period was landed without the areas that are asked for"


class DomainClosed(Conflict):
    code = "DOMAIN_CLOSED"
    title = "The pseudonym domain is closed"


class DomainTransferred(Conflict):
    """Two recipient environments would hold equal tokens."""

    code = "DOMAIN_TRANSFERRED"
    title = "The pseudonym domain goes on in another recipient environment"


class BridgingFileMade(Conflict):
    """A second one would tell by its difference who came and who went."""

    code = "BRIDGING_FILE_GIVEN"
    title = "A bridging file of the two pseudonym domains was made before"


class PreparationNotFound(NotFound):
    code = "PREPARATION_NOT_FOUND"
    title = "No such preparation"


class ReleaseStoreUnavailable(Unavailable):
    code = "RELEASE_STORE_UNAVAILABLE"
    title = "The release store is unavailable"


class AcceptedMeanwhile(Exception):
    """Somebody else stored the same at the same moment. Reading again shows theirs."""


class PcdLeak(Exception):
    """What is about to be written holds personal data. Names columns, never values."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = tuple(columns)


class FailureCode(StrEnum):
    """Why a preparation failed. A new permit is needed, and for most a reason to ask again."""

    PCD_LEAK = "PCD_LEAK"
    OPT_OUT_NOT_APPLIED = "OPT_OUT_NOT_APPLIED"
    LISTS_NOT_AS_LOGGED = "LISTS_NOT_AS_LOGGED"
    EDITIONS_NOT_AS_LOGGED = "EDITIONS_NOT_AS_LOGGED"
    DOMAIN_CLOSED = "DOMAIN_CLOSED"
    DOMAIN_TRANSFERRED = "DOMAIN_TRANSFERRED"
    GROUP_TOO_SMALL = "GROUP_TOO_SMALL"
    REGISTRATIONS_OUT_OF_DATE = "REGISTRATIONS_OUT_OF_DATE"
    KEY_UNAVAILABLE = "KEY_UNAVAILABLE"
    IDENTITY_WITHOUT_ROUTE = "IDENTITY_WITHOUT_ROUTE"
    EDITION_DESTROYED = "EDITION_DESTROYED"
    EDITION_UNSAFE = "EDITION_UNSAFE"
    LANDING_STORE_UNAVAILABLE = "LANDING_STORE_UNAVAILABLE"
    RELEASE_STORE_UNAVAILABLE = "RELEASE_STORE_UNAVAILABLE"
    ENGINE_FAILED = "ENGINE_FAILED"
    ABANDONED = "ABANDONED"
    DISCLOSURE_RULE_MISSING = "DISCLOSURE_RULE_MISSING"
    TOO_FEW_PRACTICES = "TOO_FEW_PRACTICES"
    TABLE_TOO_LARGE = "TABLE_TOO_LARGE"
    TABLE_INVALID = "TABLE_INVALID"
    JOIN_FANS_OUT = "JOIN_FANS_OUT"
    TABLE_UNPROVABLE = "TABLE_UNPROVABLE"
    TABLE_WOULD_REVEAL = "TABLE_WOULD_REVEAL"
    EARLIER_EXTRACT_UNKNOWN = "EARLIER_EXTRACT_UNKNOWN"
    EARLIER_EXTRACT_DIFFERS = "EARLIER_EXTRACT_DIFFERS"
    EARLIER_EXTRACT_GONE = "EARLIER_EXTRACT_GONE"
    CHANGE_SET_WAITS = "CHANGE_SET_WAITS"
    OPT_OUT_DIFFERENCING = "OPT_OUT_DIFFERENCING"


FAILURE_DETAILS: Mapping[FailureCode, str] = {
    FailureCode.PCD_LEAK: "Personal data were found in the prepared rows. Staff of the"
    " haven must find the cause before you ask again.",
    FailureCode.OPT_OUT_NOT_APPLIED: "No list of opt-outs, or reply to a national check, is in"
    " force and recent enough. Ask again when there is one.",
    FailureCode.LISTS_NOT_AS_LOGGED: "Lists of opt-outs, or national checks, are not what the audit"
    " log says of them, so nobody knows who objected. An operator must find out who wrote into the"
    " database past the service (`dsfc audit verify`); a new list does not mend it.",
    FailureCode.EDITIONS_NOT_AS_LOGGED: "An edition is not what the audit log says was landed. An"
    " operator must find out who wrote into the database past the service (`dsfc audit verify`), or"
    " its provider submits the period again.",
    FailureCode.DOMAIN_CLOSED: "The pseudonym domain of the agreement's line is closed and cannot"
    " be opened again.",
    FailureCode.DOMAIN_TRANSFERRED: "The pseudonym domain of the agreement's line goes on in"
    " another recipient environment since. Its clients ask for the extract.",
    FailureCode.GROUP_TOO_SMALL: "Fewer people than the agreement's line demands share the same"
    " values of these columns, so that somebody could be singled out. Ask for fewer of them, or for"
    " more months or people. The columns:",
    FailureCode.REGISTRATIONS_OUT_OF_DATE: "No list of who is registered with which practice is in"
    " force and recent enough. Ask the DSCRO to take one in, then ask again.",
    FailureCode.KEY_UNAVAILABLE: "A key could not be read. Ask again later.",
    FailureCode.IDENTITY_WITHOUT_ROUTE: "The data set gives no identity by the permit's legal route"
    " any more. Ask for it without the columns of identity.",
    FailureCode.EDITION_DESTROYED: "An edition named in the permit was destroyed. Ask again.",
    FailureCode.EDITION_UNSAFE: "An edition was made by landing rules that let withheld people"
    " through. It is landed again where its upload is kept; otherwise its provider must submit it"
    " again.",
    FailureCode.LANDING_STORE_UNAVAILABLE: "What was landed could not be read. Ask again later.",
    FailureCode.RELEASE_STORE_UNAVAILABLE: "The release store could not be written. Ask again"
    " later.",
    FailureCode.ENGINE_FAILED: "The extract could not be computed. An operator must look at the"
    " logs.",
    FailureCode.ABANDONED: "Every attempt was interrupted. Ask again.",
    FailureCode.DISCLOSURE_RULE_MISSING: "No disclosure rule says how this is protected. Count"
    " something else, or have the rule recorded.",
    FailureCode.TOO_FEW_PRACTICES: "A number would be of fewer practices than the agreement"
    " allows. Ask for the named dimension in coarser categories.",
    FailureCode.TABLE_TOO_LARGE: "The table would have more cells than can be protected. Ask for"
    " fewer dimensions, coarser ones, or fewer categories.",
    FailureCode.TABLE_INVALID: "What was counted makes no table with these dimensions: categories"
    " do not lie whole in the coarser ones. Ask without the named column.",
    FailureCode.JOIN_FANS_OUT: "What is named is of a group of which several rows may stand beside"
    " one that is counted, which would then be counted more than once. Count the rows of that"
    " group, or cut by columns of groups to which the counted rows belong. It is:",
    FailureCode.TABLE_UNPROVABLE: "Too much of the table would have to be hidden, so that nothing"
    " that is hidden can be worked out. Ask for the named dimension in coarser categories.",
    FailureCode.TABLE_WOULD_REVEAL: "Beside tables that you have already, or that are"
    " public, this one would tell small numbers by their difference. Ask for the same categories,"
    " months and filters as before. The releases:",
    FailureCode.EARLIER_EXTRACT_UNKNOWN: "The extract named in `changes_since` was not prepared"
    " here. Ask without `changes_since`.",
    FailureCode.EARLIER_EXTRACT_DIFFERS: "The extract named in `changes_since` cannot be compared"
    " with this one. Ask for the same as then, or without `changes_since`. It differs in:",
    FailureCode.EARLIER_EXTRACT_GONE: "A file of the extract named in `changes_since` is not in the"
    " release store any more as it was released. Ask without `changes_since`.",
    FailureCode.CHANGE_SET_WAITS: "A change set of these two extracts is not given before a newer"
    " edition is landed. Ask again then.",
    FailureCode.OPT_OUT_DIFFERENCING: "Your environment has these months, made with another list of"
    " opt-outs and of editions, or of a linked data set, beside which the records lost nobody, or"
    " gained nobody: the two files would tell who objected. They wait for their next edition,"
    " whether or not anybody did object; a standing order asks for them as soon as it is landed."
    " Ask for linked data sets on one day: they are then made with one list. The months:",
}
"""What each says to whoever asked for the extract."""


def said(code: FailureCode, subject: str | None) -> str:
    """Say a failure in words, with what it is about."""
    return f"{FAILURE_DETAILS[code]} {subject}." if subject else FAILURE_DETAILS[code]


class NotPrepared(Exception):
    """A preparation cannot be made. Says which rule, never whose data.

    `subject` names a column, or releases of the same recipient.
    """

    def __init__(self, code: FailureCode, subject: str = "") -> None:
        super().__init__(code.value)
        self.code = code
        self.subject = subject or None


class ShownMeanwhile(Exception):
    """Another table that the recipient knows was made meanwhile: it has to be held against it."""
