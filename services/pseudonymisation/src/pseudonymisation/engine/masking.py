"""Personal data in free text and codes, replaced by markers on the way in (domain.md 8.6).

Looked for are the record's own NHS number, postcode and date of birth in any spelling, and any
NHS number of anybody that stands for itself. What overlaps is one hit. Whole columns are passed
over by `scan`; only what may hold something is looked at, a text at a time.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField
from common.personal_data import (
    MARKERS,
    Own,
    PersonalDataFound,
    PersonalDataKind,
    find_in_record,
    normal_form,
)
from pseudonymisation.engine import scan

MARKER_OF: Final = dict(zip(PersonalDataKind, MARKERS, strict=True))

Mask = npt.NDArray[np.bool_]


class TextFindings(NamedTuple):
    """Where something was found in a column: by row, what is left of the text, and whose it was."""

    rows: list[int]
    texts: list[str]
    own: list[bool]
    """Whether the row's own person's is among it; else it is all of others."""


def masked(
    values: pa.Array, numbers: pa.Array, postcodes: pa.Array, births: pa.Array
) -> tuple[pa.Array, Mask]:
    """Return the values with markers in place of hits, and which rows had one.

    `numbers` are ten digits, `postcodes` have a space before their last three, `births` are
    YYYY-MM-DD: the record's own, null where it has none.
    """
    rows, texts, _ = hits([values], numbers, postcodes, births)[0]
    has_hit = np.zeros(len(values), dtype=np.bool_)
    has_hit[rows] = True
    if not len(rows):
        return values, has_hit
    values = values.cast(pa.large_string())
    return pc.replace_with_mask(values, pa.array(has_hit), pa.array(texts, pa.large_string())), (
        has_hit
    )


def hits(
    columns: Sequence[pa.Array], numbers: pa.Array, postcodes: pa.Array, births: pa.Array
) -> list[TextFindings]:
    """Return, for each column, where something was found."""
    suspected = scan.suspects(columns, scan.OwnValues(numbers, postcodes, births))
    rows = np.flatnonzero(suspected.any(axis=0))
    owns = {
        row: scan.own_of(*(column[row].as_py() for column in (numbers, postcodes, births)))
        for row in rows.tolist()
    }
    found = []
    for column, cells in zip(columns, suspected, strict=True):
        of_column = TextFindings([], [], [])
        for row in np.flatnonzero(cells).tolist():
            text = column[row].as_py()
            findings = find_in_record(text, owns[row])
            if findings:
                of_column.rows.append(row)
                of_column.texts.append(with_markers(text, findings))
                of_column.own.append(any(_is_own(text, one, owns[row]) for one in findings))
        found.append(of_column)
    return found


def with_markers(text: str, findings: Sequence[PersonalDataFound]) -> str:
    """Put markers in the place of what was found."""
    for finding in reversed(findings):
        text = text[: finding.start] + MARKER_OF[finding.kind] + text[finding.end :]
    return text


def _is_own(text: str, finding: PersonalDataFound, own: Own) -> bool:
    """Return whether it is the person's own; postcodes and dates are found only where they are."""
    if finding.kind is not PersonalDataKind.NHS_NUMBER:
        return True
    digits = normal_form(text[finding.start : finding.end]).text
    return own.number is not None and own.number in digits


class Masking:
    """The function `mask(number, postcode, birth, column, …)` of a landing session.

    It is called once for a vector of rows with every column that is looked through: a call costs
    more than most of what it does. Of a row in which something was found it gives a list with the
    masked text of each column, null where the column is as it came; of all others null, since a
    column of nulls for each column would cost half as much as looking.
    """

    NAME: Final = "mask"
    RETURNS: Final = "VARCHAR[]"

    def __init__(self, fields: Sequence[CatalogueField]) -> None:
        self.fields = fields
        self.cells: Counter[str] = Counter()
        """In how many cells of each field something was found."""
        self.of_others: Counter[str] = Counter()
        """Of these, those in which it was only other people's."""
        self.places = {
            field.name: place for place, field in enumerate(fields, start=1) if not field.identifier
        }
        """Where the masked text of a field is in the list. An identifier has none: it is sealed."""
        self._lock = threading.Lock()

    def __call__(
        self, numbers: pa.Array, postcodes: pa.Array, births: pa.Array, *columns: pa.Array
    ) -> pa.Array:
        rows = len(numbers)
        has_hit = np.zeros(rows, dtype=np.bool_)
        found = hits(columns, numbers, postcodes, births)
        for field, of_field in zip(self.fields, found, strict=True):
            has_hit[of_field.rows] = True
            if of_field.rows:
                with self._lock:
                    self.cells[field.name] += len(of_field.rows)
                    self.of_others[field.name] += of_field.own.count(False)
        return _texts(has_hit, found)


def _texts(has_hit: Mask, found: Sequence[TextFindings]) -> pa.Array:
    """Return each row with a hit the masked texts of all columns, and every other row null."""
    rows = np.flatnonzero(has_hit)
    place_of = {row: place for place, row in enumerate(rows.tolist())}
    texts: list[str | None] = [None] * (len(rows) * len(found))
    for column, of_column in enumerate(found):
        for row, text in zip(of_column.rows, of_column.texts, strict=True):
            texts[place_of[row] * len(found) + column] = text
    offsets = np.concatenate([[0], np.cumsum(has_hit) * len(found)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(texts, pa.string()), mask=pa.array(~has_hit)
    )
