"""The clauses of one line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from agreements.decision.domain.case import MONTH, NATIONAL, OWN, UNION, LineCase
from agreements.decision.domain.clauses.agreement_clauses import closed_today
from agreements.decision.domain.clauses.use_clauses import by_statute, statute
from agreements.decision.domain.codes import Code, refusal, unknown
from agreements.decision.domain.permits import treatment_of
from agreements.decision.domain.question import Fetch, Reidentify, Request
from agreements.decision.domain.rules import expected_on
from agreements.records.domain.parties.organisation import OrganisationKind
from agreements.records.domain.parties.registration import Section251Approval
from agreements.records.domain.terms.categories import Category
from agreements.records.domain.terms.data_sets import DataSetFacts
from common.errors import Refusal
from statements.attestation import Column
from statements.line import OptOutGround
from statements.vocabulary import Classification

SECTION_251 = "section_251"
CONSENT = "consent"
NO_IDENTIFYING_DATA = "no_identifying_data"
PROVIDERS = frozenset({OrganisationKind.NHS_TRUST, OrganisationKind.INDEPENDENT_PROVIDER})


def vocabulary(case: LineCase) -> Iterator[Refusal]:
    """Every clause of the line, and every value of one, can be evaluated."""
    words, terms = case.facts.rules.vocabulary, case.line
    by_clause = {
        "population.rule": terms.population_rule in words.population_rules,
        "population.reasons": words.reasons.issuperset(terms.reasons),
        "opt_out.reason": terms.opt_outs_applied or terms.opt_out_reason in words.opt_out_reasons,
        "confidentiality.route": terms.route in words.routes,
        "sensitivity": terms.sensitivity in words.sensitivities,
        "frequency": terms.frequency in words.frequencies,
        "access_method": terms.access_method in words.access_methods,
        "dissemination_power": case.facts.rules.power(case.day, terms.power) is not None,
    }
    yield from unknown(terms.unknown)
    yield from unknown(name for name, is_known in by_clause.items() if not is_known)


def catalogue(case: LineCase) -> Iterator[Refusal]:
    """The catalogue has the file with the digest that the line and the attestation name."""
    digests = {case.line.catalogue_digest}
    if case.file is not None:
        digests.add(case.file.line.catalogue_digest)
    found = [case.facts.catalogue.get(digest) for digest in digests]
    if not all(f is not None and f.data_set == case.key.data_set for f in found):
        detail = f"No published version of {case.key.data_set} has the digest that is named."
        yield refusal(Code.CATALOGUE_UNKNOWN, detail, case.key.data_set)


def periods(case: LineCase) -> Iterator[Refusal]:
    """Each period lies inside the line's (R06)."""
    first, last = case.line.first_period, case.line.last_period
    for period in case.periods:
        is_inside = first <= period and (last is None or period <= last)
        if not is_inside or MONTH.fullmatch(period) is None:
            detail = f"The line covers {first} to {last or 'the latest available'}."
            yield refusal(Code.PERIOD_NOT_IN_DSA, detail, period)


def fields(case: LineCase) -> Iterator[Refusal]:
    """Each column, or each that a table is cut by, is a field of the line."""
    code = Code.FIELD_NOT_IN_DSA if case.table is None else Code.DIMENSION_NOT_IN_DSA
    for name in case.fields:
        if name not in case.line.fields:
            yield refusal(code, "The line does not list this field.", name)


def classification(case: LineCase) -> Iterator[Refusal]:
    """The purpose allows the classification where the data land (domain.md 4; R10)."""
    named, terms = case.key.classification, case.line
    if case.ceiling is None:
        detail = (
            f"{named} is not released for {case.key.purpose}"
            f" into an environment of kind {terms.environment_kind}."
        )
        yield refusal(Code.FORM_NOT_ALLOWED, detail, named)
    owner = case.organisations.organisation(case.organisations.own(terms.environment_organisation))
    allowed = case.facts.rules.vocabulary.provider_classifications
    if owner is not None and owner.kind in PROVIDERS and named not in allowed:
        detail = "A provider receives aggregates with the rule applied only."
        yield refusal(Code.FORM_NOT_ALLOWED, detail, terms.environment_organisation)


def form(case: LineCase) -> Iterator[Refusal]:
    """Each column's form is under the ceiling (domain.md 4.2; R03).

    What a line lists above the ceiling is refused all the same.
    """
    if case.data_set is None:
        return  # CATALOGUE_UNKNOWN says so
    for column in _columns(case):
        why = _misdescribed(column, case, case.data_set) or _too_revealing(
            column, case, case.data_set
        )
        if why is not None:
            yield refusal(Code.FORM_NOT_ALLOWED, why, column.name)


