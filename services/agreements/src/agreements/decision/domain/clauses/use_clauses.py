"""The clause of what a data set is for, whatever an agreement's line lists (docs/adr/0048)."""

from collections.abc import Iterator

from agreements.decision.domain.case import LineCase
from agreements.decision.domain.clauses.bridging_clauses import bridged_line
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.question import Match, Reidentify, ReturnScores
from catalogue import Identity, Treatment, Wanted
from common.errors import Refusal
from statements.vocabulary import AGGREGATES, Classification, EnvironmentKind, Purpose


def use(case: LineCase) -> Iterator[Refusal]:
    """The data set is for this purpose, these recipients and these columns together."""
    for misuse in case.facts.rules.uses.misuses(_wanted(case), case.day):
        yield refusal(Code(misuse.breach.value), misuse.detail, misuse.subject)


def identity(case: LineCase) -> Iterator[Refusal]:
    """People's identity is in a file by a legal route that the data set names (docs/adr/0064)."""
    named = frozenset() if case.data_set is None else case.data_set.identified_by
    is_given = (
        case.key.classification == Classification.IDENTIFIABLE
        and case.line.route in named
        and case.facts.rules.uses.gives_identity(_wanted(case), case.day)
    )
    for name, treatment in case.forms:
        if treatment == Treatment.IDENTIFIED and not is_given:
            detail = (
                f"{case.key.data_set} gives no identity to these controllers"
                f" as {case.key.classification} by the route {case.line.route}."
            )
            yield refusal(Code.IDENTITY_WITHOUT_ROUTE, detail, name)


def by_statute(case: LineCase) -> bool:
    """Say whether a law of the data set gives it, by the line's route, to each controller."""
    is_identifiable = case.key.classification == Classification.IDENTIFIABLE
    return is_identifiable and case.facts.rules.uses.by_statute(_wanted(case), case.day)


def statute(case: LineCase) -> Identity | None:
    """Give the rule of that law; None where there is none."""
    return case.facts.rules.uses.statute(_wanted(case), case.day) if by_statute(case) else None


def _wanted(case: LineCase) -> Wanted:
    kinds = {code: case.organisations.organisation(code) for code in case.controllers}
    # What rows are filtered by is told of every row, whether the column is in the file or not.
    filtered = (one.column for one in (*case.filters, *case.line.filters))
    listed = {name: case.line.fields.get(name) for name in (*case.fields, *filtered)}
    return Wanted(
        data_set=case.key.data_set,
        purpose=case.key.purpose,
        identifiable=case.key.classification == Classification.IDENTIFIABLE,
        route=case.line.route,
        population=case.line.population_rule,
        recipients={code: "" if o is None else o.kind.value for code, o in kinds.items()},
        fields={name: "" if term is None else term.reason for name, term in listed.items()},
        linked_with=_linked_with(case),
        narrowed=frozenset(one.column for one in case.line.filters),
    )


def _linked_with(case: LineCase) -> frozenset[str]:
    """Name the data sets in which people are known by one token, or by one that is paired."""
    bridged = bridged_line(case)
    paired = set() if bridged is None else {bridged.data_set}
    return frozenset({*case.document.linked_with(case.key.data_set), *paired})


def invoice(case: LineCase) -> Iterator[Refusal]:
    """Numbers are matched to validate an invoice: by a line of identifiable records for that."""
    if not isinstance(case.question, Match):
        return
    key = case.key
    if key.purpose != Purpose.IV or key.classification != Classification.IDENTIFIABLE:
        detail = f"Nobody is looked for by a {key.classification} line for {key.purpose}."
        yield refusal(Code.INVOICE_VALIDATION_ONLY, detail, "purpose")


def scores(case: LineCase) -> Iterator[Refusal]:
    """Scores come back from a supplier of risk stratification, by its line of records."""
    if not isinstance(case.question, ReturnScores):
        return
    key, kind = case.key, case.line.environment_kind
    if (
        key.purpose != Purpose.RS
        or key.classification in AGGREGATES
        or kind != EnvironmentKind.RS_SUPPLIER
    ):
        detail = (
            f"No scores come back by a {key.classification} line for {key.purpose} into an"
            f" environment of kind {kind}."
        )
        yield refusal(Code.RISK_STRATIFICATION_ONLY, detail, "purpose")


def listed(case: LineCase) -> Iterator[Refusal]:
    """NHS England lists the environment today, for each controller (ruling 31).

    A practice that asks whom tokens stand for receives nothing there.
    """
    if isinstance(case.question, Reidentify) or not case.facts.rules.is_registered(
        case.day, case.line.environment_kind
    ):
        return
    organisations = case.organisations
    named = organisations.own(case.line.environment_organisation)
    owners = {named, *organisations.holders(named)}
    hosted = [
        one.hosted_for
        for one in case.facts.listed
        if one.kind == case.line.environment_kind
        and one.is_valid_on(case.day)
        and organisations.own(one.organisation) in owners
    ]

    def is_for(controller: str) -> bool:
        return any(
            one is None or organisations.own(one) in organisations.family(controller)
            for one in hosted
        )

    if not hosted or not all(map(is_for, case.controllers)):
        detail = f"NHS England's register does not list this environment of {named} today."
        yield refusal(Code.ENVIRONMENT_NOT_LISTED, detail, named)
