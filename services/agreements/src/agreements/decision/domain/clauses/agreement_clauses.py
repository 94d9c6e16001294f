"""The clauses of the whole agreement."""

from collections.abc import Iterator

from agreements.decision.domain.case import Case
from agreements.decision.domain.codes import Code, refusal, unknown
from agreements.decision.domain.question import Fetch
from agreements.records.domain.oversight.instructions import in_force
from agreements.records.domain.parties.assurance import judge
from common.clock import end_of
from common.errors import Refusal
from statements.vocabulary import Classification

REVIEW = "assurance-review-"
"""Begins the id of the condition by which a party's assurance is reviewed later (A14)."""


def term(case: Case) -> Iterator[Refusal]:
    """The agreement is active, and all have signed (A25, A27, R05)."""
    agreement, version, at = case.agreement, case.version, case.present.at
    name = f"{agreement.reference}-{version.number}"
    if agreement.terminated_at is not None and agreement.terminated_at <= at:
        yield refusal(Code.DSA_NOT_ACTIVE, f"{agreement.reference} was terminated.")
    elif case.is_governing:
        if at >= end_of(version.valid_to):
            yield refusal(Code.DSA_NOT_ACTIVE, f"{name} ended on {version.valid_to}.")
    elif missing := version.missing_signatures():
        for party in missing:
            yield refusal(Code.DSA_NOT_ACTIVE, f"{party} has not signed {name}.", party)
    else:
        yield refusal(Code.DSA_NOT_ACTIVE, f"{name} begins on {version.valid_from}.")


def contract(case: Case) -> Iterator[Refusal]:
    """Every controller has a framework contract in force, as a legal entity (R04).

    The Body, where it is the commissioner, has an instruction of its own instead (ruling 14).
    """
    if case.key.classification in case.facts.rules.vocabulary.contract_free:
        return
    for controller in case.controllers:
        if not case.organisations.is_known(controller):
            detail = f"{controller} is not in the loaded list of organisations."
            yield refusal(Code.FACT_MISSING, detail, controller)
        elif case.facts.rules.is_instructed(case.day, controller):
            if in_force(case.facts.instructions, case.agreement.reference, case.day) is None:
                detail = (
                    f"No internal instruction of {controller} is signed by two roles for today."
                )
                yield refusal(Code.INSTRUCTION_NOT_SIGNED, detail, controller)
        elif (entity := case.organisations.entity(controller)) != controller:
            what = "is closed" if entity is None else f"is a part of {entity}"
            detail = f"{controller} {what}, and nothing was transferred to a successor."
            yield refusal(Code.DSFC_NOT_IN_FORCE, detail, controller)
        elif not case.contracts_of(controller):
            detail = f"{controller} has no framework contract in force."
            yield refusal(Code.DSFC_NOT_IN_FORCE, detail, controller)


def organisation(case: Case) -> Iterator[Refusal]:
    """Each party is open in the lists today, or its standing passed to one that is.

    Where controllers need a contract they need to be open for it, and its clause says so.
    """
    is_free = case.key.classification in case.facts.rules.vocabulary.contract_free
    for party in case.parties:
        if party in case.controllers and not is_free:
            continue
        if not case.organisations.is_known(party):
            detail = f"{party} is not in the loaded list of organisations."
            yield refusal(Code.FACT_MISSING, detail, party)
        elif (closed := case.organisations.closed(party)) is not None:
            yield closed_today(party, closed)


def closed_today(party: str, closed: str) -> Refusal:
    who = party if party == closed else f"{closed}, of which {party} is a part,"
    detail = f"{who} is closed, and nothing was transferred to a successor."
    return refusal(Code.ORGANISATION_CLOSED, detail, party)


def line(case: Case) -> Iterator[Refusal]:
    """The version in force has the line."""
    if not case.document.lines_of(case.key):
        key = case.key
        detail = f"No line for {key.purpose}, {key.data_set}, {key.classification}."
        yield refusal(Code.LINE_NOT_IN_DSA, detail)


