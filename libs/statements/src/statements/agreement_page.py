"""The document for people: one page, made of the document for machines and of nothing else.

A page is named (`agreement-page/1`) and never changes for a document: whoever has the document can
make the page again, byte by byte, and compare its hash with the one that was signed. What is to be
said otherwise is another page, with another name.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup
from pydantic import JsonValue

PAGE = "agreement-page/1"
"""The page that new documents name."""
PAGES: Mapping[str, str] = {PAGE: "agreement-page-1"}
"""Every page that a document may name, and its file."""
FOLDER = "pages"

SHOWN_BY_NAME = frozenset(
    {
        "schema", "application_id", "reference", "version", "revision", "kind", "title", "purpose",
        "start", "end", "territory", "commercial", "sub_licence", "controllers", "processors",
        "locations", "assurance", "ico_registrations", "lines", "linkage", "special_conditions",
        "sections", "issued_from", "imported",
    }
)  # fmt: skip
"""Members of a snapshot that have their place; any other is shown at the end."""


def rendered(document: Mapping[str, JsonValue], page: str = PAGE) -> str:
    """Return the page of a document.

    Raises:
        KeyError: there is no page of that name.

    """
    snapshot = document.get("snapshot")
    sections = snapshot.get("sections") if isinstance(snapshot, dict) else None
    return (
        _environment()
        .get_template(f"{PAGES[page]}.html")
        .render(
            document=document,
            sections=sections if isinstance(sections, dict) else {},
            known=SHOWN_BY_NAME,
            style=Markup(_style(page)),  # noqa: S704  ours; values of the document are escaped
        )
    )


def policy(page: str = PAGE) -> str:
    """Return what a browser may do with a page: have its one style sheet, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style(page).encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


@cache
def _style(page: str) -> str:
    return files(__package__).joinpath(FOLDER, f"{PAGES[page]}.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__, FOLDER),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
