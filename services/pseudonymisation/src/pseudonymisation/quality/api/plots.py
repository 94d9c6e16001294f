"""Small plots as numbers of an SVG: what they show is also said in words and in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pseudonymisation.quality.domain.rates import Rate
from pseudonymisation.quality.domain.reports import FieldReport

WIDTH, HEIGHT, EDGE = 120, 32, 4
FLOORS: Final = (0.0, 0.5, 0.8, 0.9)
"""Where a plot may begin: what differs near the whole is not seen from nothing on."""
SCALE: Final = 100
"""A bar is so wide where all is well."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot; where a period has no rate it is broken."""

    pieces: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Completeness by period: the provider's, and everybody's."""

    own: Line
    national: Line
    text: str
    scale: str
    """What the plot reaches from and to."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rate as a bar, with a mark where everybody's is."""

    width: float
    mark: float | None
    text: str


def trend(field: FieldReport) -> Trend:
    """Draw completeness by period."""
    own = [one.own.completeness for one in field.periods]
    national = [one.national.completeness for one in field.periods]
    said = "; ".join(
        f"{one.period} {mine.text}, all providers {all_.text}"
        for one, mine, all_ in zip(field.periods, own, national, strict=True)
    )
    text = f"Completeness of {field.measure.field} by period: {said or 'nothing in force yet'}."
    shares = [rate.share for rate in (*own, *national) if rate.share is not None]
    bottom = max(floor for floor in FLOORS if not shares or floor <= min(shares))
    return Trend(
        own=_line(own, bottom),
        national=_line(national, bottom),
        text=text,
        scale=f"{bottom:.0%} to 100%",
    )


def bar(rate: Rate, national: Rate, text: str) -> Bar:
    """Draw one rate."""
    share, other = rate.share, national.share
    return Bar(
        width=round((share or 0) * SCALE, 1),
        mark=None if other is None else round(other * SCALE, 1),
        text=f"{text}: {rate.text}, all providers {national.text}.",
    )


def _line(rates: Sequence[Rate], bottom: float) -> Line:
    step = (WIDTH - 2 * EDGE) / max(len(rates) - 1, 1)
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, rate in enumerate(rates):
        if rate.share is None:
            pieces.append([])
            continue
        share = (rate.share - bottom) / (1 - bottom)
        height = HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)
        pieces[-1].append((round(EDGE + place * step, 1), round(height, 1)))
    return Line(
        pieces=tuple(" ".join(f"{x},{y}" for x, y in piece) for piece in pieces if len(piece) > 1),
        dots=tuple(point for piece in pieces for point in piece),
    )
