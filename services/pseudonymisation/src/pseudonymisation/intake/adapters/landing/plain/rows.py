"""Makes landed rows of plain records, in columns, and hands all others on as the lines they were.

What is landed of a plain row is what the statement would make of it, sealed with the same keys;
whatever the statement would have to look at (a value that is not in normal form, a signal, a
placeholder, something like personal data in a text) goes to the statement, which judges it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField, Check, ColumnType
from catalogue.words import OF_A_POSTCODE
from pseudonymisation.engine import capacity, scan
from pseudonymisation.engine.sealing import Sealing
from pseudonymisation.intake.adapters.landing.feed import SPACE, Numbered
from pseudonymisation.intake.adapters.landing.judged.derivations import (
    LETTERS,
    MAP_AUTHORITY,
    MAP_COMMISSIONER,
    MAP_KEY,
    MAP_UPPER_AUTHORITY,
    POSTCODE_MAP,
    UPPER_REASON,
    Letter,
    at_place,
)
from pseudonymisation.intake.adapters.landing.judged.reading import FINDINGS, WITHHELD
from pseudonymisation.intake.adapters.landing.judged.statement import Statement
from pseudonymisation.intake.adapters.landing.judged.values import SPACES
from pseudonymisation.intake.adapters.landing.judged.voids import Test
from pseudonymisation.intake.adapters.landing.organisations import MAP_ENTITY, TABLE
from pseudonymisation.intake.adapters.landing.plain import forms
from pseudonymisation.intake.adapters.landing.plain.judging import (
    EPOCH,
    Judge,
    NotPlain,
    Remembered,
    among,
)
from pseudonymisation.intake.adapters.landing.plain.lines import LineReader
from pseudonymisation.intake.adapters.landing.plain.lookups import SortedMap, by_value
from pseudonymisation.intake.adapters.landing.quotes import Mask

UNIT: Final = "\x1f"
ARROW: Final[Mapping[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "UBIGINT": pa.uint64(),
    "UTINYINT": pa.uint8(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIME": pa.time64("us"),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
}


FEW_VALUES: Final = pa.dictionary(pa.int32(), pa.string())
"""How text is handed to the engine: once each value of a block, and a number a row."""


def schema_of(statement: Statement) -> pa.Schema:
    """Give the columns in which the rows of a statement differ."""
    there = [(c.name, ARROW[c.kind]) for c in statement.layout if c.is_there]
    return pa.schema([(n, FEW_VALUES if kind == pa.string() else kind) for n, kind in there])


def as_in(schema: pa.Schema, columns: Iterable[pa.Array]) -> pa.RecordBatch:
    """Make a batch of columns whose values are right."""
    made = [_in(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(made, schema=schema)


def _in(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Give text by its values; where most differ each is one, for to look for others is dearer."""
    if kind != FEW_VALUES or pa.types.is_dictionary(column.type):
        return column.cast(kind)
    text = column.cast(pa.string())
    places = pa.array(np.arange(len(text), dtype=np.int32), mask=_nulls(text))
    return pa.DictionaryArray.from_arrays(places, text)


@dataclass(slots=True)
class Batch:
    """What is known of the records of one block."""

    numbers: pa.Array
    text: Mapping[str, pa.Array]
    """As they came, by column."""
    unplain: Mask
    typed: dict[str, pa.Array] = field(default_factory=dict)
    """Dates and numbers."""

    def rules_out(self, rows: Mask) -> None:
        self.unplain |= rows


