"""The clauses that a prepared or released file has to meet, by what the haven attests of it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from agreements.decision.domain.case import NATIONAL, STRUCTURAL, Case, LineCase
from agreements.decision.domain.clauses.table_clauses import is_another_table
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.held import (
    FileRows,
    HeldFile,
    rows_of,
    told_apart,
    told_between,
)
from agreements.decision.domain.question import Fetch, Landed, Release, Request
from agreements.records.domain.recalls import Source, taken_back
from catalogue import next_edition_in_words
from common.errors import Refusal
from statements.attestation import CHANGE, Attestation
from statements.bridging import OTHER_TOKEN
from statements.permit import Permit
from statements.tables import CATEGORY_ORDER
from statements.vocabulary import AGGREGATES

AS_IS = "as_is"
BY_LIST = "list"
TOKEN = "Token"  # noqa: S105  a column's name
TOKEN_ORDER = "token"  # noqa: S105  an order of rows


TAKEN_BACK: Mapping[Source, str] = {
    Source.OPT_OUT_LIST: "The list of opt-outs, or the reply to the national check, that the file"
    " was made with was taken back.",
    Source.EDITION: "An edition that the file was made from was taken back.",
}


def attestation(case: Case) -> Iterator[Refusal]:
    """The file is what the permit allowed, and nothing besides."""
    question = case.question
    if not isinstance(question, Release):
        return
    file, permit = question.file, question.permit.said
    served = frozenset(str(m.id) for m in case.facts.maps)
    for subject, differs in _differences(question, file, permit, served).items():
        if differs:
            detail = f"The file's {subject} is not what was permitted."
            yield refusal(Code.ATTESTATION_INVALID, detail, subject)
    fields = {f.name: f.treatment for f in permit.fields}
    for column in file.columns:
        is_ours = (
            column.name in STRUCTURAL
            and (column.name != CHANGE or file.changes is not None)
            and (column.name != OTHER_TOKEN or file.bridge is not None)
        )
        if not is_ours and fields.get(column.name) != column.treatment:
            detail = "The file has a column that was not permitted in this form."
            yield refusal(Code.ATTESTATION_INVALID, detail, column.name)


def _differences(
    question: Release, file: Attestation, permit: Permit, served: frozenset[str]
) -> Mapping[str, bool]:
    return {
        "file": file.file_id != question.file_id,
        "extract": not file.extract_id == question.extract_id == permit.extract_id,
        "permit": not file.permit_id == file.preparation_id == str(permit.id),
        "line": (file.line.number, file.line.key) != (permit.line.number, permit.line.key),
        "catalogue": file.line.catalogue_digest != permit.line.catalogue_digest,
        "format": file.file.format not in permit.formats,
        "periods": not frozenset(file.periods) <= frozenset(permit.periods),
        "population": frozenset(file.population.codes) != frozenset(permit.population.codes),
        "reasons": not frozenset(permit.population.reasons).issuperset(file.population.reasons),
        "maps": not file.population.maps <= served,
        "opt_out": file.opt_out.applied != permit.opt_out.applied
        or (file.opt_out.applied and file.opt_out.by != permit.opt_out.by),
        "disclosure_rule": file.disclosure_rule != permit.disclosure_rule,
        "filters": file.filters != permit.filters,
        "changes": file.changes is not None and file.changes.since != permit.changes_since,
        "table": is_another_table(file, permit),
        "bridge": _is_another_bridge(file, permit),
        "order": file.order != (TOKEN_ORDER if permit.table is None else CATEGORY_ORDER),
    }


def _is_another_bridge(file: Attestation, permit: Permit) -> bool:
    """Say whether pseudonyms are paired with others than was permitted, or other columns given."""
    attested, permitted = file.bridge, permit.bridge
    if attested is None or permitted is None:
        return attested is not None or permitted is not None
    return (attested.of, attested.agreement, attested.domain, attested.line.key) != (
        permit.agreement,
        permitted.agreement,
        permitted.domain.id,
        permitted.line.key,
    ) or [column.name for column in file.columns] != [TOKEN, OTHER_TOKEN]


def void(case: Case) -> Iterator[Refusal]:
    """Nothing that it was made with was taken back, and it gave way to no other file.

    Nor is it destroyed: what dissemination hears of that may be late (X02).
    """
    match case.question:
        case Fetch(holding=holding):
            if case.present.is_void:
                detail = "The period was prepared anew with another list before it was fetched."
                yield refusal(Code.FILE_VOID, detail)
            if holding.id in case.facts.destroyed:
                yield refusal(Code.FILE_DESTROYED, "Its destruction was accepted.")
            file = holding.file
        case Release(file=file):
            pass
        case _:
            return
    for source in taken_back(file, case.facts.recalls):
        yield refusal(Code.FILE_VOID, TAKEN_BACK[source], source.value)


def other_list(case: LineCase) -> Iterator[Refusal]:
    """The environment holds no file that differs from this one by its list alone (ruling 6).

    Of a file that is only asked for, what the haven would make today counts.
    """
    rows = _foreseen(case) if case.file is None else rows_of(case.file)
    if rows is None:
        return
    for held in case.present.held:
        if held.may_have_left and _is_of_the_environment(held, case):
            for month in told_apart(rows, rows_of(held.file)):
                until = next_edition_in_words(case.key.data_set, month, case.present.at)
                of_it = held.file.line.data_set
                detail = (
                    "The environment holds this period, made with another opt-out list, so that"
                    f" the two would tell who objected. It waits for its next edition: {until}."
                    if of_it == case.key.data_set
                    else f"The environment holds this period of {of_it}, made with another opt-out"
                    " list, and of the two data sets, whose tokens are equal, one has everybody of"
                    " the other: the two would tell who objected. Ask for it again: it is made with"
                    f" the list of {of_it} while that is new enough, and else after the next"
                    f" edition: {until}. Ask for linked data sets on one day."
                )
                yield refusal(Code.OPT_OUT_DIFFERENCING, detail, month)


def other_environment(case: LineCase) -> Iterator[Refusal]:
    """No party has, in two environments, people by name of whom one file leaves objectors out.

    Where the lists are not known yet, whether opt-outs are upheld is (docs/adr/0215).
    """
    rows = _foreseen(case) if case.file is None else rows_of(case.file)
    upheld = case.line.opt_outs_applied if case.file is None else case.file.opt_out.applied
    for held in case.elsewhere:
        theirs = rows_of(held.file)
        if not held.may_have_left or (rows is None and upheld == (theirs.lists is not None)):
            continue
        ours = rows or FileRows(
            lists=frozenset() if upheld else None,
            codes=frozenset(case.codes),
            data_set=case.key.data_set,
            domain=case.domain.id,
            editions=dict.fromkeys(case.periods, frozenset()),
        )
        for month in told_between(ours, theirs):
            detail = (
                "A party of the agreement has this period by NHS number in another environment,"
                " made with another opt-out treatment or list, so that the two would tell who"
                " objected."
            )
            yield refusal(Code.OPT_OUT_DIFFERENCING, detail, month)


def _foreseen(case: LineCase) -> FileRows | None:
    """Return what would be in the file; None where it is not known.

    Where a national check is to say who may be used, its reply is not the list of today. A month
    of which nothing was landed has no rows, and the haven refuses it by itself.
    """
    match case.question:
        case Request(landed=Landed(editions=editions, lists=lists)) if case.opt_out_by == BY_LIST:
            wanted = frozenset(case.periods)
            return FileRows(
                lists=lists if case.line.opt_outs_applied else None,
                codes=frozenset(case.codes),
                data_set=case.key.data_set,
                domain=case.domain.id,
                editions={month: ids for month, ids in editions if month in wanted and ids},
            )
        case _:
            return None


def _is_of_the_environment(held: HeldFile, case: LineCase) -> bool:
    """Say whether it lies where the extract would land; of a file, only such are given."""
    if case.file is not None:
        return True
    return case.environment is not None and held.environment_id == case.environment.id


def editions(case: LineCase) -> Iterator[Refusal]:
    """Every edition of the file was taken in by rules that are known and safe today.

    Earlier rules let people through who are not to be identified (rulings 21 and 26).
    """
    file, data_set = case.file, case.data_set
    if file is None or data_set is None:
        return
    if not file.editions and not data_set.is_safely_landed(None, case.day):
        detail = "Nobody vouches for the rules by which the file's rows were taken in."
        yield refusal(Code.EDITION_UNSAFE, detail)
    for edition in file.editions:
        if not data_set.is_safely_landed(edition.rules_digest, case.day):
            detail = "An edition of the file was taken in by rules that are not safe, or not known."
            yield refusal(Code.EDITION_UNSAFE, detail, edition.id)


def opt_out_list(case: LineCase) -> Iterator[Refusal]:
    """Where opt-outs are upheld, the file was made with a list that is new enough (R12)."""
    file = case.file
    if file is None or not (case.line.opt_outs_applied or file.opt_out.applied):
        return
    days_max = case.facts.rules.list_days_max(case.day)
    if days_max is None:
        yield refusal(Code.FACT_MISSING, "No rule says how old a list may be.", "list age")
    elif not file.opt_out.applied or file.opt_out.list_date is None:
        yield refusal(
            Code.OPT_OUT_NOT_APPLIED, "The file was made without an opt-out list.", "file"
        )
    elif not timedelta(0) <= case.day - file.opt_out.list_date <= timedelta(days=days_max):
        detail = f"The opt-out list of the file is not of the last {days_max} days."
        yield refusal(Code.OPT_OUT_NOT_APPLIED, detail, "file")


def people(case: LineCase) -> Iterator[Refusal]:
    """Every row has a reason that names a commissioner of the line (R08; ruling 9)."""
    file = case.file
    if file is None or case.line.population_rule == NATIONAL:
        return
    for code in sorted(frozenset(file.population.codes) - frozenset(case.codes)):
        detail = "The file has people of a commissioner that the line does not name."
        yield refusal(Code.OUT_OF_POPULATION, detail, code)
    for reason in sorted(frozenset(file.population.reasons) - frozenset(case.line.reasons)):
        detail = "The file has rows by a reason that the line does not name."
        yield refusal(Code.OUT_OF_POPULATION, detail, f"reason {reason}")
    if file.population.rows_without_reason:
        yield refusal(Code.OUT_OF_POPULATION, "The file has rows without a reason.", "rows")


def scan(case: LineCase) -> Iterator[Refusal]:
    """The scan for personal data covered texts and codes, and found nothing (R15)."""
    file = case.file
    if file is None:
        return
    rule = case.facts.rules.vocabulary.scan_rule(file.scan.rule)
    if rule is None:
        yield refusal(Code.PCD_LEAK, "The file was scanned by a rule that is not known.", "rule")
    elif isinstance(case.question, Release) and not rule.releases:
        detail = "Nothing is released any more that was scanned by this rule."
        yield refusal(Code.PCD_LEAK, detail, "rule")
    only_marked = rule is None or rule.covers == "marked"
    if file.scan.hits:
        yield refusal(Code.PCD_LEAK, "The scan found personal data.", "hits")
    described = {} if case.data_set is None else case.data_set.columns
    for column in file.columns:
        known = described.get(column.name)
        if (
            known is not None
            and (known.scanned or (known.is_text and not only_marked))
            and column.treatment == AS_IS
            and column.name not in file.scan.columns
        ):
            yield refusal(Code.PCD_LEAK, "The scan did not cover this column.", column.name)


def caps(case: LineCase) -> Iterator[Refusal]:
    """What columns told together would undo is not told in the file (domain.md 8.3)."""
    file = case.file
    if file is None or not case.capped:
        return
    for column in file.columns:
        needed = case.capped.get(column.name)
        if needed is None:
            continue
        done = file.done_to(column.name)
        if done is None or not done.hides(needed.cap):
            others = ", ".join(dict.fromkeys(o.name for o in needed.because_of))
            beside = f", beside {others}," if others else ""
            detail = f"The file tells{beside} what is to be {needed.cap.replace('_', ' ')}."
            yield refusal(Code.CAP_UNDONE, detail, column.name)


def group_size(case: LineCase) -> Iterator[Refusal]:
    """As many people as the line demands share what could single them out (docs/adr/0121)."""
    file, least = case.file, case.line.min_group_size
    if file is None or least is None:
        return
    if file.groups is None:
        # Rows about nobody have no token, and no people in groups.
        if any(column.name == TOKEN for column in file.columns):
            detail = "Nobody vouches for how many people of the file share anything."
            yield refusal(Code.GROUP_TOO_SMALL, detail, "groups")
    elif file.groups.smallest is not None and file.groups.smallest < least:
        detail = f"Fewer than {least} people of the file share what could single them out."
        yield refusal(Code.GROUP_TOO_SMALL, detail, "file")


def domain(case: LineCase) -> Iterator[Refusal]:
    """The tokens were made in the line's domain (R18)."""
    if case.file is None or case.environment is None:
        return
    if case.file.domain != case.domain.id:
        detail = "The file's tokens were made in another pseudonym domain than the line's."
        yield refusal(Code.DOMAIN_MISMATCH, detail)


def domain_transfer(case: LineCase) -> Iterator[Refusal]:
    """No two environments hold equal tokens: a domain is where it went on, and nowhere else."""
    if case.environment is None:
        return  # ENVIRONMENT_MISMATCH says so
    known = case.facts.domain_succession
    if known.has_passed_on(case.environment.id):
        detail = "The line's pseudonym domain goes on in another recipient environment."
        yield refusal(Code.DOMAIN_TRANSFERRED, detail)
    if case.environment.id in known.waiting and case.key.classification not in AGGREGATES:
        detail = (
            "The line's pseudonym domain is to go on here; the former environment still has it."
        )
        yield refusal(Code.DOMAIN_STILL_HELD, detail)
