"""Pages for people: printable, without a script, and allowed to load nothing at all."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from common.audit import is_as_logged
from pseudonymisation.quality.api import plots

FOLDER: Final = "templates"


@cache
def _style() -> str:
    return files(__package__).joinpath(FOLDER, "page.css").read_text("utf-8")


@cache
def policy() -> str:
    """Return what a page may do: have its one style sheet, and send its form to this service."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pseudonymisation.quality.api", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(style=_style(), trend=plots.trend, bar=plots.bar)
    return made


def page(template: str, **values: Any) -> HTMLResponse:
    """Render a page; every value is escaped."""
    return HTMLResponse(
        _environment().get_template(template).render(is_as_logged=is_as_logged(), **values),
        headers={"Content-Security-Policy": policy()},
    )
