"""The printable pages of data quality."""

from typing import Any

from fastapi.responses import HTMLResponse

from common.web.printable import Pages
from pseudonymisation.quality.api import plots

PAGES = Pages(__package__, {"trend": plots.trend, "bar": plots.bar})


def page(template: str, **values: Any) -> HTMLResponse:
    """Render a page; every value is escaped."""
    return PAGES.page(template, **values)
