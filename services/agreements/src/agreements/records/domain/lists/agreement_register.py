"""The public register of agreements: one line a version that ever took effect (domain.md 9.1).

A line says what was signed and never changes but for how it stands; a later version adds a line.
Never in it: names of people, addresses, security details.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.version import AgreementVersion
from common.clock import legal_day
from statements.document import Document, Terms, read
from statements.form import Malformed
from statements.snapshot import Published

COLUMNS = (
    ("reference", "DARS-NIC reference"),
    ("version", "Version"),
    ("title", "Project title"),
    ("controllers", "Controller organisation(s)"),
    ("controller_type", "Sole or joint"),
    ("processors", "Processor organisation(s)"),
    ("start", "DSA start"),
    ("end", "DSA end"),
    ("in_force_from", "In force from"),
    ("status", "Status"),
    ("ended_on", "Ended on"),
    ("purposes", "Purposes"),
    ("data_sets", "Data sets"),
    ("classifications", "Types of data"),
    ("is_sensitive", "Sensitive"),
    ("legal_bases", "Legal bases"),
    ("commercial_purpose", "Commercial purpose"),
    ("sub_licensing", "Sub-licensing"),
    ("objectives", "Objectives"),
    ("origin", "Came about by"),
)
"""The names of a line in JSON, and over its columns in CSV and XLSX."""

SAID_MAX = 2_048
"""Documents of which it is known what the register says of them."""
SUPERSEDED = "SUPERSEDED"
"""Stands for the state of a version after which another took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAgreement:
    """One version of an agreement, as the public may read it."""

    reference: str
    version: str
    title: str
    controllers: str
    controller_type: str
    processors: str
    start: date
    end: date
    in_force_from: date
    status: str
    ended_on: date | None
    purposes: tuple[str, ...]
    data_sets: tuple[str, ...]
    classifications: tuple[str, ...]
    is_sensitive: bool
    legal_bases: tuple[str, ...]
    commercial_purpose: bool
    sub_licensing: bool
    objectives: str
    origin: str
    """`application`, `template`, or `imported`: it was signed before it was handed in here."""


def registered(agreement: Agreement, state: str, at: datetime) -> Iterator[RegisteredAgreement]:
    """Return a line for each version that has taken effect, the first of them first.

    Raises:
        Malformed: a document does not say what the register publishes of it.

    """
    in_effect = sorted(
        (begin, v.sequence, v)
        for v in agreement.versions
        if (begin := v.effective_from()) is not None and begin <= at
    )
    for position, (begin, _, version) in enumerate(in_effect, start=1):
        following = in_effect[position][0] if position < len(in_effect) else None
        yield _line(agreement, version, begin=begin, following=following, state=state)


def _line(
    agreement: Agreement,
    version: AgreementVersion,
    *,
    begin: datetime,
    following: datetime | None,
    state: str,
) -> RegisteredAgreement:
    ended = agreement.terminated_at if following is None else following
    return RegisteredAgreement(
        reference=agreement.reference,
        version=version.number,
        processors="; ".join(processors_of(version)),
        in_force_from=legal_day(begin),
        status=state if following is None else SUPERSEDED,
        ended_on=None if ended is None else legal_day(ended),
        origin=version.origin,
        **_said(version.document)._asdict(),
    )


class _OfDocument(NamedTuple):
    """What a line has of its document."""

    title: str
    controllers: str
    controller_type: str
    start: date
    end: date
    purposes: tuple[str, ...]
    data_sets: tuple[str, ...]
    classifications: tuple[str, ...]
    is_sensitive: bool
    legal_bases: tuple[str, ...]
    commercial_purpose: bool
    sub_licensing: bool
    objectives: str


@lru_cache(SAID_MAX)
def _said(text: str) -> _OfDocument:
    """Read a document for the register, once: a page of it would read 200 again and again."""
    document = read(text)
    published = published_of(document)
    summary, purposes = published.summary, published.sections.objective.purposes
    lines = lines_of(document)
    return _OfDocument(
        title=summary.title,
        controllers="; ".join(f"{c.legal_name} ({c.ods})" for c in summary.controllers),
        controller_type="Sole" if len(summary.controllers) == 1 else "Joint",
        start=summary.start,
        end=summary.end,
        purposes=_each(lines, lambda line: line.key.purpose),
        data_sets=_each(lines, lambda line: line.key.data_set),
        classifications=_each(lines, lambda line: line.key.classification),
        is_sensitive=any(line.sensitivity == "SENSITIVE" for line in lines),
        legal_bases=_each(lines, lambda line: line.power),
        commercial_purpose=summary.commercial,
        sub_licensing=summary.sub_licence,
        objectives="; ".join(one.objective for one in purposes),
    )


def published_of(document: Document) -> Published:
    """Return what a document says for the public.

    Raises:
        Malformed: with the places that are missing or of another form.

    """
    if document.published is None:
        raise Malformed(document.unpublished)
    return document.published


def lines_of(document: Document) -> list[Terms]:
    """Return the lines of a document that can be judged."""
    return [line for line in document.lines if isinstance(line, Terms)]


def processors_of(version: AgreementVersion) -> list[str]:
    """Return the processors, by name and code."""
    wanted = set(version.processors())
    return [f"{p.legal_name} ({p.ods})" for p in version.parties if p.ods in wanted]


def _each(lines: Iterable[Terms], of: Callable[[Terms], str]) -> tuple[str, ...]:
    return tuple(sorted({of(line) for line in lines}))
