"""What can be refused on the way in. Details name columns and lines, never values."""

from common.errors import Conflict, NotFound, TooLarge, Unavailable, Unprocessable, UnsupportedMedia


class SubmissionNotFound(NotFound):
    code = "SUBMISSION_NOT_FOUND"
    title = "No such submission"


class TableUnknown(NotFound):
    code = "TABLE_UNKNOWN"
    title = "The data set has no such table"


class TableNotNamed(Conflict):
    """What is of several tables is sent, and handed back, table by table."""

    code = "TABLE_NOT_NAMED"
    title = "The data set has several tables, and none is named"


class TablesMissing(Conflict):
    code = "TABLES_MISSING"
    title = "The submission has not all of its tables"


class QuarantineGone(NotFound):
    """Nothing was set aside, or it was kept as long as it is to be kept."""

    code = "QUARANTINE_GONE"
    title = "The quarantined rows are no longer stored"


class DataSetUnknown(Unprocessable):
    code = "DATA_SET_UNKNOWN"
    title = "The data set is not in the catalogue"


class CollectionNotInForce(Unprocessable):
    code = "COLLECTION_NOT_IN_FORCE"
    title = "No direction or provision notice for the data set is in force"


class PeriodInvalid(Unprocessable):
    code = "PERIOD_INVALID"
    title = "The period is not valid for this data set"


class PeriodOverlaps(Conflict):
    code = "PERIOD_OVERLAPS"
    title = "The period overlaps the period of another edition"


class PeriodFinal(Conflict):
    """What was published as final is never refreshed (domain.md ruling 10)."""

    code = "PERIOD_FINAL"
    title = "The period is published, and the data set is final at publication"


class DeclarationRefused(Unprocessable):
    """What is said of the file before it comes does not fit its data set."""

    code = "DECLARATION_REFUSED"
    title = "The declaration of the file does not match the data set"


class ProtocolNotTaken(DeclarationRefused):
    code = "PROTOCOL_NOT_TAKEN"
    title = "Files of the data set are not sent by this protocol"


class BulkPartInvalid(DeclarationRefused):
    code = "BULK_PART_INVALID"
    title = "The part that a bulk file replaces is not named correctly"


class SentByToken(DeclarationRefused):
    """Whoever may send it knows people by tokens, and sends these."""

    code = "SENT_BY_TOKEN"
    title = "The data set is sent by token, and by a way of its own"


class LeftOutCountMissing(DeclarationRefused):
    code = "LEFT_OUT_COUNT_MISSING"
    title = "The number of people left out at the source is needed"


class LeftOutCountUnexpected(DeclarationRefused):
    code = "LEFT_OUT_COUNT_UNEXPECTED"
    title = "Nobody is left out at the source of this data set"


class ProviderRefused(Unprocessable):
    """Nobody's records can be taken from this submitter for this provider."""

    code = "PROVIDER_REFUSED"
    title = "Records of this provider are not accepted"


class ProviderNotOwn(ProviderRefused):
    code = "PROVIDER_NOT_OWN"
    title = "You may not submit for this provider"


class ProviderUnknown(ProviderRefused):
    code = "PROVIDER_UNKNOWN"
    title = "The provider does not exist in the period"


class ProviderNotOpen(ProviderRefused):
    code = "PROVIDER_NOT_OPEN"
    title = "The provider was not open in the period"


class ContentRefused(Unprocessable):
    """What was sent is not what the catalogue says. The submission is rejected for it."""

    code = "CONTENT_REFUSED"
    title = "The file does not match the definition of the data set"


class ContentIsArchive(UnsupportedMedia, ContentRefused):
    code = "CONTENT_IS_ARCHIVE"
    title = "The file is an archive or is compressed"


class ContentTypeMismatch(UnsupportedMedia, ContentRefused):
    code = "CONTENT_TYPE_MISMATCH"
    title = "The file is not what its content type says"


class ContentDamaged(ContentRefused):
    code = "CONTENT_DAMAGED"
    title = "The file is damaged, truncated, or has data after its end"


class ContentExpands(ContentRefused):
    code = "CONTENT_EXPANDS"
    title = "The file expands far beyond its compressed size"


class ColumnTypeUnsupported(ContentRefused):
    code = "COLUMN_TYPE_UNSUPPORTED"
    title = "A column of the Parquet file has a type that cannot be read as text"


class OtherDataSet(ContentRefused):
    code = "DATA_SET_DIFFERS"
    title = "The file has the columns of another data set"


class ContentNotText(ContentRefused):
    code = "CONTENT_NOT_TEXT"
    title = "The file is not text"


