"""What an approved snapshot states, beside what law, catalogue and record say (docs/adr/0028).

Applications checks the same before anybody may submit. This is asked again where the agreement is
drafted, since what lies in another service's database was not necessarily written by that service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from agreements.records.domain.drafting import ApprovedApplication
from agreements.records.domain.terms.capping import caps_of
from agreements.records.domain.terms.data_sets import DataSetFacts
from agreements.records.domain.version import Capacity
from catalogue import Cap, Caps
from common.field.legal_bases import LegalBases
from common.field.names import Match, compare
from common.texts import found_in
from statements.document import (
    IncompleteTerms,
    bases_of,
    read_snapshot,
    registrations_of,
)
from statements.vocabulary import Classification


class Untrue(NamedTuple):
    """One statement that is not so, by its place; the statement itself is not repeated."""

    code: str
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is on record of those whom the snapshot names."""

    day: date
    names: Mapping[str, tuple[str, ...]]
    """By code: every name under which it stands in the loaded lists."""
    numbers: Mapping[str, frozenset[str]]
    """By code: numbers with the ICO."""
    bases: LegalBases
    data_sets: Mapping[str, DataSetFacts]
    """By digest of a data set's file."""
    caps: Caps


def untrue(approved: ApprovedApplication, known: Records) -> Iterator[Untrue]:
    """Name every statement that contradicts what is known; what nobody knows is judged later."""
    yield from _names(approved, known)
    yield from _bases(approved, known)
    for ods, numbers in registrations_of(approved.content).items():
        recorded = known.numbers.get(ods, frozenset())
        if recorded and numbers - recorded:
            yield Untrue("ICO_NUMBER_DIFFERS", "/ico_registrations")
    for position, line in enumerate(approved.lines):
        described = known.data_sets.get(str(line.content.get("catalogue_digest")))
        rule = None if described is None else described.disclosure_rule
        if rule is not None and line.content.get("disclosure_rule") != rule:
            yield Untrue("DISCLOSURE_RULE_UNKNOWN", f"/lines/{position}/disclosure_rule")
    yield from _columns(approved, known)
    for place in found_in(approved.content):
        yield Untrue("PERSONAL_DATA_IN_TEXT", place.pointer)


LEAVES_LINES_AS_THEY_ARE = frozenset({"extension", "simple_change"})
"""Kinds of application by which nobody can mend a line (domain.md 2.3)."""


def _names(approved: ApprovedApplication, known: Records) -> Iterator[Untrue]:
    for capacity, listed in (
        (Capacity.CONTROLLER, "controllers"),
        (Capacity.PROCESSOR, "processors"),
    ):
        parties = [p for p in approved.parties if p.capacity is capacity]
        for position, party in enumerate(parties):
            names = known.names.get(party.ods, ())
            if names and all(
                compare(party.legal_name, name, known.day) is Match.ANOTHER for name in names
            ):
                yield Untrue("NAME_DIFFERS", f"/{listed}/{position}/legal_name")


def _columns(approved: ApprovedApplication, known: Records) -> Iterator[Untrue]:
    """Name columns of which nobody would be told anything: the document would promise them.

    Of an agreement that is extended or changed in nothing else, lines stay as they were signed.
    """
    if approved.kind in LEAVES_LINES_AS_THEY_ARE:
        return
    document = read_snapshot(approved.content)
    for position, line in enumerate(document.lines):
        if (
            isinstance(line, IncompleteTerms)
            or line.key.classification == Classification.IDENTIFIABLE
        ):
            continue
        described = known.data_sets.get(line.catalogue_digest)
        if described is None or described.data_set != line.key.data_set:
            continue  # CATALOGUE_UNKNOWN refuses whatever is asked of it
        found = caps_of(
            line,
            document,
            rule=known.caps,
            data_set=described,
            catalogue=known.data_sets,
            own=str.upper,  # how codes are read today is asked anew at each decision
        )
        for at, name in enumerate(line.fields):
            if name in found and found[name].cap is Cap.WITHHELD:
                yield Untrue("CAP_UNDONE", f"/lines/{position}/fields/{at}")


def _bases(approved: ApprovedApplication, known: Records) -> Iterator[Untrue]:
    for ods, named in bases_of(approved.content).items():
        lists = (
            (known.bases.article_6, named.article_6, "gdpr_article_6"),
            (known.bases.article_9, named.article_9, "gdpr_article_9"),
            (known.bases.schedule_1, named.schedule_1, "dpa_2018_schedule_1"),
        )
        for law, written, name in lists:
            is_missing = name == "gdpr_article_6" and not written
            if is_missing or not all(law.find(basis, known.day) for basis in written):
                codes = [p.ods for p in approved.parties]
                position = codes.index(ods) if ods in codes else "-"
                yield Untrue("LEGAL_BASIS_UNKNOWN", f"/controllers/{position}/{name}")
