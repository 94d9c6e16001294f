"""Pages for people: printable, without a script, and allowed to load nothing at all.

A service keeps its templates in the folder `templates` of a package; each extends
`printable.html`, which is here with the one style sheet.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from common.audit import is_as_logged

FOLDER: Final = "templates"


@cache
def _style() -> str:
    return files(__package__).joinpath(FOLDER, "printable.css").read_text("utf-8")


@cache
def policy() -> str:
    """Return what a page may do: have its one style sheet, and send its form to this service."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )


class Pages:
    """The templates of one package, with what they may call."""

    def __init__(self, package: str, known: Mapping[str, Any] | None = None) -> None:
        """Find templates in the package's folder `templates`; `known`: names in all of them."""
        self._environment = Environment(
            loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(known or {}, style=_style())

    def page(self, template: str, **values: Any) -> HTMLResponse:
        """Render a page; every value is escaped."""
        return HTMLResponse(
            self._environment.get_template(template).render(is_as_logged=is_as_logged(), **values),
            headers={"Content-Security-Policy": policy()},
        )