class EncodingNotUtf8(ContentRefused):
    code = "ENCODING_NOT_UTF8"
    title = "The file is not UTF-8"


class ContentIsWebPage(ContentRefused):
    code = "CONTENT_IS_WEB_PAGE"
    title = "The file is a web page, for example a sign-in page"


class ContentNotCsv(ContentRefused):
    code = "CONTENT_NOT_CSV"
    title = "The file is not CSV"


class LineEndsWrong(ContentRefused):
    code = "LINE_ENDS_WRONG"
    title = "Lines end with a carriage return only"


class FileEmpty(ContentRefused):
    code = "FILE_EMPTY"
    title = "The file has no records"


class LineTooLong(ContentRefused):
    code = "LINE_TOO_LONG"
    title = "A line is longer than the catalogue allows"


class ColumnsWrong(ContentRefused):
    code = "COLUMNS_WRONG"
    title = "The header does not match the data set"


class HeaderNotFirst(ContentRefused):
    code = "HEADER_NOT_FIRST"
    title = "The header is not the first line"


class HeaderRepeated(ContentRefused):
    code = "HEADER_REPEATED"
    title = "The header is repeated among the records"


class DelimiterWrong(ContentRefused):
    code = "DELIMITER_WRONG"
    title = "The file uses another delimiter than the data set"


class LinesQuoted(ContentRefused):
    code = "LINES_QUOTED"
    title = "Every line is quoted as a whole"


class SeparatorLine(ContentRefused):
    code = "SEPARATOR_LINE"
    title = "The first line is the `sep=` line of a spreadsheet"


class IndexColumn(ContentRefused):
    code = "INDEX_COLUMN"
    title = "The first column is the index of a data frame"


class TrailingDelimiter(ContentRefused):
    code = "TRAILING_DELIMITER"
    title = "There is a delimiter after the last column"


class FileTooLarge(TooLarge, ContentRefused):
    code = "FILE_TOO_LARGE"
    title = "The file is larger than the catalogue allows"


class DuplicateUpload(Conflict, ContentRefused):
    code = "DUPLICATE_UPLOAD"
    title = "The same file was submitted before"


class TooManyBadRows(ContentRefused):
    code = "QUARANTINE_SHARE_EXCEEDED"
    title = "Too many records of the file are invalid"


class TooManyDeletions(ContentRefused):
    code = "TOO_MANY_DELETIONS"
    title = "The file deletes more records than can be looked up"


class NoGoodRows(ContentRefused):
    code = "NO_GOOD_ROWS"
    title = "No row of the file can be landed"


SUBMIT_WHOLE = (
    "The edition in force {why}, so that a change cannot be merged with it. Submit the whole period"
    " once; changes are merged with that."
)


class NetChangeBaseUnsuitable(ContentRefused):
    code = "NET_CHANGE_BASE_UNSUITABLE"
    title = "The edition in force cannot be merged with a net change"


class NetChangeBlocked(ContentRefused):
    code = "NET_CHANGE_BLOCKED"
    title = "An edition of the period waits for a second person"


class EditionMerged(Conflict):
    code = "EDITION_MERGED"
    title = "A later edition was made of this one by a net change"


class SubmissionTakenBack(ContentRefused):
    code = "SUBMISSION_TAKEN_BACK"
    title = "The file was taken back before a second person confirmed it"


class SubmissionSuperseded(ContentRefused):
    code = "SUBMISSION_SUPERSEDED"
    title = "A later file for the period arrived before a second person confirmed this one"


class MapMissing(ContentRefused):
    code = "MAP_MISSING"
    title = "No practice, postcode or organisation map covers the first day of the period"


class CatalogueOutdated(Unavailable):
    """Another machine has it: the submission waits."""

    code = "CATALOGUE_OUTDATED"
    title = "The catalogue of this server is older than the submission"


class LandingFailed(ContentRefused):
    """The file was tried several times, and the engine could not read it."""

    code = "LANDING_FAILED"
    title = "The file could not be landed"


class UploadIncomplete(Unprocessable):
    """What arrived is not the whole of it. Nothing was kept; send it again."""

    code = "UPLOAD_INCOMPLETE"
    title = "The upload is incomplete"


class UploadNotFound(NotFound):
    code = "UPLOAD_NOT_FOUND"
    title = "No such upload"


class UploadOffsetDiffers(Conflict):
    code = "UPLOAD_OFFSET_DIFFERS"
    title = "The upload continues at another offset"


class UploadComplete(Conflict):
    code = "UPLOAD_COMPLETE"
    title = "The upload is complete"


class UploadLengthDiffers(Unprocessable):
    code = "UPLOAD_LENGTH_DIFFERS"
    title = "The upload does not have its declared length"


