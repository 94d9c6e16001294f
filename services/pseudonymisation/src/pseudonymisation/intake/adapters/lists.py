"""Lists of people that stream in: numbers become haven tokens as they come, and never lie in clear.

There are two forms, and they mean the opposite of each other. A list of objectors has a number a
line and nothing behind it. The national service answers with `number,` a line, and these are the
people who may be used (domain.md 0.1). So a comma decides, and whoever sends the one as the other
is refused; what a sender says besides is compared and not believed.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import AppError
from common.replacement import Change, Reach
from pseudonymisation.engine.blocks import (
    BATCH,
    Cipher,
    Mask,
    blocks_of,
    views_of,
)
from pseudonymisation.engine.nhs_numbers import valid_blocks, valid_numbers
from pseudonymisation.engine.session import EngineLimits, literal, sealed_parquet, session
from pseudonymisation.engine.streamed_lines import StreamedLines
from pseudonymisation.intake.domain.errors import ListInvalid, ListIsReply, ReplyTruncated
from pseudonymisation.intake.domain.opt_out import ListKind

NUMBER_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file of the landing store, and the key that opens it."""

    path: Path
    key_name: str
    key: Callable[[], bytes]

    @property
    def sql(self) -> str:
        return sealed_parquet(self.path, self.key_name)


def named(prefix: str, list_id: UUID) -> str:
    """Name the key of a list's file, as sessions know it."""
    return f"{prefix}{list_id.hex}"


class Numbers(StreamedLines):
    """NHS numbers, a line each, read in chunks.

    A line that is no NHS number refuses the list: left out in silence, it could be somebody
    whose objection is then not upheld.
    """

    def __init__(
        self,
        person_key: bytes,
        *,
        kind: ListKind,
        invalid: Callable[[str, int], AppError] | None = None,
    ) -> None:
        super().__init__(person_key)
        self._kind = kind
        self._invalid = invalid or (lambda detail, line: ListInvalid(detail, line=line))

    def finish(self) -> pa.Table:
        """Return the people. Raise ReplyTruncated where a reply ends within a line."""
        is_cut = self._kind is ListKind.CLEARED and bool(self._rest)
        if is_cut and self._lines:
            raise ReplyTruncated(
                f"Line {self._lines + 1} has no end, so the reply was cut off on its way. Fetch it"
                " again, and send all of it.",
                line=self._lines + 1,
            )
        tokens = super().finish()
        if is_cut:
            raise ReplyTruncated("Its only line has no end. Fetch it again, and send all of it.")
        return tokens

    def _too_long(self, line: int) -> AppError:
        return self._invalid(f"Line {line} is too long.", line)

    def _read(self, data: bytes) -> None:
        # Split at line feeds alone: other separators inside a line make it no number.
        text = data.decode("ascii", "replace")
        lines = pc.ascii_trim(pa.array(text.removesuffix("\n").split("\n"), pa.string()), " \t\r")
        held = pc.not_equal(lines, "")
        numbers = self._in_form(lines, held.to_numpy(zero_copy_only=False))
        blocks = views_of(numbers.filter(held).cast(pa.string_view()))
        valid = valid_blocks(blocks)
        if not valid.all():
            places = np.flatnonzero(held.to_numpy(zero_copy_only=False))
            line = self._lines + int(places[int(np.argmin(valid))]) + 1
            raise self._invalid(f"Line {line} is not a valid NHS number.", line)
        self._keep(blocks, len(lines))

    def _in_form(self, lines: pa.Array, held: Mask) -> pa.Array:
        """Take the comma off where there has to be one, and refuse it where not."""
        comma = pc.ends_with(lines, ",").to_numpy(zero_copy_only=False)
        match self._kind:
            case ListKind.OBJECTORS:
                # Only where what stands before it is a number: words are no list of anybody.
                places = np.flatnonzero(comma & held)
                if len(places) and _is_number(lines[int(places[0])].as_py()):
                    line = self._lines + int(places[0]) + 1
                    raise ListIsReply(
                        f"Line {line} ends with a comma, as replies of the national service do:"
                        " those are people who may be used. Send a reply to its check; a list of"
                        " people who opted out has only numbers.",
                        line=line,
                    )
                return lines
            case ListKind.CLEARED:
                bare = np.flatnonzero(held & ~comma)
                if len(bare):
                    line = self._lines + int(bare[0]) + 1
                    raise self._invalid(f"Line {line} is not `number,`.", line)
                return pc.utf8_slice_codeunits(lines, start=0, stop=-1)


