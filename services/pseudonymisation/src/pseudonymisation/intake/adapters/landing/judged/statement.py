"""The statement that lands a file, written from the catalogue, and what it calls back.

From the inside: the numbered lines as text; the rows that are kept, as the landing rules read
them (`reading`); their postcodes in one form; what our functions make of them; what is landed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from catalogue import (
    MOMENTS,
    NUMBERS,
    CatalogueField,
    ColumnType,
    DataSet,
    DerivedField,
    Effect,
    LandingRules,
    Protocol,
)
from pseudonymisation.engine import capacity, scan
from pseudonymisation.engine.masking import Masking
from pseudonymisation.engine.sealing import Sealing
from pseudonymisation.engine.session import identifier, literal, sealed_parquet
from pseudonymisation.intake.adapters.landing import organisations
from pseudonymisation.intake.adapters.landing.judged.checks import date_of, moment_of, valid_of
from pseudonymisation.intake.adapters.landing.judged.derivations import (
    LETTERS,
    MAP_KEY,
    POSTCODE_MAP,
    UPPER_REASON,
    Derivations,
    Letter,
    as_day_number,
    at_place,
    day_number,
    home_of,
    month_of,
    normalised_postcode,
    postcode_of,
    practice_of,
    type_of,
)
from pseudonymisation.intake.adapters.landing.judged.reading import (
    FINDINGS,
    OWN_BIRTH,
    WITHHELD,
    Judgement,
    Reading,
)
from pseudonymisation.intake.adapters.landing.judged.signals import contradicting
from pseudonymisation.intake.adapters.landing.layout import (
    TYPES,
    LandedColumn,
    left_out,
    with_nothing_in,
)
from pseudonymisation.intake.adapters.landing.organisations import FOREIGN, Organisations
from pseudonymisation.intake.adapters.landing.quarantine import Quarantine
from pseudonymisation.intake.adapters.landing.writing import sealed_copy
from pseudonymisation.intake.domain.written import ContentForm

LINE_NUMBER_BYTES: Final = 24
READ_BYTES: Final = 4 << 20
NOBODY: Final = "NULL::VARCHAR"
CELLS: Final = "sealed__cells"
MASKED: Final = "looked__through"
HOLDS_FROM: Final = "holds_from"
"""The landed day from which a record is as it says, where its file says so."""
CONTRADICTED: Final = "PROTOCOL_CONTRADICTED"


@dataclass(frozen=True, slots=True)
class DatedMap:
    """A map and the day on which it comes into force."""

    valid_from: date
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingTask:
    """What is to be landed, from where, as what."""

    data_set: DataSet
    """As its files are read (`LandingRules.taken_in`)."""
    rules: LandingRules
    header: str
    first: date
    last: date
    today: date
    provider: str
    providers: frozenset[str]
    """Whose records it may hold, in normal form."""
    edition_id: UUID
    attempt: str
    content_key: str
    content_form: ContentForm = ContentForm.CSV
    quarantine_key: str
    object_key: str
    practice_map: Path | None
    postcode_map: Path | None
    organisation_map: Path
    later_postcode_maps: tuple[DatedMap, ...] = ()
    """Directories that come into force within the period, in their order."""
    protocol: Protocol = Protocol.WHOLE_PERIOD
    base: "Base | None" = None
    """With what a net change is merged; None: nothing is in force of its place."""
    into: Path | None = None  # of one of several tables: where it is written meanwhile
    deprivation_maps: tuple[DatedMap, ...] = ()
    """Deciles, the first of those that are in force when the period begins."""

    @property
    def deleted_key(self) -> str:
        """Name the object of what was taken back, beside the edition's."""
        return f"{self.object_key.removesuffix('.parquet')}.deleted.parquet"

    @property
    def area_starts(self) -> list[date]:
        """Days within the period on which areas are told by other maps than before."""
        dated = {m.valid_from for m in (*self.later_postcode_maps, *self.deprivation_maps)}
        return sorted(day for day in dated if self.first < day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The edition in force with which a change is merged."""

    path: Path
    key_name: str
    key: bytes
    columns: Sequence[str]
    """Of the file that it was landed from, by whose places its findings are written."""
    deleted: Path | None
    """Keys that were taken back before, and their days."""


def parquet_key_name(edition_id: UUID) -> str:
    """Name an edition's key inside a session of the engine."""
    return f"e{edition_id.hex}"


class Statement:
    """The one statement that lands a file, and the functions that it calls."""

    def __init__(
        self,
        order: LandingTask,
        columns: Sequence[str],
        sealing: Sealing,
        read_by: Organisations,
        pipe: Path,
        key: Sequence[str] = (),
    ) -> None:
        """`key` are columns by which a deletion names a record, where the rules have such."""
        self.pipe = pipe
        self.organisations = read_by
        self.sealing = sealing
        self.order = order
        self.data_set = order.data_set
        self.columns = columns
        self.reading = Reading(
            data_set=order.data_set,
            rules=order.rules,
            columns=columns,
            first=order.first,
            last=order.last,
            today=order.today,
            set_aside=Quarantine.NAME,
            more=(*self._foreign(), *self._contradicting()),
            deleting=tuple(self._deleting(key)),
            needed=self._needed,
        )
        self.derivations = Derivations(
            data_set=order.data_set,
            columns=columns,
            provider=order.provider,
            organisations=read_by,
            later=order.area_starts,
        )
        fields = [order.data_set.by_name[name] for name in columns]
        self.masking = Masking([field for field in fields if capacity.is_looked_through(field)])

    def _deleting(self, key: Sequence[str]) -> Iterator[str]:
        """What a deletion is known by: its line, its provider, the columns of the key."""
        if not key:
            return
        yield "line"
        yield self._provider()
        for name in key:
            yield _trimmed(name) if name in self.columns else "NULL::VARCHAR"
        if self.is_change and self.holds_from:
            yield f"{identifier(date_of(self.holds_from))}::VARCHAR"

    @property
    def is_change(self) -> bool:
        return self.order.protocol is Protocol.NET_CHANGE

    @property
    def holds_from(self) -> str | None:
        """Name the column with the day from which a record holds, where the file has it."""
        ways = self.order.rules.protocols
        if ways is None or ways.net_change is None:
            return None
        name = ways.net_change.applicable
        return name if name in self.columns else None

    @property
    def _needed(self) -> tuple[str, ...]:
        """Name what a deletion of a net change must say: what it takes back, and from when on."""
        record, day = self.order.rules.record, self.holds_from
        return (record.key[0], day) if self.is_change and record and day else ()

    @property
    def states_protocol(self) -> bool:
        """Return whether rows can say that they came by another protocol."""
        return any(self._contradicting())

    def _contradicting(self) -> Iterator[Judgement]:
        """What is wrong with a row that says that it came by another protocol."""
        for column, holds in contradicting(self.order.rules, self.order.protocol, self.columns):
            yield Judgement(column, CONTRADICTED, holds, Effect.QUARANTINE)

    def _provider(self) -> str:
        """Whose record a row is, in normal form; of whom it says nothing, the submission's."""
        person, submitted = self.data_set.person, literal(self.order.provider)
        if person.provider not in self.columns:
            return submitted
        return (
            f"coalesce({self.organisations.provider(_trimmed(str(person.provider)))}, {submitted})"
        )

    def _foreign(self) -> Iterator[Judgement]:
        """What is wrong with a row of a provider whose records the submitter may not send."""
        provider = self.data_set.person.provider
        if provider is not None and provider in self.columns:
            holds = self.organisations.is_foreign(identifier(provider))
            yield Judgement(provider, FOREIGN, holds, Effect.QUARANTINE)
        site = self.data_set.population.get("P")
        if provider is None and site is not None and site.field in self.columns and site.field:
            holds = self.organisations.is_anothers_site(identifier(site.field))
            yield Judgement(site.field, FOREIGN, holds, Effect.QUARANTINE)

    @property
    def personal_data(self) -> dict[str, int]:
        """How many cells of each column had personal data in them."""
        return dict(self.masking.cells)

    @property
    def rows(self) -> str:
        """Write the statement that makes rows of the lines that come out of the pipe."""
        landed = ", ".join(f"{c.sql} AS {identifier(c.name)}" for c in self.layout if c.is_there)
        return f"SELECT {landed} FROM ({self._worked_on()}) AS r {' '.join(self._joins())}"

    def into(self, path: Path, rows: str) -> str:
        """Write a statement that makes a sealed file of rows."""
        return sealed_copy(rows, path, parquet_key_name(self.order.edition_id))

    def whole(self, rows: str) -> str:
        """Add to rows what is the same in all of them, in the order of LAYOUT.md."""
        landed = ", ".join(
            identifier(c.name) if c.is_there else f"{c.sql} AS {identifier(c.name)}"
            for c in self.layout
            if c.name not in self.left_out
        )
        return f"SELECT {landed} FROM {rows}"

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Columns of the layout that the file has nothing for, with their types."""
        return self.lacking(self.columns)

    def lacking(self, columns: Sequence[str]) -> Mapping[str, str]:
        """Return what is left out of an edition with these columns of files."""
        return left_out(self.data_set, columns, self.order.rules.controls)

    def written(self, path: Path) -> str:
        """Read such a file as it is, as SQL."""
        return sealed_parquet(path, parquet_key_name(self.order.edition_id))

    def read(self, path: Path, columns: Sequence[str]) -> str:
        """Read such a file with all columns of the layout: `columns` are those of files in it."""
        return with_nothing_in(self.lacking(columns), self.written(path))

    @cached_property
    def layout(self) -> list[LandedColumn]:
        """Every landed column, in the order of LAYOUT.md."""
        return list(self._landed())

    def _landed(self) -> Iterator[LandedColumn]:
        yield LandedColumn("line", "UBIGINT", "line")
        yield LandedColumn("person_kind", "UTINYINT", "person_kind")
        yield LandedColumn("person_0", "UBIGINT", f"{CELLS}.p_0")
        yield LandedColumn("person_1", "UBIGINT", f"{CELLS}.p_1")
        for cell in self.sealing.cells:
            name = cell.field.name
            parts = [(cell.first, "0", "UBIGINT"), (cell.second, "1", "UBIGINT")]
            parts += [(cell.rest, "rest", "BLOB")] if cell.rest else []
            for member, suffix, kind in parts:
                yield self._of(name, f"{name}__{suffix}", kind, f"{CELLS}.{member}")
        for field in self.data_set.fields:
            if field.identifier is None and field.name not in self.order.rules.controls:
                clear = self._unless_dropped(field.name, self._clear(field))
                yield self._of(field.name, field.name, TYPES[field.type], clear)
        for derived in self.data_set.made_at_landing:
            kind = type_of(derived.derivation)
            made_from = (derived.source, derived.at or derived.source)
            is_there = all(name in self.columns for name in made_from)
            sql = self._derived(derived) if is_there else f"NULL::{kind}"
            yield LandedColumn(derived.name, kind, sql, is_there=is_there)
        for letter in LETTERS:
            has_reason = self.derivations.has_reason(letter)
            sql = self._reason(letter) if has_reason else "NULL::VARCHAR"
            is_same = not has_reason or sql == self.derivations.submitter
            yield LandedColumn(f"reason_{letter.lower()}", "VARCHAR", sql, is_there=not is_same)
        has_residents = self.derivations.has_reason("L")
        upper = self._by_reason("L", self.derivations.upper_authority) if has_residents else NOBODY
        yield LandedColumn(UPPER_REASON, "VARCHAR", upper, is_there=has_residents)
        is_of_rows = self.data_set.periods.unit != "edition"
        yield LandedColumn("period", "VARCHAR", self._period(), is_there=is_of_rows)
        has_masked = bool(self.masking.fields)
        masked = f"{MASKED} IS NOT NULL" if has_masked else "false"
        yield LandedColumn("pcd_masked", "BOOLEAN", masked, is_there=has_masked)
        yield LandedColumn("scan_rule", "UTINYINT", f"{scan.VERSION}::UTINYINT", is_there=False)
        yield LandedColumn(WITHHELD, "BOOLEAN", WITHHELD)
        yield LandedColumn(FINDINGS, "VARCHAR", FINDINGS)
        if self.holds_from is not None:
            yield LandedColumn(HOLDS_FROM, "DATE", identifier(date_of(self.holds_from)))

    def _of(self, field: str, name: str, kind: str, sql: str) -> LandedColumn:
        if field in self.columns:
            return LandedColumn(name, kind, sql)
        return LandedColumn(name, kind, f"NULL::{kind}", is_there=False)

    def _period(self) -> str:
        """The row's own month; of an edition, whose rows stay together, the one it is named by."""
        if self.data_set.periods.unit == "edition":
            return f"{literal(f'{self.order.last:%Y-%m}')}::VARCHAR"
        return month_of(self.data_set.periods.field)

    def _unless_dropped(self, name: str, value: str) -> str:
        """Leave out what a row whose identity is withheld does not have."""
        dropped = name in self.reading.signals.dropped
        return f"CASE WHEN NOT {WITHHELD} THEN {value} END" if dropped else value

    def _derived(self, derived: DerivedField) -> str:
        hold, value = self.reading.signals.withhold, self.derivations.derived(derived)
        if hold is None or derived.name in hold.keep_derived:
            return value
        return self._unless_dropped(derived.source, value)

    def _reason(self, letter: Letter) -> str:
        return self._by_reason(letter, self.derivations.reason(letter))

    def _by_reason(self, letter: Letter, value: str) -> str:
        hold = self.reading.signals.withhold
        if hold is None or letter in hold.reasons:
            return value
        return f"CASE WHEN NOT {WITHHELD} THEN {value} END"

    def _clear(self, field: CatalogueField) -> str:
        kind = TYPES[field.type]
        if field.type is ColumnType.DATE:
            return identifier(date_of(field.name))
        if field.type in MOMENTS:
            return identifier(moment_of(field.name))
        place = self.masking.places.get(field.name)
        value = f"{identifier(field.name)}::{kind}"
        if field.type in NUMBERS and field.limit is not None:
            # Of `least` a null would be the limit.
            value = f"CASE WHEN {value} > {field.limit} THEN {field.limit} ELSE {value} END"
        if place is None:
            return value
        masked = f"{MASKED}[{place}]"
        if field.type is not ColumnType.TEXT:
            # A number with personal data in it is none.
            return f"CASE WHEN {MASKED} IS NULL OR {masked} IS NULL THEN {value} END"
        return f"CASE WHEN {MASKED} IS NULL THEN {value} ELSE coalesce({masked}, {value}) END"

    def _worked_on(self) -> str:
        """Rows that were kept, with what our functions make of them."""
        worked = [
            f"CASE WHEN {self._person()} IS NULL THEN 2 ELSE 1 END::UTINYINT AS person_kind",
            f"{Sealing.NAME}({', '.join(self._sealed_values())}) AS {CELLS}",
        ]
        if self.masking.fields:
            looked_at = ", ".join([*self._own, *map(_looked_at, self.masking.fields)])
            worked.append(f"{Masking.NAME}({looked_at}) AS {MASKED}")
        days = self.derivations.days
        worked += [f"{as_day_number(name)} AS {identifier(day_number(name))}" for name in days]
        return f"SELECT *, {', '.join(worked)} FROM ({self._normalised()})"

    def _sealed_values(self) -> Iterator[str]:
        yield self._person()
        yield self._stranger()
        for cell in self.sealing.cells:
            name = cell.field.name
            if name not in self.columns:
                yield "NULL::VARCHAR"
            elif name in self.derivations.postcodes:
                yield self._unless_dropped(name, identifier(postcode_of(name)))
            else:
                yield self._unless_dropped(name, _trimmed(name))

    def _number(self) -> str:
        """The person's NHS number where it is a valid one, else null."""
        name = self.data_set.person.nhs_number
        if name is None or name not in self.columns:
            return "NULL::VARCHAR"
        return f"CASE WHEN {identifier(valid_of(name))} THEN {identifier(name)} END"

    def _person(self) -> str:
        """The number by which the row's person is known, null where it may or can not be."""
        return f"CASE WHEN NOT {WITHHELD} THEN {self._number()} END"

    def _stranger(self) -> str:
        """What tells a person without a valid number from all others (domain.md 8.2)."""
        person, unit, provider = self.data_set.person, "chr(31)", self._provider()
        row = f"{literal(str(self.order.edition_id))} || {unit} || line"
        known = row
        if person.local_id in self.columns:
            local = f"{provider} || {unit} || {_trimmed(str(person.local_id))}"
            known = f"coalesce({local}, {row})"
        return f"CASE WHEN {WITHHELD} THEN {row} WHEN {self._person()} IS NULL THEN {known} END"

    @property
    def _own(self) -> "_Own":
        """What is looked for: the record's own number, postcode and date of birth."""
        person = self.data_set.person
        postcode = person.postcode if person.postcode in self.derivations.postcodes else None
        return _Own(
            self._number(),
            identifier(postcode_of(postcode)) if postcode else "NULL::VARCHAR",
            OWN_BIRTH,
        )

    def _normalised(self) -> str:
        """Rows with their postcodes in one form."""
        postcodes = "".join(
            f", {normalised_postcode(name)} AS {identifier(postcode_of(name))}"
            for name in self.derivations.postcodes
        )
        return f"SELECT *{postcodes} FROM ({self.reading.rows(self._records())})"

    def _records(self) -> str:
        file = self.data_set.file
        named = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.columns)
        return (
            f"read_csv({literal(self.pipe)}, auto_detect = false, header = false,"
            f" columns = {{'line': 'UBIGINT', {named}}}, delim = {literal(file.delimiter)},"
            " quote = '\"', escape = '\"', new_line = '\\n', strict_mode = true,"
            " store_rejects = true, rejects_limit = 0,"
            f" max_line_size = {file.line_bytes_max + LINE_NUMBER_BYTES},"
            f" buffer_size = {max(READ_BYTES, 16 * file.line_bytes_max)})"
        )

    def _joins(self) -> Iterator[str]:
        for name in self.derivations.practices:
            row = identifier(practice_of(name))
            yield f"LEFT JOIN practice_map AS {row} ON {row}.{MAP_KEY} = r.{identifier(name)}"
        for name in self.derivations.homes:
            row, postcode = identifier(home_of(name)), identifier(postcode_of(name))
            yield f"LEFT JOIN {POSTCODE_MAP} AS {row} ON {row}.{MAP_KEY} = r.{postcode}"
        for name in self.derivations.area_homes:
            for place in range(1, len(self.derivations.later) + 1):
                row, postcode = identifier(at_place(home_of(name), place)), postcode_of(name)
                table = at_place(POSTCODE_MAP, place)
                yield (f"LEFT JOIN {table} AS {row} ON {row}.{MAP_KEY} = r.{identifier(postcode)}")
        yield from map(organisations.join, self.derivations.organisation_codes)


class _Own(NamedTuple):
    """SQL of the record's own values, to be looked for in text; null where it has none."""

    number: str
    postcode: str
    birth: str


def _looked_at(field: CatalogueField) -> str:
    """SQL of what is looked through; of numbers only those with so many digits."""
    column = identifier(field.name)
    if field.type is ColumnType.TEXT:
        return column
    number = f"{column}::{TYPES[field.type]}"
    return (
        f"CASE WHEN strlen({column}) >= {capacity.INTEGER_MIN}"
        f" THEN {capacity.number_as_text(number)} END"
    )


def _trimmed(name: str) -> str:
    return f"nullif(trim({identifier(name)}), '')"
