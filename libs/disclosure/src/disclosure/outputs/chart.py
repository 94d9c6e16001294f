"""A chart of a printed table: bars, or lines where categories follow one another.

It draws printed texts. A hidden cell is a mark of one size for all of them: it has no length that
could tell its count, and a line is broken at it. The same numbers stand beside it as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from disclosure.outputs.printed import Column, Kind, Printed, number
from disclosure.problems import TableInvalid
from disclosure.rules import HIDDEN, NOT_APPLICABLE

CATEGORIES_MAX: Final = 40
SERIES_MAX: Final = 6
LABEL_MAX: Final = 28
WIDTH: Final = 720
LEFT: Final = 190
RIGHT: Final = 60
TOP: Final = 14
BAR: Final = 15
GAP: Final = 7
LINES_HEIGHT: Final = 260
LINES_LEFT: Final = 60
AXIS: Final = 34
LEGEND: Final = 20
SAID: Final = {HIDDEN: "hidden", NOT_APPLICABLE: "not applicable", "": "not shown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is to be drawn: a measure along a dimension, one series for each label of another.

    The cells drawn have the total of every dimension that is neither.
    """

    along: str
    measure: str
    series: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar, a point, or the place of a cell that has no number."""

    x: float
    y: float
    size: float
    """Length of a bar; 0 for a point."""
    text: str
    is_hidden: bool
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text in the drawing."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart in numbers of an SVG."""

    kind: str
    width: int
    height: int
    title: str
    text: str
    """All of it in words."""
    marks: tuple[Mark, ...]
    lines: tuple[tuple[int, str], ...]
    """Series and points of each unbroken piece."""
    labels: tuple[Label, ...]
    ticks: tuple[Label, ...]
    legend: tuple[tuple[int, Label], ...]


def suggested(printed: Printed) -> Chart:
    """Return a chart that most tables can have: by time if there is one, else the first dimension.

    A second dimension of few categories makes the series.
    """
    dimensions = printed.dimensions
    along = next((d for d in dimensions if d.is_time), dimensions[0])
    other = [
        d for d in dimensions if d is not along and d.levels and len(d.levels[-1]) <= SERIES_MAX
    ]
    return Chart(
        along=along.name,
        measure=printed.measures[0].name,
        series=other[0].name if other else None,
    )


def draw(printed: Printed, chart: Chart) -> Drawing | None:
    """Draw a chart; None where the dimension has more categories than can be read.

    Raises:
        TableInvalid: a name that the table has not.

    """
    by_name = {c.name: c for c in printed.columns}
    along, measure = by_name.get(chart.along), by_name.get(chart.measure)
    series = by_name.get(chart.series) if chart.series else None
    if (
        along is None
        or along.kind is not Kind.LABEL
        or measure is None
        or measure.kind is Kind.LABEL
        or (chart.series and (series is None or series.kind is not Kind.LABEL or series is along))
    ):
        raise TableInvalid("`chart`: names a dimension or a measure that the table has not.")
    categories = next(
        (level for level in reversed(along.levels) if len(level) <= CATEGORIES_MAX), ()
    )
    names = (series.levels[-1] if series.levels else ()) if series else ("",)
    if not categories or not 0 < len(names) <= SERIES_MAX:
        return None
    texts = _texts(printed, along, measure, series, names, categories)
    if all(text == "" for of in texts for text in of):
        return None
    make = _lines if along.is_time else _bars
    words = "; ".join(
        f"{name + ': ' if name else ''}"
        + ", ".join(f"{c} {_said(t)}" for c, t in zip(categories, of, strict=True))
        for name, of in zip(names, texts, strict=True)
    )
    return make(f"{measure.heading} by {along.heading}", words, measure, categories, names, texts)


def _texts(
    printed: Printed,
    along: Column,
    measure: Column,
    series: Column | None,
    names: Sequence[str],
    categories: Sequence[str],
) -> list[list[str]]:
    """Return the printed texts, one list a series."""
    place = {c.name: at for at, c in enumerate(printed.columns)}
    found: Mapping[tuple[str, ...], str] = {
        row[: len(printed.dimensions)]: row[place[measure.name]] for row in printed.rows
    }
    labels = [d.total or "" for d in printed.dimensions]
    texts = []
    for name in names:
        if series is not None:
            labels[place[series.name]] = name
        of = []
        for category in categories:
            labels[place[along.name]] = category
            of.append(found.get(tuple(labels), ""))
        texts.append(of)
    return texts


