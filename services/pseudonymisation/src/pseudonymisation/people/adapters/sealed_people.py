"""The sealed half of people: lists of registrations as files, and tokens led back in memory.

An NHS number is in clear here for as long as one answer takes, and is written nowhere.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.ids import new_id
from common.replacement import Change
from pseudonymisation.engine.blocks import Blocks, Cipher, views_of, words_of
from pseudonymisation.engine.errors import EngineFailed, KeyClosed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.engine.objects import Objects
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.session import (
    EngineLimits,
    clear_scratch,
    literal,
    sealed_parquet,
    session,
    whole,
)
from pseudonymisation.engine.tokens import Kind, Retokeniser, is_of_domain
from pseudonymisation.people.adapters.registration_lines import RegistrationLines
from pseudonymisation.people.adapters.score_lines import KnownScores, ScoreLines
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.registration import RegistrationContent, RegistrationList
from pseudonymisation.people.domain.reidentification import LedBack, Outcome
from pseudonymisation.people.domain.risk_scores import ScoredPeople, require_known
from pseudonymisation.preparations.domain.tokens import PseudonymDomain

FOLDER: Final = "registrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPeople:
    """`use_cases.ports.PeopleHaven`."""

    objects: Objects
    keys: KeyStore
    scratch: Path
    limits: EngineLimits

    def registrations(self, list_id: UUID) -> "SealedRegistrations":
        return SealedRegistrations(self, list_id, RegistrationLines(self.keys.ensure(PERSON)))

    def change_of_registrations(self, before: RegistrationList, after: RegistrationList) -> Change:
        try:
            with self._opened(before, after) as (connection, (had, has)):
                row = connection.execute(
                    f"SELECT (SELECT count(*) FROM {had}), (SELECT count(*) FROM {has}),"
                    " count(*), count(*) FILTER (b.practice <> a.practice)"
                    f" FROM {had} AS b JOIN {has} AS a USING (person_0, person_1)"
                ).fetchone()
        except (KeyDestroyed, KeyClosed, EngineFailed):
            # What cannot be compared changes wholly.
            return Change(
                before=before.people, after=after.people, added=after.people, removed=before.people
            )
        earlier, later, kept, changed = (int(count) for count in row or (0, 0, 0, 0))
        return Change(
            before=earlier,
            after=later,
            added=later - kept,
            removed=earlier - kept,
            changed=changed,
        )

    def destroy_registrations(self, list_id: UUID, object_key: str) -> None:
        # The key first: without it what may be left of the object is nothing.
        self.keys.destroy(key_of(list_id))
        self.objects.delete(object_key)

    def scores(self, people_max: int) -> "SealedScores":
        return SealedScores(self, people_max)

    def sweep(self, named: Callable[[], Iterable[str]], *, older_than: float) -> int:
        left = clear_scratch(self.scratch, older_than=older_than)
        old = set(self.objects.keys(FOLDER, older_than=older_than))
        # Asked after the objects were listed: what is named later is not among them.
        orphans = old - set(named())
        for key in orphans:
            self.destroy_registrations(UUID(key.split("/")[1]), key)
        return len(orphans) + left

    def lead_back(
        self,
        tokens: Sequence[str],
        domain: PseudonymDomain,
        *,
        lists: Sequence[RegistrationList],
        practice: Collection[str],
    ) -> Sequence[LedBack]:
        """Raise TokensOfAnotherDomain, KeyClosed, KeyDestroyed, KeyUnavailable, EngineFailed."""
        foreign = sum(not is_of_domain(token, domain.id) for token in tokens)
        retokeniser = self.retokeniser(domain, foreign, len(tokens))
        person_key = self.keys.get(PERSON)
        numbers = retokeniser.numbers(pa.array(tokens, pa.string()))
        known = np.flatnonzero(numbers.is_valid())
        found = numbers.take(pa.array(known))
        sealed = _sealed(found, person_key)
        own = self._registered(sealed, lists, practice)
        answers = [_NOT_KNOWN] * len(tokens)
        told = zip(known.tolist(), found.to_pylist(), _hexadecimal(sealed), own, strict=True)
        for place, number, person, is_own in told:
            answers[place] = (
                (Outcome.NUMBER, person, number)
                if is_own
                else (Outcome.NOT_REGISTERED_WITH_YOU, person, None)
            )
        return [
            LedBack(token=token, outcome=outcome, person=person, number=number)
            for token, (outcome, person, number) in zip(tokens, answers, strict=True)
        ]

    def retokeniser(self, domain: PseudonymDomain, foreign: int, tokens: int) -> Retokeniser:
        """Give what leads the tokens of a domain back, of which so many are another's.

        Raises:
            TokensOfAnotherDomain, KeyClosed, KeyDestroyed, KeyUnavailable

        """
        key = self.keys.find(domain.key_name)
        if foreign or key is None:
            raise errors.TokensOfAnotherDomain(
                f"{foreign or tokens} of the {tokens} tokens were not made for this line. Name the"
                " line of the agreement under which they were supplied.",
                tokens=foreign or tokens,
            )
        return Retokeniser(
            kind=Kind.NUMBER,
            domain_key=key,
            domain_id=domain.id,
            haven_key=self.keys.get(PERSON),
        )

    def person_of(self, nhs_number: str) -> str:
        """Raise NumberInvalid, KeyUnavailable."""
        number = pa.array([nhs_number])
        if not valid_numbers(number).all():
            raise errors.NumberInvalid(
                "`nhs_number` is no valid NHS number. Look whether a digit was mistyped.",
                field="nhs_number",
            )
        sealed = _sealed(number, self.keys.get(PERSON))
        return _hexadecimal(sealed)[0]

    def _registered(
        self, sealed: Blocks, lists: Sequence[RegistrationList], practice: Collection[str]
    ) -> list[bool]:
        """Say of each person whether every list has the practice for them."""
        first, second = words_of(sealed)
        asked = pa.table({"place": np.arange(len(sealed)), "person_0": first, "person_1": second})
        codes = ", ".join(literal(code) for code in sorted(practice))
        with self._opened(*lists) as (connection, files):
            connection.register("asked", asked)
            by_every = " AND ".join(
                f"EXISTS (SELECT 1 FROM {file} AS r WHERE r.person_0 = asked.person_0"
                f" AND r.person_1 = asked.person_1 AND r.practice IN ({codes}))"
                for file in files
            )
            rows = connection.execute(f"SELECT place FROM asked WHERE {by_every}").fetchall()
        found = {int(place) for (place,) in rows}
        return [place in found for place in range(len(sealed))]

    def practices_of(self, sealed: Blocks, lists: Sequence[RegistrationList]) -> list[str]:
        """Name the practice of each person; empty where not every list has the same one."""
        first, second = words_of(sealed)
        asked = pa.table({"place": np.arange(len(sealed)), "person_0": first, "person_1": second})
        with self._opened(*lists) as (connection, files):
            connection.register("asked", asked)
            joined = " ".join(
                f"JOIN {file} AS l{number} ON l{number}.person_0 = asked.person_0"
                f" AND l{number}.person_1 = asked.person_1"
                for number, file in enumerate(files)
            )
            same = " AND ".join(f"l{n}.practice = l0.practice" for n in range(len(files)))
            rows = connection.execute(
                f"SELECT asked.place, l0.practice FROM asked {joined} WHERE {same}"
            ).fetchall()
        found = [""] * len(sealed)
        for place, practice in rows:
            found[int(place)] = str(practice)
        return found

    @contextmanager
    def _opened(
        self, *lists: RegistrationList
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
        """Open lists; give the session and each as SQL. Raise EngineFailed, KeyDestroyed."""
        self.objects.check()
        place = self.scratch / new_id().hex
        place.mkdir(parents=True, mode=0o700)
        try:
            with self.objects.at_hand(place) as at_hand:
                paths = [at_hand.path(_content(one)) for one in lists]
                keys = {_named(one.id): self.keys.get(key_of(one.id)) for one in lists}
                with session(
                    directories=sorted({path.parent for path in paths}),
                    temp_directory=place,
                    keys=keys,
                    limits=self.limits,
                ) as connection:
                    files = [
                        sealed_parquet(path, _named(one.id))
                        for path, one in zip(paths, lists, strict=True)
                    ]
                    yield connection, files
        except duckdb.Error as error:
            raise EngineFailed(type(error).__name__) from None
        finally:
            shutil.rmtree(place, ignore_errors=True)


class SealedRegistrations:
    """A list that streams in, and lies under a key of its own."""

    def __init__(self, haven: SealedPeople, list_id: UUID, lines: RegistrationLines) -> None:
        self.key = f"{FOLDER}/{list_id}/{new_id()}.parquet"
        self._haven = haven
        self._list_id = list_id
        self._lines = lines

    def take(self, chunk: bytes) -> None:
        self._lines.take(chunk)

    def finish(self) -> RegistrationContent:
        haven, rows, name = self._haven, self._lines.finish(), _named(self._list_id)
        haven.objects.check()
        place = haven.scratch / self._list_id.hex
        place.mkdir(parents=True, mode=0o700)
        try:
            with (
                haven.objects.made(self.key, haven.scratch) as path,
                session(
                    directories=[path.parent],
                    temp_directory=place,
                    keys={name: haven.keys.ensure(key_of(self._list_id))},
                    limits=haven.limits,
                ) as connection,
            ):
                connection.register("came", rows)
                connection.execute(
                    "COPY (SELECT person_0, person_1, min(practice) AS practice FROM came"
                    f" GROUP BY ALL ORDER BY ALL) TO {literal(path)}"
                    f" (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: {literal(name)}}})"
                )
                people = connection.execute(
                    "SELECT count(*) FROM (SELECT DISTINCT person_0, person_1 FROM came)"
                ).fetchone()
        except duckdb.Error as error:
            raise EngineFailed(type(error).__name__) from None
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return RegistrationContent(
            lines=len(rows), people=int(people[0]) if people else 0, digest=self._lines.digest
        )

    def abandon(self) -> None:
        self._haven.destroy_registrations(self._list_id, self.key)


class SealedScores:
    """Scores that stream in; whose they are is known for as long as they are landed."""

    def __init__(self, haven: SealedPeople, people_max: int) -> None:
        self._haven = haven
        self._lines = ScoreLines(people_max)
        self._came = pa.table({"token": pa.array([], pa.string())})

    def take(self, chunk: bytes) -> None:
        self._lines.take(chunk)

    def finish(self) -> int:
        tokens, scores = self._lines.finish()
        self._came = pa.table({"token": tokens, "score": scores})
        return len(tokens)

    @property
    def digest(self) -> str:
        return self._lines.digest

    def known(self, domain: PseudonymDomain, *, lists: Sequence[RegistrationList]) -> KnownScores:
        haven, tokens = self._haven, whole(self._came["token"])
        foreign = sum(not is_of_domain(token, domain.id) for token in tokens.to_pylist())
        retokeniser = haven.retokeniser(domain, foreign, len(tokens))
        numbers = retokeniser.numbers(tokens)
        is_known = np.asarray(numbers.is_valid())
        letters = pc.utf8_slice_codeunits(tokens, start=0, stop=1)
        has_no_number = np.asarray(pc.equal(letters, Kind.NO_NUMBER.value))
        require_known([int(at) + 1 for at in np.flatnonzero(~(is_known | has_no_number))])
        rows = pa.array(np.flatnonzero(is_known))
        told = numbers.take(rows)
        practices = haven.practices_of(_sealed(told, haven.keys.get(PERSON)), lists)
        return KnownScores(
            numbers=told,
            scores=whole(self._came["score"]).take(rows),
            practices=practices,
            counted=ScoredPeople(
                people=len(told),
                without_number=len(tokens) - len(told),
                without_practice=practices.count(""),
            ),
        )


def key_of(list_id: UUID) -> str:
    """Name a list's key in the key store."""
    return f"registrations/{list_id}"


def _named(list_id: UUID) -> str:
    return f"r{list_id.hex}"


def _content(listed: RegistrationList) -> str:
    if listed.object_key is None:
        raise KeyDestroyed("the list was destroyed")
    return listed.object_key


def _sealed(numbers: pa.Array, person_key: bytes) -> Blocks:
    """Return the haven tokens of NHS numbers."""
    return Cipher(person_key).encrypt(views_of(numbers.cast(pa.string_view())))


def _hexadecimal(sealed: Blocks) -> list[str]:
    """Write each person's haven token in hexadecimal digits."""
    digits, each = sealed.tobytes().hex(), 2 * sealed.shape[1]
    return [digits[at : at + each] for at in range(0, len(digits), each)]


_NOT_KNOWN: Final[tuple[Outcome, str | None, str | None]] = (Outcome.NOT_KNOWN, None, None)
