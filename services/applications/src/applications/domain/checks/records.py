"""Standards 2, 3, 5, 6 and 16: names, numbers, references are those on record (docs/adr/0028)."""

import re
from collections import Counter
from collections.abc import Iterator

from applications.domain import record
from applications.domain.checks.case import Case
from applications.domain.facts import PartyFacts
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.data import Confidentiality, LineConfidentiality
from applications.domain.sections.forms import Route
from applications.domain.sections.parties import (
    Controllers,
    Length,
    Processors,
    Registration,
    Registrations,
    Security,
)
from common.field.names import Match, compare
from common.security.principal import BODY

ICO_NUMBER = re.compile(r"Z[A-Z0-9]{7}")


def codes(case: Case) -> Iterator[Finding]:
    """Check that every organisation is named by the code that stands for itself (ruling 23)."""
    for pointer, own in case.codes_read.items():
        yield _corrected(int(pointer.split("/")[2]), pointer, own)


def names(case: Case) -> Iterator[Finding]:
    """Check that parties have the name under which they are listed that day, in any spelling."""
    controllers, processors = case.answers.of(Controllers), case.answers.of(Processors)
    written = [
        *(
            (c.ods, c.legal_name, 2, "controllers", i)
            for i, c in enumerate(controllers.controllers if controllers else ())
        ),
        *(
            (p.ods, p.legal_name, 3, "processors", i)
            for i, p in enumerate(processors.processors if processors else ())
        ),
    ]
    for ods, name, standard, kind, position in written:
        listed = record.listed_name(ods, case.facts)
        if listed is not None:
            pointer = f"/sections/{standard}/{kind}/{position}/legal_name"
            yield from _name(case, name, listed, ods, standard, pointer)


def evidence(case: Case) -> Iterator[Finding]:
    """Check that what proves a party's security is on record, of that kind and reference."""
    section = case.answers.of(Security)
    for position, named in enumerate(section.evidence if section else ()):
        pointer = f"/sections/5/evidence/{position}"
        if named.ods not in case.answers.parties:
            yield _stranger(named.ods, 5, f"{pointer}/ods")
            continue
        recorded = case.facts.of(named.ods).assurance.recorded if case.facts else ()
        if not recorded or named.ods == BODY:
            continue  # ASSURANCE_NOT_ACCEPTED says so
        found = record.evidence(named.kind.value, named.reference, recorded)
        if found is None:
            yield refuse(
                "ASSURANCE_DIFFERS",
                5,
                f"{pointer}/reference",
                f"The Body has no such evidence of {named.ods} on record.",
                offer=", ".join(f"{e.kind} {e.reference}" for e in recorded),
            )
        elif found.reference != named.reference:
            yield _corrected(5, f"{pointer}/reference", found.reference)


def registrations(case: Case) -> Iterator[Finding]:
    """Check that every party's fee is paid, under the number on record (Standard 6)."""
    section = case.answers.of(Registrations)
    if section is None:
        return
    counted = Counter(registration.ods for registration in section.registrations)
    for ods, pointer in case.parties:
        if ods not in counted:
            yield refuse("ICO_NOT_NAMED", 6, pointer, f"No ICO registration is named for {ods}.")
    for ods, times in counted.items():
        if times > 1:
            yield refuse(
                "PARTY_TWICE", 6, "/sections/6/registrations", f"{ods} is listed {times} times."
            )
    for position, registration in enumerate(section.registrations):
        pointer = f"/sections/6/registrations/{position}"
        if registration.ods not in case.answers.parties:
            yield _stranger(registration.ods, 6, f"{pointer}/ods")
        yield from _stated(case, registration, pointer)
        if case.facts is not None:
            yield from _on_record(case, registration, case.facts.of(registration.ods), pointer)


def support(case: Case) -> Iterator[Finding]:
    """Support under section 251 is named as its register does, and is on record for the line."""
    section = case.answers.of(Confidentiality)
    for position, answer in enumerate(section.lines if section else ()):
        if answer.route is Route.SECTION_251 and answer.section_251 is not None:
            yield from _supported(case, answer, f"/sections/16/lines/{position}/section_251")


def _name(
    case: Case, written: str, listed: str, ods: str, standard: int, pointer: str
) -> Iterator[Finding]:
    match compare(written, listed, case.day):
        case Match.ANOTHER:
            yield refuse(
                "NAME_DIFFERS",
                standard,
                pointer,
                f"This is not the name under which {ods} is listed.",
                offer=listed,
            )
        case Match.SPELLED_OTHERWISE:
            yield _corrected(standard, pointer, listed)


