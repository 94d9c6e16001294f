"""No text has personal data in it: not of the applicant, nor of whoever asked (docs/adr/0028).

What is written today is refused when it is sent; this finds what was stored before that rule.
"""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from common.texts import found_in


def are_clean(case: Case) -> Iterator[Finding]:
    for place in found_in({"title": case.title}):
        yield refuse("PERSONAL_DATA_IN_TEXT", None, place.pointer, place.detail)
    for number, section in case.answers.sections.items():
        answered = section.model_dump(mode="json", by_alias=True)
        for place in found_in(answered, f"/sections/{number}"):
            yield refuse("PERSONAL_DATA_IN_TEXT", number, place.pointer, place.detail)
    for position, query in enumerate(case.queries):
        asked = {"text": query.text, "answer": query.answer}
        for place in found_in(asked, f"/queries/{position}"):
            yield refuse("PERSONAL_DATA_IN_TEXT", query.standard, place.pointer, place.detail)