def route(case: LineCase) -> Iterator[Refusal]:
    """The duty of confidentiality is met by a way that the ceiling knows (A20)."""
    if case.ceiling is None or by_statute(case):
        return
    if case.line.route not in case.ceiling.routes:
        detail = f"{case.key.classification} data are not released by the route {case.line.route}."
        yield refusal(Code.FORM_NOT_ALLOWED, detail, "confidentiality.route")


def section_251(case: LineCase) -> Iterator[Refusal]:
    """The approval that the line relies on covers it today (R11; ruling 5)."""
    if case.line.route != SECTION_251:
        return
    reference = case.line.approval
    if reference is None:
        detail = "The line relies on section 251 and names no approval."
        yield refusal(Code.FACT_MISSING, detail, "confidentiality.section_251")
    elif (approval := case.facts.approvals.get(reference)) is None:
        detail = "This section 251 approval is not recorded."
        yield refusal(Code.S251_EXPIRED, detail, reference)
    elif (why := _uncovered(case, approval)) is not None:
        yield refusal(Code.S251_EXPIRED, f"This section 251 approval {why}.", reference)


def power(case: LineCase) -> Iterator[Refusal]:
    """The dissemination power carries the line's classification (domain.md 3.3)."""
    row = case.facts.rules.power(case.day, case.line.power)
    if row is None:
        return  # CLAUSE_UNKNOWN says so
    is_carried = case.key.classification in row.classifications
    if not is_carried or (row.routes and case.line.route not in row.routes):
        detail = f"{row.code} does not carry {case.key.classification} data by this route."
        yield refusal(Code.FORM_NOT_ALLOWED, detail, "dissemination_power")


def opt_out(case: LineCase) -> Iterator[Refusal]:
    """Opt-outs are upheld where the rule of the day wants it (A21; domain.md 4.3)."""
    rule, terms = case.opt_out_rule, case.line
    if terms.opt_outs_applied:
        return  # more than that no rule can want
    if rule is None:
        yield refusal(Code.FACT_MISSING, "No opt-out rule covers this line today.", "opt_out rule")
        return
    is_excused = terms.opt_out_reason in rule.excused_by and (
        terms.opt_out_reason != CONSENT or terms.route == CONSENT
    )
    is_untrue = (
        terms.opt_out_reason == NO_IDENTIFYING_DATA
        and case.key.classification == Classification.IDENTIFIABLE
    )
    if is_untrue or (rule.applied and not is_excused and not by_statute(case)):
        detail = f"The line leaves opt-outs out; the rule of today: {rule.reason}."
        yield refusal(Code.OPT_OUT_NOT_APPLIED, detail)


def opt_out_ground(case: LineCase) -> OptOutGround | None:
    """Say why the line upholds opt-outs, or leaves them out; None where no rule is about it."""
    rule, terms = case.opt_out_rule, case.line
    if rule is None:
        return None
    by_rule = OptOutGround(
        by="rule",
        reason=rule.reason,
        source=rule.source,
        since=rule.first,
        letter=rule.letter,
    )
    if terms.opt_outs_applied == rule.applied:
        return by_rule
    if terms.opt_outs_applied:
        return replace(by_rule, by="line", letter=None)
    if (law := statute(case)) is not None:
        reason = law.statute or law.reason
        return OptOutGround(by="statute", reason=reason, source=law.source, since=law.valid_from)
    return replace(by_rule, by="consent")


def differencing(case: LineCase) -> Iterator[Refusal]:
    """One opt-out treatment an environment, data set and month (R14; ruling 6)."""
    if case.environment is None:
        return  # ENVIRONMENT_MISMATCH says so
    file = case.file
    treatment = treatment_of(case.line.opt_outs_applied if file is None else file.opt_out.applied)
    for month in case.periods:
        reserved = case.present.reserved.get((case.environment.id, case.key.data_set, month))
        if reserved not in {None, treatment}:
            detail = "The environment has this period with the other opt-out treatment."
            yield refusal(Code.OPT_OUT_DIFFERENCING, detail, month)


def relationship(case: LineCase) -> Iterator[Refusal]:
    """Every commissioner has an active relationship that names its processor (R07, L05).

    A provider that is given tables of what it did itself is no commissioner (ruling 14).
    """
    for code, relationships in case.counting.items():
        if not relationships and not _is_of_the_provider(case, code):
            who = ", ".join(sorted(case.processing))
            for_whom = f" in which {who} processes for it" if who else ""
            detail = f"{code} has no active legitimate relationship{for_whom}."
            yield refusal(Code.LCR_MISSING, detail, code)


