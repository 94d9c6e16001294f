"""Texts as a reader of theirs sees them: escapes of web pages, addresses and mail are undone.

Whoever copies out of a page, an address or a mail writes `999&nbsp;000&nbsp;0018` or
`999%20000%200018`: what parts the digits there are letters and digits themselves.
"""

import html
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

TIMES_MAX: Final = 3
"""So often one escape may stand in another."""
ESCAPE: Final = re.compile(
    r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?"  # &#57; &nbsp;
    r"|(?:%[0-9A-Fa-f]{2})+"  # %20
    r"|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt])"  # \u0020 \n
    r"|(?:=[0-9A-F]{2})+|=\r?\n"  # =20, of mail
    r"|<!--(?:[^-]|-(?!->)){0,200}-->|<!\[CDATA\[|\]\]>"  # <!-- --> of mark-up
    r"|</?[A-Za-z][^<>]{0,200}>"  # <br/>
)
MARKS: Final = frozenset("&%\\=<]")
WORDS: Final = {"\\n": " ", "\\r": " ", "\\t": " "}


@dataclass(frozen=True, slots=True)
class Unescaped:
    """A text without its escapes, and where in the text each character comes from."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.starts[start], self.ends[end - 1]


def undo(text: str) -> Unescaped | None:
    """Undo the escapes of a text; None where it has none."""
    if MARKS.isdisjoint(text):
        return None
    places = range(len(text))
    whole = Unescaped(text, tuple(places), tuple(place + 1 for place in places))
    current = whole
    for _ in range(TIMES_MAX):
        following = _once(current)
        if following.text == current.text:
            break
        current = following
    return None if current.text == text else current


def _once(read: Unescaped) -> Unescaped:
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for found in ESCAPE.finditer(read.text):
        characters += read.text[at : found.start()]
        starts += read.starts[at : found.start()]
        ends += read.ends[at : found.start()]
        meant = _meant(found.group())
        start, end = read.span(*found.span())
        characters += meant
        starts += [start] * len(meant)
        ends += [end] * len(meant)
        at = found.end()
    characters += read.text[at:]
    starts += read.starts[at:]
    ends += read.ends[at:]
    return Unescaped("".join(characters), tuple(starts), tuple(ends))


def _meant(escape: str) -> str:
    match escape[0]:
        case "&":
            return html.unescape(escape)
        case "%":
            return unquote(escape, errors="replace")
        case "\\":
            return WORDS.get(escape) or escape.encode("ascii").decode("unicode_escape")
        case "<" | "]":
            return " "
        case _ if escape[1:].strip():
            return unquote(escape.replace("=", "%"), errors="replace")
    return ""