def _said(text: str) -> str:
    return SAID.get(text, text)


def _short(text: str) -> str:
    return text if len(text) <= LABEL_MAX else text[: LABEL_MAX - 1] + "…"


def _highest(measure: Column, texts: Sequence[Sequence[str]]) -> float:
    """Return a round number that no bar passes."""
    numbers = [number(measure, text) for of in texts for text in of]
    most = max((float(n) for n in numbers if n is not None), default=1.0)
    step = 1.0
    while step * 10 < most:
        step *= 10
    while step > most > 0:
        step /= 10
    return (
        next((step * n for n in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * n >= most), 1.0)
        if most > 0
        else 1.0
    )


def _figure(value: float) -> str:
    return f"{value:.10g}"


def _title(name: str, category: str, text: str) -> str:
    return f"{category}{', ' + name if name else ''}: {_said(text)}"


def _legend(names: Sequence[str], y: float) -> tuple[tuple[int, Label], ...]:
    if len(names) < 2:
        return ()
    step = WIDTH / len(names)
    return tuple((at, Label(round(at * step + 20, 1), y, _short(n))) for at, n in enumerate(names))


def _bars(
    title: str,
    words: str,
    measure: Column,
    categories: Sequence[str],
    names: Sequence[str],
    texts: Sequence[Sequence[str]],
) -> Drawing:
    most = _highest(measure, texts)
    scale = (WIDTH - LEFT - RIGHT) / most
    top = TOP + (LEGEND if len(names) > 1 else 0)
    block = len(names) * BAR + GAP
    marks, labels = [], []
    for at, category in enumerate(categories):
        labels.append(
            Label(LEFT - 8, top + at * block + len(names) * BAR / 2 + 4, _short(category))
        )
        for one, (name, of) in enumerate(zip(names, texts, strict=True)):
            value = number(measure, of[at])
            length = 0.0 if value is None else max(0.0, round(float(value) * scale, 1))
            y = top + at * block + one * BAR
            hidden = of[at] == HIDDEN
            marks.append(Mark(LEFT, y, length, of[at], hidden, one, _title(name, category, of[at])))
    bottom = top + len(categories) * block
    ticks = tuple(
        Label(round(LEFT + most * part * scale, 1), bottom + 14, _figure(most * part))
        for part in (0, 0.5, 1)
    )
    return Drawing(
        kind="bar",
        width=WIDTH,
        height=bottom + AXIS,
        title=title,
        text=words,
        marks=tuple(marks),
        lines=(),
        labels=tuple(labels),
        ticks=ticks,
        legend=_legend(names, TOP),
    )


def _lines(
    title: str,
    words: str,
    measure: Column,
    categories: Sequence[str],
    names: Sequence[str],
    texts: Sequence[Sequence[str]],
) -> Drawing:
    most = _highest(measure, texts)
    top = TOP + (LEGEND if len(names) > 1 else 0)
    bottom = top + LINES_HEIGHT
    step = (WIDTH - LINES_LEFT - 30) / max(1, len(categories) - 1)
    marks: list[Mark] = []
    lines: list[tuple[int, str]] = []
    for one, (name, of) in enumerate(zip(names, texts, strict=True)):
        piece: list[str] = []
        for at, (category, text) in enumerate(zip(categories, of, strict=True)):
            value = number(measure, text)
            x = round(LINES_LEFT + at * step, 1)
            if value is None:
                lines.append((one, " ".join(piece)))
                piece = []
                y = bottom - 4.0 - 11 * one
            else:
                y = round(bottom - max(0.0, float(value)) / most * LINES_HEIGHT, 1)
                piece.append(f"{x},{y}")
            marks.append(Mark(x, y, 0.0, text, text == HIDDEN, one, _title(name, category, text)))
        lines.append((one, " ".join(piece)))
    every = -(-len(categories) // 12)
    labels = tuple(
        Label(round(LINES_LEFT + at * step, 1), bottom + 16, _short(category)[:10])
        for at, category in enumerate(categories)
        if at % every == 0
    )
    ticks = tuple(
        Label(LINES_LEFT - 8, round(bottom - part * LINES_HEIGHT, 1), _figure(most * part))
        for part in (0, 0.5, 1)
    )
    return Drawing(
        kind="line",
        width=WIDTH,
        height=bottom + AXIS,
        title=title,
        text=words,
        marks=tuple(marks),
        lines=tuple((one, points) for one, points in lines if " " in points),
        labels=labels,
        ticks=ticks,
        legend=_legend(names, TOP),
    )
