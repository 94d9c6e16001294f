"""What concerns the application as a whole."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections import SECTIONS
from applications.domain.sections.forms import Kind

NOT_COMPARED = frozenset(
    {
        *("application_id", "reference", "version", "revision", "kind", "title", "sections"),
        # Evidence is renewed every year, whatever the agreement says.
        *("assurance", "ico_registrations"),
        *("imported", "issued_from"),
        "special_conditions",  # looked at one by one: more are welcome, fewer are not
    }
)
"""Members of a snapshot that say how it came about, or stand beside what is agreed."""


def sections_are_answered(case: Case) -> Iterator[Finding]:
    """Check that all 20 sections are filled (domain.md 2.2, state 2)."""
    for number in case.answers.missing:
        title = SECTIONS[number].__name__
        yield refuse(
            "SECTION_MISSING",
            number,
            f"/sections/{number}",
            f"Section {number} ({title}) is empty.",
        )


def facts_are_known(case: Case) -> Iterator[Finding]:
    if case.facts is None:
        yield refuse(
            "FACTS_UNAVAILABLE",
            None,
            "",
            "Contracts, assurance and registrations could not be looked up; ask again later.",
        )


def queries_are_answered(case: Case) -> Iterator[Finding]:
    """Check that every open query is answered (domain.md 2.2, state 5)."""
    for position, query in enumerate(case.queries):
        if not query.answer:
            yield refuse(
                "QUERY_UNANSWERED",
                query.standard,
                f"/queries/{position}",
                f"Query {query.id} has no answer yet.",
            )


def agreement_is_ones_own(case: Case) -> Iterator[Finding]:
    """Check that an amendment, renewal or extension is about an agreement of the applicant."""
    if case.kind is Kind.NEW or case.facts is None:
        return
    agreement = case.facts.agreement
    if agreement is None or case.organisation not in agreement.controllers:
        # Alike for one that is not there and one of others: who asks may not know.
        yield refuse(
            "AGREEMENT_UNKNOWN",
            None,
            "/amends",
            "There is no agreement of that reference in which the applicant is a controller.",
        )
    elif not agreement.is_under_way:
        yield refuse(
            "AGREEMENT_OVER",
            None,
            "/amends",
            f"{agreement.reference} was ended, or what was released under it is destroyed. Make a"
            " new application.",
        )


def only_what_the_kind_changes(case: Case) -> Iterator[Finding]:
    """Check that an extension changes the end only, a simple change nothing legal (2.3)."""
    allowed = {Kind.EXTENSION: frozenset({"end"}), Kind.SIMPLE_CHANGE: frozenset[str]()}
    if case.kind not in allowed or case.proposed is None:
        return
    if case.base is None:
        yield refuse(
            "NOTHING_TO_COMPARE",
            None,
            "/kind",
            "What the agreement says is not known here; make it an amendment or a renewal.",
        )
        return
    for name in _changed(case.base, case.proposed):
        if name not in NOT_COMPARED | allowed[case.kind]:
            yield refuse(
                "CHANGES_MORE_THAN_ITS_KIND",
                None,
                f"/{name}",
                f"{name} differs from what was approved; {case.kind.in_words} leaves it as it is.",
            )
    for condition in sorted(_conditions(case.base) - _conditions(case.proposed)):
        yield refuse(
            "CONDITION_DROPPED",
            14,
            "/sections/14/conditions",
            f"Condition {condition} was agreed and is left out.",
        )


def _changed(base: Mapping[str, JsonValue], proposed: Mapping[str, JsonValue]) -> list[str]:
    return sorted(
        name
        for name in {*base, *proposed}
        if _compared(name, base.get(name)) != _compared(name, proposed.get(name))
    )


NOTHING_SAID: tuple[JsonValue, ...] = (None, False, [])
"""What a line that was approved elsewhere may write out, and we leave out."""


def _compared(name: str, value: JsonValue) -> JsonValue:
    """A party is its code: how its name is spelled, or was until it was renamed, is no change.

    Of a line, what the approver added is asked for anew, and no change of the applicant's.
    """
    if name == "lines" and isinstance(value, list):
        return [
            {k: v for k, v in line.items() if k != "as_published" and v not in NOTHING_SAID}
            if isinstance(line, dict)
            else line
            for line in value
        ]
    if name not in {"controllers", "processors"} or not isinstance(value, list):
        return value
    return [
        {k: v for k, v in party.items() if k != "legal_name"} if isinstance(party, dict) else party
        for party in value
    ]


def _conditions(snapshot: Mapping[str, JsonValue]) -> set[str]:
    listed = snapshot.get("special_conditions")
    return {
        str(condition["id"])
        for condition in (listed if isinstance(listed, list) else [])
        if isinstance(condition, dict)
    }
