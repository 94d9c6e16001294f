"""Values as the rules compare them: in normal form, without placeholders, column by column.

Of most columns few values differ, and each is looked at once a file. What is made of a value is
the same whatever else stands in its row.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField, Check, DataSet, LandingRules, Normal
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.intake.adapters.landing.judged.checks import has_shape, shape_of
from pseudonymisation.intake.adapters.landing.judged.voids import Test, Voids
from pseudonymisation.intake.adapters.landing.quotes import Mask

VOID: Final = "VALUE_VOID"
SPACES: Final = " \t\u00a0\u2007\u200b\u200c\u200d\u200e\u200f\u202f\u2060\u3000\ufeff"
"""What goes at both ends of a value: also what is not seen, as a byte order mark left by `cat`."""
DASHES: Final = "[-\u2010-\u2015\u2212]"
"""Hyphens, as they are typed and as programs write them."""
REMEMBERED_MAX: Final = 1 << 12
"""Values of one column: with their normal forms half a megabyte."""
DISTINCT_SHARE_MAX: Final = 4
"""Of a column of which more than a quarter of the values differ, none is remembered."""
FEW_ROWS: Final = 256
"""Of fewer is not told how many values of a column differ."""


_Known = Mapping[str, tuple[str | None, bool] | None]
"""Of values, their normal form and whether they are placeholders; None of one that is as it was."""


class _Begun(NamedTuple):
    """A column of which it is still to be said what is a placeholder."""

    column: pa.Array
    encoded: pa.DictionaryArray | None
    """Where few values differ."""
    fresh: pa.Array
    """Values that were not seen before; of a column whose values differ all of them."""
    normal: pa.Array
    """Their normal form."""
    known: "_Known"
    """What was known of the others."""


class _Read(NamedTuple):
    """Values in normal form, null for a placeholder, and which were such."""

    normal: pa.Array
    void: Mask


class ValueReader:
    """The function `read_values(column, …)` of a landing session; called from several threads."""

    NAME: Final = "read_values"
    VOIDS: Final = "voids"

    def __init__(
        self,
        data_set: DataSet,
        rules: LandingRules,
        columns: Sequence[str],
        signals: frozenset[str],
    ) -> None:
        """`signals` are columns whose values are read as they are: no placeholder is one there."""
        self._voids = Voids(rules.void)
        self._columns = []
        for name in columns:
            field = data_set.by_name[name]
            shape = shape_of(field) if has_shape(field) else None
            is_void = None if name in signals else self._voids.test(field, shape)
            self._columns.append(_Column(data_set, rules, field, is_void))
        self.numbers = [
            place for place, one in enumerate(self._columns) if one.field.check is Check.NHS_NUMBER
        ]

    @property
    def returns(self) -> str:
        """The engine's type of what is made of a row."""
        values = [f"{self.value(place)} VARCHAR" for place in range(len(self._columns))]
        valid = [f"{self.valid(place)} BOOLEAN" for place in self.numbers]
        return f"STRUCT({', '.join([*values, *valid, f'{self.VOIDS} VARCHAR'])})"

    @staticmethod
    def value(place: int) -> str:
        """Name the member with the value of the column at a place."""
        return f"v{place}"

    @staticmethod
    def valid(place: int) -> str:
        """Name the member that says whether it is a valid NHS number; null where there is none."""
        return f"n{place}"

    def __call__(self, *columns: pa.Array) -> pa.Array:
        begun = [
            one.begun(column.cast(pa.string()))
            for one, column in zip(self._columns, columns, strict=True)
        ]
        may_be = self._voids.candidates(pa.concat_arrays([one.normal for one in begun]))
        ends = np.cumsum([len(one.normal) for one in begun])[:-1]
        read = [
            one.read(of_column, candidates)
            for one, of_column, candidates in zip(
                self._columns, begun, np.split(may_be, ends), strict=True
            )
        ]
        members = {self.value(place): made.normal for place, made in enumerate(read)}
        for place in self.numbers:
            numbers = read[place].normal
            nothing = numbers.is_null().to_numpy(zero_copy_only=False)
            members[self.valid(place)] = pa.array(valid_numbers(numbers), mask=nothing)
        members[self.VOIDS] = _listed([made.void for made in read])
        return pa.StructArray.from_arrays(list(members.values()), list(members))


def _listed(voids: Sequence[Mask]) -> pa.Array:
    """List for each row `column number:code` of its placeholders; null where it has none."""
    size = len(voids[0])
    told = [
        pc.if_else(pa.array(void), f" {place}:{VOID}", "")
        for place, void in enumerate(voids)
        if void.any()
    ]
    if not told:
        return pa.nulls(size, pa.string())
    joined = pc.utf8_ltrim(pc.binary_join_element_wise(*told, ""), " ")
    return pc.if_else(pc.equal(joined, ""), None, joined)


