"""Certificates of destruction: handed in by recipients, accepted by two people of the Body.

What is certified is a copy: a file at one holder's place, live or in its back-ups. Certificates add
up; they are accepted when nothing that must go is left out, and never before (X01).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from agreements.records.domain.destruction.ledger import Copy, CopyKind, LedgerLine
from agreements.records.domain.errors import (
    CertificateIncomplete,
    CopyNotHeld,
    CopyOfAnother,
    DestroyedOtherwise,
    DestructionNeedsAnotherPerson,
)
from common.clock import legal_day
from common.ids import digest_of
from common.lives import Life, Move
from common.replacement import is_one_of

PEOPLE_TO_ACCEPT = 2


class Method(StrEnum):
    """How a copy was destroyed: the methods of NCSC's guidance, BS EN 15713 for paper."""

    OVERWRITING = "overwriting"
    CRYPTOGRAPHIC_ERASURE = "cryptographic_erasure"
    DEGAUSSING = "degaussing"
    PHYSICAL_DESTRUCTION = "physical_destruction"
    SHREDDING = "shredding"
    NEVER_FETCHED = "never_fetched"
    """There never was a copy: nobody fetched the file, which what was decided has to confirm."""
    AGES_OUT = "ages_out"
    """An exception: the back-up is overwritten by itself, on `ages_out_on` at the latest."""


class DestructionState(StrEnum):
    """How the destruction of what an agreement's recipients hold stands."""

    NOTHING_HELD = "NOTHING_HELD"
    HELD = "HELD"
    DUE = "DUE"
    OVERDUE = "OVERDUE"
    PARTLY_CERTIFIED = "PARTLY_CERTIFIED"
    CERTIFIED = "CERTIFIED"
    ACCEPTED = "ACCEPTED"


class DestructionCommand(StrEnum):
    CERTIFY = "POST /v1/agreements/{reference}/destruction/certificates"
    ACCEPT = "POST /v1/agreements/{reference}/destruction/acceptances"