def known(case: Case) -> Iterator[Refusal]:
    """Every clause outside the lines can be evaluated."""
    yield from unknown(case.document.unknown)


def hold(case: Case) -> Iterator[Refusal]:
    """The agreement is not held as a whole (B03)."""
    if any(h.whole and h.is_open(case.present.at) for h in case.agreement.holds):
        yield refusal(Code.BREACH_OPEN, "The agreement is held.")


def condition(case: Case) -> Iterator[Refusal]:
    """No special condition is overdue (R21)."""
    for special in case.version.conditions:
        if special.is_overdue(case.present.at):
            detail = f"Special condition {special.condition} was due on {special.due}."
            yield refusal(Code.CONDITION_OVERDUE, detail, special.condition)


def assurance(case: Case) -> Iterator[Refusal]:
    """Each party's security assurance is acceptable today (domain.md 2.6)."""
    reviewed_later = {
        c.owner for c in case.version.conditions if c.condition == f"{REVIEW}{c.owner}"
    }
    for party in case.parties:
        judgement = judge(
            case.facts.assurance.get(party, ()),
            day=case.day,
            identifiable=case.key.classification == Classification.IDENTIFIABLE,
            rules=case.facts.assurance_rules,
        )
        if not judgement.accepted:
            detail = f"The security assurance of {party} is not accepted: {judgement.reason}."
            yield refusal(Code.ASSURANCE_LAPSED, detail, party)
        elif judgement.needs_review and party not in reviewed_later:
            detail = (
                f"The Body has not reviewed the assurance of {party},"
                " and no special condition asks for it later."
            )
            yield refusal(Code.ASSURANCE_LAPSED, detail, party)


def bases(case: Case) -> Iterator[Refusal]:
    """Each controller has a legal basis, and each that is named is one that the law has."""
    law, day, own = case.facts.rules.bases, case.day, case.organisations.own
    by_code = {own(ods): named for ods, named in case.document.bases.items()}
    for controller in dict.fromkeys(own(ods) for ods in case.version.controllers()):
        named = by_code.get(controller)
        is_known = (
            named is not None
            and bool(named.article_6)
            and all(law.article_6.find(b, day) for b in named.article_6)
            and all(law.article_9.find(b, day) for b in named.article_9)
            and all(law.schedule_1.find(b, day) for b in named.schedule_1)
        )
        if not is_known:
            detail = f"The document names no legal basis of {controller}, or one that is none."
            yield refusal(Code.LEGAL_BASIS_UNKNOWN, detail, controller)


def registered_number(case: Case) -> Iterator[Refusal]:
    """The number that the document names is the party's; whether it is paid is judged apart."""
    own = case.organisations.own
    by_code = {own(ods): numbers for ods, numbers in case.document.registrations.items()}
    for party in dict.fromkeys(own(ods) for ods in case.version.named_parties()):
        named = by_code.get(party, frozenset())
        recorded = {r.number.upper() for r in case.facts.registrations.get(party, ())}
        if recorded and named - recorded:
            detail = f"By the record {party} is registered under another number."
            yield refusal(Code.ICO_NUMBER_DIFFERS, detail, party)


def registration(case: Case) -> Iterator[Refusal]:
    """Each party's data protection fee is paid."""
    for party in case.parties:
        registrations = case.facts.registrations.get(party, ())
        if not any(r.is_in_force_on(case.day) for r in registrations):
            detail = f"{party} has no current data protection registration."
            yield refusal(Code.ICO_LAPSED, detail, party)


def register(case: Case) -> Iterator[Refusal]:
    """The document says all that the public register publishes of a release (9.1).

    What was released has its line in the register, so that its fetches do not rest on this.
    """
    if isinstance(case.question, Fetch):
        return
    for place in case.document.unpublished:
        detail = f"The agreement's document does not say {place}, which the register publishes."
        yield refusal(Code.FACT_MISSING, detail, place)
