"""Scores as they stream in, `token,score` a line; and the file that is landed in their place.

The NHS numbers are in clear here until each block is sealed by the intake, and nowhere else.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.people.domain.errors import RiskScoresInvalid, TooManyPeople
from pseudonymisation.people.domain.risk_scores import ScoredPeople, ScoresDeclaration

LINE: Final = re.compile(r"[A-Za-z0-9_-]{24},-?[0-9]{1,4}(\.[0-9]{1,4})?")
"""A token and a score, which has eight digits at most: ten could be somebody's number."""
LINE_BYTES_MAX: Final = 64
TOKEN_CHARACTERS: Final = 24
HEADER: Final = b"RECORD_ID,NHS_NUMBER,PRACTICE_CODE,AS_AT,MODEL,MODEL_VERSION,SCORE\n"
LINES_AT_ONCE: Final = 1 << 14
LETTERS: Final = bytes.maketrans(b"0123456789", b"ghijklmnop")
"""A name by chance has no digit: ten of them could be somebody's number."""


class ScoreLines:
    """Reads chunks. A line that is none refuses them all: half of the scores are no scores."""

    def __init__(self, people_max: int) -> None:
        self._people_max = people_max
        self._rest = b""
        self._lines = 0
        self._digest = hashlib.sha256()
        self._tokens: list[pa.Array] = []
        self._scores: list[pa.Array] = []

    @property
    def digest(self) -> str:
        """Return that of the tokens and scores as they came; whose they are nobody finds by it."""
        return f"sha256:{self._digest.hexdigest()}"

    def take(self, chunk: bytes) -> None:
        """Raise RiskScoresInvalid, TooManyPeople."""
        self._digest.update(chunk)
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._read(data[:end])
        if len(self._rest) > LINE_BYTES_MAX:
            raise _invalid(self._lines + 1, "is too long")

    def finish(self) -> tuple[pa.StringArray, pa.StringArray]:
        """Return tokens and scores, as they came. Raise RiskScoresInvalid, TooManyPeople."""
        if self._rest:
            self._read(self._rest)
            self._rest = b""
        if not self._lines:
            raise RiskScoresInvalid("There are no scores. Send one line a person.")
        tokens, scores = pa.concat_arrays(self._tokens), pa.concat_arrays(self._scores)
        if len(pc.unique(tokens)) < len(tokens):
            codes = tokens.dictionary_encode().indices.to_numpy()
            first = np.unique(codes, return_index=True)[1]
            again = np.setdiff1d(np.arange(len(codes)), first, assume_unique=True)
            raise _invalid(int(again[0]) + 1, "has a token that was there before")
        return tokens, scores

    def _read(self, data: bytes) -> None:
        text = data.decode("ascii", "replace")
        lines = pc.ascii_rtrim(pa.array(text.removesuffix("\n").split("\n"), pa.string()), "\r")
        fits = pc.match_substring_regex(lines, f"^{LINE.pattern}$").to_numpy(zero_copy_only=False)
        if not fits.all():
            raise _invalid(self._lines + int(np.argmin(fits)) + 1, "is not `token,score`")
        self._lines += len(lines)
        if self._lines > self._people_max:
            raise TooManyPeople(
                f"A file may have the scores of {self._people_max} people. Send fewer.",
                people_max=self._people_max,
            )
        self._tokens.append(pc.utf8_slice_codeunits(lines, start=0, stop=TOKEN_CHARACTERS))
        self._scores.append(pc.utf8_slice_codeunits(lines, start=TOKEN_CHARACTERS + 1))


@dataclass(frozen=True, slots=True)
class KnownScores:
    """`use_cases.ports.Scores`: whose scores they are, to be landed and for nothing else."""

    numbers: pa.StringArray
    scores: pa.StringArray
    practices: Sequence[str]
    """Of each person; empty: the list has them not."""
    counted: ScoredPeople

    def blocks(self, declared: ScoresDeclaration) -> Iterator[bytes]:
        """Write the file that is landed.

        Each record has a name by chance, so that the digest of the file does not tell by trying
        out numbers whom the scores of it are about.
        """
        said = f"{declared.as_at.isoformat()},{declared.model},{declared.model_version}"
        yield HEADER
        for start in range(0, len(self.numbers), LINES_AT_ONCE):
            part = slice(start, start + LINES_AT_ONCE)
            rows = zip(
                self.numbers[part].to_pylist(),
                self.practices[part],
                self.scores[part].to_pylist(),
                strict=True,
            )
            yield "".join(
                f"{name()},{number},{practice},{said},{score}\n" for number, practice, score in rows
            ).encode("ascii")


def name() -> str:
    """Name a record by chance, in letters alone."""
    return secrets.token_hex(16).encode("ascii").translate(LETTERS).decode("ascii")


def _invalid(line: int, what: str) -> RiskScoresInvalid:
    return RiskScoresInvalid(
        f"Line {line} {what}. Send one line a person, a token and a score, without a header.",
        line=line,
    )
