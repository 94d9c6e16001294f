"""A list of registrations as it streams in: `number,practice` a line, sealed at once."""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.engine.blocks import views_of
from pseudonymisation.engine.nhs_numbers import valid_blocks
from pseudonymisation.engine.streamed_lines import StreamedLines
from pseudonymisation.people.domain.errors import RegistrationsInvalid

LINE: Final = re.compile(r"[0-9]{10},[A-Z0-9]{3,9}")


class RegistrationLines(StreamedLines):
    """Reads chunks. A line that is none refuses the list: left out it would be nobody's patient."""

    def __init__(self, person_key: bytes) -> None:
        super().__init__(person_key)
        self._practices: list[pa.Array] = []

    def finish(self) -> pa.Table:
        """Return the people and their practices, as they came. Raise RegistrationsInvalid."""
        people = super().finish()
        return people.append_column("practice", pa.chunked_array(self._practices, pa.string()))

    def _too_long(self, line: int) -> RegistrationsInvalid:
        return _invalid(line, "is too long")

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
        self._keep(blocks, len(lines))
        self._practices.append(pc.utf8_slice_codeunits(lines, start=11))


def _invalid(line: int, what: str) -> RegistrationsInvalid:
    return RegistrationsInvalid(
        f"Line {line} {what}. Send one line a person, without a header.", line=line
    )