class _Column:
    """A column, and what was made of its values before."""

    def __init__(
        self, data_set: DataSet, rules: LandingRules, field: CatalogueField, is_void: Test | None
    ) -> None:
        self.field = field
        self._codes = data_set.lookups[field.lookup].by_folded if field.lookup else field.recode
        self._normals = normals_of(field, rules)
        self._is_void = is_void
        self._differ = False
        self._known: _Known = {}

    def begun(self, column: pa.Array) -> _Begun:
        """Bring values into their normal form that were not seen before."""
        encoded = None if self._differ else column.dictionary_encode()
        if encoded is not None:
            few = len(encoded.dictionary) * DISTINCT_SHARE_MAX <= len(column)
            if few or len(column) < FEW_ROWS:
                known = self._known
                new = [value for value in encoded.dictionary.to_pylist() if value not in known]
                fresh = pa.array(new, pa.string())
                return _Begun(column, encoded, fresh, self._normal(fresh), known)
            self._differ = True
        return _Begun(column, None, column, self._normal(column), {})

    def read(self, begun: _Begun, candidates: Mask) -> _Read:
        """Take placeholders out. `candidates` are which of the fresh values may be such."""
        normal, void = begun.normal, candidates
        if void.any():
            void = np.zeros(len(normal), dtype=np.bool_)
            if self._is_void is not None:
                void[candidates] = self._is_void(normal.filter(pa.array(candidates)))
                normal = pc.if_else(pa.array(void), None, normal)
        if begun.encoded is None:
            return _Read(normal, void)
        return self._of_few(begun.encoded, self._learnt(begun, normal, void), begun.column)

    def _learnt(self, begun: _Begun, normal: pa.Array, void: Mask) -> _Known:
        """Keep in mind what becomes of values."""
        if not len(begun.fresh):
            return begun.known
        found = {
            value: None if made == value else (made, is_void)
            for value, made, is_void in zip(
                begun.fresh.to_pylist(), normal.to_pylist(), void.tolist(), strict=True
            )
        }
        known = {**begun.known, **found}
        # Read by several threads: it is replaced, and never changed.
        if len(known) <= REMEMBERED_MAX:
            self._known = known
        return known

    @staticmethod
    def _of_few(
        encoded: pa.DictionaryArray,
        known: _Known,
        column: pa.Array,
    ) -> _Read:
        listed = encoded.dictionary.to_pylist()
        if all(known[value] is None for value in listed):
            return _Read(column, np.zeros(len(column), dtype=np.bool_))
        said = [known[value] or (value, False) for value in listed]
        normal = pa.array([value for value, _ in said], pa.string()).take(encoded.indices)
        void = pa.array([is_void for _, is_void in said]).take(encoded.indices).fill_null(False)
        return _Read(normal, void.to_numpy(zero_copy_only=False))

    def _normal(self, values: pa.Array) -> pa.Array:
        return normalised(self._coded(values), self.field, self._normals) if len(values) else values

    def _coded(self, values: pa.Array) -> pa.Array:
        """Put codes in place of what stands for them."""
        codes = self._codes
        if not codes:
            return values
        if self.field.lookup is None:
            names = pc.utf8_trim(values, SPACES)
        else:
            single = pc.replace_substring_regex(values, f"[{SPACES}]+", " ")
            names = pc.utf8_upper(pc.utf8_trim(single, " "))
        known = pa.array([codes.get(name) for name in names.to_pylist()], pa.string())
        return pc.coalesce(known, values)


def normals_of(field: CatalogueField, rules: LandingRules) -> tuple[Normal, ...]:
    """What is done to a value, by the data set and by the format of the rules."""
    format_ = rules.format_of(field.name)
    return (*field.normal, *(format_.normal if format_ else ()))


def normalised(values: pa.Array, field: CatalogueField, normals: Sequence[Normal]) -> pa.Array:
    """Give values as they are compared: no white space at their ends, in their normal form."""
    values = pc.utf8_trim(values, SPACES)
    if field.check is Check.POSTCODE:
        bare = pc.replace_substring_regex(values, r"[[:space:]\x{a0}]+", "")
        values = pc.utf8_upper(bare)
    for normal in normals:
        values = _NORMAL[normal](values)
    is_empty = pc.equal(values, "")
    return pc.if_else(is_empty, None, values) if pc.any(is_empty).as_py() else values


_NORMAL: Final = {
    Normal.UPPER: pc.utf8_upper,
    Normal.NO_SPACES: partial(pc.replace_substring, pattern=" ", replacement=""),
    Normal.NO_DOTS: partial(pc.replace_substring, pattern=".", replacement=""),
    Normal.NO_DASHES: partial(pc.replace_substring_regex, pattern=DASHES, replacement=""),
}
