"""Which rows an extract has: those that the permit names, and of repeated records one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import duckdb

from pseudonymisation.engine import repeats
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.layout import with_nothing_in
from pseudonymisation.preparations.adapters import gathering
from pseudonymisation.preparations.adapters.guard import SCANNED_BY
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.domain.attestation import REASON_COLUMN
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from statements.vocabulary import REASONS

RESIDENT: Final = "L"
UPPER_TIER: Final = "reason_l_upper"
MOST_COMBINATIONS: Final = 256
"""Of reasons and codes, that are listed in a statement."""


class Selection:
    """The rows of one extract as SQL, and the reasons that let them in."""

    def __init__(self, plan: Plan, connection: duckdb.DuckDBPyConnection) -> None:
        self._plan = plan
        self._connection = connection
        self._editions = self._describe()
        self._repeats = self._find_repeats()
        self._gather()
        self._require_joins_are_single()

    def _require_joins_are_single(self) -> None:
        """Raise NotPrepared where a join would count a row of a group twice."""
        related = self._plan.related
        for number in range(len(self._editions)) if related else ():
            if related and (twice := related.repeating(self._connection, self._source(number))):
                raise NotPrepared(FailureCode.JOIN_FANS_OUT, twice)

    @property
    def types(self) -> Mapping[str, str]:
        """The columns that the editions have, with the engine's types."""
        found = dict(self._plan.layout)
        for columns in reversed(self._editions):
            found |= columns
        return found | {one.name: gathering.TYPE for one in self._plan.gathered}

    def _describe(self) -> Sequence[Mapping[str, str]]:
        """Return the columns of each edition with their types."""
        described = (
            self._connection.sql(f"DESCRIBE SELECT * FROM {edition.sql}").fetchall()
            for edition in self._plan.editions
        )
        return [{name: type_ for name, type_, *_ in columns} for columns in described]

    def _lacking(self, number: int) -> Mapping[str, str]:
        """Return the columns that an edition has nothing in, and no column for."""
        columns, types = self._editions[number], self.types
        lacking = {name: types[name] for name in self._plan.layout if name not in columns}
        asked = {*self._plan.reasons, *(r for one in self._plan.others for r in one.reasons)}
        if RESIDENT in asked:  # one that was landed before there were residents
            of_residents = (_column(RESIDENT), UPPER_TIER)
            lacking |= {name: "VARCHAR" for name in of_residents if name not in columns}
        return lacking

    def rows(self) -> str:
        """Select the rows that the permit allows, of all editions, with all their columns.

        By name: editions of several versions of a data set have other columns besides.
        """
        return " UNION ALL BY NAME ".join(self.rows_by_edition())

    def rows_by_edition(self) -> Iterator[str]:
        """Select them of each edition."""
        for number, columns in enumerate(self._editions):
            yield (
                f"SELECT {_all_of(columns)}, {number}::USMALLINT AS landed__edition"
                f" FROM {self._with_gathered(number)} AS s"
                f" WHERE {self._filter()}{self._once(number)}"
            )

    def _find_repeats(self) -> int:
        """Find records that are there twice, whatever the permit asks for.

        One that was corrected counts as it is now, also where it then is another commissioner's.
        """
        record = self._plan.record
        numbers = range(len(self._editions))
        columns = ({*self._editions[n], *self._lacking(n)} for n in numbers)
        if record is None or not all(map(record.is_in, columns)):
            return 0
        sources = [self._source(number) for number in numbers]
        return repeats.find(self._connection, record, sources)

    def _gather(self) -> None:
        """Make what is made of several records, of all that are there once."""
        if self._plan.gathered:
            sources = [
                f"SELECT * FROM {self._source(number)} AS s WHERE true{self._once(number)}"
                for number in range(len(self._editions))
            ]
            gathering.make(self._connection, self._plan.gathered, sources)

    def _with_gathered(self, number: int) -> str:
        source, related = self._source(number), self._plan.related
        if related is not None:
            source = related.around(source)
        return gathering.beside(number, source, self._plan.gathered)

    def _once(self, edition: int) -> str:
        return f" AND {repeats.without(edition)}" if self._repeats else ""

    def count_repeats(self) -> int:
        """Count the rows that the permit would have let out, were they not there again."""
        if not self._repeats:
            return 0
        selected = " UNION ALL ".join(
            f"SELECT 1 FROM {self._with_gathered(number)} AS s"
            f" WHERE {self._filter()} AND NOT ({repeats.without(number)})"
            for number in range(len(self._editions))
        )
        counted = self._connection.sql(f"SELECT count(*) FROM ({selected})").fetchone()
        return int(counted[0]) if counted else 0

    def _source(self, number: int) -> str:
        """Read an edition, with all columns."""
        return with_nothing_in(self._lacking(number), self._plan.editions[number].sql)

    def _filter(self) -> str:
        plan = self._plan
        conditions = [f"period IN ({_listed(plan.periods)})"]
        if not plan.is_national and not any(one.is_national for one in plan.others):
            conditions.append(f"({' OR '.join(self.whose())})")
        conditions.extend(plan.conditions)
        return " AND ".join(conditions)

    def whose(self) -> Sequence[str]:
        """Say that a row is of the permit's people, and then of each of the plan's others."""
        return whose(self._plan)

    def _names(self, letter: str) -> str:
        return is_named(letter, self._plan.codes)

    def _code(self, letter: str) -> str:
        """Write the code by that letter: of two tiers the upper one, where the line names it."""
        if letter == RESIDENT:
            listed = _listed(self._plan.codes)
            return f"CASE WHEN {UPPER_TIER} IN ({listed}) THEN {UPPER_TIER} ELSE reason_l END"
        return _column(letter)

    def reasons(self) -> str:
        """Write the reasons that let the row in, and none that the permit does not name.

        Where only so many combinations are possible a row has the number of one, until it is in
        its order (`reason_text`): writing out each row's own is dear, and a number is narrow.
        """
        if self._plan.is_national:
            return "NULL::VARCHAR"
        if self._combinations() > MOST_COMBINATIONS:
            cases = ", ".join(
                f"CASE WHEN {self._names(letter)} THEN '{letter}:' || ({self._code(letter)}) END"
                for letter in self._letters()
            )
            return f"concat_ws(';', {cases})"
        radix = len(self._codes()) + 1
        numbers = [
            f"CASE {self._code(letter)} {self._numbered(radix**place)} ELSE 0 END::USMALLINT"
            for place, letter in enumerate(self._letters())
        ]
        return " + ".join(numbers)

    def reason_text(self) -> str:
        """Make the text of what `reasons` gave."""
        name = identifier(REASON_COLUMN)
        if self._plan.is_national or self._combinations() > MOST_COMBINATIONS:
            return name
        # The first letter counts least, so that it varies fastest.
        texts = [""]
        for letter in self._letters():
            named = ["", *(f"{letter}:{code}" for code in self._codes())]
            texts = [";".join(filter(None, (text, one))) for one in named for text in texts]
        return f"[{', '.join(map(literal, texts))}][{name} + 1]"

    def _letters(self) -> Sequence[str]:
        return sorted(self._plan.reasons, key=REASONS.index)

    def _codes(self) -> Sequence[str]:
        return sorted(set(self._plan.codes))

    def _combinations(self) -> int:
        return int((len(self._codes()) + 1) ** len(self._letters()))

    def _numbered(self, unit: int) -> str:
        return " ".join(
            f"WHEN {literal(code)} THEN {number * unit}"
            for number, code in enumerate(self._codes(), start=1)
        )


