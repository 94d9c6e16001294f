"""Codes of organisations in their normal form, as agreements' map of the day says (ruling 23).

A commissioner or provider comes as its code, as five characters that end in `00`, or as a site;
the entity counts. Which code is which goes by list and role at the date: the map says it, and
text is never cut. Default codes are meanings and name nobody. A code that the map does not have
stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb

from pseudonymisation.engine.session import identifier, literal

TABLE: Final = "organisation_map"
"""In a session: codes that are another one in normal form, and default codes, which are none."""
MAP_KEY, MAP_ENTITY = "map_key", "map_entity"
COLUMNS: Final = ("code", "entity", "meaning", "standing")
FOREIGN: Final = "PROVIDER_WITHOUT_RIGHT"
"""What is said of a row of a provider whose records its submitter may not send."""


@dataclass(frozen=True, slots=True)
class Organisations:
    """What one file's codes are read by."""

    spellings: Mapping[str, Sequence[str]]
    """Each entity whose records the file may hold: all codes that it goes by."""
    defaults: Mapping[str, str]
    """Default codes and what they mean."""

    @classmethod
    def load(
        cls, connection: duckdb.DuckDBPyConnection, path: Path, providers: frozenset[str]
    ) -> Self:
        """Put the map into the session."""
        typed = ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS)
        connection.execute(
            f"CREATE TABLE organisations AS SELECT * FROM read_csv({literal(path)},"
            f" auto_detect = false, header = true, delim = ',', columns = {{{typed}}})"
        )
        connection.execute(
            f"CREATE TABLE {TABLE} AS SELECT code AS {MAP_KEY}, entity AS {MAP_ENTITY}"
            " FROM organisations WHERE entity IS DISTINCT FROM code"
        )
        named = connection.execute(
            "SELECT entity, code FROM organisations WHERE entity IN"
            f" ({', '.join(map(literal, sorted(providers)))}) ORDER BY ALL"
        ).fetchall()
        spellings: dict[str, list[str]] = {provider: [provider] for provider in sorted(providers)}
        for entity, code in named:
            if code != entity:
                spellings[entity].append(code)
        defaults = connection.execute(
            "SELECT code, meaning FROM organisations WHERE meaning <> '' ORDER BY ALL"
        ).fetchall()
        return cls(spellings, dict(defaults))

    @property
    def known(self) -> list[str]:
        """Codes of providers for whom there is a right, and codes that name nobody."""
        return [*(code for codes in self.spellings.values() for code in codes), *self.defaults]

    def is_foreign(self, column: str) -> str:
        """SQL that says of a code that it is a provider's for whom there is no right."""
        return f"{column} NOT IN ({', '.join(map(literal, self.known))})"

    def is_anothers_site(self, column: str) -> str:
        """SQL that says of a code that it is a site of a provider for whom there is no right.

        A site that the map does not have may be a new one of the sender's own.
        """
        return f"{column} IN ({self.others_sites})"

    @property
    def others_sites(self) -> str:
        """SQL that selects these codes."""
        own = ", ".join(map(literal, self.spellings))
        return f"SELECT code FROM organisations WHERE entity <> '' AND entity NOT IN ({own})"

    def entity_of_provider(self, code: str) -> str | None:
        """Return a provider's code in normal form; None where the code is a meaning."""
        for entity, (_, *others) in self.spellings.items():
            if code in others:
                return entity
        return None if code in self.defaults else code

    def provider(self, column: str) -> str:
        """SQL of the provider, in normal form; null where the code is a meaning."""
        cases = [
            f"WHEN {column} IN ({', '.join(map(literal, others))}) THEN {literal(entity)}"
            for entity, (_, *others) in self.spellings.items()
            if others
        ]
        if self.defaults:
            cases.append(f"WHEN {column} IN ({', '.join(map(literal, self.defaults))}) THEN NULL")
        return f"CASE {' '.join(cases)} ELSE {column} END" if cases else column


def entity_of(field: str) -> str:
    """Name the joined row of the map of organisations."""
    return f"{field}__organisation"


def entity(field: str) -> str:
    """SQL of a code's entity, where that row is joined; null where the code is a meaning."""
    row = identifier(entity_of(field))
    return (
        f"CASE WHEN {row}.{MAP_KEY} IS NULL THEN r.{identifier(field)} ELSE {row}.{MAP_ENTITY} END"
    )


def join(field: str) -> str:
    """SQL of that join."""
    row = identifier(entity_of(field))
    return f"LEFT JOIN {TABLE} AS {row} ON {row}.{MAP_KEY} = r.{identifier(field)}"


def counted(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], source: str
) -> dict[tuple[str, str], int]:
    """Count the default codes of each column by what they mean, in one look at the rows."""
    if not columns:
        return {}
    columns = list(dict.fromkeys(columns))
    names = [identifier(column) for column in columns]

    def of_its_own(said: Sequence[str]) -> str:
        whens = zip(names, said, strict=True)
        return f"CASE {' '.join(f'WHEN GROUPING({n}) = 0 THEN {s}' for n, s in whens)} END"

    rows = connection.execute(
        f"SELECT name, meaning, sum(times)::BIGINT FROM (SELECT {of_its_own(names)} AS found,"
        f" {of_its_own([*map(literal, columns)])} AS name, count(*) AS times FROM {source}"
        f" GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in names)}))"
        " JOIN organisations ON found = code WHERE meaning <> '' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {(name, meaning): count for name, meaning, count in rows}
