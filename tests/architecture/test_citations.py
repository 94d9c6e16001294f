"""Every citation leads somewhere: pages, sections, decisions and files are in the repository.

Code, rules, tests and pages cite the design and the facts of the field by section (how:
docs/domain/README.md). A section that is cited and not there, a page or a path that is only on
somebody's own machine, is found here. What others read without the repository, the contracts and
the list of codes, cites nothing.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.repository import ROOT, text_of, tracked

HERE = Path(__file__)
DOMAIN = ROOT / "docs" / "domain"
DESIGN = ROOT / "docs" / "design.md"
DECISIONS = ROOT / "docs" / "adr"

ACCEPTED = "docs/adr/"
"""Decisions stay as they were accepted, whatever moved since."""

ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINE_END = re.compile(r"\s*\n[\s#>|]*")
"""A citation may go on in the next line of a comment, a docstring or a quotation."""

CITED = re.compile(r"(?<![\w/.-])(domain|design)\.md`?")
PART = re.compile(
    r"[,;:]?\s*(?:and |to |the )?"
    r"(?:(?P<kind>section|ruling|Standard|state)s?\s+)?"
    r"(?P<number>\d{1,2}\.\d{1,2}|\d{1,2}(?![\d.-]*\d)|[A-Z]\d{1,2}\b)"
)
NOT_FOUND = re.compile(r"\bApp\. B (\d{1,2})\b")
ISSUE = re.compile(r"\b[Ii]ssue (?:\d|[A-F]\d)")
"""Issues are not in the repository: an accepted decision says what came of one."""
RULINGS = re.compile(r"\brulings? (\d{1,2})(?: to (\d{1,2}))?")
DECISION = re.compile(r"docs/adr/(\d{4})\b|\bADR (\d{1,2})\b")
MENTION = re.compile(r"(?<![\w/.*{}<>$-])((?:\.{1,2}/)*[\w-][\w./-]*\.md)\b")
PATH = re.compile(
    r"(?<![\w/.{}<>$*:-])((?:docs|libs|services|tests|contracts|deploy)/[\w./-]*\w)(?![\w/*{<$-])"
)
SERVED = {".css", ".js", ".png"}
"""What a service has under its own `/docs`."""
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PLACE = re.compile(
    r"`((?:applications|agreements|pseudonymisation|dissemination|common|catalogue|statements"
    r"|dsfc_cli|dsfc_client)(?:/\w+)+)(?::(\w+))?`"
)
"""A module, and what it defines: `agreements/domain/decision/decide:decide`."""
ROOM = re.compile(
    r"`((?:domain|use_cases|adapters|api|db|records|decision|intake|preparations|engine|rules|reference"
    r"|tests)/[\w/.{},*-]*)`"
)
"""What the page of a service names of it: `domain/*.py`, `engine/{kernel,session}.py`."""
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")
MACHINE = re.compile(r"(?<![\w.$}])/(?:work|Users)/\w|(?<![\w.])\.\./shared/[\w/.-]*")
PUBLISHED = "../shared/data"
"""Published data beside the checkout: tests that read them skip where they are not there."""
BESIDE = re.compile(r'parents\[\d\] / "shared" / "(\w+)"')
POINTS_INTO_THE_REPOSITORY = re.compile(
    r"\.md\b|\bdocs/|\b[Rr]ulings? \d|\bADR\b|\b[Ii]ssue [A-Z]?\d|\bdesign section"
)


@cache
def texts() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): text_of(path) for path in tracked() if path != HERE}


@cache
def anchors(page: Path) -> frozenset[str]:
    text = text_of(page)
    return frozenset(ANCHOR.findall(text)) | {slug(title) for title in HEADING.findall(text)}


def slug(title: str) -> str:
    """Return the name that a heading gets on the pages of common forges."""
    bare = re.sub(r"<[^>]+>|\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
    return re.sub(r"[^\w\- ]", "", bare.lower()).strip().replace(" ", "-")


@cache
def known() -> dict[str, frozenset[str]]:
    """Return what can be cited of each page: numbers of sections, rulings, scenarios, promises."""
    chapters = sorted(DOMAIN.glob("*.md"))
    named = [name for page in chapters for name in ANCHOR.findall(text_of(page))]
    assert len(named) == len(set(named)), "an anchor stands twice"
    numbers = {page.name.partition("-")[0] for page in chapters if page.name[0].isdigit()}
    return {
        "domain": frozenset(named) | numbers,
        "design": frozenset(ANCHOR.findall(text_of(DESIGN))),
    }


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Give page and anchor of every citation by name, each number of a list by itself."""
    flat = LINE_END.sub(" ", text)
    for page in CITED.finditer(flat):
        kind, position = "section", page.end()
        while part := PART.match(flat, position):
            position, number = part.end(), part["number"]
            kind = "section" if "." in number else part["kind"] or kind
            yield page[1], f"{kind.lower()}-{number}" if number.isdigit() else number.lower()
    yield from (("domain", f"b-{number}") for number in NOT_FOUND.findall(flat))
    for first, last in RULINGS.findall(flat):
        for number in range(int(first), int(last or first) + 1):
            yield "domain", f"ruling-{number}"


