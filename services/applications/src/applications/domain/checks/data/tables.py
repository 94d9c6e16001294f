"""Standard 7: by what a line's tables, and its records, are protected (docs/adr/0066, 0121)."""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from catalogue import tabulating
from statements.vocabulary import AGGREGATES


def parameters(case: Case) -> Iterator[Finding]:
    """Check that a rule which is set for each application is set, and no other one is."""
    for pointer, line in case.answers.numbered_lines():
        data_set, said = case.data_set(line), line.disclosure_parameters
        if data_set is None:
            continue
        at, rule = f"{pointer}/disclosure_parameters", data_set.disclosure_rule
        is_set_here = rule in tabulating().by_agreement
        if said is None:
            if is_set_here and line.classification in AGGREGATES:
                detail = f"{rule} is set for each application; line {line.number} does not say it."
                yield refuse("RULE_PARAMETERS_MISSING", 7, at, detail)
        elif not is_set_here:
            detail = f"{rule} is the same for everybody; leave its parameters out."
            yield refuse("RULE_PARAMETERS_NOT_TAKEN", 7, at, detail)
        else:
            for name in said.said.problems():
                detail = f"By {name} of line {line.number} nothing is protected."
                yield refuse("RULE_PARAMETERS_INVALID", 7, f"{at}/{name}", detail)


def group_size(case: Case) -> Iterator[Finding]:
    """Check that a limit of how few people share something is one of records: tables have none."""
    for pointer, line in case.answers.numbered_lines():
        if line.min_group_size is not None and line.classification in AGGREGATES:
            detail = (
                f"Line {line.number} is for tables, which their disclosure rule protects; leave the"
                " limit out."
            )
            yield refuse("GROUP_SIZE_NOT_TAKEN", 7, f"{pointer}/min_group_size", detail)
