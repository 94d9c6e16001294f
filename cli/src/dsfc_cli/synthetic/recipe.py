"""What making a data set's rows takes: its columns, and where edge cases are planted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsfc_cli.synthetic.world import World

Strings = npt.NDArray[np.str_]
Columns = dict[str, Strings]
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Rare:
    """A value that is put where small counts are wanted, and nowhere else."""

    column: str
    value: str
    by: str
    """The column whose values have so many of it: of providers, practices or others who send."""
    otherwise: str | None = None
    """What takes its place elsewhere; None: it is nowhere else."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one data set's columns come from the world. Columns are named as files name them."""

    columns: Callable[[World, np.random.Generator, int, int, Days], Columns]
    spoil: Mapping[str, tuple[str, str]]
    """Kind of bad row: (column, value)."""
    withheld_by: tuple[str, ...] = ()
    """Columns that keep back whom a record is about; what identifies is not judged then."""
    number: str | None = None
    is_number_needed: bool = False
    """Whether a record without the number is a bad one, so that none is planted."""
    postcode: str | None = None
    practice: str | None = None
    has_left_out: bool = False
    """Whether some people are left out before, and counted (landing rules)."""
    text: str | None = None
    """In which personal data are found in practice."""
    rare: Rare | None = None