def _is_of_the_provider(case: LineCase, code: str) -> bool:
    owner = case.organisations.organisation(
        case.organisations.own(case.line.environment_organisation)
    )
    allowed = case.facts.rules.vocabulary.provider_classifications
    return (
        owner is not None
        and owner.kind in PROVIDERS
        and case.key.classification in allowed
        and case.organisations.owns(owner.ods, code)
    )


def recipient(case: LineCase) -> Iterator[Refusal]:
    """Whoever's environment it is is open in the lists today, party of the agreement or not."""
    for owner in sorted(case.recipients - frozenset(case.parties)):
        if not case.organisations.is_known(owner):
            detail = f"{owner} is not in the loaded list of organisations."
            yield refusal(Code.FACT_MISSING, detail, owner)
        elif (closed := case.organisations.closed(owner)) is not None:
            yield closed_today(owner, closed)


def environment(case: LineCase) -> Iterator[Refusal]:
    """The client belongs to where the line says that data land (R10)."""
    found = case.environment
    if found is None:
        detail = f"{case.line.environment_organisation} has no such recipient environment."
        yield refusal(Code.ENVIRONMENT_MISMATCH, detail)
    elif isinstance(case.question, Reidentify):
        return  # the tokens landed there, and the practice has them from there
    elif case.asker.client_id not in found.clients:
        detail = "The client does not belong to the line's recipient environment."
        yield refusal(Code.ENVIRONMENT_MISMATCH, detail)
    elif case.expected_environment not in {None, found.id}:
        detail = "The file was made for another recipient environment."
        yield refusal(Code.ENVIRONMENT_MISMATCH, detail)


def publication(case: LineCase) -> Iterator[Refusal]:
    """Where the data set waits for publication, each period was published (R02)."""
    if case.data_set is None or not case.data_set.waits_for_publication:
        return
    for month in case.periods:
        published = case.facts.publications.get((case.key.data_set, month))
        if published is None:
            expected = expected_on(case.facts.rules, case.key.data_set, month, case.day)
            hint = "" if expected is None else f"; it is expected on {expected}"
            detail = f"No publication of this period is recorded{hint}."
            yield refusal(Code.NOT_PUBLISHED_YET, detail, month)
        elif published > case.day:
            detail = f"This period is published on {published}."
            yield refusal(Code.NOT_PUBLISHED_YET, detail, month)


def population(case: LineCase) -> Iterator[Refusal]:
    """The people are those of the line's commissioners (ruling 7)."""
    if case.line.population_rule == NATIONAL:
        return
    if not case.commissioners:
        detail = "The line names no commissioner whose people it is about."
        yield refusal(Code.FACT_MISSING, detail, "population.commissioners")
    if case.line.population_rule in {OWN, UNION}:
        for code in case.commissioners:
            if not any(
                case.organisations.owns(controller, code) for controller in case.controllers
            ):
                detail = f"The people of {code} are not a controller's own."
                yield refusal(Code.OUT_OF_POPULATION, detail, code)


def reasons(case: LineCase) -> Iterator[Refusal]:
    """Some reason of the line can be found for each period (domain.md 6.11)."""
    if case.line.population_rule == NATIONAL or case.data_set is None:
        return
    if not case.usable_reasons:
        detail = "The data set gives none of the reasons that the line allows."
        yield refusal(Code.FACT_MISSING, detail, "population.reasons")
        return
    kinds = {case.data_set.mapped.get(reason) for reason in case.usable_reasons}
    if case.file is not None or None in kinds:
        return  # the haven counted the rows without a reason, or some reason needs no map
    for month in case.periods:
        if MONTH.fullmatch(month) and not any(case.map_of(str(kind), month) for kind in kinds):
            detail = f"No map of {' or '.join(sorted(map(str, kinds)))} governs this period."
            yield refusal(Code.FACT_MISSING, detail, month)


