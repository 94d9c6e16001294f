"""Whether the records of two editions tell apart whom an objection took out (docs/adr/0171).

Two files of one month, of two editions and with two lists: whoever is in one of them alone left or
came by the records, or by an objection. Where the records by themselves lost nobody, whoever is
missing objected; where they gained nobody, whoever is new did so before. Told is which editions of
others are so; never who, or how many.

Both selections are those of both permits together: a person whom the other file never had hides
nobody. Editions are compared provider by provider, since a row says whose it is. Of two groups of
one submission each is compared by its own rows: who is in one of them and has no row in the other
came or left by the records.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from pseudonymisation.engine.session import EngineLimits, literal, session
from pseudonymisation.preparations.adapters.guard import NUMBER_KIND
from pseudonymisation.preparations.adapters.people import of_practice, words_of_other
from pseudonymisation.preparations.adapters.plan import Plan
from pseudonymisation.preparations.adapters.preparation import without_engine_words
from pseudonymisation.preparations.adapters.selection import Selection, whose
from pseudonymisation.preparations.adapters.tables.related import RowsBeside

WORDS: Final = "person_0, person_1"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the engine may work, and with how much."""

    scratch: Path
    limits: EngineLimits


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files: the plan by which it is made, of the one edition, with its lists."""

    plan: Plan
    beside: Plan
    """Of the other file: only whom both select counts."""
    is_linked: bool = False
    """Whether that is of another data set. Whom it would not select is there, and hides nobody."""

    def people(self, month: str, place: Workspace) -> pa.Table:
        """Return everybody with a number in its records, and whether its file has them.

        Raises:
            EngineFailed: where the engine gave up

        """
        gathered = dict.fromkeys((*self.plan.gathered, *self.beside.gathered))
        plan = replace(
            self.plan,
            gathered=tuple(gathered),
            record=None,
            related=_either(self.plan.related, self.beside.related),
            layout={**self.beside.layout, **self.plan.layout},
        )
        sources = {one.key_name: one for one in (*plan.sources, *self.beside.registered)}
        wanted = ["s.person_kind = 1", f"s.period = {literal(month)}", *self.beside.conditions]
        selected = "TRUE" if self.beside.is_national else f"({' OR '.join(whose(self.beside))})"
        told = _is_told(plan)
        if self.is_linked:
            told = f"({told} AND {selected})"
        else:
            wanted.append(selected)
        with (
            without_engine_words(),
            session(
                directories=sorted({source.path.parent for source in sources.values()}),
                temp_directory=place.scratch,
                keys={name: source.key for name, source in sources.items()},
                limits=place.limits,
            ) as connection,
        ):
            rows = of_practice(of_practice(Selection(plan, connection).rows(), plan), self.beside)
            people = (
                f"SELECT {WORDS}, {told} AS told FROM ({rows}) AS s WHERE {' AND '.join(wanted)}"
            )
            if self.is_linked and plan.other is not None:  # whose token is there too
                kind, first, second = (f"s.{name}" for name in words_of_other(plan.other.number))
                people += (
                    f" UNION ALL SELECT {first}, {second}, {told} FROM ({rows}) AS s"
                    f" WHERE {kind} = {NUMBER_KIND} AND {' AND '.join(wanted[1:])}"
                )
            return connection.sql(
                f"SELECT {WORDS}, bool_or(told) AS told FROM ({people}) GROUP BY {WORDS}"
            ).to_arrow_table()


@dataclass(frozen=True, slots=True)
class Compared:
    """Of two files: whether the records have somebody in both, or in one alone."""

    stayed: bool
    """Where nobody is in both, nobody's objection is told by the two."""
    lost: bool
    """Somebody of the one file is not in the records of the other."""
    gained: bool
    """Somebody of the other file is not in the records of the one."""


def compared(theirs: Side, ours: Side, month: str, place: Workspace) -> Compared:
    """Say whom the records of one and of the other have, with nobody left out but where it is told.

    Raises:
        EngineFailed: where the engine gave up

    """
    were, are = theirs.people(month, place), ours.people(month, place)
    with (
        without_engine_words(),
        session(
            directories=[place.scratch.parent],
            temp_directory=place.scratch,
            keys={},
            limits=place.limits,
        ) as connection,
    ):
        for name, people in (("were", were), ("are", are)):
            # Of its own: a filter that is pushed down to these columns overflows in Arrow.
            connection.register(f"{name}_told", people)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_told")
        found = connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM were SEMI JOIN are USING ({WORDS})),"
            f" EXISTS (SELECT 1 FROM were ANTI JOIN are USING ({WORDS}) WHERE told),"
            f" EXISTS (SELECT 1 FROM are ANTI JOIN were USING ({WORDS}) WHERE told)"
        ).fetchone()
    return Compared(*map(bool, found or (True, False, False)))


def _either(one: RowsBeside | None, other: RowsBeside | None) -> RowsBeside | None:
    """Return what has to stand beside rows, so that the conditions of both can be asked."""
    return one.and_beside(other) if one is not None and other is not None else one or other


def _is_told(plan: Plan) -> str:
    """Say whether a row (`s`) is in the file: none of those whom it names is left out of it."""
    told = _is_used(plan, "s.person_0", "s.person_1")
    if plan.other is None:
        return told
    kind, first, second = (f"s.{name}" for name in words_of_other(plan.other.number))
    # Of whom no number is known nobody could ask whether they object (docs/adr/0109).
    return (
        f"{told} AND ({first} IS NULL OR ({kind} = {NUMBER_KIND}"
        f" AND {_is_used(plan, first, second)}))"
    )


def _is_used(plan: Plan, first: str, second: str) -> str:
    """Say whether a person is not left out."""
    words = f"o.person_0 = {first} AND o.person_1 = {second}"
    listed = [f"NOT EXISTS (SELECT 1 FROM {o.sql} AS o WHERE {words})" for o in plan.opted_out]
    cleared = [f"EXISTS (SELECT 1 FROM {o.sql} AS o WHERE {words})" for o in plan.cleared]
    return " AND ".join([*listed, *cleared]) or "true"
