"""What can be refused on the way in. Details name columns and lines, never values."""

from common.errors import Conflict, NotFound, TooLarge, Unavailable, Unprocessable, UnsupportedMedia


class SubmissionNotFound(NotFound):
    code = "SUBMISSION_NOT_FOUND"
    title = "No such submission"


class QuarantineGone(NotFound):
    """Nothing was set aside, or it was kept as long as it is to be kept."""

    code = "QUARANTINE_GONE"
    title = "No quarantined rows are kept"


class DataSetUnknown(Unprocessable):
    code = "DATA_SET_UNKNOWN"
    title = "The catalogue has no such data set"


class CollectionNotInForce(Unprocessable):
    code = "COLLECTION_NOT_IN_FORCE"
    title = "No direction or provision notice to collect the data set is in force"


class PeriodInvalid(Unprocessable):
    code = "PERIOD_INVALID"
    title = "Not a month, nor a range of months, of this data set"


class PeriodOverlaps(Conflict):
    code = "PERIOD_OVERLAPS"
    title = "The period overlaps another edition's without being the same"


class ProviderRefused(Unprocessable):
    """Nobody's records can be taken from this submitter for this provider."""

    code = "PROVIDER_REFUSED"
    title = "No records are taken for this provider"


class ProviderNotOwn(ProviderRefused):
    code = "PROVIDER_NOT_OWN"
    title = "A provider submits for itself, or by a right for another"


class ProviderUnknown(ProviderRefused):
    code = "PROVIDER_UNKNOWN"
    title = "There is no such provider in the period"


class ProviderNotOpen(ProviderRefused):
    code = "PROVIDER_NOT_OPEN"
    title = "The provider was not open in the period"


class ContentRefused(Unprocessable):
    """What was sent is not what the catalogue says. The submission is rejected for it."""

    code = "CONTENT_REFUSED"
    title = "The file is not what the catalogue says"


class ContentIsArchive(UnsupportedMedia, ContentRefused):
    code = "CONTENT_IS_ARCHIVE"
    title = "The file is an archive or compressed; send the CSV itself"


class ContentNotText(ContentRefused):
    code = "CONTENT_NOT_TEXT"
    title = "The file is not text"


class EncodingNotUtf8(ContentRefused):
    code = "ENCODING_NOT_UTF8"
    title = "The file is not UTF-8"


class ContentIsWebPage(ContentRefused):
    code = "CONTENT_IS_WEB_PAGE"
    title = "The file is a web page, such as the page at which one signs in"


class ContentNotCsv(ContentRefused):
    code = "CONTENT_NOT_CSV"
    title = "The file is text of another kind; send CSV"


class LineEndsWrong(ContentRefused):
    code = "LINE_ENDS_WRONG"
    title = "Lines end in a carriage return alone; end them with a line feed"


class FileEmpty(ContentRefused):
    code = "FILE_EMPTY"
    title = "The file has no records"


class LineTooLong(ContentRefused):
    code = "LINE_TOO_LONG"
    title = "A line is longer than the catalogue allows"


class ColumnsWrong(ContentRefused):
    code = "COLUMNS_WRONG"
    title = "The header is not that of the data set"


class HeaderNotFirst(ContentRefused):
    code = "HEADER_NOT_FIRST"
    title = "The header is not the first line"


class HeaderRepeated(ContentRefused):
    code = "HEADER_REPEATED"
    title = "The header is there again among the records: several files were put together"


class DelimiterWrong(ContentRefused):
    code = "DELIMITER_WRONG"
    title = "The file is delimited in another way than the data set"


class LinesQuoted(ContentRefused):
    code = "LINES_QUOTED"
    title = "Each line is quoted as a whole"


class SeparatorLine(ContentRefused):
    code = "SEPARATOR_LINE"
    title = "The first line is a spreadsheet's `sep=`"


class IndexColumn(ContentRefused):
    code = "INDEX_COLUMN"
    title = "The first column is the index of a data frame"


class TrailingDelimiter(ContentRefused):
    code = "TRAILING_DELIMITER"
    title = "A delimiter stands behind the last column"


class FileTooLarge(TooLarge, ContentRefused):
    code = "FILE_TOO_LARGE"
    title = "The file is larger than the catalogue allows"


class DuplicateUpload(Conflict, ContentRefused):
    code = "DUPLICATE_UPLOAD"
    title = "The same file was submitted before"


class TooManyBadRows(ContentRefused):
    code = "QUARANTINE_SHARE_EXCEEDED"
    title = "Too large a part of the file is bad"


class TooManyDeletions(ContentRefused):
    code = "TOO_MANY_DELETIONS"
    title = "The file deletes more records than can be looked for"


class NoGoodRows(ContentRefused):
    code = "NO_GOOD_ROWS"
    title = "No row of the file can be landed"


class SubmissionTakenBack(ContentRefused):
    code = "SUBMISSION_TAKEN_BACK"
    title = "The file was taken back before a second person confirmed it"


class SubmissionSuperseded(ContentRefused):
    code = "SUBMISSION_SUPERSEDED"
    title = "A later file of the period came before a second person confirmed this one"


class MapMissing(ContentRefused):
    code = "MAP_MISSING"
    title = "No practice or postcode map governs the beginning of the period"


class CatalogueOutdated(Unavailable):
    """Another machine has it: the submission waits."""

    code = "CATALOGUE_OUTDATED"
    title = "The catalogue of this machine is older than the submission"


class LandingFailed(ContentRefused):
    """The file was tried several times, and the engine could not read it."""

    code = "LANDING_FAILED"
    title = "The file could not be landed"


class UploadIncomplete(Unprocessable):
    """What arrived is not the whole of it. Nothing was kept; send it again."""

    code = "UPLOAD_INCOMPLETE"
    title = "The upload was cut off"


class DigestMismatch(UploadIncomplete):
    code = "DIGEST_MISMATCH"
    title = "What arrived does not have the digest that was announced"


class ContentTypeUnsupported(UnsupportedMedia):
    code = "CONTENT_TYPE_UNSUPPORTED"
    title = "Send text/csv, without a content encoding"


class ListInvalid(Unprocessable):
    code = "OPT_OUT_LIST_INVALID"
    title = "Not a list of opt-outs"


class ListIsReply(Unprocessable):
    """The comma behind each number is how the national service answers."""

    code = "OPT_OUT_LIST_IS_REPLY"
    title = "The list has the form of those who may be used"


class ListOfCleared(Unprocessable):
    code = "OPT_OUT_LIST_OF_CLEARED"
    title = "People who may be used are taken as the reply to a check only"


class ListEmpty(Unprocessable):
    code = "OPT_OUT_LIST_EMPTY"
    title = "Nobody is on the list, and it does not say so"


class ListCountDiffers(Unprocessable):
    code = "OPT_OUT_LIST_COUNT_DIFFERS"
    title = "The list has another number of people than was declared"


class ListDoubled(Unprocessable):
    code = "OPT_OUT_LIST_DOUBLED"
    title = "The list came more than once in one body"


class ListNotFound(NotFound):
    code = "OPT_OUT_LIST_NOT_FOUND"
    title = "No such list of opt-outs"
