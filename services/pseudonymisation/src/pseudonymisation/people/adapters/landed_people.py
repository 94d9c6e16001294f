"""Looks for people among what was landed: whether they were at a provider in a month.

Numbers become haven tokens before the engine sees them; yes or no comes back of each.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from catalogue import Catalogue
from common.errors import ObjectStoreUnavailable
from common.ids import new_id
from pseudonymisation.engine.blocks import Cipher, views_of, words_of
from pseudonymisation.engine.errors import EngineFailed, KeyClosed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.engine.objects import Objects
from pseudonymisation.engine.repeats import REASONS_OF_PROVIDER
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.session import EngineLimits, literal, session
from pseudonymisation.intake.adapters.lists import named
from pseudonymisation.people.domain.invoice_match import Matched
from pseudonymisation.people.use_cases.ports import WhoCounts
from pseudonymisation.preparations.adapters.filters import conditions
from pseudonymisation.preparations.adapters.plan import Source
from pseudonymisation.preparations.adapters.selection import is_named

KNOWN = 1
"""The landed `person_kind` of somebody with a valid NHS number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedPeople:
    """`use_cases.ports.LandedRows`."""

    objects: Objects
    keys: KeyStore
    scratch: Path
    limits: EngineLimits
    catalogue: Catalogue

    def match(self, numbers: Sequence[str], who: WhoCounts) -> Sequence[Matched]:
        """Raise KeyUnavailable, KeyDestroyed, ObjectStoreUnavailable, EngineFailed."""
        column = pa.array(numbers, pa.string())
        places = np.flatnonzero(valid_numbers(column))
        sealed = Cipher(self.keys.get(PERSON)).encrypt(
            views_of(column.take(pa.array(places)).cast(pa.string_view()))
        )
        first, second = words_of(sealed)
        asked = pa.table({"place": places, "person_0": first, "person_1": second})
        with self._opened(who) as (connection, editions, lists):
            connection.register("asked", asked)
            there = " OR ".join(
                f"EXISTS (SELECT 1 FROM {edition.sql} AS s WHERE s.person_kind = {KNOWN}"
                " AND s.person_0 = asked.person_0 AND s.person_1 = asked.person_1"
                f" AND {self._counts(connection, edition, who)})"
                for edition in editions
            )
            objects = "".join(
                f" AND NOT EXISTS (SELECT 1 FROM {listed.sql} AS o"
                " WHERE o.person_0 = asked.person_0 AND o.person_1 = asked.person_1)"
                for listed in lists
            )
            found = connection.execute(
                f"SELECT place FROM asked WHERE ({there}){objects}"
            ).fetchall()
        is_there = {int(place) for (place,) in found}
        people = dict(zip(map(int, places), (bytes(one).hex() for one in sealed), strict=True))
        return [
            Matched(person=people.get(place), is_there=place in is_there)
            for place in range(len(numbers))
        ]

    def _counts(
        self, connection: duckdb.DuckDBPyConnection, edition: Source, who: WhoCounts
    ) -> str:
        """SQL of a row `s` that the line lets count, of the month and the provider."""
        described = connection.sql(f"DESCRIBE SELECT * FROM {edition.sql}").fetchall()
        columns = {name for name, *_ in described}
        allowed, data_set = who.permission, self.catalogue.get(who.data_set)
        provider = [name for name in REASONS_OF_PROVIDER if name in columns]
        needed = [
            f"s.period = {literal(who.month)}",
            f"coalesce({', '.join(provider)}) = {literal(who.provider)}",
            *conditions(allowed.filters, data_set, {}),
        ]
        if not allowed.national:
            letters = [r for r in sorted(allowed.reasons) if f"reason_{r.lower()}" in columns]
            by_each = [is_named(letter, allowed.codes) for letter in letters]
            needed.append(f"({' OR '.join(by_each) or 'false'})")
        return " AND ".join(needed)

    @contextmanager
    def _opened(
        self, who: WhoCounts
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Source], list[Source]]]:
        place = self.scratch / new_id().hex
        try:
            place.mkdir(parents=True, mode=0o700)
            with self.objects.at_hand(place) as at_hand:
                editions = [
                    Source(
                        at_hand.path(one.object_key),
                        f"e{one.id.hex}",
                        self.keys.get(f"edition/{one.id}"),
                    )
                    for one in who.editions
                ]
                lists = [
                    Source(
                        at_hand.path(one.object_key),
                        named("o", one.id),
                        self.keys.get(f"opt_out/{one.id}"),
                    )
                    for one in who.opted_out
                ]
                sources = [*editions, *lists]
                with session(
                    directories=sorted({source.path.parent for source in sources}),
                    temp_directory=place,
                    keys={source.key_name: source.key for source in sources},
                    limits=self.limits,
                ) as connection:
                    yield connection, editions, lists
        except duckdb.Error as error:
            raise EngineFailed(type(error).__name__) from None
        except (KeyClosed, KeyDestroyed):
            raise ObjectStoreUnavailable(
                "What was landed, or a list, was destroyed meanwhile. Ask again."
            ) from None
        finally:
            shutil.rmtree(place, ignore_errors=True)
