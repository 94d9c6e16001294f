"""What an approved snapshot states, beside what law, catalogue and record say (docs/adr/0028).

Applications checks the same before anybody may submit. This is asked again where the agreement is
drafted, since what lies in another service's database was not necessarily written by that service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from agreements.domain.agreement import Capacity
from agreements.domain.decision.document import bases_of, registrations_of
from agreements.domain.drafting import ApprovedApplication
from common.field.legal_bases import LegalBases
from common.field.names import Match, compare
from common.texts import found_in


class Untrue(NamedTuple):
    """One statement that is not so, by its place; the statement itself is not repeated."""

    code: str
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is on record of those whom the snapshot names."""

    day: date
    names: Mapping[str, tuple[str, ...]]
    """By code: every name under which it stands in the loaded lists."""
    numbers: Mapping[str, frozenset[str]]
    """By code: numbers with the ICO."""
    bases: LegalBases
    disclosure_rules: Mapping[str, str]
    """By digest of a data set's file."""


def untrue(approved: ApprovedApplication, known: Known) -> Iterator[Untrue]:
    """Name every statement that contradicts what is known; what nobody knows is judged later."""
    yield from _names(approved, known)
    yield from _bases(approved, known)
    for ods, numbers in registrations_of(approved.content).items():
        recorded = known.numbers.get(ods, frozenset())
        if recorded and numbers - recorded:
            yield Untrue("ICO_NUMBER_DIFFERS", "/ico_registrations")
    for position, line in enumerate(approved.lines):
        rule = known.disclosure_rules.get(str(line.content.get("catalogue_digest")))
        if rule is not None and line.content.get("disclosure_rule") != rule:
            yield Untrue("DISCLOSURE_RULE_UNKNOWN", f"/lines/{position}/disclosure_rule")
    for place in found_in(approved.content):
        yield Untrue("PERSONAL_DATA_IN_TEXT", place.pointer)


LISTS = ((Capacity.CONTROLLER, "controllers"), (Capacity.PROCESSOR, "processors"))


def _names(approved: ApprovedApplication, known: Known) -> Iterator[Untrue]:
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


def _bases(approved: ApprovedApplication, known: Known) -> Iterator[Untrue]:
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
