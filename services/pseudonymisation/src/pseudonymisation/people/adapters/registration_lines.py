"""A list of registrations as it streams in: `number,practice` a line, sealed at once."""

import hashlib
import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.engine.blocks import Blocks, Cipher, views_of, words_of
from pseudonymisation.engine.nhs_numbers import valid_blocks
from pseudonymisation.people.domain.errors import RegistrationsInvalid

LINE_BYTES_MAX: Final = 64
LINE: Final = re.compile(r"[0-9]{10},[A-Z0-9]{3,9}")


class RegistrationLines:
    """Reads chunks. A line that is none refuses the list: left out it would be nobody's patient."""

    def __init__(self, person_key: bytes) -> None:
        self._cipher = Cipher(person_key)
        self._rest = b""
        self._lines = 0
        self._digest = hashlib.sha256()
        self._blocks: list[Blocks] = []
        self._practices: list[pa.Array] = []

    @property
    def digest(self) -> str:
        return f"sha256:{self._digest.hexdigest()}"

    def take(self, chunk: bytes) -> None:
        """Raise RegistrationsInvalid."""
        self._digest.update(chunk)
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._read(data[:end])
        if len(self._rest) > LINE_BYTES_MAX:
            raise _invalid(self._lines + 1, "is too long")

    def finish(self) -> pa.Table:
        """Return the people and their practices, as they came. Raise RegistrationsInvalid."""
        if self._rest:
            self._read(self._rest)
            self._rest = b""
        tokens = np.concatenate(self._blocks) if self._blocks else np.zeros((0, 16), np.uint8)
        first, second = words_of(tokens)
        practices = pa.chunked_array(self._practices, pa.string())
        return pa.table({"person_0": first, "person_1": second, "practice": practices})

    def _read(self, data: bytes) -> None:
        # Split at line feeds alone: other separators inside a line make it none of this form.
        text = data.decode("ascii", "replace")
        lines = pc.ascii_rtrim(pa.array(text.removesuffix("\n").split("\n"), pa.string()), "\r")
        fits = pc.match_substring_regex(lines, f"^{LINE.pattern}$").to_numpy(zero_copy_only=False)
        if not fits.all():
            line = self._lines + int(np.argmin(fits)) + 1
            raise _invalid(line, "is not `number,practice`")
        numbers = pc.utf8_slice_codeunits(lines, start=0, stop=10)
        blocks = views_of(numbers.cast(pa.string_view()))
        valid = valid_blocks(blocks)
        if not valid.all():
            raise _invalid(self._lines + int(np.argmin(valid)) + 1, "has no valid NHS number")
        self._lines += len(lines)
        self._blocks.append(self._cipher.encrypt(blocks).copy())
        self._practices.append(pc.utf8_slice_codeunits(lines, start=11))


def _invalid(line: int, what: str) -> RegistrationsInvalid:
    return RegistrationsInvalid(
        f"Line {line} {what}. Send one line a person, without a header.", line=line
    )
