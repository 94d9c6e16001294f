"""The clause of change sets: what leads from an earlier extract to this one (docs/adr/0105)."""

from collections.abc import Iterator, Sequence

from agreements.decision.domain.case import STRUCTURAL, LineCase
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.question import Request
from common.errors import Refusal
from statements.filters import narrowed
from statements.vocabulary import Format


def changes(case: LineCase) -> Iterator[Refusal]:
    """The line allows change sets, and the environment holds what the changes lead from.

    A change set tells nothing that the two extracts side by side do not tell: so both are of one
    line, in one domain, of the same columns, months and filters.
    """
    if case.file is not None:
        since = None if case.file.changes is None else case.file.changes.since
    else:
        asked = case.question
        since = asked.request.changes_since if isinstance(asked, Request) else None
    if since is None:
        return
    if not case.line.change_sets:
        yield refusal(Code.CHANGE_SET_NOT_IN_DSA, "The line does not allow change sets.")
    if isinstance(case.question, Request):
        yield from _of_the_earlier(case, case.question, since)


def _of_the_earlier(case: LineCase, question: Request, since: str) -> Iterator[Refusal]:
    held = [
        h
        for h in case.present.held
        if h.file.extract_id == since
        and h.file.changes is None
        and case.environment is not None
        and h.environment_id == case.environment.id
    ]
    if any(h.holding_id in case.facts.destroyed for h in held):
        detail = "A file of it is destroyed: there is nothing that the changes could be applied to."
        yield refusal(Code.EARLIER_EXTRACT_NOT_HELD, detail, since)
        return
    if not any(h.may_have_left for h in held):
        detail = "The recipient environment has fetched no file of this extract of the months."
        yield refusal(Code.EARLIER_EXTRACT_NOT_HELD, detail, since)
        return
    if any(h.file.line.key != case.key or h.agreement != case.facts.reference for h in held):
        detail = "It was released under another line."
        yield refusal(Code.EARLIER_EXTRACT_OF_ANOTHER_LINE, detail, since)
    if any(h.file.domain != case.domain.id for h in held):
        detail = "Its tokens were made in another pseudonym domain than the line's."
        yield refusal(Code.DOMAIN_MISMATCH, detail, since)
    for name in sorted({name for name, _ in _columns(held) ^ frozenset(case.forms)}):
        detail = "The two extracts have to have the same columns in the same forms."
        yield refusal(Code.EARLIER_EXTRACT_OF_OTHER_COLUMNS, detail, name)
    wanted = narrowed(case.line.filters, question.request.filters)
    if any(set(h.file.periods) != set(case.periods) or h.file.filters != wanted for h in held):
        detail = "It is of other months, or of rows chosen by other filters."
        yield refusal(Code.EARLIER_EXTRACT_OF_OTHER_ROWS, detail, since)
    if not any(h.file.file.format == Format.PARQUET for h in held):
        detail = "It was released as CSV only, in which types and empty values are not told apart."
        yield refusal(Code.EARLIER_EXTRACT_OF_OTHER_ROWS, detail, "formats")


def _columns(held: Sequence[HeldFile]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (c.name, c.treatment) for h in held for c in h.file.columns if c.name not in STRUCTURAL
    )
