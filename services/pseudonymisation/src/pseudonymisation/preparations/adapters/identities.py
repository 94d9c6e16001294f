"""Opens people's identity, where a permit names the legal route for it (docs/adr/0064)."""

from collections.abc import Mapping
from typing import Final

import duckdb
import pyarrow as pa

from pseudonymisation.engine.sealing import Cells, Sealer
from pseudonymisation.engine.session import add_function, identifier


class Identities:
    """Makes the engine's functions that open sealed cells, one for each column that is permitted.

    Without a key of a column there is no function for it, so that no statement can open it.
    """

    PARAMETERS: Final = ("UBIGINT", "UBIGINT", "BLOB")

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        keys: Mapping[str, tuple[bytes, bytes]],
        *,
        person: str | None,
        landed: frozenset[str],
    ) -> None:
        self._connection = connection
        self._person = person
        self._landed = landed
        self._names = {name: f"opened_identity_{place}" for place, name in enumerate(sorted(keys))}
        for name, (short, long) in keys.items():
            self._add(self._names[name], short, long)

    def value(self, column: str) -> str:
        """SQL of a sealed column of the selected rows (`s`), opened."""
        if column not in self._names:
            raise ValueError(f"{column} is sealed, and nothing may open it")
        function = self._names[column]
        if column == self._person:  # landed as the person; of another kind it is no number
            opened = f"{function}(s.person_0, s.person_1, NULL)"
            return f"CASE WHEN s.person_kind = 1 THEN {opened} END"
        words = [f"{column}__{word}" for word in ("0", "1", "rest")]
        return f"{function}({', '.join(map(self._word, words))})"

    def _word(self, name: str) -> str:
        """SQL of a landed word; a file that lacks the column has none, and short cells no rest."""
        return f"s.{identifier(name)}" if name in self._landed else "NULL"

    def _add(self, name: str, short: bytes, long: bytes) -> None:
        def opened(first: pa.Array, second: pa.Array, rest: pa.Array) -> pa.Array:
            return Sealer(short, long).open(Cells(first, second, rest))

        add_function(self._connection, name, opened, self.PARAMETERS, "VARCHAR")