def resolves(page: str, anchor: str) -> bool:
    return anchor.removeprefix("section-") in known()[page]


def is_there(path: str, *, of: str) -> bool:
    return (ROOT / path).exists() or (ROOT / of).parent.joinpath(path).exists()


def test_the_reader_knows_every_form_of_a_citation() -> None:
    text = """\
    (domain.md 2.4, Standards 2, 9 and 17; 4.3). See domain.md section 0, ruling 20, domain.md
    # rulings 21 to 22 and 0.1, `domain.md` 8.6, domain.md R03 and design.md sections 6 and
    # 10, S3. Of domain.md and docs/design.md. 5 nothing more is cited, nor of a domain.md alone."""

    assert list(cited(text)) == [
        ("domain", "2.4"),
        *(("domain", f"standard-{number}") for number in (2, 9, 17)),
        ("domain", "4.3"),
        *(("domain", name) for name in ("section-0", "ruling-20")),
        *(("domain", name) for name in ("ruling-21", "ruling-22", "0.1", "8.6", "r03")),
        *(("design", name) for name in ("section-6", "section-10", "s3")),
        *(("domain", name) for name in ("ruling-20", "ruling-21", "ruling-22")),
    ]
    assert not resolves("domain", "ruling-33")
    assert not resolves("domain", "8.7")
    assert not resolves("design", "section-13")


def test_every_cited_section_ruling_and_scenario_is_there() -> None:
    missing = [
        f"{path}: {page}.md {anchor}"
        for path, text in texts().items()
        for page, anchor in cited(text)
        if not resolves(page, anchor)
    ]

    assert missing == []


def test_the_scenarios_that_are_counted_are_those_of_the_page() -> None:
    titles = re.findall(r"^([A-Z]\d\d):", texts()["tests/scenarios.yaml"], re.MULTILINE)

    assert len(titles) == 84
    on_the_page = {name for name in known()["domain"] if re.fullmatch(r"[a-z]\d\d", name)}
    assert {number.lower() for number in titles} == on_the_page


def test_every_cited_decision_is_there() -> None:
    there = {page.name[:4] for page in DECISIONS.glob("[0-9]*.md")}

    assert [
        f"{path}: {number}"
        for path, text in texts().items()
        for found in DECISION.findall(text)
        if (number := (found[0] or found[1]).zfill(4)) not in there
    ] == []


def test_no_issue_is_cited_in_place_of_a_reason() -> None:
    assert [path for path, text in texts().items() if ISSUE.search(text)] == []