def _stated(case: Case, registration: Registration, pointer: str) -> Iterator[Finding]:
    length = case.answers.of(Length)
    number = record.plain(registration.number)
    if not ICO_NUMBER.fullmatch(number):
        yield refuse(
            "ICO_NUMBER_MALFORMED",
            6,
            f"{pointer}/number",
            "An ICO registration number is Z and seven letters or digits.",
        )
    elif number != registration.number:
        yield _corrected(6, f"{pointer}/number", number)
    if registration.expires < case.day:
        yield refuse(
            "ICO_LAPSED",
            6,
            f"{pointer}/expires",
            f"The registration of {registration.ods} has expired.",
        )
    elif length and registration.expires < length.end:
        yield warn(
            "ICO_EXPIRES_IN_TERM",
            6,
            f"{pointer}/expires",
            f"The registration of {registration.ods} expires before the agreement's end; "
            "the release gate closes then unless it is renewed.",
        )


def _on_record(
    case: Case, registration: Registration, facts: PartyFacts, pointer: str
) -> Iterator[Finding]:
    known = record.registration(registration.number, facts.registrations)
    if known is not None:
        if known.valid_to < case.day:
            yield refuse(
                "ICO_LAPSED",
                6,
                f"{pointer}/number",
                f"By the Body's record the registration of {registration.ods} has expired.",
            )
        elif known.valid_to < registration.expires:
            yield warn(
                "ICO_EXPIRY_CORRECTED",
                6,
                f"{pointer}/expires",
                f"By the Body's record the fee of {registration.ods} is not paid for so long; "
                "the release gate closes when it is not renewed.",
                offer=known.valid_to.isoformat(),
            )
    elif facts.registrations:
        yield refuse(
            "ICO_NUMBER_DIFFERS",
            6,
            f"{pointer}/number",
            f"By the Body's record {registration.ods} is registered under another number.",
            offer=", ".join(dict.fromkeys(r.number for r in facts.registrations)),
        )
    else:
        yield warn(
            "ICO_NOT_ON_RECORD",
            6,
            f"{pointer}/number",
            f"The Body has no record of this registration of {registration.ods} yet; "
            "nothing is released before it has.",
        )
    if registration.name:
        yield from _registered_name(case, registration, facts, pointer)


def _registered_name(
    case: Case, registration: Registration, facts: PartyFacts, pointer: str
) -> Iterator[Finding]:
    """Check that the name is the organisation's, or that of its recorded registration."""
    known = record.registration(registration.number, facts.registrations)
    listed = facts.organisation.name if facts.organisation else ""
    if not listed:
        return
    if known and compare(registration.name, known.name, case.day) is not Match.ANOTHER:
        return
    if compare(registration.name, listed, case.day) is Match.ANOTHER:
        yield refuse(
            "NAME_DIFFERS",
            6,
            f"{pointer}/name",
            f"The name is not that under which {registration.ods} is listed or registered.",
            offer=listed,
        )


def _supported(case: Case, answer: LineConfidentiality, pointer: str) -> Iterator[Finding]:
    named = answer.section_251
    if named is None or case.facts is None:
        return
    found = record.approval(named.reference, case.facts.approvals)
    if found is None:
        text = record.plain(named.reference)
        if any(re.fullmatch(form.pattern, text) for form in case.rules.section_251_forms):
            yield warn(
                "S251_NOT_ON_RECORD",
                16,
                f"{pointer}/reference",
                f"The Body has no record of this approval yet; nothing of line {answer.line} is "
                "released before it has.",
            )
        else:
            yield refuse(
                "S251_REFERENCE_UNKNOWN",
                16,
                f"{pointer}/reference",
                "This is neither on record nor a reference as the Confidentiality Advisory Group "
                "writes them.",
            )
        return
    if found.reference != named.reference:
        yield _corrected(16, f"{pointer}/reference", found.reference)
    if named.purpose.value not in found.purposes:
        yield refuse(
            "S251_OTHER_PURPOSE",
            16,
            f"{pointer}/purpose",
            f"By the Body's record the approval is not for {named.purpose}.",
        )
    if found.controllers is not None and not set(case.answers.controllers) <= found.controllers:
        yield refuse(
            "S251_OTHER_CONTROLLERS",
            16,
            f"{pointer}/reference",
            "By the Body's record the approval is limited to other controllers.",
        )
    if found.valid_to < named.expires:
        yield refuse(
            "S251_EXPIRY_DIFFERS",
            16,
            f"{pointer}/expires",
            "By the Body's record the approval ends earlier.",
            offer=found.valid_to.isoformat(),
        )


def _corrected(standard: int, pointer: str, recorded: str) -> Finding:
    return warn(
        "SPELLING_CORRECTED",
        standard,
        pointer,
        "The agreement will write it as it is on record.",
        offer=recorded,
    )


def _stranger(ods: str, standard: int, pointer: str) -> Finding:
    return refuse("NOT_A_PARTY", standard, pointer, f"{ods} is neither controller nor processor.")