class PlainRows:
    """Makes rows of one file. Called from several threads."""

    def __init__(
        self, statement: Statement, keys: Mapping[str, bytes], connection: duckdb.DuckDBPyConnection
    ) -> None:
        """Read the maps of the session.

        :raises NotPlain: where the data set or its rules say what only the statement can
        """
        if statement.holds_from is not None or statement.states_protocol:
            raise NotPlain
        self._statement = statement
        self._order = statement.order
        self._data_set = statement.data_set
        self._columns = set(statement.columns)
        self._organisations = statement.organisations
        self._judge = Judge(
            statement.reading,
            first=self._order.first,
            last=self._order.last,
            more=dict(self._foreign(connection)),
        )
        self._lines = LineReader(statement.columns, self._data_set.file, self._judge.few_values)
        self._may_be = {
            one.name: Remembered(scan.may_be_suspects) for one in statement.masking.fields
        }
        self._schema = schema_of(statement)
        sealed = [c.field for c in statement.sealing.cells if c.field.name in self._columns]
        self._sealing = Sealing(sealed, keys)
        self._require_forms()
        starts = statement.derivations.later
        self._homes = [
            SortedMap.load(connection, at_place(POSTCODE_MAP, place), MAP_KEY)
            for place in range(len(starts) + 1)
        ]
        self._later = [start.toordinal() - EPOCH - forms.FIRST_DAY for start in starts]
        practices = connection.execute(f"SELECT {MAP_KEY}, {MAP_COMMISSIONER} FROM practice_map")
        self._practices: dict[str, str | None] = dict(practices.fetchall())
        entities = connection.execute(f"SELECT {MAP_KEY}, {MAP_ENTITY} FROM {TABLE}")
        self._entities: dict[str, str | None] = dict(entities.fetchall())

    def __call__(self, block: Numbered) -> tuple[pa.RecordBatch | None, Numbered]:
        """Give the landed rows of a block, and the lines that are not plain."""
        parsed = self._lines(block)
        if not len(parsed.numbers):
            return None, block
        batch = Batch(
            pa.array(parsed.numbers, pa.uint64()),
            {name: self._recoded(name, column) for name, column in parsed.columns.items()},
            np.zeros(len(parsed.numbers), dtype=np.bool_),
        )
        self._judge_values(batch)
        if batch.unplain.all():
            return None, block
        rows = self._made(batch)
        unplain = batch.unplain
        if not unplain.any():
            return rows, parsed.rest
        others = np.concatenate([parsed.rest.numbers, parsed.numbers[unplain]])
        rest = block.only(np.isin(block.numbers, others))
        return rows.filter(pa.array(~unplain)), rest

    def _recoded(self, name: str, column: pa.Array) -> pa.Array:
        """Put what a value stands for in its place (`recode`)."""
        known = self._data_set.by_name[name].recode
        if not known:
            return column
        return by_value(column, lambda value: known.get(value.strip(SPACES), value))

    # --- judged -----------------------------------------------------------------------------------

    def _judge_values(self, batch: Batch) -> None:
        judge = self._judge
        for one in judge.fields:
            column = batch.text[one.name]
            if one.mandatory and column.null_count:
                batch.rules_out(_nulls(column))
            if one.check is Check.NHS_NUMBER:
                batch.rules_out(judge.nhs_numbers(column)[1])
            elif one.type is ColumnType.DATE:
                batch.typed[one.name], wrong = judge.dates(column, one)
                batch.rules_out(wrong)
            elif one.type is ColumnType.TIME:
                batch.typed[one.name], wrong = judge.times(column, one)
                batch.rules_out(wrong)
            elif one.type is not ColumnType.TEXT:
                batch.typed[one.name], wrong = judge.numbers(column, one)
                batch.rules_out(wrong)
        for text in judge.texts:
            batch.rules_out(text.unplain(batch.text[text.name]))
        for rows in judge.impossible(batch.typed):
            batch.rules_out(rows)

    def _foreign(self, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[Test]]]:
        """Give the columns that say whose record it is, and what is none of the sender's."""
        provider = self._data_set.person.provider
        site = self._data_set.population.get("P")
        if provider is not None:
            if provider in self._columns:
                known = frozenset(self._organisations.known)
                yield provider, [among(known, expected=True)]
        elif site is not None and site.field in self._columns and site.field:
            codes = connection.execute(self._organisations.others_sites).fetchall()
            yield site.field, [among(frozenset(code for (code,) in codes), expected=False)]

    # --- made -------------------------------------------------------------------------------------

    def _made(self, batch: Batch) -> pa.RecordBatch:
        """Make all rows, also of records that are not plain: they are left out afterwards."""
        size = len(batch.numbers)
        sources = forms.Sources(
            {name: forms.Dates.of(batch.typed[name]) for name in self._dates},
            {
                name: forms.Postcodes.of(self._only_plain(batch, name), self._homes)
                for name in self._statement.derivations.postcodes
            },
            self._homes,
            self._later,
            forms.Dates.of(batch.typed[self._data_set.periods.field]),
            {name: _number(column) for name, column in batch.typed.items()},
        )
        person = self._data_set.person
        number = (
            batch.text[person.nhs_number]
            if person.nhs_number in self._columns
            else pa.nulls(size, pa.string())
        )
        texts = _Texts(batch.text)
        postcodes = {name: one.values for name, one in sources.postcodes.items()}
        self._look_through(batch, texts, number, postcodes.get(person.postcode or ""))
        made: dict[str, pa.Array] = {
            "line": batch.numbers,
            "person_kind": pa.array(np.where(_nulls(number), 2, 1), pa.uint8()),
            "period": forms.month(sources.dates[self._data_set.periods.field]),
            "pcd_masked": _same(False, size, pa.bool_()),
            WITHHELD: _same(False, size, pa.bool_()),
            FINDINGS: pa.nulls(size, pa.string()),
        }
        made |= self._sealed(batch, texts, number, postcodes)
        made |= {
            one.name: _capped(batch.typed[one.name], one.limit)
            if one.name in batch.typed
            else batch.text[one.name]
            for one in self._judge.fields
            if one.identifier is None
        }
        made |= {
            one.name: forms.FORMS[one.derivation](one, sources)
            for one in self._data_set.made_at_landing
            if one.name in self._schema.names
        }
        for letter in LETTERS:
            name = f"reason_{letter.lower()}"
            if name in self._schema.names:
                made[name] = self._reason(letter, batch, sources)
        if UPPER_REASON in self._schema.names:
            name = self._data_set.population["L"].field or ""
            made[UPPER_REASON] = sources.postcodes[name].area(self._homes, MAP_UPPER_AUTHORITY)
        return as_in(self._schema, (made[column.name] for column in self._schema))

    def _only_plain(self, batch: Batch, name: str) -> pa.Array:
        """Give the values of plain rows: what is no postcode has no parts."""
        column = batch.text[name]
        if not batch.unplain.any():
            return column
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        return pc.if_else(pa.array(batch.unplain), None, column)

    @property
    def _dates(self) -> list[str]:
        return [one.name for one in self._judge.fields if one.type is ColumnType.DATE]

    def _sealed(
        self,
        batch: Batch,
        texts: "_Texts",
        number: pa.Array,
        postcodes: Mapping[str, pa.Array],
    ) -> dict[str, pa.Array]:
        if batch.unplain.any():
            number = pc.if_else(pa.array(batch.unplain), None, number)
        cells = [
            postcodes[cell.field.name]
            if cell.field.name in postcodes
            else _trimmed(texts[cell.field.name])
            for cell in self._sealing.cells
        ]
        sealed = self._sealing.columns(number, self._stranger(batch, texts, number), cells)
        made = {"person_0": sealed["p_0"], "person_1": sealed["p_1"]}
        for cell in self._sealing.cells:
            made[f"{cell.field.name}__0"] = sealed[cell.first]
            made[f"{cell.field.name}__1"] = sealed[cell.second]
            if cell.rest:
                made[f"{cell.field.name}__rest"] = sealed[cell.rest]
        return made

    def _stranger(self, batch: Batch, texts: "_Texts", number: pa.Array) -> pa.Array:
        """Give what tells people without a number from all others (domain.md 8.2)."""
        nameless = _nulls(number)
        size = len(number)
        if not nameless.any():
            return pa.nulls(size, pa.string())
        which = pa.array(nameless)
        person, edition = self._data_set.person, str(self._order.edition_id)
        lines = batch.numbers.filter(which).cast(pa.string())
        known = pc.binary_join_element_wise(pa.scalar(edition), lines, UNIT)
        if person.local_id in self._columns and person.local_id is not None:
            local = _trimmed(texts[person.local_id].filter(which))
            provider: pa.Array | pa.Scalar = pa.scalar(self._order.provider)
            if person.provider in self._columns and person.provider is not None:
                codes = _trimmed(texts[person.provider].filter(which))
                normal = by_value(codes, self._organisations.entity_of_provider)
                provider = normal.dictionary_decode().fill_null(self._order.provider)
            known = pc.coalesce(pc.binary_join_element_wise(provider, local, UNIT), known)
        return pc.replace_with_mask(pa.nulls(size, pa.string()), which, known)

    def _look_through(
        self, batch: Batch, texts: "_Texts", number: pa.Array, postcode: pa.Array | None
    ) -> None:
        """Rule out rows in which something could be personal data."""
        looked_at = [
            column
            for one in self._statement.masking.fields
            if (column := _looked_at(one, batch, texts, self._may_be[one.name])) is not None
        ]
        if not looked_at:
            return
        size = len(batch.numbers)
        birth = self._data_set.person.date_of_birth
        owns = scan.OwnValues(
            number,
            postcode if postcode is not None else pa.nulls(size, pa.string()),
            texts[birth] if birth in self._columns and birth else pa.nulls(size, pa.string()),
        )
        suspected: Mask = np.logical_or.reduce(scan.suspects(looked_at, owns), axis=0)
        batch.rules_out(suspected)

    def _reason(self, letter: Letter, batch: Batch, sources: forms.Sources) -> pa.Array:
        reason, text = self._data_set.population[letter], batch.text
        name = reason.field or ""
        match reason.source:
            case "practice":
                return by_value(text[name], self._practices.get)
            case "postcode":
                return sources.postcodes[name].mapped(self._homes, MAP_COMMISSIONER)
            case "local_authority":
                return sources.postcodes[name].area(self._homes, MAP_AUTHORITY)
            case "organisation" | "commissioner":
                if name == self._data_set.person.provider:
                    return by_value(text[name], self._organisations.entity_of_provider)
                return by_value(text[name], lambda code: self._entities.get(code, code))
            case "submitter":
                return _same(self._order.provider, len(batch.numbers), pa.string())

    def _require_forms(self) -> None:
        """:raises NotPlain:"""
        by_name = self._data_set.by_name
        for made in self._data_set.made_at_landing:
            if made.name in self._schema.names and made.derivation not in forms.FORMS:
                raise NotPlain
        places = {
            made.source
            for made in self._data_set.derived
            if made.derivation in OF_A_POSTCODE and made.source in self._columns
        } | set(self._statement.derivations.postcodes)
        if any(by_name[name].check is not Check.POSTCODE for name in places):
            raise NotPlain