D = DestructionState
_CERTIFY, _ACCEPT = DestructionCommand.CERTIFY, DestructionCommand.ACCEPT
_RELEASED = Move(to=D.HELD, why="a file is released")
_PARTLY = Move(to=D.PARTLY_CERTIFIED, why="a certificate", command=_CERTIFY)
_ALL = Move(to=D.CERTIFIED, why="a certificate of all", command=_CERTIFY)
_RENEWED = Move(to=D.HELD, why="a renewal takes effect")
DESTRUCTION = Life(
    name="Destruction of what was released under an agreement",
    begins=frozenset({D.NOTHING_HELD}),
    moves={
        D.NOTHING_HELD: (_RELEASED,),
        D.HELD: (Move(to=D.DUE, why="a trigger"), _PARTLY, _ALL),
        D.DUE: (_RENEWED, Move(to=D.OVERDUE, why="its day is over"), _PARTLY, _ALL),
        D.OVERDUE: (_RENEWED, _PARTLY, _ALL),
        D.PARTLY_CERTIFIED: (
            _PARTLY,
            Move(to=D.CERTIFIED, why="a certificate of the rest", command=_CERTIFY),
            Move(to=D.CERTIFIED, why="a renewal takes effect, and the rest is not due any more"),
        ),
        D.CERTIFIED: (
            Move(to=D.CERTIFIED, why="one person accepts", command=_ACCEPT),
            Move(to=D.ACCEPTED, why="a second person accepts", command=_ACCEPT),
            Move(to=D.HELD, why="a second person accepts, and others are not due", command=_ACCEPT),
            Move(to=D.PARTLY_CERTIFIED, why="another file is due"),
        ),
        D.ACCEPTED: (_RELEASED,),
    },
    otherwise={
        _CERTIFY: {
            D.NOTHING_HELD: CopyNotHeld,
            D.CERTIFIED: None,
            D.ACCEPTED: CopyNotHeld,
        },
        _ACCEPT: CertificateIncomplete,
    },
)
"""What may follow what, and by what; the states themselves follow from facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """One copy, and what became of it."""

    copy: str
    file_id: str
    holder: str
    kind: CopyKind
    method: Method
    destroyed_on: date | None = None
    ages_out_on: date | None = None
    reason: str | None = None
    """Why a back-up is left to age out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a recipient says of one copy."""

    copy: str
    method: Method
    destroyed_on: date | None
    ages_out_on: date | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    id: UUID
    reference: str
    agreement_id: UUID
    organisation: str
    name_of_role: str
    witness: str | None
    handed_in_at: datetime
    entries: tuple[Certified, ...]
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One person's word that what is certified is enough; `covers` names what it was."""

    id: UUID
    agreement_id: UUID
    accepted_by: str
    accepted_at: datetime
    reason: str
    covers: str
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyedFile:
    """A file whose destruction two people accepted; `id` is its holding's."""

    id: UUID
    agreement_id: UUID
    file_id: str
    destroyed_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """What an agreement's recipients hold, what they certified, and who accepted it."""

    agreement_id: UUID
    reference: str
    lines: tuple[LedgerLine, ...]
    certificates: tuple[Certificate, ...]
    acceptances: tuple[Acceptance, ...]
    at: datetime

    # Questions

    def certified(self) -> Mapping[str, Certified]:
        """Return the newest word on each copy."""
        said = (entry for certificate in self.certificates for entry in certificate.entries)
        return {entry.copy: entry for entry in said}

    def concluded(self) -> tuple[LedgerLine, ...]:
        """Return the files that an acceptance is about: all that are due, and all certified."""
        said = self.certified()
        return tuple(
            line
            for line in self.lines
            if line.due is not None or any(copy.id in said for copy in line.copies)
        )

    def missing(self) -> tuple[Copy, ...]:
        """Return the copies that no certificate accounts for."""
        said = self.certified()
        return tuple(
            copy
            for line in self.concluded()
            for copy in line.copies
            if not _accounts_for(said.get(copy.id), line)
        )

    def exceptions(self) -> tuple[Certified, ...]:
        """Return the back-ups that are still to age out."""
        return tuple(e for e in self.certified().values() if e.method is Method.AGES_OUT)

    @property
    def state(self) -> DestructionState:
        left = [line for line in self.lines if line.file.is_out]
        if not left:
            is_gone = any(line.file.destroyed_at is not None for line in self.lines)
            return DestructionState.ACCEPTED if is_gone else DestructionState.NOTHING_HELD
        if self.concluded() and not self.missing():
            return DestructionState.CERTIFIED
        said = self.certified()
        if any(copy.id in said for line in left for copy in line.copies):
            return DestructionState.PARTLY_CERTIFIED
        dues = [line.due for line in left if line.due is not None]
        if any(due.is_overdue(self.at) for due in dues):
            return DestructionState.OVERDUE
        return DestructionState.DUE if dues else DestructionState.HELD

    @property
    def overdue(self) -> tuple[LedgerLine, ...]:
        """Return what should be gone, and is not certified to be in each copy.

        Whoever certified all of a file did what was theirs; its acceptance is the Body's.
        """
        said = self.certified()
        return tuple(
            line
            for line in self.lines
            if line.due is not None
            and line.due.is_overdue(self.at)
            and any(not _accounts_for(said.get(copy.id), line) for copy in line.copies)
        )

    @property
    def covers(self) -> str:
        """Name what an acceptance would be of: another certificate, or file, and it is another."""
        return digest_of(
            {
                "files": [*sorted(line.file.file_id for line in self.concluded())],
                "certificates": [*sorted(str(one.id) for one in self.certificates)],
            }
        )

    # Changes

    def stated(
        self, said: Sequence[Statement], *, may_speak_for: Iterable[str] | None, today: date
    ) -> tuple[Certified, ...]:
        """Return what a certificate may say of these copies.

        `may_speak_for`: the holders for whom its organisation certifies; None: for all.

        Raises:
            CopyNotHeld: one is no copy of a file of this agreement, or is said twice.
            CopyOfAnother: another organisation holds it.
            DestroyedOtherwise: what is said of it cannot be.

        """
        known = {copy.id: (copy, line) for line in self.lines for copy in line.copies}
        names = [one.copy for one in said]
        wrong = sorted({name for name in names if name not in known or names.count(name) > 1})
        if wrong:
            raise CopyNotHeld(
                "These are no copies that are held under the agreement, or are named twice. Read"
                " them from the prefilled certificate.",
                copies=list(wrong),
            )
        holders = None if may_speak_for is None else set(may_speak_for)
        others = [n for n in names if holders is not None and known[n][0].holder not in holders]
        if others:
            raise CopyOfAnother(
                "Other organisations hold these copies; they, or a controller, certify them.",
                copies=list(others),
            )
        impossible = [
            f"{one.copy}: {why}"
            for one in said
            if (why := _impossible(one, *known[one.copy], today))
        ]
        if impossible:
            raise DestroyedOtherwise("The certificate cannot be true.", errors=list(impossible))
        return tuple(
            Certified(
                copy=one.copy,
                file_id=known[one.copy][0].file_id,
                holder=known[one.copy][0].holder,
                kind=known[one.copy][0].kind,
                method=one.method,
                destroyed_on=one.destroyed_on,
                ages_out_on=one.ages_out_on,
                reason=one.reason,
            )
            for one in said
        )

    def require_complete(self) -> None:
        """Demand that everything that must go is accounted for.

        Raises:
            CertificateIncomplete: a copy is not, or there is nothing to account for.

        """
        missing = self.missing()
        DESTRUCTION.permits(
            self.state,
            DestructionCommand.ACCEPT,
            "These copies are not certified." if missing else "Nothing is certified.",
            missing=[
                {
                    "copy": copy.id,
                    "file_id": copy.file_id,
                    "holder": copy.holder,
                    "kind": copy.kind.value,
                }
                for copy in missing
            ],
        )

    def accept(self, acceptance: Acceptance) -> bool:
        """Check one person's acceptance; tell whether it is the last that is needed.

        Raises:
            CertificateIncomplete: a copy that must go is not accounted for, or there is nothing.
            DestructionNeedsAnotherPerson: the same person accepted this already.

        """
        self.require_complete()
        before = [a.accepted_by for a in self.acceptances if a.covers == self.covers]
        if is_one_of(acceptance.accepted_by, before):
            raise DestructionNeedsAnotherPerson(
                "You have accepted this already; another person must."
            )
        return len(before) + 1 >= PEOPLE_TO_ACCEPT


