"""How a file is written: declared by its sender, never guessed (docs/adr/0047)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from catalogue import DataSet

Delimiter = Literal[",", ";", "|", "\t"]
Quoting = Literal["standard", "backslash", "none"]
EXPANSION_MAX: Final = 200
"""A file that becomes so many times as long when it is opened is made to do harm."""
EXPANDED_FREE_BYTES: Final = 64 << 20
"""Up to here the share is not looked at: little files of few values are dense."""


class ContentForm(StrEnum):
    """What the bytes of a content are."""

    CSV = "csv"
    GZIP = "csv.gz"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How values stand in the lines; what is not declared is as the catalogue says."""

    delimiter: Delimiter | None = None
    quoting: Quoting | None = None

    def of(self, data_set: DataSet) -> DataSet:
        """Return the data set as a file in this dialect is read."""
        declared = {"delimiter": self.delimiter, "quoting": self.quoting}
        said = {name: value for name, value in declared.items() if value is not None}
        if not said:
            return data_set
        return data_set.model_copy(update={"file": data_set.file.model_copy(update=said)})


AS_CATALOGUED: Final = Dialect()


def is_bomb(*, stored: int, opened: int) -> bool:
    """Return whether what was opened is out of all proportion to what was sent."""
    return opened > EXPANDED_FREE_BYTES and opened > EXPANSION_MAX * stored
