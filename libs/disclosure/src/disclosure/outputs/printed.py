"""A table as it is printed: labels and texts, what they mean, and what is said beneath.

It is made of printed texts alone. No writer can show what a table hides: it does not have it.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

from disclosure.problems import TableInvalid
from disclosure.protecting import Protected
from disclosure.rules import HIDDEN, NOT_APPLICABLE
from disclosure.structure import Dimension

TEXT_MAX: Final = 2_000
"""Characters of a label, a title or a note. A workbook's cell takes 32,767."""
BIDIRECTIONAL: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that let a text look like another."""


class Kind(StrEnum):
    """What the texts of a column are."""

    LABEL = "label"
    COUNT = "count"
    """Whole numbers."""
    PERCENTAGE = "percentage"
    """Whole per cent, printed as `13%`; a number of per cent in typed formats."""
    NUMBER = "number"
    """Decimals: means, ratios, full-time equivalents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: a dimension (its labels), or a measure (its texts)."""

    name: str
    kind: Kind
    title: str = ""
    """As a reader is told; empty: the name."""
    total: str | None = None
    """Of a dimension: the label of its total."""
    levels: tuple[tuple[str, ...], ...] = ()
    """Of a dimension: its labels from the parts of the total down to the categories."""
    is_time: bool = False
    """Of a dimension: whether its categories follow one another, so that a line may join them."""

    @classmethod
    def of(cls, dimension: Dimension, *, is_time: bool = False) -> Self:
        """Return the column of a dimension."""
        tree = dimension.hierarchies[0]
        depth: dict[int, list[str]] = {}
        for node in dimension.nodes:
            if node in tree.parents:
                depth.setdefault(len(tree.line(node)) - 2, []).append(node)
        levels = [tuple(depth[at]) for at in sorted(depth)]
        if levels and set(levels[-1]) != set(dimension.leaves):
            levels.append(dimension.leaves)
        return cls(
            name=dimension.name,
            kind=Kind.LABEL,
            total=dimension.root,
            levels=tuple(levels),
            is_time=is_time,
        )

    @property
    def heading(self) -> str:
        """What a reader sees above it."""
        return self.title or self.name


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A table as it is printed.

    Raises on making:
        TableInvalid: names that are there twice, a row of another length, a text that a column of
        its kind cannot have, or one that cannot be printed.
    """

    title: str
    columns: tuple[Column, ...]
    """Dimensions first, then measures."""
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...] = ()
    about: tuple[tuple[str, str], ...] = ()
    """Query, rule, profile, versions of data, counts: names and texts."""

    def __post_init__(self) -> None:
        kinds = [c.kind for c in self.columns]
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names) or not all(names):
            raise TableInvalid("`columns`: each needs a name of its own.")
        if Kind.LABEL in kinds[len(self.dimensions) :] or len(self.dimensions) in {0, len(kinds)}:
            raise TableInvalid("`columns`: dimensions first, then measures, at least one of each.")
        for text in (
            self.title,
            *names,
            *(c.title for c in self.columns),
            *self.footnotes,
            *(text for pair in self.about for text in pair),
        ):
            _require_printable(text)
        seen: set[str] = set()
        for row in self.rows:
            if len(row) != len(self.columns):
                raise TableInvalid("`rows`: a row has more or fewer texts than there are columns.")
            for column, text in zip(self.columns, row, strict=True):
                if column.kind is Kind.LABEL:
                    if text not in seen:
                        _require_printable(text)
                        seen.add(text)
                else:
                    number(column, text)
        if len({row[: len(self.dimensions)] for row in self.rows}) != len(self.rows):
            raise TableInvalid("`rows`: two rows have the same labels.")

    @classmethod
    def of(
        cls,
        shown: Protected,
        *,
        title: str,
        about: Sequence[tuple[str, str]] = (),
        times: Sequence[str] = (),
        name: str | None = None,
    ) -> Self:
        """Return a protected table as it is printed; cells that are not printed are left out.

        `times` names the dimensions whose categories follow one another, `name` the column of
        counts (None: the table's measure).
        """
        table = shown.table
        dimensions = tuple(Column.of(d, is_time=d.name in times) for d in table.dimensions)
        rows = tuple(
            (*table.label(at), str(text))
            for at, text in enumerate(shown.texts.ravel().tolist())
            if text
        )
        counts = [(f"cells: {name.replace('_', ' ')}", str(n)) for name, n in shown.reasons.items()]
        return cls(
            title=title,
            columns=(*dimensions, Column(name=name or str(table.measure), kind=Kind.COUNT)),
            rows=rows,
            footnotes=shown.footnotes,
            about=(
                ("rule", f"{shown.rule.code} {shown.rule.version}"),
                ("source of the rule", shown.rule.source),
                ("profile", str(shown.profile)),
                *counts,
                *about,
            ),
        )

    @property
    def dimensions(self) -> tuple[Column, ...]:
        """The columns of labels."""
        return tuple(c for c in self.columns if c.kind is Kind.LABEL)

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns of texts."""
        return tuple(c for c in self.columns if c.kind is not Kind.LABEL)

    def with_measure(self, column: Column, texts: Mapping[tuple[str, ...], str]) -> Self:
        """Return it with one more measure, by the labels of its rows; what is not told is empty."""
        along = len(self.dimensions)
        return replace(
            self,
            columns=(*self.columns, column),
            rows=tuple((*row, texts.get(row[:along], "")) for row in self.rows),
        )


def number(column: Column, text: str) -> int | Decimal | None:
    """Return what a printed text says; None where it says no number (`*`, `-`, empty).

    Raises:
        TableInvalid: a text that a column of this kind cannot have.

    """
    if text in {HIDDEN, NOT_APPLICABLE, ""}:
        return None
    digits = text.removesuffix("%") if column.kind is Kind.PERCENTAGE else text
    plain = digits.isascii() and len(digits) <= 16
    if column.kind is Kind.NUMBER and plain:
        whole, point, part = digits.removeprefix("-").partition(".")
        if whole.isdigit() and (part.isdigit() or not point):
            return Decimal(digits)
    elif plain and digits.isdigit() and (column.kind is Kind.COUNT or text.endswith("%")):
        return int(digits)
    raise TableInvalid(f"`{column.name}`: has a text that is no {column.kind}, no `*` and no `-`.")


def _require_printable(text: str) -> None:
    """Raise TableInvalid where a text is too long, or has what no reader sees."""
    if len(text) > TEXT_MAX:
        raise TableInvalid(f"A label or a note has more than {TEXT_MAX} characters; shorten it.")
    if any(unicodedata.category(c) in {"Cc", "Cs"} or c in BIDIRECTIONAL for c in text):
        raise TableInvalid("A label or a note has control characters; take them out.")