def _accounts_for(said: Certified | None, line: LedgerLine) -> bool:
    if said is None:
        return False
    return not (said.method is Method.NEVER_FETCHED and line.file.is_fetched)


def _impossible(said: Statement, copy: Copy, line: LedgerLine, today: date) -> str | None:
    """Say why what is said of a copy cannot be; None: it can."""
    match said.method:
        case Method.AGES_OUT:
            return _wrong_exception(said, copy, line, today)
        case Method.NEVER_FETCHED:
            if line.file.is_fetched:
                return "the file was fetched; say how the copy was destroyed"
            return "a day is for a copy that there was" if _has_days(said) else None
        case _:
            return _wrong_day(said, line, today)


def _wrong_day(said: Statement, line: LedgerLine, today: date) -> str | None:
    if said.destroyed_on is None or said.ages_out_on is not None:
        return "say on which day it was destroyed (destroyed_on), and nothing to come"
    if said.destroyed_on > today:
        return "destroyed_on is still to come"
    if said.destroyed_on < legal_day(line.file.released_at):
        return "destroyed_on is before the file was released"
    return None


def _has_days(said: Statement) -> bool:
    return said.destroyed_on is not None or said.ages_out_on is not None


def _wrong_exception(said: Statement, copy: Copy, line: LedgerLine, today: date) -> str | None:
    if copy.kind is not CopyKind.BACK_UP:
        return "only a back-up may be left to age out"
    if said.ages_out_on is None or said.destroyed_on is not None or not said.reason:
        return "say by which day it ages out (ages_out_on) and why (reason)"
    if said.ages_out_on <= today:
        return "ages_out_on is over; say on which day it was destroyed"
    if line.due is not None and said.ages_out_on > line.due.back_ups_by:
        return f"a back-up may age out until {line.due.back_ups_by}"
    return None
