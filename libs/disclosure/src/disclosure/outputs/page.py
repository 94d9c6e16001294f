"""A page to read and to print: the table, its footnotes, and a chart with the same numbers."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from disclosure.outputs.chart import Chart, draw, suggested
from disclosure.outputs.printed import Kind, Printed
from disclosure.rules import HIDDEN, NOT_APPLICABLE

if TYPE_CHECKING:
    from jinja2 import Template

COLOURS: Final = ("#005eb8", "#b8430b", "#00703c", "#7c2855", "#4c6272", "#8a6d00")
"""Of at least 4.5 to 1 against white; series also differ by dash and by mark."""
DASHES: Final = ("none", "7 3", "2 3", "9 3 2 3", "12 3", "4 4")


def page(printed: Printed, chart: Chart | None = None) -> bytes:
    """Write the page: HTML without scripts and without anything from elsewhere.

    Raises:
        TableInvalid: the chart names what the table has not.

    """
    made = _template().render(
        printed=printed,
        drawing=draw(printed, chart or suggested(printed)),
        colours=COLOURS,
        dashes=DASHES,
        label=Kind.LABEL,
        hidden=HIDDEN,
        not_applicable=NOT_APPLICABLE,
    )
    return made.encode("utf-8")


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    told = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return told.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))