class _Texts:
    """Columns as text, one value after the other."""

    def __init__(self, columns: Mapping[str, pa.Array]) -> None:
        self._columns = columns
        self._decoded: dict[str, pa.Array] = {}

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._decoded:
            column = self._columns[name]
            is_encoded = pa.types.is_dictionary(column.type)
            self._decoded[name] = column.dictionary_decode() if is_encoded else column
        return self._decoded[name]


def _number(values: pa.Array) -> pa.Array:
    """Give what is put into bands: numbers, and of times of day the hour."""
    return pc.hour(values) if pa.types.is_time(values.type) else values


def _capped(values: pa.Array, limit: int | None) -> pa.Array:
    """Keep numbers above a limit as the limit."""
    return values if limit is None else pc.if_else(pc.greater(values, limit), limit, values)


def _looked_at(
    field_: CatalogueField, batch: Batch, texts: _Texts, may_be_personal: Test
) -> pa.Array | None:
    """Give what is looked through of a column; of numbers only those with so many digits."""
    if field_.type is ColumnType.TEXT:
        return _holding(batch.text[field_.name], texts, field_.name, may_be_personal)
    encoded = batch.text[field_.name]
    lengths = pc.binary_length(encoded.dictionary) if pa.types.is_dictionary(encoded.type) else None
    if lengths is None:
        lengths = pc.binary_length(encoded)
    if not (lengths.fill_null(0).to_numpy(zero_copy_only=False) >= capacity.INTEGER_MIN).any():
        return None
    number = batch.typed[field_.name]
    whole = pc.trunc(number).cast(pa.int64()) if field_.type is ColumnType.DECIMAL else number
    return whole.cast(pa.string())


def _holding(column: pa.Array, texts: _Texts, name: str, may_be_personal: Test) -> pa.Array | None:
    """Give a column without the values that can be nothing personal; None where all are such."""
    if not pa.types.is_dictionary(column.type):
        return texts[name]
    may_be = may_be_personal(column.dictionary)
    if not may_be.any():
        return None
    if may_be.all():
        return texts[name]
    return pc.if_else(pa.array(may_be), column.dictionary, None).take(column.indices)


def _trimmed(text: pa.Array) -> pa.Array:
    if not (np.frombuffer(text.buffers()[2] or b"", dtype=np.uint8) == SPACE).any():
        return text
    bare = pc.utf8_trim(text, " ")
    return pc.if_else(pc.equal(bare, ""), None, bare)


def _nulls(column: pa.Array) -> Mask:
    mask: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return mask


def _same(value: object, size: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), size)