class UploadInTooManyParts(Unprocessable):
    code = "UPLOAD_IN_TOO_MANY_PARTS"
    title = "The upload came in too many parts"


class UploadHeaderInvalid(Unprocessable):
    code = "UPLOAD_HEADER_INVALID"
    title = "A header of the upload cannot be read"


class DigestMismatch(UploadIncomplete):
    code = "DIGEST_MISMATCH"
    title = "The received content does not match the announced digest"


class ContentTypeUnsupported(UnsupportedMedia):
    code = "CONTENT_TYPE_UNSUPPORTED"
    title = "The content must be CSV, CSV.gz or Parquet without a content encoding"


class ListInvalid(Unprocessable):
    code = "OPT_OUT_LIST_INVALID"
    title = "The body is not a list of opt-outs"


class ListIsReply(Unprocessable):
    """The comma behind each number is how the national service answers."""

    code = "OPT_OUT_LIST_IS_REPLY"
    title = "The list has the format of a reply with people who may be used"


class ListOfCleared(Unprocessable):
    code = "OPT_OUT_LIST_OF_CLEARED"
    title = "A list of people who may be used is accepted only as the reply to a check"


class ListEmpty(Unprocessable):
    code = "OPT_OUT_LIST_EMPTY"
    title = "The list is empty and was not declared empty"


class ListCountDiffers(Unprocessable):
    code = "OPT_OUT_LIST_COUNT_DIFFERS"
    title = "The list does not have the declared number of people"


class ListDoubled(Unprocessable):
    code = "OPT_OUT_LIST_DOUBLED"
    title = "The body contains the list more than once"


class ListNotFound(NotFound):
    code = "OPT_OUT_LIST_NOT_FOUND"
    title = "No such list of opt-outs"


class CheckNotFound(NotFound):
    code = "OPT_OUT_CHECK_NOT_FOUND"
    title = "No such check"


class CheckAsksNobody(Conflict):
    """The national service is never asked about nobody: its empty answer would mean nothing."""

    code = "OPT_OUT_CHECK_ASKS_NOBODY"
    title = "No edition of the periods has a person with an NHS number"


class CheckTooOld(Conflict):
    code = "OPT_OUT_CHECK_TOO_OLD"
    title = "The check is too old"


class CheckTooLarge(Conflict):
    code = "OPT_OUT_CHECK_TOO_LARGE"
    title = "The request of the check would be larger than the national service takes"


class CheckNotAsked(Conflict):
    code = "OPT_OUT_CHECK_NOT_ASKED"
    title = "The request of the check was not fetched, so nothing can be its reply"


class CheckAnswered(Conflict):
    code = "OPT_OUT_CHECK_ANSWERED"
    title = "The check has already been answered"


class CheckNotAnswered(Conflict):
    code = "OPT_OUT_CHECK_NOT_ANSWERED"
    title = "The check has no reply"


class ReplyInvalid(Unprocessable):
    """With a wrong number in the request the service answers with a line of text."""

    code = "OPT_OUT_REPLY_INVALID"
    title = "The reply is not a list of people who may be used"


class ReplyNotAsked(Unprocessable):
    code = "OPT_OUT_REPLY_NOT_ASKED"
    title = "The reply names people who are not in the request"


class ReplyTruncated(Unprocessable):
    code = "OPT_OUT_REPLY_TRUNCATED"
    title = "The reply ends within a line"


class ReplyDoubled(Unprocessable):
    code = "OPT_OUT_REPLY_DOUBLED"
    title = "The reply names somebody more than once"


class ReplyOfAnotherCheck(Conflict):
    code = "OPT_OUT_REPLY_OF_ANOTHER_CHECK"
    title = "The reply has the reference of another check"


class TooManyUploads(Unavailable):
    code = "TOO_MANY_UPLOADS"
    title = "Too many uploads are in progress"


class MapsUnavailable(Unavailable):
    code = "MAPS_UNAVAILABLE"
    title = "The maps from practices and postcodes to commissioners are unavailable"


class RightsUnavailable(Unavailable):
    code = "SUBMISSION_RIGHTS_UNAVAILABLE"
    title = "The rights to submit for other providers are unavailable"


class DirectionsUnavailable(Unavailable):
    code = "DIRECTIONS_UNAVAILABLE"
    title = "Whether a direction is in force cannot be asked of agreements"


class PublicationsUnavailable(Unavailable):
    code = "PUBLICATIONS_UNAVAILABLE"
    title = "What was published cannot be asked of agreements"


class DigestUnreadable(Unprocessable):
    code = "DIGEST_UNREADABLE"
    title = "The digest header is not of the form `sha-256=<base64>`"