def test_every_page_that_is_named_is_in_the_repository() -> None:
    names = {Path(path).name for path in texts()} | {"domain.md"}

    assert [
        f"{path}: {page}"
        for path, text in texts().items()
        if not path.startswith(ACCEPTED)
        for page in MENTION.findall(text)
        if not is_there(page, of=path) and page not in names
    ] == []


def test_every_path_that_is_named_is_in_the_repository() -> None:
    assert [
        f"{path}: {named}"
        for path, text in texts().items()
        if not path.startswith(ACCEPTED)
        for named in PATH.findall(text)
        if Path(named).suffix not in SERVED
        and not DECISION.fullmatch(named)
        and not is_there(named, of=path)
    ] == []


def test_no_path_of_somebody_s_own_machine_is_named() -> None:
    assert [
        f"{path}: {named}"
        for path, text in texts().items()
        for named in MACHINE.findall(text)
        if not named.startswith(PUBLISHED) and not is_there(named, of=path)
    ] == []
    assert {folder for text in texts().values() for folder in BESIDE.findall(text)} <= {"data"}


def defines(module: str, name: str) -> bool:
    """Say whether one of the packages has the module, or folder, and it has the name."""
    for source in ROOT.glob("*/*/src"):
        file = source / f"{module}.py"
        if not name and (source / module).is_dir():
            return True
        if file.is_file():
            own = rf"^(?:async def|def|class) {name}\b|^{name}\b[^=\n]*="
            return not name or re.search(own, text_of(file), re.MULTILINE) is not None
    return False


def test_every_place_in_the_code_that_a_page_names_is_there() -> None:
    pages = {p: t for p, t in texts().items() if p.endswith(".md") and not p.startswith(ACCEPTED)}
    places = [(page, *place) for page, text in pages.items() for place in PLACE.findall(text)]

    assert len(places) > 30
    assert [place for place in places if not defines(*place[1:])] == []
    assert not defines("agreements/domain/decision/decide", "decided")
    assert not defines("agreements/domain/decision/nowhere", "")


def alternatives(path: str) -> Iterator[str]:
    """Give a path for each of the names in braces."""
    before, brace, rest = path.partition("{")
    names, _, after = rest.partition("}")
    yield from (before + name + after for name in names.split(",")) if brace else (before,)


@pytest.mark.parametrize("page", sorted(p for p in texts() if re.match(r"services/\w+/\w+\.md", p)))
def test_every_room_that_the_page_of_a_service_names_is_there(page: str) -> None:
    service = (ROOT / page).parent
    package = service / "src" / service.name

    def is_room(room: str) -> bool:
        module, _, name = room.rpartition(".")
        return any(
            any(place.glob(f"{room.rstrip('/')}{end}"))
            for place in (package, service, ROOT)
            for end in ("", ".py")
        ) or defines(f"{service.name}/{module}", name)

    rooms = [room for path in ROOM.findall(texts()[page]) for room in alternatives(path)]
    assert rooms
    assert [room for room in rooms if not is_room(room)] == []


@pytest.mark.parametrize("page", sorted(p for p in texts() if p.endswith(".md")))
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    prose = CODE.sub("", texts()[page])
    for path, anchor in LINK.findall(prose):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{path}#{anchor}"


def test_what_is_read_without_the_repository_cites_nothing_of_it() -> None:
    def told(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in {"title", "summary", "description"} and isinstance(value, str):
                    yield value
                else:
                    yield from told(value)
        elif isinstance(node, list):
            for value in node:
                yield from told(value)

    documents = {p: t for p, t in texts().items() if re.match(r"contracts/.*\.json$", p)}
    found = [
        f"{path}: {sentence}"
        for path, text in documents.items()
        for sentence in told(json.loads(text))
        if POINTS_INTO_THE_REPOSITORY.search(sentence)
    ]
    found += [
        line
        for line in texts()["docs/codes.md"].splitlines()
        if line.startswith("|") and POINTS_INTO_THE_REPOSITORY.search(line)
    ]

    assert documents
    assert found == []
