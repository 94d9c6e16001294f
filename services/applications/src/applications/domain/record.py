"""What an applicant writes beside what is on record: spelling, or something else (docs/adr/0028).

The record is agreements': organisations as ODS lists them, registrations with the ICO, evidence of
security, support under section 251. Another spelling is corrected in what is signed; another
fact is refused by the machine checks.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date

from pydantic import JsonValue

from applications.domain.facts import AgreementsFacts, ApprovalFact, EvidenceFact, RegistrationFact
from common.field.names import Match, compare

DSPT_EDITION = re.compile(r"(?:DSPT)?(?:20)?(\d{2})/?(?:20)?(\d{2})")


def codes_read(written: JsonValue, own: JsonValue, pointer: str) -> Iterator[tuple[str, str]]:
    """Name where an answer has another code than the one that stands for it, and that one."""
    match written, own:
        case dict(), dict():
            for name, entry in written.items():
                yield from codes_read(entry, own[name], f"{pointer}/{name}")
        case list(), list():
            for position, (entry, other) in enumerate(zip(written, own, strict=True)):
                yield from codes_read(entry, other, f"{pointer}/{position}")
        case _ if written != own:
            yield pointer, str(own)


def listed_name(ods: str, facts: AgreementsFacts | None) -> str | None:
    """Return the name under which the code is listed on the day of the facts."""
    organisation = facts.of(ods).organisation if facts else None
    return organisation.name if organisation else None


def corrected_name(written: str, ods: str, facts: AgreementsFacts, day: date) -> str:
    """Return the listed name where `written` is a spelling of it; else what was written."""
    listed = listed_name(ods, facts)
    if listed is None or compare(written, listed, day) is Match.ANOTHER:
        return written
    return listed


def plain(reference: str) -> str:
    """Return a number or reference without what only spelling adds: case, spaces, other widths."""
    return "".join(unicodedata.normalize("NFKC", reference).split()).upper()


def registration(number: str, recorded: Iterable[RegistrationFact]) -> RegistrationFact | None:
    """Return the recorded registration of that number which is paid longest."""
    same = [r for r in recorded if plain(r.number) == plain(number)]
    return max(same, key=lambda r: r.valid_to, default=None)


def evidence(kind: str, reference: str, recorded: Iterable[EvidenceFact]) -> EvidenceFact | None:
    """Return the recorded evidence that is meant."""
    wanted = _evidence_form(kind, reference)
    return next((e for e in recorded if _evidence_form(e.kind, e.reference) == wanted), None)


def approval(reference: str, recorded: Iterable[ApprovalFact]) -> ApprovalFact | None:
    """Return the recorded approval that is meant; of several stretches the one that ends last."""
    same = [a for a in recorded if plain(a.reference) == plain(reference)]
    return max(same, key=lambda a: a.valid_to, default=None)


def _evidence_form(kind: str, reference: str) -> tuple[str, str]:
    text = plain(reference)
    edition = DSPT_EDITION.fullmatch(text.replace("-", "/")) if kind == "DSPT" else None
    return kind, f"{edition.group(1)}/{edition.group(2)}" if edition else text