def maps(case: LineCase) -> Iterator[Refusal]:
    """No map that waits would take people from the line; none that a file rests on was taken back.

    A map says whose the people of new files are; a file that is there was made by the one of then.
    """
    if isinstance(case.question, Request):
        needed = {
            case.data_set.mapped[r]
            for r in case.usable_reasons
            if case.data_set is not None and r in case.data_set.mapped
        }
        for month in filter(MONTH.fullmatch, case.periods):
            if any(case.maps_that_would_take(kind, month) for kind in needed):
                detail = "A map that waits for a second person would take people from the line."
                yield refusal(Code.IMPORT_WAITING, detail, month)
    elif isinstance(case.question, Fetch) and case.file is not None:
        known = {str(m.id) for m in case.facts.maps}
        if not case.file.population.maps <= known:
            detail = "A map by which the file was made was taken back."
            yield refusal(Code.MAP_TAKEN_BACK, detail)


def disclosure(case: LineCase) -> Iterator[Refusal]:
    """The line says by which rule tables made from the data are protected (D08)."""
    if not case.line.disclosure_rule:
        yield refusal(Code.DISCLOSURE_RULE_MISSING, "The line names no disclosure rule.")
        return
    described = case.facts.catalogue.get(case.line.catalogue_digest)
    if described is not None and case.line.disclosure_rule != described.disclosure_rule:
        detail = f"{case.key.data_set} has another disclosure rule than the line names."
        yield refusal(Code.DISCLOSURE_RULE_UNKNOWN, detail)


def held_line(case: LineCase) -> Iterator[Refusal]:
    """The line is not held (B03): by its key, so that no amendment escapes."""
    if any(
        not h.whole and h.holds(case.key) and h.is_open(case.present.at)
        for h in case.agreement.holds
    ):
        number = case.line.number
        yield refusal(Code.BREACH_OPEN, f"Line {number} is held.", f"line {number}")


def _columns(case: LineCase) -> Iterator[Column]:
    """Yield the columns and their forms: as they are in the file, or as the line has them."""
    if case.file is not None:
        wanted = frozenset(case.fields)
        yield from (c for c in case.file.columns if c.name in wanted)
        return
    for name in case.fields:
        if (listed := case.line.fields.get(name)) is not None:
            yield Column(name=name, treatment=listed.treatment, class_="")


def _misdescribed(column: Column, case: LineCase, data_set: DataSetFacts) -> str | None:
    """Return how the column differs from the catalogue's field or the line's; None if it is so."""
    described = data_set.columns.get(column.name)
    if described is None:
        return "The catalogue does not have this field."
    if column.class_ not in {"", described.field_class}:
        return "The file's column is of another class than the catalogue's field."
    listed = case.line.fields.get(column.name)
    if listed is not None and listed.treatment != column.treatment:
        return "The line lists this field in another form."
    return None


def _too_revealing(column: Column, case: LineCase, data_set: DataSetFacts) -> str | None:
    """Return why the form of the column is above what is allowed; None where it is under it."""
    category = data_set.columns[column.name].categories.get(column.treatment)
    if category is None:
        return f"The catalogue does not release this field {column.treatment}."
    if case.ceiling is not None and category not in case.ceiling.categories:
        return f"{case.key.purpose} does not release a column of this kind ({category})."
    listed = case.line.fields.get(column.name)
    if category is Category.STAFF and listed is not None and not listed.reason.strip():
        return "A column about staff is released only for a reason that the line gives."
    return None


def _not_in_force(approval: Section251Approval, day: date) -> str:
    if approval.withdrawn_on is not None and day >= approval.withdrawn_on:
        return f"was withdrawn on {approval.withdrawn_on}"
    following = next((i for i in approval.intervals if i.valid_from > day), None)
    if following is not None:
        return f"begins on {following.valid_from}"
    return f"ended on {approval.valid_to}"


def _uncovered(case: LineCase, approval: Section251Approval) -> str | None:
    """Return why the approval does not cover the line today; None where it does."""
    support = case.facts.rules.support(case.day, approval.reference)
    why = {
        _not_in_force(approval, case.day): not approval.is_in_force_on(case.day),
        f"is not for {case.key.purpose}": case.key.purpose not in approval.purposes,
        "is limited to other controllers": approval.controllers is not None
        and not all(
            case.organisations.family(c)
            & {case.organisations.own(named) for named in approval.controllers}
            for c in case.controllers
        ),
        "is about another flow": support is not None
        and (
            case.key.purpose not in support.purposes
            or case.line.environment_kind not in support.environments
        ),
        "is about environments of others": support is not None
        and bool(support.of)
        and not any(_kind(case, owner) in support.of for owner in case.owners_of(case.line)),
    }
    return next((reason for reason, holds in why.items() if holds), None)


def _kind(case: LineCase, ods: str) -> OrganisationKind | None:
    found = case.organisations.organisation(ods)
    return None if found is None else found.kind
