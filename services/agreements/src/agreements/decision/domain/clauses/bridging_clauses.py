"""The clause of bridging files: each agreement allows that its pseudonyms are paired with others.

It is judged for either agreement by itself, as is every clause (docs/adr/0195).
"""

from collections.abc import Iterator

from agreements.decision.domain.case import LineCase
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.held import HeldFile, rows_of
from agreements.decision.domain.question import Release, Request
from common.errors import Refusal
from statements.bridging import BridgedLine
from statements.vocabulary import Classification


def bridging(case: LineCase) -> Iterator[Refusal]:
    """The line is of pseudonymised records, and the agreement's linkage names the other one."""
    other = bridged_line(case)
    if other is None:
        return
    if case.key.classification != Classification.PSEUDO_ANONYMISED or case.is_for_a_practice:
        detail = "Pseudonyms are paired of pseudonymised records alone, and for no practice."
        yield refusal(Code.BRIDGING_NOT_FOR_LINE, detail, case.key.classification)
    data_sets = (case.key.data_set, other.data_set)
    if not any(term.allows(other.agreement, data_sets, case.day) for term in case.document.bridges):
        detail = (
            f"The agreement's linkage allows no bridging file of {case.key.data_set} with"
            f" {other.data_set} of {other.agreement} today."
        )
        yield refusal(Code.BRIDGING_NOT_IN_DSA, detail, other.agreement)
    if case.line.opt_outs_applied:
        yield from _of_what_is_held(case)


def bridged_line(case: LineCase) -> BridgedLine | None:
    """Return the line with whose pseudonyms those of this one are paired; None: with none."""
    if isinstance(case.question, Request):
        return case.question.request.bridge
    if case.file is None or (other := case.file.bridge) is None:
        return None
    return BridgedLine(agreement=other.agreement.reference, **other.line.key._asdict())


def _of_what_is_held(case: LineCase) -> Iterator[Refusal]:
    """Where opt-outs are upheld, only pseudonyms that the recipient has are paired.

    Made with the very lists and editions of files that were fetched, it tells of nobody whether
    they objected since: who is in no pair is in one of the two files alone.
    """
    if not isinstance(case.question, Request | Release):
        return  # what was released is fetched while its list is new enough
    for month in case.periods:
        if not any(_has_the_same(held, case, month) for held in case.present.held):
            detail = "The environment has fetched no records of this month made with this list."
            yield refusal(Code.OPT_OUT_DIFFERENCING, detail, month)


def _has_the_same(held: HeldFile, case: LineCase, month: str) -> bool:
    had = rows_of(held.file)
    is_of_the_line = (
        held.may_have_left
        and held.file.bridge is None
        and held.file.table is None
        and held.file.line.data_set == case.key.data_set
        and held.file.domain == case.domain.id
        and case.environment is not None
        and held.environment_id == case.environment.id
        and month in had.editions
    )
    if case.file is None or not is_of_the_line:
        return is_of_the_line
    made = rows_of(case.file)
    return (had.lists, had.editions[month]) == (made.lists, made.editions.get(month))