def _is_number(text: str) -> bool:
    return bool(valid_numbers(pa.array([text.rstrip(", \t")])).all())


def write(
    tokens: pa.Table, *, to: Path, key_name: str, key: bytes, scratch: Path, limits: EngineLimits
) -> int:
    """Write the distinct people, in their order; return how many."""
    scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        with session(
            directories=[to.parent], temp_directory=scratch, keys={key_name: key}, limits=limits
        ) as connection:
            connection.register("tokens", tokens)
            written = connection.execute(
                "COPY (SELECT DISTINCT person_0, person_1 FROM tokens ORDER BY ALL)"
                f" TO {literal(to)} (FORMAT parquet,"
                f" ENCRYPTION_CONFIG {{footer_key: {literal(key_name)}}})"
            ).fetchone()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return int(written[0]) if written else 0


def compare(
    before: Sequence[SealedFile], after: SealedFile, *, scratch: Path, limits: EngineLimits
) -> Change:
    """Count who comes and who goes of those who are on any of the lists before."""
    on_any = " UNION ".join(f"SELECT person_0, person_1 FROM {one.sql}" for one in before)
    counts = _counted(
        [*before, after],
        f"WITH had AS MATERIALIZED ({on_any})"
        f" SELECT (SELECT count(*) FROM had), (SELECT count(*) FROM {after.sql}),"
        f" (SELECT count(*) FROM had SEMI JOIN {after.sql} USING (person_0, person_1))",
        scratch=scratch,
        limits=limits,
    )
    had, has, kept = counts
    return Change(before=had, after=has, added=has - kept, removed=had - kept)


def compare_editions(
    before: SealedFile, after: SealedFile, *, scratch: Path, limits: EngineLimits
) -> Change:
    """Count the rows of people, month by month, that come and go."""
    with opened_files([before, after], scratch=scratch, limits=limits) as connection:
        return rows_changed(connection, before, after)


def rows_changed(
    connection: duckdb.DuckDBPyConnection, before: SealedFile, after: SealedFile
) -> Change:
    """Count the rows of people, month by month, that come and go.

    A person's rows may be corrected: that is what a resubmission is for. Rows without an NHS
    number are compared by how many there are: their tokens are of the edition.
    """
    people = (
        "SELECT period, person_kind = 1 AS known, CASE WHEN known THEN person_0 END AS p0,"
        " CASE WHEN known THEN person_1 END AS p1, count(*) AS n FROM {} GROUP BY ALL"
    )
    row = connection.execute(
        f"WITH had AS ({people.format(before.sql)}), has AS ({people.format(after.sql)})"
        " SELECT (SELECT coalesce(sum(n), 0) FROM had), (SELECT coalesce(sum(n), 0) FROM has),"
        " (SELECT coalesce(sum(least(had.n, has.n)), 0) FROM had JOIN has ON"
        " had.period = has.period AND had.p0 IS NOT DISTINCT FROM has.p0"
        " AND had.p1 IS NOT DISTINCT FROM has.p1)"
    ).fetchone()
    had, has, kept = (int(count) for count in row or (0, 0, 0))
    return Change(before=had, after=has, added=has - kept, removed=had - kept)


def beyond(part: SealedFile, whole: SealedFile, *, scratch: Path, limits: EngineLimits) -> int:
    """Count who is in the part and not in the whole."""
    (count,) = _counted(
        [part, whole],
        f"SELECT count(*) FROM {part.sql} ANTI JOIN {whole.sql} USING (person_0, person_1)",
        scratch=scratch,
        limits=limits,
    )
    return count


@dataclass(frozen=True, slots=True)
class AnsweredFiles:
    """Whom a national check asked about, and whom its reply cleared."""

    asked: SealedFile
    cleared: SealedFile

    @property
    def objectors(self) -> str:
        """Select who was asked about and not cleared."""
        return f"({_all_of(self.asked)} EXCEPT {_all_of(self.cleared)})"


