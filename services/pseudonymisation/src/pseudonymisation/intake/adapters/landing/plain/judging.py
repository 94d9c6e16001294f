"""Tells plain rows by their columns: what `reading` and `checks` say in SQL, of distinct values.

A row is plain where nothing has to be asked of it. The judgement may be too strict, and is never
too lenient: what is not plain here is judged by the statement, rule by rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import (
    NUMBERS,
    CatalogueField,
    Check,
    ColumnType,
    Comparison,
    Days,
    Normal,
    Validity,
)
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.intake.adapters.landing.judged.checks import has_shape, shape_of
from pseudonymisation.intake.adapters.landing.judged.reading import TODAY, Reading
from pseudonymisation.intake.adapters.landing.judged.values import DASHES, SPACES, normals_of
from pseudonymisation.intake.adapters.landing.judged.voids import Test, mask_of
from pseudonymisation.intake.adapters.landing.plain.forms import FIRST_DAY, LAST_DAY
from pseudonymisation.intake.adapters.landing.quotes import Mask

EPOCH: Final = date(1970, 1, 1).toordinal()

JUDGED: Final = frozenset({ColumnType.TEXT, ColumnType.DATE, ColumnType.TIME, *NUMBERS})
COMPARED: Final = frozenset({ColumnType.DATE, *NUMBERS})


class NotPlain(Exception):
    """The rules of this file say something that is judged by the statement only."""


def matches(pattern: str) -> Test:
    whole = rf"\A(?:{pattern})\z"
    return lambda values: ~mask_of(pc.match_substring_regex(values, whole))


def finds(pattern: str) -> Test:
    return lambda values: mask_of(pc.match_substring_regex(values, pattern))


def one_of(words: Sequence[str], *, expected: bool) -> Test:
    """Say which are not in a list (or, where they are not expected, which are): as `is_one_of`."""
    listed = " ".join(("", *words, ""))

    def test(values: pa.Array) -> Mask:
        found = np.array([f" {value} " in listed for value in values.to_pylist()], dtype=np.bool_)
        return ~found if expected else found

    return test


def among(codes: frozenset[str], *, expected: bool) -> Test:
    def test(values: pa.Array) -> Mask:
        found = np.array([value in codes for value in values.to_pylist()], dtype=np.bool_)
        return ~found if expected else found

    return test


NOT_NORMAL: Final[Mapping[Normal, Test]] = {
    Normal.UPPER: lambda values: mask_of(pc.not_equal(pc.utf8_upper(values), values)),
    Normal.NO_SPACES: finds(" "),
    Normal.NO_DOTS: finds(r"\."),
    Normal.NO_DASHES: finds(DASHES),
}
"""Which values would be others in their normal form, as `Reading` says of them in SQL."""
REMEMBERED_MAX: Final = 1 << 16


class Remembered:
    """A test that is made once of each value: few differ, and come again in every block."""

    def __init__(self, test: Test) -> None:
        self._test = test
        self._known: dict[str, bool] = {}

    def __call__(self, values: pa.Array) -> Mask:
        listed, known = values.to_pylist(), self._known
        if new := [value for value in listed if value not in known]:
            found = dict(zip(new, self._test(pa.array(new, pa.string())).tolist(), strict=True))
            known = {**known, **found}
            # Read by several threads: it is replaced, and never changed.
            self._known = known if len(known) <= REMEMBERED_MAX else found
        return np.fromiter((known[value] for value in listed), np.bool_, len(listed))


def _longer_than(length: int) -> Test:
    """Bytes are characters, or more."""
    return lambda values: pc.binary_length(values).to_numpy(zero_copy_only=False) > length


class TextColumn:
    """A column of text and what is asked of its values."""

    def __init__(self, name: str, tests: Sequence[Test], by_word: Sequence[Test]) -> None:
        """`by_word` look at one value after the other."""
        self.name = name
        self._tests = tests
        self._by_word = by_word
        self._of_few = Remembered(lambda values: _wrong(values, [*tests, *by_word]))

    def unplain(self, column: pa.Array) -> Mask:
        """Say which rows are not plain for this column."""
        if self._by_word or pa.types.is_dictionary(column.type):
            encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
            wrong = self._of_few(encoded.dictionary)
            if not wrong.any():
                return np.zeros(len(column), dtype=np.bool_)
            return _spread(wrong, encoded)
        wrong = _wrong(column.fill_null(""), self._tests)
        if column.null_count:
            wrong &= column.is_valid().to_numpy(zero_copy_only=False)
        return wrong


def _wrong(values: pa.Array, tests: Sequence[Test]) -> Mask:
    wrong = np.zeros(len(values), dtype=np.bool_)
    for test in tests:
        wrong |= test(values)
    return wrong


def _spread(wrong: Mask, encoded: pa.DictionaryArray) -> Mask:
    """Say of rows what is said of their values; of a null nothing."""
    indices = encoded.indices
    if not len(wrong):
        return np.zeros(len(indices), dtype=np.bool_)
    rows: Mask = wrong[indices.fill_null(0).to_numpy()]
    if indices.null_count:
        rows &= indices.is_valid().to_numpy(zero_copy_only=False)
    return rows


class Judge:
    """Judges the columns of one file, a batch at a time."""

    def __init__(
        self,
        reading: Reading,
        *,
        first: date,
        last: date,
        more: Mapping[str, Sequence[Test]],
    ) -> None:
        """`more` is what else is asked of the values of columns.

        :raises NotPlain: where a rule cannot be judged in columns
        """
        self._reading = reading
        self._first, self._last = first, last
        self.fields = reading.fields
        if any(f.type not in JUDGED or f.lookup is not None for f in self.fields):
            raise NotPlain
        self.texts = [self._text(field, more) for field in self.fields if _is_text(field)]
        self._validity = [rule for rule in reading.rules.validity if self._can_be_held(rule)]

    @property
    def few_values(self) -> set[str]:
        """Columns that are likely to have few values that differ: by their form."""
        return {
            f.name
            for f in self.fields
            if f.type is ColumnType.TEXT and f.check is not Check.NHS_NUMBER and has_shape(f)
        } | {f.name for f in self.fields if f.type in {ColumnType.TIME, *NUMBERS}}

    def _text(self, field: CatalogueField, more: Mapping[str, Sequence[Test]]) -> TextColumn:
        reading, name = self._reading, field.name
        tests: list[Test] = []
        if has_shape(field):
            tests.append(matches(shape_of(field)))
        if field.codes is None or field.separator is not None:
            tests.append(_longer_than(field.length_max))
        looked_for = [f"\\A[{SPACES}]|[{SPACES}]\\z"] if may_have_edges(field) else []
        if reading.is_key(field) and (spoilt := reading.voids.among):
            # In upper case some other letters are those of a word.
            looked_for += [rf"(?i:\A(?:{spoilt})\z)", r"[^\x00-\x7f]"]
        if looked_for:
            tests.append(finds("|".join(looked_for)))
        if may_have_edges(field):
            tests += [NOT_NORMAL[normal] for normal in normals_of(field, reading.rules)]
        coded, codes = reading.signals.coded
        if name in coded:
            tests.append(finds(rf"(?i)(?:\A|[^A-Z0-9]){codes}"))
        by_word = [
            one_of(words, expected=expected)
            for column, words, expected in reading.signals.silence
            if column == name
        ]
        return TextColumn(name, tests, [*by_word, *more.get(name, ())])

    # --- one batch --------------------------------------------------------------------------------

    def dates(self, column: pa.Array, field: CatalogueField) -> tuple[pa.Array, Mask]:
        """Give dates, null where there is none or no plain one, and which are not plain."""
        values, wrong = _dates(column)
        days = values.cast(pa.int32()).fill_null(0).to_numpy()
        early, late = self._reading.voids.around()
        lowest = max(FIRST_DAY, _day(early) + 1 if early else FIRST_DAY)
        highest = min(LAST_DAY, _day(late) - 1 if late else LAST_DAY)
        if field.check is Check.NOT_IN_FUTURE:
            highest = min(highest, _day(self._reading.today))
        if field.name == self._reading.data_set.periods.field:
            lowest, highest = max(lowest, _day(self._first)), min(highest, _day(self._last))
        outside = (days < lowest) | (days > highest)
        if values.null_count:
            outside &= values.is_valid().to_numpy(zero_copy_only=False)
        if outside.any():
            wrong = wrong | outside
            values = pc.if_else(pa.array(outside), None, values)
        return values, wrong

    @staticmethod
    def numbers(column: pa.Array, field: CatalogueField) -> tuple[pa.Array, Mask]:
        """Give whole or decimal numbers, and which are not plain."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        texts = encoded.dictionary
        wrong = matches(shape_of(field))(texts)
        kind = pa.int64() if field.type is ColumnType.INTEGER else pa.float64()
        known = pc.if_else(pa.array(wrong), None, texts).cast(kind)
        if field.minimum is not None:
            wrong |= mask_of(pc.less(known, field.minimum).fill_null(False))
        if field.maximum is not None:
            wrong |= mask_of(pc.greater(known, field.maximum).fill_null(False))
        return known.take(encoded.indices), _spread(wrong, encoded)

    @staticmethod
    def times(column: pa.Array, field: CatalogueField) -> tuple[pa.Array, Mask]:
        """Give times of day, and which are not plain."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        wrong = matches(shape_of(field))(encoded.dictionary)
        known = [
            None if is_wrong else time.fromisoformat(text)
            for is_wrong, text in zip(wrong, encoded.dictionary.to_pylist(), strict=True)
        ]
        return pa.array(known, pa.time64("us")).take(encoded.indices), _spread(wrong, encoded)

    @staticmethod
    def nhs_numbers(column: pa.Array) -> tuple[pa.Array, Mask]:
        """Give NHS numbers, and which are none."""
        valid = valid_numbers(column)
        return column, ~valid & column.is_valid().to_numpy(zero_copy_only=False)

    def impossible(self, typed: Mapping[str, pa.Array]) -> Iterator[Mask]:
        """Give, rule by rule, the rows whose values cannot be, one held against the other."""
        for rule in self._validity:
            value, than = typed[rule.column], self._than(rule, typed)
            match rule.is_:
                case Comparison.BELOW:
                    holds = pc.less(value, than)
                case Comparison.ABOVE:
                    holds = pc.greater(value, than)
                case Comparison.DIFFERS:
                    holds = pc.not_equal(value, than)
            yield mask_of(holds.fill_null(False))

    def _can_be_held(self, rule: Validity) -> bool:
        """Say whether the file has the columns of a rule.

        :raises NotPlain: where it compares text or times of day
        """
        columns = {field.name: field for field in self.fields}
        match rule.than:
            case Days(start=start, end=end):
                named = [rule.column, start, end]
            case str() as name if name != TODAY:
                named = [rule.column, name]
            case _:
                named = [rule.column]
        if any(name not in columns for name in named):
            return False
        if any(columns[name].type not in COMPARED for name in named):
            raise NotPlain
        return True

    def _than(self, rule: Validity, typed: Mapping[str, pa.Array]) -> pa.Array | pa.Scalar:
        match rule.than:
            case Days(start=start, end=end):
                first, last = (typed[name].cast(pa.int32()) for name in (start, end))
                return pc.subtract(last, first).cast(pa.int64())
            case date() as day:
                return pa.scalar(day)
            case int() as number:
                return pa.scalar(number)
            case name if name == TODAY:
                return pa.scalar(self._reading.today)
            case name:
                return typed[str(name)]


def may_have_edges(field: CatalogueField) -> bool:
    """Say whether what a value may be is open: of codes, numbers and postcodes it is listed."""
    is_listed = field.codes is not None or field.check is not None
    return field.type is ColumnType.TEXT and not is_listed


def _is_text(field: CatalogueField) -> bool:
    return field.type is ColumnType.TEXT and field.check is not Check.NHS_NUMBER


def _day(day: date) -> int:
    return day.toordinal() - EPOCH


def _dates(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Give ISO dates, written exactly so, and which values are none."""
    text = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    lengths = pc.binary_length(text)
    if pc.all(pc.equal(lengths, len("YYYY-MM-DD"))).as_py() is not False:
        try:
            return text.cast(pa.date32()), np.zeros(len(text), dtype=np.bool_)
        except pa.ArrowInvalid:
            pass
    encoded = text.dictionary_encode()
    known = [_date_of(value) for value in encoded.dictionary.to_pylist()]
    wrong = np.array([day is None for day in known], dtype=np.bool_)
    return pa.array(known, pa.date32()).take(encoded.indices), _spread(wrong, encoded)


def _date_of(text: str) -> date | None:
    if len(text) != len("YYYY-MM-DD") or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