def whose(plan: Plan) -> Sequence[str]:
    """Say that a row is of a permit's people, and then of each of the plan's others."""
    told = [(plan.is_national, plan.codes, plan.reasons)]
    told += [
        (one.is_national, tuple(sorted(one.codes)), tuple(sorted(one.reasons)))
        for one in plan.others
    ]
    return [
        "TRUE" if is_national else f"({' OR '.join(is_named(letter, codes) for letter in reasons)})"
        for is_national, codes, reasons in told
    ]


def is_named(letter: str, codes: Sequence[str]) -> str:
    """Say that a row's reason of that letter names one of these codes (domain.md 6.11)."""
    listed = _listed(codes)
    if letter == RESIDENT:  # of a district, or of the county that it is in (ruling 30)
        return f"({_column(letter)} IN ({listed}) OR {UPPER_TIER} IN ({listed}))"
    return f"{_column(letter)} IN ({listed})"


def _column(letter: str) -> str:
    """Name the landed column."""
    return f"reason_{letter.lower()}"


def _all_of(columns: Mapping[str, str]) -> str:
    """Select all columns of an edition, and by which rule its rows were looked through."""
    if SCANNED_BY in columns:
        return f"* EXCLUDE ({SCANNED_BY}), {SCANNED_BY}"
    return f"*, 0::UTINYINT AS {SCANNED_BY}"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(literal(value) for value in sorted(values))