def compare_replies(
    before: Sequence[AnsweredFiles], after: AnsweredFiles, *, scratch: Path, limits: EngineLimits
) -> Change:
    """Count who comes and who goes of those who object, of the people asked about by both."""
    asked = " UNION ".join(_all_of(one.asked) for one in before)
    objected = " UNION ".join(one.objectors for one in before)
    counts = _counted(
        [file for one in (*before, after) for file in (one.asked, one.cleared)],
        f"WITH had AS MATERIALIZED (({objected}) INTERSECT {_all_of(after.asked)}),"
        f" has AS MATERIALIZED ({after.objectors} INTERSECT ({asked}))"
        " SELECT (SELECT count(*) FROM had), (SELECT count(*) FROM has),"
        " (SELECT count(*) FROM (FROM had INTERSECT FROM has))",
        scratch=scratch,
        limits=limits,
    )
    had, has, kept = counts
    return Change(before=had, after=has, added=has - kept, removed=had - kept)


def _all_of(file: SealedFile) -> str:
    return f"SELECT person_0, person_1 FROM {file.sql}"


def reach(
    listed: SealedFile, editions: Sequence[SealedFile], *, scratch: Path, limits: EngineLimits
) -> Reach:
    """Count who of the people in the editions is on the list."""
    on_it, landed = _counted(
        [listed, *editions],
        f"WITH people AS ({_people_of(editions)}) SELECT (SELECT count(*) FROM people"
        f" SEMI JOIN {listed.sql} USING (person_0, person_1)), (SELECT count(*) FROM people)",
        scratch=scratch,
        limits=limits,
    )
    return Reach(rows=on_it, of=landed)


def _people_of(editions: Sequence[SealedFile]) -> str:
    return " UNION ".join(
        f"SELECT person_0, person_1 FROM {edition.sql} WHERE person_kind = 1"
        for edition in editions
    )


def gather(
    editions: Sequence[SealedFile], *, to: SealedFile, scratch: Path, limits: EngineLimits
) -> int:
    """Write down everybody with an NHS number in the editions, once; return how many."""
    people = _people_of(editions)
    with opened_files([*editions, to], scratch=scratch, limits=limits) as connection:
        written = connection.execute(
            f"COPY (SELECT DISTINCT person_0, person_1 FROM ({people}) ORDER BY ALL)"
            f" TO {literal(to.path)} (FORMAT parquet,"
            f" ENCRYPTION_CONFIG {{footer_key: {literal(to.key_name)}}})"
        ).fetchone()
    return int(written[0]) if written else 0


def opened(
    file: SealedFile, person_key: bytes, *, scratch: Path, limits: EngineLimits
) -> Iterator[bytes]:
    """Return the numbers of a list back, in the form of the national service: `number,` and LF."""
    cipher = Cipher(person_key)
    with opened_files([file], scratch=scratch, limits=limits) as connection:
        reader = connection.sql(f"SELECT person_0, person_1 FROM {file.sql}").to_arrow_reader(BATCH)
        for batch in reader:
            first, second = (
                np.asarray(column.to_numpy(zero_copy_only=False)) for column in batch.columns
            )
            clear = cipher.decrypt(blocks_of(first, second))
            lines = np.empty((len(clear), NUMBER_BYTES + 2), dtype=np.uint8)
            lines[:, :NUMBER_BYTES] = clear[:, 4 : 4 + NUMBER_BYTES]
            lines[:, NUMBER_BYTES] = ord(",")
            lines[:, NUMBER_BYTES + 1] = ord("\n")
            yield lines.tobytes()


@contextmanager
def opened_files(
    files: Sequence[SealedFile], *, scratch: Path, limits: EngineLimits
) -> Iterator[duckdb.DuckDBPyConnection]:
    scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        with session(
            directories=sorted({file.path.parent for file in files}),
            temp_directory=scratch,
            keys={file.key_name: file.key() for file in files},
            limits=limits,
        ) as connection:
            yield connection
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _counted(
    files: Sequence[SealedFile], query: str, *, scratch: Path, limits: EngineLimits
) -> tuple[int, ...]:
    with opened_files(files, scratch=scratch, limits=limits) as connection:
        row = connection.execute(query).fetchone()
    return tuple(int(value) for value in row or ())
