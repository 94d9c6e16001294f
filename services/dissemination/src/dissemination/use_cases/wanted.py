"""From what a client wants to the request that is judged, permitted and kept."""

from uuid import UUID

from catalogue import Catalogue
from statements import filters
from statements.bridging_file import OF_RECORDS, WantedBridgingFile
from statements.request import ExtractRequest, WantedExtract
from statements.tables import columns_of
from statements.tabulation import WantedTabulation

Wanted = WantedExtract | WantedTabulation | WantedBridgingFile


def request_of(wanted: Wanted, extract_id: UUID, known: Catalogue) -> ExtractRequest:
    """Say what is asked for, in months; of a table, the fields are those of its categories.

    Raises:
        InvalidPeriods: a name is none, the range ends before it begins, or there are too many.
        PeriodNotOffered: the data set has no period of a name.

    """
    bridge = wanted.bridge.said if isinstance(wanted, WantedBridgingFile) else None
    table = wanted.table.said if isinstance(wanted, WantedTabulation) else None
    named = wanted.fields or () if isinstance(wanted, WantedExtract) else ()
    return ExtractRequest(
        extract_id=str(extract_id),
        agreement=wanted.agreement,
        purpose=wanted.purpose.value,
        data_set=wanted.data_set,
        classification=OF_RECORDS.value
        if isinstance(wanted, WantedBridgingFile)
        else wanted.classification.value,
        periods=wanted.months_in(known),
        fields=tuple(named) if table is None else columns_of(table.dimensions),
        formats=tuple(format_.value for format_ in wanted.formats),
        filters=() if isinstance(wanted, WantedBridgingFile) else filters.of(wanted.filters),
        table=table,
        changes_since=_text(wanted.changes_since) if isinstance(wanted, WantedExtract) else None,
        bridge=bridge,
    )


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)
